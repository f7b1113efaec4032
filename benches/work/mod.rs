//! The measured work: passes over all frames of some bytes. Each pass returns the number of frames.

#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of it")]

use std::hint::black_box;

use zresp::{Decoder, Framer, Limits, ReplyRef, Token, TokenReader};

/// Validates and frames.
pub fn decode(mut rest: &[u8]) -> usize {
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while let Ok(Some(frame)) = decoder.decode(rest) {
        black_box((frame.wire().as_ptr(), frame.reply().kind()));
        frames += 1;
        rest = &rest[frame.wire().len()..];
    }
    frames
}

/// Reads every value through the public iterators.
pub fn read(mut rest: &[u8]) -> usize {
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while let Ok(Some(frame)) = decoder.decode(rest) {
        // By reference, because copying a view that has just been written stalls.
        black_box(weight(&frame.reply()));
        frames += 1;
        rest = &rest[frame.wire().len()..];
    }
    frames
}

/// Reads every value through the flat pass.
pub fn tokens(mut rest: &[u8]) -> usize {
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while let Ok(Some(frame)) = decoder.decode(rest) {
        let mut sum = 0u64;
        for token in frame.tokens() {
            let weight = match token {
                Token::Scalar(scalar) => weight(&scalar),
                Token::Open { len, .. } => len.unwrap_or_default() as u64,
                _ => 1,
            };
            sum = add(sum, weight);
        }
        black_box(sum);
        frames += 1;
        rest = &rest[frame.wire().len()..];
    }
    frames
}

/// Looks at every value through a token reader, in the pass that validates it.
pub fn reader(bytes: &[u8]) -> usize {
    let mut reader = TokenReader::new();
    let (mut frames, mut depth, mut sum) = (0, 0usize, 0u64);
    for token in reader.tokens(bytes) {
        let weight = match token {
            Ok(Token::Scalar(scalar)) => weight(&scalar),
            Ok(Token::Open { len, .. }) => {
                depth += 1;
                len.unwrap_or_default() as u64
            }
            Ok(_) => {
                depth -= 1;
                1
            }
            Err(_) => return frames,
        };
        sum = add(sum, weight);
        frames += usize::from(depth == 0);
    }
    black_box(sum);
    frames
}

/// Validates and frames bytes that arrive in reads of `size`. The buffer holds all bytes, and the decoder sees
/// those that have arrived: this measures resuming, not copying.
pub fn chunked(bytes: &[u8], size: usize) -> usize {
    let mut decoder = Decoder::new();
    let mut frames = 0;
    let mut at = 0;
    let mut arrived = 0;
    while arrived < bytes.len() {
        arrived = (arrived + size).min(bytes.len());
        while let Ok(Some(frame)) = decoder.decode(&bytes[at..arrived]) {
            black_box((frame.wire().as_ptr(), frame.reply().kind()));
            frames += 1;
            at += frame.wire().len();
        }
    }
    frames
}

/// Finds the frames in chunks of `size` bytes. The framer sees each chunk once.
pub fn framed(bytes: &[u8], size: usize) -> usize {
    let mut framer = Framer::replies(Limits::new());
    let mut count = 0;
    for mut chunk in bytes.chunks(size) {
        while !chunk.is_empty() {
            let Ok(progress) = framer.advance(chunk) else { return count };
            black_box((progress.taken, progress.type_byte));
            count += usize::from(progress.is_complete);
            chunk = &chunk[progress.taken..];
        }
    }
    count
}

/// A sum over a value: its lengths, its numbers, and the first byte of each payload.
#[inline(always)]
#[allow(clippy::inline_always, reason = "like a `match` in the caller's loop")]
pub fn weight(reply: &ReplyRef<'_>) -> u64 {
    let bytes = |bytes: &[u8]| bytes.len() as u64 + u64::from(bytes.first().copied().unwrap_or(0));
    match *reply {
        ReplyRef::Bulk(payload) => bytes(payload),
        ReplyRef::Simple(text) | ReplyRef::Error(text) | ReplyRef::BigNumber(text) => bytes(text),
        ReplyRef::Integer(value) => value.unsigned_abs(),
        ReplyRef::Double(value) => value.to_bits(),
        ReplyRef::Array(_) | ReplyRef::Set(_) | ReplyRef::Push(_) | ReplyRef::Map(_) => {
            weight_of_elements(reply)
        }
        other => other.to_bytes().map_or(1, |text| bytes(&text)),
    }
}

#[inline(never)]
fn weight_of_elements(reply: &ReplyRef<'_>) -> u64 {
    match *reply {
        ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
            items.fold(0, |sum, item| add(sum, weight(&item)))
        }
        ReplyRef::Map(pairs) => {
            pairs.fold(0, |sum, (key, value)| add(add(sum, weight(&key)), weight(&value)))
        }
        _ => 0,
    }
}

const fn add(sum: u64, weight: u64) -> u64 {
    sum.wrapping_add(weight)
}
