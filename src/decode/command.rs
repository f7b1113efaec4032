//! Requests: [`CommandDecoder`].

use crate::command::{PartialCommand, Request};
use crate::lex::{integer, line};
use crate::limits::InlinePolicy;
use crate::validate::{Grammar, Stopped, Validator};

use super::decoder::FrameDecoder;
use super::direction::Requests;

/// A resumable decoder of requests, which a server or a proxy reads from its clients. Its frames are
/// [`Request`]s.
///
/// ```
/// use zresp::{Command, CommandDecoder};
///
/// let mut decoder = CommandDecoder::new();
/// let mut buffer = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000000\r\n".to_vec();
/// assert!(decoder.decode(&buffer)?.is_none());
///
/// // The key is known long before the whole value has arrived.
/// let partial = decoder.partial(&buffer).expect("a command has begun");
/// assert_eq!((partial.arg(0), partial.arg(1), partial.arg(2)), (Some(&b"SET"[..]), Some(&b"key"[..]), None));
///
/// buffer.extend_from_slice(&[b'x'; 1_000_000]);
/// buffer.extend_from_slice(b"\r\n");
/// let request = decoder.decode(&buffer)?.expect("the command is whole now");
/// let Command::Array(command) = request.command() else { panic!() };
/// assert!(command.is("set"));
/// assert_eq!(command.len(), 3);
/// assert_eq!(request.wire().len(), buffer.len());
/// # Ok::<(), zresp::Error>(())
/// ```
#[doc(alias = "pipeline")]
#[doc(alias = "request")]
#[doc(alias = "server")]
pub type CommandDecoder = FrameDecoder<Requests>;

impl CommandDecoder {
    /// Returns the decoder with this policy for inline commands.
    #[must_use]
    pub fn with_inline_policy(mut self, policy: InlinePolicy) -> Self {
        self.set_inline_policy(policy);
        self
    }

    /// Sets what happens to inline commands, from the next request on. A request in progress keeps the
    /// policy that it began with; a space, or the CR of an empty line, already counts as the beginning
    /// of a request.
    pub fn set_inline_policy(&mut self, policy: InlinePolicy) {
        self.validator.set_grammar(Grammar::Requests(policy));
    }

    /// Returns what has arrived of a command in progress; `None` for an inline command, and until the
    /// header of an array has arrived. Call it after [`decode`](Self::decode) has returned `None`, with
    /// the same `buf`.
    ///
    /// A proxy can use it to choose an upstream before a long value has arrived. The call itself reads
    /// only the header; arguments are read when you ask for them.
    #[must_use]
    pub fn partial<'a>(&self, buf: &'a [u8]) -> Option<PartialCommand<'a>> {
        let seen = buf.get(self.validator.start()..self.validator.offset())?;
        if !seen.starts_with(b"*") {
            return None;
        }
        let header = line::size(seen)?.get();
        let len: u32 = integer::parse(seen.get(1..header - 2)?)?;
        (len > 0).then_some(PartialCommand::new(seen, header, len))
    }
}

/// Takes a whole command that is an array, if it is of a frequent form.
#[inline(always)]
pub(super) fn fast<'a>(validator: &mut Validator, buf: &'a [u8]) -> Result<Request<'a>, Stopped> {
    let command = validator.command(validator.visible(buf))?;
    let wire = buf.get(..command.size()).ok_or(Stopped::NotMine)?;
    Ok(Request::array(wire, command.header(), command.values()))
}
