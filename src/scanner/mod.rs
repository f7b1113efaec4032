//! The one pass over the bytes of a frame: it proves that the frame is whole and well formed.
//!
//! The scanner builds nothing and keeps no bytes. It can stop behind any byte and go on from there,
//! so decoders that keep the unfinished frame and framers that keep nothing run the same code.
//!
//! Two speeds: [`whole`] moves past values that lie complete in the input, a
//! word at a time; [`step`] is the grammar as an automaton of single bytes, for values cut in two,
//! rare forms and errors. All verdicts, offsets and resumption points are the automaton's; the fast
//! path only ever says "this value is fine".

mod level;
mod needed;
mod state;
mod step;
mod whole;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::scan::{line, memo::Memo, word};

use level::{Ended, Levels};
use state::{LengthStage, State};

/// The resumable validation of one frame.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    limits: Limits,
    /// Bytes of the frame that have been examined.
    offset: usize,
    /// Where the frame's value begins, behind its attributes.
    value_at: usize,
    state: State,
    levels: Levels,
    memo: Memo,
}

impl Scanner {
    /// A scanner for one frame.
    #[inline]
    pub(crate) const fn new(limits: Limits) -> Self {
        Self::values(limits, 1)
    }

    /// A scanner that takes `values` values for one frame.
    #[inline]
    pub(crate) const fn values(limits: Limits, values: u32) -> Self {
        Self {
            limits,
            offset: 0,
            value_at: 0,
            state: State::Value,
            levels: Levels::new(values),
            memo: Memo::NONE,
        }
    }

    /// Whether nothing of a frame has been examined.
    #[inline]
    pub(crate) const fn is_between_frames(&self) -> bool {
        self.offset == 0 && matches!(self.state, State::Value)
    }

    /// Between two frames, splits off a bulk string with the same header as the last one: its
    /// payload and its wire bytes.
    #[inline]
    pub(crate) fn like_the_last<'a>(&self, input: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        if !self.is_between_frames() {
            return None;
        }
        let (payload, rest) = self.memo.split(word::first(input)?, input)?;
        Some((payload, input.get(..input.len() - rest.len())?))
    }

    /// Between two frames, splits off a bulk string with a short header: its payload and its wire
    /// bytes.
    #[inline]
    pub(crate) fn lone_bulk<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let input = self.visible(input);
        let word = word::first(input)?;
        let (header, payload, rest) = word::bulk(word, input)?;
        if payload.len() > self.limits.bulk() {
            return None;
        }
        let wire = input.get(..input.len() - rest.len())?;
        self.memo = Memo::new(word, header, wire.len());
        Some((payload, wire))
    }

    /// The part of a frame's input that the frame limit leaves to it.
    #[inline]
    pub(crate) fn visible<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input.get(..self.limits.frame()).unwrap_or(input)
    }

    /// Between two frames, passes over one that lies whole in the input and has no attributes in
    /// front of it: its size. Otherwise the scan stands somewhere inside the frame.
    #[inline]
    pub(crate) fn whole_frame(&mut self, input: &[u8]) -> Option<usize> {
        let (size, ended) = self.whole_values(self.visible(input));
        if ended == Ended::Frame {
            self.levels.reset();
            return Some(size);
        }
        self.offset = size;
        if ended == Ended::Attribute {
            self.settle(ended, size);
        }
        None
    }

    /// Forgets the frame.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.offset = 0;
        self.value_at = 0;
        self.state = State::Value;
        self.levels.reset();
    }

    /// Bytes of the frame examined so far.
    #[inline]
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// Where the frame's value begins, behind its attributes, once the frame is whole.
    #[inline]
    pub(crate) const fn value_at(&self) -> usize {
        self.value_at
    }

    /// The error that ended the frame, if one has.
    pub(crate) const fn failure(&self) -> Option<Error> {
        match self.state {
            State::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Examines the bytes behind those examined before. Returns how many of them belong to the
    /// frame if it ends among them; `None` if all of them do and more are needed.
    #[inline]
    pub(crate) fn advance(&mut self, input: &[u8]) -> Result<Option<usize>, Error> {
        let room = self.limits.frame().saturating_sub(self.offset);
        let visible = input.get(..room).unwrap_or(input);
        let base = self.offset;
        let (at, outcome) = self.scan(visible);
        self.offset = base + at;
        match outcome {
            Ok(Ended::Frame) => Ok(Some(at)),
            Ok(_) if at < room => Ok(None),
            Ok(_) => Err(self.fail(ErrorKind::FrameTooLong { limit: self.limits.frame() })),
            Err(kind) => {
                let at_the_byte_before =
                    matches!(self.state, State::Length { stage: LengthStage::Empty, .. });
                self.offset -= usize::from(at_the_byte_before);
                Err(self.fail(kind))
            }
        }
    }

    /// Ends the frame with an error at the byte in front of which the scan stands.
    #[cold]
    pub(crate) fn fail(&mut self, kind: ErrorKind) -> Error {
        let error = self.failure().unwrap_or(Error::new(kind, self.offset));
        self.state = State::Failed(error);
        error
    }

    /// Returns how far the scan came, and why it stopped there.
    fn scan(&mut self, input: &[u8]) -> (usize, Result<Ended, ErrorKind>) {
        let mut at = 0;
        loop {
            if matches!(self.state, State::Value) {
                let (passed, ended) = self.whole_values(input.get(at..).unwrap_or_default());
                at += passed;
                if ended != Ended::Value {
                    self.settle(ended, self.offset + at);
                }
                if ended == Ended::Frame {
                    return (at, Ok(ended));
                }
            }
            at += self.run(input.get(at..).unwrap_or_default());
            let Some(&byte) = input.get(at) else { return (at, Ok(Ended::Value)) };
            match self.step(byte, self.offset + at) {
                Ok(Ended::Frame) => return (at + 1, Ok(Ended::Frame)),
                Ok(_) => at += 1,
                Err(kind) => return (at, Err(kind)),
            }
        }
    }

    /// Returns how many bytes can be passed over in one go: payload, and the text of lines.
    fn run(&mut self, tail: &[u8]) -> usize {
        match self.state {
            State::Text => line::break_at(tail).unwrap_or(tail.len()),
            State::Payload { prefix, left } => {
                let passed = left.min(tail.len());
                self.state = Self::payload(prefix, left - passed);
                passed
            }
            _ => 0,
        }
    }
}
