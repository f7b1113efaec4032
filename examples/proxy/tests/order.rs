//! No command of a client overtakes an earlier one.

mod support;

use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use support::{
    Client, Daemon, PATIENCE, Server, array, bulk, command, proxy, proxy_with, scripted,
};
use zresp::CommandRef;

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

/// What two nodes of a cluster have done.
#[derive(Default)]
struct Nodes {
    ports: [OnceLock<u16>; 2],
    /// How the next `SET`s are refused, for each node.
    refusals: Mutex<[Vec<String>; 2]>,
    /// The values of the `SET`s that were executed.
    values: Mutex<Vec<String>>,
}

impl Nodes {
    /// Starts the nodes, and a client of a proxy that has several commands on their way.
    fn start() -> (Arc<Self>, Daemon, Client) {
        let nodes = Arc::new(Self::default());
        let mut addresses = [0, 1].map(|node| {
            let this = Arc::clone(&nodes);
            let address = scripted::start(move |command| this.answer(node, command));
            nodes.ports[node].set(address.port()).expect("it is set once");
            address.to_string()
        });
        let first = std::mem::take(&mut addresses[0]);
        let proxy = proxy(&["--cluster", &first, "--threads", "1"]);
        let mut client = Client::new(proxy.connect());
        for _ in 0..5 {
            assert_eq!(client.answer("SET {a} 0"), "+OK\r\n");
        }
        nodes.values.lock().expect("no panic").clear();
        (nodes, proxy, client)
    }

    fn answer(&self, node: usize, command: &CommandRef<'_>) -> Vec<u8> {
        match command.name() {
            b"PING" => b"+PONG\r\n".to_vec(),
            b"COMMAND" => b"*0\r\n".to_vec(),
            b"CLUSTER" => {
                let node = format!("*2\r\n$9\r\n127.0.0.1\r\n:{}\r\n", self.ports[0].wait());
                format!("*1\r\n*3\r\n:0\r\n:16383\r\n{node}").into_bytes()
            }
            _ => {
                if let Some(refusal) = self.refusals.lock().expect("no panic")[node].pop() {
                    return refusal.into_bytes();
                }
                let value = command.arg(2).unwrap_or_default();
                self.values.lock().expect("no panic").push(String::from_utf8_lossy(value).into());
                b"+OK\r\n".to_vec()
            }
        }
    }

    fn moved_to(&self, node: usize) -> String {
        let slot = zresp::cluster::key_slot(b"{a}");
        format!("-MOVED {slot} 127.0.0.1:{}\r\n", self.ports[node].wait())
    }
}

/// Commands of one pipeline, for one key.
const PIPELINE: [&str; 3] = ["SET {a} 1", "SET {a} 2", "SET {a} 3"];

#[test]
fn a_command_is_not_sent_again_after_those_that_follow_it() {
    let (nodes, _proxy, mut client) = Nodes::start();
    nodes.refusals.lock().expect("no panic")[0].push("-CLUSTERDOWN for a moment\r\n".to_owned());
    client.send(&PIPELINE.map(array).concat());
    let replies = PIPELINE.map(|_| String::from_utf8(client.receive()).expect("text"));
    assert_eq!(replies, ["-CLUSTERDOWN for a moment\r\n", "+OK\r\n", "+OK\r\n"]);
    assert_eq!(*nodes.values.lock().expect("no panic"), ["2", "3"]);
}

#[test]
fn commands_keep_their_order_while_two_nodes_name_each_other() {
    let (nodes, _proxy, mut client) = Nodes::start();
    // The first command is sent back once more than the others.
    *nodes.refusals.lock().expect("no panic") =
        [vec![nodes.moved_to(1); 4], vec![nodes.moved_to(0)]];
    client.send(&PIPELINE.map(array).concat());
    for line in PIPELINE {
        assert_eq!(client.receive(), b"+OK\r\n", "{line}");
    }
    assert_eq!(*nodes.values.lock().expect("no panic"), ["1", "2", "3"]);
}
