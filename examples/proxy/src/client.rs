//! A client, as lanes see it: they give it replies, which its session writes.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::Instant;
use tracing::warn;
use zresp::encode::ReplyShape;
use zresp::{CommandRef, Protocol};

use crate::identity::Identity;
use crate::join::Join;
use crate::lane::{Kind, Lane};
use crate::output::{BIG, BUFFERED, Replies};
use crate::proxy::Proxy;
use crate::redirect::Refused;
use crate::session::LARGE;
use crate::upstream::{Failure, Upstream};

pub(crate) struct Client {
    pub(crate) peer: SocketAddr,
    proxy: Rc<Proxy>,
    /// `None` while a relay writes to the client, and after the client is disconnected.
    pub(crate) writer: RefCell<Option<OwnedWriteHalf>>,
    replies: RefCell<Replies>,
    /// The lanes that its pending commands use. Later commands use the same ones, so that they cannot overtake.
    lanes: RefCell<Vec<Rc<Lane>>>,
    /// Which lanes its commands use, and their protocol. It changes only while no reply is due.
    kind: Cell<(Kind, Protocol)>,
    /// The protocol that it has chosen with `HELLO`.
    pub(crate) protocol: Cell<Protocol>,
    pub(crate) identity: RefCell<Identity>,
    pub(crate) refused: RefCell<Refused>,
    /// Wakes the session.
    session: Cell<Option<Waker>>,
    /// Wakes the lanes that wait until the client has room for more of a reply.
    waiting_lanes: RefCell<Vec<Waker>>,
    /// How many bytes are held for it in other places.
    pub(crate) charged: Cell<usize>,
    /// How many bytes the proxy counts as held for it.
    counted: Cell<usize>,
    /// Whether it waits until a lane has written more.
    is_waiting: Cell<bool>,
    is_cut_off: Cell<bool>,
    /// Whether it may have written data on a connection that is not its own.
    pub(crate) has_written: Cell<bool>,
    /// When it last sent or took something.
    pub(crate) moved: Cell<Instant>,
}

impl Client {
    pub(crate) fn new(writer: OwnedWriteHalf, peer: SocketAddr, proxy: Rc<Proxy>) -> Self {
        let (replies, lanes, refused, session, waiting_lanes) = Default::default();
        let (kind, identity) = (Cell::new((Kind::New, Protocol::Resp2)), RefCell::default());
        let (charged, counted, is_waiting, is_cut_off, has_written) = Default::default();
        let protocol = Cell::new(Protocol::Resp2);
        let (writer, moved) = (RefCell::new(Some(writer)), Cell::new(Instant::now()));
        Self {
            peer,
            proxy,
            writer,
            replies,
            lanes,
            kind,
            protocol,
            identity,
            refused,
            session,
            waiting_lanes,
            charged,
            counted,
            is_waiting,
            is_cut_off,
            has_written,
            moved,
        }
    }

    /// Returns a lane of the chosen kind to an upstream: the same one as before, while replies are due.
    pub(crate) fn lane(&self, to: &Rc<Upstream>) -> Result<Rc<Lane>, Failure> {
        let mut lanes = self.lanes.borrow_mut();
        lanes.retain(|lane| lane.is_open() && !lane.is_taken_from(self));
        let fits = |lane: &&Rc<Lane>| Rc::ptr_eq(&lane.upstream, to) && !lane.kind.is_single();
        if let Some(lane) = lanes.iter().find(fits) {
            return Ok(Rc::clone(lane));
        }
        let (kind, protocol) = self.kind.get();
        let lane = to.lane(&self.proxy, protocol, kind)?;
        lane.user.set(self);
        lanes.push(Rc::clone(&lane));
        Ok(lane)
    }

    /// Chooses the kind of lane for the next command, and its protocol; `None` is the kind that suits the client.
    /// Returns `false` if the command has to wait until every earlier one is answered, because it must not use the lanes
    /// that those use.
    pub(crate) fn choose_lane(&self, wanted: Option<Kind>, protocol: Protocol) -> bool {
        // A busy lane is left only if no reply is due: on another one, a command could overtake.
        if self.is_answered() {
            let kind = wanted.unwrap_or(match self.replies.borrow().size {
                0 => Kind::New,
                size if size > BIG => Kind::Slow,
                _ => Kind::Usual,
            });
            self.kind.set((kind, protocol));
            self.lanes.borrow_mut().retain(|lane| {
                let is_like = lane.kind == kind && lane.protocol == protocol;
                let is_kept = is_like && !lane.is_busy();
                if !is_kept {
                    lane.abandon(self);
                }
                is_kept
            });
        }
        let (kind, current) = self.kind.get();
        current == protocol && wanted.is_none_or(|wanted| wanted == kind)
    }

