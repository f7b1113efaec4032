//! Where the bytes come from: files, standard input, or the built-in capture.

use std::env;
use std::fs::{self, File};
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use crate::complain;
use crate::directory;
use crate::kind::InputKind;
use crate::options::Options;

/// The replies of a recorded session with a real server. They are shown if no input is given.
const REPLIES: &[u8] = include_bytes!("../../../tests/captures/resp3-session.replies");
/// What the client of that session sent.
const REQUESTS: &[u8] = include_bytes!("../../../tests/captures/resp3-session.requests");

/// An input that has not been opened yet.
#[derive(Debug)]
pub(crate) enum Input {
    /// A file of the command line. It may be a pipe or a device.
    Named(PathBuf),
    /// A file of a directory, and its kind if the manifest of a server tells. It must be a regular file: nobody has asked
    /// for a pipe or a device, and to read one could have no end.
    Listed(PathBuf, Option<InputKind>),
    /// Standard input.
    Standard,
    /// Standard input, or the built-in capture if that is a terminal, or empty in a call without options. Otherwise
    /// what is empty stays so: the next program in a pipe must not get a capture that nobody asked for.
    StandardOrBuiltIn,
}

/// An input that can be read.
pub(crate) struct Source {
    /// Its name in messages.
    pub(crate) name: String,
    /// Its size in bytes, if known.
    pub(crate) size: Option<u64>,
    pub(crate) reader: Box<dyn Read + Send>,
}

impl Input {
    /// Returns the inputs that the command line names. Those of a directory that cannot be read are an error.
    pub(crate) fn all(files: &[PathBuf]) -> Vec<Result<Self, String>> {
        if files.is_empty() {
            return vec![Ok(Self::StandardOrBuiltIn)];
        }
        let mut inputs = Vec::new();
        for file in files {
            if file.to_str() == Some("-") {
                inputs.push(Ok(Self::Standard));
            } else if file.is_dir() {
                directory::list(file, &mut inputs);
            } else {
                inputs.push(Ok(Self::Named(file.clone())));
            }
        }
        inputs
    }

    /// Returns its name in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Named(path) | Self::Listed(path, _) => path.display().to_string(),
            Self::Standard | Self::StandardOrBuiltIn => "standard input".to_owned(),
        }
    }

    /// Returns its kind, if that is known before it is read.
    pub(crate) const fn kind(&self) -> Option<InputKind> {
        match self {
            Self::Listed(_, kind) => *kind,
            _ => None,
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// Errors of the file, or of the first read from standard input.
    pub(crate) fn open(&self, options: &Options) -> io::Result<Source> {
        let (size, reader): (_, Box<dyn Read + Send>) = match self {
            Self::Named(path) => {
                if fs::metadata(path)?.is_file() {
                    let file = File::open(path)?;
                    (Some(file.metadata()?.len()), Box::new(file))
                } else {
                    (None, Box::new(Unopened { path: path.clone(), file: None }))
                }
            }
            Self::Listed(path, _) => {
                let file = open_regular(path)?;
                (Some(file.metadata()?.len()), Box::new(file))
            }
            Self::Standard => (None, Box::new(io::stdin())),
            Self::StandardOrBuiltIn => {
                let is_plain = env::args_os().len() == 1;
                let has_none = io::stdin().is_terminal() && !options.raw
                    || is_plain && io::stdin().lock().fill_buf()?.is_empty();
                if has_none {
                    return Ok(built_in(options));
                }
                (None, Box::new(io::stdin()))
            }
        };
        Ok(Source { name: self.name(), size, reader })
    }
}

/// A pipe or a device, which is opened by the first read: that may wait until something writes to a pipe.
struct Unopened {
    path: PathBuf,
    file: Option<File>,
}

impl Read for Unopened {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(&self.path)?),
        };
        file.read(into)
    }
}

/// Opens a file if it is a regular one. To open a pipe would wait for a writer.
///
/// # Errors
/// Errors of the file, and [`io::ErrorKind::InvalidInput`] for anything else.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let is_regular = fs::metadata(path)?.is_file();
    let error = || io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
    if is_regular { File::open(path) } else { Err(error()) }
}

/// Returns the built-in capture, and says on standard error that there was no input.
fn built_in(options: &Options) -> Source {
    complain("no input, showing the built-in capture (see --help)");
    let capture = if options.kind == Some(InputKind::Requests) { REQUESTS } else { REPLIES };
    Source { name: "built-in capture".to_owned(), size: None, reader: Box::new(capture) }
}
