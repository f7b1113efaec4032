//! Bytes in a readable form: escaped, and bounded in length.

use core::fmt::{self, Write};

/// How many values are shown; an ellipsis stands for the rest.
pub(crate) const VALUES: usize = 64;
/// How many bytes of a payload are shown.
const BYTES: usize = 64;
/// How many bytes of a message are shown.
const TEXT: usize = 1024;

/// Writes the first bytes of a payload, escaped, and its length if bytes are left out.
pub(crate) fn bytes(payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shown = payload.get(..BYTES).unwrap_or(payload);
    write!(f, "\"{}\"", shown.escape_ascii())?;
    ellipsis(shown, payload, f)
}

/// Writes the first bytes of a text as they are, except for control characters, line separators and marks of
/// direction, which are escaped: a message from a peer must not move the cursor of a terminal, begin a new line
/// in a log or turn the text around.
pub(crate) fn text(payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shown = payload.get(..TEXT).unwrap_or(payload);
    for chunk in shown.utf8_chunks() {
        for char in chunk.valid().chars() {
            let moves = matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if moves || char.is_control() {
                write!(f, "{}", char.escape_default())?;
            } else {
                f.write_char(char)?;
            }
        }
        write!(f, "{}", chunk.invalid().escape_ascii())?;
    }
    ellipsis(shown, payload, f)
}

/// Writes the length of a payload, unless all of it is shown.
fn ellipsis(shown: &[u8], payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if shown.len() < payload.len() {
        write!(f, "… {} bytes", payload.len())?;
    }
    Ok(())
}

/// Writes payloads as a list of at most [`VALUES`].
pub(crate) fn list<P: AsRef<[u8]>>(
    name: &str,
    payloads: impl IntoIterator<Item = P>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "{name}[")?;
    for (index, payload) in payloads.into_iter().enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        if index == VALUES {
            f.write_str("…")?;
            break;
        }
        bytes(payload.as_ref(), f)?;
    }
    f.write_str("]")
}

/// A payload. `Debug` writes its first bytes.
pub(crate) struct Shortened<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bytes(self.0, f)
    }
}

/// A list. `Debug` writes at most [`VALUES`] of its values.
pub(crate) struct First<'a, T>(pub(crate) &'a [T]);

impl<T: fmt::Debug> fmt::Debug for First<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(self.0.iter().take(VALUES));
        if self.0.len() > VALUES { list.finish_non_exhaustive() } else { list.finish() }
    }
}
