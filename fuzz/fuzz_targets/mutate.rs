//! A changed frame that is accepted is written as the same bytes; a tree writes numbers by their value.
#![no_main]
use zresp::{Protocol::Resp3, Reply};
use zresp_fuzz::{Change, changed, written};
use zresp_testing::{drive::verdicts, oracle::writer};

libfuzzer_sys::fuzz_target!(|input: ([Option<Change>; 4], Reply)| {
    let wire = changed(written(&input.1, Resp3).to_vec(), input.0);
    let Ok(Some(frame)) = zresp::decode(&wire) else { return };
    let value = verdicts::annotated(frame);
    assert_eq!(writer::in_resp3(&value, writer::Numbers::OfTheSender), frame.wire());
    assert_eq!(written(&frame, Resp3), frame.wire());
    let tree = written(&Reply::from(frame), Resp3);
    assert_eq!(writer::in_resp3(&value, writer::Numbers::Shortest), tree);
});
