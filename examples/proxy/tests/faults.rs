//! A fault on one side affects nobody else: every client gets its own, correct replies, or an error.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use support::checker::{Checker, Commands, Load};
use support::{
    Client, Daemon, PATIENCE, Server, alone, array, bulk, command, pattern, proxy, proxy_of,
    proxy_with, say, until,
};

/// How long something may take that should happen at once, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How long a reply to a well-behaved client may take, on a busy machine.
const TOLERABLE: Duration = Duration::from_secs(5);
const MIB: usize = 1 << 20;

/// Starts a server that keeps every acknowledged write, even after a crash.
fn durable_server() -> Option<Server> {
    // Without "always", a reply can be sent before the write is in the file.
    Server::start_with(&[
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--auto-aof-rewrite-percentage",
        "0",
    ])
}

#[test]
fn an_upstream_that_dies_under_load_causes_errors_and_nothing_else() {
    let _alone = alone();
    let Some(mut redis) = durable_server() else { return };
    let proxy = proxy_of([&redis]);
    let mut checker = Checker::start(proxy.address(), Load::MIXED);
    for _ in 0..3 {
        checker.wait_for_replies(2000, PATIENCE);
        redis.kill();
        checker.wait_for_an_error(AT_ONCE);
        // A client that connects now gets an error at once.
        let start = Instant::now();
        let mut client = Client::new(proxy.connect());
        let answer = client.answer("GET k");
        assert!(answer.starts_with("-ERR "), "{answer:?}");
        assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
        thread::sleep(Duration::from_millis(300));
        redis.restart();
        checker.wait_for_replies(2000, PATIENCE);
        assert_eq!(client.answer("GET k"), "$-1\r\n");
    }
    let report = checker.finish();
    say(&format!("an upstream killed three times: {report:?}"));
    assert!(report.slowest < TOLERABLE, "{report:?}");
}

