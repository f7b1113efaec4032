//! The one pass over the bytes of a frame. It proves that the frame is whole and well formed.
//!
//! The validator builds nothing and keeps none of the input, except for the beginning of a recent command
//! ([`recent_command`]). It can stop after any byte and resume there. So decoders, whose callers keep an unfinished frame, and framers, whose callers need not,
//! run the same code.
//!
//! It has three speeds: [`whole_frame`] finds the end of a common frame that lies whole in the input;
//! [`fast`] walks over values that lie whole in the input, a word at a time; [`automaton`] and
//! [`inline`] are the grammar byte by byte, for incomplete values, rare forms and errors.
//!
//! The fast paths never refuse anything. They accept only what they have checked in full, or stop
//! where the automaton can resume: before a value, in the text of a line, or in the payload of a bulk
//! string. So every error and its offset are found by the automaton, or by [`Validator::advance`] and
//! `advance_token` if a frame outgrows its limit.

mod automaton;
mod fast;
mod inline;
mod levels;
mod needed;
mod nested_push;
mod recent_command;
mod state;
mod token;
mod whole_frame;

use crate::error::{Error, ErrorKind};
use crate::lex::line;
use crate::limits::{InlinePolicy, Limits, LinePolicy};

use levels::{Ended, Levels};
use nested_push::NestedPushes;
use recent_command::RecentCommand;
use state::{Prefix, State};

pub(crate) use nested_push::confirms_subscription;
pub(crate) use token::{Payload, TokenEnd};
pub(crate) use whole_frame::{Aggregate, Stopped};

/// Whether the frames are replies or requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    Replies(LinePolicy),
    /// Commands, with the empty lines and empty arrays that are skipped before each.
    Requests(InlinePolicy),
}

impl Grammar {
    /// Replies whose lines are those of the specification.
    pub(crate) const REPLIES: Self = Self::Replies(LinePolicy::Strict);

    /// Requests that may be inline commands.
    pub(crate) const REQUESTS: Self = Self::Requests(InlinePolicy::Accept);

    #[inline(always)]
    pub(crate) const fn are_replies(self) -> bool {
        matches!(self, Self::Replies(_))
    }

    pub(crate) const fn lines(self) -> LinePolicy {
        match self {
            Self::Replies(lines) => lines,
            Self::Requests(_) => LinePolicy::Strict,
        }
    }
}

/// Where a whole frame ends, and where its value or command begins.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The size of the frame in bytes, including what precedes its value or command.
    pub(crate) len: usize,
    pub(crate) place: ValuePlace,
}

/// Where the value or the command of a frame begins, and the policy for its lines. One number, because owned frames
/// have one and a second one takes more instructions.
#[derive(Debug, Clone, Copy)]
pub struct ValuePlace(usize);

impl ValuePlace {
    /// The highest bit of an offset. No slice is that long.
    const AS_SENT: usize = 1 << (usize::BITS - 1);

    #[inline(always)]
    pub(crate) const fn new(value_at: usize, lines: LinePolicy) -> Self {
        match lines {
            LinePolicy::Strict => Self(value_at),
            LinePolicy::AsSent => Self(value_at | Self::AS_SENT),
        }
    }

    /// The offset of the value, after its attributes; of the command, after what was skipped.
    #[inline(always)]
    pub(crate) const fn offset(self) -> usize {
        self.0 & !Self::AS_SENT
    }

    #[inline(always)]
    pub(crate) const fn lines(self) -> LinePolicy {
        if self.0 & Self::AS_SENT == 0 { LinePolicy::Strict } else { LinePolicy::AsSent }
    }
}

/// The settings of a validator. They do not change within a frame.
#[derive(Debug, Clone, Copy)]
struct Settings {
    grammar: Grammar,
    limits: Limits,
}

