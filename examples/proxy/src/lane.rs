//! A connection to an upstream that clients share.
//!
//! An upstream replies in the order of the commands. So a lane keeps a queue of recipients, `due`, with an
//! entry for each command that it has sent, and the next reply belongs to the first entry. Consecutive
//! commands of one client share an entry, with a count.
//!
//! Most replies are passed to their clients in the pieces in which they arrive. Two kinds are collected
//! first: parts of a reply that has to be joined, and errors in a cluster, which may be redirections.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, Sleep, sleep};
use tracing::debug;
use zresp::{Framer, Protocol};

use crate::client::Client;
use crate::join::Join;
use crate::proxy::Proxy;
use crate::redirect::Retry;
use crate::relay::{LARGE, trusting};
use crate::upstream::{Failure, Upstream};

/// How many bytes of a large reply are buffered for a slow client while other replies are due after it.
const HELD: usize = 4 * 1024 * 1024;
/// How long that client may keep the other replies waiting once the buffer is full. Then it is disconnected.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most bytes of a reply that are collected; if it has to be joined, of all its parts together.
const WHOLE: usize = 64 * 1024 * 1024;
/// Replaces a larger reply.
const TOO_LARGE: &[u8] = b"-ERR the reply is too large to be joined with others\r\n";

/// One or more consecutive replies that the upstream owes to the same recipient.
pub(crate) struct Due {
    pub(crate) to: Recipient,
    pub(crate) count: usize,
    pub(crate) since: Instant,
    /// The command, kept if a cluster may redirect it.
    command: Option<Bytes>,
    /// How often it was sent again.
    pub(crate) tries: u8,
}

/// Where a reply goes.
pub(crate) enum Recipient {
    /// To a client, in one of its slots.
    Client(Rc<Client>, u64),
    /// To a join, as one of its parts.
    Part(Rc<Join>, usize),
    /// Nowhere: it answers `ASKING`.
    Proxy,
}

pub(crate) struct Lane {
    pub(crate) upstream: Rc<Upstream>,
    pub(crate) protocol: Protocol,
    proxy: Rc<Proxy>,
    /// Commands that have yet to be written.
    out: RefCell<BytesMut>,
    due: RefCell<VecDeque<Due>>,
    /// The beginning of a reply that is collected whole.
    partial: RefCell<BytesMut>,
    /// Wakes the lane's task, which both reads and writes.
    waker: Cell<Option<Waker>>,
    /// When the upstream last sent something, or the lane last stopped reading.
    heard: Cell<Instant>,
    /// Whether the first client in `due` has been given a part of a reply, but not all of it.
    is_begun: Cell<bool>,
    /// Whether much of a large reply has yet to arrive.
    is_busy: Cell<bool>,
    is_closed: Cell<bool>,
}

impl Lane {
    pub(crate) fn open(upstream: Rc<Upstream>, proxy: Rc<Proxy>, protocol: Protocol) -> Rc<Self> {
        let lane = Rc::new(Self {
            upstream,
            proxy,
            protocol,
            out: RefCell::default(),
            due: RefCell::default(),
            partial: RefCell::default(),
            waker: Cell::default(),
            heard: Cell::new(Instant::now()),
            is_begun: Cell::default(),
            is_busy: Cell::default(),
            is_closed: Cell::default(),
        });
        tokio::task::spawn_local(Rc::clone(&lane).run());
        lane
    }

    /// Sends a command of a client. Its reply goes to a new slot of the client, or extends the last one.
    pub(crate) fn send(&self, client: &Rc<Client>, command: &[u8], now: Instant) {
        self.write(command);
        let mut due = self.due.borrow_mut();
        // A command that may be redirected has its own entry, which moves with it.
        let may_move = self.proxy.topology.is_cluster();
        if let Some(Due { to: Recipient::Client(last, slot), count, .. }) = due.back_mut()
            && !may_move
            && Rc::ptr_eq(last, client)
            && client.extend_slot(*slot, command.len())
        {
            *count += 1;
            return;
        }
        let to = Recipient::Client(Rc::clone(client), client.open_slot(command.len()));
        let command = may_move.then(|| Bytes::copy_from_slice(command));
        due.push_back(Due::new(to, command, now));
    }

    /// Sends a part of a command that was split.
    pub(crate) fn send_part(&self, join: &Rc<Join>, part: usize, command: Bytes) {
        self.write(&command);
        let to = Recipient::Part(Rc::clone(join), part);
        let command = self.proxy.topology.is_cluster().then_some(command);
        self.due.borrow_mut().push_back(Due::new(to, command, Instant::now()));
    }

