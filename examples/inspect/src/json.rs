//! Records as lines of JSON, one for each frame.
//!
//! A frame is an object: `input`, `offset`, `time` (seconds since 1970), `connection` and `db` say where it is from, as far
//! as the input tells. A command of a capture and its reply have the same number, `exchange`; the reply has the name of the
//! `command`, and `latency_us` (microseconds). `unpaired` is `true` if they cannot be paired. Then comes one of `request`
//! (an array of strings), `reply` (a value) and `snapshot`. A value is an object with its `type` and its `value`, after the
//! `attributes` before it: those are an
//! array of pairs, and so is the value of a map. Numbers that JSON cannot hold, doubles and big numbers, are strings with
//! the digits that were sent.
//!
//! Bytes that are UTF-8 are a JSON string, other bytes are `{"hex": "ff00"}`.

use std::io::{self, Write};
use std::time::Duration;

use zresp::view::Tokens;
use zresp::{CommandRef, Decoded, Kind, ReplyRef, Token, commands};

use crate::record::{Check, Content, Mark, Record, Snapshot};
use crate::secrets::Secrets;
use crate::sink::Sink;
use crate::{safe, text};

/// Writes a line for each frame.
pub(crate) struct Json<W> {
    out: W,
    secrets: Secrets,
    /// How many exchanges have been written.
    exchanges: u64,
}

impl<W: Write> Json<W> {
    pub(crate) const fn new(out: W, secrets: Secrets) -> Self {
        Self { out, secrets, exchanges: 0 }
    }

    /// Begins a line: where a frame is from.
    fn line(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.out.write_all(b"{\"input\":")?;
        string(&mut self.out, record.input)?;
        write!(self.out, ",\"offset\":{}", record.offset)?;
        if let Some(time) = record.time {
            write!(self.out, ",\"time\":{}.{:06}", time.as_secs(), time.subsec_micros())?;
        }
        if let Some(connection) = record.connection {
            self.out.write_all(b",\"connection\":")?;
            string(&mut self.out, connection)?;
        }
        if let Some(database) = record.database {
            self.out.write_all(b",\"db\":")?;
            text::integer(&mut self.out, database.into())?;
        }
        if let Content::Exchange(..) = record.content {
            write!(self.out, ",\"exchange\":{}", self.exchanges)?;
        }
        if record.mark == Some(Mark::Unpaired) {
            self.out.write_all(b",\"unpaired\":true")?;
        }
        Ok(())
    }

    fn request(&mut self, record: &Record<'_>, command: &CommandRef<'_>) -> io::Result<()> {
        self.line(record)?;
        self.out.write_all(b",\"request\":[")?;
        let hidden = self.secrets.of(command);
        for (index, argument) in command.args().enumerate() {
            self.out.write_all(if index == 0 { b"" } else { b"," })?;
            bytes(&mut self.out, hidden.show(index, argument))?;
        }
        self.out.write_all(b"]}\n")
    }

    fn reply(&mut self, record: &Record<'_>, reply: &Decoded<'_>) -> io::Result<()> {
        self.line(record)?;
        if let Content::Exchange(sent, _, latency) = record.content {
            self.out.write_all(b",\"command\":")?;
            match commands::of(&sent.command) {
                Some(info) => string(&mut self.out, &info.name)?,
                None => bytes(&mut self.out, &sent.command.name().to_ascii_lowercase())?,
            }
            write!(self.out, ",\"latency_us\":{}", latency.as_micros())?;
        }
        self.out.write_all(b",\"reply\":")?;
        values(&mut self.out, reply.tokens())?;
        self.out.write_all(b"}\n")
    }
}

impl<W: Write> Sink for Json<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        match record.content {
            Content::Request(sent) => self.request(record, &sent.command),
            Content::Reply(reply) => self.reply(record, reply),
            Content::Exchange(sent, reply, _) => {
                self.exchanges += 1;
                self.request(record, &sent.command)?;
                self.reply(record, reply)
            }
            Content::Snapshot(Snapshot { format, size, check }) => {
                self.line(record)?;
                self.out.write_all(b",\"snapshot\":{")?;
                if let Some((_, version)) = format {
                    write!(self.out, "\"version\":{version},")?;
                }
                let check = match check {
                    Check::Holds => "holds",
                    Check::Missing => "missing",
                    Check::Skipped => "not computed",
                };
                writeln!(self.out, "\"bytes\":{size},\"checksum\":\"{check}\"}}}}")
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, _elapsed: Duration) -> io::Result<()> {
        self.out.flush()
    }
}

/// An aggregate that is open.
struct Level {
    kind: Kind,
    /// The number of values that have begun.
    begun: usize,
    /// The number of values in the attributes of the value that begins next. If it has any attributes, its object and the
    /// list of their pairs are open.
    annotated: Option<usize>,
}

