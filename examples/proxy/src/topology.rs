//! The upstreams, and which of them has which slots.
//!
//! Several servers that know nothing of each other have an equal part of the slots each. The nodes of a cluster
//! say which slots they have, and are asked again when something seems wrong.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};
use zresp::cluster::{Redirect, RedirectKind, SLOTS, Shard, SlotMap};
use zresp::commands::CommandTable;
use zresp::{CommandBuf, Protocol};

use crate::connection::CONNECT;
use crate::options::Options;
use crate::redirect::Author;
use crate::upstream::{Access, Failure, Upstream, is_news};

/// The times between two reads of the slots. The shortest one is for when something seems wrong.
const LONGEST: Duration = Duration::from_secs(10);
const SHORTEST: Duration = Duration::from_millis(100);
/// How long a node may take to send the slots.
const ANSWER: Duration = Duration::from_secs(2);

pub(crate) struct Topology {
    kind: Kind,
    access: Access,
    /// The addresses that the options name.
    configured: Vec<String>,
    nodes: RefCell<HashMap<String, Rc<Upstream>>>,
    /// The upstream of each slot, if it is known.
    slots: RefCell<SlotMap<Rc<Upstream>>>,
    /// How often `slots` was updated.
    changes: Cell<u64>,
    /// See [`all`](Self::all). It is empty after an update.
    all: RefCell<Shares>,
    /// Asks for the slots to be read again.
    outdated: Notify,
}

/// Upstreams, each with its lowest slot, in the order of these.
pub(crate) type Shares = Rc<[(u16, Rc<Upstream>)]>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    One,
    Spread,
    Cluster,
}

impl Topology {
    /// Returns the upstreams that the options name, after a first attempt to connect.
    pub(crate) async fn new(options: &Options, access: &Access) -> Rc<Self> {
        let (kind, configured) = match &*options.upstream {
            _ if !options.cluster.is_empty() => (Kind::Cluster, &options.cluster),
            [_] => (Kind::One, &options.upstream),
            _ => (Kind::Spread, &options.upstream),
        };
        let topology = Rc::new(Self {
            kind,
            access: access.clone(),
            configured: configured.clone(),
            nodes: RefCell::default(),
            slots: RefCell::default(),
            changes: Cell::default(),
            all: RefCell::new([].into()),
            outdated: Notify::new(),
        });
        for (index, address) in configured.iter().enumerate() {
            let node = topology.node(address.clone());
            if kind != Kind::Cluster {
                let bound = |index| first_slot(index, configured.len());
                let slots = bound(index)..=bound(index + 1) - 1;
                topology.slots.borrow_mut().assign(slots, Rc::clone(&node));
                let kind_of_node = format!("the kind of {address}");
                match timeout(CONNECT, node.is_in_cluster()).await {
                    Ok(Ok(true)) if is_news(&kind_of_node, true) => {
                        warn!(upstream = address, "this is a node of a cluster: use --cluster");
                    }
                    Err(_) if is_news(address, true) => {
                        warn!(upstream = address, "does not answer yet");
                    }
                    _ => {}
                }
                let password = format!("the password of {address}");
                let is_missing = kind == Kind::Spread && node.wants_password.get();
                if is_missing && is_news(&password, true) {
                    warn!(upstream = address, "wants a password: use --password");
                }
            }
        }
        if kind == Kind::Cluster {
            if let Err(failure) = topology.learn().await {
                if is_news("slots", true) {
                    warn!(reason = failure.0, "no slots yet; without a cluster, use --upstream");
                }
                topology.refresh();
            }
            tokio::task::spawn_local(Rc::clone(&topology).keep_learning());
        }
        topology
    }

    /// Returns what is known about commands.
    pub(crate) fn commands(&self) -> Rc<CommandTable> {
        self.access.table.commands()
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.kind == Kind::Cluster
    }

    /// Returns the upstream if there is only one.
    pub(crate) fn only(&self) -> Option<Rc<Upstream>> {
        if self.kind == Kind::One { self.slots.borrow().get(0).cloned() } else { None }
    }

    /// Returns whether clients have to authenticate with the upstream itself.
    pub(crate) fn wants_password(&self) -> bool {
        self.only().is_some_and(|upstream| upstream.wants_password.get())
    }

    /// Returns the upstream of the keys of a slot.
    pub(crate) fn of_slot(&self, slot: u16) -> Result<Rc<Upstream>, Failure> {
        let upstream = self.slots.borrow().get(slot).cloned();
        upstream.ok_or_else(|| {
            self.refresh();
            Failure::new("CLUSTERDOWN Hash slot not served")
        })
    }

    /// Returns the upstream for channels: always the same one, unless a node of a cluster is not available.
    pub(crate) fn of_channels(&self) -> Result<Rc<Upstream>, Failure> {
        if self.is_cluster() { self.any() } else { self.of_slot(0) }
    }

    /// Returns any upstream: the first that is available.
    pub(crate) fn any(&self) -> Result<Rc<Upstream>, Failure> {
        let all = self.all();
        let best = all.iter().min_by_key(|(_, upstream)| upstream.has_failures());
        best.map_or_else(|| self.of_slot(0), |(_, upstream)| Ok(Rc::clone(upstream)))
    }

