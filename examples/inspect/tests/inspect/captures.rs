//! Packet captures whose commands are known: see `../captures/record.py`.

use std::io::{BufRead, BufReader, Write};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

use serde_json::Value;

use crate::program::{inspect, start, text};
use crate::scratch::Scratch;

pub(crate) const SESSION: &str = "tests/captures/session.pcap";
const MIDDLE: &str = "tests/captures/middle.pcap";

/// The commands of the session in the order of their replies, and the beginnings of these. Long values are cut.
const EXPECTED: &str = r#"
"SET" "key" "\xff\x00" | OK
"GET" "key" | "\xff\x00"
"INCR" "n" | (integer) 1
"INCR" "key" | (error) ERR value is not an integer or out of range
"GET" "missing" | (nil)
"MULTI" | OK
"INCR" "n" | QUEUED
"LPUSH" "list" "a" "b" | QUEUED
"EXEC" | 1) (integer) 2
"SET" "large" "xxxxxxxx | OK
"GET" "large" | "xxxxxxxx
"SUBSCRIBE" "c1" "c2" | 1) "subscribe"
| 1) "subscribe"
"PUBLISH" "c1" "hello" | (integer) 1
| 1) "message"
"UNSUBSCRIBE" | 1) "unsubscribe"
| 1) "unsubscribe"
"PING" | PONG
"HELLO" "3" | 1# "server" => "redis"
"CLIENT" "TRACKING" "ON" | OK
"GET" "key" | "\xff\x00"
"CLIENT" "REPLY" "SKIP" |
"SET" "key" "2" |
"GET" "key" | "2"
| -> invalidate: 'key'
"CLIENT" "REPLY" "OFF" |
"DEL" "key" |
"CLIENT" "REPLY" "ON" | OK
"DBSIZE" | (integer) 3
"HGETALL" "missing" | (empty hash)
"#;

/// Returns what is printed of a capture, in the form of `EXPECTED`: without times, addresses and the further lines of
/// replies.
fn shown(path: &str) -> Vec<String> {
    let output = inspect(&[path], b"");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    let mut records: Vec<String> = Vec::new();
    let mut expects_reply = false;
    for line in shown.lines() {
        let is_first = line.starts_with("20") && line.contains("Z 127.0.0.1:");
        if is_first {
            let content = line.splitn(5, ' ').nth(4).expect("a time and two addresses");
            let (latency, command) = content.split_once(' ').unwrap_or((content, ""));
            expects_reply =
                latency.ends_with('s') && latency.starts_with(|c: char| c.is_ascii_digit());
            records.push(match (expects_reply, content.starts_with('"')) {
                (true, _) => format!("{command} |"),
                (false, true) => format!("{content} |"),
                (false, false) => format!("| {content}"),
            });
        } else if expects_reply {
            expects_reply = false;
            let last = records.last_mut().expect("a command");
            last.push(' ');
            last.push_str(line);
        }
    }
    records
}

fn assert_session(records: &[String]) {
    let expected: Vec<_> = EXPECTED.trim().lines().collect();
    for (record, expected) in records.iter().zip(&expected) {
        let cut = record.replace(&"x".repeat(248), "").replace("\"… 70000 bytes", "");
        assert_eq!(cut.trim_end(), expected.trim_end());
    }
    assert_eq!(records.len(), expected.len());
}

#[test]
fn commands_are_paired_with_their_replies() {
    assert_session(&shown(SESSION));
}

#[test]
fn a_connection_may_have_begun_before_the_capture() {
    // Nothing but the content tells which side is the server: the port is none of the usual ones.
    let expected = [
        "| unpaired \"INCR\" \"n\"",
        "| unpaired (integer) 3",
        "\"GET\" \"before\" | \"1\"",
        "\"NOSUCH\" | (error) ERR ",
    ];
    // A reply to a command before the capture could be due at its beginning.
    let records = shown(MIDDLE);
    assert_eq!(records.len(), 4, "{records:?}");
    for (record, expected) in records.iter().zip(expected) {
        assert!(record.starts_with(expected), "{record}");
    }
}

