//! Starts proxies for tests, the servers that they connect to, and clients.

#![allow(dead_code, unused_imports, reason = "each test file uses only a part")]

pub(crate) mod checker;
pub(crate) mod cluster;
pub(crate) mod fake;
mod known;
pub(crate) mod pattern;
pub(crate) mod refusal;
pub(crate) mod scripted;
#[path = "../../../store/tests/support/mod.rs"]
mod shared;

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use zresp::{CommandBuf, EncodeCommand};

pub(crate) use shared::live_server::{self, PATIENCE, Server};
pub(crate) use shared::{Client, Daemon, array, program, run};

/// Keeps other tests of the file that call this waiting until the guard is dropped. On a small machine, a test
/// that measures time must run alone.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_zresp-proxy");

/// Returns a proxy with these options.
pub(crate) fn proxy(options: &[&str]) -> Daemon {
    Daemon::start(PROGRAM, options)
}

/// Returns a proxy in front of these servers.
pub(crate) fn proxy_of<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Daemon {
    proxy_with(servers, &[])
}

/// As [`proxy_of`], with further options.
pub(crate) fn proxy_with<'a>(
    servers: impl IntoIterator<Item = &'a Server>,
    options: &[&str],
) -> Daemon {
    let addresses: Vec<_> =
        servers.into_iter().map(|server| server.address().to_string()).collect();
    let upstreams = addresses.iter().flat_map(|address| ["--upstream", address]);
    proxy(&upstreams.chain(options.iter().copied()).collect::<Vec<_>>())
}

/// Returns a command as an array, the form that clients send.
pub(crate) fn command(arguments: &[&[u8]]) -> Vec<u8> {
    let mut command = CommandBuf::new(arguments[0]);
    command.extend(&arguments[1..]);
    command.to_wire().expect("a command").to_vec()
}

/// Returns a bulk string.
pub(crate) fn bulk(value: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

/// Removes the numbers from a text, and puts `#` between the pieces.
pub(crate) fn without_numbers(text: &str) -> String {
    let mut words: Vec<_> = text.split(|letter: char| letter.is_ascii_digit()).collect();
    // A dot is dropped, because the same number may have a fraction one time and none another.
    words.retain(|word| !word.is_empty() && *word != ".");
    words.join("#")
}

/// Prints a line that is shown even if the test passes.
pub(crate) fn say(text: &str) {
    writeln!(io::stderr(), "{text}").expect("stderr is writable");
}

/// Tries again until there is a result; panics after `within`.
pub(crate) fn until<T>(what: &str, within: Duration, mut result: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(result) = result() {
            return result;
        }
        assert!(start.elapsed() < within, "still waiting for {what} after {within:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
