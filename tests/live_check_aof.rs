//! Files that servers have written get the verdict of `redis-check-aof`, wherever they are cut or changed.
//!
//! The checkers are the `redis-check-aof` on the `PATH` and those in `ZRESP_CHECK_AOF`. Without any, these tests are
//! skipped, or fail if `ZRESP_REQUIRE_REDIS` is set.
#![cfg(feature = "aof")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use zresp::aof::AofReader;
use zresp_testing::drive::aof::check;
use zresp_testing::drive::live_server::programs;
use zresp_testing::oracle::aof::AofVerdict;

/// What a checker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    verdict: AofVerdict,
    ok_up_to: usize,
}

/// A `redis-check-aof`, and a file for it to check.
struct Checker {
    program: PathBuf,
    file: PathBuf,
}

impl Checker {
    fn all() -> Vec<Self> {
        let checkers = programs("redis-check-aof", "ZRESP_CHECK_AOF").into_iter();
        checkers.map(|program| Self { program, file: temporary_file() }).collect()
    }

    /// Returns what the checker says, and its output; `None` if it ends without a verdict.
    fn check(&self, file: &[u8]) -> (Option<Said>, String) {
        fs::write(&self.file, file).expect("a file to check");
        let output = Command::new(&self.program).arg(&self.file).output().expect("the checker");
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        (said(&output, file), output)
    }
}

/// A path that no other test uses.
fn temporary_file() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("zresp-check-{}-{number}", process::id()))
}

impl Drop for Checker {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.file);
    }
}

/// The verdict in the output of a checker.
fn said(output: &str, file: &[u8]) -> Option<Said> {
    if output.contains("is not sane") || output.contains("rdb file reading failure") {
        return Some(Said { verdict: AofVerdict::BadSnapshot, ok_up_to: 0 });
    }
    if file.is_empty() {
        return Some(Said { verdict: AofVerdict::Valid, ok_up_to: 0 });
    }
    let ok_up_to = output.split("ok_up_to=").nth(1)?.split(',').next()?.parse().ok()?;
    // `0x`, the place in hexadecimal digits after spaces, and the error.
    let error = output.lines().find_map(|line| line.strip_prefix("0x")?.split_once(": "));
    let verdict = match error {
        _ if ok_up_to == file.len() => AofVerdict::Valid,
        None if output.contains("format error") => AofVerdict::Corrupt,
        None => AofVerdict::Truncated,
        Some((_, text)) if text.starts_with("Expected to read string") => AofVerdict::Corrupt,
        Some((_, text)) if text.starts_with("Expected to read") => AofVerdict::Truncated,
        Some((_, text)) if text.starts_with("Reached EOF") => AofVerdict::Truncated,
        Some((place, text)) if text.starts_with("Expected \\r\\n, got: ") => {
            let place = usize::from_str_radix(place.trim(), 16).ok()?;
            // A header that the end cuts is read like a whole one, up to a NUL.
            let header = file.get(place..)?;
            let got = text.rsplit(' ').next()?;
            let is_header = header.starts_with(b"*") || header.starts_with(b"$");
            let number = header.strip_suffix(b"\r").unwrap_or(header).get(1..).unwrap_or_default();
            let digits = number.strip_prefix(b"-").unwrap_or(number);
            let is_cut = digits.iter().all(u8::is_ascii_digit);
            let is_end = ["00", "0d00", "2d00"].iter().any(|end| got.starts_with(end));
            if is_header && is_cut && is_end { AofVerdict::Truncated } else { AofVerdict::Corrupt }
        }
        Some(_) => AofVerdict::Corrupt,
    };
    Some(Said { verdict, ok_up_to })
}

