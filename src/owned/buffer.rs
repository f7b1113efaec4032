//! Splits frames off a buffer, and parts off a frame, without copying.

use core::ops::Deref;

use bytes::{Buf, Bytes, BytesMut};

/// A buffer from which a frame can be taken without copying: [`BytesMut`] or [`Bytes`].
///
/// The trait is sealed: other types cannot implement it.
#[diagnostic::on_unimplemented(
    message = "frames cannot be taken off a `{Self}` without copying",
    note = "read into a `bytes::BytesMut`, or copy a view with `to_frame`"
)]
pub trait FrameBuffer: sealed::SealedBuffer {}

impl FrameBuffer for BytesMut {}
impl FrameBuffer for Bytes {}

pub(crate) mod sealed {
    use super::{Bytes, Deref};

    pub trait SealedBuffer: Deref<Target = [u8]> {
        /// Splits the first `len` bytes off the buffer, or all if there are fewer.
        fn take(&mut self, len: usize) -> Bytes;

        /// Drops the first `len` bytes, or all if there are fewer.
        fn skip(&mut self, len: usize);

        /// Returns the buffer, if parts of it can be shared before they are split off.
        fn shared(&self) -> Option<&Bytes>;
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

    #[inline]
    fn shared(&self) -> Option<&Bytes> {
        None
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

    #[inline]
    fn shared(&self) -> Option<&Bytes> {
        Some(self)
    }
}

/// Returns `part` as a slice that shares `bytes`; `None` if it lies elsewhere in memory.
///
/// An empty part becomes an empty `Bytes`, wherever it lies.
#[inline]
pub(crate) fn part(bytes: &Bytes, part: &[u8]) -> Option<Bytes> {
    if part.is_empty() {
        return Some(Bytes::new());
    }
    let start = part.as_ptr().addr().checked_sub(bytes.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= bytes.len()).then(|| bytes.slice(start..end))
}
