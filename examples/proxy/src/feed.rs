//! Subscriptions with several upstreams: each client has a connection for its channels and patterns, and further ones
//! for its shard channels: one for each slot in a cluster, otherwise one for each upstream. If such a connection is
//! lost, or the slot moves, the client is subscribed again elsewhere; it gets the confirmations only once.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::debug;
use zresp::push::{Change, Confirmation, Push, Topic};
use zresp::{CommandBuf, CommandRef, Encode, EncodeCommand, Frame, Reply};

use crate::charge::Charge;
use crate::client::Client;
use crate::proxy::Proxy;
use crate::redirect::{Author, Retry, Tries};
use crate::routing::{Place, place};
use crate::session::Session;
use crate::upstream::{Failure, Upstream};

/// How long to wait before a lost connection is replaced, and before looking again whether a slow client has room.
const PAUSE: Duration = Duration::from_millis(50);
/// The most connections of one client.
const FEEDS: usize = 32;
/// What a name in a set takes besides its bytes, roughly.
const ENTRY: usize = 100;

/// The connections of a client, which end with it.
#[derive(Default)]
pub(crate) struct Feeds {
    all: Vec<(Rc<Feed>, JoinHandle<()>)>,
    /// How many shard channels the client has in all.
    shards: Rc<Cell<usize>>,
}

/// A connection with subscriptions.
struct Feed {
    proxy: Rc<Proxy>,
    client: Rc<Client>,
    /// The slot of its channels, if they are shard channels.
    slot: Option<u16>,
    topics: RefCell<HashSet<(Topic, Bytes)>>,
    /// How many bytes the topics take.
    names: Cell<usize>,
    charge: Charge,
    pending: RefCell<Option<Pending>>,
    shards: Rc<Cell<usize>>,
    changed: Notify,
}

/// The client's command that has not been confirmed.
struct Pending {
    wire: Bytes,
    kind: (Topic, Change),
    /// How many confirmations have yet to arrive.
    missing: usize,
    is_sent: bool,
}

impl Session {
    /// Sends a command that begins or ends subscriptions, and waits until it is confirmed.
    pub(crate) async fn subscribe(
        &mut self,
        command: &CommandRef<'_>,
        wire: &Bytes,
    ) -> io::Result<()> {
        match self.feeds_of(command) {
            Ok(feeds) => {
                for feed in feeds {
                    feed.send(command, wire);
                    let patience = self.proxy.access.timeout;
                    let confirmed = self.when(|_| feed.pending.borrow().is_none());
                    if let Ok(confirmed) = timeout(patience, confirmed).await {
                        confirmed?;
                    } else {
                        feed.fail(&Failure::new("ERR the subscription was not confirmed in time"));
                    }
                }
            }
            Err(failure) => self.fail(&failure),
        }
        self.feeds.all.retain(|(feed, task)| {
            let is_used = !feed.topics.borrow().is_empty();
            if !is_used {
                task.abort();
            }
            is_used
        });
        Ok(())
    }

    /// Returns the connections that a command concerns. If there is none, makes one.
    fn feeds_of(&mut self, command: &CommandRef<'_>) -> Result<Vec<Rc<Feed>>, Failure> {
        let table = self.proxy.topology.commands();
        let info = table.of(command).ok_or_else(|| Failure::new("ERR unknown command"))?;
        let is_sharded = kind(command).0 == Topic::ShardChannel;
        let slot = match place(info, command, &table)? {
            Place::Slot(slot) => Some(self.shared_slot(slot)?),
            Place::Several => return Err(Failure::crossing()),
            Place::Anywhere => is_sharded.then_some(0),
        };
        let concerns = |feed: &Rc<Feed>| match command.len() {
            1 => feed.slot.is_some() == is_sharded,
            _ => feed.slot == slot,
        };
        let known = self.feeds.all.iter().map(|(feed, _)| feed);
        let known: Vec<_> = known.filter(|feed| concerns(feed)).cloned().collect();
        if !known.is_empty() {
            return Ok(known);
        }
        if self.feeds.all.len() >= FEEDS {
            return Err(Failure::new("ERR the shard channels of a client have too many slots"));
        }
        let feed = Rc::new(Feed {
            proxy: Rc::clone(&self.proxy),
            client: Rc::clone(&self.client),
            slot,
            topics: RefCell::default(),
            names: Cell::default(),
            charge: Charge::new(&self.client, 0),
            pending: RefCell::default(),
            shards: Rc::clone(&self.feeds.shards),
            changed: Notify::new(),
        });
        let task = tokio::task::spawn_local(Rc::clone(&feed).run());
        self.feeds.all.push((Rc::clone(&feed), task));
        Ok(vec![feed])
    }

