//! The fastest path: frames that lie whole in the input, between two of which nothing is open.
//!
//! What these functions refuse is left to the rest of the scanner, which goes on where they stopped.

use core::num::NonZeroUsize;

use crate::lex::word;

use super::learned::frame::{Alike, Template};
use super::levels::Ended;
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

#[cfg(test)]
mod tests {
    use crate::limits::{InlinePolicy, Limits};

    use super::*;

    const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";

    fn told(aggregate: Aggregate) -> (usize, usize, u32) {
        (aggregate.size(), aggregate.header(), aggregate.values())
    }

    /// A scanner of requests that has seen two whole commands, within this limit for arguments.
    fn after_two(bulk: usize) -> Scanner {
        let limits = Limits::new().with_bulk(bulk);
        let mut scanner = Scanner::requests(limits, InlinePolicy::Accept);
        for _ in 0..2 {
            assert!(scanner.command_alike(GET).is_none());
            assert_eq!(scanner.command(GET).map(told), Some((GET.len(), 4, 2)));
            assert!(scanner.is_between_frames());
        }
        scanner
    }

    #[test]
    fn a_command_is_passed_by_how_two_before_began() {
        let mut scanner = after_two(5);
        let other = b"*2\r\n$3\r\nGET\r\n$5\r\nother\r\n";
        let with_more = [other, GET].concat();
        for input in [other, with_more.as_slice()] {
            assert_eq!(scanner.command_alike(input).map(told), Some((other.len(), 4, 2)));
        }
        for cut in 0..other.len() {
            assert!(scanner.command_alike(&other[..cut]).is_none(), "{cut}");
        }
        let too_long = b"*2\r\n$3\r\nGET\r\n$6\r\nlonger\r\n";
        assert!(scanner.command_alike(too_long).is_none());
        assert!(after_two(6).command_alike(too_long).is_some());
        assert!(scanner.command(b"GET key\r\n........").is_none());
    }

    #[test]
    fn a_frame_is_passed_by_the_layout_of_two_before() {
        let mut scanner = Scanner::new(Limits::new());
        let other = b"*2\r\n$3\r\nDEL\r\n$3\r\nyek\r\n";
        for frame in [GET, b"*2\r\n$3\r\nGET\r\n$4\r\nkeys\r\n", GET, GET] {
            assert!(scanner.frame_alike(other).is_none());
            assert_eq!(scanner.aggregate(frame).map(told), Some((frame.len(), 4, 2)));
        }
        assert_eq!(scanner.frame_alike(other).map(|alike| alike.wire), Some(&other[..]));
    }

    #[test]
    fn a_bulk_string_that_is_cut_in_its_payload_is_begun() {
        let mut scanner = Scanner::new(Limits::new());
        for input in [&b"$10\r\n"[..3], b"+OK\r\n", b"$3\r\nabc\r\n", b"*1\r\n$3\r\nabc"] {
            assert!(!scanner.begin_bulk(input), "{}", input.escape_ascii());
            assert!(scanner.is_between_frames());
        }
        assert!(scanner.begin_bulk(b"$10\r\nabc"));
        assert_eq!(scanner.offset(), 8);
    }
}
