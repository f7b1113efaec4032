//! Text that fits a terminal: how wide that is, names that are cut, lines that are wrapped.

use std::env;
use std::iter;

use console::Term;

/// Returns how many columns a terminal has; `None` if it is not one. `COLUMNS` overrides that.
pub(crate) fn columns(terminal: &Term) -> Option<usize> {
    let set = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    set.filter(|columns| *columns > 0)
        .or_else(|| terminal.size_checked().map(|(_, columns)| columns.into()))
}

/// Returns a name, or its beginning and its end if it has more than `most` characters.
pub(crate) fn shorten(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.to_owned();
    }
    // The end of a path tells more than its beginning.
    let head = most.saturating_sub(1) / 3;
    let tail = most.saturating_sub(head + 1);
    let (head, tail) = (name.chars().take(head), name.chars().skip(count - tail));
    head.chain(iter::once('…')).chain(tail).collect()
}

/// Returns a line, wrapped at spaces. The further lines begin with `indent` spaces, but at most half a line, and less before
/// a word that would not fit. Escape sequences that colour text take no columns.
pub(crate) fn wrap(line: &str, columns: usize, indent: usize) -> String {
    let indent = indent.min(columns / 2);
    let (mut wrapped, mut column) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        let width = visible(word.trim_end());
        let indent = columns.checked_sub(width).map_or(indent, |room| indent.min(room));
        if column > indent && column + width > columns {
            wrapped.truncate(wrapped.trim_end().len());
            wrapped.push('\n');
            wrapped.extend(iter::repeat_n(' ', indent));
            column = indent;
        }
        wrapped.push_str(word);
        column += visible(word);
    }
    wrapped
}

/// Returns how many characters of a word are shown.
fn visible(word: &str) -> usize {
    let mut parts = word.split('\x1b');
    let first = parts.next().unwrap_or_default().chars().count();
    let rest = parts.map(|part| part.split_once('m').map_or(0, |(_, shown)| shown.chars().count()));
    first + rest.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_in_the_middle() {
        let table =
            [("abc", 3, "abc"), ("abcdefgh", 5, "a…fgh"), ("äöüß", 2, "…ß"), ("ab", 1, "…")];
        for (name, most, expected) in table {
            assert_eq!(shorten(name, most), expected);
        }
    }

    #[test]
    fn lines_are_wrapped_at_spaces() {
        let table = [
            ("one two three four", 8, 0, "one two\nthree\nfour"),
            ("  one two three", 9, 4, "  one two\n    three"),
            ("  incomprehensible word", 8, 2, "  incomprehensible\n  word"),
            ("\x1b[1mone\x1b[0m two", 7, 0, "\x1b[1mone\x1b[0m two"),
            ("     one twenty three", 8, 4, "     one\n  twenty\n   three"),
            ("one two", 80, 4, "one two"),
            ("one two three", 6, 50, "one\n   two\n three"),
        ];
        for (line, columns, indent, expected) in table {
            assert_eq!(wrap(line, columns, indent), expected);
        }
    }
}
