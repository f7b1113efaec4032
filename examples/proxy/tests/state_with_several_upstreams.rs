//! Transactions, blocking commands and subscriptions of clients whose keys are on several servers.

mod support;

use support::spread::Spread;
use support::{Client, PATIENCE, Server, array, bulk};

#[test]
fn an_error_before_a_transaction_does_not_make_it_fail() {
    let Some(mut spread) = Spread::start() else { return };
    for line in ["WATCH", "EXEC", "DISCARD", "MULTI x", "UNWATCH x", "SET k"] {
        for is_watching in [false, true] {
            if is_watching {
                assert_eq!(spread.client.answer("WATCH k"), "+OK\r\n");
            }
            let error = spread.client.answer(line);
            assert!(error.starts_with("-ERR "), "{line}: {error}");
            spread.assert_answers(&[
                ("MULTI", "+OK\r\n"),
                ("SET k 1", "+QUEUED\r\n"),
                ("EXEC", "*1\r\n+OK\r\n"),
            ]);
        }
    }
}

#[test]
fn transactions_with_keys_of_one_slot_work() {
    const CROSSING: &str = "CROSSSLOT Keys in request don't hash to the same slot";
    let Some(mut spread) = Spread::start() else { return };
    let abort =
        format!("-EXECABORT Transaction discarded because of previous errors: {CROSSING}\r\n");
    let mut other = Client::new(spread.proxy.connect());
    for (tag, elsewhere) in [("{a}", "b"), ("{b}", "a"), ("{c}", "a"), ("{d}", "b")] {
        spread.assert_answers(&[
            ("EXEC", "-ERR EXEC without MULTI\r\n"),
            ("MULTI", "+OK\r\n"),
            ("PING", "+QUEUED\r\n"),
            (&format!("SET {tag}1 1"), "+QUEUED\r\n"),
            (&format!("INCR {tag}1"), "+QUEUED\r\n"),
            ("EXEC", "*3\r\n+PONG\r\n+OK\r\n:2\r\n"),
            // These errors do not make it fail.
            ("MULTI", "+OK\r\n"),
            ("MULTI", "-ERR MULTI calls can not be nested\r\n"),
            (&format!("WATCH {tag}1"), "-ERR WATCH inside MULTI is not allowed\r\n"),
            (&format!("STRLEN {tag}1"), "+QUEUED\r\n"),
            ("WATCH b", "-ERR WATCH inside MULTI is not allowed\r\n"),
            ("EXEC", "*1\r\n:1\r\n"),
            ("MULTI", "+OK\r\n"),
            (&format!("INCR {tag}1"), "+QUEUED\r\n"),
            ("DISCARD", "+OK\r\n"),
            (&format!("GET {tag}1"), "$1\r\n2\r\n"),
            ("MULTI", "+OK\r\n"),
            (&format!("DEL {tag}1"), "+QUEUED\r\n"),
            (&format!("DEL {elsewhere}"), &format!("-{CROSSING}\r\n")),
            ("EXEC", &abort),
            // A key that another client changes.
            (&format!("WATCH {tag}1"), "+OK\r\n"),
            (&format!("GET {tag}1"), "$1\r\n2\r\n"),
        ]);
        assert_eq!(other.answer(&format!("INCR {tag}1")), ":3\r\n");
        spread.assert_answers(&[
            ("MULTI", "+OK\r\n"),
            (&format!("INCR {tag}1"), "+QUEUED\r\n"),
            ("EXEC", "*-1\r\n"),
            (&format!("WATCH {tag}1"), "+OK\r\n"),
            ("MULTI", "+OK\r\n"),
            (&format!("INCR {tag}1"), "+QUEUED\r\n"),
            ("NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"),
            ("EXEC", "-EXECABORT Transaction discarded because of previous errors: ERR unknown command 'NOSUCH', with args beginning with:\r\n"),
            (&format!("SET {tag}1 2"), "+OK\r\n"),
        ]);
    }
    spread.assert_answers(&[
        ("MULTI", "+OK\r\n"),
        ("PING", "+QUEUED\r\n"),
        ("EXEC", "*1\r\n+PONG\r\n"),
    ]);
    spread.assert_answers(&[("MULTI", "+OK\r\n"), ("EXEC", "*0\r\n")]);
}

