//! Text from a peer, made safe to show on a terminal.
//!
//! A control character or an escape sequence could move the cursor, change the title of the window or make the terminal
//! answer as if somebody had typed. Marks of direction could turn the text around.

use std::io::{self, Write};

use crate::text;

/// Writes text with all control characters, and all bytes that are not UTF-8, as escapes. A line end would let a peer
/// forge lines of the output.
pub(crate) fn write(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    loop {
        let (plain, after) = rest.split_at(text::prefix(rest, is_plain));
        out.write_all(plain)?;
        rest = match after {
            [] => return Ok(()),
            [byte, after @ ..] if byte.is_ascii() => {
                text::escape(out, *byte)?;
                after
            }
            _ => other(out, after)?,
        };
    }
}

/// Writes a string like [`write`], on one line.
pub(crate) fn line(text: &str) -> String {
    let shown = |char: char| {
        if is_unsafe(char) { char.escape_default().to_string() } else { char.to_string() }
    };
    text.chars().map(shown).collect()
}

/// Returns whether a character could change how a terminal shows others: a control character, or one that shows nothing of
/// its own.
pub(crate) fn is_unsafe(char: char) -> bool {
    char.is_control() || is_invisible(char)
}

/// Writes the first character, which is not ASCII, and returns the bytes after it.
fn other<'a>(out: &mut impl Write, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
    let chunk = bytes.get(..4).unwrap_or(bytes).utf8_chunks().next();
    let char = chunk.and_then(|chunk| chunk.valid().chars().next());
    let size = char.map_or(1, char::len_utf8);
    let (shown, rest) = bytes.split_at(size);
    match char {
        Some(char) if !is_unsafe(char) => out.write_all(shown)?,
        Some(char) => write!(out, "{}", char.escape_default())?,
        None => {
            for byte in shown {
                text::escape(out, *byte)?;
            }
        }
    }
    Ok(rest)
}

/// Returns whether a character shows nothing of its own: a line separator, a format character (Unicode category Cf), which
/// marks of direction are, or another one that is ignored by default.
const fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

#[cfg(test)]
mod tests {
    #[test]
    fn control_characters_are_escaped() {
        let table: &[(&[u8], &str)] = &[
            (b"OK\ttab\nline\r\nend", "OK\\ttab\\nline\\r\\nend"),
            (b"\x1b]0;title\x07", "\\x1b]0;title\\a"),
            (b"over\rwrite \"quoted\" \\", "over\\rwrite \"quoted\" \\"),
            (b"\x9b31m \xff\x7f", "\\x9b31m \\xff\\x7f"),
            ("né \u{9b}31m \u{202e}x".as_bytes(), "né \\u{9b}31m \\u{202e}x"),
            (
                "a\u{200b}\u{2060}\u{feff}\u{ad}\u{206a}\u{206f}".as_bytes(),
                "a\\u{200b}\\u{2060}\\u{feff}\\u{ad}\\u{206a}\\u{206f}",
            ),
            (
                "\u{fff9}\u{fffb}\u{e0001}\u{e007f}b".as_bytes(),
                "\\u{fff9}\\u{fffb}\\u{e0001}\\u{e007f}b",
            ),
            ("cut é".as_bytes().split_at(5).0, "cut \\xc3"),
        ];
        for (bytes, expected) in table {
            let mut out = Vec::new();
            super::write(&mut out, bytes).expect("a vector is written to");
            assert_eq!(String::from_utf8(out).as_deref(), Ok(*expected));
        }
        assert_eq!(super::line("a\x1b\n\u{202e}é"), "a\\u{1b}\\n\\u{202e}é");
    }
}
