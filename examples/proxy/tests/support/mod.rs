//! Starts proxies for tests, the servers that they connect to, and clients.

#![allow(dead_code, unused_imports, reason = "each test file uses only a part")]

pub(crate) mod checker;
mod checking_client;
pub(crate) mod clients;
pub(crate) mod cluster;
pub(crate) mod fake;
mod known;
pub(crate) mod pattern;
pub(crate) mod refusal;
pub(crate) mod relay;
pub(crate) mod scripted;
#[path = "../../../store/tests/support/mod.rs"]
mod shared;
pub(crate) mod spread;

use std::io::{self, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use zresp::{CommandBuf, EncodeCommand};

pub(crate) use shared::live_server::{self, PATIENCE, Server};
pub(crate) use shared::{Client, Daemon, array, program, run, signal};

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

/// Writes 400,000 commands whose replies have 1 KiB, and only then reads; asserts that all replies arrive.
pub(crate) fn assert_reads_after_writing(proxy: &Daemon) {
    const COUNT: usize = 400_000;
    // With long names, the sockets do not hold all commands, even if the proxy does not read.
    let keys = ["b", "foo", "hello", "bar"].map(|key| format!("{{{key}}}{}", "x".repeat(200)));
    let (mut client, value) = (Client::new(proxy.connect()), pattern::bytes(1, 1024));
    for key in &keys {
        assert_eq!(client.ask(&command(&[b"SET", key.as_bytes(), &value])), b"+OK\r\n");
    }
    let gets = keys.each_ref().map(|key| array(&format!("GET {key}"))).concat();
    client.send(&gets.repeat(COUNT / keys.len()));
    let expected = bulk(&value).repeat(keys.len());
    let mut found = vec![0; expected.len()];
    for _ in 0..COUNT / keys.len() {
        client.stream().read_exact(&mut found).expect("all replies");
        assert!(found == expected);
    }
    say(&format!("400,000 commands written before reading: {} KiB", proxy.peak_kib()));
    assert!(proxy.peak_kib() < 256 * 1024, "{} KiB", proxy.peak_kib());
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
