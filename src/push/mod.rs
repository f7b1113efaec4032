//! What a server sends without being asked, as types: messages, confirmations, invalidations, notices of maintenance.
//!
//! In RESP3 these are pushes, and may come between any two replies. In RESP2 they are arrays, and only a connection that
//! has subscribed to something gets them. [`Push`] reads both.
//!
//! # Which pushes answer a command
//!
//! A client matches replies with commands by their order. Most pushes answer nothing and are not counted. A
//! [`Confirmation`] is the exception: it is all that the server sends for a command.
//!
//! | push | answers |
//! |---|---|
//! | `subscribe`, `psubscribe`, `ssubscribe` | the command of that name. `SUBSCRIBE a b` is answered by two pushes and nothing else |
//! | `unsubscribe`, `punsubscribe`, `sunsubscribe` | the command of that name: one push for each name in it, also for names that were not subscribed to. Without names, one for each subscription that ends, or a single one whose name is null if there was none |
//! | `sunsubscribe`, not asked for | nothing: the slot of the channel has moved to another node |
//! | `pong` | `PING` on a RESP2 connection that has subscriptions; in RESP3, and without any, the reply is `+PONG` |
//! | all others | nothing |
//!
//! If the server refuses a command, it answers with one error reply, however many names the command has. `RESET` ends all
//! subscriptions without a push. In a transaction, the first push for the command is an element of the reply to `EXEC`,
//! and the others follow that reply; read such an element with [`Push`] too. Elsewhere, a confirmation whose
//! [`word`](Confirmation::word) is not the name of the oldest command that waits for an answer was not asked for.
//!
//! ```
//! use zresp::push::{Change, Push};
//!
//! let pushes = b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n";
//! let mut seen = Vec::new();
//! for frame in zresp::replies(pushes) {
//!     match frame?.reply().to()? {
//!         Push::Confirmation(confirmation) => {
//!             assert_eq!(confirmation.change, Change::Subscribed);
//!             seen.push((confirmation.name, None));
//!         }
//!         Push::Message { channel, payload } => seen.push((Some(channel), Some(payload))),
//!         _ => {}
//!     }
//! }
//! assert_eq!(seen, [(Some(&b"a"[..]), None), (Some(&b"a"[..]), Some(&b"hi"[..]))]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod maintenance;

use core::fmt;

use crate::convert::{ConversionError, FromReply, Sequence};
use crate::escape;
use crate::view::{Elements, ReplyRef};

pub use crate::endpoint::Endpoint;
pub use maintenance::{Maintenance, MaintenanceEvent, SlotMove};

/// The channel on which a RESP2 connection gets invalidations.
const INVALIDATIONS: &[u8] = b"__redis__:invalidate";

/// A push of RESP3, or the array that RESP2 has instead.
///
/// Convert a [`ReplyRef::Push`] on any connection, and a [`ReplyRef::Array`] only on a RESP2 connection that has
/// subscriptions: elsewhere an array of the same form is an ordinary reply. The word that names the push may be any kind
/// of string. Further elements after those that are read are ignored.
///
/// The conversion fails if the reply is neither a push nor an array, and if a push with a known word has too few
/// elements, or elements that are something else.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Push<'a> {
    /// `message`: somebody has published to a channel.
    #[doc(alias = "PUBLISH")]
    Message {
        /// The name of the channel.
        channel: &'a [u8],
        /// What was published.
        payload: &'a [u8],
    },
    /// `pmessage`: somebody has published to a channel whose name matches a pattern.
    PatternMessage {
        /// The pattern that was subscribed to.
        pattern: &'a [u8],
        /// The name of the channel.
        channel: &'a [u8],
        /// What was published.
        payload: &'a [u8],
    },
    /// `smessage`: somebody has published to a shard channel.
    #[doc(alias = "SPUBLISH")]
    ShardMessage {
        /// The name of the channel.
        channel: &'a [u8],
        /// What was published.
        payload: &'a [u8],
    },
    /// A subscription has begun or ended. This usually answers a command: see the [module](self).
    Confirmation(Confirmation<'a>),
    /// `pong`: the reply to `PING` on a RESP2 connection that has subscriptions, with its argument.
    Pong(&'a [u8]),
    /// `invalidate`: keys that the client may have in its cache have changed.
    ///
    /// In RESP2 it is a message on the channel `__redis__:invalidate` whose payload is an array or null. Text that
    /// somebody has published to that channel is a [`Message`](Self::Message).
    #[doc(alias = "CLIENT TRACKING")]
    Invalidation {
        /// The keys: each is a string. `None` means all keys.
        keys: Option<Elements<'a>>,
    },
    /// A notice of planned maintenance, for clients that have sent `CLIENT MAINT_NOTIFICATIONS ON`.
    Maintenance(Maintenance<'a>),
    /// A push with another word, such as `tracking-redir-broken`, or without one: the whole reply.
    Other(ReplyRef<'a>),
}

/// A subscription has begun or ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Confirmation<'a> {
    /// Whether the subscription has begun or ended.
    pub change: Change,
    /// What the subscription is to.
    pub topic: Topic,
    /// The channel or the pattern. `None` if a command without names found no subscription to end.
    pub name: Option<&'a [u8]>,
    /// How many subscriptions the connection has now: to channels and patterns together, or to shard channels.
    pub count: u64,
}

impl Confirmation<'_> {
    /// Returns the word that the server sent. For a confirmation that answers a command, it is the command's name.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match (self.change, self.topic) {
            (Change::Subscribed, Topic::Channel) => "subscribe",
            (Change::Subscribed, Topic::Pattern) => "psubscribe",
            (Change::Subscribed, Topic::ShardChannel) => "ssubscribe",
            (Change::Unsubscribed, Topic::Channel) => "unsubscribe",
            (Change::Unsubscribed, Topic::Pattern) => "punsubscribe",
            (Change::Unsubscribed, Topic::ShardChannel) => "sunsubscribe",
        }
    }
}

