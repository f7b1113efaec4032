//! Replies and requests from a blocking reader, one at a time.
//!
//! Available with the feature `std`.
//!
//! [`ReplyReader`] is for clients, [`CommandReader`] for servers. A [`TokenStream`] reads
//! frames value by value, in constant memory. [`StreamError`] is also the error of the codecs for asynchronous
//! connections.

mod buffer;
mod frames;
mod tokens;

use std::fmt;
use std::io::ErrorKind as IoErrorKind;

use crate::encode::EncodeError;
use crate::error::{Error, ErrorKind};

pub use frames::{CommandReader, FrameReader, ReplyReader};
pub use tokens::{CommandTokenStream, PayloadReader, ReplyTokenStream, StreamToken, TokenStream};

/// Why a frame could not be read or a value could not be written: the error of [`FrameReader`]s and of the codecs in
/// `zresp::codec`.
///
/// As a [`std::io::Error`] it is the connection's own error, one of the kind `UnexpectedEof` or `InvalidData` for a
/// decoding error, or `InvalidInput` for an encoding error.
#[derive(Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// The connection failed. [`FrameReader::read`] may be called again.
    Io(std::io::Error),
    /// The bytes are not a frame, exceed a limit, or end inside a frame.
    Decode(Error),
    /// The value has no form on the wire. Only codecs write.
    Encode(EncodeError),
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Decode(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StreamError {
    /// Returns the source of the inner error; `Display` already shows the inner error itself.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Decode(error) => error.source(),
            Self::Encode(error) => error.source(),
        }
    }
}

impl From<StreamError> for std::io::Error {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Io(error) => error,
            StreamError::Decode(error) => error.into(),
            StreamError::Encode(error) => error.into(),
        }
    }
}

impl From<std::io::Error> for StreamError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for StreamError {
    fn from(error: Error) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for StreamError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<Error> for std::io::Error {
    /// Returns an error of the kind `UnexpectedEof` if the input ends inside a frame, otherwise
    /// `InvalidData`.
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::UnexpectedEnd => IoErrorKind::UnexpectedEof,
            _ => IoErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
