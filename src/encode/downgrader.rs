//! RESP3 as RESP2 while it arrives: [`Downgrader`].

use alloc::boxed::Box;
use core::fmt;
use core::mem;

use bytes::BytesMut;

use crate::decode::PayloadPart;
use crate::kind::Kind;
use crate::sink::Out;
use crate::view::Token;

use super::downgrade::{OpenAttributes, is_alike};
use super::held::{Held, write_part};
use super::scalar::check_scalar;
use super::shapes::{ReplyShape, Translator};
use super::{EncodeError, Protocol};

/// Writes RESP3 replies in RESP2 while they arrive: token by token, in constant memory.
///
/// Give it each token of a [`TokenReader`](crate::TokenReader) with the token's bytes, and each part of a payload. It
/// appends what a RESP2 client gets to your buffer: the same bytes as [`Encode`](super::Encode) writes for the
/// [`Decoded`](crate::Decoded) frame. If it knows the command, by [`expect`](Self::expect), the bytes are those of
/// [`Shaped`](super::Shaped). Let payloads of up to 16 bytes come whole, because a word such as `invalidate` is not
/// recognised in parts.
///
/// The length of a *streamed* aggregate or string is known only at its end, but RESP2 needs it at the beginning. So
/// from the beginning of the outermost streamed aggregate, or of a streamed string that comes in parts, to its end, its
/// RESP2 form is held in memory, and nothing is appended. You choose how much may be held; more is an error. For all
/// other replies nothing is held; Redis sends no others.
///
/// If the reader or the downgrader fails, a part of the reply may have been appended: close the connection to the
/// client.
///
/// ```
/// use bytes::BytesMut;
/// use zresp::TokenReader;
/// use zresp::encode::Downgrader;
///
/// let (mut reader, mut downgrader) = (TokenReader::new(), Downgrader::new(64 * 1024));
/// let (mut buffer, mut out) = (Vec::new(), BytesMut::new());
/// let mut sent = Vec::new();
/// for read in [b"%2\r\n+pi\r\n,3.1".as_slice(), b"40\r\n+text\r\n$11\r\nhello ", b"world\r\n"] {
///     buffer.extend_from_slice(read);
///     let mut at = 0;
///     loop {
///         let rest = &buffer[at..];
///         if let Some((token, size)) = reader.next(rest)? {
///             downgrader.token(&token, &rest[..size], &mut out)?;
///             at += size;
///         } else if let Some((part, size)) = reader.next_part(rest, 1024)? {
///             downgrader.part(&part, &mut out)?;
///             at += size;
///         } else {
///             break;
///         }
///     }
///     buffer.drain(..at);
///     sent.extend(out.split()); // write it to the client
/// }
/// assert_eq!(sent, b"*4\r\n+pi\r\n$5\r\n3.140\r\n+text\r\n$11\r\nhello world\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[doc(alias = "streaming")]
pub struct Downgrader {
    /// Whether the next token is copied if both protocols write it alike.
    is_copying: bool,
    attributes: OpenAttributes,
    /// Whether a payload has begun that comes in parts.
    is_in_payload: bool,
    /// How many bytes of a verbatim string's format and colon are still to come.
    format_left: usize,
    held: Held,
    /// `None` if no shape has ever been expected.
    shapes: Option<Box<Shapes>>,
}

/// The replies whose shape is known.
#[derive(Clone, Default)]
struct Shapes {
    /// The next reply.
    expected: Option<Translator>,
    /// The reply or push in progress.
    current: Option<Translator>,
}

