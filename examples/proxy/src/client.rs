//! The replies of one client: in which order they are due, and those that it has yet to take.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;

use crate::lane::Lane;
use crate::proxy::Proxy;
use crate::upstream::{Failure, Upstream};

/// How many commands of one client may wait for their replies: what bounds the replies that can come for a
/// client that has stopped to read, those of [`LARGE`](crate::relay::LARGE) bytes aside.
const WINDOW: usize = 128;
/// With so many bytes to be taken, nothing more is accepted from a client, nor from a lane for it alone.
const BUFFERED: usize = 256 * 1024;
/// Pieces of this size are offered to the client before they are copied.
const DIRECT: usize = 16 * 1024;
/// Of a client that says nothing no more memory than this is kept.
const KEPT: usize = 1024;

/// What lanes know of a client.
pub(crate) struct Client {
    /// `None` while a relay has it, and when the client is gone.
    pub(crate) writer: RefCell<Option<OwnedWriteHalf>>,
    due: RefCell<Replies>,
    /// The lanes that have commands of it: all of those behind go the same way, lest they overtake.
    lanes: RefCell<Vec<Rc<Lane>>>,
    session: Cell<Option<Waker>>,
    /// A lane that waits until there is room.
    waiting_lane: Cell<Option<Waker>>,
    /// The session is waiting for replies to come or to go.
    pub(crate) awaits_replies: Cell<bool>,
    /// A command of it was redirected: none may overtake it on a new way.
    is_redirected: Cell<bool>,
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
}

/// The replies to some commands in a row that went the same way.
#[derive(Default)]
struct Slot {
    /// How many are yet to come.
    remaining: usize,
    /// Those that have come before it was their turn.
    held: BytesMut,
}

impl Client {
    pub(crate) fn new(writer: OwnedWriteHalf) -> Self {
        Self {
            writer: RefCell::new(Some(writer)),
            due: RefCell::default(),
            lanes: RefCell::default(),
            session: Cell::default(),
            waiting_lane: Cell::default(),
            awaits_replies: Cell::default(),
            is_redirected: Cell::default(),
        }
    }

    /// Returns the lane to an upstream, the same as before as long as replies are due from it.
    pub(crate) fn lane(
        &self,
        upstream: &Rc<Upstream>,
        proxy: &Rc<Proxy>,
    ) -> Result<Rc<Lane>, Failure> {
        let mut lanes = self.lanes.borrow_mut();
        if self.due.borrow().slots.is_empty() {
            // The usual case is that the lane is still the best.
            lanes.retain(|lane| lanes_on(lane, upstream) && lane.is_open() && !lane.is_busy());
        }
        if let Some(lane) = lanes.iter().find(|lane| lanes_on(lane, upstream) && lane.is_open()) {
            return Ok(Rc::clone(lane));
        }
        lanes.retain(|lane| lane.is_open());
        let lane = upstream.lane(proxy)?;
        lanes.push(Rc::clone(&lane));
        Ok(lane)
    }

    /// Opens a slot for one more reply; returns its number.
    pub(crate) fn open_slot(&self) -> u64 {
        let mut due = self.due.borrow_mut();
        due.commands += 1;
        due.slots.push_back(Slot { remaining: 1, held: BytesMut::new() });
        due.first + due.slots.len() as u64 - 1
    }

    /// Adds a reply to a slot, if it is the last one.
    pub(crate) fn extend_slot(&self, slot: u64) -> bool {
        let mut due = self.due.borrow_mut();
        if slot + 1 != due.first + due.slots.len() as u64 {
            return false;
        }
        due.commands += 1;
        if let Some(slot) = due.slots.back_mut() {
            slot.remaining += 1;
        }
        true
    }

    /// Answers the last command at once, or rather behind what is due.
    pub(crate) fn answer(&self, reply: &[u8]) {
        let slot = self.open_slot();
        self.deliver(slot, reply, 1);
    }

    /// Takes bytes of the replies of a slot, with which so many of them are complete.
    pub(crate) fn deliver(&self, slot: u64, bytes: &[u8], complete: usize) {
        let mut due = self.due.borrow_mut();
        let due = &mut *due;
        let Some(index) = slot.checked_sub(due.first) else { return };
        let Some(entry) = due.slots.get_mut(usize::try_from(index).unwrap_or(usize::MAX)) else {
            return;
        };
        entry.remaining -= complete;
        due.commands -= complete;
        if index > 0 {
            entry.held.extend_from_slice(bytes);
            due.held += bytes.len();
            return;
        }
        let written =
            if due.out.is_empty() && bytes.len() >= DIRECT { self.offer(bytes) } else { 0 };
        due.out.extend_from_slice(&bytes[written..]);
        while due.slots.front().is_some_and(|slot| slot.remaining == 0) {
            due.slots.pop_front();
            due.first += 1;
            if let Some(next) = due.slots.front_mut() {
                due.held -= next.held.len();
                due.out.unsplit(std::mem::take(&mut next.held));
            }
        }
        if due.slots.is_empty() {
            self.is_redirected.set(false);
        }
    }

