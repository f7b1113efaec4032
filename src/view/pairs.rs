//! The pairs of a map.

#![deny(clippy::arithmetic_side_effects)]

use core::iter::FusedIterator;

use super::values::Values;
use super::{Decoded, Elements, ReplyRef};

/// An iterator over the keys and values of a map, in wire order. Duplicate keys are kept.
///
/// The iterator is `Copy`: a `for` loop or an adapter advances a copy. Use `by_ref` to advance the
/// original. Attributes are skipped: [`annotated`](Self::annotated) yields each key and value with its
/// attributes and its exact bytes.
#[doc(alias = "map")]
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

    /// The same pairs, decoded with lines as they were sent.
    pub(super) const fn as_sent(self) -> Self {
        Self(self.0.as_sent())
    }

    /// Reads elements as alternating keys and values. The caller has checked that their number is
    /// even.
    pub(crate) const fn of_elements(elements: Elements<'a>) -> Self {
        Self(elements.values())
    }

    /// The alternating keys and values.
    pub(crate) const fn flat(&self) -> Elements<'a> {
        Elements::new(self.0)
    }

    /// Returns how many pairs are left; `None` in a streamed map, which does not announce its
    /// length.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        self.0.left().map(|left| left as usize / 2)
    }

    /// Returns whether no pairs are left. This works in a streamed map too.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.bytes().is_empty()
    }

    /// Returns the value of the last pair whose key is a string with these bytes. The last pair is the one that a `HashMap`
    /// would keep. The search takes time linear in the number of pairs.
    ///
    /// ```
    /// let frame = zresp::decode(b"%1\r\n$5\r\nlevel\r\n:37\r\n")?.expect("a whole frame");
    /// let pairs = frame.reply().as_pairs()?;
    /// assert_eq!(pairs.get("level"), Some(zresp::ReplyRef::Integer(37)));
    /// assert_eq!(pairs.get("guild"), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<ReplyRef<'a>> {
        let key = key.as_ref();
        let matching = self.filter(|(found, _)| match *found {
            ReplyRef::Bulk(text) | ReplyRef::Simple(text) | ReplyRef::Verbatim { text, .. } => {
                text == key
            }
            ReplyRef::Streamed(chunks) => chunks.flatten().eq(key),
            _ => false,
        });
        matching.last().map(|(_, value)| value)
    }

    /// Returns the wire bytes of the pairs that are left: no header, and no end of a streamed map.
    #[must_use]
    pub const fn wire(&self) -> &'a [u8] {
        self.0.bytes()
    }

    /// Returns an iterator over the pairs that are left, each key and value with its attributes and
    /// its exact bytes.
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

/// An iterator over the pairs of a map with their attributes and exact bytes: see
/// [`Pairs::annotated`].
#[derive(Clone)]
pub struct AnnotatedPairs<'a>(Values<'a>);

impl<'a> AnnotatedPairs<'a> {
    /// Returns an iterator over the pairs that are left, without their attributes.
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
