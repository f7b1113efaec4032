//! Methods that return what a reply holds, if it is of the expected kind.

use alloc::borrow::Cow;

use crate::encode::DoubleText;
use crate::lex::{double, integer};
use crate::view::{Elements, Pairs, ReplyRef};

use super::ConversionError;

const BYTES: &str = "a string";
/// Types that own their bytes take a string in several pieces, too.
const WHOLE: &str = "a string in one piece (or use an owned type)";
pub(super) const TEXT: &str = "a string in UTF-8";
const INTEGER: &str = "an integer";
const DOUBLE: &str = "a double";
const BOOLEAN: &str = "a boolean";
const ELEMENTS: &str = "an array, a set or a push";
const PAIRS: &str = "a map";

impl<'a> ReplyRef<'a> {
    /// Returns the bytes of a string or of a big number.
    ///
    /// A string is simple, bulk, verbatim (without its format), or streamed in a single chunk.
    ///
    /// # Errors
    /// Returns an error for any other kind, and for a streamed string of several chunks: see
    /// [`to_bytes`](Self::to_bytes).
    #[doc(alias = "bulk string")]
    pub fn as_bytes(&self) -> Result<&'a [u8], ConversionError> {
        match *self {
            Self::Simple(bytes)
            | Self::Bulk(bytes)
            | Self::BigNumber(bytes)
            | Self::Verbatim { text: bytes, .. } => Ok(bytes),
            Self::Streamed(chunks) => {
                let whole = chunks.single();
                whole.ok_or_else(|| ConversionError::value(WHOLE, self.kind()))
            }
            _ => Err(ConversionError::kind(BYTES, self)),
        }
    }

    /// Returns the bytes of any string or of a big number, copied only for a streamed string of several chunks.
    ///
    /// # Errors
    /// Returns an error for any other kind.
    pub fn to_bytes(&self) -> Result<Cow<'a, [u8]>, ConversionError> {
        match *self {
            Self::Streamed(chunks) => Ok(chunks.to_bytes()),
            _ => self.as_bytes().map(Cow::Borrowed),
        }
    }

    /// Returns the text of a key: the bytes of a string, a number as RESP writes it, `true` or `false`.
    ///
    /// # Errors
    /// Returns an error for nulls, errors and aggregates.
    pub(crate) fn key_text(&self) -> Result<Cow<'a, [u8]>, ConversionError> {
        match *self {
            Self::Integer(value) => {
                Ok(itoa::Buffer::new().format(value).as_bytes().to_vec().into())
            }
            Self::Double(value) => Ok(DoubleText::new(value).as_bytes().to_vec().into()),
            Self::Boolean(true) => Ok(b"true".into()),
            Self::Boolean(false) => Ok(b"false".into()),
            _ => self.to_bytes(),
        }
    }

    /// Returns the same bytes as [`as_bytes`](Self::as_bytes), as text.
    ///
    /// # Errors
    /// Returns the errors of `as_bytes`, and an error if the bytes are not UTF-8.
    pub fn as_str(&self) -> Result<&'a str, ConversionError> {
        core::str::from_utf8(self.as_bytes()?)
            .map_err(|_| ConversionError::value(TEXT, self.kind()))
    }

    /// Returns an integer, or the number in the decimal text of a string or a big number: `GET` returns counters
    /// as text.
    ///
    /// A leading `+` and leading zeros are accepted. A double is not an integer, even if its value is whole: for that,
    /// use [`as_f64`](Self::as_f64).
    ///
    /// # Errors
    /// Returns an error for any other kind, for text that is not an integer, and for numbers that do not fit.
    pub fn as_i64(&self) -> Result<i64, ConversionError> {
        self.number(INTEGER, integer::parse, Some)
    }

    /// Returns a double, an integer as a double, or the number in the text of a string or a big number: RESP2 writes
    /// doubles as strings.
    ///
    /// # Errors
    /// Returns an error for any other kind, and for text that is not a number.
    pub fn as_f64(&self) -> Result<f64, ConversionError> {
        #[allow(clippy::cast_precision_loss, reason = "the caller asks for the nearest double")]
        let from_integer = |value| Some(value as f64);
        match self {
            Self::Double(value) => Ok(*value),
            _ => self.number(DOUBLE, double::parse, from_integer),
        }
    }

    /// Returns a number from an integer or from text.
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

    /// Returns a boolean, or the one that an integer, a simple string or a bulk string stands for.
    ///
    /// RESP2 writes booleans as the integers 0 and 1. The strings `0`, `1`, `false` and `true` are common in
    /// hashes.
    ///
    /// # Errors
    /// Returns an error for any other kind, and for other integers and strings.
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
    /// Returns an error for any other kind.
    pub fn as_elements(&self) -> Result<Elements<'a>, ConversionError> {
        match self {
            Self::Array(elements) | Self::Set(elements) | Self::Push(elements) => Ok(*elements),
            _ => Err(ConversionError::kind(ELEMENTS, self)),
        }
    }

    /// Returns the pairs of a map, or of an array of even length: RESP2 writes maps as arrays.
    ///
    /// # Errors
    /// Returns an error for any other kind, and for an array of odd length.
    pub fn as_pairs(&self) -> Result<Pairs<'a>, ConversionError> {
        match self {
            Self::Map(pairs) => Ok(*pairs),
            Self::Array(items) => match items.total() {
                count if count % 2 == 0 => Ok(Pairs::of_elements(*items)),
                count => Err(ConversionError::odd(PAIRS, count, self.kind())),
            },
            _ => Err(ConversionError::kind(PAIRS, self)),
        }
    }

    /// Returns the code of an error reply, which is its first word: `ERR`, `WRONGTYPE`, `MOVED`.
    ///
    /// `None` for any other kind.
    ///
    /// ```
    /// let frame = zresp::decode(b"-WRONGTYPE no list\r\n")?.expect("a whole frame");
    /// assert_eq!(frame.reply().error_code(), Some(b"WRONGTYPE".as_slice()));
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[doc(alias = "MOVED")]
    #[must_use]
    pub fn error_code(&self) -> Option<&'a [u8]> {
        let message = self.as_error()?;
        message.split(|byte| *byte == b' ').next()
    }

    /// Returns the reply, or the message of an error reply as the error.
    ///
    /// Use it before a conversion, to distinguish an error of the server from a reply of the wrong kind.
    ///
    /// ```
    /// let frame = zresp::decode(b"-WRONGTYPE no list\r\n")?.expect("a whole frame");
    /// assert_eq!(frame.reply().into_result(), Err(b"WRONGTYPE no list".as_slice()));
    /// # Ok::<(), zresp::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the message if the reply is an error line or a bulk error.
    pub const fn into_result(self) -> Result<Self, &'a [u8]> {
        match self.as_error() {
            Some(message) => Err(message),
            None => Ok(self),
        }
    }

    /// Returns the reply, or `None` if it is one of the three nulls.
    ///
    /// ```
    /// let frame = zresp::decode(b"*2\r\n$1\r\n7\r\n$-1\r\n")?.expect("a whole frame");
    /// let values = frame.reply().as_elements().expect("an array");
    /// let present: Vec<_> = values.filter_map(|value| value.non_null()).collect();
    /// assert_eq!(present, [zresp::ReplyRef::Bulk(b"7")]);
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[doc(alias = "nil")]
    #[doc(alias = "null")]
    #[must_use]
    pub const fn non_null(self) -> Option<Self> {
        if self.is_null() { None } else { Some(self) }
    }

    /// Returns the message of an error line or a bulk error; `None` for any other kind.
    #[must_use]
    pub const fn as_error(&self) -> Option<&'a [u8]> {
        match self {
            Self::Error(message) | Self::BulkError(message) => Some(message),
            _ => None,
        }
    }
}
