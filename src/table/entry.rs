//! What a lookup compares, and an answer to the most frequent question: where the keys are.
//!
//! The name of a command is found without folding its letter case first. Letters in upper and in lower case differ
//! in one bit. The hash leaves that bit of every byte out, and the comparison leaves it out where the name in the
//! table has a letter.

use super::Access;
use super::info::{BeginSearch, CommandInfo, FindKeys, KeySpec};
use super::options::Options;

/// The parent of a command that is not a subcommand. No table has as many commands.
pub(super) const NONE: u16 = u16::MAX;

/// The beginning and the end of a name: all of it, up to 16 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    first: u64,
    last: u64,
    len: usize,
}

/// The bit in which letters in upper and in lower case differ, in each byte.
const CASE: u64 = 0x2020_2020_2020_2020;

impl Word {
    #[inline(always)]
    pub(super) const fn of(name: &[u8]) -> Self {
        let (first, last) = match (name.first_chunk(), name.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (short(name), 0),
        };
        Self { first, last, len: name.len() }
    }

    /// Returns a number that is equal for names that differ only in letter case.
    #[inline(always)]
    const fn hash(self, parent: u16) -> usize {
        let word =
            (self.first & !CASE) ^ (self.last & !CASE).rotate_left(27) ^ (parent as u64) << 40;
        // The golden ratio, as in Fibonacci hashing: the upper bits of the product depend on all bits of the word.
        let product = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        #[allow(clippy::cast_possible_truncation, reason = "the upper half")]
        {
            (product >> 40) as usize
        }
    }
}

/// A name of up to seven bytes.
#[inline(always)]
const fn short(name: &[u8]) -> u64 {
    if let (Some(low), Some(high)) = (name.first_chunk(), name.last_chunk()) {
        return u32::from_le_bytes(*low) as u64 | (u32::from_le_bytes(*high) as u64) << 32;
    }
    // The first byte, the middle one and the last one, which may be the same.
    let (Some((_, [middle, ..])), [first, ..], [.., last]) =
        (name.split_at_checked(name.len() / 2), name, name)
    else {
        return 0;
    };
    *first as u64 | (*middle as u64) << 8 | (*last as u64) << 16
}

/// The bits that must be the same in another word: all, except for the bit of letter case in letters.
const fn significant(word: u64) -> u64 {
    let mut bytes = word.to_le_bytes();
    let mut rest: &mut [u8] = &mut bytes;
    while let [byte, after @ ..] = rest {
        *byte = if byte.is_ascii_alphabetic() { !0x20 } else { !0 };
        rest = after;
    }
    u64::from_le_bytes(bytes)
}

/// A command of a table, in the form that a lookup needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    word: Word,
    /// See [`significant`].
    first_bits: u64,
    last_bits: u64,
    /// The index of the container, or [`NONE`].
    pub(super) parent: u16,
    pub(super) arity: i32,
    pub(super) layout: Layout,
}

/// Where the keys of a command are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    /// Every `step`-th argument from `first` to `last`, which counts as in [`FindKeys::Range`].
    Range { first: usize, last: i32, step: usize, access: Access },
    /// At the places that the specifications describe.
    Specs,
    /// At places that depend on options.
    Options(&'static Options),
    /// The subcommand decides.
    Container,
}

impl Entry {
    /// An entry that no lookup returns.
    pub(super) const EMPTY: Self = Self {
        word: Word::of(b""),
        first_bits: 0,
        last_bits: 0,
        parent: NONE,
        arity: 0,
        layout: Layout::Specs,
    };

    /// Returns the entry of a command. `name` is its own name, without that of its container.
    pub(super) const fn new(
        name: &[u8],
        parent: u16,
        info: &CommandInfo,
        specs: &[KeySpec],
    ) -> Self {
        let word = Word::of(name);
        let layout = match (info.is_container, Options::of(name), specs) {
            (true, ..) => Layout::Container,
            (_, Some(options), _) if parent == NONE => Layout::Options(options),
            (_, _, [spec]) => Layout::of(spec),
            _ => Layout::Specs,
        };
        let (first_bits, last_bits) = (significant(word.first), significant(word.last));
        Self { word, first_bits, last_bits, parent, arity: info.arity, layout }
    }

    /// Returns whether the entry has this name, as far as the word tells.
    #[inline(always)]
    pub(super) const fn is(&self, word: Word, parent: u16) -> bool {
        let first = (self.word.first ^ word.first) & self.first_bits;
        let last = (self.word.last ^ word.last) & self.last_bits;
        let others = (self.word.len ^ word.len) as u64 | (self.parent ^ parent) as u64;
        first | last | others == 0
    }
}

