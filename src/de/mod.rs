//! Replies as types that implement [`serde::Deserialize`].
//!
//! Available with the feature `serde`.
//!
//! [`Decoder::decode_as`](FrameDecoder::decode_as) and [`from_bytes`] read a frame in one pass over its bytes;
//! [`from_reply`] reads a view. What a type does not read is skipped. Text and bytes are borrowed if the type
//! borrows them. The forms of both protocols are read alike:
//!
//! | type | replies |
//! |---|---|
//! | structs, maps | a map, an array of alternating keys and values, or an array of pairs |
//! | sequences, tuples | an array, a set or a push; a map as a sequence of pairs |
//! | sequences of tuples | the same, or a [flat array](#flat-or-nested) |
//! | options | null as `None`, anything else as `Some` |
//! | numbers, booleans | what [`FromReply`](crate::FromReply) accepts |
//! | enums | a string for a variant without data; otherwise a map or an array of the name and the data |
//! | newtypes | what the inner type reads |
//! | unit | anything except an error |
//!
//! A key of a map, and the name of a field, have any kind. Where the type asks for a string, a number, `true` or `false`
//! is given as its text, as RESP writes it: `serde_json::Value` asks for strings.
//!
//! A type that accepts any value, such as `serde_json::Value`, gets a value according to the kind of each reply:
//! text where a RESP2 server sent numbers as text, and a sequence where it sent a map as an array. An error inside another
//! reply, as `EXEC` sends, is a map of one pair: `error` and the message. Text that is not UTF-8 is given as bytes.
//! `serde_json::Value` does not accept them, and the error has the path to them:
//! [`ReplyDeserializer::with_bytes_as_numbers`] gives them as numbers. To make JSON of any reply,
//! [serialize the reply](crate::ser#replies-as-serde-values), as `serde_json::to_value(frame.reply())` does.
//!
//! The map or array of a variant with data must have an announced length. Servers do not stream such small aggregates.
//!
//! Unless the type ignores it or accepts any value, an error reply makes the conversion fail, and the error carries its
//! message. Errors name the path to the value.
//!
//! ```
//! #[derive(serde::Deserialize)]
//! struct Player<'a> {
//!     name: &'a str,
//!     level: u8,
//!     #[serde(default)]
//!     guild: Option<&'a str>,
//! }
//!
//! // `HGETALL` in RESP2, and in RESP3.
//! for wire in [
//!     b"*4\r\n$4\r\nname\r\n$3\r\nada\r\n$5\r\nlevel\r\n$2\r\n37\r\n".as_slice(),
//!     b"%2\r\n$4\r\nname\r\n$3\r\nada\r\n$5\r\nlevel\r\n$2\r\n37\r\n",
//! ] {
//!     let frame = zresp::decode(wire)?.expect("a whole frame");
//!     let player: Player<'_> = zresp::de::from_reply(frame.reply())?;
//!     assert_eq!((player.name, player.level, player.guild), ("ada", 37, None));
//! }
//!
//! let frame = zresp::decode(b"*2\r\n$5\r\nlevel\r\n$4\r\nhigh\r\n")?.expect("a whole frame");
//! let error = zresp::de::from_reply::<Player<'_>>(frame.reply()).err().expect("not a number");
//! assert_eq!(
//!     error.to_string(),
//!     "expected an integer from 0 to 255, found a bulk string that is not one at field \"level\"",
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Flat or nested
//!
//! Servers send a list of tuples as a flat array, `[a, 1, b, 2]`, or as an array of arrays, `[[a, 1], [b, 2]]`. The type
//! decides which of the two is read, together with the number of elements:
//!
//! | type | an array or a set is read as |
//! |---|---|
//! | structs | arrays of a name and a value if it begins with an array, otherwise flat |
//! | maps | pairs, flat or nested: the type of the key decides |
//! | sequences of tuples, of tuple structs or of `[T; N]`, with two values or more | tuples, flat or nested: the type of the first value decides |
//! | other sequences, and tuples that are not in a sequence | one value for each element |
//!
//! | the key or the first value is | the list is |
//! |---|---|
//! | a scalar, such as a string, a number or a `bool` | nested if it begins with an array whose length is announced, otherwise flat |
//! | a sequence, a tuple, a map or a struct | flat |
//! | anything, such as an enum, `()` or `serde_json::Value` | nested if each of its elements is an array with as many elements as a tuple has values, otherwise flat. The list is looked through once to find out |
//! | an option or a newtype | as for the type in it |
//!
//! These are the rules of [`ReplyRef::to`](crate::FromReply#tuples-in-an-array). The results differ only where serde does
//! not tell the types apart:
//!
//! - A `[T; N]`, a `Box` of a tuple, and a set of tuples are read like a tuple and a vector of tuples. `to` reads none of
//!   them from a flat array.
//! - `[(A, B); N]` is a tuple to serde, and is not read from a flat array.
//! - `Vec<u8>` is a sequence of numbers to serde, unless the type asks for bytes.
//! - Any sequence is read from a map. With `to`, only a `Vec` of pairs is.
//! - If the first value is an option, and the first array begins with null, the list is read as if the option could hold
//!   anything.
//! - An empty set is not a map, whatever the keys are.
//! - A `String` as the key of a map is read from numbers and booleans too.

mod access;
mod cursor;
mod deserializer;
mod list;
mod value;

use core::fmt;

use serde::Deserialize;
use serde::de::{Expected, Unexpected};

use crate::convert::{ConversionError, Converted};
use crate::decode::{Decoder, FrameDecoder, Replies};
use crate::error::Error;
use crate::limits::Limits;
use crate::view::ReplyRef;

