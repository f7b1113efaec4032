//! Runs the program.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::thread;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_zresp-inspect");

/// Starts the program with pipes.
pub(crate) fn start(arguments: &[&str]) -> (Child, ChildStdin) {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stdin = child.stdin.take().expect("a pipe");
    (child, stdin)
}

/// Runs the program with bytes on its standard input.
pub(crate) fn inspect(arguments: &[&str], input: &[u8]) -> Output {
    let (child, mut stdin) = start(arguments);
    // The program may write before it has read everything.
    thread::scope(|scope| {
        scope.spawn(move || {
            // It fails if the program does not read its input.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("the program ends")
    })
}

/// Returns what the program prints for valid replies.
pub(crate) fn printed(replies: &[u8]) -> String {
    let output = inspect(&["--as", "replies", "--full", "-"], replies);
    let error = text(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{}: {error}", replies.escape_ascii());
    text(&output.stdout)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
