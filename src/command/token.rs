//! Commands as flat sequences: [`CommandToken`].

use super::InlineCommand;

/// What a [`CommandTokenReader`](crate::CommandTokenReader) returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
