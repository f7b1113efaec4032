//! From a reply to the Rust type that a caller expects.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::kind::Kind;
use crate::scan::{double, number};

use super::{Elements, Pairs, ReplyRef};

/// A reply is not what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversionError {
    expected: &'static str,
    found: Kind,
    problem: Problem,
}

/// Why a reply is not what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    /// It is of another kind.
    Kind,
    /// It is of a kind that could be it, but not with this value.
    Value,
}

impl ConversionError {
    const fn kind(expected: &'static str, found: Kind) -> Self {
        Self { expected, found, problem: Problem::Kind }
    }

    const fn value(expected: &'static str, found: Kind) -> Self {
        Self { expected, found, problem: Problem::Value }
    }

    /// Returns what was asked for, as `an integer`.
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        self.expected
    }

    /// Returns what the reply is.
    #[must_use]
    pub const fn found(&self) -> Kind {
        self.found
    }
}

impl fmt::Display for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, Article(self.found))?;
        match self.problem {
            Problem::Kind => Ok(()),
            Problem::Value => f.write_str(" that is not one"),
        }
    }
}

impl core::error::Error for ConversionError {}

/// A kind with its article.
struct Article(Kind);

impl fmt::Display for Article {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            kind @ (Kind::Error | Kind::Integer | Kind::Array | Kind::Attribute) => {
                write!(f, "an {kind}")
            }
            Kind::Null => f.write_str("null"),
            kind => write!(f, "a {kind}"),
        }
    }
}

const BYTES: &str = "a string";
const TEXT: &str = "a string in UTF-8";
const INTEGER: &str = "an integer";
const DOUBLE: &str = "a double";
const BOOLEAN: &str = "a boolean";
const ELEMENTS: &str = "an array, a set or a push";
const PAIRS: &str = "a map";

impl<'a> ReplyRef<'a> {
    /// Returns the bytes of a string (simple, bulk, verbatim without its format, or streamed in a
    /// single chunk) or of a big number.
    ///
    /// # Errors
    /// Any other kind, and a streamed string of several chunks: see [`to_bytes`](Self::to_bytes).
    pub fn as_bytes(&self) -> Result<&'a [u8], ConversionError> {
        match *self {
            Self::Simple(bytes)
            | Self::Bulk(bytes)
            | Self::BigNumber(bytes)
            | Self::Verbatim { text: bytes, .. } => Ok(bytes),
            Self::Streamed(chunks) => {
                chunks.single().ok_or(ConversionError::value("a string in one piece", self.kind()))
            }
            _ => Err(ConversionError::kind(BYTES, self.kind())),
        }
    }

    /// Returns the bytes of any string or of a big number, copied only if it is a streamed string
    /// of several chunks.
    ///
    /// # Errors
    /// Any other kind.
    pub fn to_bytes(&self) -> Result<Cow<'a, [u8]>, ConversionError> {
        match *self {
            Self::Streamed(chunks) => Ok(chunks.to_bytes()),
            _ => self.as_bytes().map(Cow::Borrowed),
        }
    }

    /// Returns what [`as_bytes`](Self::as_bytes) does, as text.
    ///
    /// # Errors
    /// As `as_bytes`, and bytes that are not UTF-8.
    pub fn as_str(&self) -> Result<&'a str, ConversionError> {
        core::str::from_utf8(self.as_bytes()?)
            .map_err(|_| ConversionError::value(TEXT, self.kind()))
    }

    /// Returns an integer: one by kind, or the decimal text of a string or of a big number, which is
    /// how `GET` answers for a counter. A `+` and zeros in front are fine.
    ///
    /// # Errors
    /// Any other kind, text that is something else, and numbers that do not fit.
    pub fn as_i64(&self) -> Result<i64, ConversionError> {
        self.number(INTEGER, number::parse, Some)
    }

    /// Returns a double: one by kind, an integer, or the text of a string, which is how RESP2
    /// writes doubles.
    ///
    /// # Errors
    /// Any other kind, and text that is something else.
    pub fn as_f64(&self) -> Result<f64, ConversionError> {
        #[allow(clippy::cast_precision_loss, reason = "scores come as integers, too")]
        let from_integer = |value| Some(value as f64);
        match self {
            Self::Double(value) => Ok(*value),
            _ => self.number(DOUBLE, double::parse, from_integer),
        }
    }

    /// A number from an integer, or from text.
    fn number<T>(
        &self,
        expected: &'static str,
        from_text: impl FnOnce(&[u8]) -> Option<T>,
        from_integer: impl FnOnce(i64) -> Option<T>,
    ) -> Result<T, ConversionError> {
        let number = match self {
            Self::Integer(value) => from_integer(*value),
            _ => from_text(
                self.as_bytes().map_err(|_| ConversionError::kind(expected, self.kind()))?,
            ),
        };
        number.ok_or(ConversionError::value(expected, self.kind()))
    }

    /// Returns a boolean: one by kind, or the integers 0 and 1, which is how RESP2 writes them.
    ///
    /// # Errors
    /// Any other kind, and other integers.
    pub fn as_bool(&self) -> Result<bool, ConversionError> {
        match self {
            Self::Boolean(value) => Ok(*value),
            Self::Integer(0) => Ok(false),
            Self::Integer(1) => Ok(true),
            Self::Integer(_) => Err(ConversionError::value(BOOLEAN, Kind::Integer)),
            _ => Err(ConversionError::kind(BOOLEAN, self.kind())),
        }
    }

    /// Returns the elements of an array, a set or a push.
    ///
    /// # Errors
    /// Any other kind.
    pub fn as_elements(&self) -> Result<Elements<'a>, ConversionError> {
        match self {
            Self::Array(elements) | Self::Set(elements) | Self::Push(elements) => Ok(*elements),
            _ => Err(ConversionError::kind(ELEMENTS, self.kind())),
        }
    }

    /// Returns the pairs of a map, or of an array of an even length, which is how RESP2 writes maps.
    ///
    /// # Errors
    /// Any other kind, and an array of an odd length or a streamed one.
    pub fn as_pairs(&self) -> Result<Pairs<'a>, ConversionError> {
        match self {
            Self::Map(pairs) => Ok(*pairs),
            Self::Array(items) => {
                let is_even = items.len().is_some_and(|len| len % 2 == 0);
                let pairs = is_even.then_some(Pairs::new(items.values()));
                pairs.ok_or(ConversionError::value(PAIRS, Kind::Array))
            }
            _ => Err(ConversionError::kind(PAIRS, self.kind())),
        }
    }

    /// Returns the code of an error reply, its first word: `ERR`, `WRONGTYPE`, `MOVED`.
    ///
    /// ```
    /// let frame = zresp::decode(b"-WRONGTYPE no list\r\n")?.expect("a whole frame");
    /// assert_eq!(frame.reply.error_code(), Some(b"WRONGTYPE".as_slice()));
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    pub fn error_code(&self) -> Option<&'a [u8]> {
        let message = self.as_error()?;
        message.split(|byte| *byte == b' ').next()
    }

    /// Returns the reply, or the message of an error reply as the error: before a conversion, which
    /// would only tell that the reply is no integer, say.
    ///
    /// ```
    /// let frame = zresp::decode(b"-WRONGTYPE no list\r\n")?.expect("a whole frame");
    /// assert_eq!(frame.reply.into_result(), Err(b"WRONGTYPE no list".as_slice()));
    /// # Ok::<(), zresp::Error>(())
    /// ```
    ///
    /// # Errors
    /// An error in a line or in bulk.
    pub const fn into_result(self) -> Result<Self, &'a [u8]> {
        match self.as_error() {
            Some(message) => Err(message),
            None => Ok(self),
        }
    }

    /// Returns the reply; `None` if it is one of the three nulls.
    ///
    /// ```
    /// let frame = zresp::decode(b"*2\r\n$1\r\n7\r\n$-1\r\n")?.expect("a whole frame");
    /// let values = frame.reply.as_elements().expect("an array");
    /// let values: Result<Vec<Option<u32>>, _> =
    ///     values.map(|value| value.non_null().map(u32::try_from).transpose()).collect();
    /// assert_eq!(values, Ok(vec![Some(7), None]));
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    pub const fn non_null(self) -> Option<Self> {
        if self.is_null() { None } else { Some(self) }
    }

    /// Returns the message of an error, in a line or in bulk; `None` for any other kind.
    #[must_use]
    pub const fn as_error(&self) -> Option<&'a [u8]> {
        match self {
            Self::Error(message) | Self::BulkError(message) => Some(message),
            _ => None,
        }
    }
}

