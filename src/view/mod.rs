//! Borrowed views of replies, and the iterators over their parts.
//!
//! To read replies, [`Decoded`], [`ReplyRef`] and [`Token`] are enough, and they are re-exported at the
//! crate root. You need this module to name an iterator: in the signature of a function, or to keep
//! one in a struct.
//!
//! | type | its items | where it comes from |
//! |---|---|---|
//! | [`Elements`] | the elements of an array, a set or a push | [`ReplyRef::Array`], [`Set`](ReplyRef::Set), [`Push`](ReplyRef::Push) |
//! | [`Pairs`] | the keys and values of a map | [`ReplyRef::Map`] |
//! | [`Chunks`] | the chunks of a streamed string | [`ReplyRef::Streamed`] |
//! | [`AttributePairs`] | the pairs of the attributes before a value | [`Attributes::iter`] |
//! | [`Tokens`] | all values at any depth, as one flat sequence | [`ReplyRef::tokens`], [`Decoded::tokens`] |
//!
//! [`AnnotatedElements`] yields [`Decoded`]; [`AnnotatedPairs`] and [`AnnotatedAttributePairs`]
//! yield pairs of them: each value with its attributes and its exact bytes. The `annotated` methods
//! return them.
//!
//! A view borrows from the buffer that was decoded and is little more than a slice of it: an iterator
//! reads each header again when it gets there.
//!
//! ```
//! use zresp::view::Elements;
//! use zresp::{ConversionError, ReplyRef};
//!
//! /// The sum of the integers in an aggregate.
//! fn sum(items: Elements<'_>) -> Result<i64, ConversionError> {
//!     items.map(|item| item.as_i64()).sum()
//! }
//!
//! let frame = zresp::decode(b"*3\r\n:1\r\n:2\r\n$1\r\n3\r\n")?.expect("a whole frame");
//! let ReplyRef::Array(items) = frame.reply() else { panic!("an array") };
//! assert_eq!(sum(items)?, 6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Views are created in the caller's loop, which is why this module uses `inline(always)`: a call would
// return them through memory, and that costs more than the work. Reading a list went from 10 to 5.5 ns
// per element, at the price of larger code in each caller. The rare forms are `inline(never)` or
// `cold`, so that callers have a copy of the frequent ones only.

#![allow(
    clippy::copy_iterator,
    reason = "a reply is `Copy` and holds its iterator, so the iterator is `Copy` too"
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
use crate::limits::LinePolicy;
use values::Values;

/// A validated reply, borrowed from the buffer that was decoded.
///
/// Payloads are slices of the buffer, and aggregates are iterators over it. Nothing is copied.
///
/// An iterator over an aggregate has to scan each nested aggregate to find its end. So visiting all
/// values with nested iterators scans the bytes once per level. [`tokens`](Self::tokens) scans them
/// once in total.
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
// `repr(u64)` gives the tag a whole word. With a tag of one byte, the compiler copies the bytes after
// the tag with loads that overlap recent stores, and the processor stalls. Reading a list went from 14
// to 5.6 ns per element. The size is 40 bytes either way.
#[derive(Clone, Copy)]
#[non_exhaustive]
#[repr(u64)]
pub enum ReplyRef<'a> {
    /// `+`: a line of text, without its CRLF. It need not be UTF-8. Under
    /// [`LinePolicy::AsSent`] it may contain LF.
    #[doc(alias = "simple string")]
    #[doc(alias = "status")]
    Simple(&'a [u8]),
    /// `-`: an error message on one line. The first word is its code. Under
    /// [`LinePolicy::AsSent`] it may contain LF.
    Error(&'a [u8]),
    /// `:`: an integer.
    Integer(i64),
    /// `$`: a string of any bytes.
    #[doc(alias = "bulk string")]
    Bulk(&'a [u8]),
    /// `$?`: a string of any bytes, in chunks.
    #[doc(alias = "bulk string")]
    Streamed(Chunks<'a>),
    /// `$-1`: RESP2's null in place of a bulk string.
    #[doc(alias = "nil")]
    NullBulk,
    /// `*-1`: RESP2's null in place of an array.
    #[doc(alias = "nil")]
    NullArray,
    /// `_`: RESP3's null.
    #[doc(alias = "nil")]
    Null,
    /// `#`: a boolean.
    Boolean(bool),
    /// `,`: a double. It may be infinite or NaN.
    Double(f64),
    /// `(`: an integer of any size, as text: an optional sign and digits. Under
    /// [`LinePolicy::AsSent`] it may be any text.
    BigNumber(&'a [u8]),
    /// `!`: an error message of any bytes. The first word is its code.
    BulkError(&'a [u8]),
    /// `=`: text in a named format.
    Verbatim {
        /// Three bytes, such as `txt` or `mkd`.
        format: &'a [u8; 3],
        /// The text, without the format and its colon.
        text: &'a [u8],
    },
    /// `*`: values in order.
    #[doc(alias = "multi bulk")]
    #[doc(alias = "list")]
    Array(Elements<'a>),
    /// `%`: pairs in wire order. Duplicate keys are kept.
    #[doc(alias = "hash")]
    Map(Pairs<'a>),
    /// `~`: values in wire order. Duplicates are kept.
    Set(Elements<'a>),
    /// `>`: values that are not the reply to a command.
    #[doc(alias = "pubsub")]
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

    /// The aggregate that has this type byte and these values.
    #[inline(always)]
    fn aggregate(type_byte: u8, values: Values<'a>) -> Self {
        match type_byte {
            b'%' => Self::Map(Pairs::new(values)),
            b'~' => Self::Set(Elements::new(values)),
            b'>' => Self::Push(Elements::new(values)),
            _ => Self::Array(Elements::new(values)),
        }
    }

    /// The same reply, if its lines were decoded under this policy.
    #[inline]
    fn with_lines(self, lines: LinePolicy) -> Self {
        match (lines, self) {
            (LinePolicy::AsSent, Self::Array(items)) => Self::Array(items.as_sent()),
            (LinePolicy::AsSent, Self::Set(items)) => Self::Set(items.as_sent()),
            (LinePolicy::AsSent, Self::Push(items)) => Self::Push(items.as_sent()),
            (LinePolicy::AsSent, Self::Map(pairs)) => Self::Map(pairs.as_sent()),
            _ => self,
        }
    }

    /// The policy under which the lines in an aggregate were decoded. Under another policy than `Strict`, its bytes may
    /// contain lines that cannot be written. The text of a scalar must be looked at.
    pub(crate) const fn lines(&self) -> LinePolicy {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => items.values().lines(),
            Self::Map(pairs) => pairs.values().lines(),
            _ => LinePolicy::Strict,
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
    #[doc(alias = "nil")]
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::NullBulk | Self::NullArray)
    }

    /// Returns whether this is an error: an error line or a bulk error.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Error(_) | Self::BulkError(_))
    }

    /// The bytes in which all payloads lie: the payload of a scalar, or the wire form of an aggregate's
    /// values or of a streamed string's chunks. Empty for integers, doubles, booleans and nulls.
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

    /// Returns an iterator over the reply and everything in it as one flat sequence, in one pass over
    /// the bytes.
    ///
    /// Attributes inside the reply are included. Attributes before it are not: see
    /// [`Decoded::tokens`].
    #[doc(alias = "visit")]
    #[must_use]
    #[inline]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens::of_reply(*self)
    }
}

impl PartialEq for ReplyRef<'_> {
    /// Compares the values in one pass, including the attributes inside.
    ///
    /// The three nulls differ from each other, and a streamed form differs from a counted one. As
    /// for any `f64`, NaN is not equal to anything.
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
