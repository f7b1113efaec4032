//! A frame that another parser accepts, too, has the same value to both.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/naive/mod.rs"]
mod naive;
#[path = "../support/peers.rs"]
mod peers;
#[path = "../../tests/support/mod.rs"]
mod support;

fuzz_target!(|input: &[u8]| {
    if let Ok(Some(frame)) = zresp::decode(input) {
        peers::assert_agree(&support::annotated(frame));
    }
});
