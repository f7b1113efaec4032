//! Statistics about requests and replies.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use console::Term;
use indicatif::HumanCount;
use zresp::{CommandRef, Decoded, Kind, ReplyRef, Token};

use crate::calls::Calls;
use crate::chart;
use crate::clients::{Client, Clients};
use crate::histogram::Powers;
use crate::queued::{self, Queued};
use crate::record::{Content, Record, Sent};
use crate::safe;
use crate::sink::Sink;
use crate::table::Table;
use crate::width;

/// Counts records, over all inputs.
pub(crate) struct Stats<W> {
    out: W,
    frames: u64,
    bytes: u64,
    /// Number of values: every reply and all values in it, or every command, its name and its arguments. An
    /// attribute does not count, but the values in it do.
    elements: u64,
    /// Number of values of each kind, in the order of `Kind::ALL`.
    kinds: [u64; Kind::ALL.len()],
    calls: Calls,
    queued: Queued,
    clients: Clients,
    /// Number of errors with each code, whether they are replies or values in them.
    errors: HashMap<String, u64>,
    sizes: Powers,
    latencies: Powers,
    largest: Largest,
}

/// The largest frame so far.
#[derive(Default)]
struct Largest {
    size: u64,
    input: String,
    /// Of a capture, from whom to whom, with ` in ` after it.
    stream: String,
    offset: u64,
}

/// How many different codes of errors are counted. A server has few; other text could have any number.
const CODES: usize = 64;
/// The code that stands for all others.
const OTHERS: &str = "(others)";
/// How many columns the titles take.
const TITLE: usize = 10;
/// The longest code, in bytes.
const CODE: usize = 32;

impl<W: Write> Stats<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            frames: 0,
            bytes: 0,
            elements: 0,
            kinds: [0; Kind::ALL.len()],
            calls: Calls::default(),
            queued: Queued::default(),
            clients: Clients::default(),
            errors: HashMap::new(),
            sizes: Powers::default(),
            latencies: Powers::default(),
            largest: Largest::default(),
        }
    }

    fn frame(&mut self, record: &Record<'_>, size: u64, is_reply: bool) {
        self.frames += 1;
        self.bytes += size;
        self.sizes.add(size);
        if size > self.largest.size {
            let Largest { size: largest, offset, input, stream } = &mut self.largest;
            (*largest, *offset) = (size, record.offset);
            if input != record.input {
                record.input.clone_into(input);
            }
            stream.clear();
            let Some(connection) = record.connection else { return };
            match connection.split_once(" > ") {
                Some((client, server)) if is_reply => {
                    *offset = record.reply_offset.unwrap_or(record.offset);
                    stream.extend([server, " > ", client, " in "]);
                }
                _ => stream.extend([connection, " in "]),
            }
        }
    }

    /// Counts the reply and the client of a record, whose command has a place in the table of commands.
    #[inline(never)]
    fn answer(
        &mut self,
        record: &Record<'_>,
        sent: Option<&Sent<'_>>,
        place: usize,
        reply: Option<&Decoded<'_>>,
    ) {
        let mut client = Client::default();
        if let Some(sent) = sent {
            (client.commands, client.bytes) = (1, sent.wire.len() as u64);
        }
        if let Some(latency) = record.latency() {
            self.latencies.add(nanos(latency));
        }
        if let Some(reply) = reply {
            let size = reply.wire().len() as u64;
            self.frame(record, size, true);
            client.bytes += size;
            client.errors = self.reply(reply);
            if let Some(sent) = sent {
                self.blame(record.connection, (&sent.command, place), reply, client.errors);
            }
        }
        if let Some(connection) = record.connection {
            self.clients.add(connection, client);
        }
    }

    /// Counts the values of a reply, and returns how many of them are errors.
    fn reply(&mut self, reply: &Decoded<'_>) -> u64 {
        let mut errors = 0;
        for token in reply.tokens() {
            let kind = match token {
                Token::Open { kind, .. } => kind,
                Token::Scalar(scalar) => {
                    if let Some(message) = scalar.as_error() {
                        errors += 1;
                        self.error(message);
                    }
                    scalar.kind()
                }
                _ => continue,
            };
            self.elements += u64::from(kind != Kind::Attribute);
            if let Some(count) = self.kinds.get_mut(kind as usize) {
                *count += 1;
            }
        }
        errors
    }

    /// Counts an error by its code.
    fn error(&mut self, message: &[u8]) {
        let code = message.split(|byte| *byte == b' ').next().unwrap_or_default();
        let code = &*String::from_utf8_lossy(code.get(..CODE).unwrap_or(code));
        let is_counted = self.errors.len() < CODES || self.errors.contains_key(code);
        *self.errors.entry(if is_counted { code } else { OTHERS }.to_owned()).or_default() += 1;
    }

    /// Counts the errors of a reply for the commands that have failed: those in the reply to `EXEC` for the queued commands.
    fn blame(
        &mut self,
        connection: Option<&str>,
        (command, place): (&CommandRef<'_>, usize),
        reply: &Decoded<'_>,
        errors: u64,
    ) {
        let connection = connection.unwrap_or_default();
        if reply.reply() == ReplyRef::Simple(b"QUEUED") {
            self.queued.queue(connection, place);
            return;
        }
        let ends = ["EXEC", "DISCARD", "MULTI", "RESET"].iter().any(|name| command.is(name));
        let queued = if ends { self.queued.end(connection) } else { Vec::new() };
        if errors > 0 {
            let add = |place| self.calls.add_error(place);
            queued::each_error(reply, &queued, place, add);
        }
    }

    /// Writes a line that begins with a title, wrapped if the terminal is narrow.
    fn line(&mut self, line: &str) -> io::Result<()> {
        let columns = width::columns(&Term::stdout()).unwrap_or(usize::MAX);
        writeln!(self.out, "{}", width::wrap(line, columns, TITLE))
    }

    /// Writes how often each kind of value occurred.
    fn write_kinds(&mut self) -> io::Result<()> {
        let mut counts: Vec<_> = Kind::ALL.iter().zip(self.kinds).filter(|(_, n)| *n > 0).collect();
        counts.sort_by_key(|(kind, count)| (u64::MAX - count, kind.to_string()));
        let total: u64 = self.kinds.iter().sum();
        let row = |(kind, count): (&Kind, u64)| {
            let share = u128::from(count) * 1000 / u128::from(total);
            let share = format!("{}.{} %", share / 10, share % 10);
            vec![kind.to_string(), HumanCount(count).to_string(), share]
        };
        Table(counts.into_iter().map(row).collect()).write(&mut self.out, "kinds     ")
    }

    /// Writes how often each error occurred.
    fn write_errors(&mut self) -> io::Result<()> {
        let mut errors: Vec<_> = self.errors.iter().collect();
        errors.sort_by_key(|(code, count)| (u64::MAX - **count, code.as_str()));
        let row =
            |(code, count): (&String, &u64)| vec![safe::line(code), HumanCount(*count).to_string()];
        Table(errors.into_iter().map(row).collect()).write(&mut self.out, "errors    ")
    }
}

