//! The tokens of whole replies, with their bytes: [`Tokenize`].

use crate::encode::downgrade::{self, Counts, OpenAttributes};
use crate::encode::reply::{STREAM_END, elements};
use crate::encode::scalar::write_scalar;
use crate::encode::sealed::Tokenize;
use crate::encode::{EncodeError, Protocol};
use crate::owned::Frame;
use crate::sink::Sink;
use crate::tree::{AggregateForm, Reply, Step, Walk};
use crate::view::{Decoded, ReplyRef, Token, Tokens, header};

use super::translator::Translator;

/// Writes a reply in a protocol.
pub(super) fn translate(
    reply: &impl Tokenize,
    protocol: Protocol,
    translator: &mut Translator,
    sink: &mut impl Sink,
) -> Result<(), EncodeError> {
    let mut attributes = OpenAttributes::default();
    reply.visit(protocol, |token, wire| {
        let is_in_attribute = attributes.hold(token);
        match protocol {
            Protocol::Resp2 if is_in_attribute => Ok(()),
            Protocol::Resp2 => translator.token(token, wire, |token: &Token<'_>, wire: &[u8]| {
                downgrade::write_token(token, wire, sink);
                Ok(())
            }),
            Protocol::Resp3 if is_in_attribute => {
                translator.begin_attribute(|token: &Token<'_>, wire: &[u8]| {
                    write_in_resp3(token, wire, sink);
                    Ok(())
                })?;
                write_in_resp3(token, wire, sink);
                Ok(())
            }
            Protocol::Resp3 => translator.token(token, wire, |token: &Token<'_>, wire: &[u8]| {
                write_in_resp3(token, wire, sink);
                Ok(())
            }),
        }
    })
}

/// Writes a token. `wire` holds its bytes, if they are known. For a double they may be those of a bulk string.
fn write_in_resp3(token: &Token<'_>, wire: &[u8], sink: &mut impl Sink) {
    match token {
        Token::Scalar(ReplyRef::Double(_)) if wire.first() == Some(&b'$') => {
            sink.line(b',', header::payload(wire).map_or(&[], |(text, _)| text));
        }
        _ if !wire.is_empty() => sink.put(wire),
        Token::Open { kind, len: Some(len) } => sink.header(kind.type_byte(), *len),
        Token::Open { kind, len: None } => sink.put(&[kind.type_byte(), b'?', b'\r', b'\n']),
        Token::Scalar(scalar) => write_scalar(scalar, Protocol::Resp3, sink),
        Token::Close(_) => {}
    }
}

type Visited = Result<(), EncodeError>;

/// Visits tokens. In RESP2, a streamed aggregate gets its length: `counts` has that of the first one if its header is
/// not part of the bytes.
fn visit_tokens(
    mut tokens: Tokens<'_>,
    protocol: Protocol,
    mut first_total: Option<usize>,
    mut visit: impl FnMut(&Token<'_>, &[u8]) -> Visited,
) -> Visited {
    let (mut counts, mut attributes) = (Counts::Unknown, OpenAttributes::default());
    loop {
        let before = tokens.rest();
        let Some(mut token) = tokens.next() else { return Ok(()) };
        let wire = before.get(..before.len() - tokens.rest().len()).unwrap_or_default();
        let is_in_attribute = attributes.hold(&token);
        if let (Token::Open { kind, len: len @ None }, Protocol::Resp2, false) =
            (&mut token, protocol, is_in_attribute)
        {
            let total = first_total.take().unwrap_or_else(|| counts.next(before));
            *len = Some(total / kind.values_per_element());
        }
        visit(&token, wire)?;
    }
}

impl Tokenize for Decoded<'_> {
    fn visit(
        &self,
        protocol: Protocol,
        visit: impl FnMut(&Token<'_>, &[u8]) -> Visited,
    ) -> Visited {
        visit_tokens(self.tokens(), protocol, None, visit)
    }
}

impl Tokenize for Frame {
    fn visit(
        &self,
        protocol: Protocol,
        visit: impl FnMut(&Token<'_>, &[u8]) -> Visited,
    ) -> Visited {
        self.view().visit(protocol, visit)
    }
}

impl Tokenize for ReplyRef<'_> {
    fn visit(
        &self,
        protocol: Protocol,
        visit: impl FnMut(&Token<'_>, &[u8]) -> Visited,
    ) -> Visited {
        let streamed = elements(self).filter(|elements| elements.len().is_none());
        let total = streamed.map(|elements| elements.total());
        visit_tokens(self.tokens(), protocol, total, visit)
    }
}

impl Tokenize for Reply {
    fn visit(
        &self,
        protocol: Protocol,
        mut visit: impl FnMut(&Token<'_>, &[u8]) -> Visited,
    ) -> Visited {
        Walk::new(self).try_for_each(|step| {
            let is_streamed = |form| form == AggregateForm::Streamed && protocol == Protocol::Resp3;
            match step {
                Step::Open(head) => {
                    let len = (!is_streamed(head.form)).then_some(head.len);
                    visit(&Token::Open { kind: head.kind, len }, &[])
                }
                Step::Scalar(reply) => {
                    visit(&Token::Scalar(reply.as_scalar().unwrap_or(ReplyRef::Null)), &[])
                }
                Step::Close(head) => {
                    let end: &[u8] = if is_streamed(head.form) { STREAM_END } else { b"" };
                    visit(&Token::Close(head.kind), end)
                }
            }
        })
    }
}

impl<T: Tokenize + ?Sized> Tokenize for &T {
    fn visit(
        &self,
        protocol: Protocol,
        visit: impl FnMut(&Token<'_>, &[u8]) -> Visited,
    ) -> Visited {
        (**self).visit(protocol, visit)
    }
}
