//! Tokens from a blocking reader and from a codec are those of a decoder, however the bytes arrive.
#![cfg(feature = "codec")]

use std::io::{self, Read};

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio_util::codec::Decoder as _;
use zresp::codec::{
    CommandTokenCodec, OwnTokens, OwnedCommandToken, OwnedPart, OwnedToken, ReplyTokenCodec,
    TokenCodec,
};
use zresp::frames::{FrameDecoder, FrameTokenReader, Replies, Requests};
use zresp::io::{CommandTokenStream, ReplyTokenStream, StreamError, StreamToken, TokenStream};
use zresp::{ErrorKind, Kind, Limits, LinePolicy, Reply, ReplyRef, Token};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::pieces::Pieces;
use zresp_testing::drive::tokens::{Seen, Shown, Told, by_a_decoder, payload, scalar};
use zresp_testing::generate;

/// A way to end: like a decoder's, with the place in the stream, but a cut frame is an error.
fn ended(error: StreamError, frame: u64) -> Result<usize, (ErrorKind, usize)> {
    match error {
        StreamError::Decode { error, position } => {
            assert_eq!(position, frame + error.offset as u64);
            Err((error.kind, usize::try_from(position).expect("short")))
        }
        other => panic!("{other}"),
    }
}

/// What a stream tells. Payloads are read into a buffer of `room` bytes.
fn by_a_stream<D: Owned>(
    bytes: &[u8],
    sizes: &[usize],
    policy: LinePolicy,
    whole: usize,
    room: usize,
) -> Told {
    let mut stream = TokenStream::<_, D>::new(Pieces::new(bytes, sizes));
    D::set_policy(stream.token_reader_mut(), policy);
    stream.set_whole(whole);
    let mut tokens = Vec::new();
    loop {
        let error = match stream.next() {
            Ok(Some(StreamToken::Token(token))) => {
                tokens.push(D::shown(token));
                continue;
            }
            Ok(Some(StreamToken::Payload(mut reader))) => {
                let (mut read, mut buffer) = (Vec::new(), vec![0; room]);
                let end = loop {
                    let left = reader.left();
                    match reader.read(&mut buffer) {
                        Ok(0) => break None,
                        Ok(count) => {
                            read.extend_from_slice(&buffer[..count]);
                            assert!(left.is_none_or(|left| reader.left() == Some(left - count)));
                        }
                        Err(error) => break Some(error),
                    }
                };
                if end.is_none() {
                    tokens.push(payload(reader.kind(), &read));
                }
                // An error comes again from the stream.
                continue;
            }
            Ok(None) => return Told { tokens, end: Ok(0) },
            Err(error) => error,
        };
        let end = ended(error, stream.position());
        return Told { tokens, end };
    }
}

/// Shows owned tokens, and joins parts.
trait Owned: Shown + OwnTokens {
    fn see(token: Self::Owned, parts: &mut Vec<u8>) -> Option<Seen>;

    /// A decoder with this policy for lines. Requests have none.
    fn decoder(policy: LinePolicy) -> FrameDecoder<Self>;

    fn set_policy(tokens: &mut FrameTokenReader<Self>, policy: LinePolicy);
}

fn join(part: &OwnedPart, parts: &mut Vec<u8>) -> Option<Seen> {
    parts.extend_from_slice(&part.bytes);
    part.is_last.then(|| payload(part.kind, &std::mem::take(parts)))
}

impl Owned for Replies {
    fn see(token: OwnedToken, parts: &mut Vec<u8>) -> Option<Seen> {
        Some(match token {
            OwnedToken::Open { kind, len } => Seen::Open(kind, len),
            OwnedToken::Close(kind) => Seen::Close(kind),
            OwnedToken::Part(part) => return join(&part, parts),
            // These need not have a form that can be written.
            OwnedToken::Scalar(Reply::Simple(text)) => scalar(&ReplyRef::Simple(&text)),
            OwnedToken::Scalar(Reply::Error(text)) => scalar(&ReplyRef::Error(&text)),
            OwnedToken::Scalar(Reply::BigNumber(text)) => scalar(&ReplyRef::BigNumber(&text)),
            OwnedToken::Scalar(reply) => {
                // Written and read again, to be shown in the same way.
                let mut wire = Vec::new();
                zresp::Encode::encode(&reply, zresp::Protocol::Resp3, &mut wire).expect("a scalar");
                let frame = zresp::decode(&wire).expect("valid").expect("whole");
                let null = matches!(reply, Reply::NullArray);
                scalar(&if null { ReplyRef::NullArray } else { frame.reply() })
            }
            other => panic!("{other:?}"),
        })
    }

