//! The measured work on requests: passes over all requests of some bytes. Each pass returns their number.

#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of it")]

use std::hint::black_box;

use zresp::{Command, CommandDecoder};

/// Decodes, and finds the name.
pub fn decode(mut rest: &[u8]) -> usize {
    let mut decoder = CommandDecoder::new();
    let mut requests = 0;
    while let Ok(Some(request)) = decoder.decode(rest) {
        let Command::Array(command) = request.command() else { return 0 };
        black_box((command.name().as_ptr(), command.len()));
        requests += 1;
        rest = &rest[request.wire().len()..];
    }
    requests
}

/// Decodes, looks up the name, and computes the slot of every key: everything that routing needs.
#[cfg(all(feature = "commands", feature = "cluster"))]
pub fn route(mut rest: &[u8]) -> usize {
    use zresp::{cluster::key_slot, commands};

    let mut decoder = CommandDecoder::new();
    let mut requests = 0;
    while let Ok(Some(request)) = decoder.decode(rest) {
        let Command::Array(command) = request.command() else { return 0 };
        for key in commands::keys(&command).into_iter().flatten() {
            black_box(key_slot(key.key));
        }
        requests += 1;
        rest = &rest[request.wire().len()..];
    }
    requests
}

/// Like [`route`], for a proxy that recognises its most frequent commands itself.
#[cfg(all(feature = "commands", feature = "cluster"))]
pub fn route_known(mut rest: &[u8]) -> usize {
    use zresp::cluster::key_slot;

    let mut decoder = CommandDecoder::new();
    let mut requests = 0;
    while let Ok(Some(request)) = decoder.decode(rest) {
        let Command::Array(command) = request.command() else { return 0 };
        if command.is("GET") || command.is("SET") {
            black_box(command.arg(1).map(key_slot));
        }
        requests += 1;
        rest = &rest[request.wire().len()..];
    }
    requests
}
