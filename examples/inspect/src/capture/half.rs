//! The frames of one direction of a connection.

use std::collections::VecDeque;

use zresp::Error;
use zresp::frames::{Direction, FrameDecoder, FrameView};

use crate::broken;
use crate::resume::{Begins, Effort};

use super::segment::Segment;
use super::stream::{Piece, Stream};

/// How many bytes of a frame are shown on either side of a wrong one.
const AROUND: usize = 8;
/// How many bytes of memory are kept for the next bytes of a stream: little, because many connections may be idle.
const ROOM: usize = 8 * 1024;
/// The size from which on a buffer grows by a quarter, and no longer to twice its size.
const LARGE: usize = 1024 * 1024;
/// How many frames without an error make it certain that bytes are frames. Before, an error is one of the guess.
const CERTAIN: u64 = 16;
/// How many bytes a possible frame is judged by.
const JUDGED: usize = 4096;

/// One direction: its stream, and the frames in it.
pub(super) struct Half<D> {
    pub(super) stream: Stream,
    pub(super) frames: Frames<D>,
}

/// The bytes of a stream that no frame has taken.
pub(super) struct Frames<D> {
    decoder: FrameDecoder<D>,
    bytes: Vec<u8>,
    /// How many of the bytes have been taken.
    taken: usize,
    /// The offset of the next byte in the stream.
    offset: u64,
    /// What comes after bytes that are missing, and how many are missing before it.
    after_gaps: VecDeque<(u64, Vec<u8>)>,
    /// Whether the next byte begins a frame. Not so after a gap, or if the connection began before the capture.
    is_aligned: bool,
    /// Whether that was guessed from the bytes there, and not after a broken frame, which is reported.
    is_guess: bool,
    /// The offset of a broken frame, until the next one is found.
    broken_at: Option<u64>,
    /// The number of frames since the last gap or error.
    good: u64,
    effort: Effort,
    /// What the beginning of a frame looks like.
    begins: Begins,
}

/// What comes next in a stream.
pub(super) enum Event<F> {
    /// A frame, at this offset.
    Frame(u64, F),
    Trouble(Trouble),
}

/// What comes in a stream in place of a frame.
pub(super) enum Trouble {
    /// A frame is broken. This is a line about it.
    Broken(String),
    /// From the first to the second offset, nothing looks like a frame after a broken one.
    Skipped(u64, u64),
    /// That many bytes are missing.
    Lost(u64),
}

impl<D: Direction> Half<D> {
    pub(super) fn new(begins: Begins) -> Self {
        Self { stream: Stream::default(), frames: Frames::new(begins) }
    }

    /// Takes a segment of this direction.
    pub(super) fn take(&mut self, segment: &Segment<'_>) {
        self.frames.is_aligned |= segment.syn && self.stream.is_new();
        self.stream.take(segment, |piece| self.frames.put(&piece));
    }

    /// Takes note of what the other side has received.
    pub(super) fn acknowledge(&mut self, number: u32) {
        self.stream.acknowledge(number, |piece| self.frames.put(&piece));
    }

    /// Says that there are no more segments.
    pub(super) fn finish(&mut self) {
        self.stream.finish(|piece| self.frames.put(&piece));
    }

    /// Returns this direction with frames of another kind from the next byte on.
    pub(super) fn into_kind<E: Direction>(self, begins: Begins) -> Half<E> {
        let Frames { bytes, taken, offset, after_gaps, is_aligned, .. } = self.frames;
        let frames = Frames { bytes, taken, offset, after_gaps, is_aligned, ..Frames::new(begins) };
        Half { stream: self.stream, frames }
    }

    /// Gives back memory that is not needed for the next segment.
    pub(super) fn settle(&mut self) {
        let Frames { bytes, taken, .. } = &mut self.frames;
        if bytes.capacity() > ROOM && bytes.len() - *taken < ROOM / 2 {
            bytes.drain(..std::mem::take(taken));
            bytes.shrink_to(ROOM);
        }
    }

    /// Forgets all bytes, because no more frames are wanted. The place in the stream stays known.
    pub(super) fn release(&mut self) {
        self.frames = Frames::new(self.frames.begins);
        self.stream.release();
    }

    /// Returns whether all bytes up to the next one of the stream have come, and are parts of whole frames.
    pub(super) fn is_between_frames(&self) -> bool {
        let Frames { after_gaps, .. } = &self.frames;
        self.stream.held() == 0 && after_gaps.is_empty() && self.frames.rest().is_empty()
    }

    /// Returns how many bytes of memory it holds.
    pub(super) fn held(&self) -> usize {
        let after: usize = self.frames.after_gaps.iter().map(|(_, bytes)| bytes.capacity()).sum();
        self.stream.held() + self.frames.bytes.capacity() + after
    }
}

impl<D: Direction> Frames<D> {
    fn new(begins: Begins) -> Self {
        Self {
            decoder: FrameDecoder::new(),
            bytes: Vec::new(),
            taken: 0,
            offset: 0,
            after_gaps: VecDeque::new(),
            is_aligned: false,
            is_guess: false,
            broken_at: None,
            good: 0,
            effort: Effort::default(),
            begins,
        }
    }

