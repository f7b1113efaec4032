//! Replies as `redis-cli` prints them on a terminal.
//!
//! This is one pass over the tokens of a frame, with a small entry for each open aggregate. A newline is
//! written only before the value that needs it, because the text after a key, or after the last value of
//! an aggregate, depends on the next token.
//!
//! `redis-cli` 7 does not know attributes, bulk errors, big numbers or streamed forms. An attribute is
//! printed like a map, `1| key => value`, with the value that it annotates on the next line; a bulk error
//! like an error; a streamed form like its counterpart with a length.

use std::io::{self, Write};
use std::mem;

use zresp::view::Elements;
use zresp::{Decoded, Kind, ReplyRef, Request, Token};

use crate::shape::{Lines, Shape, Shapes};
use crate::sink::Sink;
use crate::text;

/// Prints replies and requests.
pub(crate) struct Printer<W> {
    out: W,
    levels: Vec<Level>,
    shapes: Shapes,
    /// Whether an attribute has just ended.
    annotated: bool,
    /// Buffer in which inline commands become arrays.
    scratch: Vec<u8>,
}

/// An open aggregate.
struct Level {
    kind: Kind,
    /// The column of its indices.
    indent: usize,
    /// The width of an index in columns, without the mark after it.
    width: usize,
    /// The number of values that have begun.
    begun: usize,
}

impl Level {
    const fn expects_value_of_pair(&self) -> bool {
        self.kind.has_pairs() && self.begun % 2 == 1
    }

    /// The byte after an index.
    const fn mark(&self) -> u8 {
        match self.kind {
            Kind::Map => b'#',
            Kind::Set => b'~',
            Kind::Attribute => b'|',
            _ => b')',
        }
    }

    /// The column of its values.
    const fn values(&self) -> usize {
        self.indent + self.width + 2
    }
}

impl<W: Write> Printer<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            levels: Vec::new(),
            shapes: Shapes::default(),
            annotated: false,
            scratch: Vec::new(),
        }
    }

    /// Writes the text before a value: a new line, an index, an arrow.
    fn begin(&mut self, lines: Lines) -> io::Result<()> {
        let annotated = mem::take(&mut self.annotated);
        let Some(level) = self.levels.last_mut() else {
            return if annotated { self.out.write_all(b"\n") } else { Ok(()) };
        };
        if annotated {
            return new_line(&mut self.out, level.values());
        }
        let is_value_of_pair = level.expects_value_of_pair();
        level.begun += 1;
        if is_value_of_pair {
            self.out.write_all(b" => ")?;
            return match lines {
                Lines::One => Ok(()),
                Lines::Several => new_line(&mut self.out, level.values()),
            };
        }
        let index = if level.kind.has_pairs() { level.begun.div_ceil(2) } else { level.begun };
        if index > 1 {
            new_line(&mut self.out, level.indent)?;
        }
        text::aligned(&mut self.out, index, level.width)?;
        self.out.write_all(&[level.mark(), b' '])
    }

    fn open(&mut self, kind: Kind, Shape { len, lines }: Shape) -> io::Result<()> {
        // With the value that it annotates, an attribute takes at least two lines.
        self.begin(if kind == Kind::Attribute { Lines::Several } else { lines })?;
        if len == 0 {
            self.out.write_all(empty(kind))?;
        }
        let indent = self.levels.last().map_or(0, Level::values);
        self.levels.push(Level { kind, indent, width: text::width(len), begun: 0 });
        Ok(())
    }

    fn scalar(&mut self, scalar: &ReplyRef<'_>) -> io::Result<()> {
        let out = &mut self.out;
        match *scalar {
            ReplyRef::Bulk(bytes) => text::quoted(out, [bytes]),
            ReplyRef::Streamed(chunks) => text::quoted(out, chunks),
            ReplyRef::Integer(number) => {
                out.write_all(b"(integer) ")?;
                text::integer(out, number)
            }
            ReplyRef::Simple(text) | ReplyRef::Verbatim { text, .. } => out.write_all(text),
            ReplyRef::Error(message) | ReplyRef::BulkError(message) => {
                out.write_all(b"(error) ")?;
                out.write_all(message)
            }
            ReplyRef::NullBulk | ReplyRef::NullArray | ReplyRef::Null => out.write_all(b"(nil)"),
            ReplyRef::Boolean(true) => out.write_all(b"(true)"),
            ReplyRef::Boolean(false) => out.write_all(b"(false)"),
            ReplyRef::BigNumber(text) => {
                out.write_all(b"(big number) ")?;
                out.write_all(text)
            }
            _ => write!(out, "({})", scalar.kind()),
        }
    }
}

