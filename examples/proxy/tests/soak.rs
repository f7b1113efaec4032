//! For an hour, or as long as it is told, faults happen to proxies under load: no reply is wrong, and memory does not
//! grow.
//!
//! ```text
//! cargo test --release -p zresp-proxy --test soak -- --ignored --nocapture
//! ```
//!
//! `ZRESP_SOAK` is the number of seconds, and `ZRESP_PART` runs one part only: store, server or cluster. The first line
//! names a seed: with it in `ZRESP_SEED`, the same faults and commands come in the same order, though not at the same
//! times.

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use fastrand::Rng;

use support::checker::{Checker, Commands, Load, Memory, Report};
use support::clients::misbehave;
use support::cluster::Cluster;
use support::relay::Relay;
use support::{Client, Daemon, PROGRAM, Server, alone, array, proxy, say, signal, until};

/// An upstream that is silent for this long counts as dead.
const TIMEOUT: &str = "3";
/// The longest time for which an upstream is stopped.
const LONGEST_STOP: Duration = Duration::from_secs(5);
/// How long clients may have to wait for right replies after a fault.
const RECOVERY: Duration = Duration::from_secs(60);
/// How often the state is printed.
const INTERVAL: Duration = Duration::from_secs(60);
/// By how much memory may grow from the second quarter of the time to the last one: a factor, and KiB.
const GROWTH: (f64, f64) = (1.1, 4096.0);
/// The most open files of a proxy without clients; most of them are connections to upstreams.
const FILES: usize = 100;
/// Below this time the memory is only printed: buffers still grow to their usual sizes.
const SHORTEST_JUDGED: Duration = Duration::from_secs(240);

const LOAD: Load = Load {
    clients: 4,
    largest: 100_000,
    patience: RECOVERY,
    late: Duration::from_secs(8),
    ..Load::MIXED
};

/// What a proxy connects to, and the faults that happen to it.
trait Upstream {
    const NAME: &'static str;
    const LOAD: Load;

    /// Returns it, and the options for a proxy.
    fn start() -> Option<(Self, Vec<String>)>
    where
        Self: Sized;

    /// Makes a fault, and mends it; returns its name.
    fn fail(&mut self, random: &mut Rng) -> &'static str;

    /// Returns the memory of a server that is part of this repository, in KiB.
    fn resident_kib(&self) -> Option<usize> {
        None
    }
}

/// The in-memory server, which forgets everything when it is killed. It runs with another proxy in a process.
struct Store {
    daemon: Daemon,
    relay: Relay,
}

impl Upstream for Store {
    const NAME: &'static str = "store";
    const LOAD: Load =
        Load { memory: Memory::MayBeEmptied, commands: Commands::WithoutScripts, ..LOAD };

    fn start() -> Option<(Self, Vec<String>)> {
        let daemon = Daemon::start(PROGRAM, &[]);
        let relay = Relay::start(daemon.address());
        let options = vec!["--upstream".to_owned(), relay.address().to_string()];
        Some((Self { daemon, relay }, options))
    }

    fn fail(&mut self, random: &mut Rng) -> &'static str {
        match random.u8(..10) {
            0 => {
                self.daemon = Daemon::start(PROGRAM, &[]);
                self.relay.set_target(self.daemon.address());
                "kill"
            }
            1..4 => stop(self.daemon.id(), LONGEST_STOP, random),
            _ => cut(&self.relay, random),
        }
    }

    fn resident_kib(&self) -> Option<usize> {
        Some(self.daemon.resident_kib())
    }
}

/// A server that remembers what it has acknowledged when it is killed, and runs scripts.
struct Durable {
    server: Server,
    relay: Relay,
}

impl Upstream for Durable {
    const NAME: &'static str = "server";
    const LOAD: Load = LOAD;

