//! Every way to decode bytes that arrive in pieces. The result of each way is a [`Story`].
//!
//! Offsets count from the start of the stream. So a way that drops frames, or the skipped lines before a
//! request, gives the same story as one that keeps everything.

use std::fmt::Debug;

use bytes::BytesMut;
use zresp::frames::{Direction, FrameDecoder, FrameView, Frames, OwnedFrame, Replies, Requests};
use zresp::io::{FrameReader, StreamError};
use zresp::{
    CommandDecoder, CommandFrame, Decoded, Decoder, Error, ErrorKind, Frame, Framer, InlinePolicy,
    Limits, LinePolicy, Request,
};

use super::pieces::Pieces;
use super::verdicts;
use crate::oracle::Annotated;

/// Limits that every frame exceeds.
const TIGHTEST: Limits = Limits::new().with_depth(0).with_bulk(0).with_elements(0).with_frame(0);

/// The frames of a stream, and its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Story<T> {
    /// The frames, and where each ends.
    pub frames: Vec<(T, usize)>,
    /// The number of bytes that are needed after the last frame, or the error and its offset.
    pub end: Result<usize, (ErrorKind, usize)>,
}

impl<T> Story<T> {
    /// The same story without values, as a framer gives it.
    fn boundaries(&self) -> Story<()> {
        Story { frames: self.frames.iter().map(|(_, end)| ((), *end)).collect(), end: self.end }
    }
}

/// A story in progress.
struct StoryBuilder<T> {
    frames: Vec<(T, usize)>,
    /// Where the frame in progress begins.
    at: usize,
    /// The earliest place where it can end.
    earliest: usize,
}

impl<T> StoryBuilder<T> {
    const fn new() -> Self {
        Self { frames: Vec::new(), at: 0, earliest: 0 }
    }

    fn frame(&mut self, value: T, size: usize) {
        self.at += size;
        assert!(self.earliest <= self.at, "`needed` was more than the frame of {size} bytes has");
        self.earliest = 0;
        self.frames.push((value, self.at));
    }

    /// Notes that the frame is not whole with the bytes up to `seen`.
    fn needs(&mut self, seen: usize, needed: usize) {
        assert!(needed > 0, "nothing is needed at {seen}");
        self.earliest = self.earliest.max(seen.saturating_add(needed));
    }

    fn ends(self, needed: usize) -> Story<T> {
        Story { frames: self.frames, end: Ok(needed) }
    }

    fn fails(self, error: Error) -> Story<T> {
        Story { frames: self.frames, end: Err((error.kind, self.at + error.offset)) }
    }
}

/// Replies or requests, with the values of a frame in a form that can be compared.
pub trait Way: Direction {
    type Value: Debug + PartialEq + Clone;

    fn value(frame: &Self::Frame<'_>) -> Self::Value;
    fn kept(frame: &OwnedFrame<Self>) -> Self::Value;
}

impl Way for Replies {
    type Value = Annotated;

    fn value(frame: &Decoded<'_>) -> Annotated {
        verdicts::annotated(*frame)
    }

    fn kept(frame: &Frame) -> Annotated {
        verdicts::annotated(frame.view())
    }
}

impl Way for Requests {
    type Value = Vec<Vec<u8>>;

    fn value(request: &Request<'_>) -> Vec<Vec<u8>> {
        verdicts::arguments(request)
    }

