//! The fast path: values that lie whole in the input, a word at a time.

use crate::scan::{line, word};

use super::Scanner;
use super::level::{Ended, Level};
use super::state::{Prefix, State};

/// The header of the last bulk string, and how long header, payload and line end were together.
///
/// Each length decides where the next header is, so a walk over bulk strings waits for one load
/// after the other. When the next header is likely to be the same, the position can advance by a
/// known amount, and the branch predictor runs ahead of the loads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memo {
    /// The bytes of the header, zero behind them.
    header: u64,
    mask: u64,
    size: usize,
}

impl Memo {
    /// Matches no header: all of them have a type byte.
    pub(super) const NONE: Self = Self { header: 0, mask: u64::MAX, size: 0 };

    fn new(word: u64, header: usize, size: usize) -> Self {
        let mask = u64::MAX >> (64 - 8 * header.min(8));
        Self { header: word & mask, mask, size }
    }

    fn matches(&self, word: u64) -> bool {
        word & self.mask == self.header
    }
}

impl Scanner {
    /// Passes over values from `at` on. Returns where it stopped: at the end of the frame, in front
    /// of something cut in two, or of something that needs a closer look.
    pub(super) fn whole_values(&mut self, input: &[u8], mut at: usize) -> (usize, Ended) {
        let mut memo = self.memo;
        let mut owed = self.levels.current.owed;
        while owed > 0 {
            let Some(word) = word::word_at(input, at) else { break };
            if memo.matches(word) {
                let end = at + memo.size;
                if !ends_line(input, end) {
                    break;
                }
                at = end;
            } else {
                match self.whole_value(input, at, word, &mut memo) {
                    Whole::Value { end } => at = end,
                    Whole::Aggregate { elements, end } => {
                        self.levels.current.owed = owed;
                        _ = self.levels.open(Level::counted(Prefix::Array, elements));
                        owed = self.levels.current.owed;
                        at = end;
                        continue;
                    }
                    Whole::Text { until } => {
                        self.state = State::Text;
                        at = until;
                        break;
                    }
                    Whole::Unclear => break,
                }
            }
            owed -= 1;
            if owed == 0 {
                self.levels.current.owed = 1;
                let ended = self.levels.end_value();
                let ended = self.settle(ended, self.offset + at);
                owed = self.levels.current.owed;
                if ended != Ended::Value {
                    self.memo = memo;
                    return (at, ended);
                }
            }
        }
        self.memo = memo;
        self.levels.current.owed = owed;
        (at, Ended::Value)
    }

    /// Looks at one value whose first bytes are in `word`.
    #[inline]
    fn whole_value(&self, input: &[u8], at: usize, word: u64, memo: &mut Memo) -> Whole {
        let first = word::first_byte(word);
        match first {
            b'$' => {
                let Some((length, header)) = word::number(word) else { return Whole::Unclear };
                let size = header + length + 2;
                if length > self.limits.bulk() || !ends_line(input, at + size) {
                    return Whole::Unclear;
                }
                *memo = Memo::new(word, header, size);
                Whole::Value { end: at + size }
            }
            b'*' | b'%' | b'~' | b'>' => {
                let Some((length, header)) = word::number(word) else { return Whole::Unclear };
                let elements = if first == b'%' { 2 * length } else { length };
                let allowed = elements <= self.limits.elements() as usize && !self.at_full_depth();
                match elements {
                    _ if !allowed => Whole::Unclear,
                    0 => Whole::Value { end: at + header },
                    _ => Whole::Aggregate { elements, end: at + header },
                }
            }
            b'+' | b'-' => {
                let text = at + 1;
                match line::break_at(input.get(text..).unwrap_or_default()) {
                    Some(length) if ends_line(input, text + length + 2) => {
                        Whole::Value { end: text + length + 2 }
                    }
                    Some(length) => Whole::Text { until: text + length },
                    None => Whole::Text { until: input.len() },
                }
            }
            b':' => match word::number(word) {
                Some((_, size)) => Whole::Value { end: at + size },
                None => Whole::Unclear,
            },
            b'_' if word::ends_line(word >> 8) => Whole::Value { end: at + 3 },
            b'#' if matches!(word::first_byte(word >> 8), b't' | b'f')
                && word::ends_line(word >> 16) =>
            {
                Whole::Value { end: at + 4 }
            }
            _ => Whole::Unclear,
        }
    }
}

/// What a look at one value found.
enum Whole {
    /// A value that ends in front of `end`.
    Value { end: usize },
    /// The header of an aggregate that is not empty.
    Aggregate { elements: usize, end: usize },
    /// A line whose text goes on at least until there.
    Text { until: usize },
    /// Something cut in two, rare or wrong: the automaton will tell.
    Unclear,
}

/// Returns whether a CRLF lies in front of `end`.
#[inline]
fn ends_line(input: &[u8], end: usize) -> bool {
    input.get(..end).is_some_and(|whole| whole.ends_with(b"\r\n"))
}
