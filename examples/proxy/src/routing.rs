//! Where a command goes. That depends on its name, and with several upstreams on the slots of its keys and on the
//! policies in the table of commands.

use std::rc::Rc;

use bytes::Bytes;
use zresp::cluster::key_slot;
use zresp::command::PartialCommand;
use zresp::commands::{Categories, CommandInfo, CommandTable, Flags, KeysError, PartialKeys};
use zresp::{CommandRef, Encode, Protocol, Reply};

use crate::alone::{Alone, Connection};
use crate::client::Client;
use crate::identity::check;
use crate::join::{How, Split, tip};
use crate::topology::Topology;
use crate::upstream::{Failure, Upstream};

/// Where a command goes.
pub(crate) enum Route {
    /// It goes to this upstream, on a connection that clients share.
    Shared(Rc<Upstream>),
    /// It changes the state of its connection, blocks it, or does not have exactly one reply. So the client
    /// gets its own connection, for this command and all later ones.
    Own(Rc<Upstream>),
    /// It goes to upstreams on shared connections, and the replies are joined.
    Split(Split),
    /// It goes to upstreams on connections that are not shared, but which the client does not keep.
    Alone(Alone),
    /// The table does not know it, but the upstream may.
    Unknown(Rc<Upstream>),
    /// It belongs to a transaction, and there are several upstreams.
    Step,
    /// It concerns subscriptions, and there are several upstreams.
    Subscribe,
    /// The proxy answers it.
    Answer(Bytes),
    /// The proxy answers it and closes the connection.
    Farewell(Bytes),
}

pub(crate) const OK: &[u8] = b"+OK\r\n";

/// The flags of commands that concern their connection: scripts may not call them, or they may block.
const CONNECTION_FLAGS: Flags = Flags::NOSCRIPT.union(Flags::BLOCKING);

/// Commands without keys and policies, for administrators, that any upstream may answer.
const HARMLESS: [&str; 3] = ["config|get", "lastsave", "role"];

/// Returns where a command goes.
pub(crate) fn route(
    info: Option<&CommandInfo>,
    command: &CommandRef<'_>,
    client: &Client,
    topology: &Topology,
) -> Result<Route, Failure> {
    let Some(info) = info else {
        // Not every server knows each of these.
        let is_ours = command.is("client") && !topology.wants_password();
        let answer =
            is_ours.then(|| client.identity.borrow_mut().answer(command, client.protocol.get()));
        return match answer.flatten() {
            Some(answer) => answer.map(Route::Answer),
            None => unknown(command.name(), topology),
        };
    };
    if info.name == "hello" {
        match (Hello::of(&command.index()[1..]), topology.only()) {
            (Some(hello), _) => return hello.route(client, topology),
            (None, None) => return refused(topology),
            (None, Some(_)) => {}
        }
    }
    let concerns_connection = concerns_connection(info, command.args());
    if concerns_connection
        && !topology.wants_password()
        && let Some(route) = local(info, command, client, topology)
    {
        return route;
    }
    let is_one = topology.only().is_some();
    match &*info.name {
        "multi" | "exec" | "discard" | "watch" | "unwatch" if !is_one => return Ok(Route::Step),
        name if !is_one && name.ends_with("subscribe") => return Ok(Route::Subscribe),
        _ => {}
    }
    match topology.only() {
        Some(upstream) if is_private(info) => {
            Ok(Route::Alone(Alone::one(upstream, Connection::New)))
        }
        Some(upstream) if concerns_connection => Ok(Route::Own(upstream)),
        Some(upstream) => Ok(Route::Shared(upstream)),
        None => by_keys(info, command, concerns_connection, topology),
    }
}

/// Returns where a large command goes, by its beginning; `None` if more of it is needed to know that.
pub(crate) fn route_begun(
    command: &PartialCommand<'_>,
    topology: &Topology,
) -> Option<Result<Route, Failure>> {
    let name = command.name()?;
    let table = topology.commands();
    let Some(info) = table.partial_of(command) else {
        // If only the subcommand is missing, it has yet to arrive.
        let is_unknown = command.arg(1).is_some() || table.lookup(name).is_none();
        return topology.only().filter(|_| is_unknown).map(|upstream| Ok(Route::Own(upstream)));
    };
    let is_own = concerns_connection(info, command.args());
    if let Some(upstream) = topology.only() {
        let is_own = is_own || is_private(info);
        return Some(Ok(if is_own { Route::Own(upstream) } else { Route::Shared(upstream) }));
    }
    if is_own || is_private(info) {
        return None;
    }
    // Keys that have yet to arrive could be for another upstream.
    let Ok(PartialKeys::All(keys)) = table.partial_keys(command) else { return None };
    let mut slots = keys.map(|key| key_slot(key.key));
    let first = slots.next()?;
    slots.all(|slot| slot == first).then(|| topology.of_slot(first).map(Route::Shared))
}

