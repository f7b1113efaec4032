//! RESP3 as RESP2 while it arrives: [`Downgrader`].

use core::fmt;
use core::mem;

use bytes::BytesMut;
use smallvec::SmallVec;

use crate::decode::PayloadPart;
use crate::kind::Kind;
use crate::sink::{ByteCount, Out, Sink, write_in_one_line};
use crate::view::Token;

use super::EncodeError;
use super::downgrade::{OpenAttributes, is_alike, write_token};
use super::late::LateHeaders;
use super::scalar::check_scalar;

/// Writes RESP3 replies in RESP2 while they arrive: token by token, in constant memory.
///
/// Give it each token of a [`TokenReader`](crate::TokenReader) with the token's bytes, and each part of a payload. It
/// appends what a RESP2 client gets to your buffer: the same bytes as [`Encode`](super::Encode) writes for the
/// [`Decoded`](crate::Decoded) frame.
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
    attributes: OpenAttributes,
    /// Whether a payload has begun that comes in parts.
    is_in_payload: bool,
    /// How many bytes of a verbatim string's format and colon are still to come.
    format_left: usize,
    held: Held,
}

impl Downgrader {
    /// Returns a downgrader that holds at most `limit` bytes of a streamed aggregate or string. With 0 it refuses all
    /// of them.
    ///
    /// The bytes are those of the RESP2 form so far, and 24 for each streamed aggregate in it. Each open level inside
    /// the streamed aggregate takes up to 24 bytes more: [`Limits::depth`](crate::Limits::depth) bounds these.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            attributes: OpenAttributes::default(),
            is_in_payload: false,
            format_left: 0,
            held: Held::new(limit),
        }
    }

    /// Appends the RESP2 form of the next token. `wire` holds the bytes that the token takes: pass
    /// `&buffer[..size]`, with the size that the reader returned.
    ///
    /// # Errors
    /// Returns [`EncodeError::TooLongToHold`] if a streamed aggregate exceeds the limit. Later values get the same
    /// error, until [`reset`](Self::reset). A token of a reader has a form on the wire; one that you make yourself
    /// may have none, which is an error of [`Encode`](super::Encode).
    #[inline(always)]
    pub fn token(
        &mut self,
        token: &Token<'_>,
        wire: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        // Most values are copied, without a look at the token: it need not be stored then.
        if self.held.is_idle() && !self.attributes.is_any() && is_alike(wire) {
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
        if self.attributes.hold(token) {
            return Ok(());
        }
        if let Token::Scalar(scalar) = token {
            check_scalar(scalar)?;
        }
        if self.held.is_idle() && !matches!(token, Token::Open { len: None, .. }) {
            write_token(token, wire, &mut Out(out));
            return Ok(());
        }
        self.held.token(token, wire, out)
    }

    /// Appends the RESP2 form of the next part of a payload.
    ///
    /// # Errors
    /// Returns [`EncodeError::TooLongToHold`], like [`token`](Self::token).
    pub fn part(&mut self, part: &PayloadPart<'_>, out: &mut BytesMut) -> Result<(), EncodeError> {
        if self.attributes.is_any() {
            return Ok(());
        }
        let is_first = !mem::replace(&mut self.is_in_payload, !part.is_last);
        if part.kind == Kind::Streamed {
            return self.held.streamed_part(part, is_first, out);
        }
        // RESP2 has the text of a verbatim string, without its format and colon.
        let mut part = *part;
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

    /// Forgets the reply in progress, as [`TokenReader::reset`](crate::TokenReader::reset) does.
    pub fn reset(&mut self) {
        *self = Self::new(self.held.limit);
    }
}

impl fmt::Debug for Downgrader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downgrader")
            .field("held", &self.held())
            .field("limit", &self.held.limit)
            .finish_non_exhaustive()
    }
}

/// Writes a part of a payload. The first one has the header before it, and the last one the line end after it.
fn write_part(part: &PayloadPart<'_>, is_first: bool, sink: &mut impl Sink) {
    if part.kind == Kind::BulkError {
        sink.put(if is_first { b"-" } else { b"" });
        write_in_one_line(part.bytes, sink);
    } else {
        if is_first {
            sink.header(b'$', part.bytes.len().saturating_add(part.left.unwrap_or(0)));
        }
        sink.put(part.bytes);
    }
    sink.put(if part.is_last { b"\r\n" } else { b"" });
}

