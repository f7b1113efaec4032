//! One token at a time: what a token reader asks of the validator.

#![deny(clippy::arithmetic_side_effects)]

use core::ops::Range;

use crate::error::{Error, ErrorKind};
use crate::kind::Kind;
use crate::lex::{integer, word};

use super::levels::{Ended, Level};
use super::state::{Prefix, State, Then};
use super::{Grammar, Validator};

/// A token of a frequent kind.
pub(crate) enum Frequent<'a> {
    Bulk(&'a [u8]),
    Integer(i64),
    /// The header of an aggregate with this many elements or pairs, at least one.
    Open(Kind, usize),
    /// The end of a counted aggregate. It has no bytes.
    Close(Kind),
}

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

    /// Takes the next token, if it lies whole in the input and is a bulk string, an integer of one
    /// digit, the header of an array or a map, or the end of a counted aggregate. Returns the token and
    /// the input after it.
    ///
    /// All of the token is checked, also against the limits. `None` if it is incomplete, rare or wrong;
    /// [`close`](Self::close) and [`advance_token`](Self::advance_token) then find out which. `grammar`
    /// is that of the validator, known to the compiler.
    #[inline(always)]
    pub(crate) fn take_frequent<'a>(
        &mut self,
        grammar: Grammar,
        input: &'a [u8],
    ) -> Option<(Frequent<'a>, &'a [u8])> {
        if !matches!(self.state, State::Value) {
            return None;
        }
        let level = self.levels.current;
        if level.owed == 0 {
            let (kind, ended) = self.levels.close_counted()?;
            if ended == Ended::Frame {
                self.end_frame();
            }
            return Some((Frequent::Close(kind), input));
        }
        let are_requests = !grammar.are_replies();
        let word = u64::from_le_bytes(*input.first_chunk()?);
        match word::first_byte(word) {
            b'$' if !are_requests || level.depth > 0 => {
                let (_, payload, rest) = word::bulk(word, input)?;
                if payload.len() > self.limits().bulk() {
                    return None;
                }
                self.take_scalar(level, input.len().checked_sub(rest.len())?)?;
                Some((Frequent::Bulk(payload), rest))
            }
            b':' if !are_requests => {
                let (line, rest) = input.split_first_chunk()?;
                if !integer::is_single_digit(u32::from_le_bytes(*line)) {
                    return None;
                }
                self.take_scalar(level, line.len())?;
                Some((Frequent::Integer(i64::from(line[1] & 0xf)), rest))
            }
            b'*' | b'%' if !are_requests || level.depth == 0 && word::first_byte(word) == b'*' => {
                self.take_opening(level, word, input)
            }
            _ => None,
        }
    }

    /// Takes the header of a counted aggregate with at least one value.
    #[inline(always)]
    fn take_opening<'a>(
        &mut self,
        level: Level,
        word: u64,
        input: &'a [u8],
    ) -> Option<(Frequent<'a>, &'a [u8])> {
        let (values, header) = self.short_aggregate(word, level.depth)?;
        let end = self.offset.checked_add(header)?;
        let rest = input.get(header..)?;
        if values == 0 || end > self.limits().frame() {
            return None;
        }
        self.offset = end;
        let (kind, len) = match word::first_byte(word) {
            b'*' => (Kind::Array, values as usize),
            b'%' => (Kind::Map, values as usize / 2),
            b'~' => (Kind::Set, values as usize),
            _ => (Kind::Push, values as usize),
        };
        self.levels.descend(kind, values);
        Some((Frequent::Open(kind, len), rest))
    }

    /// Takes the header of a set or a push that lies whole in the input, as
    /// [`take_frequent`](Self::take_frequent) takes that of an array. Out of line.
    pub(crate) fn take_set_or_push<'a>(
        &mut self,
        input: &'a [u8],
    ) -> Option<(Frequent<'a>, &'a [u8])> {
        let level = self.levels.current;
        let word = word::first(input)?;
        if !matches!(self.state, State::Value)
            || !self.grammar().are_replies()
            || level.owed == 0
            || !match word::first_byte(word) {
                b'~' => true,
                // The automaton reads a push inside another value.
                b'>' => level.depth == 0,
                _ => false,
            }
        {
            return None;
        }
        self.take_opening(level, word, input)
    }

    /// Takes a scalar of `size` bytes, which the caller has checked in full, if it may come here and is
    /// within the limits. `bulk` is the length of the payload of a bulk string. Returns whether it was
    /// taken.
    pub(crate) fn take_checked(
        &mut self,
        grammar: Grammar,
        bulk: Option<usize>,
        size: usize,
    ) -> bool {
        let level = self.levels.current;
        let is_due = matches!(self.state, State::Value) && level.owed > 0;
        // Outside of arrays, a `$` begins an inline command.
        let is_known = grammar.are_replies() || bulk.is_some() && level.depth > 0;
        let is_allowed = bulk.is_none_or(|length| length <= self.limits().bulk());
        is_due && is_known && is_allowed && self.take_scalar(level, size).is_some()
    }

    /// Takes a scalar of `size` bytes in the innermost level, if it is within the frame limit.
    #[inline(always)]
    fn take_scalar(&mut self, level: Level, size: usize) -> Option<()> {
        let end = self.offset.checked_add(size)?;
        if end > self.limits().frame() {
            return None;
        }
        self.offset = end;
        self.levels.current.owed = level.owed.saturating_sub(1);
        if level.owed == 1 && level.depth == 0 {
            self.end_frame();
        }
        Some(())
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
        self.levels.outermost().map(|level| level.kind)
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
