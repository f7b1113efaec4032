//! Runs of bulk strings of one length.
//!
//! Each length decides where the next header is, so a walk over bulk strings waits for one load after
//! another, about twelve cycles each. If a header is compared with the one before instead, the position
//! advances by a known amount, and the branch predictor runs ahead of the loads: lists of equal-length
//! values take less than half the time.

use crate::lex::word;

/// Walks over the bulk strings at the front of the input, up to `owed`, that have the same header as the
/// first one. Returns what follows them, and how many are still owed. It passes nothing if the first one
/// is incomplete, rare, wrong, or longer than `most` bytes.
///
/// Out of line, to keep the caller's loop small.
#[inline(never)]
pub(crate) fn pass_equal(input: &[u8], owed: u32, most: usize) -> (&[u8], u32) {
    let first = word::first(input).unwrap_or_default();
    let (Some((_, header)), Some((_, payload, mut rest)), Some(mut left)) =
        (word::number(first), word::bulk(first, input), owed.checked_sub(1))
    else {
        return (input, owed);
    };
    if payload.len() > most {
        return (input, owed);
    }
    let shift = 64 - 8 * header;
    let size = input.len() - rest.len();
    while let (1.., Some(next)) = (left, rest.first_chunk()) {
        let has_same_header = (u64::from_le_bytes(*next) ^ first) << shift == 0;
        match rest.split_at_checked(size) {
            Some((whole, after)) if has_same_header && whole.ends_with(b"\r\n") => rest = after,
            _ => break,
        }
        left -= 1;
    }
    (rest, left)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// Bulk strings of this length.
    fn bulks(count: usize, length: usize) -> Vec<u8> {
        [format!("${length}\r\n").as_bytes(), &vec![b'a'; length], b"\r\n"].concat().repeat(count)
    }

    /// How many of the strings are passed, at most `owed`.
    fn passed(input: &[u8], owed: u32) -> usize {
        let (_, left) = pass_equal(input, owed, usize::MAX);
        (owed - left) as usize
    }

    #[test]
    fn strings_of_the_same_length_are_passed() {
        for length in [0, 1, 9, 10, 12, 99, 100, 123, 1234, 9999, 10_000, 12_345, 99_999] {
            let three = bulks(3, length);
            for owed in 0..3 {
                assert_eq!(passed(&three, owed), owed as usize, "{length}");
            }
            // A string that is shorter than a word is compared only if something follows it.
            let all = if length < 2 { 2 } else { 3 };
            assert_eq!(passed(&three, 9), all, "{length}, no more");
            assert_eq!(passed(&three[..three.len() - 1], 9), 2, "{length}, cut");
            for other in [length + 1, length * 10 + 1, length / 10 + 2] {
                let mixed = [bulks(2, length), bulks(2, other), bulks(1, length)].concat();
                assert_eq!(passed(&mixed, 9), 2, "{length}, then {other}");
            }
        }
    }

    #[test]
    fn all_of_the_header_and_both_bytes_of_the_line_end_are_compared() {
        for length in [1, 12, 123, 1234, 12_345] {
            let three = bulks(3, length);
            let size = three.len() / 3;
            for place in (0..size - length - 2).chain([size - 2, size - 1]) {
                let mut other = three.clone();
                other[size + place] ^= 1;
                assert_eq!(passed(&other, 3), 1, "{length}, changed at {place}");
            }
        }
    }

    #[test]
    fn a_string_that_is_too_long_is_not_passed() {
        let input = bulks(3, 12);
        assert_eq!(pass_equal(&input, 3, 12), (&b""[..], 0));
        assert_eq!(pass_equal(&input, 3, 11), (&input[..], 3));
        assert_eq!(passed(&bulks(2, 123_456), 2), 0, "its header does not fit in a word");
    }
}
