//! A table by command: calls, bytes, errors and latencies.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::HumanCount;
use zresp::{CommandRef, Decoded, commands};

use crate::chart;
use crate::histogram::Histogram;
use crate::record::Sent;
use crate::safe;
use crate::stats::nanos;
use crate::table::Table;

/// The most different names that are counted. A client may send any text as a name.
const NAMES: usize = 1000;
/// The name that stands for all further names.
const OTHERS: &[u8] = b"(others)";
/// The longest name that is counted, in bytes; longer ones are cut.
const NAME: usize = 32;

/// How many recent names are kept.
const SLOTS: usize = 32;

/// Returns where a recent name is kept: a number that differs for most names that occur together.
fn slot(name: &[u8]) -> usize {
    let (first, last) = (name.first().copied(), name.last().copied());
    let [first, last] = [first, last].map(|byte| usize::from(byte.unwrap_or_default()));
    (first + 2 * last + 5 * name.len()) % SLOTS
}

/// Counts by the name of the command, and of the subcommand if it has one, as in `config|get`.
#[derive(Default)]
pub(crate) struct Calls {
    places: HashMap<Vec<u8>, usize>,
    tallies: Vec<Tally>,
    /// The names of recent commands without subcommands as they were sent, each with its place: most commands are like one
    /// shortly before.
    recent: [(Vec<u8>, usize); SLOTS],
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
    /// Counts a command, with its reply and latency if they are known. Returns the place of its tally.
    #[inline]
    pub(crate) fn add(
        &mut self,
        sent: &Sent<'_>,
        reply: Option<&Decoded<'_>>,
        latency: Option<Duration>,
    ) -> usize {
        let place = self.place(&sent.command);
        let Some(tally) = self.tallies.get_mut(place) else { return place };
        tally.calls += 1;
        tally.bytes_in += sent.wire.len() as u64;
        if let Some(reply) = reply {
            tally.bytes_out += reply.wire().len() as u64;
        }
        if let Some(latency) = latency {
            tally.latencies.get_or_insert_default().add(nanos(latency));
        }
        place
    }

    /// Counts an error of the command whose tally is at a place.
    pub(crate) fn add_error(&mut self, place: usize) {
        if let Some(tally) = self.tallies.get_mut(place) {
            tally.errors += 1;
        }
    }

    /// Returns the place of the tally for a command.
    #[inline]
    fn place(&mut self, command: &CommandRef<'_>) -> usize {
        let name = command.name();
        match self.recent.get(slot(name)) {
            Some((recent, place)) if recent == name && !name.is_empty() => *place,
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
            if let Some(recent) = self.recent.get_mut(slot(sent)) {
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
        let columns = ["commands", "calls", "bytes in", "bytes out", "errors", "p50", "p99", "max"];
        let shown = if is_timed { columns.len() } else { 3 };
        let mut table = Table(vec![columns.into_iter().take(shown).map(str::to_owned).collect()]);
        for tally in &self.tallies {
            let mut row = vec![safe::line(&String::from_utf8_lossy(&tally.name))];
            let counts = [tally.calls, tally.bytes_in, tally.bytes_out, tally.errors];
            row.extend(counts.map(|count| HumanCount(count).to_string()));
            if let Some(latencies) = &tally.latencies {
                let times = [latencies.percentile(50), latencies.percentile(99), latencies.max()];
                row.extend(times.map(chart::time));
            }
            row.truncate(shown);
            table.0.push(row);
        }
        table.write(out, "")
    }
}
