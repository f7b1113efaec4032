//! Captures of many things: the time and the memory that they take grow no faster than their number.

use std::time::{Duration, Instant};

use crate::links::shown;
use crate::packets::From::{Client, Server};
use crate::packets::{Capture, Ip, Link};

/// How many patterns a client subscribes to, and how many times it unsubscribes from all channels.
const PATTERNS: usize = 20_000;

/// Returns the time that it takes to show a capture.
fn time(capture: &Capture) -> Duration {
    let start = Instant::now();
    assert_eq!(shown(&["--stats"], capture).1, "");
    start.elapsed()
}

#[test]
fn the_time_does_not_grow_with_the_product_of_subscriptions_and_commands() {
    let subscribed = || {
        let mut commands = format!("*{}\r\n$10\r\nPSUBSCRIBE\r\n", PATTERNS + 1);
        let mut replies = String::new();
        for index in 0..PATTERNS {
            commands.extend(["$6\r\n", &format!("{index:06}"), "\r\n"]);
            let [name, count] = [format!("{index:06}"), (index + 1).to_string()];
            replies.extend(["*3\r\n$10\r\npsubscribe\r\n$6\r\n", &name, "\r\n:", &count, "\r\n"]);
        }
        let capture = Capture::new(Link::Raw, Ip::V4).open();
        let capture = capture.send_in_pieces(Client, commands.as_bytes(), 60_000);
        capture.send_in_pieces(Server, replies.as_bytes(), 60_000)
    };
    let ended = |capture: Capture| {
        let commands = b"*1\r\n$11\r\nUNSUBSCRIBE\r\n".repeat(PATTERNS);
        let replies = b"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n".repeat(PATTERNS);
        let capture = capture.send_in_pieces(Client, &commands, 60_000);
        capture.send_in_pieces(Server, &replies, 60_000)
    };
    let one = time(&ended(subscribed()));
    let two = time(&ended(subscribed().connection(50_001, 6379).open()));
    assert!(one < 4 * two, "{one:?} on one connection, {two:?} on two");
}
