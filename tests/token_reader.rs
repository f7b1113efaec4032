//! A token reader gives the tokens that a decoder's views have, with the decoder's verdicts, offsets and
//! needs, however the bytes are cut.
#![cfg(feature = "std")]

use allocation_counter::measure;
use proptest::collection::vec;
use proptest::prelude::*;
use zresp::command::CommandToken;
use zresp::frames::{FrameDecoder, FrameTokenReader, PayloadPart, Replies, Requests};
use zresp::{
    CommandTokenReader, ErrorKind, InlinePolicy, Kind, Limits, LinePolicy, ReplyRef, Token,
    TokenReader,
};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::tokens::{Both, Shown, assert_agree, by_a_decoder, by_a_reader};
use zresp_testing::drive::verdicts;
use zresp_testing::generate;

proptest! {
    #![proptest_config(generate::cases(2048))]

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
        let both = Both::with_limits(verdicts::limits(&limits));
        assert_agree(&stream, &sizes, &both.with_line_policy(verdicts::lines(&limits)));
    }

    #[test]
    fn tokens_of_requests_are_those_of_a_decoder_however_the_bytes_are_cut(
        input in generate::requests(),
        sizes in vec(1..24_usize, 1..6),
        limits in generate::limits(),
    ) {
        assert_agree::<Requests>(&input.0, &sizes, &Both::with_limits(verdicts::limits(&limits)));
    }
}

#[test]
fn captures_are_read_in_pieces_of_any_size() {
    fn read<D: Shown>(suffix: &str) {
        for Capture { name, bytes } in Capture::all(&[suffix]) {
            let bytes = &bytes[..bytes.len().min(100_000)];
            for size in [1, 2, 3, 7, 64, 1_400, usize::MAX / 2] {
                let expected = by_a_decoder(bytes, FrameDecoder::<D>::with_limits(Limits::new()));
                let mut found =
                    by_a_reader(bytes, &[size], Both::<D>::with_limits(Limits::new()), 10);
                found.tokens.truncate(expected.tokens.len());
                assert!(found == expected, "{name} in pieces of {size}");
            }
        }
    }
    read::<Replies>(".replies");
    read::<Requests>(".requests");
    read::<Requests>(".aof");
}

#[test]
fn every_short_frame_is_cut_everywhere() {
    let frames: [&[u8]; 20] = [
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
        b"*2\r\n>2\r\n$9\r\nsubscribe\r\n_\r\n>1\r\n+punsubscribe\r\n",
        b"*1\r\n>1\r\n|1\r\n+a\r\n>1\r\n$10\r\nssubscribe\r\n+unsubscribe\r\n",
        b"*1\r\n>1\r\n|1\r\n+a\r\n>1\r\n+psubscribe\r\n$10\r\ninvalidate\r\n",
        b"*2\r\n>2\r\n$9\r\nsubscribed\r\n",
        b"*1\r\n>0\r\n",
        b"*2\r\n-a\nb\n\r\n(1  +a\r\n+\n\rx",
    ];
    let tight = Limits::new().with_depth(3).with_bulk(9).with_elements(3).with_frame(30);
    for frame in frames {
        for limits in [Limits::new(), tight] {
            for size in 1..frame.len() {
                for second in 1..=3 {
                    let both = Both::with_limits(limits);
                    assert_agree::<Replies>(frame, &[size, second], &both);
                    let both = both.with_line_policy(LinePolicy::AsSent);
                    assert_agree(frame, &[size, second], &both);
                }
            }
        }
    }
}

#[test]
fn every_short_request_is_cut_everywhere() {
    let requests: [&[u8]; 9] = [
        b"*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n*1\r\n$4\r\nPING\r\n",
        b"\r\n  \n*0\r\n*-5\r\n*1\r\n$0\r\n\r\n",
        b"set k \"a \\x41\"\r\n$5 is a name\r\n.\r\n",
        b"*1\r\n:1\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$4\r\nPINGx\r\n",
        b"\r\nGET 'a\r\n",
        b"*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
        b"*1000000000\r\n$1\r\na\r\n",
    ];
    let tight = Limits::requests().with_bulk(9).with_elements(3).with_frame(30);
    for request in requests {
        for limits in [Limits::requests(), tight] {
            for size in 1..=request.len() {
                for second in 1..=3 {
                    assert_agree::<Requests>(request, &[size, second], &Both::with_limits(limits));
                }
            }
        }
    }
}

#[test]
fn a_reader_of_requests_tells_what_is_skipped_and_keeps_to_its_policy() {
    let mut reader = CommandTokenReader::new();
    let tokens: Vec<_> = reader.tokens(b"\r\n*0\r\nPING a\r\n").map(Result::unwrap).collect();
    assert_eq!(tokens[..2], [CommandToken::Skipped; 2]);
    let [CommandToken::Inline(line)] = tokens[2..] else { panic!("{tokens:?}") };
    assert_eq!(line.wire(), b"PING a\r\n");
    reader.set_inline_policy(InlinePolicy::Refuse);
    let error = reader.next(b"PING a\r\n").unwrap_err();
    assert_eq!(error.offset, 0);
}

#[test]
fn a_framer_that_takes_over_in_an_attribute_tells_the_kind_of_the_value() {
    let bytes = b"|1\r\n+ttl\r\n:9\r\n>1\r\n+a\r\n";
    for tokens in 1..4 {
        let (mut reader, mut at) = (TokenReader::new(), 0);
        for _ in 0..tokens {
            at += reader.next(&bytes[at..]).unwrap().expect("a token").1;
        }
        let mut framer = reader.take_framer(&bytes[at..]).expect("in a frame");
        let progress = framer.advance(&bytes[at..=at]).unwrap();
        assert_eq!(progress.type_byte, (tokens == 3).then_some(b'>'), "after {tokens} tokens");
        let progress = framer.advance(&bytes[at + 1..]).unwrap();
        assert_eq!((progress.is_complete, progress.type_byte), (true, Some(b'>')));
    }
}

