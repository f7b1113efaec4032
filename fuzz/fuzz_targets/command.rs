//! The decoder agrees with the naive one on requests, whole and byte by byte; keys are arguments.
#![no_main]

use zresp::{InlinePolicy, Limits};
use zresp_testing::drive::{keys, verdicts};
use zresp_testing::oracle;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for (policy, accepts) in [(InlinePolicy::Accept, true), (InlinePolicy::Refuse, false)] {
        let expected = oracle::request::stream(input, &oracle::Limits::default(), accepts);
        assert_eq!(verdicts::requests(input, [], Limits::new(), policy), expected);
        assert_eq!(verdicts::requests(input, 0..input.len(), Limits::new(), policy), expected);
    }
    zresp::requests(input)
        .map_while(Result::ok)
        .for_each(|request| _ = keys::assert_agree(request));
});
