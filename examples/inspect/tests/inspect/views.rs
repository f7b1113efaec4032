//! The other views: statistics, and requests.

use std::collections::HashSet;
use std::fs;

use crate::packets::From::{Client, Server};
use crate::packets::{Capture, Ip, Link};
use crate::program::{inspect, text};

#[test]
fn stats_count_the_values_of_each_kind() {
    let input = b"+OK\r\n*3\r\n:1\r\n:2\r\n|1\r\n+a\r\n_\r\n$-1\r\n%?\r\n+k\r\n$?\r\n;0\r\n.\r\n";
    let output = inspect(&["--stats", "-"], input);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let shown = text(&output.stdout);
    let (counts, pass) = shown.rsplit_once("pass      ").expect("a line about the pass");
    let expected = "\
frames    3
elements  10, including the frames themselves
bytes     52
largest   28 bytes at offset 5 of standard input
kinds     simple string     3  27.2 %
          integer           2  18.1 %
          array             1   9.0 %
          attribute         1   9.0 %
          map               1   9.0 %
          null              1   9.0 %
          null bulk string  1   9.0 %
          streamed string   1   9.0 %
sizes     below 8 B   1 ████████████████████
          below 32 B  2 ████████████████████████████████████████
";
    assert_eq!(counts, expected);
    assert!(pass.ends_with("B/s, with reading\n") && !pass.contains(", 0 "), "{pass}");

    let nothing = text(&inspect(&["--stats", "-"], b"").stdout);
    let expected = "frames    0\nelements  0, including the frames themselves\nbytes     0\n";
    let pass = nothing.strip_prefix(expected).expect("counts");
    assert!(pass.starts_with("pass ") && !pass.contains("/s"), "{nothing}");
}

#[test]
fn requests_are_printed_with_their_arguments_in_quotes() {
    let pipeline = b"*2\r\n$3\r\nGET\r\n$5\r\na \"\r\n\r\n\r\nset k 'v w'\r\n*0\r\n";
    let output = inspect(&["--as", "requests", "-"], pipeline);
    assert_eq!(text(&output.stdout), "\"GET\" \"a \\\"\\r\\n\"\n\"set\" \"k\" \"v w\"\n");
    assert!(output.status.success());

    let output = inspect(&["--as", "requests", "-"], b"PING\r\n*1\r\n:1\r\n");
    assert_eq!(text(&output.stdout), "\"PING\"\n");
    let line = "zresp-inspect: standard input: offset 10: expected `$`, found `:`: \
        2a 31 0d 0a [3a] 31 0d 0a (frame at offset 6, good frames before it: 1)\n";
    assert_eq!(text(&output.stderr), line);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_broken_append_only_file_is_sound_up_to_the_offset_in_its_error() {
    let bytes = fs::read("../../tests/append_only/redis-7.0/appendonly.aof.2.incr.aof");
    let bytes = bytes.expect("the recorded file");
    let mut kept = HashSet::new();
    for size in 0..bytes.len() {
        let (part, _) = bytes.split_at(size);
        for broken in [part.to_vec(), [part, b"*1\r\n:"].concat()] {
            let error = text(&inspect(&["--as", "aof", "-"], &broken).stderr);
            let Some((_, rest)) = error.split_once(", ok up to ") else {
                assert_eq!(error, "", "{size}");
                continue;
            };
            let digits = rest.split(|char: char| !char.is_ascii_digit()).next();
            let end = digits.and_then(|digits| digits.parse::<usize>().ok()).expect("a number");
            if kept.insert(end) {
                let output = inspect(&["--as", "aof", "-"], &broken[..end]);
                assert!(output.status.success(), "{end}: {}", text(&output.stderr));
            }
        }
    }
    assert!(kept.len() > 5, "{kept:?}");
}

#[test]
fn append_only_files_are_read_with_their_snapshots() {
    for (snapshot, what) in [
        (b"REDIS0011\xfa\tredis-ver\x05\xff\n*1\r\n".as_slice(), "is cut or damaged"),
        (b"REDIS0009\"\n", "is cut or damaged"),
        (b"REDIS0011\xfa\tredis-ver\x05\xff12345678", "has a wrong checksum"),
    ] {
        let output = inspect(&["-"], snapshot);
        assert!(output.stdout.is_empty());
        // Nothing that invites to cut the file to nothing.
        let error = format!(
            "offset {}: snapshot {what}, no part of the file can be used: ",
            snapshot.len()
        );
        let line = text(&output.stderr);
        assert!(line.starts_with(&format!("zresp-inspect: standard input: {error}")), "{line}");
        assert_eq!(output.status.code(), Some(1));
    }

    let base = "../../tests/append_only/redis-7.0/appendonly.aof.2.base.rdb";
    let json = text(&inspect(&["--json", base], b"").stdout);
    assert!(json.ends_with(",\"checksum\":\"holds\"}}\n"), "{json}");

    for file in ["redis-6.2.aof", "valkey-9.1/appendonly.aof.2.incr.aof"] {
        let output = inspect(&[&format!("../../tests/append_only/{file}")], b"");
        let shown = text(&output.stdout);
        let commands = shown.lines().filter(|line| !line.starts_with("(snapshot: "));
        let commands: Vec<_> = commands.collect();
        let first = commands.first().expect("a command");
        assert!(first.ends_with("\"SELECT\" \"0\""), "{file}: {shown}");
        assert_eq!(commands.len(), 10, "{file}: {shown}");
        assert!(output.status.success(), "{file}: {}", text(&output.stderr));
    }
    let output = inspect(&["-"], b"*1\r\n$4\r\nPING\r\n#TS:1\r\n");
    assert_eq!(text(&output.stdout), "\"PING\"\n");

    let output = inspect(&["--stats", "../../tests/captures/appendonly.aof"], b"");
    let stats = text(&output.stdout);
    assert!(stats.contains("\ncommands ") && stats.contains("\nset "), "{stats}");
    assert!(output.status.success());
}

#[test]
fn errors_count_for_the_command_that_failed_and_add_up() {
    let exchanges: [(&str, &str); 9] = [
        ("MULTI", "+OK\r\n"),
        ("SET k v", "+QUEUED\r\n"),
        ("INCR k", "+QUEUED\r\n"),
        ("HGETALL k", "+QUEUED\r\n"),
        ("EXEC", "*3\r\n+OK\r\n-ERR value\r\n-WRONGTYPE kind\r\n"),
        ("INCR k", "-ERR value\r\n"),
        ("EVAL s 0", "*2\r\n-ERR a\r\n*1\r\n!5\r\nMY no\r\n"),
        ("MULTI", "+OK\r\n"),
        ("EXEC", "-EXECABORT x\r\n"),
    ];
    let command = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let arguments = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
        format!("*{}\r\n{}", words.len(), arguments.collect::<String>())
    };
    let send = |capture: Capture, (line, reply): &(&str, &str)| {
        capture.send(Client, command(line).as_bytes()).send(Server, reply.as_bytes())
    };
    let capture = exchanges.iter().fold(Capture::new(Link::Raw, Ip::V4).open(), send);
    let shown = text(&inspect(&["--stats", "-"], capture.file()).stdout);
    let errors = |name: &str| {
        let line = shown.lines().find(|line| line.split_whitespace().next() == Some(name));
        let cells = line.expect("a line").split_whitespace().nth(4).expect("errors");
        cells.parse::<u64>().expect("a number")
    };
    let names = ["set", "incr", "hgetall", "exec", "eval", "multi"];
    assert_eq!(names.map(errors), [0, 2, 1, 1, 2, 0], "{shown}");
    let codes = "errors    ERR        3\n          EXECABORT  1\n          MY         1\n          WRONGTYPE  1\n";
    assert!(shown.contains(codes), "{shown}");
    assert!(
        shown.contains("          error              5 ") || shown.contains("error          5 "),
        "{shown}"
    );
    let client = shown.lines().find(|line| line.starts_with("10.0.0.1:50000 ")).expect("a client");
    let cells: Vec<_> = client.split_whitespace().collect();
    assert_eq!((cells[1], cells[3]), ("9", "6"), "{shown}");

    // With some of the commands of a transaction left out, it is not known which one failed.
    let some = ["--stats", "--command", "incr", "--command", "exec", "-"];
    let shown = text(&inspect(&some, capture.file()).stdout);
    let exec = shown.lines().find(|line| line.starts_with("exec ")).expect("a line");
    assert_eq!(exec.split_whitespace().nth(4), Some("3"), "{shown}");

    // More codes than are counted are one line.
    let replies = (0..100).map(|number| format!("-E{number} x\r\n")).collect::<Vec<_>>().concat();
    let shown = text(&inspect(&["--stats", "-"], replies.as_bytes()).stdout);
    assert!(shown.contains("errors    (others)  36\n"), "{shown}");
}

