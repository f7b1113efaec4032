//! A changed frame that is accepted is written as the same bytes; a tree writes numbers by their value.
#![no_main]
use zresp::{Protocol::Resp3, Reply};
use zresp_fuzz::{Change, support, twin, written};

libfuzzer_sys::fuzz_target!(|input: ([Option<Change>; 4], Reply)| {
    let mut wire = written(&input.1, Resp3).to_vec();
    input.0.into_iter().flatten().for_each(|change| change.apply(&mut wire));
    let Ok(Some(frame)) = zresp::decode(&wire) else { return };
    let value = support::annotated(frame);
    assert_eq!(twin::in_resp3(&value, twin::Numbers::OfTheSender), frame.wire);
    assert_eq!(written(&frame, Resp3), frame.wire);
    let tree = Reply::from(frame);
    assert_eq!(twin::in_resp3(&value, twin::Numbers::Shortest), written(&tree, Resp3));
});
