//! A connection: which side is the server, and what the two sides say.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use zresp::frames::{Replies, Requests};
use zresp::{Command, Error, Request};

use crate::broken;
use crate::detect::{self, Found};
use crate::kind::InputKind;
use crate::pass::Pass;
use crate::record::{Content, Record, Sent};
use crate::resume;

use super::half::{Event, Half};
use super::packets::Segment;
use super::pairing::{Answered, Pairing, Waiting};

/// How many bytes of a frame are shown on either side of a wrong one.
const AROUND: usize = 8;

/// A connection.
pub(super) struct Connection {
    order: u64,
    /// The client and the server, once they are known.
    roles: Option<(SocketAddr, SocketAddr)>,
    /// `127.0.0.1:50000 > 127.0.0.1:6379`.
    name: String,
    client: Half<Requests>,
    server: Half<Replies>,
    /// Up to which offset the server has received the client's stream.
    received: Option<u64>,
    pairing: Pairing,
    state: State,
    /// Which sides have ended their streams: 1 for the server, 2 for the client.
    ended: u8,
    lost: u64,
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
            received: None,
            pairing: Pairing::default(),
            state: State::Unknown,
            ended: 0,
            lost: 0,
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

    /// Takes a segment of either direction, and shows what it completes.
    pub(super) fn take(
        &mut self,
        input: &str,
        segment: &Segment<'_>,
        ports: &[u16],
        pass: &mut Pass<'_>,
    ) -> io::Result<()> {
        if self.roles.is_none() {
            self.roles = recognise(segment, ports);
        }
        let Some((client, server)) = self.roles else { return Ok(()) };
        if self.state == State::Unknown && !segment.payload.is_empty() {
            self.name = format!("{client} > {server}");
            self.state = self.judge(input, segment, ports.contains(&server.port()), pass)?;
        }
        if self.state == State::Ignored {
            return Ok(());
        }
        let is_client = segment.from == client;
        self.ended |= if segment.reset { 3 } else { u8::from(segment.fin) << u8::from(is_client) };
        if is_client {
            self.client.take(segment);
            segment.acknowledged.into_iter().for_each(|number| self.server.acknowledge(number));
        } else {
            self.server.take(segment);
            if let Some(number) = segment.acknowledged {
                self.client.acknowledge(number);
                self.received = self.received.max(self.client.stream.offset_of(number));
            }
        }
        self.show(input, segment.time, pass)?;
        if self.has_ended() { self.finish(input, pass) } else { Ok(()) }
    }

