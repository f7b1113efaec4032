//! With keys on several servers, commands with several keys work as they do with a single server.

mod support;

use std::collections::BTreeMap;

use support::checker::{Checker, Commands, Load, Memory};
use support::spread::Spread;
use support::{Client, PATIENCE, array, bulk, command, pattern, say};

#[test]
fn keys_are_spread_and_found_again() {
    const KEYS: usize = 300;
    let Some(mut spread) = Spread::start() else { return };
    for key in 0..KEYS {
        spread.client.send(&array(&format!("SET key:{key} {key}")));
    }
    for _ in 0..KEYS {
        assert_eq!(spread.client.receive(), b"+OK\r\n");
    }
    for key in 0..KEYS {
        spread.client.send(&array(&format!("GET key:{key}")));
    }
    for key in 0..KEYS {
        assert_eq!(spread.client.receive(), bulk(key.to_string().as_bytes()));
    }
    let sizes = spread.servers.each_ref().map(|server| {
        let size = Client::new(server.connect()).ask(&array("DBSIZE"));
        let size = String::from_utf8(size).expect("a number");
        size.trim().trim_start_matches(':').parse::<usize>().expect("a number")
    });
    assert_eq!(sizes.iter().sum::<usize>(), KEYS, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size > KEYS / 10), "{sizes:?}");
}

