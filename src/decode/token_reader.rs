//! Tokens of frames that are still arriving: [`FrameTokenReader`].

#![deny(clippy::arithmetic_side_effects)]

use core::fmt;
use core::marker::PhantomData;

use crate::error::{Error, ErrorKind};
use crate::escape::Shortened;
use crate::kind::Kind;
use crate::limits::{InlinePolicy, Limits, LinePolicy};
use crate::validate::{Grammar, Payload, TokenEnd, Validator};
use crate::view::header::{self, Length};

use super::Framer;
use super::decoder::head;
use super::direction::{Direction, Replies, Requests};
use super::token_iter::TokenIter;

/// Reads replies token by token, in the same pass that validates them, while a frame is still arriving:
/// a [`FrameTokenReader`] of [`Token`](crate::Token)s.
///
/// ```
/// use zresp::{Kind, ReplyRef, Token, TokenReader};
///
/// let mut reader = TokenReader::new();
/// let mut buffer = Vec::new();
/// let mut sum = 0;
/// for read in [b"*3\r\n:1".as_slice(), b"0\r\n:2", b"0\r\n:30\r\n+OK\r\n"] {
///     buffer.extend_from_slice(read);
///     let mut at = 0;
///     while let Some((token, size)) = reader.next(&buffer[at..])? {
///         if let Token::Scalar(ReplyRef::Integer(value)) = token {
///             sum += value; // the first values are added before the last has arrived
///         }
///         at += size;
///     }
///     buffer.drain(..at);
/// }
/// assert_eq!((sum, buffer.len()), (60, 0));
/// assert!(reader.is_between_frames());
/// # Ok::<(), zresp::Error>(())
/// ```
#[doc(alias = "streaming")]
#[doc(alias = "incremental")]
pub type TokenReader = FrameTokenReader<Replies>;

/// Reads commands argument by argument, while a command is still arriving: a [`FrameTokenReader`] of
/// [`CommandToken`](crate::command::CommandToken)s.
///
/// ```
/// use zresp::CommandTokenReader;
/// use zresp::command::CommandToken;
///
/// let mut reader = CommandTokenReader::new();
/// let mut tokens = reader.tokens(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000000\r\nva");
/// assert_eq!(tokens.next(), Some(Ok(CommandToken::Open { len: 3 })));
/// assert_eq!(tokens.next(), Some(Ok(CommandToken::Argument(b"SET"))));
/// assert_eq!(tokens.next(), Some(Ok(CommandToken::Argument(b"key"))));
/// assert_eq!(tokens.next(), None);
/// let rest = tokens.rest();
/// let (part, _) = reader.next_part(rest, 1024)?.expect("the value is longer than 1024 bytes");
/// assert_eq!((part.bytes, part.left), (b"va".as_slice(), Some(999_998)));
/// # Ok::<(), zresp::Error>(())
/// ```
#[doc(alias = "server")]
pub type CommandTokenReader = FrameTokenReader<Requests>;

/// Reads frames token by token, in the same pass that validates them, while a frame is still arriving:
/// [`TokenReader`] for replies, [`CommandTokenReader`] for requests.
///
/// A [`FrameDecoder`](crate::frames::FrameDecoder) waits for a whole frame. A token reader returns each
/// value as soon as it has arrived, so reading a reply of a million elements needs memory for only one of
/// them. A payload that has not arrived whole can be returned in parts, by [`next_part`](Self::next_part).
/// Verdicts, offsets, limits and [`needed`](Self::needed) are those of the decoder, wherever the bytes are
/// cut; an error may come after tokens of the same frame, and its offset may be in them
/// ([`NestedPush`](ErrorKind::NestedPush)).
///
/// The caller keeps the token in progress in its buffer, and drops what each token takes. Up to sixteen
/// levels of nesting need no allocation, with one rare exception (`SECURITY.md`).
#[derive(Clone)]
pub struct FrameTokenReader<D> {
    pub(super) validator: Validator,
    /// How many bytes of the token in progress have been examined.
    seen: usize,
    /// The first of them, up to eight, to recognise the buffer.
    head: u64,
    /// The kind of the payload that is being returned in parts.
    parts: Option<Kind>,
    /// How many bytes of that payload have been returned.
    returned: usize,
    direction: PhantomData<fn() -> D>,
}

