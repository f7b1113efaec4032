//! The attributes before a value.

#![deny(clippy::arithmetic_side_effects)]

use core::iter::FusedIterator;

use super::header;
use super::values::Values;
use super::{AnnotatedPairs, Decoded, Pairs, ReplyRef};

/// The attributes before a value: none, one or several.
///
/// An attribute is a list of pairs. The iterators go through the pairs of all attributes as if these
/// were one list.
#[derive(Clone, Copy)]
pub struct Attributes<'a> {
    wire: &'a [u8],
}

impl<'a> Attributes<'a> {
    #[inline]
    pub(super) const fn new(wire: &'a [u8]) -> Self {
        Self { wire }
    }

    /// Returns whether there are no attributes before the value. An attribute without pairs still
    /// counts as an attribute.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.wire.is_empty()
    }

    /// Returns the exact bytes of the attributes.
    #[must_use]
    pub const fn wire(&self) -> &'a [u8] {
        self.wire
    }

    /// Returns an iterator over the pairs of all attributes, in wire order.
    #[must_use]
    pub const fn iter(&self) -> AttributePairs<'a> {
        AttributePairs(self.annotated())
    }

    /// Returns an iterator over the pairs of all attributes, each key and value with its own
    /// attributes and its exact bytes.
    #[must_use]
    pub const fn annotated(&self) -> AnnotatedAttributePairs<'a> {
        let none = Pairs::new(Values::new(&[], Some(0)));
        AnnotatedAttributePairs { pairs: none.annotated(), rest: self.wire }
    }
}

impl<'a> IntoIterator for Attributes<'a> {
    type Item = (ReplyRef<'a>, ReplyRef<'a>);
    type IntoIter = AttributePairs<'a>;

    fn into_iter(self) -> AttributePairs<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Attributes<'a> {
    type Item = (ReplyRef<'a>, ReplyRef<'a>);
    type IntoIter = AttributePairs<'a>;

    fn into_iter(self) -> AttributePairs<'a> {
        self.iter()
    }
}

/// An iterator over the pairs of the attributes before a value: see [`Attributes::iter`].
#[derive(Clone)]
pub struct AttributePairs<'a>(AnnotatedAttributePairs<'a>);

impl<'a> Iterator for AttributePairs<'a> {
    type Item = (ReplyRef<'a>, ReplyRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.0.next()?;
        Some((key.reply(), value.reply()))
    }
}

impl FusedIterator for AttributePairs<'_> {}

/// An iterator over the pairs of the attributes before a value, with their own attributes and exact
/// bytes: see [`Attributes::annotated`].
#[derive(Clone)]
pub struct AnnotatedAttributePairs<'a> {
    /// The pairs that are left of the current attribute.
    pairs: AnnotatedPairs<'a>,
    /// The bytes of the attributes after it.
    rest: &'a [u8],
}

impl<'a> Iterator for AnnotatedAttributePairs<'a> {
    type Item = (Decoded<'a>, Decoded<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.pairs.pairs().is_empty() {
            let opening = header::opening(self.rest)?;
            let values = opening.values()?;
            let body = self.rest.get(opening.size..)?;
            let (pairs, rest) = body.split_at_checked(header::size(body, values)?)?;
            // The policy for their lines is not known here. This one is right for all: the lines are looked at
            // before they are written.
            let values = Values::new(pairs, Some(values)).as_sent();
            self.pairs = Pairs::new(values).annotated();
            self.rest = rest;
        }
        self.pairs.next()
    }
}

impl FusedIterator for AnnotatedAttributePairs<'_> {}
