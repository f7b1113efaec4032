//! The borrowed view of one validated reply.

#![allow(
    clippy::copy_iterator,
    reason = "a reply is `Copy` and holds its elements, which are what one iterates"
)]

mod attributes;
mod chunks;
mod debug;
mod decoded;
mod elements;
pub(crate) mod header;
mod pairs;
mod tokens;
mod values;

pub use attributes::{AnnotatedAttributePairs, AttributePairs, Attributes};
pub use chunks::Chunks;
pub use decoded::Decoded;
pub use elements::{AnnotatedElements, Elements};
pub use pairs::{AnnotatedPairs, Pairs};
pub use tokens::{Token, Tokens};

pub(crate) use debug::flat;

use crate::kind::Kind;
use crate::lex::constant::Constant;
use values::Values;

/// A validated reply, borrowed from the bytes it lies in.
///
/// Payloads are slices of the input and aggregates are iterators over it: nothing is copied, and
/// what is not looked at costs nothing. A reply is `Copy`; it lives as long as its bytes.
///
/// Iterating an aggregate whose elements are aggregates passes over each of them once more. To
/// visit everything at any depth in one pass, use [`tokens`](Self::tokens).
///
/// ```
/// use zresp::ReplyRef;
///
/// let frame = zresp::decode(b"*2\r\n$3\r\nfoo\r\n:42\r\n")?.expect("a whole frame");
/// let ReplyRef::Array(mut items) = frame.reply() else { panic!() };
/// assert_eq!(items.len(), Some(2));
/// assert_eq!(items.next(), Some(ReplyRef::Bulk(b"foo")));
/// assert_eq!(items.next(), Some(ReplyRef::Integer(42)));
/// assert_eq!(items.next(), None);
/// # Ok::<(), zresp::Error>(())
/// ```
// A tag of one byte makes the compiler copy the bytes behind it by loads that overlap the stores
// before them, which stalls: with a tag of a whole word, reading a list takes a third of the time.
#[derive(Clone, Copy)]
#[non_exhaustive]
#[repr(u64)]
pub enum ReplyRef<'a> {
    /// `+`: a line without CR and LF; not necessarily UTF-8.
    Simple(&'a [u8]),
    /// `-`: an error in a line; its first word is the error's code.
    Error(&'a [u8]),
    /// `:`: an integer.
    Integer(i64),
    /// `$`: any bytes.
    Bulk(&'a [u8]),
    /// `$?`: any bytes, in chunks.
    Streamed(Chunks<'a>),
    /// `$-1`: RESP2's null where a bulk string could stand.
    NullBulk,
    /// `*-1`: RESP2's null where an array could stand.
    NullArray,
    /// `_`: null.
    Null,
    /// `#`: a boolean.
    Boolean(bool),
    /// `,`: a double; infinite and NaN included.
    Double(f64),
    /// `(`: an integer of any size, as an optional sign and digits.
    BigNumber(&'a [u8]),
    /// `!`: an error of any bytes; its first word is the error's code.
    BulkError(&'a [u8]),
    /// `=`: text and what it is formatted in.
    Verbatim {
        /// Three bytes, such as `txt` or `mkd`.
        format: &'a [u8; 3],
        /// The text behind the format and its colon.
        text: &'a [u8],
    },
    /// `*`: values in order.
    Array(Elements<'a>),
    /// `%`: pairs in the order of the wire, duplicate keys included.
    Map(Pairs<'a>),
    /// `~`: values in the order of the wire, duplicates included.
    Set(Elements<'a>),
    /// `>`: values that answer no command.
    Push(Elements<'a>),
}

impl<'a> ReplyRef<'a> {
    /// Returns the kind of the reply.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Simple(_) => Kind::Simple,
            Self::Error(_) => Kind::Error,
            Self::Integer(_) => Kind::Integer,
            Self::Bulk(_) => Kind::Bulk,
            Self::Streamed(_) => Kind::Streamed,
            Self::NullBulk => Kind::NullBulk,
            Self::NullArray => Kind::NullArray,
            Self::Null => Kind::Null,
            Self::Boolean(_) => Kind::Boolean,
            Self::Double(_) => Kind::Double,
            Self::BigNumber(_) => Kind::BigNumber,
            Self::BulkError(_) => Kind::BulkError,
            Self::Verbatim { .. } => Kind::Verbatim,
            Self::Array(_) => Kind::Array,
            Self::Map(_) => Kind::Map,
            Self::Set(_) => Kind::Set,
            Self::Push(_) => Kind::Push,
        }
    }

    /// The aggregate of these values, by its type byte.
    #[inline(always)]
    fn aggregate(type_byte: u8, values: Values<'a>) -> Self {
        match type_byte {
            b'%' => Self::Map(Pairs::new(values)),
            b'~' => Self::Set(Elements::new(values)),
            b'>' => Self::Push(Elements::new(values)),
            _ => Self::Array(Elements::new(values)),
        }
    }

    #[inline(always)]
    pub(crate) const fn constant(constant: Constant) -> Self {
        match constant {
            Constant::Null => Self::Null,
            Constant::NullBulk => Self::NullBulk,
            Constant::NullArray => Self::NullArray,
            Constant::Boolean(value) => Self::Boolean(value),
        }
    }

    /// Returns whether this is one of the three nulls: `_`, `$-1` or `*-1`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::NullBulk | Self::NullArray)
    }

    /// Returns whether this is an error, in a line or in bulk.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Error(_) | Self::BulkError(_))
    }

    /// The bytes that payloads lie in: those of a scalar, or the values of an aggregate.
    pub(crate) const fn content(&self) -> &'a [u8] {
        match self {
            Self::Simple(bytes)
            | Self::Error(bytes)
            | Self::Bulk(bytes)
            | Self::BigNumber(bytes)
            | Self::BulkError(bytes)
            | Self::Verbatim { text: bytes, .. } => bytes,
            Self::Streamed(chunks) => chunks.wire(),
            Self::Array(items) | Self::Set(items) | Self::Push(items) => items.wire(),
            Self::Map(pairs) => pairs.wire(),
            _ => &[],
        }
    }

    /// Returns the reply and all that is in it as one flat sequence: the linear way to visit
    /// everything, at any depth.
    ///
    /// Attributes inside the reply are part of it; those in front of it are not, see
    /// [`Decoded::tokens`].
    #[must_use]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens::of_reply(*self)
    }
}

impl PartialEq for ReplyRef<'_> {
    /// Compares values in one pass, attributes and the difference between streamed and counted
    /// forms included. As for any `f64`, NaN equals nothing.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Simple(a), Self::Simple(b))
            | (Self::Error(a), Self::Error(b))
            | (Self::Bulk(a), Self::Bulk(b))
            | (Self::BigNumber(a), Self::BigNumber(b))
            | (Self::BulkError(a), Self::BulkError(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Streamed(a), Self::Streamed(b)) => a == b,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Double(a), Self::Double(b)) => a == b,
            (Self::Verbatim { format, text }, Self::Verbatim { format: f, text: t }) => {
                format == f && text == t
            }
            (a, b) if a.kind() != b.kind() => false,
            (a, _) if a.is_null() => true,
            (a, b) => a.tokens().eq(b.tokens()),
        }
    }
}
