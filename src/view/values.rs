//! The walk over consecutive values in validated bytes.

use crate::kind::Kind;
use crate::lex::word;
use crate::limits::LinePolicy;

use super::header::{self, Extent};
use super::{Decoded, ReplyRef};

/// Consecutive values, from which elements and pairs are taken.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    /// The bytes of the values that have not been taken, and nothing after them.
    rest: &'a [u8],
    /// How many values have not been taken; 0 in a streamed aggregate.
    left: u32,
    form: ValuesForm,
}

/// Whether the values are counted, and the policy under which the lines in their bytes were decoded.
#[derive(Clone, Copy)]
#[repr(u32)]
enum ValuesForm {
    Counted,
    Streamed,
    CountedAsSent,
    StreamedAsSent,
}

impl<'a> Values<'a> {
    #[inline]
    pub(super) const fn new(bytes: &'a [u8], count: Option<u32>) -> Self {
        let (left, form) = match count {
            Some(count) => (count, ValuesForm::Counted),
            None => (0, ValuesForm::Streamed),
        };
        Self { rest: bytes, left, form }
    }

    pub(super) const fn as_sent(mut self) -> Self {
        self.form = match self.form {
            ValuesForm::Counted | ValuesForm::CountedAsSent => ValuesForm::CountedAsSent,
            ValuesForm::Streamed | ValuesForm::StreamedAsSent => ValuesForm::StreamedAsSent,
        };
        self
    }

    pub(super) const fn lines(&self) -> LinePolicy {
        match self.form {
            ValuesForm::Counted | ValuesForm::Streamed => LinePolicy::Strict,
            ValuesForm::CountedAsSent | ValuesForm::StreamedAsSent => LinePolicy::AsSent,
        }
    }

    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) const fn left(&self) -> Option<u32> {
        match self.form {
            ValuesForm::Counted | ValuesForm::CountedAsSent => Some(self.left),
            ValuesForm::Streamed | ValuesForm::StreamedAsSent => None,
        }
    }

    /// The bounds on the number of items that are left, if each item takes `each` values.
    pub(super) fn size_hint(&self, each: usize) -> (usize, Option<usize>) {
        // The shortest value has three bytes.
        let most = self.rest.len() / 3 / each;
        match self.left() {
            Some(left) => {
                let exact = most.min(left as usize / each);
                (exact, Some(exact))
            }
            None => (usize::from(most > 0), Some(most)),
        }
    }

    /// Takes the next value without its attributes.
    ///
    /// Bulk strings and integers of one digit are read in the caller's loop.
    /// [`take_other`](Self::take_other) reads everything else.
    #[inline(always)]
    pub(super) fn take_reply(&mut self) -> Option<ReplyRef<'a>> {
        // Checked first, because the end of a short aggregate is as frequent as an element.
        if self.rest.is_empty() {
            return None;
        }
        if let Some((payload, rest)) = self.bulk_string() {
            self.pass(rest);
            return Some(ReplyRef::Bulk(payload));
        }
        if let Some((value, rest)) = header::single_digit(self.rest) {
            self.pass(rest);
            return Some(ReplyRef::Integer(value));
        }
        // Passed by value, so that the compiler can keep the walk in registers.
        let (reply, after) = self.take_other()?;
        *self = after;
        Some(reply)
    }

    /// Takes the next two values without their attributes.
    ///
    /// Two bulk strings are read in the caller's loop. If one of the two is not a bulk string,
    /// [`take_other_pair`](Self::take_other_pair) reads both.
    #[inline(always)]
    pub(super) fn take_pair(&mut self) -> Option<(ReplyRef<'a>, ReplyRef<'a>)> {
        if self.rest.is_empty() {
            return None;
        }
        let before = *self;
        if let Some((key, rest)) = self.bulk_string() {
            self.pass(rest);
            if let Some((value, rest)) = self.bulk_string() {
                self.pass(rest);
                return Some((ReplyRef::Bulk(key), ReplyRef::Bulk(value)));
            }
            *self = before;
        }
        let (key, value, after) = self.take_other_pair()?;
        *self = after;
        Some((key, value))
    }

    /// If the next value is a bulk string, its payload and the bytes after the value.
    #[inline(always)]
    fn bulk_string(&self) -> Option<(&'a [u8], &'a [u8])> {
        header::bulk_string(word::first(self.rest)?, self.rest)
    }

    /// Takes two values of any kind. Out of line, like [`take_other`](Self::take_other).
    #[inline(never)]
    fn take_other_pair(mut self) -> Option<(ReplyRef<'a>, ReplyRef<'a>, Self)> {
        Some((self.take_reply()?, self.take_reply()?, self))
    }

    /// Takes a value of any kind. It tries an aggregate first, then a line, then the rare forms.
    ///
    /// Out of line, so that the caller's loop has code for the frequent kinds only.
    #[inline(never)]
    fn take_other(mut self) -> Option<(ReplyRef<'a>, Self)> {
        if let Some(opening) = header::opening(self.rest) {
            if opening.kind == Kind::Attribute {
                return Some((self.take()?.reply(), self));
            }
            let (values, size) = opening.content(self.rest, self.extent())?;
            self.pass(self.rest.get(size..)?);
            let reply = ReplyRef::aggregate(opening.kind.type_byte(), values);
            return Some((reply.with_lines(self.lines()), self));
        }
        let line = word::first(self.rest).and_then(|word| header::line(word, self.rest));
        match line {
            Some((reply, rest)) => {
                self.pass(rest);
                Some((reply, self))
            }
            None => self.take_rare(),
        }
    }

    /// Takes a value of a rare form. Out of line, because it is rare.
    #[inline(never)]
    fn take_rare(mut self) -> Option<(ReplyRef<'a>, Self)> {
        let (reply, size) = header::value(self.rest, self.extent())?;
        self.pass(self.rest.get(size..)?);
        Some((reply.with_lines(self.lines()), self))
    }

    /// Where the next value ends. The last value of a counted aggregate ends with the bytes, so its
    /// end need not be searched for.
    fn extent(&self) -> Extent {
        if self.left == 1 { Extent::Exact } else { Extent::Within }
    }

    /// Takes the next value with its attributes and its exact bytes.
    pub(super) fn take(&mut self) -> Option<Decoded<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let attributes = header::attributes_size(self.rest)?;
        let (reply, size) = header::value(self.rest.get(attributes..)?, self.extent())?;
        let (wire, rest) = self.rest.split_at_checked(attributes + size)?;
        self.pass(rest);
        Some(Decoded::new(reply.with_lines(self.lines()), wire, attributes))
    }

    /// Moves past one value. `rest` is what follows it.
    #[inline]
    fn pass(&mut self, rest: &'a [u8]) {
        self.rest = rest;
        self.left = self.left.saturating_sub(1);
    }
}
