//! How a recent command began.
//!
//! The header of a command and its name usually fit in two words. If they are the same as in a recent
//! command, two comparisons replace reading two numbers and checking two line ends. In a stream of
//! replies this works for arrays that begin with the same short bulk string.

use crate::lex::word;

/// The most bytes that two words hold.
const MOST: usize = 16;

/// Whether the cache is in use. It is, except in a build of `benches/ablation.py`, which measures what it
/// gains and costs.
const IS_ON: bool = !cfg!(zresp_without = "command");

/// The start of a recent array of bulk strings: its header and its first string.
///
/// Nothing in it is trusted: a start is recognised only by comparing its bytes, and what is kept was
/// checked against the limits in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecentCommand {
    /// The first word of the last array that was noticed.
    noticed: u64,
    first: u64,
    second: u64,
    /// Which bits of the second word belong to the start.
    mask: u64,
    /// The size of the start in bytes.
    size: usize,
    /// How many values the array has.
    values: u32,
}

impl RecentCommand {
    /// Matches nothing.
    pub(crate) const NONE: Self =
        Self { noticed: 0, first: 0, second: 1, mask: 0, size: 0, values: 0 };

    /// Notices a validated array of `values` bulk strings that begins with `word`. Its header and its first string have
    /// `size` bytes. They are remembered if the last array that was noticed began with the same word.
    #[inline]
    pub(crate) fn notice(&mut self, word: u64, wire: &[u8], size: usize, values: u32) {
        if !IS_ON {
            return;
        }
        if self.noticed == word {
            self.remember(word, wire, size, values);
        } else {
            self.noticed = word;
        }
    }

    #[cold]
    fn remember(&mut self, first: u64, wire: &[u8], size: usize, values: u32) {
        let Some(second) = wire.get(8..).and_then(word::first) else { return };
        if (9..=MOST).contains(&size) {
            let mask = u64::MAX >> (64 - 8 * (size - 8));
            *self = Self { noticed: first, first, second: second & mask, mask, size, values };
        }
    }

    /// If the input begins as remembered, returns how many values the array has, and what follows the
    /// first of them.
    #[inline(always)]
    pub(crate) fn pass<'a>(&self, input: &'a [u8]) -> Option<(u32, &'a [u8])> {
        if !IS_ON {
            return None;
        }
        let (first, after) = input.split_first_chunk()?;
        let second = after.first_chunk()?;
        let is_same = u64::from_le_bytes(*first) == self.first
            && u64::from_le_bytes(*second) & self.mask == self.second;
        if is_same { Some((self.values, input.get(self.size..)?)) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache that has noticed these commands.
    fn of(commands: &[&str]) -> RecentCommand {
        let mut recent = RecentCommand::NONE;
        for command in commands {
            let bytes = command.as_bytes();
            let name: usize = command[5..6].parse().unwrap();
            let values = command[1..2].parse().unwrap();
            recent.notice(word::first(bytes).unwrap(), bytes, 10 + name, values);
        }
        recent
    }

    #[test]
    fn a_command_is_passed_as_far_as_it_begins_like_two_before() {
        const GET: &str = "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
        for other in [
            GET,
            "*2\r\n$3\r\nGET\r\n$10\r\n..........\r\n",
            "*2\r\n$3\r\nDEL\r\n$3\r\nkey\r\n",
            "*2\r\n$4\r\nINCR\r\n$3\r\nkey\r\n",
            "*3\r\n$3\r\nGET\r\n$3\r\nkey\r\n$1\r\nx\r\n",
            "*2\r\n$3\r\nGETx\n$3\r\nkey\r\n",
            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ] {
            let begins_alike = other.as_bytes()[..13] == GET.as_bytes()[..13];
            let expected = begins_alike.then(|| (2, &other.as_bytes()[13..]));
            assert_eq!(of(&[GET, GET]).pass(other.as_bytes()), expected, "{other:?}");
            assert_eq!(of(&[GET]).pass(other.as_bytes()), None, "{other:?} after one");
            assert_eq!(of(&[]).pass(other.as_bytes()), None, "{other:?} after none");
        }
        assert_eq!(of(&[GET, GET]).pass(&GET.as_bytes()[..15]), None);
    }

    #[test]
    fn names_that_do_not_fit_in_two_words_are_not_remembered() {
        let command = "*2\r\n$7\r\nPFCOUNT\r\n$1\r\nk\r\n";
        assert_eq!(of(&[command, command]).pass(command.as_bytes()), None);
        let command = "*1\r\n$4\r\nPING\r\n";
        let twice = command.repeat(2);
        let expected = Some((1, command.as_bytes()));
        assert_eq!(of(&[command, command]).pass(twice.as_bytes()), expected);
    }
}
