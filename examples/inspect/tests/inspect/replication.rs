//! What a primary sends to a replica: saved as a file, and recorded with the replica's side (see `../captures/record.py`).

use std::fs;

use crate::program::{inspect, text};

fn stream(name: &str) -> Vec<u8> {
    fs::read(format!("../../tests/captures/replication-{name}.stream")).expect("the stream")
}

const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
const GETACK: &[u8] = b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";
const MARK: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn a_saved_stream_is_read_with_its_snapshot_and_its_commands() {
    for (name, first) in
        [("disk", "FULLRESYNC "), ("diskless", "FULLRESYNC "), ("continue", "CONTINUE ")]
    {
        let bytes = stream(name);
        let shown = inspect(&["--offsets", "-"], &bytes);
        let (whole, error) = (text(&shown.stdout), text(&shown.stderr));
        assert!(shown.status.success() && error.is_empty(), "{name}: {error}");
        assert!(whole.starts_with(&format!("0 {first}")), "{name}: {whole}");
        assert!(whole.ends_with(" \"SET\" \"end\" \"1\"\n"), "{name}: {whole}");
        let snapshots = whole.matches("(snapshot: an RDB file of Redis, version 10, 768 bytes)\n");
        assert_eq!(snapshots.count(), usize::from(name != "continue"), "{name}: {whole}");
        // Each command is at its offset, and the snapshot too.
        for line in whole.lines().skip(1) {
            let (offset, frame) = line.split_once(' ').expect("an offset");
            let start = if frame.starts_with('(') { "REDIS" } else { "*" };
            let offset = offset.parse::<usize>().expect("a number");
            assert!(bytes[offset..].starts_with(start.as_bytes()), "{name}: {line}");
        }
        // The replies of the handshake may come first, and empty lines between all parts.
        let whole = text(&inspect(&["-"], &bytes).stdout);
        let handshake = [b"+PONG\r\n+OK\r\n\n\n+OK\r\n\n", &*bytes].concat();
        let output = text(&inspect(&["-"], &handshake).stdout);
        assert_eq!(output, format!("PONG\nOK\nOK\n{whole}"), "{name}");
        // Only the commands can be sent again.
        let raw = inspect(&["--raw", "-"], &handshake).stdout;
        let commands = zresp::requests(&raw).collect::<Result<Vec<_>, _>>().expect("commands");
        let is_written = |line: &&str| line.contains('"') && !line.contains("\"REPLCONF\"");
        assert_eq!(commands.len(), whole.lines().filter(is_written).count(), "{name}");
    }
}

#[test]
fn a_snapshot_may_come_without_a_line_before_it() {
    let commands = [SET, b"\n", GETACK, b"\n\n", SET].concat();
    let shown = "\"SET\" \"k\" \"v\"\n\"REPLCONF\" \"GETACK\" \"*\"\n\"SET\" \"k\" \"v\"\n";
    let marked = format!("$EOF:{MARK}\r\nVALKEY080\x01{MARK}");
    for (payload, what) in [
        ("$10\r\nREDIS0011\x01", "Redis, version 11, 10 bytes"),
        ("\n\n$10\r\nREDIS0011\x01", "Redis, version 11, 10 bytes"),
        (marked.as_str(), "Valkey, version 80, 10 bytes"),
    ] {
        let output = inspect(&["-"], &[payload.as_bytes(), &*commands].concat());
        let expected = format!("(snapshot: an RDB file of {what})\n{shown}");
        assert_eq!((text(&output.stdout), text(&output.stderr)), (expected, String::new()));
        let output = inspect(&["-"], payload.as_bytes());
        assert_eq!(text(&output.stdout), format!("(snapshot: an RDB file of {what})\n"));
        assert!(output.status.success());
    }
    // A synchronisation over two connections: the commands come over this one.
    for line in ["+RDBCHANNELSYNC 7\r\n", "+PONG\r\n+DUALCHANNELSYNC\r\n+OK\r\n+CONTINUE\r\n"] {
        let output = inspect(&["--only", "requests", "-"], &[line.as_bytes(), &*commands].concat());
        assert_eq!((text(&output.stdout), text(&output.stderr)), (shown.to_owned(), String::new()));
    }
    // Nothing is read after the end, not even what is broken.
    for (end, expected) in [("7", "PONG\n"), ("8", "PONG\nCONTINUE\n")] {
        let output = inspect(&["--to", end, "-"], b"+PONG\r\n+CONTINUE\r\n*x");
        assert_eq!((text(&output.stdout), output.status.code()), (expected.to_owned(), Some(0)));
    }
    // A value that begins like a snapshot has a line end after it.
    let output = inspect(&["-"], b"$10\r\nREDIS0011\x01\r\n+OK\r\n");
    assert_eq!(text(&output.stdout), "\"REDIS0011\\x01\"\nOK\n");
}

