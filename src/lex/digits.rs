//! Runs of decimal digits, eight at a time.

/// The most digits that always fit a `u64`.
pub(crate) const MOST: usize = 19;

/// A run of digits at the front of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digits {
    /// Their value; correct only for up to [`MOST`] digits.
    pub(crate) value: u64,
    pub(crate) count: usize,
}

/// Reads the digits that the bytes begin with; there may be none.
#[inline]
pub(crate) fn run(bytes: &[u8]) -> Digits {
    match up_to_sixteen(bytes) {
        digits @ Digits { count: ..16, .. } => digits,
        digits => more(digits, bytes.get(16..).unwrap_or_default()),
    }
}

/// Reads the digits after the first sixteen, one by one.
fn more(mut digits: Digits, bytes: &[u8]) -> Digits {
    for digit in bytes.iter().map(|byte| byte.wrapping_sub(b'0')).take_while(|digit| *digit <= 9) {
        digits.value = digits.value.wrapping_mul(10).wrapping_add(u64::from(digit));
        digits.count += 1;
    }
    digits
}

/// The powers of ten, up to 10 to the power of [`MOST`].
#[allow(clippy::indexing_slicing, reason = "at compile time")]
const POWERS: [u64; MOST + 1] = {
    let mut powers = [1; MOST + 1];
    let mut digits = 1;
    while digits <= MOST {
        powers[digits] = 10 * powers[digits - 1];
        digits += 1;
    }
    powers
};

/// Reads the digits at the start of the first sixteen bytes, without a branch that depends on their
/// number.
///
/// For `123\r\n…`, with the first byte of the input as the lowest byte of the number:
///
/// ```text
/// input               '1' '2' '3' CR  LF  …              lowest byte first
/// ^ 0x30 in each       1   2   3  3D  3A  …              digits become 0 to 9
/// others(…)            .   .   .  80  80  …              top bit: not a digit
/// trailing zeros       31 bits, so count = 31 / 8 = 3
/// << 8 * (16 - 3)      0   0   0   0   0  …  0  1  2  3  leading zeros, as if padded
/// eight(low), eight(high)             0 and 123, joined to 0 * 10^8 + 123
/// ```
///
/// A byte loop takes a mispredicted branch for each change of length; this takes none.
#[inline(always)]
pub(crate) fn up_to_sixteen(bytes: &[u8]) -> Digits {
    let sixteen = match bytes.first_chunk() {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => short(bytes),
    };
    let digits = sixteen ^ (u128::MAX / 255 * 0x30);
    let (first, second) = halves(digits);
    let (first, second) = (others(first), others(second));
    let bits = if first == 0 { 64 + second.trailing_zeros() } else { first.trailing_zeros() };
    let count = bits / 8;
    // Sixteen digits, the missing ones at the front as zeros.
    let sixteen = if count == 0 { 0 } else { digits << (128 - 8 * count) };
    let (first, second) = halves(sixteen);
    let value = eight(first) * 100_000_000 + eight(second);
    Digits { value, count: count as usize }
}

/// Up to fifteen bytes as a number, padded with zeros. Out of line, because input ends this soon only after the last
/// frame of a read.
#[inline(never)]
fn short(bytes: &[u8]) -> u128 {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        // Two halves that overlap.
        (Some(low), Some(high)) => {
            let high = u128::from(u64::from_le_bytes(*high)) << (8 * (bytes.len() - 8));
            u128::from(u64::from_le_bytes(*low)) | high
        }
        _ => bytes.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte)),
    }
}

#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "each is one half of the bytes")]
const fn halves(bytes: u128) -> (u64, u64) {
    (bytes as u64, (bytes >> 64) as u64)
}

/// The top bit of each byte that is more than nine. The addition may carry into the next byte, so only
/// the first marked byte is certain, and only that one is used.
#[inline(always)]
const fn others(digits: u64) -> u64 {
    (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080
}

/// The value of eight digits, the first one in the lowest byte: neighbours are joined to numbers of two
/// digits, then four, then eight.
#[inline(always)]
const fn eight(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(1 + (10 << 8)) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(1 + (100 << 16)) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(1 + (10_000 << 32)) >> 32
}

/// Ten to the power of a number of digits up to [`MOST`].
#[inline]
pub(crate) fn power(digits: usize) -> Option<u64> {
    POWERS.get(digits).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::every_word::{self, each_half, join};

    #[test]
    fn a_run_is_what_a_byte_loop_reads() {
        for count in 0..=MOST {
            for after in ["", "\r", "\r\n", "x", "\r\n$1\r\n........", "/", ":", "\u{ff}\u{ff}"] {
                for seed in ["1234567890123456789", "9999999999999999999", "0000000000000000000"] {
                    let digits = &seed[..count];
                    let text = format!("{digits}{after}");
                    let value = digits.parse().unwrap_or(0);
                    assert_eq!(run(text.as_bytes()), Digits { value, count }, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn any_byte_ends_a_run_but_a_digit() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut text = *b"12345678";
                text[place] = byte;
                let naive = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
                assert_eq!(run(&text).count, naive, "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn the_first_byte_above_nine_is_found_in_every_word() {
        let agrees = |word: u64| {
            let bytes = word.to_le_bytes();
            let expected = bytes.iter().position(|byte| *byte > 9).unwrap_or(8);
            assert_eq!(others(word).trailing_zeros() as usize / 8, expected, "{word:#x}");
        };
        each_half(|half| {
            for second in [[0; 4], [9; 4], [0xff; 4]] {
                agrees(join(half, second));
            }
            for first in [[0; 4], [9; 4]] {
                agrees(join(first, half));
            }
        });
    }

    #[test]
    fn eight_digits_are_their_number() {
        let step = if every_word::are_all() { 1 } else { 9_973 * every_word::step(100) };
        for value in (0..100_000_000).step_by(step).chain([99_999_999]) {
            let (mut rest, mut digits) = (value, 0);
            for _ in 0..8 {
                digits = (digits << 8) | (rest % 10);
                rest /= 10;
            }
            assert_eq!(eight(digits), value);
        }
    }

    #[test]
    fn sixteen_bytes_are_read_as_a_byte_loop_reads_them() {
        each_half(|half| {
            for start in [0, 6, 12] {
                let mut text = *b"9876543210123456";
                text[start..start + 4].copy_from_slice(&half);
                let expected = more(Digits { value: 0, count: 0 }, &text);
                assert_eq!(up_to_sixteen(&text), expected, "{text:?}");
            }
        });
    }
}
