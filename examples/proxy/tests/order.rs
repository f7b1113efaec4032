//! No command of a client overtakes an earlier one.

mod support;

use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use support::{Client, PATIENCE, Server, array, bulk, command, proxy, proxy_with, scripted};

#[test]
fn a_refused_command_with_several_keys_is_not_overtaken() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (seen, port) = (Arc::clone(&log), Arc::new(OnceLock::<u16>::new()));
    let own = Arc::clone(&port);
    let node = scripted::start(move |command| match command.name() {
        b"PING" => b"+PONG\r\n".to_vec(),
        b"COMMAND" => b"*0\r\n".to_vec(),
        b"CLUSTER" => {
            let node = format!("*2\r\n$9\r\n127.0.0.1\r\n:{}\r\n", own.wait());
            format!("*1\r\n*3\r\n:0\r\n:16383\r\n{node}").into_bytes()
        }
        name => {
            let mut seen = seen.lock().expect("no panic");
            seen.push(String::from_utf8_lossy(name).into_owned());
            // As while the slot of the keys is moved.
            let is_refused = name == b"MSET" && seen.len() < 4;
            if is_refused { b"-TRYAGAIN later\r\n".to_vec() } else { b"+OK\r\n".to_vec() }
        }
    });
    port.set(node.port()).expect("it is set once");
    let proxy = proxy(&["--cluster", &node.to_string(), "--threads", "1"]);
    let mut client = Client::new(proxy.connect());
    let lines = ["SET {a}x 1", "MSET {a}x 2 {a}y 2", "SET {a}x 3"];
    // A client begins with one command at a time.
    for _ in 0..3 {
        client.answer(lines[0]);
    }
    log.lock().expect("no panic").clear();
    client.send(&lines.map(array).concat());
    for line in lines {
        assert_eq!(client.receive(), b"+OK\r\n", "{line}");
    }
    assert_eq!(*log.lock().expect("no panic"), ["SET", "MSET", "MSET", "MSET", "SET"]);
}

#[test]
fn commands_on_connections_of_different_protocols_keep_their_order() {
    let Some(redis) = Server::start() else { return };
    let keys: Vec<_> = (0..20_000).map(|at| format!("k{at}")).collect();
    let pairs = keys.iter().flat_map(|key| [key.as_bytes(), b"first"]);
    let large = command(&[&b"MSET"[..]].into_iter().chain(pairs).collect::<Vec<_>>());
    for (hello, options) in [("3", "2"), ("2", "3")] {
        let proxy = proxy_with([&redis], &["--protocol", options]);
        let mut client = Client::new(proxy.connect());
        client.stream().set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        client.answer(&format!("HELLO {hello}"));
        let script =
            "EVAL \"for i = 1, 1000000 do end redis.call('set', KEYS[1], ARGV[1])\" 1 k0 third";
        for _ in 0..10 {
            // The rest comes when the proxy has begun to pass it on.
            client.send(&large[..100_000]);
            thread::sleep(Duration::from_millis(20));
            client.send(&[&large[100_000..], &array("SET k0 second")].concat());
            let lines = [script, "GET k0", "SET k0 4", script, "GET k0"];
            let mut replies =
                vec![client.receive(), client.receive(), client.ask(&array("GET k0"))];
            client.send(&lines.map(array).concat());
            replies.extend(lines.map(|_| client.receive()));
            for (at, value) in [(2, "second"), (4, "third"), (7, "third")] {
                assert_eq!(replies[at], bulk(value.as_bytes()), "HELLO {hello}, reply {at}");
            }
        }
    }
}
