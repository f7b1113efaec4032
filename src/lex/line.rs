//! Where a line ends.

use core::num::NonZeroUsize;

use memchr::{memchr, memchr2};

use super::word;

/// Takes the line that the input begins with. Returns its text, without the type byte, and the rest of
/// the input; `None` if the line is incomplete, or ends with anything other than CRLF. `word` holds the
/// first bytes of the input.
#[inline(always)]
pub(crate) fn split(word: u64, input: &[u8]) -> Option<(&[u8], &[u8])> {
    // By far the most frequent line.
    const OK: u64 = u64::from_le_bytes(*b"+OK\r\n\0\0\0");
    if word << 24 == OK << 24 {
        let (line, rest) = input.split_at_checked(5)?;
        return Some((line.get(1..3)?, rest));
    }
    let size = match short_size(word) {
        Some(size) => size,
        None => size(input)?.get(),
    };
    let (line, rest) = input.split_at_checked(size)?;
    Some((line.get(1..size - 2)?, rest))
}

/// Returns the size of a line, with its type byte and its CRLF, if all of it fits in the word.
#[inline(always)]
pub(crate) fn short_size(word: u64) -> Option<usize> {
    let length = first_break(word >> 8)?;
    word::ends_line(word >> (8 + 8 * length)).then_some(length + 3)
}

/// Returns the size of the line that the input begins with, with its type byte and its CRLF. Out of
/// line, because calling `memchr` pays off only for lines that are too long for a word.
#[inline(never)]
pub(crate) fn size(input: &[u8]) -> Option<NonZeroUsize> {
    let text = input.get(1..)?;
    let length = memchr2(b'\r', b'\n', text)?;
    text.get(length..)?.starts_with(b"\r\n").then_some(NonZeroUsize::new(length + 3)?)
}

/// Returns the index, in `text`, of the first CR or LF.
#[inline]
pub(crate) fn break_at(text: &[u8]) -> Option<usize> {
    match word::first(text) {
        Some(head) => match first_break(head) {
            Some(index) => Some(index),
            None => Some(memchr2(b'\r', b'\n', text.get(8..)?)? + 8),
        },
        None => text.iter().position(|&byte| byte == b'\r' || byte == b'\n'),
    }
}

/// Returns the index, in `text`, of the first CR. This is where a validated line ends, whatever the
/// policy for lines: no policy allows CR in the text.
#[inline]
pub(crate) fn end_at(text: &[u8]) -> Option<usize> {
    match word::first(text) {
        Some(head) => match first_cr(head) {
            Some(index) => Some(index),
            None => Some(memchr(b'\r', text.get(8..)?)? + 8),
        },
        None => text.iter().position(|&byte| byte == b'\r'),
    }
}

/// The index of the first CR or LF among the eight bytes of a word.
///
/// Most lines end within a word, and for those a call of `memchr` costs more than it saves.
#[inline]
fn first_break(word: u64) -> Option<usize> {
    let breaks = zero_bytes(word ^ repeat(b'\r')) | zero_bytes(word ^ repeat(b'\n'));
    (breaks != 0).then(|| (breaks.trailing_zeros() / 8) as usize)
}

/// The index of the first CR among the eight bytes of a word.
#[inline]
fn first_cr(word: u64) -> Option<usize> {
    let ends = zero_bytes(word ^ repeat(b'\r'));
    (ends != 0).then(|| (ends.trailing_zeros() / 8) as usize)
}

/// The top bit of each byte that is zero. Only the lowest set bit is certain: a borrow can set false
/// bits above it.
#[inline]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(repeat(0x01)) & !word & repeat(0x80)
}

#[inline]
const fn repeat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::every_word::{each_half, join, step};

    #[test]
    fn a_line_is_split_off_up_to_its_end() {
        for length in 0..40 {
            let text = vec![b'x'; length];
            let input = [b"+", text.as_slice(), b"\r\n", b"+more after it\r\n"].concat();
            let head = word::first(&input).unwrap();
            let rest = &input[length + 3..];
            assert_eq!(split(head, &input), Some((text.as_slice(), rest)));
            assert_eq!(size(&input), NonZeroUsize::new(length + 3));
            assert_eq!(short_size(head), (length <= 5).then_some(length + 3));
            assert!(length < 5 || split(head, &input[..length + 3]) == Some((&text, b"")));
            for place in [length + 1, length + 2] {
                let mut broken = input.clone();
                broken[place] = b'\n' + b'\r' - broken[place];
                assert_eq!(size(&broken), None);
                assert_eq!(split(word::first(&broken).unwrap(), &broken), None);
            }
        }
    }

    #[test]
    fn the_first_break_is_the_one_that_a_byte_loop_finds() {
        let alphabet = [b'\r', b'\n', 0x0c, 0x0b, 0x8d, 0x8a, 0, b'a'];
        for length in (0..20).step_by(step(6)) {
            for place in 0..length {
                for first in alphabet {
                    for second in alphabet {
                        let mut text = vec![b'x'; length];
                        text[place] = first;
                        text[(place + 1) % length] = second;
                        let naive = text.iter().position(|byte| b"\r\n".contains(byte));
                        assert_eq!(break_at(&text), naive, "{text:?}");
                        let naive = text.iter().position(|byte| *byte == b'\r');
                        assert_eq!(end_at(&text), naive, "{text:?}");
                    }
                }
            }
        }
    }

    /// The index of the first byte of a word that is one of these.
    fn naive(word: u64, breaks: &[u8]) -> Option<usize> {
        word.to_le_bytes().iter().position(|byte| breaks.contains(byte))
    }

    #[test]
    fn the_first_break_is_found_in_every_word() {
        let agrees = |word: u64| {
            assert_eq!(first_break(word), naive(word, b"\r\n"), "{word:#x}");
            assert_eq!(first_cr(word), naive(word, b"\r"), "{word:#x}");
        };
        each_half(|half| {
            for second in [*b"xxxx", *b"\r\n\r\n", [0x0c; 4], [0xff; 4]] {
                agrees(join(half, second));
            }
            for first in [*b"xxxx", [0x0c; 4], [0x0b; 4]] {
                agrees(join(first, half));
            }
        });
    }

    #[test]
    fn a_short_line_has_its_crlf_in_the_word() {
        let agrees = |word: u64| {
            let text = &word.to_le_bytes()[1..];
            let end = text.iter().position(|byte| b"\r\n".contains(byte));
            let expected = end.filter(|end| text[*end..].starts_with(b"\r\n")).map(|end| end + 3);
            assert_eq!(short_size(word), expected, "{word:#x}");
        };
        each_half(|half| {
            for second in [*b"xxxx", *b"\n\r\nx", *b"\r\n\r\n"] {
                agrees(join(half, second));
            }
            for first in [*b"+xxx", *b"+xx\r", *b"\r\x0c\x0c\x0c"] {
                agrees(join(first, half));
            }
        });
    }
}
