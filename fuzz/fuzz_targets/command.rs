//! The decoder of requests agrees with the naive one on any bytes: whole and byte by byte, request
//! after request; and the keys of what it finds can be told.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zresp::{Command, InlinePolicy, Limits, commands};

#[path = "../../tests/naive/mod.rs"]
mod naive;
#[path = "../../tests/support/mod.rs"]
mod support;

fuzz_target!(|input: &[u8]| {
    for (policy, accepts) in [(InlinePolicy::Accept, true), (InlinePolicy::Refuse, false)] {
        let expected = support::naive_requests(input, &naive::Limits::default(), accepts);
        assert_eq!(support::requests(input, [], Limits::new(), policy), expected);
        assert_eq!(support::requests(input, 0..input.len(), Limits::new(), policy), expected);
    }
    for request in commands(input).map_while(Result::ok) {
        let Command::Array(command) = request.command else { continue };
        let found = zresp::commands::keys(&command).map(|keys| keys.count());
        assert!(found.is_ok() || found.is_err());
    }
});
