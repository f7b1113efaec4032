//! Code that the targets share. Code that they share with the tests is in `zresp-testing`.

pub mod peers;
pub mod typed;

use arbitrary::Arbitrary;
use bytes::Bytes;
use zresp::{Encode, Protocol, Reply};

/// A change of a byte or two. The place is taken modulo the number of bytes.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Change {
    Replace(u16, u8),
    Insert(u16, u8),
    Remove(u16),
    Swap(u16),
}

impl Change {
    fn apply(self, bytes: &mut Vec<u8>) {
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

/// The bytes after all changes.
pub fn changed(mut bytes: Vec<u8>, changes: [Option<Change>; 4]) -> Vec<u8> {
    changes.into_iter().flatten().for_each(|change| change.apply(&mut bytes));
    bytes
}

/// The sizes of pieces, and the bytes that arrive in them. The first byte of the input is the number of sizes,
/// modulo 8. The sizes follow, then the bytes.
pub fn sizes_and_bytes(input: &[u8]) -> (Vec<usize>, &[u8]) {
    let (count, rest) = input.split_first().unwrap_or((&0, &[]));
    let (sizes, bytes) = rest.split_at(usize::from(count % 8).min(rest.len()));
    let sizes: Vec<_> = sizes.iter().map(|size| usize::from(*size).max(1)).collect();
    (if sizes.is_empty() { vec![1] } else { sizes }, bytes)
}

/// A value on the wire; asserts that it is as long as `encoded_len` said.
pub fn written(value: &impl Encode, protocol: Protocol) -> Bytes {
    let wire = value.to_wire(protocol).expect("a form on the wire");
    assert_eq!(value.encoded_len(protocol), Ok(wire.len()));
    wire
}

/// A command and a reply, and edits of them.
#[derive(Debug, Arbitrary)]
pub struct Patches {
    pub name: Vec<u8>,
    pub others: Vec<Vec<u8>>,
    pub argument_edits: Vec<(u8, u8, Vec<u8>)>,
    pub reply: Reply,
    pub element_edits: Vec<(u8, u8, Reply)>,
}
