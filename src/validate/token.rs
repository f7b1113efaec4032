//! One token at a time: what a token reader asks of the validator.

#![deny(clippy::arithmetic_side_effects)]

use crate::error::{Error, ErrorKind};
use crate::kind::Kind;
use crate::lex::{integer, word};

use super::Validator;
use super::levels::Ended;
use super::state::State;

/// A token that lies whole in the input.
pub(crate) enum Frequent<'a> {
    Bulk(&'a [u8]),
    Integer(i64),
    /// The header of an aggregate with this many elements or pairs, at least one.
    Open(Kind, usize),
}

/// What the end of a token led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenEnd {
    /// More of the frame follows.
    Within,
    /// It was the last token of the frame.
    Frame,
}

impl Validator {
    /// Takes a bulk string, an integer of one digit or the header of an array or a map, if it lies whole
    /// in the input and a value is due. Returns the token and its size.
    ///
    /// The caller looks at [`ends_level`](Self::ends_level) next. All of the token is checked, also
    /// against the limits. `None` if it is incomplete, rare or wrong;
    /// [`advance_token`](Self::advance_token) then finds out which.
    #[inline(always)]
    pub(crate) fn take_frequent<'a>(&mut self, input: &'a [u8]) -> Option<(Frequent<'a>, usize)> {
        if self.levels.current.owed == 0 || !matches!(self.state, State::Value) {
            return None;
        }
        let word = u64::from_le_bytes(*input.first_chunk()?);
        let (token, size) = match word::first_byte(word) {
            b'$' => {
                let (_, payload, rest) = word::bulk(word, input)?;
                if payload.len() > self.limits().bulk() {
                    return None;
                }
                (Frequent::Bulk(payload), input.len().checked_sub(rest.len())?)
            }
            b':' => {
                let (line, _) = input.split_first_chunk()?;
                if !integer::is_single_digit(u32::from_le_bytes(*line)) {
                    return None;
                }
                (Frequent::Integer(i64::from(line[1] & 0xf)), 4)
            }
            type_byte @ (b'*' | b'%') => {
                let (values, header) = self.short_aggregate(word, self.levels.current.depth)?;
                let end = self.offset.checked_add(header)?;
                if values == 0 || end > self.limits().frame() {
                    return None;
                }
                let (kind, len) = match type_byte {
                    b'*' => (Kind::Array, values as usize),
                    _ => (Kind::Map, values as usize / 2),
                };
                self.offset = end;
                self.levels.descend(values);
                return Some((Frequent::Open(kind, len), header));
            }
            _ => return None,
        };
        let end = self.offset.checked_add(size)?;
        if end > self.limits().frame() {
            return None;
        }
        self.offset = end;
        self.levels.current.owed = self.levels.current.owed.saturating_sub(1);
        Some((token, size))
    }

    /// Whether the innermost level has all its values: [`end_token`](Self::end_token) is due.
    #[inline(always)]
    pub(crate) const fn ends_level(&self) -> bool {
        self.levels.current.owed == 0
    }

    /// If the frame is whole and no new settings wait, forgets it and returns `true`. This is
    /// [`end_token`](Self::end_token) and [`reset`](Self::reset) for a caller's loop.
    #[inline(always)]
    pub(crate) fn end_whole_frame(&mut self) -> bool {
        let is_whole = self.levels.current.is_over() && self.levels.is_outermost();
        if is_whole && self.next.is_none() {
            (self.offset, self.value_at) = (0, 0);
            self.levels.restart();
            return true;
        }
        false
    }

    /// Ends the levels that have all their values.
    pub(crate) fn end_token(&mut self) -> TokenEnd {
        let ended = self.levels.end_levels();
        self.settle(ended, self.offset);
        match ended {
            Ended::Frame => TokenEnd::Frame,
            Ended::Value | Ended::Attribute | Ended::Skipped => TokenEnd::Within,
        }
    }

    /// How many aggregates and attributes are open.
    #[inline(always)]
    pub(crate) const fn depth(&self) -> usize {
        self.levels.depth() as usize
    }

    /// How much of a payload is still to come, if the validator stands inside one.
    pub(crate) const fn payload_left(&self) -> Option<usize> {
        match self.state {
            State::Payload { left, .. } => Some(left),
            _ => None,
        }
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
        if let Some(error) = self.failure() {
            return Err(error);
        }
        let room = self.room();
        let visible = input.get(..room).unwrap_or(input);
        let start = self.offset;
        let mut at = 0usize;
        loop {
            at = at.saturating_add(self.run(visible.get(at..).unwrap_or_default()));
            let Some(&byte) = visible.get(at) else { break };
            self.offset = start.saturating_add(at);
            match self.step(byte, self.offset) {
                Ok(Ended::Frame) => {
                    at = at.saturating_add(1);
                    self.offset = start.saturating_add(at);
                    return Ok(Some((at, TokenEnd::Frame)));
                }
                Ok(_) => at = at.saturating_add(1),
                Err(kind) => return Err(self.fail(kind)),
            }
            if matches!(self.state, State::Value | State::Annotated) {
                self.offset = start.saturating_add(at);
                return Ok(Some((at, TokenEnd::Within)));
            }
        }
        self.offset = start.saturating_add(at);
        // A frame that has reached its limit and is still incomplete is too long. But if nothing
        // has arrived, no frame has begun.
        if at < room || (input.is_empty() && self.is_between_frames()) {
            return Ok(None);
        }
        Err(self.fail(ErrorKind::FrameTooLong { limit: self.limits().frame() }))
    }
}
