//! Slots, topologies and redirections match those of running servers, in both protocols.
//!
//! Without a `redis-server` on the `PATH`, these tests are skipped, or fail if `ZRESP_REQUIRE_REDIS` is set.
#![cfg(all(feature = "cluster", feature = "std"))]

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::ops::RangeInclusive;
use std::thread;
use std::time::{Duration, Instant};

use zresp::cluster::{
    Health, Node, NodeRole, Redirect, RedirectKind, SLOTS, Shard, SlotMap, key_slot,
};
use zresp::io::ReplyReader;
use zresp::{Frame, ReplyRef};
use zresp_testing::drive::live_server::Server;

/// How long a cluster may take to agree on something.
const AGREEMENT: Duration = Duration::from_secs(30);

struct Client(ReplyReader<TcpStream>);

impl Client {
    fn speaking(version: u8, server: &Server) -> Self {
        let mut client = Self(ReplyReader::new(server.connect()));
        assert!(!client.ask(&format!("HELLO {version}")).reply().is_error());
        client
    }

    fn ask(&mut self, line: &str) -> Frame {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).expect("room for a line");
        self.0.read().expect("a reply").expect("a reply before the end").to_frame()
    }

    /// Returns whether the reply is `+OK`.
    fn agrees(&mut self, line: &str) -> bool {
        self.ask(line).reply() == ReplyRef::Simple(b"OK")
    }

    fn text(&mut self, line: &str) -> String {
        self.ask(line).to().unwrap_or_else(|error| panic!("{line}: {error}"))
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < AGREEMENT, "still waiting for {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A node of the cluster, and what a topology should say of it.
struct Member {
    server: Server,
    id: String,
    slots: Vec<RangeInclusive<u16>>,
    role: NodeRole,
    name: Option<&'static str>,
    zone: Option<String>,
}

/// Returns three primaries, with and without host names, and a replica of the first; `None` without a server.
fn cluster() -> Option<Vec<Member>> {
    let mut members = Vec::new();
    for (number, (slots, name)) in [
        (vec![0..=5_000, 10_000..=10_000], Some("a.example")),
        (vec![5_001..=9_999], Some("b.example")),
        (vec![10_001..=16_383], None),
        (vec![], None),
    ]
    .into_iter()
    .enumerate()
    {
        let server = Server::start_with(&[
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "1000",
            "--cluster-replica-validity-factor",
            "0",
            "--repl-diskless-sync-delay",
            "0",
        ])?;
        let mut client = Client::speaking(2, &server);
        let zone = sends_zones(&mut client).then(|| format!("zone-{number}"));
        if let Some(zone) = &zone {
            assert!(client.agrees(&format!("CONFIG SET availability-zone {zone}")));
        }
        if let Some(name) = name {
            assert!(client.agrees(&format!("CONFIG SET cluster-announce-hostname {name}")));
        }
        for range in &slots {
            let (first, last) = (range.start(), range.end());
            assert!(client.agrees(&format!("CLUSTER ADDSLOTSRANGE {first} {last}")));
        }
        let id = client.text("CLUSTER MYID");
        if let Some(Member { server: first, .. }) = members.first() {
            let port = server.address().port();
            let bus = server.bus();
            let meet = format!("CLUSTER MEET 127.0.0.1 {port} {bus}");
            assert!(Client::speaking(2, first).agrees(&meet));
        }
        let role = if slots.is_empty() { NodeRole::Replica } else { NodeRole::Primary };
        members.push(Member { server, id, slots, role, name, zone });
    }
    let replicate = format!("CLUSTER REPLICATE {}", members[0].id);
    until("a replica", || Client::speaking(2, &members[3].server).agrees(&replicate));
    for member in &members {
        until("an agreement", || {
            let mut client = Client::speaking(2, &member.server);
            let (slots, shards) = (client.ask("CLUSTER SLOTS"), client.ask("CLUSTER SHARDS"));
            let (slots, shards) = (shards_in(&slots), shards_in(&shards));
            let online = |node: &&Node<'_>| node.health == Some(Health::Online);
            let names =
                shards.iter().flat_map(|shard| &shard.nodes).filter_map(|node| node.hostname);
            client.text("CLUSTER INFO").contains("cluster_state:ok")
                && names.count() == 2
                && slots.iter().map(|shard| shard.replicas().count()).sum::<usize>() == 2
                && shards.iter().flat_map(|shard| &shard.nodes).filter(online).count() == 4
        });
    }
    Some(members)
}

/// Whether a topology contains zones: Valkey 9.1 and later send them.
fn sends_zones(client: &mut Client) -> bool {
    let info = client.text("INFO server");
    let version = info.lines().find_map(|line| line.strip_prefix("valkey_version:"));
    let mut numbers =
        version.unwrap_or("0").split('.').map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(9), Some(1))
}

