//! The decoder agrees with the naive one on any bytes: whole, byte by byte, frame after frame.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/naive/mod.rs"]
mod naive;
#[path = "../../tests/support/mod.rs"]
mod support;

fuzz_target!(|input: &[u8]| {
    let expected = naive::decode(input, &naive::Limits::default());
    assert_eq!(support::whole(input, zresp::Limits::new()), expected);
    let expected_stream = support::naive_stream(input, &naive::Limits::default());
    assert_eq!(support::stream(input, zresp::Limits::new()), expected_stream);
    assert_eq!(support::in_pieces(input, 0..input.len(), zresp::Limits::new()), expected);
});
