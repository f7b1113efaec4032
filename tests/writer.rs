//! A reply written value by value equals one written as a tree, whether its lengths are known or not. A call out
//! of order changes nothing, and an unfinished reply is taken back.
#![cfg(feature = "std")]

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use zresp::tree::{Annotated, Entries, Items};
use zresp::{Encode, EncodeError, Kind, Protocol, Reply, ReplyRef, ReplyWriter};
use zresp_testing::generate;

const PROTOCOLS: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

/// How the next value is written.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// All of it at once, with its lengths.
    Whole,
    /// Opened with its length.
    Known,
    /// Opened without its length.
    Unknown,
}

fn ways() -> impl Strategy<Value = Vec<Way>> {
    vec(prop_oneof![1 => Just(Way::Whole), 3 => Just(Way::Known), 3 => Just(Way::Unknown)], 1..12)
}

/// The same tree with the length of each aggregate before its elements.
fn counted(reply: &Reply) -> Reply {
    let items = |items: &Items| items.iter().map(counted).collect::<Items>();
    match reply {
        Reply::Array(elements) => Reply::Array(items(elements)),
        Reply::Set(elements) => Reply::Set(items(elements)),
        Reply::Push(elements) => Reply::Push(items(elements)),
        Reply::Map(entries) => {
            Reply::map(entries.iter().map(|(key, value)| (counted(key), counted(value))))
        }
        Reply::Annotated(annotated) => {
            let pairs = annotated.attribute().map(|(key, value)| (counted(key), counted(value)));
            Annotated::new(pairs.collect(), counted(annotated.reply())).into()
        }
        scalar => scalar.clone(),
    }
}

/// Writes a tree with the method for each of its values. Each value takes the next way.
fn write(
    writer: &mut ReplyWriter<'_>,
    reply: &Reply,
    ways: &mut impl Iterator<Item = Way>,
) -> Result<(), EncodeError> {
    let way = ways.next().expect("endless ways");
    if matches!(way, Way::Whole) {
        return writer.value(&counted(reply)).map(|_| ());
    }
    let len = |len: usize| if matches!(way, Way::Known) { Some(len) } else { None };
    match reply {
        Reply::Array(items) => writer.open_array(len(items.len()))?,
        Reply::Set(items) => writer.open_set(len(items.len()))?,
        Reply::Push(items) => writer.open_push(len(items.len()))?,
        Reply::Map(entries) => writer.open_map(len(entries.len()))?,
        Reply::Annotated(annotated) => writer.open_attribute(len(annotated.attribute().count()))?,
        Reply::Simple(text) => writer.simple(text)?,
        Reply::Error(message) => writer.error(message)?,
        Reply::Integer(value) => writer.integer(*value)?,
        Reply::Bulk(payload) => writer.bulk(payload)?,
        Reply::Boolean(value) => writer.boolean(*value)?,
        Reply::Double(value) => writer.double(*value)?,
        Reply::Null => writer.null()?,
        Reply::NullArray if writer.protocol() == Protocol::Resp2 => writer.null_array()?,
        Reply::Verbatim { format, text } => writer.verbatim(*format, text)?,
        other => writer.value(other)?,
    };
    match reply {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => {
            items.iter().try_for_each(|item| write(writer, item, ways))?;
            writer.close()?;
        }
        Reply::Map(entries) => {
            for (key, value) in entries {
                write(writer, key, ways)?;
                write(writer, value, ways)?;
            }
            writer.close()?;
        }
        Reply::Annotated(annotated) => {
            for (key, value) in annotated.attribute() {
                write(writer, key, ways)?;
                write(writer, value, ways)?;
            }
            writer.close()?;
            assert!(!writer.is_between_replies(), "an attribute has no value yet");
            write(writer, annotated.reply(), ways)?;
        }
        _ => {}
    }
    Ok(())
}

fn trees() -> impl Strategy<Value = Vec<Reply>> {
    let tree = generate::frame()
        .prop_map(|input| Reply::from(zresp::decode(&input.0).expect("valid").expect("whole")));
    vec(tree, 1..4)
}

