//! What an append-only file consists of: [`AofEntry`].

use std::fmt;

use crate::command::CommandRef;
use crate::escape;

use super::snapshot::Snapshot;

/// A part of an append-only file, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AofEntry<'a> {
    /// The offset of the first byte in the file.
    pub offset: u64,
    /// The number of bytes in the file.
    pub size: u64,
    /// The snapshot, annotation or command.
    pub content: AofContent<'a>,
}

/// The content of an [`AofEntry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AofContent<'a> {
    /// The snapshot that a file may begin with. Its bytes are passed over.
    #[doc(alias = "rdb")]
    #[doc(alias = "preamble")]
    Snapshot(Snapshot),
    /// A line that begins with `#`.
    Annotation(Annotation<'a>),
    /// A command, as a view of the reader's buffer.
    Command(CommandRef<'a>),
}

impl<'a> AofContent<'a> {
    /// Returns the command, if it is one.
    #[must_use]
    pub const fn as_command(&self) -> Option<CommandRef<'a>> {
        match self {
            Self::Command(command) => Some(*command),
            _ => None,
        }
    }
}

/// A line that begins with `#`. Servers write the time of the commands after it, `#TS:` and seconds, with
/// `aof-timestamp-enabled`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Annotation<'a> {
    wire: &'a [u8],
}

impl<'a> Annotation<'a> {
    pub(super) const fn new(wire: &'a [u8]) -> Self {
        Self { wire }
    }

    /// Returns the bytes of the line, including its line end. A line of more than 1023 bytes is cut there, as in
    /// servers.
    #[must_use]
    pub const fn wire(&self) -> &'a [u8] {
        self.wire
    }

    /// Returns the time of `#TS:`, in seconds since 1970; `None` for another annotation.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        let digits = self.wire.strip_prefix(b"#TS:")?.strip_suffix(b"\r\n")?;
        let is_number = digits.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
    }
}

impl fmt::Debug for Annotation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Annotation(")?;
        escape::bytes(self.wire.trim_ascii_end(), f)?;
        f.write_str(")")
    }
}
