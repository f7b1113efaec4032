//! Doubles: their grammar, and their values if those need no long arithmetic.

use core::num::NonZeroUsize;

use super::digits::{self, Digits};

/// Every integer up to this one is exactly representable as a double.
const EXACT: u64 = 1 << 53;

/// The powers of ten that are exactly representable as doubles.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Powers of five that fit a `u64`.
#[allow(clippy::indexing_slicing, reason = "at compile time")]
const FIVES: [u64; 28] = {
    let mut fives = [1; 28];
    let mut power = 1;
    while power < fives.len() {
        fives[power] = 5 * fives[power - 1];
        power += 1;
    }
    fives
};

/// A double that is written as a number: its digits, and a power of ten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal<'a> {
    text: &'a [u8],
    is_negative: bool,
    /// The digits as one integer; correct only for up to [`digits::MOST`] digits.
    mantissa: u64,
    digits: usize,
    exponent: i64,
}

/// Returns the double that the input begins with, and the size of its line in bytes; `None` if it is
/// incomplete or malformed, or one of the words `inf` and `nan`. A number that is too large, such as
/// `1e400`, is infinite. Out of line, because doubles are rare and the code is long.
#[inline(never)]
pub(crate) fn line(input: &[u8]) -> Option<(f64, NonZeroUsize)> {
    let (decimal, rest) = split(input)?;
    Some((decimal.value()?, NonZeroUsize::new(input.len() - rest.len())?))
}

/// Takes the double that the input begins with. Returns it in parts, and the rest of the input.
#[inline(always)]
fn split(input: &[u8]) -> Option<(Decimal<'_>, &[u8])> {
    let (_, unsigned) = input.split_first()?;
    let (is_negative, start) = match unsigned.first()? {
        b'-' => (true, 2),
        b'+' => (false, 2),
        _ => (false, 1),
    };
    let mut rest = input.get(start..)?;
    let whole = take(&mut rest)?;
    let mut decimal =
        Decimal { text: &[], is_negative, mantissa: whole.value, digits: whole.count, exponent: 0 };
    if rest.first() == Some(&b'.') {
        rest = rest.get(1..)?;
        let fraction = take(&mut rest)?;
        let power = digits::power(fraction.count).unwrap_or_default();
        decimal.mantissa = whole.value.wrapping_mul(power).wrapping_add(fraction.value);
        decimal.digits += fraction.count;
        decimal.exponent = -i64::try_from(fraction.count).ok()?;
    }
    if let Some(b'e' | b'E') = rest.first() {
        rest = rest.get(1..)?;
        let is_negative = rest.first() == Some(&b'-');
        if is_negative || rest.first() == Some(&b'+') {
            rest = rest.get(1..)?;
        }
        let written = take(&mut rest)?;
        let power = if written.count > 9 {
            i64::from(u32::MAX)
        } else {
            i64::try_from(written.value).ok()?
        };
        decimal.exponent += if is_negative { -power } else { power };
    }
    decimal.text = input.get(1..input.len() - rest.len())?;
    Some((decimal, rest.strip_prefix(b"\r\n")?))
}

/// Checks the double that the input begins with, as [`line`] does, or an `inf` or `nan` as servers write
/// them. Returns the rest of the input.
#[inline(never)]
pub(crate) fn pass(input: &[u8]) -> Option<&[u8]> {
    const WORDS: [&[u8]; 4] = [b",inf\r\n", b",-inf\r\n", b",nan\r\n", b",-nan\r\n"];
    match split(input) {
        Some((_, rest)) => Some(rest),
        None => WORDS.iter().find_map(|word| input.strip_prefix(*word)),
    }
}

/// Takes one digit or more.
#[inline]
fn take(rest: &mut &[u8]) -> Option<Digits> {
    let digits = digits::run(rest);
    *rest = rest.get(digits.count..)?;
    (digits.count > 0).then_some(digits)
}

impl Decimal<'_> {
    /// Returns the double nearest to the number, which is infinite if the number is too large. `None`
    /// only if the exponent does not fit a `usize`.
    #[inline]
    pub(crate) fn value(&self) -> Option<f64> {
        let power = usize::try_from(self.exponent.unsigned_abs()).ok()?;
        let magnitude = match (POWERS.get(power), FIVES.get(power)) {
            _ if self.digits > digits::MOST => return parse(self.text),
            (Some(power), _) if self.mantissa <= EXACT => self.rounded_once(*power),
            (_, Some(five)) => self.of_long_digits(*five),
            _ => return parse(self.text),
        };
        Some(if self.is_negative { -magnitude } else { magnitude })
    }

    /// The digits and the power of ten are both exact, so one multiplication or division rounds once
    /// and correctly.
    #[inline]
    fn rounded_once(&self, power: f64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "`value` has checked that it is exact")]
        let mantissa = self.mantissa as f64;
        if self.exponent < 0 { mantissa / power } else { mantissa * power }
    }

    /// A power of ten is a power of five times a power of two. The product of the digits and the power
    /// of five is exact. The quotient has 63 bits or more, and its last bit is set if there is a
    /// remainder, so that converting it to a double rounds once and correctly. The power of two is
    /// exact.
    #[allow(clippy::cast_precision_loss, reason = "this conversion is the one that rounds")]
    #[allow(clippy::cast_possible_truncation, reason = "the quotient has 63 or 64 bits")]
    fn of_long_digits(&self, five: u64) -> f64 {
        let (mantissa, power) = (u128::from(self.mantissa), u128::from(five));
        if self.exponent >= 0 {
            return (mantissa * power) as f64 * self.two(0);
        }
        let shift = self.mantissa.leading_zeros() + five.ilog2();
        let dividend = mantissa << shift;
        let quotient = (dividend / power) as u64 | u64::from(dividend % power != 0);
        quotient as f64 * self.two(shift)
    }

    /// Two to the power of (exponent − `shift`).
    fn two(&self, shift: u32) -> f64 {
        let exponent = u64::try_from(1023 + self.exponent - i64::from(shift));
        f64::from_bits(exponent.unwrap_or_default() << 52)
    }
}

