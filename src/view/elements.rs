//! The elements of an array, a set or a push.

#![deny(clippy::arithmetic_side_effects)]

use core::iter::FusedIterator;

use super::values::Values;
use super::{Decoded, ReplyRef};

/// The elements of an array, a set or a push that are still to be read, in order.
///
/// An iterator over [`ReplyRef`], and `Copy`: `for` loops and adapters take a copy and leave the
/// original where it stands; `by_ref` moves it on.
/// Attributes are stepped over; [`annotated`](Self::annotated) has them, and the wire bytes of each
/// element.
#[derive(Clone, Copy)]
pub struct Elements<'a>(Values<'a>);

impl<'a> Elements<'a> {
    #[inline]
    pub(super) const fn new(values: Values<'a>) -> Self {
        Self(values)
    }

    pub(super) const fn values(&self) -> Values<'a> {
        self.0
    }

    /// Returns how many elements are left; `None` in a streamed aggregate, whose length is known
    /// only at its end.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        self.0.left().map(|left| left as usize)
    }

    /// How many elements are left, counted in a streamed aggregate.
    pub(crate) fn total(&self) -> usize {
        self.len().unwrap_or_else(|| self.count())
    }

    /// How many values are left, where that is known.
    #[cfg(feature = "serde")]
    pub(crate) const fn left(&self) -> Option<u32> {
        self.0.left()
    }

    /// Returns whether no elements are left; known in a streamed aggregate, too.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.bytes().is_empty()
    }

    /// Returns the wire bytes of the elements that are left, without the header and, in a streamed
    /// aggregate, without the end.
    #[must_use]
    pub const fn wire(&self) -> &'a [u8] {
        self.0.bytes()
    }

    /// Returns an iterator over the elements with their attributes and their own wire bytes.
    ///
    /// ```
    /// let frame = zresp::decode(b"*2\r\n+a\r\n|1\r\n+ttl\r\n:9\r\n+b\r\n")?.expect("a whole frame");
    /// let zresp::ReplyRef::Array(items) = frame.reply() else { panic!() };
    /// let last = items.annotated().last().expect("two elements");
    /// assert_eq!(last.wire(), b"|1\r\n+ttl\r\n:9\r\n+b\r\n");
    /// assert_eq!(last.attributes().iter().count(), 1);
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    pub const fn annotated(self) -> AnnotatedElements<'a> {
        AnnotatedElements(self.0)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = ReplyRef<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<ReplyRef<'a>> {
        self.0.take_reply()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint(1)
    }
}

impl FusedIterator for Elements<'_> {}

/// The elements of an aggregate with their attributes and wire bytes: see
/// [`Elements::annotated`].
#[derive(Clone)]
pub struct AnnotatedElements<'a>(Values<'a>);

impl<'a> AnnotatedElements<'a> {
    /// Returns the same elements without their annotations.
    #[must_use]
    pub const fn elements(&self) -> Elements<'a> {
        Elements(self.0)
    }
}

impl<'a> Iterator for AnnotatedElements<'a> {
    type Item = Decoded<'a>;

    #[inline]
    fn next(&mut self) -> Option<Decoded<'a>> {
        self.0.take()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint(1)
    }
}

impl FusedIterator for AnnotatedElements<'_> {}
