//! Every way to decode a stream gives the same result, in whatever pieces it arrives: decoders with the caller's
//! buffer, frames, framers, readers, codecs and iterators.
#![cfg(feature = "std")]

use proptest::collection::vec;
use proptest::prelude::*;
use zresp::{CommandDecoder, InlinePolicy};
use zresp_testing::drive::{verdicts, ways};
use zresp_testing::generate;

/// The sizes of pieces, which are used over and over.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(1..24_usize, 1..6)
}

proptest! {
    #![proptest_config(generate::cases(1024))]

    #[test]
    fn every_way_agrees_on_replies(
        inputs in vec(
            prop_oneof![generate::frame(), generate::mutated(), generate::alike(), generate::soup()],
            1..4,
        ),
        sizes in sizes(),
        limits in generate::limits(),
    ) {
        let stream = inputs.iter().flat_map(|input| input.0.clone()).collect::<Vec<_>>();
        ways::agreed(&verdicts::decoder(&limits), &stream, &sizes);
    }

    #[test]
    fn every_way_agrees_on_requests(
        stream in generate::requests(),
        sizes in sizes(),
        limits in generate::limits(),
        policy in prop_oneof![Just(InlinePolicy::Accept), Just(InlinePolicy::Refuse)],
    ) {
        let decoder = CommandDecoder::with_limits(verdicts::limits(&limits)).with_inline_policy(policy);
        ways::agreed(&decoder, &stream.0, &sizes);
    }
}
