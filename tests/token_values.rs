//! Whole values from a stream of tokens are those of a decoder, however the bytes arrive. What a stream forwards is what
//! it has read.
#![cfg(feature = "codec")]

use std::io::{self, ErrorKind as IoErrorKind, Read};

use bytes::{BufMut, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio_util::codec::Decoder as _;
use zresp::codec::{CommandTokenCodec, OwnedCommandToken, ReplyTokenCodec, WireTokenCodec};
use zresp::frames::{Direction, Replies, Requests};
use zresp::io::{ReplyTokenStream, StreamError, StreamToken, TokenStream};
use zresp::{ConversionError, Decoded, Decoder, Error, LinePolicy, ReplyRef, Token};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::pieces::Pieces;
use zresp_testing::generate;

/// Every other read would block.
struct Hesitant<'a> {
    pieces: Pieces<'a>,
    is_ready: bool,
}

impl Read for Hesitant<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.is_ready = !self.is_ready;
        if self.is_ready { self.pieces.read(into) } else { Err(IoErrorKind::WouldBlock.into()) }
    }
}

type Stream<'a> = ReplyTokenStream<Hesitant<'a>>;

/// The bytes and the text of a value.
fn shown(value: &Decoded<'_>) -> (Vec<u8>, String) {
    (value.wire().to_vec(), format!("{:?} {:?}", value.reply(), value.attributes()))
}

fn would_block<T>(result: &Result<T, StreamError>) -> bool {
    matches!(result, Err(StreamError::Io(error)) if error.kind() == IoErrorKind::WouldBlock)
}

fn next_value(stream: &mut Stream<'_>) -> Result<Option<(Vec<u8>, String)>, StreamError> {
    loop {
        let value = stream.next_value();
        if !would_block(&value) {
            return value.map(|value| value.as_ref().map(shown));
        }
    }
}

/// Reads one value: whole, or element by element down to this depth.
fn assert_read(stream: &mut Stream<'_>, expected: &Decoded<'_>, depth: usize) {
    let elements: Vec<Decoded<'_>> = match expected.reply() {
        ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
            items.annotated().collect()
        }
        ReplyRef::Map(pairs) => pairs.annotated().flat_map(<[_; 2]>::from).collect(),
        _ => Vec::new(),
    };
    let has_attributes = expected.wire().starts_with(b"|");
    if depth == 0 || has_attributes || !expected.reply().kind().is_aggregate() {
        let value = next_value(stream).expect("sound");
        assert_eq!(value, Some(shown(expected)));
        assert_eq!(stream.wire(), expected.wire());
        return;
    }
    let is_open = loop {
        let token = stream.next();
        if !would_block(&token) {
            let token = token.expect("sound");
            break matches!(token, Some(StreamToken::Token(Token::Open { .. })));
        }
    };
    assert!(is_open, "{expected:?}");
    for element in &elements {
        assert_read(stream, element, depth - 1);
    }
    assert_eq!(next_value(stream).expect("sound"), None, "{expected:?}");
}

/// Reads the values of a stream and compares them with those of a decoder.
fn assert_values(bytes: &[u8], sizes: &[usize], policy: LinePolicy, depth: usize) {
    let mut decoder = Decoder::new().with_line_policy(policy);
    let pieces = Pieces::new(bytes, sizes);
    let mut stream = ReplyTokenStream::new(Hesitant { pieces, is_ready: false });
    stream.token_reader_mut().set_line_policy(policy);
    let mut at = 0;
    loop {
        match decoder.decode(&bytes[at..]) {
            Ok(Some(frame)) => {
                assert_read(&mut stream, &frame, depth);
                assert_eq!(stream.position(), at as u64);
                at += frame.wire().len();
            }
            Ok(None) if at == bytes.len() => {
                assert_eq!(next_value(&mut stream).expect("the end"), None);
                return;
            }
            other => {
                let expected = match other {
                    Err(Error { kind, offset, .. }) => (kind, offset),
                    Ok(_) => (zresp::ErrorKind::UnexpectedEnd, bytes.len() - at),
                };
                let found = next_value(&mut stream).expect_err("broken");
                let StreamError::Decode { error, position } = found else { panic!("{found}") };
                assert_eq!((error.kind, error.offset), expected);
                assert_eq!(position, (at + expected.1) as u64);
                return;
            }
        }
    }
}

