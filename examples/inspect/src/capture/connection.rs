//! A connection: which side is the server, and what the two sides say.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use zresp::frames::{Replies, Requests};
use zresp::{Decoded, ReplyRef};

use crate::detect::{self, Found};
use crate::kind::InputKind;
use crate::pass::Pass;
use crate::record::{Content, Record, Sent};
use crate::resume;

use super::half::{Event, Frames, Half, Trouble};
use super::packets::Segment;
use super::pairing::{Answered, Pairing, Waiting, is_acknowledgement};
use super::primary::{Primary, Step};
use super::roles::{recognise, stranger};

/// A connection.
pub(super) struct Connection {
    order: u64,
    /// The client and the server, once they are known.
    roles: Option<(SocketAddr, SocketAddr)>,
    /// `127.0.0.1:50000 > 127.0.0.1:6379`.
    name: String,
    client: Half<Requests>,
    server: Half<Replies>,
    /// The server's side in place of `server`, once the connection is a link to a replica.
    primary: Option<Primary>,
    /// Up to which offset the server has received the client's stream.
    received: Option<u64>,
    pairing: Pairing,
    state: State,
    /// Which sides have ended their streams: 1 for the server, 2 for the client.
    ended: u8,
    lost: u64,
    /// The time of the last segment, and its number in the capture.
    now: Duration,
    pub(super) seen: u64,
}

/// What is known about the content of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    Resp,
    /// Not RESP, or no longer: nothing more is decoded.
    Ignored,
}

impl Connection {
    pub(super) fn new(order: u64) -> Self {
        Self {
            order,
            roles: None,
            name: String::new(),
            client: Half::new(resume::is_command),
            server: Half::new(resume::is_reply),
            primary: None,
            received: None,
            pairing: Pairing::default(),
            state: State::Unknown,
            ended: 0,
            lost: 0,
            now: Duration::ZERO,
            seen: 0,
        }
    }

    /// Returns the place in the order in which connections appear.
    pub(super) const fn order(&self) -> u64 {
        self.order
    }

