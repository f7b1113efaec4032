//! Commands that wait until every earlier one is answered: those for several upstreams, whose replies are
//! [joined](crate::join), and those on a connection that is not shared.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use tokio::task::yield_now;
use zresp::cluster::{SLOTS, key_slot};
use zresp::commands::{BeginSearch, CommandInfo, FindKeys};
use zresp::{CommandBuf, CommandRef, EncodeCommand, Protocol};

use crate::client::{Charge, Client};
use crate::connection::hello;
use crate::join::{How, tip};
use crate::lane::Kind;
use crate::replies::TOO_LARGE;
use crate::session::{LARGE, Session};
use crate::topology::Topology;
use crate::upstream::{Failure, Upstream, WHOLE};

/// How many keys or elements are taken at once. Then others have their turns.
const PORTION: usize = 1024;

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

/// The replies to the parts of a command.
pub(crate) struct Join {
    pub(crate) client: Rc<Client>,
    replies: RefCell<Vec<Bytes>>,
    missing: Cell<usize>,
    /// The size of the parts of the command, and how many bytes of the replies have arrived.
    command: usize,
    received: Cell<usize>,
    charge: Charge,
}

/// Drops the replies when the session stops waiting for them. Lanes may keep the join for longer.
struct Waiting(Rc<Join>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.release(&Bytes::new());
    }
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

impl Session {
    /// Sends a command, waits for the replies, and answers with what they say. A command may have a million keys, so
    /// other clients get their turns meanwhile.
    ///
    /// # Errors
    /// If the client has left.
    pub(crate) async fn spread(
        &mut self,
        spread: Spread,
        command: &CommandRef<'_>,
        wire: &Bytes,
    ) -> io::Result<()> {
        let Spread { to, kind, mut how, instead } = spread;
        let parts = match to {
            To::These(upstreams) => {
                let wire = instead.unwrap_or_else(|| wire.clone());
                upstreams.into_iter().map(|upstream| (upstream, wire.clone())).collect()
            }
            To::Keys { step } => match self.split(command, step, &mut how).await {
                Ok(parts) => parts,
                Err(failure) => {
                    self.fail(&failure);
                    return Ok(());
                }
            },
        };
        let client = Rc::clone(&self.client);
        let (protocol, shape) = match how {
            How::Hello(wanted, _) => (self.proxy.access.protocol.unwrap_or(wanted), None),
            _ if kind.is_some_and(Kind::is_single) => (client.protocol.get(), None),
            _ => client.protocol_of(command),
        };
        client.choose_lane(kind, protocol);
        let slot = client.open_slot(0);
        let len = parts.iter().map(|(_, wire)| wire.len()).sum();
        let join = Join::new(&client, parts.len(), len);
        let _waiting = Waiting(Rc::clone(&join));
        for (index, (upstream, wire)) in parts.into_iter().enumerate() {
            let is_large = wire.len() > LARGE;
            let lane = loop {
                match client.lane(&upstream) {
                    Ok(lane) if lane.makes_wait(&client) => {
                        self.when(|client| !client.is_waiting()).await?;
                    }
                    lane => break lane,
                }
            };
            match lane {
                Ok(lane) => lane.send_part(&join, index, wire, shape),
                Err(failure) => join.take(index, failure.to_reply()),
            }
            if is_large {
                yield_now().await;
            }
        }
        self.when(|_| join.missing.get() == 0).await?;
        let replies = join.replies.take();
        if let How::Hello(protocol, name) = &how
            && !replies[0].starts_with(b"-")
        {
            client.protocol.set(*protocol);
            if let Some(name) = name {
                client.identity.borrow_mut().name = name.clone();
            }
        }
        self.answer_joined(slot, &how, &replies).await
    }

