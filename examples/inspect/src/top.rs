//! The hottest keys, largest values, largest replies and slowest commands.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};
use std::time::Duration;

use console::Term;
use indicatif::{HumanBytes, HumanCount};
use zresp::commands::{Categories, Flags};
use zresp::{CommandRef, ReplyRef, commands};

use crate::chart;
use crate::heavy::Heavy;
use crate::record::{Record, Sent};
use crate::secrets::Secrets;
use crate::sink::Sink;
use crate::stats::nanos;
use crate::{monitor, safe, text, time, width};

/// How many bytes of a key or an argument are shown.
const SHOWN: usize = 64;
/// How many arguments of a command are shown.
const ARGUMENTS: usize = 4;

/// The database of a key if it is not known. Servers have fewer.
const UNKNOWN: u32 = u32::MAX;

/// Finds the extremes of all records.
pub(crate) struct Top<W> {
    out: W,
    number: usize,
    secrets: Secrets,
    /// Whether the database of a command was known.
    has_database: bool,
    /// How often each key is accessed. The bytes of a key follow those of its database.
    accesses: Heavy,
    /// The bytes of the commands with a key and of their replies. Those of a command with several keys are divided among
    /// them.
    traffic: Heavy,
    values: Largest,
    replies: Largest,
    slowest: Largest,
    /// How many commands are not among the slowest ones, because they wait by design.
    waiting: u64,
}

impl<W: Write> Top<W> {
    pub(crate) fn new(out: W, number: usize, secrets: Secrets) -> Self {
        let [values, replies, slowest] =
            [(); 3].map(|()| Largest { number, heap: BinaryHeap::new() });
        let [accesses, traffic] = [(); 2].map(|()| Heavy::default());
        Self {
            out,
            number,
            secrets,
            has_database: false,
            accesses,
            traffic,
            values,
            replies,
            slowest,
            waiting: 0,
        }
    }

    /// Counts the keys of a command and its largest argument that is not one.
    fn add_request(&mut self, record: &Record<'_>, Sent { command, wire }: Sent<'_>) {
        // Found twice, and not kept: there may be a hundred million.
        let keys = || commands::keys(&command).into_iter().flatten();
        let reply = record.reply().map_or(0, |reply| reply.wire().len());
        let share = (wire.len() + reply) / keys().count().max(1);
        self.has_database |= record.database.is_some();
        let mut item = Vec::new();
        for key in keys() {
            item.clear();
            item.extend_from_slice(&record.database.unwrap_or(UNKNOWN).to_be_bytes());
            item.extend_from_slice(key.key);
            self.accesses.add(&item, 1);
            self.traffic.add(&item, share as u64);
        }
        let about_connection = Categories::CONNECTION | Categories::ADMIN;
        if commands::of(&command).is_some_and(|info| info.categories.intersects(about_connection)) {
            return;
        }
        let mut is_key = vec![false; command.len()];
        for key in keys() {
            if let Some(is_key) = is_key.get_mut(key.index) {
                *is_key = true;
            }
        }
        let values = command.args().zip(is_key).skip(1).filter(|(_, is_key)| !is_key);
        let largest = values.map(|(value, _)| value.len()).max().unwrap_or_default();
        self.values.add(largest as u64, record, Some(command), self.secrets);
    }

