//! The fastest path: frames that lie whole in the input, between two of which nothing is open.
//!
//! What these functions refuse is left to the rest of the scanner, which goes on where they stopped.

use crate::scan::{
    template::{Alike, Template},
    word,
};

use super::Scanner;
use super::level::Ended;

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
    pub(crate) fn lone_bulk<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let input = self.visible(input);
        let (_, payload, rest) = word::bulk(word::first(input)?, input)?;
        if payload.len() > self.limits.bulk() {
            return None;
        }
        let wire = input.get(..input.len() - rest.len())?;
        self.learn(wire);
        Some((payload, wire))
    }

    /// Between two frames, splits off an aggregate that lies whole in the input: its wire bytes, its
    /// header's size, and the number of its values. Otherwise the scan stands inside the frame.
    #[inline(always)]
    pub(crate) fn aggregate<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], usize, u32)> {
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
        }
        Some((wire, header, values))
    }

    /// Learns the layout of a frame, if the one before was as long.
    #[inline(always)]
    pub(crate) fn learn(&mut self, wire: &[u8]) {
        if wire.len() == self.last_size {
            self.template = Template::of(wire).or(self.template);
        }
        self.last_size = wire.len();
    }

    /// The part of a frame's input that the frame limit leaves to it.
    #[inline]
    pub(crate) fn visible<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input.get(..self.limits.frame()).unwrap_or(input)
    }
}
