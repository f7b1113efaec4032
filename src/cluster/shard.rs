//! The replies to `CLUSTER SLOTS` and `CLUSTER SHARDS`: which nodes there are, and which slots they have.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;

use crate::convert::{ConversionError, FromReply, Sequence};
use crate::endpoint::{is_host, known};
use crate::escape;
use crate::slots;
use crate::view::{Pairs, ReplyRef};

/// An entry of the reply to `CLUSTER SLOTS` or `CLUSTER SHARDS`: nodes, and the slots that they have.
///
/// Convert the reply to a `Vec<Shard>`. The text borrows from the reply.
///
/// | | `CLUSTER SLOTS` | `CLUSTER SHARDS` |
/// |---|---|---|
/// | an entry | one range of slots; a shard has an entry for each of its ranges | one shard with all its ranges |
/// | the first node | is the primary | may have any role |
/// | replicas that have failed or have no data yet | are left out | are included; see [`Node::health`] |
///
/// Redis 7 and 8 and Valkey 8 and 9 send the same fields, except that only Valkey 9.1 has [`id`](Self::id) and
/// [`Node::availability_zone`]. RESP2 has flat arrays where RESP3 has maps; both are read. Fields and elements that are
/// not listed here are ignored, and if a field occurs twice, the last one counts.
///
/// The conversion fails if a slot is 16,384 or above, a range is reversed, a port is not one, a host has spaces or
/// control characters or more than 255 bytes, or something that every server sends is missing. Overlapping
/// ranges are found by [`SlotMap::new`](super::SlotMap::new).
///
/// ```
/// use zresp::cluster::{NodeRole, Shard};
///
/// let reply = b"*1\r\n%2\r\n$5\r\nslots\r\n*2\r\n:0\r\n:5460\r\n$5\r\nnodes\r\n*1\r\n%4\r\n\
///     $4\r\nport\r\n:7000\r\n$8\r\nendpoint\r\n$0\r\n\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n";
/// let frame = zresp::decode(reply)?.expect("a whole frame");
/// let shards: Vec<Shard<'_>> = frame.reply().to()?;
/// assert_eq!(shards[0].slots, [0..=5460]);
///
/// let node = shards[0].primary().expect("a primary");
/// assert_eq!((node.role, node.port), (NodeRole::Primary, Some(7000)));
/// assert_eq!(node.host, None); // an empty endpoint: use the host that you asked
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[doc(alias = "CLUSTER SLOTS")]
#[doc(alias = "CLUSTER SHARDS")]
#[doc(alias = "topology")]
#[non_exhaustive]
pub struct Shard<'a> {
    /// The name of the shard; only `CLUSTER SHARDS` of Valkey 9.1 sends it.
    pub id: Option<&'a str>,
    /// The slots that the shard has. Empty for nodes that have none.
    pub slots: Vec<RangeInclusive<u16>>,
    /// The nodes, in the order of the reply.
    pub nodes: Vec<Node<'a>>,
}

/// A node of a cluster.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node<'a> {
    /// Where to connect: an IP address or a host name. `None` means the host that sent the reply.
    ///
    /// It is `None` for a null, an empty text, and `?`. A server sends `?` for a node that should have a host name, but
    /// has none; [`ip`](Self::ip) is usually known then.
    #[doc(alias = "endpoint")]
    pub host: Option<&'a str>,
    /// The port. In `CLUSTER SLOTS` it is the port for TLS if the connection uses TLS; in `CLUSTER SHARDS` it is `None`
    /// for a node that only has a port for TLS.
    pub port: Option<u16>,
    /// The port for TLS, in `CLUSTER SHARDS`.
    pub tls_port: Option<u16>,
    /// The name of the node.
    pub id: Option<&'a str>,
    /// The IP address. `CLUSTER SLOTS` leaves it out if it is the [`host`](Self::host).
    pub ip: Option<&'a str>,
    /// The host name. `CLUSTER SLOTS` leaves it out if it is the [`host`](Self::host).
    pub hostname: Option<&'a str>,
    /// Where the node runs, if its owner has said so; Valkey 9.1 sends it.
    pub availability_zone: Option<&'a str>,
    /// What the node does for its slots.
    pub role: NodeRole,
    /// How far its replication has come, in bytes; in `CLUSTER SHARDS`.
    pub replication_offset: Option<i64>,
    /// Whether it works, as the node that sent the reply sees it; in `CLUSTER SHARDS`.
    pub health: Option<Health>,
}

