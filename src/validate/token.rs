//! One token at a time: what a token reader asks of the validator.

#![deny(clippy::arithmetic_side_effects)]

use core::ops::Range;

use crate::error::{Error, ErrorKind};
use crate::kind::Kind;

use super::levels::{Ended, Level};
use super::state::{Prefix, State, Then};
use super::{Grammar, Validator};

/// What the end of a token led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenEnd {
    /// More of the frame follows.
    Within,
    /// It was the last token of the frame.
    Frame,
    /// The token is something that a request skips.
    Skipped,
}

/// A piece of a payload in some input.
pub(crate) struct Payload {
    /// Where the bytes of the payload are. The bytes before and after them are headers and line ends.
    pub(crate) text: Range<usize>,
    /// How many bytes were examined.
    pub(crate) size: usize,
    /// What the end of the scalar led to, if it has ended.
    pub(crate) end: Option<TokenEnd>,
}

/// Whether the next byte belongs to a payload.
const fn is_payload(state: &State) -> bool {
    matches!(state, State::Payload { .. } | State::Format { .. })
}

impl Validator {
    /// Returns the validator of a token reader, which tells of the end of each aggregate.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn by_token(mut self) -> Self {
        self.levels.keep_ended(true);
        self
    }

    /// Stops telling of the ends of aggregates. Returns whether the frame has ended.
    pub(crate) fn by_frame(&mut self) -> bool {
        self.levels.keep_ended(false);
        if !matches!(self.state, State::Value) {
            return false;
        }
        let ended = self.levels.end_levels();
        self.settle(ended, self.offset);
        ended == Ended::Frame
    }

    /// Whether a token may begin here, or an aggregate end.
    #[inline(always)]
    pub(crate) const fn is_between_tokens(&self) -> bool {
        matches!(self.state, State::Value)
    }

    /// Whether the innermost level has all its values.
    #[inline(always)]
    pub(crate) const fn is_level_full(&self) -> bool {
        self.levels.current.owed == 0
    }

    /// Takes the end of the innermost aggregate, if it is counted and has all its values. Returns its kind.
    ///
    /// This is [`close`](Self::close) without attributes, for a caller's loop.
    #[inline(always)]
    pub(crate) fn take_end(&mut self) -> Option<Kind> {
        let (kind, ended) = self.levels.close_counted()?;
        if ended == Ended::Frame {
            self.end_frame();
        }
        Some(kind)
    }

    /// Takes a scalar of `size` bytes, if it may come here and is within the limits. `bulk` is the length of the payload
    /// of a bulk string. Returns whether it was taken; if not, [`advance_token`](Self::advance_token) finds out why.
    ///
    /// A value must be due. `grammar` is that of the validator, known to the compiler.
    #[inline(always)]
    pub(crate) fn take_scalar(
        &mut self,
        grammar: Grammar,
        bulk: Option<usize>,
        size: Option<usize>,
    ) -> bool {
        let Level { owed, depth, .. } = self.levels.current;
        let Some(end) = self.end_of(size) else { return false };
        match bulk {
            // Outside of arrays, a `$` begins an inline command.
            Some(length) if grammar.are_replies() || depth > 0 => {
                if length > self.limits().bulk() {
                    return false;
                }
            }
            None if grammar.are_replies() => {}
            _ => return false,
        }
        self.offset = end;
        self.levels.current.owed = owed.saturating_sub(1);
        if owed == 1 && depth == 0 {
            self.end_frame();
        }
        true
    }

    /// Takes the header of an aggregate, as [`take_scalar`](Self::take_scalar) takes a scalar.
    #[inline(always)]
    pub(crate) fn take_opening(
        &mut self,
        grammar: Grammar,
        (kind, len): (Kind, u32),
        size: Option<usize>,
    ) -> bool {
        let depth = self.levels.current.depth;
        let Some(end) = self.end_of(size) else { return false };
        let may_begin = match kind {
            Kind::Array => grammar.are_replies() || depth == 0,
            // The automaton reads a push inside another value.
            Kind::Push => grammar.are_replies() && depth == 0,
            _ => grammar.are_replies(),
        };
        let values = if kind.has_pairs() { len.saturating_mul(2) } else { len };
        if !may_begin || values == 0 || !self.allows(values, depth) {
            return false;
        }
        self.offset = end;
        self.levels.descend(kind, values);
        true
    }

    /// Returns where a token of this size ends, if that is within the frame limit.
    #[inline(always)]
    fn end_of(&self, size: Option<usize>) -> Option<usize> {
        let end = self.offset.checked_add(size?)?;
        (end <= self.limits().frame()).then_some(end)
    }

    /// Forgets a frame that is whole: [`reset`](Self::reset) for a caller's loop.
    #[inline(always)]
    fn end_frame(&mut self) {
        if self.next.is_some() {
            return self.reset();
        }
        (self.offset, self.value_at) = (0, 0);
        self.levels.restart();
    }

    /// Ends the innermost aggregate or attribute, if it has all its values. Returns its kind.
    pub(crate) fn close(&mut self) -> Option<Kind> {
        if !matches!(self.state, State::Value) {
            return None;
        }
        let (kind, ended) = self.levels.close()?;
        self.settle(ended, self.offset);
        if ended == Ended::Frame {
            self.reset();
        }
        Some(kind)
    }

    /// Examines the bytes that follow those examined before, up to the end of the token in
    /// progress. Returns how many of the bytes belong to the token, and what its end led to; `None`
    /// if the token is still incomplete.
    ///
    /// This is [`advance`](Self::advance) without the fast path, which would run ahead to the next token.
    pub(crate) fn advance_token(
        &mut self,
        input: &[u8],
    ) -> Result<Option<(usize, TokenEnd)>, Error> {
        let (size, end) = self.advance_until(input, |_| false)?;
        Ok(end.map(|end| (size, end)))
    }

    /// Examines bytes up to the end of the token in progress, or to a state that is the last. Returns
    /// how many bytes were examined, and what the end of the token led to.
    fn advance_until(
        &mut self,
        input: &[u8],
        is_last: fn(&State) -> bool,
    ) -> Result<(usize, Option<TokenEnd>), Error> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        let room = self.room();
        let visible = input.get(..room).unwrap_or(input);
        let start = self.offset;
        let mut at = 0usize;
        while !is_last(&self.state) {
            let passed = self.run(visible.get(at..).unwrap_or_default());
            at = at.saturating_add(passed);
            self.offset = start.saturating_add(at);
            if passed > 0 {
                continue;
            }
            let Some(&byte) = visible.get(at) else {
                // A frame that has reached its limit and is still incomplete is too long. But if
                // nothing has arrived, no frame has begun.
                if at < room || (input.is_empty() && self.is_between_frames()) {
                    return Ok((at, None));
                }
                return Err(self.fail(ErrorKind::FrameTooLong { limit: self.limits().frame() }));
            };
            let ended = match self.step(byte, self.offset) {
                Ok(ended) => ended,
                Err(kind) => return Err(self.fail(kind)),
            };
            at = at.saturating_add(1);
            self.offset = start.saturating_add(at);
            let end = match ended {
                Ended::Frame => TokenEnd::Frame,
                Ended::Skipped => TokenEnd::Skipped,
                _ if matches!(self.state, State::Value | State::Awaited) => TokenEnd::Within,
                _ => continue,
            };
            if end != TokenEnd::Within {
                self.reset();
            }
            return Ok((at, Some(end)));
        }
        Ok((at, None))
    }

    /// How many bytes the payload in progress has, as far as its length is known from the state: those
    /// of a streamed string up to the end of the chunk in progress. `None` outside of payloads, and 0 if
    /// its own header tells.
    pub(crate) const fn payload_so_far(&self) -> Option<usize> {
        match self.state {
            State::Chunk { total }
            | State::Length { prefix: Prefix::Chunk { total }, .. }
            | State::Payload { prefix: Prefix::Chunk { total }, .. }
            | State::Cr(Then::Chunk { total })
            | State::Lf(Then::Chunk { total }) => Some(total),
            State::Payload { .. } => Some(0),
            _ => None,
        }
    }

    /// How many aggregates and attributes are open.
    pub(crate) const fn depth(&self) -> u32 {
        self.levels.depth()
    }

    /// The kind of the outermost open aggregate or attribute.
    pub(crate) fn outermost(&self) -> Option<Kind> {
        self.levels.outermost().map(|level| level.kind.kind())
    }

    /// How many bytes of the payload in progress are still to come; 0 outside of payloads.
    pub(crate) fn payload_left(&self) -> usize {
        match self.state {
            State::Payload { left, .. } => left,
            State::Format { left, text } => text.saturating_add(usize::from(left)),
            _ => 0,
        }
    }

    /// Goes back to the beginning of the scalar in progress. `examined` of its bytes were examined.
    pub(crate) fn begin_scalar_again(&mut self, examined: usize) {
        self.state = State::Value;
        self.offset = self.offset.saturating_sub(examined);
        if self.nested_pushes.is_in_word() {
            self.nested_pushes.begin_word();
        }
    }

    /// Examines the scalar in progress up to the end of the first piece of its payload in the input, and
    /// up to what follows it.
    pub(crate) fn advance_part(&mut self, input: &[u8]) -> Result<Payload, Error> {
        let (start, mut end) = self.advance_until(input, is_payload)?;
        let mut at = start;
        let mut text = start..start;
        if end.is_none() {
            let rest = input.get(at..).unwrap_or_default();
            let (size, _) = self.advance_until(rest, |state| !is_payload(state))?;
            at = at.saturating_add(size);
            text.end = at;
            let rest = input.get(at..).unwrap_or_default();
            let (size, ended) = self.advance_until(rest, is_payload)?;
            (at, end) = (at.saturating_add(size), ended);
        }
        Ok(Payload { text, size: at, end })
    }
}
