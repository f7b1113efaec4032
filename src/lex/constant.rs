//! Nulls and booleans: lines that have only a few forms.

use super::word;

/// The value of a line that holds a null or a boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Constant {
    Null,
    NullBulk,
    NullArray,
    Boolean(bool),
}

/// Returns the null or boolean that the input begins with, and the size of its line in bytes. `word`
/// holds the first bytes of the input.
///
/// Out of line, because such values are rare and the callers' loops should stay small.
#[inline(never)]
pub(crate) fn line(word: u64) -> Option<(Constant, usize)> {
    const NULL: u64 = line_of(*b"_\r\n\0\0\0\0\0");
    const NULL_BULK: u64 = line_of(*b"$-1\r\n\0\0\0");
    const NULL_ARRAY: u64 = line_of(*b"*-1\r\n\0\0\0");
    const TRUE: u64 = line_of(*b"#t\r\n\0\0\0\0");
    const FALSE: u64 = line_of(*b"#f\r\n\0\0\0\0");
    let begins_with = |line: u64, size| word << (64 - 8 * size) == line << (64 - 8 * size);
    let (constant, line, size) = match (word::first_byte(word), word::first_byte(word >> 8)) {
        (b'_', _) => (Constant::Null, NULL, 3),
        (b'$', _) => (Constant::NullBulk, NULL_BULK, 5),
        (b'*', _) => (Constant::NullArray, NULL_ARRAY, 5),
        (b'#', b't') => (Constant::Boolean(true), TRUE, 4),
        (b'#', _) => (Constant::Boolean(false), FALSE, 4),
        _ => return None,
    };
    begins_with(line, size).then_some((constant, size))
}

const fn line_of(bytes: [u8; 8]) -> u64 {
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::every_word::{each_half, join};

    #[test]
    fn a_constant_is_one_whole_line() {
        let lines = [
            ("_\r\n", Constant::Null),
            ("$-1\r\n", Constant::NullBulk),
            ("*-1\r\n", Constant::NullArray),
            ("#t\r\n", Constant::Boolean(true)),
            ("#f\r\n", Constant::Boolean(false)),
        ];
        for (text, constant) in lines {
            for after in ["", "\0", "+OK\r\n"] {
                let input = format!("{text}{after}");
                let Some(word) = word::first(input.as_bytes()) else { continue };
                assert_eq!(line(word), Some((constant, text.len())), "{input:?}");
            }
            for place in 0..text.len() {
                let mut broken = format!("{text}+OK\r\n").into_bytes();
                broken[place] ^= 0x40;
                assert_eq!(line(word::first(&broken).unwrap()), None, "{broken:?}");
            }
        }
        for text in ["#x\r\n", "$-2\r\n", "%-1\r\n", "*?\r\n.\r\n", "$0\r\n\r\n"] {
            assert_eq!(line(word::first(text.as_bytes()).unwrap()), None, "{text:?}");
        }
    }

    #[test]
    fn constants_are_recognised_in_every_word() {
        let agrees = |word: u64| {
            let lines = [
                (b"_\r\n".as_slice(), Constant::Null),
                (b"$-1\r\n", Constant::NullBulk),
                (b"*-1\r\n", Constant::NullArray),
                (b"#t\r\n", Constant::Boolean(true)),
                (b"#f\r\n", Constant::Boolean(false)),
            ];
            let bytes = word.to_le_bytes();
            let found = lines.into_iter().find(|(line, _)| bytes.starts_with(line));
            assert_eq!(line(word), found.map(|(line, is)| (is, line.len())), "{bytes:?}");
        };
        each_half(|half| {
            for second in [*b"\nxxx", *b"xxxx"] {
                agrees(join(half, second));
            }
            for first in [*b"$-1\r", *b"*-1\r", *b"#t\r\n", *b"_\r\nx"] {
                agrees(join(first, half));
            }
        });
    }
}
