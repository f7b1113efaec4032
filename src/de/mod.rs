//! Replies as types that implement [`serde::Deserialize`].
//!
//! Available with the feature `serde`.
//!
//! [`from_reply`] reads a view in one pass. What a type does not read is skipped. Text and bytes
//! are borrowed if the type borrows them. The forms of both protocols are read alike:
//!
//! | type | replies |
//! |---|---|
//! | structs, maps | a map, an array of alternating keys and values, or an array of pairs |
//! | sequences, tuples | an array, a set or a push; a map as a sequence of pairs |
//! | options | null as `None`, anything else as `Some` |
//! | numbers, booleans | what [`FromReply`](crate::FromReply) accepts |
//! | enums | a string for a variant without data; otherwise a map or an array of the name and the data |
//! | newtypes | what the inner type reads |
//! | unit | anything except an error |
//!
//! A type that accepts any value, such as `serde_json::Value`, gets a value according to the kind of each reply:
//! text where a RESP2 server sent numbers as text, and a sequence where it sent a map as an array.
//!
//! An array is read as an array of pairs if its first element is an array of two with an announced length. The map or
//! array of a variant with data must have an announced length, too. Servers do not stream such small aggregates.
//! A sequence of tuples is read from an array of arrays or from a map, never from a flat array: its elements are those on
//! the wire. [`ReplyRef::to`](crate::ReplyRef::to) reads flat arrays too.
//!
//! Unless the type ignores it, an error reply makes the conversion fail, and the error carries its message. Errors
//! name the path to the value.
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

mod access;
mod cursor;
mod value;

use core::fmt;

use serde::Deserialize;

use crate::convert::ConversionError;
use crate::view::ReplyRef;

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

impl serde::de::Error for ConversionError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::custom(text, &ReplyRef::Null)
    }
}