/// Returns the double that a valid text stands for; a number that is too large is infinite.
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::every_word::step;

    #[test]
    fn doubles_are_those_of_the_standard_library_to_the_bit() {
        for text in [
            "0",
            "-0",
            "+0",
            "0.0",
            "-0.0",
            "1",
            "-1.5",
            "3.14159",
            "0.1",
            "0.3",
            "1e5",
            "1E-5",
            "1.5e+10",
            "123456789.987654321",
            "9007199254740992",
            "9007199254740993",
            "1e22",
            "1e23",
            "1e-22",
            "1e-23",
            "0.10000000000000001",
            "1.0000000000000001e+300",
            "5e-324",
            "1e-400",
            "1e400",
            "-1e999999999999",
            "1e-999999999999",
            "1e18446744073709551617",
            "1e-18446744073709551617",
            "1e0000000005",
            "1e00000000000000000000000000005",
            "18446744073709551616",
            "99999999999999999999.5",
            "0.00000000000000000000000000001",
            "007",
            "00000000000000000000001",
            "1.7976931348623157e308",
            "2.2250738585072014e-308",
            "0.000001234",
            "4503599627370496.5",
            "12345678901234567890123",
            "1.2345678901234567890123e5",
            "0e0",
            "0.0e-400",
        ] {
            let line_of_it = format!(",{text}\r\n+OK\r\n");
            let (value, size) = line(line_of_it.as_bytes()).unwrap();
            let expected: f64 = text.parse().unwrap();
            assert_eq!(value.to_bits(), expected.to_bits(), "{text}");
            assert_eq!(size.get(), text.len() + 3, "{text}");
            assert_eq!(pass(line_of_it.as_bytes()), Some(&b"+OK\r\n"[..]), "{text}");
        }
    }

    #[test]
    fn the_usual_words_are_passed_and_nothing_else() {
        for text in ["inf", "-inf", "nan", "-nan"] {
            let input = format!(",{text}\r\n:1\r\n").into_bytes();
            assert_eq!(pass(&input), Some(&b":1\r\n"[..]), "{text}");
            for place in 0..text.len() + 3 {
                assert_eq!(pass(&input[..place]), None, "{text}, cut at {place}");
                let mut other = input.clone();
                other[place] ^= 1;
                assert_eq!(pass(&other), None, "{text}, changed at {place}");
            }
        }
    }

    #[test]
    fn doubles_of_any_digits_are_those_of_the_standard_library_to_the_bit() {
        let mut rng = fastrand::Rng::with_seed(17);
        for _ in (0..100_000).step_by(step(5_000)) {
            let digits = rng.u64(..) >> rng.u32(..64);
            let fraction = rng.u64(..) >> rng.u32(..64);
            let exponent = rng.i32(-45..45);
            for text in [
                format!("{digits}"),
                format!("{digits}.{fraction}"),
                format!("-{digits}e{exponent}"),
                format!("{digits}.{fraction}E{exponent}"),
                // Halfway between two doubles, and next to that.
                format!("{}", (1u64 << 53 | digits >> 11) * 2 + 1),
                format!("{}", f64::from_bits(digits)),
            ] {
                let line_of_it = format!(",{text}\r\n");
                let expected: f64 = text.parse().unwrap();
                match line(line_of_it.as_bytes()) {
                    Some((value, _)) => assert_eq!(value.to_bits(), expected.to_bits(), "{text}"),
                    None => assert!(!expected.is_finite(), "{text}"),
                }
            }
        }
    }

    #[test]
    fn text_that_is_not_a_finite_number_is_left_to_the_slow_path() {
        for text in [
            "", "-", ".5", "5.", "1.e5", "1e", "1e+", "inf", "nan", "1x", "1.5x", "1e5x", "--1",
            "1 ", "0x10", "1_0", "1.5.5",
        ] {
            assert!(line(format!(",{text}\r\n").as_bytes()).is_none(), "{text}");
        }
        assert!(line(b",1.5\r").is_none());
        assert!(line(b",1.5\n").is_none());
        assert!(line(b",1.5").is_none());
    }
}
