//! The bytes of frames as they were sent.

use std::io::{self, Write};
use std::time::Duration;

use crate::record::{Content, Record};
use crate::sink::Sink;

/// Writes the bytes of frames. Of an exchange, those of the request, so that they can be sent to a server again.
pub(crate) struct Raw<W> {
    pub(crate) out: W,
    /// Whether replies of a capture are wanted. Between its requests they would be of no use.
    pub(crate) wants_replies: bool,
}

impl<W: Write> Sink for Raw<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        match record.content {
            Content::Request(sent) | Content::Exchange(sent, ..) => self.out.write_all(sent.wire),
            Content::Reply(_) if record.connection.is_some() && !self.wants_replies => Ok(()),
            Content::Reply(reply) => self.out.write_all(reply.wire()),
            // The reader passes over its bytes.
            Content::Snapshot(..) => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, _elapsed: Duration) -> io::Result<()> {
        self.out.flush()
    }
}
