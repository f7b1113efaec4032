//! Commands that are split over several upstreams are on their way together, and their client notices nothing of it.

mod support;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use support::relay::Relay;
use support::{
    Client, Daemon, PATIENCE, Server, alone, array, bulk, command, pattern, proxy, proxy_with, say,
    scripted, until,
};
use zresp::io::{ReplyReader, StreamError};

/// Returns random commands whose replies do not depend on the number of servers.
fn mixed(random: &mut Rng, count: usize) -> Vec<Vec<u8>> {
    let mut commands = Vec::new();
    while commands.len() < count {
        let mut key = || format!("key:{}", random.u8(..40));
        let (one, two, three) = (key(), key(), key());
        let keys = (0..random.usize(1..12)).map(|_| format!("key:{}", random.u8(..40)));
        let keys: Vec<_> = keys.collect();
        let many = keys.join(" ");
        let number = random.u32(..);
        let line = match random.u8(..20) {
            0..5 => format!("MGET {many}"),
            5..7 => format!("MSET {} {number}", keys.join(&format!(" {number} "))),
            7 => format!("DEL {many}"),
            8 => format!("EXISTS {many}"),
            9 => format!("TOUCH {many} nokey"),
            10 => format!("SET {one} {number}"),
            11 => format!("INCR {one}"),
            12 => format!("GET {one}"),
            // What fails: a type, the number of arguments.
            13 => format!("LPUSH {one} {two}"),
            14 => "MGET".to_owned(),
            15 => format!("HGET {one} {two}"),
            16 => format!("EVAL \"return redis.call('get', KEYS[1])\" 1 {one}"),
            17 => "DBSIZE".to_owned(),
            18 => {
                commands.extend(["MULTI", &format!("SET {one} {number}"), "EXEC"].map(array));
                format!("UNLINK {two} {three}")
            }
            _ => {
                let size = if random.u8(..8) == 0 { 200_000 } else { 2000 };
                let value = pattern::bytes(u64::from(number), random.usize(..size));
                commands.push(command(&[b"SET", one.as_bytes(), &value]));
                format!("BLPOP none:{} 0.01", random.u8(..8))
            }
        };
        commands.push(array(&line));
    }
    commands
}

#[test]
fn a_pipeline_of_split_commands_gets_the_replies_that_one_server_gives() {
    let servers: Vec<_> = (0..4).map_while(|_| Server::start()).collect();
    let [direct, spread @ ..] = &servers[..] else { return };
    for (hello, options) in
        [("2", &[][..]), ("3", &[]), ("2", &["--protocol", "3"]), ("3", &["--protocol", "2"])]
    {
        let proxy = proxy_with(spread, &[&["--threads", "1"], options].concat());
        let mut expected = Client::new(direct.connect());
        let mut clients: Vec<_> = (0..2).map(|_| Client::new(proxy.connect())).collect();
        for client in clients.iter_mut().chain([&mut expected]) {
            assert!(!client.answer(&format!("HELLO {hello}")).starts_with('-'));
        }
        let mut random = Rng::with_seed(7);
        // The clients take turns, so that each shares connections with one that has just used them.
        for turn in 0..16 {
            let commands = mixed(&mut random, 100);
            let client = &mut clients[turn % 2];
            client.send(&commands.concat());
            for (at, command) in commands.iter().enumerate() {
                let (expected, found) = (expected.ask(command), client.receive());
                let shown = |bytes: &[u8]| bytes[..bytes.len().min(300)].escape_ascii().to_string();
                assert!(
                    expected == found,
                    "HELLO {hello} with {options:?}, pipeline {turn}, command {at}: {}\n{}\n{}",
                    shown(command),
                    shown(&expected),
                    shown(&found)
                );
            }
        }
    }
}

#[test]
fn a_split_command_does_not_wait_for_an_earlier_one() {
    let seen = Arc::new(AtomicUsize::new(0));
    let answering = |is_silent: bool| {
        let seen = Arc::clone(&seen);
        scripted::start(move |command| match command.name() {
            b"PING" => b"+PONG\r\n".to_vec(),
            b"COMMAND" => b"*0\r\n".to_vec(),
            b"MGET" if is_silent => {
                seen.fetch_add(1, SeqCst);
                Vec::new()
            }
            b"MGET" => b"*1\r\n$1\r\nx\r\n".to_vec(),
            _ => b"+OK\r\n".to_vec(),
        })
        .to_string()
    };
    let upstreams = [answering(false), answering(true)];
    let proxy = proxy(&["--upstream", &upstreams[0], "--upstream", &upstreams[1]]);
    let mut client = Client::new(proxy.connect());
    // A client begins with one command at a time.
    for _ in 0..8 {
        client.answer("GET foo");
    }
    client.send(&["GET b", "MGET foo b", "GET foo"].map(array).concat().repeat(20));
    until("all parts", PATIENCE, || (seen.load(SeqCst) == 20).then_some(()));
    assert_eq!(client.receive(), b"+OK\r\n");
}