    fn start() -> Option<(Self, Vec<String>)> {
        let server = Server::start_with(&[
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--auto-aof-rewrite-min-size",
            "64mb",
            "--lua-time-limit",
            "100",
        ])?;
        let relay = Relay::start(server.address());
        let address = relay.address().to_string();
        let options = ["--upstream", &address, "--protocol", "3"].map(str::to_owned).to_vec();
        Some((Self { server, relay }, options))
    }

    fn fail(&mut self, random: &mut Rng) -> &'static str {
        match random.u8(..12) {
            0 => {
                self.server.kill();
                thread::sleep(Duration::from_millis(random.u64(..2000)));
                self.server.restart();
                "kill"
            }
            1 | 2 => stop(self.server.id(), LONGEST_STOP, random),
            3 | 4 => self.run_endless_script("while true do end", random),
            5 => self.run_endless_script("redis.call('INCR', KEYS[1]) while true do end", random),
            _ => cut(&self.relay, random),
        }
    }
}

impl Durable {
    /// Runs a script until it is ended by its server, or with it.
    fn run_endless_script(&mut self, script: &str, random: &mut Rng) -> &'static str {
        let mut client = Client::new(self.relay_stream());
        client.send(&support::command(&[b"EVAL", script.as_bytes(), b"1", b"script"]));
        thread::sleep(Duration::from_millis(random.u64(200..1500)));
        let answer = Client::new(self.server.connect()).answer("SCRIPT KILL");
        if answer.starts_with("-UNKILLABLE ") {
            self.server.kill();
            self.server.restart();
            return "a script that can only be killed with its server";
        }
        "an endless script"
    }

    fn relay_stream(&self) -> std::net::TcpStream {
        std::net::TcpStream::connect(self.relay.address()).expect("the relay")
    }
}

/// A cluster, whose replicas may lack the last writes when they take over.
struct Moving(Cluster);

impl Upstream for Moving {
    const NAME: &'static str = "cluster";
    const LOAD: Load = Load { memory: Memory::MayGoBack, commands: Commands::WithoutState, ..LOAD };

    fn start() -> Option<(Self, Vec<String>)> {
        let cluster = Cluster::start()?;
        let address = |at: usize| cluster.nodes[at].address().to_string();
        let options = [0, 1, 2].map(|at| ["--cluster".to_owned(), address(at)]).concat();
        Some((Self(cluster), options))
    }

    fn fail(&mut self, random: &mut Rng) -> &'static str {
        let cluster = &mut self.0;
        let primaries: Vec<_> =
            (0..cluster.nodes.len()).filter(|at| !cluster.slots(*at).is_empty()).collect();
        let [from, to] = [(); 2].map(|()| primaries[random.usize(..primaries.len())]);
        // A primary without slots would become a replica, and two primaries are too few to replace one.
        let slots =
            |at: &usize| cluster.slots(*at).iter().map(ExactSizeIterator::len).sum::<usize>();
        let largest = primaries.iter().copied().max_by_key(slots).expect("a primary");
        match random.u8(..10) {
            0 => {
                let slot = *cluster.slots(from)[0].start();
                cluster.nodes[from].kill();
                cluster.wait_for_another_primary(slot, from);
                cluster.nodes[from].restart();
                cluster.wait_until_all_agree();
                "a primary that is replaced"
            }
            1..4 => stop(cluster.nodes[from].id(), Duration::from_secs(1), random),
            4..7 if largest != to => {
                cluster.reshard(random.u16(1..300), largest, to);
                "slots that move"
            }
            _ => {
                let killed = Client::new(cluster.nodes[from].connect())
                    .ask(&array("CLIENT KILL TYPE NORMAL"));
                assert!(killed.starts_with(b":"), "{}", killed.escape_ascii());
                "cut connections"
            }
        }
    }
}

/// Stops a process for a while.
fn stop(process: u32, longest: Duration, random: &mut Rng) -> &'static str {
    signal("STOP", process);
    thread::sleep(longest.mul_f64(random.f64()));
    signal("CONT", process);
    "stop"
}

