//! The replies to one client: puts them in the order of its commands, and buffers them.
//!
//! The commands of one client may go to several upstreams, and their replies arrive in any order. So every
//! command gets a slot in a queue. Only the replies of the first slot are written; those of later slots are
//! held until it is their turn.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;
use zresp::Protocol;

use crate::identity::Identity;
use crate::lane::Lane;
use crate::proxy::Proxy;
use crate::relay::LARGE;
use crate::upstream::{Failure, Upstream};

/// How many commands of one client may wait for their replies. This bounds the replies that can still arrive
/// for a client that has stopped reading; for replies above [`LARGE`], [`Client::takes_more`] does.
const WINDOW: usize = 128;
/// No command is taken from a client while this many bytes of its commands or its replies are on their way.
const BUFFERED: usize = 256 * 1024;
/// How many bytes of replies may be held because an earlier reply, of a slower upstream, has not arrived. A
/// client that exceeds it is disconnected.
const HELD: usize = 64 * 1024 * 1024;
/// An empty buffer with more capacity than this is freed, so that idle clients take little memory.
const KEPT: usize = 1024;

/// A client, as lanes see it.
pub(crate) struct Client {
    /// `None` while a relay writes to the client, and after the client is disconnected.
    pub(crate) writer: RefCell<Option<OwnedWriteHalf>>,
    replies: RefCell<Replies>,
    /// The lanes that its pending commands use. Later commands use the same ones, so that they cannot overtake.
    lanes: RefCell<Vec<Rc<Lane>>>,
    /// The protocol that it has chosen with `HELLO`.
    pub(crate) protocol: Cell<Protocol>,
    pub(crate) identity: RefCell<Identity>,
    /// Wakes the session.
    session: Cell<Option<Waker>>,
    /// Wakes the lane that waits until the client has room for more of a reply.
    waiting_lane: Cell<Option<Waker>>,
}

/// Replies in the order of their commands.
#[derive(Default)]
struct Replies {
    /// Bytes whose turn it is, but which have not been written yet.
    out: BytesMut,
    slots: VecDeque<Slot>,
    /// The number of the first slot. Slots are numbered from 0, in order.
    first: u64,
    /// How many commands wait for their replies.
    commands: usize,
    /// How many bytes are held in slots.
    held: usize,
    /// How many bytes of commands have been sent since the last time that no reply was due.
    sent: usize,
}

/// The replies to one command, or to consecutive commands that use the same lane.
struct Slot {
    /// How many have yet to arrive.
    remaining: usize,
    /// Replies that arrived before it was their turn. The first slot holds none.
    held: BytesMut,
}

impl Client {
    pub(crate) fn new(writer: OwnedWriteHalf) -> Self {
        let writer = RefCell::new(Some(writer));
        let (replies, lanes) = Default::default();
        let (session, waiting_lane) = Default::default();
        let protocol = Cell::new(Protocol::Resp2);
        let identity = RefCell::default();
        Self { writer, replies, lanes, protocol, identity, session, waiting_lane }
    }

    /// Returns a lane to an upstream: the same one as before, while replies are due.
    pub(crate) fn lane(
        &self,
        upstream: &Rc<Upstream>,
        protocol: Protocol,
        proxy: &Rc<Proxy>,
    ) -> Result<Rc<Lane>, Failure> {
        let mut lanes = self.lanes.borrow_mut();
        // A busy lane is left only if no reply is due: on another one, a command could overtake.
        let is_free = self.replies.borrow().slots.is_empty();
        let is_usable = |lane: &Lane| lane.is_open() && !(is_free && lane.is_busy());
        let fits = |lane: &&Rc<Lane>| {
            Rc::ptr_eq(&lane.upstream, upstream) && lane.protocol == protocol && is_usable(lane)
        };
        if let Some(lane) = lanes.iter().find(fits) {
            return Ok(Rc::clone(lane));
        }
        lanes.retain(|lane| is_usable(lane));
        let lane = upstream.lane(proxy, protocol)?;
        lanes.push(Rc::clone(&lane));
        Ok(lane)
    }

    /// Opens a slot for the reply to a command of `bytes` bytes; returns its number.
    pub(crate) fn open_slot(&self, bytes: usize) -> u64 {
        let mut replies = self.replies.borrow_mut();
        replies.commands += 1;
        replies.sent += bytes;
        replies.slots.push_back(Slot { remaining: 1, held: BytesMut::new() });
        replies.first + replies.slots.len() as u64 - 1
    }

    /// Adds the reply to one more command to a slot, if it is the last slot; returns whether it is.
    pub(crate) fn extend_slot(&self, slot: u64, bytes: usize) -> bool {
        let mut replies = self.replies.borrow_mut();
        let next = replies.first + replies.slots.len() as u64;
        let Some(last) = replies.slots.back_mut().filter(|_| slot + 1 == next) else {
            return false;
        };
        last.remaining += 1;
        replies.commands += 1;
        replies.sent += bytes;
        true
    }

