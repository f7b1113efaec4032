//! Replies that are converted to some type.

use std::collections::BTreeMap;

use serde::Deserialize;
use zresp::{Decoded, FromReply, Kind, ReplyRef, Token, de::from_reply};

/// A type of pairs.
pub type Table = BTreeMap<String, (i64, u32)>;

/// Asserts that serde and the conversions turn a reply into the same value.
pub fn assert_agree<'a, T: FromReply<'a> + Deserialize<'a> + PartialEq>(reply: ReplyRef<'a>) {
    assert!(reply.to::<T>().ok() == from_reply::<T>(reply).ok(), "{reply:?}");
}

/// Whether there is a map in a frame. For serde, a map without pairs is also an empty sequence.
pub fn has_map(frame: Decoded<'_>) -> bool {
    frame.tokens().any(|token| matches!(token, Token::Open { kind: Kind::Map, .. }))
}