/// Implements `TryFrom<ReplyRef>` by a method.
macro_rules! try_from {
    ($($type:ty, $method:ident;)*) => {$(
        impl<'a> TryFrom<ReplyRef<'a>> for $type {
            type Error = ConversionError;

            fn try_from(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
                reply.$method()
            }
        }
    )*};
}

try_from! {
    &'a [u8], as_bytes;
    Cow<'a, [u8]>, to_bytes;
    &'a str, as_str;
    i64, as_i64;
    f64, as_f64;
    bool, as_bool;
    Elements<'a>, as_elements;
    Pairs<'a>, as_pairs;
}

impl TryFrom<ReplyRef<'_>> for Vec<u8> {
    type Error = ConversionError;

    fn try_from(reply: ReplyRef<'_>) -> Result<Self, ConversionError> {
        Ok(reply.to_bytes()?.into_owned())
    }
}

impl TryFrom<ReplyRef<'_>> for String {
    type Error = ConversionError;

    fn try_from(reply: ReplyRef<'_>) -> Result<Self, ConversionError> {
        Self::from_utf8(Vec::try_from(reply)?)
            .map_err(|_| ConversionError::value(TEXT, reply.kind()))
    }
}

/// Implements `TryFrom<ReplyRef>` for the other integers.
macro_rules! try_from_integer {
    ($($type:ty, $expected:literal;)*) => {$(
        impl TryFrom<ReplyRef<'_>> for $type {
            type Error = ConversionError;

            fn try_from(reply: ReplyRef<'_>) -> Result<Self, ConversionError> {
                reply.number($expected, number::parse, |value| Self::try_from(value).ok())
            }
        }
    )*};
}

try_from_integer! {
    i8, "an integer from -128 to 127";
    i16, "an integer of 16 bits";
    i32, "an integer of 32 bits";
    i128, "an integer of 128 bits";
    isize, "an integer of the machine's size";
    u8, "an integer from 0 to 255";
    u16, "an unsigned integer of 16 bits";
    u32, "an unsigned integer of 32 bits";
    u64, "an unsigned integer";
    usize, "an unsigned integer of the machine's size";
}
