//! Bytes without a period that can be generated again from a number, so that tests need not keep the values
//! that they compare.

/// Larger values are generated in blocks of this size.
pub(crate) const BLOCK: usize = 1 << 20;

/// Returns `size` bytes that depend on `number`.
pub(crate) fn bytes(number: u64, size: usize) -> Vec<u8> {
    let words = (0..size.div_ceil(8) as u64).map(|at| mix(number.wrapping_shl(32) ^ at));
    let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(size);
    bytes
}

/// Mixes the bits of a number as splitmix64 does. Different numbers have different results.
pub(crate) fn mix(number: u64) -> u64 {
    let word = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
