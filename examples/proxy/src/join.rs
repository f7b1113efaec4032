//! Splits commands whose keys belong to several upstreams, and joins replies, as the table of commands says.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use zresp::cluster::key_slot;
use zresp::commands::{BeginSearch, CommandInfo, FindKeys, lookup};
use zresp::encode::{ReplyShape, Shaped};
use zresp::{
    CommandBuf, CommandRef, Encode, EncodeCommand, EncodeError, Protocol, ReplyRef, ReplyWriter,
    decode,
};

use crate::client::Client;
use crate::proxy::Proxy;
use crate::topology::Topology;
use crate::upstream::{Failure, Upstream, hello, number};

/// How replies are joined. Except for [`Best`](Self::Best), an error among them is the result.
pub(crate) enum How {
    /// They are arrays, whose elements go to these positions: for each reply, those of its keys.
    Values(Vec<Vec<usize>>),
    /// They are arrays, which come one after another.
    Concat,
    /// They are integers, or arrays of integers, which are joined pair by pair.
    Integers(fn(i64, i64) -> Option<i64>),
    /// The first is the result.
    Succeeded,
    /// The first that is neither an error nor null is the result.
    Best,
    /// They are one reply to `HELLO`: unless it is an error, the client has this protocol and this name from now on.
    Hello(Protocol, Option<Bytes>),
    /// They are one reply in another protocol than the client's.
    Translated(ReplyShape),
}

impl How {
    /// Returns how the replies to a command are joined that all upstreams get.
    pub(crate) fn of(info: &CommandInfo) -> Self {
        match tip(info, "response_policy") {
            Some("agg_sum") => Self::Integers(i64::checked_add),
            Some("agg_min") => Self::Integers(|left, right| Some(left.min(right))),
            Some("agg_max") => Self::Integers(|left, right| Some(left.max(right))),
            Some("agg_logical_and") => Self::Integers(|left, right| Some(left & right)),
            Some("agg_logical_or") => Self::Integers(|left, right| Some(left | right)),
            Some("all_succeeded") => Self::Succeeded,
            Some(_) => Self::Best,
            None => Self::Concat,
        }
    }

    /// Joins replies, at least one.
    pub(crate) fn join(&self, replies: &[Bytes], protocol: Protocol) -> Bytes {
        let is_error = |reply: &&Bytes| reply.starts_with(b"-");
        let is_good = |reply: &&Bytes| {
            !is_error(reply) && ![&b"$-1\r\n"[..], b"*-1\r\n", b"_\r\n"].contains(&&reply[..])
        };
        let chosen = match self {
            Self::Best => replies.iter().find(is_good).or(replies.first()),
            Self::Succeeded => replies.iter().find(is_error).or(replies.first()),
            Self::Concat | Self::Integers(_) if replies.len() == 1 => replies.first(),
            _ => replies.iter().find(is_error),
        };
        let joined = chosen.cloned().or_else(|| self.joined(replies, protocol));
        let unjoined = || Failure::new("ERR upstreams sent replies that do not fit together");
        joined.unwrap_or_else(|| unjoined().to_reply())
    }

    /// Joins replies that are not errors. Returns `None` if one has an unexpected type.
    fn joined(&self, replies: &[Bytes], protocol: Protocol) -> Option<Bytes> {
        let views: Option<Vec<_>> =
            replies.iter().map(|reply| Some(decode(reply).ok()??.reply())).collect();
        let views = views?;
        let lists = || views.iter().map(|view| view.as_elements().ok()).collect::<Option<Vec<_>>>();
        let mut out = BytesMut::new();
        let mut writer = ReplyWriter::new(&mut out, protocol);
        match self {
            Self::Values(positions) => {
                let mut values = vec![ReplyRef::NullBulk; positions.iter().map(Vec::len).sum()];
                for (mut elements, positions) in lists()?.into_iter().zip(positions) {
                    for position in positions {
                        *values.get_mut(*position)? = elements.next()?;
                    }
                }
                write_array(&mut writer, &values).ok()?;
            }
            Self::Integers(join) => {
                let integers = views.iter().map(|view| view.as_i64().ok());
                if let Some(integers) = integers.collect::<Option<Vec<_>>>() {
                    let joined = integers.into_iter().map(Some).reduce(|l, r| join(l?, r?))??;
                    writer.integer(joined).ok()?;
                } else {
                    let lists: Vec<Vec<i64>> =
                        views.iter().map(|view| view.to().ok()).collect::<Option<_>>()?;
                    let fold = |all: Vec<i64>, next: Vec<i64>| {
                        let pairs = all.into_iter().zip(next);
                        pairs.map(|(left, right)| join(left, right)).collect::<Option<Vec<_>>>()
                    };
                    let joined = lists.into_iter().map(Some).reduce(|l, r| fold(l?, r?))??;
                    let joined: Vec<_> = joined.into_iter().map(ReplyRef::Integer).collect();
                    write_array(&mut writer, &joined).ok()?;
                }
            }
            Self::Hello(protocol, _) => {
                let pairs = views.first()?.as_pairs().ok()?;
                writer.open_map(pairs.count()).ok()?;
                for (key, value) in pairs {
                    writer.value(&key).ok()?;
                    match key.as_bytes() {
                        Ok(b"proto") => writer.integer(number(*protocol)).ok()?,
                        _ => writer.value(&value).ok()?,
                    };
                }
                writer.close().ok()?;
            }
            Self::Translated(shape) => {
                let frame = decode(replies.first()?).ok()??;
                return Shaped::new(frame, *shape).to_wire(protocol).ok();
            }
            _ => match lists() {
                Some(lists) => {
                    let values: Vec<_> = lists.into_iter().flatten().collect();
                    write_array(&mut writer, &values).ok()?;
                }
                None => return replies.first().cloned(),
            },
        }
        writer.finish().ok()?;
        Some(out.freeze())
    }
}