/// The packets of a pcap file, with their headers.
pub(crate) fn packets(file: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (header, mut rest) = file.split_at(24);
    let mut packets = Vec::new();
    while let Some(size) = rest.get(8..12) {
        let size = u32::from_le_bytes(size.try_into().expect("four bytes"));
        let (packet, after) = rest.split_at(16 + usize::try_from(size).expect("a size"));
        packets.push(packet.to_vec());
        rest = after;
    }
    (header.to_vec(), packets)
}

fn file(name: &str, header: &[u8], packets: &[Vec<u8>]) -> Scratch {
    Scratch::new(name, &[header, &packets.concat()].concat())
}

#[test]
fn repeated_and_reordered_segments_change_nothing() {
    let (header, packets) = packets(&fs::read(SESSION).expect("the capture"));
    // Each packet comes twice, the second time a little later.
    let mut repeated: Vec<Vec<u8>> = Vec::new();
    for (index, packet) in packets.iter().enumerate() {
        repeated.push(packet.clone());
        if let Some(old) = index.checked_sub(3).and_then(|old| packets.get(old)) {
            repeated.push(old.clone());
        }
    }
    assert_session(&shown(file("repeated", &header, &repeated).path()));

    // The packets of the large reply, and of the large command, come in reverse order.
    let mut reversed = packets.clone();
    let mut runs = 0;
    for index in 1..reversed.len() {
        let [a, b] = [index - 1, index].map(|index| {
            let packet = reversed.get(index).expect("a packet");
            (packet.len() > 4000)
                .then(|| packet.get(16 + 14 + 20..16 + 14 + 24).map(<[u8]>::to_vec))
        });
        if a.is_some() && a == b {
            reversed.swap(index - 1, index);
            runs += 1;
        }
    }
    assert!(runs > 0, "no large packets follow each other");
    assert_session(&shown(file("reversed", &header, &reversed).path()));
}

#[test]
fn lost_segments_are_reported_and_cost_few_frames() {
    let (header, packets) = packets(&fs::read(SESSION).expect("the capture"));
    let whole = EXPECTED.trim().lines().count();
    for index in 0..packets.len() {
        let mut rest = packets.clone();
        let lost = rest.remove(index);
        let output = inspect(&[file("lost", &header, &rest).path()], b"");
        assert!(output.status.success(), "{index}: {}", text(&output.stderr));
        let records =
            text(&output.stdout).lines().filter(|line| line.contains("Z 127.0.0.1:")).count();
        // One packet has at most four commands or replies. Each may make two records of one, and so may those that come
        // before it is certain again which reply belongs to which command.
        assert!(
            records + 5 > whole && records < whole + 15,
            "{index}: {records}, {} bytes",
            lost.len()
        );
    }
}

#[test]
fn a_cut_capture_shows_what_is_whole() {
    let bytes = fs::read(MIDDLE).expect("the capture");
    let sizes: Vec<usize> = (0..bytes.len()).step_by(11).collect();
    for size in sizes {
        let output = inspect(&["--as", "capture", "-"], bytes.split_at(size).0);
        let is_between = [24].contains(&size);
        assert!(
            is_between
                || output.status.code() == Some(1)
                || text(&output.stderr).lines().all(|line| line.contains(" are not paired: ")),
            "{size}"
        );
    }
}

#[test]
fn a_packet_that_announces_too_many_bytes_ends_the_capture() {
    let header = fs::read(MIDDLE).expect("the capture").split_at(24).0.to_vec();
    let packet = [&[0; 8][..], &[0xff, 0xff, 0xff, 0x0f].repeat(2), &vec![0; 100 << 20]].concat();
    let output = inspect(&["-"], &[header, packet].concat());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr).lines().count(), 1, "{}", text(&output.stderr));
}

