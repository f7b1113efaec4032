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
mod values;

use std::fmt;
use std::io::ErrorKind as IoErrorKind;

use crate::convert::ConversionError;
use crate::encode::EncodeError;
use crate::error::{Error, ErrorKind};

pub use frames::{CommandReader, FrameReader, ReplyReader};
pub use tokens::{CommandTokenStream, PayloadReader, ReplyTokenStream, StreamToken, TokenStream};

/// Why a frame could not be read or a value could not be written: the error of [`FrameReader`]s and of the codecs in
/// `zresp::codec`.
///
/// As a [`std::io::Error`] it is the connection's own error, one of the kind `UnexpectedEof` or `InvalidData` for a
/// decoding error or a conversion, or `InvalidInput` for an encoding error.
#[derive(Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// The connection failed. [`FrameReader::read`] may be called again.
    Io(std::io::Error),
    /// The bytes are not a frame, exceed a limit, or end inside a frame.
    Decode {
        /// The error, with its offset from the first byte of the frame.
        error: Error,
        /// Offset in the stream of the byte that was refused, or of the end of the stream.
        position: u64,
    },
    /// A value is not of the type that [`TokenStream::next_as`] was asked for.
    Convert {
        /// What was expected and found.
        error: ConversionError,
        /// Offset in the stream of the first byte of the value.
        position: u64,
    },
    /// The value has no form on the wire. Only codecs write.
    Encode(EncodeError),
}

impl StreamError {
    /// An error in the frame that is preceded by `before` bytes of the stream.
    #[cold]
    pub(crate) const fn decode(error: Error, before: u64) -> Self {
        Self::Decode { error, position: before.saturating_add(error.offset as u64) }
    }
}

impl fmt::Display for StreamError {
    /// Writes the offset in the stream, not that in the frame.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Decode { error, position } => write!(f, "{} at offset {position}", error.kind),
            Self::Convert { error, position } => write!(f, "{error} at offset {position}"),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StreamError {
    /// Returns the source of the inner error; `Display` already shows the inner error itself.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Decode { error, .. } => error.source(),
            Self::Convert { error, .. } => error.source(),
            Self::Encode(error) => error.source(),
        }
    }
}

impl From<StreamError> for std::io::Error {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Io(error) => error,
            StreamError::Decode { error: Error { kind, .. }, .. } => {
                Self::new(io_kind(kind), error)
            }
            StreamError::Convert { .. } => Self::new(IoErrorKind::InvalidData, error),
            StreamError::Encode(error) => error.into(),
        }
    }
}

impl From<std::io::Error> for StreamError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
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
        Self::new(io_kind(error.kind), error)
    }
}

const fn io_kind(kind: ErrorKind) -> IoErrorKind {
    match kind {
        ErrorKind::UnexpectedEnd => IoErrorKind::UnexpectedEof,
        _ => IoErrorKind::InvalidData,
    }
}
