//! Views of commands and requests.
//!
//! A [`Command`] is either a [`CommandRef`], an array whose arguments are slices of the buffer, or an
//! [`InlineCommand`], a line whose arguments are such slices too, except for some quoted ones, which are copied.
//! [`Args`] and [`InlineArgs`] iterate over the arguments; [`ArgIndex`] gives access to them by index. A
//! [`PartialCommand`] holds those that have arrived so far.

mod args;
mod inline;
mod partial;
mod token;

use alloc::borrow::Cow;
use core::fmt;
use core::ops::Range;

use crate::escape;
use crate::lex::{integer, line, word};
use crate::validate::Bounds;

pub use args::{ArgIndex, Args};
pub use inline::{InlineArgs, InlineCommand};
pub use partial::PartialCommand;
pub use token::CommandToken;

/// A request: a command, and all bytes of the request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    command: Command<'a>,
    wire: &'a [u8],
}

impl<'a> Request<'a> {
    /// Returns the command.
    #[must_use]
    #[inline(always)]
    pub const fn command(&self) -> Command<'a> {
        self.command
    }

    /// Returns the bytes of the command, and of the empty lines and empty arrays that were skipped before it.
    ///
    /// When you are done with a request, drop `wire().len()` bytes from the buffer. To forward it, use the bytes
    /// of the command.
    #[must_use]
    #[inline(always)]
    pub const fn wire(&self) -> &'a [u8] {
        self.wire
    }

    /// Returns a view of the validated request that `buf` begins with; `None` if the bytes have changed since.
    pub(crate) fn read(buf: &'a [u8], Bounds { len, place }: Bounds) -> Option<Self> {
        let wire = buf.get(..len)?;
        let command = match wire.get(place.offset()..)? {
            array @ [b'*', ..] => Command::Array(CommandRef::read(array)),
            line => Command::Inline(InlineCommand::new(line)),
        };
        Some(Self { command, wire })
    }

    /// Returns a request that is an array of `len` arguments, after a header of `header` bytes.
    #[inline(always)]
    pub(crate) fn array(wire: &'a [u8], header: usize, len: u32) -> Self {
        Self { command: Command::Array(CommandRef::new(wire, header, len)), wire }
    }

    /// Returns the same request, rebuilt field by field, so that the compiler keeps the result of a decoder's
    /// fast path in registers.
    #[inline(always)]
    pub(crate) const fn rebuilt(self) -> Self {
        let Self { command, wire } = self;
        Self { command, wire }
    }
}

/// A command in one of its two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    /// An array of bulk strings, as clients send it.
    Array(CommandRef<'a>),
    /// A line of text, as people type it.
    Inline(InlineCommand<'a>),
}

impl<'a> From<CommandRef<'a>> for Command<'a> {
    fn from(command: CommandRef<'a>) -> Self {
        Self::Array(command)
    }
}

impl<'a> Command<'a> {
    /// Returns the name of the command, as it was sent.
    #[must_use]
    pub fn name(&self) -> Cow<'a, [u8]> {
        match self {
            Self::Array(command) => Cow::Borrowed(command.name()),
            Self::Inline(line) => line.name(),
        }
    }

    /// Returns whether `name` is the name of the command, in any letter case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        match self {
            Self::Array(command) => command.is(name),
            Self::Inline(line) => line.is(name),
        }
    }

    /// Returns the exact bytes of the command, ready to forward.
    #[must_use]
    pub const fn wire(&self) -> &'a [u8] {
        match self {
            Self::Array(command) => command.wire(),
            Self::Inline(line) => line.wire(),
        }
    }
}

/// A validated command in the form of an array of bulk strings: the name and the arguments.
///
/// The name is argument 0, as in Redis's own tables. Finding an argument steps over those before it, at one or
/// two nanoseconds each. If you need many arguments in any order, create an [`index`](Self::index).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CommandRef<'a> {
    wire: &'a [u8],
    header: u32,
    len: u32,
}

