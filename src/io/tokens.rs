//! Tokens from a blocking reader: [`TokenStream`].

use core::mem;
use std::fmt;
use std::io::{Error as IoError, Read, Write};

use crate::decode::{Direction, FrameTokenReader, Replies, Requests};
use crate::error::{Error, ErrorKind};
use crate::kind::Kind;
use crate::limits::Limits;

use super::StreamError;
use super::buffer::ReadBuffer;
use super::values::ValueBegun;

/// The size up to which payloads are returned whole, unless the caller sets another.
const WHOLE: usize = 64 * 1024;

/// Reads replies value by value: a [`TokenStream`] of [`Token`](crate::Token)s.
#[doc(alias = "client")]
pub type ReplyTokenStream<R> = TokenStream<R, Replies>;

/// Reads requests argument by argument: a [`TokenStream`] of
/// [`CommandToken`](crate::command::CommandToken)s.
#[doc(alias = "server")]
pub type CommandTokenStream<R> = TokenStream<R, Requests>;

/// Reads frames value by value, in constant memory: a [`ReplyTokenStream`] or a [`CommandTokenStream`].
///
/// [`next`](Self::next) returns each value as soon as it has arrived. It reads a payload of more than 64 KiB only as
/// far as you ask: such a payload is a reader, and what you leave is skipped. So a reply of a million
/// elements and a value of half a gigabyte need a buffer of a few times 64 KiB. A line, such as an error message,
/// is returned whole; only [`Limits::frame`] limits it. Verdicts and limits are those
/// of a [`FrameReader`](super::FrameReader), but an error may come after values of the same frame.
///
/// ```
/// use std::io::Read;
/// use zresp::io::{ReplyTokenStream, StreamToken};
/// use zresp::{ReplyRef, Token};
///
/// let reply = [b"*3\r\n:1\r\n:2\r\n$1000000\r\n".as_slice(), &[b'x'; 1_000_000], b"\r\n"].concat();
/// let mut tokens = ReplyTokenStream::new(reply.as_slice());
/// let (mut sum, mut copy) = (0, Vec::new());
/// while let Some(token) = tokens.next()? {
///     match token {
///         StreamToken::Token(Token::Scalar(ReplyRef::Integer(value))) => sum += value,
///         StreamToken::Payload(mut payload) => {
///             std::io::copy(&mut payload, &mut copy)?; // to a file, for example
///         }
///         _ => {} // the array begins or ends
///     }
/// }
/// assert_eq!((sum, copy.len()), (3, 1_000_000));
/// # Ok::<(), zresp::io::StreamError>(())
/// ```
#[doc(alias = "streaming")]
pub struct TokenStream<R, D> {
    pub(super) input: ReadBuffer<R>,
    pub(super) tokens: FrameTokenReader<D>,
    /// The size up to which payloads are returned whole.
    whole: usize,
    /// The size of the token or value that the last call returned, with which the unread bytes begin.
    pub(super) given: usize,
    /// The value that [`next_value`](Self::next_value) has not read to its end.
    pub(super) value: Option<ValueBegun>,
    /// Whether a payload has been returned as a reader and has not been read to its end.
    in_payload: bool,
    /// How many bytes of the stream precede the current frame.
    pub(super) frame_at: u64,
}

/// What a [`TokenStream`] returns.
pub enum StreamToken<'a, R, D: Direction> {
    /// A token whose bytes are all there.
    Token(D::Token<'a>),
    /// A scalar whose payload has not arrived whole and is too long to wait for.
    Payload(PayloadReader<'a, R, D>),
}

/// The bytes of one payload, as they arrive: an [`io::Read`](Read).
///
/// It reads into your buffer directly where it can. The value has ended when a read returns 0: only this read checks the
/// line end after the payload. What is left when you drop it is skipped by the next call of [`TokenStream::next`]. The
/// payload of a verbatim string begins with its format, three bytes, and a colon.
pub struct PayloadReader<'a, R, D> {
    stream: &'a mut TokenStream<R, D>,
    kind: Kind,
    left: Option<usize>,
}

