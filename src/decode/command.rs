//! Whole buffers in, commands out: [`CommandDecoder`].

use core::fmt;

use crate::decode::resume::{Bounds, Resumable};
use crate::error::Error;
use crate::lex::{integer, line};
use crate::limits::{InlinePolicy, Limits};
use crate::validate::Scanner;
use crate::validate::learned::frame::{Alike, Form};

use crate::command::{Args, Command, CommandRef, InlineCommand, Request};

/// A resumable decoder of requests: what a server or a proxy reads from its clients.
///
/// As with [`Decoder`](crate::Decoder), the caller keeps the unfinished request in its buffer, the
/// result is a view into it, and [`decode`](Self::decode) is a plain call of which nothing goes on
/// when it has returned.
///
/// ```
/// use zresp::{Command, CommandDecoder};
///
/// let mut decoder = CommandDecoder::new();
/// let mut buffer = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000000\r\n".to_vec();
/// assert!(decoder.decode(&buffer)?.is_none());
///
/// // The key is known long before the value has come.
/// let partial = decoder.partial(&buffer).expect("a command has begun");
/// assert_eq!((partial.arg(0), partial.arg(1), partial.arg(2)), (Some(&b"SET"[..]), Some(&b"key"[..]), None));
///
/// buffer.extend_from_slice(&[b'x'; 1_000_000]);
/// buffer.extend_from_slice(b"\r\n");
/// let request = decoder.decode(&buffer)?.expect("the command is whole by now");
/// let Command::Array(command) = request.command else { panic!() };
/// assert!(command.is("set"));
/// assert_eq!(command.len(), 3);
/// assert_eq!(request.wire.len(), buffer.len());
/// # Ok::<(), zresp::Error>(())
/// ```
#[derive(Clone)]
pub struct CommandDecoder {
    scan: Resumable,
}

impl CommandDecoder {
    /// Returns a decoder with the default [`Limits`] that accepts inline commands.
    #[must_use]
    #[inline(always)]
    pub fn new() -> Self {
        Self::with_limits(Limits::new(), InlinePolicy::Accept)
    }

    /// Returns a decoder with limits and a policy of its own. The limit for nesting plays no part, and of
    /// inline commands the one for the frame alone counts, beside 64 KiB that they have at most, as in Redis.
    #[must_use]
    #[inline(always)]
    pub fn with_limits(limits: Limits, policy: InlinePolicy) -> Self {
        Self { scan: Resumable::new(Scanner::requests(limits, policy)) }
    }

    /// Sets what becomes of inline commands, from the next line on: one of which a byte has come, be it a
    /// space or the CR of an empty line, has begun.
    pub fn set_inline_policy(&mut self, policy: InlinePolicy) {
        self.scan.scanner.set_policy(policy);
    }

