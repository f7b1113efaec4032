//! The fastest path: frames that lie whole in the input, between two of which nothing is open.
//!
//! What these functions refuse is left to the rest of the scanner, which goes on where they stopped.

use core::num::NonZeroUsize;

use crate::scan::{
    double, line, number,
    template::{Alike, Template},
    word,
};

use super::Scanner;
use super::level::Ended;
use super::state::{Prefix, State};

/// A whole aggregate.
pub(crate) struct Aggregate {
    /// The size of the frame in bytes.
    pub(crate) size: NonZeroUsize,
    /// The number of its values, and the size of its header in the upper half.
    pub(crate) opening: u64,
}

/// A whole frame of one number.
pub(crate) struct Line<T> {
    pub(crate) value: T,
    pub(crate) size: NonZeroUsize,
}

impl Scanner {
    /// Between two frames, returns the one that the input begins with if its layout is that of
    /// frames before.
    #[inline(always)]
    pub(crate) fn frame_alike<'a>(&self, input: &'a [u8]) -> Option<Alike<'a>> {
        self.template.as_ref()?.matches(input)
    }

    /// Between two frames, splits off a bulk string with a short header: its payload and its wire
    /// bytes.
    #[inline(always)]
    pub(crate) fn lone_bulk<'a>(
        &mut self,
        word: u64,
        input: &'a [u8],
    ) -> Option<(&'a [u8], &'a [u8])> {
        let input = self.visible(input);
        let (_, payload, rest) = word::bulk(word, input)?;
        if payload.len() > self.limits.bulk() {
            return None;
        }
        let wire = input.get(..input.len() - rest.len())?;
        self.learn(wire);
        Some((payload, wire))
    }

    /// Between two frames, finds the end of a command that begins like the one before.
    #[inline(always)]
    pub(crate) fn command_alike<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], u32)> {
        let visible = self.visible(input);
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
        Some((wire, values))
    }

    /// Between two frames, finds the end of an aggregate that lies whole in the input. Otherwise the
    /// scan stands inside the frame.
    #[inline(never)]
    pub(crate) fn aggregate(&mut self, input: &[u8]) -> Option<Aggregate> {
        let visible = self.visible(input);
        let word = word::first(visible)?;
        let (values, header, behind, owed);
        if let Some((arguments, behind_name)) = self.command_name(word, visible) {
            (values, header) = (arguments, 4);
            (behind, owed) = (behind_name, arguments - 1);
        } else {
            (values, header) = self.short_aggregate(word, 0)?;
            (behind, owed) = (visible.get(header..)?, values);
        }
        let (mut rest, owed) = self.whole_bulks(behind, owed);
        if owed > 0 {
            self.levels.enter(owed);
            let (passed, ended) = self.whole_values(rest);
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
            if header == 4 {
                self.prefix.notice(
                    word,
                    wire,
                    10 + word::digit(word >> 40).unwrap_or(9) as usize,
                    values,
                );
            }
        }
        #[allow(clippy::cast_possible_truncation, reason = "a short header")]
        Some(Aggregate {
            size: NonZeroUsize::new(wire.len())?,
            opening: (header as u64) << 32 | u64::from(values),
        })
    }

    /// Between two frames, reads a frame of one integer.
    #[inline(always)]
    pub(crate) fn lone_integer(&self, word: u64, input: &[u8]) -> Option<Line<i64>> {
        let input = self.visible(input);
        let (value, rest) = number::line(word, input)?;
        Some(Line { value, size: NonZeroUsize::new(input.len() - rest.len())? })
    }

    /// Between two frames, reads a frame of one double.
    #[inline(never)]
    pub(crate) fn lone_double(&self, input: &[u8]) -> Option<Line<f64>> {
        let input = self.visible(input);
        let (decimal, rest) = double::line(input)?;
        Some(Line { value: decimal.value()?, size: NonZeroUsize::new(input.len() - rest.len())? })
    }

    /// Between two frames, splits off a simple string or error.
    #[inline(always)]
    pub(crate) fn lone_text<'a>(&mut self, word: u64, input: &'a [u8]) -> Option<&'a [u8]> {
        let input = self.visible(input);
        let size = match line::short_size(word) {
            Some(size) => size,
            None => line::size(input)?.get(),
        };
        let wire = input.get(..size)?;
        self.learn(wire);
        Some(wire)
    }

    /// Between two frames, begins a bulk string that is cut in its payload, if that is what the input
    /// is.
    pub(crate) fn begin_bulk(&mut self, input: &[u8]) -> bool {
        let Some(left) = self.cut_payload(input, 0) else { return false };
        self.state = State::Payload { prefix: Prefix::Bulk, left };
        self.offset = input.len();
        true
    }

    /// Splits off a frame that is a bulk string with a short header, some of which has been examined.
    pub(crate) fn resumed_bulk<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        if self.failure().is_some() {
            return None;
        }
        let bulk = self.lone_bulk(word::first(input)?, input)?;
        self.reset();
        Some(bulk)
    }

    /// Learns the layout of a frame, if the one before was as long.
    #[inline(always)]
    fn learn(&mut self, wire: &[u8]) {
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
