//! Append-only files are read as servers have written them, and as `redis-check-aof` judges them.
//!
//! `tests/live_check_aof.rs` compares the naive reader that is used here with `redis-check-aof` itself.
#![cfg(feature = "aof")]

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use allocation_counter::measure;
use zresp::Limits;
use zresp::aof::{AofErrorKind, AofReader};
use zresp_testing::drive::aof::{check, part};
use zresp_testing::drive::pieces::Pieces;
use zresp_testing::oracle::aof::{self, AofVerdict, crc64};

const DIRECTORIES: [&str; 3] = ["redis-7.0", "redis-8.6", "valkey-9.1"];

fn recorded(name: &str) -> PathBuf {
    Path::new("tests/append_only").join(name)
}

/// All recorded files, and the older one of commands only.
fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths = vec![recorded("redis-6.2.aof"), PathBuf::from("tests/captures/appendonly.aof")];
    for directory in DIRECTORIES {
        let entries = fs::read_dir(recorded(directory)).unwrap();
        let entries = entries.map(|entry| entry.unwrap().path());
        paths.extend(entries.filter(|path| path.extension().unwrap() != "manifest"));
    }
    assert_eq!(paths.len(), 14);
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// A snapshot of these bytes, with its checksum.
fn snapshot(content: &[u8]) -> Vec<u8> {
    let mut bytes = [b"REDIS0011", content, b"\xff"].concat();
    let checksum = bytes.iter().fold(0, |crc, byte| crc64(crc, *byte));
    bytes.extend(checksum.to_le_bytes());
    bytes
}

#[test]
fn the_naive_checksum_is_that_of_redis() {
    // The example of Redis's `crc64.c`.
    assert_eq!(b"123456789".iter().fold(0, |crc, byte| crc64(crc, *byte)), 0xe9c6_d914_c4b8_d9ca);
}

