//! Patterns of keys, as in `KEYS` and `SCAN MATCH`, with the escapes that are shown in keys.

use crate::text;

/// Returns whether a key matches a pattern: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before an escape as it is
/// shown, such as `\n` or `\xff`, or before a byte that stands for itself.
pub(crate) fn matches(pattern: &[u8], key: &[u8]) -> bool {
    let (mut pattern, mut key) = (pattern, key);
    // Where to continue if the rest does not match: after the last `*`, with one more byte of the key taken by it.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            pattern = rest;
            retry = Some((rest, key));
            continue;
        }
        let step = match key.split_first() {
            Some((byte, rest)) => one(pattern, *byte).map(|after| (after, rest)),
            None if pattern.is_empty() => return true,
            None => return false,
        };
        if let Some(next) = step {
            (pattern, key) = next;
            continue;
        }
        let Some((after, [_, taken @ ..])) = retry else { return false };
        retry = Some((after, taken));
        (pattern, key) = (after, taken);
    }
}

/// Returns the rest of a pattern whose first item matches a byte.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', rest @ ..] => Some(rest),
        [b'[', rest @ ..] => class(rest, byte),
        [b'\\', rest @ ..] if !rest.is_empty() => {
            let (escaped, rest) = text::unescape(rest)?;
            (escaped == byte).then_some(rest)
        }
        [literal, rest @ ..] => (*literal == byte).then_some(rest),
        [] => None,
    }
}

/// Returns the rest of a pattern after a class that a byte belongs to. `[` has been read.
fn class(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (is_negated, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut is_member = false;
    loop {
        rest = match rest {
            // A class that is not closed ends with the pattern.
            [] | [b']', ..] => break,
            [b'\\', after @ ..] if !after.is_empty() => {
                let (escaped, rest) = text::unescape(after)?;
                is_member |= escaped == byte;
                rest
            }
            [low, b'-', high, rest @ ..] => {
                is_member |= (*low.min(high)..=*low.max(high)).contains(&byte);
                rest
            }
            [literal, rest @ ..] => {
                is_member |= *literal == byte;
                rest
            }
        };
    }
    (is_member != is_negated).then(|| rest.strip_prefix(b"]").unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_servers() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("*", &["", "a", "user:1"], &[]),
            ("user:*", &["user:", "user:1"], &["user", "auser:1"]),
            ("*:?:*", &["a:b:c", ":::", "a::b:c"], &["a:b", "::"]),
            ("h[ae]llo", &["hello", "hallo"], &["hillo", "hllo"]),
            ("h[^e]llo", &["hallo"], &["hello"]),
            ("h[c-a]t", &["hat", "hbt", "hct"], &["hdt"]),
            (r"a\*b", &["a*b"], &["axb", r"a\b"]),
            (r"[\]]x", &["]x"], &["ax"]),
            // The escapes that are shown.
            (r"a\x00\x2a\n", &["a\0*\n"], &["a\0b\n", r"a\x00*\n"]),
            (r"[\x61-\t]\q\x6", &["aqx6", "\tqx6"], &["bqx6", "xqx6"]),
            (r"a\", &[r"a\"], &["a"]),
            ("a[b", &["ab"], &["ac"]),
            ("a*b*c", &["abc", "aXbXbYc"], &["acb", "ab"]),
            ("", &[""], &["a"]),
        ];
        for (pattern, matching, others) in table {
            for key in *matching {
                assert!(matches(pattern.as_bytes(), key.as_bytes()), "{pattern} {key}");
            }
            for key in *others {
                assert!(!matches(pattern.as_bytes(), key.as_bytes()), "{pattern} {key}");
            }
        }
        // Linear in the key for each star, not exponential.
        assert!(!matches(&b"*a".repeat(30), &[b'a'; 29]));
    }
}
