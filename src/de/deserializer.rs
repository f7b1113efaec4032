//! A reply as a public `Deserializer`: [`ReplyDeserializer`].

use core::fmt;

use serde::Deserializer;
use serde::de::Visitor;

use crate::convert::ConversionError;
use crate::decode;
use crate::error::Error;
use crate::view::ReplyRef;

use super::cursor::Cursor;
use super::value::Value;

/// A [`Deserializer`] of one reply, for code that is generic over formats, such as a `DeserializeSeed` or
/// `serde_transcode`. To read a type that implements `Deserialize`, [`from_reply`](super::from_reply) is shorter.
///
/// ```
/// use serde::de::{DeserializeSeed, Deserializer};
/// use zresp::ConversionError;
/// use zresp::de::ReplyDeserializer;
///
/// /// Reads a number and adds it.
/// struct Add<'a>(&'a mut i64);
///
/// impl<'de> DeserializeSeed<'de> for Add<'_> {
///     type Value = ();
///
///     fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
///         let number: i64 = serde::Deserialize::deserialize(deserializer)?;
///         *self.0 += number;
///         Ok(())
///     }
/// }
///
/// let (mut sum, mut rest) = (0, b":40\r\n$1\r\n2\r\n".as_slice());
/// while let Some((reply, size)) = ReplyDeserializer::from_bytes(rest)? {
///     Add(&mut sum).deserialize(reply)?;
///     rest = &rest[size..];
/// }
/// assert_eq!(sum, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct ReplyDeserializer<'de> {
    reply: ReplyRef<'de>,
    bytes_as_numbers: bool,
}

impl<'de> ReplyDeserializer<'de> {
    /// Returns a deserializer of this reply.
    #[must_use]
    pub const fn new(reply: ReplyRef<'de>) -> Self {
        Self { reply, bytes_as_numbers: false }
    }

    /// Gives text that is not UTF-8 as a sequence of numbers, not as bytes, to types that accept any value. A
    /// `serde_json::Value`, which accepts no bytes, is then what `serde_json::to_value` makes of the reply, except that
    /// doubles as keys are written as RESP writes them, and that a reply that is an error as a whole stays an error.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use zresp::de::{self, ReplyDeserializer};
    ///
    /// let frame = zresp::decode(b"%1\r\n:1\r\n*2\r\n+a\r\n$2\r\n\xff\x00\r\n")?.expect("a whole frame");
    /// assert!(de::from_reply::<serde_json::Value>(frame.reply()).is_err());
    /// let reply = ReplyDeserializer::new(frame.reply()).with_bytes_as_numbers();
    /// assert_eq!(serde_json::Value::deserialize(reply)?, serde_json::json!({ "1": ["a", [255, 0]] }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn with_bytes_as_numbers(self) -> Self {
        Self { bytes_as_numbers: true, ..self }
    }

    /// Returns a deserializer of the reply that `buf` begins with, and the size of its frame in bytes, or `None` if the
    /// frame is incomplete.
    ///
    /// # Errors
    /// Returns the errors of [`decode`](crate::decode()).
    pub fn from_bytes(buf: &'de [u8]) -> Result<Option<(Self, usize)>, Error> {
        let frame = decode::decode(buf)?;
        Ok(frame.map(|frame| (Self::new(frame.reply()), frame.wire().len())))
    }
}

impl fmt::Debug for ReplyDeserializer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReplyDeserializer").field(&self.reply).finish()
    }
}

/// Implements methods of `Deserializer`.
macro_rules! methods {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($name: $type,)*
            visitor: V,
        ) -> Result<V::Value, ConversionError> {
            let (mut cursor, head) = Cursor::of_reply(self.reply);
            cursor.bytes_as_numbers = self.bytes_as_numbers;
            Value::given(&mut cursor, head).$method($($name,)* visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for ReplyDeserializer<'de> {
    type Error = ConversionError;

    methods! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}
