//! Every way to decode bytes in pieces gives the same result, and none asks for more than a frame has.
#![no_main]

use zresp::Limits;
use zresp_fuzz::sizes_and_bytes;
use zresp_testing::drive::ways;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (sizes, bytes) = sizes_and_bytes(input);
    ways::assert_all_agree(bytes, &sizes, Limits::new());
    let small = Limits::new().with_depth(2).with_bulk(9).with_elements(3).with_frame(40);
    ways::assert_all_agree(bytes, &sizes, small);
});
