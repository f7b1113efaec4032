//! The replies on a [lane](Lane): cuts them apart, and gives each to the recipient whose turn it is.
//!
//! Most replies are passed to their clients in the pieces in which they arrive. Two kinds are collected
//! first: those that are joined or translated, and errors in a cluster, which may be redirections.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, Sleep, sleep};
use zresp::{Framer, Limits, LinePolicy};

use crate::charge::Charge;
use crate::due::{Due, Recipient};
use crate::lane::{Kind, Lane};
use crate::session::LARGE;
use crate::upstream::WHOLE;

/// A longer error is not a redirection.
pub(crate) const REDIRECTION: usize = 1024;
/// The only error of scripts after which nothing else can arrive that a client has written.
const NOSCRIPT: &[u8] = b"-NOSCRIPT ";
/// For frames that are not held whole.
pub(crate) const UNLIMITED: Limits =
    Limits::new().with_depth(usize::MAX).with_bulk(usize::MAX).with_frame(usize::MAX);
/// Replaces a larger reply.
pub(crate) const TOO_LARGE: &[u8] = b"-ERR the reply is too large to be joined or translated\r\n";

/// Returns what cuts replies apart that are passed on. A script may return lines that the grammar refuses; other clients
/// must not suffer from that. Only the server's own limits apply.
pub(crate) fn reply_framer() -> Framer {
    Framer::replies(UNLIMITED).with_line_policy(LinePolicy::AsSent)
}

pub(crate) struct LaneReader<'a> {
    lane: &'a Lane,
    socket: OwnedReadHalf,
    framer: Framer,
    /// The beginning of a reply that is collected whole.
    partial: BytesMut,
    /// Counts it for the client that it is for, unless it is to be joined.
    charge: Option<Charge>,
    /// Whether the frame that is arriving is a push, which no command has asked for.
    is_push: bool,
    /// Ends when the upstream has been silent for too long.
    silence: Pin<Box<Sleep>>,
}

impl<'a> LaneReader<'a> {
    pub(crate) fn new(lane: &'a Lane, socket: OwnedReadHalf) -> Self {
        let silence = Box::pin(sleep(lane.proxy.access.timeout));
        let (partial, charge, is_push) = Default::default();
        Self { lane, socket, framer: reply_framer(), partial, charge, is_push, silence }
    }

