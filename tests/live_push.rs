//! A running server sends the pushes that are documented, and answers the documented commands with them.
//!
//! Without a `redis-server` on the `PATH`, these tests are skipped, or fail if `ZRESP_REQUIRE_REDIS` is set.
#![cfg(feature = "std")]

use std::io::Write;
use std::net::TcpStream;

use zresp::io::{ReplyReader, StreamError};
use zresp::push::Push;
use zresp::{ErrorKind, Kind};
use zresp_testing::drive::live_server::Server;

struct Client {
    replies: ReplyReader<TcpStream>,
    /// The kind of value in which pushes come.
    pushes: Kind,
}

impl Client {
    fn speaking(version: u8, server: &Server) -> Self {
        let replies = ReplyReader::new(server.connect());
        let pushes = if version == 3 { Kind::Push } else { Kind::Array };
        let mut client = Self { replies, pushes };
        client.send(&format!("HELLO {version}"));
        client.replies.read().expect("a reply").expect("the end");
        client
    }

    fn send(&mut self, line: &str) {
        self.replies
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())
            .expect("room for a line");
    }

    /// The next frame: a push as its type, any other reply as it is.
    fn next(&mut self) -> String {
        let frame = self.replies.read().expect("a frame").expect("a frame before the end");
        match frame.reply() {
            reply if reply.kind() == self.pushes => format!("{:?}", reply.to::<Push<'_>>()),
            reply => format!("{reply:?}"),
        }
    }

    /// Sends a command, and asserts that exactly these frames come. The reply to a second command shows that no other
    /// frame came before it.
    fn assert(&mut self, line: &str, expected: &[&str]) {
        self.send(line);
        self.assert_next(line, expected);
        self.send("CLIENT NO-SUCH-COMMAND");
        let last = self.next();
        assert!(last.starts_with("Error("), "one more frame after {line}: {last}");
    }

    fn assert_next(&mut self, case: &str, expected: &[&str]) {
        let seen: Vec<_> = expected.iter().map(|_| self.next()).collect();
        assert_eq!(seen, expected, "{case}");
    }

    fn id(&mut self) -> i64 {
        self.send("CLIENT ID");
        let frame = self.replies.read().expect("a frame").expect("a frame before the end");
        frame.reply().as_i64().expect("a number")
    }
}

