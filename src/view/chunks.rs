//! A string that came in chunks.

#![deny(clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::iter::FusedIterator;

use super::header;

/// The chunks of a streamed string that are still to be read: slices of the input, none of them
/// empty.
///
/// An iterator, and `Copy`: `for` loops and adapters take a copy and leave the
/// original where it stands; `by_ref` moves it on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Chunks<'a> {
    wire: &'a [u8],
}

impl<'a> Chunks<'a> {
    #[inline]
    pub(crate) const fn new(wire: &'a [u8]) -> Self {
        Self { wire }
    }

    /// The chunks in their wire form.
    pub(crate) const fn wire(&self) -> &'a [u8] {
        self.wire
    }

    /// Returns the whole string: borrowed if it is one chunk or none, otherwise in one allocation.
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

    /// Returns the whole string, if it is one chunk or none.
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