    /// Takes the next bytes of the stream.
    fn put(&mut self, piece: &Piece<'_>) {
        match (piece, self.after_gaps.back_mut()) {
            (Piece::Lost(count), _) => self.after_gaps.push_back((*count, Vec::new())),
            (Piece::Bytes(bytes), Some((_, after))) => append(after, bytes),
            (Piece::Bytes(bytes), None) => {
                self.bytes.drain(..std::mem::take(&mut self.taken));
                append(&mut self.bytes, bytes);
            }
        }
    }

    /// Returns what comes next, or `None` if it has not arrived.
    ///
    /// After an error or missing bytes, frames continue at the next thing that looks like one.
    pub(super) fn next(&mut self) -> Option<Event<D::Frame<'_>>> {
        loop {
            if !self.is_aligned && !self.seek() {
                return self.lost().map(Event::Trouble);
            }
            if let Some(from) = self.broken_at.take() {
                return Some(Event::Trouble(Trouble::Skipped(from, self.offset)));
            }
            let at = self.offset;
            // Only the size, because a view that may be returned would keep the gap from being passed.
            let decoded = self.decoder.decode(self.bytes.get(self.taken..).unwrap_or_default());
            match decoded.map(|frame| frame.map(|frame| frame.wire().len())) {
                Ok(Some(size)) => {
                    let place = self.taken..self.taken + size;
                    self.pass(size);
                    self.good += 1;
                    let frame = FrameDecoder::<D>::new().decode(self.bytes.get(place)?);
                    return frame.ok().flatten().map(|frame| Event::Frame(at, frame));
                }
                Ok(None) => {
                    let skipped = self.decoder.take_skipped();
                    self.pass(skipped);
                    return self.lost().map(Event::Trouble);
                }
                // What looked like frames were none.
                Err(error) if self.is_guess && self.good < CERTAIN => self.pass_broken(error),
                Err(error) => {
                    let line = self.describe(error);
                    self.broken_at = Some(at);
                    self.pass_broken(error);
                    return Some(Event::Trouble(Trouble::Broken(line)));
                }
            }
        }
    }

    /// Passes over a broken frame, to continue at the next thing that looks like one.
    ///
    /// What is wrong is perhaps far from the first byte. All bytes before are passed then, except for the last ones: to
    /// look at each for a frame that would be broken in the same place takes too long.
    fn pass_broken(&mut self, error: Error) {
        (self.is_aligned, self.good) = (false, 0);
        let passed = self.effort.pass(self.offset, error.offset);
        self.pass(passed.max(error.offset.saturating_sub(JUDGED)));
    }

    /// Returns a line about what is wrong with the next frame.
    fn describe(&self, error: Error) -> String {
        let (bytes, frame, good) = (self.rest(), self.offset, self.good);
        let (before, from) = bytes.split_at_checked(error.offset).unwrap_or((bytes, &[]));
        let is_cut = before.len() > AROUND;
        let before = before.get(before.len().saturating_sub(AROUND)..).unwrap_or(before);
        let view = broken::view(before, from.get(..=AROUND).unwrap_or(from), is_cut);
        let offset = frame + error.offset as u64;
        format!(
            "offset {offset}: {}: {view} (frame at offset {frame}, good frames before it: {good})",
            error.kind
        )
    }

    /// Returns the offset of a broken frame that no frame has followed.
    pub(super) const fn broken_at(&self) -> Option<u64> {
        self.broken_at
    }

    /// Continues after missing bytes, if there are any. Returns how many are lost, with those before them that are not a
    /// whole frame.
    pub(super) fn lost(&mut self) -> Option<Trouble> {
        let (missing, after) = self.after_gaps.pop_front()?;
        let lost = missing + self.rest().len() as u64;
        self.offset += lost;
        (self.bytes, self.taken) = (after, 0);
        (self.is_aligned, self.good) = (false, 0);
        Some(Trouble::Lost(lost))
    }

    /// Passes over bytes.
    pub(super) fn pass(&mut self, size: usize) {
        self.taken += size;
        self.offset += size as u64;
    }

    /// Passes over line feeds, which keep a connection alive while a primary prepares its answer.
    pub(super) fn pass_line_feeds(&mut self) {
        self.pass(self.rest().iter().take_while(|byte| **byte == b'\n').count());
    }

    /// Returns the offset of the next byte in the stream.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Skips bytes until something looks like a frame. Returns whether that is so.
    fn seek(&mut self) -> bool {
        self.decoder.reset();
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                return false;
            }
            let Err(wrong) = (self.begins)(rest.get(..JUDGED).unwrap_or(rest), false) else {
                (self.is_aligned, self.is_guess) = (true, self.broken_at.is_none());
                return true;
            };
            let size = rest.len();
            let passed = self.effort.pass(self.offset, wrong) - 1;
            let line = memchr::memchr(b'\n', self.rest().get(passed..).unwrap_or_default());
            let skipped = line.map_or(size, |end| passed + end + 1);
            self.pass(skipped);
        }
    }

    /// Returns the bytes that no frame has taken.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }
}

/// Appends bytes to a buffer, which never has much more memory than bytes: that of all connections is limited.
fn append(buffer: &mut Vec<u8>, bytes: &[u8]) {
    if buffer.len() > LARGE && buffer.capacity() - buffer.len() < bytes.len() {
        buffer.reserve_exact(bytes.len().max(buffer.len() / 4));
    }
    buffer.extend_from_slice(bytes);
}
