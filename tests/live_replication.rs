//! What servers send to replicas and to `redis-cli --rdb` is decoded, over one connection and over two.
//!
//! A tee between a replica and its primary records both directions. The servers are the `redis-server` on the `PATH`
//! and those in `ZRESP_SERVERS`. Without any, these tests are skipped, or fail if `ZRESP_REQUIRE_REDIS` is set.
#![cfg(feature = "aof")]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};

use zresp::aof::{AofContent, AofReader};
use zresp::replication::{Event, SyncDecoder};
use zresp::{CommandDecoder, requests};
use zresp_testing::drive::live_server::{PATIENCE, Program, Server, free_address, on_the_path};
use zresp_testing::drive::sync::decode;
use zresp_testing::oracle::sync::Sync;

/// The bytes of a connection, in both directions.
#[derive(Debug, Default, Clone)]
struct Conversation {
    sent: Vec<u8>,
    received: Vec<u8>,
}

/// Passes connections on to a server, and records them.
struct Tee {
    address: SocketAddr,
    conversations: Arc<Mutex<Vec<Conversation>>>,
}

impl Tee {
    fn new(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("the address of a listener");
        let conversations = Arc::new(Mutex::new(Vec::new()));
        let tee = Self { address, conversations: Arc::clone(&conversations) };
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("a connection");
                let Ok(server) = TcpStream::connect(server) else { return };
                let number = {
                    let mut conversations = conversations.lock().expect("no panic");
                    conversations.push(Conversation::default());
                    conversations.len() - 1
                };
                let streams = [&client, &server].map(|stream| stream.try_clone().expect("a clone"));
                let [client_2, server_2] = streams;
                let other = Arc::clone(&conversations);
                pump(client, server, move |bytes| {
                    other.lock().expect("no panic")[number].sent.extend_from_slice(bytes);
                });
                let other = Arc::clone(&conversations);
                pump(server_2, client_2, move |bytes| {
                    other.lock().expect("no panic")[number].received.extend_from_slice(bytes);
                });
            }
        });
        tee
    }

    fn port(&self) -> String {
        self.address.port().to_string()
    }

    fn conversations(&self) -> Vec<Conversation> {
        self.conversations.lock().expect("no panic").clone()
    }
}

/// Copies bytes in a thread, until a connection ends.
fn pump(mut from: TcpStream, mut to: TcpStream, record: impl Fn(&[u8]) + Send + 'static) {
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(size @ 1..) = from.read(&mut piece) {
            record(&piece[..size]);
            if to.write_all(&piece[..size]).is_err() {
                break;
            }
        }
        _ = to.shutdown(Shutdown::Write);
    });
}

impl Conversation {
    /// The answers to each `PSYNC` and `SYNC`, decoded whole and byte by byte.
    fn synchronisations(&self) -> Vec<Sync> {
        let mut rest = &self.received[..];
        let mut found: Vec<Sync> = Vec::new();
        for request in requests(&self.sent) {
            let request = request.expect("a request");
            let command = request.command();
            if command.is("PSYNC") || command.is("SYNC") {
                let sync = decode(rest, &[]).expect("a synchronisation");
                let bytewise: Vec<_> = (1..rest.len()).collect();
                assert_eq!(decode(rest, &bytewise).as_ref(), Ok(&sync));
                let left = sync.rest.as_ref().map_or(0, Vec::len);
                rest = &rest[rest.len() - left..];
                let is_over = sync.answer != "dual channel" && !sync.is_refused;
                found.push(sync);
                if is_over {
                    break;
                }
            } else {
                let reply = zresp::replies(rest).next().expect("a reply").expect("a reply");
                rest = &rest[reply.wire().len()..];
            }
        }
        found
    }
}

/// Asserts that the payload is a snapshot up to its last byte.
fn assert_snapshot(payload: &[u8]) {
    let mut reader = AofReader::new(payload);
    let entry = reader.read().expect("a snapshot").expect("a snapshot");
    assert!(matches!(entry.content, AofContent::Snapshot(_)));
    assert_eq!(entry.size, payload.len() as u64);
}