    fn decoder(policy: LinePolicy) -> FrameDecoder<Self> {
        FrameDecoder::<Self>::new().with_line_policy(policy)
    }

    fn set_policy(tokens: &mut FrameTokenReader<Self>, policy: LinePolicy) {
        tokens.set_line_policy(policy);
    }
}

impl Owned for Requests {
    fn see(token: OwnedCommandToken, parts: &mut Vec<u8>) -> Option<Seen> {
        Some(match token {
            OwnedCommandToken::Open { len } => Seen::Open(Kind::Array, Some(len)),
            OwnedCommandToken::Close => Seen::Close(Kind::Array),
            OwnedCommandToken::Argument(argument) => scalar(&ReplyRef::Bulk(&argument)),
            OwnedCommandToken::Inline(line) => Seen::Inline(line.to_vec()),
            OwnedCommandToken::Part(part) => return join(&part, parts),
            other => panic!("{other:?}"),
        })
    }

    fn decoder(_: LinePolicy) -> FrameDecoder<Self> {
        FrameDecoder::new()
    }

    fn set_policy(_: &mut FrameTokenReader<Self>, _: LinePolicy) {}
}

fn by_a_codec<D: Owned>(bytes: &[u8], sizes: &[usize], policy: LinePolicy, whole: usize) -> Told {
    let mut codec = TokenCodec::<D>::new();
    D::set_policy(codec.token_reader_mut(), policy);
    codec.set_whole(whole);
    let (mut pieces, mut buffer) = (Pieces::new(bytes, sizes), BytesMut::new());
    let (mut tokens, mut parts) = (Vec::new(), Vec::new());
    loop {
        let piece = pieces.piece(usize::MAX);
        buffer.extend_from_slice(piece);
        loop {
            let next = if piece.is_empty() {
                codec.decode_eof(&mut buffer)
            } else {
                codec.decode(&mut buffer)
            };
            match next {
                Ok(Some(token)) => tokens.extend(D::see(token, &mut parts)),
                Ok(None) if piece.is_empty() => return Told { tokens, end: Ok(0) },
                Ok(None) => break,
                Err(error) => {
                    let end = ended(error, codec.position());
                    return Told { tokens, end };
                }
            }
        }
    }
}

fn assert_agree<D: Owned>(bytes: &[u8], sizes: &[usize], policy: LinePolicy) {
    let mut expected = by_a_decoder(bytes, D::decoder(policy));
    let is_cut = expected.end.is_ok();
    for (whole, room) in [(usize::MAX, 1), (3, 1), (0, 2), (0, 1000)] {
        for (way, mut found) in [
            ("stream", by_a_stream::<D>(bytes, sizes, policy, whole, room)),
            ("codec", by_a_codec::<D>(bytes, sizes, policy, whole)),
        ] {
            found.tokens.retain(|token| *token != Seen::Skipped);
            found.tokens.truncate(expected.tokens.len());
            if is_cut && expected.end != found.end {
                // A decoder does not know of the end of the stream.
                expected.end = match found.end {
                    Err((ErrorKind::UnexpectedEnd, _)) => {
                        Err((ErrorKind::UnexpectedEnd, bytes.len()))
                    }
                    _ => Ok(0),
                };
            }
            assert!(
                found == expected,
                "{way}, {}, in pieces of {sizes:?}, whole up to {whole}\n{found:?}\nis not\n{expected:?}",
                bytes.escape_ascii()
            );
        }
    }
}

proptest! {
    #![proptest_config(generate::cases(1024))]

    #[test]
    fn tokens_are_those_of_a_decoder(
        inputs in vec(prop_oneof![generate::frame(), generate::mutated(), generate::soup()], 1..4),
        requests in generate::requests(),
        sizes in vec(1..24_usize, 1..6),
    ) {
        let stream = inputs.iter().flat_map(|input| input.0.clone()).collect::<Vec<_>>();
        for policy in [LinePolicy::Strict, LinePolicy::AsSent] {
            assert_agree::<Replies>(&stream, &sizes, policy);
        }
        assert_agree::<Requests>(&requests.0, &sizes, LinePolicy::Strict);
    }
}

#[test]
fn captures_are_read() {
    for Capture { bytes, .. } in Capture::all(&[".replies"]) {
        let bytes = &bytes[..bytes.len().min(50_000)];
        assert_agree::<Replies>(bytes, &[7, 1_400], LinePolicy::Strict);
    }
    for Capture { bytes, .. } in Capture::all(&[".requests", ".aof"]) {
        let bytes = &bytes[..bytes.len().min(50_000)];
        assert_agree::<Requests>(bytes, &[7, 1_400], LinePolicy::Strict);
    }
}