proptest! {
    #![proptest_config(generate::cases(512))]

    #[test]
    fn replies_written_value_by_value_equal_those_written_as_trees(trees in trees(), ways in ways()) {
        for protocol in PROTOCOLS {
            let mut out = BytesMut::from("before");
            let mut expected = b"before".to_vec();
            let mut ways = ways.iter().copied().cycle();
            let mut writer = ReplyWriter::new(&mut out, protocol);
            for tree in &trees {
                prop_assert!(writer.is_between_replies());
                prop_assert_eq!(write(&mut writer, tree, &mut ways), Ok(()), "{:?}", tree);
                counted(tree).encode(protocol, &mut expected).expect("a form on the wire");
            }
            prop_assert_eq!(writer.finish(), Ok(()));
            prop_assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
        }
    }

    #[test]
    fn an_unfinished_reply_is_taken_back(trees in trees(), ways in ways(), depth in 1..4usize) {
        for protocol in PROTOCOLS {
            for is_dropped in [false, true] {
                let mut out = BytesMut::from("before");
                let mut expected = b"before".to_vec();
                let mut ways = ways.iter().copied().cycle();
                let mut writer = ReplyWriter::new(&mut out, protocol);
                for tree in &trees {
                    prop_assert_eq!(write(&mut writer, tree, &mut ways), Ok(()));
                    counted(tree).encode(protocol, &mut expected).expect("a form on the wire");
                }
                for level in 0..depth {
                    let len = if level % 2 == 0 { None } else { Some(9) };
                    prop_assert!(writer.open_array(len).is_ok());
                    prop_assert_eq!(write(&mut writer, &trees[0], &mut ways), Ok(()));
                }
                if is_dropped {
                    drop(writer);
                } else {
                    prop_assert_eq!(writer.finish(), Err(EncodeError::Unfinished));
                }
                prop_assert_eq!(&out[..], &expected[..], "{:?}", protocol);
            }
        }
    }
}

#[test]
fn known_and_unknown_lengths_nest_six_levels_deep() {
    const DEPTH: u32 = 6;
    // The number of a program chooses the kind of each level, and whether its length is known.
    let kinds = [Kind::Array, Kind::Map, Kind::Set, Kind::Push, Kind::Attribute];
    for program in 0..2u32.pow(DEPTH) * 25 {
        let level = |level: u32| {
            let kind = kinds[((program / 2u32.pow(DEPTH) + level * (level + 1)) % 5) as usize];
            (kind, program >> level & 1 == 1)
        };
        // Twelve values or pairs for each level, so that an inserted length has two digits.
        let filler = |kind: Kind| if kind.has_pairs() { 23 } else { 11 };
        let mut tree = Reply::from("innermost");
        for (kind, _) in (0..DEPTH).rev().map(level) {
            let values = [tree].into_iter().chain((0..filler(kind)).map(Reply::from));
            let values: Vec<Reply> = values.collect();
            let pairs = || values.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
            tree = match kind {
                Kind::Map => Reply::map(pairs()),
                Kind::Set => Reply::set(values),
                Kind::Push => Reply::push(values),
                Kind::Attribute => Annotated::new(pairs().collect(), "annotated").into(),
                _ => Reply::array(values),
            };
        }
        for protocol in PROTOCOLS {
            let case = format!("program {program} in {protocol:?}");
            let mut out = BytesMut::new();
            let mut writer = ReplyWriter::new(&mut out, protocol);
            for (kind, is_known) in (0..DEPTH).map(level) {
                let len = is_known.then_some(12);
                let opened = match kind {
                    Kind::Map => writer.open_map(len),
                    Kind::Set => writer.open_set(len),
                    Kind::Push => writer.open_push(len),
                    Kind::Attribute => writer.open_attribute(len),
                    _ => writer.open_array(len),
                };
                opened.expect("a place for an aggregate");
            }
            writer.bulk("innermost").expect("a place for a value");
            for (kind, _) in (0..DEPTH).rev().map(level) {
                for value in 0..filler(kind) {
                    writer.integer(value).expect("a place for a value");
                }
                writer.close().expect("all values are there");
                if kind == Kind::Attribute {
                    writer.bulk("annotated").expect("a place for a value");
                }
            }
            writer.finish().expect("a whole reply");
            assert_eq!(out, tree.to_wire(protocol).expect("a form on the wire"), "{case}");
        }
    }
}

/// A step of a writer.
type Step = for<'w, 'b> fn(&'w mut ReplyWriter<'b>) -> Result<&'w mut ReplyWriter<'b>, EncodeError>;

/// A wrong step and its error, the steps before it, and the steps after it that finish the reply.
struct Misuse {
    before: &'static [Step],
    wrong: Step,
    error: EncodeError,
    after: &'static [Step],
}

