//! Any reply may be converted to any type, in one pass or by a view; serde and the conversions give the same result.
#![no_main]
use serde::de::IgnoredAny;
use zresp::cluster::{SLOTS, Shard, SlotMap};
use zresp::push::Push;
use zresp_fuzz::typed::{Table, assert_agree, assert_same, has_map};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_same::<serde_json::Value>(input);
    assert_same::<Table>(input);
    assert_same::<Vec<Option<&[u8]>>>(input);
    assert_same::<Vec<(IgnoredAny, Vec<(Option<i64>, IgnoredAny)>)>>(input);
    let Ok(Some(frame)) = zresp::decode(input) else { return };
    _ = format!("{:?}", frame.reply().to::<Push<'_>>());
    if let Ok(shards) = frame.reply().to::<Vec<Shard<'_>>>() {
        assert!(shards.iter().flat_map(|shard| &shard.slots).all(|range| *range.end() < SLOTS));
        _ = SlotMap::new(&shards, Shard::primary);
    }
    assert_agree::<Table>(frame.reply());
    if !has_map(frame) {
        assert_agree::<Option<&str>>(frame.reply());
        assert_agree::<Vec<Option<i64>>>(frame.reply());
        assert_agree::<Vec<Vec<String>>>(frame.reply());
        assert_agree::<(bool, u8)>(frame.reply());
        assert_agree::<Vec<(i64, Vec<i64>)>>(frame.reply());
        assert_agree::<Vec<(Vec<(String, bool)>, Option<i64>)>>(frame.reply());
    }
});