    /// Returns the limits.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        *self.scan.scanner.limits()
    }

    /// Sets the limits for all that follows, the rest of a request in progress included: when a
    /// client has authenticated, say. A length of which digits have come was judged by the old ones, and an
    /// error that they have led to stays until [`reset`](Self::reset).
    pub fn set_limits(&mut self, limits: Limits) {
        self.scan.scanner.set_limits(limits);
    }

    /// Returns the request that `buf` begins with, or `None` if more bytes are needed.
    ///
    /// In every call `buf` starts at the first byte of the request; until it is taken, `buf` only
    /// ever grows. Once a request is returned, the next call is for the next one: move on by the
    /// length of [`Request::wire`]. Empty lines and empty arrays are skipped, as servers do it; they
    /// are part of the request behind them.
    ///
    /// # Errors
    /// Input that no request could begin with, or that exceeds a limit, with the offset from the
    /// first byte of `buf`. Every further call returns the same error, until
    /// [`reset`](Self::reset). A buffer that is shorter than in the call before, or does not begin
    /// with the same bytes, is [`ErrorKind::BufferChanged`](crate::ErrorKind::BufferChanged).
    #[inline(always)]
    pub fn decode<'a>(&mut self, buf: &'a [u8]) -> Result<Option<Request<'a>>, Error> {
        let scanner = &mut self.scan.scanner;
        let is_continued = !scanner.is_between_frames();
        if !is_continued {
            if let Some(Alike { wire, form: Form::Array(len), header, .. }) =
                scanner.frame_alike(buf)
            {
                return Ok(Some(Request::array(wire, header, len)));
            }
            if let Some(command) = scanner.command(scanner.visible(buf)) {
                if let Some(wire) = buf.get(..command.size()) {
                    return Ok(Some(Request::array(wire, command.header(), command.values())));
                }
            }
        }
        // Field by field: the views made above need no place in memory then.
        let slow = self.decode_slow(buf, is_continued)?;
        Ok(slow.map(|Request { command, wire }| Request { command, wire }))
    }

    #[inline(never)]
    fn decode_slow<'a>(
        &mut self,
        buf: &'a [u8],
        is_continued: bool,
    ) -> Result<Option<Request<'a>>, Error> {
        if is_continued {
            self.scan.check(buf)?;
        }
        let Some(bounds) = self.scan.frame(buf)? else { return Ok(None) };
        match Request::read(buf, bounds) {
            Some(request) => Ok(Some(request)),
            None => Err(self.scan.changed()),
        }
    }

    /// Returns where the request that `buf` begins with ends: [`decode`](Self::decode) without the
    /// view, for callers that must still change the buffer in between.
    pub(crate) fn bounds(&mut self, buf: &[u8]) -> Result<Option<Bounds>, Error> {
        if !self.scan.scanner.is_between_frames() {
            self.scan.check(buf)?;
        }
        self.scan.frame(buf)
    }

    /// The scanner, for a framer to go on with.
    pub(crate) const fn scanner(&mut self) -> &mut Scanner {
        &mut self.scan.scanner
    }

    /// Returns what has arrived of a command in progress: behind a call of [`decode`](Self::decode)
    /// that returned `None`, with the same `buf`.
    ///
    /// A proxy chooses its upstream by it, before a long value is there. It takes no time but that of
    /// reading the arguments that are asked for.
    #[must_use]
    pub fn partial<'a>(&self, buf: &'a [u8]) -> Option<PartialCommand<'a>> {
        let seen = buf.get(self.scan.scanner.start()..self.scan.scanner.offset())?;
        if !seen.starts_with(b"*") {
            return None;
        }
        let header = line::size(seen)?.get();
        let len: u32 = integer::parse(seen.get(1..header - 2)?)?;
        (len > 0).then_some(PartialCommand { len, args: Args::new(seen.get(header..)?, len) })
    }

    /// Returns how many bytes at the front of the buffer were skipped and belong to no command, and
    /// forgets them: drop as many from the buffer, and the next call goes on behind them.
    ///
    /// Call it where [`decode`](Self::decode) has returned `None`, lest a peer that sends nothing but
    /// empty lines fills the buffer: what is skipped does not count towards [`Limits::frame`].
    #[must_use = "the buffer must shrink by as many bytes"]
    pub fn take_skipped(&mut self) -> usize {
        self.scan.scanner.forget_skipped()
    }

    /// Returns the smallest number of further bytes that can complete the request; at least one, and
    /// exact inside an argument. After an error it is 0.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.scan.scanner.needed()
    }

    /// Forgets the request in progress, or the error that ended it.
    pub fn reset(&mut self) {
        self.scan.scanner.reset();
    }
}

impl<'a> Request<'a> {
    /// Views the request that `buf` begins with and that has been validated; `None` if the bytes are
    /// others by now.
    pub(crate) fn read(buf: &'a [u8], Bounds { len, value_at }: Bounds) -> Option<Self> {
        let wire = buf.get(..len)?;
        let command = match wire.get(value_at..)? {
            array @ [b'*', ..] => Command::Array(CommandRef::read(array)),
            line => Command::Inline(InlineCommand::new(line)),
        };
        Some(Self { command, wire })
    }

    #[inline(always)]
    fn array(wire: &'a [u8], header: usize, len: u32) -> Self {
        Self { command: Command::Array(CommandRef::new(wire, header, len)), wire }
    }
}

impl Default for CommandDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CommandDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandDecoder")
            .field("examined", &self.scan.scanner.offset())
            .field("needed", &self.needed())
            .finish_non_exhaustive()
    }
}

/// The arguments of a command that have arrived whole, while others are still to come.
#[derive(Debug, Clone)]
pub struct PartialCommand<'a> {
    len: u32,
    args: Args<'a>,
}

impl<'a> PartialCommand<'a> {
    /// Returns how many arguments the command will have, the name included.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a command is never empty")]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns an iterator over the arguments that are there, the name first.
    #[must_use]
    pub fn args(&self) -> Args<'a> {
        self.args.clone()
    }

    /// Returns the name of the command, if it is there.
    #[must_use]
    pub fn name(&self) -> Option<&'a [u8]> {
        self.arg(0)
    }

    /// Returns an argument, if it is there; 0 is the name.
    #[must_use]
    pub fn arg(&self, index: usize) -> Option<&'a [u8]> {
        self.args().nth(index)
    }
}
