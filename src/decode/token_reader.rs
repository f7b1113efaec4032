//! Tokens of replies that are still arriving: [`TokenReader`].

#![deny(clippy::arithmetic_side_effects)]

use core::fmt;
use core::iter::FusedIterator;

use smallvec::SmallVec;

use crate::error::{Error, ErrorKind};
use crate::kind::Kind;
use crate::limits::Limits;
use crate::validate::{Frequent, Grammar, TokenEnd, Validator};
use crate::view::header::{self, Extent, Length};
use crate::view::{ReplyRef, Token};

use super::decoder::head;

/// Reads replies token by token, in the same pass that validates them, while a frame is still arriving.
///
/// A [`Decoder`](crate::Decoder) waits for a whole frame. A token reader gives each value as soon as it
/// has arrived, so reading a reply of a million elements needs memory for only one of them. A payload
/// that has not arrived whole can be passed in parts, with [`next_part`](Self::next_part). Verdicts,
/// offsets, limits and [`needed`](Self::needed) are those of the decoder, wherever the bytes are cut; an
/// error may come after tokens of the same frame.
///
/// The caller keeps the token in progress in its buffer and drops what each token takes.
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
#[derive(Clone)]
pub struct TokenReader {
    validator: Validator,
    /// The kinds of the open aggregates and attributes, the innermost last. The validator leaves a
    /// level as soon as it has all its values. A level that is still here has then ended, and its
    /// `Close` is due.
    open: SmallVec<[Kind; 16]>,
    /// How many bytes of the token in progress have been examined.
    seen: usize,
    /// The first of them, up to eight, to recognise the buffer.
    head: u64,
    /// The kind of the payload that is being passed in parts.
    parts: Option<Kind>,
}

/// A part of a payload: see [`TokenReader::next_part`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayloadPart<'a> {
    /// `Bulk` or `BulkError`.
    pub kind: Kind,
    /// The bytes of this part. The last part may have none.
    pub bytes: &'a [u8],
    /// How many bytes of the payload come after this part.
    pub left: usize,
    /// Whether the value ends with this part. The next token follows.
    pub is_last: bool,
}

impl TokenReader {
    /// Returns a reader with the default [`Limits`].
    #[must_use]
    #[inline(always)]
    pub fn new() -> Self {
        Self::with_limits(Limits::new())
    }