/// Writes a value and everything in it, in one pass.
fn values(out: &mut impl Write, mut tokens: Tokens<'_>) -> io::Result<()> {
    let mut levels: Vec<Level> = Vec::new();
    // As in a level, for the value itself.
    let mut annotated = None;
    loop {
        let wire = tokens.rest();
        let Some(token) = tokens.next() else { return Ok(()) };
        if let Token::Close(kind) = token {
            // The last pair and the list of pairs.
            let begun = levels.pop().map_or(0, |level| level.begun);
            if kind == Kind::Attribute {
                // Several attributes before one value are one list.
                *levels.last_mut().map_or(&mut annotated, |level| &mut level.annotated) =
                    Some(begun);
            } else {
                end(out, kind, begun)?;
                out.write_all(b"}")?;
            }
            continue;
        }
        let before = levels.last_mut().map_or(&mut annotated, |level| &mut level.annotated).take();
        if before.is_none() {
            if let Some(level) = levels.last_mut() {
                separator(out, level)?;
                level.begun += 1;
            }
        }
        match token {
            Token::Open { kind: Kind::Attribute, .. } => {
                if before.is_none() {
                    out.write_all(b"{\"attributes\":[")?;
                }
                let begun = before.unwrap_or(0);
                levels.push(Level { kind: Kind::Attribute, begun, annotated: None });
            }
            Token::Open { kind, .. } => {
                begin(out, kind, before)?;
                out.write_all(b"[")?;
                levels.push(Level { kind, begun: 0, annotated: None });
            }
            Token::Scalar(value) => {
                begin(out, value.kind(), before)?;
                scalar(out, &value, wire)?;
                out.write_all(b"}")?;
            }
            _ => {}
        }
    }
}

/// Writes the text between two values of an aggregate.
fn separator(out: &mut impl Write, level: &Level) -> io::Result<()> {
    out.write_all(match (level.kind.has_pairs(), level.begun) {
        (false, 0) => b"",
        (true, 0) => b"[",
        (true, begun) if begun % 2 == 0 => b"],[",
        _ => b",",
    })
}

/// Ends the list of the values of an aggregate: for pairs, the last pair and the list of pairs.
fn end(out: &mut impl Write, kind: Kind, begun: usize) -> io::Result<()> {
    out.write_all(if kind.has_pairs() && begun > 0 { b"]]" } else { b"]" })
}

/// Writes the type of a value, after its attributes if it has any.
fn begin(out: &mut impl Write, kind: Kind, annotated: Option<usize>) -> io::Result<()> {
    if let Some(begun) = annotated {
        end(out, Kind::Attribute, begun)?;
    }
    let start = if annotated.is_some() { "," } else { "{" };
    write!(out, "{start}\"type\":\"{kind}\",\"value\":")
}

fn scalar(out: &mut impl Write, scalar: &ReplyRef<'_>, wire: &[u8]) -> io::Result<()> {
    match *scalar {
        ReplyRef::Simple(text)
        | ReplyRef::Error(text)
        | ReplyRef::Bulk(text)
        | ReplyRef::BulkError(text)
        | ReplyRef::BigNumber(text) => bytes(out, text),
        ReplyRef::Verbatim { format, text } => {
            bytes(out, text)?;
            out.write_all(b",\"format\":")?;
            bytes(out, format)
        }
        ReplyRef::Streamed(chunks) => {
            // There may be as many chunks as bytes.
            let mut text = Vec::new();
            chunks.for_each(|chunk| text.extend_from_slice(chunk));
            bytes(out, &text)
        }
        ReplyRef::Integer(number) => text::integer(out, number),
        ReplyRef::Boolean(value) => write!(out, "{value}"),
        ReplyRef::Double(_) => {
            let digits = wire.strip_prefix(b",").unwrap_or_default();
            bytes(out, digits.split(|byte| *byte == b'\r').next().unwrap_or_default())
        }
        _ => out.write_all(b"null"),
    }
}

/// Writes a string. Everything is escaped that is not safe on a terminal, not only what JSON demands.
fn string(out: &mut impl Write, text: &str) -> io::Result<()> {
    if text::prefix(text.as_bytes(), |byte| byte < 0x7f) == text.len() {
        return Ok(serde_json::to_writer(out, text)?);
    }
    for char in serde_json::to_string(text)?.chars() {
        if safe::is_unsafe(char) {
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
        } else {
            write!(out, "{char}")?;
        }
    }
    Ok(())
}

/// Writes bytes as a string, or in hexadecimal.
fn bytes(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return string(out, text);
    }
    out.write_all(b"{\"hex\":\"")?;
    for byte in bytes {
        out.write_all(&[text::hex_digit(byte >> 4), text::hex_digit(byte & 15)])?;
    }
    out.write_all(b"\"}")
}
