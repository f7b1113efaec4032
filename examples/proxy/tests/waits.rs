//! How long commands wait: for a cluster that is not ready, and for other clients.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{Client, Server, alone, array, bulk, command, pattern, proxy, proxy_with, scripted};

#[test]
fn a_command_waits_for_a_cluster_that_is_down_for_a_while() {
    for refusal in ["CLUSTERDOWN The cluster is down", "TRYAGAIN Multiple keys request"] {
        let start = Instant::now();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let node = scripted::node(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            if start.elapsed() < Duration::from_secs(1) {
                format!("-{refusal}\r\n").into_bytes()
            } else {
                b"$5\r\nvalue\r\n".to_vec()
            }
        });
        let proxy = proxy(&["--cluster", &node.to_string()]);
        let mut client = Client::new(proxy.connect());
        assert_eq!(client.answer("GET k"), "$5\r\nvalue\r\n", "{refusal}");
        let asked = asked.load(Ordering::Relaxed);
        assert!((5..50).contains(&asked), "{refusal}: it was asked {asked} times");
    }
}

#[test]
fn a_command_does_not_wait_for_a_cluster_for_ever() {
    let node = scripted::node(|_| b"-CLUSTERDOWN The cluster is down\r\n".to_vec());
    let proxy = proxy(&["--cluster", &node.to_string()]);
    let (mut client, start) = (Client::new(proxy.connect()), Instant::now());
    assert_eq!(client.answer("GET k"), "-CLUSTERDOWN The cluster is down\r\n");
    let waited = start.elapsed();
    assert!((3..9).contains(&waited.as_secs()), "{waited:?}");
}

/// Starts a server whose values are small, except the one of `large`.
fn server_with_a_large_value(len: usize) -> SocketAddr {
    let is_first = AtomicUsize::new(0);
    let large = bulk(&vec![b'x'; len]);
    scripted::start(move |command| match (command.name(), command.arg(1)) {
        (b"PING", _) => b"+PONG\r\n".to_vec(),
        (b"GET", Some(b"large")) => {
            // The commands of all clients should arrive before the first reply.
            if is_first.fetch_add(1, Ordering::Relaxed) == 0 {
                thread::sleep(Duration::from_millis(100));
            }
            large.clone()
        }
        (b"GET", _) => b"$5\r\nvalue\r\n".to_vec(),
        _ => b"-ERR no\r\n".to_vec(),
    })
}

#[test]
fn replies_that_are_larger_than_the_buffers_of_their_clients_hold_nobody() {
    const VALUE: usize = 8 << 20;
    let _alone = alone();
    let server = server_with_a_large_value(VALUE).to_string();
    let proxy = proxy(&["--client-buffer", "1MiB", "--threads", "1", "--upstream", &server]);
    let mut clients: Vec<_> = (0..20).map(|_| Client::new(proxy.connect())).collect();
    // After a small reply, they share a connection.
    for _ in 0..3 {
        for client in &mut clients {
            assert_eq!(client.answer("GET small"), "$5\r\nvalue\r\n");
        }
    }
    let (other, slow) = clients.split_first_mut().expect("clients");
    for client in &mut *slow {
        client.send(&array("GET large"));
    }
    thread::sleep(Duration::from_millis(10));
    let start = Instant::now();
    assert_eq!(other.answer("GET small"), "$5\r\nvalue\r\n");
    let waited = start.elapsed();
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    // Nobody is disconnected for it.
    for client in slow {
        assert_eq!(client.receive().len(), "$8388608\r\n".len() + VALUE + "\r\n".len());
    }
}

#[test]
fn a_client_does_not_wait_for_itself() {
    const VALUE: usize = 8 << 20;
    let _alone = alone();
    let server = server_with_a_large_value(VALUE).to_string();
    let proxy = proxy(&["--client-buffer", "1MiB", "--threads", "1", "--upstream", &server]);
    let mut client = Client::new(proxy.connect());
    for _ in 0..20 {
        assert_eq!(client.answer("GET small"), "$5\r\nvalue\r\n");
    }
    client.send(&["GET large", "PING", "GET large"].map(array).concat());
    thread::sleep(Duration::from_millis(700));
    for len in [VALUE + 12, "+PONG\r\n".len(), VALUE + 12] {
        assert_eq!(client.receive().len(), len);
    }
    assert!(proxy.peak_kib() < 16 * 1024, "{} KiB", proxy.peak_kib());
}

#[test]
fn replies_that_wait_to_be_joined_count_towards_the_buffers() {
    let _alone = alone();
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_with([&first, &second], &["--all-buffers", "64MiB", "--threads", "1"]);
    let value = pattern::bytes(1, 20 << 20);
    let mut client = Client::new(proxy.connect());
    for key in [&b"foo"[..], b"b"] {
        assert_eq!(client.ask(&command(&[b"SET", key, &value])), b"+OK\r\n");
    }
    let mut clients: Vec<_> = (0..8).map(|_| Client::new(proxy.connect())).collect();
    for client in &mut clients {
        client.send(&array("MGET foo b"));
    }
    thread::sleep(Duration::from_secs(1));
    assert!(proxy.peak_kib() < 192 * 1024, "{} KiB", proxy.peak_kib());
    assert!(client.ask(&array("GET foo")) == bulk(&value));
}

#[test]
fn a_large_command_may_block_for_longer_than_the_timeout() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let counts = [&b"COUNT"[..], b"1"].repeat(10_000);
    let last: &[&[u8]] = &[b"BLOCK", b"0", b"STREAMS", b"foo", b"$"];
    let read = command(&[&[&b"XREAD"[..]], &counts[..], last].concat());
    for servers in [&[&first][..], &[&first, &second]] {
        let proxy = proxy_with(servers.iter().copied(), &["--timeout", "1"]);
        let (mut reader, mut writer) = (Client::new(proxy.connect()), Client::new(proxy.connect()));
        writer.answer("DEL foo");
        // The word BLOCK comes when the proxy has seen the beginning.
        reader.send(&read[..70_000]);
        thread::sleep(Duration::from_millis(20));
        reader.send(&read[70_000..]);
        thread::sleep(Duration::from_millis(1500));
        assert!(writer.answer("XADD foo * field value").starts_with('$'));
        let entries = reader.receive();
        assert!(entries.starts_with(b"*1\r\n"), "{}", entries.escape_ascii());
    }
}
