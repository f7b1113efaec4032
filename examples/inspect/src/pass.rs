//! One pass over all inputs: what is shown of them, and what was wrong with them.

use std::io;

use crate::complain;
use crate::filter::Filter;
use crate::record::Record;
use crate::sink::Sink;

/// Sends the records that are to be shown to the view, and keeps account of errors.
pub(crate) struct Pass<'a> {
    sink: &'a mut dyn Sink,
    filter: Filter,
    /// Whether to look for the next frame after an error.
    pub(crate) keep_going: bool,
    /// Whether an input was missing or broken.
    pub(crate) has_failed: bool,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink, filter: Filter, keep_going: bool) -> Self {
        Self { sink, filter, keep_going, has_failed: false }
    }

    /// Shows a record if the filter selects it.
    ///
    /// # Errors
    /// Errors of the output, as for all methods.
    #[inline]
    pub(crate) fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        match self.filter.select(record) {
            Some(selected) => self.sink.record(&selected),
            None => Ok(()),
        }
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

    /// Writes a line about an error, which makes the exit status a failure.
    pub(crate) fn fail(&mut self, line: &str) -> io::Result<()> {
        self.has_failed = true;
        self.note(line)
    }
}
