//! The bytes of frames as they were sent.

use std::io::{self, Write};
use std::time::Duration;

use crate::record::{Content, Record, Sent};
use crate::sink::Sink;
use crate::{complain, database};

/// Writes the bytes of frames. Of an exchange, those of the request, so that they can be sent to a server again.
///
/// Before a command of another database than the last one, a `SELECT` is written: the filter may have left out the one
/// that was sent.
pub(crate) struct Raw<W> {
    out: W,
    /// Whether replies of a capture are wanted. Between its requests they would be of no use.
    wants_replies: bool,
    /// The database of the next command in the output.
    database: u32,
    /// The input and the connection of the first frame, and the connection the other way around.
    origin: Option<(String, [String; 2])>,
    has_warned: [bool; 3],
}

/// What a user could miss in the output.
#[derive(Clone, Copy)]
enum Warning {
    Snapshot,
    Connections,
    Database,
}

impl<W: Write> Raw<W> {
    pub(crate) const fn new(out: W, wants_replies: bool) -> Self {
        Self { out, wants_replies, database: 0, origin: None, has_warned: [false; 3] }
    }

    fn request(&mut self, record: &Record<'_>, sent: Sent<'_>) -> io::Result<()> {
        if !database::is_select(&sent.command) {
            self.select(record)?;
        }
        let before = Some(self.database);
        let after = database::after(before, &sent.command);
        let has_failed = || record.reply().is_some_and(|reply| reply.reply().as_error().is_some());
        if after != before && !has_failed() {
            self.database = after.unwrap_or_default();
        }
        self.out.write_all(sent.wire)
    }

    /// Writes a `SELECT` if the output is in another database than a record.
    fn select(&mut self, record: &Record<'_>) -> io::Result<()> {
        match record.database {
            None => self.warn(record, Warning::Database),
            Some(number) if number == self.database => Ok(()),
            Some(number) => {
                self.database = number;
                let number = number.to_string();
                write!(self.out, "*2\r\n$6\r\nSELECT\r\n${}\r\n{number}\r\n", number.len())
            }
        }
    }

    /// Warns if this is not the connection of the first frame.
    fn compare_origin(&mut self, record: &Record<'_>) -> io::Result<()> {
        let Some(connection) = record.connection else { return Ok(()) };
        if let Some((input, connections)) = &self.origin {
            if input == record.input && connections.iter().any(|first| first == connection) {
                return Ok(());
            }
        }
        // Of `MONITOR`, it is the order in which the server took the commands.
        let Some((from, to)) = connection.split_once(" > ") else { return Ok(()) };
        if self.origin.is_some() {
            return self.warn(record, Warning::Connections);
        }
        let connections = [connection.to_owned(), format!("{to} > {from}")];
        self.origin = Some((record.input.to_owned(), connections));
        Ok(())
    }

    /// Writes a line to standard error, once for each kind.
    fn warn(
        &mut self,
        Record { input, connection, .. }: &Record<'_>,
        warning: Warning,
    ) -> io::Result<()> {
        if std::mem::replace(&mut self.has_warned[warning as usize], true) {
            return Ok(());
        }
        self.out.flush()?;
        complain(&match (warning, connection) {
            (Warning::Snapshot, _) => format!("{input}: --raw does not write the snapshot"),
            (Warning::Connections, _) => format!(
                "{input}: --raw writes frames of more than one connection (--connection selects one)"
            ),
            (Warning::Database, connection) => format!(
                "{input}: {}the database of some commands is not known, because what precedes them was not read",
                connection.map(|name| format!("{name}: ")).unwrap_or_default()
            ),
        });
        Ok(())
    }
}

impl<W: Write> Sink for Raw<W> {
    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        match record.content {
            Content::Request(sent) | Content::Exchange(sent, ..) => {
                self.compare_origin(record)?;
                self.request(record, sent)
            }
            Content::Reply(_) if record.connection.is_some() && !self.wants_replies => Ok(()),
            Content::Reply(reply) => {
                self.compare_origin(record)?;
                self.out.write_all(reply.wire())
            }
            // The reader passes over its bytes.
            Content::Snapshot(..) => self.warn(record, Warning::Snapshot),
        }
    }

    fn omit(&mut self, record: &Record<'_>) -> io::Result<()> {
        match record.content {
            Content::Snapshot(..) if !self.wants_replies => self.warn(record, Warning::Snapshot),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, _elapsed: Duration) -> io::Result<()> {
        self.out.flush()
    }
}
