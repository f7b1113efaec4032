//! Commands on the wire.

use core::fmt;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use crate::command::{Command, CommandRef, InlineCommand};
use crate::escape;
use crate::owned::CommandFrame;
use crate::sink::{Out, Sink};

use super::double::DoubleText;
use super::{EncodeError, Protocol, sealed};

/// The longest header has a type byte, twenty digits and a line end; behind the payload there is another.
const HEADER: usize = 1 + 20 + 2 + 2;

/// What can be an argument of a command: bytes and text as they are, numbers as decimal text.
///
/// A reference to an `Argument` is one, `&dyn Argument` among them, for commands of mixed types. It cannot be
/// implemented by other types: what a command is measured by is what is written.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a command",
    note = "bytes, text, integers and floating-point numbers can, and references to them"
)]
pub trait Argument: ArgumentBytes {}

impl<T: ArgumentBytes + ?Sized> Argument for T {}

/// What has the bytes of an argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a command",
    note = "bytes, text, integers and floating-point numbers can, and references to them"
)]
pub trait ArgumentBytes {
    /// The bytes, which may lie in the scratch space.
    fn bytes<'a>(&'a self, scratch: &'a mut Scratch) -> &'a [u8];
}

/// Room for the text of a number.
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "no caller sees it")]
pub struct Scratch(Text);

#[derive(Default)]
enum Text {
    #[default]
    None,
    Integer(itoa::Buffer),
    Double(DoubleText),
}

impl<T: ArgumentBytes + ?Sized> ArgumentBytes for &T {
    fn bytes<'a>(&'a self, scratch: &'a mut Scratch) -> &'a [u8] {
        (**self).bytes(scratch)
    }
}

/// Implements `Argument` for what is bytes already.
macro_rules! slices {
    ($($type:ty)*) => {$(
        impl ArgumentBytes for $type {
            #[inline]
            fn bytes<'a>(&'a self, _: &'a mut Scratch) -> &'a [u8] {
                AsRef::<[u8]>::as_ref(&**self)
            }
        }
    )*};
}

slices!(String Vec<u8> Bytes BytesMut Box<[u8]> Box<str> Cow<'_, [u8]> Cow<'_, str>);

impl ArgumentBytes for str {
    #[inline]
    fn bytes<'a>(&'a self, _: &'a mut Scratch) -> &'a [u8] {
        self.as_bytes()
    }
}

impl ArgumentBytes for [u8] {
    #[inline]
    fn bytes<'a>(&'a self, _: &'a mut Scratch) -> &'a [u8] {
        self
    }
}

impl<const N: usize> ArgumentBytes for [u8; N] {
    #[inline]
    fn bytes<'a>(&'a self, _: &'a mut Scratch) -> &'a [u8] {
        self
    }
}

/// Implements `Argument` for integers.
macro_rules! integers {
    ($($type:ty)*) => {$(
        impl ArgumentBytes for $type {
            fn bytes<'a>(&'a self, scratch: &'a mut Scratch) -> &'a [u8] {
                scratch.0 = Text::Integer(itoa::Buffer::new());
                match &mut scratch.0 {
                    Text::Integer(buffer) => buffer.format(*self).as_bytes(),
                    _ => &[],
                }
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// Implements `Argument` for doubles.
macro_rules! doubles {
    ($($type:ty)*) => {$(
        impl ArgumentBytes for $type {
            fn bytes<'a>(&'a self, scratch: &'a mut Scratch) -> &'a [u8] {
                scratch.0 = Text::Double(DoubleText::new(*self));
                match &scratch.0 {
                    Text::Double(text) => text.as_bytes(),
                    _ => &[],
                }
            }
        }
    )*};
}

doubles!(f32 f64);

/// A command of these arguments, its name first, to be written by [`Encode`](super::Encode).
///
/// Arguments of different types are references to `dyn Argument`; to add them one by one there is
/// [`CommandBuf`]. Commands have one form in both protocols.
///
/// ```
/// use zresp::{Argument, Arguments, Encode, Protocol};
///
/// let mut out = Vec::new();
/// Arguments(&["SET", "key", "value"]).encode(Protocol::Resp2, &mut out)?;
/// assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n");
///
/// let mixed: &[&dyn Argument] = &[&"EXPIRE", &b"key\r\n", &30];
/// assert_eq!(Arguments(mixed).encoded_len(Protocol::Resp2)?, 35);
/// # Ok::<(), zresp::EncodeError>(())
/// ```
#[derive(Debug)]
pub struct Arguments<'a, A>(pub &'a [A]);

impl<A> Clone for Arguments<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Arguments<'_, A> {}

impl<A: Argument> sealed::Encode for Arguments<'_, A> {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        if self.0.is_empty() { Err(EncodeError::NoArguments) } else { Ok(()) }
    }

    #[inline]
    fn write(&self, _: Protocol, sink: &mut impl Sink) {
        sink.header(b'*', self.0.len());
        for argument in self.0 {
            sink.payload(b'$', argument.bytes(&mut Scratch::default()));
        }
    }

    fn bound(&self) -> Option<usize> {
        None
    }
}

/// A command to which arguments are added one by one.
///
/// ```
/// use zresp::{CommandBuf, Encode, Protocol};
///
/// let mut command = CommandBuf::new("ZADD").arg("board");
/// for (member, score) in [("ada", 1.5), ("bob", 2.0)] {
///     command.push(score).push(member);
/// }
/// assert_eq!(command.len(), 6);
/// let wire = command.to_wire(Protocol::Resp2)?;
/// assert!(wire.starts_with(b"*6\r\n$4\r\nZADD\r\n$5\r\nboard\r\n$3\r\n1.5\r\n$3\r\nada\r\n"));
/// # Ok::<(), zresp::EncodeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CommandBuf {
    /// The arguments in their wire form.
    arguments: Vec<u8>,
    len: usize,
}

impl CommandBuf {
    /// Returns a command of this name.
    #[must_use]
    pub fn new(name: impl Argument) -> Self {
        // Most commands fit: growing once costs as much as all else.
        Self { arguments: Vec::with_capacity(256), len: 0 }.arg(name)
    }

    /// Returns the command with one more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Argument) -> Self {
        self.push(argument);
        self
    }

    /// Returns the command with more arguments.
    #[must_use]
    pub fn args<A: Argument>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.extend(arguments);
        self
    }

    /// Adds an argument.
    pub fn push(&mut self, argument: impl Argument) -> &mut Self {
        let mut scratch = Scratch::default();
        let argument = argument.bytes(&mut scratch);
        // At once: a vector that grows with each part of a short argument moves several times.
        self.arguments.reserve(argument.len() + HEADER);
        Out(&mut self.arguments).payload(b'$', argument);
        self.len += 1;
        self
    }

    /// Returns how many arguments there are, the name included.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a command is never empty")]
    pub const fn len(&self) -> usize {
        self.len
    }
}