const BREAK: EncodeError = EncodeError::LineBreak { kind: Kind::Simple, offset: 1 };
const ARRAY_FULL: EncodeError = EncodeError::TooManyValues { kind: Kind::Array, announced: 1 };
const MAP_FULL: EncodeError = EncodeError::TooManyValues { kind: Kind::Map, announced: 1 };
const CANNOT_STREAM: EncodeError = EncodeError::CannotStream { kind: Kind::Push };

fn streamed_push() -> Reply {
    Reply::Push(Items::default().streamed())
}

const MISUSES: &[Misuse] = &[
    Misuse { before: &[], wrong: |w| w.close(), error: EncodeError::NothingToClose, after: &[] },
    Misuse { before: &[], wrong: |w| w.simple("a\r"), error: BREAK, after: &[] },
    Misuse {
        before: &[],
        wrong: |w| w.error("ERR\n"),
        error: EncodeError::LineBreak { kind: Kind::Error, offset: 3 },
        after: &[],
    },
    Misuse {
        before: &[],
        wrong: |w| w.value(&ReplyRef::BigNumber(b"x")),
        error: EncodeError::NotABigNumber,
        after: &[],
    },
    Misuse { before: &[], wrong: |w| w.value(&streamed_push()), error: CANNOT_STREAM, after: &[] },
    Misuse {
        before: &[|w| w.open_array(None)],
        wrong: |w| w.value(&Reply::array([Reply::Null, streamed_push()])),
        error: CANNOT_STREAM,
        after: &[|w| w.close()],
    },
    Misuse {
        before: &[|w| w.open_array(1)],
        wrong: |w| w.simple("a\n"),
        error: BREAK,
        after: &[|w| w.simple("a"), |w| w.close()],
    },
    Misuse {
        before: &[|w| w.open_array(1), |w| w.null()],
        wrong: |w| w.null(),
        error: ARRAY_FULL,
        after: &[|w| w.close()],
    },
    Misuse {
        before: &[|w| w.open_array(1), |w| w.null()],
        wrong: |w| w.open_set(None),
        error: ARRAY_FULL,
        after: &[|w| w.close()],
    },
    // There is no room for the value after the attribute.
    Misuse {
        before: &[|w| w.open_array(1), |w| w.null()],
        wrong: |w| w.open_attribute(0),
        error: ARRAY_FULL,
        after: &[|w| w.close()],
    },
    Misuse {
        before: &[|w| w.open_array(0)],
        wrong: |w| w.boolean(true),
        error: EncodeError::TooManyValues { kind: Kind::Array, announced: 0 },
        after: &[|w| w.close()],
    },
    Misuse {
        before: &[|w| w.open_map(1), |w| w.null(), |w| w.null()],
        wrong: |w| w.double(1.0),
        error: MAP_FULL,
        after: &[|w| w.close()],
    },
    Misuse {
        before: &[|w| w.open_attribute(1), |w| w.null(), |w| w.null()],
        wrong: |w| w.verbatim(*b"txt", "a"),
        error: EncodeError::TooManyValues { kind: Kind::Attribute, announced: 1 },
        after: &[|w| w.close(), |w| w.null()],
    },
    Misuse {
        before: &[|w| w.open_push(3), |w| w.null()],
        wrong: |w| w.close(),
        error: EncodeError::TooFewValues { kind: Kind::Push, missing: 2 },
        after: &[|w| w.null(), |w| w.null(), |w| w.close()],
    },
    Misuse {
        before: &[|w| w.open_map(2), |w| w.null()],
        wrong: |w| w.close(),
        error: EncodeError::TooFewValues { kind: Kind::Map, missing: 3 },
        after: &[|w| w.null(), |w| w.null(), |w| w.null(), |w| w.close()],
    },
    Misuse {
        before: &[|w| w.open_map(None), |w| w.null()],
        wrong: |w| w.close(),
        error: EncodeError::KeyWithoutValue,
        after: &[|w| w.null(), |w| w.close()],
    },
    Misuse {
        before: &[|w| w.open_attribute(None), |w| w.null()],
        wrong: |w| w.close(),
        error: EncodeError::KeyWithoutValue,
        after: &[|w| w.null(), |w| w.close(), |w| w.null()],
    },
    Misuse {
        before: &[|w| w.open_array(None), |w| w.open_attribute(0), |w| w.close()],
        wrong: |w| w.close(),
        error: EncodeError::Unfinished,
        after: &[|w| w.null(), |w| w.close()],
    },
    Misuse {
        before: &[|w| w.open_attribute(0), |w| w.close()],
        wrong: |w| w.close(),
        error: EncodeError::NothingToClose,
        after: &[|w| w.null()],
    },
    Misuse {
        before: &[|w| w.open_attribute(0), |w| w.close()],
        wrong: |w| w.simple("a\r"),
        error: BREAK,
        after: &[|w| w.null()],
    },
    Misuse {
        before: &[|w| w.open_attribute(None), |w| w.open_array(1), |w| w.null()],
        wrong: |w| w.null_array(),
        error: ARRAY_FULL,
        after: &[|w| w.close(), |w| w.null(), |w| w.close(), |w| w.null()],
    },
];