#[test]
fn commands_with_many_keys_are_split_and_joined() {
    let Some(mut spread) = Spread::start() else { return };
    spread.assert_answers(&[
        ("MSET a 1 b 2 c 3 d 4 e 5 f 6", "+OK\r\n"),
        ("MGET a nokey b a f", "*5\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n$1\r\n1\r\n$1\r\n6\r\n"),
        ("mget c", "*1\r\n$1\r\n3\r\n"),
        ("EXISTS a a nokey b", ":3\r\n"),
        ("TOUCH a b c d nokey", ":4\r\n"),
        ("MSET a x a y b z", "+OK\r\n"),
        ("MGET a b", "*2\r\n$1\r\ny\r\n$1\r\nz\r\n"),
        ("DEL a b a nokey", ":2\r\n"),
        ("UNLINK c d e f c", ":4\r\n"),
        ("MGET a b c d e f", "*6\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"),
        // For MGET, a key that is not a string counts as missing.
        ("RPUSH list x", ":1\r\n"),
        ("MSET a 1 b 2", "+OK\r\n"),
        ("MGET a list b", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n"),
        ("INCR list", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("MSET {t}a 1 {t}b 2", "+OK\r\n"),
        ("MGET {t}b {t}a", "*2\r\n$1\r\n2\r\n$1\r\n1\r\n"),
        // With all keys in one slot, any command works.
        ("SINTERSTORE {s}c {s}a {s}b", ":0\r\n"),
        ("RENAME {t}a {t}c", "+OK\r\n"),
    ]);
    for (line, reason) in [
        ("MSET a 1 b", "wrong number of arguments for 'mset' command"),
        ("MGET", "wrong number of arguments for 'mget' command"),
        ("DEL", "wrong number of arguments for 'del' command"),
        ("EXISTS", "wrong number of arguments for 'exists' command"),
    ] {
        assert_eq!(spread.client.answer(line), format!("-ERR {reason}\r\n"), "{line}");
    }
    assert_eq!(spread.client.ask(&array("GET b")), bulk(b"2"), "an invalid MSET was executed");
}

#[test]
fn split_commands_agree_with_a_map() {
    let Some(mut spread) = Spread::start() else { return };
    let mut map = BTreeMap::<String, Vec<u8>>::new();
    let mut random = fastrand::Rng::with_seed(1);
    for turn in 0..400 {
        let count = random.usize(1..=30);
        let keys: Vec<_> = (0..count).map(|_| format!("k{}", random.u8(..50))).collect();
        let names = keys.iter().map(String::as_bytes);
        let count_known =
            |map: &BTreeMap<_, _>| keys.iter().filter(|key| map.contains_key(*key)).count();
        let (command, expected) = match random.u8(..10) {
            0..4 => {
                let size = |random: &mut fastrand::Rng| {
                    random.usize(..if turn % 9 == 0 { 90_000 } else { 90 })
                };
                let values: Vec<_> = (0..count)
                    .map(|at| pattern::bytes((turn * 100 + at) as u64, size(&mut random)))
                    .collect();
                let pairs = names.zip(&values).flat_map(|(name, value)| [name, value]);
                let command = command(&[&b"MSET"[..]].into_iter().chain(pairs).collect::<Vec<_>>());
                map.extend(keys.iter().cloned().zip(values));
                (command, b"+OK\r\n".to_vec())
            }
            4..8 => {
                let values = keys.iter().map(|key| {
                    map.get(key).map_or_else(|| b"$-1\r\n".to_vec(), |value| bulk(value))
                });
                let head = format!("*{count}\r\n").into_bytes();
                let expected = [head].into_iter().chain(values).collect::<Vec<_>>().concat();
                (command(&[&b"MGET"[..]].into_iter().chain(names).collect::<Vec<_>>()), expected)
            }
            8 => {
                let name: &[u8] = if turn % 2 == 0 { b"EXISTS" } else { b"TOUCH" };
                let expected = format!(":{}\r\n", count_known(&map)).into_bytes();
                (command(&[name].into_iter().chain(names).collect::<Vec<_>>()), expected)
            }
            _ => {
                let name: &[u8] = if turn % 2 == 0 { b"DEL" } else { b"UNLINK" };
                let before = map.len();
                map.retain(|key, _| !keys.contains(key));
                let expected = format!(":{}\r\n", before - map.len()).into_bytes();
                (command(&[name].into_iter().chain(names).collect::<Vec<_>>()), expected)
            }
        };
        let found = spread.client.ask(&command);
        let shown = |bytes: &[u8]| bytes[..bytes.len().min(300)].escape_ascii().to_string();
        assert!(
            found == expected,
            "{turn}: {}\n{}\n{}",
            shown(&command),
            shown(&expected),
            shown(&found)
        );
    }
}

#[test]
fn commands_that_cannot_be_split_or_routed_are_refused() {
    let Some(mut spread) = Spread::start() else { return };
    for line in ["RENAME a b", "SINTER a b c", "MSETNX a 1 b 2", "SMOVE a b x", "COPY a b"] {
        let answer = spread.client.answer(line);
        assert!(answer.starts_with("-CROSSSLOT "), "{line}: {answer:?}");
    }
    assert_eq!(spread.client.answer("SET k v"), "+OK\r\n");
    for line in [
        "MONITOR",
        "RESET",
        "SHUTDOWN",
        "CLIENT TRACKING ON",
        "SWAPDB 0 1",
        "MOVE k 1",
        "COPY k k DB 1",
        "COPY k k REPLACE db 1",
    ] {
        let answer = spread.client.answer(line);
        assert!(answer.contains(" needs one upstream"), "{line}: {answer:?}");
    }
    assert_eq!(spread.client.answer("MULTI"), "+OK\r\n");
    assert!(spread.client.answer("MOVE k 1").contains(" needs one upstream"));
    assert!(spread.client.answer("EXEC").starts_with("-EXECABORT "));
    assert_eq!(spread.client.answer("COPY k k{k}"), ":1\r\n");
    assert_eq!(spread.client.ask(&array("GET k")), bulk(b"v"));
}

#[test]
fn a_malformed_command_goes_nowhere() {
    let Some(mut spread) = Spread::start() else { return };
    for at in 0..10 {
        spread.assert_answers(&[
            (
                &format!("ZRANK key:{at} member WITHSCORE"),
                "-ERR wrong number of arguments for 'zrank' command\r\n",
            ),
            ("XREAD STREAMS a 0 1", "-ERR syntax error\r\n"),
        ]);
    }
}

#[test]
fn commands_without_keys_follow_their_policies() {
    let Some(mut spread) = Spread::start() else { return };
    let sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
    let keys: Vec<_> = (0..60).map(|at| format!("key:{at}")).collect();
    for key in &keys {
        assert_eq!(spread.client.answer(&format!("SET {key} v")), "+OK\r\n");
    }
    spread.assert_answers(&[
        ("DBSIZE", ":60\r\n"),
        ("WAIT 0 10", ":0\r\n"),
        ("SCRIPT LOAD 'return 1'", &format!("$40\r\n{sha}\r\n")),
        (&format!("SCRIPT EXISTS {sha} {}", "0".repeat(40)), "*2\r\n:1\r\n:0\r\n"),
        ("SCRIPT KILL", "-NOTBUSY No scripts in execution right now.\r\n"),
        ("CONFIG SET slowlog-max-len 7", "+OK\r\n"),
        (
            "CONFIG SET nosuch 7",
            "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n",
        ),
        ("PUBLISH nobody listens", ":0\r\n"),
        ("SELECT 0", "+OK\r\n"),
    ]);
    for server in &spread.servers {
        let mut direct = Client::new(server.connect());
        assert!(direct.answer("CONFIG GET slowlog-max-len").ends_with("$1\r\n7\r\n"));
    }
    for key in &keys[..10] {
        assert_eq!(spread.client.answer(&format!("EVALSHA {sha} 1 {key}")), ":1\r\n", "{key}");
    }
    for line in ["COMMAND COUNT", "COMMAND GETKEYS GET k", "COMMAND INFO get"] {
        let direct = Client::new(spread.servers[0].connect()).answer(line);
        assert!(!direct.starts_with('-'), "{line}: {direct}");
        assert_eq!(spread.client.answer(line), direct, "{line}");
    }
    assert!(spread.client.answer("INFO replication").contains("role:master"));
    assert!(spread.client.answer("INFO").contains("loading:0"));
    assert!(spread.client.answer("TIME").starts_with("*2\r\n"));
    assert!(spread.client.answer("KEYS *").starts_with("*60\r\n"));
    assert!(spread.client.answer("RANDOMKEY").contains("key:"));
    for protocol in ["HELLO 2", "HELLO 3"] {
        spread.client.answer(protocol);
        let (mut found, mut cursor, mut steps) = (Vec::new(), "0".to_owned(), 0);
        while steps == 0 || cursor != "0" {
            let reply = spread.client.ask(&array(&format!("SCAN {cursor} MATCH key:* COUNT 5")));
            let frame = zresp::decode(&reply).expect("a reply").expect("a whole one");
            let some: (String, Vec<String>) = frame.reply().to().expect("a cursor and keys");
            found.extend(some.1);
            (cursor, steps) = (some.0, steps + 1);
        }
        found.sort();
        found.dedup();
        assert_eq!((found.len(), steps > 9), (60, true), "{protocol}: {steps} steps");
    }
    for line in ["SCAN x", "SCAN 99999999999999999999"] {
        assert_eq!(spread.client.answer(line), "-ERR invalid cursor\r\n");
    }
    spread.assert_answers(&[("FLUSHALL", "+OK\r\n"), ("DBSIZE", ":0\r\n"), ("RANDOMKEY", "_\r\n")]);
}

#[test]
fn a_large_last_value_is_not_buffered_if_all_keys_are_known_and_in_one_slot() {
    const BLOCKS: usize = 96; // more than the proxy buffers of a command
    let Some(mut spread) = Spread::start() else { return };
    spread.client.ask(&array("GET k"));
    let before = spread.proxy.peak_kib();
    let size = BLOCKS * pattern::BLOCK;
    spread.client.send(b"*5\r\n$4\r\nMSET\r\n$4\r\n{k}1\r\n$1\r\nv\r\n$4\r\n{k}2\r\n");
    spread.client.send(format!("${size}\r\n").as_bytes());
    for block in 0..BLOCKS {
        spread.client.send(&pattern::bytes(block as u64, pattern::BLOCK));
    }
    spread.client.send(b"\r\n");
    assert_eq!(spread.client.receive(), b"+OK\r\n");
    let grown = spread.proxy.peak_kib() - before;
    say(&format!("MSET of 96 MiB: {grown} KiB"));
    assert!(grown < 32 * 1024, "{grown} KiB");
    assert_eq!(spread.client.ask(&array("STRLEN {k}2")), format!(":{size}\r\n").as_bytes());
    assert_eq!(spread.client.ask(&array("GET {k}1")), bulk(b"v"));
}

#[test]
fn replies_of_several_servers_come_in_the_order_of_the_commands() {
    let Some(mut spread) = Spread::start() else { return };
    // The first server is slow, the others are not.
    let slow = Client::new(spread.servers[0].connect()).ask(&array("DEBUG SLEEP 0"));
    assert_eq!(slow, b"+OK\r\n");
    let value = pattern::bytes(1, 200_000);
    spread.client.ask(&command(&[b"SET", b"large", &value]));
    for turn in 0..20 {
        let script = "EVAL \"local n = 0 for i = 1, 1000000 do n = n + i end return ARGV[1]\" 1";
        let key = turn % 7;
        let commands = [
            array(&format!("{script} key{key} {turn}")),
            array(&format!("ECHO echo{turn}")),
            array("GET large"),
            array(&format!("MSET a {turn} b {turn} c {turn}")),
            array("MGET a large b c"),
            array("PING"),
        ];
        let number = bulk(turn.to_string().as_bytes());
        let expected = [
            number.clone(),
            bulk(format!("echo{turn}").as_bytes()),
            bulk(&value),
            b"+OK\r\n".to_vec(),
            [&b"*4\r\n"[..], &number, &bulk(&value), &number, &number].concat(),
            b"+PONG\r\n".to_vec(),
        ];
        spread.client.send(&commands.concat());
        for (at, expected) in expected.iter().enumerate() {
            assert!(spread.client.receive() == *expected, "turn {turn}, reply {at}");
        }
    }
}

#[test]
fn a_dead_server_affects_only_its_own_keys() {
    let Some(mut spread) = Spread::start() else { return };
    // The server keeps its data only in memory, so a crash loses it.
    let load = Load { commands: Commands::WithoutState, memory: Memory::MayGoBack, ..Load::MIXED };
    let mut checker = Checker::start(spread.proxy.address(), load);
    checker.wait_for_replies(2000, PATIENCE);
    spread.servers[1].kill();
    checker.wait_for_an_error(PATIENCE);
    checker.wait_for_replies(1000, PATIENCE);
    let mut answers = [0, 0];
    for key in 0..60 {
        let answer = spread.client.ask(&array(&format!("SET key:{key} v")));
        let is_error = answer.starts_with(b"-ERR ");
        assert!(is_error || answer == b"+OK\r\n", "{}", answer.escape_ascii());
        answers[usize::from(is_error)] += 1;
    }
    assert!(answers.iter().all(|count| *count > 5), "{answers:?}");
    let keys = (0..60).map(|key| format!(" key:{key}")).collect::<Vec<_>>().concat();
    assert!(spread.client.answer(&format!("MGET{keys}")).starts_with("-ERR "));
    spread.servers[1].restart();
    support::until("all servers", PATIENCE, || {
        spread.client.answer(&format!("MGET{keys}")).starts_with("*60\r\n").then_some(())
    });
    checker.wait_for_replies(2000, PATIENCE);
    let report = checker.finish();
    say(&format!("one of three upstreams killed: {report:?}"));
}

#[test]
fn load_on_several_servers_causes_no_error() {
    let Some(spread) = Spread::start() else { return };
    let load = Load { clients: 20, commands: Commands::WithoutState, ..Load::MIXED };
    let mut checker = Checker::start(spread.proxy.address(), load);
    checker.wait_for_replies(10_000, 3 * PATIENCE);
    checker.finish().assert_flawless();
}
