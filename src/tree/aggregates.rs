//! The contents of the aggregates of a tree.
//!
//! Each aggregate keeps its values in one flat vector, with alternating keys and values in a map.
//! So all aggregates are walked, cloned and dropped by the same code, and that code does not
//! recurse, however deep the tree is.

use alloc::vec::{self, Vec};
use core::fmt;
use core::mem;
use core::ops::{Deref, DerefMut};
use core::slice;

use smallvec::{SmallVec, smallvec};

use crate::escape::VALUES;

use super::builder::{AggregateForm, Builder};
use super::{Reply, Walk};

/// The values of an aggregate or an annotated reply.
#[derive(Default, PartialEq)]
pub(super) struct Children(pub(super) Vec<Reply>);

impl Children {
    /// The values in pairs. The last value is left out if it has no partner: it is the reply that
    /// an attribute annotates.
    fn pairs(&self) -> EntriesIter<'_> {
        EntriesIter(self.0.chunks_exact(2))
    }
}

impl Clone for Children {
    fn clone(&self) -> Self {
        let clone = |reply: &Reply| match reply.children() {
            None => reply.clone(),
            Some(_) => Builder::of_walk(Walk::new(reply)),
        };
        Self(self.0.iter().map(clone).collect())
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        if self
            .0
            .iter()
            .all(|reply| reply.children().is_none_or(|(_, children)| children.is_empty()))
        {
            return;
        }
        // Inner vectors are moved out before their parents are dropped, so that no drop recurses.
        let mut vectors: SmallVec<[Vec<Reply>; 8]> = smallvec![mem::take(&mut self.0)];
        while let Some(mut vector) = vectors.pop() {
            vectors.extend(vector.iter_mut().filter_map(Reply::take_children));
        }
    }
}

/// The elements of an array, a set or a push.
///
/// It has the methods of `Vec<Reply>`, with two differences: [`push`](Self::push) and
/// [`insert`](Self::insert) take any type that becomes a reply, and `insert` and
/// [`remove`](Self::remove) do not panic.
#[doc(alias = "array")]
#[doc(alias = "multi bulk")]
#[derive(Clone, Default, PartialEq)]
pub struct Items {
    pub(super) children: Children,
    pub(super) form: AggregateForm,
}

impl Items {
    /// Adds an element at the end.
    pub fn push(&mut self, element: impl Into<Reply>) {
        self.children.0.push(element.into());
    }

    /// Adds an element at this index, or at the end if there are fewer elements. Later elements
    /// shift to the right.
    pub fn insert(&mut self, index: usize, element: impl Into<Reply>) {
        let at = index.min(self.len());
        self.children.0.insert(at, element.into());
    }

    /// Removes the element at this index and returns it; `None` if there are fewer elements. Later
    /// elements shift to the left.
    pub fn remove(&mut self, index: usize) -> Option<Reply> {
        (index < self.len()).then(|| self.children.0.remove(index))
    }

    /// Returns the same elements, to be written in streamed form: in RESP3, without a length.
    ///
    /// Most clients cannot read this form: neither redis-cli 7 nor redis-py 8 can. To write a reply of unknown length for
    /// any client, open its aggregate with `None` in a [`ReplyWriter`](crate::ReplyWriter).
    ///
    /// A push cannot be streamed: a push in streamed form fails to encode.
    #[must_use]
    pub const fn streamed(mut self) -> Self {
        self.form = AggregateForm::Streamed;
        self
    }

    /// Returns whether the aggregate is in streamed form, as received or as it will be written.
    #[must_use]
    pub const fn is_streamed(&self) -> bool {
        matches!(self.form, AggregateForm::Streamed)
    }

    /// Returns the elements as a vector, without copying them.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<Reply> {
        mem::take(&mut self.children.0)
    }
}

impl Deref for Items {
    type Target = Vec<Reply>;

    fn deref(&self) -> &Vec<Reply> {
        &self.children.0
    }
}

impl DerefMut for Items {
    fn deref_mut(&mut self) -> &mut Vec<Reply> {
        &mut self.children.0
    }
}

