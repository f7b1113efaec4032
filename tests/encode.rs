//! An encoded value decodes to an equal value. A value that still has its bytes is written byte for byte. In RESP2
//! it has the form that the table in the documentation of `Encode` gives.
#![cfg(feature = "std")]

use std::fmt::Debug;

use bytes::BytesMut;
use proptest::prelude::*;
use zresp::{Decoded, Encode, EncodeError, Frame, Kind, Protocol, Reply, ReplyRef, Token};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::verdicts;
use zresp_testing::generate::{self, Input};
use zresp_testing::oracle::writer::{self, Numbers};

const PROTOCOLS: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

/// Input that is mostly whole frames.
fn input() -> impl Strategy<Value = Input> {
    prop_oneof![4 => generate::frame(), 1 => generate::mutated(), 1 => generate::alike()]
}

/// The whole frames that the input begins with.
fn frames(input: &Input) -> impl Iterator<Item = Decoded<'_>> {
    zresp::replies(&input.0).map_while(Result::ok)
}

/// The only frame in the bytes.
fn decoded(wire: &[u8]) -> Decoded<'_> {
    let frame = zresp::decode(wire).unwrap_or_else(|error| panic!("{error}: {}", shown(wire)));
    let frame = frame.unwrap_or_else(|| panic!("incomplete: {}", shown(wire)));
    assert_eq!(frame.wire().len(), wire.len(), "more than one frame: {}", shown(wire));
    frame
}

fn shown(wire: &[u8]) -> String {
    wire.escape_ascii().to_string()
}

fn wire(value: &impl Encode, protocol: Protocol) -> Vec<u8> {
    value.to_wire(protocol).expect("it has a form on the wire").to_vec()
}

/// Whether the frame has a NaN, so that it is not equal to itself.
fn has_nan(frame: &Decoded<'_>) -> bool {
    let is_nan = |token| matches!(token, Token::Scalar(ReplyRef::Double(value)) if value.is_nan());
    frame.tokens().any(is_nan)
}

/// Asserts that the length is exact, and that less room is an error.
fn assert_fits_exactly(value: &(impl Encode + Debug), protocol: Protocol) {
    let wire = wire(value, protocol);
    let case = format!("{value:?} in {protocol:?}: {}", shown(&wire));
    assert_eq!(value.encoded_len(protocol), Ok(wire.len()), "{case}");

    let mut grown = BytesMut::from("before");
    value.encode(protocol, &mut grown).expect("a buffer that grows");
    assert_eq!(grown, [b"before".as_slice(), &wire].concat(), "{case}");

    let mut exact = vec![0xaa; wire.len()];
    let mut room = exact.as_mut_slice();
    assert_eq!(value.encode(protocol, &mut room), Ok(()), "{case}");
    assert!(room.is_empty(), "{case}: {} bytes of room are left", room.len());
    assert_eq!(exact, wire, "{case}");

    let mut small = vec![0xaa; wire.len() - 1];
    let mut room = small.as_mut_slice();
    let expected = EncodeError::NoRoom { needed: wire.len(), room: wire.len() - 1 };
    assert_eq!(value.encode(protocol, &mut room), Err(expected), "{case}");
    assert_eq!(room.len(), wire.len() - 1, "{case}: room was used");
    assert!(small.iter().all(|byte| *byte == 0xaa), "{case}: something was written");
}