    /// Returns the slot whose connection has the shard channels of this one, too: the first of its upstream. In a
    /// cluster slots move one by one, so each has its own connection.
    fn shared_slot(&self, slot: u16) -> Result<u16, Failure> {
        let topology = &self.proxy.topology;
        let upstream = topology.of_slot(slot)?;
        let all = topology.all();
        let mut firsts = all.iter().filter(|_| !topology.is_cluster());
        let first = firsts.find(|(_, other)| Rc::ptr_eq(other, &upstream));
        Ok(first.map_or(slot, |(first, _)| *first))
    }
}

impl Feeds {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl Drop for Feeds {
    fn drop(&mut self) {
        self.all.iter().for_each(|(_, task)| task.abort());
    }
}

impl Feed {
    fn send(&self, command: &CommandRef<'_>, wire: &Bytes) {
        let kind = kind(command);
        let missing = match command.len() {
            1 => self.topics.borrow().iter().filter(|(topic, _)| *topic == kind.0).count().max(1),
            len => len - 1,
        };
        let wire = wire.clone();
        *self.pending.borrow_mut() = Some(Pending { wire, kind, missing, is_sent: false });
        self.changed.notify_one();
    }

    /// Answers the command that is pending with an error, if there is one.
    fn fail(&self, failure: &Failure) {
        if self.pending.take().is_some() {
            self.client.answer(&failure.to_reply());
        }
    }

    async fn run(self: Rc<Self>) {
        let mut moved = None;
        loop {
            let topology = &self.proxy.topology;
            let upstream = match (moved.take(), self.slot) {
                (Some(upstream), _) => Ok(upstream),
                (None, Some(slot)) => topology.of_slot(slot),
                (None, None) => topology.of_channels(),
            };
            let end = match upstream {
                Ok(upstream) => self.serve(&upstream).await,
                Err(failure) => Err(failure),
            };
            match end {
                Ok(upstream) => moved = upstream,
                Err(failure) => {
                    debug!(reason = failure.0, "subscriptions lost");
                    self.fail(&failure);
                }
            }
            topology.refresh();
            sleep(PAUSE).await;
        }
    }

    /// Passes on what arrives, until the channels move; returns where to, if that is known.
    async fn serve(&self, upstream: &Rc<Upstream>) -> Result<Option<Rc<Upstream>>, Failure> {
        let mut connection = upstream.connect(self.client.protocol.get()).await?;
        connection.charge = Some(Charge::new(&self.client, 0));
        let (commands, mut repeated) = self.repeat();
        connection.write(&commands).await?;
        if let Some(pending) = &mut *self.pending.borrow_mut() {
            pending.is_sent = false;
        }
        loop {
            let unsent = self.pending.borrow_mut().as_mut().and_then(|pending| {
                let is_sent = std::mem::replace(&mut pending.is_sent, true);
                (!is_sent).then(|| pending.wire.clone())
            });
            connection.write(&unsent.unwrap_or_default()).await?;
            while !self.client.has_room() {
                sleep(PAUSE).await;
            }
            let next = tokio::select! {
                next = connection.read() => next?,
                () = self.changed.notified() => None,
            };
            if let Some(frame) = next {
                let retry = Retry::after(
                    frame.wire(),
                    || Author::Server,
                    upstream,
                    Tries::default(),
                    &self.proxy.topology,
                );
                if let Some(retry) = retry {
                    return Ok(Some(retry.upstream));
                }
                if !self.take(&frame, &mut repeated) {
                    return Ok(None);
                }
                // Thousands of confirmations may have arrived, but others wait too.
                tokio::task::consume_budget().await;
            }
        }
    }

