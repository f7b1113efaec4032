//! Runs of decimal digits, eight at a time.

/// The most digits that always fit a `u64`.
pub(crate) const MOST: usize = 19;

/// A run of digits at the front of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digits {
    /// Their value, right for up to [`MOST`] digits.
    pub(crate) value: u64,
    pub(crate) count: usize,
}

/// Reads the digits that the bytes begin with, none included; where the bytes end soon or the run is
/// long, one by one.
#[inline]
pub(crate) fn run(bytes: &[u8]) -> Digits {
    let mut value = 0u64;
    let mut count = 0;
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk() {
        let (digits, length) = of_word(u64::from_le_bytes(*chunk));
        value = value.wrapping_mul(power(length)).wrapping_add(digits);
        count += length;
        if length < 8 {
            return Digits { value, count };
        }
        rest = behind;
    }
    for &byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    Digits { value, count }
}

/// Reads the digits that sixteen bytes begin with; `None` where there are fewer bytes.
#[inline(always)]
pub(crate) fn up_to_sixteen(bytes: &[u8]) -> Option<Digits> {
    let (first, rest) = bytes.split_first_chunk()?;
    let second = rest.first_chunk()?;
    let (value, count) = of_word(u64::from_le_bytes(*first));
    if count < 8 {
        return Some(Digits { value, count });
    }
    let (low, more) = of_word(u64::from_le_bytes(*second));
    Some(Digits { value: value * power(more) + low, count: 8 + more })
}

/// The value and the number of the digits that a word begins with, its lowest byte first.
#[inline(always)]
pub(crate) fn of_word(word: u64) -> (u64, usize) {
    let digits = word ^ 0x3030_3030_3030_3030;
    // A byte of more than nine sets its top bit; what that carries changes only bytes behind it.
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    let count = (others.trailing_zeros() / 8) as usize;
    // With zeros in front there are eight digits, whose neighbours are joined: to numbers of two
    // digits, of four, of eight.
    let eight = if count == 0 { 0 } else { digits << (64 - 8 * count) };
    let pairs = (eight.wrapping_mul(1 + (10 << 8)) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(1 + (100 << 16)) >> 16) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(1 + (10_000 << 32)) >> 32, count)
}

/// Ten to the power of a number of digits up to eight.
#[inline]
fn power(digits: usize) -> u64 {
    const POWERS: [u64; 9] =
        [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    POWERS.get(digits).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_what_a_byte_loop_reads() {
        for count in 0..=MOST {
            for behind in ["", "\r", "\r\n", "x", "\r\n$1\r\n........", "/", ":", "\u{ff}\u{ff}"] {
                for seed in ["1234567890123456789", "9999999999999999999", "0000000000000000000"] {
                    let digits = &seed[..count];
                    let text = format!("{digits}{behind}");
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
}
