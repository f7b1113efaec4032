//! The in-memory server sends the same replies as a `redis-server`, byte for byte.
//!
//! Tests that need a program of Redis are skipped if it is missing; with `ZRESP_REQUIRE_REDIS` they fail.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use support::live_server::Server;
use support::{Client, Daemon, array, program, run};

/// Commands, and how their replies are compared.
const SESSION: &str = include_str!("session.txt");

fn start() -> Daemon {
    Daemon::start(env!("CARGO_BIN_EXE_zresp-store"), &[])
}

/// What must be equal in two replies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Compare {
    Bytes,
    /// The elements, in any order.
    Elements,
    /// Only the kind, for times, ids and versions.
    Kind,
}

/// Returns the commands of the session, and how to compare the reply to each.
fn session() -> Vec<(Compare, Vec<u8>)> {
    let commands = SESSION.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parse = |line: &'static str| match line.split_at(2) {
        ("~ ", line) => (Compare::Elements, array(line)),
        ("? ", line) => (Compare::Kind, array(line)),
        _ => (Compare::Bytes, array(line)),
    };
    commands.map(parse).collect()
}

/// Returns the part of a reply that is compared.
fn compared_part(compare: Compare, wire: &[u8]) -> Vec<u8> {
    match compare {
        Compare::Bytes => wire.to_vec(),
        Compare::Kind => wire[..1].to_vec(),
        Compare::Elements => {
            let reply = zresp::decode(wire).expect("a reply").expect("a whole reply").reply();
            let mut lines: Vec<_> = match reply {
                zresp::ReplyRef::Map(pairs) => pairs.map(|pair| format!("{pair:?}")).collect(),
                other => other.tokens().map(|token| format!("{token:?}")).collect(),
            };
            lines.sort();
            [&wire[..1], lines.concat().as_bytes()].concat()
        }
    }
}

#[test]
fn a_session_gets_the_replies_of_redis_in_both_protocols() {
    let Some(redis) = Server::start() else { return };
    let store = start();
    for hello in ["HELLO 2", "HELLO 3"] {
        let mut theirs = Client::new(redis.connect());
        let mut ours = Client::new(store.connect());
        let greetings = [&mut theirs, &mut ours].map(|client| client.ask(&array(hello)));
        assert_eq!(greetings[0][..1], greetings[1][..1], "{hello}");
        let mut failures = String::new();
        for (compare, command) in session() {
            let [expected, found] = [&mut theirs, &mut ours].map(|client| client.ask(&command));
            if compared_part(compare, &expected) != compared_part(compare, &found) {
                let shown = [&command, &expected, &found].map(|bytes| bytes.escape_ascii());
                let [command, expected, found] = shown.map(|bytes| bytes.to_string());
                failures +=
                    &[&command, "\n    redis ", &expected, "\n    store ", &found, "\n"].concat();
            }
        }
        assert!(failures.is_empty(), "{hello}\n{failures}");
    }
}

#[test]
fn pipelines_cut_anywhere_get_the_same_replies() {
    let store = start();
    let mut stable = session();
    // Without replies that differ each time; SPOP, for example, removes a random member.
    stable.retain(|(compare, wire)| {
        *compare == Compare::Bytes && !wire.windows(4).any(|name| name == b"SPOP")
    });
    let pipeline =
        [array("FLUSHALL")].into_iter().chain(stable.iter().map(|(_, wire)| wire.clone()));
    let pipeline: Vec<u8> = pipeline.collect::<Vec<_>>().concat();
    let mut random = fastrand::Rng::with_seed(7);
    let mut first = None;
    for _ in 0..20 {
        let stream = store.connect();
        let mut sender = stream.try_clone().expect("a second handle");
        let mut rest = pipeline.as_slice();
        let mut client = Client::new(stream);
        let replies = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(2000)));
                    sender.write_all(piece).expect("the server reads");
                    rest = after;
                }
            });
            (0..=stable.len()).map(|_| client.receive()).collect::<Vec<_>>()
        });
        let expected = first.get_or_insert_with(|| replies.clone());
        for (at, (expected, found)) in expected.iter().zip(&replies).enumerate() {
            let shown = [expected, found].map(|bytes| bytes.escape_ascii().to_string());
            assert_eq!(shown[0], shown[1], "reply {at}");
        }
    }
}

#[test]
fn inline_commands_are_accepted() {
    let store = start();
    let mut client = Client::new(store.connect());
    assert_eq!(client.ask(b"\r\nset 'a key' \"a\\x41\"\r\n"), b"+OK\r\n");
    assert_eq!(client.ask(b"GET 'a key'\n"), b"$2\r\naA\r\n");
}

#[test]
fn broken_input_is_answered_after_the_replies_that_are_due() {
    let redis = Server::start();
    let store = start();
    for (input, reason) in [
        (&b"*x\r\n"[..], "invalid multibulk length"),
        (b"*1x\r\n", "invalid multibulk length"),
        (b"*99999999999\r\n", "invalid multibulk length"),
        (b"*1\r\n:1\r\n", "expected '$', got ':'"),
        (b"*1\r\n$x\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"SET 'a\r\n", "unbalanced quotes in request"),
        (&vec![b'x'; 70_000], "too big inline request"),
    ] {
        let pipeline = [b"*1\r\n$4\r\nPING\r\n", input].concat();
        let expected = format!("+PONG\r\n-ERR Protocol error: {reason}\r\n");
        let streams = [redis.as_ref().map(Server::connect), Some(store.connect())];
        for mut stream in streams.into_iter().flatten() {
            stream.write_all(&pipeline).expect("the server reads");
            let mut answer = Vec::new();
            let end = stream.read_to_end(&mut answer);
            let shown = input[..input.len().min(20)].escape_ascii();
            assert_eq!(String::from_utf8_lossy(&answer), expected, "{shown}: {end:?}");
        }
    }
    let mut stream = store.connect();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a b\r\n").expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text, then the end");
    assert_eq!(answer, "", "Redis sends no answer either");
}