/// A reply that is made as it is read: `count` integers, then a value of `size` bytes.
struct Made {
    count: usize,
    size: usize,
    head: io::Cursor<Vec<u8>>,
}

impl Read for Made {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.head.read(into)?;
        if read > 0 {
            return Ok(read);
        }
        if self.count > 0 {
            let some = self.count.min(1_000);
            self.count -= some;
            self.head = io::Cursor::new(b":7\r\n".repeat(some));
            if self.count == 0 {
                self.head.get_mut().extend_from_slice(format!("${}\r\n", self.size).as_bytes());
            }
            return self.read(into);
        }
        if self.size > 0 {
            let some = self.size.min(into.len());
            into[..some].fill(b'x');
            self.size -= some;
            if self.size == 0 {
                self.head = io::Cursor::new(b"\r\n".to_vec());
            }
            return Ok(some);
        }
        Ok(0)
    }
}

#[test]
fn a_long_reply_is_read_in_constant_memory() {
    const SIZE: usize = 512 * 1024 * 1024;
    let head = io::Cursor::new(b"*1000001\r\n".to_vec());
    let mut stream = ReplyTokenStream::new(Made { count: 1_000_000, size: SIZE, head });
    let (mut sum, mut copied) = (0, 0);
    let most = allocation_counter::measure(|| {
        while let Some(token) = stream.next().expect("a valid reply") {
            match token {
                StreamToken::Token(Token::Scalar(ReplyRef::Integer(value))) => sum += value,
                StreamToken::Payload(mut payload) => {
                    copied = io::copy(&mut payload, &mut io::sink()).expect("a whole payload");
                }
                StreamToken::Token(_) => {}
            }
        }
    });
    assert_eq!((sum, copied), (7_000_000, SIZE as u64));
    assert!(most.bytes_max < 200_000, "{} bytes at once", most.bytes_max);
}

#[test]
fn what_is_left_of_a_payload_is_skipped() {
    let reply = [b"*2\r\n$100000\r\n".as_slice(), &vec![b'x'; 100_000], b"\r\n:7\r\n"].concat();
    let mut stream = ReplyTokenStream::new(Pieces::new(&reply, &[1_000]));
    stream.next().unwrap();
    let Some(StreamToken::Payload(mut payload)) = stream.next().unwrap() else { panic!() };
    assert_eq!((payload.kind(), payload.left()), (Kind::Bulk, Some(100_000)));
    payload.read_exact(&mut [0; 10]).unwrap();
    let next = stream.next().unwrap();
    let Some(StreamToken::Token(Token::Scalar(ReplyRef::Integer(7)))) = next else {
        panic!("{next:?}")
    };
}

#[test]
fn a_stream_in_a_payload_is_not_between_frames() {
    let reply = [b"$100000\r\n".as_slice(), &vec![b'x'; 100_000], b"\r\n+OK\r\n"].concat();
    let mut stream = ReplyTokenStream::new(Pieces::new(&reply, &[1_000]));
    assert!(matches!(stream.next(), Ok(Some(StreamToken::Payload(_)))));
    assert!(!stream.is_between_frames(), "nothing has been read");
    let buffered = stream.buffered().to_vec();
    let mut framer = stream.token_reader_mut().clone().take_framer(&buffered).expect("in a frame");
    let progress = framer.advance(&reply[buffered.len()..]).unwrap();
    assert_eq!((progress.taken, progress.is_complete), (reply.len() - buffered.len() - 5, true));
    assert_eq!(progress.kind(), Some(Kind::Bulk));
}

#[test]
fn a_reader_that_is_reset_in_a_payload_ends() {
    let reply = [b"$100000\r\n".as_slice(), &vec![b'x'; 100_000], b"\r\n"].concat();
    let mut stream = ReplyTokenStream::new(Pieces::new(&reply, &[1_000]));
    assert!(matches!(stream.next(), Ok(Some(StreamToken::Payload(_)))));
    stream.token_reader_mut().reset();
    let ends = (0..1_000).any(|_| !matches!(stream.next(), Ok(Some(_))));
    assert!(ends);
}

#[test]
fn the_names_of_both_directions_exist() {
    let mut stream = CommandTokenStream::with_limits(&b"PING\r\n"[..], Limits::requests());
    assert!(matches!(stream.next(), Ok(Some(StreamToken::Token(_)))));
    assert!(stream.is_between_frames() && stream.next().unwrap().is_none());
    let (_, _) = (ReplyTokenCodec::default(), CommandTokenCodec::default());
}