    /// Answers a command without an upstream. The reply waits for its turn like all others.
    pub(crate) fn answer(&self, reply: &[u8]) {
        self.deliver(self.open_slot(0), reply, 1);
    }

    /// Takes the next bytes of a slot's replies. `complete` replies end in these bytes.
    pub(crate) fn deliver(&self, slot: u64, bytes: &[u8], complete: usize) {
        let mut guard = self.replies.borrow_mut();
        let replies = &mut *guard;
        let index = slot.checked_sub(replies.first).and_then(|index| usize::try_from(index).ok());
        let Some(index) = index.filter(|index| *index < replies.slots.len()) else { return };
        let entry = &mut replies.slots[index];
        entry.remaining -= complete;
        replies.commands -= complete;
        // It is not the turn of this slot yet.
        if index > 0 {
            entry.held.extend_from_slice(bytes);
            replies.held += bytes.len();
            if replies.held > HELD {
                drop(guard);
                self.cut_off();
            }
            return;
        }
        let written = if replies.out.is_empty() { self.offer(bytes) } else { 0 };
        replies.out.extend_from_slice(&bytes[written..]);
        // If the first slot is finished, it is the turn of the next one, and of the replies that it holds.
        while replies.slots.front().is_some_and(|slot| slot.remaining == 0) {
            replies.slots.pop_front();
            replies.first += 1;
            if let Some(next) = replies.slots.front_mut() {
                replies.held -= next.held.len();
                replies.out.unsplit(std::mem::take(&mut next.held));
            }
        }
        if replies.slots.is_empty() {
            replies.sent = 0;
        }
        self.wake();
    }

    /// Writes what the socket takes now, if that is cheaper than copying the bytes to the output. Returns how
    /// many bytes were written. Errors are left to the session, which will meet them too.
    fn offer(&self, bytes: &[u8]) -> usize {
        let writer = self.writer.borrow();
        let writer = writer.as_ref().filter(|_| bytes.len() >= LARGE / 4);
        writer.and_then(|writer| writer.try_write(bytes).ok()).unwrap_or(0)
    }

    /// Writes the replies whose turn it is. The session calls it, and is woken when there are more replies or
    /// the socket has room.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.session.set(Some(cx.waker().clone()));
        let mut writer = self.writer.borrow_mut();
        let writer = writer.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let mut replies = self.replies.borrow_mut();
        while !replies.out.is_empty() {
            let written = ready!(Pin::new(&mut *writer).poll_write(cx, &replies.out))?;
            replies.out.advance(written);
            if replies.out.len() < BUFFERED / 2 {
                self.wake_lane();
            }
        }
        replies.out.clear();
        if replies.out.capacity() > KEPT {
            replies.out = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    fn wake_lane(&self) {
        if let Some(lane) = self.waiting_lane.take() {
            lane.wake();
        }
    }

    pub(crate) fn wake(&self) {
        if let Some(session) = self.session.take() {
            session.wake();
        }
    }

    /// Returns whether a lane may read more of a reply in this slot. If not, the lane is woken when it may.
    ///
    /// If it is the turn of the reply, up to `held` bytes of output may wait, but at least `BUFFERED`. A reply
    /// whose turn has not come never makes its lane wait: with two lanes, two clients could then wait for each
    /// other.
    pub(crate) fn takes_more(&self, slot: u64, held: usize, lane: &Waker) -> bool {
        let replies = self.replies.borrow();
        let takes_more = slot != replies.first || replies.out.len() < held.max(BUFFERED);
        if !takes_more {
            self.waiting_lane.set(Some(lane.clone()));
        }
        takes_more
    }

    /// Returns whether more commands can be taken from the client now.
    pub(crate) fn has_room(&self) -> bool {
        let replies = self.replies.borrow();
        replies.commands < WINDOW && replies.sent < BUFFERED && replies.buffered() < BUFFERED
    }

    /// Takes no more commands until every reply that is due has arrived. Called when a later command could
    /// overtake an earlier one: after a split, a redirection, or a change of slots.
    pub(crate) fn hold_back(&self) {
        let mut replies = self.replies.borrow_mut();
        if !replies.slots.is_empty() {
            // This makes `has_room` false until `deliver` resets it after the last reply.
            replies.sent = BUFFERED;
        }
    }

    /// Returns whether no command waits for its reply.
    pub(crate) fn is_answered(&self) -> bool {
        self.replies.borrow().slots.is_empty()
    }

    /// Returns whether every reply has been written.
    pub(crate) fn is_idle(&self) -> bool {
        let replies = self.replies.borrow();
        replies.slots.is_empty() && replies.out.is_empty()
    }

    /// Disconnects the client, because a reply cannot be delivered whole or the session has ended.
    pub(crate) fn cut_off(&self) {
        *self.writer.borrow_mut() = None;
        // No slot has this number, so `deliver` drops the replies that still arrive.
        *self.replies.borrow_mut() = Replies { first: u64::MAX, ..Replies::default() };
        self.lanes.borrow_mut().clear();
        self.wake();
        self.wake_lane();
    }
}

impl Replies {
    fn buffered(&self) -> usize {
        self.out.len() + self.held
    }
}
