//! A command with a million keys, or a reply with a million elements, stops no other client.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{Client, Daemon, Server, alone, array, proxy_with, say};

const KEYS: usize = 1_000_000;

/// Returns a command with a million keys, each followed by `value`.
fn of_all_keys(name: &str, value: &str) -> Vec<u8> {
    let per_key = if value.is_empty() { 1 } else { 2 };
    let mut command = format!("*{}\r\n${}\r\n{name}\r\n", 1 + per_key * KEYS, name.len());
    for key in 0..KEYS {
        command.push_str("$7\r\n");
        command.push_str(&(1_000_000 + key).to_string());
        command.push_str("\r\n");
        command.push_str(value);
    }
    command.into_bytes()
}

/// Returns the longest time that a `PING` of another client takes while `work` is done, and by how much a thread that
/// only sleeps is late meanwhile. The proxy answers `PING` itself.
fn longest_waits(proxy: &Daemon, work: impl FnOnce()) -> (Duration, Duration) {
    const PAUSE: Duration = Duration::from_micros(200);
    let is_done = AtomicBool::new(false);
    let longest = |mut step: Box<dyn FnMut() + Send>| {
        let mut longest = Duration::ZERO;
        while !is_done.load(Ordering::Relaxed) {
            let start = Instant::now();
            step();
            longest = longest.max(start.elapsed());
            thread::sleep(PAUSE);
        }
        longest
    };
    thread::scope(|scope| {
        let mut client = Client::new(proxy.connect());
        let ping = Box::new(move || assert_eq!(client.answer("PING"), "+PONG\r\n"));
        let asking = scope.spawn(|| longest(ping));
        let sleeping = scope.spawn(|| longest(Box::new(|| thread::sleep(PAUSE))));
        work();
        is_done.store(true, Ordering::Relaxed);
        [asking, sleeping].map(|thread| thread.join().expect("right replies")).into()
    })
}

#[test]
fn a_command_with_a_million_keys_stops_nobody() {
    let _alone = alone();
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let values = [format!("*{KEYS}\r\n").into_bytes(), b"$1\r\nv\r\n".repeat(KEYS)].concat();
    let count = format!(":{KEYS}\r\n").into_bytes();
    for servers in [&[&first, &second][..], &[&first]] {
        let proxy = proxy_with(servers.iter().copied(), &["--threads", "1"]);
        // `MSET` has 30 MB, which are copied as a whole.
        for (name, value, expected, tolerable) in [
            ("MSET", "$1\r\nv\r\n", &b"+OK\r\n"[..], 40),
            ("MGET", "", &values, 25),
            ("EXISTS", "", &count, 25),
            ("KEYS", "", b"*1000000\r\n", 25),
            ("TOUCH", "", &count, 25),
        ] {
            // Without full optimisation, all of it is slower.
            let factor = if cfg!(debug_assertions) { 4 } else { 1 };
            let tolerable = factor * Duration::from_millis(tolerable);
            let command = match name {
                "KEYS" => array("KEYS *"),
                _ => of_all_keys(name, value),
            };
            let mut client = Client::new(proxy.connect());
            // On a busy machine, others take the processor.
            let mut attempts = (0..8).map(|_| {
                let (waited, late) = longest_waits(&proxy, || {
                    client.send(&command);
                    let reply = client.receive();
                    assert!(reply.starts_with(expected), "{name}: {} bytes", reply.len());
                });
                waited.saturating_sub(2 * late)
            });
            let mut shortest = Duration::MAX;
            let is_short = attempts.any(|waited| {
                shortest = shortest.min(waited);
                waited <= tolerable
            });
            say(&format!("{name} with {} upstreams: at most {shortest:?}", servers.len()));
            assert!(is_short, "{name}: others waited for {shortest:?}");
        }
    }
}