#[test]
fn every_cut_of_a_file_gets_the_verdict_of_a_naive_reader() {
    for (path, file) in files() {
        assert_eq!(check(&file[..]).verdict, AofVerdict::Valid, "{}", path.display());
        for end in 0..=file.len() {
            let cut = &file[..end];
            let expected = aof::check(cut);
            assert_eq!(check(cut), expected, "{} cut at {end}", path.display());
            for sizes in [&[1][..], &[8, 3, 9, 1]] {
                assert_eq!(
                    check(Pieces::new(cut, sizes)),
                    expected,
                    "{} cut at {end}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_changed_file_gets_the_verdict_of_a_naive_reader() {
    let mut seen = [0; 5];
    for (path, file) in files().into_iter().filter(|(_, file)| file.len() < 1000) {
        for place in 0..file.len() {
            for byte in *b"\r\n*$#-0129XM\xff\0" {
                let mut changed = file.clone();
                changed[place] = byte;
                let expected = aof::check(&changed);
                assert_eq!(check(&changed[..]), expected, "{}, {byte} at {place}", path.display());
                seen[expected.verdict as usize] += 1;
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}

#[test]
fn the_end_of_a_file_is_told_apart_from_damage() {
    let rows: [(&[u8], &str); 31] = [
        (b"", "ok up to 0"),
        (b"*1\r\n$4\r\nPING\r\n", "ok up to 14"),
        (b"*1\r\n$4\r\nPING\r", "file ends inside a command at offset 13 (ok up to 0)"),
        (b"*1\r\n$4\r\nPING\r\n*", "file ends inside a command at offset 15 (ok up to 14)"),
        (b"*1\r\n$4\r\nPINGXX", "expected CR, found `X` at offset 12 (ok up to 0)"),
        (b"PING\r\n", "expected `*` or `#`, found `P` at offset 0 (ok up to 0)"),
        (b"\r\n", "expected `*` or `#`, found CR at offset 0 (ok up to 0)"),
        (b"*0\r\n", "ok up to 4"),
        (b"*-10\r\n#a\n", "ok up to 9"),
        (b"*0\r\n\r\n", "expected `*` or `#`, found CR at offset 4 (ok up to 4)"),
        (b"*0\r", "file ends inside a command at offset 3 (ok up to 0)"),
        (b"*-", "file ends inside a command at offset 2 (ok up to 0)"),
        (b"*-1\r", "file ends inside a command at offset 4 (ok up to 0)"),
        (b"*\r\n", "ok up to 3"),
        (b"*\r", "file ends inside a command at offset 2 (ok up to 0)"),
        (b"*\rx", "expected a digit or `-`, found CR at offset 1 (ok up to 0)"),
        (b"*-\r\n", "expected a digit, found CR at offset 2 (ok up to 0)"),
        (b"*00\r\n", "expected CR, found `0` at offset 2 (ok up to 0)"),
        (b"#TS:1\r\n", "ok up to 7"),
        (b"#TS:1", "ok up to 5"),
        (
            b"*1\r\n$5\r\nMULTI\r\n",
            "file ends before the EXEC of a MULTI at offset 15 (ok up to 0)",
        ),
        (
            b"*1\r\n$5\r\nMULTI\r\n#TS",
            "file ends before the EXEC of a MULTI at offset 18 (ok up to 0)",
        ),
        (b"*1\r\n$5\r\nmulti\r\n*1\r\n$4\r\nexec\r\n", "ok up to 29"),
        (
            b"*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r",
            "file ends inside a command at offset 28 (ok up to 0)",
        ),
        (
            b"*1\r\n$4\r\nPING\r\n*1\r\n$5\r\nMULTI\r\n*1\r\n$5\r\nMULTI\r\n",
            "MULTI inside a transaction at offset 29 (ok up to 14)",
        ),
        (b"#\n*1\r\n$4\r\nEXEC\r\n", "EXEC without MULTI at offset 2 (ok up to 2)"),
        (b"R", "snapshot is cut or damaged at offset 1 (ok up to 0)"),
        (b"VALKEYabc*1", "snapshot is cut or damaged at offset 9 (ok up to 0)"),
        (b"REDIS0011\xfa\xff", "snapshot is cut or damaged at offset 11 (ok up to 0)"),
        (b"VALKEY080\xff\0\0\0\0\0\0\0\0", "ok up to 18"),
        (
            b"REDIS0011\xff\0\0\0\0\0\0\0\0*1\r\n$4\r\nPING\r\n",
            "snapshot without a checksum, which may end at offset 18 at offset 32 (ok up to 0)",
        ),
    ];
    for (file, expected) in rows {
        let name = file.escape_ascii();
        let mut reader = AofReader::new(file);
        let verdict = loop {
            match reader.read() {
                Ok(Some(_)) => {}
                Ok(None) => break format!("ok up to {}", reader.ok_up_to()),
                Err(error) => break error.to_string(),
            }
        };
        assert_eq!(verdict, expected, "{name}");
        assert_eq!(check(file), aof::check(file), "{name}");
    }
}

#[test]
fn a_long_annotation_is_cut_as_servers_cut_it() {
    for length in [1021, 1022, 1023, 1024, 2050] {
        let file = [b"#", "x".repeat(length).as_bytes(), b"\n*1\r\n$4\r\nPING\r\n"].concat();
        for sizes in [&[4096][..], &[7]] {
            assert_eq!(check(Pieces::new(&file, sizes)), aof::check(&file), "{length}");
        }
    }
}

#[test]
fn a_snapshot_ends_where_its_checksum_holds() {
    let fake = [b"\xff".as_slice(), &[0; 8], &[0xff; 20], b"\xff*1\r\n$4\r\nPING\r\n"].concat();
    for content in [&b""[..], b"\xff", b"\xff\xff\xff", &[0xff; 40], &fake] {
        let file = [snapshot(content), b"*1\r\n$4\r\nPING\r\n".to_vec()].concat();
        for sizes in [&[4096][..], &[1], &[9], &[10, 1, 8]] {
            let checked = check(Pieces::new(&file, sizes));
            assert_eq!(checked.verdict, AofVerdict::Valid, "{}", file.escape_ascii());
            assert_eq!(checked.parts[0].size, content.len() + 18);
            assert_eq!(checked, aof::check(&file));
        }
    }
}

/// An RDB of this many bytes `0xFF` and a command, made as it is read.
struct Long {
    left: usize,
    crc: u64,
    end: Vec<u8>,
}

impl Long {
    /// `times` times the bytes, with a checksum that is computed piece by piece.
    fn new(size: usize) -> Self {
        let table: Vec<u64> = (0..=255).map(|byte| crc64(0, byte)).collect();
        let step =
            |crc: u64, byte: u8| table[usize::from(byte ^ crc.to_le_bytes()[0])] ^ (crc >> 8);
        let crc = b"REDIS0011".iter().fold(0, |crc, byte| step(crc, *byte));
        let crc = (0..=size).fold(crc, |crc, _| step(crc, 0xff));
        Self { left: size, crc, end: Vec::new() }
    }
}

impl Read for Long {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.left > 0 {
            let size = self.left.min(room.len());
            room[..size].fill(0xff);
            self.left -= size;
            if self.left == 0 {
                self.end =
                    [b"\xff".as_slice(), &self.crc.to_le_bytes(), b"*1\r\n$4\r\nPING\r\n"].concat();
            }
            return Ok(size);
        }
        let size = self.end.len().min(room.len());
        room[..size].copy_from_slice(&self.end[..size]);
        self.end.drain(..size);
        Ok(size)
    }
}

#[test]
fn a_large_snapshot_takes_linear_time_and_constant_memory() {
    // Quadratic work would take days: each byte could be the end.
    const SIZE: usize = 32 * 1024 * 1024;
    let long = Long::new(SIZE);
    let mut reader = AofReader::new(b"REDIS0011".as_slice().chain(long));
    let mut sizes = Vec::with_capacity(2);
    let info = measure(|| {
        while let Some(entry) = reader.read().unwrap() {
            sizes.push(entry.size);
        }
    });
    assert_eq!(sizes, [SIZE as u64 + 18, 14]);
    assert!(info.bytes_max < 64 * 1024, "{info:?}");
}

#[test]
fn many_commands_take_constant_memory() {
    let commands = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n".repeat(100_000);
    let mut reader = AofReader::new(&commands[..]);
    let info = measure(|| {
        let mut count = 0;
        while let Some(entry) = reader.read().unwrap() {
            count +=
                usize::from(entry.content.as_command().is_some_and(|command| command.is("set")));
        }
        assert_eq!(count, 100_000);
    });
    assert!(info.bytes_max < 64 * 1024, "{info:?}");
}

#[test]
fn a_length_that_is_only_announced_takes_no_memory() {
    let file = b"*1\r\n$536870912\r\nabc";
    let info = measure(|| {
        let error = AofReader::new(&file[..]).read().unwrap_err();
        assert!(matches!(error.kind, AofErrorKind::Truncated), "{error}");
    });
    assert!(info.bytes_max < 64 * 1024, "{info:?}");
    let error = AofReader::new(&b"*1\r\n$536870913\r\nabc"[..]).read().unwrap_err();
    assert!(matches!(error.kind, AofErrorKind::Malformed(kind) if kind.is_limit()), "{error}");
    let limits = Limits::requests().with_bulk(2);
    let error = AofReader::with_limits(&b"*1\r\n$3\r\nabc\r\n"[..], limits).read().unwrap_err();
    assert_eq!(error.to_string(), "payload longer than 2 bytes at offset 5 (ok up to 0)");
}

/// A file that grows: each piece is there after the next end of file or error.
struct Growing<'a>(Vec<&'a [u8]>);

impl Read for Growing<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.0.first_mut() else { return Ok(0) };
        if piece.is_empty() {
            self.0.remove(0);
            return if self.0.len() % 2 == 0 { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        piece.read(room)
    }
}

#[test]
fn reading_goes_on_when_a_file_has_grown_or_an_error_has_passed() {
    let file = [
        snapshot(b"\xff\0\xff"),
        b"#TS:1\r\n*1\r\n$5\r\nMULTI\r\n*0\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nEXEC\r\n"
            .to_vec(),
    ]
    .concat();
    let expected = aof::check(&file);
    assert_eq!(expected.verdict, AofVerdict::Valid);
    for first in 0..=file.len() {
        for second in (first..=file.len()).step_by(5) {
            let pieces = vec![&file[..first], &file[first..second], &file[second..]];
            let mut reader = AofReader::new(Growing(pieces));
            let mut parts = Vec::new();
            let mut ends = 0;
            while ends < 5 {
                match reader.read() {
                    Ok(Some(entry)) => parts.push(part(&entry)),
                    Ok(None) => ends += 1,
                    Err(error) => {
                        assert!(!matches!(error.kind, AofErrorKind::Malformed(_)), "{error}");
                        ends += 1;
                    }
                }
            }
            assert_eq!(parts, expected.parts, "{first}, {second}");
            assert_eq!(reader.ok_up_to(), file.len() as u64);
        }
    }
}

#[test]
fn a_transaction_is_told_while_it_is_read() {
    let file = b"*1\r\n$4\r\nPING\r\n*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nEXEC\r\n";
    let mut reader = AofReader::new(&file[..]);
    let mut seen = Vec::new();
    while reader.read().unwrap().is_some() {
        seen.push((reader.is_in_transaction(), reader.ok_up_to()));
    }
    assert_eq!(seen, [(false, 14), (true, 14), (true, 14), (false, 57)]);
}