    /// Sends a redirected command. Its entry comes from another lane's queue.
    pub(crate) fn resend(&self, due: Due) {
        self.write(due.command.as_deref().unwrap_or_default());
        self.due.borrow_mut().push_back(due);
    }

    fn write(&self, bytes: &[u8]) {
        let mut out = self.out.borrow_mut();
        if out.is_empty() {
            self.wake();
        }
        out.extend_from_slice(bytes);
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.is_closed.get()
    }

    /// Returns whether a large reply is arriving, so that other clients should use another lane.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy.get()
    }

    /// Returns the number of entries in the queue of replies that are due.
    pub(crate) fn len(&self) -> usize {
        self.due.borrow().len()
    }

    async fn run(self: Rc<Self>) {
        let failure = match self.upstream.connect(self.protocol).await {
            Ok(stream) => self.serve(stream).await,
            Err(failure) => failure,
        };
        debug!(reason = failure.0, "closed");
        self.close(&failure);
    }

    /// Passes commands and replies until the connection fails; returns why it failed.
    async fn serve(&self, mut stream: TcpStream) -> Failure {
        let (mut reader, mut writer) = stream.split();
        let end = tokio::select! {
            end = self.pass_commands(&mut writer) => end,
            end = self.pass_replies(&mut reader) => end,
        };
        // A client in the middle of a reply cannot be given an error: it would be taken for data.
        if self.is_begun.get() {
            self.give_up_first();
        }
        self.upstream.failure(end.err().unwrap_or_else(|| io::ErrorKind::Other.into()))
    }

    async fn pass_commands(&self, writer: &mut WriteHalf<'_>) -> io::Result<()> {
        loop {
            let some = poll_fn(|cx| {
                self.waker.set(Some(cx.waker().clone()));
                if self.out.borrow().is_empty() { Poll::Pending } else { Poll::Ready(()) }
            });
            some.await;
            let mut commands = self.out.take();
            writer.write_all_buf(&mut commands).await?;
        }
    }

    async fn pass_replies(&self, reader: &mut ReadHalf<'_>) -> io::Result<()> {
        let mut framer = Framer::replies(trusting());
        let mut patience = pin!(sleep(PATIENCE));
        let mut silence = pin!(sleep(self.proxy.access.timeout));
        let mut is_stalled = false;
        let end = poll_fn(|cx| {
            self.waker.set(Some(cx.waker().clone()));
            // The upstream is not silent as long as the lane does not read.
            if !self.takes_more(cx) {
                self.heard.set(Instant::now());
            }
            // Setting the timer for every reply would be slow, so it is set again only when it fires.
            while silence.as_mut().poll(cx).is_ready() {
                silence.as_mut().reset(self.silent_until()?);
            }
            loop {
                if !self.takes_more(cx) {
                    return self.poll_patience(cx, patience.as_mut(), &mut is_stalled);
                }
                let mut scratch = self.proxy.scratch.borrow_mut();
                let mut chunk = ReadBuf::new(&mut scratch);
                ready!(Pin::new(&mut *reader).poll_read(cx, &mut chunk))?;
                if chunk.filled().is_empty() {
                    return Poll::Ready(Err(io::Error::other("the connection was closed")));
                }
                self.receive(chunk.filled(), &mut framer)?;
                // A little progress does not end a stall, or a slow client could delay the others for ever.
                is_stalled &= self.is_begun.get() && self.len() > 1;
                self.is_busy.set(!framer.is_between_frames() && framer.needed() > LARGE);
            }
        });
        end.await
    }

    /// Returns the time until which the upstream may be silent.
    ///
    /// # Errors
    /// If that time has passed.
    fn silent_until(&self) -> io::Result<Instant> {
        let due = self.due.borrow();
        let since = due.front().map_or_else(Instant::now, |due| due.since.max(self.heard.get()));
        let until = since + self.proxy.access.timeout;
        if until > Instant::now() { Ok(until) } else { Err(io::Error::other("no reply in time")) }
    }

    /// Returns whether to read more. If not, the client whose reply has begun has no room for more of it.
    fn takes_more(&self, cx: &Context<'_>) -> bool {
        let due = self.due.borrow();
        let held = if due.len() > 1 { HELD } else { 0 };
        match due.front() {
            Some(Due { to: Recipient::Client(client, slot), .. }) if self.is_begun.get() => {
                client.takes_more(*slot, held, cx.waker())
            }
            _ => true,
        }
    }

    /// Waits for a client that has no room, but no longer than `PATIENCE` if other replies are due after its
    /// own.
    fn poll_patience(
        &self,
        cx: &mut Context<'_>,
        mut patience: Pin<&mut Sleep>,
        is_stalled: &mut bool,
    ) -> Poll<io::Result<()>> {
        if self.len() > 1 {
            if !std::mem::replace(is_stalled, true) {
                patience.as_mut().reset(Instant::now() + PATIENCE);
            }
            if patience.poll(cx).is_ready() {
                self.give_up_first();
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }

    /// Disconnects the client that has been given a part of a reply.
    fn give_up_first(&self) {
        if let Some(Due { to: Recipient::Client(client, _), .. }) = self.due.borrow().front() {
            client.cut_off();
        }
    }

    /// Gives the replies in a chunk to their recipients. The last one may be incomplete.
    fn receive(&self, chunk: &[u8], framer: &mut Framer) -> io::Result<()> {
        let now = Instant::now();
        self.heard.set(now);
        let (mut rest, mut seen) = (chunk, Ok(()));
        while !rest.is_empty() && seen.is_ok() {
            let mut queue = self.due.borrow_mut();
            let Some(due) = queue.front_mut() else {
                return Err(io::Error::other("a reply without a command"));
            };
            // Whether this reply may be a redirection.
            let may_move = due.command.is_some() && rest[0] == b'-' && framer.is_between_frames();
            let (mut taken, mut complete, mut errors) = (0, 0, 0);
            // Takes the replies that belong to the first entry. The last one may be incomplete.
            while complete < due.count && taken < rest.len() && seen.is_ok() {
                seen = framer.advance(&rest[taken..]).map_err(io::Error::other).map(|progress| {
                    taken += progress.taken;
                    complete += usize::from(progress.is_complete);
                    errors += usize::from(progress.is_complete && progress.type_byte == Some(b'-'));
                });
            }
            let bytes;
            (bytes, rest) = rest.split_at(taken);
            due.count -= complete;
            self.proxy.metrics.passed(complete, errors, bytes.len());
            self.proxy.metrics.waited(complete, now - due.since);
            let mut partial = self.partial.borrow_mut();
            match &due.to {
                Recipient::Client(client, slot) if !may_move && partial.is_empty() => {
                    client.deliver(*slot, bytes, complete);
                    self.is_begun.set(seen.is_ok() && !framer.is_between_frames());
                    if due.count == 0 {
                        queue.pop_front();
                    }
                }
                // Everything else is collected until it is complete.
                to => {
                    let is_too_large = match to {
                        Recipient::Part(join, _) => join.count_received(bytes.len()) > WHOLE,
                        _ => partial.len() > WHOLE,
                    };
                    if is_too_large {
                        *partial = BytesMut::from(TOO_LARGE);
                    } else {
                        partial.extend_from_slice(bytes);
                    }
                    if complete > 0 {
                        let reply = partial.split().freeze();
                        let due = queue.pop_front();
                        drop((queue, partial));
                        if let Some(due) = due {
                            self.settle(due, &reply);
                        }
                    }
                }
            }
        }
        seen
    }

    /// Gives a collected reply to its recipient, or sends the command again if the reply asks for that.
    fn settle(&self, due: Due, reply: &[u8]) {
        let again = due
            .command
            .as_ref()
            .and_then(|_| Retry::after(reply, &self.upstream, due.tries, &self.proxy.topology));
        match again {
            Some(retry) => retry.send(due, &self.proxy, self.protocol),
            None => due.to.give(reply, 1),
        }
    }

    /// Gives an error to every recipient in the queue. No command is sent again: it may have been executed.
    fn close(&self, failure: &Failure) {
        self.is_closed.set(true);
        let reply = failure.to_reply();
        let due = std::mem::take(&mut *self.due.borrow_mut());
        for Due { to, count, .. } in due {
            self.proxy.metrics.passed(count, count, reply.len() * count);
            to.give(&reply.repeat(count), count);
        }
        self.proxy.topology.refresh();
    }
}

impl Due {
    pub(crate) const fn new(to: Recipient, command: Option<Bytes>, since: Instant) -> Self {
        Self { to, count: 1, since, command, tries: 0 }
    }
}

impl Recipient {
    /// Returns the client that the reply is for in the end.
    pub(crate) fn client(&self) -> Option<&Rc<Client>> {
        match self {
            Self::Client(client, _) => Some(client),
            Self::Part(join, _) => Some(&join.client),
            Self::Proxy => None,
        }
    }

    pub(crate) fn give(&self, replies: &[u8], count: usize) {
        match self {
            Self::Client(client, slot) => client.deliver(*slot, replies, count),
            Self::Part(join, part) => join.take(*part, replies),
            Self::Proxy => {}
        }
    }
}
