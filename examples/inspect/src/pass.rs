//! One pass over all inputs: what is shown of them, and what was wrong with them.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use crate::complain;
use crate::filter::Filter;
use crate::record::Record;
use crate::sink::Sink;

/// How many connections that are not RESP are named.
const STRANGERS: u64 = 20;

/// Sends the records that are to be shown to the view, and keeps account of errors.
pub(crate) struct Pass<'a> {
    sink: &'a mut dyn Sink,
    filter: Filter,
    /// Whether to look for the next frame after an error.
    pub(crate) keep_going: bool,
    /// The number of connections in this input that are not RESP.
    strangers: u64,
    /// The number of records in this input that have no time although the filter asks for it.
    untimed: u64,
    /// Whether an input was missing or broken.
    pub(crate) has_failed: bool,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink, filter: Filter, keep_going: bool) -> Self {
        Self { sink, filter, keep_going, strangers: 0, untimed: 0, has_failed: false }
    }

    /// Shows a record if the filter selects it.
    ///
    /// # Errors
    /// Errors of the output, as for all methods.
    #[inline]
    pub(crate) fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        if self.filter.accepts_all {
            return self.sink.record(record);
        }
        self.untimed += u64::from(record.time.is_none() && self.filter.needs_time);
        match self.filter.select(record) {
            Some(selected) => self.sink.record(&selected),
            None => self.sink.omit(record),
        }
    }

    /// Returns whether the part of an input that is to be shown ends before a record at this offset and this time, so
    /// that the rest need not be read.
    #[inline]
    pub(crate) fn ends_before(&self, offset: u64, time: Option<Duration>) -> bool {
        self.filter.ends_before(offset, time)
    }

    /// Returns the time at which the part of a capture that is to be shown ends.
    pub(crate) const fn end_time(&self) -> Option<Duration> {
        self.filter.end_time()
    }

    /// Returns whether records are selected by their times.
    pub(crate) const fn selects_by_time(&self) -> bool {
        self.filter.selects_by_time()
    }

    /// Returns the client of the only connection that is to be shown of a capture.
    pub(crate) const fn client(&self) -> Option<SocketAddr> {
        self.filter.client
    }

    /// Writes everything that is buffered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// Writes a line about an input to standard error, after everything that was shown before.
    pub(crate) fn note(&mut self, line: &str) -> io::Result<()> {
        self.sink.flush()?;
        complain(line);
        Ok(())
    }

    /// Writes a line about a connection that is not RESP. Only the first ones are written: a capture may have any number.
    pub(crate) fn stranger(&mut self, line: &str) -> io::Result<()> {
        self.strangers += 1;
        if self.strangers <= STRANGERS { self.note(line) } else { Ok(()) }
    }

    /// Writes how many connections were not RESP, apart from those that were named, and forgets them.
    pub(crate) fn note_strangers(&mut self, input: &str) -> io::Result<()> {
        match mem::take(&mut self.strangers).saturating_sub(STRANGERS) {
            0 => Ok(()),
            more => self.note(&format!("{input}: {more} more connections that are not RESP")),
        }
    }

    /// Writes how many records were left out because the input does not tell their times, and forgets them.
    pub(crate) fn note_untimed(&mut self, input: &str) -> io::Result<()> {
        match mem::take(&mut self.untimed) {
            0 => Ok(()),
            count => {
                self.note(&format!("{input}: frames without a time, which are left out: {count}"))
            }
        }
    }

    /// Writes a line about an error, which makes the exit status a failure.
    pub(crate) fn fail(&mut self, line: &str) -> io::Result<()> {
        self.has_failed = true;
        self.note(line)
    }
}
