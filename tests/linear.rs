//! Decoding a frame byte by byte takes time linear in its length, at every entry point. So does everything that
//! is done to a whole frame.
//!
//! Two sizes are compared in one run, with room for noise. A decoder that started again with every byte would
//! take longer by the square of the factor between them.
#![cfg(feature = "std")]

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use zresp::encode::Segments;
use zresp::io::{CommandReader, ReplyReader};
use zresp::{
    Command, CommandDecoder, ConversionError, Decoded, Decoder, Encode, Framer, FromReply, Limits,
    Protocol, Reply, ReplyRef,
};

/// The factor between the two sizes.
const FACTOR: usize = 8;
/// How much longer a large frame may take than `FACTOR` small ones. In quadratic time it would take 8 times as long.
const MOST: f64 = 3.0;
/// The most measurements before a test fails.
const ATTEMPTS: usize = 16;
/// Frames of fewer parts than this take too little time to be measured.
const FEWEST: usize = 16;
const STACK: usize = 128 * 1024;

/// A way to decode a frame whose bytes arrive one by one.
type Entry = (&'static str, fn(&[u8], Limits));

const DECODER: Entry = ("Decoder", |frame, limits| {
    let mut decoder = Decoder::with_limits(limits);
    for end in 0..frame.len() {
        assert!(decoder.decode(&frame[..end]).unwrap().is_none());
    }
    assert!(decoder.decode(frame).unwrap().is_some());
});

/// Each call reads what it can in one pass, so a cut frame must be left to the scan that resumes.
#[cfg(feature = "serde")]
const DECODE_AS: Entry = ("decode_as", |frame, limits| {
    let mut decoder = Decoder::with_limits(limits);
    for end in 0..frame.len() {
        assert!(decoder.decode_as::<serde::de::IgnoredAny>(&frame[..end]).unwrap().is_none());
    }
    let (_, size) = decoder.decode_as::<Vec<u8>>(frame).unwrap().unwrap();
    assert_eq!(size, frame.len());
});

const REPLIES: &[Entry] = &[
    DECODER,
    #[cfg(feature = "serde")]
    DECODE_AS,
    ("Framer", |frame, limits| assert_framed(Framer::replies(limits), frame)),
    ("ReplyReader", |frame, limits| {
        let mut reader = ReplyReader::with_limits(OneByOne(frame), limits);
        assert_eq!(reader.read().unwrap().unwrap().wire().len(), frame.len());
    }),
    #[cfg(feature = "codec")]
    ("ReplyCodec", |frame, limits| {
        assert_taken(zresp::codec::ReplyCodec::with_limits(limits), frame);
    }),
];

const REQUESTS: &[Entry] = &[
    ("CommandDecoder", |request, limits| {
        let mut decoder = CommandDecoder::with_limits(limits);
        let mut start = 0;
        for end in 0..request.len() {
            assert!(decoder.decode(&request[start..end]).unwrap().is_none());
            start += decoder.take_skipped();
        }
        assert!(decoder.decode(&request[start..]).unwrap().is_some());
    }),
    ("Framer", |request, limits| {
        assert_framed(Framer::requests(limits), request);
    }),
    ("CommandReader", |request, limits| {
        let mut reader = CommandReader::with_limits(OneByOne(request), limits);
        assert!(reader.read().unwrap().is_some());
        assert_eq!(reader.consumed(), request.len() as u64);
    }),
    #[cfg(feature = "codec")]
    ("CommandCodec", |request, limits| {
        assert_taken(zresp::codec::CommandCodec::with_limits(limits), request);
    }),
];

/// A connection where each read returns one byte.
struct OneByOne<'a>(&'a [u8]);

impl Read for OneByOne<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(&mut room[..1])
    }
}

fn assert_framed(mut framer: Framer, frame: &[u8]) {
    let mut ends = frame.chunks(1).map(|byte| framer.advance(byte).unwrap().is_complete);
    assert_eq!(ends.position(|is_complete| is_complete), Some(frame.len() - 1));
}

