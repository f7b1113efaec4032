//! The other views: statistics, and requests.

use std::collections::HashSet;
use std::fs;

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
    for snapshot in [b"REDIS0011\xfa\tredis-ver\x05\xff\n*1\r\n".as_slice(), b"REDIS0009\"\n"] {
        let output = inspect(&["-"], snapshot);
        assert!(output.stdout.is_empty());
        let error = format!("offset {}: snapshot is cut or damaged, ok up to 0: ", snapshot.len());
        let line = text(&output.stderr);
        assert!(line.starts_with(&format!("zresp-inspect: standard input: {error}")), "{line}");
        assert_eq!(output.status.code(), Some(1));
    }

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
