//! The input of one client: cuts it into commands, and sends each on its way as soon as it is complete.
//!
//! A session alternates between reading input and taking commands from it. It does something else only after
//! every earlier reply has been written: it relays all further bytes, passes on one large command, or ends.
//! So nothing else writes to the client meanwhile.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, Interest, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, Sleep, sleep, timeout};
use zresp::{Command, CommandDecoder, CommandFrame, Error, Limits};

use crate::charge::Charge;
use crate::client::Client;
use crate::feed::Feeds;
use crate::proxy::Proxy;
use crate::relay;
use crate::routing::Route;
use crate::transaction::Transaction;
use crate::upstream::{Failure, Upstream};

/// Commands above this size are passed on while they arrive.
pub(crate) const LARGE: usize = 64 * 1024;
/// If the name has not arrived whole with this many bytes, it is longer than any that is known. Errors show no more.
pub(crate) const NAME: usize = 128;
const AUTHENTICATED: Limits = Limits::requests();
const UNAUTHENTICATED: Limits = Limits::unauthenticated();
/// How long a client may take to read its last replies before the connection is closed.
const LINGER: Duration = Duration::from_secs(1);
/// How often to look at a client from which nothing more is read.
const TICK: Duration = Duration::from_millis(100);

pub(crate) struct Session {
    pub(crate) proxy: Rc<Proxy>,
    pub(crate) client: Rc<Client>,
    pub(crate) reader: OwnedReadHalf,
    pub(crate) decoder: CommandDecoder,
    /// Bytes that were read but not yet taken, such as the beginning of a command; usually empty.
    pub(crate) input: BytesMut,
    /// Counts the input.
    pub(crate) charge: Charge,
    pub(crate) is_authenticated: bool,
    /// The cluster's count of changes when commands were last taken.
    changes: u64,
    /// How many bytes were taken from the allocation of `input`.
    taken: usize,
    /// How much of `input` was there when it was last looked at.
    seen: usize,
    /// How much of a large command there was when its destination was last looked for.
    pub(crate) judged: usize,
    /// Whether the client has closed its side.
    is_ended: bool,
    stall: Option<Stall>,
    next: Next,
    /// With several upstreams.
    pub(crate) transaction: Transaction,
    /// With several upstreams.
    pub(crate) feeds: Feeds,
}

/// A time in which the client takes nothing, and nothing more is read from it.
struct Stall {
    timer: Pin<Box<Sleep>>,
    since: Instant,
    /// When the client last sent or took something.
    moved: Instant,
}

/// What the session does next.
pub(crate) enum Next {
    /// Reads, and takes commands.
    Read,
    /// Takes more of the commands that have been read, once there is room for their replies.
    Take,
    /// Gives the client its own connection, once every reply is written.
    Relay(Rc<Upstream>),
    /// Passes on a large command while it is still arriving, once every reply is written.
    PassOn(Rc<Upstream>),
    /// Does something else with a command, once every earlier one is answered.
    Other(Route, CommandFrame),
    /// Ends, once every reply is written.
    Leave,
}

impl Session {
    pub(crate) fn new(proxy: Rc<Proxy>, client: Rc<Client>, reader: OwnedReadHalf) -> Self {
        let is_authenticated = proxy.access.password.is_none();
        let (decoder, input) = (CommandDecoder::new(), BytesMut::new());
        let charge = Charge::new(&client, 0);
        Self {
            proxy,
            client,
            reader,
            decoder,
            input,
            charge,
            is_authenticated,
            changes: 0,
            taken: 0,
            seen: 0,
            judged: 0,
            is_ended: false,
            stall: None,
            next: Next::Read,
            transaction: Transaction::default(),
            feeds: Feeds::default(),
        }
    }