#[cfg(feature = "codec")]
fn assert_taken<C: tokio_util::codec::Decoder>(mut codec: C, frame: &[u8])
where
    C::Error: std::fmt::Debug,
{
    let mut buffer = bytes::BytesMut::new();
    let mut ends = frame.iter().map(|byte| {
        buffer.extend_from_slice(&[*byte]);
        codec.decode(&mut buffer).unwrap().is_some()
    });
    assert_eq!(ends.position(|is_complete| is_complete), Some(frame.len() - 1));
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Asserts that the time of the work grows in proportion to the size of the frame.
///
/// Other programs may be running, so the best time for each size counts. Both measurements take about the same
/// time, so that they are interrupted equally often.
fn assert_linear(name: &str, size: usize, frame: &dyn Fn(usize) -> Vec<u8>, work: &dyn Fn(&[u8])) {
    // Small frames come first: quadratic work fails there within seconds, and takes minutes or hours on large ones.
    if size / FACTOR >= FEWEST {
        assert_linear(name, size / FACTOR, frame, work);
    }
    assert_linear_at(name, size, frame, work);
}

fn assert_linear_at(
    name: &str,
    size: usize,
    frame: &dyn Fn(usize) -> Vec<u8>,
    work: &dyn Fn(&[u8]),
) {
    let [small, large] = [frame(size), frame(size * FACTOR)];
    let mut best = [Duration::MAX; 2];
    let mut ratio = f64::INFINITY;
    for _ in 0..ATTEMPTS {
        best[0] = best[0].min(time(|| (0..FACTOR).for_each(|_| work(&small))));
        best[1] = best[1].min(time(|| work(&large)));
        ratio = best[1].as_secs_f64() / best[0].as_secs_f64();
        if ratio < MOST {
            break;
        }
    }
    println!("{name}, {size}: {best:?}, {ratio:.1} times");
    assert!(
        ratio < MOST,
        "{name}: {ratio:.1} times as long as {FACTOR} frames of an eighth of the size, {size}"
    );
}

fn assert_bytewise(
    name: &str,
    entries: &[Entry],
    size: usize,
    limits: Limits,
    frame: &dyn Fn(usize) -> Vec<u8>,
) {
    for (entry, take) in entries {
        let name = format!("{name} by {entry}");
        assert_linear(&name, size, frame, &|frame| take(frame, limits));
    }
}

/// A shape of frames: its name, the number for the smaller size, and the frame for a number.
type Shape = (&'static str, usize, fn(usize) -> Vec<u8>);

fn sized(kind: char, size: usize) -> Vec<u8> {
    [format!("{kind}{size}\r\n").into_bytes(), vec![b'x'; size], b"\r\n".to_vec()].concat()
}

/// The shapes of replies.
const SHAPES: [Shape; 8] = [
    ("elements", 2_000, |size| format!("*{size}\r\n{}", "$3\r\nfoo\r\n".repeat(size)).into()),
    ("a line", 40_000, |size| [b"+".as_slice(), &vec![b'x'; size], b"\r\n"].concat()),
    ("a payload", 40_000, |size| sized('$', size)),
    ("an attribute", 2_000, |size| {
        format!("|{size}\r\n{}+OK\r\n", "+k\r\n:1\r\n".repeat(size)).into()
    }),
    ("attributes in a row", 2_000, |size| {
        format!("{}+OK\r\n", "|1\r\n+k\r\n:1\r\n".repeat(size)).into()
    }),
    ("chunks", 2_000, |size| format!("$?\r\n{};0\r\n", ";3\r\nabc\r\n".repeat(size)).into()),
    ("a double", 40_000, |size| format!(",{}\r\n", "1".repeat(size)).into()),
    ("levels", 16, |size| {
        let mixed = ["*1\r\n", "|1\r\n+k\r\n", "~1\r\n", "%1\r\n+k\r\n"];
        let open: String = mixed.iter().cycle().take(size).copied().collect();
        let attributes = mixed.iter().cycle().take(size).filter(|it| it.starts_with('|')).count();
        format!("{open}{}:1\r\n", ":1\r\n".repeat(attributes)).into()
    }),
];

#[test]
fn byte_by_byte_is_linear() {
    for (name, size, frame) in SHAPES {
        assert_bytewise(name, REPLIES, size, Limits::new(), &frame);
    }
}

#[test]
fn millions_byte_by_byte_are_linear() {
    let limits = Limits::new().with_depth(2_000_000);
    for (name, size, frame) in SHAPES {
        let million = match size {
            40_000 => 2 << 20,
            _ => 125_000,
        };
        assert_bytewise(name, &[DECODER], million, limits, &frame);
    }
}

#[test]
fn requests_byte_by_byte_are_linear() {
    let shapes: [Shape; 5] = [
        ("arguments", 2_000, |size| format!("*{size}\r\n{}", "$3\r\nfoo\r\n".repeat(size)).into()),
        ("an argument", 40_000, |size| [b"*1\r\n".to_vec(), sized('$', size)].concat()),
        ("empty lines", 20_000, |size| ["\r\n".repeat(size).as_str(), "PING\r\n"].concat().into()),
        ("empty arrays", 10_000, |size| {
            ["*0\r\n".repeat(size).as_str(), "PING\r\n"].concat().into()
        }),
        ("a line", 8_000, |size| ["\"a\" ".repeat(size / 4).as_str(), "\n"].concat().into()),
    ];
    for (name, size, request) in shapes {
        assert_bytewise(name, REQUESTS, size, Limits::new(), &request);
    }
}

/// Something that is done to a whole reply.
type Reading = (&'static str, fn(Decoded<'_>));

const READINGS: &[Reading] = &[
    ("tokens", |frame| assert!(frame.tokens().count() > 1)),
    ("elements", |frame| {
        let ReplyRef::Array(items) = frame.reply() else { panic!() };
        assert!(items.annotated().count() == items.count());
    }),
    ("shown", |frame| assert!(format!("{frame:?}{:?}", frame.reply().tokens()).len() < 9_000)),
    ("compared", |frame| assert!(frame.reply() == frame.to_frame().reply())),
    ("owned and dropped", |frame| {
        let [owned, bare] = [Reply::from(frame), Reply::from(frame.reply())];
        assert!(owned == bare);
    }),
    ("copied", |frame| assert!(frame.to_frame().view().wire() == frame.wire())),
    ("downgraded", |frame| assert!(frame.to_wire(Protocol::Resp2).is_ok())),
    ("in parts", |frame| assert!(Segments::of(&frame, Protocol::Resp2).is_ok())),
    ("converted", |frame| _ = frame.reply().to::<Vec<i64>>()),
    ("converted to text", |frame| _ = frame.reply().to::<Vec<Vec<String>>>()),
    #[cfg(feature = "serde")]
    ("deserialized", |frame| {
        _ = zresp::de::from_reply::<serde::de::IgnoredAny>(frame.reply());
        _ = zresp::de::from_reply::<serde_json::Value>(frame.reply());
    }),
    #[cfg(feature = "serde")]
    ("deserialized in one pass", |frame| {
        let mut decoder = Decoder::with_limits(Limits::new().with_depth(1_000_000));
        for found in [
            decoder.decode_as::<serde::de::IgnoredAny>(frame.wire()).map(|found| found.unwrap().1),
            decoder.decode_as::<serde_json::Value>(frame.wire()).map(|found| found.unwrap().1),
        ] {
            assert_eq!(found, Ok(frame.wire().len()));
        }
    }),
];

#[test]
fn whole_replies_are_read_in_linear_time_and_on_little_stack() {
    let shapes: [Shape; 3] = [
        ("wide", 20_000, |size| format!("*{size}\r\n{}", ":1\r\n".repeat(size)).into()),
        ("wide and mixed", 5_000, |size| {
            let item = "|1\r\n+k\r\n+v\r\n~2\r\n$?\r\n;1\r\na\r\n;0\r\n,1.5\r\n";
            format!("*?\r\n{}.\r\n", item.repeat(size)).into()
        }),
        ("deep", 12_500, |size| format!("{}:1\r\n", "*1\r\n".repeat(size)).into()),
    ];
    let work = move || {
        for (shape, size, frame) in shapes {
            for (reading, read) in READINGS {
                let limits = Limits::new().with_depth(1_000_000);
                assert_linear(&format!("{shape}, {reading}"), size, &frame, &|wire| {
                    let mut decoder = Decoder::with_limits(limits);
                    read(decoder.decode(wire).unwrap().unwrap());
                });
            }
        }
    };
    thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap();
}

#[test]
fn whole_requests_are_read_in_linear_time() {
    let shapes: [Shape; 2] = [
        ("arguments", 20_000, |size| format!("*{size}\r\n{}", "$3\r\nfoo\r\n".repeat(size)).into()),
        ("a line", 8_000, |size| ["\"a\" ".repeat(size / 4).as_str(), "\n"].concat().into()),
    ];
    for (name, size, request) in shapes {
        assert_linear(name, size, &request, &|wire| {
            let request = zresp::requests(wire).next().unwrap().unwrap();
            assert!(!format!("{request:?}").is_empty());
            let arguments = match request.command() {
                Command::Array(command) => {
                    let index = command.index();
                    (0..command.len()).filter(|place| index.get(*place).is_some()).count()
                }
                Command::Inline(line) => line.args().count(),
            };
            assert!(
                arguments > 1 && request.command().to_frame().wire() == request.command().wire()
            );
        });
    }
}

/// Asks for the keys and channels of a command that arrives byte by byte, each time that its buffer has doubled.
#[cfg(feature = "commands")]
#[test]
fn keys_of_an_arriving_command_take_linear_time_if_asked_when_the_buffer_has_doubled() {
    use zresp::commands::{partial_keys, partial_shard_channels};

    let shapes: [Shape; 4] = [
        ("MSET", 1_000, |size| {
            format!("*{}\r\n$4\r\nMSET\r\n{}", 2 * size + 1, "$1\r\na\r\n".repeat(2 * size)).into()
        }),
        ("SSUBSCRIBE", 2_000, |size| {
            format!("*{}\r\n$10\r\nSSUBSCRIBE\r\n{}", size + 1, "$1\r\na\r\n".repeat(size)).into()
        }),
        ("SORT", 2_000, |size| {
            format!("*{}\r\n$4\r\nSORT\r\n$1\r\nk\r\n{}", size + 2, "$3\r\nASC\r\n".repeat(size))
                .into()
        }),
        ("XREAD", 1_000, |size| {
            let streams = "$1\r\na\r\n".repeat(2 * size);
            format!("*{}\r\n$5\r\nXREAD\r\n$7\r\nSTREAMS\r\n{streams}", 2 * size + 2).into()
        }),
    ];
    for (name, size, request) in shapes {
        assert_linear(name, size, &request, &|request| {
            let mut decoder = CommandDecoder::new();
            let (mut asked, mut found) = (16, 0);
            for end in 0..request.len() {
                assert!(decoder.decode(&request[..end]).unwrap().is_none());
                if end >= 2 * asked {
                    asked = end;
                    let partial = decoder.partial(&request[..end]).expect("a command has begun");
                    found = partial_keys(&partial).unwrap().known().count()
                        + partial_shard_channels(&partial).unwrap().known().count();
                }
            }
            assert!(found > 0, "{name}");
        });
    }
}

#[test]
fn a_reply_nested_to_the_limit_is_read_in_linear_time() {
    let nested = |breadth: usize| {
        let item = format!("*{breadth}\r\n{}", "*1\r\n:1\r\n".repeat(breadth));
        format!("{}{item}", "*1\r\n".repeat(100)).into_bytes()
    };
    assert_linear("tokens", 5_000, &nested, &|frame| {
        assert!(zresp::decode(frame).unwrap().unwrap().tokens().count() > 100);
    });
}

/// Lists in lists. Whether each one is flat is found by looking through it.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Lists(#[allow(dead_code, reason = "only read")] Vec<(serde::de::IgnoredAny, Lists)>);

#[cfg(feature = "serde")]
#[test]
fn lists_of_tuples_are_read_in_linear_time() {
    use serde::de::IgnoredAny;

    fn read<T: serde::de::DeserializeOwned>(wire: &[u8]) {
        let frame = zresp::decode(wire).unwrap().unwrap();
        assert!(zresp::de::from_reply::<T>(frame.reply()).is_ok());
        let (value, size) = zresp::de::from_bytes::<T>(wire).unwrap().unwrap();
        assert!(value.is_ok() && size == wire.len());
    }
    let values = |count: usize| ":1\r\n".repeat(count);
    let flat = |size: usize| format!("*{}\r\n{}", 2 * size, values(2 * size)).into_bytes();
    let streamed = |size: usize| format!("*?\r\n{}.\r\n", values(2 * size)).into_bytes();
    let nested =
        |size: usize| format!("*{size}\r\n{}", "*2\r\n:1\r\n:1\r\n".repeat(size)).into_bytes();
    // All of the bytes are at the bottom.
    let deep = |size: usize| {
        let innermost = format!("*1\r\n*2\r\n*{size}\r\n{}*0\r\n", values(size));
        format!("{}{innermost}", "*1\r\n*2\r\n:1\r\n".repeat(40)).into_bytes()
    };
    assert_linear("flat", 50_000, &flat, &read::<Vec<(i64, i64)>>);
    assert_linear("streamed", 50_000, &streamed, &read::<Vec<(i64, i64)>>);
    assert_linear("nested", 50_000, &nested, &read::<Vec<(i64, i64)>>);
    assert_linear("looked through", 50_000, &nested, &read::<Vec<(IgnoredAny, IgnoredAny)>>);
    assert_linear("looked through at each level", 20_000, &deep, &read::<Lists>);
}

/// Integers, nested as deep as the reply.
struct Nested;

impl<'a> FromReply<'a> for Nested {
    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        match reply {
            ReplyRef::Integer(_) => Ok(Self),
            _ => reply.to::<Vec<Self>>().map(|_| Self),
        }
    }
}