/// Validates one frame after another, and can stop and resume after any byte.
#[derive(Debug, Clone)]
pub struct Validator {
    settings: Settings,
    /// The settings of the next frame, if they were changed during this one.
    next: Option<Settings>,
    /// How many bytes of the frame have been examined; 0 only if it has not begun.
    offset: usize,
    /// Where the frame's value begins, after its attributes; in a request, where the command does.
    value_at: usize,
    state: State,
    levels: Levels,
    nested_pushes: NestedPushes,
    recent_command: RecentCommand,
}

impl Validator {
    /// A validator at the beginning of its first frame.
    #[inline(always)]
    pub(crate) fn new(grammar: Grammar, limits: Limits) -> Self {
        Self {
            settings: Settings { grammar, limits },
            next: None,
            offset: 0,
            value_at: 0,
            state: State::Value,
            levels: Levels::default(),
            nested_pushes: NestedPushes::NONE,
            recent_command: RecentCommand::NONE,
        }
    }

    /// A validator of replies that treats `values` values, at least one, inside `depth` aggregates as one frame.
    #[cfg(feature = "serde")]
    pub(crate) fn inside(depth: u32, values: u32, limits: Limits) -> Self {
        let validator = Self::new(Grammar::REPLIES, limits);
        Self { levels: Levels::inside(depth, values), ..validator }
    }

    /// A validator that finds the end of `values` values, at least one, which have been validated under any policy
    /// and any limits.
    pub(crate) fn of_validated(values: u32) -> Self {
        let validator = Self::new(Grammar::Replies(LinePolicy::AsSent), Limits::none());
        Self { levels: Levels::inside(0, values), ..validator }
    }

    #[inline(always)]
    pub(crate) const fn grammar(&self) -> Grammar {
        self.settings.grammar
    }

    /// The limits of the frame in progress.
    #[inline(always)]
    pub(crate) const fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// The limits that were set last.
    pub(crate) const fn limits_set(&self) -> Limits {
        self.latest().limits
    }

    const fn latest(&self) -> Settings {
        match self.next {
            Some(next) => next,
            None => self.settings,
        }
    }