/// What a node does for its slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodeRole {
    /// It has the slots; servers write `master`.
    Primary,
    /// It has a copy of its primary's data.
    Replica,
    /// The server has sent another word.
    Other,
}

/// Whether a node works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Health {
    /// It works.
    Online,
    /// It is a replica that has no data yet.
    Loading,
    /// The cluster has agreed that it does not answer.
    Failed,
    /// The server has sent another word.
    Other,
}

impl<'a> Shard<'a> {
    /// Returns the node that has the slots.
    ///
    /// In `CLUSTER SHARDS` of Redis 8, a primary that has failed stays in its shard as a primary, next to its successor.
    /// The first one that has not failed is returned then. If all have failed, the first one is returned.
    #[must_use]
    pub fn primary(&self) -> Option<&Node<'a>> {
        let mut primaries = self.nodes.iter().filter(|node| node.role == NodeRole::Primary);
        let first = primaries.clone().next();
        primaries.find(|node| node.health != Some(Health::Failed)).or(first)
    }

    /// Returns an iterator over the replicas, also those that are loading or have failed.
    pub fn replicas(&self) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(|node| node.role == NodeRole::Replica)
    }

    /// Reads an entry of `CLUSTER SLOTS`: the first and the last slot, the primary, its replicas.
    fn of_range(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        let mut elements = Sequence::new(reply)?;
        let slots = range(elements.take()?, elements.take()?, &reply)?;
        let primary = elements.take_with(|node| Node::of_elements(node, NodeRole::Primary))?;
        let mut nodes = vec![primary];
        nodes.extend(elements.take_all(|node| Node::of_elements(node, NodeRole::Replica))?);
        Ok(Self { id: None, slots: vec![slots], nodes })
    }

    /// Reads an entry of `CLUSTER SHARDS`.
    fn of_fields(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        let (mut id, mut slots, mut nodes) = (None, None, None);
        for_each_field(reply.as_pairs()?, |name, value| {
            match name {
                b"id" => id = text(value)?,
                b"slots" => {
                    let ranges = value.to::<Vec<(u16, u16)>>()?.into_iter();
                    let ranges = ranges.map(|(first, last)| range(first, last, &value));
                    slots = Some(ranges.collect::<Result<_, _>>()?);
                }
                b"nodes" => nodes = Some(Sequence::new(value)?.take_all(Node::of_fields)?),
                _ => {}
            }
            Ok(())
        })?;
        let slots = slots.ok_or_else(|| ConversionError::missing("slots", &reply))?;
        Ok(Self {
            id,
            slots,
            nodes: nodes.ok_or_else(|| ConversionError::missing("nodes", &reply))?,
        })
    }
}

impl<'a> FromReply<'a> for Shard<'a> {
    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        match reply {
            ReplyRef::Array(items) if matches!({ items }.next(), Some(ReplyRef::Integer(_))) => {
                Self::of_range(reply)
            }
            _ => Self::of_fields(reply),
        }
    }
}

impl<'a> Node<'a> {
    fn new(role: NodeRole) -> Self {
        Self {
            host: None,
            port: None,
            tls_port: None,
            id: None,
            ip: None,
            hostname: None,
            availability_zone: None,
            role,
            replication_offset: None,
            health: None,
        }
    }

    /// Reads a node of `CLUSTER SLOTS`: its host, port, and from Redis 4 on its name, and from Redis 7 on a map.
    fn of_elements(reply: ReplyRef<'a>, role: NodeRole) -> Result<Self, ConversionError> {
        let mut elements = Sequence::new(reply)?;
        let mut node = Self::new(role);
        node.host = elements.take_with(host)?;
        node.port = elements.take_with(port)?;
        if !elements.is_empty() {
            node.id = elements.take_with(text)?;
        }
        if !elements.is_empty() {
            elements.take_with(|metadata| {
                let Some(metadata) = metadata.non_null() else { return Ok(()) };
                for_each_field(metadata.as_pairs()?, |name, value| node.set(name, value))
            })?;
        }
        Ok(node)
    }