    /// Returns commands that make all subscriptions again, and the number of confirmations.
    fn repeat(&self) -> (Bytes, usize) {
        let topics = self.topics.borrow();
        let mut wire = BytesMut::new();
        for (topic, word) in [
            (Topic::Channel, "SUBSCRIBE"),
            (Topic::Pattern, "PSUBSCRIBE"),
            (Topic::ShardChannel, "SSUBSCRIBE"),
        ] {
            let names = topics.iter().filter(|(other, _)| *other == topic).map(|(_, name)| name);
            let command = CommandBuf::new(word).args(names);
            if command.len() > 1 {
                wire.extend_from_slice(&command.to_wire().unwrap_or_default());
            }
        }
        (wire.freeze(), topics.len())
    }

    /// Takes a message, a confirmation or an error. Returns `false` if the channels have moved.
    fn take(&self, frame: &Frame, repeated: &mut usize) -> bool {
        let mut reply = frame.wire().clone();
        if let Ok(Push::Confirmation(confirmation)) = frame.reply().to() {
            if *repeated > 0 {
                *repeated -= 1;
                return true;
            }
            let kind = (confirmation.topic, confirmation.change);
            let mut guard = self.pending.borrow_mut();
            let Some(pending) = guard.as_mut().filter(|pending| pending.kind == kind) else {
                return false;
            };
            pending.missing -= 1;
            if pending.missing == 0 {
                *guard = None;
            }
            drop(guard);
            reply = self.note(&confirmation).unwrap_or(reply);
        } else if frame.reply().as_error().is_some() {
            self.pending.take();
        }
        self.proxy.metrics.passed(1, 0, reply.len());
        self.client.answer(&reply);
        true
    }

    /// Notes what was confirmed. Returns the confirmation of a shard channel with the right number of them, because
    /// others have other connections.
    fn note(&self, confirmation: &Confirmation<'_>) -> Option<Bytes> {
        let Confirmation { change, topic, name, .. } = *confirmation;
        let mut topics = self.topics.borrow_mut();
        let before = topics.len();
        if let Some(name) = name {
            let entry = (topic, Bytes::copy_from_slice(name));
            let (names, len) = (self.names.get(), name.len() + ENTRY);
            self.names.set(match change {
                Change::Subscribed => names + len * usize::from(topics.insert(entry)),
                Change::Unsubscribed => names - len * usize::from(topics.remove(&entry)),
            });
            self.charge.set(self.names.get());
        }
        if topic != Topic::ShardChannel {
            return None;
        }
        self.shards.set((self.shards.get() + topics.len()).saturating_sub(before));
        let word = if change == Change::Subscribed { "ssubscribe" } else { "sunsubscribe" };
        let name = name.map_or(Reply::Null, |name| Reply::bulk(name.to_vec()));
        let count = Reply::Integer(i64::try_from(self.shards.get()).ok()?);
        Reply::push([Reply::bulk(word), name, count]).to_wire(self.client.protocol.get()).ok()
    }
}

/// Returns what a command that begins or ends subscriptions is about.
fn kind(command: &CommandRef<'_>) -> (Topic, Change) {
    let is = |name| command.is(name);
    let topic = match () {
        () if is("psubscribe") || is("punsubscribe") => Topic::Pattern,
        () if is("ssubscribe") || is("sunsubscribe") => Topic::ShardChannel,
        () => Topic::Channel,
    };
    let begins = is("subscribe") || is("psubscribe") || is("ssubscribe");
    (topic, if begins { Change::Subscribed } else { Change::Unsubscribed })
}
