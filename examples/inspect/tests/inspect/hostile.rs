//! Directories in which somebody else has put files that do not end or do not begin.
#![cfg(unix)]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;

use crate::program::{PROGRAM, inspect, text};
use crate::scratch::Scratch;

fn pipe(path: &str) {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo starts");
    assert!(made.success());
}

/// Asserts that a directory is refused with one line for the file of this name.
fn assert_refused(directory: &Scratch, file: &str, expected: &str) {
    let output = inspect(&[directory.path()], b"");
    let line = format!("zresp-inspect: {}/{file}: {expected}\n", directory.path());
    assert_eq!((text(&output.stderr), output.status.code()), (line, Some(1)));
}

#[test]
fn only_regular_files_of_a_directory_are_read() {
    let directory = Scratch::directory("hostile");
    let path = |name: &str| format!("{}/{name}", directory.path());
    fs::write(path("good.replies"), "+OK\r\n").expect("a file");
    for name in ["files", "manifest", "listed"] {
        for is_device in [true, false] {
            let file = if name == "manifest" { "a.manifest" } else { "bad" };
            if is_device {
                symlink("/dev/zero", path(file)).expect("a link");
            } else {
                pipe(&path(file));
            }
            if name == "listed" {
                fs::write(path("a.manifest"), "file bad seq 1 type i\n").expect("a manifest");
            }
            assert_refused(&directory, file, "not a regular file");
            // The other files are still read.
            let shown = text(&inspect(&[directory.path()], b"").stdout);
            assert_eq!(shown, if name == "files" { "OK\n" } else { "" });
            fs::remove_file(path(file)).expect("the file is there");
        }
    }
}

#[test]
fn a_huge_manifest_is_refused_before_it_is_read() {
    let directory = Scratch::directory("huge");
    let file = File::create(format!("{}/a.manifest", directory.path())).expect("a file");
    // It takes no space on the disk.
    file.set_len(1 << 40).expect("the length is set");
    assert_refused(&directory, "a.manifest", "a manifest of more than 1048576 bytes");
}

#[test]
fn a_pipe_that_is_named_is_read() {
    let directory = Scratch::directory("named");
    let path = format!("{}/pipe", directory.path());
    pipe(&path);
    thread::scope(|scope| {
        scope.spawn(|| fs::write(&path, "+OK\r\n").expect("the program reads"));
        let output = inspect(&[&path], b"");
        assert_eq!((text(&output.stdout), output.status.code()), ("OK\n".to_owned(), Some(0)));
    });
}

/// Much in few bytes takes little more memory than the bytes.
#[cfg(target_os = "linux")]
#[test]
fn millions_of_empty_values_take_little_memory() {
    let many = 4_400_000;
    let inputs: [(&str, [&[u8]; 3]); 4] = [
        ("--color=never", [b"1700000000.1 [0 a] \"del\"", b" \"\"", b"\n"]),
        ("--color=never", [b"*?\r\n", b"*0\r\n", b".\r\n"]),
        ("--json", [b"$?\r\n", b";1\r\nx\r\n", b";0\r\n"]),
        ("--top=1", [b"*4400001\r\n$3\r\nDEL\r\n", b"$0\r\n\r\n", b""]),
    ];
    for (view, [before, value, after]) in inputs {
        let file = Scratch::new("large", &[before, &value.repeat(many), after].concat());
        // Kibibytes of addresses.
        let line = "ulimit -v 90000; exec \"$0\" \"$1\" \"$2\" >/dev/null";
        let mut shell = Command::new("sh");
        shell.args(["-c", line, PROGRAM, view, file.path()]);
        let output = shell.output().expect("a shell");
        assert!(output.status.success(), "{view}: {}", text(&output.stderr));
    }
}
