//! A server that the proxy uses, and connections to it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tracing::warn;
use zresp::{CommandBuf, Decoder, EncodeCommand, Frame, Limits, Protocol};

use crate::lane::{Kind, Lane};
use crate::proxy::Proxy;
use crate::table::Table;

/// The most bytes of a reply that is held whole.
pub(crate) const WHOLE: usize = 64 * 1024 * 1024;
/// How long a server may take to accept a connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(2);
/// After this time without traffic, the system begins to ask whether the server is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// The shortest and the longest pause after a failure, before a new shared connection is attempted. It doubles
/// with every failure.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// The most lanes of each kind, for each protocol. Usually there is one.
const LANES: usize = 32;
/// The most connections that are kept to be used again, each for as long as an upstream may be silent.
const SPARES: usize = 16;

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
    spares: RefCell<Vec<Spare>>,
    /// How many attempts to connect have failed since the last success.
    failures: Cell<u32>,
    retry_at: Cell<Option<Instant>>,
    /// When it was last learned whether the server accepts connections.
    known_at: Cell<Option<Instant>>,
}

/// A connection that nobody uses.
struct Spare {
    stream: TcpStream,
    protocol: Protocol,
    since: Instant,
}

impl Spare {
    /// Returns whether it is still open, and has nothing to read.
    fn is_usable(&self) -> bool {
        let read = self.stream.try_read(&mut [0]);
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Upstream {
    pub(crate) fn new(address: String, access: Access) -> Rc<Self> {
        let (wants_password, lanes, spares) = Default::default();
        let (failures, retry_at, known_at) = Default::default();
        Rc::new(Self {
            address,
            access,
            wants_password,
            lanes,
            spares,
            failures,
            retry_at,
            known_at,
        })
    }

    /// Returns a lane that is not busy. Opens one if there are fewer than `LANES` of its kind, unless connecting has
    /// failed lately; otherwise returns the one with the fewest replies due.
    pub(crate) fn lane(
        self: &Rc<Self>,
        proxy: &Rc<Proxy>,
        protocol: Protocol,
        kind: Kind,
    ) -> Result<Rc<Lane>, Failure> {
        let open = |kind| Lane::open(Rc::clone(self), Rc::clone(proxy), protocol, kind);
        if kind.is_single() {
            return Ok(open(kind));
        }
        let mut lanes = self.lanes.borrow_mut();
        lanes.retain(|lane| lane.is_open());
        let usable = || lanes.iter().filter(|lane| lane.protocol == protocol);
        let alike = || usable().filter(|lane| lane.kind == kind);
        // A new client uses the lane of most clients if nobody else does.
        let is_idle = |lane: &&Rc<Lane>| lane.kind == Kind::Usual && lane.len() == 0;
        let idle = usable().filter(|_| kind == Kind::New).find(is_idle);
        if let Some(lane) = idle.or_else(|| alike().find(|lane| !lane.is_busy())) {
            return Ok(Rc::clone(lane));
        }
        let is_first = kind == Kind::New && usable().all(|lane| lane.kind != Kind::Usual);
        let kind = if is_first { Kind::Usual } else { kind };
        if alike().count() < LANES && !self.is_away() {
            let lane = open(kind);
            lanes.push(Rc::clone(&lane));
            return Ok(lane);
        }
        let least = usable().min_by_key(|lane| (lane.kind != kind, lane.len()));
        least.cloned().ok_or_else(|| self.failure("unavailable"))
    }

    /// Returns whether it is too early to connect again after a failure.
    fn is_away(&self) -> bool {
        self.retry_at.get().is_some_and(|at| Instant::now() < at)
    }

    /// Connects, and checks whether the server is ready for commands.
    pub(crate) async fn connect(&self, protocol: Protocol) -> Result<TcpStream, Failure> {
        let began = Instant::now();
        let stream = self.try_connect(protocol).await;
        let known_at = self.known_at.get();
        match stream {
            Ok(stream) => {
                self.known_at.set(Some(Instant::now()));
                if self.failures.replace(0) > 0 {
                    warn!(upstream = self.address, "available again");
                }
                self.retry_at.set(None);
                Ok(stream)
            }
            Err(error) => {
                // Attempts at the same time count once, or the pause would soon be the longest.
                if known_at.is_none_or(|at| at < began) {
                    self.known_at.set(Some(Instant::now()));
                    self.note_failure();
                }
                Err(self.failure(error))
            }
        }
    }

    async fn try_connect(&self, protocol: Protocol) -> io::Result<TcpStream> {
        let mut stream = in_time(CONNECT, TcpStream::connect(self.address.as_str())).await?;
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
        // A busy server may need longer to reply than to accept.
        in_time(self.access.timeout, self.greet(&mut stream, protocol)).await?;
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
            self.switch(stream).await?;
        }
        let answer = ask(stream, &CommandBuf::new("PING")).await?;
        self.wants_password.set(answer.wire().starts_with(b"-NOAUTH"));
        if answer.wire().starts_with(b"-ERR") || answer.wire().starts_with(b"-DENIED") {
            answer.to::<()>().map_err(io::Error::other)?;
        }
        self.access.table.refresh(stream).await
    }

    /// Returns a connection without state on which no reply is due. It may be one that was given back.
    pub(crate) async fn borrow(&self, protocol: Protocol) -> Result<TcpStream, Failure> {
        let spare = {
            let mut spares = self.spares.borrow_mut();
            spares.retain(|spare| spare.since.elapsed() < self.access.timeout && spare.is_usable());
            let fits = |spare: &Spare| [protocol, Protocol::Resp2].contains(&spare.protocol);
            spares.iter().rposition(fits).map(|index| spares.remove(index))
        };
        match spare {
            Some(Spare { mut stream, protocol: found, .. }) => {
                let switched =
                    if found == protocol { Ok(()) } else { self.switch(&mut stream).await };
                switched.map(|()| stream).map_err(|error| self.failure(error))
            }
            None => self.connect(protocol).await,
        }
    }

    /// Makes a connection one of RESP3. An error is ignored: the client's own `HELLO` gets it too.
    async fn switch(&self, stream: &mut TcpStream) -> io::Result<()> {
        in_time(self.access.timeout, ask(stream, &hello(Protocol::Resp3))).await.map(|_| ())
    }

    /// Keeps a connection to be borrowed again. No reply may be due on it, and its state must be that of a new
    /// one.
    pub(crate) fn give_back(&self, stream: TcpStream, protocol: Protocol) {
        let mut spares = self.spares.borrow_mut();
        if spares.len() < SPARES {
            spares.push(Spare { stream, protocol, since: Instant::now() });
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

/// Sends a command on a connection where no reply is due, and returns the reply.
pub(crate) async fn ask(stream: &mut TcpStream, command: &CommandBuf) -> io::Result<Frame> {
    send(stream, &command.to_wire().map_err(io::Error::other)?).await
}

/// As [`ask`], with a command in its wire form.
pub(crate) async fn send(stream: &mut TcpStream, command: &[u8]) -> io::Result<Frame> {
    stream.write_all(command).await?;
    let limits = Limits::new().with_frame(WHOLE).with_bulk(WHOLE);
    let (mut decoder, mut input) = (Decoder::with_limits(limits), BytesMut::new());
    loop {
        if let Some(frame) = decoder.decode_frame(&mut input).map_err(io::Error::other)? {
            return Ok(frame);
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
