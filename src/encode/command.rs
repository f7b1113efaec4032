//! Commands on the wire.

use alloc::vec::Vec;
use core::fmt;

use crate::command::{Args, Command, CommandRef, InlineCommand};
use crate::escape;
use crate::lex::word;
use crate::owned::CommandFrame;
use crate::sink::{Out, Sink};

use super::sealed::Writable;
use super::{EncodeCommand, EncodeError, ToArguments};

/// The most bytes that an argument adds to its payload: a type byte, twenty digits and two line ends.
const HEADER: usize = 1 + 20 + 2 + 2;

/// A command made of borrowed bytes or text, its name first. It is written without another copy.
///
/// To mix types, use [`cmd!`](crate::cmd) or a [`CommandBuf`].
///
/// If `as_ref` of an argument panics, the beginning of the command may be left in a buffer that grows: clear it if you
/// catch the panic. Those of `[u8]`, `str` and the types that own them do not panic.
///
/// ```
/// use zresp::{Arguments, EncodeCommand};
///
/// let set = Arguments(&["SET", "key", "value"]);
/// assert_eq!(set.to_wire()?, "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n");
/// # Ok::<(), zresp::EncodeError>(())
/// ```
pub struct Arguments<'a, A>(pub &'a [A]);

impl<A> Clone for Arguments<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Arguments<'_, A> {}

impl<A: AsRef<[u8]>> fmt::Debug for Arguments<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::list("Arguments", self.0, f)
    }
}

impl<A: AsRef<[u8]>> EncodeCommand for Arguments<'_, A> {}

impl<A: AsRef<[u8]>> Writable<()> for Arguments<'_, A> {
    /// The `AsRef` of a user may return other bytes the next time.
    const IS_REPEATABLE: bool = false;

    fn check(&self, (): ()) -> Result<(), EncodeError> {
        check_name(self.0.first().map(AsRef::as_ref))
    }

    #[inline]
    fn write(&self, (): (), sink: &mut impl Sink) {
        sink.header(b'*', self.0.len());
        for argument in self.0 {
            sink.payload(b'$', argument.as_ref());
        }
    }
}

/// Refuses a command without a name, and one whose name contains a space or a lower byte, such as `SET key value`:
/// servers would look for a command of that name.
#[inline]
pub(super) fn check_name(name: Option<&[u8]>) -> Result<(), EncodeError> {
    match name {
        Some(name) if !word::has_space(name) => Ok(()),
        name => Err(refusal(name)),
    }
}

/// Returns why a command with this name is refused.
#[cold]
fn refusal(name: Option<&[u8]>) -> EncodeError {
    match name.and_then(|name| name.iter().position(|byte| *byte <= b' ')) {
        Some(offset) => EncodeError::SpaceInName { offset },
        None => EncodeError::NoArguments,
    }
}

/// Returns a [`CommandBuf`] with a name and any arguments that implement [`ToArguments`]. They are borrowed.
///
/// ```
/// use zresp::{EncodeCommand, cmd};
///
/// let (key, value) = ("key", b"a\r\nvalue".to_vec());
/// let expiry = Some(("EX", 30));
/// let wire = cmd!("SET", key, value, expiry).to_wire()?;
/// assert_eq!(wire, "*5\r\n$3\r\nSET\r\n$3\r\nkey\r\n$8\r\na\r\nvalue\r\n$2\r\nEX\r\n$2\r\n30\r\n");
/// # Ok::<(), zresp::EncodeError>(())
/// ```
#[macro_export]
macro_rules! cmd {
    ($name:expr $(, $argument:expr)* $(,)?) => {
        $crate::encode::CommandBuf::new(&$name)$(.arg(&$argument))*
    };
}

/// A command that is built argument by argument. [`cmd!`](crate::cmd) makes one in one line.
///
/// The name is the first argument. It must not contain spaces or lower bytes, or the command cannot be written: use
/// `CommandBuf::new("SET").arg("k")`, or `CommandBuf::new(("CONFIG", "GET"))`, and not `CommandBuf::new("SET k")`. Other
/// arguments may contain any bytes.
///
/// It holds the arguments in their wire form: each is copied when it is added, and writing the command copies them
/// all at once. The header comes before them only then, so it cannot lend a [`Command`]: for that, use
/// [`to_frame`](EncodeCommand::to_frame).
///
/// ```
/// use zresp::{CommandBuf, EncodeCommand};
///
/// let mut command = CommandBuf::new("ZADD").arg("board");
/// for (member, score) in [("ada", 1.5), ("bob", 2.0)] {
///     command.push(score).push(member);
/// }
/// assert_eq!(command.len(), 6);
/// let wire = command.to_wire()?;
/// assert!(wire.starts_with(b"*6\r\n$4\r\nZADD\r\n$5\r\nboard\r\n$3\r\n1.5\r\n$3\r\nada\r\n"));
/// # Ok::<(), zresp::EncodeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[doc(alias = "cmd")]
#[doc(alias = "request")]
pub struct CommandBuf {
    /// The arguments in their wire form.
    arguments: Vec<u8>,
    len: usize,
}

impl CommandBuf {
    /// Returns a command with this name. A name of several words, such as `CONFIG GET`, is a tuple of them.
    #[must_use]
    pub fn new(name: impl ToArguments) -> Self {
        // Enough for most commands: growing once costs as much as everything else.
        Self { arguments: Vec::with_capacity(256), len: 0 }.arg(name)
    }