/// The bytes that the steps write. The wrong step is only taken if `is_misused` is set.
fn written(protocol: Protocol, misuse: &Misuse, is_misused: bool, case: &str) -> BytesMut {
    let mut out = BytesMut::from("before");
    let mut writer = ReplyWriter::new(&mut out, protocol);
    writer.simple("earlier").expect("a place for a value");
    for step in misuse.before {
        step(&mut writer).unwrap_or_else(|error| panic!("{case}: {error}"));
    }
    if is_misused {
        let is_between = writer.is_between_replies();
        for _ in 0..2 {
            assert_eq!((misuse.wrong)(&mut writer).err(), Some(misuse.error), "{case}");
        }
        assert_eq!(writer.is_between_replies(), is_between, "{case}");
    }
    for step in misuse.after {
        step(&mut writer).unwrap_or_else(|error| panic!("{case}, after it: {error}"));
    }
    writer.simple("later").unwrap_or_else(|error| panic!("{case}, after it: {error}"));
    assert_eq!(writer.finish(), Ok(()), "{case}");
    out
}

#[test]
fn a_call_out_of_order_changes_nothing() {
    for (number, misuse) in MISUSES.iter().enumerate() {
        for protocol in PROTOCOLS {
            let case = format!("misuse {number}, {:?} in {protocol:?}", misuse.error);
            let clean = written(protocol, misuse, false, &case);
            assert_eq!(written(protocol, misuse, true, &case), clean, "{case}");
            assert!(clean.starts_with(b"before+earlier\r\n") && clean.ends_with(b"+later\r\n"));
            let replies = zresp::replies(&clean[6..]);
            assert!(replies.into_iter().all(|reply| reply.is_ok()), "{case}: {clean:?}");
        }
    }
}

#[test]
fn an_unfinished_reply_is_taken_back_with_its_attributes() {
    for protocol in PROTOCOLS {
        for len in [None, Some(1)] {
            let mut out = BytesMut::from("before");
            let mut writer = ReplyWriter::new(&mut out, protocol);
            let attribute = writer.open_attribute(len).and_then(|writer| writer.bulk("k"));
            attribute
                .and_then(|writer| writer.bulk("v"))
                .and_then(ReplyWriter::close)
                .expect("k: v");
            assert!(!writer.is_between_replies());
            assert_eq!(writer.finish(), Err(EncodeError::Unfinished), "{protocol:?}");
            assert_eq!(out, "before", "{protocol:?}, {len:?}");
        }
    }
}

