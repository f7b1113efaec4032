//! Input that is made to exhaust its reader takes no stack, and no more memory than stated here. Every entry
//! point runs on a thread with 128 KiB of stack, and returns the right error or asks for more.
#![cfg(feature = "std")]

use std::io::Read;
use std::thread;

use allocation_counter::measure;
use zresp::frames::Direction;
use zresp::io::{CommandReader, FrameReader, ReplyReader, StreamError};
use zresp::{CommandDecoder, Decoder, Error, ErrorKind, Framer, Limits};

const STACK: usize = 128 * 1024;
const MANY: usize = 1_000_000;
/// A limit that the deepest attack does not reach.
const DEEP: usize = 2 * MANY;
/// The most bytes for an open level: twice its size, because the stack of levels doubles when it grows.
const LEVEL: usize = 2 * 16;
/// The memory in bytes that readers and codecs have before anything has arrived.
const AT_HAND: usize = 64 * 1024;

/// The size of the frame, `None` if more is needed, or the error and its offset.
type Verdict = Result<Option<usize>, (ErrorKind, usize)>;

/// An entry point. It gets the bytes in pieces of a given size.
struct Entry {
    name: &'static str,
    verdict: fn(&[u8], usize, Limits) -> Verdict,
    keeps_bytes: bool,
}

const fn failure(Error { kind, offset, .. }: Error) -> (ErrorKind, usize) {
    (kind, offset)
}

/// Shows growing parts of the bytes to a decoder until it gives an answer.
fn by_growing(
    bytes: &[u8],
    piece: usize,
    mut decode: impl FnMut(&[u8]) -> Result<Option<usize>, Error>,
) -> Verdict {
    let ends = (piece..bytes.len()).step_by(piece).chain([bytes.len()]);
    for end in ends {
        if let Some(size) = decode(&bytes[..end]).map_err(failure)? {
            return Ok(Some(size));
        }
    }
    Ok(None)
}

/// Shows each piece once to a framer until it gives an answer.
fn by_chunks(mut framer: Framer, bytes: &[u8], piece: usize) -> Verdict {
    let mut size = 0;
    for chunk in bytes.chunks(piece) {
        let progress = framer.advance(chunk).map_err(failure)?;
        size += progress.taken;
        if progress.is_complete {
            return Ok(Some(size));
        }
    }
    Ok(None)
}

/// A reader whose reads return at most one piece.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let most = self.1.min(room.len());
        self.0.read(&mut room[..most])
    }
}

/// The verdict of a reader at the end of the bytes. An end inside a frame means that more is needed.
fn by_reading<D: Direction>(
    reader: &FrameReader<Pieces<'_>, D>,
    is_whole: Result<bool, StreamError>,
) -> Verdict {
    let place = |offset: u64| usize::try_from(offset).expect("a place in memory");
    match is_whole {
        Ok(is_whole) => Ok(is_whole.then(|| place(reader.consumed()))),
        Err(StreamError::Decode { error, .. }) if error.kind == ErrorKind::UnexpectedEnd => {
            Ok(None)
        }
        Err(StreamError::Decode { error, .. }) => {
            Err((error.kind, place(reader.position()) + error.offset))
        }
        Err(error) => panic!("{error}: pieces do not fail"),
    }
}

#[cfg(feature = "codec")]
fn by_codec<D: Direction>(
    mut codec: zresp::codec::Codec<D>,
    bytes: &[u8],
    piece: usize,
) -> Verdict {
    use tokio_util::codec::Decoder as _;

    let mut buffer = bytes::BytesMut::new();
    for chunk in bytes.chunks(piece) {
        buffer.extend_from_slice(chunk);
        match codec.decode(&mut buffer) {
            Ok(Some(_)) => return Ok(Some(usize::try_from(codec.position()).expect("in memory"))),
            Ok(None) => {}
            Err(zresp::io::StreamError::Decode { error, .. }) => {
                let taken = usize::try_from(codec.position()).expect("a place in memory");
                return Err((error.kind, taken + error.offset));
            }
            Err(error) => panic!("{error}: nothing is written"),
        }
    }
    Ok(None)
}

const REPLIES: &[Entry] = &[
    Entry {
        name: "Decoder",
        verdict: |bytes, piece, limits| {
            let mut decoder = Decoder::with_limits(limits);
            by_growing(bytes, piece, |buf| Ok(decoder.decode(buf)?.map(|frame| frame.wire().len())))
        },
        keeps_bytes: false,
    },
    Entry {
        name: "Framer",
        verdict: |bytes, piece, limits| by_chunks(Framer::replies(limits), bytes, piece),
        keeps_bytes: false,
    },
    Entry {
        name: "ReplyReader",
        verdict: |bytes, piece, limits| {
            let mut reader = ReplyReader::with_limits(Pieces(bytes, piece), limits);
            let is_whole = reader.read().map(|frame| frame.is_some());
            by_reading(&reader, is_whole)
        },
        keeps_bytes: true,
    },
    #[cfg(feature = "codec")]
    Entry {
        name: "ReplyCodec",
        verdict: |bytes, piece, limits| {
            by_codec(zresp::codec::ReplyCodec::with_limits(limits), bytes, piece)
        },
        keeps_bytes: true,
    },
];

