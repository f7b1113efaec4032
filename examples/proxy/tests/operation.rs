//! Starting, stopping and monitoring the program.

mod support;

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::live_server::free_address;
use support::{
    Client, PATIENCE, PROGRAM, Server, array, bulk, command, pattern, program, proxy, proxy_of,
    proxy_with, run,
};

#[test]
fn without_options_it_serves_its_own_store() {
    let proxy = proxy(&[]);
    let mut client = Client::new(proxy.connect());
    for (line, expected) in [
        ("PING", "+PONG\r\n"),
        ("SET k 1", "+OK\r\n"),
        ("INCR k", ":2\r\n"),
        ("HSET h f v", ":1\r\n"),
        ("HGETALL h", "*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
        ("RPUSH l a b", ":2\r\n"),
        ("LRANGE l 0 -1", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        ("MSET a 1 b 2", "+OK\r\n"),
        ("MGET a b c", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n"),
        ("DBSIZE", ":5\r\n"),
        ("FLUSHALL", "+OK\r\n"),
        ("EXISTS k h l a b", ":0\r\n"),
    ] {
        assert_eq!(client.answer(line), expected, "{line}");
    }
    assert!(client.answer("HELLO 3").starts_with('%'));
    assert_eq!(client.answer("HGETALL h"), "%0\r\n");
}

#[test]
fn two_proxies_do_not_share_a_store() {
    let proxies = [proxy(&[]), proxy(&[])];
    let [mut first, mut second] = proxies.each_ref().map(|proxy| Client::new(proxy.connect()));
    assert_eq!(first.answer("SET k v"), "+OK\r\n");
    assert_eq!(second.answer("GET k"), "$-1\r\n");
}

#[test]
fn redis_cli_connects_as_the_first_line_says() {
    let Some(cli) = program("redis-cli") else { return };
    let proxy = proxy(&[]);
    let port = proxy.address().port().to_string();
    let output = run(&cli, &["-h", "127.0.0.1", "-p", &port], "SET k v\nGET k\nINCR k\n");
    assert_eq!(output, "OK\nv\nERR value is not an integer or out of range\n\n");
}

#[test]
fn a_signal_stops_it_after_the_replies_that_are_due() {
    let Some(redis) = Server::start() else { return };
    let mut direct = Client::new(redis.connect());
    let value = pattern::bytes(1, 5 << 20);
    assert_eq!(direct.ask(&command(&[b"SET", b"large", &value])), b"+OK\r\n");
    let counts = (1..=1000).map(|count| format!(":{count}\r\n")).collect::<Vec<_>>().concat();
    for first in ["PING", "SELECT 0"] {
        direct.answer("DEL n");
        let mut proxy = proxy_of([&redis]);
        let mut idle = proxy.connect();
        let mut client = Client::new(proxy.connect());
        assert!(client.answer(first).starts_with('+'));
        assert_eq!(client.answer("GET n"), "$-1\r\n");
        // The server sleeps, so all replies are still due when the proxy gets the signal.
        direct.send(&array("DEBUG SLEEP 1"));
        client.send(&[array("INCR n").repeat(1000), array("GET large")].concat());
        thread::sleep(Duration::from_millis(300));
        proxy.terminate();
        let mut replies = Vec::new();
        client.stream().read_to_end(&mut replies).expect("the end");
        let (found, rest) = replies.split_at(counts.len().min(replies.len()));
        assert_eq!(String::from_utf8_lossy(found), counts, "{first}");
        assert!(rest == bulk(&value), "{first}: {} bytes", rest.len());
        assert_eq!(idle.read(&mut [0]).expect("the end"), 0, "an idle client stays connected");
        let start = Instant::now();
        let status = proxy.wait();
        assert!(status.success(), "{status}");
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        assert!(TcpStream::connect(proxy.address()).is_err(), "the proxy still listens");
        assert_eq!(direct.receive(), b"+OK\r\n");
    }
}

#[test]
fn a_signal_stops_it_with_its_own_store_too() {
    let mut proxy = proxy(&[]);
    assert_eq!(Client::new(proxy.connect()).answer("SET k v"), "+OK\r\n");
    proxy.terminate();
    assert!(proxy.wait().success());
}

#[test]
fn a_client_that_waits_for_ever_does_not_prevent_it_from_stopping() {
    let Some(redis) = Server::start() else { return };
    let mut proxy = proxy_of([&redis]);
    let mut blocked = Client::new(proxy.connect());
    blocked.send(&array("BLPOP nolist 0"));
    let mut subscriber = Client::new(proxy.connect());
    assert!(subscriber.answer("SUBSCRIBE news").contains("subscribe"));
    proxy.terminate();
    let start = Instant::now();
    assert!(proxy.wait().success());
    assert!(start.elapsed() < 2 * PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn a_second_signal_stops_it_without_waiting_for_replies() {
    let Some(redis) = Server::start() else { return };
    let mut proxy = proxy_of([&redis]);
    let mut blocked = Client::new(proxy.connect());
    assert_eq!(blocked.answer("SELECT 0"), "+OK\r\n");
    blocked.send(&array("BLPOP nolist 0"));
    thread::sleep(Duration::from_millis(200));
    proxy.terminate();
    thread::sleep(Duration::from_millis(500));
    assert!(proxy.resident_kib() > 0, "the proxy has stopped while a client still waits");
    proxy.terminate();
    let start = Instant::now();
    assert!(proxy.wait().success());
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

/// Requests a path; returns the head and the body of the response.
fn http(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the proxy reads");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("text, then the end");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

/// Returns the names and values of the samples in the text format of Prometheus.
fn samples(text: &str) -> Vec<(String, f64)> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line:?}"));
        let value = value.parse().unwrap_or_else(|_| panic!("no value: {line:?}"));
        (name.to_owned(), value)
    };
    lines.map(sample).collect()
}

#[test]
fn metrics_grow_with_the_commands() {
    let mut proxy = proxy(&["--metrics", "127.0.0.1:0"]);
    let metrics = proxy.next_address();
    let read = || {
        let (head, body) = http(metrics, "/metrics");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.to_lowercase().contains("content-type: text/plain"), "{head}");
        for (name, _) in samples(&body) {
            let name = name.split('{').next().unwrap_or_default();
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let is_typed = |name: &str| body.contains(&format!("# TYPE {name} "));
            assert!(is_typed(name) || family.is_some_and(is_typed), "{name} has no type:\n{body}");
        }
        samples(&body)
    };
    let before = read();
    let mut client = Client::new(proxy.connect());
    for _ in 0..100 {
        assert_eq!(client.answer("SET k 'twenty bytes of text'"), "+OK\r\n");
    }
    for _ in 0..10 {
        assert!(client.answer("INCR k").starts_with("-ERR "));
    }
    let after = read();
    for (word, least) in
        [("connection", 1.0), ("command", 110.0), ("error", 10.0), ("bytes", 2000.0)]
    {
        let sum = |samples: &[(String, f64)]| {
            let named = samples.iter().filter(|(name, _)| name.contains(word));
            named.map(|(_, value)| value).fold(0.0, |sum, value| sum + value)
        };
        let (before, after) = (sum(&before), sum(&after));
        assert!(after - before >= least, "{word}: from {before} to {after}");
    }
    assert!(after.iter().any(|(name, _)| name.contains("latency") || name.contains("seconds")));
    assert!(http(metrics, "/nothing").0.starts_with("HTTP/1.1 404 "));
}

#[test]
fn an_address_in_use_is_reported_and_ends_the_program() {
    let first = proxy(&[]);
    let taken = first.address().to_string();
    let mut program = Command::new(PROGRAM);
    let output = program.args(["--listen", &taken]).output().expect("the program starts");
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains(&taken), "{output:?}");
}

#[test]
fn the_demo_shows_requests_per_second() {
    let mut program = Command::new(PROGRAM);
    let start = Instant::now();
    let output = program
        .args(["--listen", "127.0.0.1:0", "--demo", "1"])
        .output()
        .expect("the program ends");
    assert!(output.status.success(), "{output:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    let text = String::from_utf8_lossy(&output.stdout);
    for word in ["p50", "p99", "p99.9", "max"] {
        assert!(text.contains(word), "no {word}: {output:?}");
    }
}

#[test]
fn clients_that_are_gone_leave_no_files_open() {
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_with([&redis], &["--log", "error"]);
    let files =
        || fs::read_dir(format!("/proc/{}/fd", proxy.id())).expect("its open files").count();
    Client::new(proxy.connect()).answer("GET k");
    let before = files();
    for turn in 0..300 {
        let mut client = Client::new(proxy.connect());
        let line = ["GET k", "SELECT 1", "SUBSCRIBE news", "MULTI", "PING"][turn % 5];
        assert!(!client.answer(line).starts_with('-'), "{line}");
    }
    // Connections to the upstream are closed a moment later.
    support::until("files to be closed", PATIENCE, || (files() <= before + 8).then_some(()));
}

#[test]
fn several_threads_share_an_address_and_count_together() {
    let Some(redis) = Server::start() else { return };
    let mut proxy = proxy_with([&redis], &["--threads", "3", "--metrics", "127.0.0.1:0"]);
    let metrics = proxy.next_address();
    let mut clients: Vec<_> = (0..40).map(|_| Client::new(proxy.connect())).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.answer("INCR n"), format!(":{}\r\n", number + 1));
    }
    let info = Client::new(redis.connect()).answer("INFO clients");
    let count = info.lines().find_map(|line| line.strip_prefix("connected_clients:"));
    let count: usize = count.and_then(|count| count.parse().ok()).expect("a number");
    // One for each thread, and the one that asks.
    assert!((3..=4).contains(&count), "{count} connections");
    let (_, body) = http(metrics, "/metrics");
    for line in ["zresp_proxy_connections 40", "zresp_proxy_commands_total 40"] {
        assert!(body.contains(&format!("{line}\n")), "{body}");
    }
    proxy.terminate();
    assert!(proxy.wait().success());
    for mut client in clients {
        assert_eq!(client.stream().read(&mut [0]).expect("the end"), 0);
    }
}

#[test]
fn clients_that_connect_during_the_start_are_served() {
    /// Connects as soon as the program listens, and asks for a reply.
    fn ask(address: SocketAddr) -> io::Result<[u8; 7]> {
        let start = Instant::now();
        let mut stream = loop {
            match TcpStream::connect(address) {
                Err(_) if start.elapsed() < PATIENCE => thread::sleep(Duration::from_micros(200)),
                connected => break connected?,
            }
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"PING\r\n")?;
        let mut reply = [0; 7];
        stream.read_exact(&mut reply).map(|()| reply)
    }
    for _ in 0..40 {
        let address = free_address();
        let listen = ["--listen", &address.to_string(), "--threads", "2"];
        let clients = [(); 8].map(|()| thread::spawn(move || ask(address)));
        let mut child = Command::new(PROGRAM).args(listen).stdout(Stdio::null()).spawn();
        let replies = clients.map(|client| client.join().expect("no panic"));
        let child = child.as_mut().expect("the program starts");
        child.kill().expect("a child of this process");
        child.wait().expect("its end");
        for reply in replies {
            assert_eq!(reply.expect("a reply"), *b"+PONG\r\n");
        }
    }
}
