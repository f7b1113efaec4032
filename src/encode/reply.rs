//! Replies on the wire.

use memchr::{memchr2, memchr2_iter};

use crate::kind::Kind;
use crate::owned::Frame;
use crate::sink::Sink;
use crate::tree::{AggregateForm, Reply, Step, Walk};
use crate::view::{Decoded, ReplyRef};

use super::double::DoubleText;
use super::downgrade::{self, MOST_PER_BYTE};
use super::{EncodeError, Protocol, sealed};

/// The end of a streamed aggregate.
const STREAM_END: &[u8] = b".\r\n";

/// Refuses a value without children that has no form on the wire.
pub(super) fn check_scalar(scalar: &ReplyRef<'_>) -> Result<(), EncodeError> {
    match scalar {
        ReplyRef::Simple(text) | ReplyRef::Error(text) => match memchr2(b'\r', b'\n', text) {
            Some(offset) => Err(EncodeError::LineBreak { kind: scalar.kind(), offset }),
            None => Ok(()),
        },
        ReplyRef::BigNumber(text) => {
            let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
            let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            if is_number { Ok(()) } else { Err(EncodeError::NotABigNumber) }
        }
        _ => Ok(()),
    }
}

/// Writes a value without children that has been checked.
#[inline]
pub(super) fn write_scalar(scalar: &ReplyRef<'_>, protocol: Protocol, sink: &mut impl Sink) {
    match (scalar, protocol) {
        (ReplyRef::Bulk(payload), _) => sink.payload(b'$', payload),
        (ReplyRef::Simple(text), _) => sink.line(b'+', text),
        (ReplyRef::Error(text), _) => sink.line(b'-', text),
        (ReplyRef::Integer(value), _) => {
            sink.line(b':', itoa::Buffer::new().format(*value).as_bytes());
        }
        (ReplyRef::Null, Protocol::Resp3) => sink.put(b"_\r\n"),
        (ReplyRef::NullBulk | ReplyRef::Null, _) => sink.put(b"$-1\r\n"),
        (ReplyRef::NullArray, _) => sink.put(b"*-1\r\n"),
        (ReplyRef::Boolean(value), Protocol::Resp3) => {
            sink.put(if *value { b"#t\r\n" } else { b"#f\r\n" });
        }
        (ReplyRef::Boolean(value), Protocol::Resp2) => {
            sink.put(if *value { b":1\r\n" } else { b":0\r\n" });
        }
        (ReplyRef::Double(value), Protocol::Resp3) => {
            sink.line(b',', DoubleText::new(*value).as_bytes());
        }
        (ReplyRef::Double(value), Protocol::Resp2) => {
            sink.payload(b'$', DoubleText::new(*value).as_bytes());
        }
        (ReplyRef::BigNumber(text), Protocol::Resp3) => sink.line(b'(', text),
        (ReplyRef::BigNumber(text) | ReplyRef::Verbatim { text, .. }, Protocol::Resp2) => {
            sink.payload(b'$', text);
        }
        (ReplyRef::BulkError(message), Protocol::Resp3) => sink.payload(b'!', message),
        (ReplyRef::BulkError(message), Protocol::Resp2) => write_error_line(message, sink),
        (ReplyRef::Verbatim { format, text }, Protocol::Resp3) => {
            sink.header(b'=', text.len() + 4);
            sink.put(*format);
            sink.put(b":");
            sink.put(text);
            sink.put(b"\r\n");
        }
        (ReplyRef::Streamed(chunks), Protocol::Resp3) => {
            sink.put(b"$?\r\n");
            sink.put(chunks.wire());
            sink.put(b";0\r\n");
        }
        (ReplyRef::Streamed(chunks), Protocol::Resp2) => {
            sink.header(b'$', chunks.map(<[u8]>::len).sum());
            chunks.for_each(|chunk| sink.put(chunk));
            sink.put(b"\r\n");
        }
        // Aggregates are no scalars.
        (ReplyRef::Array(_) | ReplyRef::Map(_) | ReplyRef::Set(_) | ReplyRef::Push(_), _) => {}
    }
}

/// Writes an error that may have line breaks as one that has spaces in their place.
pub(super) fn write_error_line(message: &[u8], sink: &mut impl Sink) {
    sink.put(b"-");
    write_in_one_line(message, sink);
    sink.put(b"\r\n");
}

