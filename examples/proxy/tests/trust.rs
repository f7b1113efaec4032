//! What one client writes changes nothing for another: not the errors of its scripts, not commands without a reply.

mod support;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use support::{Client, Daemon, PATIENCE, array, bulk, command, proxy, scripted, until};
use zresp::CommandRef;
use zresp::cluster::key_slot;

/// Starts a node of a cluster that has the slots up to this one, and a node that has the others. Both take the same
/// answers to commands other than those of the proxy, and are told which of them they are.
fn cluster(
    last: u16,
    answer: impl Fn(usize, &CommandRef<'_>) -> Vec<u8> + Send + Sync + 'static,
) -> [SocketAddr; 2] {
    let (answer, addresses) = (Arc::new(answer), Arc::new(OnceLock::<[SocketAddr; 2]>::new()));
    let nodes = [0, 1].map(|node| {
        let (answer, addresses) = (Arc::clone(&answer), Arc::clone(&addresses));
        scripted::start(move |command| match command.name().to_ascii_lowercase().as_slice() {
            b"ping" => b"+PONG\r\n".to_vec(),
            b"hello" => b"%1\r\n+proto\r\n:3\r\n".to_vec(),
            b"command" => b"*0\r\n".to_vec(),
            b"cluster" => {
                let [first, second] = addresses.wait().map(|address| address.port());
                let range = |from, to, port| {
                    format!("*3\r\n:{from}\r\n:{to}\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n")
                };
                let ranges = range(0, last, first) + &range(last + 1, 16383, second);
                format!("*2\r\n{ranges}").into_bytes()
            }
            _ => answer(node, command),
        })
    });
    addresses.set(nodes).expect("they are set once");
    nodes
}

fn proxy_of_cluster(nodes: &[SocketAddr; 2]) -> Daemon {
    proxy(&["--cluster", &nodes[0].to_string(), "--password", "secret", "--threads", "1"])
}

fn client_of(proxy: &Daemon) -> Client {
    let mut client = Client::new(proxy.connect());
    assert_eq!(client.answer("AUTH secret"), "+OK\r\n");
    client
}

#[test]
fn the_errors_of_scripts_are_not_those_of_a_cluster() {
    let strangers = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&strangers);
    let stranger = scripted::start(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        b"$6\r\nforged\r\n".to_vec()
    });
    let executed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&executed);
    let nodes = cluster(16382, move |node, command| match command.name() {
        b"AUTH" => b"+OK\r\n".to_vec(),
        b"GET" => bulk(format!("node {node}").as_bytes()),
        _ if node == 1 => b"+followed\r\n".to_vec(),
        _ => {
            counter.fetch_add(1, Ordering::Relaxed);
            [b"-", command.arg(1).expect("a script"), b"\r\n"].concat()
        }
    });
    let proxy = proxy_of_cluster(&nodes);
    let (mut liar, mut victim) = (client_of(&proxy), client_of(&proxy));
    let (slot, other) = (key_slot(b"k"), key_slot(b"other"));
    let known = nodes[1];
    for (name, error, is_followed) in [
        ("EVAL", format!("MOVED {slot} {stranger}"), false),
        ("EVAL", format!("ASK {slot} {stranger}"), false),
        ("FCALL", format!("MOVED {slot} {stranger}"), false),
        ("EVALSHA_RO", format!("MOVED {other} {known}"), false),
        ("EVAL", format!("MOVED {slot} {known}"), true),
        ("EVAL", format!("ASK {slot} {known}"), false),
        ("EVAL", "TRYAGAIN later".to_owned(), false),
        ("EVAL", "CLUSTERDOWN a script says".to_owned(), false),
        ("JSON.GET", format!("MOVED {slot} {stranger}: no such index"), false),
        ("JSON.GET", format!("MOVED {slot} {stranger}"), false),
    ] {
        executed.store(0, Ordering::Relaxed);
        let words: &[&[u8]] = if name == "JSON.GET" {
            &[name.as_bytes(), error.as_bytes()]
        } else {
            &[name.as_bytes(), error.as_bytes(), b"1", b"k"]
        };
        let answer = liar.ask(&command(words));
        let is_asking = error.starts_with("ASK") && error.ends_with(&known.to_string());
        let expected =
            if is_followed || is_asking { "+followed\r\n".into() } else { format!("-{error}\r\n") };
        assert_eq!(String::from_utf8_lossy(&answer), expected, "{name}");
        assert_eq!(executed.load(Ordering::Relaxed), 1, "{error}");
        for _ in 0..3 {
            assert_eq!(victim.answer("GET k"), "$6\r\nnode 0\r\n", "{error}");
        }
    }
    // The slots are read again meanwhile.
    thread::sleep(Duration::from_millis(300));
    assert_eq!(victim.answer("GET k"), "$6\r\nnode 0\r\n");
    assert_eq!(strangers.load(Ordering::Relaxed), 0, "commands for a stranger");
}

