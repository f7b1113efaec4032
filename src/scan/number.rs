//! Integers.

use core::str::FromStr;

use super::digits::{self, Digits};
use super::word;

/// Splits off the integer that the input begins with, `word` being its first bytes: its value, and
/// what is behind its line end. `None` if it is cut, malformed, or does not fit.
#[inline(always)]
pub(crate) fn line(word: u64, input: &[u8]) -> Option<(i64, &[u8])> {
    // Most often 0 or 1.
    if let (Some(digit), true) = (word::digit(word >> 8), word::ends_line(word >> 16)) {
        return Some((i64::from(digit), input.get(4..)?));
    }
    // A short one is all in the word, and its digits are read together: there is no branch for
    // each, which could be predicted wrongly.
    let is_negative = word::first_byte(word >> 8) == b'-';
    let start = 1 + usize::from(is_negative);
    let text = word >> (8 * start);
    let (magnitude, count) = digits::of_word(text);
    let has_needless_zero = word::first_byte(text) == b'0' && start + count > 2;
    if count > 0 && !has_needless_zero && word::ends_line(text >> (8 * count)) {
        #[allow(clippy::cast_possible_wrap, reason = "it has less than eight digits")]
        let value = if is_negative { -(magnitude as i64) } else { magnitude as i64 };
        return Some((value, input.get(start + count + 2..)?));
    }
    let unsigned = input.get(start..)?;
    match digits::up_to_sixteen(unsigned) {
        Some(digits @ Digits { count: 1..16, .. }) if !has_needless_zero => {
            let rest = unsigned.get(digits.count..)?.strip_prefix(b"\r\n")?;
            Some((value(is_negative, digits)?, rest))
        }
        _ => rare_line(input),
    }
}

/// An integer with a `+`, of more than fifteen digits, or near the end of the input.
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

/// The value of up to nineteen digits, if it fits.
#[inline]
fn value(is_negative: bool, Digits { value, count }: Digits) -> Option<i64> {
    if !(1..=digits::MOST).contains(&count) {
        return None;
    }
    if is_negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// Returns the integer that a text stands for; `None` where it is none, or does not fit.
pub(crate) fn parse<T: FromStr>(text: &[u8]) -> Option<T> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let input = format!(":{text}\r\n+OK\r\n");
            let word = word::first(input.as_bytes()).unwrap();
            let expected = (text.parse().unwrap(), b"+OK\r\n".as_slice());
            assert_eq!(line(word, input.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_integer_is_left_to_the_slow_path() {
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
            let input = format!(":{text}\r\n+OK\r\n");
            let word = word::first(input.as_bytes()).unwrap();
            assert_eq!(line(word, input.as_bytes()), None, "{text}");
        }
        for input in [":1234567\r", ":1234567\n", ":1234567", ":1234567\rx"] {
            let word = word::first(input.as_bytes()).unwrap();
            assert_eq!(line(word, input.as_bytes()), None, "{input:?}");
        }
    }
}