const REQUESTS: &[Entry] = &[
    Entry {
        name: "CommandDecoder",
        verdict: |bytes, piece, limits| {
            let mut decoder = CommandDecoder::with_limits(limits);
            let mut skipped = 0;
            by_growing(bytes, piece, |buf| {
                let request = decoder.decode(&buf[skipped..]);
                let request = request
                    .map_err(|Error { kind, offset }| Error { kind, offset: skipped + offset })?;
                let end = request.map(|request| skipped + request.wire().len());
                skipped += decoder.take_skipped();
                Ok(end)
            })
        },
        keeps_bytes: false,
    },
    Entry {
        name: "Framer",
        verdict: |bytes, piece, limits| by_chunks(Framer::requests(limits), bytes, piece),
        keeps_bytes: false,
    },
    Entry {
        name: "CommandReader",
        verdict: |bytes, piece, limits| {
            let mut reader = CommandReader::with_limits(Pieces(bytes, piece), limits);
            let is_whole = reader.read().map(|request| request.is_some());
            by_reading(&reader, is_whole)
        },
        keeps_bytes: true,
    },
    #[cfg(feature = "codec")]
    Entry {
        name: "CommandCodec",
        verdict: |bytes, piece, limits| {
            by_codec(zresp::codec::CommandCodec::with_limits(limits), bytes, piece)
        },
        keeps_bytes: true,
    },
];

/// Hostile bytes, and the expected verdict under a limit for the depth.
struct Attack {
    name: String,
    bytes: Vec<u8>,
    depth: usize,
    expected: Verdict,
}

fn attack(name: &str, bytes: impl Into<Vec<u8>>, expected: Verdict) -> Attack {
    Attack { name: name.to_owned(), bytes: bytes.into(), depth: 128, expected }
}

/// A header, repeated: too deep for the default limit, and incomplete under a limit that is high enough.
fn deep(header: &str, too_deep_at: usize) -> [Attack; 2] {
    let bytes = header.repeat(MANY / levels(header)).into_bytes();
    let expected = Err((ErrorKind::TooDeep { limit: 128 }, too_deep_at));
    let refused = attack(&format!("{header:?} a million times"), bytes.clone(), expected);
    let name = format!("{header:?} a million times, allowed");
    [refused, Attack { name, bytes, depth: DEEP, expected: Ok(None) }]
}

/// How many levels a header opens.
fn levels(header: &str) -> usize {
    header.bytes().filter(|byte| b"*~%>|".contains(byte)).count()
}

/// Runs the attacks through all entry points, whole and in pieces, on a thread with little stack.
fn assert_withstands(entries: &'static [Entry], attacks: Vec<Attack>) {
    let work = move || {
        for Attack { name, bytes, depth, expected } in &attacks {
            let limits = Limits::requests().with_depth(*depth);
            for Entry { name: entry, verdict, keeps_bytes } in entries {
                for piece in [bytes.len(), bytes.len() / 9 + 1] {
                    let mut given = Ok(None);
                    let info = measure(|| given = verdict(bytes, piece, limits));
                    assert_eq!(given, *expected, "{name}, by {entry} in pieces of {piece}");
                    let levels = if *depth > 128 { MANY + 1 } else { 128 };
                    let kept = if *keeps_bytes { AT_HAND + 4 * bytes.len() } else { 0 };
                    let most = u64::try_from(levels * LEVEL + kept).expect("a size in memory");
                    assert!(info.bytes_max <= most, "{name}, by {entry}: {info:?}, {most} bytes");
                    assert_eq!(info.bytes_current, 0, "{name}, by {entry}");
                }
            }
        }
    };
    thread::Builder::new()
        .stack_size(STACK)
        .spawn(work)
        .expect("a thread")
        .join()
        .expect("no panic");
}

#[test]
fn announced_counts_and_lengths_take_no_memory() {
    let count = |kind: char, most: usize| {
        let limit = 2_147_483_647;
        let too_many = format!("{kind}{}", most + 1);
        let error = (ErrorKind::TooManyElements { limit }, too_many.len() - 1);
        [
            attack(&format!("{kind}{most}"), format!("{kind}{most}\r\n"), Ok(None)),
            attack(&too_many, too_many.clone(), Err(error)),
        ]
    };
    let length = |kind: char| {
        let limit = 536_870_912;
        let error = (ErrorKind::BulkTooLong { limit }, 9);
        [
            attack(&format!("{kind} at its limit"), format!("{kind}{limit}\r\n"), Ok(None)),
            attack(&format!("{kind} above it"), format!("{kind}536870913\r\n"), Err(error)),
        ]
    };
    let counts = ['*', '~', '>'].map(|kind| count(kind, 2_147_483_647));
    let pairs = ['%', '|'].map(|kind| count(kind, 1_073_741_823));
    let attacks = counts.into_iter().chain(pairs).chain(['$', '!', '='].map(length)).flatten();
    let nested = "*99999\r\n".repeat(100);
    let largest = "*2147483647\r\n".repeat(128);
    let others = [
        attack("*99999 a hundred times", nested, Ok(None)),
        attack("the largest array to the deepest level", largest, Ok(None)),
        attack("a chunk", "$?\r\n;536870912\r\n", Ok(None)),
        attack(
            "a second chunk",
            "$?\r\n;1\r\na\r\n;536870912\r\n",
            Err((ErrorKind::BulkTooLong { limit: 536_870_912 }, 20)),
        ),
    ];
    assert_withstands(REPLIES, attacks.chain(others).collect());
}

