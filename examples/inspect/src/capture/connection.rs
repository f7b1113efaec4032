//! A connection: which side is the server, and where the bytes of both sides go.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use zresp::frames::{Replies, Requests};

use crate::database::Database;
use crate::detect::{self, Found};
use crate::kind::InputKind;
use crate::pass::{Matter, Pass};
use crate::resume;

use super::half::{Frames, Half};
use super::pairing::Pairing;
use super::primary::Primary;
use super::roles::{recognise, stranger};
use super::segment::Segment;
use super::stream::Stream;

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
    /// Up to which offset the server had received the client's stream when it last sent something.
    answered: u64,
    pub(super) pairing: Pairing,
    pub(super) state: State,
    /// Whether both sides have closed it, or one has reset it.
    has_ended: bool,
    /// What may begin another connection between the same ends.
    opening: Option<Segment<'static>>,
    pub(super) lost: u64,
    /// How many bytes came after the end.
    late: u64,
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
    /// All of it has been shown.
    Ended,
}

impl Connection {
    pub(super) fn new(order: u64) -> Self {
        Self {
            order,
            roles: None,
            name: String::new(),
            client: Half::new(resume::command),
            server: Half::new(resume::reply),
            primary: None,
            received: None,
            answered: 0,
            pairing: Pairing::default(),
            state: State::Unknown,
            has_ended: false,
            opening: None,
            lost: 0,
            late: 0,
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
        self.has_ended
    }

    /// Takes note of a segment that would open a connection between the same ends. Returns whether it is kept apart until
    /// it is answered, because this connection has not ended: it may be forged, or late.
    pub(super) fn keeps_apart(&mut self, segment: &Segment<'_>) -> bool {
        if self.roles.is_none() || self.has_ended {
            return false;
        }
        let opening = Segment { payload: &[], ..*segment };
        let other = self.opening.replace(opening);
        self.client.stream.ignored +=
            u64::from(other.is_some_and(|other| other.sequence != opening.sequence));
        true
    }

    /// Returns the segment that opened another connection between the same ends, if this one is the next of that.
    pub(super) fn answered(&mut self, segment: &Segment<'_>) -> Option<Segment<'static>> {
        let opening = self.opening?;
        let next = opening.sequence.wrapping_add(1);
        let is_answer =
            segment.from == opening.to && segment.syn && segment.acknowledged == Some(next);
        let is_expected = self.client.stream.offset_of(next) == Some(self.client.stream.offset());
        let goes_on = segment.from == opening.from && !segment.reset && segment.sequence == next;
        let goes_on = goes_on && !is_expected;
        if is_answer || goes_on { self.opening.take() } else { None }
    }

    /// Returns whether another connection than this one begins with a segment.
    pub(super) fn is_before(&self, segment: &Segment<'_>) -> bool {
        !self.client.stream.began_with(segment)
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
        if matches!(self.state, State::Ignored | State::Ended) {
            self.pass(segment);
            return Ok(());
        }
        if self.roles.is_none() {
            self.roles = recognise(segment, ports);
            // A connection begins in the first database.
            self.pairing.database = Database::new(segment.syn.then_some(0));
            if !segment.syn {
                self.pairing.doubt.begin_late();
            }
        }
        let Some((client, server)) = self.roles else {
            return self.note_stranger(input, segment, pass);
        };
        if self.state == State::Unknown {
            self.name = format!("{client} > {server}");
        }
        if !pass.selects(client) {
            self.state = State::Ignored;
            return Ok(());
        }
        if self.state == State::Unknown && !segment.payload.is_empty() {
            self.state = self.judge(input, segment, ports.contains(&server.port()), pass)?;
            if self.state == State::Ignored {
                self.pass(segment);
                return Ok(());
            }
        }
        let is_client = segment.from == client;
        if segment.reset {
            self.has_ended = self.is_reset(is_client, segment);
        } else if self.fits(is_client, segment) {
            self.put(is_client, segment);
        }
        self.show(input, pass)?;
        if self.has_ended {
            return self.finish(input, pass);
        }
        if self.state == State::Ignored {
            self.release();
        } else {
            self.settle();
        }
        Ok(())
    }

    /// Takes the bytes of a segment, what it acknowledges, and whether it ends the stream of its side.
    fn put(&mut self, is_client: bool, segment: &Segment<'_>) {
        if is_client {
            if self.is_turn(segment) {
                self.pairing.doubt.turn();
            }
            self.client.take(segment);
        } else if let Some(primary) = &mut self.primary {
            primary.half.take(segment);
        } else {
            let before = self.server.stream.offset();
            self.server.take(segment);
            let number = segment.acknowledged.filter(|_| self.server.stream.offset() > before);
            let answered = number.and_then(|number| self.client.stream.offset_of(number));
            self.answered = self.answered.max(answered.unwrap_or_default());
        }
        if let Some(number) = segment.acknowledged {
            self.acknowledge(is_client, number);
        }
        if segment.fin {
            self.streams(is_client).0.finish_at(segment);
        }
        self.note_end();
    }

    /// Returns whether the client begins to send after it has received all that the server has sent, and after the server
    /// has sent something since it received all that the client has sent.
    fn is_turn(&self, segment: &Segment<'_>) -> bool {
        let (client, server) = (&self.client, &self.server);
        let is_next = client.stream.is_new()
            || client.stream.offset_of(segment.sequence) == Some(client.stream.offset());
        let received = segment.acknowledged.and_then(|number| server.stream.offset_of(number));
        let has_received = server.stream.is_new() || received == Some(server.stream.offset());
        let is_answered = self.answered >= client.stream.offset();
        let is_between = client.is_between_frames() && server.is_between_frames();
        !segment.payload.is_empty() && is_next && has_received && is_answered && is_between
    }

    /// Takes a segment of a connection that is not shown.
    fn pass(&mut self, segment: &Segment<'_>) {
        let is_client = self.roles.is_some_and(|(client, _)| segment.from == client);
        if segment.reset {
            self.has_ended |= self.is_reset(is_client, segment);
            return;
        }
        let fresh = self.streams(is_client).0.pass(segment);
        if self.state == State::Ended {
            self.late += fresh;
        } else if segment.fin {
            self.streams(is_client).0.finish_at(segment);
            self.note_end();
        }
    }

    /// Returns the stream of one side, and that of the other.
    const fn streams(&mut self, is_client: bool) -> (&mut Stream, &mut Stream) {
        let server = match &mut self.primary {
            Some(primary) => &mut primary.half.stream,
            None => &mut self.server.stream,
        };
        let client = &mut self.client.stream;
        if is_client { (client, server) } else { (server, client) }
    }

    fn is_reset(&mut self, is_client: bool, segment: &Segment<'_>) -> bool {
        let (own, other) = self.streams(is_client);
        own.accepts_reset(segment, other)
    }

    /// Returns whether a segment that answers the opening of the connection has the number of that.
    fn fits(&mut self, is_client: bool, segment: &Segment<'_>) -> bool {
        let (own, other) = self.streams(is_client);
        let is_answer = segment.syn && own.is_new() && !other.is_new();
        let number = segment.acknowledged.and_then(|number| other.offset_of(number));
        let fits = !is_answer || number.is_some_and(|at| at <= other.offset());
        own.ignored += u64::from(!fits);
        fits
    }

    fn note_end(&mut self) {
        let (client, server) = self.streams(true);
        self.has_ended |= client.has_ended() && server.has_ended();
    }

    /// Gives back memory that is not needed for the next segment.
    fn settle(&mut self) {
        self.client.settle();
        match &mut self.primary {
            Some(primary) => primary.half.settle(),
            None => self.server.settle(),
        }
    }

    /// Forgets everything but the places in the streams.
    fn release(&mut self) {
        self.client.release();
        self.server.release();
        if let Some(primary) = &mut self.primary {
            primary.half.release();
        }
        self.pairing = Pairing::default();
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
            self.roles = Some((segment.from, segment.to));
            self.name_once(Matter::Stranger, what, input, pass)?;
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
        // After the end of the part that is shown, nothing is left out.
        if self.state == State::Resp && pass.end_time().is_none() {
            let server = self.primary.as_ref().map_or_else(
                || self.server.frames.rest().len(),
                |primary| primary.half.frames.rest().len(),
            );
            pass.add_unfinished(self.client.frames.rest().len(), server);
        }
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
        if self.roles.is_none() && self.state == State::Unknown && !self.name.is_empty() {
            let what = "neither side looks like RESP (--port tells which is the server)";
            self.name_once(Matter::Stranger, what, input, pass)?;
        }
        self.report(input, pass)?;
        self.release();
        if self.state != State::Ignored {
            self.state = State::Ended;
        }
        Ok(())
    }

    /// Says what is missing, and what was ignored.
    fn report(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        let mut ignored = u64::from(self.opening.take().is_some());
        let (client, server) = self.streams(true);
        ignored += mem::take(&mut client.ignored) + mem::take(&mut server.ignored);
        let (lost, late) = (mem::take(&mut self.lost), mem::take(&mut self.late));
        if lost > 0 {
            let what = format!("{lost} bytes are missing");
            self.name_once(Matter::Missing, &what, input, pass)?;
        }
        if ignored > 0 {
            let what = format!("{ignored} segments are ignored, because their numbers do not fit");
            self.name_once(Matter::Ignored, &what, input, pass)?;
        }
        if late > 0 {
            let what = format!("{late} bytes came after its end");
            self.name_once(Matter::Late, &what, input, pass)?;
        }
        Ok(())
    }

    /// Shows what is left, and forgets everything, because it holds too much.
    pub(super) fn give_up(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        self.show_waiting(input, pass)?;
        let held = self.held();
        self.release();
        self.state = State::Ignored;
        let what = format!("{held} bytes without an end, given up");
        self.name_once(Matter::GivenUp, &what, input, pass)
    }

    /// Writes a line about the connection, if it is one of the first ones of this matter.
    fn name_once(
        &self,
        matter: Matter,
        what: &str,
        input: &str,
        pass: &mut Pass<'_>,
    ) -> io::Result<()> {
        pass.connection(matter, &format!("{input}: {}: {what}", self.name))
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
        self.name_once(Matter::Stranger, what, input, pass)?;
        Ok(State::Ignored)
    }
}
