//! Through the proxy, a Redis Cluster looks like one server, even while slots move and primaries fail.

mod support;

use std::time::Duration;

use zresp::cluster::key_slot;

use support::checker::{Checker, Commands, Load, Memory};
use support::cluster::Cluster;
use support::live_server::Program;
use support::{
    Client, Daemon, PATIENCE, alone, array, assert_reads_after_writing, bulk, command, pattern,
    proxy, say,
};

/// How long a replica may take to replace its primary: twice the timeout of a node, and an election.
const FAILOVER: Duration = Duration::from_secs(40);

const LOAD: Load =
    Load { clients: 8, largest: 200_000, commands: Commands::WithoutState, ..Load::MIXED };

/// Returns a proxy that is given the address of one node.
fn proxy_of(cluster: &Cluster) -> Daemon {
    proxy(&["--cluster", &cluster.nodes[0].address().to_string()])
}

#[test]
fn a_cluster_looks_like_one_server() {
    let _alone = alone();
    let Some(cluster) = Cluster::start() else { return };
    let proxy = proxy_of(&cluster);
    let mut client = Client::new(proxy.connect());
    for key in 0..300 {
        client.send(&array(&format!("SET key:{key} {key}")));
    }
    for _ in 0..300 {
        assert_eq!(client.receive(), b"+OK\r\n");
    }
    for key in 0..300 {
        assert_eq!(client.ask(&array(&format!("GET key:{key}"))), bulk(key.to_string().as_bytes()));
    }
    for (line, expected) in [
        ("MSET a 1 b 2 c 3 d 4", "+OK\r\n"),
        ("MGET d nokey a b a", "*5\r\n$1\r\n4\r\n$-1\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        ("EXISTS a b a nokey", ":3\r\n"),
        ("TOUCH a b nokey", ":2\r\n"),
        ("DEL a b nokey", ":2\r\n"),
        ("UNLINK c d a", ":2\r\n"),
        ("HSET h f v", ":1\r\n"),
        ("HGET h f", "$1\r\nv\r\n"),
        ("RPUSH {x}l a b", ":2\r\n"),
        ("RPOPLPUSH {x}l {x}m", "$1\r\nb\r\n"),
        ("EVAL 'return redis.call(\"INCR\", KEYS[1])' 1 n", ":1\r\n"),
        ("XADD s 1-1 f v", "$3\r\n1-1\r\n"),
        ("INCR h", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("PING", "+PONG\r\n"),
    ] {
        assert_eq!(client.answer(line), expected, "{line}");
    }
    for line in ["RENAME a b", "SINTER a b", "EVAL 'return 1' 2 a b"] {
        let answer = client.answer(line);
        assert!(answer.starts_with("-CROSSSLOT "), "{line}: {answer:?}");
    }
    for line in ["MONITOR", "SELECT 1", "CLUSTER FORGET x"] {
        let answer = Client::new(proxy.connect()).answer(line);
        assert!(answer.starts_with("-ERR ") && answer.len() > 20, "{line}: {answer:?}");
    }
    for key in ["one", "two", "three"] {
        let value = pattern::bytes(key_slot(key.as_bytes()).into(), 5 << 20);
        assert_eq!(client.ask(&command(&[b"SET", key.as_bytes(), &value])), b"+OK\r\n");
        assert!(client.ask(&array(&format!("GET {key}"))) == bulk(&value), "{key}");
    }
    let checker = Checker::start(proxy.address(), LOAD);
    std::thread::sleep(Duration::from_secs(1));
    checker.finish().assert_flawless();
}

#[test]
fn nodes_whose_hosts_are_not_named_are_where_the_proxy_asked() {
    let _alone = alone();
    let Some(cluster) = Cluster::start() else { return };
    let slot = key_slot(b"{moving}");
    // The nodes have no host names: one setting makes them send an empty or null host, the other one `?`.
    for endpoints in ["unknown-endpoint", "hostname"] {
        for node in &cluster.nodes {
            let line = format!("CONFIG SET cluster-preferred-endpoint-type {endpoints}");
            assert_eq!(Client::new(node.connect()).answer(&line), "+OK\r\n");
        }
        let proxy = proxy_of(&cluster);
        let mut client = Client::new(proxy.connect());
        for key in 0..100 {
            assert_eq!(client.answer(&format!("SET key:{key} {key}")), "+OK\r\n", "{endpoints}");
        }
        let from = cluster.primary_of(slot);
        let to = cluster.primary_of(slot.wrapping_add(16384 / 3) % 16384);
        assert_ne!(from, to);
        cluster.open(slot, from, to);
        assert_eq!(client.answer("SET {moving}:asked v"), "+OK\r\n", "{endpoints}");
        while cluster.move_keys(slot, from, to, 100) > 0 {}
        cluster.close(slot, from, to);
        assert_eq!(client.answer("GET {moving}:asked"), "$1\r\nv\r\n", "{endpoints}");
        assert_eq!(client.answer("DEL {moving}:asked"), ":1\r\n", "{endpoints}");
        // The slot goes back.
        cluster.open(slot, to, from);
        cluster.close(slot, to, from);
    }
}

#[test]
fn redirections_are_followed() {
    let _alone = alone();
    let Some(cluster) = Cluster::start() else { return };
    let proxy = proxy_of(&cluster);
    let mut client = Client::new(proxy.connect());
    let slot = key_slot(b"{moving}");
    let from = cluster.primary_of(slot);
    let to = cluster.primary_of(slot.wrapping_add(16384 / 3) % 16384);
    assert_ne!(from, to);
    let key = |at: usize| format!("{{moving}}:{at}");
    for at in 0..20 {
        assert_eq!(client.ask(&array(&format!("SET {} {at}", key(at)))), b"+OK\r\n");
    }
    let large = pattern::bytes(7, 1 << 20);
    let set_large =
        |client: &mut Client, name: &str| client.ask(&command(&[b"SET", name.as_bytes(), &large]));

    // Half of the keys stay, the other half are moved; the target also gets new keys.
    cluster.open(slot, from, to);
    assert_eq!(cluster.move_keys(slot, from, to, 10), 10);
    for at in 0..20 {
        assert_eq!(
            client.ask(&array(&format!("GET {}", key(at)))),
            bulk(at.to_string().as_bytes())
        );
        client.send(&array(&format!("APPEND {} +", key(at))));
        client.send(&array("ECHO between"));
        assert!(client.receive().starts_with(b":"), "APPEND to {}", key(at));
        assert_eq!(client.receive(), bulk(b"between"));
    }
    assert_eq!(client.answer("SET {moving}:new v"), "+OK\r\n");
    assert_eq!(client.ask(&array("GET {moving}:new")), bulk(b"v"));
    assert_eq!(client.answer("GET {moving}:none"), "$-1\r\n");
    // The proxy does not keep a large command, so it cannot follow a redirection: an error says so.
    let answer = set_large(&mut client, "{moving}:large");
    say(&format!("a large value into an open slot: {}", answer.escape_ascii()));
    assert!(answer == b"+OK\r\n" || answer.starts_with(b"-"), "{}", answer.escape_ascii());
    assert_eq!(client.ask(&array("ECHO after")), bulk(b"after"));

    // Now the target has all keys and the slot, and the proxy has not been told.
    while cluster.move_keys(slot, from, to, 100) > 0 {}
    cluster.close(slot, from, to);
    for at in 0..20 {
        let expected = bulk(format!("{at}+").as_bytes());
        assert_eq!(client.ask(&array(&format!("GET {}", key(at)))), expected);
    }
    support::until("a large value in a slot that has moved", PATIENCE, || {
        (set_large(&mut client, "{moving}:large") == b"+OK\r\n").then_some(())
    });
    assert!(client.ask(&array("GET {moving}:large")) == bulk(&large));
    let keys = (0..20).map(key).collect::<Vec<_>>().join(" ");
    assert!(client.answer(&format!("MGET {keys} elsewhere")).starts_with("*21\r\n$2\r\n0+\r\n"));
}

#[test]
fn while_two_nodes_name_each_other_a_command_waits() {
    let _alone = alone();
    let Some(cluster) = Cluster::start() else { return };
    let proxy = proxy_of(&cluster);
    let mut client = Client::new(proxy.connect());
    let slot = key_slot(b"{moving}");
    let from = cluster.primary_of(slot);
    let to = cluster.primary_of(slot.wrapping_add(16384 / 3) % 16384);
    assert_eq!(client.answer("GET {moving}"), "$-1\r\n");
    for (from, to) in [(from, to), (to, from)] {
        let take = format!("CLUSTER SETSLOT {slot} NODE {}", cluster.id(to));
        assert_eq!(Client::new(cluster.nodes[from].connect()).answer(&take), "+OK\r\n");
        let mut target = Client::new(cluster.nodes[to].connect());
        client.send(&array("GET {moving}"));
        client.send(&array("GET {moving}"));
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(target.answer(&take), "+OK\r\n");
        assert_eq!(client.receive(), b"$-1\r\n");
        assert_eq!(client.receive(), b"$-1\r\n");
    }
}

#[test]
fn transactions_and_subscriptions_follow_their_slot() {
    let _alone = alone();
    let Some(mut cluster) = Cluster::start() else { return };
    let proxy = proxy_of(&cluster);
    let (mut client, mut subscriber) = (Client::new(proxy.connect()), Client::new(proxy.connect()));
    let slot = key_slot(b"{moving}");
    let from = cluster.primary_of(slot);
    let to = cluster.primary_of(slot.wrapping_add(16384 / 3) % 16384);
    let transaction = |client: &mut Client, count: u32| {
        for (line, expected) in [
            ("MULTI", "+OK\r\n"),
            ("INCR {moving}1", "+QUEUED\r\n"),
            ("INCR elsewhere", "-CROSSSLOT Keys in request don't hash to the same slot\r\n"),
        ] {
            assert_eq!(client.answer(line), expected, "{line}");
        }
        assert!(client.answer("EXEC").starts_with("-EXECABORT "));
        for (line, expected) in [
            ("WATCH {moving}1", "+OK\r\n"),
            ("MULTI", "+OK\r\n"),
            ("INCR {moving}1", "+QUEUED\r\n"),
            ("EXEC", &format!("*1\r\n:{count}\r\n")),
        ] {
            assert_eq!(client.answer(line), expected, "{line}");
        }
    };
    let mut hears = |subscriber: &mut Client, text: &str| {
        support::until("the subscription", FAILOVER, || {
            let answer = client.answer(&format!("SPUBLISH {{moving}}2 {text}"));
            std::thread::sleep(Duration::from_millis(20));
            (answer == ":1\r\n").then_some(())
        });
        let expected =
            [b"*3\r\n".to_vec(), bulk(b"smessage"), bulk(b"{moving}2"), bulk(text.as_bytes())];
        assert_eq!(subscriber.receive(), expected.concat());
    };
    assert!(subscriber.answer("SSUBSCRIBE {moving}2").starts_with("*3\r\n$10\r\nssubscribe\r\n"));
    hears(&mut subscriber, "first");
    let mut other = Client::new(proxy.connect());
    transaction(&mut other, 1);
    // In the middle of a transaction its slot moves.
    assert_eq!(other.answer("MULTI"), "+OK\r\n");
    assert_eq!(other.answer("INCR {moving}1"), "+QUEUED\r\n");
    cluster.open(slot, from, to);
    while cluster.move_keys(slot, from, to, 100) > 0 {}
    cluster.close(slot, from, to);
    assert_eq!(other.answer("INCR {moving}1"), "+QUEUED\r\n");
    assert_eq!(other.answer("EXEC"), "*2\r\n:2\r\n:3\r\n");
    transaction(&mut other, 4);
    hears(&mut subscriber, "moved");
    // Its new node dies, and is replaced by the replica.
    cluster.nodes[to].kill();
    cluster.wait_for_another_primary(slot, to);
    hears(&mut subscriber, "replaced");
}

#[test]
fn slots_move_under_load_and_nothing_is_lost() {
    let _alone = alone();
    let Some(cluster) = Cluster::start() else { return };
    let proxy = proxy_of(&cluster);
    let mut checker = Checker::start(proxy.address(), LOAD);
    checker.wait_for_replies(2000, PATIENCE);
    let (first, second) = (cluster.primary_of(0), cluster.primary_of(16383));
    // Sometimes a command is redirected while later ones could already be sent to the new node.
    for _ in 0..2 {
        for (from, to) in [(first, second), (second, first)] {
            cluster.reshard(600, from, to);
            checker.wait_for_replies(1000, PATIENCE);
        }
    }
    let report = checker.finish();
    say(&format!("2400 slots moved: {report:?}"));
}

#[test]
fn a_failed_primary_is_replaced_under_load() {
    let _alone = alone();
    let Some(mut cluster) = Cluster::start() else { return };
    let proxy = proxy_of(&cluster);
    let mut checker = Checker::start(proxy.address(), Load { memory: Memory::MayGoBack, ..LOAD });
    checker.wait_for_replies(2000, PATIENCE);
    let mut failed = Vec::new();
    // First the node whose address the proxy was given, then another one.
    for slot in [cluster.slots(0)[0].clone().next().expect("a slot"), 16383] {
        let primary = cluster.primary_of(slot);
        cluster.nodes[primary].kill();
        failed.push(primary);
        checker.wait_for_an_error(PATIENCE);
        let next = cluster.wait_for_another_primary(slot, primary);
        say(&format!("node {next} has replaced {primary}"));
        let mut client = Client::new(proxy.connect());
        let key = (0..1000)
            .map(|at| format!("key:{at}"))
            .find(|key| cluster.primary_of(key_slot(key.as_bytes())) == next);
        let key = key.expect("a key of the new primary");
        support::until("the new primary to be found", FAILOVER, || {
            (client.answer(&format!("SET {key} v")) == "+OK\r\n").then_some(())
        });
        checker.wait_for_replies(2000, FAILOVER);
        cluster.nodes[primary].restart();
    }
    let report = checker.finish();
    say(&format!("primaries {failed:?} killed: {report:?}"));
    assert!(report.slowest < PATIENCE, "{report:?}");
}

#[test]
fn slots_migrate_at_one_moment_under_load_and_no_reply_is_an_error() {
    let _alone = alone();
    let programs = Program::all();
    for (name, is_valkey, since) in [("Valkey", true, (9, 0)), ("Redis", false, (8, 4))] {
        let can = |program: &&Program| program.is_valkey == is_valkey && program.version >= since;
        let Some(program) = programs.iter().find(can) else {
            say(&format!("skipped for {name}: ZRESP_SERVERS lists none from {since:?} on"));
            continue;
        };
        let Some(cluster) = Cluster::of(program) else { return };
        let proxy = proxy_of(&cluster);
        // The proxy keeps commands of this size, so it can send them again to the new node.
        let load = Load { largest: 60_000, ..LOAD };
        let mut checker = Checker::start(proxy.address(), load);
        checker.wait_for_replies(1000, PATIENCE);
        let (first, second) = (cluster.primary_of(0), cluster.primary_of(16383));
        for _ in 0..3 {
            for (from, to) in [(first, second), (second, first)] {
                cluster.migrate(0..=3999, from, to);
                checker.wait_for_replies(500, PATIENCE);
            }
        }
        let report = checker.finish();
        say(&format!("24,000 slots of {name} migrated: {report:?}"));
        report.assert_flawless();
    }
}

#[test]
fn a_client_of_a_cluster_may_write_everything_before_it_reads() {
    let _alone = alone();
    let Some(cluster) = Cluster::start() else { return };
    assert_reads_after_writing(&proxy_of(&cluster));
}
