//! The fast path inside a frame: values that lie whole in the input, a word of eight bytes at a time.
//!
//! It stops at anything incomplete, rare or wrong, and leaves that to the automaton. So it never has to
//! say why a value is wrong, and `None` costs one branch.

use crate::lex::{constant, double, integer, line, word};

use super::levels::Ended;
use super::state::State;
use super::{Grammar, Validator};

impl Validator {
    /// Walks over the values or arguments at the front of the input: see
    /// [`pass_reply_values`](Self::pass_reply_values) and [`pass_arguments`](Self::pass_arguments).
    #[inline]
    pub(super) fn pass_values(&mut self, input: &[u8]) -> (usize, Ended) {
        match self.grammar() {
            Grammar::Replies(_) => self.pass_reply_values(input),
            Grammar::Requests(_) => self.pass_arguments(input),
        }
    }

    /// Walks over values and keeps the levels of nesting up to date. Returns how many bytes it has
    /// walked over, and why it stopped.
    ///
    /// [`Ended::Frame`]: the last value of the frame was among them. [`Ended::Value`]: the next value
    /// is incomplete, rare or wrong, and is left to the automaton. [`Ended::Attribute`]: an attribute
    /// that the automaton had opened is whole, and the value that it annotates comes next.
    ///
    /// The innermost level is kept in a local variable: in memory, each value would have to wait for
    /// the store of the previous one. It is written back before the other levels are used, and at the
    /// end.
    pub(super) fn pass_reply_values(&mut self, input: &[u8]) -> (usize, Ended) {
        let mut rest = input;
        let mut current = self.levels.current;
        let mut ended = Ended::Value;
        while current.owed > 0 {
            let Some(word) = word::first(rest) else { break };
            match self.pass_value(word, rest, current.owed, current.depth) {
                Passed::Values(after, owed) => {
                    rest = after;
                    current.owed = owed;
                }
                Passed::Header(elements, after) => {
                    rest = after;
                    current.owed -= 1;
                    // If the aggregate is the last value of its parent, it replaces the parent: both end together.
                    if !current.is_over() {
                        self.levels.push(current);
                    }
                    current = current.inner(elements);
                }
                Passed::Text(after) => {
                    self.state = State::Text;
                    rest = after;
                    break;
                }
                Passed::Nothing => break,
            }
            if current.owed == 0 {
                if current.is_over() && self.levels.is_outermost() {
                    ended = Ended::Frame;
                    break;
                }
                self.levels.current = current;
                ended = self.levels.end_levels();
                current = self.levels.current;
                if ended != Ended::Value {
                    break;
                }
            }
        }
        self.levels.current = current;
        (input.len() - rest.len(), ended)
    }

    /// Walks over the arguments of a command, as [`pass_reply_values`](Self::pass_reply_values) does
    /// over values.
    pub(super) fn pass_arguments(&mut self, input: &[u8]) -> (usize, Ended) {
        if self.is_outside_arrays() {
            return (0, Ended::Value);
        }
        let (rest, owed) = self.pass_bulks(input, self.levels.current.owed);
        self.levels.current.owed = owed;
        (input.len() - rest.len(), self.levels.end_levels())
    }