#[test]
fn a_stream_that_is_cut_or_broken_is_reported() {
    let bytes = stream("disk");
    let snapshot_end = 64 + 768;
    for size in (1..snapshot_end).step_by(13) {
        let output = inspect(&["--as", "replication", "-"], &bytes[..size]);
        let error = text(&output.stderr);
        let is_between = (57..61).contains(&size);
        assert_eq!(output.status.code(), Some(1 - i32::from(is_between)), "{size}: {error}");
        assert!(
            is_between || error.contains(&format!(": offset {size}: input ends inside ")),
            "{error}"
        );
    }
    let refused = format!("+FULLRESYNC {MARK} 42\r\n\n-ERR \x1b[2J no disk\r\n");
    let table = [
        (refused.as_str(), "refused: ERR \\u{1b}[2J no disk"),
        ("$5x", "expected a digit or CR, found `x`"),
        ("+FULLRESYNC 0123\r\n", "expected"),
    ];
    for (input, expected) in table {
        let output = inspect(&["--as", "replication", "-"], input.as_bytes());
        let error = text(&output.stderr);
        assert!(error.contains(expected) && error.lines().count() == 1, "{input}: {error}");
        assert_eq!(output.status.code(), Some(1), "{input}");
    }
    // Broken commands have their offset in the file.
    let broken = [&*stream("disk"), b"*1\r\n:1\r\n", SET].concat();
    let output = inspect(&["--keep-going", "-"], &broken);
    let error = text(&output.stderr);
    let offset = stream("disk").len();
    assert!(error.contains(&format!("offset {}: expected `$`", offset + 4)), "{error}");
    assert!(error.contains(&format!("skipped 8 bytes, to offset {}\n", offset + 8)), "{error}");
    assert!(text(&output.stdout).ends_with("\"SET\" \"end\" \"1\"\n\"SET\" \"k\" \"v\"\n"));
}

#[test]
fn changed_streams_never_end_the_program() {
    let monitor = b"OK\n1700000000.123456 [0 127.0.0.1:1] \"set\" \"a\\x00\" \"\"\n".to_vec();
    for (kind, stream) in [
        ("replication", stream("disk")),
        ("replication", stream("diskless")),
        ("replication", stream("continue")),
        ("monitor", monitor),
    ] {
        for place in 0..stream.len().min(140) {
            for change in [0xff, 1] {
                let mut changed = stream.clone();
                changed[place] ^= change;
                let output = inspect(&["--as", kind, "--keep-going", "-"], &changed);
                let error = text(&output.stderr);
                assert!(matches!(output.status.code(), Some(0 | 1)), "{kind} {place}: {error}");
                assert!(error.lines().all(|line| line.starts_with("zresp-inspect: ")), "{error}");
            }
        }
    }
}

/// Returns what a replica says and gets in the capture: without times, latencies, identifiers, and other clients.
fn recorded() -> String {
    let output = inspect(&["tests/captures/replica.pcap"], b"");
    // The connection of another client began before the capture.
    let error = text(&output.stderr);
    let line = ": 1 commands and 1 replies are not paired: it is not certain which of them belong together\n";
    assert!(output.status.success() && error.ends_with(line), "{error}");
    let shown = text(&output.stdout);
    let first = shown.lines().next().expect("a line");
    let primary = first.split(' ').nth(3).expect("an address");
    let mut lines = String::new();
    for line in shown.lines().filter(|line| !line.contains("\"ACK\"")) {
        let fields: Vec<_> = line.splitn(5, ' ').collect();
        let (side, content) = match fields.as_slice() {
            [_, from, ">", _, content] => (if *from == primary { "< " } else { "> " }, *content),
            _ => ("", line),
        };
        let latency = content.split_once("s \"").filter(|(time, _)| !time.contains(' '));
        let content = latency.map_or_else(|| content.to_owned(), |(_, rest)| format!("\"{rest}"));
        let words = content.split(' ').map(|word| {
            let word_is_id = word.trim_matches('"').len() == 40;
            if word_is_id { "ID" } else { word }
        });
        lines.extend([side, &words.collect::<Vec<_>>().join(" "), "\n"]);
    }
    lines
}

#[test]
fn a_recorded_replica_synchronises_and_continues() {
    let expected = r#"
> "PING"
PONG
> "REPLCONF" "listening-port" "34161"
OK
> "REPLCONF" "capa" "eof" "capa" "psync2"
OK
> "PSYNC" "?" "-1"
FULLRESYNC ID 14
< (snapshot: an RDB file of Redis, version 10, 1033 bytes)
> unpaired "SET" "while" "linked"
< "SELECT" "0"
< "SET" "while" "linked"
> unpaired OK
> "CLIENT" "KILL" "TYPE" "replica"
(integer) 1
> "SET" "while" "away"
OK
> "PING"
PONG
> "REPLCONF" "listening-port" "34161"
OK
> "REPLCONF" "capa" "eof" "capa" "psync2"
OK
> "PSYNC" ID "74"
CONTINUE ID
< "SET" "while" "away"
< "INCR" "n"
> "INCR" "n"
(integer) 4
"#;
    assert_eq!(recorded(), expected.trim_start());
}
