//! Views of commands: their name, their arguments, their bytes.

mod args;
mod decode;
mod inline;

use core::fmt;
use core::ops::Range;

use crate::debug;
use crate::scan::{line, number, word};

pub use args::Args;
pub use decode::{CommandDecoder, Commands, PartialCommand, commands};
pub use inline::{InlineArgs, InlineCommand};

/// A request: a command, and the bytes that it took.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Request<'a> {
    /// The command.
    pub command: Command<'a>,
    /// The bytes of the command and of what was skipped in front of it, empty lines and empty
    /// arrays: move on by its length. The bytes to forward are those of the command.
    pub wire: &'a [u8],
}

/// A command in one of its two forms.
#[derive(Debug, Clone, Copy)]
pub enum Command<'a> {
    /// An array of bulk strings, as clients send it.
    Array(CommandRef<'a>),
    /// A line of text, as people type it.
    Inline(InlineCommand<'a>),
}

impl<'a> Command<'a> {
    /// Returns the command as an array; an inline one is written to `scratch`, what is in it being
    /// replaced.
    ///
    /// This is the form to forward: all servers agree about it.
    ///
    /// ```
    /// let mut scratch = Vec::new();
    /// for request in zresp::commands(b"*1\r\n$4\r\nPING\r\nget 'a key'\r\n") {
    ///     let command = request?.command.to_array(&mut scratch);
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
                line.encode(scratch);
                CommandRef::read(scratch)
            }
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

/// How many arguments have their place remembered.
const SPANS: usize = 8;

/// A command as an array of bulk strings, which has been validated: the name and the arguments.
///
/// The name is argument 0, as in Redis's own tables. The first eight arguments are found in constant
/// time, further ones by a walk over those before.
#[derive(Clone, Copy)]
pub struct CommandRef<'a> {
    wire: &'a [u8],
    header: u32,
    len: u32,
    spans: [Span; SPANS],
}

/// The place of an argument in a command.
#[derive(Clone, Copy, Default)]
struct Span {
    /// Never 0, where it is known.
    start: u32,
    len: u32,
}

impl<'a> CommandRef<'a> {
    /// Views a whole, validated command that has this header.
    #[inline(always)]
    pub(crate) fn new(wire: &'a [u8], header: usize, len: u32) -> Self {
        let mut spans = [Span::default(); SPANS];
        let mut rest = wire.get(header..).unwrap_or_default();
        for span in spans.iter_mut().take(len as usize) {
            let Some((payload, behind)) = args::split(rest) else { break };
            let start = wire.len() - behind.len() - payload.len() - 2;
            let (Ok(start), Ok(len)) = (u32::try_from(start), u32::try_from(payload.len())) else {
                break;
            };
            *span = Span { start, len };
            rest = behind;
        }
        #[allow(clippy::cast_possible_truncation, reason = "it is one of a few bytes")]
        Self { wire, header: header as u32, len, spans }
    }

    /// Views a whole, validated command.
    pub(crate) fn read(wire: &'a [u8]) -> Self {
        let short = word::first(wire).and_then(word::number);
        let (len, header) = short.unwrap_or_else(|| {
            let header = line::size(wire).map_or(0, core::num::NonZero::get);
            let digits = wire.get(1..header.saturating_sub(2)).unwrap_or_default();
            (number::parse(digits).unwrap_or_default(), header)
        });
        Self::new(wire, header, len)
    }

    /// Returns the name of the command, as it was sent.
    #[must_use]
    #[inline]
    pub fn name(&self) -> &'a [u8] {
        self.arg(0).unwrap_or_default()
    }

    /// Returns whether this is the name of the command, in any letter case.
    ///
    /// ```
    /// let request = zresp::commands(b"*1\r\n$4\r\nPing\r\n").next().expect("a request")?;
    /// let zresp::Command::Array(command) = request.command else { panic!() };
    /// assert!(command.is("PING"));
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name.as_bytes())
    }

    /// Returns how many arguments there are, the name included: at least one.
    #[must_use]
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "a command is never empty")]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns an argument; 0 is the name.
    #[must_use]
    #[inline]
    pub fn arg(&self, index: usize) -> Option<&'a [u8]> {
        self.wire.get(self.arg_span(index)?)
    }

    /// Returns where an argument lies in [`wire`](Self::wire).
    #[must_use]
    #[inline]
    pub fn arg_span(&self, index: usize) -> Option<Range<usize>> {
        match self.spans.get(index) {
            Some(Span { start: 1.., .. }) => {
                let Span { start, len } = *self.spans.get(index)?;
                Some(start as usize..start as usize + len as usize)
            }
            _ => self.find_arg(index),
        }
    }

    /// Walks to an argument.
    fn find_arg(&self, index: usize) -> Option<Range<usize>> {
        let mut args = self.args();
        let payload = args.nth(index)?;
        let end = self.wire.len() - args.rest().len() - 2;
        Some(end - payload.len()..end)
    }

    /// Returns an iterator over the arguments, the name first.
    #[must_use]
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

impl PartialEq for CommandRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.wire == other.wire
    }
}

impl Eq for CommandRef<'_> {}

/// The arguments, as many and as much of each as is readable.
impl fmt::Debug for CommandRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::list("CommandRef", self.args(), f)
    }
}