impl<R: Read, D: Direction> TokenStream<R, D> {
    /// Returns a stream of tokens with the default [`Limits`] of its direction.
    #[must_use]
    pub fn new(reader: R) -> Self {
        Self::with_limits(reader, D::LIMITS)
    }

    /// Returns a stream of tokens with these limits.
    #[must_use]
    pub fn with_limits(reader: R, limits: Limits) -> Self {
        Self::with_token_reader(reader, FrameTokenReader::with_limits(limits))
    }

    /// Returns a stream that uses this token reader, which must not be inside a frame.
    #[must_use]
    pub const fn with_token_reader(reader: R, tokens: FrameTokenReader<D>) -> Self {
        Self {
            input: ReadBuffer::new(reader),
            tokens,
            whole: WHOLE,
            given: 0,
            value: None,
            in_payload: false,
            frame_at: 0,
        }
    }

    /// Sets the size in bytes up to which payloads are returned whole. The default is 64 KiB.
    ///
    /// A longer payload is returned whole too if all of it is in the buffer.
    pub const fn set_whole(&mut self, whole: usize) {
        self.whole = whole;
    }

    /// Returns the next token, or `None` if the stream has ended between two frames.
    ///
    /// After an error of the reader, `WouldBlock` included, you may call again.
    ///
    /// # Errors
    /// Returns [`StreamError::Io`] if the reader fails, and [`StreamError::Decode`] if the input is broken or exceeds
    /// a limit, with [`ErrorKind::UnexpectedEnd`] if the stream ends inside a frame. Broken input stays
    /// broken: each further call returns the same error. But after `UnexpectedEnd` you may call again, if the reader
    /// has more bytes after its end.
    #[allow(clippy::should_implement_trait, reason = "an iterator could not lend its buffer")]
    pub fn next(&mut self) -> Result<Option<StreamToken<'_, R, D>>, StreamError> {
        self.leave_token()?;
        // The borrow checker does not let a loop return what it borrows. So the loop finds the token, and it is
        // read again after the loop.
        let found = loop {
            if self.tokens.is_between_frames() {
                self.frame_at = self.input.released();
            }
            let unread = self.input.unread();
            let next = self.tokens.next(unread);
            if let Some((token, size)) =
                next.map_err(|error| StreamError::decode(error, self.frame_at))?
            {
                self.given = size;
                break D::form(token);
            }
            if let Some((kind, left)) = self.tokens.long_payload(unread, self.whole) {
                self.in_payload = true;
                return Ok(Some(StreamToken::Payload(PayloadReader { stream: self, kind, left })));
            }
            if self.input.fill()? == 0 {
                return if self.tokens.is_between_frames() { Ok(None) } else { Err(self.cut()) };
            }
        };
        match D::read_again(self.input.unread().get(..self.given).unwrap_or_default(), found) {
            Some(token) => Ok(Some(StreamToken::Token(token))),
            None => {
                Err(StreamError::decode(Error::new(ErrorKind::BufferChanged, 0), self.frame_at))
            }
        }
    }

    /// Skips the rest of the frame in progress, if any: the next token is the first one of the next frame.
    ///
    /// ```
    /// use zresp::Token;
    /// use zresp::io::{ReplyTokenStream, StreamToken};
    ///
    /// let mut tokens = ReplyTokenStream::new(&b"*3\r\n:1\r\n*1\r\n+a\r\n:2\r\n+next\r\n"[..]);
    /// tokens.next()?; // the array begins
    /// tokens.skip_frame()?;
    /// let Some(StreamToken::Token(Token::Scalar(next))) = tokens.next()? else { panic!() };
    /// assert_eq!(next.as_str(), Ok("next"));
    /// # Ok::<(), zresp::io::StreamError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`next`](Self::next). After an error of the reader, you may call again.
    pub fn skip_frame(&mut self) -> Result<(), StreamError> {
        self.leave_token()?;
        while !self.tokens.is_between_frames() {
            self.next()?;
            // The end of a payload may be that of the frame.
            self.leave_token()?;
        }
        Ok(())
    }

    /// Releases what the last call returned, and skips what is left of its payload.
    fn leave_token(&mut self) -> Result<(), StreamError> {
        let passed = self.value.take().map_or(0, |value| value.size);
        self.input.release(mem::take(&mut self.given) + passed);
        self.skip_payload()
    }

    /// The error for an end of the stream inside a frame.
    pub(super) fn cut(&self) -> StreamError {
        let in_frame = self.input.released() - self.frame_at;
        let offset = usize::try_from(in_frame).unwrap_or(usize::MAX);
        let offset = offset.saturating_add(self.input.unread().len());
        StreamError::decode(Error::new(ErrorKind::UnexpectedEnd, offset), self.frame_at)
    }

    /// Skips what is left of the payload in progress, if any.
    pub(super) fn skip_payload(&mut self) -> Result<(), StreamError> {
        while self.in_payload {
            self.pass_part(|_| Ok(()))?;
        }
        Ok(())
    }

    /// Passes the bytes of the next part of the payload in progress to a function, and releases them.
    fn pass_part(
        &mut self,
        pass: impl FnOnce(&[u8]) -> Result<(), IoError>,
    ) -> Result<usize, StreamError> {
        if self.input.unread().is_empty() && self.input.fill()? == 0 {
            return Err(self.cut());
        }
        let unread = self.input.unread();
        // It has been returned as a payload, whatever has been set since then.
        let part = self.tokens.next_part(unread, 0);
        let part = part.map_err(|error| StreamError::decode(error, self.frame_at))?;
        // Without a part, the token reader was reset, and the payload is not in progress any more.
        let (is_last, size) = part.map_or((true, 0), |(part, size)| (part.is_last, size));
        let passed = pass(unread.get(..size).unwrap_or_default());
        self.in_payload = !is_last;
        self.input.release(size);
        passed?;
        Ok(size)
    }
}