/// Returns a pcapng file with the packets of a pcap file, with nanoseconds.
fn pcapng(packets: &[Vec<u8>]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let padding = vec![0; body.len().wrapping_neg() % 4];
        let size = u32::try_from(12 + body.len() + padding.len()).expect("a size").to_le_bytes();
        [&kind.to_le_bytes(), &size[..], body, &padding, &size].concat()
    };
    let section = block(0x0a0d_0d0a, b"\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff");
    // Ethernet, no limit of the size, and the option for units of 10^-9 seconds.
    let interface = block(1, b"\x01\0\0\0\0\0\0\0\x09\0\x01\0\x09\0\0\0\0\0\0\0");
    let mut file = [section, interface].concat();
    for packet in packets {
        let number = |at| u32::from_le_bytes(packet[at..at + 4].try_into().expect("four bytes"));
        let nanos = u64::from(number(0)) * 1_000_000_000 + u64::from(number(4)) * 1000;
        let [high, low] = [nanos >> 32, nanos & 0xffff_ffff]
            .map(|half| u32::try_from(half).expect("32 bits").to_le_bytes());
        let body = [&[0; 4], &high, &low, &packet[8..12], &packet[12..16], &packet[16..]].concat();
        file.extend(block(6, &body));
    }
    file
}

#[test]
fn pcapng_is_read_like_pcap() {
    let (_, packets) = packets(&fs::read(SESSION).expect("the capture"));
    let scratch = Scratch::new("session.pcapng", &pcapng(&packets));
    let [old, new] = [SESSION, scratch.path()].map(|path| text(&inspect(&[path], b"").stdout));
    assert_eq!(new, old);
    let stream = inspect(&["-"], &fs::read(scratch.path()).expect("the file"));
    assert_eq!(text(&stream.stdout), old);
}

#[test]
fn the_commands_of_a_capture_can_be_replayed() {
    let raw = inspect(&["--raw", SESSION], b"").stdout;
    let requests: Vec<_> = zresp::requests(&raw).collect::<Result<_, _>>().expect("requests");
    let commands = EXPECTED.trim().lines().filter(|line| line.starts_with('"')).count();
    // HELLO, PING, and those about replies, subscriptions and invalidations.
    assert_eq!(requests.len() + 8, commands);
    let raw = inspect(&["--raw", "--only", "replies", SESSION], b"").stdout;
    let replies: Vec<_> = zresp::replies(&raw).collect::<Result<_, _>>().expect("replies");
    // Four commands have no reply, and four replies no command.
    assert_eq!(replies.len(), commands);
}

#[test]
fn stats_of_a_capture_have_latencies() {
    let stats = text(&inspect(&["--stats", SESSION], b"").stdout);
    let get = stats.lines().find(|line| line.trim().starts_with("get ")).expect("a line for GET");
    let fields: Vec<_> = get.split_whitespace().collect();
    let ["get", "5", _, _, "0", half, most, max] = fields.as_slice() else { panic!("{get}") };
    let micros = |text: &str| {
        let at = text.find(|c: char| c != '.' && !c.is_ascii_digit()).expect("a unit");
        let (number, unit) = text.split_at(at);
        let factor = match unit {
            "ns" => 0.001,
            "µs" => 1.0,
            "ms" => 1000.0,
            _ => panic!("{text}"),
        };
        number.parse::<f64>().expect("a number") * factor
    };
    let lines = text(&inspect(&["--json", "--command", "get", SESSION], b"").stdout);
    let parse =
        |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["latency_us"].as_f64();
    let mut latencies: Vec<f64> = lines.lines().filter_map(parse).collect();
    latencies.sort_by(f64::total_cmp);
    assert_eq!(latencies.len(), 5);
    for (shown, exact) in [(half, latencies[2]), (most, latencies[4]), (max, latencies[4])] {
        let shown = micros(shown);
        assert!((shown - exact).abs() <= exact * 0.06, "{shown} {exact}: {get}");
    }
}

#[test]
fn commands_are_shown_while_the_capture_goes_on() {
    let capture = include_bytes!("../captures/session.pcap");
    let (mut child, mut input) = start(&["-"]);
    let output = child.stdout.take().expect("a pipe");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(output).read_line(&mut line);
        let _ = sender.send(line);
    });
    // The first commands and their replies, in two writes, because the reader of captures begins with two reads. The
    // pipe stays open.
    input.write_all(&capture[..2000]).expect("the program reads");
    thread::sleep(Duration::from_millis(200));
    input.write_all(&capture[2000..3000]).expect("the program reads");
    let line = receiver.recv_timeout(Duration::from_secs(20)).expect("a line");
    assert!(!line.is_empty());
    drop(input);
    child.wait().expect("the program ends");
}
