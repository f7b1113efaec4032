//! The fastest path: common frames that lie whole in the input.
//!
//! These functions, except `visible`, run only when no byte of a frame has been examined, so no
//! level is open. Frames that they cannot handle are left to the rest of the validator, which
//! resumes where they stopped.

use core::num::NonZeroUsize;

use crate::lex::word;

use super::Validator;
use super::levels::Ended;
use super::state::{Prefix, State};

/// Why a fast path did not return a whole frame.
// `repr(u64)`, because a `Result` keeps this where the address of a payload is otherwise. With one byte, the compiler
// writes the address in pieces, and the processor stalls when a caller reads it: 6.6 instead of 2.9 ns for `+OK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Stopped {
    /// Some of it has been examined. Validation resumes at the validator's offset.
    Begun,
    /// Nothing has been examined. Validation starts at the first byte.
    NotMine,
}

/// A whole aggregate, packed so that it is returned in two registers: a caller that reads back what
/// was just written to memory stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aggregate {
    /// The size of the frame in bytes.
    size: NonZeroUsize,
    /// The number of its values in the lower half. In the upper half, the size of its header in one byte,
    /// and whether all values are bulk strings in the highest bit.
    header_and_values: u64,
}

impl Aggregate {
    #[inline(always)]
    fn new(size: usize, header: usize, values: u32, only_bulks: bool) -> Option<Self> {
        let header_and_values =
            u64::from(only_bulks) << 63 | (header as u64) << 32 | u64::from(values);
        Some(Self { size: NonZeroUsize::new(size)?, header_and_values })
    }

    /// Whether all values are bulk strings without attributes.
    #[inline(always)]
    pub(crate) const fn holds_only_bulks(self) -> bool {
        self.header_and_values >> 63 == 1
    }

    #[inline(always)]
    pub(crate) const fn size(self) -> usize {
        self.size.get()
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "the byte above the lower half")]
    pub(crate) const fn header(self) -> usize {
        (self.header_and_values >> 32) as u8 as usize
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(crate) const fn values(self) -> u32 {
        self.header_and_values as u32
    }
}

impl Validator {
    /// Finds the end of a command that lies whole in the input and is an array.
    #[inline(always)]
    pub(crate) fn command(&mut self, visible: &[u8]) -> Result<Aggregate, Stopped> {
        match self.command_alike(visible) {
            Some(command) => Ok(command),
            None if visible.first() == Some(&b'*') => self.aggregate(visible),
            None => Err(Stopped::NotMine),
        }
    }

    /// Finds the end of an array of bulk strings that begins like a recent one. Despite the name it
    /// may be a reply: what counts is how the array begins.
    #[inline(always)]
    pub(crate) fn command_alike(&mut self, visible: &[u8]) -> Option<Aggregate> {
        let (values, mut rest) = self.recent_command.pass(visible)?;
        for _ in 1..values {
            let (_, payload, after) = word::bulk(word::first(rest)?, rest)?;
            if payload.len() > self.limits().bulk() {
                return None;
            }
            rest = after;
        }
        Aggregate::new(visible.len() - rest.len(), 4, values, true)
    }

    /// Finds the end of an aggregate that lies whole in the input.
    #[inline(always)]
    pub(crate) fn aggregate(&mut self, visible: &[u8]) -> Result<Aggregate, Stopped> {
        match self.whole_aggregate(visible) {
            Some(aggregate) => Ok(aggregate),
            None if self.is_fresh() => Err(Stopped::NotMine),
            None => Err(Stopped::Begun),
        }
    }

    /// Finds the end of an aggregate, like [`aggregate`](Self::aggregate). If the result is `None`,
    /// `offset` shows how far it got.
    ///
    /// It reads the header, if possible together with a command's name, and then the bulk strings that
    /// follow: commands and most lists hold nothing else. Only if other values are left does it set up
    /// the levels of nesting. It is out of line to keep the caller's loop small, and its result fits in
    /// registers.
    #[inline(never)]
    fn whole_aggregate(&mut self, visible: &[u8]) -> Option<Aggregate> {
        let word = word::first(visible)?;
        let (values, header, after, owed);
        if let Some((arguments, after_name)) = self.command_name(word, visible) {
            (values, header) = (arguments, 4);
            (after, owed) = (after_name, arguments - 1);
        } else {
            (values, header) = self.short_aggregate(word, 0)?;
            // Requests skip an array without elements; it is not a frame.
            if values == 0 && !self.grammar().are_replies() {
                return None;
            }
            (after, owed) = (visible.get(header..)?, values);
        }
        let name_end = visible.len() - after.len();
        let (mut rest, owed) = self.pass_bulks(after, owed);
        if owed > 0 {
            self.levels.enter(owed);
            let (passed, ended) = self.pass_values(rest);
            if ended != Ended::Frame {
                self.offset = visible.len() - rest.len() + passed;
                return None;
            }
            self.levels.restart();
            rest = rest.get(passed..)?;
        }
        let wire = visible.get(..visible.len() - rest.len())?;
        if owed == 0 && name_end > header {
            self.recent_command.notice(word, wire, name_end, values);
        }
        Aggregate::new(wire.len(), header, values, owed == 0)
    }