    /// Serves the client until it leaves or is cut off.
    pub(crate) async fn run(mut self: Box<Self>) -> io::Result<()> {
        loop {
            match std::mem::replace(&mut self.next, Next::Take) {
                Next::Read => {
                    self.when(Client::has_room).await?;
                    if self.input.len() > self.seen {
                        continue;
                    }
                    let len = self.read().await?;
                    let proxy = Rc::clone(&self.proxy);
                    self.take(&proxy.scratch.borrow()[..len]);
                    if len == 0 || self.proxy.is_stopping() && matches!(self.next, Next::Read) {
                        self.next = Next::Leave;
                    }
                }
                Next::Take => {
                    self.when(Client::has_room).await?;
                    self.take(&[]);
                }
                // What idle clients do not need is on the heap.
                Next::Relay(upstream) => {
                    self.when(Client::is_idle).await?;
                    match Box::pin(self.own_connection(&upstream)).await {
                        Ok(connection) => {
                            return Box::pin(relay::relay(*self, connection)).await;
                        }
                        Err(failure) => {
                            // The commands after it rely on the state that it would have set.
                            self.fail(&failure);
                            self.next = Next::Leave;
                        }
                    }
                }
                Next::PassOn(upstream) if self.client.is_answered() => {
                    Box::pin(self.pass_on(&upstream)).await?;
                }
                // More of it may arrive meanwhile, so it is judged again.
                Next::PassOn(_) => self.when(Client::is_answered).await?,
                Next::Other(route, command) => {
                    let _charge = Charge::new(&self.client, command.wire().len());
                    self.when(Client::is_answered).await?;
                    Box::pin(self.do_other(route, command)).await?;
                }
                Next::Leave => {
                    self.when(Client::is_idle).await?;
                    return self.close().await;
                }
            }
        }
    }

