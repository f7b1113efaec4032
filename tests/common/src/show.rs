//! A frame as a person reads it: a line for each value, indented by its depth.
//!
//! The text is made of the tokens alone, in their order and without recursion. `Debug` is for a line in a
//! log; this is for snapshots, which show far more.

use std::fmt::Write;

use zresp::{Decoded, Kind, ReplyRef, Token};

/// A frame of more lines than this is shown as its beginning, its end and its totals.
const LINES: usize = 450;
const FIRST: usize = 100;
const LAST: usize = 20;

/// A text that is longer than this is shown line by line.
const LINE: usize = 72;
/// A line of text longer than this is shown as its beginning, its end and its length.
const LONGEST: usize = 160;
const HEAD: usize = 64;
const TAIL: usize = 16;

/// An aggregate or attribute that has not ended yet.
struct Open {
    kind: Kind,
    /// Values written in it; an attribute counts with the value that it annotates.
    written: usize,
}

impl Open {
    fn has_key(&self) -> bool {
        matches!(self.kind, Kind::Map | Kind::Attribute) && self.written % 2 == 1
    }
}

/// Returns the frame as lines of text.
///
/// A pair of a map whose key is one line is `key: value`. Attributes stand before the value that they
/// annotate, at the same depth.
pub fn frame(frame: &Decoded<'_>) -> String {
    let text = values(frame);
    let lines: Vec<_> = text.lines().collect();
    if lines.len() <= LINES {
        return text;
    }
    let left_out = lines.len() - FIRST - LAST;
    let (first, last) = (lines[..FIRST].join("\n"), lines[lines.len() - LAST..].join("\n"));
    format!("{first}\n… {left_out} lines …\n{last}\n{}\n", sums(frame))
}

fn values(frame: &Decoded<'_>) -> String {
    let mut text = String::new();
    let mut open: Vec<Open> = Vec::new();
    let mut after = After::Line;
    for token in frame.tokens() {
        if let Token::Close(kind) = token {
            open.pop();
            after = if kind == Kind::Attribute { After::Attribute } else { After::Line };
            continue;
        }
        let depth = open.len();
        let has_key = open.last().is_some_and(Open::has_key) && after != After::Attribute;
        if has_key && after == After::Scalar {
            text.pop();
            text.push_str(": ");
        } else {
            text.push_str(&"  ".repeat(depth));
            text.push_str(if has_key { ": " } else { "" });
        }
        if after != After::Attribute {
            open.last_mut().into_iter().for_each(|innermost| innermost.written += 1);
        }
        after = match token {
            Token::Open { kind, len } => {
                let len = len.map_or_else(|| "streamed".to_owned(), |len| len.to_string());
                write!(text, "{kind:?} {len}").unwrap();
                open.push(Open { kind, written: 0 });
                After::Line
            }
            Token::Scalar(reply) => scalar(&mut text, reply, depth),
            _ => unreachable!("{token:?}"),
        };
        text.push('\n');
    }
    assert!(open.is_empty(), "{frame:?}");
    text
}

/// The end of the text before a value.
#[derive(Clone, Copy, PartialEq)]
enum After {
    /// A value in one line, to which another can be joined.
    Scalar,
    /// The end of an attribute.
    Attribute,
    Line,
}

/// Writes a value that holds no others.
fn scalar(text: &mut String, reply: ReplyRef<'_>, depth: usize) -> After {
    write!(text, "{:?}", reply.kind()).unwrap();
    let bytes = match reply {
        ReplyRef::Integer(value) => return one_line(text, &value),
        ReplyRef::Double(value) => return one_line(text, &value),
        ReplyRef::Boolean(value) => return one_line(text, &value),
        ReplyRef::Null | ReplyRef::NullBulk | ReplyRef::NullArray => return After::Scalar,
        ReplyRef::Simple(bytes)
        | ReplyRef::Error(bytes)
        | ReplyRef::Bulk(bytes)
        | ReplyRef::BigNumber(bytes)
        | ReplyRef::BulkError(bytes) => bytes,
        ReplyRef::Verbatim { format, text: bytes } => {
            write!(text, " {}", format.escape_ascii()).unwrap();
            bytes
        }
        ReplyRef::Streamed(chunks) => {
            chunks.for_each(|chunk| write!(text, " {}", quoted(chunk)).unwrap());
            return After::Scalar;
        }
        other => unreachable!("{other:?}"),
    };
    let lines: Vec<_> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    if bytes.len() <= LINE || lines.len() == 1 {
        write!(text, " {}", quoted(bytes)).unwrap();
        return After::Scalar;
    }
    for line in lines {
        write!(text, "\n{}{}", "  ".repeat(depth + 1), quoted(line)).unwrap();
    }
    After::Line
}

fn one_line(text: &mut String, value: &dyn std::fmt::Display) -> After {
    write!(text, " {value}").unwrap();
    After::Scalar
}

/// Returns the bytes escaped; if there are many, without the middle.
fn quoted(bytes: &[u8]) -> String {
    if bytes.len() <= LONGEST {
        return format!("\"{}\"", bytes.escape_ascii());
    }
    let (head, tail) = (&bytes[..HEAD], &bytes[bytes.len() - TAIL..]);
    let (head, tail) = (head.escape_ascii(), tail.escape_ascii());
    format!("\"{head}\" … {} bytes in all … \"{tail}\"", bytes.len())
}

/// Returns the size of a frame, its depth, and the number of values of each kind.
fn sums(frame: &Decoded<'_>) -> String {
    let mut counts: Vec<(Kind, usize)> = Vec::new();
    let (mut depth, mut deepest) = (0, 0);
    for token in frame.tokens() {
        let kind = match token {
            Token::Open { kind, .. } => {
                depth += 1;
                deepest = deepest.max(depth);
                kind
            }
            Token::Scalar(reply) => reply.kind(),
            _ => {
                depth -= 1;
                continue;
            }
        };
        match counts.iter_mut().find(|(counted, _)| *counted == kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((kind, 1)),
        }
    }
    let mut text = format!("in all: {} bytes, {deepest} levels", frame.wire().len());
    for (kind, count) in counts {
        write!(text, ", {count} {kind:?}").unwrap();
    }
    text
}