impl Downgrader {
    /// Returns a downgrader that holds at most `limit` bytes of a streamed aggregate or string. With 0 it refuses all
    /// of them.
    ///
    /// The bytes are those of the RESP2 form so far, and 24 for each streamed aggregate in it (12 on 32-bit machines).
    /// Each open level inside the streamed aggregate takes up to 24 bytes more:
    /// [`Limits::depth`](crate::Limits::depth) bounds these.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            is_copying: true,
            attributes: OpenAttributes::default(),
            is_in_payload: false,
            format_left: 0,
            held: Held::new(limit),
            shapes: None,
        }
    }

    /// Sets the shape of the next reply. Call it before each reply; a reply without it has the shape
    /// [`ReplyShape::UNKNOWN`].
    ///
    /// A push that comes first does not count as the reply, unless the shape is that of `SUBSCRIBE` or one of its
    /// relatives. From the first call on, pushes have the shape [`ReplyShape::PUSH`].
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use zresp::TokenReader;
    /// use zresp::encode::{Downgrader, ReplyShape};
    ///
    /// let (mut reader, mut downgrader) = (TokenReader::new(), Downgrader::new(0));
    /// downgrader.expect(ReplyShape::of_words(["XREAD", "STREAMS", "s", "0"]));
    /// let (mut rest, mut out) = (b"%1\r\n$1\r\ns\r\n*0\r\n".as_slice(), BytesMut::new());
    /// while let Some((token, size)) = reader.next(rest)? {
    ///     downgrader.token(&token, &rest[..size], &mut out)?;
    ///     rest = &rest[size..];
    /// }
    /// assert_eq!(out, "*1\r\n*2\r\n$1\r\ns\r\n*0\r\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expect(&mut self, shape: ReplyShape) {
        self.set_expected(shape, &[]);
    }

    /// Like [`expect`](Self::expect), for the reply to `EXEC`: with the shapes of the commands that were queued.
    pub fn expect_exec(&mut self, queued: &[ReplyShape]) {
        self.set_expected(ReplyShape::EXEC, queued);
    }

    fn set_expected(&mut self, shape: ReplyShape, queued: &[ReplyShape]) {
        let translator = || Translator::new(Protocol::Resp2, shape, queued);
        let expected = (!shape.is_plain_in_resp2()).then(translator);
        self.shapes.get_or_insert_default().expected = expected;
        self.is_copying = self.may_copy();
    }

    /// Whether tokens may be copied that both protocols write alike.
    fn may_copy(&self) -> bool {
        let has_shape = self
            .shapes
            .as_ref()
            .is_some_and(|shapes| shapes.expected.is_some() || shapes.current.is_some());
        !has_shape && self.held.is_idle() && !self.attributes.is_any()
    }

    /// Appends the RESP2 form of the next token. `wire` holds the bytes that the token takes: pass
    /// `&buffer[..size]`, with the size that the reader returned.
    ///
    /// # Errors
    /// Returns [`EncodeError::TooLongToHold`] if a streamed aggregate exceeds the limit. Later values get the same
    /// error, until [`reset`](Self::reset). If the shape of the reply is known, the errors of
    /// [`Shaped`](super::Shaped) are returned at the first token that does not match. A token of a reader has a form
    /// on the wire; one that you make yourself may have none, which is an error of [`Encode`](super::Encode).
    #[inline(always)]
    pub fn token(
        &mut self,
        token: &Token<'_>,
        wire: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        // Most values are copied, without a look at the token: it need not be stored then.
        if self.is_copying && is_alike(wire) {
            out.extend_from_slice(wire);
            return Ok(());
        }
        self.other_token(token, wire, out)
    }

    /// Out of line, so that only the frequent tokens are in the caller's loop.
    #[inline(never)]
    fn other_token(
        &mut self,
        token: &Token<'_>,
        wire: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let result = self.translated_token(token, wire, out);
        self.is_copying = self.may_copy();
        result
    }

    fn translated_token(
        &mut self,
        token: &Token<'_>,
        wire: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        if self.attributes.hold(token) {
            return Ok(());
        }
        if let Token::Scalar(scalar) = token {
            check_scalar(scalar)?;
        }
        let held = &mut self.held;
        let Some(shapes) = &mut self.shapes else { return held.write(token, wire, out) };
        let is_push = matches!(token, Token::Open { kind: Kind::Push, .. });
        let Some(translator) = shapes.begin(is_push) else { return held.write(token, wire, out) };
        translator
            .token(token, wire, |token: &Token<'_>, wire: &[u8]| held.write(token, wire, out))?;
        shapes.end();
        Ok(())
    }

    /// Appends the RESP2 form of the next part of a payload.
    ///
    /// # Errors
    /// Returns [`EncodeError::TooLongToHold`], like [`token`](Self::token).
    pub fn part(&mut self, part: &PayloadPart<'_>, out: &mut BytesMut) -> Result<(), EncodeError> {
        if self.attributes.is_any() {
            return Ok(());
        }
        let result = self.translated_part(part, out);
        self.is_copying = self.may_copy();
        result
    }

    fn translated_part(
        &mut self,
        part: &PayloadPart<'_>,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let is_first = !mem::replace(&mut self.is_in_payload, !part.is_last);
        if is_first {
            let translator = self.shapes.as_mut().and_then(|shapes| shapes.begin(false));
            translator.map_or(Ok(()), |translator| {
                translator.begin_parts(part.kind, |token: &Token<'_>, wire: &[u8]| {
                    self.held.write(token, wire, out)
                })
            })?;
        }
        self.plain_part(*part, is_first, out)?;
        if let (true, Some(shapes)) = (part.is_last, &mut self.shapes) {
            let translator = shapes.current.as_mut();
            translator.map_or(Ok(()), |translator| {
                translator
                    .end_parts(|token: &Token<'_>, wire: &[u8]| self.held.write(token, wire, out))
            })?;
            shapes.end();
        }
        Ok(())
    }

    fn plain_part(
        &mut self,
        mut part: PayloadPart<'_>,
        is_first: bool,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        if part.kind == Kind::Streamed {
            return self.held.streamed_part(&part, is_first, out);
        }
        // RESP2 has the text of a verbatim string, without its format and colon.
        if part.kind == Kind::Verbatim {
            self.format_left = if is_first { 4 } else { self.format_left };
            let dropped = self.format_left.min(part.bytes.len());
            part.bytes = part.bytes.get(dropped..).unwrap_or_default();
            self.format_left -= dropped;
            part.left = part.left.map(|left| left.saturating_sub(self.format_left));
        }
        if self.held.is_idle() {
            write_part(&part, is_first, &mut Out(out));
            return Ok(());
        }
        self.held.part(&part, is_first)
    }

    /// Returns how many bytes are held, as the limit counts them.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.size()
    }

    /// Forgets the reply in progress and the shape of the next one, as [`TokenReader::reset`](crate::TokenReader::reset) does.
    pub fn reset(&mut self) {
        let shapes = self.shapes.as_ref().map(|_| Box::default());
        *self = Self { shapes, ..Self::new(self.held.limit()) };
    }
}

impl Shapes {
    /// Returns the translator of the next value, if its reply has a known shape.
    fn begin(&mut self, is_push: bool) -> Option<&mut Translator> {
        if self.current.is_none() {
            let is_reply = !is_push || self.expected.as_ref().is_some_and(Translator::expects_push);
            self.current = if is_reply {
                self.expected.take()
            } else {
                Some(Translator::new(Protocol::Resp2, ReplyShape::PUSH, &[]))
            };
        }
        self.current.as_mut()
    }

    /// Forgets the translator if its reply has ended.
    fn end(&mut self) {
        self.current = self.current.take().filter(|translator| !translator.is_done());
    }
}

impl fmt::Debug for Downgrader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downgrader")
            .field("held", &self.held())
            .field("limit", &self.held.limit())
            .finish_non_exhaustive()
    }
}
