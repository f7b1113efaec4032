//! Where a command goes. That depends on its name, on the state of the client, and with several upstreams on the slots
//! of its keys and on the policies in the table of commands.

use std::rc::Rc;

use bytes::Bytes;
use zresp::cluster::key_slot;
use zresp::command::PartialCommand;
use zresp::commands::{Categories, CommandInfo, CommandTable, Flags, Keys, KeysError, PartialKeys};
use zresp::{CommandRef, Encode, Protocol, Reply};

use crate::join::tip;
use crate::lane::Kind;
use crate::login::Hello;
use crate::mark::is_wait;
use crate::session::{LARGE, NAME, Session};
use crate::spread::Spread;
use crate::topology::Topology;
use crate::upstream::{Failure, Upstream};

/// Where a command goes.
pub(crate) enum Route {
    /// It goes to this upstream, on a connection that clients share.
    Shared(Rc<Upstream>),
    /// The same, and no command follows until it is answered: a cluster may refuse it for a moment, and it must not be
    /// overtaken.
    Last(Rc<Upstream>),
    /// It changes the state of its connection, blocks it, or does not have exactly one reply. So the client
    /// gets its own connection, for this command and all later ones.
    Own(Rc<Upstream>),
    /// It goes to several upstreams, or must not share a connection. The client waits for the reply.
    Spread(Spread),
    /// The table does not know it, but an upstream may.
    Unknown,
    /// It belongs to a transaction, and there are several upstreams.
    Step,
    /// It concerns subscriptions, and there are several upstreams.
    Subscribe,
    /// The proxy answers it.
    Answer(Bytes),
    /// The proxy answers it and closes the connection.
    Farewell(Bytes),
}

pub(crate) type Routed = Result<Route, Failure>;

pub(crate) const OK: Bytes = Bytes::from_static(b"+OK\r\n");

/// The flags of commands that concern their connection: scripts may not call them, or they may block.
const CONNECTION_FLAGS: Flags = Flags::NOSCRIPT.union(Flags::BLOCKING);

/// Commands without keys and policies, for administrators, that any upstream may answer.
const HARMLESS: [&str; 3] = ["config|get", "lastsave", "role"];

impl Session {
    /// Returns where a command goes.
    pub(crate) fn route(&mut self, info: Option<&CommandInfo>, command: &CommandRef<'_>) -> Routed {
        let is_login = || info.is_some_and(|info| matches!(&*info.name, "auth" | "hello"));
        match self.proxy.access.password {
            Some(_) if !self.is_authenticated || is_login() => self.authenticate(command),
            _ if self.transaction.is_open && !command.is("quit") => Ok(Route::Step),
            _ if !self.feeds.is_empty() && command.is("hello") => {
                Err(Failure::new("ERR a client with subscriptions cannot change its protocol"))
            }
            // Messages of RESP2 look like replies, so only some commands are allowed.
            _ if !self.feeds.is_empty() && self.client.protocol.get() == Protocol::Resp2 => {
                self.route_subscriber(info, command)
            }
            _ => self.route_plain(info, command),
        }
    }

    fn route_subscriber(&self, info: Option<&CommandInfo>, command: &CommandRef<'_>) -> Routed {
        let name = info.map_or("", |info| &*info.name);
        if name == "ping" {
            let payload = command.arg(1).unwrap_or_default();
            let pong = [&b"pong"[..], payload].map(|word| Reply::bulk(word.to_vec()));
            return Ok(answer(&Reply::array(pong), Protocol::Resp2));
        }
        if name.ends_with("subscribe") || name == "quit" {
            return self.route_plain(info, command);
        }
        let name = shown(command).to_lowercase();
        Err(Failure(format!(
            "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
        )))
    }

