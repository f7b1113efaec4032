//! What `redis-cli` prints is the same with and without the proxy.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use support::{Daemon, PATIENCE, Server, array, program, proxy_of, run, until, without_numbers};

/// Commands whose replies are the same each time.
const SESSION: &str = include_str!("session.txt");

/// Returns the ports of a server, and of a proxy for another server.
fn ports(redis: &Server, proxy: &Daemon) -> [String; 2] {
    [redis.address(), proxy.address()].map(|address| address.port().to_string())
}

#[test]
fn redis_cli_prints_the_same() {
    let Some(cli) = program("redis-cli") else { return };
    let (Some(direct), Some(redis)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_of([&redis]);
    for options in
        [&["-2"][..], &["-3"], &["--no-raw"], &["-3", "--csv"], &["-3", "--json"], &["-n", "2"]]
    {
        let outputs = ports(&direct, &proxy)
            .map(|port| run(&cli, &[&["-p", &port], options].concat(), SESSION));
        assert!(outputs[0].lines().count() > 60, "{options:?}: {}", outputs[0]);
        for (line, (expected, found)) in outputs[0].lines().zip(outputs[1].lines()).enumerate() {
            assert_eq!(expected, found, "{options:?}, line {}", line + 1);
        }
        assert_eq!(outputs[0].len(), outputs[1].len(), "{options:?}");
    }
}

#[test]
fn redis_cli_pipes_and_scans_the_same() {
    let Some(cli) = program("redis-cli") else { return };
    let (Some(direct), Some(redis)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_of([&redis]);
    let commands = (0..5000).map(|key| array(&format!("SET key:{key} {key}")));
    let commands: Vec<u8> = commands.collect::<Vec<_>>().concat();
    let commands = String::from_utf8(commands).expect("text");
    let outputs = ports(&direct, &proxy).map(|port| {
        let piped = run(&cli, &["-p", &port, "--pipe"], &commands);
        assert!(piped.contains("errors: 0, replies: 5000"), "{piped}");
        let repeated = run(&cli, &["-p", &port, "-r", "5", "INCR", "n"], "");
        let scanned = run(&cli, &["-p", &port, "--scan", "--pattern", "key:*"], "");
        let mut scanned: Vec<_> = scanned.lines().collect();
        scanned.sort_unstable();
        scanned.dedup();
        [repeated, scanned.join("\n")].concat()
    });
    assert!(outputs[0] == outputs[1]);
}

/// A `redis-cli` that prints until it is stopped.
struct Endless {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Endless {
    fn start(cli: &Path, port: &str, words: &[&str]) -> Self {
        let mut command = Command::new(cli);
        command.args(["-p", port]).args(words).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("redis-cli starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, output }
    }

    /// Returns the next lines of its output, without the `PING` with which the proxy tries each of its
    /// connections. Waits for them without a timeout.
    fn lines(&mut self, count: usize) -> Vec<String> {
        let lines = (&mut self.output).lines().map(|line| line.expect("a line"));
        lines.filter(|line| !line.ends_with("\"PING\"")).take(count).collect()
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[test]
fn redis_cli_subscribes_and_monitors_the_same() {
    let Some(cli) = program("redis-cli") else { return };
    let (Some(direct), Some(redis)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_of([&redis]);
    let [expected, found] = ports(&direct, &proxy).map(|port| {
        let mut output = Vec::new();
        for words in [
            &["SUBSCRIBE", "news", "other"][..],
            &["-3", "PSUBSCRIBE", "n*"],
            &["-3", "SUBSCRIBE", "news"],
        ] {
            let mut subscriber = Endless::start(&cli, &port, words);
            output.extend(subscriber.lines(3));
            let publish = |text: &str| run(&cli, &["-p", &port, "PUBLISH", "news", text], "");
            until("a subscriber", PATIENCE, || (publish("a message") == "1\n").then_some(()));
            publish("another message");
            let messages = subscriber.lines(if words.contains(&"other") { 9 } else { 6 });
            output.extend(messages);
        }
        let mut monitor = Endless::start(&cli, &port, &["MONITOR"]);
        output.extend(monitor.lines(1));
        let lines = ["SET k 'a b'", "INCR n", "EVAL \"return redis.call('GET', KEYS[1])\" 1 k"];
        run(&cli, &["-p", &port], &lines.join("\n"));
        let lines = monitor.lines(4);
        output.extend(lines.iter().map(|line| without_numbers(line)));
        output
    });
    assert!(expected.len() > 20, "{expected:?}");
    assert_eq!(expected, found);
}
