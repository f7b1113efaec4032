//! One line about broken input.

use std::fmt::Write;
use std::io::Read;

use crate::window::Window;

/// How many bytes are shown on either side of the wrong one.
const AROUND: usize = 8;

/// A place where an input is broken.
pub(crate) struct Broken<'a> {
    /// The name of the input.
    pub(crate) input: &'a str,
    /// The offset of the byte that was refused, or of the end of the input.
    pub(crate) offset: u64,
    /// The offset of the first byte of the frame.
    pub(crate) frame: u64,
    /// The number of good frames before it, from the beginning of the input.
    pub(crate) good: u64,
    /// What was expected there.
    pub(crate) message: String,
}

impl Broken<'_> {
    /// Returns one line: ``session.replies: offset 40: expected a digit or CR, found `x`: 24 31 [78] 0d 0a (frame at offset
    /// 38, good frames before it: 3)``.
    pub(crate) fn line<R: Read>(&self, window: &Window<R>) -> String {
        let Self { input, offset, frame, good, message } = self;
        let (before, after, is_cut) = window.around(*offset, *frame, AROUND);
        let view = view(&before, &after, is_cut);
        format!(
            "{input}: offset {offset}: {message}: {view} (frame at offset {frame}, good frames before it: {good})"
        )
    }
}

/// Returns the bytes around an offset in hexadecimal, with the byte at the offset in brackets.
pub(crate) fn view(before: &[u8], from: &[u8], is_cut: bool) -> String {
    let mut view = String::from(if is_cut { "… " } else { "" });
    hex(before, &mut view);
    let Some((byte, after)) = from.split_first() else { return view + "[end]" };
    view.push('[');
    hex(&[*byte], &mut view);
    view.truncate(view.trim_end().len());
    view.push_str("] ");
    hex(after, &mut view);
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
