//! The outermost streamed aggregate or string while it arrives: [`Held`].

use bytes::BytesMut;
use smallvec::SmallVec;

use crate::decode::PayloadPart;
use crate::kind::Kind;
use crate::sink::{ByteCount, Out, Sink, write_in_one_line};
use crate::view::Token;

use super::EncodeError;
use super::downgrade::write_token;
use super::late::LateHeaders;

/// Writes a part of a payload. The first one has the header before it, and the last one the line end after it.
pub(super) fn write_part(part: &PayloadPart<'_>, is_first: bool, sink: &mut impl Sink) {
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
pub(super) struct Held {
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
    pub(super) fn new(limit: usize) -> Self {
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
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty() && !self.is_full
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn size(&self) -> usize {
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

    /// Writes a token that is not part of an attribute, or holds it if it must be held.
    pub(super) fn write(
        &mut self,
        token: &Token<'_>,
        wire: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        if self.is_idle() && !matches!(token, Token::Open { len: None, .. }) {
            write_token(token, wire, &mut Out(out));
            return Ok(());
        }
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

    pub(super) fn part(
        &mut self,
        part: &PayloadPart<'_>,
        is_first: bool,
    ) -> Result<(), EncodeError> {
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
    pub(super) fn streamed_part(
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
