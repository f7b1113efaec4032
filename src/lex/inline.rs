//! The separators and escapes of inline commands.

/// Whether C's `isspace` counts this byte as white space: it may stand before a token and after a
/// closing quote.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Whether this byte ends a token outside quotes.
pub(crate) const fn ends_token(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// The byte that an escaped letter stands for between double quotes.
pub(crate) const fn unescape(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The byte that two hexadecimal digits stand for.
pub(crate) fn from_hex(high: u8, low: u8) -> u8 {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => digit.wrapping_sub(b'0'),
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10),
    };
    digit(high) << 4 | digit(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hexadecimal_digits_are_a_byte() {
        for byte in 0..=u8::MAX {
            for digits in [format!("{byte:02x}"), format!("{byte:02X}")] {
                let [high, low] = digits.as_bytes().try_into().unwrap();
                assert_eq!(from_hex(high, low), byte);
            }
        }
    }

    #[test]
    fn escaped_letters_are_those_of_c_or_themselves() {
        let escapes = [(b'n', 10), (b'r', 13), (b't', 9), (b'b', 8), (b'a', 7)];
        for letter in 0..=u8::MAX {
            let of_c = escapes.iter().find(|(of_c, _)| *of_c == letter);
            assert_eq!(unescape(letter), of_c.map_or(letter, |(_, byte)| *byte));
        }
    }
}