fn shards_in(frame: &Frame) -> Vec<Shard<'_>> {
    frame.to().unwrap_or_else(|error| panic!("{error}: {:?}", frame.reply()))
}

/// The id of the primary of each slot.
fn owners(shards: &[Shard<'_>]) -> BTreeMap<u16, String> {
    let map = SlotMap::new(shards, |shard| shard.primary()?.id).expect("no overlap");
    map.iter().map(|(slot, id)| (slot, (*id).to_owned())).collect()
}

/// The host that a server names for a node, depending on the endpoints that it prefers.
fn preferred<'a>(endpoints: &str, member: &'a Member) -> Option<&'a str> {
    match endpoints {
        "ip" => Some("127.0.0.1"),
        "hostname" => member.name,
        _ => None,
    }
}

#[test]
fn topologies_and_redirections_match_a_cluster_and_survive_a_failover() {
    let Some(mut members) = cluster() else { return };
    let expected: BTreeMap<u16, String> = members
        .iter()
        .flat_map(|member| {
            member.slots.iter().cloned().flatten().map(|slot| (slot, member.id.clone()))
        })
        .collect();
    assert_eq!(expected.len(), usize::from(SLOTS));
    for endpoints in ["ip", "hostname", "unknown-endpoint"] {
        for member in &members {
            let line = format!("CONFIG SET cluster-preferred-endpoint-type {endpoints}");
            assert!(Client::speaking(2, &member.server).agrees(&line));
        }
        for version in [2, 3] {
            for asked in &members {
                let mut client = Client::speaking(version, &asked.server);
                for command in ["CLUSTER SLOTS", "CLUSTER SHARDS"] {
                    let frame = client.ask(command);
                    let shards = shards_in(&frame);
                    let case =
                        format!("{command}, {endpoints}, RESP{version}: {:?}", frame.reply());
                    assert_eq!(owners(&shards), expected, "{case}");
                    let mut seen = 0;
                    for node in shards.iter().flat_map(|shard| &shard.nodes) {
                        let id = node.id.expect("an id");
                        let at =
                            members.iter().position(|member| member.id == id).expect("a member");
                        check(command, endpoints, node, &members[at], &case);
                        seen |= 1 << at;
                    }
                    assert_eq!(seen, 0b1111, "{case}");
                    let replicas =
                        shards.iter().flat_map(Shard::replicas).filter_map(|node| node.id);
                    assert!(replicas.into_iter().all(|id| id == members[3].id), "{case}");
                }
                // `foo` is in slot 12,182, which the third node has.
                if asked.id != members[2].id {
                    let error = client.ask("GET foo");
                    let message = error.reply().as_error().expect("a redirection").to_vec();
                    let redirect = Redirect::parse(&message).expect("a redirection");
                    assert_eq!(redirect.kind, RedirectKind::Moved { slot: 12_182 });
                    assert_eq!(redirect.endpoint.host, preferred(endpoints, &members[2]));
                    assert_eq!(redirect.endpoint.port, members[2].server.address().port());
                }
            }
        }
    }

    let mut source = Client::speaking(2, &members[2].server);
    let target = &members[0].id;
    assert!(source.agrees(&format!("CLUSTER SETSLOT 12182 MIGRATING {target}")));
    let error = source.ask("GET foo");
    let redirect = error.reply().as_error().and_then(Redirect::parse).expect("a redirection");
    assert_eq!(redirect.kind, RedirectKind::Ask { slot: 12_182 });
    assert_eq!(redirect.endpoint.port, members[0].server.address().port());

    let (failed, successor) = (members[0].id.clone(), members[3].id.clone());
    members[0].server.kill();
    let mut client = Client::speaking(3, &members[1].server);
    until("a failover", || owners(&shards_in(&client.ask("CLUSTER SLOTS")))[&0] == successor);
    let frame = client.ask("CLUSTER SHARDS");
    let shards = shards_in(&frame);
    let expected = expected.into_iter().map(|(slot, id)| {
        let has_failed = id == failed;
        (slot, if has_failed { successor.clone() } else { id })
    });
    assert!(owners(&shards).into_iter().eq(expected), "{:?}", frame.reply());
    let mut nodes = shards.iter().flat_map(|shard| &shard.nodes);
    let failed = nodes.find(|node| node.id == Some(&failed)).expect("the node that failed");
    assert_eq!(failed.health, Some(Health::Failed), "{:?}", frame.reply());
}

