//! Replies as types that implement [`serde::Deserialize`].
//!
//! Available with the feature `serde`.
//!
//! [`from_reply`] reads a view in one pass, whatever the nesting. Text and bytes are borrowed where the type
//! borrows them. The shapes of both protocols are read alike:
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
//! A type that takes any value, such as `serde_json::Value`, gets what the kind of each reply says: text where
//! a RESP2 server sent numbers as text, and a sequence where it sent a map.
//!
//! An array or a set counts as one of pairs if its first element is an array of two with an announced length. The
//! map or array of a variant with data must have an announced length, too. Servers do not stream such small
//! aggregates.
//!
//! An error reply fails the conversion, and the error has its message. Errors tell the way to the value.
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

/// Returns the reply as a value of a type of serde.
///
/// A recursive type is read by recursion, to at most 128 levels. `serde_json::Value` takes up to two kilobytes
/// of stack for each level.
///
/// # Errors
/// The reply is something else, or the type nests deeper than 128 levels. Options and newtypes count as
/// levels, too.
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
