//! The nodes of a Redis Cluster, and which of them has which slots.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};
use zresp::cluster::{Redirect, RedirectKind, SLOTS};
use zresp::{CommandBuf, ConversionError, Protocol, ReplyRef};

use crate::upstream::{Access, Failure, Upstream, ask};

/// How often the slots are learnt when nothing is wrong, and at most.
const REFRESH: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(100));
/// How long a node may take to tell the slots.
const ANSWER: Duration = Duration::from_secs(2);

pub(crate) struct Cluster {
    access: Access,
    /// The addresses that were named at the start.
    seeds: Vec<String>,
    nodes: RefCell<HashMap<String, Rc<Upstream>>>,
    /// The primary of each slot, where it is known.
    slots: RefCell<Vec<Option<Rc<Upstream>>>>,
    /// How often the slots have changed.
    changes: Cell<u64>,
    outdated: Notify,
}

impl Cluster {
    /// Returns a cluster that some of these nodes belong to.
    pub(crate) async fn new(seeds: &[String], access: Access) -> Rc<Self> {
        let cluster = Rc::new(Self {
            access,
            seeds: seeds.to_vec(),
            nodes: RefCell::default(),
            slots: RefCell::new(vec![None; SLOTS.into()]),
            changes: Cell::default(),
            outdated: Notify::new(),
        });
        for seed in seeds {
            cluster.node(seed.clone());
        }
        if !cluster.learn().await {
            warn!("no node tells the slots yet; --log info tells why");
            cluster.refresh();
        }
        tokio::task::spawn_local(Rc::clone(&cluster).keep_learning());
        cluster
    }

    pub(crate) fn of_slot(&self, slot: u16) -> Result<Rc<Upstream>, Failure> {
        let upstream = self.slots.borrow()[usize::from(slot)].clone();
        upstream.ok_or_else(|| {
            self.refresh();
            Failure::new("CLUSTERDOWN Hash slot not served")
        })
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// Returns where a node has sent a command.
    pub(crate) fn redirected(&self, redirect: &Redirect<'_>, from: &Upstream) -> Rc<Upstream> {
        let host = redirect.host.unwrap_or_else(|| host(&from.address));
        let upstream = self.node(address(host, redirect.port));
        if redirect.kind == RedirectKind::Moved {
            self.slots.borrow_mut()[usize::from(redirect.slot)] = Some(Rc::clone(&upstream));
            self.changes.set(self.changes.get() + 1);
            self.refresh();
        }
        upstream
    }

    /// Has the slots learnt again, soon.
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
            // Whether it was asked for or time passed is the same.
            let _ = timeout(REFRESH.0, self.outdated.notified()).await;
            if self.learn().await {
                self.forget();
            } else {
                self.refresh();
            }
            sleep(REFRESH.1).await;
        }
    }

    /// Asks the nodes, first those that have not failed, until one tells the slots.
    async fn learn(&self) -> bool {
        let mut nodes: Vec<_> = self.nodes.borrow().values().cloned().collect();
        nodes.sort_by_key(|node| node.has_failures());
        for node in nodes {
            match timeout(ANSWER, self.learn_from(&node)).await {
                Ok(Ok(())) => return true,
                Ok(Err(failure)) => info!(reason = failure.0, "tells no slots"),
                Err(_) => debug!(node.address, "tells no slots in time"),
            }
        }
        false
    }

    /// Forgets nodes that serve nothing: their addresses may be another cluster's one day.
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
        let slots = self.read(frame.reply(), node).map_err(|error| node.failure(error))?;
        node.give_back(stream, Protocol::Resp2);
        if slots.iter().all(Option::is_none) {
            return Err(node.failure("serves no slots"));
        }
        *self.slots.borrow_mut() = slots;
        self.changes.set(self.changes.get() + 1);
        Ok(())
    }

    /// Reads the reply to `CLUSTER SLOTS`: first slot, last slot, the primary and its replicas.
    fn read(
        &self,
        reply: ReplyRef<'_>,
        from: &Upstream,
    ) -> Result<Vec<Option<Rc<Upstream>>>, ConversionError> {
        let mut slots = vec![None; SLOTS.into()];
        for range in reply.to::<Vec<Vec<ReplyRef<'_>>>>()? {
            let [first, last, primary, ..] = range[..] else { continue };
            let [name, port, ..] = primary.to::<Vec<ReplyRef<'_>>>()?[..] else { continue };
            let name = name.to::<Option<&str>>()?.filter(|name| !["", "?"].contains(name));
            let node = self.node(address(name.unwrap_or(host(&from.address)), port.to()?));
            let (first, last) = (first.to::<u16>()?, last.to::<u16>()?);
            if let Some(range) = slots.get_mut(first.into()..=last.into()) {
                range.fill(Some(node));
            }
        }
        Ok(slots)
    }
}

/// The address of a port of a host. That of IPv6 has colons of its own.
fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}