    fn route_plain(&self, info: Option<&CommandInfo>, command: &CommandRef<'_>) -> Routed {
        let topology = &self.proxy.topology;
        let Some(info) = info else { return self.route_unknown(command) };
        if info.name == "hello" {
            match Hello::of(&command.index()[1..]) {
                Some(hello) => return self.greet(&hello),
                None if topology.only().is_none() => return refused(topology),
                None => {}
            }
        }
        let concerns_connection = concerns_connection(info, command.args());
        if concerns_connection
            && !topology.wants_password()
            && let Some(route) = self.local(info, command)
        {
            return route;
        }
        match (topology.only(), &*info.name) {
            (Some(upstream), _) if concerns_connection => Ok(Route::Own(upstream)),
            (Some(upstream), _) if is_private(info) => {
                Ok(Route::Spread(Spread::one(upstream, Some(Kind::Single))))
            }
            (Some(upstream), _) => Ok(Route::Shared(upstream)),
            (None, "multi" | "exec" | "discard" | "watch" | "unwatch") => Ok(Route::Step),
            (None, name) if name.ends_with("subscribe") => Ok(Route::Subscribe),
            (None, _) => {
                let needs_mark = is_wait(info.name.as_bytes()) && self.client.has_written.get();
                let kind = match () {
                    () if needs_mark => Some(Kind::Wait),
                    () if concerns_connection => Some(Kind::Blocking),
                    () if is_private(info) => Some(Kind::Single),
                    () => None,
                };
                by_keys(info, command, kind, topology)
            }
        }
    }

    fn route_unknown(&self, command: &CommandRef<'_>) -> Routed {
        // Not every server knows each of these.
        if command.is("client") && !self.proxy.topology.wants_password() {
            let mut identity = self.client.identity.borrow_mut();
            if let Some(answer) = identity.answer(command, self.client.protocol.get()) {
                return answer.map(Route::Answer);
            }
        }
        // A browser that was tricked into talking to a server: an attacker may have chosen the rest.
        if command.is("post") || command.is("host:") {
            let reply = b"-ERR Protocol error: this is not an HTTP server\r\n";
            return Ok(Route::Farewell(Bytes::from_static(reply)));
        }
        Ok(Route::Unknown)
    }