/// Why a checker may come to another verdict: what the documentation of `zresp::aof` lists.
fn known_difference(
    file: &[u8],
    ours: Said,
    theirs: Option<Said>,
    output: &str,
) -> Option<&'static str> {
    let Some(theirs) = theirs else { return Some("no verdict of the checker") };
    if output.contains("got: '#'") || output.contains("Expected prefix '#'") {
        return Some("an annotation, before Redis 7");
    }
    let mut reader = AofReader::new(file);
    let error = loop {
        match reader.read() {
            Ok(Some(_)) => {}
            Ok(None) => {
                let ends_like_one = file.ends_with(b"\xff\0\0\0\0\0\0\0\0");
                return ends_like_one.then_some("a snapshot that ends like one without a checksum");
            }
            Err(error) => break error,
        }
    };
    let at = usize::try_from(error.offset).expect("an offset");
    let line = file[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let header = file[line..].split(|byte| *byte == b'\r').next().unwrap_or_default();
    let is_same_place = theirs.ok_up_to == ours.ok_up_to;
    match ours.verdict {
        AofVerdict::Corrupt if is_number_in_c(header) => Some("a number in a form of C"),
        AofVerdict::BadSnapshot if file.len() < 8 && theirs.verdict == AofVerdict::Corrupt => {
            Some("a snapshot of less than 8 bytes")
        }
        // The checker looks at the name of a command before it reads the arguments.
        AofVerdict::Truncated if is_same_place && output.contains("Unexpected ") => {
            Some("MULTI or EXEC in the wrong place, with arguments that are cut")
        }
        // Both see that the bytes after an argument are not CRLF. The checker reads both bytes first.
        AofVerdict::Corrupt
            if is_same_place && theirs.verdict == AofVerdict::Truncated && at + 1 == file.len() =>
        {
            Some("half a line end at the end")
        }
        _ => None,
    }
}