    /// Shows what is left at the end of the connection or of the capture.
    pub(super) fn finish(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        self.client.finish();
        self.server.finish();
        self.show(input, Duration::ZERO, pass)?;
        for waiting in self.pairing.forget() {
            show_request(input, &self.name, &waiting, pass)?;
        }
        if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            pass.note(&format!("{input}: {}: {lost} bytes are missing", self.name))?;
        }
        Ok(())
    }

    /// Returns whether the content is RESP, by the first segment with data.
    fn judge(
        &self,
        input: &str,
        segment: &Segment<'_>,
        is_known_port: bool,
        pass: &mut Pass<'_>,
    ) -> io::Result<State> {
        let what = match detect::detect(segment.payload) {
            Found::Kind(InputKind::Requests | InputKind::Replies | InputKind::Aof) => {
                return Ok(State::Resp);
            }
            Found::Tls => "a TLS stream, which is encrypted",
            Found::Http => "an HTTP exchange, not RESP",
            _ if is_known_port => return Ok(State::Resp),
            _ => "not RESP",
        };
        pass.note(&format!("{input}: {}: {what}", self.name))?;
        Ok(State::Ignored)
    }

    /// Shows all frames that are whole.
    fn show(&mut self, input: &str, now: Duration, pass: &mut Pass<'_>) -> io::Result<()> {
        self.show_requests(input, now, pass)?;
        self.show_replies(input, now, pass)
    }

    fn show_requests(&mut self, input: &str, now: Duration, pass: &mut Pass<'_>) -> io::Result<()> {
        let mut scratch = Vec::new();
        while self.state == State::Resp {
            let (at, error) = match self.client.frames.next() {
                None => break,
                Some(Event::Frame(at, request)) => {
                    let (command, wire) = (request.command(), request.command().wire());
                    let at = at + (request.wire().len() - wire.len()) as u64;
                    scratch.clear();
                    let command = command.to_array(&mut scratch);
                    if let Some(unanswered) = self.pairing.request(&command, wire, (at, now)) {
                        show_request(input, &self.name, &unanswered, pass)?;
                    }
                    continue;
                }
                Some(Event::Lost(count)) => {
                    self.lose(input, count, pass)?;
                    continue;
                }
                Some(Event::Broken(at, error)) => (at, error),
            };
            let frames = &mut self.client.frames;
            let line = broken(frames.rest(), at, error, frames.good);
            frames.skip();
            self.break_off(input, &line, pass)?;
        }
        Ok(())
    }

    fn show_replies(&mut self, input: &str, now: Duration, pass: &mut Pass<'_>) -> io::Result<()> {
        while self.state == State::Resp {
            let (at, error) = match self.server.frames.next() {
                None => break,
                Some(Event::Frame(offset, reply)) => {
                    let connection = Some(self.name.as_str());
                    let time = Some(now);
                    let content = Content::Reply(&reply);
                    let record = Record { input, offset, time, connection, content };
                    let Answered::To(waiting) = self.pairing.reply(&reply, self.received) else {
                        pass.record(&record)?;
                        continue;
                    };
                    let latency = now.saturating_sub(waiting.time);
                    with_command(&waiting, |sent| {
                        let content = Content::Exchange(sent, &reply, latency);
                        let (offset, time) = (waiting.offset, Some(waiting.time));
                        pass.record(&Record { offset, time, content, ..record })
                    })?;
                    if is_replication(&waiting) {
                        let line = format!("{input}: {}: replication, not decoded", self.name);
                        pass.note(&line)?;
                        self.state = State::Ignored;
                    }
                    continue;
                }
                Some(Event::Lost(count)) => {
                    self.lose(input, count, pass)?;
                    continue;
                }
                Some(Event::Broken(at, error)) => (at, error),
            };
            let frames = &mut self.server.frames;
            let line = broken(frames.rest(), at, error, frames.good);
            frames.skip();
            self.break_off(input, &line, pass)?;
        }
        Ok(())
    }

    /// Shows the commands whose replies cannot be told any more, because bytes are missing.
    fn lose(&mut self, input: &str, count: u64, pass: &mut Pass<'_>) -> io::Result<()> {
        self.lost += count;
        for waiting in self.pairing.forget() {
            show_request(input, &self.name, &waiting, pass)?;
        }
        Ok(())
    }

    /// Reports a broken frame. Nothing more of the connection is decoded, unless the next frame is to be looked for.
    fn break_off(&mut self, input: &str, line: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        pass.fail(&format!("{input}: {}: {line}", self.name))?;
        if !pass.keep_going {
            self.state = State::Ignored;
        }
        for waiting in self.pairing.forget() {
            show_request(input, &self.name, &waiting, pass)?;
        }
        Ok(())
    }
}

/// Returns the client and the server: by who opens the connection, by the port, or by what they say.
fn recognise(segment: &Segment<'_>, ports: &[u16]) -> Option<(SocketAddr, SocketAddr)> {
    let Segment { from, to, payload, .. } = *segment;
    let (forth, back) = (Some((from, to)), Some((to, from)));
    if segment.syn {
        return if segment.is_first() { forth } else { back };
    }
    match (ports.contains(&from.port()), ports.contains(&to.port())) {
        (false, true) => return forth,
        (true, false) => return back,
        _ => {}
    }
    match detect::detect(payload) {
        Found::Kind(InputKind::Requests | InputKind::Aof) => forth,
        Found::Kind(InputKind::Replies) => back,
        _ => None,
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
    with_command(waiting, |sent| {
        let content = Content::Request(sent);
        pass.record(&Record { input, offset, time, connection, content })
    })
}

/// Calls a function with a command that was kept.
fn with_command(
    waiting: &Waiting,
    show: impl FnOnce(Sent<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let request: Option<Request<'_>> = zresp::requests(&waiting.wire).next().and_then(Result::ok);
    let Some(request) = request else { return Ok(()) };
    let mut scratch = Vec::new();
    let command = request.command();
    show(Sent { command: command.to_array(&mut scratch), wire: command.wire() })
}

/// Returns whether the connection becomes a link to a replica after this command.
fn is_replication(waiting: &Waiting) -> bool {
    let request = zresp::requests(&waiting.wire).next().and_then(Result::ok);
    let command = request.as_ref().map(Request::command);
    command.is_some_and(|command: Command<'_>| command.is("PSYNC") || command.is("SYNC"))
}

/// Returns what is wrong with the frame that the bytes begin with.
fn broken(bytes: &[u8], frame: u64, error: Error, good: u64) -> String {
    let (before, from) = bytes.split_at_checked(error.offset).unwrap_or((bytes, &[]));
    let is_cut = before.len() > AROUND;
    let before = before.get(before.len().saturating_sub(AROUND)..).unwrap_or(before);
    let view = broken::view(before, from.get(..=AROUND).unwrap_or(from), is_cut);
    let offset = frame + error.offset as u64;
    format!(
        "offset {offset}: {}: {view} (frame at offset {frame}, good frames before it: {good})",
        error.kind
    )
}
