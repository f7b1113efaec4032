//! Where a command goes. That depends on its name, and with several upstreams on the slots of its keys.

use std::borrow::Cow;
use std::rc::Rc;

use bytes::Bytes;
use tokio::time::timeout;
use tracing::warn;
use zresp::cluster::{Redirect, SLOTS, key_slot};
use zresp::command::PartialCommand;
use zresp::commands::{self, Categories, CommandInfo, Flags, PartialKeys};
use zresp::{CommandRef, Encode, Protocol, Reply};

use crate::cluster::Cluster;
use crate::join::Split;
use crate::options::Options;
use crate::upstream::{Access, CONNECT, Failure, Upstream};

/// Where a command goes.
pub(crate) enum Route {
    /// It goes to this upstream, on a connection that clients share.
    Shared(Rc<Upstream>),
    /// It changes the state of its connection, blocks it, or does not have exactly one reply. So the client
    /// gets its own connection, for this command and all later ones.
    Own(Rc<Upstream>),
    /// It changes the client's protocol. This upstream answers, but any other could.
    Hello(Rc<Upstream>, Protocol),
    /// It goes to several upstreams, and the replies are joined.
    Split(Split),
    /// The proxy answers it.
    Answer(Bytes),
    /// The proxy answers it and closes the connection.
    Farewell(Bytes),
}

/// The upstreams.
pub(crate) enum Topology {
    One(Rc<Upstream>),
    /// Each has an equal part of the slots.
    Spread(Vec<Rc<Upstream>>),
    Cluster(Rc<Cluster>),
}

impl Topology {
    /// Returns the upstreams that the options name, after a first attempt to connect.
    pub(crate) async fn new(options: &Options, access: &Access) -> Self {
        if !options.cluster.is_empty() {
            return Self::Cluster(Cluster::new(&options.cluster, access.clone()).await);
        }
        let upstream = |address: &String| Upstream::new(address.clone(), access.clone());
        let mut upstreams: Vec<_> = options.upstream.iter().map(upstream).collect();
        for upstream in &upstreams {
            match timeout(CONNECT, upstream.connect(Protocol::Resp2)).await {
                Ok(Ok(stream)) => upstream.give_back(stream, Protocol::Resp2),
                Ok(Err(failure)) => warn!(reason = failure.0, "not available yet"),
                Err(_) => warn!(upstream = upstream.address, "does not answer yet"),
            }
        }
        if upstreams.len() == 1 { Self::One(upstreams.remove(0)) } else { Self::Spread(upstreams) }
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Returns how often the map from slots to upstreams has been updated.
    pub(crate) fn changes(&self) -> u64 {
        if let Self::Cluster(cluster) = self { cluster.changes() } else { 0 }
    }

    /// Returns whether clients have to authenticate with the upstream itself.
    pub(crate) fn wants_password(&self) -> bool {
        matches!(self, Self::One(upstream) if upstream.wants_password.get())
    }

    /// Returns the upstream of the keys of a slot.
    pub(crate) fn of_slot(&self, slot: u16) -> Result<Rc<Upstream>, Failure> {
        match self {
            Self::One(upstream) => Ok(Rc::clone(upstream)),
            Self::Spread(all) => {
                Ok(Rc::clone(&all[usize::from(slot) * all.len() / usize::from(SLOTS)]))
            }
            Self::Cluster(cluster) => cluster.of_slot(slot),
        }
    }

    /// Returns any upstream: the one of the first slot.
    fn any(&self) -> Result<Rc<Upstream>, Failure> {
        self.of_slot(0)
    }

    /// Returns the upstream that a redirection names; if the slot has moved for good, the map of slots is
    /// updated. Returns `None` without a cluster, and for a redirection that no cluster sends.
    pub(crate) fn redirected(
        &self,
        redirect: &Redirect<'_>,
        from: &Upstream,
    ) -> Option<Rc<Upstream>> {
        match self {
            Self::Cluster(cluster) => cluster.redirected(redirect, from),
            _ => None,
        }
    }

    /// Asks a cluster for its slots again, soon, because they seem to have moved.
    pub(crate) fn refresh(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.refresh();
        }
    }
}

