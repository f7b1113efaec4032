//! CRC-16 (XMODEM), and texts that contain no brace: what the slot of a key needs.

/// The number of bytes that are checksummed at once.
const BLOCK: usize = 16;

/// The share of a byte in the checksum, by the number of bytes of the block that follow it.
///
/// The checksum of a block is the sum, without carries, of the shares of its bytes. So the sixteen look-ups do not
/// wait for each other.
static SHARES: [[u16; 256]; BLOCK] = shares();

const fn shares() -> [[u16; 256]; BLOCK] {
    let mut all = [[0; 256]; BLOCK];
    let mut left: &mut [[u16; 256]] = &mut all;
    // The bytes of the polynomial `x^16 + x^12 + x^5 + 1`, one more multiplication by `x^8` in each table.
    let mut shifts = 8;
    while let [table, after @ ..] = left {
        let mut rest: &mut [u16] = table;
        let mut byte: u16 = 0;
        while let [share, after @ ..] = rest {
            let (mut crc, mut shift) = (byte << 8, 0);
            while shift < shifts {
                let overflow = crc >> 15;
                crc = (crc << 1) ^ (overflow * 0x1021);
                shift += 1;
            }
            *share = crc;
            byte += 1;
            rest = after;
        }
        shifts += 8;
        left = after;
    }
    all
}

/// Up to sixteen bytes as a number: the lowest byte of the low word is the last one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    high: u64,
    low: u64,
}

impl Block {
    /// Returns a text as a number; `None` if it is longer.
    #[inline(always)]
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let len = text.len();
        if len > BLOCK {
            return None;
        }
        if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            // The two words overlap in `16 - len` bytes, which the shift drops.
            #[allow(clippy::cast_possible_truncation, reason = "at most 64")]
            let overlap = (8 * (BLOCK - len)) as u32;
            let high = u64::from_be_bytes(*first).checked_shr(overlap).unwrap_or_default();
            return Some(Self { high, low: u64::from_be_bytes(*last) });
        }
        let low = if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            let first = u64::from(u32::from_be_bytes(*first));
            first << (8 * (len - 4)) | u64::from(u32::from_be_bytes(*last))
        } else {
            text.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        Some(Self { high: 0, low })
    }

    /// Returns whether one of the bytes is an opening brace.
    #[inline(always)]
    pub(crate) const fn has_brace(self) -> bool {
        /// The result has a bit for the first byte that is a brace.
        const fn braces(word: u64) -> u64 {
            let word = word ^ u64::from_ne_bytes([b'{'; 8]);
            word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080
        }
        braces(self.high) | braces(self.low) != 0
    }

    /// Returns the checksum. Zeros before the text do not change it.
    #[inline(always)]
    pub(crate) fn checksum(self) -> u16 {
        let bytes = self.low.to_le_bytes().into_iter().chain(self.high.to_le_bytes());
        let shares = SHARES.iter().zip(bytes);
        shares.fold(0, |crc, (shares, byte)| {
            crc ^ shares.get(usize::from(byte)).copied().unwrap_or_default()
        })
    }
}

/// Returns the checksum of a text.
pub(crate) fn of(text: &[u8]) -> u16 {
    let (first, blocks) = text.split_at(text.len() % BLOCK);
    let first = Block::new(first).map_or(0, Block::checksum);
    blocks.chunks_exact(BLOCK).filter_map(Block::new).fold(first, |crc, block| {
        // The checksum so far is added to the two bytes that follow it.
        Block { high: block.high ^ u64::from(crc) << 48, ..block }.checksum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::every_word::{each_half, step};
    use std::vec::Vec;

    /// The checksum, bit by bit.
    fn naive(text: &[u8]) -> u16 {
        text.iter().fold(0, |crc, byte| {
            (0..8).fold(crc ^ u16::from(*byte) << 8, |crc: u16, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            })
        })
    }

    #[test]
    fn a_checksum_is_that_of_the_naive_twin() {
        assert_eq!(of(b"123456789"), 0x31c3, "the check value of XMODEM");
        let text: Vec<u8> = (0..200u8).map(|at| at.wrapping_mul(89) ^ 0xa5).collect();
        for length in (0..text.len()).step_by(step(13)) {
            for start in [0, 1, 7] {
                let text = text.get(start..length.max(start)).unwrap();
                assert_eq!(of(text), naive(text), "{start}..{length}");
                if let Some(block) = Block::new(text) {
                    assert_eq!(block.checksum(), naive(text), "{start}..{length}");
                }
            }
        }
    }

    #[test]
    fn a_brace_is_found_at_every_place() {
        for length in 0..=16 {
            for byte in (0..=u8::MAX).step_by(step(41)) {
                let text = vec![byte; length];
                assert_eq!(Block::new(&text).unwrap().has_brace(), text.contains(&b'{'));
                for place in 0..length {
                    let mut text = text.clone();
                    text[place] = b'{';
                    assert!(Block::new(&text).unwrap().has_brace(), "{place} of {length}");
                }
            }
        }
        assert!(Block::new(&[0; 17]).is_none());
    }

    #[test]
    fn a_brace_is_found_in_every_word() {
        each_half(|half| {
            for text in [[half, *b"xxxx"].concat(), [[0x7a; 4], half].concat()] {
                let block = Block::new(&text).unwrap();
                assert_eq!(block.has_brace(), text.contains(&b'{'), "{text:?}");
            }
        });
    }
}