    /// Returns the protocol of the connections for a command that share it, and how its reply is translated then.
    pub(crate) fn protocol_of(&self, command: &CommandRef<'_>) -> (Protocol, Option<ReplyShape>) {
        let own = self.protocol.get();
        let shared = self.proxy.access.protocol.filter(|shared| *shared != own);
        let translated = shared.map(|shared| (shared, ReplyShape::of(*command)));
        match translated.filter(|(_, shape)| shape.is_translatable()) {
            Some((shared, shape)) => (shared, Some(shape)),
            None => (own, None),
        }
    }

    /// Returns whether the client is disconnected.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_cut_off.get()
    }

    /// Does the work of its session, until the client is disconnected.
    pub(crate) fn serve<'a>(
        &'a self,
        mut work: Pin<&'a mut impl Future<Output = io::Result<()>>>,
    ) -> impl Future<Output = io::Result<()>> {
        poll_fn(move |cx| {
            let done = work.as_mut().poll(cx);
            if done.is_pending() && self.is_gone() {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            }
            let waker = self.session.take();
            self.session.set(Some(waker.unwrap_or_else(|| cx.waker().clone())));
            done
        })
    }

    /// Returns whether the client waits for a command that blocks.
    pub(crate) fn is_blocked(&self) -> bool {
        self.kind.get().0.is_blocking() && !self.is_answered()
    }

    pub(crate) fn open_entry(&self, bytes: usize, join: Option<Join>) -> u64 {
        self.replies.borrow_mut().open(bytes, join)
    }

    pub(crate) fn extend_entry(&self, ticket: u64, bytes: usize) -> bool {
        self.replies.borrow_mut().extend(ticket, bytes)
    }

    /// Answers a command without an upstream. The reply waits for its turn like all others.
    pub(crate) fn answer(&self, reply: &[u8]) {
        self.put(self.open_entry(0, None), reply, 1);
    }

    /// Takes the next bytes of an entry's replies. `complete` replies end in these bytes.
    pub(crate) fn deliver(&self, ticket: u64, bytes: &[u8], complete: usize) {
        self.replies.borrow_mut().weigh(bytes.len(), complete);
        self.put(ticket, bytes, complete);
    }

    /// Takes the reply to a part of a command. After the last one, they are joined.
    pub(crate) fn take_part(&self, ticket: u64, part: usize, reply: Bytes) {
        let mut replies = self.replies.borrow_mut();
        let Some(join) = replies.join(ticket) else { return };
        if !join.take(part, reply) {
            return;
        }
        if let Some((protocol, name)) = join.greeting() {
            self.protocol.set(protocol);
            let mut identity = self.identity.borrow_mut();
            identity.name = name.unwrap_or(std::mem::take(&mut identity.name));
        }
        join.finish(self.protocol.get());
        let size = join.received;
        replies.weigh(size, 1);
        drop(replies);
        self.put(ticket, &[], 1);
    }

    /// Counts bytes of a part that have arrived. Returns whether to keep them.
    pub(crate) fn keeps(&self, ticket: u64, bytes: usize) -> bool {
        let keeps = self.replies.borrow_mut().keeps(ticket, bytes);
        self.count();
        keeps
    }

    fn put(&self, ticket: u64, bytes: &[u8], complete: usize) {
        self.replies.borrow_mut().take(ticket, bytes, complete, |bytes| self.offer(bytes));
        self.turn();
        self.count();
        self.wake();
    }

    /// Moves replies whose turn it is to the output. Returns whether there is more.
    fn turn(&self) -> bool {
        let turned = self.replies.borrow_mut().turn(self.proxy.client_buffer);
        turned.unwrap_or_else(|_| {
            self.cut_off_because("an upstream sent an element that cannot be read");
            false
        })
    }

    /// Writes what the socket takes now, if that is cheaper than copying the bytes to the output. Returns how
    /// many bytes were written. Errors are left to the session, which will meet them too.
    fn offer(&self, bytes: &[u8]) -> usize {
        let writer = self.writer.borrow();
        let writer = writer.as_ref().filter(|_| bytes.len() >= LARGE / 4);
        let written = writer.and_then(|writer| writer.try_write(bytes).ok()).unwrap_or(0);
        if written > 0 {
            self.moved.set(self.proxy.clock.get());
        }
        written
    }

    /// Writes the replies whose turn it is. The session calls it, and is woken when there are more replies or
    /// the socket has room.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.session.set(Some(cx.waker().clone()));
        let is_joined = self.replies.borrow().are_joined();
        let has_more = is_joined && self.turn();
        let before = self.replies.borrow().out.len();
        let flushed = self.poll_out(cx);
        if has_more && flushed.is_ready() {
            // Others have their turns before the next portion.
            cx.waker().wake_by_ref();
        }
        let left = self.replies.borrow().out.len();
        if left < before {
            self.moved.set(self.proxy.clock.get());
        }
        if left < before || is_joined {
            self.count();
        }
        if left < BUFFERED / 2 {
            self.wake_lanes();
        }
        flushed
    }

    fn poll_out(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (mut writer, mut replies) = (self.writer.borrow_mut(), self.replies.borrow_mut());
        let writer = writer.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        while !replies.out.is_empty() {
            let written = ready!(Pin::new(&mut *writer).poll_write(cx, replies.out.front()))?;
            replies.out.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn wake_lanes(&self) {
        self.waiting_lanes.borrow_mut().drain(..).for_each(Waker::wake);
    }

    pub(crate) fn wake(&self) {
        if let Some(session) = self.session.take() {
            session.wake();
        }
    }

    /// Returns whether a lane may read more of a reply with this ticket. If not, the lane is woken when it may.
    ///
    /// A reply that other clients wait for never makes its lane wait: it is held, as a server would hold it. With two
    /// lanes, two clients could otherwise wait for each other.
    pub(crate) fn takes_more(&self, ticket: u64, lane: &Lane, waker: &Waker) -> bool {
        let replies = self.replies.borrow();
        let most = if lane.is_begun.get() { BUFFERED } else { self.proxy.client_buffer };
        let is_first = replies.is_first(ticket);
        let has_room = if is_first { replies.out.len() < most } else { replies.held < BUFFERED };
        if has_room || lane.is_awaited_besides(self, ticket) {
            return true;
        }
        let mut lanes = self.waiting_lanes.borrow_mut();
        if !lanes.iter().any(|lane| lane.will_wake(waker)) {
            lanes.push(waker.clone());
        }
        false
    }

    /// Returns whether more commands can be taken from the client now.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_waiting.get() && self.replies.borrow().have_room(self.proxy.client_buffer / 2)
    }

    /// Returns whether more of a reply can be written soon.
    pub(crate) fn takes_now(&self) -> bool {
        self.replies.borrow().out.len() < BUFFERED
    }

    /// Takes no more commands until every reply that is due has arrived. Called when a later command could
    /// overtake an earlier one: after a redirection or a change of slots, or because it uses other lanes.
    pub(crate) fn hold_back(&self) {
        let mut replies = self.replies.borrow_mut();
        if !replies.are_complete() {
            // This makes `has_room` false until the last reply resets it.
            replies.sent = BUFFERED;
        }
    }

    /// Returns whether no command waits for its reply.
    pub(crate) fn is_answered(&self) -> bool {
        self.replies.borrow().are_complete()
    }

    /// Returns whether every reply has been written.
    pub(crate) fn is_idle(&self) -> bool {
        let replies = self.replies.borrow();
        replies.are_complete() && replies.out.is_empty()
    }

    /// Returns whether the client waits until a lane has written more.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_waiting.get()
    }

    pub(crate) fn set_waiting(&self, is_waiting: bool) {
        self.is_waiting.set(is_waiting);
        if !is_waiting {
            self.wake();
        }
    }

    /// Returns how many bytes are held for the client.
    pub(crate) fn held(&self) -> usize {
        self.counted.get()
    }

    /// Counts what is held for the client, among what is held for all.
    pub(crate) fn count(&self) {
        if self.is_gone() {
            return;
        }
        let replies = self.replies.borrow();
        let (held, waiting) = (replies.out.len() + replies.held, replies.waiting());
        drop(replies);
        let now = held + self.charged.get();
        self.proxy.count_held(self.counted.replace(now), now);
        if waiting > self.proxy.client_buffer {
            self.cut_off_because("too many replies wait for an earlier one");
        }
    }

    /// Disconnects the client, and logs why.
    pub(crate) fn cut_off_because(&self, reason: &str) {
        warn!(peer = %self.peer, held = self.held(), reason, "disconnected a client");
        self.cut_off();
    }

    /// Disconnects the client, because a reply cannot be delivered whole or the session has ended.
    pub(crate) fn cut_off(&self) {
        if !self.is_cut_off.replace(true) {
            self.proxy.ending.set(self.proxy.ending.get() + 1);
        }
        *self.writer.borrow_mut() = None;
        *self.replies.borrow_mut() = Replies::dropped();
        self.lanes.take().iter().for_each(|lane| lane.abandon(self));
        self.refused.take();
        // What is held elsewhere is freed when the session ends. Until then, nothing is read from other clients.
        self.proxy.count_held(self.counted.take(), 0);
        self.wake();
        self.wake_lanes();
    }
}
