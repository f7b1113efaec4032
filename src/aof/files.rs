//! All files of a server: [`AofFiles`].

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::vec::{self, Vec};

use crate::escape::Shortened;
use crate::limits::Limits;

use super::entry::AofEntry;
use super::error::{AofError, AofErrorKind};
use super::manifest::Manifest;
use super::reader::AofReader;

/// The end of the name of a manifest.
const MANIFEST: &str = ".manifest";
/// The default of `appenddirname`.
const DIRECTORY: &str = "appendonlydir";
/// The beginning of the name of a manifest that a server has not finished.
const TEMPORARY: &str = "temp-";

/// Reads the append-only files of a server, one after the other: those of a directory of Redis 7, or a single file.
///
/// ```no_run
/// let mut files = zresp::aof::AofFiles::open("/var/lib/redis/appendonlydir")?;
/// while let Some((file, entry)) = files.read()? {
///     let (offset, size) = (entry.offset, entry.size);
///     if let Some(command) = entry.content.as_command() {
///         println!("{} at {offset}, {size} bytes: {command:?}", file.display());
///     }
/// }
/// # Ok::<(), zresp::aof::AofError>(())
/// ```
#[doc(alias = "appendonlydir")]
pub struct AofFiles {
    manifest: Option<Manifest>,
    limits: Limits,
    /// The file that is being read.
    current: Option<(PathBuf, AofReader<File>)>,
    waiting: vec::IntoIter<PathBuf>,
}

impl AofFiles {
    /// Returns a reader of the files at a path: a directory with one manifest, a manifest (a file whose name ends with
    /// `.manifest`), or a single append-only file.
    ///
    /// Of a directory, it reads the base file and the incremental files, as a server does. The files of the history are
    /// in [`manifest`](Self::manifest).
    ///
    /// # Errors
    /// Returns an error if the path or the manifest cannot be read, if the manifest is malformed, or if a directory does
    /// not have exactly one. The files themselves are opened when they are read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, AofError> {
        let path = path.as_ref();
        let failed = |error| at(path, AofErrorKind::Io(error), 0);
        let path = if path.is_dir() { manifest_in(path).map_err(failed)? } else { path.into() };
        if !path.to_string_lossy().ends_with(MANIFEST) {
            return Ok(Self::new(None, Vec::from([path])));
        }
        let bytes = fs::read(&path).map_err(|error| at(&path, AofErrorKind::Io(error), 0))?;
        let manifest = Manifest::parse(&bytes)
            .map_err(|error| at(&path, AofErrorKind::Manifest(error), error.offset as u64))?;
        let paths = manifest.current().map(|file| path.with_file_name(&file.name)).collect();
        Ok(Self::new(Some(manifest), paths))
    }

    fn new(manifest: Option<Manifest>, paths: Vec<PathBuf>) -> Self {
        let limits = Limits::requests();
        Self { manifest, limits, current: None, waiting: paths.into_iter() }
    }

    /// Returns the reader with these limits for the files that have not been opened.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the manifest; `None` for a single file.
    #[must_use]
    pub const fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// Returns the reader of the current file, for what is known about it besides its entries.
    #[must_use]
    pub fn current(&self) -> Option<&AofReader<File>> {
        self.current.as_ref().map(|(_, reader)| reader)
    }

    /// Returns the next snapshot, annotation or command and its file, or `None` after the last file.
    ///
    /// # Errors
    /// Returns an error if a file cannot be opened or read, is cut, or is not an append-only file; see
    /// [`AofReader::read`]. A server and `redis-check-aof` accept and repair a cut tail only in the last file: see
    /// [`AofError::is_last_file`].
    pub fn read(&mut self) -> Result<Option<(&Path, AofEntry<'_>)>, AofError> {
        let found = loop {
            if let Some((path, reader)) = &mut self.current {
                match reader.advance() {
                    Ok(Some(found)) => break found,
                    Ok(None) if self.waiting.len() == 0 => return Ok(None),
                    Ok(None) => {}
                    Err(error) => {
                        let (file, is_last_file) = (Some(path.clone()), self.waiting.len() == 0);
                        return Err(AofError { file, is_last_file, ..error });
                    }
                }
            }
            let Some(path) = self.waiting.as_slice().first() else { return Ok(None) };
            let is_last_file = self.waiting.len() == 1;
            let failed = |error| AofError { is_last_file, ..at(path, AofErrorKind::Io(error), 0) };
            let file = File::open(path).map_err(failed)?;
            let reader = AofReader::with_limits(file, self.limits);
            self.current = self.waiting.next().map(|path| (path, reader));
        };
        Ok(self.current.as_ref().map(|(path, reader)| (path.as_path(), reader.view(&found))))
    }
}

impl fmt::Debug for AofFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.current.as_ref();
        let current =
            current.map(|(path, reader)| (Shortened(path.as_os_str().as_encoded_bytes()), reader));
        f.debug_struct("AofFiles")
            .field("manifest", &self.manifest)
            .field("current", &current)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

/// The path of the only manifest in a directory.
fn manifest_in(directory: &Path) -> io::Result<PathBuf> {
    let mut manifests = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(MANIFEST) && !name.starts_with(TEMPORARY) {
            manifests.push(directory.join(&*name));
        }
    }
    let too_many = manifests.len() > 1;
    match manifests.pop() {
        Some(manifest) if !too_many => Ok(manifest),
        Some(_) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "more than one manifest: open one by its own path",
        )),
        None => Err(io::Error::new(
            io::ErrorKind::NotFound,
            if directory.join(DIRECTORY).is_dir() {
                "no manifest: it is in the directory `appendonlydir` inside"
            } else {
                "no manifest: open the directory that `appenddirname` sets, or a single file"
            },
        )),
    }
}

/// An error about a whole file or a line of it.
fn at(file: &Path, kind: AofErrorKind, offset: u64) -> AofError {
    AofError { kind, file: Some(file.into()), is_last_file: false, offset, ok_up_to: offset }
}