    /// Walks over up to `owed` bulk strings. Returns what follows them, and how many are still owed.
    #[inline(always)]
    pub(super) fn pass_bulks<'a>(&self, mut rest: &'a [u8], mut owed: u32) -> (&'a [u8], u32) {
        while owed > 0 {
            let Some(word) = word::first(rest) else { break };
            let Some((_, payload, after)) = word::bulk(word, rest) else { break };
            if payload.len() > self.limits().bulk() {
                break;
            }
            (rest, owed) = (after, owed - 1);
        }
        (rest, owed)
    }

    /// If the input, which lies at `offset` in the frame, is a bulk string within the limits whose
    /// payload is incomplete, returns how many bytes of the payload are missing.
    pub(super) fn missing_payload(&self, input: &[u8], offset: usize) -> Option<usize> {
        let word = word::first(input).filter(|word| word::first_byte(*word) == b'$')?;
        if self.is_outside_arrays() {
            return None;
        }
        let (length, header) = word::number(word)?;
        let left = (header + length as usize).checked_sub(input.len()).filter(|left| *left > 0)?;
        let end = (offset - self.start()).checked_add(input.len() + left + 2)?;
        let is_allowed = length as usize <= self.limits().bulk() && end <= self.limits().frame();
        (is_allowed && self.levels.current.owed > 0).then_some(left)
    }

    /// Walks over the header of a command and its name. Returns the number of its arguments, at least
    /// one, and what follows the name; `None` if it does not begin in the usual short form.
    #[inline(always)]
    pub(super) fn command_name<'a>(&self, word: u64, input: &'a [u8]) -> Option<(u32, &'a [u8])> {
        let (arguments, length) = word::command(word)?;
        let name = input.get(8..)?;
        let is_whole = name.get(length..)?.starts_with(b"\r\n");
        let is_allowed = self.allows(arguments, 0) && length <= self.limits().bulk();
        let after = name.get(length + 2..)?;
        (is_whole && is_allowed && arguments > 0).then_some((arguments, after))
    }

    /// Whether an aggregate of `values` values may be opened inside `depth` others.
    #[inline(always)]
    pub(super) fn allows(&self, values: u32, depth: u32) -> bool {
        values as usize <= self.limits().elements() && (depth as usize) < self.limits().depth()
    }

    /// Returns the number of values in the aggregate with this header, inside `depth` others, and
    /// the header's size, if it is short and within the limits.
    #[inline(always)]
    pub(super) fn short_aggregate(&self, word: u64, depth: u32) -> Option<(u32, usize)> {
        let (length, header) = word::number(word)?;
        let values = if word::first_byte(word) == b'%' { 2 * length } else { length };
        self.allows(values, depth).then_some((values, header))
    }

    /// Walks over up to `owed` integers of one digit, two at a time. Flags and small counts are such
    /// integers.
    #[inline(always)]
    fn pass_single_digits(mut rest: &[u8], mut owed: u32) -> (&[u8], u32) {
        while let (2.., Some((two, after))) = (owed, rest.split_first_chunk()) {
            if !integer::are_single_digits(u64::from_le_bytes(*two)) {
                break;
            }
            (rest, owed) = (after, owed - 2);
        }
        if let (1.., Some((one, after))) = (owed, rest.split_first_chunk()) {
            if integer::is_single_digit(u32::from_le_bytes(*one)) {
                (rest, owed) = (after, owed - 1);
            }
        }
        (rest, owed)
    }

    /// Walks over the next of `owed` values, whose first bytes are in `word`, and over values of the
    /// same form right after it.
    ///
    /// Everything that it accepts is checked in full here: length, digits, line ends and limits. It is
    /// inlined into the loop of [`pass_reply_values`](Self::pass_reply_values), which takes `Passed`
    /// apart without storing it.
    #[inline(always)]
    fn pass_value<'a>(&mut self, word: u64, input: &'a [u8], owed: u32, depth: u32) -> Passed<'a> {
        let line = |rest: Option<&'a [u8]>| match rest {
            Some(rest) => Passed::Values(rest, owed - 1),
            None => Passed::Nothing,
        };
        let constant = || match constant::line(word) {
            Some((_, size)) => line(input.get(size..)),
            None => Passed::Nothing,
        };
        match word::first_byte(word) {
            b'$' => match self.pass_bulks(input, owed) {
                (_, left) if left == owed => constant(),
                (rest, left) => Passed::Values(rest, left),
            },
            b'*' | b'%' | b'~' => {
                let Some((elements, header)) = self.short_aggregate(word, depth) else {
                    return constant();
                };
                let Some(rest) = input.get(header..) else { return Passed::Nothing };
                match elements {
                    0 => Passed::Values(rest, owed - 1),
                    _ => Passed::Header(elements, rest),
                }
            }
            b':' => match Self::pass_single_digits(input, owed) {
                (_, left) if left == owed => line(integer::line(word, input).map(|(_, rest)| rest)),
                (rest, left) => Passed::Values(rest, left),
            },
            b',' => line(double::pass(input)),
            b'+' | b'-' => {
                if let Some((_, rest)) = line::split(word, input) {
                    return Passed::Values(rest, owed - 1);
                }
                // Incomplete, or ended by something other than CRLF: the automaton continues inside
                // the text of the line.
                let text = input.get(1..).unwrap_or_default();
                let length = line::break_at(text).unwrap_or(text.len());
                Passed::Text(text.get(length..).unwrap_or_default())
            }
            _ => constant(),
        }
    }
}

/// What was found at the front of the input, and what follows it.
enum Passed<'a> {
    /// One value or more, and how many are still owed.
    Values(&'a [u8], u32),
    /// The header of an aggregate with this many values, at least one.
    Header(u32, &'a [u8]),
    /// The type byte of a line and some of its text.
    Text(&'a [u8]),
    /// Nothing: the value is incomplete, rare or wrong, and the automaton reads it from its first byte.
    Nothing,
}
