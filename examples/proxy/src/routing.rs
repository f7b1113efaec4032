//! Where a command goes: by its name, and over several upstreams by the slots of its keys.

use std::borrow::Cow;
use std::rc::Rc;

use bytes::Bytes;
use tokio::time::timeout;
use tracing::warn;
use zresp::cluster::{Redirect, SLOTS, key_slot};
use zresp::command::PartialCommand;
use zresp::commands::{self, BeginSearch, Categories, CommandInfo, FindKeys, Flags, KeySpec};
use zresp::{CommandRef, Encode, Protocol, Reply};

use crate::cluster::Cluster;
use crate::join::Split;
use crate::options::Options;
use crate::upstream::{Access, CONNECT, Failure, Upstream};

/// What becomes of a command.
pub(crate) enum Route {
    /// It shares a connection to this upstream with those of other clients.
    Shared(Rc<Upstream>),
    /// It leaves its connection in another state, blocks it, or has other than one reply: the client gets a
    /// connection of its own, for this command and all behind it.
    Own(Rc<Upstream>),
    /// From here on the client speaks this protocol; any upstream has the answer.
    Hello(Rc<Upstream>, Protocol),
    /// It goes to several upstreams, and the replies are joined.
    Split(Split),
    /// The proxy answers it.
    Answer(Bytes),
    /// The proxy answers it and closes the connection.
    Farewell(Bytes),
}

/// What is behind the proxy.
pub(crate) enum Topology {
    One(Rc<Upstream>),
    /// Each has an equal part of the slots.
    Spread(Vec<Rc<Upstream>>),
    Cluster(Rc<Cluster>),
}

impl Topology {
    /// Returns what the options name, and makes the first connections.
    pub(crate) async fn new(options: &Options, access: &Access) -> Self {
        if !options.cluster.is_empty() {
            return Self::Cluster(Cluster::new(&options.cluster, access.clone()).await);
        }
        let upstream = |address: &String| Upstream::new(address.clone(), access.clone());
        let mut upstreams: Vec<_> = options.upstream.iter().map(upstream).collect();
        for upstream in &upstreams {
            match timeout(CONNECT, upstream.connect(Protocol::Resp2)).await {
                Ok(Ok(stream)) => upstream.give_back(stream, Protocol::Resp2),
                Ok(Err(failure)) => warn!(reason = failure.0, "not there yet"),
                Err(_) => warn!(upstream = upstream.address, "gives no answer yet"),
            }
        }
        if upstreams.len() == 1 { Self::One(upstreams.remove(0)) } else { Self::Spread(upstreams) }
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Returns how often slots have got another upstream.
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

    /// Returns where a cluster wants a command to be sent, and takes note of it.
    pub(crate) fn redirected(
        &self,
        redirect: &Redirect<'_>,
        from: &Upstream,
    ) -> Option<Rc<Upstream>> {
        match self {
            Self::Cluster(cluster) => Some(cluster.redirected(redirect, from)),
            _ => None,
        }
    }

    /// Has the slots of a cluster learnt again: something is not where it should be.
    pub(crate) fn refresh(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.refresh();
        }
    }
}

/// Returns what becomes of a command.
pub(crate) fn route(
    info: Option<&'static CommandInfo>,
    command: &CommandRef<'_>,
    topology: &Topology,
) -> Result<Route, Failure> {
    let Some(info) = info else { return unknown(command.name(), topology) };
    match topology {
        _ if info.name == "hello" => hello(command, command.len() > 2, topology),
        Topology::One(upstream) if !is_of_connection(info, command.args()) => Ok(shared(upstream)),
        Topology::One(upstream) if upstream.wants_password.get() => Ok(own(info, upstream)),
        Topology::One(upstream) => Ok(local(info, command).unwrap_or_else(|| own(info, upstream))),
        _ if !is_of_connection(info, command.args()) => by_keys(info, command, topology),
        _ => local(info, command).map_or_else(|| stand_in(info, command), Ok),
    }
}

/// Returns what becomes of a large command of which the beginning is there; `None` if that cannot be told.
pub(crate) fn route_begun(
    command: &PartialCommand<'_>,
    topology: &Topology,
) -> Option<Result<Route, Failure>> {
    let name = command.name()?;
    let Some(info) = commands::partial_of(command) else {
        let is_there = command.arg(1).is_some() || commands::lookup(name).is_none();
        return is_there.then(|| unknown(name, topology));
    };
    if let Topology::One(upstream) = topology {
        let is_own = is_of_connection(info, command.args());
        return Some(Ok(if is_own { own(info, upstream) } else { shared(upstream) }));
    }
    // Further keys, which may still come, could belong elsewhere.
    let [KeySpec { begin: BeginSearch::Index(_), find: FindKeys::Range { last: 0, .. }, .. }] =
        info.key_specs
    else {
        return None;
    };
    let key = commands::partial_keys(command).ok()?.next()?;
    Some(topology.of_slot(key_slot(key.key)).map(Route::Shared))
}

