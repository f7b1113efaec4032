//! Defects that were found by attacking the proxy: one test for each.

mod support;

use std::io::{ErrorKind, Read};
use std::thread;
use std::time::Duration;

use support::refusal::answer_to;
use support::{Client, PATIENCE, Server, array, bulk, command, pattern, proxy_of, proxy_with};

/// Sends a command in two packets. From the first alone it is clear that the command is large.
fn send_in_two(client: &mut Client, bytes: &[u8]) {
    client.send(&bytes[..bytes.len() - 1000]);
    thread::sleep(Duration::from_millis(200));
    client.send(&bytes[bytes.len() - 1000..]);
}

#[test]
fn large_commands_need_the_password_too() {
    let Some(redis) = Server::start() else { return };
    assert_eq!(Client::new(redis.connect()).answer("CONFIG SET requirepass secret"), "+OK\r\n");
    let proxy = proxy_with([&redis], &["--password", "secret"]);
    let argument = [b'x'; 16_384];
    for name in [&b"FOOBAR"[..], b"RPUSH", b"EVAL", b"CLIENT"] {
        let mut client = Client::new(proxy.connect());
        let command = command(&[name, &argument, &argument, &argument, &argument, &argument]);
        send_in_two(&mut client, &command);
        assert_eq!(client.receive(), b"-NOAUTH Authentication required.\r\n");
        assert_eq!(client.answer("GET k"), "-NOAUTH Authentication required.\r\n");
    }
}

#[test]
fn the_password_lifts_the_limits_at_once() {
    let Some(redis) = Server::start() else { return };
    assert_eq!(Client::new(redis.connect()).answer("CONFIG SET requirepass secret"), "+OK\r\n");
    let proxy = proxy_with([&redis], &["--password", "secret"]);
    let value = pattern::bytes(1, 20_000);
    for login in
        ["AUTH secret", "HELLO 2 SETNAME me AUTH default secret", "HELLO 3 AUTH default secret"]
    {
        let mut client = Client::new(proxy.connect());
        client.send(&[array(login), command(&[b"SET", b"k", &value]), array("GET k")].concat());
        assert!(!client.receive().starts_with(b"-"), "{login}");
        assert_eq!(client.receive(), b"+OK\r\n", "{login}");
        assert!(client.receive() == bulk(&value), "{login}");
    }
}

#[test]
fn an_option_is_compared_up_to_its_nul() {
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let mut blocked = Client::new(proxy.connect());
    blocked.send(&command(&[b"XREAD", b"BLOCK\0", b"0", b"STREAMS", b"none", b"$"]));
    thread::sleep(Duration::from_millis(200));
    assert_eq!(Client::new(proxy.connect()).answer("SET k v"), "+OK\r\n");
}

#[test]
fn the_state_that_a_large_command_sets_is_kept_for_its_client() {
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let mut client = Client::new(proxy.connect());
    let name = pattern::bytes(1, 70_000).iter().map(|byte| b'a' + byte % 26).collect::<Vec<_>>();
    send_in_two(&mut client, &command(&[b"CLIENT", b"SETNAME", &name]));
    assert_eq!(client.receive(), b"+OK\r\n");
    assert!(client.ask(&array("CLIENT GETNAME")) == bulk(&name));
}

#[test]
fn a_large_command_is_passed_on_wherever_its_header_is_cut() {
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let mut client = Client::new(proxy.connect());
    client.send(b"*100000\r\n");
    thread::sleep(Duration::from_millis(100));
    client.send(&[b"$3\r\nDEL\r\n".to_vec(), b"$1\r\nk\r\n".repeat(99_999)].concat());
    assert_eq!(client.receive(), b":0\r\n");
    // If the proxy did not pass this on, it would be too large to be buffered.
    client.send(b"*30000000\r\n");
    thread::sleep(Duration::from_millis(100));
    client.send(b"$3\r\nDEL\r\n");
    client.stream().set_read_timeout(Some(Duration::from_millis(300))).expect("a valid timeout");
    let silence = client.stream().read(&mut [0]).expect_err("the server waits for the rest");
    assert!(matches!(silence.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silence}");
}

#[test]
fn large_replies_of_two_servers_come_in_order() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_of([&first, &second]);
    let mut client = Client::new(proxy.connect());
    let keys = ["b", "foo", "hello", "bar"];
    for size in [100_000, 1_000_000, 10_000_000] {
        let value = pattern::bytes(size as u64, size);
        for key in keys {
            assert_eq!(client.ask(&command(&[b"SET", key.as_bytes(), &value])), b"+OK\r\n");
        }
        for _ in 0..5 {
            let mut client = Client::new(proxy.connect());
            client.send(&keys.map(|key| array(&format!("GET {key}"))).concat());
            for key in keys {
                assert!(client.receive() == bulk(&value), "{size} bytes of {key}");
            }
        }
    }
}

#[test]
fn large_replies_are_joined_one_at_a_time() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_of([&first, &second]);
    let mut client = Client::new(proxy.connect());
    let value = pattern::bytes(1, 4_000_000);
    for key in [&b"foo"[..], b"b"] {
        assert_eq!(client.ask(&command(&[b"SET", key, &value])), b"+OK\r\n");
    }
    client.send(&array("MGET foo b").repeat(100));
    thread::sleep(Duration::from_secs(2));
    let peak = proxy.peak_kib();
    assert!(peak < 64 * 1024, "{peak} KiB for one client that does not read");
    let expected = [&b"*2\r\n"[..], &bulk(&value), &bulk(&value)].concat();
    for _ in 0..100 {
        assert!(client.receive() == expected);
    }
}

