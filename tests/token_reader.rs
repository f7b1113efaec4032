//! A token reader gives the tokens that a decoder's views have, with the decoder's verdicts, offsets and
//! needs, however the bytes are cut.
#![cfg(feature = "std")]

use allocation_counter::measure;
use proptest::collection::vec;
use proptest::prelude::*;
use zresp::frames::PayloadPart;
use zresp::{Decoder, ErrorKind, Kind, Limits, ReplyRef, Token, TokenReader};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::verdicts;
use zresp_testing::generate;

/// A token that owns what it shows; parts of a payload are joined to the value that they are.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Open(Kind, Option<usize>),
    Scalar(Kind, String, Option<Vec<u8>>),
    Close(Kind),
}

/// The tokens of a stream, and how it ends: what is needed, or what is wrong and where.
#[derive(Debug, PartialEq)]
struct Told {
    tokens: Vec<Seen>,
    end: Result<usize, (ErrorKind, usize)>,
}

fn scalar(reply: &ReplyRef<'_>) -> Seen {
    let bytes = reply.to_bytes().ok().or(reply.as_error().map(Into::into));
    Seen::Scalar(reply.kind(), format!("{reply:?}"), bytes.map(Into::into))
}

fn seen(token: Token<'_>) -> Seen {
    match token {
        Token::Open { kind, len } => Seen::Open(kind, len),
        Token::Close(kind) => Seen::Close(kind),
        Token::Scalar(reply) => scalar(&reply),
        other => panic!("{other:?}: an unknown token"),
    }
}

/// The value whose last part this is.
fn joined(part: PayloadPart<'_>, parts: &mut Vec<u8>) -> Option<Seen> {
    parts.extend_from_slice(part.bytes);
    let payload = part.is_last.then(|| std::mem::take(parts))?;
    Some(match part.kind {
        Kind::BulkError => scalar(&ReplyRef::BulkError(&payload)),
        _ => scalar(&ReplyRef::Bulk(&payload)),
    })
}

/// What a decoder tells of a stream, whole; and the tokens of its last frame are unknown.
fn by_a_decoder(bytes: &[u8], limits: Limits) -> Told {
    let (mut decoder, mut tokens, mut at) = (Decoder::with_limits(limits), Vec::new(), 0);
    loop {
        match decoder.decode(&bytes[at..]) {
            Ok(Some(frame)) => {
                tokens.extend(frame.tokens().map(seen));
                at += frame.wire().len();
            }
            Ok(None) => return Told { tokens, end: Ok(decoder.needed()) },
            Err(error) => return Told { tokens, end: Err((error.kind, at + error.offset)) },
        }
    }
}

/// What a reader tells of a stream that comes in pieces of these sizes, alternating; `whole` is the size up
/// to which payloads come whole. At each end of a piece it needs what a decoder needs.
fn by_a_reader(bytes: &[u8], sizes: &[usize], limits: Limits, whole: usize) -> Told {
    let mut reader = TokenReader::with_limits(limits);
    let mut decoder = Decoder::with_limits(limits);
    let (mut tokens, mut parts) = (Vec::new(), Vec::new());
    // Where the next token, the frame in progress and the decoder's frame begin, and what has arrived.
    let (mut at, mut frame, mut whole_to, mut arrived) = (0, 0, 0, 0);
    let mut sizes = sizes.iter().cycle();
    loop {
        arrived = bytes.len().min(arrived + sizes.next().expect("a size"));
        // A copy: nothing of what was dropped is there.
        let buffer = bytes[at..arrived].to_vec();
        let mut dropped = 0;
        loop {
            if reader.is_between_frames() {
                frame = at + dropped;
            }
            match reader.next(&buffer[dropped..]) {
                Ok(Some((token, size))) => {
                    tokens.push(seen(token));
                    dropped += size;
                }
                Ok(None) => match reader.next_part(&buffer[dropped..], whole) {
                    Ok(Some((part, size))) => {
                        tokens.extend(joined(part, &mut parts));
                        dropped += size;
                    }
                    Ok(None) => break,
                    Err(error) => {
                        return Told { tokens, end: Err((error.kind, frame + error.offset)) };
                    }
                },
                Err(error) => {
                    let again = reader.next(b"+OK\r\n").unwrap_err();
                    assert_eq!(again, error, "an error stays");
                    return Told { tokens, end: Err((error.kind, frame + error.offset)) };
                }
            }
        }
        at += dropped;
        while let Ok(Some(frame)) = decoder.decode(&bytes[whole_to..arrived]) {
            whole_to += frame.wire().len();
        }
        assert_eq!(reader.needed(), decoder.needed(), "{}", bytes[..arrived].escape_ascii());
        if arrived == bytes.len() {
            return Told { tokens, end: Ok(reader.needed()) };
        }
    }
}

/// The tokens of the whole frames are the same, and the end.
fn assert_agree(bytes: &[u8], sizes: &[usize], limits: Limits) {
    let expected = by_a_decoder(bytes, limits);
    for whole in [usize::MAX, 3, 0] {
        let mut found = by_a_reader(bytes, sizes, limits, whole);
        // Those of the last frame, which is not whole, come on top.
        found.tokens.truncate(expected.tokens.len());
        assert!(
            found == expected,
            "{} in pieces of {sizes:?}, whole up to {whole}\n{found:?}\nis not\n{expected:?}",
            bytes.escape_ascii()
        );
    }
}

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
