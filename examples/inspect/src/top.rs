//! The hottest keys, largest values, largest replies and slowest commands.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use zresp::{CommandRef, commands};

use crate::chart;
use crate::heavy::Heavy;
use crate::record::{Record, Sent};
use crate::sink::Sink;
use crate::stats::nanos;
use crate::text;

/// How many bytes of a key or an argument are shown.
const SHOWN: usize = 64;
/// How many arguments of a command are shown.
const ARGUMENTS: usize = 4;

/// Finds the extremes of all records.
pub(crate) struct Top<W> {
    out: W,
    number: usize,
    keys: Heavy,
    values: Largest,
    replies: Largest,
    slowest: Largest,
}

impl<W: Write> Top<W> {
    pub(crate) fn new(out: W, number: usize) -> Self {
        let [values, replies, slowest] =
            [(); 3].map(|()| Largest { number, heap: BinaryHeap::new() });
        Self { out, number, keys: Heavy::default(), values, replies, slowest }
    }

    fn write_keys(&mut self) -> io::Result<()> {
        let (keys, missed) = self.keys.top(self.number);
        if keys.is_empty() {
            return Ok(());
        }
        let out = &mut self.out;
        match missed {
            0 => writeln!(out, "hottest keys, by accesses")?,
            _ => writeln!(out, "hottest keys, by accesses (may be {} more)", HumanCount(missed))?,
        }
        for (key, count) in keys {
            write!(out, "{:>14}  ", HumanCount(count).to_string())?;
            text::quoted(out, [key], SHOWN)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Top<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        let request = record.request();
        if let Some(Sent { command, .. }) = request {
            for key in commands::keys(&command).into_iter().flatten() {
                self.keys.add(key.key);
            }
            let largest = command.args().skip(1).map(<[u8]>::len).max().unwrap_or_default();
            self.values.add(largest as u64, record, Some(command));
        }
        let command = request.map(|sent| sent.command);
        if let Some(reply) = record.reply() {
            self.replies.add(reply.wire().len() as u64, record, command);
        }
        if let Some(latency) = record.latency() {
            self.slowest.add(nanos(latency), record, command);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _elapsed: Duration) -> io::Result<()> {
        self.write_keys()?;
        let size = |size| HumanBytes(size).to_string();
        self.values.write(&mut self.out, "largest values", size)?;
        self.replies.write(&mut self.out, "largest replies", size)?;
        self.slowest.write(&mut self.out, "slowest commands", chart::time)?;
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
    fn add(&mut self, size: u64, record: &Record<'_>, command: Option<CommandRef<'_>>) {
        let is_full = self.heap.len() == self.number;
        if size == 0 || is_full && self.heap.peek().is_some_and(|least| size <= least.0.0) {
            return;
        }
        if is_full {
            self.heap.pop();
        }
        let what = describe(record, command);
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
            write!(out, "{:>14}  ", shown(size))?;
            out.write_all(&what)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// Returns the place of a record and the first arguments of its command.
fn describe(record: &Record<'_>, command: Option<CommandRef<'_>>) -> Vec<u8> {
    let mut what = format!("at {} of ", HumanCount(record.offset)).into_bytes();
    let input = record.connection.unwrap_or(record.input);
    what.extend_from_slice(crate::safe::line(input).as_bytes());
    let arguments = command.iter().flat_map(CommandRef::args);
    for argument in arguments.take(ARGUMENTS) {
        what.extend_from_slice(b" ");
        // Writing to a vector cannot fail.
        let _ = text::quoted(&mut what, [argument], SHOWN);
    }
    what
}