/// Whatever was read of a frame, the next frame follows what is skipped.
#[test]
fn the_rest_of_a_frame_can_be_skipped_after_each_token() {
    let frame =
        b"*4\r\n%1\r\n+k\r\n$9\r\nlong text\r\n$?\r\n;5\r\nparts\r\n;0\r\n*?\r\n.\r\n:1\r\n";
    let bytes = [frame.as_slice(), b"+next\r\n"].concat();
    for size in [1, 7, bytes.len()] {
        for taken in 0..14 {
            let sizes = [size];
            let mut stream = ReplyTokenStream::new(Pieces::new(&bytes, &sizes));
            stream.set_whole(4);
            let mut is_over = false;
            for _ in 0..taken {
                stream.next().expect("a token");
                is_over = is_over || stream.is_between_frames();
            }
            stream.skip_frame().expect("the rest of the frame");
            if taken == 0 || (is_over && taken > 0) {
                continue; // nothing was in progress
            }
            let Some(StreamToken::Token(Token::Scalar(next))) = stream.next().expect("a token")
            else {
                panic!("{taken} in pieces of {size}")
            };
            assert_eq!(next, ReplyRef::Simple(b"next"), "{taken} in pieces of {size}");
        }
    }
    let mut stream = ReplyTokenStream::new(&b"*2\r\n:1\r\n"[..]);
    stream.next().expect("a token");
    assert!(matches!(stream.skip_frame(), Err(StreamError::Decode { position: 8, .. })));
}

#[test]
fn the_rest_of_a_frame_ends_with_a_long_payload() {
    let frames: [&[u8]; 5] = [
        b"$9\r\nlong text\r\n",
        b"=13\r\ntxt:long text\r\n",
        b"!9\r\nlong text\r\n",
        b"|1\r\n+k\r\n:1\r\n$9\r\nlong text\r\n",
        b"$?\r\n;5\r\nparts\r\n;4\r\nmore\r\n;0\r\n",
    ];
    for frame in frames {
        // The next frame has two tokens, so that a missing one shows.
        let bytes = [frame, b"*1\r\n:7\r\n"].concat();
        for size in [1, 7, bytes.len()] {
            let sizes = [size];
            let mut stream = ReplyTokenStream::new(Pieces::new(&bytes, &sizes));
            stream.set_whole(4);
            while !matches!(stream.next(), Ok(Some(StreamToken::Payload(_)))) {
                if stream.is_between_frames() {
                    break; // all of it was in the buffer
                }
            }
            stream.skip_frame().expect("the rest of the frame");
            let next = stream.next_value().expect("a value").expect("the next frame");
            assert_eq!(next.wire(), b"*1\r\n:7\r\n", "{frame:?} in pieces of {size}");
        }
        // Nothing is read after the end of the frame.
        let sizes = [3];
        let mut stream = ReplyTokenStream::new(Pieces::new(frame, &sizes));
        stream.set_whole(4);
        while !matches!(stream.next(), Ok(Some(StreamToken::Payload(_)))) {}
        stream.skip_frame().expect("the rest of the frame");
        assert!(stream.is_between_frames());
    }
}

/// Would block before each of its bytes.
struct Hesitant<'a> {
    bytes: &'a [u8],
    is_ready: bool,
}

impl Read for Hesitant<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.is_ready = !self.is_ready;
        if !self.is_ready {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = into.len().min(1);
        self.bytes.read(&mut into[..len])
    }
}

#[test]
fn forwarding_goes_on_after_a_reader_that_would_block() {
    let bytes = b"$9\r\nlong text\r\n+next\r\n";
    let mut stream = ReplyTokenStream::new(Hesitant { bytes, is_ready: true });
    stream.set_whole(4);
    let mut out = Vec::new();
    loop {
        match stream.next() {
            Err(_) => {}
            Ok(Some(StreamToken::Payload(mut payload))) => {
                while payload.forward(&mut out).is_err() {}
                break;
            }
            Ok(_) => panic!("a payload"),
        }
    }
    while stream.next().is_err() {}
    out.extend_from_slice(stream.wire());
    assert_eq!(out, bytes);
}

#[test]
fn a_payload_comes_once_whatever_is_set_after_it() {
    let bytes = b"$5\r\nhello\r\n+next\r\n";
    let sizes = [6, 100];
    let mut stream = ReplyTokenStream::new(Pieces::new(bytes, &sizes));
    stream.set_whole(4);
    assert!(matches!(stream.next(), Ok(Some(StreamToken::Payload(_)))));
    stream.set_whole(10);
    let Ok(Some(StreamToken::Token(Token::Scalar(next)))) = stream.next() else {
        panic!("the next reply")
    };
    assert_eq!(next, ReplyRef::Simple(b"next"));
}
