//! Shard channels with several upstreams do not cost many connections.

mod support;

use support::{Client, Server, array, bulk, proxy, proxy_with, scripted};

/// Returns how many clients a server has.
fn clients(server: &Server) -> usize {
    let info = Client::new(server.connect()).answer("INFO clients");
    let count = info.lines().find_map(|line| line.strip_prefix("connected_clients:"));
    count.and_then(|count| count.parse().ok()).expect("the number of clients")
}

#[test]
fn the_shard_channels_of_a_client_share_a_connection_to_each_upstream() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_with([&first, &second], &["--threads", "1"]);
    let mut subscriber = Client::new(proxy.connect());
    assert!(subscriber.answer("HELLO 3").starts_with('%'));
    let before = clients(&first) + clients(&second);
    for count in 1..=100 {
        let confirmed = subscriber.answer(&format!("SSUBSCRIBE channel{count}"));
        assert!(confirmed.ends_with(&format!(":{count}\r\n")), "{confirmed}");
    }
    assert!(clients(&first) + clients(&second) <= before + 2);
    let mut publisher = Client::new(proxy.connect());
    for count in 1..=100 {
        assert_eq!(publisher.answer(&format!("SPUBLISH channel{count} hello")), ":1\r\n");
        let message = String::from_utf8(subscriber.receive()).expect("text");
        assert!(message.contains(&format!("\r\nchannel{count}\r\n")), "{message}");
    }
    for count in (0..100).rev() {
        let confirmed = subscriber.answer(&format!("SUNSUBSCRIBE channel{}", count + 1));
        assert!(confirmed.ends_with(&format!(":{count}\r\n")), "{confirmed}");
    }
}

#[test]
fn the_shard_channels_of_a_client_have_up_to_32_slots_of_a_cluster() {
    let node = scripted::node(|command| match command.arg(1) {
        Some(name) if command.is("ssubscribe") => {
            [&b"*3\r\n$10\r\nssubscribe\r\n"[..], &bulk(name), b":1\r\n"].concat()
        }
        _ => b"+OK\r\n".to_vec(),
    });
    let proxy = proxy(&["--cluster", &node.to_string()]);
    let mut client = Client::new(proxy.connect());
    for count in 1..=32 {
        let confirmed = client.answer(&format!("SSUBSCRIBE channel{count}"));
        assert!(confirmed.ends_with(&format!(":{count}\r\n")), "{confirmed}");
    }
    assert!(client.ask(&array("SSUBSCRIBE another")).starts_with(b"-ERR "));
}