/// Writes a text with a space in place of each CR and LF.
pub(crate) fn write_in_one_line(text: &[u8], sink: &mut impl Sink) {
    let mut start = 0;
    for at in memchr2_iter(b'\r', b'\n', text) {
        sink.put(text.get(start..at).unwrap_or_default());
        sink.put(b" ");
        start = at + 1;
    }
    sink.put(text.get(start..).unwrap_or_default());
}

impl sealed::Encode for ReplyRef<'_> {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        match self {
            // Of the elements of a streamed array or set.
            Self::Push(items) if items.len().is_none() => {
                Err(EncodeError::CannotStream { kind: Kind::Push })
            }
            other => check_scalar(other),
        }
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        let (elements, each) = match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => (*items, 1),
            Self::Map(pairs) => (pairs.flat(), 2),
            scalar => return write_scalar(scalar, protocol, sink),
        };
        let type_byte = self.kind().type_byte();
        match (protocol, elements.len()) {
            (Protocol::Resp2, _) => {
                sink.header(b'*', elements.total());
                downgrade::write(elements.wire(), sink);
            }
            (Protocol::Resp3, Some(len)) => {
                sink.header(type_byte, len / each);
                sink.put(elements.wire());
            }
            (Protocol::Resp3, None) => {
                sink.put(&[type_byte, b'?', b'\r', b'\n']);
                sink.put(elements.wire());
                sink.put(STREAM_END);
            }
        }
    }

    fn bound(&self) -> Option<usize> {
        // A header or a number besides.
        Some(64 + MOST_PER_BYTE * self.content().len())
    }
}

impl sealed::Encode for Decoded<'_> {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        Ok(())
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        match protocol {
            Protocol::Resp2 => downgrade::write(self.wire(), sink),
            Protocol::Resp3 => sink.put(self.wire()),
        }
    }

    fn bound(&self) -> Option<usize> {
        Some(MOST_PER_BYTE * self.wire().len())
    }
}

impl sealed::Encode for Frame {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        Ok(())
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        sink.lend(self.wire());
        match protocol {
            Protocol::Resp2 => downgrade::write(self.wire(), sink),
            Protocol::Resp3 => sink.put(self.wire()),
        }
    }

    fn bound(&self) -> Option<usize> {
        Some(MOST_PER_BYTE * self.wire().len())
    }
}

impl sealed::Encode for Reply {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        Walk::new(self).try_for_each(|step| match step {
            Step::Scalar(reply) => reply.as_scalar().map_or(Ok(()), |scalar| check_scalar(&scalar)),
            Step::Open(opening)
                if opening.form == AggregateForm::Streamed && opening.kind == Kind::Push =>
            {
                Err(EncodeError::CannotStream { kind: opening.kind })
            }
            Step::Open(_) | Step::Close(_) => Ok(()),
        })
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        // How many attributes are open: RESP2 has none.
        let mut dropped = 0;
        for step in Walk::new(self) {
            match (step, protocol) {
                (Step::Open(opening), Protocol::Resp2) if opening.kind == Kind::Attribute => {
                    dropped += 1;
                }
                (Step::Close(opening), Protocol::Resp2) if opening.kind == Kind::Attribute => {
                    dropped -= 1;
                }
                _ if dropped > 0 => {}
                (Step::Scalar(Reply::Bulk(payload)), _) => {
                    sink.lend(payload);
                    sink.payload(b'$', payload);
                }
                (Step::Scalar(reply), _) => {
                    if let Some(content) = reply.content() {
                        sink.lend(content);
                    }
                    if let Some(scalar) = reply.as_scalar() {
                        write_scalar(&scalar, protocol, sink);
                    }
                }
                (Step::Open(opening), Protocol::Resp2) => {
                    let each = if opening.kind.has_pairs() { 2 } else { 1 };
                    sink.header(b'*', opening.len * each);
                }
                (Step::Open(opening), Protocol::Resp3)
                    if opening.form == AggregateForm::Streamed =>
                {
                    sink.put(&[opening.kind.type_byte(), b'?', b'\r', b'\n']);
                }
                (Step::Open(opening), Protocol::Resp3) => {
                    sink.header(opening.kind.type_byte(), opening.len);
                }
                (Step::Close(opening), Protocol::Resp3)
                    if opening.form == AggregateForm::Streamed =>
                {
                    sink.put(STREAM_END);
                }
                (Step::Close(_), _) => {}
            }
        }
    }

    fn bound(&self) -> Option<usize> {
        None
    }
}
