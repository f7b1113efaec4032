//! Replies on the wire.

use crate::kind::Kind;
use crate::limits::LinePolicy;
use crate::owned::Frame;
use crate::sink::Sink;
use crate::tree::{AggregateForm, Reply, Step, Walk};
use crate::view::{Decoded, ReplyRef, Token, Tokens};

use super::downgrade::{self, MOST_PER_BYTE};
use super::scalar::{check_scalar, write_scalar};
use super::sealed::Writable;
use super::{Encode, EncodeError, Protocol};

/// The end of a streamed aggregate.
const STREAM_END: &[u8] = b".\r\n";

/// Refuses values with lines that cannot be written, which a decoder has accepted as they were sent.
pub(super) fn check_lines(mut tokens: Tokens<'_>) -> Result<(), EncodeError> {
    tokens.try_for_each(|token| match token {
        Token::Scalar(scalar) => check_scalar(&scalar),
        Token::Open { .. } | Token::Close(_) => Ok(()),
    })
}

impl Encode for ReplyRef<'_> {}

impl Writable<Protocol> for ReplyRef<'_> {
    fn check(&self, _: Protocol) -> Result<(), EncodeError> {
        match self {
            // Decoding never returns a streamed push; it can only be built by hand, from the elements of a streamed
            // array or set.
            Self::Push(items) if items.len().is_none() => {
                Err(EncodeError::CannotStream { kind: Kind::Push })
            }
            aggregate if aggregate.lines() == LinePolicy::AsSent => check_lines(aggregate.tokens()),
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
        // The header of an aggregate, or the text of a number, is not part of the content.
        Some(64 + MOST_PER_BYTE * self.content().len())
    }
}

impl Encode for Decoded<'_> {}

impl Writable<Protocol> for Decoded<'_> {
    fn check(&self, protocol: Protocol) -> Result<(), EncodeError> {
        if !self.attributes().is_empty() {
            check_lines(Tokens::of_wire(self.attributes().wire()))?;
        }
        self.reply().check(protocol)
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
        Some(MOST_PER_BYTE * self.wire().len())
    }
}

impl Encode for Reply {}

impl Writable<Protocol> for Reply {
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
        // How many open attributes are left out because the protocol is RESP2.
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
                    sink.header(b'*', opening.len * opening.kind.values_per_element());
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
}
