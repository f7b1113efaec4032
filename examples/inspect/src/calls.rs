//! A table by command: calls, bytes, errors and latencies.

use std::collections::HashMap;
use std::io::{self, Write};

use indicatif::HumanCount;
use zresp::{CommandRef, Kind, commands};

use crate::chart;
use crate::histogram::Histogram;
use crate::record::Record;
use crate::safe;
use crate::stats::nanos;

/// The most different names that are counted. A client may send any text as a name.
const NAMES: usize = 1000;
/// The name that stands for all further names.
const OTHERS: &[u8] = b"(others)";
/// The longest name that is counted, in bytes; longer ones are cut.
const NAME: usize = 32;

/// Counts by the name of the command, and of the subcommand if it has one, as in `config|get`.
#[derive(Default)]
pub(crate) struct Calls {
    places: HashMap<Vec<u8>, usize>,
    tallies: Vec<Tally>,
    /// The names of recent commands without subcommands as they were sent, each with its place: most commands are like one
    /// shortly before.
    recent: [(Vec<u8>, usize); 4],
    next: usize,
}

/// What is counted for a command.
#[derive(Default)]
struct Tally {
    name: Vec<u8>,
    calls: u64,
    bytes_in: u64,
    bytes_out: u64,
    errors: u64,
    latencies: Option<Box<Histogram>>,
}

impl Calls {
    /// Counts a record that has a command.
    #[inline]
    pub(crate) fn add(&mut self, record: &Record<'_>) {
        let Some(sent) = record.request() else { return };
        let place = self.place(&sent.command);
        let Some(tally) = self.tallies.get_mut(place) else { return };
        tally.calls += 1;
        tally.bytes_in += sent.wire.len() as u64;
        if let Some(reply) = record.reply() {
            tally.bytes_out += reply.wire().len() as u64;
            let is_error = matches!(reply.reply().kind(), Kind::Error | Kind::BulkError);
            tally.errors += u64::from(is_error);
        }
        if let Some(latency) = record.latency() {
            tally.latencies.get_or_insert_default().add(nanos(latency));
        }
    }

    /// Returns the place of the tally for a command.
    #[inline]
    fn place(&mut self, command: &CommandRef<'_>) -> usize {
        let name = command.name();
        match self.recent.iter().find(|(recent, _)| recent == name) {
            Some((_, place)) if !name.is_empty() => *place,
            _ => self.look_up(command),
        }
    }

    fn look_up(&mut self, command: &CommandRef<'_>) -> usize {
        let sent = command.name();
        let mut name = match commands::of(command) {
            Some(info) => info.name.as_bytes().to_vec(),
            None => sent.get(..NAME).unwrap_or(sent).to_ascii_lowercase(),
        };
        if self.tallies.len() >= NAMES && !self.places.contains_key(&name) {
            name = OTHERS.to_vec();
        }
        let place = self.places.get(&name).copied().unwrap_or_else(|| {
            self.tallies.push(Tally { name: name.clone(), ..Tally::default() });
            self.places.insert(name, self.tallies.len() - 1);
            self.tallies.len() - 1
        });
        let has_subcommands = commands::lookup(sent).is_some_and(|info| info.is_container);
        if sent.len() <= NAME && !has_subcommands {
            let slot = self.next % self.recent.len();
            self.next += 1;
            if let Some(recent) = self.recent.get_mut(slot) {
                *recent = (sent.to_vec(), place);
            }
        }
        place
    }

    /// Writes the table, the command with most calls first.
    pub(crate) fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.tallies.is_empty() {
            return Ok(());
        }
        self.tallies.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.name.cmp(&b.name)));
        let is_timed = self.tallies.iter().any(|tally| tally.latencies.is_some());
        write!(out, "commands  {:20} {:>14} {:>16}", "", "calls", "bytes in")?;
        if is_timed {
            write!(
                out,
                " {:>16} {:>10} {:>9} {:>9} {:>9}",
                "bytes out", "errors", "p50", "p99", "max"
            )?;
        }
        writeln!(out)?;
        for tally in &self.tallies {
            let name = safe::line(&String::from_utf8_lossy(&tally.name));
            let count = |number| HumanCount(number).to_string();
            write!(
                out,
                "{:10}{name:20} {:>14} {:>16}",
                "",
                count(tally.calls),
                count(tally.bytes_in)
            )?;
            if is_timed {
                write!(out, " {:>16} {:>10}", count(tally.bytes_out), count(tally.errors))?;
            }
            if let Some(latencies) = &tally.latencies {
                let [half, most] = [0.5, 0.99].map(|share| chart::time(latencies.quantile(share)));
                write!(out, " {half:>9} {most:>9} {:>9}", chart::time(latencies.max()))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
