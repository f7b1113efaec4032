//! A reader of append-only files agrees with the naive one, in any pieces.
#![no_main]

use zresp_fuzz::sizes_and_bytes;
use zresp_testing::drive::{aof::check, pieces::Pieces};
use zresp_testing::oracle;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (sizes, file) = sizes_and_bytes(input);
    let expected = oracle::aof::check(file);
    assert_eq!(check(file), expected);
    assert_eq!(check(Pieces::new(file, &sizes)), expected);
});
