//! What selects commands: databases, latencies, clients, patterns of names, times of the day.

use crate::packets::From::{Client, Server};
use crate::packets::{Capture, Ip, Link};
use crate::program::{inspect, text};

const MONITOR: &str = "\
1700000000.000000 [0 127.0.0.1:50000] \"SET\" \"a\" \"1\"
1700000060.000000 [5 127.0.0.1:50001] \"SET\" \"a\" \"2\"
1700000120.000000 [5 10.0.0.7:50000] \"CONFIG\" \"GET\" \"*\"
1700000180.000000 [0 lua] \"MSET\" \"a\" \"3\"
1700000240.000000 [0 unix:/tmp/a b:0] \"GETSET\" \"a\" \"4\"
";

/// Returns a command in the form of an array.
fn command(line: &str) -> Vec<u8> {
    let words: Vec<_> = line.split(' ').collect();
    let arguments = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), arguments.collect::<String>()).into_bytes()
}

fn commands(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| command(line)).collect()
}

/// Returns the names of the commands that are shown, and standard error.
fn selected(arguments: &[&str], input: &[u8]) -> (Vec<String>, String) {
    let output = inspect(&[arguments, &["--json", "-"]].concat(), input);
    let lines = text(&output.stdout);
    let names = lines.lines().filter_map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        Some(value["request"].get(0)?.as_str()?.to_owned())
    });
    (names.collect(), text(&output.stderr).replace("zresp-inspect: standard input: ", ""))
}

/// A capture of two clients.
fn capture() -> Capture {
    let send = |capture: Capture, line: &str, reply: &[u8]| {
        capture.send(Client, &command(line)).send(Server, reply)
    };
    let capture = send(Capture::new(Link::Raw, Ip::V4).open(), "SELECT 5", b"+OK\r\n");
    let capture = send(capture, "GET a", b"$1\r\n1\r\n");
    let capture = send(capture.connection(50_001, 6379).open(), "GET a", b"$1\r\n2\r\n");
    send(capture, "BLPOP q 0", b"*2\r\n$1\r\nq\r\n$1\r\nv\r\n")
}

#[test]
fn every_command_has_its_database() {
    let file = commands(&["SELECT 0", "SET a 1", "SELECT 5", "SET a 2", "SET a 3"]);
    let shown = "\"SELECT\" \"0\"\n\"SET\" \"a\" \"1\"\n\"SELECT\" \"5\"\n\
        db=5 \"SET\" \"a\" \"2\"\ndb=5 \"SET\" \"a\" \"3\"\n";
    for kind in ["aof", "requests"] {
        assert_eq!(text(&inspect(&["--as", kind, "-"], &file).stdout), shown);
        let (names, _) = selected(&["--as", kind, "--db", "5"], &file);
        assert_eq!(names, ["SET", "SET"], "{kind}");
        let json = text(&inspect(&["--as", kind, "--json", "-"], &file).stdout);
        let numbers = json.lines().map(|line| line.contains("\"db\":5,")).collect::<Vec<_>>();
        assert_eq!(numbers, [false, false, false, true, true], "{json}");
        assert_eq!(json.matches("\"db\":0,").count(), 3, "{json}");
        let top = text(&inspect(&["--as", kind, "--top", "3", "-"], &file).stdout);
        let hottest = "hottest keys, by accesses\n         2         54 B  \"a\" db=5\n         1         27 B  \"a\"\n";
        assert!(top.starts_with(hottest), "{top}");
    }
    let (names, _) = selected(&["--db", "5"], MONITOR.as_bytes());
    assert_eq!(names, ["SET", "CONFIG"]);
    let (names, _) = selected(&["--db", "5"], capture().file());
    assert_eq!(names, ["GET"]);

    // Of the commands before the capture, the database is not known, and a key in it is another one.
    let unknown = Capture::new(Link::Raw, Ip::V4).send(Client, &command("GET a"));
    let unknown = unknown.send(Server, b"$1\r\n1\r\n");
    let json = text(&inspect(&["--json", "-"], unknown.file()).stdout);
    assert!(json.contains("\"request\"") && !json.contains("\"db\""), "{json}");
    let top = text(&inspect(&["--top", "3", "-"], unknown.file()).stdout);
    assert!(!top.contains("db="), "{top}");
    let both = unknown.connection(50_001, 6379).open().send(Client, &command("GET a"));
    let top = text(&inspect(&["--top", "3", "-"], both.file()).stdout);
    assert!(top.contains("\"a\"\n") && top.contains("\"a\" db=?\n"), "{top}");
}