/// Asserts that a stream forwards at least the sound frames, which have this many bytes, and nothing else.
fn assert_forwards<D: Direction>(bytes: &[u8], sound: usize, sizes: &[usize], whole: usize) {
    let mut stream = TokenStream::<_, D>::new(Pieces::new(bytes, sizes));
    stream.set_whole(whole);
    let mut out = Vec::new();
    loop {
        let is_forwarded = match stream.next() {
            Ok(Some(StreamToken::Payload(mut payload))) => payload.forward(&mut out).is_ok(),
            token => matches!(token, Ok(Some(_))),
        };
        if !is_forwarded {
            break;
        }
        out.extend_from_slice(stream.wire());
    }
    assert!(bytes.starts_with(&out), "{} {}", bytes.escape_ascii(), out.escape_ascii());
    assert!(out.len() >= sound, "{} {}", bytes.escape_ascii(), out.escape_ascii());
}

/// The same for replies, with a codec too.
fn assert_replies_are_forwarded(bytes: &[u8], sizes: &[usize], whole: usize) {
    let sound = zresp::replies(bytes).map_while(Result::ok).map(|frame| frame.wire().len()).sum();
    assert_forwards::<Replies>(bytes, sound, sizes, whole);

    let mut plain = ReplyTokenCodec::new();
    plain.set_whole(whole);
    let mut codec = WireTokenCodec(plain.clone());
    let (mut buffer, mut same) = (BytesMut::new(), BytesMut::new());
    let (mut pieces, mut out) = (Pieces::new(bytes, sizes), Vec::new());
    loop {
        let piece = pieces.piece(usize::MAX);
        buffer.put_slice(piece);
        same.put_slice(piece);
        while let Ok(Some((token, wire))) = codec.decode(&mut buffer) {
            let expected = plain.decode(&mut same).expect("the same");
            assert_eq!(format!("{expected:?}"), format!("{:?}", Some(token))); // NaN is not equal to NaN
            out.extend_from_slice(&wire);
        }
        if piece.is_empty() {
            break;
        }
    }
    assert!(bytes.starts_with(&out), "{} {}", bytes.escape_ascii(), out.escape_ascii());
    assert!(out.len() >= sound, "{} {}", bytes.escape_ascii(), out.escape_ascii());
}

proptest! {
    #![proptest_config(generate::cases(1024))]

    #[test]
    fn values_are_those_of_a_decoder(
        inputs in vec(prop_oneof![generate::frame(), generate::mutated(), generate::soup()], 1..4),
        sizes in vec(1..24_usize, 1..6),
        depth in 0..4_usize,
    ) {
        let stream = inputs.iter().flat_map(|input| input.0.clone()).collect::<Vec<_>>();
        for policy in [LinePolicy::Strict, LinePolicy::AsSent] {
            assert_values(&stream, &sizes, policy, depth);
        }
    }

    #[test]
    fn a_stream_forwards_what_it_reads(
        inputs in vec(prop_oneof![generate::frame(), generate::mutated()], 1..4),
        requests in generate::requests(),
        sizes in vec(1..24_usize, 1..6),
        whole in 0..16_usize,
    ) {
        let stream = inputs.iter().flat_map(|input| input.0.clone()).collect::<Vec<_>>();
        assert_replies_are_forwarded(&stream, &sizes, whole);
        let commands = zresp::requests(&requests.0).map_while(Result::ok);
        let sound = commands.map(|request| request.wire().len()).sum();
        assert_forwards::<Requests>(&requests.0, sound, &sizes, whole);
    }
}

#[test]
fn captures_are_read_value_by_value() {
    for Capture { bytes, .. } in Capture::all(&[".replies"]) {
        let bytes = &bytes[..bytes.len().min(50_000)];
        for depth in 0..3 {
            assert_values(bytes, &[7, 1_400], LinePolicy::Strict, depth);
        }
        assert_replies_are_forwarded(bytes, &[7, 1_400], 100);
    }
}