    /// Returns all upstreams with slots.
    pub(crate) fn all(&self) -> Shares {
        let mut all = self.all.borrow_mut();
        if all.is_empty() {
            let mut found = Vec::<(u16, Rc<Upstream>)>::new();
            for (slot, upstream) in self.slots.borrow().iter() {
                if !found.iter().rev().any(|(_, known)| Rc::ptr_eq(known, upstream)) {
                    found.push((slot, Rc::clone(upstream)));
                }
            }
            *all = found.into();
        }
        Rc::clone(&all)
    }

    /// Returns how often the map from slots to upstreams has been updated.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// Returns the upstream that a redirection names; after `MOVED`, the slot is assigned to it. Returns `None`
    /// without a cluster, and for a redirection that no cluster sends. One that a client can have written changes
    /// nothing, and must name the slot of the command and a node that is known.
    pub(crate) fn redirected(
        &self,
        redirect: &Redirect<'_>,
        from: &Upstream,
        author: &Author,
    ) -> Option<Rc<Upstream>> {
        let (RedirectKind::Moved { slot } | RedirectKind::Ask { slot }) = redirect.kind else {
            return None;
        };
        let host = redirect.endpoint.host.unwrap_or_else(|| host(&from.address));
        let address = address(host, redirect.endpoint.port);
        if let Author::Client(own) = *author {
            self.refresh();
            return self.nodes.borrow().get(&address).filter(|_| own == Some(slot)).cloned();
        }
        let node = self.node(address);
        if let RedirectKind::Moved { slot } = redirect.kind {
            self.slots.borrow_mut().assign(slot..=slot, Rc::clone(&node));
            self.note_change();
            self.refresh();
        }
        Some(node)
    }

    /// Asks for the slots to be read again, soon, because they seem to have moved, and for the table of commands,
    /// because a server may have been replaced.
    pub(crate) fn refresh(&self) {
        self.access.table.is_outdated.set(true);
        self.outdated.notify_one();
    }

    fn note_change(&self) {
        self.changes.set(self.changes.get() + 1);
        *self.all.borrow_mut() = [].into();
    }

    fn node(&self, address: String) -> Rc<Upstream> {
        let mut nodes = self.nodes.borrow_mut();
        let node = nodes
            .entry(address)
            .or_insert_with_key(|address| Upstream::new(address.clone(), self.access.clone()));
        Rc::clone(node)
    }

    async fn keep_learning(self: Rc<Self>) {
        loop {
            // It does not matter whether `refresh` was called or the time is up.
            let _ = timeout(LONGEST, self.outdated.notified()).await;
            match self.learn().await {
                Ok(()) => self.forget(),
                Err(_) => self.refresh(),
            }
            sleep(SHORTEST).await;
        }
    }

    /// Asks one node after another until one sends the slots. Those that have failed come last. Returns the last failure
    /// if none does.
    async fn learn(&self) -> Result<(), Failure> {
        let mut nodes: Vec<_> = self.nodes.borrow().values().cloned().collect();
        nodes.sort_by_key(|node| node.has_failures());
        let mut last = Failure::new("no node is known");
        for node in nodes {
            let learned = timeout(ANSWER, self.learn_from(&node)).await;
            match learned.unwrap_or_else(|_| Err(node.failure("no reply in time"))) {
                Ok(()) => return Ok(()),
                Err(failure) => last = failure,
            }
            debug!(reason = last.0, "node has not sent the slots");
        }
        Err(last)
    }

    /// Forgets nodes without slots: their addresses may come to belong to another cluster.
    fn forget(&self) {
        let is_wanted = |address: &String, node: &mut Rc<Upstream>| {
            self.configured.contains(address) || Rc::strong_count(node) > 1
        };
        self.nodes.borrow_mut().retain(is_wanted);
    }

    async fn learn_from(&self, node: &Rc<Upstream>) -> Result<(), Failure> {
        let mut connection = node.borrow(Protocol::Resp2).await?;
        let frame = connection.ask(&CommandBuf::new(("CLUSTER", "SLOTS"))).await?;
        let shards: Vec<Shard<'_>> = frame.reply().to().map_err(|error| node.failure(error))?;
        connection.give_back();
        let slots = SlotMap::new(&shards, |shard| {
            let primary = shard.primary()?;
            let host = primary.host.unwrap_or(host(&node.address));
            Some(self.node(address(host, primary.port?)))
        });
        let slots = slots.map_err(|error| node.failure(error))?;
        if slots.iter().next().is_none() {
            return Err(node.failure("serves no slots"));
        }
        *self.slots.borrow_mut() = slots;
        self.note_change();
        Ok(())
    }
}

/// Returns the lowest slot of one of several upstreams.
fn first_slot(index: usize, upstreams: usize) -> u16 {
    u16::try_from((index * usize::from(SLOTS)).div_ceil(upstreams)).expect("at most all slots")
}

/// Returns the address of a port. A host with colons is an IPv6 address and needs brackets.
fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}
