//! Any reply can be asked to be any type; what serde makes of it is what the conversions make of it.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use zresp::{FromReply, Kind, ReplyRef, Token, de::from_reply};

fn agrees<'a, T: FromReply<'a> + serde::Deserialize<'a> + PartialEq>(reply: ReplyRef<'a>) {
    assert!(reply.to::<T>().ok() == from_reply::<T>(reply).ok(), "{reply:?}");
}

fuzz_target!(|input: &[u8]| {
    let Ok(Some(frame)) = zresp::decode(input) else { return };
    _ = from_reply::<serde_json::Value>(frame.reply);
    // To serde, a map without pairs is an empty sequence of any type.
    if frame.tokens().any(|token| matches!(token, Token::Open { kind: Kind::Map, .. })) {
        return agrees::<BTreeMap<String, (i64, u32)>>(frame.reply);
    }
    agrees::<Option<&str>>(frame.reply);
    agrees::<Vec<Option<i64>>>(frame.reply);
    agrees::<Vec<Vec<String>>>(frame.reply);
    agrees::<(bool, u8)>(frame.reply);
    agrees::<BTreeMap<String, (i64, u32)>>(frame.reply);
});
