//! A reader that remembers the bytes that it handed out last.
//!
//! A decoder that fails has consumed bytes which are needed once more: for a view of the place of the error, and to look
//! for the next frame. The window hands out bytes by a shared reference, so that it outlives the decoder.

use std::cell::RefCell;
use std::io::{self, Read};
use std::mem;
use std::ops::Range;

use crate::resume::{Begins, Effort};

/// The number of bytes that are read at once.
const CHUNK: usize = 128 * 1024;
/// The number of bytes that are remembered.
const KEPT: usize = 32 * 1024;
/// The number of bytes that a possible frame is judged by.
const JUDGED: usize = 4096;
/// The number of bytes that show what is no frame, even if there are more: those of the longest fixed beginning.
const CLEAR: usize = 4;
/// The number of bytes that are handed out first after an error.
const LEAST: usize = 512;

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
    /// Whether the reader has no more.
    has_ended: bool,
    /// How many bytes are handed out next. It is small after an error, because another may follow soon.
    share: usize,
    effort: Effort,
}

impl<R: Read> Window<R> {
    /// Returns a window on an input from this offset on.
    pub(crate) fn new(offset: u64, reader: R) -> Self {
        let bytes = vec![0; KEPT + CHUNK];
        let (fresh, has_ended, share, effort) = (0..0, false, usize::MAX, Effort::default());
        Self(RefCell::new(Inner { reader, bytes, fresh, offset, has_ended, share, effort }))
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

    /// Returns the bytes around an offset as far as they are remembered or have been read: `before` and `after`.
    pub(crate) fn around(&self, offset: u64, from: u64, size: usize) -> (Vec<u8>, Vec<u8>, bool) {
        let inner = self.0.borrow();
        let at = inner.index(offset);
        let frame = inner.index(from);
        let start = at.saturating_sub(size).max(frame);
        let before = inner.bytes.get(start..at).unwrap_or_default().to_vec();
        let end = inner.fresh.end.min(at + size + 1);
        let after = inner.bytes.get(at..end).unwrap_or_default().to_vec();
        (before, after, start > frame || inner.offset > from)
    }

    /// Continues after a broken frame at the first offset where a frame seems to begin, and returns it; `None` if the
    /// input ends before. No more is read than is needed to judge that.
    ///
    /// # Errors
    /// Errors of the reader.
    pub(crate) fn resume(&self, frame: u64, wrong: u64, begins: Begins) -> io::Result<Option<u64>> {
        let mut inner = self.0.borrow_mut();
        let wrong = usize::try_from(wrong - frame).unwrap_or(usize::MAX);
        let mut at = inner.offset.max(frame + inner.effort.pass(frame, wrong) as u64);
        inner.share = LEAST;
        loop {
            let Inner { bytes, fresh, offset, has_ended, effort, .. } = &mut *inner;
            let place = usize::try_from(at - *offset).unwrap_or(usize::MAX);
            let rest = bytes.get(place..fresh.end).unwrap_or_default();
            let judged = rest.get(..JUDGED).unwrap_or(rest);
            // More bytes would not change what is wrong, or whether a frame is whole.
            let is_clear = *has_ended || judged.len() == JUDGED;
            let verdict = begins(judged, *has_ended);
            if rest.is_empty() && *has_ended {
                fresh.start = fresh.end;
                return Ok(None);
            }
            match verdict {
                Ok(()) if is_clear || begins(judged, true).is_ok() => {
                    fresh.start = place;
                    return Ok(Some(at));
                }
                Err(wrong) if is_clear || judged.len() >= CLEAR => {
                    let passed = effort.pass(at, wrong) - 1;
                    // The next frame begins after a line end.
                    let line = memchr::memchr(b'\n', rest.get(passed..).unwrap_or_default());
                    if is_clear || line.is_some() {
                        at += line.map_or(rest.len(), |end| passed + end + 1) as u64;
                        continue;
                    }
                }
                _ => {}
            }
            // Bytes before the offset need not be kept.
            fresh.start = place.min(fresh.end);
            inner.fill()?;
        }
    }
}

impl<R: Read> Inner<R> {
    /// Returns the index of an offset. It is 0 if the window no longer has the byte there.
    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.offset)).unwrap_or(usize::MAX)
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
                    self.has_ended = count == 0;
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
        let Inner { bytes, fresh, share, .. } = &mut *inner;
        let count = fresh.len().min(into.len()).min(*share);
        *share = share.saturating_mul(2);
        let given = bytes.get(fresh.start..fresh.start + count);
        if let (Some(given), Some(into)) = (given, into.get_mut(..count)) {
            into.copy_from_slice(given);
        }
        fresh.start += count;
        Ok(count)
    }
}

/// Reads from a window, and fails with [`io::ErrorKind::WouldBlock`] once before each read that may have to wait.
pub(crate) struct Pausing<'a, R> {
    window: &'a Window<R>,
    has_paused: bool,
}

impl<'a, R> Pausing<'a, R> {
    pub(crate) const fn new(window: &'a Window<R>) -> Self {
        Self { window, has_paused: false }
    }
}

impl<R: Read> Read for Pausing<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let must_read = self.window.0.borrow().fresh.is_empty();
        if must_read && !mem::replace(&mut self.has_paused, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.has_paused = false;
        let mut window = self.window;
        window.read(into)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::resume;

    /// How many bytes were looked at in vain.
    static LOOKED_AT: AtomicUsize = AtomicUsize::new(0);

    fn counted(bytes: &[u8], is_end: bool) -> Result<(), usize> {
        resume::reply(bytes, is_end).inspect_err(|wrong| {
            LOOKED_AT.fetch_add(*wrong, Ordering::Relaxed);
        })
    }

    #[test]
    fn a_search_for_the_next_frame_looks_at_few_bytes_more_than_once() {
        // Each line begins a frame that is nested too deep after 512 bytes.
        let input = b"|1\r\n".repeat(1_000_000);
        let window = Window::new(0, &input[..]);
        assert_eq!(window.resume(0, 512, counted).expect("no error"), None);
        let looked_at = LOOKED_AT.load(Ordering::Relaxed);
        assert!(looked_at < 6 * input.len(), "{looked_at}");
    }
}
