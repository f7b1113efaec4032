//! Replies as numbers, strings and other scalars: [`FromReply`].

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::string::String;
#[cfg(target_has_atomic = "ptr")]
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::escape;
use crate::lex::integer;
use crate::view::{Elements, Pairs, ReplyRef};

use super::accessors::TEXT;
use super::{ConversionError, Place};

/// Types that a reply can be converted to, with [`ReplyRef::to`].
///
/// Replies are accepted in the form of either protocol:
///
/// | type | replies |
/// |---|---|
/// | integers | an integer, or its text; not a double, even if its value is whole |
/// | `f32`, `f64` | a double, an integer, or their text |
/// | `bool` | a boolean, the integer 0 or 1, or a simple or bulk string `0`, `1`, `false` or `true` |
/// | `&str`, `&[u8]`, `String`, `Vec<u8>`, `Bytes` and the like | a string or a big number |
/// | `Vec<T>`, `VecDeque<T>`, `[T; N]`, sets | an array, a set or a push |
/// | `HashMap`, `BTreeMap`, `Vec` of pairs | a map, an array of alternating keys and values, or an array of pairs |
/// | tuples of two to eight | an array, a set or a push of that length |
/// | `Option<T>` | null as `None`, anything else as `T` |
/// | `Result<T, ErrorReply>` | an error as `Err`, anything else as `T` |
/// | `ReplyRef`, `Reply` | any |
/// | `()` | any except an error |
///
/// If a key occurs twice, `HashMap` and `BTreeMap` keep its last value; a `Vec` keeps all pairs in order.
///
/// # Tuples in an array
/// A server may send a list of pairs as an array of arrays, or as one flat array: `[[a, 1], [b, 2]]` or `[a, 1, b, 2]`.
/// Maps and a `Vec` of tuples are read from both. The first type of the tuple, or the key of the map, decides
/// ([`SHAPE`](FromReply::SHAPE)):
///
/// - If it is read from a scalar, such as a string or a number, an array that begins with an array, whose length
///   is announced, is an array of tuples.
/// - If it is read from an aggregate, such as a map or a list, the array is flat: the replies to `HGETALL` and
///   `SMEMBERS` in turn are a `Vec<(HashMap<String, String>, Vec<String>)>`, however many fields and members there are.
/// - If it is read from anything, such as a `ReplyRef`, the array is an array of tuples only if each of its elements is
///   an array with as many elements as the tuple.
///
/// Unless the type accepts it, an error reply makes the conversion fail, and [`ConversionError::error_reply`] returns
/// its message.
///
/// # Your own types
/// With the feature `derive`, `#[derive(FromReply)]` implements the trait:
///
/// - A struct is read from a map, an array of alternating keys and values, or an array of pairs. Unknown fields are ignored,
///   a missing `Option` is `None`, and any other missing field is an error that names it. If a name occurs twice, its last
///   value counts.
/// - A struct of one field without a name is read as that field, and one of several fields as a tuple of them.
/// - An enum without data is read from the name of a variant.
///
/// A type that borrows from the reply has one lifetime. The attribute `#[resp(…)]` changes names and defaults:
///
/// | on | option | meaning |
/// |---|---|---|
/// | a type | `rename_all = "kebab-case"` | all names in `lowercase`, `UPPERCASE`, `camelCase`, `snake_case` or `kebab-case` |
/// | a field, a variant | `rename = "tcp_port"` | another name |
/// | a field | `default` | if it is missing, its type's `Default` |
/// | a field | `default = "function"` | if it is missing, what the function returns |
///
/// ```
/// # #[cfg(feature = "derive")] {
/// use zresp::FromReply;
///
/// #[derive(FromReply, Debug, PartialEq)]
/// #[resp(rename_all = "kebab-case")]
/// struct Stream<'a> {
///     length: u64,
///     last_generated_id: &'a str,
///     #[resp(default)]
///     groups: u64,
///     recorded_first_entry_id: Option<&'a str>,
/// }
///
/// let wire = b"%2\r\n+length\r\n:3\r\n+last-generated-id\r\n$3\r\n7-0\r\n";
/// let frame = zresp::decode(wire).unwrap().expect("a whole frame");
/// let stream = Stream { length: 3, last_generated_id: "7-0", groups: 0, recorded_first_entry_id: None };
/// assert_eq!(frame.reply().to(), Ok(stream));
///
/// let frame = zresp::decode(b"%1\r\n+length\r\n:3\r\n").unwrap().expect("a whole frame");
/// let error = frame.reply().to::<Stream>().unwrap_err();
/// assert_eq!(error.to_string(), "missing field `last-generated-id`");
/// # }
/// ```
///
/// A type that implements `serde::Deserialize` needs no second description: implement `from_reply` by
/// `zresp::de::from_reply(reply)`. To implement the trait by hand, convert to one of the types above first:
///
/// ```
/// use zresp::{ConversionError, FromReply, ReplyRef};
///
/// #[derive(Debug, PartialEq)]
/// enum Role {
///     Master,
///     Replica,
/// }
///
/// impl<'a> FromReply<'a> for Role {
///     fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
///         match reply.to::<&str>()? {
///             "master" => Ok(Self::Master),
///             "slave" => Ok(Self::Replica),
///             other => {
///                 Err(ConversionError::custom(format_args!("expected a role, found {other:?}"), &reply))
///             }
///         }
///     }
/// }
///
/// let frame = zresp::decode(b"*2\r\n+master\r\n+king\r\n")?.expect("a whole frame");
/// let error = frame.reply().to::<Vec<Role>>().unwrap_err();
/// assert_eq!(error.to_string(), "expected a role, found \"king\" at element 1");
/// # Ok::<(), zresp::Error>(())
/// ```
///
/// ```
/// let frame = zresp::decode(b"*2\r\n*2\r\n$3\r\nada\r\n,1.5\r\n*2\r\n$3\r\nbob\r\n,2\r\n")?;
/// let scores: Vec<(&str, f64)> = frame.expect("a whole frame").reply().to()?;
/// assert_eq!(scores, [("ada", 1.5), ("bob", 2.0)]);
///
/// // The same from the flat array of RESP2.
/// let frame = zresp::decode(b"*4\r\n$3\r\nada\r\n$3\r\n1.5\r\n$3\r\nbob\r\n$1\r\n2\r\n")?;
/// assert_eq!(frame.expect("a whole frame").reply().to::<Vec<(&str, f64)>>()?, scores);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a reply cannot be converted to `{Self}`",
    note = "implement `FromReply` for your own type by converting to one that implements it first",
    note = "a type that implements `serde::Deserialize` is read by `zresp::de::from_reply`"
)]
#[doc(alias = "FromRedisValue")]
#[doc(alias = "parse")]
pub trait FromReply<'a>: Sized {
    /// What values of this type are read from. It decides how an array is read as a list of tuples that begin with this
    /// type: see [above](#tuples-in-an-array).
    const SHAPE: TypeShape = TypeShape::Any;

    /// What vectors of this type are read from: [`TypeShape::Aggregate`], except for `u8`, whose vectors are strings.
    const VEC_SHAPE: TypeShape = TypeShape::Aggregate;

    /// Returns the reply as a value of this type.
    ///
    /// # Errors
    /// Returns an error if the reply is something else; it says what was expected, what was found, and where.
    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError>;

    /// Returns the reply as a vector of such values.
    ///
    /// The default converts each element. It is overridden for `u8`, because a vector of bytes is
    /// also read from a string, and for tuples, because a vector of tuples is also read from a flat
    /// array, and a vector of pairs from a map.
    ///
    /// # Errors
    /// Returns an error if the reply is something else.
    fn vec_from_reply(reply: ReplyRef<'a>) -> Result<Vec<Self>, ConversionError> {
        collect(reply.as_elements()?)
    }

    /// Returns the value of a field that is missing, if that is not an error.
    #[doc(hidden)]
    #[must_use]
    fn if_missing() -> Option<Self> {
        None
    }
}

