//! The decoder agrees with the naive one on any bytes: whole, byte by byte, frame after frame.
#![no_main]

use zresp::Limits;
use zresp_testing::{drive::verdicts, oracle};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let expected = oracle::decode(input, &oracle::Limits::default());
    assert_eq!(verdicts::whole(input, Limits::new()), expected);
    let expected_stream = oracle::stream(input, &oracle::Limits::default());
    assert_eq!(verdicts::stream(input, Limits::new()), expected_stream);
    assert_eq!(verdicts::in_pieces(input, 0..input.len(), Limits::new()), expected);
});