#[test]
fn blocking_commands_wait_on_their_own_connections() {
    let Some(mut spread) = Spread::start() else { return };
    let mut waiting: Vec<_> = (0..9)
        .map(|at| {
            let mut client = Client::new(spread.proxy.connect());
            client.send(&array(&format!("BLPOP list:{at} 0")));
            client.send(&array("ECHO after"));
            (at, client)
        })
        .collect();
    for at in 0..9 {
        spread.assert_answers(&[(&format!("RPUSH list:{at} x"), ":1\r\n")]);
    }
    for (at, client) in &mut waiting {
        assert_eq!(client.receive(), format!("*2\r\n$6\r\nlist:{at}\r\n$1\r\nx\r\n").as_bytes());
        assert_eq!(client.receive(), b"$5\r\nafter\r\n");
    }
    // A client that leaves no longer waits.
    Client::new(spread.proxy.connect()).send(&array("BLPOP gone 0"));
    support::until("the end of its wait", PATIENCE, || {
        let blocked = |server: &Server| Client::new(server.connect()).answer("INFO clients");
        spread
            .servers
            .iter()
            .all(|server| blocked(server).contains("blocked_clients:0"))
            .then_some(())
    });
    spread.assert_answers(&[("RPUSH gone x", ":1\r\n"), ("LLEN gone", ":1\r\n")]);
}

#[test]
fn subscribers_get_what_is_published_and_survive_their_server() {
    for (hello, kind) in [("HELLO 2", "*"), ("HELLO 3", ">")] {
        let Some(mut spread) = Spread::start() else { return };
        let mut subscriber = Client::new(spread.proxy.connect());
        subscriber.answer(hello);
        let expect = |client: &mut Client, words: &[&str], count: Option<u32>| {
            let len = words.len() + usize::from(count.is_some());
            let words: Vec<_> = words.iter().map(|word| bulk(word.as_bytes())).collect();
            let count = count.map(|count| format!(":{count}\r\n")).unwrap_or_default();
            let expected =
                [format!("{kind}{len}\r\n").into_bytes(), words.concat(), count.into_bytes()];
            assert_eq!(
                client.receive().escape_ascii().to_string(),
                expected.concat().escape_ascii().to_string()
            );
        };
        subscriber.send(&array("SUBSCRIBE news weather"));
        expect(&mut subscriber, &["subscribe", "news"], Some(1));
        expect(&mut subscriber, &["subscribe", "weather"], Some(2));
        subscriber.send(&array("PSUBSCRIBE n*"));
        expect(&mut subscriber, &["psubscribe", "n*"], Some(3));
        for (count, name) in (1..).zip(["a", "b", "c", "d"]) {
            subscriber.send(&array(&format!("SSUBSCRIBE {name}")));
            expect(&mut subscriber, &["ssubscribe", name], Some(count));
        }
        spread.assert_answers(&[("PUBLISH news x", ":2\r\n")]);
        expect(&mut subscriber, &["message", "news", "x"], None);
        expect(&mut subscriber, &["pmessage", "n*", "news", "x"], None);
        for server in 0..3 {
            spread.servers[server].kill();
            spread.servers[server].restart();
        }
        for name in ["a", "b", "c", "d"] {
            support::until("the subscription", PATIENCE, || {
                (spread.client.answer(&format!("SPUBLISH {name} y")) == ":1\r\n").then_some(())
            });
            expect(&mut subscriber, &["smessage", name, "y"], None);
        }
        support::until("the subscription", PATIENCE, || {
            (spread.client.answer("PUBLISH weather z") == ":1\r\n").then_some(())
        });
        expect(&mut subscriber, &["message", "weather", "z"], None);
        let refused = hello == "HELLO 2";
        assert_eq!(subscriber.answer("GET k").starts_with("-ERR Can't execute 'get'"), refused);
        subscriber.send(&array("PING"));
        if refused {
            expect(&mut subscriber, &["pong", ""], None);
        } else {
            assert_eq!(subscriber.receive(), b"+PONG\r\n");
        }
        subscriber.send(&array("SUNSUBSCRIBE d"));
        expect(&mut subscriber, &["sunsubscribe", "d"], Some(3));
        subscriber.send(&array("UNSUBSCRIBE news"));
        expect(&mut subscriber, &["unsubscribe", "news"], Some(2));
        subscriber.send(&array("PUNSUBSCRIBE"));
        expect(&mut subscriber, &["punsubscribe", "n*"], Some(1));
        subscriber.send(&array("SUNSUBSCRIBE a"));
        expect(&mut subscriber, &["sunsubscribe", "a"], Some(2));
        subscriber.send(&array("UNSUBSCRIBE"));
        expect(&mut subscriber, &["unsubscribe", "weather"], Some(0));
    }
}

#[test]
fn a_command_that_the_server_refuses_ends_its_transaction() {
    let Some(mut spread) = Spread::start() else { return };
    let abort = "-EXECABORT Transaction discarded because of previous errors:";
    spread.assert_answers(&[("CONFIG SET maxmemory 1", "+OK\r\n"), ("MULTI", "+OK\r\n")]);
    spread.assert_answers(&[("INCR n", "+QUEUED\r\n"), ("INCR n", "+QUEUED\r\n")]);
    let answer = spread.client.answer("EXEC");
    assert!(answer.starts_with(&format!("{abort} OOM command not allowed")), "{answer}");
    spread.assert_answers(&[("CONFIG SET maxmemory 0", "+OK\r\n"), ("GET n", "$-1\r\n")]);
}
