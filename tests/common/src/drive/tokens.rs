//! What a token reader tells of a stream, beside what a decoder tells of it.

use zresp::frames::PayloadPart;
use zresp::{Decoder, ErrorKind, Kind, Limits, ReplyRef, Token, TokenReader};

/// A token that owns what it shows; parts of a payload are joined to the value that they are.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    Open(Kind, Option<usize>),
    Scalar(Kind, String, Option<Vec<u8>>),
    Close(Kind),
}

/// The tokens of a stream, and how it ends: what is needed, or what is wrong and where.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub tokens: Vec<Seen>,
    pub end: Result<usize, (ErrorKind, usize)>,
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
pub fn by_a_decoder(bytes: &[u8], limits: Limits) -> Told {
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
pub fn by_a_reader(bytes: &[u8], sizes: &[usize], limits: Limits, whole: usize) -> Told {
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
pub fn assert_agree(bytes: &[u8], sizes: &[usize], limits: Limits) {
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