#[test]
fn clients_are_selected_by_address_or_host_and_a_client_that_does_not_occur_is_named() {
    let none = "no connection of the client that --connection names\n";
    for (client, expected) in [
        ("127.0.0.1:50001", &["SET"][..]),
        ("127.0.0.1", &["SET", "SET"]),
        ("10.0.0.7", &["CONFIG"]),
        ("lua", &["MSET"]),
        ("unix:/tmp/a b:0", &["GETSET"]),
        ("10.0.0.8", &[]),
    ] {
        let (names, error) = selected(&["--connection", client], MONITOR.as_bytes());
        let said = if expected.is_empty() { none } else { "" };
        assert_eq!((names.as_slice(), error.as_str()), (&*owned(expected), said), "{client}");
    }
    let capture = capture();
    for (client, expected) in [
        ("10.0.0.1", &["SELECT", "GET", "GET", "BLPOP"][..]),
        ("10.0.0.1:50001", &["GET", "BLPOP"]),
        ("10.0.0.2", &[]),
        ("::1", &[]),
    ] {
        let (names, error) = selected(&["--connection", client], capture.file());
        let said = if expected.is_empty() { none } else { "" };
        assert_eq!((names.as_slice(), error.as_str()), (&*owned(expected), said), "{client}");
    }
    // Of IPv6, an address may have brackets.
    let v6 = Capture::new(Link::Raw, Ip::V6).open().send(Client, &command("GET a"));
    let address = text(&inspect(&["-"], v6.file()).stdout);
    let (_, rest) = address.split_once(" [").expect("an address");
    let (host, _) = rest.split_once(']').expect("its end");
    for client in [host, &format!("[{host}]"), &format!("[{host}]:50000")] {
        assert_eq!(selected(&["--connection", client], v6.file()).0, ["GET"], "{client}");
    }
    let output = inspect(&["--connection", "10.0.0", "-"], b"");
    assert!(text(&output.stderr).contains(": not an address with a port ("), "{output:?}");
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().copied().map(str::to_owned).collect()
}

#[test]
fn commands_are_selected_by_patterns_of_their_names() {
    let file = commands(&["SET a 1", "get a", "MSET a 1", "CONFIG SET a 1", "config get a", "FOO"]);
    for (pattern, expected) in [
        ("*SET", &["SET", "MSET"][..]),
        ("?et", &["SET", "get"]),
        ("config", &["CONFIG", "config"]),
        ("CONFIG|*", &["CONFIG", "config"]),
        ("config|G*", &["config"]),
        ("CONFIG GET", &["config"]),
        ("f[a-z]o", &["FOO"]),
        ("*|set", &["CONFIG"]),
    ] {
        assert_eq!(selected(&["--command", pattern], &file).0, owned(expected), "{pattern}");
    }
}

