//! The values of numbers.

use super::word;

/// Splits off the integer that the input begins with, `word` being its first bytes: its value, and
/// what is behind its line end. `None` if it is cut, malformed, or of nineteen digits.
#[inline]
pub(crate) fn line(word: u64, input: &[u8]) -> Option<(i64, &[u8])> {
    if let Some((value, size)) = word::number(word) {
        return Some((i64::try_from(value).ok()?, input.get(size..)?));
    }
    long_line(input)
}

fn long_line(input: &[u8]) -> Option<(i64, &[u8])> {
    let (_, text) = input.split_first()?;
    let (negative, digits) = match text.split_first()? {
        (b'-', digits) => (true, digits),
        (b'+', digits) => (false, digits),
        _ => (false, text),
    };
    let mut magnitude = 0i64;
    let mut rest = digits;
    while let Some((&byte, behind)) = rest.split_first() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        magnitude = magnitude.wrapping_mul(10).wrapping_add(i64::from(digit));
        rest = behind;
    }
    let count = digits.len() - rest.len();
    let leading_zero = digits.first() == Some(&b'0') && (count > 1 || negative);
    if !(1..=18).contains(&count) || leading_zero {
        return None;
    }
    let value = if negative { -magnitude } else { magnitude };
    Some((value, rest.strip_prefix(b"\r\n")?))
}

/// Returns the value of an optional sign and digits; `None` where the text is something else or
/// does not fit.
#[inline]
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first()? {
        (b'-', digits) => (true, digits),
        (b'+', digits) => (false, digits),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Downwards, for the least i64 has no positive twin.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// Returns the double that the text stands for; too large a number is infinite.
#[inline]
pub(crate) fn double(text: &[u8]) -> Option<f64> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_agree_with_the_standard_library() {
        for text in [
            "0",
            "+0",
            "-1",
            "7",
            "10",
            "-10",
            "+12",
            "99999999",
            "100000000",
            "-123456789012345678",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "",
            "-",
            "+",
            "1a",
            "a",
            "--1",
            "1 ",
        ] {
            assert_eq!(integer(text.as_bytes()), text.parse().ok(), "{text:?}");
        }
    }
}