impl Layout {
    /// Returns the layout of a command with one specification.
    const fn of(spec: &KeySpec) -> Self {
        match *spec {
            KeySpec {
                access,
                begin: BeginSearch::Index(first @ 1..),
                find: FindKeys::Range { last, step, limit: 0 | 1 },
                is_not_key: false,
                is_incomplete: false,
            } => Self::Range { first, last, step: if step == 0 { 1 } else { step }, access },
            _ => Self::Specs,
        }
    }
}

/// Returns the places where entries are found by their hash. `slots` holds zeros and is at least twice as long as
/// `entries`, and its length is a power of two. Each place holds the number of an entry, counted from one.
pub(super) const fn place_all(slots: &mut [u16], mut entries: &[Entry]) {
    let mut number = 1;
    while let [entry, rest @ ..] = entries {
        place(slots, entry, number);
        number += 1;
        entries = rest;
    }
}

/// Puts an entry into the first free place from that of its hash on.
pub(super) const fn place(slots: &mut [u16], entry: &Entry, number: u16) {
    let mut probe = Probe::new(entry.word, entry.parent, slots.len());
    loop {
        let Some((_, [slot, ..])) = slots.split_at_mut_checked(probe.next()) else { return };
        if *slot == 0 {
            *slot = number;
            return;
        }
    }
}

/// The places of a name, one after the other.
pub(super) struct Probe {
    at: usize,
    mask: usize,
}

impl Probe {
    #[inline(always)]
    pub(super) const fn new(word: Word, parent: u16, slots: usize) -> Self {
        Self { at: word.hash(parent), mask: slots.wrapping_sub(1) }
    }

    #[inline(always)]
    pub(super) const fn next(&mut self) -> usize {
        let at = self.at & self.mask;
        self.at = at.wrapping_add(1);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::every_word;
    use std::vec::Vec;

    /// Whether a lookup of `other` takes the entry of `name` for it.
    fn is_taken(name: &[u8], other: &[u8]) -> bool {
        is_taken_in(NONE, name, other)
    }

    /// Whether a lookup of `other` in the container `parent` takes the entry of a command without one for it.
    fn is_taken_in(parent: u16, name: &[u8], other: &[u8]) -> bool {
        let word = Word::of(name);
        let (first_bits, last_bits) = (significant(word.first), significant(word.last));
        Entry { word, first_bits, last_bits, ..Entry::EMPTY }.is(Word::of(other), parent)
    }

    /// Each byte is compared by itself, so this tries all that the comparison can meet.
    #[test]
    fn names_of_up_to_sixteen_bytes_are_compared_in_any_letter_case() {
        for length in (1..=16).step_by(every_word::step(5)) {
            let places: Vec<_> = (0..length).step_by(every_word::step(7)).collect();
            let bytes = || (0..=u8::MAX).step_by(every_word::step(61));
            for (place, byte) in places.iter().flat_map(|place| bytes().map(|b| (*place, b))) {
                let mut name = b"abcdefghijklmnop"[..length].to_vec();
                name[place] = byte;
                // All other bytes, if all words are asked for, otherwise those that differ in one bit or in two.
                let is_near = |other: &u8| (byte ^ other).count_ones() < 3;
                let others = (0..=u8::MAX).filter(|other| every_word::are_all() || is_near(other));
                for other in others {
                    let mut changed = name.to_ascii_uppercase();
                    changed[place] = other;
                    let expected = name.eq_ignore_ascii_case(&changed);
                    assert_eq!(is_taken(&name, &changed), expected, "{name:?} {changed:?}");
                }
            }
        }
    }

    #[test]
    fn names_of_different_lengths_differ() {
        for first in 0..=20 {
            for second in (0..=20).filter(|second| *second != first) {
                for byte in [0, b'a'] {
                    assert!(!is_taken(&[byte; 20][..first], &[byte; 20][..second]));
                }
            }
        }
    }

    #[test]
    fn equal_differences_of_two_parts_do_not_cancel_out() {
        let name = [0; 16];
        assert!(is_taken(&name, &name));
        let mut other = name;
        other[8] = 1;
        assert!(!is_taken_in(NONE ^ 1, &name, &other), "the last half and the container");
        other[0] = 1;
        assert!(!is_taken(&name, &other), "both halves");
        assert!(!is_taken_in(NONE ^ 1, &name[..8], &name[..9]), "the length and the container");
    }

    #[test]
    fn the_hash_of_a_name_is_the_same_in_any_letter_case() {
        for length in 0..=20 {
            for place in 0..length {
                let lower = b"abcdefghijklmnopqrst"[..length].to_vec();
                let mut mixed = lower.to_ascii_uppercase();
                mixed[place] = lower[place];
                for parent in [NONE, 0, 7] {
                    let hashes = [&lower, &mixed].map(|name| Word::of(name).hash(parent));
                    assert_eq!(hashes[0], hashes[1], "{lower:?}");
                }
            }
        }
    }
}
