//! Views return the values on the wire: elements, pairs, chunks, attributes, tokens, conversions.

use std::borrow::Cow;

use zresp::view::{Elements, Pairs};
use zresp::{Decoded, Kind, ReplyRef, Token};

fn decode(frame: &[u8]) -> Decoded<'_> {
    zresp::decode(frame).unwrap().unwrap()
}

fn elements(frame: &[u8]) -> Elements<'_> {
    decode(frame).reply().as_elements().unwrap()
}

/// A frame of each kind, and its `Debug` form.
const KINDS: [(&[u8], Kind, &str); 26] = [
    (b"+OK\r\n", Kind::Simple, r#"Simple("OK")"#),
    (b"-ERR no\r\n", Kind::Error, r#"Error("ERR no")"#),
    (b":-7\r\n", Kind::Integer, "Integer(-7)"),
    (b":+7\r\n", Kind::Integer, "Integer(7)"),
    (b"$2\r\nhi\r\n", Kind::Bulk, r#"Bulk("hi")"#),
    (b"$0\r\n\r\n", Kind::Bulk, r#"Bulk("")"#),
    (b"$-1\r\n", Kind::NullBulk, "NullBulk"),
    (b"*-1\r\n", Kind::NullArray, "NullArray"),
    (b"_\r\n", Kind::Null, "Null"),
    (b"#t\r\n", Kind::Boolean, "Boolean(true)"),
    (b"#f\r\n", Kind::Boolean, "Boolean(false)"),
    (b",1.5\r\n", Kind::Double, "Double(1.5)"),
    (b",-INF\r\n", Kind::Double, "Double(-inf)"),
    (b",1e999\r\n", Kind::Double, "Double(inf)"),
    (b"(-12345678901234567890\r\n", Kind::BigNumber, r#"BigNumber("-12345678901234567890")"#),
    (b"!5\r\nE\r\nno\r\n", Kind::BulkError, r#"BulkError("E\r\nno")"#),
    (b"=6\r\ntxt:hi\r\n", Kind::Verbatim, r#"Verbatim(txt: "hi")"#),
    (b"$?\r\n;2\r\nhi\r\n;1\r\n!\r\n;0\r\n", Kind::Streamed, r#"Streamed["hi", "!"]"#),
    (b"*2\r\n:1\r\n*0\r\n", Kind::Array, "Array[Integer(1), Array[]]"),
    (b"*?\r\n:1\r\n.\r\n", Kind::Array, "Array?[Integer(1)]"),
    (b"~1\r\n#t\r\n", Kind::Set, "Set[Boolean(true)]"),
    (b"~?\r\n.\r\n", Kind::Set, "Set?[]"),
    (b">1\r\n+x\r\n", Kind::Push, r#"Push[Simple("x")]"#),
    (b"%1\r\n+a\r\n:1\r\n", Kind::Map, r#"Map{Simple("a"): Integer(1)}"#),
    (b"%?\r\n+a\r\n:1\r\n.\r\n", Kind::Map, r#"Map?{Simple("a"): Integer(1)}"#),
    (
        b"*1\r\n|1\r\n+k\r\n+v\r\n:1\r\n",
        Kind::Array,
        r#"Array[Attribute{Simple("k"): Simple("v")} Integer(1)]"#,
    ),
];

#[test]
fn every_kind_is_recognised_and_shown() {
    for (frame, kind, debug) in KINDS {
        let decoded = decode(frame);
        let (reply, wire) = (decoded.reply(), decoded.wire());
        assert_eq!(reply.kind(), kind, "{debug}");
        assert_eq!(wire, frame, "{debug}");
        assert_eq!(wire[0], kind.type_byte(), "{debug}");
        assert_eq!(format!("{reply:?}"), debug);
        assert_eq!(reply.is_null(), debug.starts_with("Null"), "{debug}");
        assert_eq!(reply.is_error(), debug.contains("Error("), "{debug}");
    }
}

#[test]
fn replies_are_equal_exactly_when_their_values_are() {
    for (index, (left, ..)) in KINDS.iter().enumerate() {
        for (other, (right, ..)) in KINDS.iter().enumerate() {
            let same = index == other || debug(left) == debug(right);
            assert_eq!(decode(left).reply() == decode(right).reply(), same, "{index} {other}");
        }
    }
    assert_ne!(decode(b",nan\r\n").reply(), decode(b",nan\r\n").reply());
    assert_ne!(elements(b"*1\r\n:1\r\n").next(), elements(b"*1\r\n:2\r\n").next());
}

fn debug(frame: &[u8]) -> String {
    format!("{:?}", decode(frame).reply())
}

#[test]
fn debug_output_is_bounded() {
    let long = format!("$100000\r\n{}\r\n", "x".repeat(100_000));
    assert_eq!(debug(long.as_bytes()), format!(r#"Bulk("{}"… 100000 bytes)"#, "x".repeat(64)));
    let count = if cfg!(miri) { 1_000 } else { 100_000 };
    let wide = format!("*{count}\r\n{}", ":1\r\n".repeat(count));
    assert!(debug(wide.as_bytes()).len() < 1_000);
    assert!(debug(wide.as_bytes()).ends_with("Integer(1), …"));
    let chunks = format!("$?\r\n{};0\r\n", ";1\r\na\r\n".repeat(1_000));
    assert!(debug(chunks.as_bytes()).len() < 1_000);
    let deep = format!("{}_\r\n", "*1\r\n".repeat(128));
    assert!(debug(deep.as_bytes()).len() < 1_000);
}

#[test]
fn lengths_are_known_in_counted_aggregates() {
    let mut items = elements(b"*3\r\n:1\r\n|1\r\n+k\r\n+v\r\n:2\r\n:3\r\n");
    for left in (1..=3).rev() {
        assert_eq!((items.len(), items.size_hint()), (Some(left), (left, Some(left))));
        assert!(!items.is_empty());
        items.next().unwrap();
    }
    assert_eq!((items.len(), items.size_hint(), items.is_empty()), (Some(0), (0, Some(0)), true));
    assert_eq!((items.next(), items.next()), (None, None));

    let mut items = elements(b"*?\r\n:1\r\n:2\r\n.\r\n");
    assert_eq!(items.len(), None);
    assert!(items.size_hint().0 >= 1 && items.size_hint().1.unwrap() >= 2);
    assert_eq!(items.by_ref().count(), 2);
    assert!(items.is_empty());

    let mut pairs = decode(b"%2\r\n+a\r\n:1\r\n+a\r\n:2\r\n").reply().as_pairs().unwrap();
    assert_eq!((pairs.len(), pairs.size_hint()), (Some(2), (2, Some(2))));
    let first = (ReplyRef::Simple(b"a"), ReplyRef::Integer(1));
    assert_eq!(pairs.next(), Some(first), "duplicates are kept, in order");
    assert_eq!(pairs.len(), Some(1));
    assert_eq!(pairs.annotated().next().unwrap().1.wire(), b":2\r\n");
}

#[test]
fn a_copy_starts_where_the_original_is() {
    let mut items = elements(b"*3\r\n:1\r\n:2\r\n:3\r\n");
    items.next();
    let copy = items;
    assert_eq!(items.count(), 2);
    assert_eq!(copy.wire(), b":2\r\n:3\r\n");
}

#[test]
fn elements_have_their_own_wire_bytes() {
    let wires: [&[u8]; 6] = [
        b":1\r\n",
        b"*2\r\n*0\r\n$3\r\nfoo\r\n",
        b"|1\r\n+k\r\n*1\r\n_\r\n|0\r\n$?\r\n;1\r\na\r\n;0\r\n",
        b"%?\r\n+a\r\n*?\r\n.\r\n.\r\n",
        b"*-1\r\n",
        b"*0\r\n",
    ];
    for frame in [
        [b"*6\r\n".as_slice(), &wires.concat()].concat(),
        [b"~?\r\n".as_slice(), &wires.concat(), b".\r\n"].concat(),
    ] {
        let seen: Vec<_> = elements(&frame).annotated().map(|element| element.wire()).collect();
        assert_eq!(seen, wires);
        assert_eq!(elements(&frame).wire(), wires.concat());
        // The bytes of an element are a frame.
        for element in elements(&frame).annotated() {
            assert_eq!(decode(element.wire()).reply(), element.reply());
        }
    }
}

#[test]
fn attributes_are_skipped_or_returned() {
    let frame =
        b"|1\r\n+a\r\n:1\r\n|2\r\n+b\r\n|1\r\n+x\r\n_\r\n:2\r\n+c\r\n:3\r\n*1\r\n|0\r\n+v\r\n";
    let decoded = decode(frame);
    assert_eq!(decoded.wire(), frame);
    let pairs: Vec<_> = decoded
        .attributes()
        .iter()
        .map(|(key, value)| (key.as_str().unwrap(), value.as_i64().unwrap()))
        .collect();
    assert_eq!(pairs, [("a", 1), ("b", 2), ("c", 3)]);
    let (_, nested) = decoded.attributes().annotated().nth(1).unwrap();
    assert_eq!(nested.attributes().iter().count(), 1, "an attribute inside an attribute");
    assert_eq!(decoded.attributes().wire().len() + b"*1\r\n|0\r\n+v\r\n".len(), frame.len());

    let mut items = decoded.reply().as_elements().unwrap();
    let element = items.annotated().next().unwrap();
    assert!(!element.attributes().is_empty(), "an attribute without pairs still counts");
    assert_eq!(element.attributes().iter().count(), 0);
    assert_eq!(items.next(), Some(ReplyRef::Simple(b"v")));
    assert!(decode(b"+v\r\n").attributes().is_empty());
}

#[test]
fn a_streamed_string_is_its_chunks_or_one_string() {
    for (frame, chunks, borrowed) in [
        (b"$?\r\n;0\r\n".as_slice(), &[] as &[&[u8]], true),
        (b"$?\r\n;3\r\na\r\n\r\n;0\r\n", &[b"a\r\n"], true),
        (b"$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n", &[b"ab", b"c"], false),
    ] {
        let reply = decode(frame).reply();
        let ReplyRef::Streamed(seen) = reply else { panic!("{reply:?}") };
        assert_eq!(seen.collect::<Vec<_>>(), chunks);
        assert_eq!(seen.to_bytes(), chunks.concat());
        assert_eq!(matches!(seen.to_bytes(), Cow::Borrowed(_)), borrowed);
        assert_eq!(reply.as_bytes().is_ok(), borrowed);
        assert_eq!(reply.to::<String>().unwrap().into_bytes(), chunks.concat());
    }
}

#[test]
fn tokens_are_the_whole_frame_in_order() {
    let frame = b"|1\r\n+k\r\n+v\r\n*?\r\n%1\r\n+a\r\n~0\r\n$-1\r\n.\r\n";
    let array = [
        Token::Open { kind: Kind::Array, len: None },
        Token::Open { kind: Kind::Map, len: Some(1) },
        Token::Scalar(ReplyRef::Simple(b"a")),
        Token::Open { kind: Kind::Set, len: Some(0) },
        Token::Close(Kind::Set),
        Token::Close(Kind::Map),
        Token::Scalar(ReplyRef::NullBulk),
        Token::Close(Kind::Array),
    ];
    let attribute = [
        Token::Open { kind: Kind::Attribute, len: Some(1) },
        Token::Scalar(ReplyRef::Simple(b"k")),
        Token::Scalar(ReplyRef::Simple(b"v")),
        Token::Close(Kind::Attribute),
    ];
    assert_eq!(decode(frame).reply().tokens().collect::<Vec<_>>(), array);
    let whole: Vec<_> = attribute.into_iter().chain(array).collect();
    assert_eq!(decode(frame).tokens().collect::<Vec<_>>(), whole);
    assert_eq!(
        decode(b":1\r\n").tokens().collect::<Vec<_>>(),
        [Token::Scalar(ReplyRef::Integer(1))]
    );
}

#[test]
fn conversions_accept_what_servers_send_in_either_protocol() {
    let of = |frame: &'static [u8]| decode(frame).reply();
    assert_eq!(of(b":-5\r\n").to::<i64>(), Ok(-5));
    assert_eq!(of(b"$2\r\n-5\r\n").to::<i64>(), Ok(-5));
    assert_eq!(of(b":255\r\n").to::<u8>(), Ok(255));
    assert_eq!(of(b"+18\r\n").to::<u64>(), Ok(18));
    assert_eq!(of(b"(18446744073709551615\r\n").to::<u64>(), Ok(u64::MAX));
    assert_eq!(of(b"=6\r\ntxt:12\r\n").to::<i64>(), Ok(12));
    assert_eq!(of(b"$?\r\n;3\r\n1.5\r\n;0\r\n").to::<f64>(), Ok(1.5));
    assert_eq!(of(b"*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n").to::<Pairs>().map(Iterator::count), Ok(2));
    assert_eq!(of(b"$-1\r\n").non_null(), None);
    assert_eq!(of(b":1\r\n").non_null(), Some(ReplyRef::Integer(1)));
    assert_eq!(of(b"-ERR x\r\n").into_result(), Err(b"ERR x".as_slice()));
    assert_eq!(of(b":1\r\n").into_result(), Ok(ReplyRef::Integer(1)));
    assert_eq!(of(b",1.5\r\n").to::<f64>(), Ok(1.5));
    assert_eq!(of(b"$3\r\n1.5\r\n").to::<f64>(), Ok(1.5));
    assert_eq!(of(b":3\r\n").to::<f64>(), Ok(3.0));
    assert_eq!(of(b"#t\r\n").to::<bool>(), Ok(true));
    assert_eq!(of(b":0\r\n").to::<bool>(), Ok(false));
    assert_eq!(of(b"=6\r\ntxt:hi\r\n").to::<&str>(), Ok("hi"));
    assert_eq!(of(b"$1\r\n\xff\r\n").to::<&[u8]>(), Ok(b"\xff".as_slice()));
    assert_eq!(of(b"+hi\r\n").to::<String>().as_deref(), Ok("hi"));
    assert_eq!(of(b"(12\r\n").to::<Vec<u8>>().as_deref(), Ok(b"12".as_slice()));
    assert_eq!(of(b"~1\r\n_\r\n").to::<Elements>().map(Iterator::count), Ok(1));
    assert_eq!(of(b"%1\r\n_\r\n_\r\n").to::<Pairs>().map(Iterator::count), Ok(1));
    assert_eq!(of(b"-ERR x\r\n").as_error(), Some(b"ERR x".as_slice()));
    assert_eq!(of(b"!5\r\nERR x\r\n").as_error(), Some(b"ERR x".as_slice()));
    assert_eq!(of(b"+OK\r\n").as_error(), None);
}

#[test]
fn a_failed_conversion_says_what_was_expected_and_what_was_found() {
    let of = |frame: &'static [u8]| decode(frame).reply();
    let cases = [
        (of(b"*0\r\n").as_bytes().unwrap_err(), "expected a string, found an array"),
        (of(b"-ERR\r\n").as_str().unwrap_err(), "error reply: ERR"),
        (
            of(b"$1\r\n\xff\r\n").as_str().unwrap_err(),
            "expected a string in UTF-8, found a bulk string that is not one",
        ),
        (of(b"_\r\n").as_i64().unwrap_err(), "expected an integer, found null"),
        (of(b"$-1\r\n").as_i64().unwrap_err(), "expected an integer, found a null bulk string"),
        (
            of(b"$1\r\nx\r\n").as_i64().unwrap_err(),
            "expected an integer, found a bulk string that is not one",
        ),
        (
            of(b":256\r\n").to::<u8>().unwrap_err(),
            "expected an integer from 0 to 255, found an integer that does not fit",
        ),
        (
            of(b"+x\r\n").as_f64().unwrap_err(),
            "expected a double, found a simple string that is not one",
        ),
        (
            of(b":2\r\n").as_bool().unwrap_err(),
            "expected a boolean, found an integer that does not fit",
        ),
        (
            of(b"%0\r\n").as_elements().unwrap_err(),
            "expected an array, a set or a push, found a map",
        ),
        (
            of(b"*1\r\n_\r\n").as_pairs().unwrap_err(),
            "expected a map, found an array with an odd number of elements (1)",
        ),
        (
            of(b"$?\r\n;1\r\na\r\n;1\r\nb\r\n;0\r\n").as_bytes().unwrap_err(),
            "expected a string in one piece (or use an owned type), found a streamed string that is not one",
        ),
    ];
    for (error, message) in cases {
        assert_eq!(error.to_string(), message);
        let has_text = |text: &str| message.contains(text) || error.error_reply().is_some();
        assert!(has_text(error.expected()) && has_text(&error.found().to_string()), "{message}");
    }
}

#[test]
fn all_frames_of_a_buffer_come_in_order() {
    let stream = b"+OK\r\n:1\r\n*1\r\n_\r\n";
    let mut replies = zresp::replies(stream);
    let wires: Vec<_> = replies.by_ref().map(|frame| frame.unwrap().wire()).collect();
    assert_eq!(wires.concat(), stream);
    assert_eq!((replies.rest(), replies.offset()), (b"".as_slice(), stream.len()));
    assert!(replies.next().is_none());
    assert_eq!(zresp::replies(b"").count(), 0);

    for (buffer, message, rest) in [
        (b"+OK\r\n:1".as_slice(), "input ends inside a frame at offset 7", b":1".as_slice()),
        (b"+OK\r\n:1\r\nx", "expected a type byte, found `x` at offset 9", b"x"),
        (b"+OK\r\n*1\r\nx", "expected a type byte, found `x` at offset 9", b"*1\r\nx"),
    ] {
        let mut replies = zresp::replies(buffer);
        let error = replies.by_ref().find_map(Result::err).unwrap();
        assert_eq!(error.to_string(), message);
        assert_eq!(replies.rest(), rest);
        assert!(replies.next().is_none(), "an error comes once");
    }
}
