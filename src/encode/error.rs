//! Why a value cannot be written: [`EncodeError`].

use core::fmt;

use crate::kind::Kind;

/// Why a value cannot be written: it has no form on the wire, does not fit in the buffer, or is out of order.
///
/// The call that returns the error writes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A simple string or an error contains a CR or LF, which would end it. It was built by hand, or decoded with
    /// [`LinePolicy::AsSent`](crate::LinePolicy::AsSent).
    LineBreak {
        /// A simple string, or an error.
        kind: Kind,
        /// Offset of the CR or LF in the text.
        offset: usize,
    },
    /// A big number is not an optional sign and digits.
    NotABigNumber,
    /// A streamed push: the protocol has no form for it.
    CannotStream {
        /// A push.
        kind: Kind,
    },
    /// A command has no arguments, not even a name.
    NoArguments,
    /// The name of a command contains a space or a lower byte, as in `CommandBuf::new("SET k v")`. Each argument is
    /// added on its own.
    SpaceInName {
        /// Offset of the first such byte in the name.
        offset: usize,
    },
    /// The buffer is too small and cannot grow, or the value is longer than any buffer can be.
    NoRoom {
        /// How many bytes the value needs; `usize::MAX` if they are more than can be counted or copied.
        needed: usize,
        /// How many bytes the buffer has room for, at most `isize::MAX`.
        room: usize,
    },
    /// A value exceeds the length that was announced for its aggregate or attribute.
    TooManyValues {
        /// The kind of the aggregate, or an attribute.
        kind: Kind,
        /// How many elements or pairs were announced.
        announced: usize,
    },
    /// An aggregate or attribute is closed before it has all the values that were announced for it.
    TooFewValues {
        /// The kind of the aggregate, or an attribute.
        kind: Kind,
        /// How many values are missing. A pair is two values.
        missing: usize,
    },
    /// A map or an attribute would end with a key that has no value.
    KeyWithoutValue,
    /// Nothing is open that could be closed.
    NothingToClose,
    /// The writer is finished in the middle of a reply, or an aggregate or attribute is closed after an attribute
    /// that has no value yet.
    Unfinished,
    /// A reply exceeds what a [`ReplyWriter`](super::ReplyWriter::with_limit) may hold, or a streamed aggregate what a
    /// [`Downgrader`](super::Downgrader) may hold.
    TooLongToHold {
        /// How many bytes may be held.
        limit: usize,
    },
    /// A reply does not have the form that its command's [`ReplyShape`](super::ReplyShape) says.
    UnexpectedShape {
        /// The kind of the aggregate that differs.
        kind: Kind,
    },
    /// What the server answers to a command depends on the protocol:
    /// [`ReplyShape::is_translatable`](super::ReplyShape::is_translatable) is `false`.
    CannotTranslate,
    /// A patch changes an argument or an element whose index is out of range.
    NoSuchPart {
        /// The index that the patch changes.
        index: usize,
        /// How many arguments or elements there are.
        len: usize,
    },
    /// A patch changes an argument that has not arrived whole.
    NotArrived {
        /// The index that the patch changes.
        index: usize,
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
            Self::SpaceInName { offset } => {
                write!(
                    f,
                    "space in the name of a command at offset {offset}: add each word by itself"
                )
            }
            Self::NoRoom { needed, room } => {
                write!(f, "{needed} bytes to write, room for {room}")
            }
            Self::TooManyValues { kind, announced } => {
                let kind = kind.with_article();
                write!(f, "too many values for {kind} announced with {announced}")
            }
            Self::TooFewValues { kind, missing } => {
                write!(f, "values missing in {}: {missing}", kind.with_article())
            }
            Self::KeyWithoutValue => f.write_str("key without a value"),
            Self::NothingToClose => f.write_str("nothing open to close"),
            Self::Unfinished => f.write_str("reply ends before all of it is written"),
            Self::TooLongToHold { limit } => {
                write!(f, "reply longer than the {limit} bytes that may be held")
            }
            Self::UnexpectedShape { kind } => {
                write!(f, "{} that is not part of a reply to this command", kind.with_article())
            }
            Self::CannotTranslate => {
                f.write_str("reply that cannot be translated: what it says depends on the protocol")
            }
            Self::NoSuchPart { index, len } => {
                write!(f, "index {index} out of range: there are {len} parts")
            }
            Self::NotArrived { index } => write!(f, "argument {index} has not arrived yet"),
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
