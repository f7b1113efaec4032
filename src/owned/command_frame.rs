//! A whole command that owns its bytes.

use core::fmt;

use bytes::Bytes;

use crate::command::{Command, CommandRef, Request};
use crate::decode::Requests;
use crate::limits::LinePolicy;
use crate::validate::ValuePlace;

use super::frame::OwnedFrame;

/// A whole, validated command that owns its bytes: the counterpart of [`Frame`](crate::Frame) for
/// requests.
///
/// As with `Frame`, all commands taken off one buffer share its allocation, which lives until the last
/// of them, or the last argument obtained with [`share`](OwnedFrame::share), is dropped. Copy small
/// commands that you keep, with [`compact`](OwnedFrame::compact) or [`Command::to_frame`].
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
pub type CommandFrame = OwnedFrame<Requests>;

impl CommandFrame {
    /// A command with this validated wire form.
    pub(crate) const fn of_command(wire: Bytes) -> Self {
        Self::of_wire(wire, ValuePlace::new(0, LinePolicy::Strict))
    }

    /// Returns the command.
    #[must_use]
    #[inline]
    pub fn command(&self) -> Command<'_> {
        match Request::read(self.wire(), self.bounds()) {
            Some(request) => request.command(),
            // The bytes are validated and do not change, so there always is a command.
            None => Command::Array(CommandRef::read(&[])),
        }
    }
}

impl Command<'_> {
    /// Copies the command into an allocation of its exact size.
    #[must_use]
    pub fn to_frame(&self) -> CommandFrame {
        CommandFrame::of_command(Bytes::copy_from_slice(self.wire()))
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