#[test]
fn nesting_takes_no_stack() {
    let shapes = [
        deep("*1\r\n", 4 * 128 + 1),
        deep("*?\r\n", 4 * 128 + 1),
        deep("~1\r\n", 4 * 128),
        deep(">2\r\n+subscribe\r\n", 16 * 128),
        deep(">1\r\n|1\r\n+k\r\n", 12 * 64),
        deep("%1\r\n", 4 * 128),
        deep("|1\r\n", 4 * 128),
        deep("%1\r\n+k\r\n", 8 * 128),
        deep("|1\r\n+k\r\n", 8 * 128),
    ];
    assert_withstands(REPLIES, shapes.into_iter().flatten().collect());
    let mixed = [
        "*1\r\n",
        "|1\r\n+k\r\n",
        "~?\r\n",
        "%2\r\n",
        ">9\r\n+psubscribe\r\n",
        "*?\r\n",
        "%?\r\n:1\r\n",
    ];
    let bytes: String = mixed.iter().cycle().take(MANY).copied().collect();
    let name = String::from("a million of all kinds");
    assert_withstands(
        REPLIES,
        vec![Attack { name, bytes: bytes.into(), depth: DEEP, expected: Ok(None) }],
    );
}

#[test]
fn endless_replies_are_not_remembered() {
    let endless = |head: &str, item: &str, tail: &str, expected: Verdict| {
        let bytes = [head, &item.repeat(MANY), tail].concat();
        attack(&format!("{head:?} and {item:?} a million times, {tail:?}"), bytes, expected)
    };
    assert_withstands(
        REPLIES,
        vec![
            endless("$?\r\n", ";1\r\na\r\n", "", Ok(None)),
            endless("$?\r\n", ";1\r\na\r\n", ";0\r\n", Ok(Some(7 * MANY + 8))),
            endless("*?\r\n", ":1\r\n", "", Ok(None)),
            endless("*?\r\n", ":1\r\n", ".\r\n", Ok(Some(4 * MANY + 7))),
            endless("%?\r\n", "_\r\n_\r\n", "", Ok(None)),
            endless("*?\r\n", "|1\r\n+k\r\n+v\r\n_\r\n", "", Ok(None)),
            endless("", "|0\r\n", "", Ok(None)),
            endless("", "|1\r\n+k\r\n+v\r\n", "+OK\r\n", Ok(Some(12 * MANY + 5))),
            endless("*1000001\r\n", "*0\r\n", "", Ok(None)),
            endless("+", "aaaa", "", Ok(None)),
            endless("(", "1111", "", Ok(None)),
            endless(",1.", "1111", "", Ok(None)),
        ],
    );
}

#[test]
fn endless_requests_are_not_remembered() {
    let limit = 65_536;
    assert_withstands(
        REQUESTS,
        vec![
            attack("the most arguments", "*2147483647\r\n", Ok(None)),
            attack(
                "too many",
                "*2147483648",
                Err((ErrorKind::TooManyElements { limit: 2_147_483_647 }, 10)),
            ),
            attack("the longest argument", "*1\r\n$536870912\r\n", Ok(None)),
            attack(
                "one too long",
                "*1\r\n$536870913",
                Err((ErrorKind::BulkTooLong { limit: 536_870_912 }, 13)),
            ),
            attack(
                "empty arguments",
                format!("*1000001\r\n{}", "$0\r\n\r\n".repeat(MANY)),
                Ok(None),
            ),
            attack("empty lines", "\r\n".repeat(MANY), Ok(None)),
            attack("empty arrays", "*0\r\n".repeat(MANY), Ok(None)),
            attack("null arrays", "*-1\r\n".repeat(MANY), Ok(None)),
            attack("blanks", " ".repeat(MANY), Err((ErrorKind::InlineTooLong { limit }, limit))),
            attack(
                "a quote",
                "\"".repeat(3) + &"a".repeat(MANY),
                Err((ErrorKind::UnbalancedQuotes, 2)),
            ),
            attack(
                "an open quote",
                format!("\"{}", "a".repeat(MANY)),
                Err((ErrorKind::InlineTooLong { limit }, limit - 1)),
            ),
        ],
    );
}
