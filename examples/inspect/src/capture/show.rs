//! What is shown of a connection: its commands with their replies, and what a primary sends.

use std::io;

use zresp::{Decoded, ReplyRef};

use crate::database::Database;
use crate::pass::{Matter, Pass};
use crate::record::{Content, Mark, Record, Sent};

use super::connection::{Connection, State};
use super::half::{Event, Trouble};
use super::pairing::{Answered, Waiting, is_acknowledgement};
use super::primary::{Primary, Step};

impl Connection {
    /// Shows all frames that are whole.
    pub(super) fn show(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        self.show_requests(input, pass)?;
        if self.primary.is_none() {
            self.show_replies(input, pass)?;
        }
        if self.primary.is_some() { self.show_primary(input, pass) } else { Ok(()) }
    }

    fn show_requests(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        let mut scratch = Vec::new();
        while self.state == State::Resp {
            let trouble = match self.client.frames.next() {
                None => break,
                Some(Event::Frame(at, request)) => {
                    let (command, wire) = (request.command(), request.command().wire());
                    let at = at + (request.wire().len() - wire.len()) as u64;
                    scratch.clear();
                    let command = command.to_array(&mut scratch);
                    let begins_link = is_acknowledgement(&command) && self.primary.is_none();
                    if let Some(unanswered) = self.pairing.request(&command, wire, (at, self.now)) {
                        show_request(input, &self.name, &unanswered, pass)?;
                    }
                    if begins_link {
                        let primary = Primary::sending(&mut self.server);
                        self.become_link(input, Some(primary), pass)?;
                    }
                    continue;
                }
                Some(Event::Trouble(trouble)) => trouble,
            };
            self.pairing.database = Database::default();
            self.note(input, trouble, pass)?;
        }
        Ok(())
    }

    /// Shows replies, until the answer to `PSYNC` or `SYNC`.
    fn show_replies(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        while self.state == State::Resp {
            if self.pairing.expects_sync() {
                self.server.frames.pass_line_feeds();
                if self.server.frames.rest().starts_with(b"$") {
                    let primary = Primary::answering(&mut self.server, b"");
                    return self.become_link(input, primary, pass);
                }
            }
            let trouble = match self.server.frames.next() {
                None => break,
                Some(Event::Frame(offset, reply)) => {
                    let connection = Some(self.name.as_str());
                    let time = Some(self.now);
                    let content = Content::Reply(&reply);
                    let record =
                        Record { time, connection, ..Record::of_file(input, offset, content) };
                    let mut line = None;
                    let answered = self.pairing.reply(&reply, self.received);
                    if let Answered::To(waiting) = answered {
                        let latency = self.now.saturating_sub(waiting.time);
                        waiting.with_command(|sent| {
                            let content = Content::Exchange(sent, &reply, latency);
                            let (time, database) = (Some(waiting.time), waiting.database);
                            let (offset, reply_offset) = (waiting.offset, Some(offset));
                            let record = Record { offset, reply_offset, ..record };
                            pass.record(&Record { time, database, content, ..record })
                        })?;
                        if waiting.begins_link {
                            line = sync_line(&reply);
                        }
                    } else {
                        let is_unknown = matches!(answered, Answered::Unknown);
                        let mark = is_unknown.then_some(Mark::Unpaired);
                        pass.record(&Record { mark, ..record })?;
                        // The command was before the capture.
                        line = sync_line(&reply).filter(|line| line.starts_with(b"+FULLRESYNC "));
                    }
                    let line = line.map(<[u8]>::to_vec);
                    let primary = line.and_then(|line| Primary::answering(&mut self.server, &line));
                    if primary.is_some() {
                        return self.become_link(input, primary, pass);
                    }
                    if self.pairing.doubt.exists() {
                        self.show_waiting(input, pass)?;
                    }
                    continue;
                }
                Some(Event::Trouble(trouble)) => trouble,
            };
            self.note(input, trouble, pass)?;
        }
        Ok(())
    }

    /// Makes the connection a link to a replica, whose commands have no replies.
    fn become_link(
        &mut self,
        input: &str,
        primary: Option<Primary>,
        pass: &mut Pass<'_>,
    ) -> io::Result<()> {
        self.primary = primary;
        self.pairing.become_link();
        self.show_waiting(input, pass)
    }

