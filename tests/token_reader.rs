//! A token reader gives the tokens that a decoder's views have, with the decoder's verdicts, offsets and
//! needs, however the bytes are cut.
#![cfg(feature = "std")]

use allocation_counter::measure;
use proptest::collection::vec;
use proptest::prelude::*;
use zresp::{ErrorKind, Limits, ReplyRef, Token, TokenReader};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::tokens::{assert_agree, by_a_decoder, by_a_reader};
use zresp_testing::drive::verdicts;
use zresp_testing::generate;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn tokens_are_those_of_a_decoder_however_the_bytes_are_cut(
        inputs in vec(
            prop_oneof![generate::frame(), generate::mutated(), generate::alike(), generate::soup()],
            1..4,
        ),
        sizes in vec(1..24_usize, 1..6),
        limits in generate::limits(),
    ) {
        let stream = inputs.iter().flat_map(|input| input.0.clone()).collect::<Vec<_>>();
        assert_agree(&stream, &sizes, verdicts::limits(&limits));
    }
}

#[test]
fn captures_are_read_in_pieces_of_any_size() {
    for Capture { name, bytes } in Capture::all(&[".replies"]) {
        let bytes = &bytes[..bytes.len().min(100_000)];
        for size in [1, 2, 3, 7, 64, 1_400, usize::MAX / 2] {
            let expected = by_a_decoder(bytes, Limits::new());
            let mut found = by_a_reader(bytes, &[size], Limits::new(), 10);
            found.tokens.truncate(expected.tokens.len());
            assert!(found == expected, "{name} in pieces of {size}");
        }
    }
}

#[test]
fn every_short_frame_is_cut_everywhere() {
    let frames: [&[u8]; 14] = [
        b"*2\r\n$3\r\nfoo\r\n:1\r\n+OK\r\n",
        b"|1\r\n+a\r\n*1\r\n:1\r\n%1\r\n+k\r\n|0\r\n~0\r\n",
        b"*?\r\n*2\r\n:1\r\n*0\r\n.\r\n$?\r\n;3\r\nabc\r\n;0\r\n",
        b"%?\r\n+a\r\n+b\r\n.\r\n%?\r\n+a\r\n.\r\n",
        b"*1\r\n*1\r\n*1\r\n*1\r\n$5\r\nhello\r\n$-1\r\n*-1\r\n",
        b">2\r\n+message\r\n!5\r\nERR x\r\n=7\r\ntxt:abc\r\n",
        b"*3\r\n,1.5\r\n(123\r\n#t\r\n_\r\n",
        b"*2\r\n$3\r\nfooX",
        b"*1\r\n$-2\r\n",
        b"*1000000000\r\n$1\r\na\r\n",
        b"*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n",
        b"$10\r\n0123456789\r\n!12\r\n0123456789ab\r\n",
        b"*2\r\n$10\r\n0123456789\rX",
        b"*0\r\n%0\r\n*1\r\n*0\r\n:x",
    ];
    let tight = Limits::new().with_depth(3).with_bulk(9).with_elements(3).with_frame(30);
    for frame in frames {
        for limits in [Limits::new(), tight] {
            for size in 1..frame.len() {
                for second in 1..=3 {
                    assert_agree(frame, &[size, second], limits);
                }
            }
        }
    }
}

#[test]
fn a_million_elements_and_half_a_gigabyte_are_read_in_constant_memory() {
    const PIECE: usize = 64 * 1024;
    let mut reader = TokenReader::new();
    let (mut elements, mut bytes_seen) = (0usize, 0usize);
    let mut read = |reader: &mut TokenReader, buffer: &mut Vec<u8>, piece: &[u8]| {
        buffer.extend_from_slice(piece);
        let mut at = 0;
        loop {
            if let Some((token, size)) = reader.next(&buffer[at..]).expect("valid input") {
                elements += usize::from(matches!(token, Token::Scalar(_)));
                at += size;
            } else {
                let part = reader.next_part(&buffer[at..], PIECE).expect("valid input");
                let Some((part, size)) = part else { break };
                bytes_seen += part.bytes.len();
                at += size;
            }
        }
        buffer.drain(..at);
    };
    let mut buffer = Vec::with_capacity(2 * PIECE);
    let (element, payload) = (b"$5\r\nhello\r\n".repeat(1_000), vec![b'x'; PIECE]);
    let most = measure(|| {
        read(&mut reader, &mut buffer, b"*1000000\r\n");
        for _ in 0..1_000 {
            read(&mut reader, &mut buffer, &element);
        }
        read(&mut reader, &mut buffer, b"$536870912\r\n");
        for _ in 0..536_870_912 / PIECE {
            read(&mut reader, &mut buffer, &payload);
        }
        read(&mut reader, &mut buffer, b"\r\n");
    });
    assert_eq!((elements, bytes_seen), (1_000_000, 536_870_912));
    assert!(reader.is_between_frames() && buffer.is_empty());
    assert_eq!(most.count_total, 0, "nothing is allocated");
}

#[test]
fn a_buffer_that_shrank_or_changed_is_noticed() {
    for other in [b"$5\r\nh".as_slice(), b"$6\r\nhello\r\n"] {
        let mut reader = TokenReader::new();
        assert_eq!(reader.next(b"$5\r\nhel"), Ok(None));
        let error = reader.next(other).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BufferChanged);
        reader.reset();
        let token = Token::Scalar(ReplyRef::Bulk(b"hello"));
        assert_eq!(reader.next(b"$5\r\nhello\r\n"), Ok(Some((token, 11))));
    }
}

/// The bytes that mean something in replies.
const ALPHABET: &[u8] = b"+-*$%~>|:,(!=_#;.?019\r\nt";

/// Every input of up to `left` more bytes, except that a rejected one is not made longer.
fn enumerate(input: &mut Vec<u8>, left: usize, count: &mut usize) {
    for &byte in ALPHABET {
        input.push(byte);
        *count += 1;
        for size in [1, usize::MAX / 2] {
            assert_agree(input, &[size], Limits::new());
        }
        if left > 1 && zresp::decode(input).is_ok() {
            enumerate(input, left - 1, count);
        }
        input.pop();
    }
}

#[test]
fn every_short_input_gets_the_verdict_of_a_decoder() {
    let longest = std::env::var("ZRESP_ENUMERATE").ok().and_then(|most| most.parse().ok());
    let mut count = 0;
    enumerate(&mut Vec::new(), longest.unwrap_or(4).min(5), &mut count);
    println!("{count} inputs");
    assert!(count > 10_000, "only {count} inputs");
}