#[test]
fn subscriptions_are_answered_by_pushes_and_nothing_else() {
    let Some(server) = Server::start() else { return };
    let mut publisher = Client::speaking(2, &server);
    for version in [2, 3] {
        let mut client = Client::speaking(version, &server);
        // A RESP2 connection with subscriptions refuses other commands with an error too.
        for (line, expected) in [
            ("UNSUBSCRIBE", &["Ok(Unsubscribed(Channel null, 0))"][..]),
            ("PUNSUBSCRIBE", &["Ok(Unsubscribed(Pattern null, 0))"]),
            ("SUNSUBSCRIBE", &["Ok(Unsubscribed(ShardChannel null, 0))"]),
            (
                "SUBSCRIBE a b",
                &[r#"Ok(Subscribed(Channel "a", 1))"#, r#"Ok(Subscribed(Channel "b", 2))"#],
            ),
            ("SUBSCRIBE a", &[r#"Ok(Subscribed(Channel "a", 2))"#]),
            ("PSUBSCRIBE x*", &[r#"Ok(Subscribed(Pattern "x*", 3))"#]),
            ("SSUBSCRIBE s", &[r#"Ok(Subscribed(ShardChannel "s", 1))"#]),
            ("UNSUBSCRIBE none", &[r#"Ok(Unsubscribed(Channel "none", 3))"#]),
        ] {
            client.assert(line, expected);
        }
        let pongs = if version == 2 {
            [r#"Ok(Pong[""])"#, r#"Ok(Pong["hi"])"#]
        } else {
            [r#"Simple("PONG")"#, r#"Bulk("hi")"#]
        };
        client.assert("PING", &pongs[..1]);
        client.assert("PING hi", &pongs[1..]);
        for (line, expected) in [
            ("PUBLISH a 1", r#"Ok(Message["a", "1"])"#),
            ("PUBLISH xy 2", r#"Ok(PatternMessage["x*", "xy", "2"])"#),
            ("SPUBLISH s 3", r#"Ok(ShardMessage["s", "3"])"#),
        ] {
            publisher.assert(line, &["Integer(1)"]);
            client.assert_next(line, &[expected]);
        }
        for (line, expected) in [
            ("UNSUBSCRIBE a", &[r#"Ok(Unsubscribed(Channel "a", 2))"#][..]),
            ("UNSUBSCRIBE", &[r#"Ok(Unsubscribed(Channel "b", 1))"#]),
            ("PUNSUBSCRIBE", &[r#"Ok(Unsubscribed(Pattern "x*", 0))"#]),
            ("SUNSUBSCRIBE", &[r#"Ok(Unsubscribed(ShardChannel "s", 0))"#]),
            ("SUBSCRIBE a", &[r#"Ok(Subscribed(Channel "a", 1))"#]),
            ("RESET", &[r#"Simple("RESET")"#]),
        ] {
            client.assert(line, expected);
        }
    }
}

#[test]
fn a_transaction_has_the_first_push_of_a_command_in_its_reply() {
    let Some(server) = Server::start() else { return };
    let mut client = Client::speaking(3, &server);
    for line in ["MULTI", "SUBSCRIBE q r", "EXEC"] {
        client.send(line);
    }
    client.assert_next("MULTI", &[r#"Simple("OK")"#, r#"Simple("QUEUED")"#]);
    let exec = r#"Array[Push[Bulk("subscribe"), Bulk("q"), Integer(1)]]"#;
    client.assert("PING", &[exec, r#"Ok(Subscribed(Channel "r", 2))"#, r#"Simple("PONG")"#]);
}

#[test]
fn a_message_inside_the_reply_of_a_transaction_is_refused() {
    let Some(server) = Server::start() else { return };
    let mut client = Client::speaking(3, &server);
    client.assert("SUBSCRIBE news", &[r#"Ok(Subscribed(Channel "news", 1))"#]);
    for line in ["MULTI", "SET k v", "PUBLISH news inside", "EXEC", "PING"] {
        client.send(line);
    }
    client.assert_next("MULTI", &[r#"Simple("OK")"#; 1]);
    client.assert_next("SET", &[r#"Simple("QUEUED")"#; 2]);
    // Redis 7.0 sends the message inside the array, which does not count it; later versions send it after the array.
    match client.replies.read() {
        Err(StreamError::Decode { error, .. }) => {
            assert_eq!((error.kind, error.offset), (ErrorKind::NestedPush, 9));
        }
        Ok(Some(frame)) => {
            assert_eq!(format!("{:?}", frame.reply()), r#"Array[Simple("OK"), Integer(1)]"#);
            let after = [r#"Ok(Message["news", "inside"])"#, r#"Simple("PONG")"#];
            client.assert_next("PUBLISH", &after);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn changed_keys_are_invalidations_in_both_protocols() {
    let Some(server) = Server::start() else { return };
    let mut writer = Client::speaking(2, &server);
    for version in [2, 3] {
        writer.assert("SET k v", &[r#"Simple("OK")"#]);
        let mut client = Client::speaking(version, &server);
        let mut reader = Client::speaking(version, &server);
        let id = client.id();
        if version == 2 {
            client.assert(
                "SUBSCRIBE __redis__:invalidate",
                &[r#"Ok(Subscribed(Channel "__redis__:invalidate", 1))"#],
            );
        }
        reader.assert(&format!("CLIENT TRACKING ON REDIRECT {id}"), &[r#"Simple("OK")"#]);
        for (line, expected) in [
            ("SET k w", r#"Ok(Invalidation(Array[Bulk("k")]))"#),
            ("FLUSHALL", "Ok(Invalidation(all keys))"),
        ] {
            reader.send("GET k");
            reader.next();
            writer.assert(line, &[r#"Simple("OK")"#]);
            client.assert_next(line, &[expected]);
        }
        if version == 2 {
            writer.assert("PUBLISH __redis__:invalidate text", &["Integer(1)"]);
            client.assert_next("PUBLISH", &[r#"Ok(Message["__redis__:invalidate", "text"])"#]);
        }
    }
}

#[test]
fn a_shard_channel_that_moves_away_ends_its_subscription_unasked() {
    let Some(server) = Server::start_with(&["--cluster-enabled", "yes"]) else { return };
    for version in [2, 3] {
        let mut admin = Client::speaking(2, &server);
        admin.assert("CLUSTER ADDSLOTSRANGE 0 16383", &[r#"Simple("OK")"#]);
        let mut client = Client::speaking(version, &server);
        loop {
            client.send("SSUBSCRIBE s");
            let answer = client.next();
            if answer == r#"Ok(Subscribed(ShardChannel "s", 1))"# {
                break;
            }
            assert!(answer.contains("CLUSTERDOWN"), "{answer}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        admin.assert("CLUSTER DELSLOTSRANGE 0 16383", &[r#"Simple("OK")"#]);
        client.assert_next("DELSLOTS", &[r#"Ok(Unsubscribed(ShardChannel "s", 0))"#]);
    }
}

#[test]
fn a_push_of_another_kind_is_kept_whole() {
    let Some(server) = Server::start() else { return };
    let mut client = Client::speaking(3, &server);
    client.send("DEBUG PROTOCOL push");
    // Redis 7.0 sends the push before the reply, later versions after it.
    let mut frames = [client.next(), client.next()];
    frames.sort();
    let push = r#"Ok(Other(Push[Bulk("server-cpu-usage"), Integer(42)]))"#;
    assert_eq!(frames, [r#"Bulk("Some real reply following the push reply")"#, push]);
}