#[test]
fn a_command_after_a_failed_large_one_is_not_lost() {
    let _alone = alone();
    let Some(mut redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let large = command(&[b"SET", b"k", &pattern::bytes(6, MIB)]);
    for end in [large.len() - 1, large.len() - 1000, MIB / 2] {
        let mut client = Client::new(proxy.connect());
        client.send(&large[..end - 1]);
        thread::sleep(Duration::from_millis(100));
        redis.kill();
        // With the next byte the proxy notices that the upstream is gone.
        client.send(&large[end - 1..end]);
        thread::sleep(Duration::from_millis(100));
        client.send(&[&large[end..], &array("ECHO after")].concat());
        let refused = client.receive();
        assert!(refused.starts_with(b"-ERR "), "{end}: {}", refused.escape_ascii());
        assert_eq!(client.receive(), bulk(b"after"), "{end}");
        redis.restart();
        until("the upstream", PATIENCE, || (client.answer("GET k") == "$-1\r\n").then_some(()));
    }
}

#[test]
fn a_subscriber_learns_that_the_upstream_is_gone() {
    let _alone = alone();
    let Some(mut redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    for lines in [&["SUBSCRIBE news"][..], &["MULTI", "INCR n"], &["HELLO 3", "CLIENT TRACKING ON"]]
    {
        let mut client = Client::new(proxy.connect());
        for line in lines {
            assert!(!client.answer(line).starts_with('-'), "{line}");
        }
        redis.kill();
        let start = Instant::now();
        // The state of its connection is lost, so the connection ends.
        read_to_end(client.stream().try_clone().expect("a second handle"));
        assert!(start.elapsed() < AT_ONCE, "{lines:?}: {:?}", start.elapsed());
        redis.restart();
        until("the upstream", PATIENCE, || {
            let answer = Client::new(proxy.connect()).answer("GET k");
            (answer == "$-1\r\n").then_some(())
        });
    }
}

#[test]
fn a_client_whose_own_connection_is_killed_is_disconnected_without_an_error() {
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    for waiting in ["BLPOP nolist 0", "PING"] {
        let mut client = Client::new(proxy.connect());
        assert_eq!(client.answer("SELECT 1"), "+OK\r\n");
        let id = client.answer("CLIENT ID").trim_start_matches(':').trim_end().to_owned();
        // The server reads no command after this one.
        client.send(&[array(&format!("CLIENT KILL ID {id} SKIPME no")), array(waiting)].concat());
        // An error would be taken for the answer to the command.
        assert_eq!(read_to_end(client.stream().try_clone().expect("a handle")), b":1\r\n");
    }
}

#[test]
fn an_upstream_that_starts_late_is_found() {
    let _alone = alone();
    let Some(mut redis) = Server::start() else { return };
    redis.kill();
    let proxy = proxy_of([&redis]);
    let mut client = Client::new(proxy.connect());
    let start = Instant::now();
    assert!(client.answer("GET k").starts_with("-ERR "));
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert_eq!(client.answer("PING"), "+PONG\r\n");
    redis.restart();
    until("the upstream", PATIENCE, || (client.answer("GET k") == "$-1\r\n").then_some(()));
}

#[test]
fn a_reply_that_the_upstream_does_not_finish_ends_the_connection() {
    let _alone = alone();
    let Some(mut redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    // No buffer on the way has room for this much.
    Client::new(redis.connect()).ask(&array("SETRANGE large 268435455 x"));
    let mut stream = proxy.connect();
    stream.write_all(&array("GET large")).expect("the proxy reads");
    let mut head = [0; 12];
    stream.read_exact(&mut head).expect("a header");
    assert_eq!(&head, b"$268435456\r\n");
    let mut others = Client::new(proxy.connect());
    assert_eq!(others.answer("STRLEN large"), ":268435456\r\n");
    redis.kill();
    let start = Instant::now();
    let mut rest = 0;
    let mut room = vec![0; MIB];
    while let Ok(count @ 1..) = stream.read(&mut room) {
        assert!(room[..count].iter().all(|byte| *byte == 0), "an error inside the value");
        rest += count;
    }
    assert!(rest < 268_435_456, "the whole reply arrived");
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert!(others.answer("GET large").starts_with("-ERR "));
}

/// Sends the commands until a write blocks; returns how many bytes were sent.
fn send_without_reading(stream: &mut TcpStream, commands: &[u8]) -> usize {
    let old = stream.write_timeout().expect("the timeout");
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a valid timeout");
    let mut sent = 0;
    while let Ok(count @ 1..) = stream.write(&commands[sent..]) {
        sent += count;
    }
    stream.set_write_timeout(old).expect("a valid timeout");
    sent
}

/// Asserts that a client that had stopped reading gets the right replies now, or is disconnected.
fn assert_the_rest_is_right(stream: &mut TcpStream, reply: &[u8], count: usize) {
    let mut room = vec![0; reply.len()];
    for at in 0..count {
        let start = Instant::now();
        let mut taken = 0;
        while taken < room.len() {
            match stream.read(&mut room[taken..]) {
                Ok(more @ 1..) => taken += more,
                end => {
                    assert!(start.elapsed() < PATIENCE, "no reply {at} of {count}");
                    assert!(room[..taken] == reply[..taken], "reply {at} of {count}");
                    say(&format!(
                        "a client that did not read: disconnected at reply {at}: {end:?}"
                    ));
                    return;
                }
            }
        }
        assert!(room == reply, "reply {at} of {count}");
    }
}

#[test]
fn a_client_that_stops_reading_blocks_nobody_else() {
    let _alone = alone();
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_with([&redis], &["--client-buffer", "8MiB"]);
    let large = pattern::bytes(1, MIB);
    let mut writer = Client::new(proxy.connect());
    assert_eq!(writer.ask(&command(&[b"SET", b"large", &large])), b"+OK\r\n");
    assert_eq!(writer.answer("SET small value"), "+OK\r\n");
    assert_eq!(writer.ask(&array("GET small")), bulk(b"value"));
    let before = proxy.resident_kib();

    let mut checker = Checker::start(proxy.address(), Load { clients: 6, ..Load::MIXED });
    checker.wait_for_replies(500, PATIENCE);
    let cases = [
        ("large", array("GET large"), 300, bulk(&large)),
        ("small", array("GET small"), 3_000_000, bulk(b"value")),
        ("large and pinned", array("GET large"), 300, bulk(&large)),
    ];
    let mut silent = Vec::new();
    for (case, ask, count, reply) in cases {
        let mut stream = proxy.connect();
        if case.ends_with("pinned") {
            assert_eq!(
                Client::new(stream.try_clone().expect("a handle")).answer("SELECT 0"),
                "+OK\r\n"
            );
        }
        let sent = send_without_reading(&mut stream, &ask.repeat(count));
        assert!(sent >= ask.len(), "{case}");
        silent.push((stream, sent / ask.len(), reply));
        checker.wait_for_replies(1000, PATIENCE);
    }
    checker.wait_for_replies(2000, PATIENCE);
    let grown = proxy.peak_kib().saturating_sub(before);
    say(&format!("three clients that do not read: {grown} KiB"));
    assert!(grown < 64 * 1024, "{grown} KiB");
    for (mut stream, count, reply) in silent {
        assert_the_rest_is_right(&mut stream, &reply, count);
    }
    let report = checker.finish();
    report.assert_flawless();
    assert!(report.slowest < TOLERABLE, "{report:?}");
}

#[test]
fn a_client_that_sends_a_byte_per_second_blocks_nobody_else() {
    let _alone = alone();
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let value = pattern::bytes(2, MIB);
    let large = command(&[b"SET", b"slow", &value]);
    let small = array("SET trickle value");
    let mut first = proxy.connect();
    // The beginning, then single bytes: of the header, of the value, of its end, of a small command.
    let mut slow = [
        (proxy.connect(), &large[..], 3),
        (proxy.connect(), &large[..], MIB / 2),
        (proxy.connect(), &large[..], large.len() - 5),
        (proxy.connect(), &small[..], 10),
    ];
    for (stream, bytes, start) in &mut slow {
        stream.write_all(&bytes[..*start]).expect("the proxy reads");
    }
    let checker = Checker::start(proxy.address(), Load { clients: 6, ..Load::MIXED });
    for _ in 0..4 {
        for (stream, bytes, start) in &mut slow {
            stream.write_all(&bytes[*start..=*start]).expect("the proxy reads");
            *start += 1;
        }
        thread::sleep(Duration::from_secs(1));
    }
    let report = checker.finish();
    report.assert_flawless();
    assert!(report.slowest < TOLERABLE, "{report:?}");
    // A slow command is executed when it is complete, and not before.
    first.write_all(&array("GET slow")).expect("the proxy reads");
    assert_eq!(Client::new(first).receive(), b"$-1\r\n");
    for (mut stream, bytes, start) in slow {
        stream.write_all(&bytes[start..]).expect("the proxy reads");
        assert_eq!(Client::new(stream).receive(), b"+OK\r\n");
    }
    let mut reader = Client::new(proxy.connect());
    assert!(reader.ask(&array("GET slow")) == bulk(&value));
    assert_eq!(reader.ask(&array("GET trickle")), bulk(b"value"));
}

#[test]
fn a_command_cut_off_by_its_client_is_not_executed() {
    let _alone = alone();
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let command = command(&[b"SET", b"half", &pattern::bytes(3, MIB)]);
    let checker = Checker::start(proxy.address(), Load { clients: 4, ..Load::MIXED });
    for start in [1, 5, 30, 40, 100, 70_000, MIB / 2, command.len() - 2, command.len() - 1] {
        let mut stream = proxy.connect();
        stream.write_all(&array("ECHO before")).expect("the proxy reads");
        stream.write_all(&command[..start]).expect("the proxy reads");
        assert_eq!(Client::new(stream).receive(), bulk(b"before"));
    }
    checker.finish().assert_flawless();
    assert_eq!(Client::new(proxy.connect()).answer("EXISTS half"), ":0\r\n");
}

#[test]
fn ten_thousand_idle_connections_are_cheap() {
    const IDLE: usize = 10_000;
    let _alone = alone();
    let redis = Server::start();
    let proxy = redis.as_ref().map_or_else(|| proxy(&[]), |redis| proxy_of([redis]));
    Client::new(proxy.connect()).ask(&array("GET k"));
    let before = proxy.resident_kib();
    let mut idle = Vec::with_capacity(IDLE);
    while idle.len() < IDLE {
        match TcpStream::connect(proxy.address()) {
            Ok(stream) => idle.push(stream),
            Err(error) => {
                say(&format!("skipped: no more than {} connections: {error}", idle.len()));
                return;
            }
        }
        if idle.len() % 50 == 0 {
            // This waits until they are accepted. If the backlog overflowed, each would take seconds.
            assert_eq!(Client::new(proxy.connect()).answer("PING"), "+PONG\r\n");
        }
    }
    let commands = if redis.is_some() { Commands::All } else { Commands::WithoutScripts };
    let mut checker = Checker::start(proxy.address(), Load { commands, ..Load::MIXED });
    checker.wait_for_replies(5000, PATIENCE);
    let report = checker.finish();
    report.assert_flawless();
    assert!(report.slowest < TOLERABLE, "{report:?}");
    let grown = proxy.resident_kib().saturating_sub(before);
    say(&format!("{IDLE} idle connections: {grown} KiB"));
    assert!(grown < IDLE * 4, "{grown} KiB");
    // They still work: every hundredth sends a command.
    for stream in idle.into_iter().step_by(100) {
        stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        assert_eq!(Client::new(stream).answer("GET nokey"), "$-1\r\n");
    }
}

/// Returns everything that arrives until the connection is closed.
fn read_to_end(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the end");
    bytes
}

#[test]
fn a_client_that_has_closed_its_side_gets_all_replies() {
    let _alone = alone();
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let value = pattern::bytes(4, 3 * MIB);
    let set = command(&[b"SET", b"k", &value]);
    let counts = array("INCR n").repeat(1000);
    let replies = |from: usize| {
        (from..from + 1000).map(|at| format!(":{at}\r\n")).collect::<Vec<_>>().concat()
    };
    let cases: [(&str, Vec<u8>, Vec<u8>); 4] = [
        ("local", [array("PING"), array("ECHO a")].concat(), b"+PONG\r\n$1\r\na\r\n".to_vec()),
        ("small", counts.clone(), replies(1).into_bytes()),
        (
            "large",
            [set, array("GET k").repeat(20), array("PING")].concat(),
            [&b"+OK\r\n"[..], &bulk(&value).repeat(20), b"+PONG\r\n"].concat(),
        ),
        (
            "pinned",
            [array("SELECT 0"), counts, array("GET k")].concat(),
            [b"+OK\r\n", replies(1001).as_bytes(), &bulk(&value)].concat(),
        ),
    ];
    for (case, commands, expected) in cases {
        let stream = proxy.connect();
        let mut sender = stream.try_clone().expect("a second handle");
        let sending = thread::spawn(move || {
            sender.write_all(&commands).expect("the proxy reads");
            sender.shutdown(Shutdown::Write).expect("the connection is open");
        });
        let found = read_to_end(stream);
        sending.join().expect("everything is sent");
        assert!(found == expected, "{case}: {} of {} bytes", found.len(), expected.len());
    }
}

#[test]
fn clients_that_disconnect_with_replies_due_disturb_nobody() {
    let _alone = alone();
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    Client::new(proxy.connect()).ask(&command(&[b"SET", b"large", &pattern::bytes(5, MIB)]));
    let mut checker = Checker::start(proxy.address(), Load { clients: 6, ..Load::MIXED });
    for turn in 0..200 {
        let mut stream = proxy.connect();
        let commands = match turn % 4 {
            0 => array("GET large").repeat(5),
            1 => array("GET large"),
            2 => array("INCR n").repeat(200),
            _ => [array("MULTI"), array("INCR n"), array("BLPOP nolist 0")].concat(),
        };
        stream.write_all(&commands).expect("the proxy reads");
        if turn % 8 < 4 {
            stream.read_exact(&mut [0; 4]).expect("some bytes");
        }
    }
    // The upstream must not go on waiting for a client that is gone.
    let mut blocked = proxy.connect();
    blocked.write_all(&array("BLPOP nolist 0")).expect("the proxy reads");
    drop(blocked);
    checker.wait_for_replies(1000, PATIENCE);
    let report = checker.finish();
    report.assert_flawless();
    assert!(report.slowest < TOLERABLE, "{report:?}");
    until("the upstream's connections to close", PATIENCE, || {
        let list = Client::new(redis.connect()).ask(&array("CLIENT LIST"));
        let blocked = String::from_utf8_lossy(&list).matches("cmd=blpop").count();
        (blocked == 0).then_some(())
    });
}

#[test]
fn load_without_a_fault_causes_no_error() {
    let _alone = alone();
    let redis = Server::start();
    let proxies: [Option<Daemon>; 2] =
        [redis.as_ref().map(|redis| proxy_of([redis])), Some(proxy(&[]))];
    for (proxy, commands) in proxies.into_iter().zip([Commands::All, Commands::WithoutScripts]) {
        let Some(proxy) = proxy else { continue };
        let load = Load { clients: 30, largest: 2 * MIB, commands, ..Load::MIXED };
        let mut checker = Checker::start(proxy.address(), load);
        checker.wait_for_replies(20_000, 3 * PATIENCE);
        let report = checker.finish();
        report.assert_flawless();
        say(&format!("30 clients: {report:?}, {} KiB", proxy.peak_kib()));
    }
}