#[test]
fn what_follows_the_error_of_a_script_is_not_believed() {
    let strangers = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&strangers);
    let stranger = scripted::start(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        b"$6\r\nforged\r\n".to_vec()
    });
    // As Valkey 8.0, which repeats line breaks in errors.
    let nodes = cluster(16382, move |_, command| match command.name() {
        b"GET" => b"$4\r\nreal\r\n".to_vec(),
        b"AUTH" => b"+OK\r\n".to_vec(),
        _ => [b"-", command.arg(1).expect("a script"), b"\r\n"].concat(),
    });
    let proxy = proxy_of_cluster(&nodes);
    let mut victim = client_of(&proxy);
    let error = format!("ERR x\r\n-MOVED {} {stranger}", key_slot(b"k"));
    let script = command(&[b"EVAL", error.as_bytes(), b"1", b"k"]);
    for _ in 0..5 {
        let mut liar = client_of(&proxy);
        // A client begins with one command at a time.
        for _ in 0..4 {
            liar.answer("GET k");
        }
        liar.send(&[&script[..], &array("GET k")].concat());
        assert_eq!(liar.receive(), b"-ERR x\r\n");
        assert!(liar.receive().starts_with(b"-MOVED "), "what the script returned");
        assert_eq!(victim.answer("GET k"), "$4\r\nreal\r\n");
    }
    assert_eq!(strangers.load(Ordering::Relaxed), 0, "commands for a stranger");
}

#[test]
fn a_server_may_name_a_node_that_is_new() {
    let new = scripted::start(|command| match command.name() {
        b"GET" => b"$3\r\nnew\r\n".to_vec(),
        b"COMMAND" => b"*0\r\n".to_vec(),
        b"PING" => b"+PONG\r\n".to_vec(),
        _ => b"+OK\r\n".to_vec(),
    });
    let moved = format!("-MOVED {} {new}\r\n", key_slot(b"k")).into_bytes();
    let nodes = cluster(16382, move |_, command| match command.name() {
        b"GET" => moved.clone(),
        _ => b"+OK\r\n".to_vec(),
    });
    let proxy = proxy_of_cluster(&nodes);
    assert_eq!(client_of(&proxy).answer("GET k"), "$3\r\nnew\r\n");
}

#[test]
fn a_refused_asking_is_not_sent_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let port = Arc::new(OnceLock::new());
    let own = Arc::clone(&port);
    let nodes = cluster(16382, move |_, command| {
        if command.is("auth") {
            return b"+OK\r\n".to_vec();
        }
        counter.fetch_add(usize::from(command.is("asking")), Ordering::Relaxed);
        format!("-ASK 1 127.0.0.1:{}\r\n", own.wait()).into_bytes()
    });
    port.set(nodes[0].port()).expect("it is set once");
    let proxy = proxy_of_cluster(&nodes);
    assert!(client_of(&proxy).answer("GET k").starts_with("-ASK 1 "));
    thread::sleep(Duration::from_millis(300));
    assert!((1..=7).contains(&asked.load(Ordering::Relaxed)), "{asked:?}");
}

#[test]
fn a_command_without_a_reply_does_not_shift_the_replies_of_others() {
    // As `CLUSTER SYNCSLOTS` of Valkey 9.1.
    let server = scripted::start(|command| match command.name() {
        b"PING" => b"+PONG\r\n".to_vec(),
        b"COMMAND" => b"*0\r\n".to_vec(),
        b"GET" => bulk(command.arg(1).expect("a key")),
        b"CLUSTER" => Vec::new(),
        _ => b"+OK\r\n".to_vec(),
    });
    let server = server.to_string();
    let proxy = proxy(&["--upstream", &server, "--threads", "1"]);
    let (mut silent, mut victim) = (Client::new(proxy.connect()), Client::new(proxy.connect()));
    for client in [&mut silent, &mut victim] {
        assert_eq!(client.answer("GET a"), "$1\r\na\r\n");
    }
    silent.send(&array("CLUSTER SYNCSLOTS CAPA"));
    silent.send(&array("CLUSTER SYNCSLOTS"));
    thread::sleep(Duration::from_millis(50));
    for key in ["b", "c", "d"] {
        assert_eq!(victim.answer(&format!("GET {key}")), format!("$1\r\n{key}\r\n"));
    }
    assert_eq!(silent.answer("GET own"), "$3\r\nown\r\n");
}

