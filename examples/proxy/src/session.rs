//! The input of one client: cut into commands, each on its way as soon as it is there.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, timeout};
use zresp::{CommandDecoder, Error, Limits};

use crate::client::{Client, error};
use crate::proxy::Proxy;
use crate::relay::{self, LARGE};
use crate::routing::{Route, authenticate, route, route_begun};
use crate::upstream::{Failure, Upstream};

/// A command that has to be whole before it can be routed may have so many bytes.
const WHOLE: usize = 64 * 1024 * 1024;
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
    next: Next,
}

/// What the session does when it can.
#[derive(Clone)]
enum Next {
    Read,
    /// Take further commands, of which there is at least a part, when there is room for their replies.
    Take,
    /// When all is answered: give the client a connection of its own.
    Relay(Rc<Upstream>),
    /// When all is answered: pass on a large command while it is still arriving.
    PassOn(Rc<Upstream>),
    /// When all is answered: end.
    Leave,
}

/// What has happened.
enum Event {
    /// So many bytes have been read.
    Input(usize),
    /// There is room for replies.
    Room,
    /// All is answered.
    Answered,
    /// The client is gone.
    Gone,
}

impl Session {
    pub(crate) fn new(proxy: Rc<Proxy>, client: Rc<Client>, reader: OwnedReadHalf) -> Self {
        let is_authenticated = proxy.password.is_none();
        let (decoder, input, next) = (CommandDecoder::new(), BytesMut::new(), Next::Read);
        Self { proxy, client, reader, decoder, input, is_authenticated, next }
    }

    pub(crate) async fn run(mut self) {
        loop {
            match std::future::poll_fn(|cx| self.poll(cx)).await {
                Event::Input(len) => {
                    let proxy = Rc::clone(&self.proxy);
                    self.take(&proxy.scratch.borrow()[..len]);
                }
                Event::Room => self.take(&[]),
                Event::Answered => match std::mem::replace(&mut self.next, Next::Take) {
                    Next::Relay(upstream) => {
                        match upstream.connect(self.proxy.password.as_deref()).await {
                            Ok(stream) => return relay::relay(self, &upstream, stream).await,
                            Err(failure) => self.refuse_first(&failure),
                        }
                    }
                    Next::PassOn(upstream) => {
                        if relay::pass_on(&mut self, &upstream).await.is_err() {
                            return;
                        }
                    }
                    _ => return self.part().await,
                },
                Event::Gone => return,
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.client.awaits_replies.set(false);
        match self.client.poll_flush(cx) {
            Poll::Ready(Err(_)) => return Poll::Ready(Event::Gone),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        if *self.proxy.stopping.borrow() && matches!(self.next, Next::Read) {
            self.next = Next::Leave;
        }
        match self.next {
            Next::Read if self.client.has_room() => {
                let mut scratch = self.proxy.scratch.borrow_mut();
                let mut buffer = ReadBuf::new(&mut scratch);
                match Pin::new(&mut self.reader).poll_read(cx, &mut buffer) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(_)) => return Poll::Ready(Event::Gone),
                    Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                        return Poll::Ready(Event::Input(buffer.filled().len()));
                    }
                    Poll::Ready(Ok(())) => self.next = Next::Leave,
                }
            }
            Next::Take if self.client.has_room() => return Poll::Ready(Event::Room),
            _ => {}
        }
        if !matches!(self.next, Next::Read | Next::Take) && self.client.is_idle() {
            return Poll::Ready(Event::Answered);
        }
        self.client.await_room();
        Poll::Pending
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
        self.input = if input.is_empty() { BytesMut::new() } else { input };
        self.client.flush();
    }

    /// Returns how many bytes were taken, and sets what is next.
    fn take_from(&mut self, input: &[u8]) -> usize {
        let is_limited = !self.is_authenticated || self.proxy.topology.wants_password();
        self.decoder.set_limits(if is_limited { Limits::unauthenticated() } else { Limits::new() });
        let (now, mut inline, mut taken) = (Instant::now(), Vec::new(), 0);
        self.next = loop {
            if !self.client.has_room() {
                break Next::Take;
            }
            let rest = &input[taken..];
            let request = match self.decoder.decode(rest) {
                Ok(Some(request)) => request,
                Ok(None) => {
                    taken += self.decoder.take_skipped();
                    break self.judge_begun(&input[taken..]);
                }
                Err(error) => {
                    self.protocol_error(error, rest);
                    break Next::Leave;
                }
            };
            let command = request.command.to_array(&mut inline);
            let topology = &self.proxy.topology;
            let routed = match &self.proxy.password {
                Some(password) if !self.is_authenticated || command.is("auth") => {
                    authenticate(&command, password, topology, &mut self.is_authenticated)
                }
                _ => route(&command, topology),
            };
            match routed {
                Ok(Route::Shared(upstream)) => match self.client.lane(&upstream, &self.proxy) {
                    Ok(lane) => lane.send(&self.client, command.wire(), now),
                    Err(failure) => {
                        self.proxy.topology.refresh();
                        self.fail(&failure);
                    }
                },
                Ok(Route::Own(upstream)) => break Next::Relay(upstream),
                Ok(Route::Split(split)) => split.send(&self.client, &self.proxy),
                Ok(Route::Answer(reply)) => self.answer(&reply),
                Ok(Route::Farewell(reply)) => {
                    self.answer(&reply);
                    taken = input.len();
                    break Next::Leave;
                }
                Err(failure) => self.fail(&failure),
            }
            taken += request.wire.len();
        };
        taken
    }

    /// Judges a command that has not come whole.
    fn judge_begun(&self, input: &[u8]) -> Next {
        let expected = input.len() + self.decoder.needed();
        let Some(command) = self.decoder.partial(input).filter(|_| expected > LARGE) else {
            return Next::Read;
        };
        match route_begun(&command, &self.proxy.topology) {
            Some(Ok(Route::Own(upstream))) => Next::Relay(upstream),
            Some(Ok(Route::Shared(upstream))) => Next::PassOn(upstream),
            _ if expected <= WHOLE => Next::Read,
            _ => {
                self.fail(&Failure("ERR the command is too large to be routed".to_owned()));
                Next::Leave
            }
        }
    }

    pub(crate) fn protocol_error(&mut self, reason: Error, input: &[u8]) {
        self.fail(&Failure(format!("ERR Protocol error: {}", zresp_store::reason(reason, input))));
        self.next = Next::Leave;
    }

    pub(crate) fn fail(&self, failure: &Failure) {
        let reply = error(&failure.0);
        self.proxy.metrics.passed(1, 1, reply.len());
        self.client.answer(&reply);
    }

    fn answer(&self, reply: &[u8]) {
        self.proxy.metrics.passed(1, 0, reply.len());
        self.client.answer(reply);
    }

    /// Answers the command that the input begins with, for which there is no connection.
    fn refuse_first(&mut self, failure: &Failure) {
        self.fail(failure);
        let first =
            self.decoder.decode(&self.input).ok().flatten().map(|request| request.wire.len());
        match first {
            Some(len) => self.input.advance(len),
            // Nothing tells where it ends.
            None => self.next = Next::Leave,
        }
    }

    /// Closes the connection without a reset, which could overtake the last reply: only when the client has
    /// closed its side, or after a while.
    async fn part(mut self) {
        // Dropped, the writer says that nothing more comes.
        drop(self.client.writer.take());
        let closed = async {
            while self.reader.read_buf(&mut self.input).await? > 0 {
                self.input.clear();
            }
            io::Result::Ok(())
        };
        let _ = timeout(FAREWELL, closed).await;
    }
}
