//! A connection to an upstream that is not shared.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zresp::{CommandBuf, Decoder, EncodeCommand, Frame, Limits, Protocol};

use crate::charge::Charge;
use crate::upstream::{Failure, Upstream, WHOLE};

/// How long a server may take to accept a connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(2);
/// After this time without traffic, the system begins to ask whether the server is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

pub(crate) struct Connection {
    pub(crate) upstream: Rc<Upstream>,
    pub(crate) protocol: Protocol,
    pub(crate) stream: TcpStream,
    decoder: Decoder,
    /// What has been read, but not decoded.
    input: BytesMut,
    /// Counts that for a client, if there is one.
    pub(crate) charge: Option<Charge>,
}

impl Connection {
    /// Returns a connection on which no reply is due.
    pub(crate) fn of(upstream: &Rc<Upstream>, stream: TcpStream, protocol: Protocol) -> Self {
        let decoder = Decoder::with_limits(Limits::new().with_frame(WHOLE).with_bulk(WHOLE));
        let (upstream, input) = (Rc::clone(upstream), BytesMut::new());
        Self { upstream, protocol, stream, decoder, input, charge: None }
    }

    /// Connects, authenticates, selects the protocol, and checks with `PING` whether the server takes commands.
    ///
    /// The `PING` is also needed for `WAIT`, which before Redis 7.2 waits for the writes before the last command of its
    /// connection. After a `PING` here, these include what the client wrote on another connection. Later servers need a
    /// [mark](crate::mark).
    pub(crate) async fn open(upstream: &Rc<Upstream>, to: Protocol) -> Result<Self, Failure> {
        let connected = in_time(CONNECT, TcpStream::connect(upstream.address.as_str())).await;
        let stream = connected.and_then(|stream| {
            stream.set_nodelay(true)?;
            SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
            Ok(stream)
        });
        let stream = stream.map_err(|error| upstream.failure(error))?;
        let mut connection = Self::of(upstream, stream, Protocol::Resp2);
        if let Some(password) = &upstream.access.password {
            let answer = connection.ask(&CommandBuf::new("AUTH").arg(password)).await?;
            answer.to::<()>().map_err(|error| upstream.failure(error))?;
        }
        connection.switch(to).await?;
        let answer = connection.ask(&CommandBuf::new("PING")).await?;
        upstream.wants_password.set(answer.wire().starts_with(b"-NOAUTH"));
        if answer.wire().starts_with(b"-ERR") || answer.wire().starts_with(b"-DENIED") {
            answer.to::<()>().map_err(|error| upstream.failure(error))?;
        }
        upstream.access.table.refresh(&mut connection).await?;
        Ok(connection)
    }

    /// Selects the protocol on a connection that has this one or RESP2.
    pub(crate) async fn switch(&mut self, to: Protocol) -> Result<(), Failure> {
        if self.protocol != to {
            // An error is ignored: the client's own HELLO gets it too.
            self.ask(&hello(to)).await?;
            self.protocol = to;
        }
        Ok(())
    }

    /// Returns whether it is still open, and has nothing to read.
    pub(crate) fn is_usable(&self) -> bool {
        let read = self.stream.try_read(&mut [0]);
        self.input.is_empty() && read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Keeps the connection to be borrowed again. No reply may be due on it, and its state must be that of a new one.
    pub(crate) fn give_back(self) {
        if self.input.is_empty() {
            self.upstream.keep(self.stream, self.protocol);
        }
    }

    /// Sends a command where no reply is due, and returns the reply.
    pub(crate) async fn ask(&mut self, command: &CommandBuf) -> Result<Frame, Failure> {
        let wire = command.to_wire().map_err(|error| self.upstream.failure(error))?;
        self.send(&wire).await
    }

    /// As [`ask`](Self::ask), with a command in its wire form.
    pub(crate) async fn send(&mut self, command: &[u8]) -> Result<Frame, Failure> {
        self.write(command).await?;
        self.reply().await
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = in_time(self.upstream.access.timeout, self.stream.write_all(bytes)).await;
        written.map_err(|error| self.upstream.failure(error))
    }

    /// Returns a reply that is due.
    pub(crate) async fn reply(&mut self) -> Result<Frame, Failure> {
        let reply = timeout(self.upstream.access.timeout, async {
            loop {
                if let Some(frame) = self.read().await? {
                    return Ok(frame);
                }
            }
        });
        reply.await.unwrap_or_else(|_| Err(self.upstream.failure("no reply in time")))
    }

    /// Returns the next reply or message; `None` if more of it has yet to arrive. If this future is dropped, nothing is
    /// lost.
    pub(crate) async fn read(&mut self) -> Result<Option<Frame>, Failure> {
        let failed = |error: zresp::Error| self.upstream.failure(error);
        if let Some(frame) = self.decoder.decode_frame(&mut self.input).map_err(failed)? {
            return Ok(Some(frame));
        }
        let read = self.stream.read_buf(&mut self.input).await;
        if let Some(charge) = &self.charge {
            charge.set(self.input.len());
        }
        match read {
            Ok(0) => Err(self.upstream.failure("the connection was closed")),
            Ok(_) => Ok(None),
            Err(error) => Err(self.upstream.failure(error)),
        }
    }
}

/// Does what should not take longer than `patience`.
pub(crate) async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(patience, work).await?
}

/// Returns the command that selects a protocol.
pub(crate) fn hello(protocol: Protocol) -> CommandBuf {
    CommandBuf::new("HELLO").arg(number(protocol))
}

/// Returns the number of a protocol.
pub(crate) fn number(protocol: Protocol) -> i64 {
    if protocol == Protocol::Resp3 { 3 } else { 2 }
}
