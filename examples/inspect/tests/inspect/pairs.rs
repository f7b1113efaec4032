//! Commands and replies are only paired while it is certain which reply belongs to which command.

use std::collections::HashMap;
use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::captures::{SESSION, packets};
use crate::links::shown;
use crate::packets::From::{Client, Server};
use crate::packets::{Capture, Ip, Link};
use crate::program::{inspect, text};
use crate::scratch::Scratch;

/// The place of a command with a reply, and both.
type Pairs = HashMap<(String, u64), (Value, Value)>;

/// Returns the commands with replies.
fn pairs(file: &[u8]) -> Pairs {
    let output = inspect(&["--json", "-"], file);
    let mut pairs = HashMap::new();
    let mut last = Value::Null;
    for line in text(&output.stdout).lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        if line["request"].is_array() {
            last = line;
        } else if line["latency_us"].is_number() {
            let place = (line["connection"].to_string(), line["offset"].as_u64().expect("a place"));
            assert_eq!(line["offset"], last["offset"]);
            assert_eq!(line.get("unpaired"), None);
            pairs.insert(place, (last["request"].clone(), line["reply"].clone()));
        }
    }
    pairs
}

/// Checks that a capture has no pairs that the whole one does not have. Returns how many it has.
fn assert_true(file: &[u8], whole: &Pairs, what: &str) -> usize {
    let pairs = pairs(file);
    for (place, pair) in &pairs {
        assert_eq!(Some(pair), whole.get(place), "{what}: {place:?}");
    }
    pairs.len()
}

#[test]
fn no_lost_packet_makes_a_wrong_pair() {
    let file = fs::read(SESSION).expect("the capture");
    let (header, packets) = packets(&file);
    let whole = pairs(&file);
    assert!(whole.len() > 20, "{whole:?}");
    // Without the packets that open the connection, offsets would begin at another byte.
    for index in 2..packets.len() {
        for count in [1, 2, 5] {
            let rest = packets.iter().enumerate();
            let rest = rest.filter(|(at, _)| !(index..index + count).contains(at));
            let rest: Vec<_> = rest.flat_map(|(_, packet)| packet).copied().collect();
            assert_true(&[&*header, &rest].concat(), &whole, &format!("{index}, {count}"));
        }
    }
}

/// A command that tells its number, or the reply to it.
fn echo(number: usize) -> Vec<u8> {
    format!("*2\r\n$4\r\nECHO\r\n$4\r\n{number:04}\r\n").into_bytes()
}

fn reply(number: usize) -> Vec<u8> {
    format!("$4\r\n{number:04}\r\n").into_bytes()
}

/// Returns the numbers of commands that have the reply to another one, and how many have their own.
fn judged(capture: &Capture) -> (Vec<Value>, usize) {
    let pairs = pairs(capture.file());
    let is_wrong = |(request, reply): &(Value, Value)| request[1] != reply["value"];
    let wrong = pairs.values().filter(|pair| is_wrong(pair)).map(|pair| pair.0.clone()).collect();
    (wrong, pairs.len())
}

const EXCHANGES: usize = 60;

#[test]
fn pairs_begin_again_after_lost_commands_and_lost_replies() {
    for lost in [Client, Server] {
        let mut capture = Capture::new(Link::Raw, Ip::V4).open();
        for number in 0..EXCHANGES {
            for (from, bytes) in [(Client, echo(number)), (Server, reply(number))] {
                let is_lost = from == lost && number % 20 == 9;
                capture =
                    if is_lost { capture.lose(from, &bytes) } else { capture.send(from, &bytes) };
            }
        }
        let (wrong, count) = judged(&capture);
        assert_eq!(wrong, [Value::Null; 0], "{lost:?}");
        // Each loss costs a few pairs.
        assert!((EXCHANGES - 3 * 8..EXCHANGES - 3 * 2).contains(&count), "{lost:?}: {count}");

        let output = inspect(&["--stats", "-"], capture.file());
        let error = text(&output.stderr);
        let line = " replies are not paired: it is not certain which of them belong together\n";
        assert!(error.ends_with(line), "{error}");
        let (whole, _) = shown(&[], &capture);
        assert!(whole.contains("> unpaired \"ECHO\" "), "{whole}");
        assert!(whole.contains("> unpaired \"00"), "{whole}");
        assert!(!whole.contains("0.0ns"), "{whole}");
        let json = text(&inspect(&["--json", "-"], capture.file()).stdout);
        assert!(json.contains(",\"unpaired\":true,\"request\":[\"ECHO\","), "{json}");
        assert!(json.contains(",\"unpaired\":true,\"reply\":{"), "{json}");
    }
}