#[test]
fn commands_after_a_refused_part_with_several_keys_do_not_overtake_it() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let node = scripted::node(move |command| {
        let mut seen = seen.lock().expect("no panic");
        seen.push(String::from_utf8_lossy(&command.args().collect::<Vec<_>>().join(&b' ')).into());
        // As while the slot of the keys is moved.
        let refused = seen.iter().filter(|line: &&String| line.starts_with("MSET {a}x")).count();
        let is_refused = command.is("MSET") && command.len() == 5 && refused < 3;
        if is_refused { b"-TRYAGAIN later\r\n".to_vec() } else { b"+OK\r\n".to_vec() }
    });
    let proxy = proxy(&["--cluster", &node.to_string(), "--threads", "1"]);
    let mut client = Client::new(proxy.connect());
    for _ in 0..8 {
        client.answer("SET k 1");
    }
    log.lock().expect("no panic").clear();
    let lines = ["SET {a}x 1", "MSET {a}x 2 {b}z 2 {a}y 2", "SET {a}x 3", "MSET {a}x 4 {b}z 4"];
    client.send(&lines.map(array).concat());
    for line in lines {
        assert_eq!(client.receive(), b"+OK\r\n", "{line}");
    }
    let refused = "MSET {a}x 2 {a}y 2";
    let expected = [
        &["SET {a}x 1", refused, "MSET {b}z 2", refused, refused, "SET {a}x 3"][..],
        &["MSET {a}x 4", "MSET {b}z 4"],
    ];
    assert_eq!(*log.lock().expect("no panic"), expected.concat());
}

