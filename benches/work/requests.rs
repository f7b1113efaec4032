//! The measured work on requests: passes over all requests of some bytes. Each pass returns their number.

#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of it")]

use std::hint::black_box;

#[cfg(feature = "commands")]
use zresp::commands::{Keys, KeysError};
use zresp::encode::ReplyShape;
use zresp::{Command, CommandDecoder, CommandRef};

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

/// Decodes, and finds the shape of the reply.
pub fn shape(mut rest: &[u8]) -> usize {
    let mut decoder = CommandDecoder::new();
    let mut requests = 0;
    while let Ok(Some(request)) = decoder.decode(rest) {
        black_box(ReplyShape::of(request.command()));
        requests += 1;
        rest = &rest[request.wire().len()..];
    }
    requests
}

/// Decodes, looks up the name, and computes the slot of every key: everything that routing needs.
#[cfg(all(feature = "commands", feature = "cluster"))]
pub fn route(rest: &[u8]) -> usize {
    route_by(rest, zresp::commands::keys)
}

/// The same with another table.
#[cfg(all(feature = "commands", feature = "cluster"))]
pub fn route_with(table: &zresp::commands::CommandTable, rest: &[u8]) -> usize {
    route_by(rest, |command| table.keys(command))
}

#[cfg(all(feature = "commands", feature = "cluster"))]
#[inline]
fn route_by<'a>(
    mut rest: &'a [u8],
    keys: impl Fn(&CommandRef<'a>) -> Result<Keys<'a>, KeysError>,
) -> usize {
    let mut decoder = CommandDecoder::new();
    let mut requests = 0;
    while let Ok(Some(request)) = decoder.decode(rest) {
        let Command::Array(command) = request.command() else { return 0 };
        if let Ok(keys) = keys(&command) {
            for key in keys {
                black_box(zresp::cluster::key_slot(key.key));
            }
        }
        requests += 1;
        rest = &rest[request.wire().len()..];
    }
    requests
}

/// A table that is made as one from a server's answer is.
#[cfg(feature = "commands")]
pub fn loaded() -> zresp::commands::CommandTable {
    let mut table = zresp::commands::CommandTable::new();
    for info in zresp::commands::CommandTable::builtin().commands() {
        table.insert(info.clone()).expect("a container comes before its subcommands");
    }
    table
}

/// Looks names up.
#[cfg(feature = "commands")]
pub fn lookups(names: &[Vec<u8>]) -> usize {
    names.iter().filter(|name| black_box(zresp::commands::lookup(name)).is_some()).count()
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
