//! The pairs of a map.

#![deny(clippy::arithmetic_side_effects)]

use core::iter::FusedIterator;

use super::values::Values;
use super::{Decoded, Elements, ReplyRef};

/// The pairs of a map that are still to be read, in the order of the wire, duplicate keys included.
///
/// An iterator over keys and values, and `Copy`: `for` loops and adapters take a copy and leave the
/// original where it stands; `by_ref` moves it on.
/// Attributes are stepped over; [`annotated`](Self::annotated) has them.
#[derive(Clone, Copy)]
pub struct Pairs<'a>(Values<'a>);

impl<'a> Pairs<'a> {
    #[inline]
    pub(super) const fn new(values: Values<'a>) -> Self {
        Self(values)
    }

    pub(super) const fn values(&self) -> Values<'a> {
        self.0
    }

    /// Values by turns as pairs; there is an even number of them.
    pub(crate) const fn of_elements(elements: Elements<'a>) -> Self {
        Self(elements.values())
    }

    /// Keys and values by turns.
    pub(crate) const fn flat(&self) -> Elements<'a> {
        Elements::new(self.0)
    }

    /// Returns how many pairs are left; `None` in a streamed map, whose length is known only at its
    /// end.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        self.0.left().map(|left| left as usize / 2)
    }

    /// Returns whether no pairs are left; known in a streamed map, too.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.bytes().is_empty()
    }

    /// Returns the wire bytes of the pairs that are left, without the header and, in a streamed
    /// map, without the end.
    #[must_use]
    pub const fn wire(&self) -> &'a [u8] {
        self.0.bytes()
    }

    /// Returns an iterator over the pairs in which keys and values come with their attributes and
    /// their own wire bytes.
    #[must_use]
    pub const fn annotated(self) -> AnnotatedPairs<'a> {
        AnnotatedPairs(self.0)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (ReplyRef<'a>, ReplyRef<'a>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.take_pair()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint(2)
    }
}

impl FusedIterator for Pairs<'_> {}

/// The pairs of a map with their attributes and wire bytes: see [`Pairs::annotated`].
#[derive(Clone)]
pub struct AnnotatedPairs<'a>(Values<'a>);

impl<'a> AnnotatedPairs<'a> {
    /// Returns the same pairs without their annotations.
    #[must_use]
    pub const fn pairs(&self) -> Pairs<'a> {
        Pairs(self.0)
    }
}

impl<'a> Iterator for AnnotatedPairs<'a> {
    type Item = (Decoded<'a>, Decoded<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.take()?, self.0.take()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint(2)
    }
}

impl FusedIterator for AnnotatedPairs<'_> {}