#[test]
fn a_cut_upstream_causes_errors_in_the_right_places() {
    let servers: Vec<_> = (0..3).map_while(|_| Server::start()).collect();
    let relays: Vec<_> = servers.iter().map(|server| Relay::start(server.address())).collect();
    let [_, cut, _] = &relays[..] else { return };
    let addresses: Vec<_> = relays.iter().map(|relay| relay.address().to_string()).collect();
    let upstreams = addresses.iter().flat_map(|address| ["--upstream", address]);
    let proxy = proxy(&upstreams.chain(["--threads", "1"]).collect::<Vec<_>>());
    let (mut random, count) = (Rng::with_seed(3), 30);
    let keys: Vec<_> = (0..count).map(|at| format!("key:{at}")).collect();
    let values: Vec<_> =
        (0..count as u64).map(|at| bulk(&pattern::bytes(at, random.usize(..400)))).collect();
    let mut client = ReplyReader::new(proxy.connect());
    let ask = |client: &mut ReplyReader<TcpStream>, bytes: &[u8]| {
        client.get_mut().write_all(bytes).expect("the proxy reads");
    };
    for (key, value) in keys.iter().zip(&values) {
        let header = format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n", key.len());
        ask(&mut client, &[header.as_bytes(), value].concat());
        assert_eq!(client.read().expect("a reply").expect("no end").wire(), &b"+OK\r\n"[..]);
    }
    let (mut right, mut errors, mut closed) = (0, 0, 0);
    for _ in 0..60 {
        let asked: Vec<Vec<usize>> = (0..100)
            .map(|_| (0..random.usize(1..12)).map(|_| random.usize(..count)).collect())
            .collect();
        let commands = asked.iter().map(|asked| {
            let names = asked.iter().map(|key| keys[*key].as_str());
            let name = if asked.len() == 1 { "GET" } else { "MGET" };
            array(&format!("{name} {}", names.collect::<Vec<_>>().join(" ")))
        });
        cut.cut_after(random.usize(1..60_000));
        ask(&mut client, &commands.collect::<Vec<_>>().concat());
        for asked in &asked {
            let header =
                if asked.len() == 1 { String::new() } else { format!("*{}\r\n", asked.len()) };
            let elements = asked.iter().flat_map(|key| values[*key].clone());
            let expected: Vec<u8> = header.bytes().chain(elements).collect();
            match client.read() {
                Ok(Some(reply)) if reply.reply().is_error() => errors += 1,
                Ok(Some(reply)) => {
                    assert!(*reply.wire() == expected[..], "{asked:?}: {:?}", reply.reply());
                    right += 1;
                }
                // It has received a part of a reply.
                Ok(None) | Err(StreamError::Decode { .. } | StreamError::Io(_)) => {
                    closed += 1;
                    client = ReplyReader::new(proxy.connect());
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    say(&format!("{right} right replies, {errors} errors, closed {closed} times"));
    assert!(right > 1000 && errors > 0, "{right} right replies, {errors} errors");
}

#[test]
fn large_replies_in_flight_are_held_only_as_far_as_they_must() {
    let _alone = alone();
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_with([&first, &second], &["--threads", "1"]);
    let (mut client, value) = (Client::new(proxy.connect()), pattern::bytes(1, 1_000_000));
    let keys = ["foo", "b", "hello", "bar"];
    for key in keys {
        assert_eq!(client.ask(&command(&[b"SET", key.as_bytes(), &value])), b"+OK\r\n");
    }
    // So the proxy expects small replies, and takes many commands at once.
    for _ in 0..50 {
        client.send(&array("MGET none nothing").repeat(20));
        (0..20).for_each(|_| assert_eq!(client.receive(), b"*2\r\n$-1\r\n$-1\r\n"));
    }
    let before = proxy.peak_kib();
    client.send(&array(&format!("MGET {}", keys.join(" "))).repeat(100));
    thread::sleep(Duration::from_secs(1));
    let peak = proxy.peak_kib() - before;
    say(&format!("100 joined replies of 4 MB in flight: {peak} KiB"));
    assert!(peak < 32 * 1024, "{peak} KiB");
    let expected = [b"*4\r\n".to_vec(), bulk(&value).repeat(4)].concat();
    for _ in 0..100 {
        assert!(client.receive() == expected);
    }
}

#[test]
fn a_client_may_write_many_split_commands_before_it_reads() {
    const COUNT: usize = 20_000;
    let _alone = alone();
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_with([&first, &second], &["--threads", "1"]);
    let (mut client, value) = (Client::new(proxy.connect()), pattern::bytes(1, 500));
    let names = ["foo", "b", "hello", "bar"].map(|key| format!("{{{key}}}{}", "x".repeat(100)));
    for name in &names {
        assert_eq!(client.ask(&command(&[b"SET", name.as_bytes(), &value])), b"+OK\r\n");
    }
    let many = array(&format!("MGET {}", names.join(" ")));
    client.send(&[many, array(&format!("GET {}", names[0]))].concat().repeat(COUNT));
    let expected = [b"*4\r\n".to_vec(), bulk(&value).repeat(4)].concat();
    for _ in 0..COUNT {
        assert!(client.receive() == expected);
        assert!(client.receive() == bulk(&value));
    }
    say(&format!("{COUNT} split commands before the first reply: {} KiB", proxy.peak_kib()));
    assert!(proxy.peak_kib() < 128 * 1024, "{} KiB", proxy.peak_kib());
}

/// Starts two upstreams and a proxy. The first upstream answers `MGET` with a large value, at first after a pause, and the
/// second never does.
fn proxy_of_uneven(options: &[&str]) -> Daemon {
    let value = bulk(&vec![b'x'; 1_000_000]);
    let answering = |is_silent: bool| {
        let (value, is_first) = (value.clone(), AtomicBool::new(true));
        scripted::start(move |command| match command.name() {
            b"PING" => b"+PONG\r\n".to_vec(),
            b"COMMAND" => b"*0\r\n".to_vec(),
            b"MGET" if is_silent => Vec::new(),
            b"MGET" => {
                if is_first.swap(false, SeqCst) {
                    thread::sleep(Duration::from_millis(60));
                }
                [&b"*1\r\n"[..], &value].concat()
            }
            _ => b"+OK\r\n".to_vec(),
        })
        .to_string()
    };
    let upstreams = [answering(false), answering(true)];
    let upstreams = ["--threads", "1", "--upstream", &upstreams[0], "--upstream", &upstreams[1]];
    proxy(&[&upstreams, options].concat())
}

/// Returns two clients that may have many commands on their way.
fn known_clients(proxy: &Daemon) -> [Client; 2] {
    let mut clients = [(); 2].map(|()| Client::new(proxy.connect()));
    for client in &mut clients {
        client.stream().set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        for _ in 0..10 {
            assert_eq!(client.answer("GET b"), "+OK\r\n");
        }
    }
    clients
}

#[test]
fn parts_that_wait_for_a_silent_upstream_are_left_there_until_it_counts_as_dead() {
    let _alone = alone();
    let proxy = proxy_of_uneven(&["--timeout", "2"]);
    let [mut greedy, mut other] = known_clients(&proxy);
    greedy.send(&array("MGET foo b").repeat(100));
    thread::sleep(Duration::from_millis(500));
    // Another client uses another connection.
    assert_eq!(other.answer("GET b"), "+OK\r\n");
    for _ in 0..100 {
        let reply = greedy.receive();
        assert!(reply.starts_with(b"-ERR upstream "), "{}", reply.escape_ascii());
    }
    say(&format!("100 parts of 1 MB: {} KiB", proxy.peak_kib()));
    assert!(proxy.peak_kib() < 32 * 1024, "{} KiB", proxy.peak_kib());
}

#[test]
fn a_client_whose_parts_are_in_the_way_of_another_one_is_disconnected() {
    let _alone = alone();
    let proxy = proxy_of_uneven(&["--client-buffer", "16MiB"]);
    let [mut greedy, mut other] = known_clients(&proxy);
    greedy.send(&array("MGET foo b").repeat(100));
    thread::sleep(Duration::from_millis(20));
    // It comes on the same connection, before the proxy can know that the replies are large.
    assert_eq!(other.answer("GET b"), "+OK\r\n");
    let end = greedy.stream().read(&mut [0]);
    let is_end = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
    assert!(end.as_ref().map_or_else(is_end, |len| *len == 0), "{end:?}");
    say(&format!("100 parts of 1 MB, with another client: {} KiB", proxy.peak_kib()));
    assert!(proxy.peak_kib() < 64 * 1024, "{} KiB", proxy.peak_kib());
}
