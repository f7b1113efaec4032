//! The fastest path: frames that lie whole in the input, between two of which nothing is open.
//!
//! What these functions refuse is left to the rest of the scanner, which goes on where they stopped.

use core::num::NonZeroUsize;

use crate::scan::{
    template::{Alike, Template},
    word,
};

use super::level::Ended;
use super::state::{Prefix, State};
use super::{Grammar, Scanner};

/// A whole aggregate, as much of it as fits in two registers: what goes through memory stalls
/// whoever reads it next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aggregate {
    /// The size of the frame in bytes.
    size: NonZeroUsize,
    /// The number of its values, and the size of its header in the upper half.
    opening: u64,
}

impl Aggregate {
    #[inline(always)]
    fn new(size: usize, header: usize, values: u32) -> Option<Self> {
        let opening = (header as u64) << 32 | u64::from(values);
        Some(Self { size: NonZeroUsize::new(size)?, opening })
    }

    #[inline(always)]
    pub(crate) const fn size(self) -> usize {
        self.size.get()
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "it was a `usize` and is small")]
    pub(crate) const fn header(self) -> usize {
        (self.opening >> 32) as usize
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(crate) const fn values(self) -> u32 {
        self.opening as u32
    }
}

impl Scanner {
    /// Between two frames, returns the one that the input begins with if its layout is that of
    /// frames before.
    #[inline(always)]
    pub(crate) fn frame_alike<'a>(&self, input: &'a [u8]) -> Option<Alike<'a>> {
        self.template.as_ref()?.matches(input)
    }

    /// Between two requests, finds the end of a command that lies whole in the input, and is an array.
    /// Otherwise the scan may stand inside the command.
    #[inline(always)]
    pub(crate) fn command(&mut self, visible: &[u8]) -> Option<Aggregate> {
        match self.command_alike(visible) {
            Some(command) => Some(command),
            None if visible.first()? == &b'*' => self.aggregate(visible),
            None => None,
        }
    }

    /// Between two frames, finds the end of a command that begins like the one before.
    #[inline(always)]
    pub(crate) fn command_alike(&mut self, visible: &[u8]) -> Option<Aggregate> {
        let (values, mut rest) = self.prefix.pass(visible)?;
        for _ in 1..values {
            let (_, payload, behind) = word::bulk(word::first(rest)?, rest)?;
            if payload.len() > self.limits.bulk() {
                return None;
            }
            rest = behind;
        }
        let wire = visible.get(..visible.len() - rest.len())?;
        self.learn(wire);
        Aggregate::new(wire.len(), 4, values)
    }

    /// Between two frames, finds the end of an aggregate that lies whole in the input. Otherwise the
    /// scan stands inside the frame.
    #[inline(never)]
    pub(crate) fn aggregate(&mut self, visible: &[u8]) -> Option<Aggregate> {
        let word = word::first(visible)?;
        let (values, header, behind, owed);
        if let Some((arguments, behind_name)) = self.command_name(word, visible) {
            (values, header) = (arguments, 4);
            (behind, owed) = (behind_name, arguments - 1);
        } else {
            (values, header) = self.short_aggregate(word, 0)?;
            // An empty command is none.
            if values == 0 && self.grammar != Grammar::Replies {
                return None;
            }
            (behind, owed) = (visible.get(header..)?, values);
        }
        let name_end = visible.len() - behind.len();
        let (mut rest, owed) = self.whole_bulks(behind, owed);
        if owed > 0 {
            self.levels.enter(owed);
            let (passed, ended) = self.whole(rest);
            if ended != Ended::Frame {
                self.offset = visible.len() - rest.len() + passed;
                return None;
            }
            self.levels.restart();
            rest = rest.get(passed..)?;
        }
        let wire = visible.get(..visible.len() - rest.len())?;
        if owed == 0 && values > 0 && word::first_byte(word) == b'*' {
            self.learn(wire);
            if name_end > header {
                self.prefix.notice(word, wire, name_end, values);
            }
        }
        Aggregate::new(wire.len(), header, values)
    }

    /// Between two frames, begins a bulk string that is cut in its payload, if that is what the input
    /// is.
    pub(crate) fn begin_bulk(&mut self, input: &[u8]) -> bool {
        let Some(left) = self.cut_payload(input, 0) else { return false };
        self.state = State::Payload { prefix: Prefix::Bulk, left };
        self.offset = input.len();
        true
    }

    /// Learns the layout of a frame, if the one before was as long.
    #[inline(always)]
    pub(crate) fn learn(&mut self, wire: &[u8]) {
        if wire.len() == self.last_size {
            self.learn_again(wire);
        }
        self.last_size = wire.len();
    }

    #[inline(never)]
    fn learn_again(&mut self, wire: &[u8]) {
        self.template = Template::of(wire).or(self.template);
    }

    /// The part of a frame's input that the frame limit leaves to it.
    #[inline]
    pub(crate) fn visible<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input.get(..self.limits.frame()).unwrap_or(input)
    }
}
