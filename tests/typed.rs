//! Reading a frame and converting it in one pass gives what decoding and then converting gives: the same value or
//! error, the same size, the same verdict on the bytes, however they are cut.

#![cfg(feature = "serde")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use zresp::{ConversionError, Decoded, Decoder, ErrorReply, FromReply, Limits, LinePolicy, de};
use zresp_testing::drive::verdicts;
use zresp_testing::generate;

/// A value as text, so that NaN equals NaN, or the error; and the size of the frame.
type Found = Result<Option<(Result<String, ConversionError>, usize)>, zresp::Error>;

fn shown<T: Debug>(value: Result<T, ConversionError>) -> Result<String, ConversionError> {
    value.map(|value| format!("{value:?}"))
}

/// Two ways to read a frame as a type: in one call, and by a view.
struct Way {
    name: &'static str,
    at_once: fn(&mut Decoder, &[u8]) -> Found,
    by_view: fn(&mut Decoder, &[u8]) -> Found,
}

impl Way {
    fn of_serde<T: for<'a> Deserialize<'a> + Debug>() -> Self {
        Self {
            name: std::any::type_name::<T>(),
            at_once: |decoder, buf| {
                let found = decoder.decode_as::<T>(buf)?;
                Ok(found.map(|(value, size)| (shown(value), size)))
            },
            by_view: |decoder, buf| {
                let frame = decoder.decode(buf)?;
                let value = |frame: Decoded<'_>| shown(de::from_reply::<T>(frame.reply()));
                Ok(frame.map(|frame| (value(frame), frame.wire().len())))
            },
        }
    }

