//! How the proxy takes leave of a client that it does not understand.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// Returns all that is answered to these bytes, until the connection is closed.
pub(crate) fn answer_to(mut stream: TcpStream, bytes: &[u8]) -> String {
    // A proxy that has seen enough need not take the rest.
    _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{}", answer.escape_ascii());
    }
    String::from_utf8(answer).expect("text")
}

/// Asserts that it is one error of the protocol.
pub(crate) fn assert_reason(answer: &str, case: &str) {
    let reason =
        answer.strip_prefix("-ERR Protocol error: ").and_then(|end| end.strip_suffix("\r\n"));
    let reason = reason.unwrap_or_else(|| panic!("{case}: {answer:?}"));
    assert!(!reason.is_empty() && !reason.contains(['\r', '\n']), "{case}: {answer:?}");
}