#[test]
fn tokens_follow_a_value_that_was_not_read_to_its_end() {
    let pieces = Pieces::new(b"*2\r\n*2\r\n:1\r\n:2\r\n:3\r\n", &[12, 100]);
    let mut stream = ReplyTokenStream::new(Hesitant { pieces, is_ready: true });
    assert!(would_block(&stream.next_value()), "nothing has arrived");
    assert!(would_block(&stream.next_value()), "the tokens up to 1 have arrived");
    let mut integers = Vec::new();
    loop {
        match stream.next() {
            Ok(Some(StreamToken::Token(Token::Scalar(ReplyRef::Integer(value))))) => {
                integers.push(value);
            }
            Ok(Some(_)) | Err(StreamError::Io(_)) => {}
            Ok(None) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(integers, [2, 3]);
}

#[test]
fn a_codec_returns_the_bytes_of_tokens() {
    let mut codec = WireTokenCodec(CommandTokenCodec::new());
    let mut buffer = BytesMut::from(&b"\r\n*1\r\n$4\r\nPING\r\nget k\r\n"[..]);
    let mut next = || codec.decode(&mut buffer).expect("sound");
    assert_eq!(next(), Some((OwnedCommandToken::Open { len: 1 }, "*1\r\n".into())));
    assert_eq!(next(), Some((OwnedCommandToken::Argument("PING".into()), "$4\r\nPING\r\n".into())));
    assert_eq!(next(), Some((OwnedCommandToken::Close, "".into())));
    assert_eq!(next(), Some((OwnedCommandToken::Inline("get k\r\n".into()), "get k\r\n".into())));
    assert_eq!(next(), None);
}

#[test]
fn memory_is_that_of_the_longest_element() {
    const COUNT: u32 = 200_000;
    let header = format!("*{COUNT}\r\n");
    let element = b"*2\r\n$6\r\nmember\r\n,1.5\r\n";
    let elements = (0..COUNT).flat_map(|_| element).copied().collect::<Vec<u8>>();
    let mut sum = 0.0;
    let mut stream = ReplyTokenStream::new(header.as_bytes().chain(&*elements));
    let used = allocation_counter::measure(|| {
        stream.next().expect("the array begins");
        while let Some((member, score)) = stream.next_as::<(&str, f64)>().expect("sound") {
            assert_eq!(member, "member");
            sum += score;
        }
    });
    assert!((sum - 1.5 * f64::from(COUNT)).abs() < f64::EPSILON, "{sum}");
    assert!(used.bytes_max < 64 * 1024, "{used:?}");
}

#[test]
fn a_value_of_another_type_is_an_error_with_its_position() {
    let mut stream = ReplyTokenStream::new(&b"+OK\r\n*3\r\n:1\r\n*1\r\n+x\r\n:3\r\n"[..]);
    stream.next_value().expect("a reply");
    stream.next().expect("the array begins");
    assert_eq!(stream.next_as::<i64>().expect("a number"), Some(1));
    let error = stream.next_as::<Vec<i64>>().expect_err("no number");
    assert_eq!(
        error.to_string(),
        "expected an integer, found a simple string that is not one at element 0 at offset 13",
    );
    let StreamError::Convert { error, position: 13 } = error else { panic!("{error:?}") };
    assert_eq!(error.path().count(), 1);
    let _: &ConversionError = &error;
    assert_eq!(stream.next_as::<i64>().expect("a number"), Some(3));
    assert_eq!(stream.next_as::<i64>().expect("the end of the array"), None);
    assert_eq!(stream.next_as::<i64>().expect("the end"), None);
    let error = ReplyTokenStream::new(&b"-ERR no\r\n"[..]).next_as::<i64>().expect_err("an error");
    let StreamError::Convert { error, .. } = error else { panic!("{error:?}") };
    assert_eq!(error.error_reply(), Some(b"ERR no".as_slice()));
}
