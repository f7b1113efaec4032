//! From types that implement [`serde::Serialize`] to replies and to the arguments of commands.
//!
//! [`to_reply`] gives what [`from_reply`](crate::de::from_reply) reads back: structs and maps are maps,
//! sequences arrays, text and what serde calls bytes bulk strings (but a `Vec<u8>` is a sequence), `None` and unit null, a variant without data its name,
//! any other a map of one pair. [`push_arguments`] appends what a command takes.
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
//! # Ok::<(), ser::Error>(())
//! ```

mod aggregates;
mod arguments;
mod reply;

use alloc::boxed::Box;
use alloc::string::ToString;
use core::fmt;

use serde::Serialize;

use crate::encode::CommandBuf;
use crate::tree::{Builder, Reply};

/// Returns the reply that the value is.
///
/// # Errors
/// What the type itself refuses, and a type that does not write all of what it begins.
pub fn to_reply<T: Serialize + ?Sized>(value: &T) -> Result<Reply, Error> {
    let mut builder = Builder::default();
    value.serialize(reply::Serializer::new(&mut builder))?;
    match builder.mark() {
        (0, 1) => Ok(builder.finish()),
        _ => Err(reply::unfinished()),
    }
}

/// Appends the value to a command: a number or a string as one argument, the elements of sequences one
/// after the other, the pairs of structs and maps as keys and values, `None` and unit as nothing. A
/// boolean is 1 or 0. A pair whose value is nothing is left out with its key.
///
/// # Errors
/// A key or the value of a pair that is more than one argument, and what the type itself refuses. Nothing
/// has been appended then.
pub fn push_arguments<T: Serialize + ?Sized>(
    command: &mut CommandBuf,
    value: &T,
) -> Result<(), Error> {
    let mark = command.mark();
    let result = value.serialize(arguments::Serializer::new(command));
    if result.is_err() {
        command.truncate(mark);
    }
    result
}

/// A value that cannot be written as a reply or as arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<str>);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Error {}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(text.to_string().into())
    }
}