#[test]
fn a_pipeline_with_a_lost_packet_costs_its_own_pairs_and_few_others() {
    let mut capture = Capture::new(Link::Raw, Ip::V4).open();
    for round in 0..10 {
        for number in 10 * round..10 * round + 10 {
            let command = echo(number);
            let is_lost = number == 23;
            capture = if is_lost {
                capture.lose(Client, &command)
            } else {
                capture.send(Client, &command)
            };
        }
        for number in 10 * round..10 * round + 10 {
            capture = capture.send(Server, &reply(number));
        }
    }
    let (wrong, count) = judged(&capture);
    assert_eq!(wrong, [Value::Null; 0]);
    assert!((50..=73).contains(&count), "{count}");
}

#[test]
fn a_capture_that_begins_within_a_pipeline_makes_no_wrong_pairs() {
    let mut capture = Capture::new(Link::Raw, Ip::V4);
    capture = capture.lose(Client, &[echo(0), echo(1)].concat());
    for number in 2..5 {
        capture = capture.send(Client, &echo(number));
    }
    for number in 0..5 {
        capture = capture.send(Server, &reply(number));
    }
    for number in 10..20 {
        capture = capture.send(Client, &echo(number)).send(Server, &reply(number));
    }
    let (wrong, count) = judged(&capture);
    assert!(wrong.is_empty() && count >= 7, "{wrong:?}, {count}");
}

#[test]
fn a_reply_before_its_command_does_not_shift_all_pairs() {
    // The packets of both directions were recorded in another order than they were sent.
    let mut capture = Capture::new(Link::Raw, Ip::V4).open();
    for number in 0..20 {
        let (command, reply) = (echo(number), reply(number));
        capture = if number == 5 {
            capture.send(Server, &reply).send(Client, &command)
        } else {
            capture.send(Client, &command).send(Server, &reply)
        };
    }
    let (wrong, count) = judged(&capture);
    assert!(wrong.is_empty() && count >= 15, "{wrong:?}, {count}");
}