    /// Reads a node of `CLUSTER SHARDS`.
    fn of_fields(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        let mut node = Self::new(NodeRole::Other);
        let (mut has_endpoint, mut has_port, mut has_role) = (false, false, false);
        for_each_field(reply.as_pairs()?, |name, value| {
            match name {
                b"id" => node.id = text(value)?,
                b"endpoint" => (node.host, has_endpoint) = (host(value)?, true),
                b"port" => (node.port, has_port) = (port(value)?, true),
                b"tls-port" => (node.tls_port, has_port) = (port(value)?, true),
                b"role" => (node.role, has_role) = (role(value)?, true),
                b"replication-offset" => node.replication_offset = value.to()?,
                b"health" => node.health = Some(health(value)?),
                _ => node.set(name, value)?,
            }
            Ok(())
        })?;
        for (name, is_there) in [("endpoint", has_endpoint), ("port", has_port), ("role", has_role)]
        {
            if !is_there {
                return Err(ConversionError::missing(name, &reply));
            }
        }
        Ok(node)
    }

    /// Sets one of the fields that `CLUSTER SLOTS` and `CLUSTER SHARDS` have in common.
    fn set(&mut self, name: &[u8], value: ReplyRef<'a>) -> Result<(), ConversionError> {
        match name {
            b"ip" => self.ip = host(value)?,
            b"hostname" => self.hostname = host(value)?,
            b"availability-zone" => self.availability_zone = text(value)?,
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Debug for Shard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("slots", &escape::First(&self.slots))
            .field("nodes", &escape::First(&self.nodes))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("host", &self.host)
            .field("port", &self.port.or(self.tls_port))
            .field("role", &self.role)
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

/// Passes each field to a function. A key that is not a string is passed as an unknown one.
fn for_each_field<'a>(
    fields: Pairs<'a>,
    mut take: impl FnMut(&[u8], ReplyRef<'a>) -> Result<(), ConversionError>,
) -> Result<(), ConversionError> {
    for (key, value) in fields {
        let name = key.as_bytes().unwrap_or_default();
        take(name, value).map_err(|error| error.at_field(&key))?;
    }
    Ok(())
}

fn range(
    first: u16,
    last: u16,
    found: &ReplyRef<'_>,
) -> Result<RangeInclusive<u16>, ConversionError> {
    slots::range(first, last).ok_or_else(|| {
        let count = slots::COUNT;
        ConversionError::custom(
            format_args!("expected a range of slots below {count}, found {first} to {last}"),
            found,
        )
    })
}

/// A host; `None` for a null, an empty one, and `?`.
fn host(reply: ReplyRef<'_>) -> Result<Option<&str>, ConversionError> {
    let Some(host) = reply.to::<Option<&str>>()? else { return Ok(None) };
    if is_host(host) {
        Ok(known(host))
    } else {
        Err(ConversionError::value("a host", reply.kind()))
    }
}

/// A port; `None` for 0, which stands for a port that is closed.
fn port(reply: ReplyRef<'_>) -> Result<Option<u16>, ConversionError> {
    Ok(Some(reply.to()?).filter(|port| *port > 0))
}

/// A text; `None` for a null and an empty one.
fn text(reply: ReplyRef<'_>) -> Result<Option<&str>, ConversionError> {
    Ok(reply.to::<Option<&str>>()?.filter(|text| !text.is_empty()))
}

fn role(reply: ReplyRef<'_>) -> Result<NodeRole, ConversionError> {
    Ok(match reply.as_bytes()? {
        b"master" | b"primary" => NodeRole::Primary,
        b"replica" | b"slave" => NodeRole::Replica,
        _ => NodeRole::Other,
    })
}

fn health(reply: ReplyRef<'_>) -> Result<Health, ConversionError> {
    Ok(match reply.as_bytes()? {
        b"online" => Health::Online,
        b"loading" => Health::Loading,
        b"fail" | b"failed" => Health::Failed,
        _ => Health::Other,
    })
}
