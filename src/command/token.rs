//! Commands as flat sequences: [`CommandToken`].

use core::fmt;

use crate::escape::Shortened;

use super::InlineCommand;

/// What a [`CommandTokenReader`](crate::CommandTokenReader) returns.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandToken<'a> {
    /// An array begins. Its arguments follow, then its [`Close`](CommandToken::Close).
    Open {
        /// The number of arguments, including the name: at least 1.
        len: usize,
    },
    /// An argument of the array. The first is the name of the command.
    Argument(&'a [u8]),
    /// The array ends, and with it the command.
    Close,
    /// A whole command in the form of a line.
    Inline(InlineCommand<'a>),
    /// An empty line or an empty array, which servers skip between two commands.
    Skipped,
}

impl fmt::Debug for CommandToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { len } => f.debug_struct("Open").field("len", len).finish(),
            Self::Argument(argument) => {
                f.debug_tuple("Argument").field(&Shortened(argument)).finish()
            }
            Self::Close => f.write_str("Close"),
            Self::Inline(line) => f.debug_tuple("Inline").field(line).finish(),
            Self::Skipped => f.write_str("Skipped"),
        }
    }
}
