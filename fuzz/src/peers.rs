//! Values as other parsers have them, in a form that all of them can give.
//!
//! Known defects of a peer, and values that it has no form for, are listed by name. Frames that have one are
//! not compared with that peer.

use bytes::Bytes;
use redis_protocol::resp3::decode::complete;
use redis_protocol::resp3::types::{OwnedFrame, VerbatimStringFormat};
use resp_rs::resp3;

use zresp_testing::oracle::{Annotated, Value};

/// A value; ordered, for peers that do not keep the order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plain {
    Null,
    Boolean(bool),
    Integer(i64),
    /// The bits; all NaNs have the same ones.
    Double(u64),
    /// A type byte and the text after it.
    Text(char, Vec<u8>),
    Values(char, Vec<Plain>),
    Pairs(Vec<(Plain, Plain)>),
    Annotated(Vec<(Plain, Plain)>, Box<Plain>),
}

/// A defect of a peer, and whether a frame meets it.
type Defect = (&'static str, fn(&Annotated) -> bool);

const OF_REDIS_PROTOCOL: [Defect; 2] = [
    ("keeps one of several pairs with the same key", |frame| {
        any(frame, &|part| {
            let pairs = match &part.value {
                Value::Map { pairs, .. } => pairs.as_slice(),
                _ => &[],
            };
            [pairs, &part.attributes].iter().any(|pairs| repeats(pairs.iter().map(|pair| &pair.0)))
        })
    }),
    ("keeps one of several equal members of a set", |frame| {
        any(frame, &|part| match &part.value {
            Value::Set { elements, .. } => repeats(elements.iter()),
            _ => false,
        })
    }),
];

const OF_RESP_RS: [Defect; 2] = [
    ("reads the header of a streamed value inside another value as a value", |frame| {
        any(frame, &|part| !std::ptr::eq(part, frame) && is_streamed(&part.value))
    }),
    ("reads an attribute inside a streamed aggregate as an element", |frame| {
        is_streamed(&frame.value) && any(frame, &|part| part.wire.starts_with(b"|"))
    }),
];

/// Asserts that a frame has the same value for each peer that accepts it.
pub fn assert_agree(frame: &Annotated) {
    if !OF_REDIS_PROTOCOL.iter().any(|(_, has)| has(frame))
        && let Some(theirs) = by_redis_protocol(&frame.wire)
    {
        assert_eq!(theirs, sorted(plain(frame, true)), "redis-protocol");
    }
    // resp-rs reads an attribute before a frame as a separate frame, and drops one before an element.
    if !OF_RESP_RS.iter().any(|(_, has)| has(frame))
        && !frame.wire.starts_with(b"|")
        && let Some(theirs) = by_resp_rs(&frame.wire)
    {
        assert_eq!(theirs, plain(frame, false), "resp-rs");
    }
}

fn any(frame: &Annotated, has: &dyn Fn(&Annotated) -> bool) -> bool {
    let pairs = |pairs: &[(Annotated, Annotated)]| {
        pairs.iter().any(|(key, value)| any(key, has) || any(value, has))
    };
    let inside = match &frame.value {
        Value::Array { elements, .. } | Value::Set { elements, .. } | Value::Push(elements) => {
            elements.iter().any(|element| any(element, has))
        }
        Value::Map { pairs: inside, .. } => pairs(inside),
        _ => false,
    };
    has(frame) || inside || pairs(&frame.attributes)
}

fn repeats<'a>(values: impl Iterator<Item = &'a Annotated>) -> bool {
    let mut values: Vec<_> = values.map(|value| sorted(plain(value, false))).collect();
    values.sort();
    values.windows(2).any(|pair| pair[0] == pair[1])
}

const fn is_streamed(value: &Value) -> bool {
    match value {
        Value::Streamed(_) => true,
        Value::Array { streamed, .. }
        | Value::Set { streamed, .. }
        | Value::Map { streamed, .. } => *streamed,
        _ => false,
    }
}

fn double(value: f64) -> Plain {
    Plain::Double(if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() })
}

fn plain(frame: &Annotated, attributes: bool) -> Plain {
    let text = |kind, text: &[u8]| Plain::Text(kind, text.to_vec());
    let one = |value: &Annotated| plain(value, attributes);
    let pairs = |pairs: &[(Annotated, Annotated)]| {
        pairs.iter().map(|(key, value)| (one(key), one(value))).collect::<Vec<_>>()
    };
    let value = match &frame.value {
        Value::Simple(bytes) => text('+', bytes),
        Value::Error(bytes) => text('-', bytes),
        Value::Integer(value) => Plain::Integer(*value),
        Value::Bulk(bytes) => text('$', bytes),
        Value::Streamed(chunks) => text('$', &chunks.concat()),
        Value::NullBulk | Value::NullArray | Value::Null => Plain::Null,
        Value::Boolean(value) => Plain::Boolean(*value),
        Value::Double(value) => double(value.0),
        Value::BigNumber(bytes) => text('(', bytes),
        Value::BulkError(bytes) => text('!', bytes),
        Value::Verbatim { format, text: bytes } => text('=', &verbatim(format, bytes)),
        Value::Array { elements, .. } => Plain::Values('*', elements.iter().map(one).collect()),
        Value::Set { elements, .. } => Plain::Values('~', elements.iter().map(one).collect()),
        Value::Push(elements) => Plain::Values('>', elements.iter().map(one).collect()),
        Value::Map { pairs: inside, .. } => Plain::Pairs(pairs(inside)),
    };
    match pairs(&frame.attributes) {
        pairs if attributes && !pairs.is_empty() => Plain::Annotated(pairs, Box::new(value)),
        _ => value,
    }
}

