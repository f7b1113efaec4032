//! The input of one client: cuts it into commands, and sends each on its way as soon as it is complete.
//!
//! A session alternates between reading input and taking commands from it. It does something else only after
//! every earlier reply has been written: it relays all further bytes, passes on one large command, or ends.
//! So nothing else writes to the client meanwhile.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, timeout};
use zresp::{Command, CommandDecoder, Error, ErrorKind, Limits};

use crate::client::Client;
use crate::feed::Feeds;
use crate::proxy::Proxy;
use crate::relay::{self, LARGE};
use crate::routing::{Route, route_begun};
use crate::transaction::Transaction;
use crate::upstream::{Failure, Upstream};

/// The size in bytes of the largest command that is buffered because it must be whole to be routed.
const WHOLE: usize = 64 * 1024 * 1024;
const AUTHENTICATED: Limits = Limits::requests();
const UNAUTHENTICATED: Limits = Limits::unauthenticated();
/// How long a client may take to read its last replies before the connection is closed.
const LINGER: Duration = Duration::from_secs(1);

pub(crate) struct Session {
    pub(crate) proxy: Rc<Proxy>,
    pub(crate) client: Rc<Client>,
    pub(crate) reader: OwnedReadHalf,
    pub(crate) decoder: CommandDecoder,
    /// Bytes that were read but not yet taken, such as the beginning of a command; usually empty.
    pub(crate) input: BytesMut,
    pub(crate) is_authenticated: bool,
    /// The cluster's count of changes when commands were last taken.
    changes: u64,
    next: Next,
    /// With several upstreams.
    pub(crate) transaction: Transaction,
    /// With several upstreams.
    pub(crate) feeds: Feeds,
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
    Other(Route, Bytes),
    /// Ends, once every reply is written.
    Leave,
}

impl Session {
    pub(crate) fn new(proxy: Rc<Proxy>, client: Rc<Client>, reader: OwnedReadHalf) -> Self {
        let is_authenticated = proxy.access.password.is_none();
        let (decoder, input) = (CommandDecoder::new(), BytesMut::new());
        Self {
            proxy,
            client,
            reader,
            decoder,
            input,
            is_authenticated,
            changes: 0,
            next: Next::Read,
            transaction: Transaction::default(),
            feeds: Feeds::default(),
        }
    }

    /// Serves the client until it leaves or is cut off.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        loop {
            match std::mem::replace(&mut self.next, Next::Take) {
                Next::Read => {
                    self.when(Client::has_room).await?;
                    let len = self.read().await?;
                    let proxy = Rc::clone(&self.proxy);
                    self.take(&proxy.scratch.borrow()[..len]);
                    if len == 0 || self.is_stopping() && matches!(self.next, Next::Read) {
                        self.next = Next::Leave;
                    }
                }
                Next::Take => {
                    self.when(Client::has_room).await?;
                    self.take(&[]);
                }
                Next::Relay(upstream) => {
                    self.when(Client::is_idle).await?;
                    match self.own_connection(&upstream).await {
                        Ok(stream) => return relay::relay(self, &upstream, stream).await,
                        Err(failure) => self.refuse_first(&failure),
                    }
                }
                Next::PassOn(upstream) => {
                    self.when(Client::is_idle).await?;
                    relay::pass_on(&mut self, &upstream).await?;
                }
                Next::Other(route, command) => {
                    self.when(Client::is_answered).await?;
                    self.do_other(route, command).await?;
                }
                Next::Leave => {
                    self.when(Client::is_idle).await?;
                    return self.close().await;
                }
            }
        }
    }

    /// Writes replies until the condition is true.
    pub(crate) async fn when(&self, condition: impl Fn(&Client) -> bool) -> io::Result<()> {
        let until = poll_fn(|cx| match self.client.poll_flush(cx)? {
            _ if condition(&self.client) => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        });
        until.await
    }

    /// Reads into the scratch buffer, and writes replies meanwhile. Returns 0 at the end of the input, or if
    /// the proxy is stopping and nothing has arrived.
    async fn read(&mut self) -> io::Result<usize> {
        let read = poll_fn(|cx| {
            let _ = self.client.poll_flush(cx)?;
            let mut scratch = self.proxy.scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.reader).poll_read(cx, &mut buffer)? {
                Poll::Pending if !*self.proxy.stopping.borrow() => Poll::Pending,
                _ => Poll::Ready(Ok(buffer.filled().len())),
            }
        });
        read.await
    }

    /// Returns whether the proxy is stopping: commands that have arrived by now are the last to be taken.
    fn is_stopping(&self) -> bool {
        *self.proxy.stopping.borrow()
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
        }
        if !input.is_empty() {
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
                    self.fail_protocol(error, &input[taken..]);
                    break Next::Leave;
                }
            };
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
            let done = routed.and_then(|route| self.dispatch(route, &command, now));
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

    /// Returns what to do about a command that has not arrived whole.
    fn judge_begun(&self, input: &[u8]) -> Next {
        let is_large = input.len() + self.decoder.needed() > LARGE && !self.is_limited();
        let Some(command) = self.decoder.partial(input).filter(|_| is_large) else {
            return Next::Read;
        };
        match route_begun(&command, &self.proxy.topology) {
            _ if self.transaction.is_open && input.len() <= WHOLE => Next::Read,
            Some(Ok(Route::Own(upstream))) => Next::Relay(upstream),
            Some(Ok(Route::Shared(upstream))) => Next::PassOn(upstream),
            _ if input.len() <= WHOLE => Next::Read,
            _ => {
                self.fail(&Failure::new("ERR command is too large to be routed"));
                Next::Leave
            }
        }
    }

    /// Answers broken input with an error, in the words of Redis.
    fn fail_protocol(&self, error: Error, input: &[u8]) {
        let reason = match error.kind {
            ErrorKind::BulkTooLong { .. } if self.is_limited() => {
                "unauthenticated bulk length".into()
            }
            ErrorKind::TooManyElements { .. } if self.is_limited() => {
                "unauthenticated multibulk length".into()
            }
            _ => zresp_store::reason(error, input),
        };
        self.fail(&Failure(format!("ERR Protocol error: {reason}")));
    }

    /// Returns whether the limits for unauthenticated clients apply.
    fn is_limited(&self) -> bool {
        !self.is_authenticated || self.proxy.topology.wants_password()
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

    /// Answers the first command of the input with an error, because no connection could be made for it.
    fn refuse_first(&mut self, failure: &Failure) {
        self.fail(failure);
        match self
            .decoder
            .decode(&self.input)
            .map(|request| request.map(|whole| whole.wire().len()))
        {
            Ok(Some(len)) => self.input.advance(len),
            // Its end is unknown, so the next command cannot be found.
            _ => self.next = Next::Leave,
        }
    }

    /// Answers a protocol error in the middle of a large command, and ends the session.
    pub(crate) fn leave(&mut self, error: Error) {
        self.fail_protocol(error, &[]);
        self.next = Next::Leave;
    }

    /// Closes the connection when the client has closed its side, or after `LINGER`. Closing it with unread
    /// input would reset it, and the client could lose its last replies.
    async fn close(mut self) -> io::Result<()> {
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