impl From<Vec<Reply>> for Items {
    fn from(values: Vec<Reply>) -> Self {
        Self { children: Children(values), form: AggregateForm::Counted }
    }
}

impl<T: Into<Reply>> FromIterator<T> for Items {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        values.into_iter().map(Into::into).collect::<Vec<_>>().into()
    }
}

impl<T: Into<Reply>> Extend<T> for Items {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        self.children.0.extend(values.into_iter().map(Into::into));
    }
}

impl IntoIterator for Items {
    type Item = Reply;
    type IntoIter = vec::IntoIter<Reply>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'a> IntoIterator for &'a Items {
    type Item = &'a Reply;
    type IntoIter = slice::Iter<'a, Reply>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Items {
    type Item = &'a mut Reply;
    type IntoIter = slice::IterMut<'a, Reply>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().take(VALUES)).finish()
    }
}

/// The pairs of a map, in order. Duplicate keys are kept.
#[doc(alias = "map")]
#[derive(Clone, Default, PartialEq)]
pub struct Entries {
    pub(super) children: Children,
    pub(super) form: AggregateForm,
}

impl Entries {
    /// Returns the number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.children.0.len() / 2
    }

    /// Returns whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.children.0.is_empty()
    }

    /// Adds a pair at the end, even if there is one with this key.
    pub fn push(&mut self, key: impl Into<Reply>, value: impl Into<Reply>) {
        self.children.0.extend([key.into(), value.into()]);
    }

    /// Adds a pair at this index, or at the end if there are fewer pairs. Later pairs shift to the
    /// right.
    pub fn insert(&mut self, index: usize, key: impl Into<Reply>, value: impl Into<Reply>) {
        let at = 2 * index.min(self.len());
        self.children.0.splice(at..at, [key.into(), value.into()]);
    }

    /// Removes the last pair and returns it; `None` if there are no pairs.
    pub fn pop(&mut self) -> Option<(Reply, Reply)> {
        self.remove(self.len().checked_sub(1)?)
    }

    /// Keeps the first `len` pairs and removes the others.
    pub fn truncate(&mut self, len: usize) {
        self.children.0.truncate(len.saturating_mul(2));
    }

    /// Removes all pairs.
    pub fn clear(&mut self) {
        self.children.0.clear();
    }

    /// Removes the pair at this index and returns it; `None` if there are fewer pairs. Later pairs
    /// shift to the left.
    pub fn remove(&mut self, index: usize) -> Option<(Reply, Reply)> {
        let at = index.checked_mul(2).filter(|at| *at + 1 < self.children.0.len())?;
        let mut pair = self.children.0.drain(at..at + 2);
        Some((pair.next()?, pair.next()?))
    }

    /// Returns the value of the last pair whose key has these bytes according to
    /// [`Reply::as_bytes`].
    ///
    /// The last pair is the one that a `HashMap` would keep. The search takes time linear in the
    /// number of pairs.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Reply> {
        self.iter().rfind(|(found, _)| found.as_bytes() == Some(key)).map(|(_, value)| value)
    }

    /// Returns the same value as [`get`](Self::get), to change it.
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut Reply> {
        self.iter_mut().rfind(|(found, _)| found.as_bytes() == Some(key)).map(|(_, value)| value)
    }

    /// Returns an iterator over the pairs.
    #[must_use]
    pub fn iter(&self) -> EntriesIter<'_> {
        self.children.pairs()
    }

    /// Returns an iterator over the pairs, to change their values.
    pub fn iter_mut(&mut self) -> EntriesIterMut<'_> {
        EntriesIterMut(self.children.0.chunks_exact_mut(2))
    }

    /// Returns the same pairs, to be written in streamed form: in RESP3, without a length.
    ///
    /// Most clients cannot read this form: neither redis-cli 7 nor redis-py 8 can. To write a reply of unknown length for
    /// any client, open its aggregate with `None` in a [`ReplyWriter`](crate::ReplyWriter).
    #[must_use]
    pub const fn streamed(mut self) -> Self {
        self.form = AggregateForm::Streamed;
        self
    }

    /// Returns whether the map is in streamed form, as received or as it will be written.
    #[must_use]
    pub const fn is_streamed(&self) -> bool {
        matches!(self.form, AggregateForm::Streamed)
    }

    /// Returns the pairs as a vector.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<(Reply, Reply)> {
        let mut values = mem::take(&mut self.children.0).into_iter();
        core::iter::from_fn(|| Some((values.next()?, values.next()?))).collect()
    }
}

