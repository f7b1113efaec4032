//! A reply that is downgraded while it arrives becomes the same bytes as one that has arrived whole, wherever the
//! bytes are cut, and in constant memory. Only a streamed aggregate is held, up to the caller's limit.
#![cfg(feature = "std")]

use allocation_counter::measure;
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use zresp::encode::Downgrader;
use zresp::{
    Decoder, Encode, EncodeError, Kind, Limits, LinePolicy, Protocol, ReplyRef, Token, TokenReader,
};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::verdicts;
use zresp_testing::generate;
use zresp_testing::oracle::writer::{self, Numbers};

/// A proxy's two halves: what has not been read as a token yet, and what was written.
struct Proxy {
    reader: TokenReader,
    downgrader: Downgrader,
    buffer: Vec<u8>,
    out: BytesMut,
    /// Payloads up to this size come whole.
    whole: usize,
}

impl Proxy {
    fn new(whole: usize, limit: usize) -> Self {
        Self {
            reader: TokenReader::new(),
            downgrader: Downgrader::new(limit),
            buffer: Vec::new(),
            out: BytesMut::new(),
            whole,
        }
    }

    /// Takes bytes. Drops those at an error of the reader, and returns an error of the downgrader.
    fn take(&mut self, piece: &[u8]) -> Result<(), EncodeError> {
        self.buffer.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let rest = &self.buffer[at..];
            if let Ok(Some((token, size))) = self.reader.next(rest) {
                self.downgrader.token(&token, &rest[..size], &mut self.out)?;
                at += size;
            } else if let Ok(Some((part, size))) = self.reader.next_part(rest, self.whole) {
                self.downgrader.part(&part, &mut self.out)?;
                at += size;
            } else {
                if self.reader.next(rest).is_err() {
                    at = self.buffer.len();
                }
                break;
            }
        }
        self.buffer.drain(..at);
        Ok(())
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// The RESP2 forms of the whole frames, as the view writes them and as the naive twin does; and the error of the first
/// frame that has none.
fn forms(bytes: &[u8], policy: LinePolicy) -> (Vec<u8>, Result<(), EncodeError>) {
    let mut decoder = Decoder::new().with_line_policy(policy);
    let (mut at, mut out) = (0, Vec::new());
    while let Ok(Some(frame)) = decoder.decode(&bytes[at..]) {
        let before = out.len();
        if let Err(error) = frame.encode(Protocol::Resp2, &mut out) {
            return (out, Err(error));
        }
        let naive = writer::in_resp2(&verdicts::annotated(frame), Numbers::OfTheSender);
        assert_eq!(shown(&out[before..]), shown(&naive), "{}", shown(frame.wire()));
        at += frame.wire().len();
    }
    (out, Ok(()))
}

/// The RESP2 forms of strict frames.
fn whole(bytes: &[u8]) -> Vec<u8> {
    let (out, result) = forms(bytes, LinePolicy::Strict);
    result.expect("a form on the wire");
    out
}

/// Asserts that the frames become the same when they come in pieces of these sizes, alternating.
fn assert_agree(bytes: &[u8], sizes: &[usize], policy: LinePolicy) {
    let (expected, result) = &forms(bytes, policy);
    for whole in [usize::MAX, 3, 0] {
        let mut proxy = Proxy::new(whole, usize::MAX);
        proxy.reader.set_line_policy(policy);
        let (mut rest, mut sizes_left) = (bytes, sizes.iter().cycle());
        let mut ended = Ok(());
        while !rest.is_empty() && ended.is_ok() {
            let (piece, after) = rest.split_at(rest.len().min(*sizes_left.next().expect("a size")));
            ended = proxy.take(piece);
            rest = after;
        }
        // Some of a last frame that is cut, wrong or without a form may follow.
        let is_whole = proxy.reader.is_between_frames() && ended.is_ok();
        let found = if is_whole { &proxy.out[..] } else { &proxy.out[..expected.len()] };
        let case = format!("{} in pieces of {sizes:?}, whole up to {whole}", shown(bytes));
        assert_eq!(shown(found), shown(expected), "{case}");
        assert!(!is_whole || proxy.downgrader.held() == 0, "{case}");
        let is_in_the_last = result.is_ok() && !proxy.reader.is_between_frames();
        assert!(ended == *result || is_in_the_last, "{ended:?} is not {result:?}: {case}");
    }
}

proptest! {
    #![proptest_config(generate::cases(512))]

    #[test]
    fn arriving_replies_become_what_whole_ones_become(
        inputs in vec(
            prop_oneof![4 => generate::frame(), 1 => generate::mutated(), 1 => generate::alike()],
            1..4,
        ),
        sizes in vec(1..24_usize, 1..6),
    ) {
        let stream = inputs.iter().flat_map(|input| input.0.clone()).collect::<Vec<_>>();
        assert_agree(&stream, &sizes, LinePolicy::Strict);
        assert_agree(&stream, &sizes, LinePolicy::AsSent);
    }
}

proptest! {
    #![proptest_config(generate::cases(64))]

    #[test]
    fn every_cut_of_a_reply_gives_the_same_bytes(input in generate::frame()) {
        for cut in 1..input.0.len().min(200) {
            assert_agree(&input.0, &[cut, usize::MAX], LinePolicy::Strict);
        }
    }
}

#[test]
fn captures_become_the_same_in_pieces_of_any_size() {
    for Capture { name, bytes } in Capture::all(&[".replies"]) {
        assert!(!whole(&bytes).is_empty(), "{name}");
        for size in [1, 7, 1_400, usize::MAX] {
            assert_agree(&bytes, &[size], LinePolicy::Strict);
        }
    }
}

#[test]
fn parts_of_payloads_become_strings_and_error_lines() {
    let message = b"ERR \r\n\r.\n".repeat(3);
    let inputs = [
        b"$12\r\nabc\r\ndef\r\ngh\r\n".to_vec(),
        [format!("!{}\r\n", message.len()).as_bytes(), &message, b"\r\n"].concat(),
        // In an attribute, in a streamed aggregate, and in both.
        b"|1\r\n$5\r\nhello\r\n!5\r\nERR a\r\n$6\r\nworlds\r\n".to_vec(),
        b"*?\r\n$5\r\nhello\r\n!6\r\nERR\nab\r\n.\r\n".to_vec(),
        b"*?\r\n|1\r\n+a\r\n%?\r\n$5\r\nhello\r\n*0\r\n.\r\n$5\r\nhello\r\n~?\r\n.\r\n.\r\n"
            .to_vec(),
    ];
    for bytes in inputs {
        for size in 1..bytes.len() {
            assert_agree(&bytes, &[size, 1], LinePolicy::Strict);
        }
    }
}

#[test]
fn lines_as_they_were_sent_are_refused_like_those_of_a_whole_reply() {
    let inputs: [(&str, Result<&str, EncodeError>); 6] = [
        (":1\r\n(abc\r\n:2\r\n", Err(EncodeError::NotABigNumber)),
        ("*2\r\n:1\r\n+a\nb\r\n", Err(EncodeError::LineBreak { kind: Kind::Simple, offset: 1 })),
        ("%?\r\n:1\r\n-\n\r\n.\r\n", Err(EncodeError::LineBreak { kind: Kind::Error, offset: 0 })),
        ("|1\r\n+k\r\n*1\r\n-a\nb\r\n:1\r\n", Ok(":1\r\n")),
        ("*1\r\n|1\r\n(\r\n+\n\r\n$2\r\nab\r\n", Ok("*1\r\n$2\r\nab\r\n")),
        ("(12\r\n", Ok("$2\r\n12\r\n")),
    ];
    for (wire, expected) in inputs {
        let (out, result) = forms(wire.as_bytes(), LinePolicy::AsSent);
        match expected {
            Ok(form) => assert_eq!((shown(&out), result), (shown(form.as_bytes()), Ok(()))),
            Err(error) => assert_eq!(result, Err(error), "{wire:?}"),
        }
        for size in 1..wire.len() {
            assert_agree(wire.as_bytes(), &[size, 1], LinePolicy::AsSent);
        }
    }
}

#[test]
fn an_arriving_reply_is_written_in_constant_memory() {
    const PIECE: usize = 64 * 1024;
    let mut proxy = Proxy::new(PIECE, 0);
    proxy.buffer.reserve(2 * PIECE);
    proxy.out.reserve(4 * PIECE);
    // Nested deeper and deeper, with attributes, and then a value of half a gigabyte.
    let entry = b"|1\r\n+ttl\r\n,1.5\r\n%1\r\n$5\r\nfield\r\n~2\r\n,1.50\r\n#t\r\n".repeat(1_000);
    let payload = vec![b'x'; PIECE];
    let mut written = 0usize;
    let mut take = |proxy: &mut Proxy, piece: &[u8]| {
        proxy.take(piece).expect("nothing is held");
        written += proxy.out.len();
        proxy.out.clear();
    };
    let memory = measure(|| {
        take(&mut proxy, b"*1000001\r\n");
        for _ in 0..1_000 {
            take(&mut proxy, &entry);
        }
        take(&mut proxy, b"$536870912\r\n");
        for _ in 0..536_870_912 / PIECE {
            take(&mut proxy, &payload);
        }
        take(&mut proxy, b"\r\n");
    });
    assert!(proxy.reader.is_between_frames() && proxy.buffer.is_empty());
    let entry = "*2\r\n$5\r\nfield\r\n*2\r\n$4\r\n1.50\r\n:1\r\n".len();
    assert_eq!(written, 10 + 1_000_000 * entry + 12 + 536_870_912 + 2);
    assert_eq!(memory.count_total, 0, "nothing is allocated");
}

/// The RESP2 form of a reply that is held is exact to the byte, and one byte less is an error.
#[test]
fn the_limit_for_what_is_held_is_exact() {
    const HEADER: usize = 3 * size_of::<usize>();
    let cases: [(&[u8], usize); 6] = [
        (b"*?\r\n.\r\n", HEADER),
        (b"*?\r\n_\r\n.\r\n", HEADER + 5),
        (b"%?\r\n+k\r\n%1\r\n:1\r\n,2.50\r\n.\r\n", HEADER + 4 + 4 + 4 + 10),
        (b"*2\r\n$5\r\nhello\r\n*?\r\n~?\r\n#t\r\n.\r\n.\r\n", 2 * HEADER + 4),
        (b"*?\r\n|1\r\n$9\r\nattribute\r\n*?\r\n.\r\n$5\r\nhello\r\n.\r\n", HEADER + 11),
        (b"*?\r\n$12\r\nhello, world\r\n.\r\n", HEADER + 19),
    ];
    for (bytes, needed) in cases {
        let case = shown(bytes);
        for whole in [usize::MAX, 0] {
            for size in [1, 5, usize::MAX] {
                let mut proxy = Proxy::new(whole, needed);
                let pieces =
                    |proxy: &mut Proxy| bytes.chunks(size).try_for_each(|piece| proxy.take(piece));
                assert_eq!(pieces(&mut proxy), Ok(()), "{case} in pieces of {size}");
                assert_eq!(shown(&proxy.out), shown(&self::whole(bytes)), "{case}");

                let mut proxy = Proxy::new(whole, needed - 1);
                let error = EncodeError::TooLongToHold { limit: needed - 1 };
                assert_eq!(pieces(&mut proxy), Err(error), "{case} in pieces of {size}");
                assert_eq!(proxy.downgrader.held(), 0, "{case}");
                // The rest of the reply does not come without its beginning.
                let written = proxy.out.len();
                let token = Token::Scalar(ReplyRef::Integer(1));
                for _ in 0..2 {
                    let next = proxy.downgrader.token(&token, b":1\r\n", &mut proxy.out);
                    assert_eq!(next, Err(error), "{case}");
                    let close = Token::Close(Kind::Array);
                    assert_eq!(proxy.downgrader.token(&close, b"", &mut proxy.out), Err(error));
                }
                assert_eq!(proxy.out.len(), written, "{case}");
                proxy.downgrader.reset();
                assert_eq!(proxy.downgrader.token(&token, b":1\r\n", &mut proxy.out), Ok(()));
                assert!(proxy.out.ends_with(b":1\r\n"), "{case}");
            }
        }
    }
}

#[test]
fn held_memory_is_bounded_by_the_limits() {
    let most = 10_000;
    // Many short streamed aggregates cost more memory than bytes; deep ones cost levels.
    for (begin, value) in
        [("*?\r\n", "*?\r\n.\r\n"), ("*?\r\n", "*1\r\n"), ("%?\r\n", "$5\r\nhello\r\n")]
    {
        let mut proxy = Proxy::new(usize::MAX, most);
        proxy.reader.set_limits(Limits::new().with_depth(100));
        proxy.buffer.reserve(1_000);
        let memory = measure(|| {
            _ = proxy.take(begin.as_bytes());
            for _ in 0..100_000 {
                if proxy.take(value.as_bytes()).is_err() {
                    break;
                }
            }
        });
        // A vector that grows is copied to one of twice the size.
        assert!(memory.bytes_max < 4 * most as u64, "{value:?}: {}", memory.bytes_max);
    }
}

#[test]
fn tokens_made_by_hand_never_become_protocol() {
    let cases: [(ReplyRef<'_>, &[u8], Result<&str, EncodeError>); 6] = [
        (
            ReplyRef::Simple(b"a\r\nb"),
            b"",
            Err(EncodeError::LineBreak { kind: Kind::Simple, offset: 1 }),
        ),
        (ReplyRef::BigNumber(b"x"), b"(x\r\n", Err(EncodeError::NotABigNumber)),
        (ReplyRef::Double(1.5), b"", Ok("$3\r\n1.5\r\n")),
        (ReplyRef::Double(1.5), b",\r", Ok("$3\r\n1.5\r\n")),
        (ReplyRef::Integer(7), b"", Ok(":7\r\n")),
        (ReplyRef::Bulk(b"a\r\nb"), b"$4\r\na", Ok("$4\r\na\r\nb\r\n")),
    ];
    for (scalar, wire, expected) in cases {
        let (mut downgrader, mut out) = (Downgrader::new(100), BytesMut::new());
        let result = downgrader.token(&Token::Scalar(scalar), wire, &mut out);
        match expected {
            Ok(text) => assert_eq!((result, &out[..]), (Ok(()), text.as_bytes()), "{scalar:?}"),
            Err(error) => assert_eq!((result, out.len()), (Err(error), 0), "{scalar:?}"),
        }
    }
    // Nothing is open, and the length is impossible.
    let (mut downgrader, mut out) = (Downgrader::new(100), BytesMut::new());
    for kind in [Kind::Array, Kind::Attribute] {
        assert_eq!(downgrader.token(&Token::Close(kind), b"", &mut out), Ok(()));
    }
    let open = Token::Open { kind: Kind::Map, len: Some(usize::MAX) };
    assert_eq!(downgrader.token(&open, b"", &mut out), Ok(()));
    assert_eq!(&out[..], format!("*{}\r\n", usize::MAX).as_bytes());
}
