//! The bytes of frames as they were sent.

use std::io::{self, Write};
use std::time::Duration;

use zresp::CommandRef;

use crate::complain;
use crate::database::{self, Database};
use crate::options::{Options, Side};
use crate::record::{Content, Mark, Record, Sent};
use crate::secrets::Secrets;
use crate::sink::Sink;
use crate::transactions::{Kept, Step, Transactions};

/// Writes the bytes of frames. Of an exchange, those of the request, so that they can be sent to a server again.
///
/// Commands that would change how the connection of the replay answers are left out, and so are those of transactions
/// that were not executed or not read to their ends. A transaction is written once its end has come.
///
/// Before a command of another database than the last one, a `SELECT` is written: the filter may have left out the one
/// that was sent.
pub(crate) struct Raw<W> {
    out: W,
    /// Whether replies of a capture are wanted. Between its requests they would be of no use.
    wants_replies: bool,
    wants_requests: bool,
    /// Whether the commands from primaries to replicas are wanted.
    wants_replication: bool,
    /// Those commands, as long as there are no others.
    replication: Option<Vec<Kept>>,
    transactions: Transactions,
    secrets: Secrets,
    /// The input of the last record.
    input: String,
    left_out: LeftOut,
    /// The database of the next command in the output.
    database: u32,
    /// The connection of the first frame, also the other way around. No connection has these names once it has ended.
    origin: Option<[String; 2]>,
    has_warned: [bool; 4],
}

/// How many commands are left out.
#[derive(Default)]
struct LeftOut {
    /// They are about the connection.
    modes: u64,
    /// They were run by scripts.
    scripts: u64,
    /// They are from primaries to replicas.
    replication: u64,
}

/// What a user could miss in the output.
#[derive(Clone, Copy)]
enum Warning {
    Snapshot,
    Connections,
    Database,
    Secrets,
}

impl<W: Write> Raw<W> {
    pub(crate) fn new(out: W, options: &Options, secrets: Secrets) -> Self {
        Self {
            out,
            wants_replies: options.only == Some(Side::Replies),
            wants_requests: options.only == Some(Side::Requests),
            wants_replication: options.connection.is_some(),
            replication: Some(Vec::new()),
            transactions: Transactions::default(),
            secrets,
            input: String::new(),
            left_out: LeftOut::default(),
            database: 0,
            origin: None,
            has_warned: [false; 4],
        }
    }

    /// Takes a command, which may be written once a transaction has ended.
    fn request(
        &mut self,
        record: &Record<'_>,
        sent: Sent<'_>,
        is_selected: bool,
    ) -> io::Result<()> {
        if self.input != record.input {
            // What is not a capture ends with its input.
            if record.connection.is_none() {
                self.end()?;
            }
            record.input.clone_into(&mut self.input);
        }
        // `EVAL` runs them again.
        if record.connection == Some("lua") {
            self.left_out.scripts += u64::from(is_selected);
            return Ok(());
        }
        let is_mode = changes_mode(&sent.command, record.connection.is_some());
        match self.transactions.take(record, &sent, is_selected && !is_mode) {
            Step::Commands(commands) => {
                for kept in commands {
                    self.write_kept(Some(record), &kept)?;
                }
            }
            Step::Outside if is_selected && !is_mode => self.write(record, sent)?,
            Step::Outside | Step::Inside => {}
        }
        self.left_out.modes += u64::from(is_selected && is_mode);
        Ok(())
    }

    /// Writes a command that was kept. `record` is one of the same connection.
    fn write_kept(&mut self, record: Option<&Record<'_>>, kept: &Kept) -> io::Result<()> {
        let Some(Ok(request)) = zresp::requests(&kept.wire).next() else { return Ok(()) };
        let mut scratch = Vec::new();
        let command = request.command().to_array(&mut scratch);
        let sent = Sent { command, wire: &kept.wire };
        let (input, mark) = (self.input.clone(), record.and_then(|record| record.mark));
        let connection = record.and_then(|record| record.connection);
        let content = Content::Request(sent);
        let of_file = Record::of_file(&input, 0, content);
        let database = kept.database;
        self.write(&Record { connection, database, mark, ..of_file }, sent)
    }