/// A part of a payload: see [`FrameTokenReader::next_part`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayloadPart<'a> {
    /// The kind of the value: [`Bulk`](Kind::Bulk), [`Streamed`](Kind::Streamed),
    /// [`BulkError`](Kind::BulkError) or [`Verbatim`](Kind::Verbatim).
    pub kind: Kind,
    /// The bytes of this part. A part may have none. The payload of a verbatim string begins with its
    /// format, three bytes, and a colon.
    pub bytes: &'a [u8],
    /// How many bytes of the payload come before this part.
    pub offset: usize,
    /// How many bytes of the payload come after this part; `None` in a streamed string.
    pub left: Option<usize>,
    /// Whether the value ends with this part. The next token follows.
    pub is_last: bool,
}

impl<D: Direction> FrameTokenReader<D> {
    /// Returns a reader with the default [`Limits`]. A reader of requests accepts inline commands.
    #[must_use]
    #[inline(always)]
    pub fn new() -> Self {
        Self::with_limits(D::LIMITS)
    }

    /// Returns a reader with your own limits.
    #[must_use]
    #[inline(always)]
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            validator: Validator::new(D::GRAMMAR, limits).by_token(),
            seen: 0,
            head: 0,
            parts: None,
            returned: 0,
            direction: PhantomData,
        }
    }

    /// Returns the next token and how many bytes it takes, or `None` if more bytes are needed.
    ///
    /// Before the next call, drop the bytes that the token takes: `buf` must then begin with the next
    /// token. The end of a counted aggregate takes none: so call this until it returns `None`, even if the
    /// buffer is empty. After `None`, only append to the buffer, or take the payload in progress by
    /// [`next_part`](Self::next_part). A line, such as an error message, is always whole: it is limited
    /// only by [`Limits::frame`].
    ///
    /// # Errors
    /// Those of [`FrameDecoder::decode`](crate::frames::FrameDecoder::decode), with the offset from the
    /// first byte of the frame, however many bytes of it were dropped. What a request skips does not
    /// count.
    #[inline(always)]
    pub fn next<'a>(&mut self, buf: &'a [u8]) -> Result<Option<(D::Token<'a>, usize)>, Error> {
        let mut tokens = self.tokens(buf);
        match tokens.next() {
            Some(token) => Ok(Some((token?, buf.len().saturating_sub(tokens.rest().len())))),
            None => Ok(None),
        }
    }

    /// Reads a token that is less frequent. Out of line, so that only the frequent tokens are in the
    /// caller's loop.
    #[inline(never)]
    pub(super) fn next_slow<'a>(
        &mut self,
        buf: &'a [u8],
    ) -> Result<Option<(D::Token<'a>, usize)>, Error> {
        if let Some(error) = self.validator.failure() {
            return Err(error);
        }
        if self.parts.is_some() {
            return Ok(None);
        }
        if let Some(kind) = self.validator.close() {
            return Ok(Some((D::close(kind), 0)));
        }
        self.next_by_byte(buf)
    }

    /// Reads a token byte by byte.
    #[inline(never)]
    fn next_by_byte<'a>(&mut self, buf: &'a [u8]) -> Result<Option<(D::Token<'a>, usize)>, Error> {
        let is_same = self.seen == 0 || head(buf.get(..self.seen).unwrap_or_default()) == self.head;
        let Some(unseen) = buf.get(self.seen..).filter(|_| is_same) else {
            return Err(self.changed());
        };
        let Some((passed, end)) = self.validator.advance_token(unseen)? else {
            self.seen = buf.len();
            self.head = head(buf);
            return Ok(None);
        };
        let size = self.seen.saturating_add(passed);
        self.seen = 0;
        let bytes = buf.get(..size).unwrap_or_default();
        let token = match (bytes.first(), end) {
            // The aggregate that a `.` ends.
            (Some(b'.'), TokenEnd::Within) => self.validator.close().map(D::close),
            _ => D::token(bytes, end),
        };
        match token {
            Some(token) => Ok(Some((token, size))),
            None => Err(self.changed()),
        }
    }

    /// Returns the next part of a payload that is still arriving and has more than `whole` bytes,
    /// and how many bytes of `buf` the part takes, including headers and line ends. Call it when
    /// [`next`](Self::next) has returned `None`, with the same `buf`.
    ///
    /// `None` if no such payload is in progress, or nothing of it is in the buffer. After the first
    /// part, `next` returns `None` until the last part has been returned. A streamed string has more
    /// than `whole` bytes once the chunks that have begun add up to more.
    ///
    /// ```
    /// use zresp::TokenReader;
    ///
    /// let mut reader = TokenReader::new();
    /// let mut buffer = b"$1000000\r\nxxx".to_vec();
    /// let mut copied = 0;
    /// loop {
    ///     assert!(reader.next(&buffer)?.is_none());
    ///     if let Some((part, size)) = reader.next_part(&buffer, 1024)? {
    ///         copied += part.bytes.len(); // to a file
    ///         if part.is_last {
    ///             break;
    ///         }
    ///         buffer.drain(..size);
    ///     }
    ///     let piece = if copied < 1_000_000 { vec![b'x'; 99_997.min(1_000_000 - copied)] } else { b"\r\n".to_vec() };
    ///     buffer.extend_from_slice(&piece);
    /// }
    /// assert_eq!(copied, 1_000_000);
    /// # Ok::<(), zresp::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `next`.
    pub fn next_part<'a>(
        &mut self,
        buf: &'a [u8],
        whole: usize,
    ) -> Result<Option<(PayloadPart<'a>, usize)>, Error> {
        if let Some(error) = self.validator.failure() {
            return Err(error);
        }
        self.begin_parts(buf, whole);
        let Some(kind) = self.parts.filter(|_| !buf.is_empty()) else { return Ok(None) };
        let Payload { text, size, end } = self.validator.advance_part(buf)?;
        let left = (kind != Kind::Streamed).then(|| self.validator.payload_left());
        if end.is_some() {
            self.parts = None;
        }
        let bytes = buf.get(text).unwrap_or_default();
        let offset = self.returned;
        self.returned = offset.saturating_add(bytes.len());
        Ok(Some((PayloadPart { kind, bytes, offset, left, is_last: end.is_some() }, size)))
    }

    /// Begins to return the scalar in progress in parts, if it is a [`long_payload`](Self::long_payload).
    pub(crate) fn begin_parts(&mut self, buf: &[u8], whole: usize) {
        if self.parts.is_some() {
            return;
        }
        if let Some((kind, _)) = self.long_payload(buf, whole) {
            self.validator.begin_scalar_again(self.seen);
            (self.seen, self.returned, self.parts) = (0, 0, Some(kind));
        }
    }

    /// Returns the kind of the scalar in progress, and the length of its payload if it is known; `None` if
    /// the payload has no more than `whole` bytes or has not begun to arrive. All of the bytes have been
    /// examined.
    pub(crate) fn long_payload(&self, buf: &[u8], whole: usize) -> Option<(Kind, Option<usize>)> {
        let so_far = self.validator.payload_so_far()?;
        if self.seen != buf.len() || head(buf) != self.head {
            return None;
        }
        let (length, header) = header::length(buf)?;
        let (kind, least, length) = match (buf.first()?, length) {
            (b'$', Length::Known(length)) => (Kind::Bulk, length, Some(length)),
            (b'!', Length::Known(length)) => (Kind::BulkError, length, Some(length)),
            (b'=', Length::Known(length)) => (Kind::Verbatim, length, Some(length)),
            (b'$', Length::Streamed) => (Kind::Streamed, so_far, None),
            _ => return None,
        };
        (least > whole && buf.len() > header).then_some((kind, length))
    }

    #[cold]
    fn changed(&mut self) -> Error {
        self.validator.fail(ErrorKind::BufferChanged)
    }

    /// Returns an iterator over the tokens that lie whole in `buf`. [`TokenIter::rest`] has the bytes
    /// after them: keep these, and go on when more have come.
    ///
    /// ```
    /// use zresp::{ReplyRef, Token, TokenReader};
    ///
    /// let mut reader = TokenReader::new();
    /// let mut tokens = reader.tokens(b"*2\r\n+a\r\n$5\r\nhel");
    /// assert!(matches!(tokens.next(), Some(Ok(Token::Open { len: Some(2), .. }))));
    /// assert_eq!(tokens.next(), Some(Ok(Token::Scalar(ReplyRef::Simple(b"a")))));
    /// assert!(tokens.next().is_none());
    /// assert_eq!(tokens.rest(), b"$5\r\nhel");
    /// ```
    #[inline(always)]
    pub const fn tokens<'r, 'a>(&'r mut self, buf: &'a [u8]) -> TokenIter<'r, 'a, D> {
        TokenIter::new(self, buf)
    }

    /// Returns a framer for the rest of the frame in progress, and forgets the frame; `None` if no frame
    /// is in progress. Use it to forward or skip the rest of a frame whose first tokens are known.
    ///
    /// `buf` must be the buffer of the last call of [`next`](Self::next), without the bytes of the token
    /// that it returned. What to pass to the framer next:
    ///
    /// | `next` returned | pass |
    /// |---|---|
    /// | a token, or a payload is being returned in parts | `buf` |
    /// | `None` | the bytes that come after `buf`: all of `buf` belongs to the frame, and has been seen |
    ///
    /// ```
    /// use zresp::TokenReader;
    ///
    /// let mut reader = TokenReader::new();
    /// let buf = b"*2\r\n+message\r\n$5\r\nhel";
    /// let rest = {
    ///     let mut tokens = reader.tokens(buf);
    ///     while let Some(token) = tokens.next() {
    ///         token?;
    ///     }
    ///     tokens.rest()
    /// };
    /// let mut framer = reader.take_framer(rest).expect("a frame is in progress");
    /// let progress = framer.advance(b"lo\r\n+OK\r\n")?;
    /// assert_eq!((progress.taken, progress.is_complete), (4, true));
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    pub fn take_framer(&mut self, buf: &[u8]) -> Option<Framer> {
        let mut validator = self.validator.clone();
        let is_over = self.is_between_frames() || validator.by_frame();
        let type_byte = match self.validator.outermost().or(self.parts) {
            Some(kind) => Some(kind.type_byte()),
            None => buf.first().copied().filter(|_| self.seen > 0),
        };
        // That of the annotated value has not arrived yet.
        let type_byte = type_byte.filter(|byte| *byte != b'|');
        self.reset();
        (!is_over).then(|| Framer::within(validator, type_byte))
    }

    /// Returns the smallest number of further bytes that can complete the frame; 0 after an error.
    /// Call it after [`next`](Self::next) has returned `None`.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.validator.needed()
    }

    /// Returns whether the stream may end here without cutting a frame.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        self.parts.is_none() && self.validator.is_between_frames()
    }

    /// Returns the limits that were set last.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.validator.limits_set()
    }

    /// Returns the policy for lines of the frame in progress.
    #[cfg(feature = "std")]
    pub(crate) const fn lines(&self) -> LinePolicy {
        self.validator.grammar().lines()
    }

    /// Sets the limits from the next frame on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.validator.set_limits(limits);
    }

    /// Forgets the frame in progress, or the error that ended it.
    pub fn reset(&mut self) {
        self.validator.reset();
        (self.seen, self.parts) = (0, None);
    }
}

impl TokenReader {
    /// Returns the reader with this policy for lines.
    #[must_use]
    pub fn with_line_policy(mut self, policy: LinePolicy) -> Self {
        self.set_line_policy(policy);
        self
    }

    /// Sets which text a line may have, from the next reply on.
    pub fn set_line_policy(&mut self, policy: LinePolicy) {
        self.validator.set_grammar(Grammar::Replies(policy));
    }
}

impl CommandTokenReader {
    /// Sets what happens to inline commands, from the next request on.
    pub fn set_inline_policy(&mut self, policy: InlinePolicy) {
        self.validator.set_grammar(Grammar::Requests(policy));
    }
}

impl<D: Direction> Default for FrameTokenReader<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D> fmt::Debug for FrameTokenReader<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameTokenReader")
            .field("examined", &self.validator.offset())
            .field("open", &self.validator.depth())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PayloadPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, bytes, offset, left, is_last } = self;
        f.debug_struct("PayloadPart")
            .field("kind", kind)
            .field("bytes", &Shortened(bytes))
            .field("offset", offset)
            .field("left", left)
            .field("is_last", is_last)
            .finish()
    }
}