pub use deserializer::ReplyDeserializer;

use cursor::Cursor;
use value::Value;

/// Returns the reply as a value of a type that implements `Deserialize`.
///
/// A recursive type is read recursively, to at most 128 levels. `serde_json::Value` uses up to two kilobytes of
/// stack for each level.
///
/// # Errors
/// Returns an error if the reply is something else, if the type reads values nested deeper than 128 levels, or if it
/// nests more than 128 options and newtypes directly in one another.
#[doc(alias = "deserialize")]
#[doc(alias = "serde")]
pub fn from_reply<'de, T: Deserialize<'de>>(reply: ReplyRef<'de>) -> Result<T, ConversionError> {
    let (mut cursor, head) = Cursor::of_reply(reply);
    T::deserialize(Value::given(&mut cursor, head))
}

/// Returns the reply that `buf` begins with as a value of a type that implements `Deserialize`, and the size of its
/// frame in bytes, or `None` if the frame is incomplete.
///
/// This is [`decode`](crate::decode()) and [`from_reply`] in one pass. To resume when more bytes have arrived, use
/// [`Decoder::decode_as`](FrameDecoder::decode_as).
///
/// ```
/// let buffer = b"*2\r\n:1\r\n:2\r\n+OK\r\n";
/// let (numbers, size) = zresp::de::from_bytes::<Vec<u8>>(buffer)?.expect("a whole frame");
/// assert_eq!((numbers?, size), (vec![1, 2], 12));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of [`decode`](crate::decode()). A failed conversion is not among them: it is returned with the size of the
/// frame.
pub fn from_bytes<'de, T: Deserialize<'de>>(buf: &'de [u8]) -> Result<Option<Converted<T>>, Error> {
    match in_one_pass(buf, Limits::new()) {
        Some((value, size)) => Ok(Some((Ok(value), size))),
        None => in_two_passes(&mut Decoder::new(), buf),
    }
}

impl FrameDecoder<Replies> {
    /// Returns the frame that `buf` begins with as a value of a type that implements `Deserialize`, and the size of
    /// the frame in bytes, or `None` if more bytes are needed.
    ///
    /// The result is that of [`decode`](Self::decode) and [`de::from_reply`](from_reply), and the rules for the buffer
    /// are those of `decode`: the two may be called alternately. But a whole frame is read in one pass: each byte
    /// is checked when the type reads or skips it. Only a frame that is incomplete in the first call, or whose
    /// conversion fails, is decoded first and then read. So the type may be read twice, and the first result dropped.
    ///
    /// An error reply inside an array fails the conversion. To keep such errors, as in the reply to `EXEC`, use
    /// [`decode`](Self::decode) and convert each element, or [`decode_to`](Self::decode_to) with
    /// `Result<T, ErrorReply>`.
    ///
    /// If the conversion fails, the frame is still decoded to its end. Drop `size` bytes from the buffer and
    /// continue with the next frame, whatever the value is.
    ///
    /// ```
    /// let mut decoder = zresp::Decoder::new();
    /// let buffer = b"*2\r\n:1\r\n:2\r\n-ERR no\r\n*1\r\n:3\r\n*1\r\n:";
    /// let (mut at, mut found) = (0, Vec::new());
    /// while let Some((numbers, size)) = decoder.decode_as::<Vec<i64>>(&buffer[at..])? {
    ///     at += size;
    ///     found.push(numbers.map_err(|error| error.to_string()));
    /// }
    /// assert_eq!(found, [Ok(vec![1, 2]), Err("error reply: ERR no".to_owned()), Ok(vec![3])]);
    /// assert_eq!(&buffer[at..], b"*1\r\n:");
    /// # Ok::<(), zresp::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`decode`](Self::decode). A failed conversion is not among them: it is returned with the size of the
    /// frame.
    #[doc(alias = "deserialize")]
    #[doc(alias = "serde")]
    pub fn decode_as<'de, T: Deserialize<'de>>(
        &mut self,
        buf: &'de [u8],
    ) -> Result<Option<Converted<T>>, Error> {
        let limits = self.fresh_limits().copied();
        match limits.and_then(|limits| in_one_pass(buf, limits)) {
            Some((value, size)) => Ok(Some((Ok(value), size))),
            None => in_two_passes(self, buf),
        }
    }
}

/// Reads a whole frame that has not been validated. `None` if that fails for any reason.
fn in_one_pass<'de, T: Deserialize<'de>>(buf: &'de [u8], limits: Limits) -> Option<(T, usize)> {
    let mut cursor = Cursor::of_bytes(buf, limits);
    let start = cursor.spot();
    let value = T::deserialize(Value::next(&mut cursor)).ok()?;
    cursor.end_value(start, 1);
    Some((value, cursor.size_read()?))
}

/// Decodes a frame, then reads it.
fn in_two_passes<'de, T: Deserialize<'de>>(
    decoder: &mut Decoder,
    buf: &'de [u8],
) -> Result<Option<Converted<T>>, Error> {
    let frame = decoder.decode(buf)?;
    Ok(frame.map(|frame| (from_reply(frame.reply()), frame.wire().len())))
}

impl serde::de::Error for ConversionError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::custom(text, &ReplyRef::Null)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let hint = match found {
            Unexpected::Bytes(bytes) if core::str::from_utf8(bytes).is_err() => {
                " (for text that is not UTF-8, use `ReplyDeserializer::with_bytes_as_numbers`)"
            }
            _ => "",
        };
        <Self as serde::de::Error>::custom(format_args!(
            "invalid type: {found}, expected {expected}{hint}"
        ))
    }
}
