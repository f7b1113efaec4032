//! Replies as `redis-cli` prints them on a terminal.
//!
//! This is one pass over the tokens of a frame, with a small entry for each open aggregate. A newline is
//! written only before the value that needs it, because the text after a key, or after the last value of
//! an aggregate, depends on the next token.
//!
//! `redis-cli` 7 does not know attributes, bulk errors, big numbers or streamed forms. An attribute is
//! printed like a map, `1| key => value`, with the value that it annotates on the next line; a bulk error
//! like an error; a streamed form like its counterpart with a length.
//!
//! Two things differ on purpose: text never contains control characters ([`safe`]), and long values are shortened.

use std::io::{self, Write};
use std::mem;
use std::time::Duration;

use zresp::view::Elements;
use zresp::{CommandRef, Decoded, Kind, ReplyRef, Token};

use crate::record::{Check, Content, Mark, Record, Snapshot};
use crate::safe;
use crate::secrets::Secrets;
use crate::shape::{Lines, Shape, Shapes};
use crate::sink::Sink;
use crate::style::{Paint, Role};
use crate::{text, time};

/// Prints replies and requests.
pub(crate) struct Printer<W> {
    out: W,
    levels: Vec<Level>,
    shapes: Shapes,
    /// Whether an attribute has just ended.
    annotated: bool,
    /// How many bytes of a value are shown.
    most: usize,
    /// Whether the offset of each frame is shown.
    offsets: bool,
    secrets: Secrets,
    paint: Paint,
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
    /// Returns a printer that shows at most this many bytes of a value.
    pub(crate) fn new(out: W, most: usize, offsets: bool, secrets: Secrets, paint: Paint) -> Self {
        let (levels, shapes) = (Vec::new(), Shapes::default());
        Self { out, levels, shapes, annotated: false, most, offsets, secrets, paint }
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

    fn scalar(&mut self, scalar: &ReplyRef<'_>, wire: &[u8]) -> io::Result<()> {
        let role = role(scalar.kind());
        let (out, end) = (&mut self.out, role.map_or(b"".as_slice(), |_| self.paint.end()));
        if let Some(role) = role {
            out.write_all(self.paint.start(role))?;
        }
        match *scalar {
            ReplyRef::Bulk(bytes) => text::quoted(out, [bytes], self.most),
            ReplyRef::Streamed(chunks) => text::quoted(out, chunks, self.most),
            ReplyRef::Integer(number) => {
                out.write_all(b"(integer) ")?;
                text::integer(out, number)
            }
            ReplyRef::Double(_) => {
                out.write_all(b"(double) ")?;
                // The digits as they were sent.
                let digits = wire.strip_prefix(b",").unwrap_or_default();
                out.write_all(digits.split(|byte| *byte == b'\r').next().unwrap_or_default())
            }
            ReplyRef::Simple(text) | ReplyRef::Verbatim { text, .. } => {
                shortened(out, text, self.most)
            }
            ReplyRef::Error(message) | ReplyRef::BulkError(message) => {
                out.write_all(b"(error) ")?;
                shortened(out, message, self.most)
            }
            ReplyRef::NullBulk | ReplyRef::NullArray | ReplyRef::Null => out.write_all(b"(nil)"),
            ReplyRef::Boolean(true) => out.write_all(b"(true)"),
            ReplyRef::Boolean(false) => out.write_all(b"(false)"),
            ReplyRef::BigNumber(text) => {
                out.write_all(b"(big number) ")?;
                shortened(out, text, self.most)
            }
            _ => write!(out, "({})", scalar.kind()),
        }?;
        self.out.write_all(end)
    }

    fn reply(&mut self, frame: &Decoded<'_>) -> io::Result<()> {
        if let Some(keys) = invalidated(frame) {
            return invalidation(&mut self.out, keys, self.most);
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
                Token::Scalar(scalar) => {
                    self.begin(Lines::One)?;
                    self.scalar(&scalar, wire)?;
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
    fn request(&mut self, command: &CommandRef<'_>) -> io::Result<()> {
        self.out.write_all(self.paint.start(Role::Request))?;
        let hidden = self.secrets.of(command);
        for (index, argument) in command.args().enumerate() {
            self.out.write_all(if index == 0 { b"" } else { b" " })?;
            text::quoted(&mut self.out, [hidden.show(index, argument)], self.most)?;
        }
        self.out.write_all(self.paint.end())?;
        self.out.write_all(b"\n")
    }

    fn snapshot(&mut self, Snapshot { format, size, check }: &Snapshot) -> io::Result<()> {
        match format {
            Some((magic, version)) => write!(
                self.out,
                "(snapshot: an RDB file of {magic:?}, version {version}, {size} bytes"
            )?,
            None => write!(self.out, "(snapshot: {size} bytes that do not begin like an RDB file")?,
        }
        self.out.write_all(match check {
            Check::Holds => b", its checksum holds)\n",
            Check::Missing => b", no checksum)\n",
            Check::Skipped => b")\n",
        })
    }

    /// Writes the offset if that is wanted, when and between whom, if the input tells, and the database if it is not the
    /// first one: `4096 2026-01-31T12:00:00.000000Z 127.0.0.1:50000 > 127.0.0.1:6379 1.2ms db=5 `.
    fn origin(&mut self, record: &Record<'_>) -> io::Result<()> {
        let Record { time, connection, .. } = *record;
        let database = record.database.filter(|database| *database != 0);
        if !self.offsets && time.is_none() && connection.is_none() && database.is_none() {
            return Ok(());
        }
        let out = &mut self.out;
        out.write_all(self.paint.start(Role::Aside))?;
        if self.offsets {
            write!(out, "{} ", record.offset)?;
        }
        if let Some(time) = time {
            write!(out, "{} ", time::Instant(time))?;
        }
        if let Some(connection) = connection {
            write!(out, "{connection} ")?;
        }
        if let Some(latency) = record.latency() {
            write!(out, "{latency:.1?} ")?;
        }
        if record.mark == Some(Mark::Unpaired) {
            out.write_all(b"unpaired ")?;
        }
        if let Some(database) = database {
            write!(out, "db={database} ")?;
        }
        out.write_all(self.paint.end())
    }
}

impl<W: Write> Sink for Printer<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.origin(record)?;
        match record.content {
            Content::Request(sent) => self.request(&sent.command),
            Content::Reply(reply) => self.reply(reply),
            Content::Exchange(sent, reply, _) => {
                self.request(&sent.command)?;
                self.reply(reply)
            }
            Content::Snapshot(snapshot) => self.snapshot(&snapshot),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, _elapsed: Duration) -> io::Result<()> {
        self.out.flush()
    }
}

/// Returns how a kind of scalar is coloured.
const fn role(kind: Kind) -> Option<Role> {
    match kind {
        Kind::Bulk | Kind::Streamed => Some(Role::Text),
        Kind::Integer | Kind::Double | Kind::BigNumber | Kind::Boolean => Some(Role::Number),
        Kind::Error | Kind::BulkError => Some(Role::Error),
        Kind::Null | Kind::NullBulk | Kind::NullArray => Some(Role::Aside),
        _ => None,
    }
}

/// Writes text, or its first bytes and its length.
fn shortened(out: &mut impl Write, text: &[u8], most: usize) -> io::Result<()> {
    match text.get(..most) {
        Some(shown) if text.len() > most => {
            safe::write(out, shown)?;
            write!(out, "… {} bytes", text.len())
        }
        _ => safe::write(out, text),
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

/// Prints such a push as `redis-cli` does: on one line, with the keys without escapes for quotes.
fn invalidation(out: &mut impl Write, keys: Elements<'_>, most: usize) -> io::Result<()> {
    out.write_all(b"-> invalidate: ")?;
    for (index, key) in keys.enumerate() {
        out.write_all(if index == 0 { b"'" } else { b", '" })?;
        shortened(out, key.as_bytes().unwrap_or_default(), most)?;
        out.write_all(b"'")?;
    }
    out.write_all(b"\n")
}