fn cut(relay: &Relay, random: &mut Rng) -> &'static str {
    if random.bool() {
        relay.cut();
        return "cut connections";
    }
    relay.cut_after(random.usize(..500_000));
    "a connection cut anywhere"
}

/// What a proxy and its upstream take at a time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    proxy_kib: usize,
    store_kib: Option<usize>,
    files: usize,
}

impl Sample {
    fn take(proxy: &Daemon, upstream: &impl Upstream) -> Self {
        let files = fs::read_dir(format!("/proc/{}/fd", proxy.id())).map_or(0, Iterator::count);
        Self { proxy_kib: proxy.resident_kib(), store_kib: upstream.resident_kib(), files }
    }
}

/// When a soak ends: after its time, or when a part of it has failed.
struct End {
    start: Instant,
    time: Duration,
    failed: AtomicBool,
}

impl End {
    fn has_come(&self) -> bool {
        self.start.elapsed() >= self.time || self.failed.load(Relaxed)
    }
}

/// The faults so far. If a part fails, they are printed, and the other parts end.
struct Faults<'a> {
    end: &'a End,
    part: &'static str,
    done: Vec<(Duration, &'static str)>,
}

impl Faults<'_> {
    fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (_, name) in &self.done {
            *counts.entry(*name).or_default() += 1;
        }
        counts
    }
}

impl Drop for Faults<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.end.failed.store(true, Relaxed);
            let last = &self.done[self.done.len().saturating_sub(10)..];
            say(&format!(
                "{}: FAILED after {:.1?}; last: {last:.1?}",
                self.part,
                self.end.start.elapsed()
            ));
        }
    }
}

/// Loads a proxy while faults happen; panics if a reply is wrong, or memory grows.
fn soak<U: Upstream>(seed: u64, end: &End) {
    let Some((mut upstream, options)) = U::start() else { return };
    let options = options.iter().map(String::as_str);
    let proxy = proxy(
        &options
            .chain(["--timeout", TIMEOUT, "--client-buffer", "2MiB", "--log", "error"])
            .collect::<Vec<_>>(),
    );
    let mut random = Rng::with_seed(seed);
    let mut checker = Checker::start(proxy.address(), Load { seed: random.u64(..), ..U::LOAD });
    checker.wait_for_replies(1000, RECOVERY);
    let (mut samples, mut printed) = (Vec::new(), Instant::now());
    let clients = random.fork();
    let (faults, deeds) = thread::scope(|scope| {
        let mut faults = Faults { end, part: U::NAME, done: Vec::new() };
        let (proxy, runs_scripts) = (&proxy, U::LOAD.commands != Commands::WithoutScripts);
        let deeds = scope.spawn(move || misbehave(proxy, clients, runs_scripts, || end.has_come()));
        while !end.has_come() && !deeds.is_finished() {
            faults.done.push((end.start.elapsed(), upstream.fail(&mut random)));
            checker.wait_for_replies(300, RECOVERY);
            thread::sleep(Duration::from_millis(random.u64(..1000)));
            samples.push(Sample::take(proxy, &upstream));
            if printed.elapsed() >= INTERVAL {
                printed = Instant::now();
                print_state::<U>(end, &checker.report(), samples[samples.len() - 1]);
            }
        }
        let deeds = deeds.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (faults.counts(), deeds)
    });
    let kinds = checker.kinds_of_errors();
    let report = checker.finish();
    print_state::<U>(end, &report, Sample::take(&proxy, &upstream));
    say(&format!("{}: faults: {faults:?}, misbehaved clients: {}", U::NAME, deeds.len()));
    for (kind, count) in kinds {
        say(&format!("{}: {count} x {kind:?}", U::NAME));
    }
    assert!(report.right > 0, "{}: {report:?}", U::NAME);
    assert_half_commands_were_not_executed(&proxy);
    assert_files_are_closed(&proxy);
    assert_flat(U::NAME, "proxy", end.time, samples.iter().map(|sample| sample.proxy_kib));
    assert_flat(U::NAME, "store", end.time, samples.iter().filter_map(|sample| sample.store_kib));
}

