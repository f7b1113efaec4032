//! Replies and arguments from types that implement [`serde::Serialize`].
//!
//! Available with the feature `serde`.
//!
//! [`to_reply`] returns a tree. Once it is written and decoded,
//! [`from_reply`](crate::de::from_reply) reads the value back:
//!
//! | type | reply |
//! |---|---|
//! | numbers, booleans | integer, big number, double or boolean |
//! | strings, bytes | bulk string |
//! | sequences, tuples | array |
//! | structs, maps | map |
//! | `None`, unit | null |
//! | enum variant without data | bulk string of its name |
//! | enum variant with data | map of one pair: the name and the data |
//!
//! A `Vec<u8>` is a sequence to serde, so it becomes an array of integers. With the crate `serde_bytes` it becomes a
//! bulk string.
//!
//! [`push_arguments`] appends a value to a command.
//!
//! ```
//! use zresp::{CommandBuf, Reply, ser};
//!
//! #[derive(serde::Serialize)]
//! struct Player<'a> {
//!     name: &'a str,
//!     level: u8,
//!     guild: Option<&'a str>,
//! }
//! let player = Player { name: "ada", level: 37, guild: None };
//!
//! let expected = [
//!     ("name", Reply::from("ada")),
//!     ("level", Reply::from(37)),
//!     ("guild", Reply::Null),
//! ];
//! assert_eq!(ser::to_reply(&player)?, Reply::map(expected));
//!
//! // Fields that are `None` are left out of a command.
//! let mut command = CommandBuf::new("HSET").arg("player:1");
//! ser::push_arguments(&mut command, &player)?;
//! assert_eq!(command, CommandBuf::new("HSET").arg("player:1").arg("name").arg("ada").arg("level").arg(37));
//! # Ok::<(), ser::SerializeError>(())
//! ```
//!
//! # Replies as serde values
//!
//! [`ReplyRef`](crate::ReplyRef), [`Decoded`](crate::Decoded), [`Frame`](crate::Frame) and [`Reply`] implement
//! [`Serialize`], for logs and for tools that print replies in other formats:
//!
//! | reply | serde value |
//! |---|---|
//! | strings, big numbers | text; bytes if they are not UTF-8 |
//! | integers, doubles, booleans | the same |
//! | nulls | none |
//! | errors | a map of one pair: `error` and the message, with U+FFFD for what is not UTF-8 |
//! | arrays, sets, pushes | sequences |
//! | maps | maps, in order and with all keys |
//! | attributes | nothing |
//!
//! In JSON, bytes are arrays of numbers, and integers as keys are text. JSON has no form for keys that are aggregates,
//! errors, nulls or bytes, nor for infinite doubles as keys: `serde_json` returns an error, and writes such doubles elsewhere as null. Values
//! nested deeper than 128 levels are an error.
//!
//! ```
//! let frame = zresp::decode(b"%2\r\n:1\r\n*2\r\n+OK\r\n-ERR no\r\n+raw\r\n$2\r\n\xff\x00\r\n")?.expect("a whole frame");
//! let json = serde_json::to_string(&frame)?;
//! assert_eq!(json, r#"{"1":["OK",{"error":"ERR no"}],"raw":[255,0]}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod receiver;
mod reply;
mod serializer;

use alloc::boxed::Box;
use alloc::string::ToString;
use core::fmt;

use serde::Serialize;

use crate::encode::CommandBuf;
use crate::escape;
use crate::tree::{Builder, Reply};

pub(crate) use reply::ERROR;
use serializer::ValueSerializer;

/// Returns the value as a reply.
///
/// # Errors
/// Returns an error if the type's `Serialize` fails, or leaves an array or a map unfinished.
#[doc(alias = "serialize")]
#[doc(alias = "serde")]
pub fn to_reply<T: Serialize + ?Sized>(value: &T) -> Result<Reply, SerializeError> {
    let mut builder = Builder::default();
    value.serialize(ValueSerializer(&mut builder))?;
    match builder.mark() {
        (0, 1) => Ok(builder.finish()),
        _ => Err(unfinished()),
    }
}

/// Appends the value to a command.
///
/// A number or a string becomes one argument, and a boolean becomes 1 or 0. `None` and unit add no argument. The
/// elements of a sequence follow one another, as do the keys and values of structs and maps. If a value adds no
/// argument, its key is left out, too. A variant of an enum becomes its name, followed by its data, if it has any.
///
/// # Errors
/// Returns an error if a key is not exactly one argument, if its value is more than one, or if the type's `Serialize`
/// fails. Nothing is appended in that case.
#[doc(alias = "serialize")]
pub fn push_arguments<T: Serialize + ?Sized>(
    command: &mut CommandBuf,
    value: &T,
) -> Result<(), SerializeError> {
    let mark = command.mark();
    let result = value.serialize(ValueSerializer(&mut *command));
    if result.is_err() {
        command.truncate(mark);
    }
    result
}

/// A value that cannot be written as a reply or as arguments.
#[derive(Clone, PartialEq, Eq)]
pub struct SerializeError(Box<str>);

impl fmt::Display for SerializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::text(self.0.as_bytes(), f)
    }
}

impl fmt::Debug for SerializeError {
    /// Writes the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SerializeError({self})")
    }
}

impl core::error::Error for SerializeError {}

impl serde::ser::Error for SerializeError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(text.to_string().into())
    }
}

/// A value was left unfinished, or a key has no value.
fn unfinished() -> SerializeError {
    serde::ser::Error::custom("a value that is not written to its end")
}