    /// Returns a command without a name.
    pub(super) const fn empty() -> Self {
        Self { arguments: Vec::new(), len: 0 }
    }

    /// Returns the arguments in their wire form.
    pub(super) fn arguments(&self) -> &[u8] {
        &self.arguments
    }

    /// Returns the command with one more value: one argument, or as many as its [`ToArguments`] adds. To add values in
    /// a loop, use [`push`](Self::push) or [`args`](Self::args).
    #[must_use]
    pub fn arg(mut self, value: impl ToArguments) -> Self {
        self.push(value);
        self
    }

    /// Returns the command with the values of an iterator.
    #[must_use]
    pub fn args<A: ToArguments>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.extend(arguments);
        self
    }

    /// Adds a value: one argument, or as many as its [`ToArguments`] adds.
    pub fn push(&mut self, value: impl ToArguments) -> &mut Self {
        value.push_to(self);
        self
    }

    /// Adds one argument.
    pub(super) fn push_argument(&mut self, argument: &[u8]) {
        // Reserved in one step: with one reservation for each part, a short argument could move the vector several
        // times.
        self.arguments.reserve(argument.len() + HEADER);
        Out(&mut self.arguments).payload(b'$', argument);
        self.len += 1;
    }

    /// Returns the number of arguments. The name is one of them.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a command without a name is of no use")]
    pub const fn len(&self) -> usize {
        self.len
    }
}

/// A position in a command that is being built, to roll back to.
#[cfg(feature = "serde")]
#[derive(Clone, Copy)]
pub(crate) struct CommandMark {
    bytes: usize,
    len: usize,
}

#[cfg(feature = "serde")]
impl CommandBuf {
    pub(crate) fn mark(&self) -> CommandMark {
        CommandMark { bytes: self.arguments.len(), len: self.len }
    }

    /// Returns the number of arguments that were added since the mark.
    pub(crate) const fn len_since(&self, mark: CommandMark) -> usize {
        self.len - mark.len
    }

    /// Removes the arguments that were added since the mark.
    pub(crate) fn truncate(&mut self, mark: CommandMark) {
        self.arguments.truncate(mark.bytes);
        self.len = mark.len;
    }
}

impl<A: ToArguments> Extend<A> for CommandBuf {
    fn extend<I: IntoIterator<Item = A>>(&mut self, arguments: I) {
        for argument in arguments {
            self.push(argument);
        }
    }
}

impl fmt::Debug for CommandBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::list("CommandBuf", Args::new(&self.arguments, u32::MAX), f)
    }
}

impl EncodeCommand for CommandBuf {}

impl Writable<()> for CommandBuf {
    fn check(&self, (): ()) -> Result<(), EncodeError> {
        check_name(Args::new(&self.arguments, u32::MAX).next())
    }

    fn write(&self, (): (), sink: &mut impl Sink) {
        sink.header(b'*', self.len);
        sink.put(&self.arguments);
    }

    fn bound(&self) -> Option<usize> {
        Some(self.arguments.len() + HEADER)
    }
}

impl EncodeCommand for CommandRef<'_> {}

impl Writable<()> for CommandRef<'_> {
    fn write(&self, (): (), sink: &mut impl Sink) {
        sink.put(self.wire());
    }

    fn bound(&self) -> Option<usize> {
        Some(self.wire().len())
    }
}

/// An inline command is written as an array.
impl EncodeCommand for InlineCommand<'_> {}

impl Writable<()> for InlineCommand<'_> {
    fn write(&self, (): (), sink: &mut impl Sink) {
        sink.header(b'*', self.args().count());
        self.args().for_each(|argument| sink.payload(b'$', &argument));
    }
}

impl EncodeCommand for Command<'_> {}

impl Writable<()> for Command<'_> {
    fn write(&self, (): (), sink: &mut impl Sink) {
        match self {
            Self::Array(command) => command.write((), sink),
            Self::Inline(line) => line.write((), sink),
        }
    }

    fn bound(&self) -> Option<usize> {
        match self {
            Self::Array(command) => command.bound(),
            Self::Inline(line) => line.bound(),
        }
    }
}

impl EncodeCommand for CommandFrame {}

impl Writable<()> for CommandFrame {
    fn write(&self, (): (), sink: &mut impl Sink) {
        sink.lend(self.wire());
        self.command().write((), sink);
    }

    fn bound(&self) -> Option<usize> {
        self.command().bound()
    }
}

impl CommandFrame {
    /// Returns the command as an array, the form to forward. An inline command is copied.
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
                line.write((), &mut Out(&mut wire));
                Self::of_command(wire.into())
            }
        }
    }
}

impl<'a> Command<'a> {
    /// Returns the command as an array, the form to forward: all servers understand it in the same way.
    ///
    /// An inline command is written to `scratch`, replacing its contents.
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
    pub fn to_array<'b>(&self, scratch: &'b mut Vec<u8>) -> CommandRef<'b>
    where
        'a: 'b,
    {
        match self {
            Self::Array(command) => *command,
            Self::Inline(line) => {
                scratch.clear();
                line.write((), &mut Out(scratch));
                CommandRef::read(scratch)
            }
        }
    }
}