proptest! {
    #![proptest_config(generate::cases(512))]

    #[test]
    fn a_tree_equals_the_view_that_it_was_made_from(input in input()) {
        for frame in frames(&input) {
            let is_equal = !has_nan(&frame);
            let bare = Reply::from(frame.reply());
            let bare_is_equal = bare == frame.reply();
            prop_assert_eq!(bare_is_equal, frame.reply() == bare, "{:?}", frame);
            prop_assert_eq!(bare_is_equal, frame.reply() == frame.reply(), "{:?}", frame);
            prop_assert_eq!(bare.clone() == bare, bare_is_equal, "{:?}", frame);

            let tree = Reply::from(frame);
            prop_assert_eq!(tree == Reply::from(&frame.to_frame()), is_equal, "{:?}", frame);
            prop_assert_eq!(tree.clone() == tree, is_equal, "{:?}", frame);
            prop_assert_eq!(tree == bare, is_equal && frame.attributes().is_empty(), "{:?}", frame);
            prop_assert_eq!(*tree.without_attributes() == bare, bare_is_equal, "{:?}", frame);
            // As text: a NaN is not equal to itself.
            let tokens = format!("{:?}", frame.tokens().collect::<Vec<_>>());
            prop_assert_eq!(format!("{:?}", tree.tokens().collect::<Vec<_>>()), tokens);
            prop_assert_eq!(format!("{tree:?}"), format!("{frame:?}"));
        }
    }

    #[test]
    fn a_tree_encodes_and_decodes_to_an_equal_one(input in input()) {
        for frame in frames(&input) {
            let written = wire(&Reply::from(frame), Protocol::Resp3);
            let again = writer::without_wire(verdicts::annotated(decoded(&written)));
            prop_assert_eq!(again, writer::without_wire(verdicts::annotated(frame)), "{:?}", frame);
            let bare = wire(&Reply::from(frame.reply()), Protocol::Resp3);
            prop_assert!(written.ends_with(&bare), "{:?}: {}", frame, shown(&bare));
            if !has_nan(&frame) {
                prop_assert_eq!(Reply::from(decoded(&written)), Reply::from(frame));
            }
            // Writing it a second time does not change it.
            prop_assert_eq!(wire(&Reply::from(decoded(&written)), Protocol::Resp3), written);
        }
    }

    #[test]
    fn views_and_frames_are_written_in_resp3_as_they_came(input in input()) {
        for frame in frames(&input) {
            prop_assert_eq!(wire(&frame, Protocol::Resp3), frame.wire());
            prop_assert_eq!(wire(&frame.to_frame(), Protocol::Resp3), frame.wire());
            let value = &frame.wire()[frame.attributes().wire().len()..];
            let bare = wire(&frame.reply(), Protocol::Resp3);
            match frame.reply() {
                // A number without its frame does not have its bytes any more.
                ReplyRef::Integer(value) => {
                    prop_assert_eq!(bare, format!(":{value}\r\n").into_bytes());
                }
                ReplyRef::Double(value) => {
                    prop_assert_eq!(bare, format!(",{}\r\n", writer::shortest(value)).into_bytes());
                }
                _ => prop_assert_eq!(bare, value),
            }
        }
    }

    #[test]
    fn lengths_are_exact_and_one_byte_less_is_an_error(input in input()) {
        for frame in frames(&input) {
            for protocol in PROTOCOLS {
                assert_fits_exactly(&frame, protocol);
                assert_fits_exactly(&frame.reply(), protocol);
                assert_fits_exactly(&frame.to_frame(), protocol);
                assert_fits_exactly(&Reply::from(frame), protocol);
            }
        }
    }

    #[test]
    fn a_downgrade_matches_the_naive_twin(input in input()) {
        for frame in frames(&input) {
            assert_downgrades(frame);
        }
    }
}

/// Asserts that the view, the frame and the tree are downgraded as by the twin, and that the result is RESP2.
fn assert_downgrades(frame: Decoded<'_>) {
    let case = shown(frame.wire());
    let naive = verdicts::annotated(frame);
    let sent = writer::in_resp2(&naive, Numbers::OfTheSender);
    let shortest = writer::in_resp2(&naive, Numbers::Shortest);
    let bare = if frame.reply().kind().is_aggregate() { &sent } else { &shortest };
    let ways: [(&str, Vec<u8>, &[u8]); 5] = [
        ("Decoded", wire(&frame, Protocol::Resp2), &sent),
        ("Frame", wire(&Frame::from(frame), Protocol::Resp2), &sent),
        ("ReplyRef", wire(&frame.reply(), Protocol::Resp2), bare),
        ("Reply", wire(&Reply::from(frame), Protocol::Resp2), &shortest),
        ("bare Reply", wire(&Reply::from(frame.reply()), Protocol::Resp2), &shortest),
    ];
    for (way, written, expected) in ways {
        assert_eq!(shown(&written), shown(expected), "{way} of {case}");
        let again = decoded(&written);
        for token in again.tokens() {
            let is_of_resp2 = match token {
                Token::Open { kind, len } => kind == Kind::Array && len.is_some(),
                Token::Close(kind) => kind == Kind::Array,
                Token::Scalar(scalar) => matches!(
                    scalar.kind(),
                    Kind::Simple
                        | Kind::Error
                        | Kind::Integer
                        | Kind::Bulk
                        | Kind::NullBulk
                        | Kind::NullArray
                ),
                _ => false,
            };
            assert!(is_of_resp2, "{way} of {case} has {token:?}");
        }
        // RESP2 does not change when it is written in RESP2.
        assert_eq!(wire(&again, Protocol::Resp2), written, "{way} of {case}");
    }
}

