//! Doubles as text: the shortest digits that read back to the same bits, laid out as Redis does.
//!
//! Redis 7.0 prints with C's `%.17g`; later versions print the shortest digits. The layout is that of
//! `%.17g`: there is no point without a fraction; numbers below 1e-4, and numbers of 1e17 and more, have an
//! exponent with a sign and at least two digits.

use core::str;

/// The text of a double.
pub(crate) struct DoubleText {
    bytes: [u8; CAPACITY],
    len: usize,
}

/// Room for a sign, `0.000`, seventeen digits with a point, and an exponent.
const CAPACITY: usize = 32;

impl DoubleText {
    /// Returns the text of an `f64`, or of an `f32`, which needs fewer digits.
    pub(crate) fn new(value: impl zmij::Float) -> Self {
        let mut text = Self { bytes: [0; CAPACITY], len: 0 };
        let mut buffer = zmij::Buffer::new();
        match buffer.format(value) {
            "NaN" => text.push(b"nan"),
            special @ ("inf" | "-inf") => text.push(special.as_bytes()),
            finite => text.push_finite(finite.as_bytes()),
        }
        text
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    #[cfg(test)]
    fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.len..self.len + bytes.len());
        if let Some(room) = room {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn push_zeros(&mut self, count: i32) {
        for _ in 0..count {
            self.push(b"0");
        }
    }

    /// Writes a finite number in this layout, from the output of `zmij`, whose layout differs.
    fn push_finite(&mut self, printed: &[u8]) {
        let (sign, printed) = match printed {
            [b'-', printed @ ..] => (b"-".as_slice(), printed),
            _ => (b"".as_slice(), printed),
        };
        self.push(sign);
        let Scientific { digits, count, exponent } = Scientific::of(printed);
        let digits = digits.get(..count).unwrap_or_default();
        #[allow(
            clippy::cast_possible_wrap,
            clippy::cast_possible_truncation,
            reason = "at most 17"
        )]
        let count = count as i32;
        match exponent {
            ..-4 | 17.. => {
                let (first, rest) = digits.split_at_checked(1).unwrap_or_default();
                self.push(first);
                if !rest.is_empty() {
                    self.push(b".");
                    self.push(rest);
                }
                self.push(if exponent < 0 { b"e-" } else { b"e+" });
                self.push_zeros(i32::from(exponent.abs() < 10));
                self.push(itoa::Buffer::new().format(exponent.abs()).as_bytes());
            }
            ..0 => {
                self.push(b"0.");
                self.push_zeros(-exponent - 1);
                self.push(digits);
            }
            _ if exponent + 1 >= count => {
                self.push(digits);
                self.push_zeros(exponent + 1 - count);
            }
            _ => {
                #[allow(clippy::cast_sign_loss, reason = "negative ones are above")]
                let (whole, fraction) =
                    digits.split_at_checked(exponent as usize + 1).unwrap_or_default();
                self.push(whole);
                self.push(b".");
                self.push(fraction);
            }
        }
    }
}

/// A number as d.ddd times ten to the power of `exponent`, without zeros at either end. Zero has one digit.
struct Scientific {
    digits: [u8; CAPACITY],
    count: usize,
    exponent: i32,
}

impl Scientific {
    fn of(printed: &[u8]) -> Self {
        let mut decimal = Self { digits: [0; CAPACITY], count: 0, exponent: 0 };
        let at = printed.iter().position(|byte| *byte == b'e').unwrap_or(printed.len());
        let (mantissa, power) = printed.split_at_checked(at).unwrap_or_default();
        let power = power.get(1..).and_then(|power| str::from_utf8(power).ok()?.parse().ok());
        let mut exponent = power.unwrap_or(0) - 1;
        let mut has_point = false;
        for &byte in mantissa {
            if byte == b'.' {
                has_point = true;
                continue;
            }
            // Leading zeros only move the point.
            let is_leading = byte == b'0' && decimal.count == 0;
            exponent += i32::from(!has_point) - i32::from(is_leading);
            if let (false, Some(digit)) = (is_leading, decimal.digits.get_mut(decimal.count)) {
                *digit = byte;
                decimal.count += 1;
            }
        }
        decimal.exponent = exponent;
        while decimal.digits.get(..decimal.count).is_some_and(|digits| digits.ends_with(b"0")) {
            decimal.count -= 1;
        }
        if decimal.count == 0 {
            return Self { digits: [b'0'; CAPACITY], count: 1, exponent: 0 };
        }
        decimal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::every_word::step;

    #[test]
    fn the_shape_is_that_of_seventeen_significant_digits_in_c() {
        let cases: [(f64, &str); 24] = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (10.0, "10"),
            (100.25, "100.25"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00012, "0.00012"),
            (0.00001, "1e-05"),
            (-0.000_012_5, "-1.25e-05"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (12_345_678_901_234_568.0, "12345678901234568"),
            (1e17, "1e+17"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (123_456_789.125, "123456789.125"),
            (1e-10, "1e-10"),
            (3.0e5, "300000"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (value, expected) in cases {
            assert_eq!(DoubleText::new(value).as_str(), expected, "{value:e}");
        }
    }

    #[test]
    fn a_text_reads_back_to_the_same_bits() {
        let mut bits = 0x9e37_79b9_7f4a_7c15u64;
        for _ in (0..200_000).step_by(step(2_000)) {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            let small = f64::from(u32::try_from(bits >> 40).unwrap()) / 64.0;
            for value in [f64::from_bits(bits), f64::from_bits(bits >> 12), small] {
                if !value.is_nan() {
                    let text = DoubleText::new(value);
                    let read: f64 = text.as_str().parse().unwrap();
                    assert_eq!(read.to_bits(), value.to_bits(), "{value:e} as {}", text.as_str());
                }
            }
        }
    }
}
