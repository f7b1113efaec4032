//! Segments make up the same bytes as the value encoded in one piece, however they are consumed. Large payloads
//! are not copied.
#![cfg(feature = "std")]

use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use zresp::encode::Segments;
use zresp::tree::{Annotated, Entries};
use zresp::{
    Arguments, CommandDecoder, Decoder, Encode, EncodeCommand, EncodeError, Frame, Protocol, Reply,
};
use zresp_testing::generate::{self, Input};

const PROTOCOLS: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

/// Payloads of at least this number of bytes are not copied.
const LARGE: usize = 4096;

fn frame(wire: &[u8]) -> Frame {
    let mut buffer = BytesMut::from(wire);
    let frame = Decoder::new().decode_frame(&mut buffer).expect("a valid frame");
    assert!(buffer.is_empty(), "more than one frame");
    frame.expect("a whole frame")
}

fn bulk(len: usize) -> Vec<u8> {
    [format!("${len}\r\n").as_bytes(), &vec![b'x'; len], b"\r\n"].concat()
}

/// The wire bytes of a case, shortened.
fn shown(wire: &[u8]) -> String {
    let text = wire.escape_ascii().to_string();
    text.split("xxxxxxxx").filter(|part| !part.is_empty()).collect::<Vec<_>>().join("…")
}

/// Asserts that the rest of the segments is `expected`, and that no part of it is empty.
fn assert_left<P: AsRef<[u8]>>(segments: &Segments<P>, mut expected: &[u8], case: &str) {
    assert_eq!(segments.remaining(), expected.len(), "{case}");
    assert_eq!(segments.has_remaining(), !expected.is_empty(), "{case}");
    assert!(segments.slices().next().unwrap_or_default() == segments.chunk(), "{case}");
    for slice in segments.slices() {
        assert!(
            !slice.is_empty(),
            "{case}: an empty part, {} bytes before the end",
            expected.len()
        );
        assert!(
            expected.starts_with(slice),
            "{case}: other bytes, {} before the end",
            expected.len()
        );
        expected = &expected[slice.len()..];
    }
    assert!(expected.is_empty(), "{case}: {} bytes are missing", expected.len());
}

/// Takes one slice with each write, and notes how many it was given.
#[derive(Default)]
struct OneByOne {
    taken: Vec<u8>,
    writes: usize,
    given: usize,
}