fn print_state<U: Upstream>(end: &End, report: &Report, sample: Sample) {
    let Report { right, errors, closed, slowest } = report;
    let Sample { proxy_kib, store_kib, files } = sample;
    let store = store_kib.map_or(String::new(), |kib| format!(", store {kib} KiB"));
    let seconds = end.start.elapsed().as_secs();
    say(&format!(
        "{seconds:5} s, {:8}: {right} right, {errors} errors, {closed} cut, slowest {slowest:.1?}; \
         proxy {proxy_kib} KiB, {files} files{store}",
        U::NAME
    ));
}

fn assert_half_commands_were_not_executed(proxy: &Daemon) {
    until("an answer", RECOVERY, || {
        let answer = Client::new(proxy.connect()).answer("EXISTS half");
        assert!(answer == ":0\r\n" || answer.starts_with('-'), "{answer}");
        (answer == ":0\r\n").then_some(())
    });
}

/// Waits until the connections of all clients are closed.
fn assert_files_are_closed(proxy: &Daemon) {
    let page = format!("/proc/{}/fd", proxy.id());
    until("the files to be closed", RECOVERY, || {
        (fs::read_dir(&page).map_or(0, Iterator::count) <= FILES).then_some(())
    });
}

/// Asserts that the medians of the second and the last quarter are about the same.
fn assert_flat(upstream: &str, program: &str, time: Duration, kib: impl Iterator<Item = usize>) {
    let kib: Vec<_> = kib.collect();
    let median = |quarter: usize| {
        let mut part = kib[kib.len() * quarter / 4..kib.len() * (quarter + 1) / 4].to_vec();
        part.sort_unstable();
        part.get(part.len() / 2)
            .map_or(0.0, |kib| f64::from(u32::try_from(*kib).expect("below 4 TiB")))
    };
    let quarters = [0, 1, 2, 3].map(median);
    if quarters[3] > 0.0 {
        say(&format!("{upstream}: memory of the {program} in each quarter: {quarters:.0?} KiB"));
    }
    let most = quarters[1] * GROWTH.0 + GROWTH.1;
    assert!(
        time < SHORTEST_JUDGED || quarters[3] <= most,
        "{upstream}: the {program} grows: {quarters:?} KiB"
    );
}

/// Runs all parts at the same time.
fn soak_all(time: Duration) {
    let _alone = alone();
    let number = |name| env::var(name).ok().and_then(|text: String| text.parse().ok());
    let seed = number("ZRESP_SEED").unwrap_or_else(|| fastrand::u32(..).into());
    say(&format!("a soak of {time:?}: ZRESP_SEED={seed}"));
    let end = End { start: Instant::now(), time, failed: AtomicBool::new(false) };
    let part = env::var("ZRESP_PART").unwrap_or_default();
    thread::scope(|scope| {
        let run = |name: &str, soak: fn(u64, &End)| {
            if part.is_empty() || part == name {
                let end = &end;
                scope.spawn(move || soak(seed, end));
            }
        };
        run(Store::NAME, soak::<Store>);
        run(Durable::NAME, soak::<Durable>);
        run(Moving::NAME, soak::<Moving>);
    });
    say("no reply was wrong");
}

#[test]
fn faults_cause_no_wrong_reply() {
    soak_all(Duration::from_secs(10));
}

#[test]
#[ignore = "it takes an hour"]
fn faults_cause_no_wrong_reply_and_memory_does_not_grow() {
    let seconds = env::var("ZRESP_SOAK").map_or(3600, |text| text.parse().expect("seconds"));
    soak_all(Duration::from_secs(seconds));
}