/// What a type is read from: see [`FromReply::SHAPE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeShape {
    /// A string, a number or another value that holds no others.
    Scalar,
    /// An array, a set, a push or a map.
    Aggregate,
    /// Either.
    Any,
}

impl<'a> ReplyRef<'a> {
    /// Returns the reply as a Rust value: see [`FromReply`].
    ///
    /// # Errors
    /// Returns an error if the reply is something else; it says what was expected, what was found, and where.
    pub fn to<T: FromReply<'a>>(&self) -> Result<T, ConversionError> {
        T::from_reply(*self)
    }
}

/// Converts each element.
pub(super) fn collect<'a, T, C>(elements: Elements<'a>) -> Result<C, ConversionError>
where
    T: FromReply<'a>,
    C: FromIterator<T>,
{
    let convert = |(index, element): (_, ReplyRef<'a>)| {
        element.to().map_err(|error: ConversionError| error.at(Place::Element(index)))
    };
    elements.enumerate().map(convert).collect()
}

/// Implements `FromReply` with an expression.
macro_rules! from_reply {
    ($($shape:ident $type:ty: $reply:ident => $value:expr;)*) => {$(
        impl<'a> FromReply<'a> for $type {
            const SHAPE: TypeShape = TypeShape::$shape;

            #[inline]
            fn from_reply($reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
                $value
            }
        }
    )*};
}