impl std::io::Write for OneByOne {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.taken.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> std::io::Result<usize> {
        self.writes += 1;
        self.given += slices.len();
        self.write(slices.first().map_or(&[], |slice| slice))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn writing_takes_linear_time_however_little_the_writer_takes() {
    let payload = vec![b'x'; LARGE];
    for count in [1, 63, 64, 65, 1_000] {
        let mut arguments = vec![payload.as_slice(); count];
        arguments.insert(0, b"DEL");
        let mut writer = OneByOne::default();
        Segments::of_arguments(&arguments)
            .expect("a name")
            .write_to(&mut writer)
            .expect("no error");
        assert!(writer.taken == Arguments(&arguments).to_wire().expect("a name"), "{count}");
        assert_eq!(writer.writes, 2 * count + 1);
        assert!(writer.given <= 64 * writer.writes, "{} slices", writer.given);
    }
}

/// Asserts that the parts make up these bytes, in every way of consuming them.
fn assert_is<P: AsRef<[u8]> + Clone>(segments: &Segments<P>, expected: &[u8], case: &str) {
    assert_left(segments, expected, case);
    let slices: Vec<_> = segments.slices().collect();
    let io_slices = segments.io_slices();
    assert!(io_slices.iter().map(|slice| &slice[..]).eq(slices.iter().copied()), "{case}");
    for room in 0..=slices.len() + 1 {
        let mut vectored = vec![IoSlice::new(b""); room];
        let filled = segments.chunks_vectored(&mut vectored);
        assert_eq!(filled, room.min(slices.len()), "{case}");
        let vectored = vectored[..filled].iter().map(|slice| &slice[..]);
        assert!(vectored.eq(slices[..filled].iter().copied()), "{case}");
    }
    assert!(segments.clone().copy_to_bytes(expected.len()) == expected, "{case}");
    for step in [101, 1009, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE] {
        let (mut left, mut at) = (segments.clone(), 0);
        while at < expected.len() {
            left.advance(step);
            at = (at + step).min(expected.len());
            assert_left(&left, &expected[at..], case);
        }
    }
    let mut all = segments.clone();
    all.advance(expected.len() + 1);
    assert_left(&all, b"", &format!("{case}, past the end"));
}

/// Asserts the same for a frame and for its tree, in both protocols.
fn assert_splits(wire: &[u8]) {
    let frame = frame(wire);
    let tree = Reply::from(&frame);
    for protocol in PROTOCOLS {
        let case = format!("{} in {protocol:?}", shown(wire));
        let expected = frame.to_wire(protocol).expect("a form on the wire");
        let segments = Segments::of(&frame, protocol).expect("a form");
        assert_is(&segments, &expected, &format!("frame {case}"));
        assert_eq!(segments.into_parts().concat(), expected, "frame {case}");

        let expected = tree.to_wire(protocol).expect("a form on the wire");
        let segments = Segments::of(&tree, protocol).expect("a form on the wire");
        assert_is(&segments, &expected, &format!("tree {case}"));
        assert_eq!(segments.into_parts().concat(), expected, "tree {case}");
    }
}

#[test]
fn parts_make_up_the_encoded_bytes() {
    let large = bulk(LARGE);
    let cases: [&[&[u8]]; 12] = [
        &[b"+OK\r\n"],
        &[b"_\r\n"],
        &[&large],
        &[b"*2\r\n", &large, &large],
        &[b"*2\r\n", &bulk(LARGE - 1), &bulk(LARGE + 1)],
        &[b"%2\r\n+a\r\n", &large, b"+b\r\n", &large],
        &[b"~1\r\n", &large],
        // In RESP2, nothing comes between two large parts, or before the first one.
        &[b"|1\r\n+a\r\n+b\r\n", &large],
        &[b"*2\r\n", &large, b"|1\r\n+a\r\n+b\r\n", &large],
        &[b"*2\r\n*?\r\n", &large, b".\r\n|0\r\n", &large],
        &[b"*?\r\n*?\r\n*?\r\n", &large, b".\r\n.\r\n", &large, b".\r\n"],
        &[b"*?\r\n*?\r\n", &large, b".\r\n.\r\n"],
    ];
    for case in cases {
        assert_splits(&case.concat());
    }
}

#[test]
fn parts_can_be_advanced_by_any_amount() {
    let frame = frame(&[b"%1\r\n+a\r\n*2\r\n".as_slice(), &bulk(LARGE), b"_\r\n"].concat());
    for protocol in PROTOCOLS {
        let tree = Reply::from(&frame);
        let expected = tree.to_wire(protocol).expect("a form on the wire");
        let of_tree = Segments::of(&tree, protocol).expect("a form on the wire");
        for segments in [of_tree, Segments::of(&frame, protocol).expect("a form")] {
            for count in (0..=expected.len()).step_by(if cfg!(miri) { 101 } else { 1 }) {
                let mut left = segments.clone();
                left.advance(count);
                let case = format!("{segments:?} of {protocol:?} after {count}");
                assert_left(&left, &expected[count..], &case);
                let parts = left.into_parts();
                assert!(parts.concat() == expected[count..], "{case}");
                assert!(parts.iter().all(|part| !part.is_empty()), "{case}: {parts:?}");
            }
        }
    }
}

/// Values with large and small parts.
fn value() -> impl Strategy<Value = Input> {
    let scalar = prop_oneof![
        2 => (LARGE - 3..LARGE + 3).prop_map(bulk),
        1 => Just(bulk(3)),
        1 => Just(b"_\r\n".to_vec()),
        1 => Just(b",1.5\r\n".to_vec()),
        1 => Just([b"=5000\r\ntxt:".as_slice(), &[b'x'; 4996], b"\r\n"].concat()),
        1 => Just([b"$?\r\n;5000\r\n".as_slice(), &[b'x'; 5000], b"\r\n;0\r\n"].concat()),
    ];
    let value = scalar.prop_recursive(4, 12, 3, |value| {
        prop_oneof![
            vec(value.clone(), 0..3).prop_map(|values| {
                [format!("*{}\r\n", values.len()).into_bytes(), values.concat()].concat()
            }),
            vec(value.clone(), 0..3).prop_map(|values| [
                b"~?\r\n".to_vec(),
                values.concat(),
                b".\r\n".to_vec()
            ]
            .concat()),
            (value.clone(), value).prop_map(|(key, value)| {
                [b"|1\r\n".to_vec(), key, b"+v\r\n".to_vec(), value].concat()
            }),
        ]
    });
    value.prop_map(Input)
}

proptest! {
    #![proptest_config(generate::cases(24))]

    #[test]
    fn parts_of_any_reply_make_up_the_encoded_bytes(wire in value()) {
        assert_splits(&wire.0);
    }

    #[test]
    fn parts_of_any_command_make_up_the_encoded_bytes(
        sizes in vec(prop_oneof![0..4usize, LARGE - 2..LARGE + 2], 1..5),
    ) {
        let arguments: Vec<_> = sizes.iter().map(|size| vec![b'x'; *size]).collect();
        let arguments: Vec<_> = arguments.iter().map(Vec::as_slice).collect();
        let segments = Segments::of_arguments(&arguments).expect("a name");
        let expected = Arguments(&arguments).to_wire().expect("a name");
        assert_is(&segments, &expected, &format!("a command of {sizes:?}"));
        let large = arguments.iter().filter(|argument| argument.len() >= LARGE);
        for argument in large {
            prop_assert!(segments.slices().any(|slice| std::ptr::eq(slice, *argument)), "{:?}", sizes);
        }
        let copied = Segments::of_command(&Arguments(&arguments)).expect("a name");
        assert_is(&copied, &expected, &format!("a copied command of {sizes:?}"));
        prop_assert!(copied.slices().count() == 1, "{:?}", sizes);
        for slice in segments.slices().filter(|slice| slice.len() < LARGE) {
            let copied = arguments.iter().all(|argument| argument.as_ptr() != slice.as_ptr());
            prop_assert!(copied, "{:?}", sizes);
        }
    }
}

#[test]
fn large_payloads_of_a_tree_are_shared_and_small_ones_are_copied() {
    for (size, is_shared) in [(LARGE - 1, false), (LARGE, true), (1_000_000, true)] {
        let payload = Bytes::from(vec![b'x'; size]);
        let attribute: Entries = [("key", payload.clone())].into_iter().collect();
        let reply = Reply::map([
            (Reply::bulk(payload.clone()), Reply::Null),
            (Annotated::new(attribute, payload.clone()).into(), Reply::array([payload.clone()])),
        ]);
        for (protocol, times) in [(Protocol::Resp2, 3), (Protocol::Resp3, 4)] {
            let segments = Segments::of(&reply, protocol).expect("a form on the wire");
            let is_payload = |slice: &[u8]| std::ptr::eq(slice, &raw const payload[..]);
            let shared = segments.slices().filter(|slice| is_payload(slice)).count();
            let expected = if is_shared { times } else { 0 };
            assert_eq!(shared, expected, "{size} bytes in {protocol:?}");
            let parts = segments.into_parts();
            let shared = parts.iter().filter(|part| is_payload(part)).count();
            assert_eq!(shared, expected, "{size} bytes in {protocol:?}, parts");
        }
    }
}

#[test]
fn a_frame_is_one_part_in_resp3_and_its_large_runs_are_parts_in_resp2() {
    let wire = [b"*3\r\n".as_slice(), &bulk(LARGE), b"_\r\n", &bulk(LARGE)].concat();
    let frame = frame(&wire);
    let resp3 = Segments::of(&frame, Protocol::Resp3).expect("a form");
    assert!(resp3.slices().map(<[u8]>::as_ptr).eq([frame.wire().as_ptr()]));
    let resp2 = Segments::of(&frame, Protocol::Resp2).expect("a form");
    let slices: Vec<_> = resp2.slices().collect();
    let (first, second) = (4 + bulk(LARGE).len(), 4 + bulk(LARGE).len() + 3);
    assert_eq!(slices.len(), 3, "{resp2:?}");
    assert!(std::ptr::eq(slices[0], &raw const frame.wire()[..first]));
    assert_eq!(slices[1], b"$-1\r\n");
    assert!(std::ptr::eq(slices[2], &raw const frame.wire()[second..]));
    // The parts outlive the frame.
    drop(frame);
    assert!(resp3.into_parts().concat() == wire);

    let small = self::frame(b"*2\r\n$1\r\na\r\n_\r\n");
    let segments = Segments::of(&small, Protocol::Resp3).expect("a form");
    assert!(segments.slices().all(|slice| slice.as_ptr() != small.wire().as_ptr()));
}

#[test]
fn a_command_frame_is_one_part() {
    for (size, is_shared) in [(3, false), (LARGE, true)] {
        let wire = [b"*2\r\n$4\r\nECHO\r\n".as_slice(), &bulk(size)].concat();
        let mut buffer = BytesMut::from(&wire[..]);
        let frame = CommandDecoder::new().decode_frame(&mut buffer).expect("valid").expect("whole");
        let segments = Segments::of_command(&frame).expect("a name");
        assert_is(&segments, &wire, &format!("a command of {size} bytes"));
        let slice = segments.slices().next().expect("one part");
        assert_eq!(std::ptr::eq(slice, &raw const frame.wire()[..]), is_shared, "{size} bytes");
    }
}

#[test]
fn a_value_that_cannot_be_encoded_has_no_parts() {
    assert_eq!(Segments::of_arguments(&[]).err(), Some(EncodeError::NoArguments));
    for protocol in PROTOCOLS {
        let segments = Segments::of(&Reply::simple("a\n"), protocol);
        assert!(matches!(segments.err(), Some(EncodeError::LineBreak { offset: 1, .. })));
    }
}

/// A writer that takes a few bytes at a time, and now and then fails.
#[cfg(feature = "std")]
struct Slow {
    written: Vec<u8>,
    calls: usize,
}

#[cfg(feature = "std")]
impl std::io::Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.calls += 1;
        match self.calls % 4 {
            0 => Err(std::io::ErrorKind::Interrupted.into()),
            1 => Err(std::io::ErrorKind::WouldBlock.into()),
            _ => {
                let taken = bytes.len().min(1000 + self.calls);
                self.written.extend_from_slice(&bytes[..taken]);
                Ok(taken)
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "std")]
#[test]
fn a_slow_writer_gets_all_parts_once() {
    let value = vec![b'x'; 3 * LARGE];
    let arguments: [&[u8]; 4] = [b"SET", b"key", &value, b"EX"];
    let mut segments = Segments::of_arguments(&arguments).expect("a name");
    let mut writer = Slow { written: Vec::new(), calls: 0 };
    while let Err(error) = segments.write_to(&mut writer) {
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
    assert_eq!(writer.written, Arguments(&arguments).to_wire().expect("a name"));

    let mut segments = Segments::of_arguments(&arguments).expect("a name");
    let mut full = [0; 10];
    let error = segments.write_to(&mut full.as_mut_slice()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WriteZero);
}
