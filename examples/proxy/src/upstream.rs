//! A server that the proxy uses, and connections to it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tracing::warn;
use zresp::{CommandBuf, Decoder, EncodeCommand, Frame, Protocol};

use crate::lane::Lane;
use crate::proxy::Proxy;
use crate::table::Table;

/// How long a server may take to accept a connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(2);
/// The shortest and the longest pause after a failure, before a new shared connection is attempted. It doubles
/// with every failure.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// The most connections that are shared, for each protocol. Usually there is one.
const LANES: usize = 32;
/// The most connections that are kept for the next large command.
const SPARE: usize = 64;

/// Why a command cannot be passed on: the text of an error reply.
#[derive(Clone)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn arity(name: &str) -> Self {
        Self(format!("ERR wrong number of arguments for '{name}' command"))
    }

    pub(crate) fn crossing() -> Self {
        Self::new("CROSSSLOT Keys in request don't hash to the same slot")
    }

    /// Returns the error reply. Line breaks, which would end it, become spaces.
    pub(crate) fn to_reply(&self) -> Bytes {
        format!("-{}\r\n", self.0.replace(['\r', '\n'], " ")).into()
    }
}

/// How to talk to upstreams.
#[derive(Clone)]
pub(crate) struct Access {
    /// The password for them, which clients then must send to the proxy.
    pub(crate) password: Option<String>,
    /// How long they may be silent while a reply is due.
    pub(crate) timeout: Duration,
    /// The protocol of shared connections, if it is not that of their clients.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) table: Rc<Table>,
}

pub(crate) struct Upstream {
    pub(crate) address: String,
    access: Access,
    /// Whether it has asked for a password that the proxy does not have.
    pub(crate) wants_password: Cell<bool>,
    lanes: RefCell<Vec<Rc<Lane>>>,
    /// Connections without state, on which no reply is due.
    spare: RefCell<Vec<TcpStream>>,
    /// How many attempts to connect have failed since the last success.
    failures: Cell<u32>,
    retry_at: Cell<Option<Instant>>,
}

impl Upstream {
    pub(crate) fn new(address: String, access: Access) -> Rc<Self> {
        let (wants_password, lanes, spare) = Default::default();
        let (failures, retry_at) = Default::default();
        Rc::new(Self { address, access, wants_password, lanes, spare, failures, retry_at })
    }

    /// Returns a shared connection that is not busy with a large reply, and opens one if needed. If there are
    /// too many, returns the one with the fewest replies due.
    pub(crate) fn lane(
        self: &Rc<Self>,
        proxy: &Rc<Proxy>,
        protocol: Protocol,
    ) -> Result<Rc<Lane>, Failure> {
        let mut lanes = self.lanes.borrow_mut();
        lanes.retain(|lane| lane.is_open());
        let alike = || lanes.iter().filter(|lane| lane.protocol == protocol);
        let free = alike().find(|lane| !lane.is_busy());
        let is_full = alike().count() >= LANES;
        if let Some(lane) =
            free.or_else(|| alike().filter(|_| is_full).min_by_key(|lane| lane.len()))
        {
            return Ok(Rc::clone(lane));
        }
        if self.retry_at.get().is_some_and(|at| Instant::now() < at) {
            return Err(self.failure("unavailable"));
        }
        let lane = Lane::open(Rc::clone(self), Rc::clone(proxy), protocol);
        lanes.push(Rc::clone(&lane));
        Ok(lane)
    }

    /// Connects, and checks whether the server is ready for commands.
    pub(crate) async fn connect(&self, protocol: Protocol) -> Result<TcpStream, Failure> {
        match self.try_connect(protocol).await {
            Ok(stream) => {
                if self.failures.replace(0) > 0 {
                    warn!(upstream = self.address, "available again");
                }
                self.retry_at.set(None);
                Ok(stream)
            }
            Err(error) => {
                self.note_failure();
                Err(self.failure(error))
            }
        }
    }

