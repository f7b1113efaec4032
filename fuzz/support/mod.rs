//! What the targets share among themselves; what they share with the tests lies in `tests`.

#![allow(dead_code, unreachable_pub, reason = "each target uses a part of it")]

use arbitrary::Arbitrary;

/// A change of a byte or two, at a place that counts from the start of the bytes, round and round.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Change {
    Replace(u16, u8),
    Insert(u16, u8),
    Remove(u16),
    Swap(u16),
}

impl Change {
    pub fn apply(self, bytes: &mut Vec<u8>) {
        let count = bytes.len();
        let place = |at: u16| usize::from(at) % count.max(1);
        match self {
            Self::Insert(at, byte) => bytes.insert(place(at), byte),
            _ if bytes.is_empty() => {}
            Self::Replace(at, byte) => bytes[place(at)] = byte,
            Self::Remove(at) => _ = bytes.remove(place(at)),
            Self::Swap(at) => bytes.swap(place(at), place(at.wrapping_add(1))),
        }
    }
}

/// The sizes of pieces, by turns, and the bytes that come in them: the first byte says how many sizes there
/// are in front of the bytes.
pub fn pieces(input: &[u8]) -> (Vec<usize>, &[u8]) {
    let (count, rest) = input.split_first().unwrap_or((&0, &[]));
    let (sizes, bytes) = rest.split_at(usize::from(count % 8).min(rest.len()));
    let sizes: Vec<_> = sizes.iter().map(|size| usize::from(*size).max(1)).collect();
    (if sizes.is_empty() { vec![1] } else { sizes }, bytes)
}