    /// Writes the keys with the most accesses or bytes, each with both numbers.
    fn write_keys(&mut self, title: &str, order: impl Fn(&Self) -> &Heavy) -> io::Result<()> {
        let (keys, missed) = order(self).top(self.number);
        let keys: Vec<_> = keys.into_iter().map(|(key, _)| key.to_vec()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        match missed {
            0 => writeln!(self.out, "{title}")?,
            _ => writeln!(self.out, "{title} (may be {} more)", HumanCount(missed))?,
        }
        for item in keys {
            let Some((database, key)) = item.split_first_chunk() else { continue };
            let [accesses, bytes] = [&self.accesses, &self.traffic].map(|heavy| heavy.count(&item));
            let accesses = accesses.map_or_else(String::new, |count| HumanCount(count).to_string());
            let bytes = bytes.map_or_else(String::new, |bytes| HumanBytes(bytes).to_string());
            let mut line = format!("{accesses:>10} {bytes:>12}  ").into_bytes();
            text::quoted(&mut line, [key], SHOWN)?;
            match u32::from_be_bytes(*database) {
                UNKNOWN if self.has_database => line.extend_from_slice(b" db=?"),
                0 | UNKNOWN => {}
                number => write!(line, " db={number}")?,
            }
            write_row(&mut self.out, &line, 25)?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Top<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        let request = record.request();
        if let Some(sent) = request {
            self.add_request(record, sent);
        }
        let command = request.map(|sent| sent.command);
        if let Some(reply) = record.reply() {
            // What `MONITOR` shows is the command of another client.
            if !matches!(reply.reply(), ReplyRef::Simple(line) if monitor::is_line(line)) {
                self.replies.add(reply.wire().len() as u64, record, command, self.secrets);
            }
        }
        if let Some(latency) = record.latency() {
            if command.is_some_and(|command| waits(&command)) {
                self.waiting += 1;
            } else {
                self.slowest.add(nanos(latency), record, command, self.secrets);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _elapsed: Duration) -> io::Result<()> {
        self.write_keys("hottest keys, by accesses", |top| &top.accesses)?;
        self.write_keys("largest keys, by bytes", |top| &top.traffic)?;
        let size = |size| HumanBytes(size).to_string();
        self.values.write(&mut self.out, "largest values", size)?;
        self.replies.write(&mut self.out, "largest replies", size)?;
        let slowest = match self.waiting {
            0 => "slowest commands".to_owned(),
            count => format!(
                "slowest commands (without {} that wait for data, such as BLPOP)",
                HumanCount(count)
            ),
        };
        self.slowest.write(&mut self.out, &slowest, chart::time)?;
        self.out.flush()
    }
}

/// A number, its offset (of equal numbers, the first ones are kept), and what it is of.
type Entry = (u64, Reverse<u64>, Vec<u8>);

/// The largest numbers, and what they are of.
struct Largest {
    number: usize,
    /// The smallest one is on top.
    heap: BinaryHeap<Reverse<Entry>>,
}

impl Largest {
    fn add(
        &mut self,
        size: u64,
        record: &Record<'_>,
        command: Option<CommandRef<'_>>,
        secrets: Secrets,
    ) {
        let is_full = self.heap.len() == self.number;
        if size == 0 || is_full && self.heap.peek().is_some_and(|least| size <= least.0.0) {
            return;
        }
        if is_full {
            self.heap.pop();
        }
        let what = describe(record, command, secrets);
        self.heap.push(Reverse((size, Reverse(record.offset), what)));
    }

    fn write(
        &mut self,
        out: &mut impl Write,
        title: &str,
        shown: impl Fn(u64) -> String,
    ) -> io::Result<()> {
        let sorted = std::mem::take(&mut self.heap).into_sorted_vec();
        if !sorted.is_empty() {
            writeln!(out, "{title}")?;
        }
        for Reverse((size, _, what)) in sorted {
            let row = [format!("{:>14}  ", shown(size)).as_bytes(), &what].concat();
            write_row(out, &row, 16)?;
        }
        Ok(())
    }
}

/// Writes a row, wrapped to the width of the terminal: its last column begins after `indent` others.
fn write_row(out: &mut impl Write, row: &[u8], indent: usize) -> io::Result<()> {
    let columns = width::columns(&Term::stdout()).unwrap_or(usize::MAX);
    writeln!(out, "{}", width::wrap(&String::from_utf8_lossy(row), columns, indent))
}

/// Returns whether a command waits by design until there is data, or other servers have theirs.
fn waits(command: &CommandRef<'_>) -> bool {
    let Some(info) = commands::of(command).filter(|info| info.flags.contains(Flags::BLOCKING))
    else {
        return false;
    };
    // Those that read streams wait only if they are asked to.
    let is_option = |argument: &[u8]| argument.eq_ignore_ascii_case(b"BLOCK");
    !info.name.starts_with("xread") || command.args().any(is_option)
}

/// Returns the time and the place of a record, and the first arguments of its command.
fn describe(record: &Record<'_>, command: Option<CommandRef<'_>>, secrets: Secrets) -> Vec<u8> {
    let time = record.time.map(|time| format!("{} ", time::Instant(time))).unwrap_or_default();
    let mut what = format!("{time}at {} of ", HumanCount(record.offset)).into_bytes();
    let half = width::columns(&Term::stdout()).map_or(usize::MAX, |columns| columns / 2);
    // Of an address, no part can be left out.
    let place = record
        .connection
        .map_or_else(|| width::shorten(&safe::line(record.input), half), safe::line);
    what.extend_from_slice(place.as_bytes());
    if let Some(database @ 1..) = record.database {
        what.extend_from_slice(format!(" db={database}").as_bytes());
    }
    let Some(command) = command else { return what };
    let hidden = secrets.of(&command);
    for (index, argument) in command.args().enumerate().take(ARGUMENTS) {
        what.extend_from_slice(b" ");
        // Writing to a vector cannot fail.
        let _ = text::quoted(&mut what, [hidden.show(index, argument)], SHOWN.min(half));
    }
    what
}
