//! While some clients misbehave, all others get their own, right replies.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use support::checker::{Checker, Commands, Load, Report};
use support::{
    Client, Daemon, PATIENCE, Server, alone, array, command, pattern, proxy_of, say, until,
};

/// How long a reply to a well-behaved client may take, on a busy machine.
const TOLERABLE: Duration = Duration::from_secs(5);
const MIB: usize = 1 << 20;

/// Runs an attack by several clients, each again and again, while others are checked.
fn check_during(proxy: &Daemon, commands: Commands, attack: impl Fn(u32) + Sync) -> Report {
    const ATTACKERS: u32 = 6;
    let end = Instant::now() + Duration::from_secs(3);
    let mut checker = Checker::start(proxy.address(), Load { clients: 6, commands, ..Load::MIXED });
    thread::scope(|scope| {
        for number in 0..ATTACKERS {
            let attack = &attack;
            scope.spawn(move || {
                while Instant::now() < end {
                    attack(number);
                }
            });
        }
    });
    checker.wait_for_replies(200, PATIENCE);
    checker.finish()
}

/// Attacks a proxy of one upstream, and one of two upstreams; asserts that the others notice nothing.
fn assert_nobody_else_suffers(attack: impl Fn(&Daemon, u32) + Sync) {
    let _alone = alone();
    for (count, commands) in [(1, Commands::All), (2, Commands::WithoutState)] {
        let servers: Vec<_> = (0..count).map_while(|_| Server::start()).collect();
        if servers.len() < count {
            return;
        }
        let proxy = proxy_of(&servers);
        let mut client = Client::new(proxy.connect());
        for key in ["a", "b", "c"] {
            client.ask(&command(&[b"SET", key.as_bytes(), &pattern::bytes(1, MIB)]));
        }
        let report = check_during(&proxy, commands, |number| attack(&proxy, number));
        say(&format!("{count} upstreams: {report:?}, {} KiB", proxy.peak_kib()));
        report.assert_flawless();
        assert!(report.slowest < TOLERABLE, "{report:?}");
    }
}

/// Reads what arrives within a time.
fn read_for(stream: &mut TcpStream, within: Duration) {
    stream.set_read_timeout(Some(within)).expect("a valid timeout");
    let (start, mut room) = (Instant::now(), vec![0; 65536]);
    while start.elapsed() < within && stream.read(&mut room).is_ok_and(|count| count > 0) {}
}

#[test]
fn scripts_with_strange_replies_harm_nobody_else() {
    const SCRIPTS: [&[u8]; 9] = [
        b"local a = {} local b = {a} a[1] = b return a",
        b"return {big_number = 'x'}",
        b"return {big_number = '1\r\n+forged'}",
        b"return {double = 0 / 0}",
        b"return {map = {[{}] = {}}}",
        b"return redis.error_reply('x\r\n+forged')",
        b"return {ok = 'x\r\n$6\r\nforged'}",
        b"error({err = 'x\r\n:1'})",
        b"for i = 1, 1000000 do end return string.rep('x', 100000)",
    ];
    assert_nobody_else_suffers(|proxy, number| {
        let mut stream = proxy.connect();
        let hello = if number % 2 == 0 { "HELLO 2" } else { "HELLO 3" };
        let scripts = SCRIPTS.map(|script| command(&[b"EVAL", script, b"1", b"a"]));
        let scripts = [&scripts[..], &[array("EVAL 'return nosuch(' 0"), array("SCRIPT LOAD '+'")]];
        let commands = [&[array(hello)], scripts.concat().as_slice()].concat().concat();
        _ = stream.write_all(&commands.repeat(3));
        read_for(&mut stream, Duration::from_millis(200));
    });
}

#[test]
fn slow_readers_harm_nobody_else() {
    assert_nobody_else_suffers(|proxy, number| {
        let mut stream = proxy.connect();
        let line = if number % 2 == 0 { "GET a" } else { "MGET a b c" };
        stream.write_all(&array(line).repeat(20)).expect("the proxy reads");
        for _ in 0..50 {
            stream.read_exact(&mut [0; 4000]).expect("a part of a reply");
            thread::sleep(Duration::from_millis(10));
        }
    });
}

#[test]
fn writers_that_never_read_harm_nobody_else() {
    assert_nobody_else_suffers(|proxy, number| {
        let mut stream = proxy.connect();
        stream.set_write_timeout(Some(Duration::from_millis(100))).expect("a valid timeout");
        let commands = match number % 3 {
            0 => array("GET a").repeat(1000),
            1 => array("DEL nokey").repeat(1_000_000),
            _ => command(&[b"SET", b"w", &pattern::bytes(2, 10_000)]).repeat(1000),
        };
        _ = stream.write_all(&commands);
        thread::sleep(Duration::from_millis(500));
    });
}

#[test]
fn endless_scripts_cause_errors_and_nothing_else() {
    let _alone = alone();
    let Some(redis) = Server::start_with(&["--busy-reply-threshold", "50"]) else { return };
    let proxy = proxy_of([&redis]);
    let report = check_during(&proxy, Commands::All, |number| {
        if number > 0 {
            return thread::sleep(Duration::from_millis(50));
        }
        let mut client = Client::new(proxy.connect());
        client.send(&array("EVAL 'while true do end' 0"));
        thread::sleep(Duration::from_millis(300));
        until("the end of the script", PATIENCE, || {
            (Client::new(redis.connect()).answer("SCRIPT KILL") == "+OK\r\n").then_some(())
        });
        assert!(client.receive().starts_with(b"-ERR"));
    });
    say(&format!("endless scripts: {report:?}"));
    assert!(report.right > 0 && report.errors > 0 && report.closed == 0, "{report:?}");
    assert!(report.slowest < TOLERABLE, "{report:?}");
}

#[test]
fn killed_connections_cause_errors_and_nothing_else() {
    let _alone = alone();
    for (count, commands) in [(1, Commands::All), (2, Commands::WithoutState)] {
        let servers: Vec<_> = (0..count).map_while(|_| Server::start()).collect();
        if servers.len() < count {
            return;
        }
        let proxy = proxy_of(&servers);
        let report = check_during(&proxy, commands, |number| {
            if let Some(server) = servers.get(number as usize) {
                Client::new(server.connect()).ask(&array("CLIENT KILL TYPE normal"));
            }
            thread::sleep(Duration::from_millis(150));
        });
        say(&format!("connections to {count} upstreams killed: {report:?}"));
        assert!(report.right > 0 && report.errors + report.closed > 0, "{report:?}");
        assert!(report.slowest < TOLERABLE, "{report:?}");
    }
}