/// Asserts that a node is described as it is.
fn check(command: &str, endpoints: &str, node: &Node<'_>, member: &Member, case: &str) {
    assert_eq!(node.port, Some(member.server.address().port()), "{case}");
    assert_eq!(node.host, preferred(endpoints, member), "{case}");
    assert_eq!(node.role, member.role, "{case}");
    assert_eq!(node.availability_zone, member.zone.as_deref(), "{case}");
    let is_shards = command == "CLUSTER SHARDS";
    let unless = |is_host: bool, value| if is_shards || !is_host { value } else { None };
    assert_eq!(node.ip, unless(endpoints == "ip", Some("127.0.0.1")), "{case}");
    assert_eq!(node.hostname, unless(endpoints == "hostname", member.name), "{case}");
    assert_eq!(node.health, is_shards.then_some(Health::Online), "{case}");
    assert_eq!(node.replication_offset.is_some(), is_shards, "{case}");
}

#[test]
fn a_server_without_a_cluster_sends_an_error_instead_of_a_topology() {
    let Some(server) = Server::start() else { return };
    let frame = Client::speaking(2, &server).ask("CLUSTER SLOTS");
    let error = frame.to::<Vec<Shard<'_>>>().expect_err("an error reply");
    assert!(error.error_reply().is_some_and(|message| message.starts_with(b"ERR ")), "{error}");
}

#[test]
fn a_replica_of_valkey_names_its_primary() {
    let (Some(primary), Some(replica)) = (Server::start(), Server::start()) else { return };
    let mut client = Client::speaking(3, &replica);
    if !client.agrees("CLIENT CAPA redirect") {
        return; // Redis does not have this.
    }
    let port = primary.address().port();
    assert!(client.agrees(&format!("REPLICAOF 127.0.0.1 {port}")));
    until("a replica", || client.text("INFO replication").contains("master_link_status:up"));
    let error = client.ask("GET k");
    let redirect = error.reply().as_error().and_then(Redirect::parse).expect("a redirection");
    assert_eq!(redirect.kind, RedirectKind::Primary);
    assert_eq!((redirect.endpoint.host, redirect.endpoint.port), (Some("127.0.0.1"), port));
}

#[test]
fn slots_match_those_of_a_server() {
    let Some(server) = Server::start_with(&["--cluster-enabled", "yes"]) else { return };
    let mut rng = fastrand::Rng::with_seed(16_384);
    let odd =
        ["", "{", "}", "{}", "a{}b", "{{a}}", "a{b", "a}b{c}", "{a}{b}", "{}{a}", "x{a}y{b}z"];
    let mut keys: Vec<Vec<u8>> = odd.iter().map(|key| key.as_bytes().to_vec()).collect();
    for length in 0..64 {
        for _ in 0..40 {
            let alphabet =
                if rng.bool() { &b"{}ab"[..] } else { b"abcdefghijklmnopqrstuvwxyz{}\0\xff" };
            keys.push((0..length).map(|_| *rng.choice(alphabet).unwrap()).collect());
        }
    }
    let mut stream = server.connect();
    for key in &keys {
        stream
            .write_all(
                format!("*3\r\n$7\r\nCLUSTER\r\n$7\r\nKEYSLOT\r\n${}\r\n", key.len()).as_bytes(),
            )
            .unwrap();
        stream.write_all(key).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    let mut replies = ReplyReader::new(stream);
    for key in &keys {
        let frame = replies.read().unwrap().unwrap();
        let slot = key_slot(key);
        assert!(slot < SLOTS);
        assert_eq!(frame.reply(), ReplyRef::Integer(i64::from(slot)), "{}", key.escape_ascii());
    }
    assert!(keys.len() > 2_000);
}
