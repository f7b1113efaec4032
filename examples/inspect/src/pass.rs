//! One pass over all inputs: what is shown of them, and what was wrong with them.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use crate::complain;
use crate::filter::Filter;
use crate::record::{Mark, Record};
use crate::sink::Sink;

/// How many lines of an input are written for each matter. There may be any number of connections and errors.
const NAMED: u64 = 20;

/// What a line about a connection or a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matter {
    Stranger,
    Missing,
    Ignored,
    Late,
    GivenUp,
    Broken,
    Skipped,
}

impl Matter {
    const ALL: [Self; 7] = [
        Self::Stranger,
        Self::Missing,
        Self::Ignored,
        Self::Late,
        Self::GivenUp,
        Self::Broken,
        Self::Skipped,
    ];

    const fn describe(self) -> &'static str {
        match self {
            Self::Stranger => "connections that are not RESP",
            Self::Missing => "connections with missing bytes",
            Self::Ignored => "connections with segments that were ignored",
            Self::Late => "connections with bytes after their ends",
            Self::GivenUp => "connections that were given up",
            Self::Broken => "errors",
            Self::Skipped => "parts that were skipped",
        }
    }
}

/// Sends the records that are to be shown to the view, and keeps account of errors.
pub(crate) struct Pass<'a> {
    sink: &'a mut dyn Sink,
    filter: Filter,
    /// Whether to look for the next frame after an error.
    pub(crate) keep_going: bool,
    /// The number of connections and frames in this input, by the matter.
    connections: [u64; Matter::ALL.len()],
    /// The number of records in this input that have no time although the filter asks for it.
    untimed: u64,
    /// The numbers of commands and of replies in this input that could not be paired.
    unpaired: [u64; 2],
    /// How many bytes of commands and of replies in this input are not a whole frame.
    unfinished: [usize; 2],
    /// Whether this input has had a client that the filter asks for.
    has_client: bool,
    /// Whether an input was missing or broken.
    pub(crate) has_failed: bool,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink, filter: Filter, keep_going: bool) -> Self {
        let connections = [0; Matter::ALL.len()];
        Self {
            sink,
            filter,
            keep_going,
            connections,
            untimed: 0,
            unpaired: [0; 2],
            unfinished: [0; 2],
            has_client: false,
            has_failed: false,
        }
    }

    /// Shows a record if the filter selects it.
    ///
    /// # Errors
    /// Errors of the output, as for all methods.
    #[inline]
    pub(crate) fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        if record.mark == Some(Mark::Unpaired) {
            let [commands, replies] = &mut self.unpaired;
            *(if record.reply().is_some() { replies } else { commands }) += 1;
        }
        if self.filter.accepts_all {
            return self.sink.record(record);
        }
        self.filter.note_time(record.time);
        self.untimed += u64::from(record.time.is_none() && self.filter.needs_time);
        match self.filter.select(record) {
            Some(selected) => self.sink.record(&selected),
            None => self.sink.omit(record),
        }
    }

    /// Takes note that frames before the next one are missing: of a connection, or of the input if that tells none.
    pub(crate) fn lose(&mut self, connection: Option<&str>) -> io::Result<()> {
        self.sink.lose(connection)
    }

    /// Says that inputs end here, and nothing of them goes on in the next one.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.sink.end()
    }

    /// Returns whether the part of an input that is to be shown ends before a record at this offset and this time, so
    /// that the rest need not be read.
    #[inline]
    pub(crate) fn ends_before(&mut self, offset: u64, time: Option<Duration>) -> bool {
        self.filter.note_time(time);
        self.filter.ends_before(offset, time)
    }

    /// Returns the time at which the part of a capture that is to be shown ends.
    pub(crate) const fn end_time(&self) -> Option<Duration> {
        self.filter.end_time()
    }

    /// Returns whether records are selected by their times.
    pub(crate) const fn selects_by_time(&self) -> bool {
        self.filter.needs_time
    }

    /// Returns whether a connection is to be shown if one of its sides, with this address, is the client.
    pub(crate) fn wants(&self, address: SocketAddr) -> bool {
        self.filter.client.as_ref().is_none_or(|client| client.has(address))
    }

    /// Returns whether the connections of a client are to be shown, and takes note that there is one.
    pub(crate) fn selects(&mut self, client: SocketAddr) -> bool {
        let is_wanted = self.wants(client);
        self.has_client |= is_wanted;
        is_wanted
    }

    /// As [`selects`](Self::selects), for a client as `MONITOR` shows it.
    pub(crate) fn selects_named(&mut self, client: &str) -> bool {
        let is_wanted = self.filter.client.as_ref().is_none_or(|wanted| wanted.is_named(client));
        self.has_client |= is_wanted;
        is_wanted
    }

    /// Writes everything that is buffered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// Writes a line about an input to standard error, after everything that was shown before.
    pub(crate) fn note(&mut self, line: &str) -> io::Result<()> {
        // If nothing more can be shown, the line still can.
        let flushed = self.sink.flush();
        complain(line);
        flushed
    }

    /// Writes a line about a connection or a frame, if it is one of the first ones of this matter.
    pub(crate) fn connection(&mut self, matter: Matter, line: &str) -> io::Result<()> {
        self.has_failed |= matches!(matter, Matter::GivenUp | Matter::Broken);
        let count = &mut self.connections[matter as usize];
        *count += 1;
        if *count <= NAMED { self.note(line) } else { Ok(()) }
    }

    /// Writes how many connections and frames were not named, by the matter, and forgets them.
    pub(crate) fn note_connections(&mut self, input: &str) -> io::Result<()> {
        let counts = mem::take(&mut self.connections);
        for (matter, count) in Matter::ALL.into_iter().zip(counts) {
            if let Some(more @ 1..) = count.checked_sub(NAMED) {
                self.note(&format!("{input}: {more} more {}", matter.describe()))?;
            }
        }
        Ok(())
    }

    /// Writes that this input has no connection of the client that was asked for, if that is so.
    pub(crate) fn note_client(&mut self, input: &str) -> io::Result<()> {
        if mem::take(&mut self.has_client) || self.filter.client.is_none() {
            return Ok(());
        }
        self.note(&format!("{input}: no connection of the client that --connection names"))
    }

    /// Ends an input, and writes how many records were left out because it does not tell their times.
    pub(crate) fn end_input(&mut self, input: &str) -> io::Result<()> {
        self.filter.forget_time();
        match mem::take(&mut self.untimed) {
            0 => Ok(()),
            count => {
                self.note(&format!("{input}: frames without a time, which are left out: {count}"))
            }
        }
    }

    /// Writes how many commands and replies could not be paired, if there are both, and forgets them.
    pub(crate) fn note_unpaired(&mut self, input: &str) -> io::Result<()> {
        match mem::take(&mut self.unpaired) {
            [0, _] | [_, 0] => Ok(()),
            [commands, replies] => self.note(&format!(
                "{input}: {commands} commands and {replies} replies are not paired: it is not certain which of them belong together"
            )),
        }
    }

    /// Takes note of bytes of a command and of a reply that have no end.
    pub(crate) const fn add_unfinished(&mut self, command: usize, reply: usize) {
        let [commands, replies] = &mut self.unfinished;
        (*commands, *replies) = (*commands + command, *replies + reply);
    }

    /// Writes how many bytes of commands and replies have no end, and forgets them.
    pub(crate) fn note_unfinished(&mut self, input: &str) -> io::Result<()> {
        match mem::take(&mut self.unfinished) {
            [0, 0] => Ok(()),
            [commands, replies] => self.fail(&format!(
                "{input}: {commands} bytes of commands and {replies} bytes of replies without their ends are left out"
            )),
        }
    }

    /// Writes a line about an error, which makes the exit status a failure.
    pub(crate) fn fail(&mut self, line: &str) -> io::Result<()> {
        self.has_failed = true;
        self.note(line)
    }
}
