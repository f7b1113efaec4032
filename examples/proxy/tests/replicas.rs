//! `WAIT` and `WAITAOF` confirm only what replicas have, although clients write on connections that they share.

mod support;

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::cluster::Cluster;
use support::live_server::Program;
use support::{
    Client, Server, alone, array, bulk, command, pattern, proxy, proxy_of, proxy_with, say,
    scripted, signal,
};
use zresp::cluster::key_slot;

const AOF: [&str; 2] = ["--appendonly", "yes"];
/// How long `WAIT` waits here for a replica that is stopped.
const STOPPED: Duration = Duration::from_millis(300);

struct Pair {
    primary: Server,
    replica: Server,
}

impl Pair {
    fn start(program: &Program) -> Self {
        let options = [&AOF[..], &["--repl-diskless-sync-delay", "0"]].concat();
        let primary = program.start(&options);
        let port = primary.address().port().to_string();
        let options = [&AOF[..], &["--replicaof", "127.0.0.1", &port]].concat();
        let replica = program.start(&options);
        primary.wait_for("INFO replication", "state=online");
        Self { primary, replica }
    }
}

/// Runs something while a server does nothing.
fn while_stopped(server: &Server, run: impl FnOnce()) {
    signal("STOP", server.id());
    run();
    signal("CONT", server.id());
}

/// Returns the programs: the one on the `PATH`, and the newest of Redis and of Valkey.
fn programs() -> Vec<Program> {
    let mut programs = Program::all();
    let newest = |of: &[Program], is_valkey| {
        let alike = of.iter().filter(|program| program.is_valkey == is_valkey);
        alike.max_by_key(|program| program.version).cloned()
    };
    let mut found = [newest(&programs, false), newest(&programs, true)];
    programs.truncate(1);
    programs.extend(found.iter_mut().filter_map(Option::take));
    programs.dedup_by_key(|program| (program.is_valkey, program.version));
    for program in &programs {
        let name = if program.is_valkey { "Valkey" } else { "Redis" };
        say(&format!("{name} {:?}", program.version));
    }
    programs
}

/// Returns whether the program knows `WAITAOF`.
fn has_waitaof(program: &Program) -> bool {
    program.is_valkey || program.version >= (7, 2)
}

/// Asserts that a write is confirmed while the replica runs, and is not while it is stopped.
fn assert_truth(program: &Program, replica: &Server, mut client: impl FnMut() -> Client) {
    let mut commands = vec![("WAIT 1 300", ":0\r\n", "WAIT 1 5000", ":1\r\n")];
    if has_waitaof(program) {
        let (none, one) = ("*2\r\n:1\r\n:0\r\n", "*2\r\n:1\r\n:1\r\n");
        commands.push(("WAITAOF 0 1 300", none, "WAITAOF 1 1 5000", one));
    }
    for (short, none, long, one) in commands {
        while_stopped(replica, || {
            let mut client = client();
            assert_eq!(client.answer("SET key value"), "+OK\r\n");
            for _ in 0..2 {
                let start = Instant::now();
                let reply = client.answer(short);
                // The file is written once a second, which this does not wait for.
                let reply = reply.replace("*2\r\n:0\r\n:0\r\n", none);
                assert_eq!(reply, none, "{program:?}: {short}");
                assert!(start.elapsed() >= STOPPED, "{program:?}: {short}");
            }
        });
        let mut client = client();
        assert_eq!(client.answer("SET key value"), "+OK\r\n");
        assert_eq!(client.answer(long), one, "{program:?}: {long}");
        assert_eq!(client.answer("DBSIZE"), ":1\r\n", "{program:?}");
    }
}

#[test]
fn a_write_is_confirmed_only_if_a_replica_has_it() {
    let _alone = alone();
    for program in programs() {
        let pair = Pair::start(&program);
        let proxy = proxy_of([&pair.primary]);
        assert_truth(&program, &pair.replica, || Client::new(proxy.connect()));
        // On its own connection, a client waits for what it wrote before as well.
        for own in [&["CLIENT LIST"][..], &["WATCH key", "UNWATCH"], &["MULTI", "PING", "EXEC"]] {
            while_stopped(&pair.replica, || {
                let mut client = Client::new(proxy.connect());
                client.answer("SET key value");
                for command in own {
                    client.answer(command);
                }
                assert_eq!(client.answer("WAIT 1 300"), ":0\r\n", "{program:?}: {own:?}");
                assert_eq!(client.answer("GET key"), "$5\r\nvalue\r\n", "{program:?}");
            });
        }
    }
}

