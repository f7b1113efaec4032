//! Frames in short notation.

/// Returns the frames whose headers and payloads are the words of a text: `$abc` is a bulk string, `$` an empty one and
/// `$-1` null; any other word is a line.
pub fn wire(text: &str) -> Vec<u8> {
    let word = |word: &str| match word.strip_prefix('$') {
        Some(payload) if payload != "-1" => format!("${}\r\n{payload}\r\n", payload.len()),
        _ => format!("{word}\r\n"),
    };
    text.split_whitespace().map(word).collect::<String>().into_bytes()
}
