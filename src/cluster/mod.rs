//! Redis Cluster, for clients and proxies: the slots of keys, redirections, and which node has which slots.
//!
//! Available with the feature `cluster`.
//!
//! | question | answer |
//! |---|---|
//! | Which slot is a key in? | [`key_slot`] |
//! | Which nodes are there, and which slots do they have? | a [`Shard`] for each entry of a reply |
//! | Which node has this slot? | [`SlotMap`] |
//! | Where does an error send me? | [`Redirect`] |
//!
//! `CLUSTER SLOTS` and `CLUSTER SHARDS` are both read as [`Shard`]s, in both protocols.
//!
//! ```
//! use zresp::cluster::{Shard, SlotMap, key_slot};
//!
//! let reply = b"*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$9\r\n127.0.0.1\r\n:7000\r\n$2\r\nid\r\n*0\r\n";
//! let frame = zresp::decode(reply)?.expect("a whole frame");
//! let shards: Vec<Shard<'_>> = frame.reply().to()?;
//!
//! let primaries = SlotMap::new(&shards, Shard::primary)?;
//! let node = primaries.get(key_slot(b"foo")).expect("a node");
//! assert_eq!((node.host, node.port), (Some("127.0.0.1"), Some(7000)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod redirect;
mod shard;
mod slot_map;

use crate::crc16::{self, Block};
use crate::slots;

pub use crate::endpoint::Endpoint;
pub use redirect::{Redirect, RedirectKind};
pub use shard::{Health, Node, NodeRole, Shard};
pub use slot_map::{OverlapError, SlotMap};

/// The number of slots in a cluster.
pub const SLOTS: u16 = slots::COUNT;

/// Returns the slot of a key: the CRC-16 (XMODEM) of its [hash tag](hash_tag), modulo [`SLOTS`].
///
/// ```
/// use zresp::cluster::key_slot;
///
/// assert_eq!(key_slot(b"foo"), 12_182);
/// assert_eq!(key_slot(b"{user1000}.following"), key_slot(b"{user1000}.followers"));
/// ```
#[doc(alias = "crc16")]
#[doc(alias = "hash slot")]
#[doc(alias = "keyslot")]
#[must_use]
#[inline]
pub fn key_slot(key: &[u8]) -> u16 {
    let short = Block::new(key).filter(|block| !block.has_brace());
    short.map_or_else(|| crc16::of(hash_tag(key)), Block::checksum) % SLOTS
}

/// Returns the part of a key that decides its slot: the text between the first `{` and the next `}`.
///
/// Returns the whole key if it has no such text, or if the text is empty.
#[must_use]
#[inline]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    // Few keys contain a brace. As the loop has no early exit, it is compiled to steps of sixteen bytes.
    let braces = key.iter().fold(0, |braces, byte| braces | u8::from(*byte == b'{'));
    if braces == 0 {
        return key;
    }
    let tag = memchr::memchr(b'{', key).and_then(|open| {
        let after = key.get(open + 1..)?;
        after.get(..memchr::memchr(b'}', after)?)
    });
    tag.filter(|tag| !tag.is_empty()).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tag_is_the_first_one_and_not_empty() {
        for (key, tag) in [
            ("foo", "foo"),
            ("", ""),
            ("{a}b", "a"),
            ("x{a}b{c}", "a"),
            ("{}a", "{}a"),
            ("a{}b{c}", "a{}b{c}"),
            ("{{a}}", "{a"),
            ("a{b", "a{b"),
            ("a}b{c}", "c"),
            ("{", "{"),
            ("}{", "}{"),
        ] {
            assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "{key}");
        }
    }
}
