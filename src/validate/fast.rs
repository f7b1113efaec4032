//! The fast path: values that lie whole in the input, a word at a time.

use crate::lex::{constant, double, integer, line, word};

use super::levels::Ended;
use super::state::State;
use super::{Grammar, Scanner};

impl Scanner {
    /// Passes over what the grammar allows inside a frame, as [`whole_values`](Self::whole_values).
    #[inline]
    pub(super) fn whole(&mut self, input: &[u8]) -> (usize, Ended) {
        match self.grammar {
            Grammar::Replies => self.whole_values(input),
            Grammar::Requests(_) => self.whole_arguments(input),
        }
    }

    /// Passes over values. Returns how many bytes they take and where it stopped: at the end of the
    /// frame, in front of something cut in two, or of something that needs a closer look.
    pub(super) fn whole_values(&mut self, input: &[u8]) -> (usize, Ended) {
        let mut rest = input;
        let mut current = self.levels.current;
        let mut ended = Ended::Value;
        while current.owed > 0 {
            let Some(word) = word::first(rest) else { break };
            match self.whole_value(word, rest, current.owed, current.depth) {
                Whole::Values(behind, owed) => {
                    rest = behind;
                    current.owed = owed;
                }
                Whole::Aggregate(elements, behind) => {
                    rest = behind;
                    current.owed -= 1;
                    if !current.is_over() {
                        self.levels.push(current);
                    }
                    current = current.inner(elements);
                }
                Whole::Text(behind) => {
                    self.state = State::Text;
                    rest = behind;
                    break;
                }
                Whole::Unclear => break,
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

    /// Passes over the arguments of a command, as [`whole_values`](Self::whole_values) over values.
    pub(super) fn whole_arguments(&mut self, input: &[u8]) -> (usize, Ended) {
        if self.is_between_commands() {
            return (0, Ended::Value);
        }
        let (rest, owed) = self.whole_bulks(input, self.levels.current.owed);
        self.levels.current.owed = owed;
        (input.len() - rest.len(), self.levels.end_levels())
    }

    /// Passes over bulk strings, up to `owed` of them: what is behind them, and how many are owed
    /// still.
    #[inline(always)]
    pub(super) fn whole_bulks<'a>(&mut self, mut rest: &'a [u8], mut owed: u32) -> (&'a [u8], u32) {
        while owed > 0 {
            let Some(word) = word::first(rest) else { break };
            if let Some(behind) = self.memo.pass(owed, word, rest) {
                rest = behind;
            } else {
                let Some((header, payload, behind)) = word::bulk(word, rest) else { break };
                if payload.len() > self.limits.bulk() {
                    break;
                }
                self.memo.notice(owed, word, header, rest.len() - behind.len());
                rest = behind;
            }
            owed -= 1;
        }
        (rest, owed)
    }

    /// Returns how much of its payload is to come, if the input, `offset` bytes into the frame, is a
    /// bulk string that is cut there, and within the limits.
    pub(super) fn cut_payload(&self, input: &[u8], offset: usize) -> Option<usize> {
        let word = word::first(input).filter(|word| word::first_byte(*word) == b'$')?;
        if self.is_between_commands() {
            return None;
        }
        let (length, header) = word::number(word)?;
        let left = (header + length as usize).checked_sub(input.len()).filter(|left| *left > 0)?;
        let end = (offset - self.start()).checked_add(input.len() + left + 2)?;
        let is_allowed = length as usize <= self.limits.bulk() && end <= self.limits.frame();
        (is_allowed && self.levels.current.owed > 0).then_some(left)
    }

    /// Passes over the header of a command and its name: the number of its arguments, at least one,
    /// and what is behind the name. `None` for what does not begin like most commands.
    #[inline(always)]
    pub(super) fn command_name<'a>(&self, word: u64, input: &'a [u8]) -> Option<(u32, &'a [u8])> {
        let (arguments, length) = word::command(word)?;
        let name = input.get(8..)?;
        let is_whole = name.get(length..)?.starts_with(b"\r\n");
        let is_allowed = self.allows(arguments, 0) && length <= self.limits.bulk();
        let behind = name.get(length + 2..)?;
        (is_whole && is_allowed && arguments > 0).then_some((arguments, behind))
    }

    /// Whether an aggregate of so many values may be opened inside `depth` others.
    #[inline(always)]
    fn allows(&self, values: u32, depth: u32) -> bool {
        values <= self.limits.elements() && (depth as usize) < self.limits.depth()
    }

    /// Returns the number of values in the aggregate with this header, inside `depth` others, and
    /// the header's size, if it is short and within the limits.
    #[inline(always)]
    pub(super) fn short_aggregate(&self, word: u64, depth: u32) -> Option<(u32, usize)> {
        let (length, header) = word::number(word)?;
        let values = if word::first_byte(word) == b'%' { 2 * length } else { length };
        self.allows(values, depth).then_some((values, header))
    }

    /// Passes over one-digit integers, up to `owed` of them, most often flags and counts.
    #[inline(always)]
    fn whole_flags(mut rest: &[u8], mut owed: u32) -> (&[u8], u32) {
        while let (2.., Some((two, behind))) = (owed, rest.split_first_chunk()) {
            if !integer::are_two_flags(u64::from_le_bytes(*two)) {
                break;
            }
            (rest, owed) = (behind, owed - 2);
        }
        if let (1.., Some((one, behind))) = (owed, rest.split_first_chunk()) {
            if integer::is_flag(u32::from_le_bytes(*one)) {
                (rest, owed) = (behind, owed - 1);
            }
        }
        (rest, owed)
    }

    /// Looks at the next of `owed` values, whose first bytes are in `word`, and at those behind it
    /// that are like it.
    #[inline(always)]
    fn whole_value<'a>(&mut self, word: u64, input: &'a [u8], owed: u32, depth: u32) -> Whole<'a> {
        let line = |rest: Option<&'a [u8]>| match rest {
            Some(rest) => Whole::Values(rest, owed - 1),
            None => Whole::Unclear,
        };
        let constant = || match constant::line(word) {
            Some((_, size)) => line(input.get(size..)),
            None => Whole::Unclear,
        };
        match word::first_byte(word) {
            b'$' => match self.whole_bulks(input, owed) {
                (_, left) if left == owed => constant(),
                (rest, left) => Whole::Values(rest, left),
            },
            b'*' | b'%' | b'~' | b'>' => {
                let Some((elements, header)) = self.short_aggregate(word, depth) else {
                    return constant();
                };
                let Some(rest) = input.get(header..) else { return Whole::Unclear };
                match elements {
                    0 => Whole::Values(rest, owed - 1),
                    _ => Whole::Aggregate(elements, rest),
                }
            }
            b':' => match Self::whole_flags(input, owed) {
                (_, left) if left == owed => line(integer::line(word, input).map(|(_, rest)| rest)),
                (rest, left) => Whole::Values(rest, left),
            },
            b',' => line(double::pass(input)),
            b'+' | b'-' => {
                if let Some((_, rest)) = line::split(word, input) {
                    return Whole::Values(rest, owed - 1);
                }
                let text = input.get(1..).unwrap_or_default();
                let length = line::break_at(text).unwrap_or(text.len());
                Whole::Text(text.get(length..).unwrap_or_default())
            }
            _ => constant(),
        }
    }
}

/// What a look at one value found, with what is behind it.
enum Whole<'a> {
    /// One value or more, and how many are owed behind them.
    Values(&'a [u8], u32),
    /// The header of an aggregate that is not empty.
    Aggregate(u32, &'a [u8]),
    /// The type byte of a line and some of its text.
    Text(&'a [u8]),
    /// Something cut in two, rare or wrong: the automaton will tell.
    Unclear,
}