impl<R, D: Direction> TokenStream<R, D> {
    /// Returns how many bytes of the stream precede the current frame: the one that the last token belongs to, or
    /// the one that is in progress or broken.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.frame_at
    }

    /// Returns the exact bytes of the token or value that was returned last, to forward them. The end of an aggregate
    /// whose length was announced has none. For a [`Payload`](StreamToken::Payload) it is empty: use
    /// [`PayloadReader::forward`].
    ///
    /// ```
    /// use zresp::io::{ReplyTokenStream, StreamToken};
    ///
    /// let reply = [b"*2\r\n:1\r\n$100000\r\n".as_slice(), &[b'x'; 100_000], b"\r\n"].concat();
    /// let mut tokens = ReplyTokenStream::new(reply.as_slice());
    /// let mut out = Vec::new(); // a socket, for example
    /// while let Some(token) = tokens.next()? {
    ///     if let StreamToken::Payload(mut payload) = token {
    ///         payload.forward(&mut out)?;
    ///     }
    ///     out.extend_from_slice(tokens.wire());
    /// }
    /// assert_eq!(out, reply);
    /// # Ok::<(), zresp::io::StreamError>(())
    /// ```
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        self.input.unread().get(..self.given).unwrap_or_default()
    }

    /// Returns whether the stream may end after the token that was returned last, without cutting a frame.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        self.tokens.is_between_frames()
    }

    /// Returns the token reader, to change its limits or its policy. Do not reset it inside a frame: the stream would
    /// take the rest of the frame for the next one.
    #[must_use]
    pub const fn token_reader_mut(&mut self) -> &mut FrameTokenReader<D> {
        &mut self.tokens
    }

    /// Returns the bytes that have been read but not returned.
    #[must_use]
    pub fn buffered(&self) -> &[u8] {
        self.input.unread().get(self.given..).unwrap_or_default()
    }

    /// Returns the reader, to write to the same connection, for example. Do not read from it: the bytes that you read
    /// would be missing here.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.input.reader
    }

    /// Returns the reader, and drops the [`buffered`](Self::buffered) bytes.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.input.reader
    }
}

