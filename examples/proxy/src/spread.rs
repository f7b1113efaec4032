//! Commands for several upstreams, whose replies are [joined](crate::join), and those on a connection that is not
//! shared.

use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use tokio::task::yield_now;
use tokio::time::Instant;
use zresp::cluster::{SLOTS, key_slot};
use zresp::command::Args;
use zresp::commands::{BeginSearch, CommandInfo, FindKeys};
use zresp::encode::ReplyShape;
use zresp::{CommandBuf, CommandRef, EncodeCommand, Protocol};

use crate::client::Client;
use crate::connection::hello;
use crate::due::{Due, Recipient};
use crate::join::{How, Join, PORTION, tip};
use crate::lane::{Kind, Lane};
use crate::session::{Next, Session};
use crate::topology::Topology;
use crate::upstream::{Failure, Upstream};

/// What to send to one or more upstreams.
pub(crate) struct Spread {
    to: To,
    /// The kind of the lanes; `None` for those that the client usually has.
    kind: Option<Kind>,
    how: How,
    /// What is sent, if that is not the command of the client.
    instead: Option<Bytes>,
}

enum To {
    These(Vec<Rc<Upstream>>),
    /// The upstreams of the keys. Each key comes with `step - 1` other arguments.
    Keys {
        step: usize,
    },
}

/// A command that is being split. In a cluster it is split by the slots of its keys, because a node refuses a command
/// with keys in several slots, otherwise by their upstreams.
struct Split<'a> {
    topology: &'a Topology,
    name: &'a [u8],
    /// The arguments that have yet to be taken.
    args: Args<'a>,
    step: usize,
    how: How,
    parts: Vec<(Rc<Upstream>, Part)>,
    /// The parts for slots, or for upstreams.
    indices: BTreeMap<(Option<u16>, *const Upstream), usize>,
    /// The parts of the keys.
    sources: Vec<u16>,
    /// How many bytes all parts have, about.
    size: usize,
}

enum Part {
    Whole(Bytes),
    Keys(CommandBuf),
}

impl Spread {
    pub(crate) fn one(upstream: Rc<Upstream>, kind: Option<Kind>) -> Self {
        Self { to: To::These(vec![upstream]), kind, how: How::Succeeded, instead: None }
    }

    /// A command for all upstreams.
    pub(crate) fn all(
        topology: &Topology,
        info: &CommandInfo,
        kind: Option<Kind>,
    ) -> Result<Self, Failure> {
        let mut all: Vec<_> = topology.all().iter().map(|(_, each)| Rc::clone(each)).collect();
        if all.is_empty() {
            all.push(topology.any()?);
        }
        let kind = kind.or(Some(Kind::Slow));
        let how = if all.len() == 1 { How::Succeeded } else { How::of(info) };
        Ok(Self { to: To::These(all), kind, how, instead: None })
    }

    /// A command that is split by the upstreams of its keys, if it has nothing but keys, each with as many values.
    pub(crate) fn keys(info: &CommandInfo, command: &CommandRef<'_>) -> Result<Self, Failure> {
        let step = match &*info.key_specs {
            [spec] if tip(info, "request_policy") == Some("multi_shard") => {
                match (&spec.begin, spec.find) {
                    (BeginSearch::Index(1), FindKeys::Range { last: -1, step, .. }) => step,
                    _ => 0,
                }
            }
            _ => 0,
        };
        match command.len().checked_rem(step) {
            None => Err(Failure::crossing()),
            Some(rest) if rest != 1 % step => Err(Failure::arity(&info.name)),
            _ => Ok(Self { to: To::Keys { step }, kind: None, how: How::of(info), instead: None }),
        }
    }

    /// `HELLO` with a protocol and a name, on a connection that may have another protocol.
    pub(crate) fn hello(
        upstream: Rc<Upstream>,
        shared: Protocol,
        wanted: Protocol,
        name: Option<Bytes>,
    ) -> Self {
        let (how, instead) = (How::Hello(wanted, name), hello(shared).to_wire().ok());
        Self { how, instead, ..Self::one(upstream, None) }
    }

    /// `SCAN` goes to one upstream after another. A cursor is that of an upstream, followed by the lowest slot of
    /// that upstream, in 14 bits.
    pub(crate) fn scan(command: &CommandRef<'_>, topology: &Topology) -> Result<Self, Failure> {
        let args = command.index();
        let cursor = std::str::from_utf8(args[1]).ok().and_then(|cursor| cursor.parse().ok());
        let cursor: u64 = cursor.ok_or_else(|| Failure::new("ERR invalid cursor"))?;
        let slot = cursor % u64::from(SLOTS);
        let upstream = topology.of_slot(u16::try_from(slot).unwrap_or_default())?;
        let all = topology.all();
        let mut firsts = all.iter().map(|(first, _)| u64::from(*first));
        let how = How::Scan(slot, firsts.find(|first| *first > slot).unwrap_or_default());
        let command = CommandBuf::new("SCAN").arg(cursor / u64::from(SLOTS));
        let instead = command.args(args[2..].iter().copied()).to_wire().ok();
        Ok(Self { how, instead, ..Self::one(upstream, Some(Kind::Slow)) })
    }
}

impl<'a> Split<'a> {
    fn new(spread: Spread, command: &CommandRef<'a>, topology: &'a Topology) -> Self {
        let (mut args, mut size, mut parts) = (command.args(), command.wire().len(), Vec::new());
        let step = match spread.to {
            To::Keys { step } => step,
            To::These(upstreams) => {
                let whole = || Bytes::copy_from_slice(command.wire());
                let wire = spread.instead.unwrap_or_else(whole);
                size = upstreams.len() * wire.len();
                parts.extend(upstreams.into_iter().map(|each| (each, Part::Whole(wire.clone()))));
                0
            }
        };
        let (name, how) = (args.next().unwrap_or_default(), spread.how);
        let (indices, sources) = Default::default();
        Self { topology, name, args, step, how, parts, indices, sources, size }
    }

