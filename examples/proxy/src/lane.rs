//! A connection to an upstream that clients share.
//!
//! An upstream replies in the order of the commands. So a lane keeps a queue of recipients, `due`, with an
//! entry for each command that it has sent, and the next reply belongs to the first entry. Consecutive
//! commands of one client share an entry, with a count.
//!
//! A client does not wait for another one's slow work: that has its own [kind](Kind) of lane. The
//! [replies](crate::lane_reader) are read in another file.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::Instant;
use tracing::debug;
use zresp::Protocol;
use zresp::encode::ReplyShape;

use crate::client::Client;
use crate::due::{Due, Recipient};
use crate::lane_reader::LaneReader;
use crate::mark;
use crate::proxy::Proxy;
use crate::redirect::{ASKING, Author, Retry};
use crate::upstream::{Failure, Upstream};

/// Nobody begins to use a lane that has been silent for this long while a reply is due.
const STUCK: Duration = Duration::from_millis(100);
/// A buffer for commands with more capacity than this is freed once it is empty.
const KEPT: usize = 256 * 1024;
/// While this many bytes of commands have yet to be written, clients wait before they add more.
const UNSENT: usize = 256 * 1024;

/// Who uses a lane.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Clients whose first reply is due: it may be large.
    New,
    /// Most clients.
    Usual,
    /// Clients with large replies: only one client at a time, as long as there are enough lanes.
    Slow,
    /// Scripts of one client at a time. Some servers repeat the client's bytes in errors of scripts, line breaks
    /// included, which could forge the replies to others.
    Script,
    /// One command, on a new connection that nobody else gets to use.
    Single,
    /// The same, for as long as the client wants to wait for the reply.
    Blocking,
    /// The same for `WAIT` and `WAITAOF` of a client that has written: they need a [mark](crate::mark).
    Wait,
}

impl Kind {
    pub(crate) const fn is_single(self) -> bool {
        matches!(self, Self::Single) || self.is_blocking()
    }

    pub(crate) const fn is_blocking(self) -> bool {
        matches!(self, Self::Blocking | Self::Wait)
    }
}

pub(crate) struct Lane {
    pub(crate) upstream: Rc<Upstream>,
    pub(crate) protocol: Protocol,
    pub(crate) kind: Kind,
    pub(crate) proxy: Rc<Proxy>,
    writer: RefCell<Option<OwnedWriteHalf>>,
    /// Commands that have yet to be written.
    out: RefCell<BytesMut>,
    pub(crate) due: RefCell<VecDeque<Due>>,
    /// Clients that wait until more commands have been written.
    waiting: RefCell<Vec<Rc<Client>>>,
    /// Wakes the lane's task, which both reads and writes.
    waker: Cell<Option<Waker>>,
    /// When the upstream last sent something, or the lane last stopped reading.
    pub(crate) heard: Cell<Instant>,
    /// Whether the first client in `due` has been given a part of a reply, but not all of it.
    pub(crate) is_begun: Cell<bool>,
    /// Whether much of a large reply has yet to arrive.
    pub(crate) has_large_reply: Cell<bool>,
    /// Whether more may arrive than the replies to the client that uses it, so nobody else gets to use it.
    pub(crate) is_spoiled: Cell<bool>,
    is_closed: Cell<bool>,
    /// The last client that began to use it, to compare with others.
    pub(crate) user: Cell<*const Client>,
}

impl Lane {
    pub(crate) fn open(
        upstream: Rc<Upstream>,
        proxy: Rc<Proxy>,
        protocol: Protocol,
        kind: Kind,
    ) -> Rc<Self> {
        let lane = Rc::new(Self {
            upstream,
            proxy,
            protocol,
            kind,
            writer: RefCell::default(),
            out: RefCell::default(),
            due: RefCell::default(),
            waiting: RefCell::default(),
            waker: Cell::default(),
            heard: Cell::new(Instant::now()),
            is_begun: Cell::default(),
            has_large_reply: Cell::default(),
            is_spoiled: Cell::default(),
            is_closed: Cell::default(),
            user: Cell::new(ptr::null()),
        });
        tokio::task::spawn_local(Rc::clone(&lane).run());
        lane
    }

