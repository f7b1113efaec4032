//! Translates whole replies, and replies that arrive.

extern crate alloc;

use alloc::vec::Vec;

use bytes::BytesMut;
use zresp::encode::{Downgrader, EncodeError, ReplyShape, Shaped};
use zresp::frames::PayloadPart;
use zresp::{CommandRef, Decoded, Encode, Protocol, Token};

/// Writes a reply in both protocols, with and without its command.
#[unsafe(no_mangle)]
pub fn translate(
    reply: Decoded<'_>,
    command: CommandRef<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let shape = ReplyShape::of(command);
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        reply.encode(protocol, out)?;
        Shaped::new(reply, shape).encode(protocol, out)?;
        Shaped::new(reply, ReplyShape::of_subscribed(command)).encode(protocol, out)?;
        Shaped::exec(reply, &[shape]).encode(protocol, out)?;
    }
    Ok(())
}

/// Writes a token of a reply that arrives.
#[unsafe(no_mangle)]
pub fn translate_token(
    downgrader: &mut Downgrader,
    command: CommandRef<'_>,
    token: &Token<'_>,
    wire: &[u8],
    out: &mut BytesMut,
) -> Result<usize, EncodeError> {
    downgrader.expect(ReplyShape::of(command));
    downgrader.expect_exec(&[ReplyShape::PUSH]);
    downgrader.token(token, wire, out)?;
    Ok(downgrader.held())
}

/// Writes a part of a payload that arrives.
#[unsafe(no_mangle)]
pub fn translate_part(
    downgrader: &mut Downgrader,
    part: &PayloadPart<'_>,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    downgrader.part(part, out)
}
