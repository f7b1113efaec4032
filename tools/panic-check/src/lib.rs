//! Reads and translates in every way, so that `find.py` can search all of it for calls that panic.

#![no_std]

#[cfg(not(feature = "std"))]
mod bare;
mod tables;
mod translating;
#[cfg(feature = "std")]
mod with_std;

use core::hint::black_box;

use zresp::frames::{Direction, FrameTokenReader};
use zresp::replication::SyncDecoder;
use zresp::{
    Command, CommandDecoder, CommandTokenReader, Decoder, Error, Framer, Limits, ReplyRef, Request,
    TokenReader, decode, replies, requests,
};

/// Decodes one frame, all frames of a buffer, and a stream.
#[unsafe(no_mangle)]
pub fn decode_replies(decoder: &mut Decoder, buffer: &[u8]) -> Result<usize, Error> {
    if let Some(frame) = decode(buffer)? {
        look(&frame.reply());
    }
    for frame in replies(buffer) {
        look(&frame?.reply());
    }
    let mut at = 0;
    while let Some(frame) = decoder.decode(buffer.get(at..).unwrap_or_default())? {
        look(&frame.reply());
        frame.tokens().for_each(use_up);
        for (key, value) in frame.attributes() {
            look(&key);
            look(&value);
        }
        at += frame.wire().len();
    }
    Ok(at + decoder.needed())
}

/// Reads the tokens of replies.
#[unsafe(no_mangle)]
pub fn read_tokens(reader: &mut TokenReader, buffer: &[u8]) -> Result<usize, Error> {
    tokens_and_parts(reader, buffer)
}

/// Reads the tokens of requests.
#[unsafe(no_mangle)]
pub fn read_command_tokens(reader: &mut CommandTokenReader, buffer: &[u8]) -> Result<usize, Error> {
    tokens_and_parts(reader, buffer)
}

fn tokens_and_parts<D: Direction>(
    reader: &mut FrameTokenReader<D>,
    buffer: &[u8],
) -> Result<usize, Error> {
    let mut at = 0;
    loop {
        let rest = buffer.get(at..).unwrap_or_default();
        if let Some((token, size)) = reader.next(rest)? {
            use_up(token);
            at += size;
        } else if let Some((part, size)) = reader.next_part(rest, 1024)? {
            use_up(part);
            at += size;
        } else {
            return Ok(at + reader.needed());
        }
    }
}

fn use_up<T>(value: T) {
    black_box(&value);
}

fn look(reply: &ReplyRef<'_>) {
    black_box((reply.kind(), reply.is_null(), reply.is_error(), reply.error_code()));
    black_box((reply.as_bytes().ok(), reply.as_str().ok(), reply.as_bool().ok()));
    black_box((reply.as_i64().ok(), reply.as_f64().ok()));
    reply.tokens().for_each(use_up);
    if let Ok(elements) = reply.as_elements() {
        elements.for_each(use_up);
        elements.annotated().for_each(use_up);
    }
    if let Ok(pairs) = reply.as_pairs() {
        pairs.for_each(use_up);
    }
    if let ReplyRef::Streamed(chunks) = reply {
        chunks.for_each(use_up);
    }
}

/// Decodes all requests of a buffer, and a stream of requests.
#[unsafe(no_mangle)]
pub fn decode_requests(decoder: &mut CommandDecoder, buffer: &[u8]) -> Result<usize, Error> {
    for request in requests(buffer) {
        see(&request?);
    }
    let mut at = 0;
    while let Some(request) = decoder.decode(buffer.get(at..).unwrap_or_default())? {
        see(&request);
        at += request.wire().len();
    }
    at += decoder.take_skipped();
    if let Some(command) = decoder.partial(buffer.get(at..).unwrap_or_default()) {
        black_box((command.len(), command.name(), command.arg(1), command.arg_span(1)));
        black_box(command.wire());
        command.args().for_each(use_up);
    }
    Ok(at + decoder.needed())
}

fn see(request: &Request<'_>) {
    match request.command() {
        Command::Array(command) => {
            black_box((command.is("GET"), command.arg(1), command.arg_span(1)));
            command.args().for_each(use_up);
        }
        Command::Inline(command) => {
            black_box(command.is("GET"));
        }
    }
}

/// Finds boundaries only.
#[unsafe(no_mangle)]
pub fn frame(framer: &mut Framer, chunk: &[u8]) -> Result<usize, Error> {
    Ok(framer.advance(chunk)?.taken + framer.needed())
}

/// Decodes a replica's stream.
#[unsafe(no_mangle)]
pub fn synchronise(decoder: &mut SyncDecoder, chunk: &[u8]) -> Result<(), Error> {
    decoder.advance(chunk).map(use_up)
}

/// Makes the decoders, with limits.
#[unsafe(no_mangle)]
pub fn decoders(depth: usize) -> (Decoder, CommandDecoder, Framer, SyncDecoder) {
    let limits = Limits::new().with_depth(depth);
    (
        Decoder::with_limits(limits),
        CommandDecoder::with_limits(limits),
        Framer::replies(limits),
        SyncDecoder::new(),
    )
}
