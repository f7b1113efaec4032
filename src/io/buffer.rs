//! The buffer between a reader and what decodes its bytes.

use std::fmt;
use std::io::{Error as IoError, ErrorKind as IoErrorKind, Read};
use std::vec::Vec;

/// The initial size of the buffer. When the buffer is full, it gets room for at least half this many further bytes.
const CAPACITY: usize = 16 * 1024;
/// A buffer larger than this is shrunk to [`CAPACITY`] once fewer bytes than that are left in it.
const KEPT: usize = 1024 * 1024;

/// A reader, and the bytes that have been read but not released.
pub(super) struct ReadBuffer<R> {
    pub(super) reader: R,
    /// The bytes in `start..end` have not been released. The rest is room.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// How many bytes have been released.
    released: u64,
}

impl<R> ReadBuffer<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader, bytes: Vec::new(), start: 0, end: 0, released: 0 }
    }

    /// The bytes that have been read but not released.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// How many bytes of the stream have been released.
    pub(super) const fn released(&self) -> u64 {
        self.released
    }

    /// Releases that many bytes.
    #[inline]
    pub(super) fn release(&mut self, count: usize) {
        self.start += count;
        self.released += count as u64;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.bytes.len() > KEPT && self.end - self.start < CAPACITY {
            self.make_room(CAPACITY);
        }
    }

    /// Moves the unreleased bytes to the beginning of the buffer, and makes it `size` bytes long.
    fn make_room(&mut self, size: usize) {
        // The condition always holds. It shows the compiler that the copy does not panic.
        let bytes = self.bytes.get_mut(..self.end).filter(|bytes| self.start <= bytes.len());
        if let Some(bytes) = bytes {
            bytes.copy_within(self.start.., 0);
        }
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() > size {
            self.bytes.truncate(size);
            self.bytes.shrink_to_fit();
        }
        // Exact, as a vector that grows by itself could use twice the size.
        self.bytes.reserve_exact(size.saturating_sub(self.bytes.len()));
        self.bytes.resize(size, 0);
    }
}

impl<R: Read> ReadBuffer<R> {
    /// Reads once, and returns how many bytes arrived.
    pub(super) fn fill(&mut self) -> Result<usize, IoError> {
        if self.end == self.bytes.len() {
            // Doubled, so that each byte of a long frame is moved only a constant number of times on average.
            self.make_room((2 * (self.end - self.start)).max(CAPACITY));
        }
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        let count = read_once(&mut self.reader, room)?;
        self.end += count;
        Ok(count)
    }

    /// Reads once, past the buffer, which must be empty. The bytes count as released.
    pub(super) fn read_past(&mut self, into: &mut [u8]) -> Result<usize, IoError> {
        let count = read_once(&mut self.reader, into)?;
        self.released += count as u64;
        Ok(count)
    }
}

/// Reads once, and again if the read was interrupted.
fn read_once(reader: &mut impl Read, into: &mut [u8]) -> Result<usize, IoError> {
    loop {
        match reader.read(into) {
            Ok(count) => return Ok(count.min(into.len())),
            Err(error) if error.kind() == IoErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl<R: fmt::Debug> fmt::Debug for ReadBuffer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBuffer")
            .field("reader", &self.reader)
            .field("unread", &self.unread().len())
            .finish_non_exhaustive()
    }
}
