//! The replies of one client: in which order they are due, and those that it has yet to take.

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

use crate::lane::Lane;
use crate::proxy::Proxy;
use crate::relay::LARGE;
use crate::upstream::{Failure, Upstream};

/// How many commands of one client may wait for their replies: what bounds the replies that can come for a
/// client that has stopped reading, those above [`LARGE`] aside.
const WINDOW: usize = 128;
/// With so many bytes on their way, to an upstream or to the client, nothing more is accepted from it.
const BUFFERED: usize = 256 * 1024;
/// So many bytes of replies may wait for their turn: those of other upstreams, in front of which a slower one is.
const HELD: usize = 64 * 1024 * 1024;
/// Of a client that says nothing no more memory than this is kept.
const KEPT: usize = 1024;

/// What lanes know of a client.
pub(crate) struct Client {
    /// `None` while a relay has it, and when the client is gone.
    pub(crate) writer: RefCell<Option<OwnedWriteHalf>>,
    replies: RefCell<Replies>,
    /// The lanes that have commands of it: those behind go the same way, lest they overtake.
    lanes: RefCell<Vec<Rc<Lane>>>,
    /// What it has said `HELLO` to.
    pub(crate) protocol: Cell<Protocol>,
    session: Cell<Option<Waker>>,
    /// A lane that waits until there is room.
    waiting_lane: Cell<Option<Waker>>,
}

/// Replies in the order in which their commands came.
#[derive(Default)]
struct Replies {
    /// What is to be written.
    out: BytesMut,
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first: u64,
    /// How many commands wait for their replies.
    commands: usize,
    /// How many bytes are held in slots.
    held: usize,
    /// The bytes of commands since the last time that none was waiting for its reply.
    sent: usize,
}

/// The replies to some commands in a row that went the same way.
struct Slot {
    /// How many are yet to come.
    remaining: usize,
    /// Those that have come before it was their turn.
    held: BytesMut,
}

impl Client {
    pub(crate) fn new(writer: OwnedWriteHalf) -> Self {
        let writer = RefCell::new(Some(writer));
        let (replies, lanes) = Default::default();
        let (session, waiting_lane) = Default::default();
        let protocol = Cell::new(Protocol::Resp2);
        Self { writer, replies, lanes, protocol, session, waiting_lane }
    }

    /// Returns the lane to an upstream, the same as before as long as replies are due from it.
    pub(crate) fn lane(
        &self,
        upstream: &Rc<Upstream>,
        proxy: &Rc<Proxy>,
    ) -> Result<Rc<Lane>, Failure> {
        let mut lanes = self.lanes.borrow_mut();
        let is_free = self.replies.borrow().slots.is_empty();
        let is_usable = |lane: &Lane| lane.is_open() && !(is_free && lane.is_busy());
        let protocol = self.protocol.get();
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

    /// Opens a slot for the reply to a command of so many bytes; returns its number.
    pub(crate) fn open_slot(&self, bytes: usize) -> u64 {
        let mut replies = self.replies.borrow_mut();
        replies.commands += 1;
        replies.sent += bytes;
        replies.slots.push_back(Slot { remaining: 1, held: BytesMut::new() });
        replies.first + replies.slots.len() as u64 - 1
    }

    /// Adds a reply to a slot, if it is the last one.
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

    /// Answers a command at once, or rather behind what is due.
    pub(crate) fn answer(&self, reply: &[u8]) {
        self.deliver(self.open_slot(0), reply, 1);
    }

    /// Takes bytes of the replies of a slot, with which so many of them are complete.
    pub(crate) fn deliver(&self, slot: u64, bytes: &[u8], complete: usize) {
        let mut guard = self.replies.borrow_mut();
        let replies = &mut *guard;
        let index = slot.checked_sub(replies.first).and_then(|index| usize::try_from(index).ok());
        let Some(index) = index.filter(|index| *index < replies.slots.len()) else { return };
        let entry = &mut replies.slots[index];
        entry.remaining -= complete;
        replies.commands -= complete;
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

    /// Writes what the socket takes at once, if copying would cost more. The session meets errors.
    fn offer(&self, bytes: &[u8]) -> usize {
        let writer = self.writer.borrow();
        let writer = writer.as_ref().filter(|_| bytes.len() >= LARGE / 4);
        writer.and_then(|writer| writer.try_write(bytes).ok()).unwrap_or(0)
    }

    /// Writes what there is, for the session, which goes on when there is more or the socket takes more.
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

    /// Returns whether it has room for more of the reply whose turn it is, of which so many bytes may wait. If
    /// not, the lane is woken when it has. One whose turn is yet to come never waits: two clients could then
    /// wait for each other.
    pub(crate) fn takes_more(&self, slot: u64, held: usize, lane: &Waker) -> bool {
        let replies = self.replies.borrow();
        let takes_more = slot != replies.first || replies.out.len() < held.max(BUFFERED);
        if !takes_more {
            self.waiting_lane.set(Some(lane.clone()));
        }
        takes_more
    }

    /// Returns whether further commands can be taken from it now.
    pub(crate) fn has_room(&self) -> bool {
        let replies = self.replies.borrow();
        replies.commands < WINDOW && replies.sent < BUFFERED && replies.buffered() < BUFFERED
    }

    /// Lets no further command overtake those in progress, of which one takes another way.
    pub(crate) fn hold_back(&self) {
        let mut replies = self.replies.borrow_mut();
        if !replies.slots.is_empty() {
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

    /// Closes the connection: a reply cannot be given whole, or the session has ended. What comes is dropped.
    pub(crate) fn cut_off(&self) {
        *self.writer.borrow_mut() = None;
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
