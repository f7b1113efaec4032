//! The elements of an array, a set or a push.

#![deny(clippy::arithmetic_side_effects)]

use core::iter::FusedIterator;

use super::values::Values;
use super::{Decoded, ReplyRef};

/// An iterator over the elements of an array, a set or a push, in wire order.
///
/// The iterator is `Copy`: a `for` loop or an adapter advances a copy. Use `by_ref` to advance the
/// original. Attributes are skipped: [`annotated`](Self::annotated) yields each element with its
/// attributes and its exact bytes.
#[doc(alias = "array")]
#[doc(alias = "multi bulk")]
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

    /// The same elements, decoded with lines as they were sent.
    pub(super) const fn as_sent(self) -> Self {
        Self(self.0.as_sent())
    }

    /// Returns how many elements are left; `None` in a streamed aggregate, which does not announce
    /// its length.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        self.0.left().map(|left| left as usize)
    }

    /// Returns how many elements are left. In a streamed aggregate they are counted, in one pass.
    pub(crate) fn total(&self) -> usize {
        self.len().unwrap_or_else(|| self.count())
    }

    /// How many values are left; `None` in a streamed aggregate.
    #[cfg(feature = "serde")]
    pub(crate) const fn left(&self) -> Option<u32> {
        self.0.left()
    }

    /// Returns whether no elements are left. This works in a streamed aggregate too.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.bytes().is_empty()
    }

    /// Returns the wire bytes of the elements that are left: no header, and no end of a streamed
    /// aggregate.
    #[must_use]
    pub const fn wire(&self) -> &'a [u8] {
        self.0.bytes()
    }

    /// Returns an iterator over the elements that are left, each with its attributes and its exact
    /// bytes.
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

impl PartialEq for Elements<'_> {
    /// Compares the elements that are left, as [`ReplyRef`] compares arrays.
    fn eq(&self, other: &Self) -> bool {
        ReplyRef::Array(*self) == ReplyRef::Array(*other)
    }
}

/// An iterator over the elements of an aggregate with their attributes and exact bytes: see
/// [`Elements::annotated`].
#[derive(Clone)]
pub struct AnnotatedElements<'a>(Values<'a>);

impl<'a> AnnotatedElements<'a> {
    /// Returns an iterator over the elements that are left, without their attributes.
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