    async fn try_connect(&self, protocol: Protocol) -> io::Result<TcpStream> {
        let connected = timeout(CONNECT, TcpStream::connect(self.address.as_str()));
        let mut stream = connected.await??;
        stream.set_nodelay(true)?;
        // A busy server may need longer to reply than to accept.
        timeout(self.access.timeout, self.greet(&mut stream, protocol)).await??;
        Ok(stream)
    }

    /// Authenticates, selects the protocol, and checks with `PING` whether the server takes commands.
    ///
    /// The `PING` is also needed for `WAIT`, which waits for the writes before the last command of its
    /// connection. After a `PING` here, these include what the client wrote on another connection.
    async fn greet(&self, stream: &mut TcpStream, protocol: Protocol) -> io::Result<()> {
        if let Some(password) = &self.access.password {
            let answer = ask(stream, &CommandBuf::new("AUTH").arg(password)).await?;
            answer.to::<()>().map_err(io::Error::other)?;
        }
        if protocol == Protocol::Resp3 {
            // An error is ignored: the client's own HELLO gets it too.
            ask(stream, &hello(protocol)).await?;
        }
        let answer = ask(stream, &CommandBuf::new("PING")).await?;
        self.wants_password.set(answer.wire().starts_with(b"-NOAUTH"));
        if answer.wire().starts_with(b"-ERR") || answer.wire().starts_with(b"-DENIED") {
            answer.to::<()>().map_err(io::Error::other)?;
        }
        self.access.table.refresh(stream).await
    }

    /// Returns a connection that is not shared. It may be one that was given back.
    pub(crate) async fn borrow(&self, protocol: Protocol) -> Result<TcpStream, Failure> {
        loop {
            let is_usable = protocol == Protocol::Resp2;
            let Some(stream) = is_usable.then(|| self.spare.borrow_mut().pop()).flatten() else {
                break;
            };
            // It must still be open, and have nothing to read.
            let read = stream.try_read(&mut [0]);
            if read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                return Ok(stream);
            }
        }
        self.connect(protocol).await
    }

    /// Keeps a connection to be borrowed again. No reply may be due on it, and its state must be that of a new
    /// one.
    pub(crate) fn give_back(&self, stream: TcpStream, protocol: Protocol) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE && protocol == Protocol::Resp2 {
            spare.push(stream);
        }
    }

    /// Counts a failure, and allows no new shared connection for a while.
    fn note_failure(&self) {
        let failures = self.failures.get();
        let pause = BACK_OFF.0.saturating_mul(2_u32.saturating_pow(failures)).min(BACK_OFF.1);
        self.failures.set(failures.saturating_add(1));
        self.retry_at.set(Some(Instant::now() + pause));
        if failures == 0 {
            warn!(upstream = self.address, "not available");
        }
    }

    pub(crate) fn has_failures(&self) -> bool {
        self.failures.get() > 0
    }

    pub(crate) fn failure(&self, reason: impl fmt::Display) -> Failure {
        Failure(format!("ERR upstream {}: {reason}", self.address))
    }
}

/// Returns the command that selects a protocol.
pub(crate) fn hello(protocol: Protocol) -> CommandBuf {
    CommandBuf::new("HELLO").arg(number(protocol))
}

/// Returns the number of a protocol.
pub(crate) fn number(protocol: Protocol) -> i64 {
    if protocol == Protocol::Resp3 { 3 } else { 2 }
}

/// Sends a command on a connection where no reply is due, and returns the reply.
pub(crate) async fn ask(stream: &mut TcpStream, command: &CommandBuf) -> io::Result<Frame> {
    let command = command.to_wire().map_err(io::Error::other)?;
    stream.write_all(&command).await?;
    read_reply(stream).await
}

/// Reads the only reply that is due.
pub(crate) async fn read_reply(stream: &mut TcpStream) -> io::Result<Frame> {
    let (mut decoder, mut input) = (Decoder::new(), BytesMut::new());
    loop {
        if let Some(frame) = decoder.decode_frame(&mut input).map_err(io::Error::other)? {
            return Ok(frame);
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
