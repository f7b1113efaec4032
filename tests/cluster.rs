//! Replies to `CLUSTER SLOTS` and `CLUSTER SHARDS` become shards and a map of slots, whatever they contain.
//!
//! The inputs are what Redis 7.0, 8.0 and 8.6 and Valkey 8.1 and 9.1 have sent, with shorter names. The answers of
//! running servers are in `tests/live_cluster.rs`.
#![cfg(feature = "cluster")]

use std::collections::BTreeMap;

use zresp::cluster::{Health, Node, NodeRole, OverlapError, SLOTS, Shard, SlotMap};
use zresp::{ConversionError, Reply};
use zresp_testing::drive::notation::wire;

/// Decodes a reply and passes its conversion to a function.
fn read<T>(bytes: &[u8], take: impl FnOnce(Result<Vec<Shard<'_>>, ConversionError>) -> T) -> T {
    let frame = zresp::decode(bytes).expect("a valid reply").expect("a whole reply");
    assert_eq!(frame.wire().len(), bytes.len(), "{}", bytes.escape_ascii());
    take(frame.reply().to())
}

/// A node on one line: host, port, and whatever else is known.
fn line(node: &Node<'_>) -> String {
    let mut line = format!("{:?} {}", node.role, node.host.unwrap_or("-"));
    let mut add = |name: &str, value: Option<String>| {
        line.extend(value.map(|value| format!(" {name}={value}")));
    };
    add("port", node.port.map(|port| port.to_string()));
    add("tls", node.tls_port.map(|port| port.to_string()));
    add("id", node.id.map(str::to_owned));
    add("ip", node.ip.map(str::to_owned));
    add("name", node.hostname.map(str::to_owned));
    add("zone", node.availability_zone.map(str::to_owned));
    add("offset", node.replication_offset.map(|offset| offset.to_string()));
    add("health", node.health.map(|health| format!("{health:?}")));
    line
}

fn shown(shards: &[Shard<'_>]) -> Vec<String> {
    let shard = |shard: &Shard<'_>| {
        let nodes: Vec<_> = shard.nodes.iter().map(line).collect();
        format!("{} {:?} | {}", shard.id.unwrap_or("-"), shard.slots, nodes.join(" | "))
    };
    shards.iter().map(shard).collect()
}

/// Replies, in RESP2 and RESP3 if they differ, and the shards in them.
const RECORDED: [(&str, &[&str], &[&str]); 12] = [
    ("an empty cluster", &["*0"], &[]),
    (
        "slots of Redis and Valkey",
        &[
            "*2 *4 :0 :5000 *4 $10.0.0.1 :7000 $a1 *0 *4 $10.0.0.3 :7002 $c3 *0
                *3 :5001 :16383 *4 $10.0.0.2 :7001 $b2 *0",
            "*2 *4 :0 :5000 *4 $10.0.0.1 :7000 $a1 %0 *4 $10.0.0.3 :7002 $c3 %0
                *3 :5001 :16383 *4 $10.0.0.2 :7001 $b2 %0",
        ],
        &[
            "- [0..=5000] | Primary 10.0.0.1 port=7000 id=a1 | Replica 10.0.0.3 port=7002 id=c3",
            "- [5001..=16383] | Primary 10.0.0.2 port=7001 id=b2",
        ],
    ),
    (
        "slots, by address, with host names",
        &[
            "*1 *3 :7 :7 *4 $::1 :7000 $a1 *2 $hostname $a.example",
            "*1 *3 :7 :7 *4 $::1 :7000 $a1 %1 $hostname $a.example",
        ],
        &["- [7..=7] | Primary ::1 port=7000 id=a1 name=a.example"],
    ),
    (
        "slots, by host name, of nodes with and without one",
        &[
            "*1 *4 :0 :1 *4 $a.example :7000 $a1 *2 $ip $10.0.0.1 *4 $? :7001 $b2 *2 $ip $10.0.0.2",
            "*1 *4 :0 :1 *4 $a.example :7000 $a1 %1 $ip $10.0.0.1 *4 $? :7001 $b2 %1 $ip $10.0.0.2",
        ],
        &["- [0..=1] | Primary a.example port=7000 id=a1 ip=10.0.0.1 \
           | Replica - port=7001 id=b2 ip=10.0.0.2"],
    ),
    (
        "slots with unknown endpoints and zones",
        &[
            "*1 *3 :0 :1 *4 $-1 :7000 $a1
                *6 $ip $10.0.0.1 $hostname $a.example $availability-zone $zone-0",
            "*1 *3 :0 :1 *4 _ :7000 $a1
                %3 $ip $10.0.0.1 $hostname $a.example $availability-zone $zone-0",
        ],
        &["- [0..=1] | Primary - port=7000 id=a1 ip=10.0.0.1 name=a.example zone=zone-0"],
    ),
    (
        "slots of older servers and of other programs",
        &["*3 *3 :0 :1 *2 $h :1 *3 :2 :3 *3 $h :1 $a1 *3 :4 :5 *5 $h :1 $a1 *-1 $more"],
        &[
            "- [0..=1] | Primary h port=1",
            "- [2..=3] | Primary h port=1 id=a1",
            "- [4..=5] | Primary h port=1 id=a1",
        ],
    ),
    (
        "the shard of a node alone, which does not know its address",
        &[
            "*1 *4 $slots *0 $nodes *1 *14 $id $a1 $port :7000 $ip $ $endpoint $ $role $master
                $replication-offset :0 $health $online",
            "*1 %2 $slots *0 $nodes *1 %7 $id $a1 $port :7000 $ip $ $endpoint $ $role $master
                $replication-offset :0 $health $online",
        ],
        &["- [] | Primary - port=7000 id=a1 offset=0 health=Online"],
    ),
    (
        "shards with several ranges, a host name and a replica",
        &[
            "*1 *4 $slots *4 :0 :5000 :10000 :10000 $nodes *2
                *16 $id $a1 $port :7000 $ip $10.0.0.1 $endpoint $10.0.0.1 $hostname $a.example $role $master
                    $replication-offset :14 $health $online
                *14 $id $c3 $port :7002 $ip $10.0.0.3 $endpoint $? $role $replica $replication-offset :0 $health $loading",
            "*1 %2 $slots *4 :0 :5000 :10000 :10000 $nodes *2
                %8 $id $a1 $port :7000 $ip $10.0.0.1 $endpoint $10.0.0.1 $hostname $a.example $role $master
                    $replication-offset :14 $health $online
                %7 $id $c3 $port :7002 $ip $10.0.0.3 $endpoint $? $role $replica $replication-offset :0 $health $loading",
        ],
        &["- [0..=5000, 10000..=10000] \
           | Primary 10.0.0.1 port=7000 id=a1 ip=10.0.0.1 name=a.example offset=14 health=Online \
           | Replica - port=7002 id=c3 ip=10.0.0.3 offset=0 health=Loading"],
    ),
    (
        "shards of Valkey 9.1",
        &[
            "*1 *6 $slots *2 :0 :1 $nodes *1 *16 $id $a1 $port :7000 $ip $10.0.0.1 $endpoint $ $role $master
                $replication-offset :0 $health $online $availability-zone $zone-0 $id $shard-7",
            "*1 %3 $slots *2 :0 :1 $nodes *1 %8 $id $a1 $port :7000 $ip $10.0.0.1 $endpoint $ $role $master
                $replication-offset :0 $health $online $availability-zone $zone-0 $id $shard-7",
        ],
        &["shard-7 [0..=1] | Primary - port=7000 id=a1 ip=10.0.0.1 zone=zone-0 offset=0 health=Online"],
    ),
    (
        "a shard whose primary has been replaced, of Redis 8",
        &["*1 %2 $slots *2 :0 :1 $nodes *2 %4 $port :7000 $endpoint $old $role $master $health $fail
            %4 $port :7001 $endpoint $new $role $master $health $online"],
        &["- [0..=1] | Primary old port=7000 health=Failed | Primary new port=7001 health=Online"],
    ),
    (
        "shards with ports for TLS",
        &["*1 %2 $slots *2 :0 :1 $nodes *3 %3 $tls-port :7100 $endpoint $h $role $master
            %4 $port :7000 $tls-port :7100 $endpoint $h $role $replica
            %4 $port :0 $tls-port :7100 $endpoint $h $role $slave"],
        &["- [0..=1] | Primary h tls=7100 | Replica h port=7000 tls=7100 | Replica h tls=7100"],
    ),
    (
        "shards with null, unknown and repeated fields, and unknown words",
        &["*1 %5 $weight ,1.5 $slots *0 :1 *1 $x $id _ $nodes *1 %9 $endpoint _ $hostname _ $port :1 $port :2
            $role $arbiter $health $tired $ip $? $replication-offset _ *0 $x"],
        &["- [] | Other - port=2 health=Other"],
    ),
];

#[test]
fn replies_of_all_servers_in_both_protocols_are_read() {
    for (name, wires, expected) in RECORDED {
        for text in wires {
            read(&wire(text), |shards| {
                let shards = shards.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(shown(&shards), expected, "{name}: {text}");
            });
        }
    }
}

#[test]
fn maps_written_for_resp2_are_read_alike() {
    for (name, wires, expected) in RECORDED {
        for text in wires {
            let bytes = wire(text);
            let reply = zresp::decode(&bytes).expect(name).expect(name).reply();
            let resp2 = zresp::Encode::to_wire(&Reply::from(reply), zresp::Protocol::Resp2);
            read(&resp2.expect("a reply"), |shards| {
                assert_eq!(shown(&shards.expect(name)), expected, "{name}: {text}");
            });
        }
    }
}

#[test]
fn the_primary_is_the_one_that_has_not_failed() {
    for (nodes, expected) in [
        ("*0", None),
        ("*1 %3 $port :1 $endpoint $a $role $replica", None),
        ("*1 %4 $port :1 $endpoint $a $role $master $health $fail", Some("a")),
        (
            "*2 %4 $port :1 $endpoint $a $role $master $health $fail %3 $port :1 $endpoint $b $role $master",
            Some("b"),
        ),
        (
            "*2 %3 $port :1 $endpoint $a $role $replica %3 $port :1 $endpoint $b $role $primary",
            Some("b"),
        ),
    ] {
        read(&wire(&format!("*1 %2 $slots *0 $nodes {nodes}")), |shards| {
            let shards = shards.expect(nodes);
            assert_eq!(shards[0].primary().and_then(|node| node.host), expected, "{nodes}");
            let replicas = shards[0].nodes.iter().filter(|node| node.role == NodeRole::Replica);
            assert!(shards[0].replicas().eq(replicas), "{nodes}");
        });
    }
}

/// Entries that are refused, and what the error says.
const ENTRIES: [(&str, &str); 22] = [
    (":1", "expected a map, found an integer at element 0"),
    ("*0", "missing field `slots` at element 0"),
    ("*1 :0", "missing element 1 at element 0"),
    ("*2 :0 :1", "missing element 2 at element 0"),
    ("*3 :1 :0 *2 $h :1", "expected a range of slots below 16384, found 1 to 0 at element 0"),
    (
        "*3 :0 :16384 *2 $h :1",
        "expected a range of slots below 16384, found 0 to 16384 at element 0",
    ),
    (
        "*3 :-1 :0 *2 $h :1",
        "expected an unsigned integer of 16 bits, found an integer that does not fit at element 0, element 0",
    ),
    (
        "*3 :0 :9223372036854775807 *2 $h :1",
        "expected an unsigned integer of 16 bits, found an integer that does not fit at element 0, element 1",
    ),
    (
        "*3 :0 _ *2 $h :1",
        "expected an unsigned integer of 16 bits, found null at element 0, element 1",
    ),
    ("*3 :0 :1 *0", "missing element 0 at element 0, element 2"),
    ("*3 :0 :1 *1 $h", "missing element 1 at element 0, element 2"),
    (
        "*3 :0 :1 $h",
        "expected an array, a set or a push, found a bulk string at element 0, element 2",
    ),
    (
        "*3 :0 :1 *2 $h :-1",
        "expected an unsigned integer of 16 bits, found an integer that does not fit at element 0, element 2, element 1",
    ),
    (
        "*3 :0 :1 *2 $h :65536",
        "expected an unsigned integer of 16 bits, found an integer that does not fit at element 0, element 2, element 1",
    ),
    ("*3 :0 :1 *2 *0 :1", "expected a string, found an array at element 0, element 2, element 0"),
    (
        "*3 :0 :1 *2 $a]b :1",
        "expected a host, found a bulk string that is not one at element 0, element 2, element 0",
    ),
    (
        "*3 :0 :1 *4 $h :1 $id *1 $ip",
        "expected a map, found an array with an odd number of elements (1) at element 0, element 2, element 3",
    ),
    (
        "*3 :0 :1 *4 $h :1 $id *2 $ip :1",
        "expected a string, found an integer at element 0, element 2, element 3, field \"ip\"",
    ),
    ("*4 :0 :1 *2 $h :1 *0", "missing element 0 at element 0, element 3"),
    ("%1 $nodes *0", "missing field `slots` at element 0"),
    ("%1 $slots *0", "missing field `nodes` at element 0"),
    (
        "*3 $slots *0 $nodes",
        "expected a map, found an array with an odd number of elements (3) at element 0",
    ),
];

/// Ranges of `CLUSTER SHARDS` that are refused, and what the error says.
const RANGES: [(&str, &str); 4] = [
    ("_", "expected an array, a set or a push, found null at element 0, field \"slots\""),
    ("*3 :0 :1 :2", "expected a multiple of 2 elements, found 3 at element 0, field \"slots\""),
    (
        "*4 :0 :1 :5 :3",
        "expected a range of slots below 16384, found 5 to 3 at element 0, field \"slots\"",
    ),
    (
        "*2 :0 :70000",
        "expected an unsigned integer of 16 bits, found an integer that does not fit at element 0, field \"slots\", element 1",
    ),
];

/// Nodes of `CLUSTER SHARDS` that are refused, and what the error says.
const NODES: [(&str, &str); 7] = [
    (
        "%2 $port :1 $role $master",
        "missing field `endpoint` at element 0, field \"nodes\", element 0",
    ),
    ("%2 $port :1 $endpoint $h", "missing field `role` at element 0, field \"nodes\", element 0"),
    (
        "%2 $endpoint $h $role $master",
        "missing field `port` at element 0, field \"nodes\", element 0",
    ),
    (
        "*3 $port :1 $role",
        "expected a map, found an array with an odd number of elements (3) at element 0, field \"nodes\", element 0",
    ),
    (
        "%1 $tls-port :-7",
        "expected an unsigned integer of 16 bits, found an integer that does not fit at element 0, field \"nodes\", element 0, field \"tls-port\"",
    ),
    (
        "%1 $role *0",
        "expected a string, found an array at element 0, field \"nodes\", element 0, field \"role\"",
    ),
    ("$h", "expected a map, found a bulk string at element 0, field \"nodes\", element 0"),
];

#[test]
fn malformed_replies_are_errors_that_say_where() {
    let refuse = |text: &str, message: &str| {
        read(&wire(text), |shards| {
            assert_eq!(shards.expect_err(text).to_string(), message, "{text}");
        });
    };
    refuse("-CLUSTERDOWN", "error reply: CLUSTERDOWN");
    refuse("%0", "expected an array, a set or a push, found a map");
    for (entry, message) in ENTRIES {
        refuse(&format!("*1 {entry}"), message);
    }
    for (ranges, message) in RANGES {
        let nodes = "*1 %3 $port :1 $endpoint $h $role $master";
        refuse(&format!("*1 %2 $slots {ranges} $nodes {nodes}"), message);
    }
    for (node, message) in NODES {
        refuse(&format!("*1 %2 $slots *0 $nodes *1 {node}"), message);
    }
}

#[test]
fn hosts_are_short_and_have_no_spaces_or_controls() {
    let with_host = |host: &[u8]| {
        let header = format!("*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n${}\r\n", host.len());
        [header.as_bytes(), host, b"\r\n:1\r\n"].concat()
    };
    let long = vec![b'a'; 256];
    for host in [&b"a b"[..], b"a\r\nb", b"a\0", b"[::1]", b"\xff", b"a\xc2\xa0b", &long] {
        read(&with_host(host), |shards| assert!(shards.is_err(), "{}", host.escape_ascii()));
    }
    read(&with_host(&long[1..]), |shards| assert!(shards.is_ok()));
}

#[test]
fn a_map_has_the_slots_that_a_naive_one_has() {
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut maps, mut overlaps) = (0, 0);
    for _ in 0..400 {
        let mut text = String::new();
        let ranges: Vec<_> = (0..rng.usize(..6))
            .map(|_| {
                let first = rng.u16(..SLOTS);
                (first, rng.u16(first..SLOTS.min(first + 3_000)))
            })
            .collect();
        for (number, (first, last)) in ranges.iter().enumerate() {
            text.extend([format!(" *3 :{first} :{last} *2 $h{number} :1")]);
        }
        let mut naive = BTreeMap::new();
        let mut overlap = None;
        for (number, (first, last)) in ranges.iter().enumerate() {
            for slot in *first..=*last {
                if naive.insert(slot, number).is_some() {
                    overlap = overlap.or(Some(slot));
                }
            }
        }
        read(&wire(&format!("*{}{text}", ranges.len())), |shards| {
            let mut numbers = 0..;
            match SlotMap::new(&shards.expect("shards"), |_| numbers.next()) {
                Ok(map) => {
                    assert_eq!(overlap, None, "{text}");
                    assert!(map.iter().eq(naive.iter().map(|(slot, number)| (*slot, number))));
                    for slot in 0..=u16::MAX {
                        assert_eq!(map.get(slot), naive.get(&slot), "{slot}: {text}");
                    }
                    maps += 1;
                }
                Err(error) => {
                    assert_eq!(Some(error.slot), overlap, "{text}");
                    overlaps += 1;
                }
            }
        });
    }
    assert!(maps > 50 && overlaps > 50, "{maps} maps, {overlaps} overlaps");
}

#[test]
fn slots_are_assigned_and_those_beyond_the_last_are_ignored() {
    let mut map = SlotMap::default();
    map.assign(5..=7, 'a');
    map.assign(6..=6, 'b');
    map.assign(16_383..=u16::MAX, 'c');
    #[allow(clippy::reversed_empty_ranges, reason = "it is an empty range")]
    map.assign(9..=8, 'd');
    assert!(map.iter().eq([(5, &'a'), (6, &'b'), (7, &'a'), (16_383, &'c')]));
    assert_eq!((map.get(16_384), map.get(u16::MAX), map.get(8)), (None, None, None));
    assert_eq!(format!("{map:?}"), "SlotMap(4 of 16384 slots)");
}

#[test]
fn a_shard_without_a_value_leaves_its_slots_without_one() {
    read(&wire("*2 *3 :0 :1 *2 $a :0 *3 :1 :2 *2 $b :2"), |shards| {
        let shards = shards.expect("shards");
        let ports = SlotMap::new(&shards, |shard| shard.primary()?.port).expect("no overlap");
        assert!(ports.iter().eq([(1, &2), (2, &2)]));
        let hosts = SlotMap::new(&shards, Shard::primary);
        assert_eq!(hosts.expect_err("an overlap").to_string(), "slot 1 is in two ranges");
    });
}

/// A reply that claims all slots again and again is refused at the first repetition, not after a long time.
#[test]
fn repeated_ranges_do_not_multiply_the_work() {
    let range = " *3 :0 :16383 *2 $h :1";
    let many = 50_000;
    read(&wire(&format!("*{many}{}", range.repeat(many))), |shards| {
        let shards = shards.expect("shards");
        let mut calls = 0;
        let map = SlotMap::new(&shards, |_| {
            calls += 1;
            Some(calls)
        });
        assert!(matches!(map, Err(OverlapError { slot: 0, .. })), "{map:?}");
        assert_eq!(calls, 2);
    });
}

/// Any word may stand where another does: nothing panics, and what is accepted is sound and shown in a bounded way.
#[test]
fn changed_replies_are_refused_or_sound() {
    const WORDS: [&str; 20] = [
        "_",
        "$-1",
        "*-1",
        ":-1",
        ":0",
        ":16384",
        ":65536",
        ":99999999999",
        "$",
        "$?",
        "$h",
        "$slots",
        "$role",
        "$ip",
        "#t",
        ",1.5",
        "(123",
        "*0",
        "%0",
        "+x",
    ];
    let mut rng = fastrand::Rng::with_seed(11);
    let (mut accepted, mut rejected) = (0, 0);
    for round in 0..20_000 {
        let (_, wires, _) = RECORDED[round % RECORDED.len()];
        let mut words: Vec<_> = wires[rng.usize(..wires.len())].split_whitespace().collect();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..words.len());
            if !words[at].starts_with(['*', '%']) {
                words[at] = WORDS[rng.usize(..WORDS.len())];
            }
        }
        let text = words.join(" ");
        read(&wire(&text), |shards| {
            let Ok(shards) = shards else { return rejected += 1 };
            accepted += 1;
            for shard in &shards {
                assert!(
                    shard.slots.iter().all(|r| r.start() <= r.end() && *r.end() < SLOTS),
                    "{text}"
                );
                for node in &shard.nodes {
                    assert!(node.port != Some(0) && node.tls_port != Some(0), "{text}");
                    assert!(
                        ![node.host, node.ip].iter().flatten().any(|h| ["", "?"].contains(h)),
                        "{text}"
                    );
                }
            }
            _ = SlotMap::new(&shards, Shard::primary);
        });
    }
    assert!(accepted > 1_000 && rejected > 1_000, "{accepted} accepted, {rejected} refused");
}

#[test]
fn shards_are_shown_in_a_bounded_way() {
    let node = " %4 $port :1 $endpoint $h $role $master $health $online";
    let ranges = " :1 :1".repeat(1_000);
    let text = format!("*1 %2 $slots *2000{ranges} $nodes *1000{}", node.repeat(1_000));
    read(&wire(&text), |shards| {
        let shown = format!("{:?}", shards.expect("shards")[0]);
        assert!(shown.starts_with("Shard { slots: [1..=1, 1..=1, "), "{shown}");
        assert!(shown.contains(
            r#"Node { host: Some("h"), port: Some(1), role: Primary, health: Some(Online), .. }"#
        ));
        assert!(shown.len() < 10_000, "{} bytes", shown.len());
    });
    assert_eq!(format!("{:?}", Health::Failed), "Failed");
}
