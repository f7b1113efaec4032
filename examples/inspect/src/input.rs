//! Where the bytes come from: files, standard input, or the built-in capture.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::PathBuf;

use crate::options::Options;

/// The replies of a recorded session with a real server. They are shown if no input is given.
const REPLIES: &[u8] = include_bytes!("../../../tests/captures/resp3-session.replies");
/// What the client of that session sent.
const REQUESTS: &[u8] = include_bytes!("../../../tests/captures/resp3-session.requests");

/// An input that has not been opened yet.
pub(crate) enum Input {
    /// A file by its path.
    File(PathBuf),
    /// Standard input.
    Standard,
    /// Standard input if it is piped and not empty, otherwise the built-in capture.
    StandardOrBuiltIn,
}

/// An input that can be read.
pub(crate) struct Source<'a> {
    /// Its name in messages.
    pub(crate) name: String,
    /// Its size in bytes, if known.
    pub(crate) size: Option<u64>,
    pub(crate) reader: Box<dyn Read + 'a>,
}

impl Input {
    /// Returns the inputs that the command line names.
    pub(crate) fn all(files: &[PathBuf]) -> Vec<Self> {
        if files.is_empty() {
            return vec![Self::StandardOrBuiltIn];
        }
        let named = |file: &PathBuf| match file.to_str() {
            Some("-") => Self::Standard,
            _ => Self::File(file.clone()),
        };
        files.iter().map(named).collect()
    }

    /// Returns its name in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Standard | Self::StandardOrBuiltIn => "standard input".to_owned(),
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// Errors of the file, or of the first read from standard input.
    pub(crate) fn open(&self, options: &Options) -> io::Result<Source<'static>> {
        let (size, reader): (_, Box<dyn Read>) = match self {
            Self::File(path) => {
                let file = File::open(path)?;
                let metadata = file.metadata()?;
                (metadata.is_file().then_some(metadata.len()), Box::new(file))
            }
            Self::Standard => (None, Box::new(io::stdin().lock())),
            Self::StandardOrBuiltIn if io::stdin().is_terminal() => return Ok(built_in(options)),
            Self::StandardOrBuiltIn => {
                let mut stdin = io::stdin().lock();
                if stdin.fill_buf()?.is_empty() {
                    return Ok(built_in(options));
                }
                (None, Box::new(stdin))
            }
        };
        Ok(Source { name: self.name(), size, reader })
    }
}

/// Returns the built-in capture, and says on standard error that there was no input.
fn built_in(options: &Options) -> Source<'static> {
    crate::complain("no input, showing the built-in capture (see --help)");
    let capture = if options.requests { REQUESTS } else { REPLIES };
    Source { name: "built-in capture".to_owned(), size: None, reader: Box::new(capture) }
}