const OK: &[u8] = b"+OK\r\n";

/// What scripts may not call either, or what may block: the marks of commands that concern their connection.
const OF_CONNECTION: Flags = Flags::NOSCRIPT.union(Flags::BLOCKING);

/// Returns whether a command changes, blocks or is about the connection that it comes on.
fn is_of_connection<'a>(info: &CommandInfo, args: impl IntoIterator<Item = &'a [u8]>) -> bool {
    if info.categories.contains(Categories::SCRIPTING) {
        // Scripts are run like other commands. What stops one must not wait behind it.
        return info.flags.contains(Flags::ALLOW_BUSY) || info.name == "script|debug";
    }
    match info.name {
        // Servers read words up to a NUL.
        "xread" | "xreadgroup" => args.into_iter().any(|word| {
            let end = word.iter().position(|byte| *byte == 0).unwrap_or(word.len());
            word[..end].eq_ignore_ascii_case(b"block")
        }),
        // A subcommand that is not known.
        "client" => true,
        _ => {
            info.flags.intersects(OF_CONNECTION)
                || info.categories.contains(Categories::CONNECTION)
                    && !info.name.starts_with("command")
        }
    }
}

fn shared(upstream: &Rc<Upstream>) -> Route {
    Route::Shared(Rc::clone(upstream))
}

/// The way of a command about the connection; those without state have none to be about.
fn own(info: &CommandInfo, upstream: &Rc<Upstream>) -> Route {
    match info.name {
        "ping" | "echo" => shared(upstream),
        _ => Route::Own(Rc::clone(upstream)),
    }
}

fn unknown(name: &[u8], topology: &Topology) -> Result<Route, Failure> {
    // A browser that was made to talk to a server: what follows is of somebody else's making.
    if name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:") {
        return Ok(Route::Farewell(Bytes::from_static(
            b"-ERR Protocol error: this is not an HTTP server\r\n",
        )));
    }
    if let Topology::One(upstream) = topology {
        // It may do anything.
        return Ok(Route::Own(Rc::clone(upstream)));
    }
    let name = &name[..name.len().min(128)];
    Err(Failure(format!("ERR unknown command '{}'", name.escape_ascii())))
}

/// Answers what needs no upstream.
fn local(info: &CommandInfo, command: &CommandRef<'_>) -> Option<Route> {
    Some(match (info.name, command.len()) {
        ("ping", 1) => Route::Answer(Bytes::from_static(b"+PONG\r\n")),
        ("ping" | "echo", 2) => answer(&Reply::bulk(command.arg(1)?.to_vec())),
        ("quit", _) => Route::Farewell(Bytes::from_static(OK)),
        _ => return None,
    })
}

/// Answers what is about the connection where there is no single one, as far as that is possible.
fn stand_in(info: &CommandInfo, command: &CommandRef<'_>) -> Result<Route, Failure> {
    let name = shown(info.name);
    let failure = Failure(format!("ERR {name} needs one upstream, and here are several"));
    match (info.name, command.arg(1)) {
        ("select", Some(b"0")) => Ok(Route::Answer(Bytes::from_static(OK))),
        // What comes behind it must not be done, as it would be without the transaction.
        ("multi", _) => Ok(Route::Farewell(failure.to_reply())),
        _ => Err(failure),
    }
}

/// Returns what becomes of `HELLO`, which may have options that its connection has to know.
fn hello(
    command: &CommandRef<'_>,
    has_options: bool,
    topology: &Topology,
) -> Result<Route, Failure> {
    let protocol = match command.arg(1) {
        Some(b"2") => Protocol::Resp2,
        Some(b"3") => Protocol::Resp3,
        // It asks, or is wrong: nothing changes.
        _ => return topology.any().map(Route::Shared),
    };
    match topology {
        _ if !has_options => Ok(Route::Hello(topology.any()?, protocol)),
        Topology::One(upstream) => Ok(Route::Own(Rc::clone(upstream))),
        _ => Err(Failure::new("ERR HELLO with options needs one upstream, and here are several")),
    }
}

/// Judges a command of a client that has yet to say the proxy's password.
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
    // Behind the name, or among the options of HELLO, each with its number of arguments.
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

/// Compares in a time that does not tell where the difference is.
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
        // It is malformed: any server says so, and in its own words.
        return topology.any().map(Route::Shared);
    };
    let mut slots = keys.chain(channels).map(|key| key_slot(key.key));
    let Some(first) = slots.next() else {
        let is_alike_everywhere = !info.key_specs.is_empty()
            || info.name.starts_with("command")
            || matches!(info.name, "time" | "lolwut" | "publish") && topology.is_cluster();
        return if is_alike_everywhere {
            topology.any().map(Route::Shared)
        } else {
            let name = shown(info.name);
            Err(Failure(format!(
                "ERR {name} names no key, and does not say to which of several upstreams"
            )))
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

/// A name of the table as people write it.
fn shown(name: &str) -> Cow<'_, str> {
    name.to_uppercase().replace('|', " ").into()
}
