//! However bytes come in pieces, every way to take frames off them tells what is told of all at once, and
//! none ever asks for more than the frame has.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zresp::Limits;

#[path = "../../tests/naive/mod.rs"]
mod naive;
#[path = "../../tests/pieces/mod.rs"]
mod pieces;
#[path = "../support/mod.rs"]
mod shared;
#[path = "../../tests/support/mod.rs"]
mod support;
#[path = "../../tests/ways/mod.rs"]
mod ways;

fuzz_target!(|input: &[u8]| {
    let (sizes, bytes) = shared::pieces(input);
    ways::assert_all_agree(bytes, &sizes, Limits::new());
    let small = Limits::new().with_depth(2).with_bulk(9).with_elements(3).with_frame(40);
    ways::assert_all_agree(bytes, &sizes, small);
});
