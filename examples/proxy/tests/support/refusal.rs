//! What the proxy answers to broken input before it disconnects the client.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// Sends bytes; returns everything that arrives until the connection is closed.
pub(crate) fn answer_to(mut stream: TcpStream, bytes: &[u8]) -> String {
    // This may fail: the proxy need not read what follows an error.
    _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{}", answer.escape_ascii());
    }
    String::from_utf8(answer).expect("valid UTF-8")
}

/// Asserts that an answer is a single protocol error.
pub(crate) fn assert_reason(answer: &str, case: &str) {
    let reason =
        answer.strip_prefix("-ERR Protocol error: ").and_then(|end| end.strip_suffix("\r\n"));
    let reason = reason.unwrap_or_else(|| panic!("{case}: {answer:?}"));
    assert!(!reason.is_empty() && !reason.contains(['\r', '\n']), "{case}: {answer:?}");
}
