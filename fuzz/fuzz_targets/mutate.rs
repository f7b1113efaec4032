//! A frame with a few bytes changed that is still accepted is written again as the same bytes, but for the
//! text of numbers, which a tree keeps by their value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::Change;
use zresp::Protocol::Resp3;
use zresp::{Encode, Reply};

#[path = "../../tests/naive/mod.rs"]
mod naive;
#[path = "../support/mod.rs"]
mod shared;
#[path = "../../tests/support/mod.rs"]
mod support;
#[path = "../../tests/twin/mod.rs"]
mod twin;

fuzz_target!(|input: ([Option<Change>; 4], Reply)| {
    let mut wire = input.1.to_wire(Resp3).expect("a form on the wire").to_vec();
    input.0.into_iter().flatten().for_each(|change| change.apply(&mut wire));
    let Ok(Some(frame)) = zresp::decode(&wire) else { return };
    let value = support::annotated(frame);
    assert_eq!(twin::in_resp3(&value, twin::Numbers::OfTheSender), frame.wire);
    assert_eq!(frame.to_wire(Resp3).expect("a form on the wire"), frame.wire);
    let shortest = twin::in_resp3(&value, twin::Numbers::Shortest);
    assert_eq!(Reply::from(frame).to_wire(Resp3).expect("a form on the wire"), shortest);
});