#[test]
fn a_transaction_with_a_refused_command_is_not_executed() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_of([&first, &second]);
    let transaction = ["MULTI", "INCR n", "INCR foo", "EXEC", "QUIT"].map(array).concat();
    let answer = answer_to(proxy.connect(), &transaction);
    assert!(answer.starts_with("+OK\r\n+QUEUED\r\n-CROSSSLOT "), "{answer}");
    assert!(answer.contains("\r\n-EXECABORT "), "{answer}");
    assert_eq!(Client::new(proxy.connect()).answer("GET n"), "$-1\r\n");
}

#[test]
fn commands_after_one_that_got_no_connection_are_not_executed() {
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let mut direct = Client::new(redis.connect());
    let mut sharing = Client::new(proxy.connect());
    assert_eq!(sharing.answer("SET n 0"), "+OK\r\n");
    let clients = direct.answer("INFO clients");
    let count = clients.split("connected_clients:").nth(1).and_then(|rest| rest.split('\r').next());
    let count = count.expect("the number of clients");
    assert_eq!(direct.answer(&format!("CONFIG SET maxclients {count}")), "+OK\r\n");
    for first in [
        "MULTI",
        "WATCH n",
        "SELECT 5",
        "CLIENT REPLY OFF",
        "SUBSCRIBE news",
        "AUTH default wrong",
        "READONLY",
        "BLPOP list 0",
    ] {
        let commands = [first, "INCR n", "FLUSHDB", "EXEC"].map(array).concat();
        let answer = answer_to(proxy.connect(), &commands);
        assert!(answer.starts_with("-ERR upstream"), "{first}: {answer}");
        assert_eq!(answer.matches("\r\n").count(), 1, "{first}: {answer}");
        assert_eq!(sharing.answer("GET n"), "$1\r\n0\r\n", "{first}");
    }
}

#[test]
fn commands_after_one_that_needs_a_single_upstream_are_not_executed() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_of([&first, &second]);
    let mut client = Client::new(proxy.connect());
    assert_eq!(client.answer("SET precious 1"), "+OK\r\n");
    for state in ["SELECT 5", "AUTH other secret", "HELLO 3 AUTH other secret", "CLIENT REPLY OFF"]
    {
        let answer = answer_to(proxy.connect(), &[state, "FLUSHALL"].map(array).concat());
        assert!(answer.starts_with("-ERR "), "{state}: {answer}");
        assert_eq!(answer.matches("\r\n").count(), 1, "{state}: {answer}");
        assert_eq!(client.answer("GET precious"), "$1\r\n1\r\n", "{state}");
    }
}

#[test]
fn a_transaction_whose_keys_could_not_be_watched_is_refused() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_of([&first, &second]);
    let mut client = Client::new(proxy.connect());
    assert_eq!(client.answer("SET n 1"), "+OK\r\n");
    for server in [&first, &second] {
        let mut direct = Client::new(server.connect());
        let info = direct.answer("INFO clients");
        let count = info.lines().find_map(|line| line.strip_prefix("connected_clients:"));
        let count = count.expect("the number of clients");
        // The first connections of the proxy stay open, but cannot be borrowed for a transaction.
        assert_eq!(direct.answer(&format!("CONFIG SET maxclients {count}")), "+OK\r\n");
    }
    let mut other = Client::new(proxy.connect());
    let watched = other.answer("WATCH n");
    let refused = watched.starts_with('-');
    assert_eq!(other.answer("MULTI"), "+OK\r\n");
    other.answer("INCR n");
    let executed = other.answer("EXEC");
    assert_eq!(executed.starts_with('-'), refused, "{watched} {executed}");
}

#[test]
fn shared_connections_speak_resp3() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    for servers in [&[&first][..], &[&first, &second]] {
        let proxy = proxy_of(servers.iter().copied());
        let (mut old, mut new) = (Client::new(proxy.connect()), Client::new(proxy.connect()));
        let opening =
            ["SET k v", "HELLO 3", "GET nothing", "MGET k b foo", "HSET h f v", "HGETALL h"];
        new.send(&opening.map(array).concat());
        assert_eq!(new.receive(), b"+OK\r\n");
        assert!(new.receive().starts_with(b"%7\r\n"));
        assert_eq!(new.receive(), b"_\r\n");
        assert_eq!(new.receive(), b"*3\r\n$1\r\nv\r\n_\r\n_\r\n");
        new.receive();
        assert_eq!(new.receive(), b"%1\r\n$1\r\nf\r\n$1\r\nv\r\n");
        assert_eq!(old.answer("MGET b k"), "*2\r\n$-1\r\n$1\r\nv\r\n");
        assert_eq!(old.answer("HGETALL h"), "*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
        // Large replies and own connections use the client's protocol, too.
        let value = pattern::bytes(1, 100_000);
        assert_eq!(new.ask(&command(&[b"HSET", b"h", b"f", &value])), b":0\r\n");
        assert!(new.ask(&array("HGETALL h")).starts_with(b"%1\r\n"));
        if servers.len() == 1 {
            assert_eq!(new.answer("CLIENT GETNAME"), "_\r\n");
        }
        assert!(new.answer("HELLO 2").starts_with("*14\r\n"));
        assert!(new.answer("HELLO 4").starts_with("-NOPROTO "));
        assert_eq!(new.answer("GET nothing"), "$-1\r\n");
    }
}

#[test]
fn a_new_connection_waits_for_a_busy_server() {
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let mut sleeper = Client::new(redis.connect());
    sleeper.send(&array("DEBUG SLEEP 3"));
    thread::sleep(Duration::from_millis(100));
    let mut client = Client::new(proxy.connect());
    assert!(PATIENCE > Duration::from_secs(3));
    assert_eq!(client.answer("MULTI"), "+OK\r\n");
}