#[test]
fn a_write_in_a_pipeline_is_confirmed_only_if_a_replica_has_it() {
    let _alone = alone();
    for program in programs() {
        let pair = Pair::start(&program);
        let proxy = proxy_of([&pair.primary]);
        let all =
            ["SET key value", "HELLO 3", "CLIENT ID", "wait 1 300", "SET key 2", "WAIT 1 300"];
        let pipeline = all.map(array).concat();
        // In all at once, and byte by byte.
        for size in [pipeline.len(), 1] {
            while_stopped(&pair.replica, || {
                let mut client = Client::new(proxy.connect());
                for piece in pipeline.chunks(size) {
                    client.send(piece);
                }
                let replies = all.map(|_| client.receive());
                let zero = &b":0\r\n"[..];
                assert_eq!((&*replies[3], &*replies[5]), (zero, zero), "{program:?}, {size}");
                assert_eq!(replies[4], b"+OK\r\n", "{program:?}, {size}");
            });
        }
        // Inline, with quotes.
        while_stopped(&pair.replica, || {
            let mut client = Client::new(proxy.connect());
            client.send(b"SET key value\r\nclient id\r\n\r\n \"w\\x61it\" 1 300\r\n");
            let [_, _, reply] = [(); 3].map(|()| client.receive());
            assert_eq!(reply, b":0\r\n", "{program:?}");
        });
        // Without a reply to each command.
        while_stopped(&pair.replica, || {
            let mut client = Client::new(proxy.connect());
            assert_eq!(client.answer("SET key value"), "+OK\r\n");
            client.answer("CLIENT ID");
            client.send(&["CLIENT REPLY SKIP", "PING", "WAIT 1 300"].map(array).concat());
            assert_eq!(client.receive(), b":0\r\n", "{program:?}");
        });
    }
}

#[test]
fn a_command_that_blocks_may_come_before_a_wait() {
    let _alone = alone();
    for program in programs() {
        let pair = Pair::start(&program);
        let proxy = proxy_with([&pair.primary], &["--timeout", "1"]);
        let mut other = Client::new(proxy.connect());
        let mut clients = [(); 2].map(|()| {
            let mut client = Client::new(proxy.connect());
            assert_eq!(client.answer("SET key value"), "+OK\r\n");
            client.send(&["BLPOP list 0", "WAIT 1 5000", "PING"].map(array).concat());
            client
        });
        pair.primary.wait_for("INFO clients", "blocked_clients:2");
        thread::sleep(Duration::from_millis(1500));
        for _ in 0..2 {
            assert_eq!(other.answer("RPUSH list element"), ":1\r\n", "{program:?}");
        }
        for client in &mut clients {
            let replies = [(); 3].map(|()| client.receive());
            assert_eq!(replies[0], b"*2\r\n$4\r\nlist\r\n$7\r\nelement\r\n", "{program:?}");
            assert_eq!((&*replies[1], &*replies[2]), (&b":1\r\n"[..], &b"+PONG\r\n"[..]));
        }
        // One that leaves meanwhile takes no element with it.
        let mut client = Client::new(proxy.connect());
        assert_eq!(client.answer("SET key value"), "+OK\r\n");
        client.send(&["BLPOP list 0", "WAIT 1 5000"].map(array).concat());
        pair.primary.wait_for("INFO clients", "blocked_clients:1");
        drop(client);
        pair.primary.wait_for("INFO clients", "blocked_clients:0");
    }
}

#[test]
fn a_large_value_may_come_before_a_wait() {
    let _alone = alone();
    let value = pattern::bytes(1, 300_000);
    for program in programs() {
        let pair = Pair::start(&program);
        let proxy = proxy_of([&pair.primary]);
        while_stopped(&pair.replica, || {
            let mut client = Client::new(proxy.connect());
            // Large values go over a connection that others use before and after.
            assert_eq!(client.ask(&command(&[b"SET", b"key", &value])), b"+OK\r\n");
            assert_eq!(client.answer("WAIT 1 300"), ":0\r\n", "{program:?}");
            let mut client = Client::new(proxy.connect());
            client.answer("SET key value");
            client.answer("CLIENT ID");
            let pipeline = [command(&[b"SET", b"key", &value]), array("WAIT 1 300")].concat();
            for piece in pipeline.chunks(7_001) {
                client.send(piece);
            }
            assert_eq!([(); 2].map(|()| client.receive()), [&b"+OK\r\n"[..], b":0\r\n"]);
            assert_eq!(client.ask(&array("GET key")), bulk(&value));
        });
    }
}