    /// Joins replies, and gives the result to the client as fast as it takes it.
    async fn answer_joined(&mut self, slot: u64, how: &How, replies: &[Bytes]) -> io::Result<()> {
        let client = Rc::clone(&self.client);
        let Some(pieces) = how.join(replies, client.protocol.get()) else {
            let failure = Failure::new("ERR upstreams sent replies that do not fit together");
            client.deliver(slot, &failure.to_reply(), 1);
            return Ok(());
        };
        let len = replies.iter().map(Bytes::len).sum::<usize>();
        let mut out = BytesMut::with_capacity(len.min(LARGE));
        for (count, piece) in pieces.enumerate() {
            give_way(count).await;
            let Some(piece) = piece else {
                client.cut_off_because("an upstream sent an element that cannot be read");
                return Err(io::ErrorKind::InvalidData.into());
            };
            for piece in piece.chunks(LARGE) {
                out.extend_from_slice(piece);
                if out.len() >= LARGE {
                    client.deliver(slot, &out, 0);
                    out.clear();
                    self.when(Client::takes_now).await?;
                    yield_now().await;
                }
            }
        }
        client.deliver(slot, &out, 1);
        Ok(())
    }

    /// Splits a command by the upstreams of its keys. In a cluster it is split by slots, because a node refuses a
    /// command with keys in several slots.
    async fn split(
        &self,
        command: &CommandRef<'_>,
        step: usize,
        how: &mut How,
    ) -> Result<Vec<(Rc<Upstream>, Bytes)>, Failure> {
        let topology = &self.proxy.topology;
        let (mut parts, mut indices, mut sources) = (Vec::new(), BTreeMap::new(), Vec::new());
        let mut args = command.args();
        let name = args.next().unwrap_or_default();
        while let Some(key) = args.next() {
            let slot = key_slot(key);
            let upstream = topology.of_slot(slot)?;
            let group = (topology.is_cluster().then_some(slot), Rc::as_ptr(&upstream));
            let index = *indices.entry(group).or_insert_with(|| {
                parts.push((upstream, CommandBuf::new(name)));
                parts.len() - 1
            });
            let part: &mut (_, CommandBuf) = &mut parts[index];
            part.1.push(key).extend(args.by_ref().take(step - 1));
            sources.push(u16::try_from(index).unwrap_or_default());
            give_way(sources.len()).await;
        }
        let is_large = sources.len() > PORTION;
        if let How::Concat = how {
            *how = How::Values(sources);
        }
        let mut wires = Vec::with_capacity(parts.len());
        for (upstream, part) in parts {
            wires.push((upstream, part.to_wire().unwrap_or_default()));
            if is_large {
                yield_now().await;
            }
        }
        Ok(wires)
    }
}

/// Lets others have their turns after each portion.
async fn give_way(count: usize) {
    if count % PORTION == PORTION - 1 {
        yield_now().await;
    }
}

impl Join {
    fn new(client: &Rc<Client>, parts: usize, command: usize) -> Rc<Self> {
        Rc::new(Self {
            client: Rc::clone(client),
            replies: RefCell::new(vec![Bytes::new(); parts]),
            missing: Cell::new(parts),
            command,
            received: Cell::default(),
            charge: Charge::new(client, command),
        })
    }

    /// Counts bytes of replies that have arrived. Returns whether to keep them: there may be too many in all, or the
    /// client may have gone.
    pub(crate) fn keeps(&self, bytes: usize) -> bool {
        self.received.set(self.received.get() + bytes);
        let keeps = self.received.get() <= WHOLE && !self.client.is_gone();
        if keeps {
            self.charge.set(self.command + self.received.get());
        } else {
            self.release(&Bytes::from_static(TOO_LARGE));
        }
        keeps
    }

    /// Drops the replies that have arrived, and puts others in their place.
    fn release(&self, instead: &Bytes) {
        self.replies.borrow_mut().fill(instead.clone());
        self.charge.set(0);
    }

    /// Takes the reply to a part. After the last one, the session of the client joins them.
    pub(crate) fn take(&self, part: usize, reply: Bytes) {
        if let Some(place) = self.replies.borrow_mut().get_mut(part) {
            *place = reply;
        }
        self.missing.set(self.missing.get() - 1);
        if self.missing.get() == 0 {
            self.client.wake();
        }
    }
}
