//! The one pass over the bytes of a frame: it proves that the frame is whole and well formed.
//!
//! The scanner builds nothing and keeps no bytes. It can stop behind any byte and go on from there,
//! so decoders that keep the unfinished frame and framers that keep nothing run the same code.
//!
//! Three speeds: [`whole_frame`] splits off common frames at once; [`fast`] moves past values that lie
//! complete in the input, a word at a time; [`automaton`] is the grammar as an automaton of single bytes,
//! for values cut in two, rare forms and errors. All verdicts, offsets and resumption points are the
//! automaton's; the fast paths only ever say "this is fine".

mod automaton;
mod fast;
mod inline;
pub(crate) mod learned;
mod levels;
mod needed;
mod state;
mod whole_frame;

use crate::error::{Error, ErrorKind};
use crate::lex::line;
use crate::limits::{InlinePolicy, Limits};

use learned::{bulk::Memo, command::Prefix as CommandPrefix, frame::Template};

use levels::{Ended, Levels};
use state::{LengthStage, Prefix, State};
pub(crate) use whole_frame::Aggregate;

/// What frames are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    Replies,
    /// Commands, with what is skipped in front of each.
    Requests(InlinePolicy),
}

/// The resumable validation of one frame.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    grammar: Grammar,
    limits: Limits,
    /// Bytes of the frame that have been examined; 0 only between two frames.
    offset: usize,
    /// Where the frame's value begins, behind its attributes; of a request, where the command does.
    value_at: usize,
    state: State,
    levels: Levels,
    memo: Memo,
    template: Option<Template>,
    prefix: CommandPrefix,
    /// The length of the last frame of a form that could be learned.
    last_size: usize,
}

impl Scanner {
    /// A scanner for one frame.
    #[inline(always)]
    pub(crate) fn new(limits: Limits) -> Self {
        Self::values(limits, 1)
    }

    /// A scanner for requests.
    #[inline(always)]
    pub(crate) fn requests(limits: Limits, policy: InlinePolicy) -> Self {
        Self { grammar: Grammar::Requests(policy), ..Self::new(limits) }
    }

    /// A scanner that takes `values` values for one frame.
    #[inline(always)]
    pub(crate) fn values(limits: Limits, values: u32) -> Self {
        Self {
            grammar: Grammar::Replies,
            limits,
            offset: 0,
            value_at: 0,
            state: State::Value,
            levels: Levels::new(values),
            memo: Memo::NONE,
            template: None,
            prefix: CommandPrefix::NONE,
            last_size: 0,
        }
    }

    #[inline(always)]
    pub(crate) const fn grammar(&self) -> Grammar {
        self.grammar
    }

    #[inline(always)]
    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether nothing of a frame has been examined.
    #[inline]
    pub(crate) const fn is_between_frames(&self) -> bool {
        self.offset == 0
    }

    /// Whether no byte is left of a frame that would be cut by an end here: between frames, or behind
    /// what requests skip.
    pub(crate) const fn is_at_start(&self) -> bool {
        self.offset == self.start() && self.failure().is_none()
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

    /// Where the bytes begin that the frame cannot do without: behind what a request skips.
    pub(crate) const fn start(&self) -> usize {
        match self.grammar {
            Grammar::Replies => 0,
            Grammar::Requests(_) => self.value_at,
        }
    }

    /// Sets what becomes of inline commands.
    pub(crate) fn set_policy(&mut self, policy: InlinePolicy) {
        self.grammar = Grammar::Requests(policy);
    }

    /// Forgets what a request skips: the bytes in front of [`start`](Self::start), whose number it
    /// returns.
    pub(crate) fn forget_skipped(&mut self) -> usize {
        let skipped = self.start();
        if self.failure().is_some() {
            return 0;
        }
        self.offset -= skipped;
        self.value_at -= skipped;
        skipped
    }

    /// Sets the limits for all that follows.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        if limits == self.limits {
            return;
        }
        self.levels.set_most(self.limits.elements(), limits.elements());
        self.limits = limits;
        // What has been learned was within the old ones.
        (self.memo, self.template, self.prefix) = (Memo::NONE, None, CommandPrefix::NONE);
        self.last_size = 0;
    }

    /// Where the frame's value begins, behind its attributes, once the frame is whole; the command
    /// of a request as soon as it has begun.
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
    pub(crate) fn advance(&mut self, input: &[u8]) -> Result<Option<usize>, Error> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        let mut passed = 0;
        loop {
            let rest = input.get(passed..).unwrap_or_default();
            let room = self.room();
            let visible = rest.get(..room).unwrap_or(rest);
            let (at, outcome) = self.scan(visible);
            self.offset += at;
            passed += at;
            match outcome {
                Ok(Ended::Frame) => return Ok(Some(passed)),
                Ok(_) if at < room || (visible.len() == rest.len() && self.is_at_start()) => {
                    return Ok(None);
                }
                // What was skipped made room.
                Ok(_) if self.room() > 0 => {}
                Ok(_) => {
                    return Err(self.fail(ErrorKind::FrameTooLong { limit: self.limits.frame() }));
                }
                Err(kind) => {
                    let at_the_byte_before =
                        matches!(self.state, State::Length { stage: LengthStage::Empty, .. });
                    self.offset -= usize::from(at_the_byte_before);
                    return Err(self.fail(kind));
                }
            }
        }
    }

    /// How many more bytes the frame may have.
    fn room(&self) -> usize {
        self.limits.frame().saturating_sub(self.offset - self.start())
    }

    /// Ends the frame with an error at the byte in front of which the scan stands.
    #[cold]
    pub(crate) fn fail(&mut self, kind: ErrorKind) -> Error {
        let error = self.failure().unwrap_or(Error::new(kind, self.offset));
        self.state = State::Failed(error);
        // A broken frame is not the gap between two.
        self.offset = self.offset.max(1);
        error
    }

    /// Returns how far the scan came, and why it stopped there.
    fn scan(&mut self, input: &[u8]) -> (usize, Result<Ended, ErrorKind>) {
        let mut at = 0;
        loop {
            if matches!(self.state, State::Value) {
                let tail = input.get(at..).unwrap_or_default();
                let (passed, ended) = self.whole(tail);
                at += passed;
                if ended != Ended::Value {
                    self.settle(ended, self.offset + at);
                }
                if ended == Ended::Frame {
                    return (at, Ok(ended));
                }
                let tail = input.get(at..).unwrap_or_default();
                if let Some(left) = self.cut_payload(tail, self.offset + at) {
                    self.state = State::Payload { prefix: Prefix::Bulk, left };
                    return (input.len(), Ok(Ended::Value));
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
