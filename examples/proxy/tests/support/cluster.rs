//! A Redis Cluster for a test: three primaries, each with a replica.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{array, thread};

use zresp::ReplyRef;

use super::live_server::{self, Program};
use super::{Client, Server, array as wire, program, until};

const NODES: usize = 6;
/// A primary that is silent for this long is replaced.
const NODE_TIMEOUT_MS: &str = "2000";
/// A node that has not learnt by then who has a slot may never do so: Redis 7.0 can forget a slot that moves while a
/// replica becomes a primary.
const LATE: Duration = Duration::from_secs(10);
/// How long the cluster may take to agree on something.
const AGREEMENT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) nodes: [Server; NODES],
    cli: PathBuf,
}

impl Cluster {
    /// Returns a cluster in which every node knows every slot, or `None` if a program is missing.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(Server::start_with)
    }

    /// Returns a cluster of this program, or `None` if another program is missing.
    pub(crate) fn of(program: &Program) -> Option<Self> {
        Self::start_with(|options| Some(program.start(options)))
    }

    fn start_with(start: impl Fn(&[&str]) -> Option<Server>) -> Option<Self> {
        let cli = program("redis-cli")?;
        let mut nodes = Vec::new();
        for _ in 0..NODES {
            nodes.push(start(&[
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                NODE_TIMEOUT_MS,
                "--cluster-replica-validity-factor",
                "0",
                "--repl-diskless-sync-delay",
                "0",
            ])?);
        }
        let names = nodes.iter().map(|node| format!("{}@{}", node.address(), node.bus()));
        let names: Vec<_> = names.collect();
        let cluster = Self { nodes: nodes.try_into().expect("six nodes"), cli };
        let options = ["--cluster-replicas", "1", "--cluster-yes"];
        cluster.manage("create", &names, &options);
        cluster.wait_until_all_agree();
        Some(cluster)
    }

    /// Runs `redis-cli --cluster`, and asserts that it succeeds.
    fn manage(&self, command: &str, nodes: &[String], options: &[&str]) {
        let output = self.try_to_manage(command, nodes, options);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    fn try_to_manage(&self, command: &str, nodes: &[String], options: &[&str]) -> Output {
        let mut child = Command::new(&self.cli);
        let child = child.args(["--cluster", command]).args(nodes).args(options);
        child.stdin(Stdio::null()).output().expect("the program starts")
    }

    /// Waits until every node knows where every slot is, and every primary has a replica that is up to
    /// date.
    pub(crate) fn wait_until_all_agree(&self) {
        let start = Instant::now();
        for node in &self.nodes {
            until("the cluster", AGREEMENT, || {
                if start.elapsed() > LATE {
                    // All hear from each primary again which slots it has.
                    let primaries = (0..NODES).filter(|at| !self.slots(*at).is_empty());
                    primaries.for_each(|at| drop(ask(&self.nodes[at], "CLUSTER BUMPEPOCH")));
                    thread::sleep(Duration::from_secs(1));
                }
                let info = ask(node, "CLUSTER INFO");
                let info = String::from_utf8_lossy(&info);
                let all = ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:6"];
                all.iter().all(|line| info.contains(line)).then_some(())
            });
        }
        for node in &self.nodes {
            until("the replicas", AGREEMENT, || {
                let info = ask(node, "INFO replication");
                let info = String::from_utf8_lossy(&info);
                (info.contains("state=online") || info.contains("master_link_status:up"))
                    .then_some(())
            });
        }
    }

    /// Returns the number of the primary that says that it has the slot.
    pub(crate) fn primary_of(&self, slot: u16) -> usize {
        let has = |at: &usize| self.is_up(*at) && self.slots(*at).iter().any(|s| s.contains(&slot));
        until("an owner of the slot", AGREEMENT, || (0..NODES).find(has))
    }

    /// Returns the ranges of slots that a node has.
    pub(crate) fn slots(&self, node: usize) -> Vec<RangeInclusive<u16>> {
        let nodes = ask(&self.nodes[node], "CLUSTER NODES");
        let nodes = String::from_utf8_lossy(&nodes);
        let own = nodes.lines().find(|line| line.contains("myself")).expect("its own line");
        let ranges = own.split(' ').skip(8).filter(|word| !word.starts_with('['));
        let range = |word: &str| {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            first.parse().expect("a slot")..=last.trim_end().parse().expect("a slot")
        };
        ranges.filter(|word| !word.is_empty()).map(range).collect()
    }

    /// Returns the node's name in the cluster.
    pub(crate) fn id(&self, node: usize) -> String {
        text(&self.nodes[node], "CLUSTER MYID")
    }

    fn is_up(&self, node: usize) -> bool {
        std::net::TcpStream::connect(self.nodes[node].address()).is_ok()
    }

    /// Starts to move a slot: from now on the source answers `ASK` for keys that it does not have.
    pub(crate) fn open(&self, slot: u16, from: usize, to: usize) {
        let (source, target) = (self.id(from), self.id(to));
        assert_ok(&self.nodes[to], &format!("CLUSTER SETSLOT {slot} IMPORTING {source}"));
        assert_ok(&self.nodes[from], &format!("CLUSTER SETSLOT {slot} MIGRATING {target}"));
    }

    /// Moves some of the keys of an open slot; returns how many.
    pub(crate) fn move_keys(&self, slot: u16, from: usize, to: usize, most: usize) -> usize {
        let reply = ask(&self.nodes[from], &format!("CLUSTER GETKEYSINSLOT {slot} {most}"));
        let reply = zresp::decode(&reply).expect("a reply").expect("a whole reply").reply();
        let keys: Vec<String> = reply.to().expect("keys");
        if !keys.is_empty() {
            let port = self.nodes[to].address().port();
            let keys_in_quotes =
                keys.iter().map(|key| format!(" '{key}'")).collect::<Vec<_>>().concat();
            let line = format!("MIGRATE 127.0.0.1 {port} '' 0 5000 KEYS{keys_in_quotes}");
            assert_ok(&self.nodes[from], &line);
        }
        keys.len()
    }

    /// Gives an open slot to its new owner.
    pub(crate) fn close(&self, slot: u16, from: usize, to: usize) {
        let target = self.id(to);
        // The target comes first. Otherwise, for a moment, both would redirect clients to each other.
        let others = (0..NODES).filter(|at| *at != from && *at != to);
        for at in [to, from].into_iter().chain(others) {
            let line = format!("CLUSTER SETSLOT {slot} NODE {target}");
            let reply = ask(&self.nodes[at], &line);
            // Replicas refuse the command, and learn it from their primaries.
            let is_replica = reply.starts_with(b"-ERR Please use SETSLOT only with masters.");
            assert!(reply == b"+OK\r\n" || is_replica, "{}", reply.escape_ascii());
        }
    }

    /// Moves slots with their keys from one primary to another.
    pub(crate) fn reshard(&self, slots: u16, from: usize, to: usize) {
        let (from, to, slots) = (self.id(from), self.id(to), slots.to_string());
        let options = ["--cluster-from", &from, "--cluster-to", &to, "--cluster-slots", &slots];
        // All nodes must know about the previous move before the next one starts, and about this one before a primary is
        // replaced: a replica that has not heard that its primary got a slot does not claim it.
        self.settle();
        self.manage("reshard", &[self.entry()], &[&options[..], &["--cluster-yes"]].concat());
        self.settle();
    }

    /// Waits until all nodes agree which primary has which slot.
    fn settle(&self) {
        until("an agreement", AGREEMENT, || {
            self.try_to_manage("check", &[self.entry()], &[]).status.success().then_some(())
        });
    }

    /// Returns the address of a node.
    fn entry(&self) -> String {
        self.nodes[0].address().to_string()
    }

    /// Moves slots with their keys at one moment, as Redis does from 8.4 on, and Valkey from 9.0 on.
    pub(crate) fn migrate(&self, slots: RangeInclusive<u16>, from: usize, to: usize) {
        let (first, last) = slots.into_inner();
        // The nodes must agree on the last migration before they begin with another one.
        until("the start of a migration", AGREEMENT, || {
            let import = ask(&self.nodes[to], &format!("CLUSTER MIGRATION IMPORT {first} {last}"));
            let target = self.id(to);
            let export = format!("CLUSTER MIGRATESLOTS SLOTSRANGE {first} {last} NODE {target}");
            let is_unknown = import.starts_with(b"-ERR unknown subcommand");
            let reply = if is_unknown { ask(&self.nodes[from], &export) } else { import };
            (!reply.starts_with(b"-")).then_some(())
        });
        until("the end of a migration", AGREEMENT, || {
            let has = |node: usize| self.slots(node).iter().any(|slots| slots.contains(&last));
            (has(to) && !has(from)).then_some(())
        });
    }

    /// Waits until another node has the slot; returns its number.
    pub(crate) fn wait_for_another_primary(&self, slot: u16, than: usize) -> usize {
        until("a failover", AGREEMENT, || {
            thread::sleep(Duration::from_millis(50));
            Some(self.primary_of(slot)).filter(|at| *at != than)
        })
    }
}

fn ask(node: &Server, line: &str) -> Vec<u8> {
    Client::new(node.connect()).ask(&wire(line))
}

fn text(node: &Server, line: &str) -> String {
    let reply = ask(node, line);
    let reply = zresp::decode(&reply).expect("a reply").expect("a whole reply").reply();
    let ReplyRef::Bulk(text) = reply else { panic!("{line}: {reply:?}") };
    String::from_utf8_lossy(text).into_owned()
}

fn assert_ok(node: &Server, line: &str) {
    let reply = ask(node, line);
    assert_eq!(reply, b"+OK\r\n", "{line}: {}", reply.escape_ascii());
}