    /// Begins a lone bulk string whose payload is incomplete, the most frequent kind of unfinished
    /// frame: its bytes are marked as examined without scanning them. Returns whether the input is one.
    pub(crate) fn begin_bulk(&mut self, input: &[u8]) -> bool {
        let Some(left) = self.missing_payload(input, 0) else { return false };
        self.state = State::Payload { prefix: Prefix::Bulk, left };
        self.offset = input.len();
        true
    }

    /// The part of the input that the frame may occupy under the frame limit.
    #[inline]
    pub(crate) fn visible<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input.get(..self.limits().frame()).unwrap_or(input)
    }
}

#[cfg(test)]
mod tests {
    use crate::limits::Limits;
    use crate::validate::Grammar;

    use super::*;

    const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";

    /// The size of the frame, the size of its header, and the number of its values.
    fn told(aggregate: Aggregate) -> (usize, usize, u32) {
        (aggregate.size(), aggregate.header(), aggregate.values())
    }

    /// A validator of requests that has seen two whole commands, with this limit for arguments.
    fn after_two(bulk: usize) -> Validator {
        let limits = Limits::new().with_bulk(bulk);
        let mut validator = Validator::new(Grammar::REQUESTS, limits);
        for _ in 0..2 {
            assert!(validator.command_alike(GET).is_none());
            assert_eq!(validator.command(GET).map(told), Ok((GET.len(), 4, 2)));
            assert!(validator.is_fresh());
        }
        validator
    }

    #[test]
    fn a_command_is_passed_by_how_two_before_began() {
        let mut validator = after_two(5);
        let other = b"*2\r\n$3\r\nGET\r\n$5\r\nother\r\n";
        let with_more = [other, GET].concat();
        for input in [other, with_more.as_slice()] {
            assert_eq!(validator.command_alike(input).map(told), Some((other.len(), 4, 2)));
        }
        for cut in 0..other.len() {
            assert!(validator.command_alike(&other[..cut]).is_none(), "{cut}");
        }
        let too_long = b"*2\r\n$3\r\nGET\r\n$6\r\nlonger\r\n";
        assert!(validator.command_alike(too_long).is_none());
        assert!(after_two(6).command_alike(too_long).is_some());
        assert_eq!(validator.command(b"GET key\r\n........"), Err(Stopped::NotMine));
    }

    #[test]
    fn a_bulk_string_that_is_cut_in_its_payload_is_begun() {
        let mut validator = Validator::new(Grammar::REPLIES, Limits::new());
        for input in [&b"$10\r\n"[..3], b"+OK\r\n", b"$3\r\nabc\r\n", b"*1\r\n$3\r\nabc"] {
            assert!(!validator.begin_bulk(input), "{}", input.escape_ascii());
            assert!(validator.is_fresh());
        }
        assert!(validator.begin_bulk(b"$10\r\nabc"));
        assert_eq!(validator.offset(), 8);
    }

    #[test]
    fn an_aggregate_that_is_cut_is_begun_and_one_that_is_not_mine_is_untouched() {
        let mut validator = Validator::new(Grammar::REPLIES, Limits::new());
        assert_eq!(validator.aggregate(b"*?\r\n:1\r\n.\r\n"), Err(Stopped::NotMine));
        assert_eq!(validator.aggregate(b"*2\r\n"), Err(Stopped::Begun));
        assert_eq!(validator.offset(), 4);
        validator.reset();
        assert_eq!(validator.aggregate(b"*2\r\n$1\r\na\r\n:12"), Err(Stopped::Begun));
        assert_eq!(validator.offset(), 11);
    }
}