    /// Reads until the connection fails.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Infallible>> {
        let lane = self.lane;
        // The upstream is not silent while it is a client's turn to take bytes.
        if !self.takes_more(cx) {
            lane.heard.set(Instant::now());
        }
        // Setting the timer for every reply would be slow, so it is set again only when it fires.
        while self.silence.as_mut().poll(cx).is_ready() {
            let until = self.silent_until()?;
            self.silence.as_mut().reset(until);
        }
        loop {
            if !self.takes_more(cx) {
                return Poll::Pending;
            }
            let mut scratch = lane.proxy.scratch.borrow_mut();
            let mut chunk = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Err(io::Error::other("the connection was closed")));
            }
            self.receive(chunk.filled())?;
            if lane.kind.is_single() && lane.len() == 0 {
                return Poll::Ready(Err(io::Error::other("it is not used again")));
            }
            let has_large_reply = !self.framer.is_between_frames() && self.framer.needed() > LARGE;
            lane.has_large_reply.set(has_large_reply);
            if chunk.remaining() == 0 {
                // There is more, but other connections have their turn first.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Returns the time until which the upstream may be silent.
    ///
    /// # Errors
    /// If that time has passed. That includes a lane that nobody has used for so long.
    fn silent_until(&self) -> io::Result<Instant> {
        let lane = self.lane;
        let (since, reason) = match lane.due.borrow().front() {
            Some(due) => (due.since.max(lane.heard.get()), "no reply in time"),
            None => (lane.heard.get(), "nobody used it"),
        };
        let until = since + lane.proxy.access.timeout;
        if lane.kind.is_blocking() {
            return Ok(Instant::now() + lane.proxy.access.timeout);
        }
        if until > Instant::now() { Ok(until) } else { Err(io::Error::other(reason)) }
    }

    /// Returns whether to read more. If not, the client has no room for the next reply, and no other one waits.
    fn takes_more(&self, cx: &Context<'_>) -> bool {
        match self.lane.due.borrow().front() {
            Some(Due {
                to: Recipient::Client(client, ticket) | Recipient::Part(client, ticket, _),
                ..
            }) => client.takes_more(*ticket, self.lane, cx.waker()),
            _ => true,
        }
    }

    /// Gives the replies in a chunk to their recipients. The last one may be incomplete.
    fn receive(&mut self, chunk: &[u8]) -> io::Result<()> {
        let (lane, framer) = (self.lane, &mut self.framer);
        let now = Instant::now();
        lane.heard.set(now);
        lane.proxy.clock.set(now);
        let (mut rest, mut seen) = (chunk, Ok(()));
        while !rest.is_empty() && seen.is_ok() {
            if self.is_push || rest[0] == b'>' && framer.is_between_frames() {
                let progress = framer.advance(rest).map_err(io::Error::other)?;
                self.is_push = !progress.is_complete;
                rest = &rest[progress.taken..];
                continue;
            }
            let mut queue = lane.due.borrow_mut();
            let Some(due) = queue.front_mut() else {
                return Err(io::Error::other("a reply without a command"));
            };
            // Whether this reply may be a redirection.
            let may_move = due.command.is_some() && rest[0] == b'-' && framer.is_between_frames();
            let (mut taken, mut complete, mut errors) = (0, 0, 0);
            // Takes the replies that belong to the first entry. The last one may be incomplete.
            while complete < due.count && taken < rest.len() && seen.is_ok() {
                if complete > 0 && rest[taken] == b'>' {
                    break;
                }
                let is_error = framer.is_between_frames() && rest[taken] == b'-';
                if is_error && lane.kind == Kind::Script && !rest[taken..].starts_with(NOSCRIPT) {
                    lane.spoil(due.to.client());
                }
                seen = framer.advance(&rest[taken..]).map_err(io::Error::other).map(|progress| {
                    taken += progress.taken;
                    complete += usize::from(progress.is_complete);
                    errors += usize::from(progress.is_complete && progress.type_byte == Some(b'-'));
                });
            }
            let bytes;
            (bytes, rest) = rest.split_at(taken);
            due.count -= complete;
            lane.proxy.metrics.passed(complete, errors, bytes.len());
            lane.proxy.metrics.waited(complete, now - due.since);
            match &due.to {
                Recipient::Client(client, ticket)
                    if !may_move && due.shape.is_none() && self.partial.is_empty() =>
                {
                    client.deliver(*ticket, bytes, complete);
                    lane.is_begun.set(seen.is_ok() && !framer.is_between_frames());
                    if due.count == 0 {
                        queue.pop_front();
                    }
                }
                // Everything else is collected until it is complete.
                to => {
                    let keeps = match to {
                        Recipient::Part(client, ticket, _) => client.keeps(*ticket, bytes.len()),
                        to => {
                            let has_left = to.client().is_some_and(|client| client.is_gone());
                            self.partial.len() <= WHOLE && !has_left
                        }
                    };
                    if keeps {
                        self.partial.extend_from_slice(bytes);
                    } else {
                        self.partial = BytesMut::from(TOO_LARGE);
                    }
                    if let Recipient::Client(client, _) = to {
                        let charge = self.charge.get_or_insert_with(|| Charge::new(client, 0));
                        charge.set(self.partial.len());
                    }
                    if complete > 0 {
                        self.charge = None;
                        // With its own memory: one that waits to be joined would keep that of its neighbours.
                        let reply = std::mem::take(&mut self.partial).freeze();
                        let due = queue.pop_front();
                        drop(queue);
                        if let Some(due) = due {
                            lane.settle(due, reply);
                        }
                    } else if let Recipient::Client(client, ticket) = to
                        && self.partial.len() > REDIRECTION
                        && due.shape.is_none()
                    {
                        self.charge = None;
                        client.deliver(*ticket, &std::mem::take(&mut self.partial), 0);
                        lane.is_begun.set(true);
                    }
                }
            }
        }
        seen
    }
}
