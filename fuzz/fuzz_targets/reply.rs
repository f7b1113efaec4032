//! The decoder agrees with the naive one on any bytes: whole, byte by byte, frame after frame.
#![no_main]

use zresp_testing::{drive::verdicts, oracle};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for lines_as_sent in [false, true] {
        let limits = oracle::Limits { lines_as_sent, ..oracle::Limits::default() };
        let decoder = || verdicts::decoder(&limits);
        let expected = oracle::decode(input, &limits);
        assert_eq!(verdicts::whole(input, decoder()), expected);
        assert_eq!(verdicts::stream(input, decoder()), oracle::stream(input, &limits));
        assert_eq!(verdicts::in_pieces(input, 0..input.len(), decoder()), expected);
    }
});
