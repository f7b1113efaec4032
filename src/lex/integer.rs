//! Integers.

use core::str::FromStr;

use super::digits::{self, Digits};
use super::word;

/// Takes the integer that the input begins with. Returns its value and the rest of the input; `None` if
/// it is incomplete or malformed, or does not fit. `word` holds the first bytes of the input.
#[inline(always)]
pub(crate) fn line(word: u64, input: &[u8]) -> Option<(i64, &[u8])> {
    #[allow(clippy::cast_possible_truncation, reason = "the first four bytes")]
    if is_single_digit(word as u32) {
        return Some((i64::from(word::digit(word >> 8)?), input.get(4..)?));
    }
    let is_negative = word::first_byte(word >> 8) == b'-';
    let start = 1 + usize::from(is_negative);
    let unsigned = input.get(start..)?;
    match digits::up_to_sixteen(unsigned) {
        digits @ Digits { count: 1..16, .. } => {
            let has_needless_zero = unsigned.first() == Some(&b'0') && start + digits.count > 2;
            let rest = unsigned.get(digits.count..)?.strip_prefix(b"\r\n")?;
            if has_needless_zero {
                return None;
            }
            #[allow(clippy::cast_possible_wrap, reason = "it has fewer than sixteen digits")]
            let value = digits.value as i64;
            Some((if is_negative { -value } else { value }, rest))
        }
        _ => rare_line(input),
    }
}

/// Whether four bytes are the line of an integer of one digit, most often 0 or 1.
///
/// After the exclusive or with `:0\r\n`, the bytes of such a line are zero except for the second, which
/// is the digit itself. So one comparison with 10 in that place checks the digit and the bytes above it,
/// and the mask checks the rest.
#[inline(always)]
pub(crate) fn is_single_digit(line: u32) -> bool {
    const FORM: u32 = u32::from_le_bytes(*b":0\r\n");
    line ^ FORM < 10 << 8 && (line ^ FORM) & !0xff00 == 0
}

/// Whether the word is two lines that [`is_single_digit`] accepts.
#[inline(always)]
pub(crate) const fn are_single_digits(word: u64) -> bool {
    const FORM: u64 = u64::from_le_bytes(*b":0\r\n:0\r\n");
    const DIGITS: u64 = u64::from_le_bytes([0, 0x7f, 0, 0, 0, 0x7f, 0, 0]);
    const ABOVE_NINE: u64 = u64::from_le_bytes([0, 0x76, 0, 0, 0, 0x76, 0, 0]);
    // Adding 0x76 sets the top bit of a byte that is more than nine.
    let digits = word ^ FORM;
    (digits | digits.wrapping_add(ABOVE_NINE)) & !DIGITS == 0
}

/// Reads an integer that has a `+` or more than fifteen digits.
/// Out of line, so that the common case is small enough for callers' loops.
#[inline(never)]
fn rare_line(input: &[u8]) -> Option<(i64, &[u8])> {
    let (_, text) = input.split_first()?;
    let (is_negative, unsigned) = split_sign(text)?;
    let digits = digits::run(unsigned);
    let is_zero = unsigned.first()? == &b'0';
    if is_zero && (digits.count > 1 || is_negative) {
        return None;
    }
    Some((value(is_negative, digits)?, unsigned.get(digits.count..)?.strip_prefix(b"\r\n")?))
}

fn split_sign(text: &[u8]) -> Option<(bool, &[u8])> {
    match text.split_first()? {
        (b'-', unsigned) => Some((true, unsigned)),
        (b'+', unsigned) => Some((false, unsigned)),
        _ => Some((false, text)),
    }
}

/// The value of up to nineteen digits, if it fits an `i64`.
#[inline]
fn value(is_negative: bool, Digits { value, count }: Digits) -> Option<i64> {
    if !(1..=digits::MOST).contains(&count) {
        return None;
    }
    if is_negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// Returns the integer that a text stands for; `None` if it is not an integer, or does not fit.
pub(crate) fn parse<T: FromStr>(text: &[u8]) -> Option<T> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::every_word::{each_half, join};

    /// A few bytes, for the slow path, and as many as the fast path loads at once.
    const AFTER: [&str; 2] = ["+OK\r\n", "+OK\r\n+a long line after it\r\n"];

    #[test]
    fn a_single_digit_is_a_colon_a_digit_and_crlf_and_nothing_else() {
        let is_naive = |line: &[u8]| matches!(line, [b':', b'0'..=b'9', b'\r', b'\n']);
        for lines in [b":0\r\n:9\r\n", b":9\r\n:0\r\n", b":5\r\n:5\r\n"] {
            for place in 0..8 {
                for byte in 0..=u8::MAX {
                    let mut word = *lines;
                    word[place] = byte;
                    let (first, second) = word.split_at(4);
                    let both = is_naive(first) && is_naive(second);
                    assert_eq!(are_single_digits(u64::from_le_bytes(word)), both, "{word:?}");
                    for line in [first, second] {
                        let word = u32::from_le_bytes(line.try_into().unwrap());
                        assert_eq!(is_single_digit(word), is_naive(line), "{line:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_is_what_the_standard_library_makes_of_its_text() {
        for text in [
            "0",
            "+0",
            "7",
            "+7",
            "-7",
            "10",
            "99999",
            "100000",
            "-99999999",
            "123456789",
            "-123456789012345678",
            "999999999999999999",
            "1000000000000000000",
            "9223372036854775807",
            "-9223372036854775808",
            "+9223372036854775807",
        ] {
            for after in AFTER {
                let input = format!(":{text}\r\n{after}");
                let word = word::first(input.as_bytes()).unwrap();
                let expected = (text.parse().unwrap(), after.as_bytes());
                assert_eq!(line(word, input.as_bytes()), Some(expected), "{input:?}");
            }
        }
    }

    #[test]
    fn other_text_is_left_to_the_slow_path() {
        for text in [
            "",
            "-",
            "+",
            "-0",
            "00",
            "01",
            "-01",
            "+01",
            "1a",
            "a",
            "--1",
            "1 ",
            " 1",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "10000000000000000000",
            "99999999999999999999",
        ] {
            for after in AFTER {
                let input = format!(":{text}\r\n{after}");
                let word = word::first(input.as_bytes()).unwrap();
                assert_eq!(line(word, input.as_bytes()), None, "{input:?}");
            }
        }
        for input in [":1234567\r", ":1234567\n", ":1234567", ":1234567\rx"] {
            let word = word::first(input.as_bytes()).unwrap();
            assert_eq!(line(word, input.as_bytes()), None, "{input:?}");
        }
    }

    #[test]
    fn single_digits_are_recognised_in_every_word() {
        let is_naive = |line: [u8; 4]| matches!(line, [b':', b'0'..=b'9', b'\r', b'\n']);
        each_half(|half| {
            assert_eq!(is_single_digit(u32::from_le_bytes(half)), is_naive(half), "{half:?}");
            for (other, is_digit) in [(*b":9\r\n", true), (*b":x\r\n", false), ([0xff; 4], false)] {
                let both = is_digit && is_naive(half);
                assert_eq!(are_single_digits(join(half, other)), both, "{half:?} {other:?}");
                assert_eq!(are_single_digits(join(other, half)), both, "{other:?} {half:?}");
            }
        });
    }
}
