//! Cut files are sound up to where `redis-check-aof` says.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::process::Command;

use crate::program::{inspect, text};
use crate::scratch::Scratch;

/// The recorded files that consist of commands, and how many bytes are cut off between two checks.
const FILES: [(&str, usize); 4] = [
    ("redis-6.2.aof", 3),
    ("redis-7.0/appendonly.aof.2.incr.aof", 5),
    ("redis-8.6/appendonly.aof.2.incr.aof", 5),
    ("valkey-9.1/appendonly.aof.2.incr.aof", 5),
];

/// Returns the number after a text.
fn number_after(text: &str, before: &str) -> Option<u64> {
    let (_, rest) = text.split_once(before)?;
    rest.split(|byte: char| !byte.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn cut_files_are_sound_up_to_where_the_server_says() {
    if Command::new("redis-check-aof").arg("--version").output().is_err() {
        assert!(env::var_os("ZRESP_REQUIRE_REDIS").is_none(), "redis-check-aof is required");
        writeln!(io::stderr(), "skipped: there is no redis-check-aof").expect("stderr is writable");
        return;
    }
    let mut compared = 0;
    for (name, step) in FILES {
        let file = fs::read(format!("../../tests/append_only/{name}")).expect("a recorded file");
        let snapshot = if file.starts_with(b"REDIS") {
            file.windows(10).position(|bytes| bytes == b"*2\r\n$6\r\nSE").expect("a command")
        } else {
            0
        };
        for size in (snapshot + 1..file.len()).step_by(step) {
            let cut = Scratch::new("cut.aof", file.split_at(size).0);
            let checked =
                Command::new("redis-check-aof").arg(cut.path()).output().expect("it runs");
            let checked = text(&checked.stdout) + &text(&checked.stderr);
            let shown = inspect(&["--as", "aof", cut.path()], b"");
            let error = text(&shown.stderr);
            let Some(expected) = number_after(&checked, "ok_up_to=") else {
                panic!("{name}, {size} bytes: {checked}");
            };
            let found = number_after(&error, "ok up to ");
            // A sound file is shown without an error.
            assert_eq!(found.unwrap_or(size as u64), expected, "{name}, {size}: {error}{checked}");
            assert_eq!(found.is_none(), shown.status.success());
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}