/// The parts of a value that comes in pieces of one size, each with what was dropped for it.
fn parts(bytes: &[u8], size: usize) -> Vec<(Kind, Vec<u8>, Option<usize>, bool)> {
    let (mut reader, mut parts, mut buffer) = (TokenReader::new(), Vec::new(), Vec::new());
    for piece in bytes.chunks(size) {
        buffer.extend_from_slice(piece);
        assert_eq!(reader.next(&buffer), Ok(None));
        if let Some((part, size)) = reader.next_part(&buffer, 3).unwrap() {
            let PayloadPart { kind, bytes, offset, left, is_last, .. } = part;
            assert_eq!(
                offset,
                parts.iter().map(|(_, bytes, ..): &(_, Vec<u8>, _, _)| bytes.len()).sum()
            );
            parts.push((kind, bytes.to_vec(), left, is_last));
            buffer.drain(..size);
        }
    }
    parts
}

#[test]
fn payloads_of_all_kinds_come_in_parts() {
    let own = |kind, parts: &[(&str, Option<usize>, bool)]| -> Vec<_> {
        parts.iter().map(|&(text, left, last)| (kind, text.into(), left, last)).collect()
    };
    let halves = |kind| {
        own(kind, &[("txt:a", Some(5), false), ("bcdef", Some(0), false), ("", Some(0), true)])
    };
    for (kind, sigil) in [(Kind::Bulk, '$'), (Kind::BulkError, '!'), (Kind::Verbatim, '=')] {
        let value = format!("{sigil}10\r\ntxt:abcdef\r\n");
        assert_eq!(parts(value.as_bytes(), 5)[1..], halves(kind)[1..], "{value}");
        assert_eq!(parts(value.as_bytes(), 10)[0], halves(kind)[0], "{value}");
    }
    let streamed = b"$?\r\n;4\r\nabcd\r\n;2\r\nef\r\n;0\r\n";
    let expected = [("abc", None, false), ("d", None, false), ("ef", None, true)];
    assert_eq!(parts(streamed, 11), own(Kind::Streamed, &expected));
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

#[test]
fn a_part_is_taken_only_from_the_bytes_that_were_examined() {
    let mut reader = TokenReader::new();
    let buf = b"$100\r\nabc";
    assert_eq!(reader.next(buf), Ok(None));
    for other in [b"$100\r\nabcd".as_slice(), b"$100\r\nab", b"$200\r\nabc", b""] {
        assert_eq!(reader.next_part(other, 10), Ok(None), "{}", other.escape_ascii());
    }
    assert_eq!(reader.next_part(buf, 100), Ok(None), "the payload has no more");
    let (part, size) = reader.next_part(buf, 99).unwrap().expect("a long payload");
    assert_eq!((part.bytes, part.left, size), (b"abc".as_slice(), Some(97), buf.len()));
}

#[test]
fn an_error_in_a_part_stays() {
    let mut reader = TokenReader::new();
    assert_eq!(reader.next(b"$3\r\nab"), Ok(None));
    assert!(reader.next_part(b"$3\r\nab", 0).unwrap().is_some());
    let error = reader.next_part(b"cX", 0).unwrap_err();
    assert_eq!(reader.next(b"cX"), Err(error));
    assert_eq!(reader.tokens(b"+OK\r\n").next(), Some(Err(error)));
}

#[test]
fn a_framer_that_takes_over_between_parts_sees_the_rest() {
    let mut reader = TokenReader::new();
    assert_eq!(reader.next(b"*1\r\n$10\r\nab").map(|token| token.is_some()), Ok(true));
    assert_eq!(reader.next(b"$10\r\nab"), Ok(None));
    assert!(reader.next_part(b"$10\r\nab", 0).unwrap().is_some());
    assert_eq!(reader.next(b"cd"), Ok(None));
    let mut framer = reader.take_framer(b"cd").expect("in a frame");
    let progress = framer.advance(b"cdefghij\r\n+OK\r\n").unwrap();
    assert_eq!((progress.taken, progress.is_complete), (10, true));
    assert_eq!(progress.type_byte, Some(b'*'));
}

/// The bytes that mean something in replies.
const ALPHABET: &[u8] = b"+-*$%~>|:,(!=_#;.?019\r\nt";

/// Every input of up to `left` more bytes, except that a rejected one is not made longer.
fn enumerate<D: Shown>(input: &mut Vec<u8>, left: usize, count: &mut usize) {
    for &byte in ALPHABET {
        input.push(byte);
        *count += 1;
        for size in [1, usize::MAX / 2] {
            assert_agree::<D>(input, &[size], &Both::with_limits(Limits::new()));
        }
        if left > 1 && FrameTokenReader::<D>::new().tokens(input).all(|token| token.is_ok()) {
            enumerate::<D>(input, left - 1, count);
        }
        input.pop();
    }
}

#[test]
fn every_short_input_gets_the_verdict_of_a_decoder() {
    let longest = std::env::var("ZRESP_ENUMERATE").ok().and_then(|most| most.parse().ok());
    let longest = longest.unwrap_or(4).min(5);
    let mut count = 0;
    enumerate::<Replies>(&mut Vec::new(), longest, &mut count);
    let replies = count;
    enumerate::<Requests>(&mut Vec::new(), longest - 1, &mut count);
    println!("{replies} replies, {} requests", count - replies);
    let least = if longest < 4 { 100 } else { 10_000 };
    assert!(replies > least && count - replies > least, "only {count} inputs");
}