#[test]
fn a_time_of_the_day_is_on_the_day_of_each_input() {
    // The first command is of 22:13:20.
    for (bounds, expected) in [
        (["22:14", "22:16"], &["SET", "CONFIG"][..]),
        (["22:14:20", "22:14:20.5"], &["SET"]),
        (["23:15+01:00", "22:15:21Z"], &["CONFIG"]),
        (["2023-11-14 22:16", "2023-11-15"], &["MSET", "GETSET"]),
        (["2023-11-15T00:16+02:00", "23:00"], &["MSET", "GETSET"]),
    ] {
        let (names, error) =
            selected(&["--from", bounds[0], "--to", bounds[1]], MONITOR.as_bytes());
        assert_eq!((names, error), (owned(expected), String::new()), "{bounds:?}");
    }
    let output = inspect(&["--from", "noon", "-"], b"");
    let error = text(&output.stderr);
    for form in ["12:03, ", "12:03:04.5, ", "2026-01-31 12:03, ", "+01:00", "@1769860800.5"] {
        assert!(error.contains(form), "{error}");
    }
    let output = inspect(&["--from", "12:03", "--to", "12:02:59", "-"], b"");
    assert_eq!(output.status.code(), Some(2));
    // Another input begins on another day.
    let directory = crate::scratch::Scratch::directory("days");
    for (name, content) in [("a", MONITOR.to_owned()), ("b", MONITOR.replace("17000", "17001"))] {
        std::fs::write(format!("{}/{name}", directory.path()), content).expect("a file");
    }
    // 100,000 seconds later it is two minutes and some hours later on the next day.
    let output = inspect(&["--from", "22:14", "--to", "22:15", "--json", directory.path()], b"");
    assert_eq!(text(&output.stdout).lines().count(), 1, "{output:?}");
    let output = inspect(&["--from", "02:00", "--to", "02:01", "--json", directory.path()], b"");
    assert_eq!(text(&output.stdout).lines().count(), 1, "{output:?}");
}

#[test]
fn both_lines_of_an_exchange_have_its_number_and_slow_ones_are_selected() {
    let capture = "tests/captures/session.pcap";
    let slow = inspect(&["--json", "--slower", "3.5", capture], b"");
    let lines = text(&slow.stdout);
    let values: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [request, reply] = values.as_slice() else { panic!("{lines}") };
    assert_eq!((&request["exchange"], &reply["exchange"]), (&1.into(), &1.into()));
    assert_eq!((&request["request"][0], &reply["command"]), (&"PUBLISH".into(), &"publish".into()));
    assert!(reply["latency_us"].as_u64() >= Some(3500), "{reply}");
    let whole = text(&inspect(&["--json", capture], b"").stdout);
    let mut numbers = std::collections::HashMap::new();
    for line in whole.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if let Some(number) = value["exchange"].as_u64() {
            *numbers.entry(number).or_insert(0) += 1;
        } else {
            assert!(value.get("latency_us").is_none(), "{line}");
        }
    }
    assert!(numbers.len() > 20 && numbers.values().all(|count| *count == 2), "{numbers:?}");
    assert!(whole.contains("\"command\":\"client|reply\""), "{whole}");
    for (view, expected) in [("--raw", "PUBLISH"), ("--stats", "publish "), ("--top=3", "PUBLISH")]
    {
        let shown = text(&inspect(&[view, "--slower", "3.5", capture], b"").stdout);
        assert!(shown.contains(expected) && !shown.to_lowercase().contains("hello 3"), "{shown}");
        assert!(!shown.to_lowercase().contains("dbsize"), "{shown}");
    }
    assert_eq!(inspect(&["--slower", "fast", "-"], b"").status.code(), Some(2));
}

#[test]
fn commands_that_wait_by_design_are_not_among_the_slowest() {
    let top = text(&inspect(&["--top", "9", "-"], capture().file()).stdout);
    let (_, slowest) = top.split_once("slowest commands").expect("the slowest");
    assert!(slowest.starts_with(" (without 1 that wait for data, such as BLPOP)\n"), "{top}");
    assert!(!slowest.contains("\"BLPOP\""), "{top}");
    let row = slowest.lines().nth(1).expect("a row");
    assert!(row.contains("Z at ") && row.contains(" of 10.0.0.1:500"), "{top}");
    let reads = ["XREAD STREAMS s 0", "XREAD BLOCK 0 STREAMS s 0"];
    let send = |capture: Capture, line: &&str| {
        capture.send(Client, &command(line)).send(Server, b"*-1\r\n")
    };
    let streams = reads.iter().fold(Capture::new(Link::Raw, Ip::V4).open(), send);
    let top = text(&inspect(&["--top", "9", "-"], streams.file()).stdout);
    let (_, slowest) = top.split_once("slowest commands").expect("the slowest");
    assert!(slowest.contains("\"STREAMS\"") && !slowest.contains("\"BLOCK\""), "{top}");
}