#[test]
fn with_several_upstreams_a_write_is_confirmed_only_if_a_replica_has_it() {
    let _alone = alone();
    for program in programs() {
        let pairs = [Pair::start(&program), Pair::start(&program)];
        let proxy = proxy_of(pairs.iter().map(|pair| &pair.primary));
        for pair in &pairs {
            assert_truth(&program, &pair.replica, || Client::new(proxy.connect()));
        }
        // One that leaves while it waits is noticed.
        while_stopped(&pairs[0].replica, || {
            let mut client = Client::new(proxy.connect());
            // Its slot belongs to the first one.
            assert_eq!(client.answer("SET b value"), "+OK\r\n");
            client.send(&array("WAIT 1 0"));
            pairs[0].primary.wait_for("INFO clients", "blocked_clients:1");
            drop(client);
            pairs[0].primary.wait_for("INFO clients", "blocked_clients:0");
        });
    }
}

#[test]
fn in_a_cluster_a_write_is_confirmed_only_if_a_replica_has_it() {
    let _alone = alone();
    for program in programs() {
        let Some(cluster) = Cluster::of(&program) else { return };
        let proxy = proxy(&["--cluster", &cluster.nodes[0].address().to_string()]);
        let mut client = Client::new(proxy.connect());
        client.answer("SET key value");
        assert_eq!(client.answer("WAIT 1 5000"), ":1\r\n", "{program:?}");
        let replicas =
            cluster.nodes.iter().filter(|node| node.ask("INFO replication").contains("role:slave"));
        for replica in replicas {
            while_stopped(replica, || {
                client.answer("SET key value");
                assert_eq!(client.answer("WAIT 1 300"), ":0\r\n", "{program:?}");
            });
            assert_eq!(client.answer("WAIT 1 5000"), ":1\r\n", "{program:?}");
        }
        assert_eq!(client.answer("DBSIZE"), ":1\r\n", "{program:?}");
    }
}

#[test]
fn an_error_is_the_answer_if_the_proxy_may_not_write() {
    let _alone = alone();
    let refusals = [
        ("ACL SETUSER default -eval", "-NOPERM "),
        ("CONFIG SET min-replicas-to-write 2", "-NOREPLICAS "),
    ];
    for program in programs() {
        for (refuse, error) in refusals {
            let pairs = [Pair::start(&program), Pair::start(&program)];
            let several = proxy_of(pairs.iter().map(|pair| &pair.primary));
            let one = proxy_of([&pairs[0].primary]);
            let mut clients = [&one, &several].map(|proxy| Client::new(proxy.connect()));
            for client in &mut clients {
                assert_eq!(client.answer("SET key value"), "+OK\r\n");
            }
            for pair in &pairs {
                assert!(pair.primary.ask(refuse).starts_with("+OK"), "{program:?}: {refuse}");
            }
            for client in &mut clients {
                let reply = client.answer("WAIT 1 300");
                assert!(reply.contains(error) && reply.starts_with('-'), "{program:?}: {reply}");
            }
            let [mut one, mut several] = clients;
            assert_eq!(several.answer("GET key"), "$5\r\nvalue\r\n");
            assert_eq!(one.stream().read(&mut [0]).expect("an end"), 0);
        }
    }
}