/// Frames, and their forms in RESP2.
const DOWNGRADED: &[(&[u8], &[u8])] = &[
    (b"+OK\r\n", b"+OK\r\n"),
    (b"-ERR no\r\n", b"-ERR no\r\n"),
    (b":+5\r\n", b":+5\r\n"),
    (b"$0\r\n\r\n", b"$0\r\n\r\n"),
    (b"$-1\r\n", b"$-1\r\n"),
    (b"*-1\r\n", b"*-1\r\n"),
    (b"_\r\n", b"$-1\r\n"),
    (b"#t\r\n", b":1\r\n"),
    (b"#f\r\n", b":0\r\n"),
    (b",+1.50\r\n", b"$5\r\n+1.50\r\n"),
    (b",1E400\r\n", b"$5\r\n1E400\r\n"),
    (b",-NaN\r\n", b"$4\r\n-NaN\r\n"),
    (b"(-12345678901234567890\r\n", b"$21\r\n-12345678901234567890\r\n"),
    (b"=8\r\ntxt:a\r\nb\r\n", b"$4\r\na\r\nb\r\n"),
    (b"=4\r\nmkd:\r\n", b"$0\r\n\r\n"),
    (b"!9\r\nERR\ra\nb\r\n\r\n", b"-ERR a b  \r\n"),
    (b"!0\r\n\r\n", b"-\r\n"),
    (b"$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n", b"$3\r\nabc\r\n"),
    (b"$?\r\n;0\r\n", b"$0\r\n\r\n"),
    (b"%0\r\n", b"*0\r\n"),
    (b"%2\r\n+a\r\n:1\r\n+b\r\n_\r\n", b"*4\r\n+a\r\n:1\r\n+b\r\n$-1\r\n"),
    (b"~2\r\n#t\r\n*-1\r\n", b"*2\r\n:1\r\n*-1\r\n"),
    (b">1\r\n+message\r\n", b"*1\r\n+message\r\n"),
    (b"*?\r\n.\r\n", b"*0\r\n"),
    (b"%?\r\n+a\r\n:1\r\n.\r\n", b"*2\r\n+a\r\n:1\r\n"),
    // Each streamed aggregate gets the number of its own values.
    (
        b"*?\r\n%?\r\n+a\r\n~?\r\n:1\r\n:2\r\n:3\r\n.\r\n.\r\n*?\r\n.\r\n:4\r\n.\r\n",
        b"*3\r\n*2\r\n+a\r\n*3\r\n:1\r\n:2\r\n:3\r\n*0\r\n:4\r\n",
    ),
    (b"*2\r\n*?\r\n:1\r\n.\r\n~?\r\n:2\r\n:3\r\n.\r\n", b"*2\r\n*1\r\n:1\r\n*2\r\n:2\r\n:3\r\n"),
    // Attributes are left out at any depth, with everything in them.
    (b"|1\r\n+ttl\r\n:9\r\n$1\r\na\r\n", b"$1\r\na\r\n"),
    (b"|0\r\n|1\r\n+a\r\n+b\r\n_\r\n", b"$-1\r\n"),
    (b"*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n", b"*2\r\n:1\r\n:2\r\n"),
    (b"|1\r\n|1\r\n+a\r\n+b\r\n+k\r\n*?\r\n:1\r\n.\r\n*1\r\n|0\r\n:3\r\n", b"*1\r\n:3\r\n"),
    (
        b"*?\r\n|1\r\n+a\r\n*?\r\n*?\r\n.\r\n.\r\n*?\r\n:1\r\n:2\r\n.\r\n.\r\n",
        b"*1\r\n*2\r\n:1\r\n:2\r\n",
    ),
    (b"%?\r\n|1\r\n+a\r\n+b\r\n+k\r\n|1\r\n+a\r\n+b\r\n+v\r\n.\r\n", b"*2\r\n+k\r\n+v\r\n"),
];

