//! A connection: which side is the server, and where the bytes of both sides go.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use zresp::frames::{Replies, Requests};

use crate::detect::{self, Found};
use crate::kind::InputKind;
use crate::pass::Pass;
use crate::resume;

use super::half::{Frames, Half};
use super::pairing::Pairing;
use super::primary::Primary;
use super::roles::{recognise, stranger};
use super::segment::Segment;

/// A connection.
pub(super) struct Connection {
    order: u64,
    /// The client and the server, once they are known.
    pub(super) roles: Option<(SocketAddr, SocketAddr)>,
    /// `127.0.0.1:50000 > 127.0.0.1:6379`.
    pub(super) name: String,
    pub(super) client: Half<Requests>,
    pub(super) server: Half<Replies>,
    /// The server's side in place of `server`, once the connection is a link to a replica.
    pub(super) primary: Option<Primary>,
    /// Up to which offset the server has received the client's stream.
    pub(super) received: Option<u64>,
    pub(super) pairing: Pairing,
    pub(super) state: State,
    /// Which sides have ended their streams: 1 for the server, 2 for the client.
    ended: u8,
    pub(super) lost: u64,
    /// The time of the last segment, and its number in the capture.
    pub(super) now: Duration,
    pub(super) seen: u64,
}

/// What is known about the content of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
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
            // A connection begins in the first database.
            self.pairing.database = segment.syn.then_some(0);
        }
        let Some((client, server)) = self.roles else {
            return self.note_stranger(input, segment, pass);
        };
        if pass.client().is_some_and(|wanted| wanted != client) {
            self.state = State::Ignored;
            return Ok(());
        }
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
}