#[test]
fn packets_that_were_cut_are_counted() {
    let (header, packets) = packets(&fs::read(SESSION).expect("the capture"));
    let mut file = header;
    let mut cut = 0;
    for packet in packets {
        // The headers of Ethernet, IP and TCP with its options, and a few bytes.
        let kept = packet.len().min(16 + 14 + 20 + 40 + 4);
        cut += usize::from(kept < packet.len());
        let size = u32::try_from(kept - 16).expect("a size").to_le_bytes();
        file.extend([&packet[..8], &size, &packet[12..kept]].concat());
    }
    let output = inspect(&["--stats", "-"], &file);
    let line = format!("packets cut by the snap length: {cut}, ");
    assert!(text(&output.stderr).contains(&line), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
    // In a whole capture, none is.
    assert_eq!(text(&inspect(&["--stats", SESSION], b"").stderr), "");
}

/// The program with files of these packets.
fn of_files(name: &str, arguments: &[&str], header: &[u8], files: &[&[Vec<u8>]]) -> Output {
    let files = files.iter().enumerate().map(|(index, packets)| {
        Scratch::new(&format!("{name}-{index}"), &[header, &packets.concat()].concat())
    });
    let files: Vec<_> = files.collect();
    let paths: Vec<_> = files.iter().map(Scratch::path).collect();
    inspect(&[arguments, &paths].concat(), b"")
}

#[test]
fn connections_go_on_in_the_next_file_of_a_capture() {
    let file = fs::read(SESSION).expect("the capture");
    let (header, packets) = packets(&file);
    let whole = text(&inspect(&[SESSION], b"").stdout);
    for size in [1, 3, 10, 40] {
        let files: Vec<_> = packets.chunks(size).collect();
        let output = of_files("rotated", &[], &header, &files);
        assert_eq!(text(&output.stdout), whole, "{size}");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
        // A transaction may be in several files.
        let raw = of_files("rotated-raw", &["--raw"], &header, &files);
        assert_eq!(raw.stdout, inspect(&["--raw", SESSION], b"").stdout, "{size}");
    }

    // Files of other captures: in the wrong order, or much later.
    let (first, second) = packets.split_at(packets.len() / 2);
    let output = of_files("reversed", &[], &header, &[second, first]);
    assert_ne!(text(&output.stdout), whole);
    let mut later = second.to_vec();
    for packet in &mut later {
        packet[3] += 1;
    }
    let output = of_files("later", &[], &header, &[first, &later]);
    assert!(text(&output.stdout).contains(" unpaired ") && !whole.contains(" unpaired "));
}

#[test]
fn a_capture_that_ends_within_a_frame_is_named() {
    let command = echo(1);
    let opened = || Capture::new(Link::Raw, Ip::V4).open();
    let line = |commands, replies| {
        format!(
            "{commands} bytes of commands and {replies} bytes of replies without their ends are left out\n"
        )
    };
    let died = opened().send(Client, &command).send(Server, &reply(1)).send(Client, &command[..7]);
    let cases = [
        (opened().send(Client, &command[..9]), line(9, 0)),
        // The client died.
        (died.close(), line(7, 0)),
        (opened().send(Client, &command).send(Server, b"$4\r\n00"), line(0, 6)),
    ];
    for (capture, expected) in cases {
        let output = inspect(&["--stats", "-"], capture.file());
        let expected = format!("zresp-inspect: standard input: {expected}");
        assert_eq!((text(&output.stderr), output.status.code()), (expected, Some(1)));
    }
}

/// Commands with ` / ` between them, and the replies to them with `|` for line ends, in the order of a capture.
type Parts<'a> = &'a [(&'a str, &'a str)];

/// The most bytes of a segment.
const SEGMENT: usize = 60_000;

fn conversation(parts: Parts<'_>) -> Capture {
    let command = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let arguments = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
        format!("*{}\r\n{}", words.len(), arguments.collect::<String>())
    };
    let mut capture = Capture::new(Link::Raw, Ip::V4).open();
    for (commands, replies) in parts {
        let commands = commands.split(" / ").map(command).collect::<String>();
        for part in commands.as_bytes().chunks(SEGMENT) {
            capture = capture.send(Client, part);
        }
        for part in replies.replace('|', "\r\n").as_bytes().chunks(SEGMENT) {
            capture = capture.send(Server, part);
        }
    }
    capture
}

/// Returns the commands of a capture with replies, and those.
fn paired(capture: &Capture) -> Vec<String> {
    let pairs = pairs(capture.file());
    let mut pairs: Vec<_> = pairs.into_iter().collect();
    pairs.sort_by_key(|((_, offset), _)| *offset);
    let words = |command: &Value| {
        command
            .as_array()
            .expect("words")
            .iter()
            .map(Value::to_string)
            .collect::<Vec<_>>()
            .join(" ")
            .replace('"', "")
    };
    pairs
        .iter()
        .map(|(_, (command, reply))| format!("{} -> {}", words(command), reply["value"]))
        .collect()
}