#[test]
fn the_ten_clients_with_most_bytes_are_shown() {
    let mut capture = Capture::new(Link::Raw, Ip::V4);
    for port in 1..=12 {
        capture = capture.connection(50_000 + port, 6379).open();
        for _ in 0..port {
            capture = capture.send(Client, b"PING\r\n").send(Server, b"+PONG\r\n");
        }
    }
    let shown = text(&inspect(&["--stats", "-"], capture.file()).stdout);
    let (_, table) = shown.split_once("\nclients (10 of 12)  ").expect("a table");
    let clients: Vec<_> = table.lines().filter(|line| line.starts_with("10.0.0.1:")).collect();
    assert_eq!(clients.len(), 10, "{shown}");
    let monitor = b"1700000000.0 [0 127.0.0.1:1] \"PING\"\n1700000000.0 [0 lua] \"GET\" \"a\"\n";
    let stats = text(&inspect(&["--stats", "-"], monitor).stdout);
    assert!(stats.contains("\n127.0.0.1:1         1     14       0\n"), "{stats}");
    let long = format!("1700000000.0 [0 unix:/{}] \"PING\"\n", "é".repeat(1000));
    let stats = text(&inspect(&["--stats", "-"], long.as_bytes()).stdout);
    assert!(stats.contains(&format!("\nunix:/{}  ", "é".repeat(61))), "{stats}");
    let first: Vec<_> = clients[0].split_whitespace().collect();
    assert_eq!(first, ["10.0.0.1:50012", "12", "156", "0"]);
}

#[test]
fn characters_that_show_nothing_are_escaped() {
    let hidden = [
        '\u{ad}',
        '\u{200b}',
        '\u{2060}',
        '\u{206f}',
        '\u{feff}',
        '\u{fff9}',
        '\u{e0001}',
        '\u{e007f}',
    ];
    for char in hidden {
        let input = format!("+a{char}b\r\n");
        let output = inspect(&["-"], input.as_bytes());
        assert_eq!(text(&output.stdout), format!("a{}b\n", char.escape_unicode()));
        let json = text(&inspect(&["--json", "-"], input.as_bytes()).stdout);
        assert!(json.is_ascii(), "{json}");
        let line: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(line["reply"]["value"], format!("a{char}b"));
    }
}
