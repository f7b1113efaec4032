//! The headers of recent bulk strings, to recognise the next ones.
//!
//! Each length decides where the next header is, so a walk over bulk strings waits for one load after
//! another, about twelve cycles each. If a header is compared with a recent one instead, the position
//! advances by a known amount, and the branch predictor runs ahead of the loads: lists of equal-length
//! values take less than half the time.

use core::num::NonZeroU64;

/// The header of a bulk string whose length has up to five digits.
#[derive(Debug, Clone, Copy)]
struct RecentBulk {
    /// The bytes of the header, padded with zeros. Non-zero, so that `Option` has a niche: an empty
    /// cache is all zeros, which makes a new decoder cheap.
    header: NonZeroU64,
    /// Which bits of a word belong to the header.
    mask: u64,
    /// The size of the header, the payload and the line end together, in bytes.
    size: usize,
}

/// One header for each place in an aggregate, counted from its end modulo four, so that an argument is
/// compared with the same argument of an earlier command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecentBulks {
    entries: [Option<RecentBulk>; 4],
    /// The size of the last bulk string at each place.
    sizes: [usize; 4],
}

impl RecentBulks {
    pub(crate) const NONE: Self = Self { entries: [None; 4], sizes: [0; 4] };

    /// Notices a bulk string of `size` bytes. `word` holds its first bytes, and `header_size` of them
    /// are its header. The string is remembered if the last one at its place had the same size. With
    /// mixed lengths, remembering every string would cost more than it gains.
    #[inline(always)]
    pub(crate) fn notice(&mut self, place: u32, word: u64, header_size: usize, size: usize) {
        let Some(last) = self.sizes.get_mut(place as usize % 4) else { return };
        if *last == size {
            self.remember(place, word, header_size, size);
        } else {
            *last = size;
        }
    }

    #[cold]
    fn remember(&mut self, place: u32, word: u64, header_size: usize, size: usize) {
        let entry = self.entries.get_mut(place as usize % 4);
        if let (Some(entry), 4..=8) = (entry, header_size) {
            let mask = u64::MAX >> (64 - 8 * header_size);
            *entry = NonZeroU64::new(word & mask).map(|header| RecentBulk { header, mask, size });
        }
    }

    /// Returns what follows the bulk string that the input begins with, if its header is the one
    /// remembered for its place.
    #[inline(always)]
    pub(crate) fn pass<'a>(&self, place: u32, word: u64, input: &'a [u8]) -> Option<&'a [u8]> {
        let entry = self.entries.get(place as usize % 4)?.as_ref()?;
        if word & entry.mask != entry.header.get() {
            return None;
        }
        let (whole, rest) = input.split_at_checked(entry.size)?;
        whole.ends_with(b"\r\n").then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::lex::word;

    /// A bulk string with more after it, the size of its header, and its own size.
    fn bulk(length: usize, byte: u8) -> (Vec<u8>, usize, usize) {
        let header = format!("${length}\r\n").into_bytes();
        let (header_size, size) = (header.len(), header.len() + length + 2);
        let input = [&header, vec![byte; length].as_slice(), b"\r\n:1\r\n+after\r\n"].concat();
        (input, header_size, size)
    }

    fn pass<'a>(bulks: &RecentBulks, place: u32, input: &'a [u8]) -> Option<&'a [u8]> {
        bulks.pass(place, word::first(input).unwrap(), input)
    }

    /// A cache that has noticed strings of these lengths at the places 0, 1 and so on, and once more.
    fn of(lengths: &[usize]) -> RecentBulks {
        let mut bulks = RecentBulks::NONE;
        for _ in 0..2 {
            for (place, length) in (0..).zip(lengths) {
                let (input, header_size, size) = bulk(*length, b'a');
                assert_eq!(pass(&bulks, place, &input), None);
                bulks.notice(place, word::first(&input).unwrap(), header_size, size);
            }
        }
        bulks
    }

    #[test]
    fn a_string_is_passed_if_two_at_its_place_were_as_long() {
        let lengths = [3, 12, 123, 12_345];
        let bulks = of(&lengths);
        for (index, length) in (0..).zip(lengths) {
            for place in [index, index + 4, index + 400] {
                let (input, _, size) = bulk(length, b'z');
                assert_eq!(pass(&bulks, place, &input), Some(&input[size..]), "{length}");
                assert_eq!(pass(&bulks, place + 1, &input), None, "{length} at another place");
                assert_eq!(
                    pass(&bulks, place, &input[..size]),
                    Some(&b""[..]),
                    "{length}, no more"
                );
                assert_eq!(pass(&bulks, place, &input[..size - 1]), None, "{length}, cut");
            }
        }
    }

    #[test]
    fn all_of_the_header_and_both_bytes_of_the_line_end_are_compared() {
        for length in [1, 12, 123, 1234, 12_345] {
            let bulks = of(&[length]);
            let (input, header_size, size) = bulk(length, b'a');
            for place in (0..header_size).chain([size - 2, size - 1]) {
                let mut other = input.clone();
                other[place] ^= 1;
                assert_eq!(pass(&bulks, 0, &other), None, "{length}, changed at {place}");
            }
        }
    }

    #[test]
    fn what_was_seen_once_or_does_not_fit_is_not_remembered() {
        let mut bulks = RecentBulks::NONE;
        for length in [3, 4, 3, 4] {
            let (input, header_size, size) = bulk(length, b'a');
            assert_eq!(pass(&bulks, 0, &input), None, "{length}");
            bulks.notice(0, word::first(&input).unwrap(), header_size, size);
        }
        let (input, ..) = bulk(123_456, b'a');
        assert_eq!(pass(&of(&[123_456]), 0, &input), None);
    }
}
