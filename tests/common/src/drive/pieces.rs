//! Bytes that arrive in pieces, and some ways to decode them.
//!
//! Each way returns the values of the naive decoder, so that any two can be compared.

use std::io::{self, Read};
use std::iter;

use zresp::Decoder;
use zresp::io::ReplyReader;

use super::verdicts;
use crate::oracle::{self, Annotated, Limits, Verdict};

/// The frames of some bytes, or the error as text.
pub type Frames = Result<Vec<Annotated>, String>;

/// Bytes that are read in pieces of at most the given sizes. The sizes are used over and over.
pub struct Pieces<'a> {
    rest: &'a [u8],
    sizes: &'a [usize],
    reads: usize,
}

impl<'a> Pieces<'a> {
    pub const fn new(bytes: &'a [u8], sizes: &'a [usize]) -> Self {
        Self { rest: bytes, sizes, reads: 0 }
    }

    /// Takes a piece of at most `most` bytes. It is empty at the end.
    pub fn piece(&mut self, most: usize) -> &'a [u8] {
        let size = self.sizes[self.reads % self.sizes.len()].min(most);
        self.reads += 1;
        let (piece, rest) = self.rest.split_at(size.min(self.rest.len()));
        self.rest = rest;
        piece
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let piece = self.piece(room.len());
        room[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

/// Pseudo-random sizes from 1 to `most`, the same in every run.
pub fn mixed_sizes(most: u64) -> Vec<usize> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ most;
    let size = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(1 + state % most).expect("a small number")
    };
    iter::repeat_with(size).take(997).collect()
}

pub fn by_the_naive_decoder(bytes: &[u8]) -> Frames {
    let mut frames = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match oracle::decode(&bytes[at..], &Limits::default()) {
            Verdict::Complete { value, consumed } => {
                at += consumed;
                frames.push(value);
            }
            verdict => return Err(format!("at {at}: {verdict:?}")),
        }
    }
    Ok(frames)
}

pub fn in_one_piece(bytes: &[u8]) -> Frames {
    let frames = zresp::replies(bytes).map(|frame| frame.map(verdicts::annotated));
    frames.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// Decodes as a caller with a buffer does: pieces are appended, and frames are removed from its start.
pub fn by_a_decoder(mut pieces: Pieces<'_>) -> Frames {
    let mut decoder = Decoder::new();
    let (mut buffer, mut frames) = (Vec::new(), Vec::new());
    loop {
        let piece = pieces.piece(usize::MAX);
        if piece.is_empty() {
            break;
        }
        buffer.extend_from_slice(piece);
        while let Some(frame) = decoder.decode(&buffer).map_err(|error| error.to_string())? {
            let size = frame.wire().len();
            frames.push(verdicts::annotated(frame));
            buffer.drain(..size);
        }
    }
    if buffer.is_empty() { Ok(frames) } else { Err(format!("{} bytes left", buffer.len())) }
}

pub fn by_a_reader(pieces: Pieces<'_>) -> Frames {
    let mut reader = ReplyReader::new(pieces);
    let mut frames = Vec::new();
    while let Some(frame) = reader.read().map_err(|error| error.to_string())? {
        frames.push(verdicts::annotated(frame));
    }
    Ok(frames)
}

/// Asserts that the frames are the expected ones; `way` says how they were decoded.
pub fn assert_same(way: &str, frames: Frames, expected: &[Annotated]) {
    let frames = frames.unwrap_or_else(|error| panic!("{way}: {error}"));
    for (number, (frame, expected)) in frames.iter().zip(expected).enumerate() {
        let wire = expected.wire.escape_ascii().to_string();
        assert!(frame == expected, "{way}: frame {number} differs: {wire:.500}");
    }
    assert_eq!(frames.len(), expected.len(), "{way}: frames");
}
