//! Where records go.

use std::io;
use std::time::Duration;

use crate::record::Record;

/// A view of records, which writes to its own output. All methods return errors of the output.
pub(crate) trait Sink {
    /// Takes a record.
    fn record(&mut self, record: &Record<'_>) -> io::Result<()>;

    /// Takes note of a record that the filter does not select.
    fn omit(&mut self, _record: &Record<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Takes note that frames before the next one are missing: of a connection, or of the input if that tells none.
    fn lose(&mut self, _connection: Option<&str>) -> io::Result<()> {
        Ok(())
    }

    /// Says that inputs end here, and nothing of them goes on in the next one.
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Writes everything that is buffered, because the next record may take long to arrive.
    fn flush(&mut self) -> io::Result<()>;

    /// Says that there are no more records, and how long it took to read and show them all.
    fn finish(&mut self, elapsed: Duration) -> io::Result<()>;
}
