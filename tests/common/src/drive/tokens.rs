//! What a token reader tells of a stream, beside what a decoder tells of it.

use zresp::command::CommandToken;
use zresp::frames::{Direction, FrameDecoder, FrameTokenReader, PayloadPart};
use zresp::frames::{FrameView, Replies, Requests};
use zresp::{
    Command, Decoded, Error, ErrorKind, Kind, Limits, LinePolicy, ReplyRef, Request, Token,
};

/// A token that owns what it shows; parts of a payload are joined to the value that they are.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    Open(Kind, Option<usize>),
    Scalar(Kind, String, Option<Vec<u8>>),
    Close(Kind),
    Inline(Vec<u8>),
    Skipped,
}

/// The tokens of a stream, and how it ends: what is needed, or what is wrong and where.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub tokens: Vec<Seen>,
    pub end: Result<usize, (ErrorKind, usize)>,
}

/// Replies or requests, whose tokens can be shown.
pub trait Shown: Direction {
    fn shown(token: Self::Token<'_>) -> Seen;

    /// The tokens of a whole frame.
    fn shown_frame(frame: &Self::Frame<'_>) -> Vec<Seen>;
}

impl Shown for Replies {
    fn shown(token: Token<'_>) -> Seen {
        match token {
            Token::Open { kind, len } => Seen::Open(kind, len),
            Token::Close(kind) => Seen::Close(kind),
            Token::Scalar(reply) => scalar(&reply),
            other => panic!("{other:?}: an unknown token"),
        }
    }

    fn shown_frame(frame: &Decoded<'_>) -> Vec<Seen> {
        frame.tokens().map(Self::shown).collect()
    }
}

impl Shown for Requests {
    fn shown(token: CommandToken<'_>) -> Seen {
        match token {
            CommandToken::Open { len } => Seen::Open(Kind::Array, Some(len)),
            CommandToken::Close => Seen::Close(Kind::Array),
            CommandToken::Argument(argument) => scalar(&ReplyRef::Bulk(argument)),
            CommandToken::Inline(line) => Seen::Inline(line.wire().to_vec()),
            CommandToken::Skipped => Seen::Skipped,
            other => panic!("{other:?}: an unknown token"),
        }
    }

    fn shown_frame(request: &Request<'_>) -> Vec<Seen> {
        match request.command() {
            Command::Array(command) => [Seen::Open(Kind::Array, Some(command.len()))]
                .into_iter()
                .chain(command.args().map(|argument| scalar(&ReplyRef::Bulk(argument))))
                .chain([Seen::Close(Kind::Array)])
                .collect(),
            Command::Inline(line) => vec![Seen::Inline(line.wire().to_vec())],
        }
    }
}

/// A scalar as it is shown.
pub fn scalar(reply: &ReplyRef<'_>) -> Seen {
    let bytes = reply.to_bytes().ok().or(reply.as_error().map(Into::into));
    // Where a streamed string has chunks depends on how it came.
    let shown = if reply.kind() == Kind::Streamed { String::new() } else { format!("{reply:?}") };
    Seen::Scalar(reply.kind(), shown, bytes.map(Into::into))
}

/// The value whose last part this is.
fn joined(part: PayloadPart<'_>, parts: &mut Vec<u8>) -> Option<Seen> {
    parts.extend_from_slice(part.bytes);
    assert!(part.left.is_some() == (part.kind != Kind::Streamed), "{part:?}");
    assert!(!part.is_last || part.left.unwrap_or(0) == 0, "{part:?}");
    part.is_last.then(|| payload(part.kind, &std::mem::take(parts)))
}

/// The scalar of this kind that has this payload.
pub fn payload(kind: Kind, payload: &[u8]) -> Seen {
    let whole = match kind {
        Kind::BulkError => ReplyRef::BulkError(payload),
        Kind::Verbatim => {
            let (format, text) = payload.split_first_chunk().expect("a format");
            ReplyRef::Verbatim { format, text: text.strip_prefix(b":").expect("a colon") }
        }
        Kind::Streamed => return Seen::Scalar(kind, String::new(), Some(payload.to_vec())),
        _ => ReplyRef::Bulk(payload),
    };
    scalar(&whole)
}

/// A decoder and a token reader with the same settings.
#[derive(Clone)]
pub struct Both<D> {
    decoder: FrameDecoder<D>,
    reader: FrameTokenReader<D>,
}

impl<D: Shown> Both<D> {
    pub fn with_limits(limits: Limits) -> Self {
        let decoder = FrameDecoder::with_limits(limits);
        Self { decoder, reader: FrameTokenReader::with_limits(limits) }
    }
}

impl Both<Replies> {
    #[must_use]
    pub fn with_line_policy(mut self, policy: LinePolicy) -> Self {
        self.decoder.set_line_policy(policy);
        self.reader.set_line_policy(policy);
        self
    }
}

/// What a decoder tells of a stream, whole; and the tokens of its last frame are unknown.
pub fn by_a_decoder<D: Shown>(bytes: &[u8], mut decoder: FrameDecoder<D>) -> Told {
    let (mut tokens, mut at) = (Vec::new(), 0);
    loop {
        match decoder.decode(&bytes[at..]) {
            Ok(Some(frame)) => {
                tokens.extend(D::shown_frame(&frame));
                at += frame.wire().len();
            }
            Ok(None) => return Told { tokens, end: Ok(decoder.needed()) },
            Err(error) => return Told { tokens, end: Err((error.kind, at + error.offset)) },
        }
    }
}

/// What a reader tells of a stream that comes in pieces of these sizes, alternating; `whole` is the size up
/// to which payloads come whole. At each end of a piece it needs what a decoder needs.
pub fn by_a_reader<D: Shown>(bytes: &[u8], sizes: &[usize], both: Both<D>, whole: usize) -> Told {
    let Both { mut reader, mut decoder } = both;
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
                    tokens.push(D::shown(token));
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
        let coming = &bytes[arrived..];
        assert_rest_is_framed(&reader, &buffer[dropped..], &coming[..coming.len().min(64)]);
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

/// A framer that takes over ends the frame where the reader does.
fn assert_rest_is_framed<D: Shown>(reader: &FrameTokenReader<D>, buffer: &[u8], coming: &[u8]) {
    let (mut ended, mut reader) = (reader.clone(), reader.clone());
    let Some(mut framer) = reader.take_framer(buffer) else {
        assert!(ended.is_between_frames());
        return;
    };
    assert!(reader.is_between_frames());
    let progress = framer.advance(coming);
    let (mut bytes, mut at, mut skipped) = (buffer.to_vec(), 0, 0);
    bytes.extend_from_slice(coming);
    let expected = loop {
        let end = match ended.next(&bytes[at..]) {
            Ok(Some((token, size))) => {
                at += size;
                // For a framer, what is skipped belongs to the request that follows.
                let is_skipped = D::shown(token) == Seen::Skipped;
                skipped += if is_skipped { size } else { 0 };
                (ended.is_between_frames() && !is_skipped).then(|| Ok(at - buffer.len()))
            }
            Ok(None) => match ended.next_part(&bytes[at..], 0) {
                Ok(Some((_, size))) => {
                    at += size;
                    ended.is_between_frames().then(|| Ok(at - buffer.len()))
                }
                Ok(None) => return assert!(progress.is_ok_and(|progress| !progress.is_complete)),
                Err(error) => Some(Err(error)),
            },
            Err(error) => Some(Err(error)),
        };
        if let Some(end) = end {
            break end;
        }
    };
    let expected = expected.map_err(|error: Error| (error.kind, error.offset + skipped));
    let progress = progress.map_err(|error| (error.kind, error.offset));
    let found = progress.map(|progress| if progress.is_complete { progress.taken } else { 0 });
    assert_eq!(found, expected, "{} then {}", buffer.escape_ascii(), coming.escape_ascii());
}

/// The tokens of the whole frames are the same, and the end.
pub fn assert_agree<D: Shown>(bytes: &[u8], sizes: &[usize], both: &Both<D>) {
    let expected = by_a_decoder(bytes, both.decoder.clone());
    for whole in [usize::MAX, 3, 0] {
        let mut found = by_a_reader(bytes, sizes, both.clone(), whole);
        // A decoder does not tell of what a request skips.
        found.tokens.retain(|token| *token != Seen::Skipped);
        // Those of the last frame, which is not whole, come on top.
        found.tokens.truncate(expected.tokens.len());
        assert!(
            found == expected,
            "{} in pieces of {sizes:?}, whole up to {whole}\n{found:?}\nis not\n{expected:?}",
            bytes.escape_ascii()
        );
    }
}
