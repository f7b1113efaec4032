//! The patterns of `KEYS`, `SCAN` and `CONFIG GET`.

/// Returns whether the whole text matches a pattern of `*`, `?`, `[a-z]`, `[^a]`, and `\` before any byte.
///
/// Only the last `*` is tried again, so the time is at most proportional to the product of the lengths.
pub(crate) fn matches(mut pattern: &[u8], mut text: &[u8]) -> bool {
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            (pattern, star) = (rest, Some((rest, text)));
        } else if let [byte, after @ ..] = text {
            if let Some(rest) = take(pattern, *byte) {
                (pattern, text) = (rest, after);
            } else if let Some((rest, [_, from @ ..])) = star {
                (pattern, text, star) = (rest, from, Some((rest, from)));
            } else {
                return false;
            }
        } else {
            return pattern.is_empty();
        }
    }
}

/// Returns the pattern after its first item, if that item matches the byte.
fn take(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (fits, rest) = match pattern {
        [b'?', rest @ ..] => (true, rest),
        [b'[', b'^', class @ ..] => {
            let (fits, rest) = take_class(class, byte);
            (!fits, rest)
        }
        [b'[', class @ ..] => take_class(class, byte),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (*literal == byte, rest),
        [] => return None,
    };
    fits.then_some(rest)
}

/// Returns whether a byte is in a class, and the pattern after the class.
fn take_class(mut class: &[u8], byte: u8) -> (bool, &[u8]) {
    let mut fits = false;
    loop {
        let (first, last, rest) = match class {
            [] | [b']', ..] => return (fits, class.get(1..).unwrap_or_default()),
            [b'\\', literal, rest @ ..] => (literal, literal, rest),
            [first, b'-', last, rest @ ..] => (first.min(last), first.max(last), rest),
            [literal, rest @ ..] => (literal, literal, rest),
        };
        fits |= (first..=last).contains(&&byte);
        class = rest;
    }
}