    /// Writes a command, unless it is from a primary to its replica and others are written.
    fn write(&mut self, record: &Record<'_>, sent: Sent<'_>) -> io::Result<()> {
        if record.mark == Some(Mark::Replication) && !self.wants_replication {
            self.left_out.replication += 1;
            if let Some(replication) = &mut self.replication {
                let (wire, database) = (sent.wire.to_vec(), record.database);
                replication.push(Kept { wire, database });
            }
            return Ok(());
        }
        self.replication = None;
        self.compare_origin(record)?;
        // The end of a transaction has no database of its own.
        if !database::is_select(&sent.command) && !sent.command.is("EXEC") {
            self.select(record)?;
        }
        let mut after = Database::new(Some(self.database));
        after.take(&sent.command);
        let has_failed = || record.reply().is_some_and(|reply| reply.reply().as_error().is_some());
        if after.now() != Some(self.database) && !has_failed() {
            self.database = after.now().unwrap_or_default();
        }
        if !self.secrets.of(&sent.command).is_empty() {
            self.warn(record, Warning::Secrets)?;
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
        if let Some(connections) = &self.origin {
            if connections.iter().any(|first| first == connection) {
                return Ok(());
            }
        }
        // Of `MONITOR`, it is the order in which the server took the commands.
        let Some((from, to)) = connection.split_once(" > ") else { return Ok(()) };
        if self.origin.is_some() {
            return self.warn(record, Warning::Connections);
        }
        let connections = [connection.to_owned(), format!("{to} > {from}")];
        self.origin = Some(connections);
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
            (Warning::Secrets, _) => {
                format!("{input}: --raw writes passwords as they are (--secrets omits this line)")
            }
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
                self.request(record, sent, true)
            }
            Content::Reply(_) if record.connection.is_some() && !self.wants_replies => Ok(()),
            Content::Reply(_) if self.wants_requests => Ok(()),
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
            Content::Request(sent) | Content::Exchange(sent, ..) if !self.wants_replies => {
                self.request(record, sent, false)
            }
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn lose(&mut self, connection: Option<&str>) -> io::Result<()> {
        self.transactions.lose(connection);
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        for kept in self.transactions.finish() {
            self.write_kept(None, &kept)?;
        }
        if let Some(connections) = &mut self.origin {
            *connections = [String::new(), String::new()];
        }
        Ok(())
    }

    fn finish(&mut self, _elapsed: Duration) -> io::Result<()> {
        self.end()?;
        if let Some(replication) = self.replication.take() {
            (self.wants_replication, self.left_out.replication) = (true, 0);
            for kept in replication {
                self.write_kept(None, &kept)?;
            }
        }
        self.out.flush()?;
        let LeftOut { modes, scripts, replication } = self.left_out;
        let dropped = self.transactions.dropped;
        for (count, what) in [
            (dropped, "commands of transactions that were not executed, or not read to their ends"),
            (modes, "commands about their connection, such as SUBSCRIBE, AUTH and CLIENT REPLY"),
            (scripts, "commands of scripts, which EVAL runs again"),
            (replication, REPLICATION),
        ] {
            if count > 0 {
                complain(&format!("--raw leaves out {count} {what}"));
            }
        }
        Ok(())
    }
}

/// What the commands from primaries to replicas are.
pub(crate) const REPLICATION: &str = "commands from primaries to replicas, which repeat those of clients \
    (--connection with the address of a replica selects its connection)";

/// Returns whether a command changes how its connection answers, or what it answers to, so that a replay would end or go
/// wrong. `PING`, with which links to replicas begin, does nothing in a replay of a capture.
fn changes_mode(command: &CommandRef<'_>, is_capture: bool) -> bool {
    const NAMES: [&str; 16] = [
        "AUTH",
        "HELLO",
        "MONITOR",
        "PSUBSCRIBE",
        "PSYNC",
        "PUNSUBSCRIBE",
        "QUIT",
        "REPLCONF",
        "RESET",
        "SSUBSCRIBE",
        "SUBSCRIBE",
        "SUNSUBSCRIBE",
        "SYNC",
        "UNSUBSCRIBE",
        "UNWATCH",
        "WATCH",
    ];
    let (name, size) = (command.name(), command.name().len());
    let is = |word: &str| size == word.len() && name.eq_ignore_ascii_case(word.as_bytes());
    let has_word = |word: &str| {
        command.arg(1).is_some_and(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
    };
    NAMES.into_iter().any(is)
        || is_capture && command.len() == 1 && is("PING")
        || is("CLIENT") && ["REPLY", "TRACKING", "CACHING"].into_iter().any(has_word)
}