    fn kept(frame: &CommandFrame) -> Vec<Vec<u8>> {
        let mut scratch = Vec::new();
        frame.command().to_array(&mut scratch).args().map(<[u8]>::to_vec).collect()
    }
}

/// The frame that `buf` begins with, and its size.
fn view<D: Way>(
    decoder: &mut FrameDecoder<D>,
    buf: &[u8],
) -> Result<Option<(D::Value, usize)>, Error> {
    Ok(decoder.decode(buf)?.map(|frame| (D::value(&frame), frame.wire().len())))
}

/// Sets the tightest limits, and then the old ones again.
fn tighten_in_passing<D: Way>(decoder: &mut FrameDecoder<D>) {
    let limits = decoder.limits();
    decoder.set_limits(TIGHTEST);
    decoder.set_limits(limits);
}

/// Decodes views. The caller keeps the bytes of the frame in progress, and calls `between` before each piece.
fn by_views<D: Way>(
    mut decoder: FrameDecoder<D>,
    bytes: &[u8],
    sizes: &[usize],
    between: fn(&mut FrameDecoder<D>),
) -> Story<D::Value> {
    let mut story = StoryBuilder::new();
    let (mut pieces, mut seen) = (Pieces::new(bytes, sizes), 0);
    loop {
        seen += pieces.piece(usize::MAX).len();
        between(&mut decoder);
        loop {
            match view(&mut decoder, &bytes[story.at..seen]) {
                Ok(Some((value, size))) => story.frame(value, size),
                Ok(None) if seen == bytes.len() => return story.ends(decoder.needed()),
                Ok(None) => break,
                Err(error) => return story.fails(error),
            }
        }
        story.needs(seen, decoder.needed());
    }
}

/// Decodes owned frames, and removes them and the skipped lines from a buffer.
fn by_frames<D: Way>(
    mut decoder: FrameDecoder<D>,
    bytes: &[u8],
    sizes: &[usize],
) -> Story<D::Value> {
    let mut story = StoryBuilder::new();
    let (mut pieces, mut buffer, mut seen) = (Pieces::new(bytes, sizes), BytesMut::new(), 0);
    loop {
        let piece = pieces.piece(usize::MAX);
        buffer.extend_from_slice(piece);
        seen += piece.len();
        loop {
            let before = buffer.len();
            match decoder.decode_frame(&mut buffer) {
                Ok(Some(frame)) => story.frame(D::kept(&frame), before - buffer.len()),
                Ok(None) => break,
                Err(error) => return story.fails(error),
            }
        }
        let skipped = decoder.take_skipped();
        drop(buffer.split_to(skipped));
        story.at = seen - buffer.len();
        if seen == bytes.len() {
            return story.ends(decoder.needed());
        }
        story.needs(seen, decoder.needed());
    }
}

/// Hands a frame that is not whole over to a framer. The framer gets each piece once, in its own memory.
fn by_framers<D: Way>(
    mut decoder: FrameDecoder<D>,
    bytes: &[u8],
    sizes: &[usize],
    keeps_framer: bool,
) -> Story<()> {
    let mut story = StoryBuilder::new();
    let mut framer = keeps_framer.then(|| decoder.take_framer(&[]));
    let (mut pieces, mut seen) = (Pieces::new(bytes, sizes), 0);
    loop {
        let piece = pieces.piece(usize::MAX).to_vec();
        let is_last = seen + piece.len() == bytes.len();
        let mut rest = piece.as_slice();
        while !rest.is_empty() {
            let Some(active) = &mut framer else {
                let size = match view(&mut decoder, rest) {
                    Ok(Some((_, size))) => size,
                    Ok(None) => {
                        framer = Some(decoder.take_framer(rest));
                        seen += rest.len();
                        break;
                    }
                    Err(error) => return story.fails(error),
                };
                story.frame((), size);
                seen += size;
                rest = &rest[size..];
                continue;
            };
            let progress = match active.advance(rest) {
                Ok(progress) => progress,
                Err(error) => return story.fails(error),
            };
            seen += progress.taken;
            rest = &rest[progress.taken..];
            if progress.is_complete {
                assert!(active.is_between_frames());
                story.frame((), seen - story.at);
                framer = framer.filter(|_| keeps_framer);
            } else {
                assert!(rest.is_empty(), "a chunk is taken up to the end of the frame");
            }
        }
        if is_last {
            // At the end, a call without bytes returns an error that is due.
            let error = match &mut framer {
                Some(framer) => framer.advance(&[]).err(),
                None => view(&mut decoder, &[]).err(),
            };
            let needed = framer.as_ref().map_or_else(|| decoder.needed(), Framer::needed);
            return match error {
                Some(error) => story.fails(error),
                None => story.ends(needed),
            };
        }
        let needed = framer.as_ref().map_or_else(|| decoder.needed(), Framer::needed);
        story.needs(seen, needed);
    }
}

fn by_a_reader<D: Way>(decoder: FrameDecoder<D>, bytes: &[u8], sizes: &[usize]) -> Story<D::Value> {
    let mut reader = FrameReader::with_decoder(Pieces::new(bytes, sizes), decoder);
    let mut story = StoryBuilder::new();
    let place = |offset: u64| usize::try_from(offset).expect("a place in memory");
    loop {
        let read = reader.read().map(|frame| frame.map(|frame| D::value(&frame)));
        let error = match read {
            Ok(Some(value)) => {
                story.frame(value, place(reader.consumed()) - story.at);
                continue;
            }
            Ok(None) => None,
            Err(StreamError::Decode { error, .. }) => Some(error),
            Err(error) => panic!("{error}: pieces do not fail"),
        };
        story.at = place(reader.position());
        return match error {
            Some(error) if error.kind != ErrorKind::UnexpectedEnd => story.fails(error),
            ended => {
                let offset = ended.map_or(0, |error| error.offset);
                assert_eq!(story.at + offset, bytes.len(), "{ended:?}");
                story.ends(reader.decoder_mut().needed())
            }
        };
    }
}

#[cfg(feature = "codec")]
fn by_a_codec<D: Way>(decoder: FrameDecoder<D>, bytes: &[u8], sizes: &[usize]) -> Story<D::Value> {
    use tokio_util::codec::Decoder as _;
    use zresp::codec::Codec;
    use zresp::io::StreamError;

    let mut codec = Codec::with_decoder(decoder);
    let mut story = StoryBuilder::new();
    let (mut pieces, mut buffer, mut seen) = (Pieces::new(bytes, sizes), BytesMut::new(), 0);
    let place = |offset: u64| usize::try_from(offset).expect("a place in memory");
    loop {
        let piece = pieces.piece(usize::MAX);
        buffer.extend_from_slice(piece);
        seen += piece.len();
        loop {
            let frame = codec.decode(&mut buffer);
            let taken = place(codec.position());
            match frame {
                Ok(Some(frame)) => story.frame(D::kept(&frame), taken - story.at),
                Ok(None) => break,
                Err(StreamError::Decode { error, .. }) => {
                    story.at = taken;
                    return story.fails(error);
                }
                Err(error) => panic!("{error}: nothing is written"),
            }
        }
        if seen == bytes.len() {
            return story.ends(codec.decoder().needed());
        }
        story.needs(seen, codec.decoder().needed());
    }
}

/// Asserts that each way gives the same story for the bytes in pieces as for all bytes at once, and returns it.
/// The sizes of the pieces are used over and over.
#[cfg(feature = "codec")]
pub fn agreed<D: Way>(decoder: &FrameDecoder<D>, bytes: &[u8], sizes: &[usize]) -> Story<D::Value> {
    let whole = agreed_without_codec(decoder, bytes, sizes);
    assert_story(&by_a_codec(decoder.clone(), bytes, sizes), &whole, "codec", bytes, sizes);
    whole
}

#[cfg(not(feature = "codec"))]
pub fn agreed<D: Way>(decoder: &FrameDecoder<D>, bytes: &[u8], sizes: &[usize]) -> Story<D::Value> {
    agreed_without_codec(decoder, bytes, sizes)
}

fn agreed_without_codec<D: Way>(
    decoder: &FrameDecoder<D>,
    bytes: &[u8],
    sizes: &[usize],
) -> Story<D::Value> {
    let decoder = || decoder.clone();
    let whole = by_views(decoder(), bytes, &[usize::MAX], |_| ());
    let iterated: Vec<_> = Frames::with_decoder(bytes, decoder())
        .map(|frame| frame.map(|frame| D::value(&frame)))
        .collect();
    assert_iterated(&iterated, &whole, bytes);
    for between in [|_: &mut FrameDecoder<D>| (), tighten_in_passing] {
        let by_views = by_views(decoder(), bytes, sizes, between);
        assert_story(&by_views, &whole, "views", bytes, sizes);
    }
    assert_story(&by_frames(decoder(), bytes, sizes), &whole, "frames", bytes, sizes);
    assert_story(&by_a_reader(decoder(), bytes, sizes), &whole, "reader", bytes, sizes);
    let boundaries = whole.boundaries();
    for (way, keeps_framer) in [("framer", true), ("handed over", false)] {
        let by_framers = by_framers(decoder(), bytes, sizes, keeps_framer);
        assert_story(&by_framers, &boundaries, way, bytes, sizes);
    }
    whole
}

fn assert_story<T: Debug + PartialEq>(
    story: &Story<T>,
    expected: &Story<T>,
    way: &str,
    bytes: &[u8],
    sizes: &[usize],
) {
    assert!(
        story == expected,
        "{way}, in pieces of {sizes:?}: {}\n{story:.1000?}\nis not\n{expected:.1000?}",
        bytes.escape_ascii(),
    );
}

fn assert_iterated<T: Debug + PartialEq>(
    items: &[Result<T, Error>],
    whole: &Story<T>,
    bytes: &[u8],
) {
    let given = items.iter().map_while(|item| item.as_ref().ok());
    assert!(given.eq(whole.frames.iter().map(|(value, _)| value)), "{}", bytes.escape_ascii());
    let error = items.last().and_then(|item| item.as_ref().err());
    match (whole.end, error) {
        (Err(end), Some(error)) => assert_eq!((error.kind, error.offset), end),
        (Ok(_), None) => {}
        (Ok(_), Some(Error { kind, offset, .. })) => {
            assert_eq!((*kind, *offset), (ErrorKind::UnexpectedEnd, bytes.len()));
        }
        // A limit of zero bytes is exceeded before the first byte, where an iterator has already ended.
        (Err(_), None) => {
            let end = whole.frames.last().map_or(0, |(_, end)| *end);
            assert_eq!(end, bytes.len(), "no error: {}", bytes.escape_ascii());
        }
    }
}

/// Asserts the same for both grammars, and for each policy.
pub fn assert_all_agree(bytes: &[u8], sizes: &[usize], limits: Limits) {
    for policy in [LinePolicy::Strict, LinePolicy::AsSent] {
        agreed(&Decoder::with_limits(limits).with_line_policy(policy), bytes, sizes);
    }
    for policy in [InlinePolicy::Accept, InlinePolicy::Refuse] {
        agreed(&CommandDecoder::with_limits(limits).with_inline_policy(policy), bytes, sizes);
    }
}
