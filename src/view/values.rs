//! The validated bytes of values one behind the other, and the walk over them.

use crate::kind::Kind;
use crate::lex::word;

use super::header::{self, Extent, Opening};
use super::{Attributes, Decoded, ReplyRef};

/// Values that lie one behind the other: what elements and pairs are made of.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    rest: &'a [u8],
    /// How many there are; `None` in a streamed aggregate.
    left: Option<u32>,
}

impl<'a> Values<'a> {
    #[inline]
    pub(super) const fn new(bytes: &'a [u8], count: Option<u32>) -> Self {
        Self { rest: bytes, left: count }
    }

    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) const fn left(&self) -> Option<u32> {
        self.left
    }

    /// How many values are left at the least and at the most, `each` at a time.
    pub(super) fn size_hint(&self, each: usize) -> (usize, Option<usize>) {
        // The shortest value has three bytes.
        let most = self.rest.len() / 3 / each;
        match self.left {
            Some(left) => {
                let exact = most.min(left as usize / each);
                (exact, Some(exact))
            }
            None => (usize::from(most > 0), Some(most)),
        }
    }

    /// Takes the next value without its attributes.
    #[inline(always)]
    pub(super) fn take_reply(&mut self) -> Option<ReplyRef<'a>> {
        if let Some((payload, rest)) = self.bulk_string() {
            self.pass(rest);
            return Some(ReplyRef::Bulk(payload));
        }
        if let Some((value, rest)) = header::flag(self.rest) {
            self.pass(rest);
            return Some(ReplyRef::Integer(value));
        }
        self.take_other()
    }

    /// Takes the next two values without their attributes.
    #[inline(always)]
    pub(super) fn take_pair(&mut self) -> Option<(ReplyRef<'a>, ReplyRef<'a>)> {
        let before = *self;
        if let Some((key, rest)) = self.bulk_string() {
            self.pass(rest);
            if let Some((value, rest)) = self.bulk_string() {
                self.pass(rest);
                return Some((ReplyRef::Bulk(key), ReplyRef::Bulk(value)));
            }
            *self = before;
        }
        self.take_other_pair()
    }

    /// The bulk string that is next, and what is behind it.
    #[inline(always)]
    fn bulk_string(&self) -> Option<(&'a [u8], &'a [u8])> {
        header::bulk_string(word::first(self.rest)?, self.rest)
    }

    #[inline(never)]
    fn take_other_pair(&mut self) -> Option<(ReplyRef<'a>, ReplyRef<'a>)> {
        Some((self.take_reply()?, self.take_reply()?))
    }

    #[inline(never)]
    fn take_other(&mut self) -> Option<ReplyRef<'a>> {
        // In place: a detour over a tuple is a copy that stalls.
        if let Some(opening) = header::opening(self.rest) {
            return self.take_aggregate(opening);
        }
        let line = word::first(self.rest).and_then(|word| header::line(word, self.rest));
        match line {
            Some((reply, rest)) => {
                self.pass(rest);
                Some(reply)
            }
            None => self.take_rare(),
        }
    }

    #[inline(always)]
    fn take_aggregate(&mut self, opening: Opening) -> Option<ReplyRef<'a>> {
        if opening.kind == Kind::Attribute {
            return Some(self.take()?.reply());
        }
        let (values, size) = opening.content(self.rest, self.extent())?;
        self.pass(self.rest.get(size..)?);
        Some(ReplyRef::aggregate(opening.kind.type_byte(), values))
    }

    #[inline(never)]
    fn take_rare(&mut self) -> Option<ReplyRef<'a>> {
        let (reply, size) = header::value(self.rest, self.extent())?;
        self.pass(self.rest.get(size..)?);
        Some(reply)
    }

    /// Where the next value ends: the last one ends with the bytes.
    fn extent(&self) -> Extent {
        if self.left == Some(1) { Extent::Exact } else { Extent::Within }
    }

    /// Takes the next value with its attributes and its own bytes.
    pub(super) fn take(&mut self) -> Option<Decoded<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (attributes, value) =
            self.rest.split_at_checked(header::attributes_size(self.rest)?)?;
        let (reply, size) = header::value(value, self.extent())?;
        let (wire, rest) = self.rest.split_at_checked(attributes.len() + size)?;
        self.pass(rest);
        Some(Decoded::new(reply, wire, Attributes::new(attributes)))
    }

    /// Goes on behind a value.
    #[inline]
    fn pass(&mut self, rest: &'a [u8]) {
        self.rest = rest;
        self.left = self.left.map(|left| left.saturating_sub(1));
    }
}