    /// Writes what the socket takes of it now. An error is left for the session to meet.
    fn offer(&self, bytes: &[u8]) -> usize {
        let writer = self.writer.borrow();
        writer.as_ref().map_or(Ok(0), |writer| writer.try_write(bytes)).unwrap_or(0)
    }

    /// Writes what the socket takes now; the session does the rest.
    pub(crate) fn flush(&self) {
        let mut due = self.due.borrow_mut();
        if !due.out.is_empty() {
            let written = self.offer(&due.out);
            due.written(written);
        }
        if !due.out.is_empty() || self.awaits_replies.get() {
            self.wake();
        }
    }

    /// Writes on, for the session, until all is written.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.session.set(Some(cx.waker().clone()));
        let mut due = self.due.borrow_mut();
        let mut writer = self.writer.borrow_mut();
        let Some(writer) = writer.as_mut() else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        while !due.out.is_empty() {
            match Pin::new(&mut *writer).poll_write(cx, &due.out) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => due.written(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.wake_lane(due.buffered());
                    return Poll::Pending;
                }
            }
        }
        self.wake_lane(due.buffered());
        Poll::Ready(Ok(()))
    }

    fn wake_lane(&self, buffered: usize) {
        if buffered < BUFFERED / 2
            && let Some(lane) = self.waiting_lane.take()
        {
            lane.wake();
        }
    }

    pub(crate) fn wake(&self) {
        if let Some(session) = self.session.take() {
            session.wake();
        }
    }

    /// Returns how many bytes it has yet to take.
    pub(crate) fn buffered(&self) -> usize {
        self.due.borrow().buffered()
    }

    /// Returns whether a lane may give it more of a large reply, of which so many bytes may wait; if not, it
    /// is woken when it may.
    pub(crate) fn takes_more(&self, waiting: usize, lane: &Waker) -> bool {
        let takes_more = self.is_gone() || self.buffered() < waiting.max(BUFFERED);
        if !takes_more {
            self.waiting_lane.set(Some(lane.clone()));
        }
        takes_more
    }

    /// Returns whether further commands can be taken from it now.
    pub(crate) fn has_room(&self) -> bool {
        let due = self.due.borrow();
        let is_held_back =
            self.is_redirected.get() || due.commands >= WINDOW || due.buffered() >= BUFFERED;
        !is_held_back && self.lanes.borrow().iter().all(|lane| lane.has_room())
    }

    /// Has the session woken when there is room.
    pub(crate) fn await_room(self: &Rc<Self>) {
        self.awaits_replies.set(true);
        for lane in self.lanes.borrow().iter().filter(|lane| !lane.has_room()) {
            lane.wake_when_written(self);
        }
    }

    /// Returns whether every reply has been written.
    pub(crate) fn is_idle(&self) -> bool {
        let due = self.due.borrow();
        due.slots.is_empty() && due.out.is_empty()
    }

    /// Takes no further command until those in progress are answered.
    pub(crate) fn hold_back(&self) {
        self.is_redirected.set(true);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.writer.borrow().is_none()
    }

    /// Ends: the session has.
    pub(crate) fn leave(&self) {
        self.cut_off();
        self.lanes.borrow_mut().clear();
    }

    /// Closes the connection: a reply cannot be given whole, or the client is gone.
    pub(crate) fn cut_off(&self) {
        *self.writer.borrow_mut() = None;
        *self.due.borrow_mut() = Replies { first: u64::MAX, ..Replies::default() };
        self.is_redirected.set(false);
        self.wake();
        self.wake_lane(0);
    }
}

impl Replies {
    fn buffered(&self) -> usize {
        self.out.len() + self.held
    }

    fn written(&mut self, count: usize) {
        self.out.advance(count);
        if self.out.is_empty() {
            self.out.clear();
            if self.out.capacity() > KEPT {
                self.out = BytesMut::new();
            }
        }
    }
}

fn lanes_on(lane: &Rc<Lane>, upstream: &Rc<Upstream>) -> bool {
    Rc::ptr_eq(&lane.upstream, upstream)
}

/// Returns an error reply with this text. What could end the line is shown as spaces.
pub(crate) fn error(text: impl std::fmt::Display) -> Bytes {
    format!("-{}\r\n", text.to_string().replace(['\r', '\n'], " ")).into()
}
