//! How the last commands began.
//!
//! The header of a command and its name fit in two words. Where they are those of the command
//! before, two comparisons take the place of reading two numbers and checking two line ends.

use super::word;

/// The most bytes that two words hold.
const MOST: usize = 16;

/// The header of an array and the bulk string behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prefix {
    first: u64,
    second: u64,
    mask: u64,
    /// The length of the prefix in bytes.
    size: usize,
    values: u32,
}

impl Prefix {
    /// Matches nothing.
    pub(crate) const NONE: Self = Self { first: 0, second: 0, mask: 0, size: 0, values: 0 };

    /// Takes the place of the prefix by that of a validated frame of `values` bulk strings, the
    /// first of which ends `size` bytes into it; the first time that it is seen, only its first
    /// word.
    #[inline]
    pub(crate) fn notice(&mut self, word: u64, wire: &[u8], size: usize, values: u32) {
        if self.first == word {
            self.remember(wire, size, values);
        } else {
            *self = Self { first: word, mask: 0, second: 1, ..Self::NONE };
        }
    }

    #[cold]
    fn remember(&mut self, wire: &[u8], size: usize, values: u32) {
        let Some(second) = wire.get(8..).and_then(word::first) else { return };
        if (9..=MOST).contains(&size) {
            let mask = u64::MAX >> (64 - 8 * (size - 8));
            *self = Self { second: second & mask, mask, size, values, ..*self };
        }
    }

    /// Passes over the prefix, if the input begins with it: how many values the array has, and
    /// what is behind the first of them.
    #[inline(always)]
    pub(crate) fn pass<'a>(&self, input: &'a [u8]) -> Option<(u32, &'a [u8])> {
        let (first, behind) = input.split_first_chunk()?;
        let second = behind.first_chunk()?;
        let is_same = u64::from_le_bytes(*first) == self.first
            && u64::from_le_bytes(*second) & self.mask == self.second;
        if is_same { Some((self.values, input.get(self.size..)?)) } else { None }
    }
}
