//! With several upstreams, commands without keys, and transactions, work as they do with one server.

mod support;

use support::{Client, Server, array, proxy, proxy_of, until};

#[test]
fn any_upstream_that_is_available_answers_what_has_no_key() {
    let (Some(mut first), Some(second)) = (Server::start(), Server::start()) else { return };
    first.kill();
    let proxy = proxy_of([&first, &second]);
    let mut client = Client::new(proxy.connect());
    for (line, expected) in [
        ("HELLO 3", "%7\r\n"),
        ("TIME", "*2\r\n"),
        ("EVAL 'return 7' 0", ":7\r\n"),
        ("COMMAND COUNT", ":"),
        ("COMMAND INFO get", "*1\r\n*10\r\n$3\r\nget\r\n"),
        ("COMMAND GETKEYS set a b", "*1\r\n$1\r\na\r\n"),
        ("ECHO", "-ERR wrong number of arguments for 'echo' command\r\n"),
        // Subscribers are at the first one.
        ("PUBLISH news hello", "-ERR upstream "),
    ] {
        let answer = client.answer(line);
        assert!(answer.starts_with(expected), "{line}: {answer}");
    }
}

#[test]
fn shard_channels_are_counted_on_every_upstream() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_of([&first, &second]);
    let mut subscriber = Client::new(proxy.connect());
    assert!(subscriber.answer("HELLO 3").starts_with('%'));
    // Their slots are 12182 and 5061.
    for channel in ["foo", "bar"] {
        assert!(subscriber.answer(&format!("SSUBSCRIBE {channel}")).starts_with('>'));
    }
    let mut client = Client::new(proxy.connect());
    let numbers = "*6\r\n$3\r\nfoo\r\n:1\r\n$3\r\nbar\r\n:1\r\n$6\r\nnobody\r\n:0\r\n";
    assert_eq!(client.answer("PUBSUB SHARDNUMSUB foo bar nobody"), numbers);
    let channels = client.answer("PUBSUB SHARDCHANNELS");
    assert!(channels.starts_with("*2\r\n"), "{channels}");
    assert!(channels.contains("foo") && channels.contains("bar"), "{channels}");
    assert_eq!(client.answer("PUBSUB SHARDCHANNELS f*"), "*1\r\n$3\r\nfoo\r\n");
}

#[test]
fn errors_in_transactions_are_those_of_servers() {
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let (mut direct, proxy) = (Client::new(first.connect()), proxy_of([&first, &second]));
    let mut client = Client::new(proxy.connect());
    let long = format!("NOSUCH {} {}", "a".repeat(100), "b".repeat(100));
    for (lines, is_executed) in [
        (&["MULTI", "SET k 1", "EXEC"][..], true),
        (&["MULTI", "MULTI", "SET k 1", "EXEC"], true),
        (&["MULTI", "WATCH k", "SET k 2", "EXEC"], true),
        (&["MULTI", "SET k 3", "multi", "watch k", "EXEC"], true),
        (&["MULTI", "MULTI x", "EXEC"], false),
        (&["MULTI", "WATCH", "EXEC"], false),
        (&["MULTI", "NOSUCH", "EXEC"], false),
        (&["MULTI", "nosuch 'a b' \"c\\nd\"", "EXEC"], false),
        (&["MULTI", &long, "EXEC"], false),
        (&["MULTI", "OBJECT nosuch", "EXEC"], false),
        (&["READONLY"], false),
        (&["READWRITE"], false),
        (&["GET k"], true),
    ] {
        for line in lines {
            let (found, expected) = (client.answer(line), direct.answer(line));
            let is_abortion = *line == "EXEC" && !is_executed;
            if is_abortion {
                assert!(expected.starts_with("-EXECABORT ") && found.starts_with("-EXECABORT "));
            } else {
                assert_eq!(found, expected, "{line} in {lines:?}");
            }
        }
    }
}

#[test]
fn a_cluster_has_read_only_clients() {
    let Some(node) = Server::start_with(&["--cluster-enabled", "yes"]) else { return };
    let mut direct = Client::new(node.connect());
    assert_eq!(direct.answer("CLUSTER ADDSLOTSRANGE 0 16383"), "+OK\r\n");
    let proxy = proxy(&["--cluster", &node.address().to_string()]);
    let mut client = Client::new(proxy.connect());
    until("the slots", support::PATIENCE, || {
        client.send(&array("GET k"));
        (client.receive() == b"$-1\r\n").then_some(())
    });
    for line in ["READONLY", "READWRITE"] {
        assert_eq!(client.answer(line), "+OK\r\n");
    }
}
