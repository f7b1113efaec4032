//! Replies that are converted to some type.

use std::collections::BTreeMap;

use serde::Deserialize;
use zresp::{Decoded, Decoder, FromReply, Kind, LinePolicy, ReplyRef, Token, de::from_reply};

/// A type of pairs. Its keys are numbers: as a key, serde reads a `String` from a number too, and the conversions do not.
pub type Table = BTreeMap<i64, (i64, u32)>;

/// Asserts that serde and the conversions turn a reply into the same value.
pub fn assert_agree<'a, T: FromReply<'a> + Deserialize<'a> + PartialEq>(reply: ReplyRef<'a>) {
    assert!(reply.to::<T>().ok() == from_reply::<T>(reply).ok(), "{reply:?}");
}

/// Asserts that reading in one pass gives what decoding and then reading gives. Values are compared as text, because
/// NaN does not equal itself.
pub fn assert_same<'a, T: Deserialize<'a> + std::fmt::Debug>(input: &'a [u8]) {
    let read = |frame: Decoded<'a>| (from_reply::<T>(frame.reply()), frame.wire().len());
    for policy in [LinePolicy::Strict, LinePolicy::AsSent] {
        let decoder = || Decoder::new().with_line_policy(policy);
        let expected = decoder().decode(input).map(|frame| frame.map(read));
        assert_eq!(format!("{:?}", decoder().decode_as::<T>(input)), format!("{expected:?}"));
    }
}

/// Whether there is a map in a frame. For serde, a map without pairs is also an empty sequence.
pub fn has_map(frame: Decoded<'_>) -> bool {
    frame.tokens().any(|token| matches!(token, Token::Open { kind: Kind::Map, .. }))
}
