//! The chunks of a streamed string.

#![deny(clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::iter::FusedIterator;

use super::header;

/// An iterator over the chunks of a streamed string, each a non-empty slice of the input.
///
/// The iterator is `Copy`: a `for` loop or an adapter advances a copy. Use `by_ref` to advance the
/// original.
///
/// Two iterators are equal if the same chunks are left. Equal strings that are split into different
/// chunks are not equal: to compare strings, compare [`to_bytes`](Self::to_bytes).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Chunks<'a> {
    wire: &'a [u8],
}

impl<'a> Chunks<'a> {
    #[inline]
    pub(crate) const fn new(wire: &'a [u8]) -> Self {
        Self { wire }
    }

    /// The wire form of the chunks that are left, without the empty chunk that ends the string.
    pub(crate) const fn wire(&self) -> &'a [u8] {
        self.wire
    }

    /// Returns the rest of the string: borrowed if at most one chunk is left, otherwise in one
    /// allocation.
    ///
    /// ```
    /// let frame = zresp::decode(b"$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n")?.expect("a whole frame");
    /// let zresp::ReplyRef::Streamed(chunks) = frame.reply() else { panic!() };
    /// assert_eq!(chunks.to_bytes(), b"Hello".as_slice());
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    pub fn to_bytes(self) -> Cow<'a, [u8]> {
        if let Some(bytes) = self.single() {
            return Cow::Borrowed(bytes);
        }
        let mut bytes = Vec::with_capacity(self.map(<[u8]>::len).sum());
        for chunk in self {
            bytes.extend_from_slice(chunk);
        }
        Cow::Owned(bytes)
    }

    /// Returns the rest of the string as a slice of the input, if at most one chunk is left.
    pub(crate) fn single(mut self) -> Option<&'a [u8]> {
        let bytes = self.next().unwrap_or_default();
        self.next().is_none().then_some(bytes)
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (chunk, size) = header::payload(self.wire)?;
        self.wire = self.wire.get(size..)?;
        Some(chunk)
    }
}

impl FusedIterator for Chunks<'_> {}