impl<'a> CommandRef<'a> {
    /// Returns a view of a whole, validated command. `header` is the size of its header.
    // Inlined, because it is the last step of the decoder's fast path: the view is built where the caller wants it.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "the size of a header")]
    pub(crate) const fn new(wire: &'a [u8], header: usize, len: u32) -> Self {
        Self { wire, header: header as u32, len }
    }

    /// Returns a view of a whole, validated command.
    pub(crate) fn read(wire: &'a [u8]) -> Self {
        let short = word::first(wire).and_then(word::number);
        let (len, header) = short.unwrap_or_else(|| {
            let header = line::size(wire).map_or(0, core::num::NonZero::get);
            let digits = wire.get(1..header.saturating_sub(2)).unwrap_or_default();
            (integer::parse(digits).unwrap_or_default(), header)
        });
        Self::new(wire, header, len)
    }

    /// Returns the size of the header, and the number of arguments.
    #[cfg(feature = "aof")]
    #[inline(always)]
    pub(crate) const fn header(&self) -> (usize, u32) {
        (self.header as usize, self.len)
    }

    /// Returns the payload of an argument that is given in wire form.
    pub(crate) fn argument(wire: &[u8]) -> &[u8] {
        Args::new(wire, 1).next().unwrap_or_default()
    }

    /// Returns the name of the command, as it was sent.
    #[must_use]
    // Inlined for the same reason as `args::split`: a dispatcher calls it for each request.
    #[inline(always)]
    pub fn name(&self) -> &'a [u8] {
        self.args().next().unwrap_or_default()
    }

    /// Returns whether `name` is the name of the command, in any letter case.
    ///
    /// ```
    /// let request = zresp::requests(b"*1\r\n$4\r\nPing\r\n").next().expect("a request")?;
    /// let zresp::Command::Array(command) = request.command() else { panic!() };
    /// assert!(command.is("PING"));
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        let found = self.name();
        // An exact comparison first, which is faster: most clients send the name as callers write it.
        found == name.as_bytes() || found.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Returns the number of arguments. The name is one of them, so it is at least 1.
    #[must_use]
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "a command is never empty")]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns an argument, or `None` if there are fewer. Argument 0 is the name.
    #[must_use]
    #[inline]
    pub fn arg(&self, index: usize) -> Option<&'a [u8]> {
        self.args().nth(index)
    }

    /// Returns the range of an argument in [`wire`](Self::wire).
    #[must_use]
    #[inline]
    pub fn arg_span(&self, index: usize) -> Option<Range<usize>> {
        let mut args = self.args();
        let argument = args.nth(index)?;
        let end = self.wire.len() - args.rest().len() - 2;
        Some(end - argument.len()..end)
    }

    /// Returns all arguments as a slice, for access in constant time. Up to eight arguments need no allocation.
    ///
    /// ```
    /// let request = zresp::requests(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n").next().expect("one")?;
    /// let zresp::Command::Array(command) = request.command() else { panic!() };
    /// let args = command.index();
    /// assert_eq!((args.len(), args[2]), (3, b"v".as_slice()));
    /// if let [b"SET", key, value, options @ ..] = &args[..] {
    ///     println!("{key:?} becomes {value:?}, with {} options", options.len());
    /// }
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    pub fn index(&self) -> ArgIndex<'a> {
        ArgIndex::new(self.args())
    }

    /// Returns an iterator over the arguments. The name comes first.
    #[must_use]
    #[inline]
    pub fn args(&self) -> Args<'a> {
        Args::new(self.wire.get(self.header as usize..).unwrap_or_default(), self.len)
    }

    /// Returns the exact bytes of the command, ready to forward.
    #[must_use]
    #[inline]
    pub const fn wire(&self) -> &'a [u8] {
        self.wire
    }
}

impl fmt::Debug for Request<'_> {
    /// Writes the command. The wire bytes are left out, as they would only repeat it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("command", &self.command).finish_non_exhaustive()
    }
}

impl fmt::Debug for CommandRef<'_> {
    /// Writes the first arguments, and the first bytes of each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::list("CommandRef", self.args(), f)
    }
}
