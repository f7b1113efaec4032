//! Where a command goes: by its name, and over several upstreams by the slots of its keys.

use std::borrow::Cow;
use std::rc::Rc;

use bytes::Bytes;
use tracing::warn;
use zresp::cluster::{Redirect, SLOTS, key_slot};
use zresp::commands::{self, BeginSearch, Categories, CommandInfo, FindKeys, Flags, KeySpec};
use zresp::{CommandRef, Encode, PartialCommand, Protocol, Reply};

use crate::cluster::Cluster;
use crate::join::Split;
use crate::options::Options;
use crate::upstream::{Failure, Upstream};

/// What becomes of a command.
pub(crate) enum Route {
    /// It shares a connection to this upstream with those of other clients.
    Shared(Rc<Upstream>),
    /// It leaves its connection in another state, blocks it, or has other than one reply: the client gets a
    /// connection of its own, for this command and all behind it.
    Own(Rc<Upstream>),
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
    pub(crate) async fn new(options: &Options, password: Option<&str>) -> Self {
        if !options.cluster.is_empty() {
            return Self::Cluster(Cluster::new(&options.cluster, options.password.clone()).await);
        }
        let mut upstreams: Vec<_> = options.upstream.iter().cloned().map(Upstream::new).collect();
        for upstream in &upstreams {
            match upstream.connect(password).await {
                Ok(stream) => upstream.give_back(stream),
                Err(failure) => warn!(reason = failure.0, "not there yet"),
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
pub(crate) fn route(command: &CommandRef<'_>, topology: &Topology) -> Result<Route, Failure> {
    let Some(info) = commands::of(command) else { return unknown(command.name(), topology) };
    match topology {
        Topology::One(upstream) if !is_of_connection(info, command) => Ok(shared(upstream)),
        Topology::One(upstream) if upstream.wants_password.get() => Ok(own(info, upstream)),
        Topology::One(upstream) => Ok(local(info, command).unwrap_or_else(|| own(info, upstream))),
        _ if !is_of_connection(info, command) => by_keys(info, command, topology),
        _ => local(info, command).map_or_else(|| stand_in(info, command), Ok),
    }
}

/// Returns what becomes of a large command of which the beginning is there; `None` if that cannot be told.
pub(crate) fn route_begun(
    command: &PartialCommand<'_>,
    topology: &Topology,
) -> Option<Result<Route, Failure>> {
    let name = command.name()?;
    let Some(info) = commands::lookup(name) else { return Some(unknown(name, topology)) };
    if let Topology::One(upstream) = topology {
        let is_script = info.categories.contains(Categories::SCRIPTING);
        let is_own = info.flags.intersects(OF_CONNECTION) && !is_script;
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
fn is_of_connection(info: &CommandInfo, command: &CommandRef<'_>) -> bool {
    if info.categories.contains(Categories::SCRIPTING) {
        // Scripts are run like other commands. What stops one must not wait behind it.
        return info.flags.contains(Flags::ALLOW_BUSY) || info.name == "script|debug";
    }
    match info.name {
        "xread" | "xreadgroup" => command.args().any(|word| word.eq_ignore_ascii_case(b"block")),
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
    match topology {
        // It may do anything.
        Topology::One(upstream) => Ok(Route::Own(Rc::clone(upstream))),
        _ => Err(Failure(format!("ERR unknown command '{}'", name.escape_ascii()))),
    }
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
    match (info.name, command.arg(1)) {
        ("select", Some(b"0")) => Ok(Route::Answer(Bytes::from_static(OK))),
        ("hello", None | Some(b"2")) => {
            let text = [("server", "redis"), ("version", "7.0.15"), ("mode", "standalone")];
            let text = text.map(|(field, value)| (field, Reply::bulk(value)));
            Ok(answer(&Reply::map([("proto", Reply::Integer(2))].into_iter().chain(text))))
        }
        ("hello", _) => Err(Failure::new("NOPROTO unsupported protocol version")),
        _ => {
            let name = shown(info.name);
            Err(Failure(format!("ERR {name} needs one upstream, and here are several")))
        }
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
    let (user, given) = match *args {
        [name, given] if name.eq_ignore_ascii_case(b"auth") => (&b"default"[..], given),
        [name, user, given] if name.eq_ignore_ascii_case(b"auth") => (user, given),
        [name, _, word, user, given, ..]
            if name.eq_ignore_ascii_case(b"hello") && word.eq_ignore_ascii_case(b"auth") =>
        {
            (user, given)
        }
        [name, ..] if name.eq_ignore_ascii_case(b"quit") => return route(command, topology),
        _ => return Err(Failure::new("NOAUTH Authentication required.")),
    };
    if user != b"default" || !is_same(given, password.as_bytes()) {
        return Err(Failure::new("WRONGPASS invalid username-password pair or user is disabled."));
    }
    *is_authenticated = true;
    if args.len() > 3 {
        route(command, topology)
    } else {
        Ok(Route::Answer(Bytes::from_static(OK)))
    }
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
