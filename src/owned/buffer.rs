//! Shared bytes: taking frames off the front of a buffer, and parts out of a frame.

use core::ops::Deref;

use bytes::{Buf, Bytes, BytesMut};

/// A buffer off whose front a frame can be taken without copying: [`BytesMut`] or [`Bytes`]. It is sealed.
pub trait FrameBuffer: sealed::SealedBuffer {}

impl FrameBuffer for BytesMut {}
impl FrameBuffer for Bytes {}

pub(crate) mod sealed {
    use super::{Bytes, Deref};

    pub trait SealedBuffer: Deref<Target = [u8]> {
        /// Takes off the first bytes, of which there are as many.
        fn take(&mut self, len: usize) -> Bytes;

        /// Drops the first bytes.
        fn skip(&mut self, len: usize);
    }
}

impl sealed::SealedBuffer for BytesMut {
    #[inline]
    fn take(&mut self, len: usize) -> Bytes {
        self.split_to(len.min(self.len())).freeze()
    }

    fn skip(&mut self, len: usize) {
        self.advance(len.min(self.len()));
    }
}

impl sealed::SealedBuffer for Bytes {
    #[inline]
    fn take(&mut self, len: usize) -> Bytes {
        self.split_to(len.min(self.len()))
    }

    fn skip(&mut self, len: usize) {
        self.advance(len.min(self.len()));
    }
}

/// Shares a part of some bytes; `None` if it lies elsewhere.
#[inline]
pub(crate) fn part(bytes: &Bytes, part: &[u8]) -> Option<Bytes> {
    if part.is_empty() {
        return Some(Bytes::new());
    }
    let start = part.as_ptr().addr().checked_sub(bytes.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= bytes.len()).then(|| bytes.slice(start..end))
}
