//! One line about broken input.

use std::fmt::Write;

use zresp::io::{FrameReader, StreamError};

/// How many bytes are shown on either side of the wrong one.
const AROUND: usize = 8;

/// Returns one line with the name of the input, the offset, the error and the bytes around it:
/// ``session.replies: offset 40: expected a digit or CR, found `x`: 24 31 [78] 0d 0a``.
pub(crate) fn line<R, D>(name: &str, error: &StreamError, frames: &FrameReader<R, D>) -> String {
    let StreamError::Decode { error, position } = error else { return format!("{name}: {error}") };
    // The reader still holds the frame, and the offset in the error counts from its first byte.
    let bytes = around(frames.buffered(), error.offset);
    format!("{name}: offset {position}: {}: {bytes}", error.kind)
}

/// Returns the bytes around an offset in hexadecimal, with the byte at the offset in brackets.
fn around(frame: &[u8], offset: usize) -> String {
    let (before, from) = frame.split_at_checked(offset).unwrap_or((frame, &[]));
    let (left_out, before) = before.split_at(before.len().saturating_sub(AROUND));
    let mut view = String::from(if left_out.is_empty() { "" } else { "… " });
    hex(before, &mut view);
    let Some((byte, after)) = from.split_first() else { return view + "[end]" };
    view.push('[');
    hex(&[*byte], &mut view);
    view.truncate(view.trim_end().len());
    view.push_str("] ");
    hex(after.get(..AROUND).unwrap_or(after), &mut view);
    view.truncate(view.trim_end().len());
    view
}

/// Appends bytes in hexadecimal, each followed by a space.
fn hex(bytes: &[u8], view: &mut String) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(view, "{byte:02x} ");
    }
}
