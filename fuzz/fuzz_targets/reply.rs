//! The decoder agrees with the naive one on any bytes: whole, byte by byte, frame after frame.
#![no_main]

use zresp::Limits;
use zresp_fuzz::{naive, support};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let expected = naive::decode(input, &naive::Limits::default());
    assert_eq!(support::whole(input, Limits::new()), expected);
    let expected_stream = support::naive_stream(input, &naive::Limits::default());
    assert_eq!(support::stream(input, Limits::new()), expected_stream);
    assert_eq!(support::in_pieces(input, 0..input.len(), Limits::new()), expected);
});
