//! The decoder agrees with the naive one on the answer to `PSYNC`, in any pieces.
#![no_main]

use zresp_fuzz::sizes_and_bytes;
use zresp_testing::{drive::sync, oracle};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (sizes, stream) = sizes_and_bytes(input);
    let places = sizes.iter().cycle().scan(0, |at, size| Some(std::mem::replace(at, *at + size)));
    let cuts: Vec<_> = places.take_while(|place| *place < stream.len()).collect();
    let whole = sync::decode(stream, &[]);
    assert_eq!(sync::decode(stream, &cuts), whole);
    assert_eq!(whole.map_err(|error| error.offset), oracle::sync::decode(stream));
});
