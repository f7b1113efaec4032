//! Each input is recognised by its first bytes.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::program::{inspect, text};
use crate::scratch::Scratch;

/// A frame in the format of zstd with the content `+zstd\r\n`, stored without compression.
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x20\x07\x39\x00\x00+zstd\r\n";

/// The checksum of the content of `ZSTD`: the lower half of its XXH64.
const ZSTD_SUM: [u8; 4] = [163, 42, 68, 13];

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
        (b"#TS:1700000000\r\n*1\r\n$4\r\nPING\r\n", "2023-11-14T22:13:20.000000Z \"PING\"\n"),
    ];
    for (input, expected) in table {
        for input in [input.to_vec(), gzip(input), gzip(&gzip(input))] {
            let output = inspect(&["-"], &input);
            assert_eq!(text(&output.stdout), *expected, "{}", text(&output.stderr));
            assert!(output.status.success());
        }
    }
    // Frames without content may come before others and between them.
    let empty = b"\x50\x2a\x4d\x18\x03\0\0\0+a\r".as_slice();
    let twice = [empty, ZSTD, empty, empty, ZSTD, empty].concat();
    assert_eq!(text(&inspect(&["-"], &twice).stdout), "zstd\nzstd\n");
    let twice = [gzip(b"+a\r\n"), gzip(b"+b\r\n")].concat();
    assert_eq!(text(&inspect(&["-"], &twice).stdout), "a\nb\n");
}

#[test]
fn compressed_input_that_is_damaged_is_an_error() {
    let checked = b"\x28\xb5\x2f\xfd\x24\x07\x39\x00\x00+zstd\r\n";
    let whole = [checked.as_slice(), &ZSTD_SUM].concat();
    assert_eq!(text(&inspect(&["-"], &whole).stdout), "zstd\n");
    let zip = gzip(b"+gzip\r\n");
    for (name, file) in [("zstd", &whole), ("gzip", &zip)] {
        // The first ten bytes of gzip are its header. Nothing checks some of them.
        for place in 10..file.len() {
            let mut damaged = file.clone();
            damaged[place] ^= 1;
            let output = inspect(&["-"], &damaged);
            let error = text(&output.stderr);
            assert_eq!(
                (output.status.code(), error.lines().count()),
                (Some(1), 1),
                "{name} {place}"
            );
            let cut = inspect(&["-"], file.split_at(place).0);
            assert_eq!(cut.status.code(), Some(1), "{name}, {place} bytes");
        }
    }
    // A window of 2 TiB is refused before memory for it is allocated.
    let output = inspect(&["-"], b"\x28\xb5\x2f\xfd\x00\xff\x01\0\0");
    assert_eq!(output.status.code(), Some(1));
    // The size of the content in the header is wrong.
    for size in [6, 8, 200] {
        let mut file = ZSTD.to_vec();
        file[5] = size;
        let output = inspect(&["-"], &file);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{size}");
        assert!(error.ends_with(": size of the content does not match\n"), "{error}");
    }
    let mut nested = b"+OK\r\n".to_vec();
    for _ in 0..4 {
        nested = gzip(&nested);
        assert_eq!(text(&inspect(&["-"], &nested).stdout), "OK\n");
    }
    nested = gzip(&nested);
    let error = text(&inspect(&["-"], &nested).stderr);
    assert!(error.ends_with(": compressed more than four times\n"), "{error}");
}

