//! A token reader gives the tokens, verdicts, offsets and needs of a decoder, however the bytes are cut.
#![no_main]

use zresp::frames::{Replies, Requests};
use zresp::{Limits, LinePolicy};
use zresp_fuzz::sizes_and_bytes;
use zresp_testing::drive::tokens::{Both, assert_agree};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (sizes, bytes) = sizes_and_bytes(input);
    let small = Limits::new().with_depth(2).with_bulk(9).with_elements(3).with_frame(40);
    for limits in [Limits::new(), small] {
        let replies = Both::<Replies>::with_limits(limits);
        assert_agree(bytes, &sizes, &replies);
        assert_agree(bytes, &sizes, &replies.with_line_policy(LinePolicy::AsSent));
        assert_agree(bytes, &sizes, &Both::<Requests>::with_limits(limits));
    }
});
