//! Why an append-only file cannot be read, and where: [`AofError`].

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::error::ErrorKind;
use crate::escape::{self, Shortened};

use super::manifest::ManifestError;

/// Why an append-only file could not be read further, and where.
#[non_exhaustive]
pub struct AofError {
    /// The kind of the error.
    pub kind: AofErrorKind,
    /// The file, if the reader knows its name: an [`AofReader`](super::AofReader) does not.
    pub file: Option<PathBuf>,
    /// Whether no other file follows this one, as for a single file. Only there is a
    /// [cut tail](AofErrorKind::is_truncated) what a crash leaves: in any other file it is damage.
    pub is_last_file: bool,
    /// The offset in the file, in bytes: of the byte that was refused, of the command that may not be
    /// where it is, or of the end of the file.
    pub offset: u64,
    /// How many bytes at the beginning of the file are sound: snapshots, annotations, commands, and
    /// transactions that are whole. It is the `ok_up_to` of `redis-check-aof`, and `redis-check-aof
    /// --fix` cuts the file there.
    pub ok_up_to: u64,
}

/// The kind of an [`AofError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum AofErrorKind {
    /// The file cannot be opened or read. After an error of a read, you may call again.
    Io(io::Error),
    /// The file ends inside a command: its tail is cut. That happens when a server or its machine
    /// stops while it writes.
    #[doc(alias = "aof-load-truncated")]
    Truncated,
    /// The file ends inside a transaction, between two of its commands: `EXEC` is missing.
    TransactionTruncated,
    /// The bytes are neither a command nor an annotation, or they exceed a limit of the reader.
    Malformed(ErrorKind),
    /// `MULTI` inside a transaction.
    NestedMulti,
    /// `EXEC` without `MULTI`.
    ExecWithoutMulti,
    /// The snapshot that the file begins with is cut or damaged: its checksum is nowhere in the file.
    Snapshot,
    /// The snapshot that the file begins with may have been written without a checksum, and more bytes
    /// follow it, so its end is not known.
    ///
    /// If you know the end (`redis-check-rdb` prints it), give the bytes from there on to a new reader.
    SnapshotWithoutChecksum {
        /// The first offset where a snapshot without a checksum could end. The same bytes may occur
        /// inside a value.
        candidate: u64,
    },
    /// A line of the manifest is malformed.
    Manifest(ManifestError),
}

impl AofErrorKind {
    /// Returns whether the tail of the file is cut, and the file is sound up to there.
    ///
    /// A server starts with such a file if it is the [last one](AofError::is_last_file) and `aof-load-truncated` is on, and drops
    /// the bytes from [`ok_up_to`](AofError::ok_up_to) on.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        matches!(self, Self::Truncated | Self::TransactionTruncated)
    }
}

impl fmt::Display for AofErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Truncated => f.write_str("file ends inside a command"),
            Self::TransactionTruncated => f.write_str("file ends before the EXEC of a MULTI"),
            Self::Malformed(kind) => kind.fmt(f),
            Self::NestedMulti => f.write_str("MULTI inside a transaction"),
            Self::ExecWithoutMulti => f.write_str("EXEC without MULTI"),
            Self::Snapshot => f.write_str("snapshot is cut or damaged"),
            Self::SnapshotWithoutChecksum { candidate } => {
                write!(f, "snapshot without a checksum, which may end at offset {candidate}")
            }
            Self::Manifest(kind) => kind.fmt(f),
        }
    }
}

impl fmt::Display for AofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            escape::text(file.as_os_str().as_encoded_bytes(), f)?;
            f.write_str(": ")?;
        }
        write!(f, "{} at offset {} (ok up to {})", self.kind, self.offset, self.ok_up_to)
    }
}

impl fmt::Debug for AofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, file, is_last_file, offset, ok_up_to } = self;
        f.debug_struct("AofError")
            .field("kind", kind)
            .field(
                "file",
                &file.as_ref().map(|file| Shortened(file.as_os_str().as_encoded_bytes())),
            )
            .field("is_last_file", is_last_file)
            .field("offset", offset)
            .field("ok_up_to", ok_up_to)
            .finish()
    }
}

impl std::error::Error for AofError {
    /// Returns the source of the inner error; `Display` already shows the inner error itself.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            AofErrorKind::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<AofError> for io::Error {
    /// Returns an error of the kind `UnexpectedEof` if the tail of a file is cut, of the kind of an I/O
    /// error, otherwise `InvalidData`.
    fn from(error: AofError) -> Self {
        let kind = match &error.kind {
            AofErrorKind::Io(error) => error.kind(),
            kind if kind.is_truncated() => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