/// Asserts that commands contain a `SET` of the key.
fn assert_sets(commands: &[u8], key: &str) {
    let names: Vec<_> = requests(commands).map_while(Result::ok).collect();
    let is_set = |request: &zresp::Request<'_>| {
        let mut scratch = Vec::new();
        let command = request.command().to_array(&mut scratch);
        command.is("SET") && command.arg(1) == Some(key.as_bytes())
    };
    assert!(names.iter().any(is_set), "{}", commands.escape_ascii());
}

const DISKLESS: [&str; 4] = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"];

/// The option for two connections; `None` if the program has none.
fn two_connections(program: &Program) -> Option<&'static str> {
    match program {
        Program { version: (..8, _), .. } => None,
        Program { is_valkey: true, .. } => Some("--dual-channel-replication-enabled"),
        Program { is_valkey: false, .. } => Some("--repl-rdb-channel"),
    }
}

/// Lets a replica follow the primary through a tee, until it has a key that was set later.
fn follow(program: &Program, options: &[&str]) -> Vec<Conversation> {
    let primary = program.start(&[&DISKLESS, options].concat());
    primary.ask("SET early 1");
    let tee = Tee::new(primary.address());
    let port = tee.port();
    let replica = program.start(&[options, &["--replicaof", "127.0.0.1", &port]].concat());
    replica.wait_for("INFO replication", "master_link_status:up");
    primary.ask("SET late 1");
    replica.wait_for("GET late", "$1\r\n1");
    drop(replica);
    tee.conversations()
}

#[test]
fn a_replica_is_followed_over_one_connection() {
    for program in Program::all() {
        for form in [&DISKLESS[..], &["--repl-diskless-sync", "no"]] {
            // Redis 8.6 uses two unless it is told not to.
            let one =
                two_connections(&program).map(|option| vec![option, "no"]).unwrap_or_default();
            let conversations = follow(&program, &[form, &one].concat());
            let [conversation] = &conversations[..] else { panic!("{conversations:?}") };
            let syncs = conversation.synchronisations();
            let [sync] = &syncs[..] else { panic!("{syncs:?}") };
            assert!(sync.answer.starts_with("full "), "{program:?}: {}", sync.answer);
            assert_snapshot(&sync.payload);
            assert_sets(sync.rest.as_ref().expect("commands"), "late");
        }
    }
}

#[test]
fn a_program_follows_a_primary() {
    for program in Program::all() {
        let one = two_connections(&program).map(|option| vec![option, "no"]).unwrap_or_default();
        let primary = program.start(&[&DISKLESS[..], &one].concat());
        let mut stream = primary.connect();
        stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a valid timeout");
        stream.write_all(b"REPLCONF capa eof capa psync2\r\n").expect("the server takes it");
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, *b"+OK\r\n");
        stream.write_all(b"PSYNC ? -1\r\n").expect("the server takes it");

        let (mut sync, mut decoder) = (SyncDecoder::new(), CommandDecoder::new());
        let (mut input, mut start, mut taken) = (Vec::new(), 0, None);
        let mut is_set = false;
        let until = Instant::now() + 3 * PATIENCE;
        while !is_set {
            assert!(Instant::now() < until, "{program:?}: no command");
            let mut piece = [0; 4096];
            match stream.read(&mut piece) {
                Ok(0) => panic!("{program:?}: closed"),
                Ok(size) => input.extend_from_slice(&piece[..size]),
                // Nothing has come.
                Err(_) => {
                    if let Some(taken) = taken {
                        let ack = format!("REPLCONF ACK {}\r\n", start + taken);
                        stream.write_all(ack.as_bytes()).expect("the server takes it");
                        primary.ask("SET late 1");
                    }
                }
            }
            while taken.is_none() {
                let progress = sync.advance(&input).expect("a synchronisation");
                match progress.event {
                    Some(Event::FullResync { offset, .. }) => start = offset,
                    Some(Event::Commands) => taken = Some(0),
                    Some(_) => {}
                    None => break,
                }
                input.drain(..progress.taken);
            }
            while let Some(taken) = &mut taken {
                let Some(request) = decoder.decode(&input).expect("a command") else { break };
                is_set |= request.command().is("SET");
                let size = request.wire().len();
                *taken += size as u64;
                input.drain(..size);
            }
        }
    }
}