    /// Writes replies until the condition is true. If the client does not take them, reads on meanwhile: it may
    /// be one that writes all of its commands before it reads.
    pub(crate) async fn when(&mut self, condition: impl Fn(&Client) -> bool) -> io::Result<()> {
        let until = poll_fn(|cx| {
            loop {
                let is_stalled = self.client.poll_flush(cx)?.is_pending();
                if condition(&self.client) {
                    return Poll::Ready(Ok(()));
                }
                // To notice that the client leaves, some more is read.
                let is_blocked = self.client.is_blocked();
                if self.is_ended && is_blocked {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                if !is_stalled && !is_blocked {
                    return Poll::Pending;
                }
                if self.is_ended || self.client.held() >= self.proxy.client_buffer {
                    return self.poll_stall(cx, is_blocked);
                }
                ready!(self.poll_memory(cx));
                let proxy = Rc::clone(&self.proxy);
                let mut scratch = proxy.scratch.borrow_mut();
                let mut chunk = ReadBuf::new(&mut scratch);
                ready!(Pin::new(&mut self.reader).poll_read(cx, &mut chunk))?;
                self.is_ended = chunk.filled().is_empty();
                self.proxy.metrics.received(chunk.filled().len());
                self.input.extend_from_slice(chunk.filled());
                self.charge.set(self.input.len());
            }
        });
        until.await
    }

    /// Waits for a client that takes nothing, although nothing more is read from it; or for one that is blocked, as
    /// long as it does not close its side.
    fn poll_stall(&mut self, cx: &mut Context<'_>, is_blocked: bool) -> Poll<io::Result<()>> {
        let moved = self.client.moved.get();
        let stall = self.stall.take().filter(|stall| stall.moved == moved);
        let mut stall = stall.unwrap_or_else(|| Stall {
            timer: Box::pin(sleep(TICK)),
            since: Instant::now(),
            moved,
        });
        while stall.timer.as_mut().poll(cx).is_ready() {
            if is_blocked && self.has_closed(cx) {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            if !is_blocked && stall.since.elapsed() >= self.proxy.access.timeout {
                self.client.cut_off_because("its replies wait, and it takes nothing");
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            stall.timer.as_mut().reset(Instant::now() + TICK);
        }
        self.stall = Some(stall);
        Poll::Pending
    }

    /// Returns whether the client has closed its side, although there is more to be read.
    fn has_closed(&self, cx: &mut Context<'_>) -> bool {
        let ready = pin!(self.reader.ready(Interest::READABLE)).poll(cx);
        matches!(ready, Poll::Ready(Ok(ready)) if ready.is_read_closed())
    }

    /// Waits until disconnected clients have freed what was held for them.
    fn poll_memory(&self, cx: &Context<'_>) -> Poll<()> {
        if self.proxy.ending.get() == 0 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads into the scratch buffer, and writes replies meanwhile. Returns 0 at the end of the input, or if
    /// the proxy is stopping and nothing has arrived.
    pub(crate) async fn read(&mut self) -> io::Result<usize> {
        let read = poll_fn(|cx| {
            let _ = self.client.poll_flush(cx)?;
            if self.is_ended {
                return Poll::Ready(Ok(0));
            }
            ready!(self.poll_memory(cx));
            let mut scratch = self.proxy.scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.reader).poll_read(cx, &mut buffer)? {
                Poll::Pending if !self.proxy.is_stopping() => Poll::Pending,
                _ => Poll::Ready(Ok(buffer.filled().len())),
            }
        });
        read.await
    }

    /// Takes the commands that have arrived, as long as there is room for their replies.
    fn take(&mut self, chunk: &[u8]) {
        self.proxy.metrics.received(chunk.len());
        let mut input = std::mem::take(&mut self.input);
        // As a rule nothing is left of earlier chunks, and the commands need not be copied.
        if input.is_empty() {
            let taken = self.take_from(chunk);
            input.extend_from_slice(&chunk[taken..]);
        } else {
            input.extend_from_slice(chunk);
            let taken = self.take_from(&input);
            input.advance(taken);
            self.taken += taken;
            // What was taken is freed, once it is more than what is left.
            if self.taken > input.len() {
                input = BytesMut::from(&input[..]);
                self.taken = 0;
            }
        }
        if input.len() + self.seen > 0 {
            self.seen = input.len();
            self.charge.set(self.seen);
            self.input = input;
        }
    }

    /// Takes commands from the beginning of the input, and sets `next`. Returns how many bytes were taken.
    fn take_from(&mut self, input: &[u8]) -> usize {
        // If slots have moved, a command may go another way than earlier ones that are still pending.
        let changes = self.proxy.topology.changes();
        if std::mem::replace(&mut self.changes, changes) != changes {
            self.client.hold_back();
        }
        let (now, mut inline, mut taken) = (Instant::now(), Vec::new(), 0);
        self.client.moved.set(now);
        self.proxy.clock.set(now);
        let table = self.proxy.topology.commands();
        let mut last = None;
        self.next = loop {
            if !self.client.has_room() {
                break Next::Take;
            }
            let limits = if self.is_limited() { UNAUTHENTICATED } else { AUTHENTICATED };
            self.decoder.set_limits(limits);
            let request = match self.decoder.decode(&input[taken..]) {
                Ok(Some(request)) => request,
                Ok(None) => {
                    taken += self.decoder.take_skipped();
                    break self.judge_begun(&input[taken..]);
                }
                Err(error) => {
                    self.fail(&Self::protocol_failure(error, &input[taken..]));
                    break Next::Leave;
                }
            };
            self.judged = 0;
            let command = request.command().to_array(&mut inline);
            // Consecutive commands often have the same name, so the last lookup is used again. For a
            // container such as CLIENT that would be wrong, because the subcommand matters.
            let info = match (request.command(), last) {
                (Command::Array(array), Some((name, info))) if array.name() == name => Some(info),
                _ => table.of(&command),
            };
            if let (Command::Array(array), Some(info)) = (request.command(), info) {
                let is_simple = !info.is_container && !info.name.contains('|');
                last = is_simple.then_some((array.name(), info));
            }
            let routed = self.route(info, &command);
            let done = routed.and_then(|route| self.dispatch(route, info, &command, now));
            match done {
                Ok(None) => {}
                Ok(Some(next)) => {
                    if matches!(next, Next::Other(..)) {
                        taken += request.wire().len();
                    }
                    break next;
                }
                Err(failure) => self.fail(&failure),
            }
            taken += request.wire().len();
        };
        taken
    }

    /// Returns the answer to broken input, in the words of Redis.
    pub(crate) fn protocol_failure(error: Error, input: &[u8]) -> Failure {
        match error.redis_message(input) {
            Some(message) => Failure(String::from_utf8_lossy(&message).into_owned()),
            None => Failure(format!("ERR Protocol error: {error}")),
        }
    }

    /// Returns whether the limits for unauthenticated clients apply.
    pub(crate) fn is_limited(&self) -> bool {
        !self.is_authenticated || self.proxy.topology.wants_password()
    }

    /// Ends the session once every reply is written.
    pub(crate) fn leave(&mut self) {
        self.next = Next::Leave;
    }

    pub(crate) fn fail(&self, failure: &Failure) {
        let reply = failure.to_reply();
        self.proxy.metrics.passed(1, 1, reply.len());
        self.client.answer(&reply);
    }

    pub(crate) fn answer(&self, reply: &[u8]) {
        self.proxy.metrics.passed(1, 0, reply.len());
        self.client.answer(reply);
    }

    /// Closes the connection when the client has closed its side, or after `LINGER`. Closing it with unread
    /// input would reset it, and the client could lose its last replies.
    async fn close(&mut self) -> io::Result<()> {
        // This shuts down the proxy's side.
        drop(self.client.writer.take());
        let closed = async {
            while self.reader.read_buf(&mut self.input).await? > 0 {
                self.input.clear();
            }
            Ok(())
        };
        timeout(LINGER, closed).await.unwrap_or(Ok(()))
    }
}
