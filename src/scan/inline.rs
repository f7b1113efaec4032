//! The characters of inline commands.

/// What C's `isspace` says: white space in front of a token and behind a closing quote.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// What ends a token outside of quotes.
pub(crate) const fn ends_token(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// The byte that a letter behind a backslash stands for, between double quotes.
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

/// The byte of two hexadecimal digits.
pub(crate) fn from_hex(high: u8, low: u8) -> u8 {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => digit.wrapping_sub(b'0'),
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10),
    };
    digit(high) << 4 | digit(low)
}