impl<W: Write> Sink for Stats<W> {
    #[inline]
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        let (sent, reply) = match &record.content {
            Content::Request(sent) => (Some(sent), None),
            Content::Reply(reply) => (None, Some(*reply)),
            Content::Exchange(sent, reply, _) => (Some(sent), Some(*reply)),
            Content::Snapshot(snapshot) => {
                self.frame(record, snapshot.size, false);
                return Ok(());
            }
        };
        let mut place = 0;
        if let Some(sent) = sent {
            self.frame(record, sent.wire.len() as u64, false);
            self.elements += 1 + sent.command.len() as u64;
            place = self.calls.add(sent, reply, record.latency());
        }
        // Of files, most records are only a command.
        if reply.is_some() || record.connection.is_some() {
            self.answer(record, sent, place, reply);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, elapsed: Duration) -> io::Result<()> {
        writeln!(self.out, "frames    {}", HumanCount(self.frames))?;
        self.line(&format!(
            "elements  {}, including the frames themselves",
            HumanCount(self.elements)
        ))?;
        writeln!(self.out, "bytes     {}", HumanCount(self.bytes))?;
        if self.frames > 0 {
            let Largest { size, offset, input, stream } = &self.largest;
            let (size, offset) = (HumanCount(*size), HumanCount(*offset));
            let columns = width::columns(&Term::stdout()).unwrap_or(usize::MAX);
            let input = width::shorten(&safe::line(input), columns - columns.min(TITLE));
            self.line(&format!("largest   {size} bytes at offset {offset} of {stream}{input}"))?;
        }
        self.write_kinds()?;
        self.write_errors()?;
        self.calls.write(&mut self.out)?;
        self.clients.write(&mut self.out)?;
        chart::write(&mut self.out, "sizes", &self.sizes, chart::bytes)?;
        chart::write(&mut self.out, "latency", &self.latencies, chart::time)?;
        self.line(&format!("pass      {elapsed:.1?}{}", rate(self.bytes, elapsed)))?;
        self.out.flush()
    }
}

/// Returns the nanoseconds of a duration.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns `, 870 MB/s, with reading`, or nothing if there are no bytes: the bytes of all frames, by the time from opening
/// the first input to its last frame.
fn rate(bytes: u64, elapsed: Duration) -> String {
    match u128::from(bytes).saturating_mul(1_000_000_000).checked_div(elapsed.as_nanos()) {
        Some(0) | None => String::new(),
        Some(rate @ 1_000_000..) => format!(", {} MB/s, with reading", rate / 1_000_000),
        Some(rate @ 1000..) => format!(", {} kB/s, with reading", rate / 1000),
        Some(rate) => format!(", {rate} B/s, with reading"),
    }
}