    /// Shows what a primary sends.
    fn show_primary(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        let name = self.roles.map(|(client, server)| format!("{server} > {client}"));
        let (connection, time) = (name.as_deref(), Some(self.now));
        let mut scratch = Vec::new();
        while self.state == State::Resp {
            let Some(primary) = &mut self.primary else { break };
            if let Some(step) = primary.step() {
                match step {
                    Step::More => break,
                    Step::Snapshot(offset, snapshot) => {
                        let record = Record::of_file(input, offset, Content::Snapshot(snapshot));
                        let mark = Some(Mark::Replication);
                        pass.record(&Record { time, connection, mark, ..record })?;
                        // Before its first command of a database, the primary selects one.
                        primary.database = Database::new(Some(0));
                    }
                    Step::Refused(message) => {
                        pass.note(&format!("{input}: {}: refused: {message}", self.name))?;
                        self.state = State::Ignored;
                    }
                    Step::Trouble(trouble) => {
                        let is_broken = matches!(trouble, Trouble::Broken(_));
                        self.note(input, trouble, pass)?;
                        if is_broken {
                            self.state = State::Ignored;
                        }
                    }
                }
                continue;
            }
            let trouble = match primary.half.frames.next() {
                None => break,
                Some(Event::Frame(offset, request)) => {
                    let (command, wire) = (request.command(), request.command().wire());
                    let offset = offset + (request.wire().len() - wire.len()) as u64;
                    scratch.clear();
                    let command = command.to_array(&mut scratch);
                    let content = Content::Request(Sent { command, wire });
                    let record = Record::of_file(input, offset, content);
                    let database = primary.database.take(&command);
                    let mark = Some(Mark::Replication);
                    pass.record(&Record { time, connection, database, mark, ..record })?;
                    continue;
                }
                Some(Event::Trouble(trouble)) => trouble,
            };
            primary.database = Database::default();
            self.note(input, trouble, pass)?;
        }
        Ok(())
    }

    /// Shows the commands that have had no reply.
    pub(super) fn show_waiting(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        for waiting in self.pairing.forget() {
            show_request(input, &self.name, &waiting, pass)?;
        }
        Ok(())
    }

    /// Takes note of something else than a frame. It is not known any more which reply belongs to which command.
    ///
    /// After a broken frame, nothing more of the connection is decoded, unless the next frame is to be looked for.
    fn note(&mut self, input: &str, trouble: Trouble, pass: &mut Pass<'_>) -> io::Result<()> {
        if !matches!(trouble, Trouble::Skipped(..)) {
            pass.lose(Some(&self.name))?;
            if let Some((client, server)) = self.roles.filter(|_| self.primary.is_some()) {
                pass.lose(Some(&format!("{server} > {client}")))?;
            }
        }
        match trouble {
            Trouble::Lost(count) => self.lost += count,
            Trouble::Skipped(from, to) => {
                let skipped = to - from;
                let line = format!("skipped {skipped} bytes, to offset {to}");
                let line = format!("{input}: {}: {line}", self.name);
                return pass.connection(Matter::Skipped, &line);
            }
            Trouble::Broken(line) => {
                pass.connection(Matter::Broken, &format!("{input}: {}: {line}", self.name))?;
                if !pass.keep_going {
                    self.state = State::Ignored;
                }
            }
        }
        if self.primary.is_none() {
            self.pairing.lose();
        }
        self.show_waiting(input, pass)
    }
}

/// Shows a command without a reply.
fn show_request(
    input: &str,
    connection: &str,
    waiting: &Waiting,
    pass: &mut Pass<'_>,
) -> io::Result<()> {
    let (time, connection) = (Some(waiting.time), Some(connection));
    waiting.with_command(|sent| {
        let record = Record::of_file(input, waiting.offset, Content::Request(sent));
        let mark = waiting.is_unpaired.then_some(Mark::Unpaired);
        pass.record(&Record { time, connection, database: waiting.database, mark, ..record })
    })
}

/// Returns the line of a reply that may begin the answer to `PSYNC` or `SYNC`.
fn sync_line<'a>(reply: &Decoded<'a>) -> Option<&'a [u8]> {
    matches!(reply.reply(), ReplyRef::Simple(_)).then(|| reply.wire())
}
