//! Scalars on the wire: values that hold no others.

use memchr::memchr2;

use crate::sink::{Sink, write_in_one_line};
use crate::view::ReplyRef;

use super::double::DoubleText;
use super::{EncodeError, Protocol};

/// Refuses a scalar that has no form on the wire.
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

/// Writes a scalar that has been checked.
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
        (ReplyRef::BulkError(message), Protocol::Resp2) => {
            sink.put(b"-");
            write_in_one_line(message, sink);
            sink.put(b"\r\n");
        }
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
        // Aggregates are not scalars: the callers write them.
        (ReplyRef::Array(_) | ReplyRef::Map(_) | ReplyRef::Set(_) | ReplyRef::Push(_), _) => {}
    }
}