    /// Returns a reader with your own limits.
    #[must_use]
    #[inline(always)]
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            validator: Validator::new(Grammar::Replies, limits),
            open: SmallVec::new(),
            seen: 0,
            head: 0,
            parts: None,
        }
    }

    /// Returns the next token and how many bytes it takes, or `None` if more bytes are needed.
    ///
    /// Before the next call, drop the bytes that the token takes: `buf` must then begin with the next token. A
    /// `Close` of a counted aggregate takes none. After `None`, only append to the buffer, or take the payload
    /// in progress by [`next_part`](Self::next_part).
    ///
    /// # Errors
    /// Those of [`Decoder::decode`](crate::frames::FrameDecoder::decode), with the offset from the first
    /// byte of the frame, however many bytes of it were dropped.
    #[inline(always)]
    pub fn next<'a>(&mut self, buf: &'a [u8]) -> Result<Option<(Token<'a>, usize)>, Error> {
        if self.open.len() > self.validator.depth() {
            return Ok(self.open.pop().map(|kind| (Token::Close(kind), 0)));
        }
        if self.seen > 0 {
            return self.next_slow(buf);
        }
        // One arm for each token, so that it is made in its own branch of the caller's loop.
        match self.validator.take_frequent(buf) {
            Some((Frequent::Bulk(payload), size)) => {
                if self.validator.ends_level() && !self.validator.end_whole_frame() {
                    self.end_token();
                }
                Ok(Some((Token::Scalar(ReplyRef::Bulk(payload)), size)))
            }
            Some((Frequent::Integer(value), size)) => {
                if self.validator.ends_level() && !self.validator.end_whole_frame() {
                    self.end_token();
                }
                Ok(Some((Token::Scalar(ReplyRef::Integer(value)), size)))
            }
            Some((Frequent::Open(kind, len), size)) => {
                self.open.push(kind);
                Ok(Some((Token::Open { kind, len: Some(len) }, size)))
            }
            None => self.next_slow(buf),
        }
    }

    /// Out of line: once for each aggregate, and for each lone value.
    #[inline(never)]
    fn end_token(&mut self) {
        if self.validator.end_token() == TokenEnd::Frame {
            self.validator.reset();
        }
    }

    /// Reads a token that is cut, rare or wrong, byte by byte. Out of line, so that only the frequent
    /// tokens are in the caller's loop.
    #[inline(never)]
    fn next_slow<'a>(&mut self, buf: &'a [u8]) -> Result<Option<(Token<'a>, usize)>, Error> {
        if self.parts.is_some() {
            return Ok(None);
        }
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
        if end == TokenEnd::Frame {
            self.validator.reset();
        }
        match self.read(buf.get(..size).unwrap_or_default()) {
            Some(token) => Ok(Some((token, size))),
            None => Err(self.changed()),
        }
    }

    /// Reads the validated token that these bytes are.
    fn read<'a>(&mut self, bytes: &'a [u8]) -> Option<Token<'a>> {
        if bytes.first() == Some(&b'.') {
            return self.open.pop().map(Token::Close);
        }
        if let Some(opening) = header::opening(bytes) {
            self.open.push(opening.kind);
            return Some(Token::Open { kind: opening.kind, len: opening.length });
        }
        let (scalar, _) = header::value(bytes, Extent::Exact)?;
        Some(Token::Scalar(scalar))
    }

    /// Returns the next part of a payload that is still arriving and has more than `whole` bytes,
    /// and how many bytes of `buf` the part takes. Call it when [`next`](Self::next) has returned
    /// `None`, with the same `buf`.
    ///
    /// `None` if no such payload is in progress, or none of it is in the buffer. After the first
    /// part, `next` returns `None` until the last part has been returned. Bulk strings and bulk
    /// errors come in parts; verbatim and streamed strings come whole.
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
        let Some(kind) = self.parts else { return Ok(self.first_part(buf, whole)) };
        let due = self.validator.payload_left().unwrap_or(0);
        let Some(unseen) = buf.get(self.seen..) else { return Err(self.changed()) };
        let ended = self.validator.advance_token(unseen)?;
        let bytes = buf.get(..due).unwrap_or(buf);
        match ended {
            Some((passed, end)) => {
                let size = self.seen.saturating_add(passed);
                (self.seen, self.parts) = (0, None);
                if end == TokenEnd::Frame {
                    self.validator.reset();
                }
                Ok(Some((PayloadPart { kind, bytes, left: 0, is_last: true }, size)))
            }
            None if bytes.is_empty() => {
                self.seen = buf.len();
                Ok(None)
            }
            None => Ok(Some(self.part(kind, bytes, 0, due, buf))),
        }
    }

    /// The first part of the payload whose header is at the front of the bytes, if it is longer than
    /// `whole` and some of it is there.
    fn first_part<'a>(&mut self, buf: &'a [u8], whole: usize) -> Option<(PayloadPart<'a>, usize)> {
        let kind = match buf.first()? {
            b'$' => Kind::Bulk,
            b'!' => Kind::BulkError,
            _ => return None,
        };
        // In the middle of another token, or with another buffer, nothing is passed.
        if self.seen != buf.len() || self.validator.failure().is_some() {
            return None;
        }
        let (Length::Known(length), start) = header::length(buf)? else { return None };
        let payload = buf.get(start..)?;
        let bytes = payload.get(..length).unwrap_or(payload);
        if length <= whole || bytes.is_empty() {
            return None;
        }
        self.parts = Some(kind);
        Some(self.part(kind, bytes, start, length, buf))
    }

    /// A part that is not the last, which begins `start` bytes into the buffer; `length` bytes of the
    /// payload were due.
    fn part<'a>(
        &mut self,
        kind: Kind,
        bytes: &'a [u8],
        start: usize,
        length: usize,
        buf: &[u8],
    ) -> (PayloadPart<'a>, usize) {
        let size = start.saturating_add(bytes.len());
        // Of the bytes that stay in the buffer, at most the CR after the payload has been examined.
        self.seen = buf.len().saturating_sub(size);
        let left = length.saturating_sub(bytes.len());
        (PayloadPart { kind, bytes, left, is_last: false }, size)
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
    pub const fn tokens<'r, 'a>(&'r mut self, buf: &'a [u8]) -> TokenIter<'r, 'a> {
        TokenIter { reader: self, rest: buf, is_over: false }
    }

    /// Returns the smallest number of further bytes that can complete the frame; 0 after an error.
    /// Call it after [`next`](Self::next) has returned `None`.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.validator.needed()
    }

    /// Returns whether the stream may end here without cutting a frame.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.open.is_empty() && self.validator.is_fresh()
    }

    /// Returns the limits that were set last.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.validator.limits_set()
    }

    /// Sets the limits from the next frame on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.validator.set_limits(limits);
    }

    /// Forgets the frame in progress, or the error that ended it.
    pub fn reset(&mut self) {
        self.validator.reset();
        self.open.clear();
        (self.seen, self.parts) = (0, None);
    }
}

impl Default for TokenReader {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TokenReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenReader")
            .field("examined", &self.validator.offset())
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}

/// The tokens that lie whole in a buffer: see [`TokenReader::tokens`].
#[derive(Debug)]
pub struct TokenIter<'r, 'a> {
    reader: &'r mut TokenReader,
    rest: &'a [u8],
    is_over: bool,
}

impl<'a> TokenIter<'_, 'a> {
    /// Returns the bytes after the tokens given so far.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for TokenIter<'_, 'a> {
    type Item = Result<Token<'a>, Error>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        match self.reader.next(self.rest) {
            Ok(Some((token, size))) => {
                self.rest = self.rest.get(size..).unwrap_or_default();
                Some(Ok(token))
            }
            Ok(None) => {
                self.is_over = true;
                None
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }
}

impl FusedIterator for TokenIter<'_, '_> {}