fn verbatim(format: &[u8], text: &[u8]) -> Vec<u8> {
    [format, b":", text].concat()
}

/// The same value with sorted members of sets and sorted pairs of maps.
fn sorted(value: Plain) -> Plain {
    let pairs = |pairs: Vec<(Plain, Plain)>| {
        let each = pairs.into_iter().map(|(key, value)| (sorted(key), sorted(value)));
        let mut pairs: Vec<_> = each.collect();
        pairs.sort();
        pairs
    };
    match value {
        Plain::Values(kind, values) => {
            let mut values: Vec<_> = values.into_iter().map(sorted).collect();
            if kind == '~' {
                values.sort();
            }
            Plain::Values(kind, values)
        }
        Plain::Pairs(inside) => Plain::Pairs(pairs(inside)),
        Plain::Annotated(inside, value) => {
            Plain::Annotated(pairs(inside), Box::new(sorted(*value)))
        }
        scalar => scalar,
    }
}

fn by_redis_protocol(wire: &[u8]) -> Option<Plain> {
    let (frame, size) = complete::decode(wire).ok()??;
    assert_eq!(size, wire.len(), "redis-protocol");
    Some(sorted(of_redis_protocol(frame)))
}

fn of_redis_protocol(frame: OwnedFrame) -> Plain {
    let all = |kind, values: Vec<OwnedFrame>| {
        Plain::Values(kind, values.into_iter().map(of_redis_protocol).collect())
    };
    let pairs = |pairs: std::collections::HashMap<OwnedFrame, OwnedFrame>| {
        let each = |(key, value)| (of_redis_protocol(key), of_redis_protocol(value));
        pairs.into_iter().map(each).collect::<Vec<_>>()
    };
    let (value, attributes) = match frame {
        OwnedFrame::BlobString { data, attributes } => (Plain::Text('$', data), attributes),
        OwnedFrame::BlobError { data, attributes } => (Plain::Text('!', data), attributes),
        OwnedFrame::SimpleString { data, attributes } => (Plain::Text('+', data), attributes),
        OwnedFrame::SimpleError { data, attributes } => {
            (Plain::Text('-', data.into_bytes()), attributes)
        }
        OwnedFrame::Boolean { data, attributes } => (Plain::Boolean(data), attributes),
        OwnedFrame::Null => (Plain::Null, None),
        OwnedFrame::Number { data, attributes } => (Plain::Integer(data), attributes),
        OwnedFrame::Double { data, attributes } => (double(data), attributes),
        OwnedFrame::BigNumber { data, attributes } => (Plain::Text('(', data), attributes),
        OwnedFrame::VerbatimString { data, format, attributes } => {
            let format = match format {
                VerbatimStringFormat::Text => b"txt",
                VerbatimStringFormat::Markdown => b"mkd",
            };
            (Plain::Text('=', verbatim(format, &data)), attributes)
        }
        OwnedFrame::Array { data, attributes } => (all('*', data), attributes),
        OwnedFrame::Push { data, attributes } => (all('>', data), attributes),
        OwnedFrame::Set { data, attributes } => (all('~', data.into_iter().collect()), attributes),
        OwnedFrame::Map { data, attributes } => (Plain::Pairs(pairs(data)), attributes),
        other => panic!("{other:?} is not a reply"),
    };
    match attributes.map(pairs) {
        Some(pairs) if !pairs.is_empty() => Plain::Annotated(pairs, Box::new(value)),
        _ => value,
    }
}

fn by_resp_rs(wire: &[u8]) -> Option<Plain> {
    let (frame, rest) = resp3::parse_streaming_sequence(Bytes::copy_from_slice(wire)).ok()?;
    assert!(rest.is_empty(), "resp-rs leaves {rest:?}");
    Some(of_resp_rs(frame))
}

fn of_resp_rs(frame: resp3::Frame) -> Plain {
    use resp3::Frame;
    let all = |kind, values: Vec<Frame>| {
        Plain::Values(kind, values.into_iter().map(of_resp_rs).collect())
    };
    let text = |kind, text: Bytes| Plain::Text(kind, text.to_vec());
    match frame {
        Frame::SimpleString(bytes) => text('+', bytes),
        Frame::Error(bytes) => text('-', bytes),
        Frame::Integer(value) => Plain::Integer(value),
        Frame::BulkString(Some(bytes)) => text('$', bytes),
        Frame::BlobError(bytes) => text('!', bytes),
        Frame::StreamedString(chunks) => Plain::Text('$', chunks.concat()),
        Frame::BulkString(None) | Frame::Array(None) | Frame::Null => Plain::Null,
        Frame::Double(value) => double(value),
        Frame::SpecialFloat(bytes) => {
            let text = std::str::from_utf8(&bytes).expect("a name of a number");
            double(text.parse().expect("a special number"))
        }
        Frame::Boolean(value) => Plain::Boolean(value),
        Frame::BigNumber(bytes) => text('(', bytes),
        Frame::VerbatimString { payload } => text('=', payload),
        Frame::Array(Some(values)) | Frame::StreamedArray(values) => all('*', values),
        Frame::Set(values) | Frame::StreamedSet(values) => all('~', values),
        Frame::Push(values) => all('>', values),
        Frame::Map(pairs) | Frame::StreamedMap(pairs) => {
            let each = |(key, value)| (of_resp_rs(key), of_resp_rs(value));
            Plain::Pairs(pairs.into_iter().map(each).collect())
        }
        other => panic!("{other:?} is not a reply"),
    }
}