    /// Sets the limits from the next frame on.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.set(Settings { limits, ..self.latest() });
    }

    /// Sets the policy for inline commands or for lines, from the next frame on.
    pub(crate) fn set_grammar(&mut self, grammar: Grammar) {
        self.set(Settings { grammar, ..self.latest() });
    }

    /// A frame keeps the settings that it began with: a count that was checked against one limit is
    /// never judged by another.
    fn set(&mut self, settings: Settings) {
        if self.is_between_frames() { self.apply(settings) } else { self.next = Some(settings) }
    }

    /// Applies what was set inside a frame.
    #[inline]
    fn apply_next(&mut self) {
        if let Some(settings) = self.next.take() {
            self.apply(settings);
        }
    }

    fn apply(&mut self, settings: Settings) {
        if settings.limits != self.settings.limits {
            // What the cache holds was checked against the old limits.
            self.recent_command = RecentCommand::NONE;
        }
        self.settings = settings;
    }

    /// Whether no byte of a frame has been examined, not even one that a request skips.
    #[inline]
    pub(crate) const fn is_fresh(&self) -> bool {
        self.offset == 0
    }

    /// Whether the stream may end here: nothing of a frame has been examined, or only empty lines and
    /// empty arrays, which a request skips.
    pub(crate) const fn is_between_frames(&self) -> bool {
        self.offset == self.start() && self.failure().is_none()
    }

    /// Forgets the frame, and applies the settings for the next one.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.offset = 0;
        self.value_at = 0;
        self.state = State::Value;
        self.levels.reset();
        self.nested_pushes.reset();
        self.apply_next();
    }

    /// How many bytes of the frame have been examined.
    #[inline]
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// Offset of the first byte that must stay in the buffer, after the empty lines and empty arrays
    /// that a request skips.
    pub(crate) const fn start(&self) -> usize {
        match self.grammar() {
            Grammar::Replies(_) => 0,
            Grammar::Requests(_) => self.value_at,
        }
    }

    /// Forgets the bytes that a request skips, those before [`start`](Self::start), and returns their
    /// number.
    pub(crate) fn forget_skipped(&mut self) -> usize {
        let skipped = self.start();
        if self.failure().is_some() {
            return 0;
        }
        self.offset -= skipped;
        self.value_at -= skipped;
        skipped
    }

    /// The offset of the frame's value, after its attributes; in a request, of the command. It is final
    /// once the value or the command has begun.
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

    /// Examines the bytes that follow those examined before. If the frame ends among them, returns how
    /// many of them belong to it; `None` if more are needed.
    ///
    /// Each turn of the loop scans only as many bytes as the frame limit leaves, so that the automaton
    /// need not check it at each byte. There is another turn only after a request has skipped
    /// something, because skipped bytes do not count towards the limit, and the next request may have
    /// other settings. If skipped bytes counted, a verdict would depend on how the input is split.
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
                Ok(Ended::Skipped) => self.apply_next(),
                Ok(_) if at < room || (visible.len() == rest.len() && self.is_between_frames()) => {
                    return Ok(None);
                }
                Ok(_) => {
                    let limit = self.limits().frame();
                    return Err(self.fail(ErrorKind::FrameTooLong { limit }));
                }
                Err(kind) => return Err(self.fail(kind)),
            }
        }
    }

    /// How many further bytes the frame may have.
    fn room(&self) -> usize {
        self.limits().frame().saturating_sub(self.offset - self.start())
    }

    /// Ends the frame with an error at the byte that would be examined next, or at that of a push inside another
    /// value.
    #[cold]
    pub(crate) fn fail(&mut self, kind: ErrorKind) -> Error {
        let offset = match kind {
            ErrorKind::NestedPush => self.nested_pushes.start(),
            _ => self.offset,
        };
        let error = self.failure().unwrap_or(Error::new(kind, offset));
        self.state = State::Failed(error);
        // An offset of 0 would mean that the frame has not begun.
        self.offset = self.offset.max(1);
        error
    }

    /// Scans the input, alternating between the fast walk and the automaton. Returns how many bytes were
    /// examined, and why it stopped there.
    fn scan(&mut self, input: &[u8]) -> (usize, Result<Ended, ErrorKind>) {
        let mut at = 0;
        loop {
            if matches!(self.state, State::Value) {
                let tail = input.get(at..).unwrap_or_default();
                let (passed, ended) = self.pass_values(tail);
                at += passed;
                if ended == Ended::Value {
                    let tail = input.get(at..).unwrap_or_default();
                    if let Some(left) = self.missing_payload(tail, self.offset + at) {
                        self.state = State::Payload { prefix: Prefix::Bulk, left };
                        return (input.len(), Ok(ended));
                    }
                } else {
                    self.settle(ended, self.offset + at);
                    if ended == Ended::Frame {
                        return (at, Ok(ended));
                    }
                }
            }
            at += self.run(input.get(at..).unwrap_or_default());
            let Some(&byte) = input.get(at) else { return (at, Ok(Ended::Value)) };
            match self.step(byte, self.offset + at) {
                Ok(ended @ (Ended::Frame | Ended::Skipped)) => return (at + 1, Ok(ended)),
                Ok(_) => at += 1,
                Err(kind) => return (at, Err(kind)),
            }
        }
    }

    /// Steps past the payload or the text of a line at the front of `tail`. Returns its size.
    fn run(&mut self, tail: &[u8]) -> usize {
        match self.state {
            _ if self.nested_pushes.is_in_word() => 0,
            State::Text => {
                let end = match self.grammar().lines() {
                    LinePolicy::AsSent => line::end_at(tail),
                    LinePolicy::Strict => line::break_at(tail),
                };
                end.unwrap_or(tail.len())
            }
            State::Payload { prefix, left } => {
                let passed = left.min(tail.len());
                self.state = Self::payload(prefix, left - passed);
                passed
            }
            _ => 0,
        }
    }
}
