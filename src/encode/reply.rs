//! Replies on the wire.

use crate::kind::Kind;
use crate::limits::LinePolicy;
use crate::owned::Frame;
use crate::sink::Sink;
use crate::tree::{AggregateForm, Reply, Step, Walk};
use crate::view::{Decoded, Elements, ReplyRef, Token, Tokens};

use super::downgrade::{self, MOST_PER_BYTE, OpenAttributes};
use super::scalar::{check_scalar, write_scalar};
use super::sealed::Writable;
use super::{Encode, EncodeError, Protocol};

/// The end of a streamed aggregate.
pub(super) const STREAM_END: &[u8] = b".\r\n";

/// Refuses a decoded reply with a line that cannot be written.
#[inline]
fn check_decoded(reply: &ReplyRef<'_>, protocol: Protocol) -> Result<(), EncodeError> {
    match reply.lines() {
        LinePolicy::Strict => check_scalar(reply),
        LinePolicy::AsSent => check_tokens(reply.tokens(), protocol),
    }
}

/// Refuses values that cannot be written, such as lines that a decoder has accepted as they were sent. RESP2 leaves
/// attributes out, so they do not matter there.
#[cold]
fn check_tokens<'a>(
    tokens: impl Iterator<Item = Token<'a>>,
    protocol: Protocol,
) -> Result<(), EncodeError> {
    let mut attributes = OpenAttributes::default();
    let mut written = tokens.filter(|token| !attributes.hold(token) || protocol == Protocol::Resp3);
    written.try_for_each(|token| match token {
        Token::Scalar(scalar) => check_scalar(&scalar),
        Token::Open { kind: kind @ Kind::Push, len: None } => {
            Err(EncodeError::CannotStream { kind })
        }
        Token::Open { .. } | Token::Close(_) => Ok(()),
    })
}

impl Encode for ReplyRef<'_> {}

impl Writable<Protocol> for ReplyRef<'_> {
    fn check(&self, protocol: Protocol) -> Result<(), EncodeError> {
        match self {
            // Decoding never returns a streamed push; it can only be built by hand, from the elements of a streamed
            // array or set.
            Self::Push(items) if items.len().is_none() => {
                Err(EncodeError::CannotStream { kind: Kind::Push })
            }
            reply => check_decoded(reply, protocol),
        }
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        let Some(elements) = elements(self) else { return write_scalar(self, protocol, sink) };
        let type_byte = self.kind().type_byte();
        match (protocol, elements.len()) {
            (Protocol::Resp2, _) => {
                sink.header(b'*', elements.total());
                downgrade::write(elements.wire(), sink);
            }
            (Protocol::Resp3, Some(len)) => {
                sink.header(type_byte, len / self.kind().values_per_element());
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
        // The header of an aggregate, or the text of a number, is not part of the content.
        Some(self.content().len().saturating_mul(MOST_PER_BYTE).saturating_add(64))
    }
}

/// The values of an aggregate, with the keys and values of a map alternating.
pub(super) fn elements<'a>(reply: &ReplyRef<'a>) -> Option<Elements<'a>> {
    match reply {
        ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => Some(*items),
        ReplyRef::Map(pairs) => Some(pairs.flat()),
        _ => None,
    }
}

impl Encode for Decoded<'_> {}

impl Writable<Protocol> for Decoded<'_> {
    #[inline]
    fn check(&self, protocol: Protocol) -> Result<(), EncodeError> {
        // Attributes do not tell under which policy they were decoded.
        if protocol == Protocol::Resp3 && !self.attributes().is_empty() {
            check_tokens(Tokens::of_wire(self.attributes().wire()), protocol)?;
        }
        check_decoded(&self.reply(), protocol)
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        match (protocol, elements(&self.reply())) {
            (Protocol::Resp3, _) => sink.put(self.wire()),
            // Only the header differs.
            (Protocol::Resp2, Some(elements)) if self.holds_only_bulks() => {
                sink.header(b'*', elements.total());
                sink.put(elements.wire());
            }
            (Protocol::Resp2, _) => downgrade::write(self.wire(), sink),
        }
    }

    fn bound(&self) -> Option<usize> {
        Some(self.wire().len().saturating_mul(MOST_PER_BYTE))
    }
}

impl Encode for Frame {}

impl Writable<Protocol> for Frame {
    fn check(&self, protocol: Protocol) -> Result<(), EncodeError> {
        self.view().check(protocol)
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        sink.lend(self.wire());
        match protocol {
            Protocol::Resp2 => downgrade::write(self.wire(), sink),
            Protocol::Resp3 => sink.put(self.wire()),
        }
    }

    fn bound(&self) -> Option<usize> {
        Some(self.wire().len().saturating_mul(MOST_PER_BYTE))
    }
}

impl Encode for Reply {}

impl Writable<Protocol> for Reply {
    fn check(&self, protocol: Protocol) -> Result<(), EncodeError> {
        let result = Walk::new(self).try_for_each(|step| match step {
            Step::Scalar(reply) => reply.as_scalar().map_or(Ok(()), |scalar| check_scalar(&scalar)),
            Step::Open(opening)
                if opening.form == AggregateForm::Streamed && opening.kind == Kind::Push =>
            {
                Err(EncodeError::CannotStream { kind: opening.kind })
            }
            Step::Open(_) | Step::Close(_) => Ok(()),
        });
        // What is wrong may be in an attribute that RESP2 leaves out.
        match (result, protocol) {
            (Err(_), Protocol::Resp2) => check_tokens(self.tokens(), protocol),
            (result, _) => result,
        }
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        let mut attributes = OpenAttributes::default();
        for step in Walk::new(self) {
            let token = match step {
                // The most frequent value, in the same form in both protocols.
                Step::Scalar(Reply::Bulk(payload)) if !attributes.is_any() => {
                    sink.lend(payload);
                    sink.payload(b'$', payload);
                    continue;
                }
                Step::Open(head) => Token::Open { kind: head.kind, len: Some(head.len) },
                Step::Scalar(reply) => {
                    reply.content().into_iter().for_each(|content| sink.lend(content));
                    Token::Scalar(reply.as_scalar().unwrap_or(ReplyRef::Null))
                }
                Step::Close(head) => Token::Close(head.kind),
            };
            if protocol == Protocol::Resp2 {
                if !attributes.hold(&token) {
                    downgrade::write_token(&token, &[], sink);
                }
                continue;
            }
            match (step, &token) {
                (Step::Open(head), _) if head.form == AggregateForm::Streamed => {
                    sink.put(&[head.kind.type_byte(), b'?', b'\r', b'\n']);
                }
                (Step::Open(head), _) => sink.header(head.kind.type_byte(), head.len),
                (Step::Close(head), _) if head.form == AggregateForm::Streamed => {
                    sink.put(STREAM_END);
                }
                (_, Token::Scalar(scalar)) => write_scalar(scalar, protocol, sink),
                _ => {}
            }
        }
    }
}