    /// Answers a command that concerns its connection, but needs no upstream.
    fn local(&self, info: &CommandInfo, command: &CommandRef<'_>) -> Option<Routed> {
        let topology = &self.proxy.topology;
        let is_one = topology.only().is_some();
        let name = info.name.split_once('|').map_or(&*info.name, |(name, _)| name);
        Some(Ok(match (name, command.len()) {
            ("ping", 1) => Route::Answer(Bytes::from_static(b"+PONG\r\n")),
            ("ping" | "echo", 2) => answer(&Reply::bulk(command.arg(1)?.to_vec()), Protocol::Resp2),
            // Any upstream complains about the wrong number of arguments.
            ("ping" | "echo", _) => return Some(topology.any().map(Route::Shared)),
            ("quit", _) => Route::Farewell(OK),
            ("select", 2) if command.arg(1) == Some(b"0") => Route::Answer(OK),
            ("readonly" | "readwrite", 1) if topology.is_cluster() => Route::Answer(OK),
            ("readonly" | "readwrite", 1) if !is_one => {
                return Some(Err(Failure::new("ERR This instance has cluster support disabled")));
            }
            ("client", len) => {
                let protocol = self.client.protocol.get();
                let mut identity = self.client.identity.borrow_mut();
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
}

/// Returns where a large command goes, by its beginning; `None` if more of it is needed to know that.
pub(crate) fn route_begun(command: &PartialCommand<'_>, topology: &Topology) -> Option<Routed> {
    let name = command.name()?;
    let table = topology.commands();
    let Some(info) = table.partial_of(command) else {
        // If only the subcommand is missing, it has yet to arrive.
        let is_unknown = command.arg(1).is_some() || table.lookup(name).is_none();
        return topology.only().filter(|_| is_unknown).map(|upstream| Ok(Route::Own(upstream)));
    };
    // The word that makes a read block may be among what has yet to arrive.
    let may_block = matches!(&*info.name, "xread" | "xreadgroup");
    let is_own = may_block || concerns_connection(info, command.args()) || is_private(info);
    if let Some(upstream) = topology.only() {
        return Some(Ok(if is_own { Route::Own(upstream) } else { Route::Shared(upstream) }));
    }
    // Keys that have yet to arrive could be for another upstream.
    let is_whole = is_own || matches!(&*info.name, "copy" | "move");
    let keys = table.partial_keys(command).ok().filter(|_| !is_whole);
    let Some(PartialKeys::All(keys)) = keys else { return None };
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
        "xread" | "xreadgroup" => args.into_iter().any(|word| is_word(word, "block")),
        // `CLIENT` with an unknown subcommand; and a command without a reply.
        "client" | "cluster|syncslots" => true,
        _ => info.flags.intersects(CONNECTION_FLAGS) || has_connection_category(info),
    }
}

/// Returns whether an argument is a word of the syntax. Servers compare words up to a NUL.
fn is_word(argument: &[u8], word: &str) -> bool {
    let end = argument.iter().position(|byte| *byte == 0).unwrap_or(argument.len());
    argument[..end].eq_ignore_ascii_case(word.as_bytes())
}

/// Returns whether a command moves keys to another database. With several upstreams, clients have only the first one.
pub(crate) fn leaves_database(info: &CommandInfo, command: &CommandRef<'_>) -> bool {
    match &*info.name {
        "swapdb" | "move" => true,
        "copy" => command.args().skip(3).any(|word| is_word(word, "db")),
        _ => false,
    }
}

/// Returns whether servers say that a command is about a connection. They say it of `COMMAND` as well, which is not.
fn has_connection_category(info: &CommandInfo) -> bool {
    info.categories.contains(Categories::CONNECTION) && !info.name.starts_with("command")
}

/// Returns whether a command must not use a shared connection although it does not change it: a command that manages
/// scripts, or one for administrators. Some must not wait for a script. Some servers repeat the arguments of others in
/// errors, line breaks included: one client could forge the replies to another. And new ones may reply twice or never.
pub(crate) fn is_private(info: &CommandInfo) -> bool {
    let name = info.name.split_once('|').map_or(&*info.name, |(name, _)| name);
    matches!(name, "script" | "function") || info.flags.contains(Flags::ADMIN)
}

/// Routes a command by its keys; without keys, by its policy. `None` is a command that may share connections.
fn by_keys(
    info: &CommandInfo,
    command: &CommandRef<'_>,
    kind: Option<Kind>,
    topology: &Topology,
) -> Routed {
    // The keys of a large command are looked at while others get their turns.
    if command.wire().len() > LARGE
        && let Ok(spread) = Spread::keys(info, command)
    {
        return Ok(Route::Spread(spread));
    }
    let table = topology.commands();
    // While a slot moves, its keys may be in different places for a moment.
    let may_wait = topology.is_cluster() && !info.categories.contains(Categories::SCRIPTING);
    let has_several = |keys: Keys<'_>| keys.take(2).count() == 2;
    let to = |upstream| match kind {
        Some(_) => Route::Spread(Spread::one(upstream, kind)),
        None if may_wait && table.keys(command).is_ok_and(has_several) => Route::Last(upstream),
        None => Route::Shared(upstream),
    };
    if leaves_database(info, command) {
        return Err(Failure::needs_one(info));
    }
    match place(info, command, &table)? {
        Place::Slot(slot) => return topology.of_slot(slot).map(to),
        Place::Several => return Spread::keys(info, command).map(Route::Spread),
        Place::Anywhere => {}
    }
    let is_for_all = matches!(tip(info, "request_policy"), Some("all_shards" | "all_nodes"));
    let is_special = has_connection_category(info)
        || info.categories.contains(Categories::ADMIN)
        || info.flags.intersects(Flags::ADMIN | Flags::NO_MULTI);
    match &*info.name {
        "scan" => Spread::scan(command, topology).map(Route::Spread),
        // Servers send no policies for these. Each knows its own shard channels.
        _ if is_for_all || info.name.starts_with("pubsub|shard") => {
            Spread::all(topology, info, kind).map(Route::Spread)
        }
        name if is_special && !HARMLESS.contains(&name) => {
            let failure = Failure::needs_one(info);
            // The commands after it rely on the state that it would have set.
            let sets_state = matches!(name, "select" | "auth" | "client|reply");
            if sets_state { Ok(Route::Farewell(failure.to_reply())) } else { Err(failure) }
        }
        _ if info.categories.contains(Categories::PUBSUB) => topology.of_channels().map(to),
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

/// Returns the name of a command as errors show it.
pub(crate) fn shown(command: &CommandRef<'_>) -> String {
    let name = command.name();
    name.get(..NAME).unwrap_or(name).escape_ascii().to_string()
}

/// Lets any upstream complain about a malformed command, on a connection that is not used again.
pub(crate) fn refused(topology: &Topology) -> Routed {
    topology.any().map(|upstream| Route::Spread(Spread::one(upstream, Some(Kind::Single))))
}

fn answer(reply: &Reply, protocol: Protocol) -> Route {
    let wire = reply.to_wire(protocol);
    Route::Answer(wire.unwrap_or_else(|reason| Failure(format!("ERR {reason}")).to_reply()))
}