    /// Returns whether both sides have closed it, or one has reset it.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended == 3
    }

    /// Returns whether this is the segment that began it, sent once more.
    pub(super) fn began_with(&self, segment: &Segment<'_>) -> bool {
        self.client.stream.began_with(segment)
    }

    /// Returns how many bytes of memory it holds.
    pub(super) fn held(&self) -> usize {
        let primary = self.primary.as_ref().map_or(0, |primary| primary.half.held());
        self.client.held() + self.server.held() + primary + self.pairing.held()
    }

    /// Returns whether something that was sent before this time is not complete.
    pub(super) fn waits_since(&self, time: Duration) -> bool {
        let streams = [&self.client.stream, &self.server.stream];
        self.pairing.waits_since().is_some_and(|since| since < time)
            || streams.into_iter().any(|stream| stream.held() > 0)
    }

    /// Takes a segment of either direction, and shows what it completes.
    pub(super) fn take(
        &mut self,
        input: &str,
        segment: &Segment<'_>,
        ports: &[u16],
        pass: &mut Pass<'_>,
    ) -> io::Result<()> {
        self.now = segment.time;
        if self.state == State::Ignored {
            self.note_end(segment);
            return Ok(());
        }
        if self.roles.is_none() {
            self.roles = recognise(segment, ports);
        }
        let Some((client, server)) = self.roles else {
            return self.note_stranger(input, segment, pass);
        };
        if self.state == State::Unknown && !segment.payload.is_empty() {
            self.name = format!("{client} > {server}");
            self.state = self.judge(input, segment, ports.contains(&server.port()), pass)?;
        }
        self.note_end(segment);
        if self.state == State::Ignored {
            return Ok(());
        }
        if segment.from == client {
            self.client.take(segment);
        } else if let Some(primary) = &mut self.primary {
            primary.half.take(segment);
        } else {
            self.server.take(segment);
        }
        if let Some(number) = segment.acknowledged {
            self.acknowledge(segment.from == client, number);
        }
        self.show(input, pass)?;
        if self.has_ended() { self.finish(input, pass) } else { Ok(()) }
    }

    /// Takes note of what a side has received from the other one.
    fn acknowledge(&mut self, is_client: bool, number: u32) {
        if !is_client {
            self.client.acknowledge(number);
            self.received = self.received.max(self.client.stream.offset_of(number));
        } else if let Some(primary) = &mut self.primary {
            primary.half.acknowledge(number);
        } else {
            self.server.acknowledge(number);
        }
    }

    /// Takes note of whether a segment ends the stream of a side, or of both.
    fn note_end(&mut self, segment: &Segment<'_>) {
        let is_client = self.roles.is_some_and(|(client, _)| segment.from == client);
        self.ended |= if segment.reset { 3 } else { u8::from(segment.fin) << u8::from(is_client) };
    }

    /// Takes note of a segment, as long as it is not known which side is the server.
    fn note_stranger(
        &mut self,
        input: &str,
        segment: &Segment<'_>,
        pass: &mut Pass<'_>,
    ) -> io::Result<()> {
        if segment.payload.is_empty() {
            return Ok(());
        }
        self.name = format!("{} > {}", segment.from, segment.to);
        if let Some(what) = stranger(detect::detect(segment.payload)) {
            self.state = State::Ignored;
            pass.stranger(&format!("{input}: {}: {what}", self.name))?;
        }
        Ok(())
    }

    /// Shows what is left at the end of the connection or of the capture.
    pub(super) fn finish(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        self.client.finish();
        match &mut self.primary {
            Some(primary) => primary.half.finish(),
            None => self.server.finish(),
        }
        self.show(input, pass)?;
        self.show_waiting(input, pass)?;
        let primary = self.primary.as_ref().map(|primary| &primary.half.frames);
        let broken = [
            self.client.frames.broken_at(),
            self.server.frames.broken_at(),
            primary.and_then(Frames::broken_at),
        ];
        let is_wanted = pass.keep_going;
        for at in broken.into_iter().flatten().filter(|_| is_wanted) {
            pass.note(&format!("{input}: {}: skipped the rest, from offset {at} on", self.name))?;
        }
        if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            pass.note(&format!("{input}: {}: {lost} bytes are missing", self.name))?;
        }
        if self.roles.is_none() && self.state == State::Unknown && !self.name.is_empty() {
            let what = "neither side looks like RESP (--port tells which is the server)";
            pass.stranger(&format!("{input}: {}: {what}", self.name))?;
        }
        self.state = State::Ignored;
        Ok(())
    }

    /// Shows what is left, and forgets everything, because it holds too much.
    pub(super) fn give_up(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        self.show_waiting(input, pass)?;
        let held = self.held();
        (self.client, self.server) = (Half::new(resume::is_command), Half::new(resume::is_reply));
        (self.primary, self.pairing, self.state) = (None, Pairing::default(), State::Ignored);
        pass.fail(&format!("{input}: {}: {held} bytes without an end, given up", self.name))
    }

    /// Returns whether the content is RESP, by the first segment with data.
    fn judge(
        &self,
        input: &str,
        segment: &Segment<'_>,
        is_known_port: bool,
        pass: &mut Pass<'_>,
    ) -> io::Result<State> {
        let found = detect::detect(segment.payload);
        let is_resp = matches!(found, Found::Kind(kind) if kind != InputKind::Capture && kind != InputKind::Monitor);
        let what = match stranger(found) {
            Some(what) => what,
            None if is_resp || is_known_port => return Ok(State::Resp),
            None => "not RESP",
        };
        pass.stranger(&format!("{input}: {}: {what}", self.name))?;
        Ok(State::Ignored)
    }

    /// Shows all frames that are whole.
    fn show(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
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
                    let record = Record { input, offset, time, connection, content };
                    let mut line = None;
                    if let Answered::To(waiting) = self.pairing.reply(&reply, self.received) {
                        let latency = self.now.saturating_sub(waiting.time);
                        waiting.with_command(|sent| {
                            let content = Content::Exchange(sent, &reply, latency);
                            let (offset, time) = (waiting.offset, Some(waiting.time));
                            pass.record(&Record { offset, time, content, ..record })
                        })?;
                        if waiting.begins_link {
                            line = sync_line(&reply);
                        }
                    } else {
                        pass.record(&record)?;
                        // The command was before the capture.
                        line = sync_line(&reply).filter(|line| line.starts_with(b"+FULLRESYNC "));
                    }
                    let line = line.map(<[u8]>::to_vec);
                    let primary = line.and_then(|line| Primary::answering(&mut self.server, &line));
                    if primary.is_some() {
                        return self.become_link(input, primary, pass);
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
                        let content = Content::Snapshot(snapshot);
                        pass.record(&Record { input, offset, time, connection, content })?;
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
                    pass.record(&Record { input, offset, time, connection, content })?;
                    continue;
                }
                Some(Event::Trouble(trouble)) => trouble,
            };
            self.note(input, trouble, pass)?;
        }
        Ok(())
    }

    /// Shows the commands that have had no reply.
    fn show_waiting(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        for waiting in self.pairing.forget() {
            show_request(input, &self.name, &waiting, pass)?;
        }
        Ok(())
    }

    /// Takes note of something else than a frame. It is not known any more which reply belongs to which command.
    ///
    /// After a broken frame, nothing more of the connection is decoded, unless the next frame is to be looked for.
    fn note(&mut self, input: &str, trouble: Trouble, pass: &mut Pass<'_>) -> io::Result<()> {
        match trouble {
            Trouble::Lost(count) => self.lost += count,
            Trouble::Skipped(from, to) => {
                let skipped = to - from;
                let line = format!("skipped {skipped} bytes, to offset {to}");
                return pass.note(&format!("{input}: {}: {line}", self.name));
            }
            Trouble::Broken(line) => {
                pass.fail(&format!("{input}: {}: {line}", self.name))?;
                if !pass.keep_going {
                    self.state = State::Ignored;
                }
            }
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
    let (offset, time, connection) = (waiting.offset, Some(waiting.time), Some(connection));
    waiting.with_command(|sent| {
        let content = Content::Request(sent);
        pass.record(&Record { input, offset, time, connection, content })
    })
}

/// Returns the line of a reply that may begin the answer to `PSYNC` or `SYNC`.
fn sync_line<'a>(reply: &Decoded<'a>) -> Option<&'a [u8]> {
    matches!(reply.reply(), ReplyRef::Simple(_)).then(|| reply.wire())
}