/// Returns where a command goes.
pub(crate) fn route(
    info: Option<&'static CommandInfo>,
    command: &CommandRef<'_>,
    topology: &Topology,
) -> Result<Route, Failure> {
    let Some(info) = info else { return unknown(command.name(), topology) };
    match topology {
        _ if info.name == "hello" => hello(command, command.len() > 2, topology),
        Topology::One(upstream) if !concerns_connection(info, command.args()) => {
            Ok(shared(upstream))
        }
        Topology::One(upstream) if upstream.wants_password.get() => Ok(own(info, upstream)),
        Topology::One(upstream) => Ok(local(info, command).unwrap_or_else(|| own(info, upstream))),
        _ if !concerns_connection(info, command.args()) => by_keys(info, command, topology),
        _ => local(info, command).map_or_else(|| stand_in(info, command), Ok),
    }
}

/// Returns where a large command goes, by its beginning; `None` if more of it is needed to know that.
pub(crate) fn route_begun(
    command: &PartialCommand<'_>,
    topology: &Topology,
) -> Option<Result<Route, Failure>> {
    let name = command.name()?;
    let Some(info) = commands::partial_of(command) else {
        // If only the subcommand is missing, it has yet to arrive.
        let is_unknown = command.arg(1).is_some() || commands::lookup(name).is_none();
        return is_unknown.then(|| unknown(name, topology));
    };
    if let Topology::One(upstream) = topology {
        let is_own = concerns_connection(info, command.args());
        return Some(Ok(if is_own { own(info, upstream) } else { shared(upstream) }));
    }
    if concerns_connection(info, command.args()) {
        return None;
    }
    // Keys that have yet to arrive could be for another upstream.
    let Ok(PartialKeys::All(keys)) = commands::partial_keys(command) else { return None };
    let mut slots = keys.map(|key| key_slot(key.key));
    let first = slots.next()?;
    slots.all(|slot| slot == first).then(|| topology.of_slot(first).map(Route::Shared))
}

const OK: &[u8] = b"+OK\r\n";

/// The flags of commands that concern their connection: scripts may not call them, or they may block.
const CONNECTION_FLAGS: Flags = Flags::NOSCRIPT.union(Flags::BLOCKING);

/// Returns whether a command changes, blocks or describes the connection that it arrives on.
fn concerns_connection<'a>(info: &CommandInfo, args: impl IntoIterator<Item = &'a [u8]>) -> bool {
    if info.categories.contains(Categories::SCRIPTING) {
        // Scripts share connections, but a command that stops a script must not wait for it.
        return info.flags.contains(Flags::ALLOW_BUSY) || info.name == "script|debug";
    }
    match &*info.name {
        // Servers compare words up to a NUL.
        "xread" | "xreadgroup" => args.into_iter().any(|word| {
            let end = word.iter().position(|byte| *byte == 0).unwrap_or(word.len());
            word[..end].eq_ignore_ascii_case(b"block")
        }),
        // `CLIENT` with an unknown subcommand.
        "client" => true,
        _ => {
            info.flags.intersects(CONNECTION_FLAGS)
                || info.categories.contains(Categories::CONNECTION)
                    && !info.name.starts_with("command")
        }
    }
}

fn shared(upstream: &Rc<Upstream>) -> Route {
    Route::Shared(Rc::clone(upstream))
}

/// Returns where a command that concerns its connection goes. `PING` and `ECHO` are among them, but need no
/// state, so they can share one.
fn own(info: &CommandInfo, upstream: &Rc<Upstream>) -> Route {
    match &*info.name {
        "ping" | "echo" => shared(upstream),
        _ => Route::Own(Rc::clone(upstream)),
    }
}

fn unknown(name: &[u8], topology: &Topology) -> Result<Route, Failure> {
    // A browser that was tricked into talking to a server: an attacker may have chosen the rest.
    if name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:") {
        return Ok(Route::Farewell(Bytes::from_static(
            b"-ERR Protocol error: this is not an HTTP server\r\n",
        )));
    }
    if let Topology::One(upstream) = topology {
        // It may change the connection in any way.
        return Ok(Route::Own(Rc::clone(upstream)));
    }
    let name = &name[..name.len().min(128)];
    Err(Failure(format!("ERR unknown command '{}'", name.escape_ascii())))
}

/// Answers a command that needs no upstream.
fn local(info: &CommandInfo, command: &CommandRef<'_>) -> Option<Route> {
    Some(match (&*info.name, command.len()) {
        ("ping", 1) => Route::Answer(Bytes::from_static(b"+PONG\r\n")),
        ("ping" | "echo", 2) => answer(&Reply::bulk(command.arg(1)?.to_vec())),
        ("quit", _) => Route::Farewell(Bytes::from_static(OK)),
        _ => return None,
    })
}