/// How far a command has come.
#[cfg(feature = "serde")]
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    bytes: usize,
    len: usize,
}

#[cfg(feature = "serde")]
impl CommandBuf {
    pub(crate) fn mark(&self) -> Mark {
        Mark { bytes: self.arguments.len(), len: self.len }
    }

    /// How many arguments were added behind the mark.
    pub(crate) const fn len_since(&self, mark: Mark) -> usize {
        self.len - mark.len
    }

    /// Removes what was added behind the mark.
    pub(crate) fn truncate(&mut self, mark: Mark) {
        self.arguments.truncate(mark.bytes);
        self.len = mark.len;
    }
}

impl<A: Argument> Extend<A> for CommandBuf {
    fn extend<I: IntoIterator<Item = A>>(&mut self, arguments: I) {
        for argument in arguments {
            self.push(argument);
        }
    }
}

impl fmt::Debug for CommandBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = crate::command::Args::new(&self.arguments, u32::MAX);
        escape::list("CommandBuf", arguments, f)
    }
}

impl sealed::Encode for CommandBuf {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        Ok(())
    }

    fn write(&self, _: Protocol, sink: &mut impl Sink) {
        sink.header(b'*', self.len);
        sink.put(&self.arguments);
    }

    fn bound(&self) -> Option<usize> {
        Some(self.arguments.len() + HEADER)
    }
}

impl sealed::Encode for CommandRef<'_> {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        Ok(())
    }

    fn write(&self, _: Protocol, sink: &mut impl Sink) {
        sink.put(self.wire());
    }

    fn bound(&self) -> Option<usize> {
        Some(self.wire().len())
    }
}

/// Inline commands are written as arrays, the form about which all servers agree.
impl sealed::Encode for InlineCommand<'_> {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        Ok(())
    }

    fn write(&self, _: Protocol, sink: &mut impl Sink) {
        sink.header(b'*', self.args().count());
        self.args().for_each(|argument| sink.payload(b'$', &argument));
    }

    fn bound(&self) -> Option<usize> {
        None
    }
}

impl sealed::Encode for Command<'_> {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        Ok(())
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        match self {
            Self::Array(command) => command.write(protocol, sink),
            Self::Inline(line) => line.write(protocol, sink),
        }
    }

    fn bound(&self) -> Option<usize> {
        match self {
            Self::Array(command) => command.bound(),
            Self::Inline(line) => line.bound(),
        }
    }
}

impl CommandFrame {
    /// Returns the command as an array, the form to forward: an inline one in an allocation of its own.
    ///
    /// ```
    /// let request = zresp::requests(b"get 'a key'\r\n").next().expect("a request")?;
    /// let frame = request.command().to_frame().into_array();
    /// assert_eq!(frame.wire(), "*2\r\n$3\r\nget\r\n$5\r\na key\r\n");
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    pub fn into_array(self) -> Self {
        match self.command() {
            Command::Array(_) => self,
            Command::Inline(line) => {
                let mut wire = Vec::new();
                sealed::Encode::write(&line, Protocol::Resp2, &mut Out(&mut wire));
                Self::of_command(wire.into())
            }
        }
    }
}

impl sealed::Encode for CommandFrame {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        Ok(())
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        sink.lend(self.wire());
        self.command().write(protocol, sink);
    }

    fn bound(&self) -> Option<usize> {
        self.command().bound()
    }
}

impl<'a> Command<'a> {
    /// Returns the command as an array; an inline one is written to `scratch`, what is in it being
    /// replaced.
    ///
    /// This is the form to forward: all servers agree about it.
    ///
    /// ```
    /// let mut scratch = Vec::new();
    /// for request in zresp::requests(b"*1\r\n$4\r\nPING\r\nget 'a key'\r\n") {
    ///     let command = request?.command().to_array(&mut scratch);
    ///     println!("{:?} goes upstream as {:?}", command.name(), command.wire());
    /// }
    /// assert_eq!(scratch, b"*2\r\n$3\r\nget\r\n$5\r\na key\r\n");
    /// # Ok::<(), zresp::Error>(())
    /// ```
    pub fn to_array<'b>(&self, scratch: &'b mut alloc::vec::Vec<u8>) -> CommandRef<'b>
    where
        'a: 'b,
    {
        match self {
            Self::Array(command) => *command,
            Self::Inline(line) => {
                scratch.clear();
                sealed::Encode::write(line, Protocol::Resp2, &mut Out(scratch));
                CommandRef::read(scratch)
            }
        }
    }
}
