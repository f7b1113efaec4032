//! A header as one number: its first eight bytes in a `u64`.
//!
//! The type byte, up to five digits and the CRLF fit in one word, so one load and a few comparisons
//! read nearly every header of real traffic. `memchr` and a digit loop took twice as long over such
//! short distances.

use super::digits::{self, Digits};

/// CR and LF as they appear in the low sixteen bits of a word.
const CRLF: u64 = 0x0a0d;

/// Returns the first eight bytes, the first one lowest, padded with zeros at the end of the input;
/// `None` if there are fewer than four.
#[inline]
pub(crate) fn first(input: &[u8]) -> Option<u64> {
    match input.first_chunk() {
        Some(bytes) => Some(u64::from_le_bytes(*bytes)),
        None => short(input),
    }
}

/// The word of four to seven bytes: two halves that overlap.
#[inline]
fn short(input: &[u8]) -> Option<u64> {
    let low = u64::from(u32::from_le_bytes(*input.first_chunk()?));
    let high = u64::from(u32::from_le_bytes(*input.last_chunk()?));
    Some(low | high << (8 * (input.len() - 4)))
}

/// Returns whether the text contains a space or a lower byte.
///
/// It is asked for the name of each command that is written, and most names have three to eight bytes: a loop over them
/// takes 22 instructions for `SET`.
#[inline]
pub(crate) fn has_space(text: &[u8]) -> bool {
    const EACH: u64 = u64::MAX / 0xff;
    if let [first, second, third] = text {
        return *first.min(second).min(third) <= b' ';
    }
    match (text.first_chunk(), text.last_chunk()) {
        // The two halves overlap.
        (Some(first), Some(last)) if text.len() <= 8 => {
            let high = u64::from(u32::from_le_bytes(*last)) << 32;
            let word = u64::from(u32::from_le_bytes(*first)) | high;
            // The highest bit of each byte that is less than 0x21, and of no other if there is none.
            word.wrapping_sub(0x21 * EACH) & !word & (0x80 * EACH) != 0
        }
        _ => text.iter().any(|byte| *byte <= b' '),
    }
}

/// Takes the bulk string that the input begins with, if it is whole and its length has at most fifteen
/// digits. Returns the size of its header, its payload, and the rest of the input.
#[inline(always)]
pub(crate) fn bulk(word: u64, input: &[u8]) -> Option<(usize, &[u8], &[u8])> {
    if first_byte(word) != b'$' {
        return None;
    }
    let (length, header) = match number(word) {
        Some((length, header)) => (length as usize, header),
        None => long_number(input)?,
    };
    let (payload, tail) = input.get(header..)?.split_at_checked(length)?;
    Some((header, payload, tail.strip_prefix(b"\r\n")?))
}

/// Returns the number between the first byte of the word and a CRLF, and the size of the whole line in
/// bytes. The number must have one to five digits, without leading zeros.
#[inline(always)]
pub(crate) fn number(word: u64) -> Option<(u32, usize)> {
    let one = digit(word >> 8)?;
    if ends_line(word >> 16) {
        return Some((one, 4));
    }
    if one == 0 {
        return None;
    }
    let two = 10 * one + digit(word >> 16)?;
    if ends_line(word >> 24) {
        return Some((two, 5));
    }
    let three = 10 * two + digit(word >> 24)?;
    if ends_line(word >> 32) {
        return Some((three, 6));
    }
    let four = 10 * three + digit(word >> 32)?;
    if ends_line(word >> 40) {
        return Some((four, 7));
    }
    let five = 10 * four + digit(word >> 40)?;
    ends_line(word >> 48).then_some((five, 8))
}

/// Returns the lowest byte, which is the first in the input.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the lowest byte")]
pub(crate) const fn first_byte(word: u64) -> u8 {
    word as u8
}

/// Returns the number of elements of an array and the length of the bulk string that it begins with,
/// if both have one digit: the header of most commands is one word.
#[inline(always)]
pub(crate) fn command(word: u64) -> Option<(u32, usize)> {
    const FORM: u64 = u64::from_le_bytes(*b"*\0\r\n$\0\r\n");
    const FIXED: u64 = u64::from_le_bytes([0xff, 0, 0xff, 0xff, 0xff, 0, 0xff, 0xff]);
    if word & FIXED != FORM {
        return None;
    }
    Some((digit(word >> 8)?, digit(word >> 40)? as usize))
}

/// Returns the number between the first byte and a CRLF, and the size of the whole line in bytes. The
/// number must have six to fifteen digits, without leading zeros.
#[cold]
fn long_number(input: &[u8]) -> Option<(usize, usize)> {
    let text = input.get(1..)?;
    let Digits { value, count } = digits::up_to_sixteen(text);
    let is_number = (6..16).contains(&count) && !text.starts_with(b"0");
    let is_line = text.get(count..)?.starts_with(b"\r\n");
    Some((usize::try_from(value).ok().filter(|_| is_number && is_line)?, count + 3))
}

/// Returns whether the lowest two bytes are CRLF.
#[inline]
pub(crate) const fn ends_line(word: u64) -> bool {
    // Not `word & 0xffff == CRLF`: that form needs two constants of eight bytes and is slower.
    (word << 48) == CRLF << 48
}

