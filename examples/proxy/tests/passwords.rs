//! Servers with a password, which only the clients know, or the proxy too.

mod support;

use support::refusal::{answer_to, assert_reason};
use support::{Client, Server, command, proxy_of, proxy_with};

const REFUSED: &str = "-NOAUTH Authentication required.\r\n";

/// Starts a server with a password, and with a user `alice` that has another one.
fn server_with_a_password() -> Option<Server> {
    let redis = Server::start()?;
    let mut client = Client::new(redis.connect());
    assert_eq!(client.answer("ACL SETUSER alice on >wonder ~* &* +@all"), "+OK\r\n");
    assert_eq!(client.answer("CONFIG SET requirepass secret"), "+OK\r\n");
    Some(redis)
}

#[test]
fn every_client_needs_the_password() {
    let Some(redis) = server_with_a_password() else { return };
    let proxy = proxy_of([&redis]);
    for (line, expected) in [
        ("AUTH secret", "+OK\r\n"),
        ("AUTH default secret", "+OK\r\n"),
        ("AUTH alice wonder", "+OK\r\n"),
        ("HELLO 3 AUTH default secret", "%7\r\n"),
        ("HELLO 2 AUTH alice wonder SETNAME me", "*14\r\n"),
    ] {
        let mut stranger = Client::new(proxy.connect());
        assert_eq!(stranger.answer("GET k"), REFUSED, "{line}");
        let mut client = Client::new(proxy.connect());
        assert_eq!(client.answer("SET k v"), REFUSED, "{line}");
        assert!(client.answer("AUTH wrong").starts_with("-WRONGPASS "), "{line}");
        assert!(client.answer("HELLO 3 AUTH default wrong").starts_with("-WRONGPASS "), "{line}");
        assert_eq!(client.answer("SET k v"), REFUSED, "{line}");
        assert!(client.answer(line).starts_with(expected), "{line}");
        assert_eq!(client.answer("SET k v"), "+OK\r\n", "{line}");
        assert_eq!(client.answer("GET k"), "$1\r\nv\r\n", "{line}");
        // The password of one client does not let in another.
        assert_eq!(stranger.answer("GET k"), REFUSED, "{line}");
        assert_eq!(Client::new(proxy.connect()).answer("GET k"), REFUSED, "{line}");
    }
}

#[test]
fn before_the_password_limits_are_low() {
    let Some(redis) = server_with_a_password() else { return };
    let proxy = proxy_of([&redis]);
    // What Redis itself allows: 10 arguments of 16 KiB.
    for input in [
        &b"*11\r\n"[..],
        b"*1000000\r\n",
        b"*2\r\n$4\r\nECHO\r\n$16385\r\n",
        b"*1\r\n$536870912\r\n",
    ] {
        let case = input.escape_ascii().to_string();
        let mut client = Client::new(proxy.connect());
        assert_eq!(client.answer("GET k"), REFUSED, "{case}");
        let stream = client.stream().try_clone().expect("a second handle");
        assert_reason(&answer_to(stream, input), &case);
        let mut client = Client::new(proxy.connect());
        assert_eq!(client.answer("AUTH secret"), "+OK\r\n", "{case}");
        let value = vec![b'x'; 20_000];
        assert_eq!(client.ask(&command(&[b"SET", b"k", &value])), b"+OK\r\n", "{case}");
    }
}

#[test]
fn every_client_needs_a_password_that_the_proxy_knows_too() {
    let Some(redis) = server_with_a_password() else { return };
    let proxy = proxy_with([&redis], &["--password", "secret"]);
    let mut stranger = Client::new(proxy.connect());
    for line in ["GET k", "SET k v", "MGET a b", "SELECT 1", "PING", "SUBSCRIBE news"] {
        assert_eq!(stranger.answer(line), REFUSED, "{line}");
    }
    for line in ["AUTH wrong", "AUTH default wrong", "HELLO 3 AUTH default wrong"] {
        assert!(stranger.answer(line).starts_with("-WRONGPASS "), "{line}");
        assert_eq!(stranger.answer("GET k"), REFUSED, "{line}");
    }
    for line in ["AUTH secret", "AUTH default secret", "HELLO 2 AUTH default secret"] {
        let mut client = Client::new(proxy.connect());
        assert!(!client.answer(line).starts_with('-'), "{line}");
        assert_eq!(client.answer("SET k v"), "+OK\r\n", "{line}");
        assert_eq!(client.answer("SELECT 0"), "+OK\r\n", "{line}");
        assert_eq!(client.answer("GET k"), "$1\r\nv\r\n", "{line}");
        assert_eq!(stranger.answer("GET k"), REFUSED, "{line}");
    }
}
