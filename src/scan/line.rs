//! Where a line ends.

use memchr::memchr2;

use super::word;

/// Returns the index, in `text`, of the first CR or LF.
#[inline]
pub(crate) fn break_at(text: &[u8]) -> Option<usize> {
    match word::word_at(text, 0) {
        Some(head) => match first_break(head) {
            Some(index) => Some(index),
            None => Some(memchr2(b'\r', b'\n', text.get(8..)?)? + 8),
        },
        None => text.iter().position(|&byte| byte == b'\r' || byte == b'\n'),
    }
}

/// The index of the first CR or LF among the eight bytes of a word.
///
/// A call of `memchr` costs more than most lines are long.
#[inline]
fn first_break(word: u64) -> Option<usize> {
    let breaks = zero_bytes(word ^ repeat(b'\r')) | zero_bytes(word ^ repeat(b'\n'));
    (breaks != 0).then(|| (breaks.trailing_zeros() / 8) as usize)
}

/// The top bit of each byte that is zero; above the lowest such byte, ones may be false.
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

    #[test]
    fn the_first_break_is_the_one_that_a_byte_loop_finds() {
        let alphabet = [b'\r', b'\n', 0x0c, 0x0b, 0x8d, 0x8a, 0, b'a'];
        for length in 0..20 {
            for place in 0..length {
                for first in alphabet {
                    for second in alphabet {
                        let mut text = vec![b'x'; length];
                        text[place] = first;
                        text[(place + 1) % length] = second;
                        let naive = text.iter().position(|byte| b"\r\n".contains(byte));
                        assert_eq!(break_at(&text), naive, "{text:?}");
                    }
                }
            }
        }
    }
}