/// The value of the lowest byte, if it is a digit.
#[inline(always)]
pub(crate) fn digit(word: u64) -> Option<u32> {
    let value = first_byte(word).wrapping_sub(b'0');
    (value < 10).then_some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::every_word::{each_half, step};
    use std::string::ToString;

    #[test]
    fn a_word_near_the_end_is_padded_with_zeros() {
        let input = b"xx123456789";
        for end in 0..=input.len() {
            let tail = input.get(2..end).unwrap_or_default();
            let mut padded = [0; 8];
            let size = tail.len().min(8);
            padded[..size].copy_from_slice(&tail[..size]);
            let expected = (size >= 4).then(|| u64::from_le_bytes(padded));
            assert_eq!(first(&input[2.min(end)..end]), expected, "{end} bytes");
        }
    }

    #[test]
    fn a_space_or_a_control_character_is_found_wherever_it_is() {
        for len in (0..20).step_by(step(6)) {
            for around in [0x21, b'A', 0x7f, 0x80, 0xa0, 0xff] {
                let text = vec![around; len];
                assert!(!has_space(&text), "{around:#x} {len} times");
                let bytes = || (0..=u8::MAX).step_by(step(32));
                for (at, byte) in (0..len).flat_map(|at| bytes().map(move |byte| (at, byte))) {
                    let mut text = text.clone();
                    text[at] = byte;
                    assert_eq!(has_space(&text), byte <= b' ', "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_number_is_what_its_digits_say() {
        for value in
            (0..2_000).step_by(step(19)).chain([9_999, 10_000, 12_345, 99_999, 100_000, 999_999])
        {
            let text = format!("${value}\r\n........");
            let word = first(text.as_bytes()).unwrap();
            let expected = (value < 100_000).then(|| (value, text.len() - 8));
            assert_eq!(number(word), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_number_has_six_to_fifteen_digits() {
        for text in [
            "100000",
            "999999",
            "1000000",
            "123456789",
            "99999999999999",
            "100000000000000",
            "999999999999999",
        ] {
            let line = format!("${text}\r\n$3\r\nfoo\r\n");
            // A length that does not fit in 32 bits is left to the slow path of such a machine.
            let expected = text.parse().ok().map(|length| (length, text.len() + 3));
            assert_eq!(long_number(line.as_bytes()), expected, "{text}");
        }
        for line in [
            "$99999\r\n",
            "$012345\r\n",
            "$000000\r\n",
            "$1000000000000000\r\n",
            "$-100000\r\n",
            "$+100000\r\n",
            "$100000x\r\n",
            "$100000\r\r",
            "$100000\n\n",
            "$100000\n\r",
            "$10000x\r\n",
        ] {
            let input = format!("{line}$3\r\nfoo\r\n");
            assert_eq!(long_number(input.as_bytes()), None, "{line:?}");
        }
        assert_eq!(long_number(b"$100000\r"), None);
        assert_eq!(long_number(b"$100000\r\n"), Some((100_000, 9)));
    }

    #[test]
    fn a_short_command_begins_with_two_headers_of_one_digit() {
        for number in (0..100).step_by(step(27)) {
            let (elements, length) = (number / 10, number % 10);
            let text: [u8; 8] =
                format!("*{elements}\r\n${length}\r\n").into_bytes().try_into().unwrap();
            let expected = u32::try_from(elements).unwrap();
            assert_eq!(command(u64::from_le_bytes(text)), Some((expected, length)));
            for place in 0..8 {
                for byte in (0..=u8::MAX).step_by(step(5)) {
                    let mut other = text;
                    other[place] = byte;
                    let is_one =
                        byte == text[place] || matches!(place, 1 | 5) && byte.is_ascii_digit();
                    assert_eq!(command(u64::from_le_bytes(other)).is_some(), is_one, "{other:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_left_to_the_slow_path() {
        for text in [
            b"$-1\r\n...",
            b"$?\r\n....",
            b"$01\r\n...",
            b"$00\r\n...",
            b"$\r\n.....",
            b"$1\n\r....",
            b"$12345x\r",
            b"$1\r\r\n...",
            b"$1/\r\n...",
            b"$1:\r\n...",
        ] {
            assert_eq!(number(u64::from_le_bytes(*text)), None, "{text:?}");
        }
    }

    /// The number of one to five digits after the first byte, and the size of its line.
    fn naive(word: u64) -> Option<(u32, usize)> {
        let bytes = word.to_le_bytes();
        let size = 1 + (1..7).find(|end| bytes[*end..].starts_with(b"\r\n"))?;
        let digits = core::str::from_utf8(&bytes[1..size - 1]).ok()?;
        let value = digits.parse().ok().filter(|value: &u32| value.to_string() == digits)?;
        Some((value, size + 1))
    }

    #[test]
    fn a_number_is_read_as_a_byte_loop_reads_it() {
        let agrees = |bytes: [u8; 8]| {
            let word = u64::from_le_bytes(bytes);
            // The twin is slow, so it is asked only about lines that may be numbers.
            let may_be = bytes[1].is_ascii_digit() && bytes.windows(2).any(|two| two == b"\r\n");
            let expected = if may_be { naive(word) } else { None };
            assert_eq!(number(word), expected, "{bytes:?}");
        };
        // The digits are read one after another, each with the two bytes after it.
        each_half(|[a, b, c, d]| {
            for rest in [*b"\n\r\n", *b"\r\nx", *b"5\r\n"] {
                agrees([b'$', a, b, c, d, rest[0], rest[1], rest[2]]);
            }
            for start in [*b"$12", *b"$98", *b"$05"] {
                agrees([start[0], start[1], start[2], a, b, c, d, b'\n']);
            }
            for start in [*b"$123", *b"$907", *b"$056"] {
                agrees([start[0], start[1], start[2], start[3], a, b, c, d]);
            }
        });
    }
}
