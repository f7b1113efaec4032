//! A reader that remembers the bytes that it handed out last.
//!
//! A decoder that fails has consumed bytes which are needed once more: for a view of the place of the error, and to look
//! for the next frame. The window hands out bytes by a shared reference, so that it outlives the decoder.

use std::cell::RefCell;
use std::io::{self, Read};
use std::ops::Range;

/// The number of bytes that are read at once.
const CHUNK: usize = 128 * 1024;
/// The number of bytes that are remembered.
const KEPT: usize = 32 * 1024;
/// The number of bytes that a possible frame is judged by.
const JUDGED: usize = 4096;

/// A reader that remembers the bytes that it handed out last.
#[derive(Debug)]
pub(crate) struct Window<R>(RefCell<Inner<R>>);

#[derive(Debug)]
struct Inner<R> {
    reader: R,
    bytes: Vec<u8>,
    /// Which of the bytes have not been handed out. Those before are remembered.
    fresh: Range<usize>,
    /// The offset of the first of the bytes in the input.
    offset: u64,
}

impl<R: Read> Window<R> {
    /// Returns a window on an input from this offset on.
    pub(crate) fn new(offset: u64, reader: R) -> Self {
        let bytes = vec![0; KEPT + CHUNK];
        Self(RefCell::new(Inner { reader, bytes, fresh: 0..0, offset }))
    }

    /// Returns the offset of the first byte that is remembered.
    pub(crate) fn start(&self) -> u64 {
        self.0.borrow().offset
    }

    /// Returns the last bytes that were read.
    pub(crate) fn last(&self, size: usize) -> Vec<u8> {
        let inner = self.0.borrow();
        let read = inner.bytes.get(..inner.fresh.end).unwrap_or_default();
        read.get(read.len().saturating_sub(size)..).unwrap_or(read).to_vec()
    }

    /// Returns whether the next byte after this offset must be read, which may have to wait.
    pub(crate) fn waits_at(&self, offset: u64) -> bool {
        let inner = self.0.borrow();
        inner.fresh.is_empty() && offset == inner.offset + inner.fresh.end as u64
    }

    /// Returns the bytes around an offset as far as they are remembered: `before` and `after`.
    pub(crate) fn around(&self, offset: u64, from: u64, size: usize) -> (Vec<u8>, Vec<u8>, bool) {
        let mut inner = self.0.borrow_mut();
        let at = inner.index(offset);
        while inner.fresh.end < at + size && inner.fill().is_ok_and(|count| count > 0) {}
        let at = inner.index(offset);
        let frame = inner.index(from);
        let start = at.saturating_sub(size).max(frame);
        let before = inner.bytes.get(start..at).unwrap_or_default().to_vec();
        let end = inner.fresh.end.min(at + size + 1);
        let after = inner.bytes.get(at..end).unwrap_or_default().to_vec();
        (before, after, start > frame || inner.offset > from)
    }

    /// Continues at the first offset from `from` on where a frame seems to begin, and returns it; `None` if the input
    /// ends before.
    ///
    /// `begins` judges the bytes from such a place on, and is told whether the input ends after them.
    ///
    /// # Errors
    /// Errors of the reader.
    pub(crate) fn resume(
        &self,
        from: u64,
        begins: impl Fn(&[u8], bool) -> bool,
    ) -> io::Result<Option<u64>> {
        let mut inner = self.0.borrow_mut();
        let first = from.max(inner.offset);
        let mut at = first;
        loop {
            let is_whole = inner.judged(at)?;
            let place = inner.index(at);
            let rest = inner.bytes.get(place..inner.fresh.end).unwrap_or_default();
            let judged = rest.get(..JUDGED).unwrap_or(rest);
            if rest.is_empty() {
                inner.fresh.start = inner.fresh.end;
                return Ok(None);
            }
            if begins(judged, is_whole) {
                inner.fresh.start = place;
                return Ok(Some(at));
            }
            // The next frame begins after a line end.
            at += memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1) as u64;
        }
    }
}

impl<R: Read> Inner<R> {
    /// Returns the index of an offset. It is 0 if the window no longer has the byte there.
    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.offset)).unwrap_or(usize::MAX)
    }

    /// Reads until enough bytes after an offset are there to judge them, and returns whether the input ends before.
    fn judged(&mut self, offset: u64) -> io::Result<bool> {
        while self.index(offset) + JUDGED > self.fresh.end {
            // Bytes before the offset need not be kept.
            self.fresh.start = self.index(offset).min(self.fresh.end);
            if self.fill()? == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads once. Forgets old bytes to make room.
    fn fill(&mut self) -> io::Result<usize> {
        if self.fresh.end == self.bytes.len() {
            let forgotten = self.fresh.start.saturating_sub(KEPT);
            self.bytes.copy_within(forgotten..self.fresh.end, 0);
            self.fresh = self.fresh.start - forgotten..self.fresh.end - forgotten;
            self.offset += forgotten as u64;
        }
        let room = self.bytes.get_mut(self.fresh.end..).unwrap_or_default();
        loop {
            match self.reader.read(room) {
                Ok(count) => {
                    self.fresh.end += count;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: Read> Read for &Window<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut inner = self.0.borrow_mut();
        if inner.fresh.is_empty() && inner.fill()? == 0 {
            return Ok(0);
        }
        let Inner { bytes, fresh, .. } = &mut *inner;
        let count = fresh.len().min(into.len());
        let given = bytes.get(fresh.start..fresh.start + count);
        if let (Some(given), Some(into)) = (given, into.get_mut(..count)) {
            into.copy_from_slice(given);
        }
        fresh.start += count;
        Ok(count)
    }
}