/// Whether C reads a number after the first byte of a header, but not in the usual form.
fn is_number_in_c(header: &[u8]) -> bool {
    let (b"*" | b"$", number) = header.split_at(header.len().min(1)) else { return false };
    let digits = number.trim_ascii_start();
    let digits = digits.strip_prefix(b"+").or(digits.strip_prefix(b"-")).unwrap_or(digits);
    let is_usual = number == b"0" || (digits == number && !digits.starts_with(b"0"));
    let is_nothing = number.is_empty();
    is_nothing || (!is_usual && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
}

/// Files that servers have written.
fn files() -> Vec<(String, Vec<u8>)> {
    let names = [
        "../captures/appendonly.aof",
        "redis-6.2.aof",
        "redis-7.0/appendonly.aof.2.base.rdb",
        "redis-7.0/appendonly.aof.2.incr.aof",
        "redis-8.6/appendonly.aof.2.base.rdb",
        "redis-8.6/appendonly.aof.2.incr.aof",
        "valkey-9.1/appendonly.aof.2.base.rdb",
        "valkey-9.1/appendonly.aof.2.incr.aof",
    ];
    let read =
        |name: &str| fs::read(Path::new("tests/append_only").join(name)).expect("a recorded file");
    names.into_iter().map(|name| (name.to_owned(), read(name))).collect()
}

/// Compares the verdicts on some files, and returns how many were equal, and how many differed for which reason.
fn compare(
    checker: &Checker,
    files: impl IntoIterator<Item = Vec<u8>>,
) -> (usize, BTreeMap<&'static str, usize>) {
    let (mut equal, mut different) = (0, BTreeMap::new());
    for file in files {
        let ours = check(&file[..]);
        let verdict = match ours.verdict {
            // A checker parses the snapshot.
            AofVerdict::UnknownEnd => AofVerdict::BadSnapshot,
            verdict => verdict,
        };
        let ours = Said { verdict, ok_up_to: ours.ok_up_to };
        let (theirs, output) = checker.check(&file);
        if theirs == Some(ours) {
            equal += 1;
        } else if let Some(reason) = known_difference(&file, ours, theirs, &output) {
            *different.entry(reason).or_default() += 1;
        } else {
            panic!("{ours:?}, not {theirs:?}: {output}\n{}", file.escape_ascii());
        }
    }
    (equal, different)
}

/// Compares files that are made from a recorded one, for each checker that can read that.
fn compare_all(make: impl Fn(&[u8]) -> Vec<Vec<u8>>) {
    for checker in Checker::all() {
        for (name, file) in files() {
            if checker.check(&file).0.is_none_or(|said| said.verdict != AofVerdict::Valid) {
                println!("{} cannot read {name}", checker.program.display());
                continue;
            }
            let (equal, different) = compare(&checker, make(&file));
            println!(
                "{}, {name}: {equal} equal, different: {different:?}",
                checker.program.display()
            );
            assert!(equal > 50 && different.values().sum::<usize>() < equal / 10, "{different:?}");
        }
    }
}

#[test]
fn every_cut_gets_the_verdict_of_a_checker() {
    // The large file only in its second half.
    compare_all(|file| {
        let first = file.len().saturating_sub(430);
        (first..=file.len()).map(|end| file[..end].to_vec()).collect()
    });
}

#[test]
fn changed_bytes_get_the_verdict_of_a_checker() {
    compare_all(|file| {
        let mut rng = fastrand::Rng::with_seed(6_379);
        let mut changed = || {
            let mut file = file.to_vec();
            for _ in 0..rng.usize(1..3) {
                let place = rng.usize(..file.len());
                let byte = *rng.choice(b"\r\n*$#+-0123459 MEX\xff".iter()).expect("a byte");
                match rng.u8(..4) {
                    0 => file[place] ^= 1 << rng.u8(..8),
                    1 => file.insert(place, byte),
                    2 => _ = file.remove(place),
                    _ => file[place] = byte,
                }
            }
            file
        };
        (0..150).map(|_| changed()).collect()
    });
}

#[test]
fn made_up_files_get_the_verdict_of_a_checker() {
    let ping = "*1\r\n$4\r\nPING\r\n";
    let multi = "*1\r\n$5\r\nMULTI\r\n";
    let exec = "*1\r\n$4\r\nexec\r\n";
    let long = format!("#{}\n", "x".repeat(1022));
    let longer = format!("#{}\n", "x".repeat(1023));
    let files = [
        format!("{ping}{multi}{ping}{exec}{ping}"),
        format!("{ping}{multi}{ping}{exec}{exec}"),
        format!("{ping}{multi}{ping}{multi}{exec}"),
        format!("{ping}{multi}{multi}{exec}"),
        format!("{ping}{multi}*0\r\n{exec}*-1\r\n{ping}*-"),
        format!("{ping}*0\r\n*0"),
        format!("{ping}\r\n{ping}"),
        format!("{ping}PING\r\n"),
        format!("{ping}*2\r\n$5\r\nMULTI\r\n"),
        format!("{ping}*2\r\n$4\r\nEXEC\r\n"),
        format!("{ping}*1\r\n$-1\r\n"),
        format!("{ping}*1\r\n$99999999999999999999\r\n"),
        format!("{ping}*1\r\n$400000000\r\nabc"),
        format!("{ping}RED"),
        "RED".to_owned(),
        "REDIS".to_owned(),
        "REDIS0009".to_owned(),
        "REDIS0009\u{7f}".to_owned(),
        String::new(),
    ];
    let annotated = [
        format!("#TS:1\r\n{ping}#TS:2"),
        format!("#\n{multi}#TS:2"),
        format!("{long}{ping}"),
        format!("{longer}{ping}"),
        format!("{ping}{long}{longer}"),
        "#".to_owned(),
    ];
    for checker in Checker::all() {
        // Before Redis 7, annotations are refused.
        let knows_annotations = checker.check(b"#\n").0.is_some_and(|said| said.ok_up_to == 2);
        let annotated = annotated.iter().filter(|_| knows_annotations);
        let mut files: Vec<_> =
            files.iter().chain(annotated).map(|file| file.clone().into_bytes()).collect();
        files.retain(|file| file.as_slice() != b"*-");
        println!("{}: {:?}", checker.program.display(), compare(&checker, files));
    }
}