/// Whether a subscription has begun or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// It has begun, or it was there already.
    Subscribed,
    /// It has ended, or there was none.
    Unsubscribed,
}

/// What a subscription is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A channel: `SUBSCRIBE`.
    Channel,
    /// All channels whose names match a pattern: `PSUBSCRIBE`.
    Pattern,
    /// A shard channel, which belongs to a slot of a cluster: `SSUBSCRIBE`.
    ShardChannel,
}

impl<'a> FromReply<'a> for Push<'a> {
    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        let (ReplyRef::Push(_) | ReplyRef::Array(_)) = reply else {
            return Err(ConversionError::kind("a push or an array", &reply));
        };
        let mut elements = Sequence::new(reply)?;
        let Ok(word) = elements.take::<&[u8]>() else { return Ok(Self::Other(reply)) };
        let mut confirmation = |change, topic| -> Result<Self, ConversionError> {
            let (name, count) = (elements.take()?, elements.take()?);
            Ok(Self::Confirmation(Confirmation { change, topic, name, count }))
        };
        match word {
            b"message" => {
                let channel = elements.take()?;
                elements.take_with(|payload| Self::message(channel, payload))
            }
            b"pmessage" => Ok(Self::PatternMessage {
                pattern: elements.take()?,
                channel: elements.take()?,
                payload: elements.take()?,
            }),
            b"smessage" => {
                Ok(Self::ShardMessage { channel: elements.take()?, payload: elements.take()? })
            }
            b"subscribe" => confirmation(Change::Subscribed, Topic::Channel),
            b"psubscribe" => confirmation(Change::Subscribed, Topic::Pattern),
            b"ssubscribe" => confirmation(Change::Subscribed, Topic::ShardChannel),
            b"unsubscribe" => confirmation(Change::Unsubscribed, Topic::Channel),
            b"punsubscribe" => confirmation(Change::Unsubscribed, Topic::Pattern),
            b"sunsubscribe" => confirmation(Change::Unsubscribed, Topic::ShardChannel),
            b"pong" => Ok(Self::Pong(elements.take()?)),
            b"invalidate" => Ok(Self::Invalidation { keys: elements.take()? }),
            _ => Ok(match maintenance::read(word, &mut elements)? {
                Some(notice) => Self::Maintenance(notice),
                None => Self::Other(reply),
            }),
        }
    }
}

impl<'a> Push<'a> {
    /// Returns the word that names the kind of push, such as `message`; `None` for a push that begins with something
    /// else than a string.
    ///
    /// It is the word that the server sent, except that it is `invalidate` for an invalidation in the form of RESP2,
    /// which is sent as a `message`.
    ///
    /// ```
    /// use zresp::push::Push;
    ///
    /// let frame = zresp::decode(b">2\r\n+server-cpu-usage\r\n:42\r\n")?.expect("a whole frame");
    /// let push: Push<'_> = frame.reply().to()?;
    /// assert_eq!(push.word(), Some(&b"server-cpu-usage"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn word(&self) -> Option<&'a [u8]> {
        let word = match self {
            Self::Message { .. } => "message",
            Self::PatternMessage { .. } => "pmessage",
            Self::ShardMessage { .. } => "smessage",
            Self::Confirmation(confirmation) => confirmation.word(),
            Self::Pong(_) => "pong",
            Self::Invalidation { .. } => "invalidate",
            Self::Maintenance(notice) => notice.event.word(),
            Self::Other(reply) => return reply.as_elements().ok()?.next()?.as_bytes().ok(),
        };
        Some(word.as_bytes())
    }

    fn message(channel: &'a [u8], payload: ReplyRef<'a>) -> Result<Self, ConversionError> {
        if channel == INVALIDATIONS && (payload.is_null() || payload.as_elements().is_ok()) {
            return Ok(Self::Invalidation { keys: payload.to()? });
        }
        Ok(Self::Message { channel, payload: payload.to()? })
    }
}

impl fmt::Debug for Push<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message { channel, payload } => escape::list("Message", [channel, payload], f),
            Self::PatternMessage { pattern, channel, payload } => {
                escape::list("PatternMessage", [pattern, channel, payload], f)
            }
            Self::ShardMessage { channel, payload } => {
                escape::list("ShardMessage", [channel, payload], f)
            }
            Self::Confirmation(confirmation) => fmt::Debug::fmt(confirmation, f),
            Self::Pong(payload) => escape::list("Pong", [payload], f),
            Self::Invalidation { keys: None } => f.write_str("Invalidation(all keys)"),
            Self::Invalidation { keys: Some(keys) } => {
                write!(f, "Invalidation({:?})", ReplyRef::Array(*keys))
            }
            Self::Maintenance(notice) => fmt::Debug::fmt(notice, f),
            Self::Other(reply) => write!(f, "Other({reply:?})"),
        }
    }
}

impl fmt::Debug for Confirmation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { change, topic, name, count } = self;
        write!(f, "{change:?}({topic:?} ")?;
        match name {
            Some(name) => escape::bytes(name, f),
            None => f.write_str("null"),
        }?;
        write!(f, ", {count})")
    }
}
