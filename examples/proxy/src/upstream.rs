//! A server that the proxy uses, and connections to it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::warn;
use zresp::commands::{CommandInfo, CommandTable};
use zresp::{CommandBuf, CommandRef, Protocol};

use crate::connection::Connection;
use crate::lane::{Kind, Lane};
use crate::proxy::Proxy;
use crate::table::Table;

/// The most bytes of a reply, a command or a transaction that is held whole.
pub(crate) const WHOLE: usize = 64 * 1024 * 1024;
/// The pauses after failures, before a new shared connection is attempted. They double with each failure.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The most lanes of each kind that clients share, for each protocol. Usually there is one.
const LANES: usize = 32;
/// The most connections that are kept to be used again, each for as long as an upstream may be silent.
const SPARES: usize = 16;

/// How many bytes of a command are shown in an error.
const SHOWN: usize = 128;

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

    /// Returns what servers say about a command that they do not know.
    pub(crate) fn unknown(command: &CommandRef<'_>, table: &CommandTable) -> Self {
        let text = |bytes: &[u8], most: usize| {
            String::from_utf8_lossy(&bytes[..bytes.len().min(most)]).into_owned()
        };
        let name = text(command.name(), SHOWN);
        if let (Some(_), Some(word)) = (table.lookup(command.name()), command.arg(1)) {
            let (word, name) = (text(word, SHOWN), name.to_uppercase());
            return Self(format!("ERR unknown subcommand '{word}'. Try {name} HELP."));
        }
        let mut args = String::new();
        for arg in command.args().skip(1) {
            let room = SHOWN.saturating_sub(args.len());
            if room > 0 {
                args.extend(["'", &text(arg, room), "' "]);
            }
        }
        Self(format!("ERR unknown command '{name}', with args beginning with: {args}"))
    }

    pub(crate) fn crossing() -> Self {
        Self::new("CROSSSLOT Keys in request don't hash to the same slot")
    }

    /// The error for a command that only one upstream could do.
    pub(crate) fn needs_one(info: &CommandInfo) -> Self {
        let name = info.name.to_uppercase().replace('|', " ");
        Self(format!("ERR {name} needs one upstream, but there are several"))
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
    pub(crate) access: Access,
    /// Whether it has asked for a password that the proxy does not have.
    pub(crate) wants_password: Cell<bool>,
    lanes: RefCell<Vec<Rc<Lane>>>,
    /// Connections that nobody uses, and since when.
    spares: RefCell<Vec<(TcpStream, Protocol, Instant)>>,
    /// How many attempts to connect have failed since the last success.
    failures: Cell<u32>,
    retry_at: Cell<Option<Instant>>,
}

impl Upstream {
    pub(crate) fn new(address: String, access: Access) -> Rc<Self> {
        let (wants_password, lanes, spares, failures, retry_at) = Default::default();
        Rc::new(Self { address, access, wants_password, lanes, spares, failures, retry_at })
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
        lanes.retain(|lane| lane.is_open() && !lane.is_spoiled.get());
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
        let is_exclusive = kind == Kind::Script;
        if (is_exclusive || alike().count() < LANES) && !self.is_away() {
            let lane = open(kind);
            lanes.push(Rc::clone(&lane));
            return Ok(lane);
        }
        let shared = usable().filter(|lane| !is_exclusive && lane.kind != Kind::Script);
        let least = shared.min_by_key(|lane| (lane.kind != kind, lane.len()));
        least.cloned().ok_or_else(|| self.failure("unavailable"))
    }

    /// Returns whether it is too early to connect again after a failure.
    fn is_away(&self) -> bool {
        self.retry_at.get().is_some_and(|at| Instant::now() < at)
    }

    /// Returns a new connection that is not shared.
    pub(crate) async fn connect(
        self: &Rc<Self>,
        protocol: Protocol,
    ) -> Result<Connection, Failure> {
        let connection = Connection::open(self, protocol).await;
        let reason = connection.as_ref().err().map(|failure| &*failure.0);
        if is_news(&self.address, reason.is_some()) {
            if let Some(reason) = reason {
                warn!(reason, "not available");
            } else {
                warn!(upstream = self.address, "available again");
            }
        }
        let failures = self.failures.get();
        if connection.is_ok() {
            self.failures.set(0);
            self.retry_at.set(None);
        } else if !self.is_away() {
            // Attempts at the same time count once, or the pause would soon be the longest.
            let pause =
                SHORTEST_PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE);
            self.failures.set(failures.saturating_add(1));
            self.retry_at.set(Some(Instant::now() + pause));
        }
        connection
    }

    /// Connects, and returns whether it is a node of a cluster.
    pub(crate) async fn is_in_cluster(self: &Rc<Self>) -> Result<bool, Failure> {
        let mut connection = self.connect(Protocol::Resp2).await?;
        let info = connection.ask(&CommandBuf::new(("INFO", "cluster"))).await?;
        connection.give_back();
        Ok(info.reply().as_str().is_ok_and(|info| info.contains("cluster_enabled:1")))
    }

    /// Returns a connection without state that is not shared. It may be one that was given back.
    pub(crate) async fn borrow(self: &Rc<Self>, protocol: Protocol) -> Result<Connection, Failure> {
        loop {
            let spare = self.spares.borrow_mut().pop();
            let Some((stream, found, since)) = spare else { return self.connect(protocol).await };
            let mut connection = Connection::of(self, stream, found);
            let is_fresh = since.elapsed() < self.access.timeout;
            if is_fresh && connection.is_usable() && [protocol, Protocol::Resp2].contains(&found) {
                connection.switch(protocol).await?;
                return Ok(connection);
            }
        }
    }

    /// Keeps a connection to be borrowed again.
    pub(crate) fn keep(&self, stream: TcpStream, protocol: Protocol) {
        let mut spares = self.spares.borrow_mut();
        if spares.len() < SPARES {
            spares.push((stream, protocol, Instant::now()));
        }
    }

    pub(crate) fn has_failures(&self) -> bool {
        self.failures.get() > 0
    }

    pub(crate) fn failure(&self, reason: impl fmt::Display) -> Failure {
        Failure(format!("ERR upstream {}: {reason}", self.address))
    }
}

/// Notes for all threads whether something is wrong with `what`. Returns whether that has changed, so that each warning is
/// given once.
pub(crate) fn is_news(what: &str, is_wrong: bool) -> bool {
    static WRONG: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut all = WRONG.lock().unwrap_or_else(PoisonError::into_inner);
    if is_wrong { all.insert(what.to_owned()) } else { all.remove(what) }
}