#[test]
fn resp2_leaves_out_an_attribute_with_everything_in_it() {
    let attribute = || -> Entries { [("k", Reply::array([1, 2]))].into_iter().collect() };
    let mut out = BytesMut::new();
    let mut writer = ReplyWriter::new(&mut out, Protocol::Resp2);
    writer.open_array(None).unwrap();
    writer.open_attribute(None).unwrap().bulk("k").unwrap();
    writer.open_attribute(1).unwrap().bulk("inner").unwrap().open_set(None).unwrap();
    writer.null().unwrap().close().unwrap().close().unwrap();
    writer.open_array(2).unwrap().integer(1).unwrap().integer(2).unwrap().close().unwrap();
    writer.close().unwrap().bulk("a").unwrap();
    writer.value(&Reply::from(Annotated::new(attribute(), "b"))).unwrap();
    writer.close().unwrap();
    writer.finish().unwrap();
    assert_eq!(out, "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
}

#[test]
fn an_impossible_length_leaves_nothing_written() {
    for protocol in PROTOCOLS {
        let mut out = BytesMut::from("before");
        let mut writer = ReplyWriter::new(&mut out, protocol);
        for pairs in [usize::MAX / 2 + 1, usize::MAX] {
            let refused = [writer.open_map(pairs).err(), writer.open_attribute(pairs).err()];
            assert!(refused.iter().all(|error| matches!(error, Some(EncodeError::NoRoom { .. }))));
        }
        writer.open_array(usize::MAX).unwrap();
        writer.open_map(usize::MAX / 2).unwrap().null().unwrap();
        let error = EncodeError::TooFewValues { kind: Kind::Map, missing: usize::MAX - 2 };
        assert_eq!(writer.close().err(), Some(error));
        drop(writer);
        assert_eq!(out, "before", "{protocol:?}");
    }
}

/// Writing with a limit, and taking what is written, gives the same bytes, and the buffer stays within the limit.
#[test]
fn a_long_reply_is_written_in_pieces_of_a_bounded_size() {
    const LIMIT: usize = 200;
    let elements = |names: usize| {
        let lists = (0..20).map(|list| Reply::array((0..names).map(|_| Reply::from(list))));
        Reply::array(lists)
    };
    for (protocol, names) in
        PROTOCOLS.into_iter().flat_map(|protocol| [0, 1, 9, 10, 25].map(|names| (protocol, names)))
    {
        let (mut out, mut sent) = (BytesMut::from("before"), BytesMut::new());
        let mut writer = ReplyWriter::with_limit(&mut out, protocol, LIMIT);
        writer.integer(1).expect("room").open_array(20).expect("room");
        for list in 0..20 {
            writer.open_array(None).expect("room");
            for _ in 0..names {
                writer.integer(list).expect("room");
                sent.unsplit(writer.take_written());
                assert!(writer.held() <= LIMIT, "{names} names");
            }
            writer.close().expect("a list");
        }
        writer.close().expect("all lists");
        assert!(writer.is_between_replies() && writer.held() == 0);
        writer.finish().expect("a whole reply");
        sent.unsplit(out);
        let expected = [b"before:1\r\n", &elements(names).to_wire(protocol).expect("a form")[..]];
        assert_eq!(sent, expected.concat(), "{names} names");
    }
}

#[test]
fn a_reply_of_unknown_length_beyond_the_limit_is_an_error_that_changes_nothing() {
    for protocol in PROTOCOLS {
        let mut out = BytesMut::from("before");
        let mut writer = ReplyWriter::with_limit(&mut out, protocol, 100);
        writer.open_array(None).expect("room");
        let error = (0..).find_map(|_| writer.bulk("element").err());
        assert_eq!(error, Some(EncodeError::TooLongToHold { limit: 100 }));
        let held = writer.held();
        assert!(writer.open_map(None).is_err() && writer.bulk([b'x'; 100]).is_err());
        assert_eq!((writer.held(), writer.take_written().as_ref()), (held, b"before".as_slice()));
        writer.null().expect("room for a shorter value");
        writer.close().expect("an array").bulk("next").expect("a new reply");
        writer.finish().expect("whole replies");
        assert_eq!(zresp::replies(&out).flatten().count(), 2);

        let mut writer = ReplyWriter::with_limit(&mut out, protocol, 10);
        assert!(writer.open_array(2).expect("room").bulk("too long").is_err());
        drop(writer);
        assert_eq!(zresp::replies(&out).flatten().count(), 2);
    }
}

#[test]
fn an_announced_length_fits_if_its_header_does() {
    let fits = |protocol, limit, open: fn(&mut ReplyWriter<'_>) -> bool| {
        let mut out = BytesMut::new();
        open(&mut ReplyWriter::with_limit(&mut out, protocol, limit))
    };
    for protocol in PROTOCOLS {
        assert!(fits(protocol, 4, |writer| writer.open_array(9).is_ok()));
        assert!(!fits(protocol, 4, |writer| writer.open_array(10).is_ok()));
        // In RESP2 a map of 5 pairs is an array of 10 values, and attributes are left out.
        let is_resp2 = protocol == Protocol::Resp2;
        assert_eq!(fits(protocol, 4, |writer| writer.open_map(5).is_ok()), !is_resp2);
        assert_eq!(fits(protocol, 4, |writer| writer.open_attribute(100).is_ok()), is_resp2);
    }
}
