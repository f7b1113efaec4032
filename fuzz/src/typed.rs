//! Replies that are asked to be of some type.

use std::collections::BTreeMap;

use serde::Deserialize;
use zresp::{Decoded, FromReply, Kind, ReplyRef, Token, de::from_reply};

/// A type of pairs.
pub type Table = BTreeMap<String, (i64, u32)>;

/// Asserts that serde makes of a reply what the conversions make of it.
pub fn assert_agree<'a, T: FromReply<'a> + Deserialize<'a> + PartialEq>(reply: ReplyRef<'a>) {
    assert!(reply.to::<T>().ok() == from_reply::<T>(reply).ok(), "{reply:?}");
}

/// Whether there is a map in a frame. To serde, one without pairs is an empty sequence of any type, too.
pub fn has_map(frame: Decoded<'_>) -> bool {
    frame.tokens().any(|token| matches!(token, Token::Open { kind: Kind::Map, .. }))
}
