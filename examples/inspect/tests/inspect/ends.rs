//! Where connections of a capture begin and end: segments whose numbers do not fit change nothing and are counted.

use crate::links::shown;
use crate::packets::From::{Client, Server};
use crate::packets::{ACK, Capture, FIN, Ip, Link, RST, SYN};
use crate::program::{inspect, text};

const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
const ONE: &str = "> \"GET\" \"k\"\n(integer) 1\n";

/// A connection with a command and its reply.
fn one() -> Capture {
    exchange(Capture::new(Link::Raw, Ip::V4).open())
}

fn exchange(capture: Capture) -> Capture {
    capture.send(Client, GET).send(Server, b":1\r\n").send(Client, b"")
}

/// Returns the line about a connection.
fn line(what: &str) -> String {
    format!("10.0.0.1:50000 > 10.0.0.2:6379: {what}\n")
}

fn ignored(count: usize) -> String {
    line(&format!("{count} segments are ignored, because their numbers do not fit"))
}

#[test]
fn segments_with_wrong_numbers_neither_end_nor_begin_a_connection() {
    for flags in [RST, RST | ACK, FIN | ACK, SYN] {
        for distance in [-3, -1, 1 << 30, i32::MIN, i32::MAX, 5000] {
            // What is after the next byte but in the window could be the end after bytes that are not in the capture.
            if flags == FIN | ACK && distance == 5000 {
                continue;
            }
            let mut capture = one();
            for from in [Client, Server] {
                let from = if flags == SYN { Client } else { from };
                capture = capture.stray(from, distance, flags);
            }
            let count = if flags == SYN { 1 } else { 2 };
            let (whole, error) = shown(&[], &exchange(exchange(capture)).close());
            assert_eq!((whole, error), (ONE.repeat(3), ignored(count)), "{flags} {distance}");
        }
    }
    // An end further on is not the end if bytes follow it, or if there is another one.
    let capture = exchange(one().stray(Server, 2, FIN | ACK).stray(Client, 9, FIN | ACK));
    assert_eq!(shown(&[], &capture.close()), (ONE.repeat(2), ignored(2)));
    let capture = exchange(one().stray(Server, 900, FIN | ACK));
    assert_eq!(shown(&[], &capture.close()), (ONE.repeat(2), ignored(1)));
}

#[test]
fn an_answer_to_another_opening_does_not_begin_the_stream_of_the_server() {
    let mut capture = Capture::new(Link::Raw, Ip::V4);
    capture.forge(Client, [4999, 0], SYN, b"");
    capture.forge(Server, [9000, 70_000], SYN | ACK, b"");
    capture.forge(Server, [5000, 1000], SYN | ACK, b"");
    assert_eq!(shown(&[], &exchange(capture)), (ONE.to_owned(), ignored(1)));
}

#[test]
fn what_comes_after_the_end_is_counted() {
    let late = line("24 bytes came after its end");
    let capture = one().stray(Server, 0, FIN | ACK).stray(Client, 0, FIN | ACK);
    assert_eq!(shown(&[], &exchange(capture)), (ONE.to_owned(), late.clone()));
    let capture = one().stray(Server, 0, RST | ACK);
    assert_eq!(shown(&[], &exchange(capture)), (ONE.to_owned(), late.clone()));
    // Also if the connection is forgotten before the end of the capture.
    let mut capture = exchange(one().stray(Server, 0, RST));
    for port in 1..1100 {
        capture = exchange(capture.connection(port, 6379).open());
    }
    assert_eq!(shown(&[], &capture), (ONE.repeat(1100), late));
}

#[test]
fn a_connection_may_begin_before_another_one_between_the_same_ends_has_ended() {
    let again = |capture: Capture| {
        let mut capture = capture;
        capture.forge(Client, [70_000, 0], SYN, b"");
        capture
    };
    let mut capture = again(one());
    capture.forge(Server, [70_001, 90_000], SYN | ACK, b"");
    let (whole, error) = shown(&[], &exchange(capture));
    assert_eq!((whole, error), (ONE.repeat(2), String::new()));

    // The answer of the server is not in the capture.
    let mut capture = again(again(one()));
    capture.forge(Client, [70_001, 90_001], ACK, GET);
    let (whole, error) = shown(&[], &capture.send(Server, b":1\r\n"));
    assert_eq!((whole, error), (ONE.repeat(2), String::new()));

    // It has been reset, or both sides have closed it.
    for capture in [one().stray(Client, 0, RST), one().close(), one().close().stray(Client, 0, RST)]
    {
        let mut capture = again(capture);
        capture.forge(Server, [70_001, 90_000], SYN | ACK, b"");
        let (whole, error) = shown(&[], &exchange(capture));
        assert_eq!((whole, error), (ONE.repeat(2), String::new()));
    }
}

#[test]
fn bytes_that_are_missing_at_the_end_are_counted() {
    let capture = one().send(Client, GET).lose(Server, b":2\r\n").close().send(Client, b"");
    let expected = [ONE, "> unpaired \"GET\" \"k\"\n"].concat();
    assert_eq!(shown(&[], &capture), (expected, line("4 bytes are missing")));
}

#[test]
fn few_of_many_connections_are_named() {
    let mut capture = Capture::new(Link::Raw, Ip::V4);
    for port in 1..=100 {
        capture = capture.connection(port, 6379).open().send(Client, GET).lose(Server, b":1\r\n");
        capture = exchange(capture).stray(Client, 7000, RST);
    }
    let output = inspect(&["-"], capture.file());
    let error = text(&output.stderr);
    assert_eq!(error.matches(": 4 bytes are missing\n").count(), 20, "{error}");
    assert_eq!(error.matches(": 1 segments are ignored, ").count(), 20, "{error}");
    let rest = "zresp-inspect: standard input: 80 more connections with missing bytes\n\
        zresp-inspect: standard input: 80 more connections with segments that were ignored\n";
    assert!(error.contains(rest) && error.lines().count() == 43, "{error}");
    assert!(output.status.success());
}
