//! Which command a reply belongs to.
//!
//! A server replies in the order of the commands, one reply for each, with these exceptions: it pushes messages to
//! subscribers, invalidations and, after `MONITOR`, what others do; `SUBSCRIBE` and its like have a reply for each channel;
//! `CLIENT REPLY` switches replies off. A reply can only belong to a command that the server had acknowledged.
//!
//! After bytes are lost, or if a connection began before the capture, it is not known how many replies are due. Nothing is
//! paired until that is certain: see [`Doubt`].

use std::collections::{HashSet, VecDeque};
use std::io;
use std::time::Duration;

use zresp::{CommandRef, Decoded, ReplyRef};

use crate::database::{self, Database};
use crate::record::Sent;

use super::doubt::Doubt;
use super::silence::Silence;

/// How many commands wait for their replies. A capture of one side only has no replies at all.
const WAITING: usize = 64 * 1024;
/// For how many commands memory is kept while none waits.
const ROOM: usize = 64;
/// How many bytes of commands wait.
const BYTES: usize = 256 * 1024 * 1024;

/// How many bytes of memory a subscription takes, in addition to the name of its channel.
const SUBSCRIPTION: usize = 64;

/// A command that has had no reply.
#[derive(Debug)]
pub(super) struct Waiting {
    /// The command as it was sent.
    pub(super) wire: Vec<u8>,
    pub(super) offset: u64,
    pub(super) time: Duration,
    /// The offset of its last byte and one.
    end: u64,
    replies: Replies,
    /// The database that it was sent in, if that is known.
    pub(super) database: Option<u32>,
    /// Whether it is `PSYNC` or `SYNC`.
    pub(super) begins_link: bool,
    /// Whether its reply cannot be known.
    pub(super) is_unpaired: bool,
}

impl Waiting {
    /// Calls a function with the command.
    pub(super) fn with_command(
        &self,
        show: impl FnOnce(Sent<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let request = zresp::requests(&self.wire).next().and_then(Result::ok);
        let Some(request) = request else { return Ok(()) };
        let mut scratch = Vec::new();
        let command = request.command();
        show(Sent { command: command.to_array(&mut scratch), wire: command.wire() })
    }
}

/// How many replies a command has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replies {
    One,
    /// As many as there are channels in the command.
    Channels(usize),
    /// As many as there are subscriptions of this kind, but at least one.
    AllChannels(Channels),
}

/// The kinds of subscriptions, by the first letter of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Channels {
    Plain,
    Pattern,
    Shard,
}

/// What a reply is.
#[derive(Debug)]
pub(super) enum Answered {
    /// The first reply to this command.
    To(Waiting),
    /// A further reply, a message or a push, which belongs to no command.
    Nothing,
    /// A reply to a command that is not known.
    Unknown,
}

/// The commands of a connection that have had no reply, and what they have changed.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Replies that are still due to a command whose first one has come.
    due: usize,
    /// Replies that are due to commands that do not wait any more, because there were too many. They come first.
    given_up: usize,
    subscriptions: Subscriptions,
    /// The database that the next command is sent in.
    pub(super) database: Database,
    is_resp3: bool,
    is_monitor: bool,
    silence: Silence,
    pub(super) doubt: Doubt,
}

/// The channels and patterns that a client listens to.
#[derive(Debug, Default)]
struct Subscriptions {
    names: HashSet<(Channels, Vec<u8>)>,
    /// How many there are of each kind.
    counts: [usize; 3],
    /// How many bytes of memory they take.
    held: usize,
}

impl Subscriptions {
    fn note(&mut self, kind: Channels, name: &[u8], begins: bool) {
        let entry = (kind, name.to_vec());
        let (size, count) = (name.len() + SUBSCRIPTION, &mut self.counts[kind as usize]);
        if begins && self.names.insert(entry.clone()) {
            (*count, self.held) = (*count + 1, self.held + size);
        } else if !begins && self.names.remove(&entry) {
            (*count, self.held) = (*count - 1, self.held - size);
        }
    }

    const fn count(&self, kind: Channels) -> usize {
        self.counts[kind as usize]
    }
}

