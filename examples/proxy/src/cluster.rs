//! The nodes of a Redis Cluster, and which node has which slots.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};
use zresp::cluster::{Redirect, RedirectKind, Shard, SlotMap};
use zresp::{CommandBuf, Protocol};

use crate::upstream::{Access, Failure, Upstream, ask};

/// The longest and the shortest time between two reads of the slots. They are read early if something seems
/// wrong.
const REFRESH: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(100));
/// How long a node may take to send the slots.
const ANSWER: Duration = Duration::from_secs(2);

pub(crate) struct Cluster {
    access: Access,
    /// The addresses that the options name.
    seeds: Vec<String>,
    nodes: RefCell<HashMap<String, Rc<Upstream>>>,
    /// The primary of each slot, if it is known.
    slots: RefCell<SlotMap<Rc<Upstream>>>,
    /// How often `slots` was updated.
    changes: Cell<u64>,
    /// Asks for the slots to be read again.
    outdated: Notify,
}

impl Cluster {
    /// Returns the cluster of these nodes, after a first attempt to read its slots.
    pub(crate) async fn new(seeds: &[String], access: Access) -> Rc<Self> {
        let cluster = Rc::new(Self {
            access,
            seeds: seeds.to_vec(),
            nodes: RefCell::default(),
            slots: RefCell::default(),
            changes: Cell::default(),
            outdated: Notify::new(),
        });
        for seed in seeds {
            cluster.node(seed.clone());
        }
        if !cluster.learn().await {
            warn!("no node has sent the slots yet; --log info shows why");
            cluster.refresh();
        }
        tokio::task::spawn_local(Rc::clone(&cluster).keep_learning());
        cluster
    }

    pub(crate) fn of_slot(&self, slot: u16) -> Result<Rc<Upstream>, Failure> {
        let upstream = self.slots.borrow().get(slot).cloned();
        upstream.ok_or_else(|| {
            self.refresh();
            Failure::new("CLUSTERDOWN Hash slot not served")
        })
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// Returns the node that a redirection of a cluster names. After `MOVED`, the slot is assigned to it.
    pub(crate) fn redirected(
        &self,
        redirect: &Redirect<'_>,
        from: &Upstream,
    ) -> Option<Rc<Upstream>> {
        let host = redirect.endpoint.host.unwrap_or_else(|| host(&from.address));
        let node = || self.node(address(host, redirect.endpoint.port));
        match redirect.kind {
            RedirectKind::Moved { slot } => {
                let node = node();
                self.slots.borrow_mut().assign(slot..=slot, Rc::clone(&node));
                self.changes.set(self.changes.get() + 1);
                self.refresh();
                Some(node)
            }
            RedirectKind::Ask { .. } => Some(node()),
            _ => None,
        }
    }

    /// Asks for the slots to be read again, soon.
    pub(crate) fn refresh(&self) {
        self.outdated.notify_one();
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
            let _ = timeout(REFRESH.0, self.outdated.notified()).await;
            if self.learn().await {
                self.forget();
            } else {
                self.refresh();
            }
            sleep(REFRESH.1).await;
        }
    }

    /// Asks one node after another until one sends the slots. Those that have failed come last.
    async fn learn(&self) -> bool {
        let mut nodes: Vec<_> = self.nodes.borrow().values().cloned().collect();
        nodes.sort_by_key(|node| node.has_failures());
        for node in nodes {
            match timeout(ANSWER, self.learn_from(&node)).await {
                Ok(Ok(())) => return true,
                Ok(Err(failure)) => info!(reason = failure.0, "node has not sent the slots"),
                Err(_) => debug!(node.address, "node has not sent the slots in time"),
            }
        }
        false
    }

    /// Forgets nodes without slots: their addresses may come to belong to another cluster.
    fn forget(&self) {
        let is_wanted = |address: &String, node: &mut Rc<Upstream>| {
            self.seeds.contains(address) || Rc::strong_count(node) > 1
        };
        self.nodes.borrow_mut().retain(is_wanted);
    }

    async fn learn_from(&self, node: &Rc<Upstream>) -> Result<(), Failure> {
        let mut stream = node.borrow(Protocol::Resp2).await?;
        let command = CommandBuf::new("CLUSTER").arg("SLOTS");
        let frame = ask(&mut stream, &command).await.map_err(|error| node.failure(error))?;
        let shards: Vec<Shard<'_>> = frame.reply().to().map_err(|error| node.failure(error))?;
        node.give_back(stream, Protocol::Resp2);
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
        self.changes.set(self.changes.get() + 1);
        Ok(())
    }
}

/// Returns the address of a port. A host with colons is an IPv6 address and needs brackets.
fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}
