//! The measured work of owning and writing: passes over all frames of some bytes, which return the number of
//! frames, and single commands that are written to a buffer.

#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of it")]

use std::hint::black_box;

use bytes::{Buf, Bytes, BytesMut};
use zresp::encode::{Downgrader, ReplyShape, Shaped};
use zresp::{
    Arguments, CommandBuf, Decoder, Encode, EncodeCommand, Frame, Protocol, Reply, TokenReader,
};

/// Appends the bytes to an empty read buffer, and decodes them there.
pub fn decode(buffer: &mut BytesMut, bytes: &[u8]) -> usize {
    buffer.extend_from_slice(bytes);
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while let Ok(Some(frame)) = decoder.decode(buffer) {
        black_box((frame.wire().as_ptr(), frame.reply().kind()));
        let size = frame.wire().len();
        buffer.advance(size);
        frames += 1;
    }
    frames
}

/// Like [`decode`], but owns each frame for a moment.
pub fn frames(buffer: &mut BytesMut, bytes: &[u8]) -> usize {
    buffer.extend_from_slice(bytes);
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while let Ok(Some(frame)) = decoder.decode_frame(buffer) {
        black_box::<&Frame>(&frame);
        frames += 1;
    }
    frames
}

/// Builds a tree of each frame. The trees share the bytes.
pub fn replies(bytes: &Bytes) -> usize {
    let mut rest = bytes.clone();
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while let Ok(Some(reply)) = decoder.decode_reply(&mut rest) {
        black_box::<&Reply>(&reply);
        frames += 1;
    }
    frames
}

/// Builds a tree of each frame. Each tree has a copy of its bytes.
pub fn copies(mut rest: &[u8]) -> usize {
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while let Ok(Some(frame)) = decoder.decode(rest) {
        let size = frame.wire().len();
        black_box::<&Reply>(&Reply::from(frame));
        rest = &rest[size..];
        frames += 1;
    }
    frames
}

/// Decodes each frame and writes it in RESP2 directly from its bytes.
pub fn downgrade(mut rest: &[u8], out: &mut Vec<u8>) -> usize {
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while let Ok(Some(frame)) = decoder.decode(rest) {
        out.clear();
        if frame.encode(Protocol::Resp2, out).is_err() {
            return 0;
        }
        black_box::<&[u8]>(out);
        frames += 1;
        rest = &rest[frame.wire().len()..];
    }
    frames
}

/// Writes each frame in RESP2 token by token, in the pass that validates it.
pub fn downgrade_tokens(mut rest: &[u8], out: &mut BytesMut) -> usize {
    let (mut reader, mut downgrader) = (TokenReader::new(), Downgrader::new(0));
    let mut frames = 0;
    while let Ok(Some((token, size))) = reader.next(rest) {
        if downgrader.token(&token, &rest[..size], out).is_err() {
            return 0;
        }
        rest = &rest[size..];
        if reader.is_between_frames() {
            black_box::<&[u8]>(out);
            out.clear();
            frames += 1;
        }
    }
    frames
}

/// Like [`downgrade`], but of maps that become arrays of pairs.
pub fn translate(mut rest: &[u8], out: &mut Vec<u8>) -> usize {
    let shape = ReplyShape::of_words(["XREAD"]);
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while let Ok(Some(frame)) = decoder.decode(rest) {
        out.clear();
        if Shaped::new(frame, shape).encode(Protocol::Resp2, out).is_err() {
            return 0;
        }
        black_box::<&[u8]>(out);
        frames += 1;
        rest = &rest[frame.wire().len()..];
    }
    frames
}

/// Like [`downgrade_tokens`], but of maps that become arrays of pairs.
pub fn translate_tokens(mut rest: &[u8], out: &mut BytesMut) -> usize {
    let shape = ReplyShape::of_words(["XREAD"]);
    let (mut reader, mut downgrader) = (TokenReader::new(), Downgrader::new(0));
    let mut frames = 0;
    downgrader.expect(shape);
    while let Ok(Some((token, size))) = reader.next(rest) {
        if downgrader.token(&token, &rest[..size], out).is_err() {
            return 0;
        }
        rest = &rest[size..];
        if reader.is_between_frames() {
            black_box::<&[u8]>(out);
            out.clear();
            frames += 1;
            downgrader.expect(shape);
        }
    }
    frames
}

/// Like [`downgrade`], but from a tree.
pub fn downgrade_trees(bytes: &Bytes, out: &mut Vec<u8>) -> usize {
    let mut rest = bytes.clone();
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while let Ok(Some(frame)) = decoder.decode_frame(&mut rest) {
        out.clear();
        if Reply::from(frame).encode(Protocol::Resp2, out).is_err() {
            return 0;
        }
        black_box::<&[u8]>(out);
        frames += 1;
    }
    frames
}

/// Replaces the content of the buffer with a command.
pub fn arguments(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let is_written = Arguments(&[b"SET", key, value]).encode(out);
    black_box((is_written.is_ok(), &*out));
}

/// Builds a command, and replaces the content of the buffer with it.
pub fn command_buf(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let is_written = CommandBuf::new("SET").arg(key).arg(value).encode(out);
    black_box((is_written.is_ok(), &*out));
}