impl Pairing {
    /// Takes a command. Returns one that will have no reply, or whose reply cannot be known: this one, or one that has
    /// waited too long.
    pub(super) fn request(
        &mut self,
        command: &CommandRef<'_>,
        wire: &[u8],
        (offset, time): (u64, Duration),
    ) -> Option<Waiting> {
        let (end, wire) = (offset + wire.len() as u64, wire.to_vec());
        let replies = Replies::of(command);
        let begins_link = command.is("PSYNC") || command.is("SYNC");
        let database = self.database.take(command);
        let is_unpaired = false;
        let waiting =
            Waiting { wire, offset, time, end, replies, database, begins_link, is_unpaired };
        // A replica sends it once all replies to its handshake have come.
        if begins_link {
            self.doubt.end();
        }
        let is_unpaired = self.doubt.exists();
        let waiting = Waiting { is_unpaired, ..waiting };
        // A replica's `REPLCONF ACK` never has a reply.
        if is_acknowledgement(command) || self.silence.take(command) {
            return Some(Waiting { is_unpaired: false, ..waiting });
        }
        if is_unpaired {
            self.doubt.command();
            return Some(waiting);
        }
        self.bytes += waiting.wire.len();
        self.waiting.push_back(waiting);
        if self.waiting.len() <= WAITING && self.bytes <= BYTES {
            return None;
        }
        self.given_up += 1;
        self.first().map(|first| Waiting { is_unpaired: true, ..first })
    }

    /// Takes a reply. `acknowledged` is the offset up to which the server has received commands.
    pub(super) fn reply(&mut self, frame: &Decoded<'_>, acknowledged: Option<u64>) -> Answered {
        let confirmed = self.confirmed(frame);
        if self.due > 0 && confirmed {
            self.due -= 1;
            return Answered::Nothing;
        }
        let is_push = matches!(frame.reply(), ReplyRef::Push(_));
        let may_answer = if is_push { confirmed } else { !self.is_message(frame) };
        if !may_answer || is_push && self.waiting.is_empty() {
            return Answered::Nothing;
        }
        if self.doubt.exists() {
            self.doubt.reply();
            return Answered::Unknown;
        }
        if self.given_up > 0 && !is_push {
            self.given_up -= 1;
            return Answered::Unknown;
        }
        let is_answer = self.waiting.front().is_some_and(|first| {
            let is_subscription = first.replies != Replies::One;
            acknowledged.is_none_or(|end| end >= first.end) && (!is_push || is_subscription)
        });
        let Some(first) = is_answer.then(|| self.first()).flatten() else {
            if is_push {
                return Answered::Nothing;
            }
            // Its command is not in the capture, or comes later.
            self.doubt.begin();
            return Answered::Unknown;
        };
        if confirmed {
            self.due = match first.replies {
                Replies::One => 0,
                Replies::Channels(count) => count - 1,
                // The first of them has just been removed.
                Replies::AllChannels(kind) => self.subscriptions.count(kind),
            };
        }
        self.note(&first, frame);
        Answered::To(first)
    }

    /// Returns whether the next reply is the answer to `PSYNC` or `SYNC`, which is not RESP.
    pub(super) fn expects_sync(&self) -> bool {
        self.waiting.front().is_some_and(|first| first.begins_link)
    }

    /// Says that no command has a reply from now on, because replicas acknowledge and do not ask.
    pub(super) const fn become_link(&mut self) {
        self.silence = Silence::LINK;
    }

    /// Returns when the first command that has had no reply was sent.
    pub(super) fn waits_since(&self) -> Option<Duration> {
        self.waiting.front().map(|first| first.time)
    }

    /// Returns how many bytes of memory it holds.
    pub(super) fn held(&self) -> usize {
        let entry = size_of::<Waiting>();
        self.bytes + self.waiting.capacity() * entry + self.subscriptions.held
    }

    /// Forgets all commands, because their replies will not be known, and returns them.
    pub(super) fn forget(&mut self) -> impl Iterator<Item = Waiting> + use<> {
        (self.bytes, self.due, self.given_up) = (0, 0, 0);
        let is_unpaired = self.doubt.exists();
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        waiting.map(move |waiting| Waiting { is_unpaired, ..waiting })
    }

    /// Takes note that bytes of the commands or of their replies are lost. `CLIENT REPLY ON` may be among them.
    pub(super) fn lose(&mut self) {
        self.doubt.begin();
        self.silence = Silence::default();
    }

    fn first(&mut self) -> Option<Waiting> {
        let first = self.waiting.pop_front()?;
        self.bytes -= first.wire.len();
        if self.waiting.is_empty() && self.waiting.capacity() > ROOM {
            self.waiting = VecDeque::new();
        }
        Some(first)
    }

