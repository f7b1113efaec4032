//! One direction of a TCP connection: segments in the order in which they were sent.

use std::collections::BTreeMap;

use super::segment::Segment;

/// How many bytes after a gap are kept.
const AHEAD: usize = 8 * 1024 * 1024;
/// How many bytes of memory a segment after a gap takes, in addition to its own.
const ENTRY: usize = 64;
/// The largest window of TCP, in bytes. What is further ahead does not belong to the stream.
const WINDOW: u64 = 1 << 30;
/// How many segments of the connection may come after the receiver has acknowledged a gap, before the bytes in it count as
/// lost: a capture may record packets in another order than that of their arrival.
const PATIENCE: u32 = 2;

/// The bytes of one direction, in order.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The sequence number of the segment that began the stream; `None` if it began before the capture.
    first: Option<u32>,
    /// The sequence number of the next byte; `None` before the first segment.
    next: Option<u32>,
    /// How many bytes precede the next one, counted from the first byte in the capture.
    offset: u64,
    /// Segments after a gap, by their offset.
    ahead: BTreeMap<u64, Vec<u8>>,
    held: usize,
    /// How many segments came since the gap was acknowledged.
    since: u32,
    /// Up to where the receiver has acknowledged the stream.
    acknowledged: u64,
    /// The offset at which the sender ends the stream.
    end: Option<u64>,
    /// How many segments were ignored, because their numbers do not fit.
    pub(super) ignored: u64,
}

/// The next bytes, or how many are missing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Bytes(&'a [u8]),
    Lost(u64),
}