impl From<Vec<(Reply, Reply)>> for Entries {
    fn from(pairs: Vec<(Reply, Reply)>) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K: Into<Reply>, V: Into<Reply>> FromIterator<(K, V)> for Entries {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let values = pairs.into_iter().flat_map(|(key, value)| [key.into(), value.into()]);
        Self { children: Children(values.collect()), form: AggregateForm::Counted }
    }
}

impl<K: Into<Reply>, V: Into<Reply>> Extend<(K, V)> for Entries {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.push(key, value);
        }
    }
}

impl IntoIterator for Entries {
    type Item = (Reply, Reply);
    type IntoIter = vec::IntoIter<(Reply, Reply)>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = (&'a Reply, &'a Reply);
    type IntoIter = EntriesIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Entries {
    type Item = (&'a Reply, &'a mut Reply);
    type IntoIter = EntriesIterMut<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().take(VALUES)).finish()
    }
}

/// An iterator over pairs: see [`Entries::iter`] and [`Annotated::attribute`].
#[derive(Clone)]
pub struct EntriesIter<'a>(slice::ChunksExact<'a, Reply>);

impl fmt::Debug for EntriesIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone().take(VALUES)).finish()
    }
}

/// An iterator over pairs whose values can be changed: see [`Entries::iter_mut`].
pub struct EntriesIterMut<'a>(slice::ChunksExactMut<'a, Reply>);

impl fmt::Debug for EntriesIterMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntriesIterMut").field("left", &self.0.len()).finish()
    }
}

fn pair(chunk: &[Reply]) -> Option<(&Reply, &Reply)> {
    Some((chunk.first()?, chunk.get(1)?))
}

fn pair_mut(chunk: &mut [Reply]) -> Option<(&Reply, &mut Reply)> {
    match chunk {
        [key, value] => Some((&*key, value)),
        _ => None,
    }
}

impl<'a> Iterator for EntriesIter<'a> {
    type Item = (&'a Reply, &'a Reply);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().and_then(pair)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for EntriesIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().and_then(pair)
    }
}

impl ExactSizeIterator for EntriesIter<'_> {}

impl<'a> Iterator for EntriesIterMut<'a> {
    type Item = (&'a Reply, &'a mut Reply);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().and_then(pair_mut)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for EntriesIterMut<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().and_then(pair_mut)
    }
}

impl ExactSizeIterator for EntriesIterMut<'_> {}

/// A reply and the attribute before it.
#[derive(Clone, PartialEq)]
pub struct Annotated {
    /// The keys and values of the attribute, then the reply.
    pub(super) children: Children,
}

impl Annotated {
    /// Returns a reply with an attribute of these pairs before it.
    ///
    /// An attribute cannot be streamed, so it does not matter whether the pairs are.
    #[must_use]
    pub fn new(mut attribute: Entries, reply: impl Into<Reply>) -> Self {
        let mut children = mem::take(&mut attribute.children);
        children.0.push(reply.into());
        Self { children }
    }

    /// Returns an iterator over the pairs of the attribute.
    #[must_use]
    pub fn attribute(&self) -> EntriesIter<'_> {
        self.children.pairs()
    }

    /// Returns the reply after the attribute. It may be annotated by another attribute.
    #[must_use]
    pub fn reply(&self) -> &Reply {
        self.children.0.last().unwrap_or(&Reply::Null)
    }

    /// Returns the attribute and the reply.
    #[must_use]
    pub fn into_parts(mut self) -> (Entries, Reply) {
        let mut children = mem::take(&mut self.children);
        let reply = children.0.pop().unwrap_or(Reply::Null);
        (Entries { children, form: AggregateForm::Counted }, reply)
    }
}

impl fmt::Debug for Annotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.attribute().take(VALUES)).finish()?;
        write!(f, " {:?}", self.reply())
    }
}