    /// Takes note of what a command has changed.
    fn note(&mut self, answered: &Waiting, frame: &Decoded<'_>) {
        let is_error = matches!(frame.reply(), ReplyRef::Error(_) | ReplyRef::BulkError(_));
        let Some(Ok(request)) = zresp::requests(&answered.wire).next() else { return };
        let command = request.command();
        let is_aborted = command.is("EXEC") && !matches!(frame.reply(), ReplyRef::Array(_));
        // One of the errors may be that of a `SELECT`.
        let is_unsure = command.is("EXEC")
            && self.database.now() != answered.database
            && matches!(frame.reply(), ReplyRef::Array(items) if items.clone().any(|item| item.is_error()));
        if is_unsure {
            self.has_stayed_in(None);
        } else if is_aborted || is_error && database::is_select(&command.to_array(&mut Vec::new()))
        {
            self.has_stayed_in(answered.database);
        } else if is_error {
            // Nothing has changed.
        } else if command.is("HELLO") {
            self.is_resp3 = matches!(frame.reply(), ReplyRef::Map(_));
        } else if command.is("MONITOR") {
            self.is_monitor = true;
        } else if command.is("RESET") {
            (self.is_resp3, self.is_monitor) = (false, false);
            self.subscriptions = Subscriptions::default();
        }
    }

    /// Takes note that a `SELECT` or a transaction has failed: the commands after it were sent in the database before it.
    fn has_stayed_in(&mut self, database: Option<u32>) {
        for waiting in &mut self.waiting {
            waiting.database = database;
            let request = zresp::requests(&waiting.wire).next().and_then(Result::ok);
            if request.is_some_and(|request| request.command().is("SELECT")) {
                return;
            }
        }
        self.database.stay(database);
    }

    /// Returns whether a reply confirms a subscription or its end, and takes note of it.
    fn confirmed(&mut self, frame: &Decoded<'_>) -> bool {
        let (ReplyRef::Array(mut items) | ReplyRef::Push(mut items)) = frame.reply() else {
            return false;
        };
        if items.len() != Some(3) {
            return false;
        }
        let (Some(ReplyRef::Bulk(word)), channel, Some(ReplyRef::Integer(_))) =
            (items.next(), items.next(), items.next())
        else {
            return false;
        };
        let Some((kind, begins)) = subscription(word) else { return false };
        // A script, for example, may have such a reply in RESP2.
        let is_expected = match self.waiting.front() {
            _ if matches!(frame.reply(), ReplyRef::Push(_)) || self.due > 0 => true,
            Some(first) => first.replies != Replies::One || !self.subscriptions.names.is_empty(),
            None => true,
        };
        if !is_expected {
            return false;
        }
        let Some(ReplyRef::Bulk(channel)) = channel else {
            return channel.is_some_and(|channel| channel.is_null());
        };
        self.subscriptions.note(kind, channel, begins);
        true
    }

    /// Returns whether a reply is a message of RESP2, or what `MONITOR` shows.
    fn is_message(&self, frame: &Decoded<'_>) -> bool {
        match frame.reply() {
            ReplyRef::Array(mut items)
                if !self.is_resp3 && !self.subscriptions.names.is_empty() =>
            {
                matches!(items.next(), Some(ReplyRef::Bulk(b"message" | b"pmessage" | b"smessage")))
            }
            ReplyRef::Simple(text) => {
                let is_time = text.first().is_some_and(u8::is_ascii_digit);
                self.is_monitor && is_time && text.ends_with(b"\"")
            }
            _ => false,
        }
    }
}

impl Replies {
    fn of(command: &CommandRef<'_>) -> Self {
        let name = command.name().to_ascii_lowercase();
        match (subscription(&name), command.len() - 1) {
            (Some((kind, false)), 0) => Self::AllChannels(kind),
            (Some(_), count @ 1..) => Self::Channels(count),
            _ => Self::One,
        }
    }
}

/// Returns whether a command is the `REPLCONF ACK` that a replica sends once commands arrive.
pub(super) fn is_acknowledgement(command: &CommandRef<'_>) -> bool {
    command.is("REPLCONF") && has_argument(command, 1, b"ACK")
}

pub(super) fn has_argument(command: &CommandRef<'_>, index: usize, word: &[u8]) -> bool {
    command.arg(index).is_some_and(|argument| argument.eq_ignore_ascii_case(word))
}

/// Returns the kind of a word such as `punsubscribe`, and whether the subscription begins.
fn subscription(word: &[u8]) -> Option<(Channels, bool)> {
    Some(match word {
        b"subscribe" => (Channels::Plain, true),
        b"psubscribe" => (Channels::Pattern, true),
        b"ssubscribe" => (Channels::Shard, true),
        b"unsubscribe" => (Channels::Plain, false),
        b"punsubscribe" => (Channels::Pattern, false),
        b"sunsubscribe" => (Channels::Shard, false),
        _ => return None,
    })
}