impl Stream {
    /// Takes a segment of this direction, and hands on all bytes that are in order now.
    pub(super) fn take(&mut self, segment: &Segment<'_>, mut hand_on: impl FnMut(Piece<'_>)) {
        let first = segment.sequence.wrapping_add(u32::from(segment.syn));
        if segment.syn && self.is_new() {
            (self.first, self.next) = (Some(segment.sequence), Some(first));
        }
        self.next.get_or_insert(first);
        // Without data, a segment may have the number before the next one, to keep the connection alive.
        if segment.payload.is_empty() {
            return;
        }
        let Some(at) = self.offset_of(first).filter(|at| *at <= self.offset + WINDOW) else {
            // Before the first byte of the capture, there may be bytes that are sent once more; and any byte before the
            // first one of a stream keeps a connection alive.
            let is_probe = segment.payload.len() == 1 && self.next == Some(first.wrapping_add(1));
            self.ignored += u64::from(self.first.is_some() && !is_probe);
            return;
        };
        // What the sender goes on after was not its end.
        if self.end.is_some_and(|end| at + segment.payload.len() as u64 > end) {
            self.end = None;
            self.ignored += 1;
        }
        self.put(at, segment.payload, &mut hand_on);
        if self.held > AHEAD {
            self.give_up(&mut hand_on);
        }
    }

    /// Takes note of what the receiver has acknowledged, with every segment of the other direction.
    pub(super) fn acknowledge(&mut self, number: u32, mut hand_on: impl FnMut(Piece<'_>)) {
        let Some(at) = self.offset_of(number).filter(|at| *at <= self.offset + WINDOW) else {
            return;
        };
        self.acknowledged = self.acknowledged.max(at);
        if at > self.offset && self.has_gap() {
            self.since += 1;
            if self.since > PATIENCE {
                self.give_up(&mut hand_on);
            }
        }
    }

    /// Hands on what is left after gaps, at the end of the capture.
    pub(super) fn finish(&mut self, mut hand_on: impl FnMut(Piece<'_>)) {
        while self.has_gap() {
            self.give_up(&mut hand_on);
        }
    }

    /// Takes a segment that ends the stream, after its bytes, if its number fits.
    pub(super) fn finish_at(&mut self, segment: &Segment<'_>) {
        let size = segment.payload.len() + usize::from(segment.syn);
        let number = segment.sequence.wrapping_add(u32::try_from(size).unwrap_or_default());
        let is_next = |at: u64| self.offset <= at && at <= self.offset + WINDOW;
        match self.offset_of(number) {
            at if at.is_some() && at == self.end => {}
            // One of two different ends is wrong.
            Some(at) if is_next(at) => {
                self.ignored += u64::from(self.end.replace(at).is_some());
            }
            _ => self.ignored += 1,
        }
    }

    /// Returns whether the sender has ended the stream, and all of it has come.
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some_and(|end| self.offset >= end)
    }

    /// Returns whether a segment that resets the connection has a number that its receiver accepts: one of a byte that was
    /// sent and not acknowledged, or of the next one. Otherwise it is ignored.
    pub(super) fn accepts_reset(&mut self, segment: &Segment<'_>, other: &Self) -> bool {
        let is_accepted = if self.is_new() {
            // In place of an answer.
            let answered = segment.acknowledged.and_then(|number| other.offset_of(number));
            other.is_new() || answered == Some(other.offset)
        } else {
            let last = self.ahead.last_key_value();
            let sent = last.map_or(0, |(at, bytes)| at + bytes.len() as u64);
            let sent = sent.max(self.offset).max(self.end.map_or(0, |end| end + 1));
            let first = self.acknowledged.min(self.offset);
            self.offset_of(segment.sequence).is_some_and(|at| (first..=sent).contains(&at))
        };
        self.ignored += u64::from(!is_accepted);
        is_accepted
    }

    /// Passes over the bytes of a segment and all before, and returns how many of them are new.
    pub(super) fn pass(&mut self, segment: &Segment<'_>) -> u64 {
        let first = segment.sequence.wrapping_add(u32::from(segment.syn));
        self.next.get_or_insert(first);
        let Some(at) = self.offset_of(first).filter(|at| *at <= self.offset + WINDOW) else {
            return 0;
        };
        let end = at + segment.payload.len() as u64;
        let fresh = end.saturating_sub(at.max(self.offset));
        self.skip(end.saturating_sub(self.offset));
        fresh
    }

    /// Forgets the segments after gaps.
    pub(super) fn release(&mut self) {
        (self.ahead, self.held) = (BTreeMap::new(), 0);
    }

    /// Returns whether bytes are missing before others, or before an end that the receiver has acknowledged.
    fn has_gap(&self) -> bool {
        let is_cut = |end| self.offset < end && end <= self.acknowledged;
        !self.ahead.is_empty() || self.end.is_some_and(is_cut)
    }

    /// Returns the offset of the byte with a sequence number, which is less than 2 GiB away; `None` if it is before the
    /// first byte in the capture.
    pub(super) fn offset_of(&self, number: u32) -> Option<u64> {
        let distance = i32::from_ne_bytes(number.wrapping_sub(self.next?).to_ne_bytes());
        self.offset.checked_add_signed(distance.into())
    }

    /// Returns how many bytes precede the next one.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns how many bytes of memory the segments after gaps take.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Returns whether no segment has come.
    pub(super) const fn is_new(&self) -> bool {
        self.next.is_none()
    }

    /// Returns whether the stream began with this segment.
    pub(super) fn began_with(&self, segment: &Segment<'_>) -> bool {
        self.first == Some(segment.sequence)
    }

    /// Takes bytes at an offset: hands on those that are next, drops those that have been handed on, and keeps those that
    /// come after a gap.
    fn put(&mut self, at: u64, bytes: &[u8], hand_on: &mut impl FnMut(Piece<'_>)) {
        if at > self.offset {
            let known = self.ahead.get(&at).map_or(0, Vec::len);
            // Of the same segment sent twice, the longer one.
            if known < bytes.len() {
                if let Some(known) = self.ahead.insert(at, bytes.to_vec()) {
                    self.held -= known.len() + ENTRY;
                }
                self.held += bytes.len() + ENTRY;
            }
            return;
        }
        self.advance(at, bytes, hand_on);
        while let Some(next) = self.ahead.first_entry().filter(|next| *next.key() <= self.offset) {
            let (at, bytes) = next.remove_entry();
            self.held -= bytes.len() + ENTRY;
            self.advance(at, &bytes, hand_on);
        }
        self.since = 0;
    }

    /// Hands on the bytes, except for those at the beginning that were handed on before.
    fn advance(&mut self, at: u64, bytes: &[u8], hand_on: &mut impl FnMut(Piece<'_>)) {
        let repeated = usize::try_from(self.offset - at).unwrap_or(usize::MAX);
        let Some(fresh) = bytes.get(repeated..).filter(|fresh| !fresh.is_empty()) else { return };
        self.skip(fresh.len() as u64);
        hand_on(Piece::Bytes(fresh));
    }

    /// Gives up on the bytes in the first gap.
    fn give_up(&mut self, hand_on: &mut impl FnMut(Piece<'_>)) {
        let Some((at, bytes)) = self.ahead.pop_first() else {
            let lost = self.end.map_or(0, |end| end.saturating_sub(self.offset));
            self.skip(lost);
            return hand_on(Piece::Lost(lost));
        };
        self.held -= bytes.len() + ENTRY;
        let lost = at.saturating_sub(self.offset);
        self.skip(lost);
        hand_on(Piece::Lost(lost));
        self.put(at, &bytes, hand_on);
    }

    #[allow(clippy::cast_possible_truncation, reason = "sequence numbers wrap around")]
    fn skip(&mut self, count: u64) {
        self.offset += count;
        self.next = self.next.map(|next| next.wrapping_add(count as u32));
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;

    fn segment(sequence: u32, payload: &[u8]) -> Segment<'_> {
        let end = SocketAddr::from(([127, 0, 0, 1], 1));
        let time = Duration::ZERO;
        let (syn, fin, reset) = (false, false, false);
        Segment { time, from: end, to: end, sequence, acknowledged: None, syn, fin, reset, payload }
    }

    /// Returns what a stream makes of the segments; `[n]` for lost bytes.
    fn assembled(segments: &[(u32, &str)], acknowledged: Option<u32>) -> String {
        let mut stream = Stream::default();
        let mut all = String::new();
        let mut hand_on = |piece: Piece<'_>| match piece {
            Piece::Bytes(bytes) => all.push_str(std::str::from_utf8(bytes).expect("text")),
            Piece::Lost(count) => all.extend(["[", &count.to_string(), "]"]),
        };
        for (sequence, payload) in segments {
            stream.take(&segment(*sequence, payload.as_bytes()), &mut hand_on);
        }
        if let Some(number) = acknowledged {
            for _ in 0..=PATIENCE {
                stream.acknowledge(number, &mut hand_on);
            }
        } else {
            stream.finish(&mut hand_on);
        }
        all
    }

    /// Segments, what the receiver has acknowledged, and what becomes of them.
    type Case<'a> = (&'a [(u32, &'a str)], Option<u32>, &'a str);

    #[test]
    fn segments_are_put_in_order() {
        let wrapped = u32::MAX - 1;
        let table: &[Case<'_>] = &[
            (&[(5, "abc"), (8, "def"), (11, "")], None, "abcdef"),
            // Reordered, repeated, and repeated with other borders.
            (&[(5, "ab"), (9, "ef"), (7, "cd"), (11, "g")], None, "abcdefg"),
            (&[(5, "abc"), (5, "abc"), (6, "bcde"), (8, "de")], None, "abcde"),
            (&[(5, "a"), (8, "def"), (9, "ef"), (8, "d"), (6, "bcd"), (11, "g")], None, "abcdefg"),
            // The number wraps around.
            (&[(wrapped, "ab"), (1, "de"), (0, "c")], None, "abcde"),
            // Lost: at the end, or once the receiver says that it has the bytes.
            (&[(5, "a"), (8, "d"), (11, "gh")], None, "a[2]d[2]gh"),
            (&[(5, "a"), (8, "d"), (11, "gh")], Some(9), "a[2]d"),
            (&[(5, "a"), (8, "d")], Some(6), "a"),
            // A segment before the first one in the capture.
            (&[(5, "bc"), (3, "xa"), (7, "d")], None, "bcd"),
        ];
        for (segments, acknowledged, expected) in table {
            assert_eq!(assembled(segments, *acknowledged), *expected, "{segments:?}");
        }
    }

    #[test]
    fn the_bytes_after_a_gap_are_bounded() {
        let mut stream = Stream::default();
        let (mut bytes, mut lost) = (0, 0);
        let payload = vec![b'x'; 60_000];
        for index in 0..200 {
            let sequence = if index == 0 { 0 } else { 10 + index * 60_000 };
            stream.take(&segment(sequence, &payload), |piece| match piece {
                Piece::Bytes(piece) => bytes += piece.len(),
                Piece::Lost(count) => lost += count,
            });
            assert!(stream.held <= AHEAD + payload.len());
        }
        assert_eq!((bytes, lost), (200 * 60_000, 10));
    }
}
