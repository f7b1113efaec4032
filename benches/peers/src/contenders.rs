//! The compared parsers, each called through its fastest public entry point.
//!
//! Each pass counts the frames that it sees. A count that differs from the corpus is a bug in the bench.

use std::hint::black_box;
use std::mem::discriminant;
use std::ops::Range;

use bytes::Bytes;
use rustis::resp::bench_support::{BenchTape, bench_parse_only};

use crate::corpus::{Corpus, Protocol};
use crate::{walk, work};

/// A corpus in the forms that the contenders take.
pub struct Input {
    pub corpus: Corpus,
    padded: Vec<u8>,
    shared: Bytes,
    ranges: Vec<Range<usize>>,
}

impl Input {
    pub fn new(corpus: Corpus) -> Self {
        let padded = [corpus.bytes.as_slice(), &[0; walk::PADDING]].concat();
        let shared = Bytes::copy_from_slice(&corpus.bytes);
        let ranges = corpus.ranges();
        Self { corpus, padded, shared, ranges }
    }

    fn frames(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges.iter().map(|range| &self.corpus.bytes[range.clone()])
    }
}

/// A parser: its name, and a pass over all frames of a corpus that returns their number.
pub struct Contender {
    pub name: &'static str,
    pub pass: fn(&Input) -> usize,
}

pub const DECODE: &Contender = &Contender { name: "zresp decode", pass: decode };
pub const READ: &Contender = &Contender { name: "zresp read", pass: read };
pub const TOKENS: &Contender = &Contender { name: "zresp tokens", pass: tokens };
pub const WALK: &Contender = &Contender { name: "unsafe walk", pass: unsafe_walk };
pub const RUSTIS: &Contender = &Contender { name: "rustis tape", pass: rustis };
pub const RESP_RS: &Contender = &Contender { name: "resp-rs", pass: resp_rs };
pub const OTHERS: [&Contender; 3] = [
    RESP_RS,
    &Contender { name: "redis-protocol", pass: redis_protocol },
    &Contender { name: "redis", pass: redis },
];

fn decode(input: &Input) -> usize {
    work::decode(&input.corpus.bytes)
}

fn read(input: &Input) -> usize {
    work::read(&input.corpus.bytes)
}

fn tokens(input: &Input) -> usize {
    work::reader(&input.corpus.bytes)
}

fn unsafe_walk(input: &Input) -> usize {
    // SAFETY: a corpus is whole valid frames without attributes or streamed forms, and `new` pads it.
    unsafe { walk::frames(&input.padded) }
}

fn rustis(input: &Input) -> usize {
    // The entry point does not say where a frame ends, so it gets each frame separately.
    let mut tape = BenchTape::new();
    input.frames().map(|frame| bench_parse_only(frame, &mut tape)).count()
}

fn resp_rs(input: &Input) -> usize {
    let mut rest = input.shared.clone();
    let mut frames = 0;
    while !rest.is_empty() {
        rest = match input.corpus.protocol {
            Protocol::Resp2 => match resp_rs::resp2::parse_frame(rest) {
                Ok((frame, rest)) => {
                    black_box((rest.as_ptr(), discriminant(&frame)));
                    rest
                }
                Err(_) => return 0,
            },
            Protocol::Resp3 => match resp_rs::resp3::parse_frame(rest) {
                Ok((frame, rest)) => {
                    black_box((rest.as_ptr(), discriminant(&frame)));
                    rest
                }
                Err(_) => return 0,
            },
        };
        frames += 1;
    }
    frames
}

fn redis_protocol(input: &Input) -> usize {
    use redis_protocol::{
        resp2::decode::decode_range as resp2, resp3::decode::complete::decode_range as resp3,
    };
    let mut rest = input.corpus.bytes.as_slice();
    let mut frames = 0;
    while !rest.is_empty() {
        let size = match input.corpus.protocol {
            Protocol::Resp2 => match resp2(rest) {
                Ok(Some((frame, size))) => {
                    black_box((size, discriminant(&frame)));
                    size
                }
                _ => return 0,
            },
            Protocol::Resp3 => match resp3(rest) {
                Ok(Some((frame, size))) => {
                    black_box((size, discriminant(&frame)));
                    size
                }
                _ => return 0,
            },
        };
        rest = &rest[size..];
        frames += 1;
    }
    frames
}

fn redis(input: &Input) -> usize {
    let parsed = input.frames().map(redis::parse_redis_value);
    parsed.flatten().inspect(|value| _ = black_box(discriminant(value))).count()
}
