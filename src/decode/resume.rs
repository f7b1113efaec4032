//! The scan of a frame in a buffer that grows from call to call: what the decoders share.

#![deny(clippy::arithmetic_side_effects)]

use crate::error::{Error, ErrorKind};
use crate::validate::Scanner;

/// A scanner, and how it knows the buffer again.
#[derive(Debug, Clone)]
pub(crate) struct Resumable {
    pub(crate) scanner: Scanner,
    /// The first bytes of an unfinished frame.
    head: u64,
}

/// Where a whole frame ends, and where its value or command begins behind what is in front of it.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub(crate) len: usize,
    pub(crate) value_at: usize,
}

impl Resumable {
    #[inline(always)]
    pub(crate) const fn new(scanner: Scanner) -> Self {
        Self { scanner, head: 0 }
    }

    /// Returns where the frame that `buf` begins with ends. `buf` goes on where the one of the call
    /// before ended, as [`check`](Self::check) has found.
    pub(crate) fn frame(&mut self, buf: &[u8]) -> Result<Option<Bounds>, Error> {
        let unseen = buf.get(self.scanner.offset()..).unwrap_or_default();
        if self.scanner.advance(unseen)?.is_none() {
            self.remember(buf);
            return Ok(None);
        }
        let frame = Bounds { len: self.scanner.offset(), value_at: self.scanner.value_at() };
        self.scanner.reset();
        Ok(Some(frame))
    }

    /// Remembers how an unfinished frame begins.
    pub(crate) fn remember(&mut self, buf: &[u8]) {
        self.head = head(buf.get(self.scanner.start()..).unwrap_or_default());
    }

    /// Refuses a buffer that is shorter than in the call before, or does not begin with the same
    /// bytes.
    pub(crate) fn check(&mut self, buf: &[u8]) -> Result<(), Error> {
        let seen = buf.get(self.scanner.start()..self.scanner.offset());
        if seen.is_some_and(|seen| head(seen) == self.head) {
            return Ok(());
        }
        Err(self.changed())
    }

    /// Ends the frame, because its bytes are not those that were scanned.
    #[cold]
    pub(crate) fn changed(&mut self) -> Error {
        self.scanner.fail(ErrorKind::BufferChanged)
    }
}

/// The first eight bytes as a number, with zeros behind the end of the input.
#[inline]
fn head(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}