    fn of_reply<T: for<'a> FromReply<'a> + Debug>() -> Self {
        Self {
            name: std::any::type_name::<T>(),
            at_once: |decoder, buf| {
                let found = decoder.decode_to::<T>(buf)?;
                Ok(found.map(|(value, size)| (shown(value), size)))
            },
            by_view: |decoder, buf| {
                let frame = decoder.decode(buf)?;
                Ok(frame.map(|frame| (shown(frame.reply().to::<T>()), frame.wire().len())))
            },
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[allow(dead_code, reason = "it is only shown")]
struct Record {
    #[serde(default)]
    a: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    b: Vec<u8>,
    #[serde(default)]
    c: Option<Box<Record>>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "it is only shown")]
enum Choice {
    Ok,
    A(Vec<IgnoredAny>),
    B(String, i8),
    C { a: f32 },
}

/// Any value: its failed elements become the default, and the sequence goes on.
#[derive(Debug, Default, Deserialize)]
#[allow(dead_code, reason = "it is only shown")]
struct Lenient<T: Default + for<'a> Deserialize<'a>>(#[serde(deserialize_with = "lenient")] T);

#[allow(clippy::unnecessary_wraps, reason = "serde needs this signature")]
fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(T::deserialize(deserializer).unwrap_or_default())
}

/// Reads nothing.
#[derive(Debug)]
struct Lazy;

impl<'de> Deserialize<'de> for Lazy {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

/// A sequence that reads on after elements that are not integers.
#[derive(Debug)]
#[allow(dead_code, reason = "it is only shown")]
struct Stubborn(Vec<Option<i64>>);

impl<'de> Deserialize<'de> for Stubborn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Stubborn;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a sequence")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Stubborn, A::Error> {
                let mut found = Vec::new();
                loop {
                    match seq.next_element::<i64>() {
                        Ok(Some(value)) => found.push(Some(value)),
                        Ok(None) => return Ok(Stubborn(found)),
                        Err(_) => found.push(None),
                    }
                }
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}

fn ways() -> Vec<Way> {
    vec![
        Way::of_serde::<IgnoredAny>(),
        Way::of_serde::<()>(),
        Way::of_serde::<Lazy>(),
        Way::of_serde::<serde_json::Value>(),
        Way::of_serde::<Option<String>>(),
        Way::of_serde::<Vec<i64>>(),
        Way::of_serde::<Vec<(i64, i64)>>(),
        Way::of_serde::<Vec<Lenient<(Lenient<i64>, Vec<u8>)>>>(),
        Way::of_serde::<Vec<(IgnoredAny, Lenient<Vec<(Option<i64>, i64)>>)>>(),
        Way::of_serde::<BTreeMap<Vec<i64>, Option<u8>>>(),
        Way::of_serde::<Vec<Option<Vec<f64>>>>(),
        Way::of_serde::<(bool, IgnoredAny, Lazy)>(),
        Way::of_serde::<BTreeMap<String, serde_json::Value>>(),
        Way::of_serde::<BTreeMap<u64, Option<i8>>>(),
        Way::of_serde::<Vec<((), i8)>>(),
        Way::of_serde::<Vec<(Lazy, serde_json::Value)>>(),
        Way::of_serde::<Vec<(IgnoredAny, Lazy)>>(),
        Way::of_serde::<Record>(),
        Way::of_serde::<Choice>(),
        Way::of_serde::<Vec<Choice>>(),
        Way::of_serde::<Stubborn>(),
        Way::of_serde::<Lenient<Vec<Lenient<Vec<Lenient<i64>>>>>>(),
        Way::of_serde::<Lenient<Vec<(Lenient<String>, Lenient<Option<u8>>)>>>(),
        Way::of_serde::<BTreeMap<String, Lenient<Option<u8>>>>(),
        Way::of_reply::<()>(),
        Way::of_reply::<zresp::Reply>(),
        Way::of_reply::<Vec<Result<Option<i64>, ErrorReply>>>(),
        Way::of_reply::<Vec<(String, zresp::Reply)>>(),
    ]
}

/// Asserts that both ways find the same frames in bytes that arrive up to each of the cuts.
fn assert_same(way: &Way, input: &[u8], cuts: &[usize], decoder: &Decoder) {
    let [mut first, mut second] = [decoder.clone(), decoder.clone()];
    let mut at = 0;
    for cut in cuts.iter().copied().filter(|cut| *cut <= input.len()) {
        loop {
            let buf = &input[at..cut.max(at)];
            let found = (way.at_once)(&mut first, buf);
            let expected = (way.by_view)(&mut second, buf);
            let shown = buf.escape_ascii();
            assert_eq!(found, expected, "{} of {shown} with {decoder:?}", way.name);
            assert_eq!(first.needed(), second.needed(), "{} of {shown}", way.name);
            match found {
                Ok(Some((_, size))) => at += size,
                _ => break,
            }
        }
    }
}

/// Frames that some of the types accept, with every rare form of the grammar.
const FRAMES: [&[u8]; 16] = [
    b"%3\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*2\r\n:7\r\n$1\r\n8\r\n+c\r\n%1\r\n+a\r\n$-1\r\n",
    b"*4\r\n$1\r\nb\r\n*1\r\n+no\r\n$7\r\nunknown\r\n~2\r\n,1.5\r\n=5\r\ntxt:x\r\n",
    b"*2\r\n*2\r\n+b\r\n%1\r\n+a\r\n+b\r\n*2\r\n+a\r\n_\r\n",
    b"|1\r\n+k\r\n*1\r\n:1\r\n%1\r\n+c\r\n|1\r\n+k\r\n+v\r\n%?\r\n+a\r\n:5\r\n.\r\n",
    b"%?\r\n$1\r\na\r\n|0\r\n:1\r\n+c\r\n%0\r\n.\r\n",
    b"*4\r\n:1\r\n:-23\r\n$2\r\n45\r\n(67\r\n",
    b"*3\r\n:1\r\n-ERR no\r\n:2\r\n",
    b"*?\r\n:1\r\n*?\r\n+x\r\n.\r\n*2\r\n:1\r\n#t\r\n.\r\n",
    b"*2\r\n*3\r\n,1\r\n,inf\r\n,-1e5\r\n*-1\r\n",
    b"*3\r\n#t\r\n%1\r\n+a\r\n*1\r\n!3\r\nERR\r\n>1\r\n+subscribe\r\n",
    b"%2\r\n:1\r\n+OK\r\n$2\r\n22\r\n*1\r\n_\r\n",
    b"%1\r\n$1\r\nA\r\n*2\r\n*2\r\n:1\r\n:2\r\n+x\r\n",
    b"*2\r\n+B\r\n*2\r\n$?\r\n;1\r\na\r\n;2\r\nbc\r\n;0\r\n:-8\r\n",
    b"*2\r\n+Ok\r\n%1\r\n+C\r\n%1\r\n+a\r\n$3\r\n1.5\r\n",
    b"$?\r\n;3\r\nabc\r\n;0\r\n",
    b"-ERR no\r\n",
];

/// Frames that are valid only with lines as they were sent, or not at all because of a push.
const OTHERS: [&[u8]; 8] = [
    b"*3\r\n:1\r\n(abc\r\n:2\r\n",
    b"%1\r\n+a\n\r\n*1\r\n-ERR a\nb\r\n",
    b"|1\r\n+k\n\r\n(\r\n*?\r\n+\n\r\n.\r\n",
    b"*3\r\n>2\r\n$10\r\ninvalidate\r\n*0\r\n_\r\n:3\r\n",
    b"*2\r\n:1\r\n*1\r\n|1\r\n+k\r\n+v\r\n>1\r\n+x\r\n",
    b"%1\r\n+b\r\n*2\r\n>3\r\n$9\r\nsubscribe\r\n+c\r\n:1\r\n>1\r\n+psubscribe\r\n",
    b">2\r\n+b\r\n*1\r\n>0\r\n",
    b"|1\r\n+k\r\n>1\r\n+x\r\n:1\r\n",
];

/// Each way with each frame under each policy.
fn assert_each(check: impl Fn(&Way, &[u8], LinePolicy)) {
    for way in ways() {
        for frame in FRAMES.into_iter().chain(OTHERS) {
            for policy in [LinePolicy::Strict, LinePolicy::AsSent] {
                check(&way, frame, policy);
            }
        }
    }
}

#[test]
fn every_cut_and_every_change_of_a_byte_agrees() {
    assert_each(|way, frame, policy| {
        let decoder = Decoder::new().with_line_policy(policy);
        let all: Vec<usize> = (0..=frame.len()).collect();
        assert_same(way, frame, &all, &decoder);
        let input = [frame, b"+more after it\r\n"].concat();
        for place in 0..frame.len() {
            assert_same(way, &input, &[place, input.len()], &decoder);
            for byte in *b"\r\n10-?$*%|+:x>(" {
                let mut changed = input.clone();
                changed[place] = byte;
                assert_same(way, &changed, &[changed.len()], &decoder);
            }
        }
    });
}

#[test]
fn every_limit_agrees() {
    assert_each(|way, frame, policy| {
        for most in 0..=frame.len() + 1 {
            for limits in [
                Limits::new().with_frame(most),
                Limits::new().with_bulk(most),
                Limits::new().with_depth(most),
                Limits::new().with_elements(most),
            ] {
                let decoder = Decoder::with_limits(limits).with_line_policy(policy);
                assert_same(way, frame, &[frame.len()], &decoder);
                assert_same(way, &frame[..frame.len() - 1], &[frame.len() - 1], &decoder);
            }
        }
    });
}

/// Counts how often it is read, on this thread.
struct Counted;

thread_local! {
    static READ: Cell<u32> = const { Cell::new(0) };
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        READ.set(READ.get() + 1);
        serde_json::Value::deserialize(deserializer).map(|_| Self)
    }
}

#[test]
fn a_whole_frame_is_read_once_and_not_decoded_before() {
    for frame in FRAMES {
        let mut decoder = Decoder::new();
        let input = [frame, b"+OK\r\n"].concat();
        READ.set(0);
        let (value, size) = decoder.decode_as::<Counted>(&input).unwrap().unwrap();
        assert_eq!(size, frame.len());
        // A frame whose conversion fails is decoded, then read again.
        let reads = if value.is_ok() { 1 } else { 2 };
        assert_eq!(READ.get(), reads, "{}", frame.escape_ascii());
    }
    // A frame that was cut is only read when it is whole.
    let (first, mut decoder) = (FRAMES[0], Decoder::new());
    READ.set(0);
    for end in 0..first.len() {
        assert!(decoder.decode_as::<Counted>(&first[..end]).unwrap().is_none());
    }
    assert_eq!(READ.get(), 2, "an attempt without any bytes, and one with the first");
    assert!(decoder.decode_as::<Counted>(first).unwrap().unwrap().0.is_ok());
    assert_eq!(READ.get(), 3);
}

#[test]
fn calls_of_both_kinds_may_alternate() {
    let frame = FRAMES[0];
    for cut in 0..frame.len() {
        let mut decoder = Decoder::new();
        assert!(decoder.decode(&frame[..cut]).unwrap().is_none());
        assert!(decoder.decode_as::<Record>(&frame[..cut]).unwrap().is_none());
        assert!(decoder.decode_to::<()>(&frame[..cut]).unwrap().is_none());
        let (value, size) = decoder.decode_as::<Record>(frame).unwrap().unwrap();
        assert!(value.is_ok() && size == frame.len());
    }
}

#[test]
fn new_limits_hold_from_the_next_frame_on() {
    let mut decoder = Decoder::new();
    let frame = b"$3\r\nabc\r\n";
    assert_eq!(decoder.decode_as::<String>(&frame[..5]), Ok(None));
    decoder.set_limits(Limits::new().with_bulk(2));
    assert_eq!(decoder.decode_as::<String>(frame), Ok(Some((Ok("abc".to_owned()), 9))));
    assert!(decoder.decode_as::<String>(frame).is_err());
    assert!(decoder.decode_as::<String>(b"+OK\r\n").is_err(), "until the decoder is reset");
    decoder.reset();
    assert_eq!(decoder.decode_as::<String>(b"+OK\r\n"), Ok(Some((Ok("OK".to_owned()), 5))));
}

#[test]
fn an_announced_count_alone_allocates_nothing() {
    let header = b"*2147483647\r\n".repeat(100);
    let info = allocation_counter::measure(|| {
        assert_eq!(de::from_bytes::<serde_json::Value>(&header), Ok(None));
        assert_eq!(de::from_bytes::<Stubborn>(&header).map(|found| found.is_none()), Ok(true));
    });
    assert!(info.bytes_max < 10_000, "{info:?}");
}

proptest! {
    #![proptest_config(generate::cases(512))]

    #[test]
    fn frames_agree(frame in generate::frame(), limits in generate::limits()) {
        let twice = frame.0.repeat(2);
        for way in ways() {
            assert_same(&way, &twice, &[twice.len()], &verdicts::decoder(&limits));
        }
    }

    #[test]
    fn changed_frames_agree(
        input in prop_oneof![generate::mutated(), generate::soup()],
        cuts in generate::cuts(),
        limits in generate::limits(),
    ) {
        let decoder = verdicts::decoder(&limits);
        for way in ways() {
            assert_same(&way, &input.0, &[input.0.len()], &decoder);
            let cuts = [cuts.as_slice(), &[input.0.len()]].concat();
            assert_same(&way, &input.0, &cuts, &decoder);
        }
    }
}