#[test]
fn a_value_of_64_mib_comes_back() {
    let store = start();
    let value: Vec<u8> = (0..64 << 20).map(|at: u32| (at >> 3).to_le_bytes()[0]).collect();
    let mut client = Client::new(store.connect());
    let header = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len());
    client.send(header.as_bytes());
    client.send(&value);
    assert_eq!(client.ask(b"\r\n"), b"+OK\r\n");
    let reply = client.ask(&array("GET k"));
    let start = reply.len() - value.len() - 2;
    assert!(reply[start..reply.len() - 2] == value);
}

#[test]
fn a_client_that_does_not_read_takes_no_memory() {
    let store = start();
    Client::new(store.connect()).ask(&array("SETRANGE k 99999 x"));
    let before = store.resident_kib();
    let stream = store.connect();
    stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a valid timeout");
    let asks = array("GET k").repeat(1000);
    // The server stops reading when its replies are not read, so a write fails in the end.
    let blocked = (0..10_000).find_map(|_| (&stream).write_all(&asks).err());
    assert!(
        blocked.is_some(),
        "the server has read 200 MB of commands from a client that never reads"
    );
    let grown = store.resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB for one client");
    assert_eq!(Client::new(store.connect()).ask(&array("PING")), b"+PONG\r\n");
}

#[test]
fn keys_expire_by_themselves() {
    let store = start();
    let mut client = Client::new(store.connect());
    client.ask(&array("SET k v PX 20"));
    client.ask(&array("SET other v"));
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(client.ask(&array("DBSIZE")), b":1\r\n");
    client.ask(&array("SET k v PX 1"));
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(client.ask(&array("GET k")), b"$-1\r\n");
}

#[test]
fn scan_returns_every_key_that_stays_while_others_are_deleted() {
    let store = start();
    let mut client = Client::new(store.connect());
    for key in 0..200 {
        client.ask(&array(&format!("SET key:{key} v")));
    }
    let mut seen = std::collections::HashSet::new();
    let (mut cursor, mut round) = ("0".to_owned(), 0);
    loop {
        let wire = client.ask(&array(&format!("SCAN {cursor} COUNT 7 MATCH key:*")));
        let reply = zresp::decode(&wire).expect("a reply").expect("a whole reply").reply();
        let (next, keys): (String, Vec<String>) = reply.to().expect("a cursor and keys");
        seen.extend(keys);
        if next == "0" {
            break;
        }
        cursor = next;
        // Even keys are deleted, odd ones stay.
        client.ask(&array(&format!("DEL key:{} key:{}", 4 * round, 198 - 4 * round)));
        round += 1;
    }
    let missed: Vec<_> = (0..100)
        .map(|at| format!("key:{}", 2 * at + 1))
        .filter(|key| !seen.contains(key))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_signal_stops_it_after_the_replies_that_are_due() {
    let mut store = start();
    let mut client = Client::new(store.connect());
    client.ask(&array("PING"));
    client.send(&array("INCR n").repeat(1000));
    store.terminate();
    let mut replies = Vec::new();
    client.stream().read_to_end(&mut replies).expect("the end");
    assert!(replies.ends_with(b":1000\r\n"), "{} bytes", replies.len());
    assert!(store.wait().success());
    assert!(TcpStream::connect(store.address()).is_err());
}

#[test]
fn redis_cli_works_in_both_protocols() {
    let Some(cli) = program("redis-cli") else { return };
    let store = start();
    let port = store.address().port().to_string();
    for protocol in ["-2", "-3"] {
        let script = "FLUSHALL\nSET k 1\nINCR k\nHSET h f v\nHGETALL h\nCOMMAND DOCS GET\nNOSUCH\n";
        let output = run(&cli, &["-p", &port, protocol], script);
        let hash = if protocol == "-2" { "f\nv\n" } else { "f v\n" };
        let expected = format!(
            "OK\nOK\n2\n1\n{hash}\nERR unknown command 'NOSUCH', with args beginning with: \n\n"
        );
        assert_eq!(output, expected, "{protocol}");
    }
    let output = run(&cli, &["-p", &port, "--scan"], "");
    assert!(output.contains("k\n") && output.contains("h\n"), "{output}");
}

#[test]
fn redis_benchmark_runs_all_its_tests() {
    let Some(benchmark) = program("redis-benchmark") else { return };
    let store = start();
    let port = store.address().port().to_string();
    for pipeline in ["1", "32"] {
        let options = ["-p", &port, "-q", "-n", "20000", "-r", "1000", "-P", pipeline];
        let output = run(&benchmark, &options, "");
        let results = output.matches("requests per second").count();
        assert!(results >= 18, "{output}");
        assert!(!output.contains("rror") && !output.contains("WARN"), "{output}");
    }
}