#[test]
fn what_is_whole_before_a_cut_is_shown_and_what_follows_the_compressed_form_is_reported() {
    let checked = b"\x28\xb5\x2f\xfd\x24\x07\x39\x00\x00+zstd\r\n";
    let whole = [checked.as_slice(), &ZSTD_SUM].concat();
    // In a second block, and in the checksum.
    let blocks = b"\x28\xb5\x2f\xfd\x00\x58\x20\x00\x00+a\r\n\x21\x00\x00+b\r\n".as_slice();
    let cuts = [(whole.as_slice(), 16..20, "zstd\n"), (blocks, 13..20, "a\n")];
    for (file, places, shown) in cuts {
        for place in places {
            let output = inspect(&["--as", "replies", "-"], &file[..place]);
            let error = text(&output.stderr);
            assert_eq!(text(&output.stdout), shown, "{place}: {error}");
            assert!(error.ends_with(": the zstd form is cut\n"), "{place}: {error}");
            assert_eq!(output.status.code(), Some(1));
        }
    }
    assert_eq!(text(&inspect(&["-"], blocks).stdout), "a\nb\n");

    let zip = gzip(b"+a\r\n");
    let output = inspect(&["-"], &zip[..zip.len() - 1]);
    assert_eq!(text(&output.stdout), "a\n");
    assert!(text(&output.stderr).ends_with(": the gzip form is cut\n"), "{output:?}");

    for (form, file, shown) in [("zstd", &whole, "zstd\n"), ("gzip", &zip, "a\n")] {
        for garbage in [b"garbage".as_slice(), b"\x1f\x8cgarbage, longer"] {
            let output = inspect(&["-"], &[file, garbage].concat());
            let line =
                format!(": garbage after the {form} form, at offset {} of the file\n", file.len());
            assert_eq!((text(&output.stdout).as_str(), output.status.code()), (shown, Some(1)));
            assert!(text(&output.stderr).ends_with(&line), "{}", text(&output.stderr));
        }
    }
    // Zeros that fill up the last block of a tape are not garbage.
    let padded = [zip.as_slice(), &[0; 10_000]].concat();
    let output = inspect(&["-"], &padded);
    assert!(output.status.success() && text(&output.stdout) == "a\n", "{output:?}");
    let output = inspect(&["-"], &[padded, zip].concat());
    assert!(text(&output.stderr).contains(": garbage after the gzip form, "), "{output:?}");
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
        assert!(shown.contains("\"SELECT\" \"0\"\n"), "{server}: {shown}");
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

    let empty = Scratch::directory("empty");
    let output = inspect(&[empty.path()], b"");
    assert!(text(&output.stderr).ends_with(": no files in this directory\n"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn damage_in_the_first_bytes_does_not_change_the_kind() {
    let select = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
    let file = fs::read("../../tests/append_only/redis-6.2.aof").expect("the recorded file");
    let start = file.windows(select.len()).position(|bytes| bytes == select);
    let (whole, select) = (file.split_at(start.expect("a command")).1, select.len());
    let named = Scratch::new("damaged.aof", b"");
    for place in (0..whole.len()).step_by(3) {
        let (before, after) = whole.split_at(place);
        for (form, damaged) in [
            ("changed", [before, b"\xff", &after[1..]].concat()),
            ("inserted", [before, b"+", after].concat()),
            ("removed", [before, &after[1..]].concat()),
        ] {
            let expected = inspect(&["--as", "aof", "-"], &damaged);
            let expected = (text(&expected.stdout), text(&expected.stderr));
            if place >= select {
                let found = inspect(&["-"], &damaged);
                let found = (text(&found.stdout), text(&found.stderr));
                assert_eq!(found, expected, "{form} at {place}");
            }
            fs::write(named.path(), &damaged).expect("a file");
            let found = text(&inspect(&[named.path()], b"").stdout);
            assert_eq!(found, expected.0, "{form} at {place}");
        }
    }
    // Without SELECT, a reply tells replies from damaged requests.
    let set = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n".as_slice();
    for (rest, shown) in [
        (b"*3\r\n$3\r\nSET\r\n$1\r\nkk\r\n$1\r\nv\r\n".as_slice(), "\"SET\" \"k\" \"v\"\n"),
        (b"*3\r\n$3\r\nSET\r\n$1\r\n$\r\r\n$1\r\nv\r\n", "\"SET\" \"k\" \"v\"\n"),
        (
            b"*3000\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*1\r\n$4\r\nPING\r\n",
            "\"SET\" \"k\" \"v\"\n",
        ),
        (b"*2\r\n$1\r\na\r\n:1\r\n", "1) \"SET\"\n2) \"k\"\n3) \"v\"\n1) \"a\"\n2) (integer) 1\n"),
        (b"+OK\r\n", "1) \"SET\"\n2) \"k\"\n3) \"v\"\nOK\n"),
    ] {
        let output = inspect(&["-"], &[set, rest].concat());
        assert_eq!(text(&output.stdout), shown, "{}", rest.escape_ascii());
    }
    // The name of a file decides if its content may be anything.
    for (end, content) in
        [("aof", b"\0*1\r\n".to_vec()), ("AOF.gz", gzip(b"*1\r\n$5\r\nhello\r\n"))]
    {
        let file = Scratch::new(&format!("named.{end}"), &content);
        let found = inspect(&["--json", file.path()], b"");
        let expected = inspect(&["--json", "--as", "aof", file.path()], b"");
        assert_eq!((found.stdout, found.stderr), (expected.stdout, expected.stderr), "{end}");
    }
    let capture = fs::read("tests/captures/session.pcap").expect("the capture");
    let capture = Scratch::new("capture.aof", &capture);
    assert!(inspect(&[capture.path()], b"").status.success());
}
