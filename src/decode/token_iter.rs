//! The tokens that lie whole in a buffer: [`TokenIter`].

#![deny(clippy::arithmetic_side_effects)]

use core::fmt;
use core::iter::FusedIterator;

use crate::error::Error;
use crate::view::ReplyRef;
use crate::view::header::{self, Front};

use super::direction::Direction;
use super::token_reader::FrameTokenReader;

/// The tokens that lie whole in a buffer: see [`FrameTokenReader::tokens`].
pub struct TokenIter<'r, 'a, D> {
    reader: &'r mut FrameTokenReader<D>,
    rest: &'a [u8],
    is_over: bool,
}

impl<'r, 'a, D> TokenIter<'r, 'a, D> {
    #[inline(always)]
    pub(super) const fn new(reader: &'r mut FrameTokenReader<D>, buf: &'a [u8]) -> Self {
        Self { reader, rest: buf, is_over: false }
    }

    /// Returns the bytes after the tokens given so far.
    #[must_use]
    #[inline(always)]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a, D: Direction> TokenIter<'_, 'a, D> {
    /// Takes a scalar that `rest` follows, if it may come here and is within the limits. Returns whether it was taken.
    #[inline(always)]
    fn take_scalar(&mut self, bulk: Option<usize>, rest: &'a [u8]) -> bool {
        let size = self.rest.len().checked_sub(rest.len());
        let is_taken = self.reader.validator.take_scalar(D::GRAMMAR, bulk, size);
        if is_taken {
            self.rest = rest;
        }
        is_taken
    }
}

impl<'a, D: Direction> Iterator for TokenIter<'_, 'a, D> {
    type Item = Result<D::Token<'a>, Error>;

    #[allow(
        clippy::collapsible_match,
        reason = "after a guard that fails, the later arms are tried, and each would check the token again"
    )]
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.validator.is_between_tokens() {
            if !self.reader.validator.is_level_full() {
                // One arm for each frequent token, so that it is made in its own branch of the caller's loop.
                match header::front(self.rest) {
                    Some((Front::Scalar(ReplyRef::Bulk(payload)), rest)) => {
                        if self.take_scalar(Some(payload.len()), rest) {
                            return Some(Ok(D::scalar(ReplyRef::Bulk(payload))));
                        }
                    }
                    Some((Front::Scalar(ReplyRef::Integer(value)), rest)) => {
                        if self.take_scalar(None, rest) {
                            return Some(Ok(D::scalar(ReplyRef::Integer(value))));
                        }
                    }
                    Some((Front::Scalar(scalar), rest)) => {
                        if self.take_scalar(None, rest) {
                            return Some(Ok(D::scalar(scalar)));
                        }
                    }
                    Some((Front::Open(kind, len), rest)) => {
                        let size = self.rest.len().checked_sub(rest.len());
                        if self.reader.validator.take_opening(D::GRAMMAR, (kind, len), size) {
                            self.rest = rest;
                            return Some(Ok(D::open(kind, len as usize)));
                        }
                    }
                    None => {}
                }
            } else if let Some(kind) = self.reader.validator.take_end() {
                return Some(Ok(D::close(kind)));
            }
        }
        if self.is_over {
            return None;
        }
        // The rest is passed by value, so that the compiler can keep it in registers.
        match self.reader.next_slow(self.rest) {
            Ok(Some((token, size))) => {
                self.rest = self.rest.get(size..).unwrap_or_default();
                Some(Ok(token))
            }
            Ok(None) => {
                self.is_over = true;
                None
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }
}

impl<D: Direction> FusedIterator for TokenIter<'_, '_, D> {}

impl<D> fmt::Debug for TokenIter<'_, '_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIter")
            .field("reader", &self.reader)
            .field("rest", &self.rest.len())
            .finish_non_exhaustive()
    }
}
