//! Sums without the commands from primaries to replicas, which repeat those of clients.

use std::io;
use std::time::Duration;

use zresp::CommandRef;

use crate::complain;
use crate::options::Options;
use crate::raw::REPLICATION;
use crate::record::{Mark, Record};
use crate::sink::Sink;

/// Counts a link to a replica only if it is asked for, or if there is nothing else.
pub(crate) struct Apart<L, S> {
    /// What counts everything, as long as there are only links to replicas.
    links: Option<L>,
    /// What counts everything else; everything, if one connection is asked for.
    rest: S,
    is_asked_for: bool,
    left_out: u64,
}

impl<L: Sink, S: Sink> Apart<L, S> {
    pub(crate) const fn new(options: &Options, links: L, rest: S) -> Self {
        let is_asked_for = options.connection.is_some();
        Self { links: Some(links), rest, is_asked_for, left_out: 0 }
    }
}

impl<L: Sink, S: Sink> Sink for Apart<L, S> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        if self.is_asked_for {
            return self.rest.record(record);
        }
        let is_of_link = record.mark == Some(Mark::Replication);
        self.left_out += u64::from(is_of_link && record.request().is_some());
        let is_else = |sent: CommandRef<'_>| !is_of_link && !begins_link(&sent);
        if self.links.is_some()
            && (record.connection.is_none()
                || record.request().is_some_and(|sent| is_else(sent.command)))
        {
            self.links = None;
        }
        if let Some(links) = &mut self.links {
            links.record(record)?;
        }
        if is_of_link { Ok(()) } else { self.rest.record(record) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.rest.flush()
    }

    fn finish(&mut self, elapsed: Duration) -> io::Result<()> {
        match &mut self.links {
            Some(links) if self.left_out > 0 => return links.finish(elapsed),
            _ => self.rest.finish(elapsed)?,
        }
        if self.left_out > 0 {
            complain(&format!("left out: {} {REPLICATION}", self.left_out));
        }
        Ok(())
    }
}

/// Returns whether a command may be one of those that a replica sends.
fn begins_link(command: &CommandRef<'_>) -> bool {
    ["PING", "AUTH", "REPLCONF", "PSYNC", "SYNC"].iter().any(|name| command.is(name))
}
