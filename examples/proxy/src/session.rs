//! The input of one client: cut into commands, each on its way as soon as it is there.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, timeout};
use zresp::{Command, CommandDecoder, EncodeCommand, Error, ErrorKind, Limits, commands};

use crate::client::Client;
use crate::proxy::Proxy;
use crate::relay::{self, LARGE};
use crate::routing::{Route, authenticate, route, route_begun};
use crate::upstream::{Failure, Upstream, hello};

/// A command that has to be whole before it can be routed may have so many bytes.
const WHOLE: usize = 64 * 1024 * 1024;
const ALL: Limits = Limits::new();
const UNAUTHENTICATED: Limits = Limits::unauthenticated();
/// How long a client that is told to leave may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);

pub(crate) struct Session {
    pub(crate) proxy: Rc<Proxy>,
    pub(crate) client: Rc<Client>,
    pub(crate) reader: OwnedReadHalf,
    pub(crate) decoder: CommandDecoder,
    /// What has come and is not on its way: as a rule nothing.
    pub(crate) input: BytesMut,
    is_authenticated: bool,
    /// How often the slots had changed when commands were last taken.
    changes: u64,
    next: Next,
}

/// What the session does next.
enum Next {
    Read,
    /// Takes the commands that have been read, when there is room for their replies.
    Take,
    /// Gives the client a connection of its own, when all is answered.
    Relay(Rc<Upstream>),
    /// Passes on a large command while it is still arriving, when all is answered.
    PassOn(Rc<Upstream>),
    /// Ends, when all is answered.
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
                    if len == 0 || self.is_last() && matches!(self.next, Next::Read) {
                        self.next = Next::Leave;
                    }
                }
                Next::Take => {
                    self.when(Client::has_room).await?;
                    self.take(&[]);
                }
                Next::Relay(upstream) => {
                    self.when(Client::is_idle).await?;
                    match upstream.connect(self.client.protocol.get()).await {
                        Ok(stream) => return relay::relay(self, &upstream, stream).await,
                        Err(failure) => self.refuse_first(&failure),
                    }
                }
                Next::PassOn(upstream) => {
                    self.when(Client::is_idle).await?;
                    relay::pass_on(&mut self, &upstream).await?;
                }
                Next::Leave => {
                    self.when(Client::is_idle).await?;
                    return self.part().await;
                }
            }
        }
    }

    /// Writes replies until something holds of the client.
    async fn when(&self, holds: impl Fn(&Client) -> bool) -> io::Result<()> {
        let until = poll_fn(|cx| match self.client.poll_flush(cx)? {
            _ if holds(&self.client) => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        });
        until.await
    }

    /// Reads into the scratch, writing replies meanwhile; returns 0 at the end, be it the proxy's.
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

    /// Returns whether what has arrived by now is the last that is taken.
    fn is_last(&self) -> bool {
        *self.proxy.stopping.borrow()
    }

    /// Takes the commands that have arrived, as far as there is room for their replies.
    fn take(&mut self, chunk: &[u8]) {
        self.proxy.metrics.received(chunk.len());
        let mut input = std::mem::take(&mut self.input);
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

    /// Returns how many bytes were taken, and sets what is next.
    fn take_from(&mut self, input: &[u8]) -> usize {
        let changes = self.proxy.topology.changes();
        if std::mem::replace(&mut self.changes, changes) != changes {
            self.client.hold_back();
        }
        let (now, mut inline, mut taken) = (Instant::now(), Vec::new(), 0);
        let mut last = None;
        self.next = loop {
            if !self.client.has_room() {
                break Next::Take;
            }
            self.decoder.set_limits(if self.is_limited() { UNAUTHENTICATED } else { ALL });
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
            // Commands in a row are often alike. Of some, though, the name does not tell all.
            let info = match (request.command(), last) {
                (Command::Array(array), Some((name, info))) if array.name() == name => Some(info),
                _ => commands::of(&command),
            };
            if let (Command::Array(array), Some(info)) = (request.command(), info) {
                let is_all = info.subcommands.is_empty() && !info.name.contains('|');
                last = is_all.then_some((array.name(), info));
            }
            let topology = &self.proxy.topology;
            let routed = match &self.proxy.access.password {
                Some(password) if !self.is_authenticated || command.is("auth") => {
                    authenticate(&command, password, topology, &mut self.is_authenticated)
                }
                _ => route(info, &command, topology),
            };
            let done = routed.and_then(|route| {
                match route {
                    Route::Shared(upstream) => {
                        let lane = self.client.lane(&upstream, &self.proxy)?;
                        lane.send(&self.client, command.wire(), now);
                    }
                    // Neither may anything overtake, nor two of the first wait in memory.
                    Route::Split(_) | Route::Hello(..) if !self.client.is_answered() => {
                        self.client.hold_back();
                        return Ok(Some(Next::Take));
                    }
                    Route::Split(split) => {
                        split.send(&self.client, &self.proxy);
                        self.client.hold_back();
                    }
                    Route::Hello(upstream, protocol) => {
                        self.client.protocol.set(protocol);
                        let lane = self.client.lane(&upstream, &self.proxy)?;
                        let command = hello(protocol).to_wire().unwrap_or_default();
                        lane.send(&self.client, &command, now);
                    }
                    Route::Answer(reply) => self.answer(&reply),
                    Route::Own(upstream) => return Ok(Some(Next::Relay(upstream))),
                    Route::Farewell(reply) => {
                        self.answer(&reply);
                        return Ok(Some(Next::Leave));
                    }
                }
                Ok(None)
            });
            match done {
                Ok(None) => {}
                Ok(Some(next)) => break next,
                Err(failure) => self.fail(&failure),
            }
            taken += request.wire().len();
        };
        taken
    }

    /// Judges a command that has not come whole.
    fn judge_begun(&self, input: &[u8]) -> Next {
        let is_large = input.len() + self.decoder.needed() > LARGE && !self.is_limited();
        let Some(command) = self.decoder.partial(input).filter(|_| is_large) else {
            return Next::Read;
        };
        match route_begun(&command, &self.proxy.topology) {
            Some(Ok(Route::Own(upstream))) => Next::Relay(upstream),
            Some(Ok(Route::Shared(upstream))) => Next::PassOn(upstream),
            _ if input.len() <= WHOLE => Next::Read,
            _ => {
                self.fail(&Failure::new("ERR the command is too large to be routed"));
                Next::Leave
            }
        }
    }

    /// Tells the client that its input is none.
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

    /// Returns whether the client has yet to authenticate.
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

    /// Answers the command that the input begins with, for which there is no connection.
    fn refuse_first(&mut self, failure: &Failure) {
        self.fail(failure);
        match self
            .decoder
            .decode(&self.input)
            .map(|request| request.map(|whole| whole.wire().len()))
        {
            Ok(Some(len)) => self.input.advance(len),
            // Nothing tells where it ends.
            _ => self.next = Next::Leave,
        }
    }

    /// Ends behind a protocol error in the middle of a large command.
    pub(crate) fn leave(&mut self, error: Error) {
        self.fail_protocol(error, &[]);
        self.next = Next::Leave;
    }

    /// Closes the connection without a reset, which could overtake the last reply: only when the client has
    /// closed its side, or after a while.
    async fn part(mut self) -> io::Result<()> {
        // Dropped, the writer says that nothing more comes.
        drop(self.client.writer.take());
        let closed = async {
            while self.reader.read_buf(&mut self.input).await? > 0 {
                self.input.clear();
            }
            Ok(())
        };
        timeout(FAREWELL, closed).await.unwrap_or(Ok(()))
    }
}
