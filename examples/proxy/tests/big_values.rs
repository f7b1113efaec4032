//! Values of any size pass through without being buffered, and do not block other clients.

mod support;

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;

use support::checker::{Checker, Load};
use support::pattern::{self, BLOCK};
use support::{Client, PATIENCE, Server, alone, array, bulk, command, proxy_of, say};

/// The largest value that a server takes by default.
const LARGEST: usize = 512 << 20;
/// The memory that the proxy may take for it.
const MEMORY_KIB: usize = 32 * 1024;
/// The memory that it may take more if other clients wait for the same connection.
const SPILLED_KIB: usize = 256 * 1024;

/// Sends a `SET` of a value, block by block.
fn send_value(mut stream: &TcpStream, key: &str, size: usize) {
    let (name, length) = (key.len(), size);
    let head = format!("*3\r\n$3\r\nSET\r\n${name}\r\n{key}\r\n${length}\r\n");
    stream.write_all(head.as_bytes()).expect("the proxy reads");
    for block in 0..size / BLOCK {
        stream.write_all(&pattern::bytes(block as u64, BLOCK)).expect("the proxy reads");
    }
    stream.write_all(b"\r\n").expect("the proxy reads");
}

/// Asserts that the reply is that value, block by block.
fn assert_value(stream: &TcpStream, size: usize) {
    let mut reader = BufReader::new(stream);
    let mut head = vec![0; format!("${size}\r\n").len()];
    reader.read_exact(&mut head).expect("a header");
    assert_eq!(String::from_utf8_lossy(&head), format!("${size}\r\n"));
    let mut room = vec![0; BLOCK];
    for block in 0..size / BLOCK {
        reader.read_exact(&mut room).expect("a block");
        assert!(room == pattern::bytes(block as u64, BLOCK), "block {block}");
    }
    let mut tail = [0; 2];
    reader.read_exact(&mut tail).expect("a line ending");
    assert_eq!(&tail, b"\r\n");
}

#[test]
fn half_a_gibibyte_passes_in_both_directions_without_being_buffered() {
    let _alone = alone();
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let alone = proxy.connect();
    send_value(&alone, "large", LARGEST);
    let mut client = Client::new(alone.try_clone().expect("a second handle"));
    assert_eq!(client.receive(), b"+OK\r\n");
    client.send(&array("GET large"));
    assert_value(&alone, LARGEST);
    assert!(proxy.peak_kib() < MEMORY_KIB, "{} KiB", proxy.peak_kib());
    // While the server copies the value, it answers nobody.
    let load = Load { clients: 4, patience: 3 * PATIENCE, ..Load::MIXED };
    let mut checker = Checker::start(proxy.address(), load);
    // The buffers of these clients are allocated before memory is measured.
    checker.wait_for_replies(3000, PATIENCE);
    let before = proxy.peak_kib();
    let stream = proxy.connect();
    // The server itself takes a while to allocate this much memory.
    stream.set_read_timeout(Some(3 * PATIENCE)).expect("a valid timeout");
    stream.set_write_timeout(Some(3 * PATIENCE)).expect("a valid timeout");
    send_value(&stream, "large", LARGEST);
    let mut client = Client::new(stream.try_clone().expect("a second handle"));
    assert_eq!(client.receive(), b"+OK\r\n");
    let after_set = proxy.peak_kib() - before;
    client.send(&array("GET large"));
    assert_value(&stream, LARGEST);
    let after_get = proxy.peak_kib() - before;
    // The connection can still be used.
    assert_eq!(client.ask(&array("STRLEN large")), format!(":{LARGEST}\r\n").as_bytes());
    let report = checker.finish();
    say(&format!("512 MiB: {after_set} KiB for SET, {after_get} KiB with GET; others: {report:?}"));
    report.assert_flawless();
    assert!(after_get < SPILLED_KIB + MEMORY_KIB, "{after_get} KiB");
}

#[test]
fn many_large_values_at_once_are_not_buffered() {
    const CLIENTS: usize = 16;
    const SIZE: usize = 16 * BLOCK;
    let _alone = alone();
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    Client::new(proxy.connect()).ask(&array("GET k"));
    let before = proxy.peak_kib();
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let proxy = &proxy;
            scope.spawn(move || {
                let stream = proxy.connect();
                let mut client = Client::new(stream.try_clone().expect("a second handle"));
                let key = format!("large{number}");
                send_value(&stream, &key, SIZE);
                assert_eq!(client.receive(), b"+OK\r\n");
                for _ in 0..2 {
                    client.send(&array(&format!("GET {key}")));
                    assert_value(&stream, SIZE);
                }
            });
        }
    });
    let grown = proxy.peak_kib() - before;
    say(&format!("{CLIENTS} values of 16 MiB at once: {grown} KiB"));
    assert!(grown < 2 * MEMORY_KIB, "{grown} KiB");
}

#[test]
fn values_of_every_size_around_a_limit_come_back() {
    let _alone = alone();
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let mut client = Client::new(proxy.connect());
    for limit in
        [0_usize, 1 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 1 << 20]
    {
        for size in limit.saturating_sub(40)..limit + 3 {
            let value = pattern::bytes(size as u64, size);
            let pipeline = [command(&[b"SET", b"k", &value]), array("GET k"), array("STRLEN k")];
            client.send(&pipeline.concat());
            assert_eq!(client.receive(), b"+OK\r\n", "{size}");
            assert!(client.receive() == bulk(&value), "{size}");
            assert_eq!(client.receive(), format!(":{size}\r\n").as_bytes());
        }
    }
}

#[test]
fn large_replies_of_every_shape_are_passed_on() {
    let _alone = alone();
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let mut direct = Client::new(redis.connect());
    let value = pattern::bytes(9, 100_000);
    for number in 0..50 {
        direct.ask(&command(&[b"RPUSH", b"list", &value]));
        direct.ask(&command(&[b"HSET", b"hash", format!("field{number}").as_bytes(), &value]));
    }
    direct.ask(&array("EVAL \"for i = 1, 200000 do redis.call('RPUSH', 'small', i) end\" 0"));
    let mut client = Client::new(proxy.connect());
    let commands = [
        "LRANGE list 0 -1",
        "HGETALL hash",
        "LRANGE small 0 -1",
        "EVAL \"return {1, {redis.call('LRANGE', 'list', 0, 9), {'deep'}}, 2}\" 0",
        "EVAL \"return {err = 'LONG ' .. string.rep('x', 200000)}\" 0",
        "EVAL \"return {ok = string.rep('x', 200000)}\" 0",
        "LRANGE list 0 0",
    ];
    for hello in ["PING", "HELLO 3"] {
        for either in [&mut direct, &mut client] {
            either.ask(&array(hello));
        }
        // One by one, and then all at once.
        let expected = commands.map(|line| direct.ask(&array(line)));
        for (line, expected) in commands.iter().zip(&expected) {
            assert!(client.ask(&array(line)) == *expected, "{hello}: {line}");
        }
        client.send(&commands.map(array).concat());
        for (line, expected) in commands.iter().zip(&expected) {
            assert!(client.receive() == *expected, "{hello}, pipelined: {line}");
        }
    }
}
