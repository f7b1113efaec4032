//! A connection to an upstream that clients share: their commands go out together, and each reply goes to the
//! one whose turn it is.

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
use zresp::cluster::{Redirect, RedirectKind};
use zresp::{Framer, Protocol};

use crate::client::Client;
use crate::join::Join;
use crate::proxy::Proxy;
use crate::relay::{LARGE, trusting};
use crate::upstream::{Failure, Upstream};

/// So much of a large reply is held for its client while others wait behind it ...
const HELD: usize = 4 * 1024 * 1024;
/// ... and then they wait for so long, until the client that does not take it is cut off.
const PATIENCE: Duration = Duration::from_secs(2);
/// So large may a reply be that is wanted whole ...
const WHOLE: usize = 64 * 1024 * 1024;
/// ... and of one that is larger the client is told so.
const TOO_LARGE: &[u8] = b"-ERR the reply is too large to be joined with others\r\n";
/// What makes a node take a command for a slot that it does not have yet.
const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";
/// How often one command is redirected.
const REDIRECTS: u8 = 5;

/// One or more replies that an upstream owes, in a row and to the same recipient.
pub(crate) struct Due {
    pub(crate) to: Recipient,
    count: usize,
    since: Instant,
    /// The command itself, if a cluster may send it elsewhere.
    command: Option<Bytes>,
    redirects: u8,
}

/// Whose a reply is.
pub(crate) enum Recipient {
    /// A client, in one of its slots.
    Client(Rc<Client>, u64),
    /// A part of what is joined to one reply.
    Part(Rc<Join>, usize),
    /// Nobody: the reply to `ASKING`.
    Proxy,
}

pub(crate) struct Lane {
    pub(crate) upstream: Rc<Upstream>,
    pub(crate) protocol: Protocol,
    proxy: Rc<Proxy>,
    out: RefCell<BytesMut>,
    due: RefCell<VecDeque<Due>>,
    /// What has come of a reply that is wanted whole.
    partial: RefCell<BytesMut>,
    waker: Cell<Option<Waker>>,
    /// When the upstream sent something, or was kept from it.
    heard: Cell<Instant>,
    /// A part of a reply has been passed on.
    is_begun: Cell<bool>,
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

    /// Sends a command of a client, whose reply goes to the next of its slots.
    pub(crate) fn send(&self, client: &Rc<Client>, command: &[u8], now: Instant) {
        self.write(command);
        let mut due = self.due.borrow_mut();
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

    /// Sends a part of a command.
    pub(crate) fn send_part(&self, join: &Rc<Join>, part: usize, command: Bytes) {
        self.write(&command);
        let to = Recipient::Part(Rc::clone(join), part);
        let command = self.proxy.topology.is_cluster().then_some(command);
        self.due.borrow_mut().push_back(Due::new(to, command, Instant::now()));
    }

    /// Sends the command that a reply is due for.
    fn resend(&self, due: Due) {
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

    /// Returns whether a large reply is coming in, for which others had better not wait.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy.get()
    }

    /// Returns how many replies, or rows of them, are due.
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

    /// Passes commands and replies until that is no longer possible.
    async fn serve(&self, mut stream: TcpStream) -> Failure {
        let (mut reader, mut writer) = stream.split();
        let end = tokio::select! {
            end = self.pass_commands(&mut writer) => end,
            end = self.pass_replies(&mut reader) => end,
        };
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
            if !self.takes_more(cx) {
                self.heard.set(Instant::now());
            }
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
                is_stalled &= self.is_begun.get() && self.len() > 1;
                self.is_busy.set(!framer.is_between_frames() && framer.needed() > LARGE);
            }
        });
        end.await
    }

    /// Returns until when the upstream may be silent.
    fn silent_until(&self) -> io::Result<Instant> {
        let due = self.due.borrow();
        let since = due.front().map_or_else(Instant::now, |due| due.since.max(self.heard.get()));
        let until = since + self.proxy.access.timeout;
        if until > Instant::now() { Ok(until) } else { Err(io::Error::other("no reply in time")) }
    }

    /// Returns whether the client whose reply is coming in has room for more of it.
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

    /// Waits for a slow client, but not for long if others wait behind it.
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

    /// Cuts off the client whose reply has come in part.
    fn give_up_first(&self) {
        if let Some(Due { to: Recipient::Client(client, _), .. }) = self.due.borrow().front() {
            client.cut_off();
        }
    }

    /// Hands out replies, and the beginning of one.
    fn receive(&self, chunk: &[u8], framer: &mut Framer) -> io::Result<()> {
        let now = Instant::now();
        self.heard.set(now);
        let (mut rest, mut seen) = (chunk, Ok(()));
        while !rest.is_empty() && seen.is_ok() {
            let mut queue = self.due.borrow_mut();
            let Some(due) = queue.front_mut() else {
                return Err(io::Error::other("a reply that nothing asks for"));
            };
            let may_move = due.command.is_some() && rest[0] == b'-' && framer.is_between_frames();
            let (mut taken, mut complete, mut errors) = (0, 0, 0);
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
                to => {
                    let is_too_large = match to {
                        Recipient::Part(join, _) => join.has_come(bytes.len()) > WHOLE,
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

    /// Gives a whole reply to its recipient, or sends the command where a cluster says it belongs.
    fn settle(&self, mut due: Due, reply: &[u8]) {
        let text = reply.strip_prefix(b"-").and_then(|line| line.strip_suffix(b"\r\n"));
        if let Some(text) = text.filter(|_| due.command.is_some()) {
            if let Some(redirect) = Redirect::parse(text) {
                due.redirects += 1;
                // This one has come, and there will be another.
                due.count = 1;
                if due.redirects <= REDIRECTS {
                    return self.redirect(due, &redirect);
                }
            } else if text.starts_with(b"CLUSTERDOWN") {
                self.proxy.topology.refresh();
            }
        }
        due.to.give(reply, 1);
    }

    fn redirect(&self, due: Due, redirect: &Redirect<'_>) {
        let upstream = self.proxy.topology.redirected(redirect, &self.upstream);
        let upstream = upstream.unwrap_or_else(|| Rc::clone(&self.upstream));
        let client = match &due.to {
            Recipient::Client(client, _) => Some(client),
            Recipient::Part(join, _) => Some(&join.client),
            Recipient::Proxy => None,
        };
        let lane = client.map_or_else(
            || upstream.lane(&self.proxy, self.protocol),
            |client| {
                client.hold_back();
                client.lane(&upstream, &self.proxy)
            },
        );
        match lane {
            Ok(lane) => {
                if redirect.kind == RedirectKind::Ask {
                    let asking = Some(Bytes::from_static(ASKING));
                    lane.resend(Due::new(Recipient::Proxy, asking, due.since));
                }
                lane.resend(due);
            }
            Err(failure) => due.to.give(&failure.to_reply(), 1),
        }
    }

    /// Tells every client that waits that it waits in vain.
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
    const fn new(to: Recipient, command: Option<Bytes>, since: Instant) -> Self {
        Self { to, count: 1, since, command, redirects: 0 }
    }
}

impl Recipient {
    fn give(&self, replies: &[u8], count: usize) {
        match self {
            Self::Client(client, slot) => client.deliver(*slot, replies, count),
            Self::Part(join, part) => join.take(*part, replies),
            Self::Proxy => {}
        }
    }
}
