//! Decoding is a function call, and a million calls leak nothing.
//!
//! This crate was started because of such a leak. A server decoded each reply in a separate task, and
//! each task stayed blocked for ever on a reply that nobody took. The test is alone in its file, so that
//! threads and files of other tests are not counted.
#![cfg(feature = "std")]

use std::fs;

use zresp::io::ReplyReader;
use zresp::{decode, replies};

/// Threads and open files of this process, where the system lists them.
fn tasks_and_files() -> Option<(usize, usize)> {
    let tasks = fs::read_dir("/proc/self/task").ok()?.count();
    let files = fs::read_dir("/proc/self/fd").ok()?.count();
    Some((tasks, files))
}

#[test]
fn a_million_calls_leak_no_thread_file_or_memory() {
    let deep = format!("{}_\r\n", "*1\r\n".repeat(100)).into_bytes();
    let inputs: [&[u8]; 10] = [
        b"+OK\r\n",
        b"*2\r\n$3\r\nfoo\r\n:1\r\n+OK\r\n+OK\r\n",
        b"$5\r\nhel",
        b"*3\r\n:1\r\n",
        b"",
        b"x",
        b"*1\r\n$3\r\nfooX",
        b"|1\r\n+k\r\n+v\r\n%?\r\n+a\r\n$?\r\n;1\r\na\r\n;0\r\n.\r\n",
        b":99999999999999999999\r\n",
        &deep,
    ];
    let before = tasks_and_files();
    let info = allocation_counter::measure(|| {
        for round in 0..1_000_000 {
            let input = inputs[round % inputs.len()];
            match round / inputs.len() % 3 {
                0 => _ = decode(input),
                // Takes only the first of several replies.
                1 => _ = replies(input).next(),
                _ => _ = ReplyReader::new(input).read().map(|frame| frame.is_some()),
            }
        }
    });
    assert_eq!(tasks_and_files(), before, "threads and open files");
    assert_eq!((info.count_current, info.bytes_current), (0, 0), "{info:?}");
    if before.is_none() {
        println!("skipped: this system does not list threads and open files in /proc");
    }
}
