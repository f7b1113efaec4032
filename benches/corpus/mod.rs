//! The measured traffic. It comes from fixed seeds, so every run decodes the same bytes.
//!
//! Lengths are mixed unless the name says otherwise, because equal lengths flatter the branch predictor.

#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of it")]

mod traffic;
pub mod typed;

use std::fmt::Write as _;
use std::iter::repeat_with;
use std::ops::Range;

use fastrand::Rng;

/// A buffer of whole frames.
pub struct Corpus {
    /// `group/shape`, like the names of the benches.
    pub name: &'static str,
    pub bytes: Vec<u8>,
    /// The number of frames.
    pub frames: usize,
    /// The number of values: aggregates, and the values inside them.
    pub elements: usize,
    pub protocol: Protocol,
    pub shape: Shape,
}

/// The oldest protocol that has all the kinds of a corpus.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Resp2,
    Resp3,
}

/// The shape of the frames, which decides what a walk over them spends its time on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Frames of one value.
    Single,
    /// Frames of several values.
    Several,
    /// Bulk strings of one length, in arrays or in a pipeline.
    Equal,
}

impl Corpus {
    fn new(name: &'static str, shape: Shape, bytes: Vec<u8>) -> Self {
        let frames = zresp::replies(&bytes).count();
        let elements = values(&bytes);
        let resp3 =
            zresp::replies(&bytes).flatten().flat_map(|frame| frame.tokens()).any(|token| {
                let kind = match token {
                    zresp::Token::Open { kind, .. } | zresp::Token::Close(kind) => kind,
                    zresp::Token::Scalar(reply) => reply.kind(),
                    _ => unreachable!("no other token"),
                };
                !b"+-:$*".contains(&kind.type_byte())
            });
        let protocol = if resp3 { Protocol::Resp3 } else { Protocol::Resp2 };
        Self { name, bytes, frames, elements, protocol, shape }
    }

    /// The range of each frame in the bytes.
    pub fn ranges(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        let frames = zresp::replies(&self.bytes).map(|frame| frame.expect("a valid corpus"));
        frames
            .map(|frame| {
                let end = start + frame.wire().len();
                std::mem::replace(&mut start, end)..end
            })
            .collect()
    }
}

/// The names of the corpora of [`all`], in order.
pub const NAMES: [&str; 21] = [
    "command/get",
    "command/set",
    "command/get-key16",
    "line/ok",
    "line/error",
    "integer/mixed",
    "integer/flags",
    "double/mixed",
    "bulk/00000b",
    "bulk/00008b",
    "bulk/00032b",
    "bulk/00256b",
    "bulk/0-63b",
    "bulk/0-2000b",
    "bulk/1mib",
    "list/equal",
    "list/mixed",
    "map/20-fields",
    "stream/entries",
    "session/resp3",
    "traffic/replies",
];

/// The names of the corpora of [`requests`], in order.
pub const REQUEST_NAMES: [&str; 4] = ["get-key16", "set-short", "mget-20", "traffic/requests"];

