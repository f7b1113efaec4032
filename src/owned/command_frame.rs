//! A whole request that owns its bytes.

use core::fmt;

use bytes::Bytes;

use crate::command::{Command, CommandRef, Request};
use crate::decode::CommandDecoder;
use crate::decode::resume::Bounds;
use crate::error::Error;

use super::buffer::{self, FrameBuffer};

/// A whole, validated command that owns its bytes: what a [`Frame`](super::Frame) is for replies.
///
/// As there, all that was taken off one buffer shares one allocation, which lives as long as the last of it,
/// arguments that were taken out by [`share`](Self::share) included: keep small ones as copies.
///
/// ```
/// use bytes::BytesMut;
/// use zresp::{Command, CommandDecoder};
///
/// let mut buffer = BytesMut::from(&b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n"[..]);
/// let frame = CommandDecoder::new().decode_frame(&mut buffer)?.expect("a whole command");
/// let Command::Array(command) = frame.command() else { panic!() };
/// assert_eq!((command.name(), command.arg(1)), (&b"GET"[..], Some(&b"k"[..])));
/// assert_eq!(&buffer[..], b"*1\r\n");
/// # Ok::<(), zresp::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CommandFrame {
    wire: Bytes,
}

impl CommandFrame {
    /// A command that has this wire form, which has been validated.
    pub(crate) const fn of_wire(wire: Bytes) -> Self {
        Self { wire }
    }

    /// Returns the command.
    #[must_use]
    #[inline]
    pub fn command(&self) -> Command<'_> {
        let bounds = Bounds { len: self.wire.len(), value_at: 0 };
        match Request::read(&self.wire, bounds) {
            Some(request) => request.command,
            // The bytes are validated and do not change, so that there always is a command.
            None => Command::Array(CommandRef::read(&[])),
        }
    }

    /// Returns the exact bytes of the command, ready to forward, without what was skipped in front of
    /// it.
    #[must_use]
    pub const fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// Returns the exact bytes of the command.
    #[must_use]
    pub fn into_wire(self) -> Bytes {
        self.wire
    }

    /// Returns a part of the command, such as an argument, without copying; `None` if it is no part of
    /// it. An argument of an inline command that is written with escapes is none.
    #[must_use]
    pub fn share(&self, part: &[u8]) -> Option<Bytes> {
        buffer::part(&self.wire, part)
    }

    /// Returns the command in an allocation of its own, of the exact size.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self { wire: Bytes::copy_from_slice(&self.wire) }
    }
}

impl CommandDecoder {
    /// Takes the request that the buffer begins with off it, without copying; `None` if more bytes are
    /// needed.
    ///
    /// Empty lines and empty arrays are taken off the buffer even where no command follows them. For the
    /// rest, it is [`decode`](Self::decode).
    ///
    /// # Errors
    /// Those of `decode`; the buffer stays as it is.
    #[inline]
    pub fn decode_frame(
        &mut self,
        buffer: &mut impl FrameBuffer,
    ) -> Result<Option<CommandFrame>, Error> {
        let Some(Request { command, wire }) = self.decode(buffer)? else {
            buffer.skip(self.take_skipped());
            return Ok(None);
        };
        let (len, own) = (wire.len(), command.wire().len());
        let mut wire = buffer.take(len);
        if own < len {
            wire = wire.split_off(len - own);
        }
        Ok(Some(CommandFrame { wire }))
    }
}

impl Command<'_> {
    /// Returns the command in one exact copy.
    #[must_use]
    pub fn to_frame(&self) -> CommandFrame {
        CommandFrame { wire: Bytes::copy_from_slice(self.wire()) }
    }
}

impl From<Command<'_>> for CommandFrame {
    fn from(command: Command<'_>) -> Self {
        command.to_frame()
    }
}

impl From<CommandRef<'_>> for CommandFrame {
    fn from(command: CommandRef<'_>) -> Self {
        Command::from(command).to_frame()
    }
}

impl fmt::Debug for CommandFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.command().fmt(f)
    }
}
