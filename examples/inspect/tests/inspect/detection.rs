//! Each input is recognised by its first bytes.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::program::{inspect, text};
use crate::scratch::Scratch;

/// A frame in the format of zstd with the content `+zstd\r\n`, stored without compression.
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x20\x07\x39\x00\x00+zstd\r\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("a vector is written to");
    encoder.finish().expect("a vector is written to")
}

#[test]
fn the_recorded_requests_and_replies_are_told_apart() {
    let mut count = 0;
    for entry in fs::read_dir("../../tests/captures").expect("the folder of captures") {
        let path = entry.expect("a folder entry").path();
        let extension = path.extension().unwrap_or_default().to_str().expect("a path in UTF-8");
        let kind = match extension {
            "replies" | "requests" => extension,
            "aof" => "aof",
            _ => continue,
        };
        let path = path.to_str().expect("a path in UTF-8");
        let expected = inspect(&["--json", "--as", kind, path], b"");
        let found = inspect(&["--json", path], b"");
        assert!(found.stdout == expected.stdout, "{path} is not taken for {kind}");
        assert!(found.status.success(), "{path}: {}", text(&found.stderr));
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn every_kind_is_found_in_a_pipe_that_writes_one_byte_at_a_time() {
    let table: &[(&[u8], &str)] = &[
        (b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "\"GET\" \"k\"\n"),
        (b"get k\r\n", "\"get\" \"k\"\n"),
        (b"*2\r\n$3\r\nfoo\r\n$1\r\nk\r\n", "1) \"foo\"\n2) \"k\"\n"),
        (
            b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
            "1) \"subscribe\"\n2) \"c\"\n3) (integer) 1\n",
        ),
        (b"+OK\r\n*1\r\n$4\r\nPING\r\n", "OK\n1) \"PING\"\n"),
        (b"#t\r\n", "(true)\n"),
        (b"#TS:1700000000\r\n*1\r\n$4\r\nPING\r\n", "\"PING\"\n"),
    ];
    for (input, expected) in table {
        for input in [input.to_vec(), gzip(input), gzip(&gzip(input))] {
            let output = inspect(&["-"], &input);
            assert_eq!(text(&output.stdout), *expected, "{}", text(&output.stderr));
            assert!(output.status.success());
        }
    }
    let twice = [ZSTD, ZSTD].concat();
    assert_eq!(text(&inspect(&["-"], &twice).stdout), "zstd\nzstd\n");
    let twice = [gzip(b"+a\r\n"), gzip(b"+b\r\n")].concat();
    assert_eq!(text(&inspect(&["-"], &twice).stdout), "a\nb\n");
}

#[test]
fn what_is_not_resp_is_named_in_one_line() {
    let table: &[(&[u8], &str)] = &[
        (b"\x16\x03\x01\x02\x00\x01", "a TLS stream, which is encrypted"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "an HTTP exchange, not RESP"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "an HTTP exchange, not RESP"),
        (b"\x7fELF", "neither RESP nor a packet capture (--as tells what it is)"),
    ];
    for (input, expected) in table {
        let output = inspect(&["-"], input);
        let expected = format!("zresp-inspect: standard input: {expected}\n");
        assert_eq!((text(&output.stderr), output.status.code()), (expected, Some(1)));
    }
    let cut = &gzip(&b"+OK\r\n".repeat(10_000));
    let output = inspect(&["-"], cut.split_at(cut.len() - 9).0);
    let error = text(&output.stderr);
    assert!(
        error.starts_with("zresp-inspect: standard input: ") && error.lines().count() == 1,
        "{error}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_directory_is_read_by_its_manifest_or_looked_through() {
    for server in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let output = inspect(&[&format!("../../tests/append_only/{server}")], b"");
        let shown = text(&output.stdout);
        assert!(output.status.success(), "{server}: {}", text(&output.stderr));
        assert!(shown.starts_with("(snapshot: an RDB file of "), "{server}: {shown}");
        assert!(shown.contains("\n\"SELECT\" \"0\"\n"), "{server}: {shown}");
    }
    let whole = text(&inspect(&["../../tests/append_only"], b"").stdout);
    assert_eq!(whole.matches("(snapshot: ").count(), 4, "{whole}");

    let directory = Scratch::directory("several");
    for name in ["b.replies", "a.replies", "one.manifest", "two.manifest"] {
        fs::write(format!("{}/{name}", directory.path()), format!("+{name}\r\n")).expect("a file");
    }
    let output = inspect(&[directory.path()], b"");
    assert!(text(&output.stderr).contains("more than one manifest"), "{}", text(&output.stderr));
    for name in ["one.manifest", "two.manifest"] {
        fs::remove_file(format!("{}/{name}", directory.path())).expect("the file is there");
    }
    assert_eq!(text(&inspect(&[directory.path()], b"").stdout), "a.replies\nb.replies\n");
}