/// All corpora: 20 KB to 1 MB each, except for the values of 1 MiB.
pub fn all() -> Vec<Corpus> {
    let mut rng = Rng::with_seed(0x7265_7370);
    let rng = &mut rng;
    let bulks = |count: usize, length: usize| repeated(count, || bulk(&vec![b'x'; length]));
    let flags = |rng: &mut Rng| array(&text(16, || format!(":{}\r\n", u8::from(rng.bool()))), 16);
    vec![
        Corpus::new(
            "command/get",
            Shape::Several,
            repeated(4_000, || command(&[b"GET", &word(rng, 8..40)])),
        ),
        Corpus::new(
            "command/set",
            Shape::Several,
            repeated(3_000, || command(&[b"SET", &word(rng, 8..40), &word(rng, 1..120)])),
        ),
        Corpus::new(
            "command/get-key16",
            Shape::Equal,
            repeated(4_000, || command(&[b"GET", &word(rng, 16..17)])),
        ),
        Corpus::new("line/ok", Shape::Single, repeated(8_000, || b"+OK\r\n".to_vec())),
        Corpus::new("line/error", Shape::Single, repeated(2_000, || error(rng))),
        Corpus::new("integer/mixed", Shape::Single, repeated(8_000, || integer(rng))),
        Corpus::new("integer/flags", Shape::Several, repeated(1_000, || flags(rng))),
        Corpus::new("double/mixed", Shape::Single, repeated(6_000, || double(rng))),
        Corpus::new("bulk/00000b", Shape::Equal, bulks(8_000, 0)),
        Corpus::new("bulk/00008b", Shape::Equal, bulks(8_000, 8)),
        Corpus::new("bulk/00032b", Shape::Equal, bulks(6_000, 32)),
        Corpus::new("bulk/00256b", Shape::Equal, bulks(2_000, 256)),
        Corpus::new("bulk/0-63b", Shape::Single, repeated(8_000, || bulk(&word(rng, 0..64)))),
        Corpus::new("bulk/0-2000b", Shape::Single, repeated(900, || bulk(&word(rng, 0..2_001)))),
        Corpus::new("bulk/1mib", Shape::Single, bulks(4, 1 << 20)),
        Corpus::new(
            "list/equal",
            Shape::Equal,
            array(&repeated(10_000, || bulk(&word(rng, 20..21))), 10_000),
        ),
        Corpus::new(
            "list/mixed",
            Shape::Several,
            array(&repeated(10_000, || bulk(&word(rng, 0..64))), 10_000),
        ),
        Corpus::new("map/20-fields", Shape::Several, repeated(300, || map(rng))),
        Corpus::new("stream/entries", Shape::Several, repeated(1_000, || stream(rng))),
        Corpus::new("session/resp3", Shape::Several, recorded()),
        Corpus::new("traffic/replies", Shape::Several, traffic::replies()),
    ]
}

/// Pipelines of client commands. Each corpus has one command name, except for the mix of real traffic.
pub fn requests() -> Vec<Corpus> {
    let mut rng = Rng::with_seed(0x6765_7473);
    let rng = &mut rng;
    vec![
        Corpus::new(
            "get-key16",
            Shape::Equal,
            repeated(4_000, || command(&[b"GET", &word(rng, 16..17)])),
        ),
        Corpus::new(
            "set-short",
            Shape::Several,
            repeated(4_000, || command(&[b"SET", &word(rng, 8..17), &word(rng, 3..12)])),
        ),
        Corpus::new("mget-20", Shape::Several, repeated(400, || mget(rng))),
        Corpus::new("traffic/requests", Shape::Several, traffic::requests()),
    ]
}

/// `MGET` of twenty keys.
fn mget(rng: &mut Rng) -> Vec<u8> {
    let keys: Vec<Vec<u8>> = repeat_with(|| word(rng, 8..17)).take(20).collect();
    command(&[&[&b"MGET"[..]][..], &keys.iter().map(Vec::as_slice).collect::<Vec<_>>()].concat())
}

/// Names of commands as clients send them, in a random order.
pub fn names() -> Vec<Vec<u8>> {
    const NAMES: [&[u8]; 16] = [
        b"GET",
        b"SET",
        b"MGET",
        b"DEL",
        b"EXPIRE",
        b"INCR",
        b"HGETALL",
        b"HSET",
        b"LPUSH",
        b"RPOP",
        b"ZADD",
        b"ZRANGE",
        b"ping",
        b"zrangebyscore",
        b"PUBLISH",
        b"XREADGROUP",
    ];
    let mut rng = Rng::with_seed(0x6e61_6d65);
    repeat_with(|| NAMES[rng.usize(..NAMES.len())].to_vec()).take(4_000).collect()
}

/// Maps of twenty fields, as `HGETALL` answers in RESP3.
pub fn maps() -> Corpus {
    let mut rng = Rng::with_seed(20);
    Corpus::new("map/20-fields", Shape::Several, repeated(300, || map(&mut rng)))
}

/// Keys, and values of 100 bytes, for `SET`.
pub fn assignments() -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rng = Rng::with_seed(0x0073_6574);
    repeat_with(|| (word(&mut rng, 8..40), word(&mut rng, 100..101))).take(256).collect()
}

/// The number of frames of [`many_bulks`].
pub const MANY_BULKS: usize = 80_000;

/// Bulk strings of 50 bytes, for reads of different sizes.
pub fn many_bulks() -> Vec<u8> {
    let mut rng = Rng::with_seed(50);
    repeated(MANY_BULKS, || bulk(&word(&mut rng, 50..51)))
}