impl<W: Write> Sink for Printer<W> {
    fn input(&mut self, _name: &str) {}

    fn reply(&mut self, frame: &Decoded<'_>) -> io::Result<()> {
        if let Some(keys) = invalidated(frame) {
            return invalidation(&mut self.out, keys);
        }
        let mut tokens = frame.tokens();
        loop {
            let wire = tokens.rest();
            let Some(token) = tokens.next() else { break };
            match token {
                Token::Open { kind, len } => {
                    let is_value = self.levels.last().is_some_and(Level::expects_value_of_pair);
                    let shape = self.shapes.opened(kind, len, is_value, &tokens);
                    self.open(kind, shape)?;
                }
                Token::Scalar(ReplyRef::Double(_)) => {
                    self.begin(Lines::One)?;
                    self.out.write_all(b"(double) ")?;
                    let text = wire.strip_prefix(b",").unwrap_or_default();
                    let digits = text.split(|byte| *byte == b'\r').next();
                    self.out.write_all(digits.unwrap_or_default())?;
                }
                Token::Scalar(scalar) => {
                    self.begin(Lines::One)?;
                    self.scalar(&scalar)?;
                }
                Token::Close(kind) => {
                    self.levels.pop();
                    self.annotated = kind == Kind::Attribute;
                }
                _ => {}
            }
        }
        self.out.write_all(b"\n")
    }

    /// Writes the arguments on a line, each in quotes, as `MONITOR` does.
    fn request(&mut self, request: &Request<'_>) -> io::Result<()> {
        let command = request.command().to_array(&mut self.scratch);
        for (index, argument) in command.args().enumerate() {
            self.out.write_all(if index == 0 { b"" } else { b" " })?;
            text::quoted(&mut self.out, [argument])?;
        }
        self.out.write_all(b"\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn new_line(out: &mut impl Write, indent: usize) -> io::Result<()> {
    out.write_all(b"\n")?;
    text::spaces(out, indent)
}

/// Returns the text for an aggregate without values.
const fn empty(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::Array => b"(empty array)",
        Kind::Map => b"(empty hash)",
        Kind::Set => b"(empty set)",
        Kind::Push => b"(empty push)",
        Kind::Attribute => b"(empty attribute)",
        _ => b"(empty aggregate type)",
    }
}

/// Returns the keys of a push that says that cached keys have changed.
fn invalidated<'a>(frame: &Decoded<'a>) -> Option<Elements<'a>> {
    let ReplyRef::Push(mut elements) = frame.reply() else { return None };
    if elements.len() != Some(2) || elements.next() != Some(ReplyRef::Bulk(b"invalidate")) {
        return None;
    }
    let ReplyRef::Array(keys) = elements.next()? else { return None };
    let mut rest = keys;
    let is_usual = frame.attributes().is_empty() && rest.all(|key| key.kind() == Kind::Bulk);
    is_usual.then_some(keys)
}

/// Prints such a push as `redis-cli` does: on one line, with the keys unescaped.
fn invalidation(out: &mut impl Write, keys: Elements<'_>) -> io::Result<()> {
    out.write_all(b"-> invalidate: ")?;
    for (index, key) in keys.enumerate() {
        out.write_all(if index == 0 { b"'" } else { b", '" })?;
        out.write_all(key.as_bytes().unwrap_or_default())?;
        out.write_all(b"'")?;
    }
    out.write_all(b"\n")
}
