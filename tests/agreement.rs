//! The decoder agrees with the naive one: verdict, offset, bytes consumed, bytes needed, values.

use proptest::prelude::*;
use zresp_testing::drive::verdicts::{self, decoder, in_pieces, whole};
use zresp_testing::generate;
use zresp_testing::oracle::{self, Verdict};

/// Asserts that both decoders give the same verdict: in one piece, cut, and byte by byte.
fn agree(input: &[u8], cuts: &[usize], naive_limits: &oracle::Limits) -> Result<(), TestCaseError> {
    let expected = oracle::decode(input, naive_limits);
    let decoder = || decoder(naive_limits);
    prop_assert_eq!(&whole(input, decoder()), &expected, "whole");
    prop_assert_eq!(&in_pieces(input, cuts.iter().copied(), decoder()), &expected, "cut");
    prop_assert_eq!(&in_pieces(input, 0..input.len(), decoder()), &expected, "byte by byte");
    Ok(())
}

proptest! {
    #![proptest_config(generate::cases(2048))]

    #[test]
    fn valid_frames_agree(
        frame in generate::frame(),
        cuts in generate::cuts(),
        limits in generate::limits(),
    ) {
        agree(&frame.0, &cuts, &limits)?;
        prop_assert!(
            matches!(
                oracle::decode(&frame.0, &oracle::Limits::default()),
                Verdict::Complete { consumed, .. } if consumed == frame.0.len()
            ),
            "{:?}", frame,
        );
    }

    #[test]
    fn mutated_frames_agree(
        frame in generate::mutated(),
        cuts in generate::cuts(),
        limits in generate::limits(),
    ) {
        agree(&frame.0, &cuts, &limits)?;
    }

    #[test]
    fn frames_agree_after_similar_frames(
        stream in generate::alike(),
        limits in generate::limits(),
    ) {
        let expected = oracle::stream(&stream.0, &limits);
        prop_assert_eq!(verdicts::stream(&stream.0, decoder(&limits)), expected);
    }

    #[test]
    fn arbitrary_bytes_agree(
        bytes in generate::soup(),
        cuts in generate::cuts(),
        limits in generate::limits(),
    ) {
        agree(&bytes.0, &cuts, &limits)?;
    }
}

#[test]
fn fuzzer_findings_agree() {
    let zeros = [b"*8\r\n:-92254775807\r\n".as_slice(), &[0; 100]].concat();
    agree(&zeros, &[], &oracle::Limits::default()).unwrap();
}