/// The outermost streamed aggregate while it arrives.
#[derive(Clone)]
struct Held {
    /// Its RESP2 form, without the headers of streamed aggregates.
    wire: BytesMut,
    headers: LateHeaders,
    /// The open aggregates, the streamed one first. Empty if nothing is held.
    open: SmallVec<[HeldLevel; 4]>,
    /// How many bytes may be held.
    limit: usize,
    /// Whether that was not enough.
    is_full: bool,
}

/// An open aggregate, or a streamed string.
#[derive(Clone, Copy)]
struct HeldLevel {
    /// How many values it has so far; of a string, bytes.
    values: usize,
    /// The index of its header, if it is streamed.
    header: Option<usize>,
}

impl Held {
    fn new(limit: usize) -> Self {
        Self {
            wire: BytesMut::new(),
            headers: LateHeaders::default(),
            open: SmallVec::new(),
            limit,
            is_full: false,
        }
    }

    /// Whether values need not be held.
    #[inline]
    fn is_idle(&self) -> bool {
        self.open.is_empty() && !self.is_full
    }

    fn size(&self) -> usize {
        self.wire.len() + self.headers.len() * LateHeaders::SIZE
    }

    /// Refuses more bytes than the limit allows, and then frees those that were held.
    fn reserve(&mut self, more: usize) -> Result<(), EncodeError> {
        let limit = self.limit;
        if self.is_full || more > limit.saturating_sub(self.size()) {
            *self = Self { is_full: true, ..Self::new(limit) };
            return Err(EncodeError::TooLongToHold { limit });
        }
        Ok(())
    }

    fn token(
        &mut self,
        token: &Token<'_>,
        wire: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        match *token {
            Token::Open { len: None, .. } => {
                self.reserve(LateHeaders::SIZE)?;
                let header = Some(self.headers.push(self.wire.len(), b'*'));
                self.count();
                self.open.push(HeldLevel { values: 0, header });
            }
            Token::Close(_) => {
                self.reserve(0)?;
                self.close(out);
            }
            Token::Open { .. } | Token::Scalar(_) => {
                let mut size = ByteCount::default();
                write_token(token, wire, &mut size);
                self.reserve(size.get())?;
                write_token(token, wire, &mut Out(&mut self.wire));
                self.count();
                if let Token::Open { .. } = token {
                    self.open.push(HeldLevel { values: 0, header: None });
                }
            }
        }
        Ok(())
    }

    fn part(&mut self, part: &PayloadPart<'_>, is_first: bool) -> Result<(), EncodeError> {
        let mut size = ByteCount::default();
        write_part(part, is_first, &mut size);
        self.reserve(size.get())?;
        write_part(part, is_first, &mut Out(&mut self.wire));
        if part.is_last {
            self.count();
        }
        Ok(())
    }

    /// Holds a part of a streamed string: a level that counts bytes.
    fn streamed_part(
        &mut self,
        part: &PayloadPart<'_>,
        is_first: bool,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        if is_first {
            self.reserve(LateHeaders::SIZE)?;
            let header = Some(self.headers.push(self.wire.len(), b'$'));
            self.count();
            self.open.push(HeldLevel { values: 0, header });
        }
        let end: &[u8] = if part.is_last { b"\r\n" } else { b"" };
        self.reserve(part.bytes.len().saturating_add(end.len()))?;
        self.wire.extend_from_slice(part.bytes);
        self.wire.extend_from_slice(end);
        if let Some(string) = self.open.last_mut() {
            string.values += part.bytes.len();
        }
        if part.is_last {
            self.close(out);
        }
        Ok(())
    }

    /// Counts a value of the innermost aggregate.
    fn count(&mut self) {
        if let Some(innermost) = self.open.last_mut() {
            innermost.values += 1;
        }
    }

    /// Ends the innermost aggregate. If it is the streamed one, everything that is held is appended.
    fn close(&mut self, out: &mut BytesMut) {
        if let Some(HeldLevel { values, header: Some(header) }) = self.open.pop() {
            self.headers.set_len(header, values);
        }
        if self.open.is_empty() {
            self.headers.insert(&mut self.wire);
            out.extend_from_slice(&self.wire);
            self.wire.clear();
        }
    }
}