fn write_array(writer: &mut ReplyWriter<'_>, values: &[ReplyRef<'_>]) -> Result<(), EncodeError> {
    writer.open_array(values.len())?;
    values.iter().try_for_each(|value| writer.value(value).map(|_| ()))?;
    writer.close().map(|_| ())
}

/// Returns a tip about a command. The built-in table knows best: servers before Redis 7.0 send no tips, and later ones
/// have called `MSETNX` a command that can be split.
pub(crate) fn tip<'a>(info: &'a CommandInfo, name: &str) -> Option<&'a str> {
    lookup(info.name.as_bytes()).unwrap_or(info).tip(name)
}

/// A command that was split into parts.
pub(crate) struct Split {
    how: How,
    /// The upstream of each part, and what to send there.
    parts: Vec<(Rc<Upstream>, Bytes)>,
}

/// The replies to the parts of a command.
pub(crate) struct Join {
    pub(crate) client: Rc<Client>,
    slot: u64,
    how: How,
    replies: RefCell<Vec<Bytes>>,
    missing: Cell<usize>,
    /// How many bytes of the replies have arrived.
    received: Cell<usize>,
}

impl Split {
    /// Splits a command by the upstreams of its keys, if it has nothing but keys, each with as many values. In a
    /// cluster it is split by slots, because a node refuses a command with keys in several slots.
    pub(crate) fn of(
        info: &CommandInfo,
        command: &CommandRef<'_>,
        topology: &Topology,
    ) -> Result<Self, Failure> {
        let step = match &*info.key_specs {
            [spec] => match (&spec.begin, spec.find) {
                (BeginSearch::Index(1), FindKeys::Range { last: -1, step, .. }) => step,
                _ => 0,
            },
            _ => 0,
        };
        if tip(info, "request_policy") != Some("multi_shard") || step == 0 {
            return Err(Failure::crossing());
        }
        if command.len() % step != 1 % step {
            return Err(Failure::arity(&info.name));
        }
        let mut parts = BTreeMap::new();
        for (position, arguments) in command.index()[1..].chunks(step).enumerate() {
            let slot = key_slot(arguments[0]);
            let upstream = topology.of_slot(slot)?;
            let group = (topology.is_cluster().then_some(slot), Rc::as_ptr(&upstream));
            let new = || ((upstream, CommandBuf::new(command.name())), Vec::new());
            let (part, positions) = parts.entry(group).or_insert_with(new);
            part.1.extend(arguments.iter().copied());
            positions.push(position);
        }
        let wire = |((upstream, command), positions): ((_, CommandBuf), _)| {
            ((upstream, command.to_wire().unwrap_or_default()), positions)
        };
        let (parts, positions) = parts.into_values().map(wire).unzip();
        let how = match How::of(info) {
            How::Concat => How::Values(positions),
            how => how,
        };
        Ok(Self { how, parts })
    }

    /// `HELLO` with a protocol and a name, for any upstream.
    pub(crate) fn hello(upstream: Rc<Upstream>, protocol: Protocol, name: Option<Bytes>) -> Self {
        Self { how: How::Hello(protocol, name), parts: vec![(upstream, Bytes::new())] }
    }

    /// A command whose reply has to be translated.
    pub(crate) fn translated(
        upstream: Rc<Upstream>,
        command: &CommandRef<'_>,
        shape: ReplyShape,
    ) -> Self {
        let parts = vec![(upstream, Bytes::copy_from_slice(command.wire()))];
        Self { how: How::Translated(shape), parts }
    }

    /// Sends every part to its upstream.
    pub(crate) fn send(self, client: &Rc<Client>, proxy: &Rc<Proxy>) {
        let join = Rc::new(Join {
            client: Rc::clone(client),
            slot: client.open_slot(0),
            how: self.how,
            replies: RefCell::new(vec![Bytes::new(); self.parts.len()]),
            missing: Cell::new(self.parts.len()),
            received: Cell::default(),
        });
        for (index, (upstream, command)) in self.parts.into_iter().enumerate() {
            let (protocol, command) = match join.how {
                How::Hello(protocol, _) => {
                    let protocol = proxy.access.protocol.unwrap_or(protocol);
                    (protocol, hello(protocol).to_wire().unwrap_or_default())
                }
                _ => (proxy.shared_protocol(client), command),
            };
            match client.lane(&upstream, protocol, proxy) {
                Ok(lane) => lane.send_part(&join, index, command),
                Err(failure) => join.take(index, &failure.to_reply()),
            }
        }
    }
}

impl Join {
    /// Counts bytes of replies that have arrived; returns how many there are in all.
    pub(crate) fn count_received(&self, bytes: usize) -> usize {
        self.received.set(self.received.get() + bytes);
        self.received.get()
    }

    /// Takes the reply to a part. With the last one, the joined reply goes to the client.
    pub(crate) fn take(&self, part: usize, reply: &[u8]) {
        self.replies.borrow_mut()[part] = Bytes::copy_from_slice(reply);
        self.missing.set(self.missing.get() - 1);
        if self.missing.get() > 0 {
            return;
        }
        let protocol = match self.how {
            How::Hello(protocol, _) => protocol,
            _ => self.client.protocol.get(),
        };
        let reply = self.how.join(&self.replies.borrow(), protocol);
        if let (How::Hello(protocol, name), false) = (&self.how, reply.starts_with(b"-")) {
            self.client.protocol.set(*protocol);
            if let Some(name) = name {
                self.client.identity.borrow_mut().name = name.clone();
            }
        }
        self.client.deliver(self.slot, &reply, 1);
    }
}