#[test]
fn in_a_transaction_nothing_is_confirmed_that_was_written_before_it() {
    let _alone = alone();
    for program in programs() {
        let pair = Pair::start(&program);
        let proxy = proxy_of([&pair.primary]);
        let mut client = Client::new(proxy.connect());
        client.answer("SET key value");
        assert_eq!(client.answer("MULTI"), "+OK\r\n");
        let reply = client.answer("WAIT 1 300");
        assert!(reply.starts_with("-ERR the first WAIT after writes"), "{program:?}: {reply}");
        assert_eq!(client.stream().read(&mut [0]).expect("an end"), 0);
        // Valkey 9.1 refuses CLIENT REPLY there, other servers queue it.
        let mut client = Client::new(proxy.connect());
        for command in ["SET key value", "MULTI", "CLIENT REPLY ON", "DISCARD"] {
            let reply = client.answer(command);
            let refusal = "-ERR Command 'client|reply' not allowed inside a transaction\r\n";
            assert!(["+OK\r\n", "+QUEUED\r\n", refusal].contains(&&*reply), "{program:?}: {reply}");
        }
        let reply = client.answer("WAIT 1 300");
        assert!(reply.starts_with("-ERR the first WAIT after writes"), "{program:?}: {reply}");
        // After one outside, it knows what to wait for.
        while_stopped(&pair.replica, || {
            let mut client = Client::new(proxy.connect());
            let answers = ["SET key value", "WAIT 1 300", "MULTI", "WAIT 1 300", "EXEC"];
            let answers = answers.map(|command| client.answer(command));
            assert_eq!((&*answers[1], &*answers[4]), (":0\r\n", "*1\r\n:0\r\n"), "{program:?}");
        });
    }
}

#[test]
fn a_client_without_writes_on_shared_connections_causes_none() {
    let _alone = alone();
    for program in programs() {
        let pairs = [Pair::start(&program), Pair::start(&program)];
        let has_mark = |pair: &Pair| pair.primary.ask("INFO commandstats").contains("cmdstat_eval");
        for proxy in
            [proxy_of([&pairs[0].primary]), proxy_of(pairs.each_ref().map(|it| &it.primary))]
        {
            let mut client = Client::new(proxy.connect());
            client.answer("GET key");
            assert_eq!(client.answer("WAIT 0 10"), ":1\r\n", "{program:?}");
        }
        let proxy = proxy_of([&pairs[0].primary]);
        let mut client = Client::new(proxy.connect());
        // From here on it has its own connection.
        assert_eq!(client.answer("SELECT 1"), "+OK\r\n");
        assert_eq!(client.answer("SET key value"), "+OK\r\n");
        assert_eq!(client.answer("WAIT 1 5000"), ":1\r\n", "{program:?}");
        assert!(!pairs.iter().any(has_mark), "{program:?}");
        let mut client = Client::new(proxy.connect());
        client.answer("SET key value");
        client.answer("WAIT 1 5000");
        assert!(has_mark(&pairs[0]), "{program:?}");
    }
}

#[test]
fn a_slot_that_moves_is_not_written_to() {
    for (refusals, answer) in
        [(3, ":7\r\n"), (usize::MAX, "-TRYAGAIN the slots are being moved\r\n")]
    {
        let asked = AtomicUsize::new(0);
        let node = scripted::node(move |command| match command.name() {
            b"EVAL" if asked.fetch_add(1, Ordering::Relaxed) < refusals => {
                let slot = key_slot(command.arg(3).expect("a key"));
                format!("-ASK {slot} 127.0.0.1:1\r\n").into_bytes()
            }
            b"EVAL" => b":1\r\n".to_vec(),
            b"WAIT" => b":7\r\n".to_vec(),
            _ => b"+OK\r\n".to_vec(),
        });
        let proxy = proxy(&["--cluster", &node.to_string()]);
        let mut client = Client::new(proxy.connect());
        assert_eq!(client.answer("SET key value"), "+OK\r\n");
        assert_eq!(client.answer("WAIT 1 300"), answer);
    }
}

#[test]
fn a_client_does_not_wait_for_ever_for_a_server_that_does_not_answer() {
    let server = || {
        scripted::start(|command| match command.name() {
            b"PING" => b"+PONG\r\n".to_vec(),
            b"EVAL" => Vec::new(),
            _ => b"+OK\r\n".to_vec(),
        })
    };
    let [first, second] = [server(), server()].map(|address| address.to_string());
    for upstreams in [&["--upstream", &first][..], &["--upstream", &first, "--upstream", &second]] {
        let proxy = proxy(&[upstreams, &["--timeout", "1"]].concat());
        let (mut client, start) = (Client::new(proxy.connect()), Instant::now());
        assert_eq!(client.answer("SET key value"), "+OK\r\n");
        let reply = client.answer("WAIT 1 300");
        assert!(reply.starts_with("-ERR upstream ") && reply.contains(" in time"), "{reply}");
        assert!(start.elapsed() < Duration::from_secs(5), "{upstreams:?}");
    }
}
