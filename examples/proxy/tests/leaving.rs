//! Clients that leave, or that take nothing: the proxy notices.

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use support::{Client, PATIENCE, Server, array, command, pattern, proxy_with, until};

/// Waits until a server has this number of blocked clients.
fn wait_for_blocked(servers: [&Server; 2], count: usize) {
    until("blocked clients", PATIENCE, || {
        let infos = servers.map(|server| Client::new(server.connect()).answer("INFO clients"));
        let blocked = infos.iter().flat_map(|info| info.lines());
        let blocked = blocked.filter_map(|line| line.strip_prefix("blocked_clients:"));
        let blocked: usize = blocked.map(|count| count.parse::<usize>().expect("a number")).sum();
        (blocked == count).then_some(())
    });
}

#[test]
fn a_blocked_client_that_leaves_takes_no_element_with_it() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    for (buffer, more) in [("256MiB", 0), ("256MiB", 100_000), ("1MiB", 1_200_000)] {
        let proxy = proxy_with([&first, &second], &["--client-buffer", buffer]);
        let mut stream = proxy.connect();
        stream.write_all(&array("BLPOP list 0")).expect("the proxy reads");
        wait_for_blocked([&first, &second], 1);
        stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a valid timeout");
        let further = array("PING");
        stream.write_all(&further.repeat(more / further.len())).expect("it has room");
        drop(stream);
        wait_for_blocked([&first, &second], 0);
        let mut client = Client::new(proxy.connect());
        assert_eq!(client.answer("LPUSH list element"), ":1\r\n", "{buffer}, {more}");
        assert_eq!(client.answer("DEL list"), ":1\r\n", "{buffer}, {more}");
    }
}

#[test]
fn a_client_that_has_closed_its_side_and_takes_nothing_is_disconnected() {
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_with([&redis], &["--timeout", "1", "--client-buffer", "1MiB"]);
    let value = pattern::bytes(1, 1_000_000);
    let mut client = Client::new(proxy.connect());
    assert_eq!(client.ask(&command(&[b"SET", b"k", &value])), b"+OK\r\n");
    drop(client);
    let streams = [(); 5].map(|()| {
        let mut stream = proxy.connect();
        stream.write_all(&array("GET k").repeat(20)).expect("the proxy reads");
        stream.shutdown(Shutdown::Write).expect("it is open");
        stream
    });
    thread::sleep(Duration::from_secs(3));
    for mut stream in streams {
        // It may end with a reset.
        let (mut found, mut room) = (0, vec![0; 1 << 20]);
        while let Ok(count @ 1..) = stream.read(&mut room) {
            found += count;
        }
        assert!(found < 20 * value.len(), "{found} bytes");
    }
}
