//! Everything that the proxy holds for a client counts towards its buffer, and towards `--all-buffers`.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use support::fake::{self, Bad};
use support::{
    Client, Daemon, Server, alone, array, bulk, command, pattern, proxy, proxy_with, scripted,
};

const SMALL: [&str; 6] = ["--threads", "1", "--all-buffers", "64MiB", "--client-buffer", "32MiB"];

/// Sends bytes and then waits for as many lines; either may fail, because the proxy disconnects some clients.
fn attempt(stream: &mut TcpStream, bytes: &[u8], lines: usize) {
    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a valid timeout");
    let (mut seen, mut room) = (0, [0; 4096]);
    if stream.write_all(bytes).is_err() {
        return;
    }
    while seen < lines {
        match stream.read(&mut room) {
            Ok(count @ 1..) => seen += room[..count].split(|byte| *byte == b'\n').count() - 1,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

fn assert_peak(proxy: &Daemon, most_mib: usize, what: &str) {
    let mib = proxy.peak_kib() / 1024;
    assert!(mib < most_mib, "{what}: {mib} MiB");
}

#[test]
fn everything_that_is_held_for_clients_counts_towards_the_buffers() {
    let _alone = alone();
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let megabyte = |letter: u8| [&b"{q}"[..], &vec![letter; 1_000_000]].concat();
    let names: Vec<_> = (b'a'..=b't').map(megabyte).collect();
    let with_names = |words: &[&[u8]], last: &[&[u8]]| {
        let names = names.iter().map(Vec::as_slice);
        command(&words.iter().copied().chain(names).chain(last.iter().copied()).collect::<Vec<_>>())
    };
    let echo = command(&[b"ECHO", &names.concat()[..10_000_000]]);
    for (what, bytes, lines) in [
        ("a transaction", [array("MULTI"), echo.repeat(3)].concat(), 4),
        ("a long name", [array("MULTI"), command(&[&vec![0xff; 20_000_000]])].concat(), 2),
        ("a blocking command", with_names(&[b"BLPOP"], &[b"0"]), 1),
        ("channels", with_names(&[b"SUBSCRIBE"], &[]), 20 * 5),
    ] {
        let proxy = proxy_with([&first, &second], &SMALL);
        let mut streams: Vec<_> = (0..10).map(|_| proxy.connect()).collect();
        for stream in &mut streams {
            attempt(stream, &bytes, lines);
        }
        assert_eq!(Client::new(proxy.connect()).answer("GET k"), "$-1\r\n", "{what}");
        assert_peak(&proxy, 192, what);
    }
}

#[test]
fn a_shared_connection_does_not_keep_the_memory_of_a_large_reply() {
    let _alone = alone();
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_with([&first, &second], &SMALL);
    let large = command(&[b"SET", b"large", &vec![b'x'; 16 << 20]]);
    assert_eq!(Client::new(proxy.connect()).ask(&large), b"+OK\r\n");
    // Each client gets a connection for large replies to itself, because the others have one that they do not take.
    let mut clients: Vec<_> = (0..12).map(|_| Client::new(proxy.connect())).collect();
    for client in &mut clients {
        assert!(client.ask(&array("GETRANGE large 0 20000")).len() > 20_000);
        assert!(client.ask(&array("MGET large a b c d")).len() > 16 << 20);
        client.send(&array("GET large"));
        thread::sleep(Duration::from_millis(50));
    }
    drop(clients);
    thread::sleep(Duration::from_millis(300));
    let mib = proxy.resident_kib() / 1024;
    assert!(mib < 64, "{mib} MiB");
}

#[test]
fn a_name_is_short() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_with([&first, &second], &[]);
    let mut client = Client::new(proxy.connect());
    for words in [&[&b"SETNAME"[..]][..], &[b"SETINFO", b"LIB-NAME"], &[b"SETINFO", b"LIB-VER"]] {
        for (len, is_taken) in [(4096, true), (4097, false), (5_000_000, false)] {
            let name = vec![b'x'; len];
            let reply = client.ask(&command(&[&[&b"CLIENT"[..]][..], words, &[&name]].concat()));
            assert_eq!(reply == b"+OK\r\n", is_taken, "{len}: {}", reply.escape_ascii());
        }
    }
    let hello = command(&[b"HELLO", b"3", b"SETNAME", &vec![b'x'; 4097]]);
    assert!(client.ask(&hello).starts_with(b"-ERR "));
}

#[test]
fn replies_that_wait_to_be_joined_are_dropped_with_their_client() {
    let _alone = alone();
    let value = bulk(&vec![b'x'; 30_000_000]);
    let answering = move |is_silent: bool| {
        let value = value.clone();
        scripted::start(move |command| match &*command.name().to_ascii_uppercase() {
            b"PING" => b"+PONG\r\n".to_vec(),
            b"MGET" if is_silent => Vec::new(),
            b"MGET" => [&b"*1\r\n"[..], &value].concat(),
            _ => b"-ERR no\r\n".to_vec(),
        })
    };
    let upstreams = [answering(false), answering(true)].map(|address| address.to_string());
    let options = ["--upstream", &upstreams[0], "--upstream", &upstreams[1]];
    let proxy = proxy(&[&options[..], &SMALL].concat());
    let mut streams: Vec<_> = (0..10).map(|_| proxy.connect()).collect();
    for stream in &mut streams {
        attempt(stream, &array("MGET foo b"), 1);
    }
    assert_peak(&proxy, 256, "ten parts of 30 MB");
}

#[test]
fn commands_for_an_upstream_that_reads_nothing_are_bounded() {
    let _alone = alone();
    let upstream = fake::start(Bad::ReadsNothing).address.to_string();
    let options = ["--upstream", &upstream, "--threads", "1", "--all-buffers", "32MiB"];
    let proxy = proxy(&options);
    let bytes = command(&[b"SET", b"k", &vec![b'x'; 60_000]]);
    for _ in 0..3000 {
        _ = proxy.connect().write_all(&bytes);
    }
    thread::sleep(Duration::from_millis(300));
    assert_peak(&proxy, 128, "3000 commands of 60 KB");
}

#[test]
fn commands_wait_for_an_upstream_that_reads_late() {
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_with([&redis], &["--threads", "1"]);
    let mut clients: Vec<_> = (0..100).map(|_| Client::new(proxy.connect())).collect();
    for client in &mut clients {
        assert_eq!(client.answer("SET n 0"), "+OK\r\n");
    }
    let mut direct = Client::new(redis.connect());
    direct.send(&array("DEBUG SLEEP 0.5"));
    let value = pattern::bytes(1, 60_000);
    let commands = [command(&[b"SET", b"k", &value]), array("INCR n")].concat().repeat(4);
    for client in &mut clients {
        client.send(&commands);
    }
    for client in &mut clients {
        for _ in 0..4 {
            assert_eq!(client.receive(), b"+OK\r\n");
            assert!(client.receive().starts_with(b":"));
        }
    }
    assert_eq!(clients[0].answer("GET n"), "$3\r\n400\r\n");
}

#[test]
fn translated_replies_are_bounded_by_the_buffer_of_their_client() {
    let _alone = alone();
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_with([&redis], &["--protocol", "2", "--client-buffer", "1MiB"]);
    let value = pattern::bytes(1, 1_000_000);
    let mut client = Client::new(proxy.connect());
    assert!(client.answer("HELLO 3").starts_with('%'));
    assert_eq!(client.ask(&command(&[b"SET", b"k", &value])), b"+OK\r\n");
    for _ in 0..50 {
        assert_eq!(client.answer("GET none"), "_\r\n");
    }
    client.send(&array("GET k").repeat(120));
    thread::sleep(Duration::from_secs(1));
    assert_peak(&proxy, 32, "120 translated replies of 1 MB");
    for _ in 0..120 {
        assert!(client.receive() == bulk(&value));
    }
}