    /// Sends a command of a client. Its reply goes to a new entry of the client, or extends the last one.
    pub(crate) fn send(
        &self,
        client: &Rc<Client>,
        command: &[u8],
        shape: Option<ReplyShape>,
        now: Instant,
    ) {
        self.write(command);
        let mut due = self.due.borrow_mut();
        // A command that may be redirected has its own entry, which moves with it.
        let may_move = self.proxy.topology.is_cluster();
        if let Some(Due { to: Recipient::Client(last, ticket), count, shape: None, .. }) =
            due.back_mut()
            && !may_move
            && shape.is_none()
            && Rc::ptr_eq(last, client)
            && client.extend_entry(*ticket, command.len())
        {
            *count += 1;
            return;
        }
        let to = Recipient::Client(Rc::clone(client), client.open_entry(command.len(), None));
        let command = may_move.then(|| Bytes::copy_from_slice(command));
        due.push_back(Due::new(to, command, shape, now));
    }

    /// Sends a part of a command.
    pub(crate) fn send_part(&self, due: impl FnOnce(Option<Bytes>) -> Due, command: Bytes) {
        self.write(&command);
        self.due.borrow_mut().push_back(due(self.proxy.topology.is_cluster().then_some(command)));
    }

    /// Sends a redirected command, if necessary after `ASKING`, which is not sent again if it is refused. The entry
    /// comes from another lane's queue.
    pub(crate) fn resend(&self, due: Due, is_asking: bool) {
        let mut queue = self.due.borrow_mut();
        if is_asking {
            self.write(ASKING);
            queue.push_back(Due::new(Recipient::Proxy, None, None, due.since));
        }
        self.write(due.command.as_deref().unwrap_or_default());
        queue.push_back(due);
    }

    fn write(&self, bytes: &[u8]) {
        // It may also have stopped reading, because nobody waited for more than a client that has no room.
        self.wake();
        self.out.borrow_mut().extend_from_slice(bytes);
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.is_closed.get()
    }

    /// Returns whether clients without a reply due should use another lane.
    pub(crate) fn is_busy(&self) -> bool {
        let is_slow = matches!(self.kind, Kind::Slow | Kind::Script)
            || self.has_large_reply.get()
            || self.proxy.clock.get() - self.heard.get() > STUCK;
        is_slow && self.len() > 0
    }

    /// Returns the number of entries in the queue of replies that are due.
    pub(crate) fn len(&self) -> usize {
        self.due.borrow().len()
    }

    /// Returns whether another client has begun to use it since this one did, and may be the only one to use it.
    pub(crate) fn is_taken_from(&self, client: &Client) -> bool {
        self.kind == Kind::Script && !ptr::eq(self.user.get(), client)
    }

    /// Notes that its client, unless that has left, is the last to use it.
    pub(crate) fn spoil(&self, client: Option<&Rc<Client>>) {
        self.is_spoiled.set(true);
        if client.is_none_or(|client| client.is_gone()) {
            self.end();
        }
    }

    /// Makes a client wait, if many commands have yet to be written; returns whether it has to.
    pub(crate) fn makes_wait(&self, client: &Rc<Client>) -> bool {
        let is_full = self.out.borrow().len() >= UNSENT;
        if is_full {
            client.set_waiting(true);
            self.waiting.borrow_mut().push(Rc::clone(client));
            self.wake();
        }
        is_full
    }

    /// Returns whether another client than this one waits for the lane. Or this one waits for an earlier reply than that
    /// with this ticket, because that one's command was sent again.
    pub(crate) fn is_awaited_besides(&self, client: &Client, ticket: u64) -> bool {
        let (due, waiting) = (self.due.borrow(), self.waiting.borrow());
        let is_other = |other: &Rc<Client>| !ptr::eq(Rc::as_ptr(other), client);
        due.iter().any(|due| match &due.to {
            Recipient::Client(other, at) | Recipient::Part(other, at, _) => {
                !other.is_gone() && (is_other(other) || *at < ticket)
            }
            Recipient::Proxy => false,
        }) || waiting.iter().any(|other| is_other(other) && !other.is_gone())
    }

    /// Closes a connection that only this client may use, because it does not need it any more.
    pub(crate) fn abandon(&self, client: &Client) {
        if self.kind.is_single() || self.is_spoiled.get() && !self.is_taken_from(client) {
            self.end();
        }
    }

