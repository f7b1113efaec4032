//! A frame that another parser also accepts has the same value for both.
#![no_main]

use zresp_fuzz::peers;
use zresp_testing::drive::verdicts;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Ok(Some(frame)) = zresp::decode(input) {
        peers::assert_agree(&verdicts::annotated(frame));
    }
});