from_reply! {
    Scalar &'a [u8]: reply => reply.as_bytes();
    Scalar Cow<'a, [u8]>: reply => reply.to_bytes();
    Scalar &'a str: reply => reply.as_str();
    Scalar i64: reply => reply.as_i64();
    Scalar f64: reply => reply.as_f64();
    Scalar f32: reply => {
        #[allow(clippy::cast_possible_truncation, reason = "the caller asks for the nearest `f32`")]
        reply.as_f64().map(|value| value as Self)
    };
    Scalar bool: reply => reply.as_bool();
    Aggregate Elements<'a>: reply => reply.as_elements();
    Aggregate Pairs<'a>: reply => reply.as_pairs();
    Scalar Cow<'a, str>: reply => match reply.to_bytes()? {
        Cow::Borrowed(bytes) => core::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
    .ok_or_else(|| ConversionError::value(TEXT, reply.kind()));
    Scalar String: reply => reply.to::<Cow<'_, str>>().map(Cow::into_owned);
    Scalar Box<str>: reply => reply.to::<String>().map(String::into_boxed_str);
    Scalar Box<[u8]>: reply => reply.to_bytes().map(|bytes| bytes.into_owned().into());
    Scalar Bytes: reply => reply.to_bytes().map(|bytes| bytes.into_owned().into());
    Scalar ErrorReply: reply => match reply.as_error() {
        Some(message) => Ok(Self(message.into())),
        None => Err(ConversionError::kind("an error", &reply)),
    };
}

#[cfg(target_has_atomic = "ptr")]
from_reply! {
    Scalar Arc<str>: reply => reply.to::<Cow<'_, str>>().map(Into::into);
}

impl<'a> FromReply<'a> for ReplyRef<'a> {
    fn from_reply(reply: Self) -> Result<Self, ConversionError> {
        Ok(reply)
    }
}

impl<'a> FromReply<'a> for () {
    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        if reply.is_error() { Err(ConversionError::kind("any reply", &reply)) } else { Ok(()) }
    }
}

impl<'a> FromReply<'a> for u8 {
    const SHAPE: TypeShape = TypeShape::Scalar;
    const VEC_SHAPE: TypeShape = TypeShape::Scalar;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        let narrow = |value| Self::try_from(value).ok();
        reply.number("an integer from 0 to 255", integer::parse, narrow)
    }

    fn vec_from_reply(reply: ReplyRef<'a>) -> Result<Vec<Self>, ConversionError> {
        match reply.as_elements() {
            Ok(elements) => collect(elements),
            Err(_) => Ok(reply.to_bytes()?.into_owned()),
        }
    }
}

/// Implements `FromReply` for the other integers.
macro_rules! from_integer {
    ($($type:ty, $expected:literal;)*) => {from_reply! {$(
        Scalar $type: reply => {
            reply.number($expected, integer::parse, |value| Self::try_from(value).ok())
        };
    )*}};
}

from_integer! {
    i8, "an integer from -128 to 127";
    i16, "an integer of 16 bits";
    i32, "an integer of 32 bits";
    i128, "an integer of 128 bits";
    isize, "an integer of the machine's size";
    u16, "an unsigned integer of 16 bits";
    u32, "an unsigned integer of 32 bits";
    u64, "an unsigned integer";
    u128, "an unsigned integer of 128 bits";
    usize, "an unsigned integer of the machine's size";
}

impl<'a, T: FromReply<'a>> FromReply<'a> for Option<T> {
    const SHAPE: TypeShape = T::SHAPE;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        reply.non_null().map(|reply| reply.to()).transpose()
    }

    fn if_missing() -> Option<Self> {
        Some(None)
    }
}

impl<'a, T: FromReply<'a>> FromReply<'a> for Box<T> {
    const SHAPE: TypeShape = T::SHAPE;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        reply.to().map(Self::new)
    }
}

impl<'a, T: FromReply<'a>> FromReply<'a> for Result<T, ErrorReply> {
    const SHAPE: TypeShape = T::SHAPE;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        match reply.as_error() {
            Some(message) => Ok(Err(ErrorReply(message.to_owned()))),
            None => reply.to().map(Ok),
        }
    }
}

/// The message of an error reply, owned.
///
/// ```
/// use zresp::ErrorReply;
///
/// let frame = zresp::decode(b"*2\r\n:1\r\n-WRONGTYPE no list\r\n")?.expect("a whole frame");
/// let results: Vec<Result<i64, ErrorReply>> = frame.reply().to()?;
/// assert_eq!(results[0], Ok(1));
/// assert_eq!(results[1].as_ref().unwrap_err().code(), b"WRONGTYPE");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ErrorReply(Vec<u8>);

impl ErrorReply {
    /// Returns an error with this message: a code, a space and a text.
    #[must_use]
    pub fn new(message: impl Into<Vec<u8>>) -> Self {
        Self(message.into())
    }

    /// Returns the whole message.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.0
    }

    /// Returns the code, which is the first word of the message: `ERR`, `WRONGTYPE`, `MOVED`.
    #[must_use]
    pub fn code(&self) -> &[u8] {
        self.0.split(|byte| *byte == b' ').next().unwrap_or_default()
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::text(&self.0, f)
    }
}

impl fmt::Debug for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorReply({self})")
    }
}

impl core::error::Error for ErrorReply {}