#[test]
fn each_kind_is_downgraded_as_in_the_table() {
    for (resp3, resp2) in DOWNGRADED {
        let frame = decoded(resp3);
        assert_eq!(shown(&wire(&frame, Protocol::Resp2)), shown(resp2), "{}", shown(resp3));
        assert_downgrades(frame);
        for protocol in PROTOCOLS {
            assert_fits_exactly(&frame, protocol);
            assert_fits_exactly(&Reply::from(frame), protocol);
        }
    }
}

#[test]
fn a_header_that_grows_by_a_digit_still_fits() {
    for count in [4, 5, 49, 50, 499, 500] {
        let pairs = "_\r\n".repeat(2 * count);
        for map in [format!("%{count}\r\n{pairs}"), format!("%?\r\n{pairs}.\r\n")] {
            let frame = decoded(map.as_bytes());
            assert_downgrades(frame);
            assert_fits_exactly(&frame, Protocol::Resp2);
            assert_fits_exactly(&frame.reply(), Protocol::Resp2);
        }
    }
}

/// The tokens of a frame, and the text of each.
fn texts<'a>(frame: &Decoded<'a>) -> Vec<(Token<'a>, &'a [u8])> {
    let mut tokens = frame.tokens();
    let next = || {
        let before = tokens.rest();
        let token = tokens.next()?;
        Some((token, &before[..before.len() - tokens.rest().len()]))
    };
    std::iter::from_fn(next).collect()
}

#[test]
fn every_capture_is_written_as_it_came_except_for_long_doubles_and_nan() {
    let mut differing = 0;
    for capture in Capture::all(&[".replies", ".requests", ".aof"]) {
        for (number, frame) in capture.frames().iter().enumerate() {
            let written = wire(&Reply::from(*frame), Protocol::Resp3);
            if written == frame.wire() {
                continue;
            }
            let place = format!("{}: frame {number}", capture.name);
            let again = decoded(&written);
            assert_eq!(
                writer::without_wire(verdicts::annotated(again)),
                writer::without_wire(verdicts::annotated(*frame)),
                "{place}"
            );
            let (before, after) = (texts(frame), texts(&again));
            assert_eq!(before.len(), after.len(), "{place}");
            for ((token, before), (_, after)) in before.into_iter().zip(after) {
                if before == after {
                    continue;
                }
                // Redis 7.0 prints doubles with `%.17g`, which may print more digits than needed, and
                // prints a NaN with a sign.
                let digits = before.iter().filter(|byte| byte.is_ascii_digit()).count();
                assert!(
                    matches!(token, Token::Scalar(ReplyRef::Double(value)) if digits >= 17 || value.is_nan()),
                    "{place}: {token:?} was {} and became {}",
                    shown(before),
                    shown(after),
                );
                assert!(after.len() < before.len(), "{place}: {} is longer", shown(after));
                differing += 1;
            }
        }
    }
    assert!(differing > 0, "no capture has a double of seventeen digits");
}

#[test]
fn every_capture_in_resp2_stays_the_same_in_resp2() {
    for capture in Capture::all(&[".replies", ".requests", ".aof"]) {
        if capture.name.starts_with("resp3") && capture.name.ends_with(".replies") {
            capture.frames().into_iter().for_each(assert_downgrades);
            continue;
        }
        for frame in capture.frames() {
            assert_eq!(wire(&frame, Protocol::Resp2), frame.wire(), "{}", capture.name);
            let tree = Reply::from(frame);
            assert_eq!(wire(&tree, Protocol::Resp2), frame.wire(), "{}", capture.name);
        }
    }
}

#[test]
fn ties_between_texts_of_a_double_go_to_the_even_one() {
    let frame = zresp::decode(b",10000000000000002000e-4\r\n").expect("valid").expect("whole");
    assert_eq!(
        Reply::from(frame.reply()).to_wire(Protocol::Resp3).expect("a form"),
        ",1000000000000000.2\r\n"
    );
}

#[test]
fn powers_of_two_are_written_as_by_the_standard_library() {
    // The nearest text to 2^305 with this number of digits belongs to the number below it.
    assert_eq!(writer::shortest(2f64.powi(305)), "6.518515124270356e+91");
    for value in (-1022..=1023).map(|power| 2f64.powi(power)) {
        let text = Reply::from(value).to_wire(Protocol::Resp3).expect("a form");
        assert_eq!(text, format!(",{}\r\n", writer::shortest(value)));
    }
}
