//! Append-only files of servers, cut and changed at many places, are sound up to where `redis-check-aof` says.
//!
//! The checkers are the `redis-check-aof` on the `PATH` and those in `ZRESP_CHECK_AOF`. Without any, these tests are
//! skipped, or fail if `ZRESP_REQUIRE_REDIS` is set.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use zresp_testing::drive::live_server::programs;

use crate::program::{inspect, text};
use crate::scratch::Scratch;

/// The recorded files of Redis 6.2, 7.0 and 8.6, and of Valkey 9.1.
const FILES: [&str; 7] = [
    "redis-6.2.aof",
    "redis-7.0/appendonly.aof.2.base.rdb",
    "redis-7.0/appendonly.aof.2.incr.aof",
    "redis-8.6/appendonly.aof.2.base.rdb",
    "redis-8.6/appendonly.aof.2.incr.aof",
    "valkey-9.1/appendonly.aof.2.base.rdb",
    "valkey-9.1/appendonly.aof.2.incr.aof",
];

/// How far a file is sound, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sound {
    Whole,
    UpTo(usize),
}

/// Returns the number after a text.
fn number_after(text: &str, before: &str) -> Option<usize> {
    let (_, rest) = text.split_once(before)?;
    rest.split(|byte: char| !byte.is_ascii_digit()).next()?.parse().ok()
}

/// Returns what the program says of a file, the offset of the bad byte, and its message.
fn inspected(path: &str) -> (Sound, usize, String) {
    let output = inspect(&["--as", "aof", path], b"");
    let error = text(&output.stderr);
    if output.status.success() {
        assert_eq!(error, "");
        return (Sound::Whole, 0, error);
    }
    assert_eq!(error.lines().count(), 1, "{error}");
    let has_snapshot = error.contains(": snapshot ");
    let up_to = number_after(&error, ", ok up to ").or(has_snapshot.then_some(0));
    let up_to = up_to.expect("how far it is sound");
    (Sound::UpTo(up_to), number_after(&error, ": offset ").expect("an offset"), error)
}

/// Returns what a checker says of a file, and its output. `None` if it ends without a verdict.
fn checked(program: &Path, path: &str, size: usize) -> (Option<Sound>, String) {
    let output = Command::new(program).arg(path).output().expect("the checker runs");
    let output = text(&output.stdout) + &text(&output.stderr);
    let is_bad_snapshot =
        output.contains("is not sane") || output.contains("rdb file reading failure");
    let sound = match number_after(&output, "ok_up_to=") {
        _ if is_bad_snapshot => Some(Sound::UpTo(0)),
        Some(up_to) if up_to == size => Some(Sound::Whole),
        Some(up_to) => Some(Sound::UpTo(up_to)),
        None => None,
    };
    (sound, output)
}

/// Returns why a checker may find another place. The documentation of `zresp::aof` lists the reasons.
fn known_difference(
    file: &[u8],
    ours: (Sound, usize),
    theirs: Option<Sound>,
    output: &str,
) -> Option<&'static str> {
    let Some(theirs) = theirs else { return Some("no verdict of the checker") };
    if output.contains("got: '#'") || output.contains("Expected prefix '#'") {
        return Some("an annotation, before Redis 7");
    }
    if ours.0 == Sound::Whole && theirs == Sound::UpTo(0) && file.ends_with(&[0; 8]) {
        return Some("a snapshot that ends like one without a checksum");
    }
    let line = file[..ours.1].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let header = file[line..].split(|byte| *byte == b'\r').next().unwrap_or_default();
    is_number_in_c(header).then_some("a number in a form of C")
}

/// Returns whether C reads a number after the first byte of a header, but not in the usual form.
fn is_number_in_c(header: &[u8]) -> bool {
    let (b"*" | b"$", number) = header.split_at(header.len().min(1)) else { return false };
    let digits = number.trim_ascii_start();
    let digits = digits.strip_prefix(b"+").or(digits.strip_prefix(b"-")).unwrap_or(digits);
    let is_usual = number == b"0" || (digits == number && !digits.starts_with(b"0"));
    number.is_empty() || !is_usual && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Compares what the program and all checkers say of files that are made from each recorded one.
fn compare(scratch: &str, make: impl Fn(&[u8]) -> Vec<Vec<u8>>) {
    let mut checkers = Vec::new();
    for program in programs("redis-check-aof", "ZRESP_CHECK_AOF") {
        checkers.push((program, 0, 0));
    }
    for name in FILES {
        let recorded = format!("../../tests/append_only/{name}");
        let whole = fs::read(&recorded).expect("a recorded file");
        let able: Vec<PathBuf> = checkers.iter().map(|(program, ..)| program.clone()).collect();
        let able: Vec<_> = able
            .into_iter()
            .filter(|program| checked(program, &recorded, whole.len()).0 == Some(Sound::Whole))
            .collect();
        for file in make(&whole) {
            let scratch = Scratch::new(scratch, &file);
            let (ours, offset, error) = inspected(scratch.path());
            for (program, equal, different) in &mut checkers {
                if !able.contains(program) {
                    continue;
                }
                let (theirs, output) = checked(program, scratch.path(), file.len());
                if theirs == Some(ours) {
                    *equal += 1;
                } else if known_difference(&file, (ours, offset), theirs, &output).is_some() {
                    *different += 1;
                } else {
                    let file = file.escape_ascii();
                    panic!("{name}: {ours:?}, not {theirs:?}: {error}{output}\n{file}");
                }
            }
        }
    }
    for (program, equal, different) in checkers {
        println!("{}: {equal} equal, {different} different", program.display());
        assert!(equal > 300 && different < equal / 10, "{equal} {different}");
    }
}

#[test]
fn files_cut_at_every_place_are_sound_up_to_where_the_checkers_say() {
    compare("cut.aof", |file| (1..file.len()).map(|size| file[..size].to_vec()).collect());
}

#[test]
fn files_changed_at_many_places_are_sound_up_to_where_the_checkers_say() {
    compare("changed.aof", |file| {
        let bytes = b"\r\n*$#+-0123459 MEX\xff\0";
        let changed = |place: usize| {
            let mut file = file.to_vec();
            let byte = bytes[place / 2 % bytes.len()];
            match place % 8 / 2 {
                0 => file[place] ^= 1 << (place / 8 % 8),
                1 => file.insert(place, byte),
                2 => _ = file.remove(place),
                _ => file[place] = byte,
            }
            file
        };
        (0..file.len()).step_by(2).map(changed).collect()
    });
}
