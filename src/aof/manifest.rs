//! The manifest of a directory of append-only files: [`Manifest`].

use std::fmt;
use std::string::String;
use std::vec::Vec;

use crate::command::InlineCommand;
use crate::decode::requests;
use crate::escape::{First, Shortened};

/// The longest line, in bytes, including its LF: the limit of Redis and Valkey.
const LINE: usize = 1024;

/// The list of the files in an append-only directory, from Redis 7 on.
///
/// ```
/// use zresp::aof::{Manifest, ManifestFileKind};
///
/// let manifest = Manifest::parse(
///     b"file appendonly.aof.2.base.rdb seq 2 type b\n\
///       file appendonly.aof.1.incr.aof seq 1 type h\n\
///       file appendonly.aof.2.incr.aof seq 2 type i\n",
/// )?;
/// let names: Vec<_> = manifest.current().map(|file| file.name.as_str()).collect();
/// assert_eq!(names, ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof"]);
/// assert_eq!(manifest.files()[1].kind, ManifestFileKind::History);
/// # Ok::<(), zresp::aof::ManifestError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Manifest {
    files: Vec<ManifestFile>,
}

/// A line of a [`Manifest`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestFile {
    /// The name of the file in the directory. It contains no slash and no backslash.
    pub name: String,
    /// The sequence number, at least 1.
    pub sequence: u64,
    /// What the file is.
    pub kind: ManifestFileKind,
}

/// What a file of a [`Manifest`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ManifestFileKind {
    /// `b`: the data at the time of the last rewrite, as a snapshot or as commands.
    Base,
    /// `i`: the commands after it.
    Incremental,
    /// `h`: a base or incremental file that a rewrite has replaced. A server deletes it soon.
    History,
}

/// Why a manifest is malformed, and in which line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestError {
    /// The kind of the error.
    pub kind: ManifestErrorKind,
    /// The number of the line, from 1 on.
    pub line: usize,
    /// The offset of the line, in bytes.
    pub offset: usize,
}

/// The kind of a [`ManifestError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestErrorKind {
    /// The manifest has no lines.
    Empty,
    /// The line has no LF, or more than 1024 bytes.
    Line,
    /// The line is not a list of names and values, or a name, a sequence number or a kind is missing.
    Fields,
    /// The name of the file contains a slash or a backslash, or is not UTF-8.
    Name,
    /// The sequence number is not a number from 1 on.
    Sequence,
    /// The kind of the file is not `b`, `i` or `h`.
    Kind,
    /// A second base file.
    SecondBase,
    /// The sequence number of an incremental file is not higher than that of the one before.
    Order,
}

impl Manifest {
    /// Reads a manifest. Lines that begin with `#`, and fields that are not known, are skipped, as in servers.
    ///
    /// # Errors
    /// Returns an error for a manifest that a server would refuse, and for a file name that is not UTF-8 or a sequence
    /// number that is not a whole number.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut files: Vec<ManifestFile> = Vec::new();
        let mut offset = 0;
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let error = |kind| ManifestError { kind, line: index + 1, offset };
            if !line.starts_with(b"#") {
                let file = ManifestFile::parse(line).map_err(error)?;
                let is_in_order = match file.kind {
                    ManifestFileKind::Base => files.iter().all(|other| other.kind != file.kind),
                    ManifestFileKind::Incremental => {
                        let before = files.iter().rfind(|other| other.kind == file.kind);
                        before.is_none_or(|before| before.sequence < file.sequence)
                    }
                    ManifestFileKind::History => true,
                };
                if !is_in_order {
                    return Err(error(match file.kind {
                        ManifestFileKind::Base => ManifestErrorKind::SecondBase,
                        _ => ManifestErrorKind::Order,
                    }));
                }
                files.push(file);
            }
            offset += line.len();
        }
        if bytes.is_empty() {
            return Err(ManifestError { kind: ManifestErrorKind::Empty, line: 1, offset: 0 });
        }
        Ok(Self { files })
    }

    /// Returns the files, in the order of the lines.
    #[must_use]
    pub fn files(&self) -> &[ManifestFile] {
        &self.files
    }

    /// Returns the files that a server loads, in order: the base file, then the incremental files.
    pub fn current(&self) -> impl Iterator<Item = &ManifestFile> {
        let of = |kind| self.files.iter().filter(move |file| file.kind == kind);
        of(ManifestFileKind::Base).chain(of(ManifestFileKind::Incremental))
    }
}

impl ManifestFile {
    fn parse(line: &[u8]) -> Result<Self, ManifestErrorKind> {
        if line.len() > LINE || !line.ends_with(b"\n") {
            return Err(ManifestErrorKind::Line);
        }
        // A line is split and quoted like an inline command.
        let command = match requests(line).next() {
            Some(Ok(request)) => InlineCommand::new(request.wire()),
            _ => return Err(ManifestErrorKind::Fields),
        };
        let (mut name, mut sequence, mut kind) = (None, None, None);
        let mut fields = command.args();
        while let Some(field) = fields.next() {
            let value = fields.next().ok_or(ManifestErrorKind::Fields)?;
            if field.eq_ignore_ascii_case(b"file") {
                name = Some(value);
            } else if field.eq_ignore_ascii_case(b"seq") {
                sequence = Some(value);
            } else if field.eq_ignore_ascii_case(b"type") {
                kind = Some(value);
            }
        }
        let (Some(name), Some(sequence), Some(kind)) = (name, sequence, kind) else {
            return Err(ManifestErrorKind::Fields);
        };
        let name = String::from_utf8(name.into_owned()).ok();
        let name =
            name.filter(|name| !name.contains(['/', '\\'])).ok_or(ManifestErrorKind::Name)?;
        let sequence = std::str::from_utf8(&sequence).ok().and_then(|text| text.parse().ok());
        let sequence = sequence.filter(|number| *number > 0).ok_or(ManifestErrorKind::Sequence)?;
        let kind = match kind.first() {
            Some(b'b') => ManifestFileKind::Base,
            Some(b'i') => ManifestFileKind::Incremental,
            Some(b'h') => ManifestFileKind::History,
            _ => return Err(ManifestErrorKind::Kind),
        };
        Ok(Self { name, sequence, kind })
    }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest").field("files", &First(&self.files)).finish()
    }
}

impl fmt::Debug for ManifestFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestFile")
            .field("name", &Shortened(self.name.as_bytes()))
            .field("sequence", &self.sequence)
            .field("kind", &self.kind)
            .finish()
    }
}

impl fmt::Display for ManifestErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty manifest",
            Self::Line => "line without LF or longer than 1024 bytes",
            Self::Fields => "line without a file, a sequence number and a type",
            Self::Name => "file name with a slash, or not UTF-8",
            Self::Sequence => "sequence number is not a number from 1 on",
            Self::Kind => "type is not `b`, `i` or `h`",
            Self::SecondBase => "second base file",
            Self::Order => "sequence number is not higher than the one before",
        })
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in line {} of the manifest", self.kind, self.line)
    }
}

impl std::error::Error for ManifestError {}
