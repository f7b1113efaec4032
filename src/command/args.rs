//! The arguments of a command: [`Args`] in order, [`ArgIndex`] by index.

use core::fmt;
use core::iter::FusedIterator;
use core::ops::Deref;

use smallvec::SmallVec;

use crate::escape;
use crate::lex::word;

/// The remaining arguments of a command, in order: an iterator over `&[u8]`.
#[derive(Clone)]
pub struct Args<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Args<'a> {
    pub(crate) const fn new(rest: &'a [u8], left: u32) -> Self {
        Self { rest, left }
    }

    /// Returns the wire bytes of the remaining arguments.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// Splits off an argument; `None` if it is incomplete.
// Inlined into the loops of callers: returning the slices through memory would cost more than finding
// them.
#[inline(always)]
fn split(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, payload, after) = word::bulk(word::first(rest)?, rest)?;
    Some((payload, after))
}

/// All arguments of a command as a slice, as returned by
/// [`CommandRef::index`](super::CommandRef::index).
#[derive(Clone, PartialEq, Eq)]
pub struct ArgIndex<'a>(SmallVec<[&'a [u8]; 8]>);

impl<'a> ArgIndex<'a> {
    pub(super) fn new(args: Args<'a>) -> Self {
        Self(args.collect())
    }
}

impl<'a> Deref for ArgIndex<'a> {
    type Target = [&'a [u8]];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Debug for ArgIndex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::list("ArgIndex", self.iter(), f)
    }
}

impl<'a> Iterator for Args<'a> {
    type Item = &'a [u8];

    // Inlined for the same reason as `split`.
    #[inline(always)]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 {
            return None;
        }
        let (payload, rest) = split(self.rest)?;
        self.rest = rest;
        self.left -= 1;
        Some(payload)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // The shortest argument has six bytes. The last arguments may not have arrived.
        (0, Some((self.left as usize).min(self.rest.len() / 6)))
    }
}

impl FusedIterator for Args<'_> {}

impl fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::list("Args", self.clone(), f)
    }
}