    fn end(&self) {
        self.is_closed.set(true);
        self.out.take();
        self.wake();
    }

    async fn run(self: Rc<Self>) {
        let mut connecting = pin!(async {
            if !self.kind.is_single() {
                return self.upstream.borrow(self.protocol).await;
            }
            let mut connection = self.upstream.connect(self.protocol).await?;
            if self.kind == Kind::Wait {
                mark::make(&mut connection, &self.proxy.topology).await?;
            }
            Ok(connection)
        });
        let connection = poll_fn(|cx| {
            self.waker.set(Some(cx.waker().clone()));
            if self.is_open() {
                return connecting.as_mut().poll(cx);
            }
            Poll::Ready(Err(self.upstream.failure("the client has left")))
        });
        let failure = match connection.await {
            Ok(connection) => self.serve(connection.stream).await,
            Err(failure) => failure,
        };
        debug!(reason = failure.0, "closed");
        self.close(&failure);
    }

    /// Passes commands and replies until the connection fails; returns why it failed.
    async fn serve(&self, stream: TcpStream) -> Failure {
        let (reader, writer) = stream.into_split();
        *self.writer.borrow_mut() = Some(writer);
        let mut reader = LaneReader::new(self, reader);
        let end = poll_fn(|cx| {
            self.waker.set(Some(cx.waker().clone()));
            self.poll_write(cx)?;
            reader.poll(cx)
        });
        let Err(error) = end.await;
        // A client in the middle of a reply cannot be given an error: it would be taken for data.
        if self.is_begun.get() {
            self.give_up_first("the upstream did not finish a reply");
        }
        self.upstream.failure(error)
    }

    /// Writes as many commands as the socket takes.
    fn poll_write(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let (mut out, mut writer) = (self.out.borrow_mut(), self.writer.borrow_mut());
        let writer = writer.as_mut().filter(|_| self.is_open()).ok_or(io::ErrorKind::BrokenPipe)?;
        while !out.is_empty() {
            let Poll::Ready(written) = Pin::new(&mut *writer).poll_write(cx, &out) else { break };
            out.advance(written?);
        }
        if out.len() < UNSENT {
            self.waiting.take().iter().for_each(|client| client.set_waiting(false));
        }
        if out.is_empty() {
            out.clear();
            if out.capacity() > KEPT {
                *out = BytesMut::new();
            }
        }
        Ok(())
    }

    /// Disconnects the client that has been given a part of a reply.
    pub(crate) fn give_up_first(&self, reason: &str) {
        if let Some(Due { to: Recipient::Client(client, _), .. }) = self.due.borrow().front() {
            client.cut_off_because(reason);
        }
    }

    /// Gives a collected reply to its recipient, or sends the command again if the reply asks for that.
    pub(crate) fn settle(&self, due: Due, reply: Bytes) {
        let retry = due.command.as_deref().and_then(|command| {
            let topology = &self.proxy.topology;
            let author = || Author::of(command, self.is_spoiled.get(), topology);
            Retry::after(&reply, author, &self.upstream, due.tries, topology)
        });
        // What follows on this connection may be executed before it could be sent again.
        let is_followed = || self.due.borrow().iter().any(|later| later.to.is_after(&due.to));
        match retry {
            Some(retry) if !Rc::ptr_eq(&retry.upstream, &self.upstream) || !is_followed() => {
                retry.send(due);
            }
            _ => due.give(reply),
        }
    }

    /// Gives an error to every recipient in the queue. No command is sent again: it may have been executed.
    fn close(&self, failure: &Failure) {
        let was_closed = self.is_closed.replace(true);
        self.writer.take();
        self.out.take();
        self.waiting.take().iter().for_each(|client| client.set_waiting(false));
        let reply = failure.to_reply();
        let due = std::mem::take(&mut *self.due.borrow_mut());
        let has_ended = self.kind.is_single() && due.is_empty();
        if !was_closed && !has_ended {
            self.proxy.topology.refresh();
        }
        for due in due {
            self.proxy.metrics.passed(due.count, due.count, reply.len() * due.count);
            match due.to {
                Recipient::Client(client, ticket) => {
                    client.deliver(ticket, &reply.repeat(due.count), due.count);
                }
                _ => due.give(reply.clone()),
            }
        }
    }
}
