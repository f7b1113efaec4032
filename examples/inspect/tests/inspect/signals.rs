//! What was counted is shown if the program is interrupted.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::program::{self, PROGRAM, text};
use crate::scratch::Scratch;

const CAPTURE: &[u8] = include_bytes!("../captures/session.pcap");

/// Starts to count, and returns once the program has read: the capture is longer than what a pipe holds.
fn start(capture: &[u8]) -> (Child, ChildStdin) {
    assert!(capture.len() > 128 * 1024);
    let (child, mut input) = program::start(&["--stats", "-"]);
    input.write_all(capture).expect("the program reads");
    (child, input)
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(status.expect("kill starts").success());
}

/// Returns the exit status, the first line of standard output, and standard error.
fn end(mut child: Child) -> (Option<i32>, String, String) {
    let (mut shown, mut error) = (Vec::new(), Vec::new());
    child.stdout.take().expect("a pipe").read_to_end(&mut shown).expect("output");
    child.stderr.take().expect("a pipe").read_to_end(&mut error).expect("output");
    let status = child.wait().expect("the program ends").code();
    (status, text(&shown).lines().next().unwrap_or_default().to_owned(), text(&error))
}

#[test]
fn the_end_of_the_input_soon_after_an_interrupt_is_its_end() {
    for name in ["-INT", "-TERM"] {
        let (child, mut input) = start(&CAPTURE[..140_000]);
        signal(&child, name);
        input.write_all(&CAPTURE[140_000..]).expect("the program reads");
        drop(input);
        assert_eq!(end(child), (Some(0), "frames    52".to_owned(), String::new()), "{name}");
    }
}

#[test]
fn an_input_without_an_end_is_counted_so_far() {
    for name in ["-INT", "-TERM"] {
        let (child, input) = start(CAPTURE);
        signal(&child, name);
        let line = "zresp-inspect: standard input: interrupted, so the rest is not counted\n";
        assert_eq!(end(child), (Some(1), "frames    52".to_owned(), line.to_owned()), "{name}");
        drop(input);
    }
}

#[test]
fn a_second_interrupt_ends_the_program() {
    let (child, input) = start(CAPTURE);
    signal(&child, "-INT");
    // Two signals of the same kind may count as one until the first has been delivered.
    signal(&child, "-TERM");
    let (status, shown, error) = end(child);
    assert_eq!((shown.as_str(), error.as_str()), ("", ""));
    assert!(matches!(status, Some(130 | 143)), "{status:?}");
    drop(input);
}

/// Returns how the program ends that counts these inputs, after an interrupt, and how long that takes.
fn end_of_interrupted(paths: &[&str]) -> ((Option<i32>, String, String), Duration) {
    let child = Command::new(PROGRAM)
        .arg("--stats")
        .args(paths)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    signal(&child, "-INT");
    (end(child), start.elapsed())
}

#[test]
fn an_interrupt_ends_all_inputs_whatever_they_wait_for() {
    // 4 GiB of replies in two layers of compression: it takes several seconds to count them.
    let zip = |bytes: &[u8], times| {
        let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..times {
            zip.write_all(bytes).expect("a vector is written to");
        }
        zip.finish().expect("a vector is written to")
    };
    let member = zip(&b"+OK\r\n".repeat(200_000), 64);
    let bomb = Scratch::new("bomb", &zip(&member, 64));
    let pipe = Scratch::directory("pipe");
    let name = format!("{}/fifo", pipe.path());
    let made = Command::new("mkfifo").arg(&name).status().expect("mkfifo starts");
    assert!(made.success());
    for paths in [[bomb.path(), bomb.path()], [&name, &name]] {
        let ((status, _, error), time) = end_of_interrupted(&paths);
        let line = "interrupted, so the rest is not counted\n";
        let lines = paths.map(|path| format!("zresp-inspect: {path}: {line}"));
        assert_eq!((status, error), (Some(1), lines.concat()));
        assert!(time < Duration::from_secs(4), "{time:?}");
    }
}