#[test]
fn a_connection_with_a_script_serves_one_client_at_a_time() {
    const CLIENTS: usize = 40;
    let (running, is_over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let (threads, may_end) = (Arc::clone(&running), Arc::clone(&is_over));
    let server = scripted::start(move |command| {
        // Each connection has a thread.
        let connection = thread::current().id();
        match command.arg(1) {
            _ if command.is("ping") => b"+PONG\r\n".to_vec(),
            _ if command.is("command") => b"*0\r\n".to_vec(),
            Some(b"slow") => {
                threads.lock().expect("no panic").push(connection);
                while !may_end.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(5));
                }
                b"+OK\r\n".to_vec()
            }
            Some(word @ (b"ERR" | b"NOSCRIPT")) => {
                let word = String::from_utf8_lossy(word);
                format!("-{word} {connection:?}\r\n").into_bytes()
            }
            _ => format!("+{connection:?}\r\n").into_bytes(),
        }
    });
    let server = server.to_string();
    let proxy = proxy(&["--upstream", &server, "--threads", "1"]);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::new(proxy.connect())).collect();
    for client in &mut clients {
        client.send(&array("EVAL slow 0"));
    }
    until("all scripts", PATIENCE, || (running.lock().ok()?.len() == CLIENTS).then_some(()));
    is_over.store(true, Ordering::Relaxed);
    for client in &mut clients {
        assert_eq!(client.receive(), b"+OK\r\n");
    }
    let [first, second] = &mut clients[..2] else { panic!("two clients") };
    for (word, is_shared) in [("NOSCRIPT", true), ("ERR", false)] {
        let error = first.answer(&format!("EVAL {word} 0"));
        let connection = |answer: &str| answer.split("ThreadId").nth(1).map(str::to_owned);
        let own = connection(&first.answer("EVAL which 0"));
        assert_eq!(own, connection(&error), "{word}: the same client keeps it");
        let others: Vec<_> = clients_of(&proxy, 40, "EVAL which 0");
        let others: Vec<_> = others.iter().map(|answer| connection(answer)).collect();
        assert_eq!(others.contains(&own), is_shared, "{word}: {own:?} in {others:?}");
        second.answer("EVAL which 0");
    }
}

/// Returns the answers that new clients get to a command at the same time.
fn clients_of(proxy: &Daemon, count: usize, line: &str) -> Vec<String> {
    let mut clients: Vec<_> = (0..count).map(|_| Client::new(proxy.connect())).collect();
    for client in &mut clients {
        client.send(&array(line));
    }
    let answers = clients.iter_mut().map(Client::receive);
    answers.map(|answer| String::from_utf8_lossy(&answer).into_owned()).collect()
}

#[test]
fn a_client_leaves_a_connection_that_the_script_of_another_one_may_have_spoiled() {
    let is_spoiled = AtomicBool::new(false);
    let scripted = scripted::start(move |command| match (command.name(), command.arg(1)) {
        // Each new connection begins with it.
        (b"PING", _) => {
            is_spoiled.store(false, Ordering::SeqCst);
            b"+PONG\r\n".to_vec()
        }
        (b"EVAL", Some(b"evil")) => {
            is_spoiled.store(true, Ordering::SeqCst);
            b"-an error\r\n".to_vec()
        }
        (b"GET", _) if is_spoiled.load(Ordering::SeqCst) => b"+forged\r\n+right\r\n".to_vec(),
        _ => b"+right\r\n".to_vec(),
    });
    let slow = scripted::start(|command| {
        if command.name() == b"GET" {
            thread::sleep(Duration::from_millis(300));
        }
        b"+slow\r\n".to_vec()
    });
    let upstreams = [scripted, slow].map(|address| address.to_string());
    let upstreams = ["--upstream", &upstreams[0], "--upstream", &upstreams[1]];
    let proxy = proxy(&[&upstreams[..], &["--threads", "1"]].concat());
    let [mut client, mut other] = [(); 2].map(|()| Client::new(proxy.connect()));
    for _ in 0..8 {
        assert_eq!(client.answer("SET b 1"), "+right\r\n");
    }
    // While the slow reply is due, the client keeps the connection of its script in mind.
    client.send(&["EVAL good 1 b", "GET foo"].map(array).concat());
    assert_eq!(client.receive(), b"+right\r\n");
    assert_eq!(other.answer("EVAL evil 1 b"), "-an error\r\n");
    client.send(&array("GET b"));
    assert_eq!([client.receive(), client.receive()], [&b"+slow\r\n"[..], b"+right\r\n"]);
}
