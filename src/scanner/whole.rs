//! The fast path: values that lie whole in the input, a word at a time.

use crate::scan::{line, memo::Memo, number, word};

use super::Scanner;
use super::level::{Ended, Level};
use super::state::{Prefix, State};

impl Scanner {
    /// Passes over values. Returns how many bytes they take and where it stopped: at the end of the frame, in front of something
    /// cut in two, or of something that needs a closer look.
    pub(super) fn whole_values(&mut self, input: &[u8]) -> (usize, Ended) {
        let mut rest = input;
        let mut memo = self.memo;
        let mut owed = self.levels.current.owed;
        let mut ended = Ended::Value;
        while owed > 0 {
            let Some(word) = word::first(rest) else { break };
            if let Some((_, behind)) = memo.split(word, rest) {
                rest = behind;
            } else if let Some((header, payload, behind)) = word::bulk(word, rest) {
                if payload.len() > self.limits.bulk() {
                    break;
                }
                memo = Memo::new(word, header, header + payload.len() + 2);
                rest = behind;
            } else {
                match self.other_value(word, rest) {
                    Whole::Value(behind) => rest = behind,
                    Whole::Aggregate(elements, behind) => {
                        self.levels.current.owed = owed;
                        _ = self.levels.open(Level::counted(Prefix::Array, elements));
                        owed = self.levels.current.owed;
                        rest = behind;
                        continue;
                    }
                    Whole::Text(behind) => {
                        self.state = State::Text;
                        rest = behind;
                        break;
                    }
                    Whole::Unclear => break,
                }
            }
            owed -= 1;
            if owed == 0 {
                self.levels.current.owed = 0;
                ended = self.levels.end_levels();
                if ended != Ended::Value {
                    break;
                }
                owed = self.levels.current.owed;
            }
        }
        self.memo = memo;
        if ended == Ended::Value {
            self.levels.current.owed = owed;
        }
        (input.len() - rest.len(), ended)
    }

    /// Looks at a value, no bulk string, whose first bytes are in `word`.
    #[inline]
    fn other_value<'a>(&self, word: u64, input: &'a [u8]) -> Whole<'a> {
        let behind = |size| input.get(size..).map_or(Whole::Unclear, Whole::Value);
        let first = word::first_byte(word);
        match first {
            b'*' | b'%' | b'~' | b'>' => {
                let Some((length, header)) = word::number(word) else { return Whole::Unclear };
                let elements = if first == b'%' { 2 * length } else { length };
                let Some(rest) = input.get(header..) else { return Whole::Unclear };
                match elements {
                    _ if elements > self.limits.elements() as usize || self.at_full_depth() => {
                        Whole::Unclear
                    }
                    0 => Whole::Value(rest),
                    _ => Whole::Aggregate(elements, rest),
                }
            }
            b':' => {
                number::line(word, input).map_or(Whole::Unclear, |(_, rest)| Whole::Value(rest))
            }
            b'+' | b'-' => {
                if let Some((_, rest)) = line::split(input) {
                    return Whole::Value(rest);
                }
                let text = input.get(1..).unwrap_or_default();
                let length = line::break_at(text).unwrap_or(text.len());
                Whole::Text(text.get(length..).unwrap_or_default())
            }
            b'_' if word::ends_line(word >> 8) => behind(3),
            b'#' if matches!(word::first_byte(word >> 8), b't' | b'f')
                && word::ends_line(word >> 16) =>
            {
                behind(4)
            }
            _ => Whole::Unclear,
        }
    }
}

/// What a look at one value found, with what is behind it.
enum Whole<'a> {
    /// A value.
    Value(&'a [u8]),
    /// The header of an aggregate that is not empty.
    Aggregate(usize, &'a [u8]),
    /// The type byte of a line and some of its text.
    Text(&'a [u8]),
    /// Something cut in two, rare or wrong: the automaton will tell.
    Unclear,
}