#[test]
fn a_replica_is_followed_over_two_connections() {
    let (mut valkeys, mut redises) = (0, 0);
    for program in Program::all() {
        let Some(option) = two_connections(&program) else { continue };
        let conversations = follow(&program, &[option, "yes"]);
        let [main, snapshot] = &conversations[..] else { panic!("{conversations:?}") };
        let (main, snapshot) = (main.synchronisations(), snapshot.synchronisations());
        let [with_snapshot] = &snapshot[..] else { panic!("{snapshot:?}") };
        assert_snapshot(&with_snapshot.payload);
        let answers: Vec<_> = main.iter().map(|sync| sync.answer.as_str()).collect();
        if program.is_valkey {
            assert!(with_snapshot.answer.starts_with("end offset "), "{}", with_snapshot.answer);
            assert_eq!(answers[0], "dual channel");
            assert!(answers[1].starts_with("continue "), "{answers:?}");
            valkeys += 1;
        } else {
            assert!(with_snapshot.answer.starts_with("full "), "{}", with_snapshot.answer);
            assert!(answers[0].starts_with("rdb channel "), "{answers:?}");
            redises += 1;
        }
        let commands = main.last().and_then(|sync| sync.rest.as_ref()).expect("commands");
        assert_sets(commands, "late");
    }
    for (count, name) in [(valkeys, "Valkey"), (redises, "Redis")] {
        if count == 0 {
            // Not `eprintln!`, whose output is only shown for failed tests.
            writeln!(io::stderr(), "skipped for {name}: ZRESP_SERVERS lists none from 8.0 on")
                .expect("stderr");
        }
    }
}

#[test]
fn a_snapshot_for_redis_cli_is_decoded() {
    let Some(client) = on_the_path("redis-cli") else {
        writeln!(io::stderr(), "skipped: redis-cli is not on the PATH").expect("stderr");
        return;
    };
    for program in Program::all() {
        for form in [&DISKLESS[..], &["--repl-diskless-sync", "no"]] {
            let primary = program.start(form);
            primary.ask("SET key 1");
            let tee = Tee::new(primary.address());
            let file = primary.folder().join("copy.rdb");
            let status = Command::new(&client)
                .args(["-p", &tee.port(), "--rdb"])
                .arg(&file)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            assert!(status.expect("redis-cli runs").success(), "{program:?}");
            let conversations = tee.conversations();
            let syncs: Vec<_> =
                conversations.iter().flat_map(Conversation::synchronisations).collect();
            let [sync] = &syncs[..] else { panic!("{conversations:?}") };
            assert_eq!(sync.answer, "", "{program:?}");
            assert_eq!(sync.payload, fs::read(&file).expect("the snapshot"), "{program:?}");
            assert_snapshot(&sync.payload);
        }
    }
}

#[test]
fn a_refusal_of_a_server_is_decoded() {
    for program in Program::all() {
        // Its primary does not exist.
        let port = free_address().port().to_string();
        let server: Server = program.start(&["--replicaof", "127.0.0.1", &port]);
        for command in ["PSYNC ? -1\r\n", "SYNC\r\n"] {
            let mut stream = server.connect();
            stream.write_all(command.as_bytes()).expect("room for a command");
            let mut decoder = SyncDecoder::new();
            let (mut text, mut byte) = (Vec::new(), [0]);
            loop {
                stream.read_exact(&mut byte).expect("the answer");
                match decoder.advance(&byte).expect("an answer").event {
                    Some(Event::Refusal(bytes)) => text.extend_from_slice(bytes),
                    Some(Event::RefusalEnd) => break,
                    other => assert!(other.is_none(), "{other:?}"),
                }
            }
            assert!(text.starts_with(b"NOMASTERLINK "), "{}", text.escape_ascii());
        }
    }
}
