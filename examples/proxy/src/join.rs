//! Splits commands whose keys belong to several upstreams, and joins the replies.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use zresp::cluster::key_slot;
use zresp::commands::CommandInfo;
use zresp::{CommandBuf, CommandRef, EncodeCommand, ReplyRef, ReplyWriter, decode};

use crate::client::Client;
use crate::proxy::Proxy;
use crate::routing::Topology;
use crate::upstream::{Failure, Upstream};

/// How the replies to the parts are joined.
#[derive(Clone, Copy)]
enum How {
    /// They are arrays. Each element goes to the position of its key.
    Values,
    /// They are integers, and are added.
    Sum,
    /// They are all `+OK`, and so is the result.
    Ok,
}

/// A command that was split into parts.
pub(crate) struct Split {
    how: How,
    parts: Vec<Part>,
}

struct Part {
    upstream: Rc<Upstream>,
    command: CommandBuf,
    /// The positions of its keys among all keys of the command.
    positions: Vec<usize>,
}

/// The replies to the parts of a command.
pub(crate) struct Join {
    pub(crate) client: Rc<Client>,
    slot: u64,
    how: How,
    /// For each part, the positions of its keys among all keys of the command.
    positions: Vec<Vec<usize>>,
    replies: RefCell<Vec<Bytes>>,
    missing: Cell<usize>,
    /// How many bytes of the replies have arrived.
    received: Cell<usize>,
}

impl Split {
    /// Splits a command by the upstreams of its keys. In a cluster it is split by slots, because a node
    /// refuses a command with keys in several slots.
    pub(crate) fn of(
        info: &CommandInfo,
        command: &CommandRef<'_>,
        topology: &Topology,
    ) -> Result<Self, Failure> {
        let (how, step) = match &*info.name {
            "mget" => (How::Values, 1),
            "mset" if command.len() % 2 == 1 => (How::Ok, 2),
            "mset" => return Err(Failure::new("ERR wrong number of arguments for 'mset' command")),
            "del" | "unlink" | "exists" | "touch" => (How::Sum, 1),
            _ => {
                return Err(Failure(
                    "CROSSSLOT Keys in request don't hash to the same slot".to_owned(),
                ));
            }
        };
        let mut parts = BTreeMap::new();
        for (position, arguments) in command.index()[1..].chunks(step).enumerate() {
            let slot = key_slot(arguments[0]);
            let upstream = topology.of_slot(slot)?;
            let group = (topology.is_cluster().then_some(slot), Rc::as_ptr(&upstream));
            let part = parts.entry(group).or_insert_with(|| Part {
                upstream,
                command: CommandBuf::new(command.name()),
                positions: Vec::new(),
            });
            part.command.extend(arguments.iter().copied());
            part.positions.push(position);
        }
        Ok(Self { how, parts: parts.into_values().collect() })
    }

    /// Sends every part to its upstream.
    pub(crate) fn send(self, client: &Rc<Client>, proxy: &Rc<Proxy>) {
        let join = Rc::new(Join {
            client: Rc::clone(client),
            slot: client.open_slot(0),
            how: self.how,
            positions: self.parts.iter().map(|part| part.positions.clone()).collect(),
            replies: RefCell::new(vec![Bytes::new(); self.parts.len()]),
            missing: Cell::new(self.parts.len()),
            received: Cell::default(),
        });
        for (index, part) in self.parts.into_iter().enumerate() {
            match client.lane(&part.upstream, proxy) {
                Ok(lane) => {
                    let wire = part.command.to_wire().unwrap_or_default();
                    lane.send_part(&join, index, wire);
                }
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
        if self.missing.get() == 0 {
            let unjoined = || Failure::new("ERR upstreams sent replies that do not fit together");
            let reply = self.joined().unwrap_or_else(|| unjoined().to_reply());
            self.client.deliver(self.slot, &reply, 1);
        }
    }

    /// Joins the replies. If one is an error, it is the result. Returns `None` if one has an unexpected type.
    fn joined(&self) -> Option<Bytes> {
        let replies = self.replies.borrow();
        if let Some(failed) = replies.iter().find(|reply| reply.starts_with(b"-")) {
            return Some(failed.clone());
        }
        let mut out = BytesMut::new();
        let mut writer = ReplyWriter::new(&mut out, self.client.protocol.get());
        match self.how {
            How::Ok => return Some(Bytes::from_static(b"+OK\r\n")),
            How::Sum => {
                let mut sum = 0_i64;
                for reply in &*replies {
                    sum = sum.checked_add(decode(reply).ok()??.reply().as_i64().ok()?)?;
                }
                writer.integer(sum).ok()?;
            }
            How::Values => {
                let count = self.positions.iter().map(Vec::len).sum();
                let mut values = vec![ReplyRef::NullBulk; count];
                for (reply, positions) in replies.iter().zip(&self.positions) {
                    let mut elements = decode(reply).ok()??.reply().as_elements().ok()?;
                    for position in positions {
                        *values.get_mut(*position)? = elements.next()?;
                    }
                }
                writer.open_array(count).ok()?;
                for value in values {
                    writer.value(&value).ok()?;
                }
                writer.close().ok()?;
            }
        }
        writer.finish().ok()?;
        Some(out.freeze())
    }
}