    /// Takes a portion of the keys. Returns whether there are more.
    fn take(&mut self) -> Result<bool, Failure> {
        for _ in 0..PORTION {
            let Some(values) = self.step.checked_sub(1) else { return Ok(false) };
            let Some(key) = self.args.next() else { return Ok(false) };
            let slot = key_slot(key);
            let upstream = self.topology.of_slot(slot)?;
            let group = (self.topology.is_cluster().then_some(slot), Rc::as_ptr(&upstream));
            let index = *self.indices.entry(group).or_insert_with(|| {
                self.parts.push((upstream, Part::Keys(CommandBuf::new(self.name))));
                self.parts.len() - 1
            });
            if let Part::Keys(part) = &mut self.parts[index].1 {
                part.push(key).extend(self.args.by_ref().take(values));
            }
            self.sources.push(u16::try_from(index).unwrap_or_default());
        }
        Ok(true)
    }

    /// Returns whether no command may follow until it is answered: a cluster may refuse a part with several keys for a
    /// moment, and it must not be overtaken.
    fn is_last(&self) -> bool {
        self.step == 0 || self.topology.is_cluster() && self.parts.len() < self.sources.len()
    }

    /// Adds an entry for the reply. Returns its ticket, and the parts.
    fn open(self, client: &Client) -> (u64, Vec<(Rc<Upstream>, Part)>) {
        let Self { how, parts, sources, size, .. } = self;
        let how = if let How::Concat = how
            && !sources.is_empty()
        {
            How::Values(sources)
        } else {
            how
        };
        (client.open_entry(size, Some(Join::new(how, parts.len(), size))), parts)
    }
}

impl Session {
    /// Sends a command whose reply is joined. Returns what the session does next, if that is not the next command.
    pub(crate) fn spread(
        &self,
        spread: Spread,
        command: &CommandRef<'_>,
    ) -> Result<Option<Next>, Failure> {
        let client = &self.client;
        let is_split = matches!(spread.to, To::Keys { .. });
        let (protocol, shape) = self.protocol_of(&spread, command);
        if !is_split && !client.is_answered() || !client.choose_lane(spread.kind, protocol) {
            client.hold_back();
            return Ok(Some(Next::Take));
        }
        let mut split = Split::new(spread, command, &self.proxy.topology);
        while split.take()? {}
        let lanes: Vec<_> = split.parts.iter().map(|(each, _)| client.lane(each)).collect();
        if lanes.iter().flatten().any(|lane| lane.makes_wait(client)) {
            return Ok(Some(Next::Take));
        }
        let is_last = split.is_last();
        let (ticket, parts) = split.open(client);
        for (index, (lane, (_, part))) in lanes.into_iter().zip(parts).enumerate() {
            let to = Recipient::Part(Rc::clone(client), ticket, index);
            send(lane, to, part, shape);
        }
        if is_last {
            client.hold_back();
        }
        Ok(None)
    }

    /// The same for a large command, once every earlier one is answered. It may have a million keys, so other clients
    /// get their turns meanwhile.
    ///
    /// # Errors
    /// If the client has left.
    pub(crate) async fn spread_large(
        &mut self,
        spread: Spread,
        command: &CommandRef<'_>,
    ) -> io::Result<()> {
        let (client, topology) = (Rc::clone(&self.client), Rc::clone(&self.proxy.topology));
        let (protocol, shape) = self.protocol_of(&spread, command);
        client.choose_lane(spread.kind, protocol);
        let mut split = Split::new(spread, command, &topology);
        loop {
            match split.take() {
                Ok(true) => yield_now().await,
                Ok(false) => break,
                Err(failure) => {
                    self.fail(&failure);
                    return Ok(());
                }
            }
        }
        let (ticket, parts) = split.open(&client);
        for (index, (upstream, part)) in parts.into_iter().enumerate() {
            let lane = loop {
                match client.lane(&upstream) {
                    Ok(lane) if lane.makes_wait(&client) => {
                        self.when(|client| !client.is_waiting()).await?;
                    }
                    lane => break lane,
                }
            };
            let to = Recipient::Part(Rc::clone(&client), ticket, index);
            send(lane, to, part, shape);
            yield_now().await;
        }
        client.hold_back();
        Ok(())
    }

    /// Returns the protocol of the connections for a command, and how its reply is translated then.
    fn protocol_of(
        &self,
        spread: &Spread,
        command: &CommandRef<'_>,
    ) -> (Protocol, Option<ReplyShape>) {
        match spread.how {
            How::Hello(wanted, _) => (self.proxy.access.protocol.unwrap_or(wanted), None),
            _ if spread.kind.is_some_and(Kind::is_single) => (self.client.protocol.get(), None),
            _ => self.client.protocol_of(command),
        }
    }
}

/// Sends a part of a command, or answers it with an error.
fn send(lane: Result<Rc<Lane>, Failure>, to: Recipient, part: Part, shape: Option<ReplyShape>) {
    let wire = match part {
        Part::Whole(wire) => wire,
        Part::Keys(command) => command.to_wire().unwrap_or_default(),
    };
    let due = |command| Due::new(to, command, shape, Instant::now());
    match lane {
        Ok(lane) => lane.send_part(due, wire),
        Err(failure) => due(None).give(failure.to_reply()),
    }
}