#[test]
fn commands_without_replies_do_not_shift_those_of_others() {
    let table: [(Parts<'_>, &[&str]); 7] = [
        (
            &[("CLIENT REPLY SKIP / CLIENT REPLY SKIP / SET a 1 / GET a / GET b", "$1|1|$-1|")],
            &["GET a -> \"1\"", "GET b -> null"],
        ),
        (&[("CLIENT REPLY SKIP / CLIENT REPLY BAD / GET a", "$1|1|")], &["GET a -> \"1\""]),
        (
            &[("CLIENT REPLY OFF / SET a 1 / RESET", "+RESET|"), ("GET a", "$1|1|")],
            &["RESET -> \"RESET\"", "GET a -> \"1\""],
        ),
        (
            &[(
                "CLIENT REPLY OFF / SET a 1 / CLIENT REPLY BAD / CLIENT REPLY ON / GET a",
                "+OK|$1|1|",
            )],
            &["CLIENT REPLY ON -> \"OK\"", "GET a -> \"1\""],
        ),
        (
            &[("MULTI / CLIENT REPLY OFF", "+OK|+QUEUED|"), ("DISCARD / GET a", "+OK|$1|1|")],
            &[
                "MULTI -> \"OK\"",
                "CLIENT REPLY OFF -> \"QUEUED\"",
                "DISCARD -> \"OK\"",
                "GET a -> \"1\"",
            ],
        ),
        // These look like confirmations and messages.
        (
            &[
                ("EVAL x 0", "*3|$9|subscribe|$1|a|:1|"),
                ("LRANGE l 0 -1 / GET k", "*3|$7|message|$1|a|$1|m|$1|K|"),
            ],
            &[
                "EVAL x 0 -> [{\"type\":\"bulk string\",\"value\":\"subscribe\"},{\"type\":\"bulk string\",\"value\":\"a\"},{\"type\":\"integer\",\"value\":1}]",
                "LRANGE l 0 -1 -> [{\"type\":\"bulk string\",\"value\":\"message\"},{\"type\":\"bulk string\",\"value\":\"a\"},{\"type\":\"bulk string\",\"value\":\"m\"}]",
                "GET k -> \"K\"",
            ],
        ),
        (&[("PING", "+PONG|")], &["PING -> \"PONG\""]),
    ];
    for (parts, expected) in table {
        assert_eq!(paired(&conversation(parts)), expected, "{parts:?}");
    }
}

#[test]
fn too_many_waiting_commands_make_no_wrong_pairs() {
    let numbers = 0..70_000;
    let commands = numbers.clone().map(|number| format!("GET {number}")).collect::<Vec<_>>();
    let replies = numbers.map(|number| format!(":{number}|")).collect::<Vec<_>>().concat();
    let found = paired(&conversation(&[(&commands.join(" / "), &replies)]));
    assert!(found.len() > 60_000, "{}", found.len());
    for pair in found {
        let (command, reply) = pair.split_once(" -> ").expect("a pair");
        assert_eq!(command, format!("GET {reply}"));
    }
}

#[test]
fn a_database_is_that_of_a_select_that_was_executed() {
    for (parts, expected) in [
        (&[("MULTI / SELECT 5 / DISCARD / SET a 1", "+OK|+QUEUED|+OK|+OK|")][..], "0"),
        (&[("MULTI / SELECT 5 / EXEC / SET a 1", "+OK|+QUEUED|*1|+OK|+OK|")], "5"),
        (
            &[("WATCH k / MULTI / SELECT 5 / EXEC", "+OK|+OK|+QUEUED|*-1|"), ("SET a 1", "+OK|")],
            "0",
        ),
        (&[("MULTI / SELECT 99 / EXEC", "+OK|+QUEUED|*1|-ERR no|"), ("SET a 1", "+OK|")], "null"),
        (&[("SELECT 01 / SET a 1", "-ERR no|+OK|")], "0"),
        (&[("SELECT 5 / RESET / SET a 1", "+OK|+RESET|+OK|")], "0"),
    ] {
        let capture = conversation(parts);
        let output =
            inspect(&["--json", "--command", "SET", "--only", "requests", "-"], capture.file());
        let line: Value = serde_json::from_str(text(&output.stdout).trim()).expect("a line");
        assert_eq!(line["db"].to_string(), expected, "{parts:?}");
    }
}