impl<R, D> PayloadReader<'_, R, D> {
    /// Returns the kind of the value: [`Bulk`](Kind::Bulk), [`Streamed`](Kind::Streamed),
    /// [`BulkError`](Kind::BulkError) or [`Verbatim`](Kind::Verbatim).
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns how many bytes have not been read yet; `None` in a streamed string.
    #[must_use]
    pub const fn left(&self) -> Option<usize> {
        self.left
    }
}

impl<R: Read, D: Direction> Read for PayloadReader<'_, R, D> {
    /// Returns 0 at the end of the payload.
    ///
    /// # Errors
    /// Those of [`TokenStream::next`].
    fn read(&mut self, into: &mut [u8]) -> Result<usize, IoError> {
        while self.stream.in_payload && !into.is_empty() {
            let count = self.read_some(into)?;
            if count > 0 {
                return Ok(count);
            }
        }
        Ok(0)
    }
}

impl<R: Read, D: Direction> PayloadReader<'_, R, D> {
    /// Writes the bytes of the value as they arrive, its header and line ends included, and returns how many. What has
    /// been read before is left out.
    ///
    /// # Errors
    /// Returns the errors of [`TokenStream::next`], and those of the writer as [`StreamError::Io`]. After an error of the
    /// reader, such as `WouldBlock`, call again for the rest. After an error of the writer, bytes that it was given are
    /// lost.
    pub fn forward(&mut self, out: &mut impl Write) -> Result<u64, StreamError> {
        let mut size = 0;
        while self.stream.in_payload {
            size += self.stream.pass_part(|bytes| out.write_all(bytes))? as u64;
        }
        Ok(size)
    }

    /// Reads once at most, and returns how many bytes of the payload were read.
    fn read_some(&mut self, into: &mut [u8]) -> Result<usize, StreamError> {
        let TokenStream { input, tokens, in_payload, frame_at, .. } = &mut *self.stream;
        let failed = |error| StreamError::decode(error, *frame_at);
        tokens.begin_parts(input.unread(), 0);
        if input.unread().is_empty() {
            // Past the buffer, if the length is known.
            let direct = self.left.unwrap_or(0).min(into.len());
            if let Some(room @ [_, ..]) = into.get_mut(..direct) {
                let count = input.read_past(room)?;
                if count == 0 {
                    return Err(self.stream.cut());
                }
                tokens.next_part(room.get(..count).unwrap_or_default(), 0).map_err(failed)?;
                self.left = self.left.map(|left| left.saturating_sub(count));
                return Ok(count);
            }
            if input.fill()? == 0 {
                return Err(self.stream.cut());
            }
        }
        // A part is at most as long as the bytes that it is found in.
        let unread = input.unread();
        let unread = unread.get(..into.len()).unwrap_or(unread);
        let part = tokens.next_part(unread, 0).map_err(failed)?;
        let Some((part, size)) = part else { return Ok(0) };
        let count = part.bytes.len();
        if let Some(room) = into.get_mut(..count) {
            room.copy_from_slice(part.bytes);
        }
        (self.left, *in_payload) = (part.left, !part.is_last);
        input.release(size);
        Ok(count)
    }
}

impl<R: fmt::Debug, D> fmt::Debug for TokenStream<R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenStream")
            .field("input", &self.input)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

impl<R, D: Direction> fmt::Debug for StreamToken<'_, R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(token) => f.debug_tuple("Token").field(token).finish(),
            Self::Payload(payload) => f.debug_tuple("Payload").field(payload).finish(),
        }
    }
}

impl<R, D> fmt::Debug for PayloadReader<'_, R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadReader")
            .field("kind", &self.kind)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
