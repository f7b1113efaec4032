//! What a reply is, if it is what a caller expects.

use alloc::borrow::Cow;

use crate::kind::Kind;
use crate::lex::{double, integer};

use crate::view::{Elements, Pairs, ReplyRef};

use super::ConversionError;

const BYTES: &str = "a string";
pub(super) const TEXT: &str = "a string in UTF-8";
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
                let whole = chunks.single();
                whole.ok_or_else(|| ConversionError::value("a string in one piece", self.kind()))
            }
            _ => Err(ConversionError::kind(BYTES, self)),
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
        self.number(INTEGER, integer::parse, Some)
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
    pub(super) fn number<T>(
        &self,
        expected: &'static str,
        from_text: impl FnOnce(&[u8]) -> Option<T>,
        from_integer: impl FnOnce(i64) -> Option<T>,
    ) -> Result<T, ConversionError> {
        let number = match self {
            Self::Integer(value) => from_integer(*value),
            _ => from_text(self.as_bytes().map_err(|_| ConversionError::kind(expected, self))?),
        };
        number.ok_or_else(|| ConversionError::value(expected, self.kind()))
    }

    /// Returns a boolean: one by kind, the integers 0 and 1, which is how RESP2 writes them, or the
    /// strings `0`, `1`, `false` and `true`, as they are stored in hashes.
    ///
    /// # Errors
    /// Any other kind, and other integers and strings.
    pub fn as_bool(&self) -> Result<bool, ConversionError> {
        match self {
            Self::Boolean(value) => Ok(*value),
            Self::Integer(0) | Self::Simple(b"0" | b"false") | Self::Bulk(b"0" | b"false") => {
                Ok(false)
            }
            Self::Integer(1) | Self::Simple(b"1" | b"true") | Self::Bulk(b"1" | b"true") => {
                Ok(true)
            }
            Self::Integer(_) | Self::Simple(_) | Self::Bulk(_) => {
                Err(ConversionError::value(BOOLEAN, self.kind()))
            }
            _ => Err(ConversionError::kind(BOOLEAN, self)),
        }
    }

    /// Returns the elements of an array, a set or a push.
    ///
    /// # Errors
    /// Any other kind.
    pub fn as_elements(&self) -> Result<Elements<'a>, ConversionError> {
        match self {
            Self::Array(elements) | Self::Set(elements) | Self::Push(elements) => Ok(*elements),
            _ => Err(ConversionError::kind(ELEMENTS, self)),
        }
    }

    /// Returns the pairs of a map, or of an array of an even length, which is how RESP2 writes maps.
    ///
    /// # Errors
    /// Any other kind, and an array of an odd length.
    pub fn as_pairs(&self) -> Result<Pairs<'a>, ConversionError> {
        match self {
            Self::Map(pairs) => Ok(*pairs),
            Self::Array(items) => {
                let pairs = (items.total() % 2 == 0).then_some(Pairs::of_elements(*items));
                pairs.ok_or_else(|| ConversionError::value(PAIRS, Kind::Array))
            }
            _ => Err(ConversionError::kind(PAIRS, self)),
        }
    }

    /// Returns the code of an error reply, its first word: `ERR`, `WRONGTYPE`, `MOVED`.
    ///
    /// ```
    /// let frame = zresp::decode(b"-WRONGTYPE no list\r\n")?.expect("a whole frame");
    /// assert_eq!(frame.reply().error_code(), Some(b"WRONGTYPE".as_slice()));
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
    /// assert_eq!(frame.reply().into_result(), Err(b"WRONGTYPE no list".as_slice()));
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
    /// let values = frame.reply().as_elements().expect("an array");
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
