//! Notices of planned maintenance, which Redis Cloud and Redis Software send.

use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;

use crate::convert::{ConversionError, Sequence};
use crate::endpoint::Endpoint;
use crate::escape::First;
use crate::slots;
use crate::view::ReplyRef;

/// A notice of planned maintenance.
///
/// ```
/// use std::time::Duration;
/// use zresp::push::{MaintenanceEvent, Push};
///
/// let wire = b">4\r\n+MOVING\r\n:7\r\n:30\r\n+node2.example:6379\r\n";
/// let frame = zresp::decode(wire)?.expect("a whole frame");
/// let Push::Maintenance(notice) = frame.reply().to()? else { panic!("a notice") };
/// let MaintenanceEvent::Moving { within, endpoint: Some(endpoint) } = notice.event else { panic!() };
/// assert_eq!((notice.sequence, within), (7, Duration::from_secs(30)));
/// assert_eq!((endpoint.host, endpoint.port), (Some("node2.example"), 6379));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[doc(alias = "MAINT_NOTIFICATIONS")]
#[non_exhaustive]
pub struct Maintenance<'a> {
    /// The number of the operation. Several connections may get a notice with the same number.
    pub sequence: i64,
    /// What happens.
    pub event: MaintenanceEvent<'a>,
}

/// What happens during maintenance.
///
/// The servers that send these are not open source. The forms are those that the clients redis-py, go-redis, Lettuce and
/// Jedis read.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum MaintenanceEvent<'a> {
    /// `MOVING`: this connection will be closed. Open another one.
    Moving {
        /// When it will be closed at the latest.
        within: Duration,
        /// Where to connect. `None`, for a null or nothing: where this connection was opened to, after half of the time.
        endpoint: Option<Endpoint<'a>>,
    },
    /// `MIGRATING`: shards will move to other nodes, and commands may take longer until `MIGRATED` comes.
    Migrating {
        /// When it begins at the latest.
        within: Duration,
        /// The names of the shards, as the server sent them; not every version does.
        shards: Option<ReplyRef<'a>>,
    },
    /// `MIGRATED`: the shards have moved.
    Migrated {
        /// The names of the shards, as the server sent them; not every version does.
        shards: Option<ReplyRef<'a>>,
    },
    /// `FAILING_OVER`: replicas will replace primaries, and commands may take longer until `FAILED_OVER` comes.
    FailingOver {
        /// When it begins at the latest.
        within: Duration,
        /// The names of the shards, as the server sent them; not every version does.
        shards: Option<ReplyRef<'a>>,
    },
    /// `FAILED_OVER`: the replicas have replaced the primaries.
    FailedOver {
        /// The names of the shards, as the server sent them; not every version does.
        shards: Option<ReplyRef<'a>>,
    },
    /// `SMIGRATING`: slots of a cluster are moving, and commands may take longer until `SMIGRATED` comes.
    SlotsMigrating {
        /// The slots; ranges may overlap.
        slots: Vec<RangeInclusive<u16>>,
    },
    /// `SMIGRATED`: slots of a cluster have moved.
    SlotsMigrated {
        /// Which slots have moved, and where. A node may occur several times.
        moves: Vec<SlotMove<'a>>,
    },
}

/// Slots that have moved from one node to another.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlotMove<'a> {
    /// The node that had the slots.
    pub source: Endpoint<'a>,
    /// The node that has the slots now.
    pub target: Endpoint<'a>,
    /// The slots; ranges may overlap.
    pub slots: Vec<RangeInclusive<u16>>,
}

impl MaintenanceEvent<'_> {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Moving { .. } => "MOVING",
            Self::Migrating { .. } => "MIGRATING",
            Self::Migrated { .. } => "MIGRATED",
            Self::FailingOver { .. } => "FAILING_OVER",
            Self::FailedOver { .. } => "FAILED_OVER",
            Self::SlotsMigrating { .. } => "SMIGRATING",
            Self::SlotsMigrated { .. } => "SMIGRATED",
        }
    }
}

