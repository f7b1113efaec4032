//! What looks like the beginning of a frame, to continue there after an error.

use zresp::{Error, ErrorKind};

/// Returns whether bytes look like a reply: one is whole, or nothing is wrong with its beginning and more may follow.
pub(crate) fn is_reply(bytes: &[u8], is_end: bool) -> bool {
    match zresp::decode(bytes) {
        Ok(frame) => frame.is_some() || !is_end,
        Err(_) => false,
    }
}

/// Returns whether bytes look like a command in the form of an array.
pub(crate) fn is_command(bytes: &[u8], is_end: bool) -> bool {
    // A header alone is not enough: `*` may occur anywhere. That of the first argument must follow it.
    let is_array = matches!(bytes, [b'*', b'1'..=b'9', ..]);
    is_array
        && match zresp::requests(bytes).next() {
            Some(Err(Error { kind: ErrorKind::UnexpectedEnd, .. })) => !is_end,
            Some(Err(_)) | None => false,
            Some(Ok(_)) => true,
        }
}

/// Returns whether bytes look like a command or an annotation in an append-only file.
pub(crate) fn is_entry(bytes: &[u8], is_end: bool) -> bool {
    is_command(bytes, is_end) || bytes.starts_with(b"#TS:")
}
