//! A tree that is built in the pass that validates its bytes equals the tree of a decoded frame, with the same
//! verdicts, offsets and limits.
#![cfg(feature = "std")]

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use zresp::frames::FrameBuffer;
use zresp::{Decoder, Error, Limits, LinePolicy, Reply};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::verdicts;
use zresp_testing::generate;

/// A tree as text, because a NaN is not equal to itself, or an error.
type Told = Result<Option<String>, Error>;

fn told(result: Result<Option<Reply>, Error>) -> Told {
    let tokens = |reply: Reply| format!("{:?}", reply.tokens().collect::<Vec<_>>());
    result.map(|reply| reply.map(tokens))
}

/// Takes replies of both kinds from two equal buffers, until one call finds none.
fn assert_same(
    one_pass: &mut (Decoder, impl FrameBuffer),
    two_passes: &mut (Decoder, impl FrameBuffer),
    case: &str,
) {
    loop {
        let expected = two_passes.0.decode_frame(&mut two_passes.1);
        let expected = told(expected.map(|frame| frame.map(Reply::from)));
        assert_eq!(told(one_pass.0.decode_reply(&mut one_pass.1)), expected, "{case}");
        assert_eq!(&one_pass.1[..], &two_passes.1[..], "{case}");
        assert_eq!(one_pass.0.needed(), two_passes.0.needed(), "{case}");
        if !matches!(expected, Ok(Some(_))) {
            return;
        }
    }
}

/// The bytes come in pieces of these sizes, alternating.
fn assert_agree(stream: &[u8], sizes: &[usize], decoder: &Decoder) {
    let case = format!("{} in pieces of {sizes:?}", stream.escape_ascii());
    let decoder = || decoder.clone();
    let mut shared = (decoder(), Bytes::new());
    let mut growing = (decoder(), BytesMut::new());
    let mut expected = (decoder(), BytesMut::new());
    let mut expected_again = (decoder(), BytesMut::new());
    let (mut rest, mut sizes) = (stream, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*sizes.next().expect("a size")));
        shared.1 = Bytes::from([&shared.1, piece].concat());
        for buffer in [&mut growing.1, &mut expected.1, &mut expected_again.1] {
            buffer.extend_from_slice(piece);
        }
        assert_same(&mut shared, &mut expected, &case);
        assert_same(&mut growing, &mut expected_again, &case);
        rest = after;
    }
}

proptest! {
    #![proptest_config(generate::cases(1024))]

    #[test]
    fn trees_are_those_of_frames_however_the_bytes_are_cut(
        inputs in vec(
            prop_oneof![generate::frame(), generate::mutated(), generate::alike(), generate::soup()],
            1..4,
        ),
        sizes in vec(prop_oneof![1..24_usize, Just(usize::MAX)], 1..4),
        limits in generate::limits(),
    ) {
        let stream = inputs.iter().flat_map(|input| input.0.clone()).collect::<Vec<_>>();
        assert_agree(&stream, &sizes, &verdicts::decoder(&limits));
    }
}

#[test]
fn captures_become_the_same_trees() {
    for Capture { bytes, .. } in Capture::all(&[".replies"]) {
        assert_agree(&bytes, &[usize::MAX], &Decoder::new());
    }
}

/// Every input of up to `left` more bytes, except that a rejected one is not made longer.
fn enumerate(input: &mut Vec<u8>, left: usize, decoder: &Decoder, count: &mut usize) {
    for &byte in b"+-*$%~>|:,(!=_#;.?0129\r\nt" {
        input.push(byte);
        *count += 1;
        assert_agree(input, &[usize::MAX], decoder);
        // The one pass reads words of eight bytes.
        assert_agree(&[input, &b"+after it\r\n"[..]].concat(), &[usize::MAX], decoder);
        if left > 1 && decoder.clone().decode(input).is_ok() {
            enumerate(input, left - 1, decoder, count);
        }
        input.pop();
    }
}

#[test]
fn every_short_ending_gets_the_verdict_of_a_decoder() {
    let tight = Limits::new().with_depth(2).with_bulk(1).with_elements(2).with_frame(20);
    let mut count = 0;
    let begins = [
        "",
        "*2\r\n$1\r\na\r\n",
        "*1\r\n*1\r\n",
        "%1\r\n:1\r\n",
        "*2\r\n*0\r\n",
        "~9\r\n",
        "*1\r\n>1\r\n",
        "%1\r\n:1\r\n>1\r\n+subscribe",
        ">1\r\n>1\r\n",
        "*1\r\n+a\n",
        "(",
    ];
    for begin in begins {
        for limits in [Limits::new(), tight] {
            for policy in [LinePolicy::Strict, LinePolicy::AsSent] {
                let decoder = Decoder::with_limits(limits).with_line_policy(policy);
                enumerate(&mut begin.as_bytes().to_vec(), 3, &decoder, &mut count);
            }
        }
    }
    assert!(count > 10_000, "only {count} inputs");
}

#[test]
fn announced_lengths_reserve_no_more_than_the_bytes_can_hold() {
    const SIZE: usize = 300_000;
    let limits = Limits::new().with_depth(1_000);
    for header in ["*99999\r\n", "%49999\r\n", "*9999\r\n", "*3\r\n"] {
        let mut wire = header.repeat(900).into_bytes();
        wire.extend(b":1\r\n".repeat((SIZE - wire.len()) / 4));
        let mut buffer = Bytes::from(wire);
        let memory = measure(|| {
            let result = Decoder::with_limits(limits).decode_reply(&mut buffer);
            assert!(result.is_ok(), "{header:?}");
        });
        // At most a value of 40 bytes for every three bytes, and the open levels.
        assert!(memory.bytes_max < 16 * SIZE as u64, "{header:?}: {}", memory.bytes_max);
    }
}

#[test]
fn an_incomplete_frame_is_tried_in_one_pass_only_once() {
    // A second try would build the same tree again, for each byte that arrives.
    let mut wire = b"*1001\r\n".to_vec();
    wire.extend(b"$1\r\na\r\n".repeat(1_000));
    let mut decoder = Decoder::new();
    wire.extend(b"$5000\r\n");
    wire.extend([b'x'; 4_000]);
    assert_eq!(told(decoder.decode_reply(&mut Bytes::from(wire.clone()))), Ok(None));
    let mut buffer = Bytes::from([&wire[..], b"x"].concat());
    let memory = measure(|| assert_eq!(told(decoder.decode_reply(&mut buffer)), Ok(None)));
    assert_eq!(memory.count_total, 0);
}
