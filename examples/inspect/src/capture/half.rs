//! The frames of one direction of a connection.

use std::collections::VecDeque;

use zresp::Error;
use zresp::frames::{Direction, FrameDecoder, FrameView};

use super::packets::Segment;
use super::stream::{Piece, Stream};

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
    /// The number of frames since the last gap or error.
    pub(super) good: u64,
    /// What the beginning of a frame looks like.
    begins: fn(&[u8], bool) -> bool,
}

/// What comes next in a stream.
pub(super) enum Event<F> {
    /// A frame, at this offset.
    Frame(u64, F),
    /// A frame that begins at this offset is broken.
    Broken(u64, Error),
    /// That many bytes are missing.
    Lost(u64),
}

impl<D: Direction> Half<D> {
    pub(super) fn new(begins: fn(&[u8], bool) -> bool) -> Self {
        let frames = Frames {
            decoder: FrameDecoder::new(),
            bytes: Vec::new(),
            taken: 0,
            offset: 0,
            after_gaps: VecDeque::new(),
            is_aligned: false,
            good: 0,
            begins,
        };
        Self { stream: Stream::default(), frames }
    }

    /// Takes a segment of this direction.
    pub(super) fn take(&mut self, segment: &Segment<'_>) {
        self.frames.is_aligned |= segment.syn;
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
}

impl<D: Direction> Frames<D> {
    /// Takes the next bytes of the stream.
    fn put(&mut self, piece: &Piece<'_>) {
        match (piece, self.after_gaps.back_mut()) {
            (Piece::Lost(count), _) => self.after_gaps.push_back((*count, Vec::new())),
            (Piece::Bytes(bytes), Some((_, after))) => after.extend_from_slice(bytes),
            (Piece::Bytes(bytes), None) => {
                self.bytes.drain(..std::mem::take(&mut self.taken));
                self.bytes.extend_from_slice(bytes);
            }
        }
    }

    /// Returns what comes next, or `None` if it has not arrived.
    ///
    /// After an error or missing bytes, frames continue at the next thing that looks like one.
    pub(super) fn next(&mut self) -> Option<Event<D::Frame<'_>>> {
        if !self.is_aligned && !self.seek() {
            return self.pass_gap();
        }
        let at = self.offset;
        // Only the size, because a view that may be returned would keep the gap from being passed.
        let decoded = self.decoder.decode(self.bytes.get(self.taken..).unwrap_or_default());
        match decoded.map(|frame| frame.map(|frame| frame.wire().len())) {
            Ok(Some(size)) => {
                let place = self.taken..self.taken + size;
                self.taken = place.end;
                self.offset += size as u64;
                self.good += 1;
                let frame = FrameDecoder::<D>::new().decode(self.bytes.get(place)?);
                frame.ok().flatten().map(|frame| Event::Frame(at, frame))
            }
            Ok(None) => {
                let skipped = self.decoder.take_skipped();
                self.taken += skipped;
                self.offset += skipped as u64;
                self.pass_gap()
            }
            Err(error) => {
                self.is_aligned = false;
                Some(Event::Broken(at, error))
            }
        }
    }

    /// Skips the first byte, and continues at the next thing that looks like a frame.
    pub(super) fn skip(&mut self) {
        self.good = 0;
        self.taken += 1;
        self.offset += 1;
    }

    /// Continues after missing bytes, if there are any.
    fn pass_gap(&mut self) -> Option<Event<D::Frame<'_>>> {
        let (missing, after) = self.after_gaps.pop_front()?;
        let lost = missing + self.rest().len() as u64;
        self.offset += lost;
        (self.bytes, self.taken) = (after, 0);
        (self.is_aligned, self.good) = (false, 0);
        Some(Event::Lost(lost))
    }

    /// Skips bytes until something looks like a frame. Returns whether that is so.
    fn seek(&mut self) -> bool {
        self.decoder.reset();
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                return false;
            }
            if (self.begins)(rest, false) {
                self.is_aligned = true;
                return true;
            }
            let skipped = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            self.taken += skipped;
            self.offset += skipped as u64;
        }
    }

    /// Returns the bytes that no frame has taken.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }
}
