//! From replies to types that implement [`serde::Deserialize`].
//!
//! [`from_reply`] reads a view in one flat pass, whatever the nesting: text and bytes are borrowed where
//! the type borrows. The shapes of both protocols are read alike:
//!
//! | type | replies |
//! |---|---|
//! | structs and maps | a map, an array of keys and values by turns, or an array of pairs |
//! | sequences, tuples | an array, a set or a push; a map as a sequence of pairs |
//! | options | null as `None` |
//! | numbers, booleans | by kind, or as text |
//! | enums | a string for a variant without data; else a map or an array of the variant and its data |
//! | newtypes | what they hold |
//! | unit | anything but an error |
//!
//! Bytes are read by types that ask serde for bytes, such as `&[u8]` or those of the crate `serde_bytes`: a
//! `Vec<u8>` asks for a sequence of numbers, as which no string is read. What asks for any type at all, as
//! `flatten` and tagged enums do, gets what the kind of each reply says: text where a RESP2 server has sent
//! numbers as text, a sequence where it has sent a map.
//!
//! The pairs that make a map of an array, and what is read as an enum, are of announced lengths: streamed ones, which
//! no server sends, are refused there.
//!
//! An error reply is an error that has its message. Errors name the way to the value.
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
//! let error = zresp::de::from_reply::<Player<'_>>(frame.reply()).err().expect("no number");
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

/// Returns the value of Rust that the reply is.
///
/// A recursive type is read by recursion, to 128 levels: `serde_json::Value` takes up to two kilobytes of
/// stack for each.
///
/// # Errors
/// A reply that is something else, and one that the type nests deeper than 128 levels, be they options and
/// newtypes alone.
pub fn from_reply<'de, T: Deserialize<'de>>(reply: ReplyRef<'de>) -> Result<T, ConversionError> {
    let (mut cursor, head) = Cursor::of_reply(reply);
    T::deserialize(Value::given(&mut cursor, head))
}

impl serde::de::Error for ConversionError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::custom(text, &ReplyRef::Null)
    }
}
