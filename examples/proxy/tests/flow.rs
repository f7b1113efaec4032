//! No client waits for another one, and nothing waits for ever: slow readers, writers that read late, slow
//! work, and upstreams that answer badly.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use support::fake::{self, Bad};
use support::{
    Client, Daemon, PATIENCE, Server, alone, array, assert_reads_after_writing, bulk, command,
    pattern, proxy, proxy_of, proxy_with, say, until,
};

/// How long something may take that should happen at once, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A proxy of an upstream that answers badly.
fn proxy_of_fake(bad: Bad, options: &[&str]) -> Daemon {
    let address = fake::start(bad).address.to_string();
    proxy(&[&["--upstream", &address], options].concat())
}

/// Returns everything that arrives until the connection is closed or `within` is over, and whether it was
/// closed.
fn read_for(stream: &mut TcpStream, within: Duration) -> (Vec<u8>, bool) {
    let (start, mut found, mut room) = (Instant::now(), Vec::new(), vec![0; 65536]);
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a valid timeout");
    while start.elapsed() < within {
        match stream.read(&mut room) {
            Ok(0) => return (found, true),
            Ok(count) => found.extend_from_slice(&room[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return (found, true),
        }
    }
    (found, false)
}

/// What clients that never read do to another one.
#[derive(Debug)]
struct Attack {
    answers: usize,
    longest: Duration,
    /// The most memory that the server has used, in bytes.
    memory: u64,
}

impl Attack {
    /// Attacks a server, directly or through a proxy, with clients that send a command many times, read nothing,
    /// and connect again after a second.
    fn of(address: SocketAddr, server: &Server, line: &str, count: usize) -> Self {
        const ATTACKERS: u32 = 40;
        let end = Instant::now() + Duration::from_millis(2500);
        let (answers, longest) = thread::scope(|scope| {
            let asking = scope.spawn(|| ask_until(address, end));
            for number in 0..ATTACKERS {
                scope.spawn(move || {
                    thread::sleep(number * Duration::from_secs(1) / ATTACKERS);
                    while Instant::now() < end {
                        let mut stream = TcpStream::connect(address).expect("a connection");
                        _ = stream.write_all(&array(line).repeat(count));
                        thread::sleep(Duration::from_secs(1));
                    }
                });
            }
            asking.join().expect("right replies")
        });
        // Attacked directly, a server on a busy machine may have work for longer than other tests wait.
        let stream = server.connect();
        stream.set_read_timeout(Some(6 * PATIENCE)).expect("a valid timeout");
        let info = Client::new(stream).answer("INFO memory");
        let memory = info.lines().find_map(|line| line.strip_prefix("used_memory_peak:"));
        let memory = memory.and_then(|bytes| bytes.parse().ok()).expect("the memory");
        Self { answers, longest, memory }
    }
}

/// Asks for a small value until the end; returns how often it was answered, and the longest wait.
fn ask_until(address: SocketAddr, end: Instant) -> (usize, Duration) {
    let mut client = Client::new(TcpStream::connect(address).expect("a connection"));
    let (mut count, mut longest) = (0, Duration::ZERO);
    while Instant::now() < end {
        let start = Instant::now();
        assert_eq!(client.ask(&array("GET small")), bulk(b"value"));
        longest = longest.max(start.elapsed());
        count += 1;
        thread::sleep(Duration::from_millis(10));
    }
    (count, longest)
}

#[test]
fn clients_that_never_read_delay_nobody() {
    let _alone = alone();
    for (line, count) in [("GET big", 128), ("GET huge", 10), ("LRANGE pieces 0 -1", 128)] {
        let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
        for server in [&first, &second] {
            let mut client = Client::new(server.connect());
            assert_eq!(client.answer("SET small value"), "+OK\r\n");
            client.ask(&command(&[b"SET", b"big", &pattern::bytes(1, 65_000)]));
            client.ask(&command(&[b"SET", b"huge", &pattern::bytes(1, 5 << 20)]));
            for _ in 0..20 {
                client.ask(&command(&[b"RPUSH", b"pieces", &pattern::bytes(1, 3000)]));
            }
        }
        let proxy = proxy_of([&second]);
        // On a busy machine, something else may have disturbed one of them.
        let mut attempts = (0..3).map(|_| {
            let direct = Attack::of(first.address(), &first, line, count);
            let through = Attack::of(proxy.address(), &second, line, count);
            say(&format!("{line}: {direct:?} directly, {through:?} through the proxy"));
            (direct, through)
        });
        let is_fair = |(direct, through): &(Attack, Attack)| {
            let tolerable = direct.longest.max(Duration::from_millis(250));
            through.answers * 10 >= direct.answers * 9 && through.longest <= tolerable
        };
        let (direct, through) = attempts.find(is_fair).expect(line);
        let memory = proxy.peak_kib();
        assert!(through.memory < 2 * direct.memory, "{line}: {through:?}, not {direct:?}");
        assert!(memory < 512 * 1024, "{line}: {memory} KiB");
    }
}

#[test]
fn a_client_may_write_everything_before_it_reads() {
    let _alone = alone();
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    for servers in [&[&first][..], &[&first, &second]] {
        assert_reads_after_writing(&proxy_of(servers.iter().copied()));
    }
}

#[test]
fn a_client_with_a_full_buffer_that_takes_nothing_is_disconnected() {
    let _alone = alone();
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_with([&redis], &["--client-buffer", "1MiB", "--timeout", "1"]);
    assert_eq!(Client::new(proxy.connect()).answer("SET k value"), "+OK\r\n");
    let mut stream = proxy.connect();
    let commands = array("GET k").repeat(1_000_000);
    let start = Instant::now();
    let error = stream.write_all(&commands).expect_err("the proxy stops reading");
    let is_closed = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
    assert!(is_closed, "{error} after {:?}", start.elapsed());
    assert!(proxy.peak_kib() < 32 * 1024, "{} KiB", proxy.peak_kib());
}

#[test]
fn the_buffers_of_all_clients_together_are_bounded() {
    let _alone = alone();
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_with([&first, &second], &["--all-buffers", "64MiB"]);
    // It must be whole to be routed, because any of its keys could belong to another server.
    let begun =
        [&b"*30\r\n$3\r\nDEL\r\n$3\r\nfoo\r\n$500000000\r\n"[..], &vec![b'x'; 20 << 20]].concat();
    let mut streams: Vec<_> = (0..8).map(|_| proxy.connect()).collect();
    for stream in &mut streams {
        _ = stream.write_all(&begun);
    }
    assert_eq!(Client::new(proxy.connect()).answer("GET k"), "$-1\r\n");
    assert!(proxy.peak_kib() < 192 * 1024, "{} KiB", proxy.peak_kib());
}

#[test]
fn a_name_that_is_too_long_to_be_known_is_not_kept() {
    let _alone = alone();
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else { return };
    for servers in [&[&first][..], &[&first, &second]] {
        let proxy = proxy_of(servers.iter().copied());
        for _ in 0..10 {
            let mut stream = proxy.connect();
            let begun = [&b"*2\r\n$66000000\r\n"[..], &vec![b'x'; 60 << 20]].concat();
            _ = stream.write_all(&begun);
        }
        assert!(proxy.peak_kib() < 64 * 1024, "{} KiB", proxy.peak_kib());
    }
}

#[test]
fn a_script_without_end_delays_others_as_the_server_does() {
    let Some(redis) = Server::start_with(&["--busy-reply-threshold", "300"]) else { return };
    let proxy = proxy_of([&redis]);
    let mut other = Client::new(proxy.connect());
    assert_eq!(other.answer("SET k value"), "+OK\r\n");
    for first in ["GET k", "EVAL 'return 1' 0"] {
        let mut busy = Client::new(proxy.connect());
        assert!(!busy.answer(first).starts_with('-'));
        busy.send(&[array("GET k"), array("EVAL 'while true do end' 0")].concat());
        thread::sleep(Duration::from_millis(50));
        for line in ["GET k", "EVAL 'return 1' 0"] {
            let start = Instant::now();
            let answer = other.answer(line);
            assert!(answer.starts_with("-BUSY"), "{line}: {answer}");
            assert!(start.elapsed() < AT_ONCE, "{line}: {:?}", start.elapsed());
        }
        assert_eq!(Client::new(redis.connect()).answer("SCRIPT KILL"), "+OK\r\n");
        assert_eq!(busy.receive(), bulk(b"value"));
        assert!(busy.receive().starts_with(b"-ERR"));
        assert_eq!(other.ask(&array("GET k")), bulk(b"value"));
    }
}

#[test]
fn a_paused_write_does_not_delay_reads_for_long() {
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    let (mut writer, mut reader) = (Client::new(proxy.connect()), Client::new(proxy.connect()));
    assert_eq!(reader.answer("GET k"), "$-1\r\n");
    assert_eq!(Client::new(redis.connect()).answer("CLIENT PAUSE 3000 WRITE"), "+OK\r\n");
    writer.send(&array("SET k value"));
    thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    assert_eq!(reader.answer("GET k"), "$-1\r\n");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(writer.receive(), b"+OK\r\n");
}

#[test]
fn an_upstream_that_stops_does_not_hold_a_large_command_for_ever() {
    let _alone = alone();
    let large = command(&[b"SET", b"k", &vec![b'x'; 20_000_000]]);
    let small = command(&[b"SET", b"k", b"value"]);
    for bad in [Bad::Bytes(b"+O"), Bad::Bytes(b"-E"), Bad::Bytes(b""), Bad::ReadsNothing] {
        let proxy = proxy_of_fake(bad, &["--timeout", "1"]);
        for command in [&small, &large] {
            let mut stream = proxy.connect();
            let start = Instant::now();
            _ = stream.write_all(command);
            // A part of a reply cannot be followed by an error, so the connection is closed then.
            let mut found = Vec::new();
            let end = BufReader::new(stream).read_until(b'\n', &mut found);
            let is_answered = found.starts_with(b"-ERR ") || found == b"+O" || found == b"-E";
            assert!(is_answered, "{bad:?}, {} bytes: {end:?}", command.len());
            assert!(start.elapsed() < PATIENCE, "{bad:?}: {:?}", start.elapsed());
        }
    }
}

#[test]
fn a_push_on_a_shared_connection_is_not_a_reply() {
    for (bytes, reply) in [
        (&b">2\r\n+invalidate\r\n_\r\n+OK\r\n"[..], &b"+OK\r\n"[..]),
        (b"+OK\r\n>2\r\n+invalidate\r\n_\r\n", b"+OK\r\n"),
    ] {
        let proxy = proxy_of_fake(Bad::Bytes(bytes), &[]);
        for value in [10, 200_000] {
            let mut client = Client::new(proxy.connect());
            let commands = command(&[b"SET", b"k", &vec![b'x'; value]]);
            assert_eq!(client.ask(&commands.repeat(2)), reply, "{}", bytes.escape_ascii());
            assert_eq!(client.receive(), reply, "{}", bytes.escape_ascii());
            assert_eq!(client.answer("PING"), "+PONG\r\n");
        }
    }
}

#[test]
fn a_connection_with_a_reply_that_nobody_asked_for_is_not_used_again() {
    for bytes in [&b"-ERR one\r\n+two\r\n"[..], b"+one\r\n+two\r\n", b"-ERR one\r\n$9\r\ntwo"] {
        let fake = fake::start(Bad::Bytes(bytes));
        let proxy = proxy(&["--upstream", &fake.address.to_string()]);
        let large = command(&[b"SET", b"k", &vec![b'x'; 200_000]]);
        for count in 1..5 {
            let answer = Client::new(proxy.connect()).ask(&large);
            let end = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
            assert_eq!(answer, bytes[..=end], "{}", answer.escape_ascii());
            assert!(fake.accepted.load(Ordering::Relaxed) >= count, "{}", bytes.escape_ascii());
        }
    }
}

#[test]
fn replies_without_end_are_not_kept() {
    let _alone = alone();
    for begin in [&b"-ERR "[..], b"$1099511627776\r\n"] {
        let proxy = proxy_of_fake(Bad::Endless(begin), &[]);
        for value in [10, 200_000] {
            let mut stream = proxy.connect();
            stream.write_all(&command(&[b"SET", b"k", &vec![b'x'; value]])).expect("it reads");
            let mut room = vec![0; 1 << 20];
            for _ in 0..100 {
                stream.read_exact(&mut room).expect("a reply without end");
            }
            // Now it takes nothing more.
            thread::sleep(Duration::from_millis(300));
            assert!(proxy.peak_kib() < 32 * 1024, "{} KiB", proxy.peak_kib());
        }
    }
}

#[test]
fn a_client_that_has_gone_leaves_nothing() {
    let proxy = proxy_of_fake(Bad::NeverCloses, &["--timeout", "1"]);
    let files =
        || fs::read_dir(format!("/proc/{}/fd", proxy.id())).expect("its open files").count();
    assert_eq!(Client::new(proxy.connect()).answer("GET k"), "+OK\r\n");
    let before = files();
    for _ in 0..50 {
        assert_eq!(Client::new(proxy.connect()).answer("SELECT 1"), "+OK\r\n");
    }
    until("files to be closed", PATIENCE, || (files() <= before + 2).then_some(()));
}

#[test]
fn subscribers_in_resp3_end_without_a_stray_error() {
    let Some(mut redis) = Server::start() else { return };
    let subscribe = |proxy: &Daemon| {
        let mut client = Client::new(proxy.connect());
        assert!(client.answer("HELLO 3").starts_with('%'));
        client.send(&[array("SUBSCRIBE a b"), array("PSUBSCRIBE c*")].concat());
        for kind in ["subscribe", "subscribe", "psubscribe"] {
            let push = client.receive();
            assert!(push.starts_with(b">3"), "{kind}: {}", push.escape_ascii());
        }
        client
    };
    let mut draining = proxy_of([&redis]);
    let mut client = subscribe(&draining);
    let start = Instant::now();
    draining.terminate();
    assert_eq!(read_for(client.stream(), PATIENCE), (Vec::new(), true));
    assert!(draining.wait().success());
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    let proxy = proxy_of([&redis]);
    let mut client = subscribe(&proxy);
    redis.kill();
    assert_eq!(read_for(client.stream(), AT_ONCE), (Vec::new(), true));
}