/// Answers a command that concerns its connection, if there are several upstreams. Most get an error, because
/// the client does not have a connection to only one of them.
fn stand_in(info: &CommandInfo, command: &CommandRef<'_>) -> Result<Route, Failure> {
    let name = shown(&info.name);
    let failure = Failure(format!("ERR {name} needs one upstream, but there are several"));
    match (&*info.name, command.arg(1)) {
        ("select", Some(b"0")) => Ok(Route::Answer(Bytes::from_static(OK))),
        // The commands after it must not be executed outside a transaction.
        ("multi", _) => Ok(Route::Farewell(failure.to_reply())),
        _ => Err(failure),
    }
}

/// Returns where `HELLO` goes. Its options, if any, concern the connection.
fn hello(
    command: &CommandRef<'_>,
    has_options: bool,
    topology: &Topology,
) -> Result<Route, Failure> {
    let protocol = match command.arg(1) {
        Some(b"2") => Protocol::Resp2,
        Some(b"3") => Protocol::Resp3,
        // Without a valid version, it changes nothing.
        _ => return topology.any().map(Route::Shared),
    };
    match topology {
        _ if !has_options => Ok(Route::Hello(topology.any()?, protocol)),
        Topology::One(upstream) => Ok(Route::Own(Rc::clone(upstream))),
        _ => Err(Failure::new("ERR HELLO with options needs one upstream, but there are several")),
    }
}

/// Checks a command of a client that has not authenticated, or any `AUTH`, for the right password. Without it,
/// the command is refused.
pub(crate) fn authenticate(
    command: &CommandRef<'_>,
    password: &str,
    topology: &Topology,
    is_authenticated: &mut bool,
) -> Result<Route, Failure> {
    let args = command.index();
    let is = |index: usize, word: &str| {
        args.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    };
    // The index of the user or the password: after the name, or after the option AUTH of HELLO, which may
    // itself follow SETNAME.
    let mut at = 1;
    if is(0, "hello") {
        at = if is(2, "setname") { 5 } else { 3 };
        at = if is(at - 1, "auth") { at } else { args.len() };
    }
    let (user, given) = match args.get(at..).unwrap_or_default() {
        [given] if is(0, "auth") => (&b"default"[..], given),
        [user, given] if is(0, "auth") => (*user, given),
        [user, given, ..] if is(0, "hello") => (*user, given),
        _ if is(0, "quit") => return Ok(Route::Farewell(Bytes::from_static(OK))),
        _ => return Err(Failure::new("NOAUTH Authentication required.")),
    };
    if user != b"default" || !is_same(given, password.as_bytes()) {
        return Err(Failure::new("WRONGPASS invalid username-password pair or user is disabled."));
    }
    *is_authenticated = true;
    if is(0, "auth") {
        return Ok(Route::Answer(Bytes::from_static(OK)));
    }
    hello(command, args.len() > 5, topology)
}

/// Compares without stopping at the first difference, so that the time does not tell where that is.
fn is_same(given: &[u8], password: &[u8]) -> bool {
    let differences = given.iter().zip(password).fold(0, |all, (left, right)| all | (left ^ right));
    given.len() == password.len() && differences == 0
}

/// Routes a command by its keys.
fn by_keys(
    info: &'static CommandInfo,
    command: &CommandRef<'_>,
    topology: &Topology,
) -> Result<Route, Failure> {
    let (Ok(keys), Ok(channels)) = (commands::keys(command), commands::shard_channels(command))
    else {
        // It is malformed. Any server can report that, in its own words.
        return topology.any().map(Route::Shared);
    };
    let mut slots = keys.chain(channels).map(|key| key_slot(key.key));
    let Some(first) = slots.next() else {
        // Without keys, some commands do the same on every upstream. For others, the proxy cannot choose.
        let suits_any_upstream = !info.key_specs.is_empty()
            || info.name.starts_with("command")
            || matches!(&*info.name, "time" | "lolwut" | "publish") && topology.is_cluster();
        return if suits_any_upstream {
            topology.any().map(Route::Shared)
        } else {
            let name = shown(&info.name);
            Err(Failure(format!("ERR {name} has no key that tells which upstream to use")))
        };
    };
    if slots.all(|slot| slot == first) {
        return topology.of_slot(first).map(Route::Shared);
    }
    Split::of(info, command, topology).map(Route::Split)
}

fn answer(reply: &Reply) -> Route {
    let wire = reply.to_wire(Protocol::Resp2);
    Route::Answer(wire.unwrap_or_else(|reason| Failure(format!("ERR {reason}")).to_reply()))
}

/// Returns a command's name as people write it: `CLIENT ID` for `client|id`.
fn shown(name: &str) -> Cow<'_, str> {
    name.to_uppercase().replace('|', " ").into()
}