/// Reads the elements after the word; `None` if the word is another.
pub(super) fn read<'a>(
    word: &[u8],
    elements: &mut Sequence<'a>,
) -> Result<Option<Maintenance<'a>>, ConversionError> {
    use MaintenanceEvent as Event;
    type Read<'a> = fn(&mut Sequence<'a>) -> Result<Event<'a>, ConversionError>;
    let event: Read<'a> = match word {
        b"MOVING" => |rest| Ok(Event::Moving { within: seconds(rest)?, endpoint: endpoint(rest)? }),
        b"MIGRATING" => {
            |rest| Ok(Event::Migrating { within: seconds(rest)?, shards: shards(rest)? })
        }
        b"MIGRATED" => |rest| Ok(Event::Migrated { shards: shards(rest)? }),
        b"FAILING_OVER" => {
            |rest| Ok(Event::FailingOver { within: seconds(rest)?, shards: shards(rest)? })
        }
        b"FAILED_OVER" => |rest| Ok(Event::FailedOver { shards: shards(rest)? }),
        b"SMIGRATING" => |rest| Ok(Event::SlotsMigrating { slots: rest.take_with(ranges)? }),
        b"SMIGRATED" => |rest| {
            let moves = rest.take_with(|moves| Sequence::new(moves)?.take_all(slot_move))?;
            Ok(Event::SlotsMigrated { moves })
        },
        _ => return Ok(None),
    };
    Ok(Some(Maintenance { sequence: elements.take()?, event: event(elements)? }))
}

fn seconds(rest: &mut Sequence<'_>) -> Result<Duration, ConversionError> {
    rest.take().map(Duration::from_secs)
}

/// The endpoint of `MOVING`. Servers send null if the client has asked for none, and clients also read the text `null`.
fn endpoint<'a>(rest: &mut Sequence<'a>) -> Result<Option<Endpoint<'a>>, ConversionError> {
    if rest.is_empty() {
        return Ok(None);
    }
    rest.take_with(|reply| match reply.to()? {
        None | Some("" | "null") => Ok(None),
        Some(_) => host_and_port(reply).map(Some),
    })
}

fn shards<'a>(rest: &mut Sequence<'a>) -> Result<Option<ReplyRef<'a>>, ConversionError> {
    if rest.is_empty() { Ok(None) } else { rest.take() }
}

fn slot_move(reply: ReplyRef<'_>) -> Result<SlotMove<'_>, ConversionError> {
    let mut elements = Sequence::new(reply)?;
    Ok(SlotMove {
        source: elements.take_with(host_and_port)?,
        target: elements.take_with(host_and_port)?,
        slots: elements.take_with(ranges)?,
    })
}

fn host_and_port(reply: ReplyRef<'_>) -> Result<Endpoint<'_>, ConversionError> {
    let endpoint = Endpoint::parse(reply.as_str()?);
    endpoint.ok_or_else(|| ConversionError::value("a host and a port", reply.kind()))
}

fn ranges(reply: ReplyRef<'_>) -> Result<Vec<RangeInclusive<u16>>, ConversionError> {
    let ranges = slots::ranges(reply.as_str()?);
    ranges.ok_or_else(|| ConversionError::value("a list of slots", reply.kind()))
}

impl fmt::Debug for MaintenanceEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moving { within, endpoint } => write!(f, "Moving({within:?}, {endpoint:?})"),
            Self::Migrating { within, shards } => write!(f, "Migrating({within:?}, {shards:?})"),
            Self::Migrated { shards } => write!(f, "Migrated({shards:?})"),
            Self::FailingOver { within, shards } => {
                write!(f, "FailingOver({within:?}, {shards:?})")
            }
            Self::FailedOver { shards } => write!(f, "FailedOver({shards:?})"),
            Self::SlotsMigrating { slots } => write!(f, "SlotsMigrating({:?})", First(slots)),
            Self::SlotsMigrated { moves } => write!(f, "SlotsMigrated({:?})", First(moves)),
        }
    }
}

impl fmt::Debug for SlotMove<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}: {:?}", self.source, self.target, First(&self.slots))
    }
}
