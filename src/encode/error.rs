//! What cannot be written, and why.

use core::fmt;

use crate::kind::Kind;

/// A value has no form on the wire, or is written out of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A simple string or an error has a CR or LF, which would end it.
    LineBreak {
        /// A simple string, or an error.
        kind: Kind,
        /// Where the CR or LF is, in the text.
        offset: usize,
    },
    /// A big number is not an optional sign and digits.
    NotABigNumber,
    /// A push is to be streamed, for which there is no form.
    CannotStream {
        /// A push.
        kind: Kind,
    },
    /// A command has no arguments, not even a name.
    NoArguments,
    /// The buffer is too small, and does not grow.
    NoRoom {
        /// How many bytes are to be written.
        needed: usize,
        /// How many there is room for.
        room: usize,
    },
    /// An aggregate has all the values that were announced, and gets one more.
    TooManyValues {
        /// The kind of the aggregate.
        kind: Kind,
        /// How many elements were announced, or pairs.
        announced: usize,
    },
    /// An aggregate is closed before it has all the values that were announced.
    TooFewValues {
        /// The kind of the aggregate.
        kind: Kind,
        /// How many values are missing.
        missing: usize,
    },
    /// A map is closed behind a key without a value.
    KeyWithoutValue,
    /// Nothing is open.
    NothingToClose,
    /// A reply is to end while an aggregate is open, or anything behind an attribute without its value.
    Unfinished,
    /// A patch is for an argument or an element that there is not.
    NoSuchPart {
        /// The index that was given.
        index: usize,
        /// How many arguments or elements there are.
        len: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LineBreak { kind, offset } => {
                write!(f, "line break in {} at offset {offset}", kind.with_article())
            }
            Self::NotABigNumber => f.write_str("big number that is not a sign and digits"),
            Self::CannotStream { kind } => write!(f, "{kind} cannot be streamed"),
            Self::NoArguments => f.write_str("command without a name"),
            Self::NoRoom { needed, room } => {
                write!(f, "{needed} bytes to write, room for {room}")
            }
            Self::TooManyValues { kind, announced } => {
                let kind = kind.with_article();
                write!(f, "a value too many for {kind} that was announced with {announced}")
            }
            Self::TooFewValues { kind, missing } => {
                write!(f, "{missing} too few values in {}", kind.with_article())
            }
            Self::KeyWithoutValue => f.write_str("key without a value"),
            Self::NothingToClose => f.write_str("nothing open to be closed"),
            Self::Unfinished => f.write_str("reply ends before all of it is written"),
            Self::NoSuchPart { index, len } => write!(f, "no part of index {index} among {len}"),
        }
    }
}

impl core::error::Error for EncodeError {}

#[cfg(feature = "std")]
impl From<EncodeError> for std::io::Error {
    /// Returns an error of the kind `InvalidInput`.
    fn from(error: EncodeError) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, error)
    }
}