/// A failure at the bottom goes through all levels; none of them may pass over the rest again.
#[test]
fn a_conversion_that_fails_takes_no_longer_than_one_that_succeeds() {
    type Conversion = (&'static str, fn(&[u8]) -> bool);
    const CONVERSIONS: &[Conversion] = &[
        ("to", |wire| zresp::decode(wire).unwrap().unwrap().to::<Nested>().is_ok()),
        ("decode_to", |wire| {
            let (value, size) = Decoder::new().decode_to::<Nested>(wire).unwrap().unwrap();
            assert_eq!(size, wire.len());
            value.is_ok()
        }),
        #[cfg(feature = "serde")]
        ("from_reply", |wire| {
            let frame = zresp::decode(wire).unwrap().unwrap();
            zresp::de::from_reply::<serde_json::Value>(frame.reply()).is_ok()
        }),
        #[cfg(feature = "serde")]
        ("decode_as", |wire| {
            let mut decoder = Decoder::new();
            let (value, size) = decoder.decode_as::<serde_json::Value>(wire).unwrap().unwrap();
            assert_eq!(size, wire.len());
            value.is_ok()
        }),
    ];
    // 14 MB at the bottom of 120 arrays.
    let nested = |first: &[u8]| {
        let rest = ":123456\r\n".repeat(1_555_555);
        let head = format!("{}*1555556\r\n", "*1\r\n".repeat(119));
        [head.as_bytes(), first, rest.as_bytes()].concat()
    };
    // Something follows the innermost array in each of the others.
    let followed = |first: &[u8]| {
        let rest = ":1\r\n".repeat(100_000 + 119);
        let head = format!("{}*100001\r\n", "*2\r\n".repeat(119));
        [head.as_bytes(), first, rest.as_bytes()].concat()
    };
    // No type accepts bytes there: they are neither a number nor text.
    let bytes = b"$1\r\n\xff\r\n";
    for (shape, good, bad) in [
        ("nested", nested(b":0\r\n"), nested(bytes)),
        ("followed", followed(b":0\r\n"), followed(bytes)),
    ] {
        for (name, convert) in CONVERSIONS {
            let [mut success, mut failure] = [Duration::MAX; 2];
            for _ in 0..ATTEMPTS {
                success = success.min(time(|| assert!(convert(&good))));
                failure = failure.min(time(|| assert!(!convert(&bad))));
                if failure < success * 3 / 2 {
                    break;
                }
            }
            println!("{name}, {shape}: {success:?} to succeed, {failure:?} to fail");
            assert!(failure < success * 3 / 2, "{name}, {shape}: {failure:?} against {success:?}");
        }
    }
}