/// Returns whether a command changes, blocks or describes the connection that it arrives on.
pub(crate) fn concerns_connection<'a>(
    info: &CommandInfo,
    args: impl IntoIterator<Item = &'a [u8]>,
) -> bool {
    if info.categories.contains(Categories::SCRIPTING) {
        // Scripts share connections.
        return info.name == "script|debug";
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

/// Returns whether a command must not use a shared connection although it does not change it: a command that manages
/// scripts. Some must not wait for a script. And some servers repeat the arguments of others in errors, line breaks
/// included: one client could forge the replies to another.
fn is_private(info: &CommandInfo) -> bool {
    let name = info.name.split_once('|').map_or(&*info.name, |(name, _)| name);
    matches!(name, "script" | "function")
}

fn unknown(name: &[u8], topology: &Topology) -> Result<Route, Failure> {
    // A browser that was tricked into talking to a server: an attacker may have chosen the rest.
    if name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:") {
        return Ok(Route::Farewell(Bytes::from_static(
            b"-ERR Protocol error: this is not an HTTP server\r\n",
        )));
    }
    topology.any().map(Route::Unknown)
}

/// Answers a command that concerns its connection, but needs no upstream.
fn local(
    info: &CommandInfo,
    command: &CommandRef<'_>,
    client: &Client,
    topology: &Topology,
) -> Option<Result<Route, Failure>> {
    let is_one = topology.only().is_some();
    let ok = || Route::Answer(Bytes::from_static(OK));
    let name = info.name.split_once('|').map_or(&*info.name, |(name, _)| name);
    Some(Ok(match (name, command.len()) {
        ("ping", 1) => Route::Answer(Bytes::from_static(b"+PONG\r\n")),
        ("ping" | "echo", 2) => answer(&Reply::bulk(command.arg(1)?.to_vec()), Protocol::Resp2),
        // Any upstream complains about the wrong number of arguments.
        ("ping" | "echo", _) => return Some(topology.any().map(Route::Shared)),
        ("quit", _) => Route::Farewell(Bytes::from_static(OK)),
        ("select", 2) if command.arg(1) == Some(b"0") => ok(),
        ("readonly" | "readwrite", 1) if !is_one => ok(),
        ("client", len) => {
            let (mut identity, protocol) = (client.identity.borrow_mut(), client.protocol.get());
            match identity.answer(command, protocol) {
                Some(reply) => return Some(reply.map(Route::Answer)),
                // With one upstream, its connection to the client tells more.
                None if is_one || len != 2 => return None,
                None => answer(&identity.describe(command.arg(1)?, protocol)?, protocol),
            }
        }
        _ => return None,
    }))
}

/// The arguments of `HELLO`.
#[derive(Default)]
struct Hello<'a> {
    protocol: Option<Protocol>,
    /// The user and the password.
    login: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Hello<'a> {
    /// Returns `None` if they are malformed.
    fn of(args: &[&'a [u8]]) -> Option<Self> {
        let Some((version, mut options)) = args.split_first() else { return Some(Self::default()) };
        let protocol = match *version {
            b"2" => Protocol::Resp2,
            b"3" => Protocol::Resp3,
            _ => return None,
        };
        let mut hello = Self { protocol: Some(protocol), ..Self::default() };
        loop {
            options = match options {
                [] => return Some(hello),
                [word, user, password, rest @ ..] if word.eq_ignore_ascii_case(b"auth") => {
                    hello.login = Some((user, password));
                    rest
                }
                [word, name, rest @ ..] if word.eq_ignore_ascii_case(b"setname") => {
                    hello.name = Some(name);
                    rest
                }
                _ => return None,
            }
        }
    }

    /// Returns where it goes. The proxy keeps the name, but not a password.
    fn route(self, client: &Client, topology: &Topology) -> Result<Route, Failure> {
        let upstream = topology.any()?;
        match topology.only() {
            Some(upstream) if self.login.is_some() => return Ok(Route::Own(upstream)),
            None if self.login.is_some() => {
                let failure = Failure::new("ERR AUTH needs one upstream, but there are several");
                return Ok(Route::Farewell(failure.to_reply()));
            }
            _ => {}
        }
        self.name.map_or(Ok(()), |name| check("Client names", name))?;
        let protocol = self.protocol.unwrap_or(client.protocol.get());
        Ok(Route::Split(Split::hello(upstream, protocol, self.name.map(Bytes::copy_from_slice))))
    }
}

/// Checks a command of a client that has not authenticated, or any `AUTH` and `HELLO`, for the right password.
/// Without it, the command is refused.
pub(crate) fn authenticate(
    command: &CommandRef<'_>,
    password: &str,
    client: &Client,
    topology: &Topology,
    is_authenticated: &mut bool,
) -> Result<Route, Failure> {
    let args = command.index();
    let hello = command.is("hello").then(|| Hello::of(&args[1..])).flatten();
    let login = match (&args[1..], &hello) {
        ([given], _) if command.is("auth") => Some((&b"default"[..], *given)),
        ([user, given], _) if command.is("auth") => Some((*user, *given)),
        (_, Some(hello)) => hello.login,
        _ => None,
    };
    let Some((user, given)) = login else {
        return match hello {
            _ if command.is("quit") => Ok(Route::Farewell(Bytes::from_static(OK))),
            Some(hello) if *is_authenticated => hello.route(client, topology),
            _ if *is_authenticated => refused(topology),
            _ => Err(Failure::new("NOAUTH Authentication required.")),
        };
    };
    if user != b"default" || !is_same(given, password.as_bytes()) {
        return Err(Failure::new("WRONGPASS invalid username-password pair or user is disabled."));
    }
    *is_authenticated = true;
    match hello {
        Some(hello) => Hello { login: None, ..hello }.route(client, topology),
        None => Ok(Route::Answer(Bytes::from_static(OK))),
    }
}

/// Compares without stopping at the first difference, so that the time does not tell where that is.
fn is_same(given: &[u8], password: &[u8]) -> bool {
    let differences = given.iter().zip(password).fold(0, |all, (left, right)| all | (left ^ right));
    given.len() == password.len() && differences == 0
}

/// Routes a command by its keys; without keys, by its policy.
fn by_keys(
    info: &CommandInfo,
    command: &CommandRef<'_>,
    concerns_connection: bool,
    topology: &Topology,
) -> Result<Route, Failure> {
    let table = topology.commands();
    let place = place(info, command, &table)?;
    let with = match () {
        () if concerns_connection => Connection::Blocking,
        () if is_private(info) => Connection::New,
        () => Connection::Borrowed,
    };
    let to = |upstream| match with {
        Connection::Borrowed => Route::Shared(upstream),
        _ => Route::Alone(Alone::one(upstream, with)),
    };
    match place {
        Place::Slot(slot) => return topology.of_slot(slot).map(to),
        Place::Several => return Split::of(info, command, topology).map(Route::Split),
        Place::Anywhere => {}
    }
    let is_for_all = matches!(tip(info, "request_policy"), Some("all_shards" | "all_nodes"));
    let is_special = info.categories.intersects(Categories::ADMIN | Categories::CONNECTION)
        || info.flags.intersects(Flags::ADMIN | Flags::NO_MULTI);
    match &*info.name {
        "scan" => Alone::scan(command, topology).map(Route::Alone),
        _ if is_for_all => Ok(Route::Alone(Alone::all(topology, How::of(info), with)?)),
        name if is_special && !HARMLESS.contains(&name) => {
            let name = name.to_uppercase().replace('|', " ");
            let failure = Failure(format!("ERR {name} needs one upstream, but there are several"));
            // The commands after it rely on the state that it would have set.
            let sets_state = matches!(&*name, "SELECT" | "AUTH" | "CLIENT REPLY");
            if sets_state { Ok(Route::Farewell(failure.to_reply())) } else { Err(failure) }
        }
        _ => topology.any().map(to),
    }
}

/// Which slots the keys and the shard channels of a command have.
pub(crate) enum Place {
    Anywhere,
    Slot(u16),
    Several,
}

/// Returns the place of a command, or the error for a malformed one. No upstream could be trusted to refuse that, and
/// it may have a key of another one.
pub(crate) fn place(
    info: &CommandInfo,
    command: &CommandRef<'_>,
    table: &CommandTable,
) -> Result<Place, Failure> {
    let keys = table.keys(command).and_then(|keys| Ok((keys, table.shard_channels(command)?)));
    let (keys, channels) = keys.map_err(|error| match error {
        KeysError::Arity => Failure::arity(&info.name),
        KeysError::Syntax => Failure::new("ERR syntax error"),
        _ => Failure(format!("ERR {error}")),
    })?;
    let mut slots = keys.chain(channels).map(|key| key_slot(key.key));
    Ok(match slots.next() {
        None => Place::Anywhere,
        Some(first) if slots.all(|slot| slot == first) => Place::Slot(first),
        Some(_) => Place::Several,
    })
}

/// Lets any upstream complain about a malformed command, on a connection that is not used again.
fn refused(topology: &Topology) -> Result<Route, Failure> {
    topology.any().map(|upstream| Route::Alone(Alone::one(upstream, Connection::New)))
}

pub(crate) fn answer(reply: &Reply, protocol: Protocol) -> Route {
    let wire = reply.to_wire(protocol);
    Route::Answer(wire.unwrap_or_else(|reason| Failure(format!("ERR {reason}")).to_reply()))
}