/// A few frames of each corpus, over and over: a stream of constantly changing replies.
pub fn mixed() -> Vec<u8> {
    const FRAMES: usize = 8;
    let corpora = all();
    let ranges: Vec<_> = corpora.iter().map(Corpus::ranges).collect();
    let most = ranges.iter().map(Vec::len).max().unwrap_or(0);
    let mut bytes = Vec::new();
    for start in (0..most).step_by(FRAMES) {
        for (corpus, ranges) in corpora.iter().zip(&ranges) {
            // Without the largest values, which would make up most of the stream.
            let ranges =
                ranges.iter().filter(|range| range.len() < 1 << 18).skip(start).take(FRAMES);
            bytes.extend(ranges.flat_map(|range| &corpus.bytes[range.clone()]));
        }
    }
    bytes
}

/// A real server's replies in a session that uses all its data types.
fn recorded() -> Vec<u8> {
    include_bytes!("../../tests/captures/resp3-session.replies").repeat(4)
}

/// The number of values in whole frames.
pub fn values(bytes: &[u8]) -> usize {
    zresp::replies(bytes)
        .map(|frame| frame.expect("a valid corpus"))
        .flat_map(|frame| frame.tokens())
        .filter(|token| !matches!(token, zresp::Token::Close(_)))
        .count()
}

fn repeated(count: usize, item: impl FnMut() -> Vec<u8>) -> Vec<u8> {
    repeat_with(item).take(count).flatten().collect()
}

fn text(count: usize, item: impl FnMut() -> String) -> Vec<u8> {
    repeat_with(item).take(count).collect::<String>().into_bytes()
}

fn word(rng: &mut Rng, length: Range<usize>) -> Vec<u8> {
    let length = rng.usize(length);
    repeat_with(|| rng.lowercase() as u8).take(length).collect()
}

fn bulk(payload: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat()
}

fn array(elements: &[u8], count: usize) -> Vec<u8> {
    [format!("*{count}\r\n").as_bytes(), elements].concat()
}

fn command(arguments: &[&[u8]]) -> Vec<u8> {
    let bulks: Vec<_> = arguments.iter().flat_map(|argument| bulk(argument)).collect();
    array(&bulks, arguments.len())
}

fn error(rng: &mut Rng) -> Vec<u8> {
    let key = String::from_utf8_lossy(&word(rng, 4..40)).into_owned();
    let texts = [
        "-WRONGTYPE Operation against a key holding the wrong kind of value".to_owned(),
        "-ERR value is not an integer or out of range".to_owned(),
        format!("-MOVED {} 10.0.0.{}:6379", rng.u16(..16_384), rng.u8(..)),
        format!("-ERR unknown command '{key}', with args beginning with: "),
        "-NOAUTH Authentication required.".to_owned(),
    ];
    format!("{}\r\n", texts[rng.usize(..texts.len())]).into_bytes()
}

/// An integer of one to eighteen digits, short ones more often. Some are negative.
fn integer(rng: &mut Rng) -> Vec<u8> {
    let digits = rng.u32(1..=6) * rng.u32(1..=3);
    let value = rng.i64(..) % 10i64.pow(digits);
    format!(":{value}\r\n").into_bytes()
}

fn double(rng: &mut Rng) -> Vec<u8> {
    let mut line = String::from(",");
    _ = match rng.u8(..4) {
        0 => write!(line, "{}", rng.i32(..10_000)),
        1 => write!(line, "{}", f64::from(rng.i32(..100_000)) / 100.0),
        2 => write!(line, "{}", rng.f64()),
        _ => write!(line, "{:e}", rng.f64() * 1e30),
    };
    line.push_str("\r\n");
    line.into_bytes()
}

/// A map of twenty fields, as `HGETALL` answers in RESP3.
fn map(rng: &mut Rng) -> Vec<u8> {
    let fields = repeated(20, || [bulk(&word(rng, 3..16)), bulk(&word(rng, 1..40))].concat());
    [b"%20\r\n".as_slice(), &fields].concat()
}

/// Ten entries of a stream with four fields each, as `XRANGE` answers.
fn stream(rng: &mut Rng) -> Vec<u8> {
    let entries = repeated(10, || {
        let id = format!("{}-{}", 1_690_000_000_000 + rng.u64(..1_000_000_000), rng.u8(..10));
        let fields = repeated(4, || [bulk(&word(rng, 3..10)), bulk(&word(rng, 1..30))].concat());
        array(&[bulk(id.as_bytes()), array(&fields, 8)].concat(), 2)
    });
    array(&entries, 10)
}
