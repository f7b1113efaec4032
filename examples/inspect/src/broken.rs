//! One line about broken input.

use std::fmt::Write;

use zresp::io::{FrameReader, ReadError};

/// How many bytes are shown on either side of the one in question.
const AROUND: usize = 8;

/// Returns what is wrong with the input, where, and the bytes around, on one line:
/// ``session.replies: offset 40: expected a digit or CR, found `x`: 24 31 [78] 0d 0a``.
pub(crate) fn line<R, D>(name: &str, error: &ReadError, frames: &FrameReader<R, D>) -> String {
    let ReadError::Decode(error) = error else { return format!("{name}: {error}") };
    // The error counts from the first byte of its frame; the frame is what the reader still holds.
    let offset = frames.position() + error.offset as u64;
    let bytes = around(frames.buffered(), error.offset);
    format!("{name}: offset {offset}: {}: {bytes}", error.kind)
}

/// Returns the bytes around an offset, with that one in brackets.
fn around(frame: &[u8], offset: usize) -> String {
    let (before, from) = frame.split_at_checked(offset).unwrap_or((frame, &[]));
    let (left_out, before) = before.split_at(before.len().saturating_sub(AROUND));
    let mut view = String::from(if left_out.is_empty() { "" } else { "… " });
    hex(before, &mut view);
    let Some((byte, behind)) = from.split_first() else { return view + "[end]" };
    view.push('[');
    hex(&[*byte], &mut view);
    view.truncate(view.trim_end().len());
    view.push_str("] ");
    hex(behind.get(..AROUND).unwrap_or(behind), &mut view);
    view.truncate(view.trim_end().len());
    view
}

/// Appends bytes, each with a space behind it.
fn hex(bytes: &[u8], view: &mut String) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(view, "{byte:02x} ");
    }
}
