//! The replies of a running server are decoded over a socket, in both protocols, however they are cut on
//! the way.
//!
//! The captures are the traffic of one server at one time; here a `redis-server` (7 or later) answers now.
//! Without one on the `PATH`, these tests are skipped, or fail if `ZRESP_REQUIRE_REDIS` is set.
#![cfg(feature = "std")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use std::{iter, thread};

use zresp::io::{ReplyReader, StreamError};
use zresp::{Decoded, Kind, LinePolicy, ReplyRef};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::live_server::{PATIENCE, Server};
use zresp_testing::drive::pieces::{self, Pieces};
use zresp_testing::drive::verdicts;
use zresp_testing::oracle::{self, Annotated};

/// A connection that keeps the bytes that were read from it, and the room that each read had.
struct Tee {
    stream: TcpStream,
    seen: Vec<u8>,
    rooms: Vec<usize>,
}

impl Read for Tee {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.rooms.push(room.len());
        let count = self.stream.read(room)?;
        self.seen.extend_from_slice(&room[..count]);
        Ok(count)
    }
}

struct Client {
    replies: ReplyReader<Tee>,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        let tee = Tee { stream, seen: Vec::new(), rooms: Vec::new() };
        Self { replies: ReplyReader::new(tee) }
    }

    /// A client that speaks version 2 or 3 of the protocol.
    fn speaking(version: u8, server: &Server) -> Self {
        let mut client = Self::new(server.connect());
        if version == 3 {
            assert_eq!(client.ask("HELLO 3").reply().kind(), Kind::Map);
        }
        client
    }

    fn send(&mut self, bytes: &[u8]) {
        self.replies.get_mut().stream.write_all(bytes).expect("the server takes it");
    }

    /// The next frame.
    fn receive(&mut self) -> Decoded<'_> {
        self.replies.read().expect("a frame").expect("a frame before the end")
    }

    /// Sends a command as an inline command; returns the next frame.
    fn ask(&mut self, command: &str) -> Decoded<'_> {
        self.send(command.as_bytes());
        self.send(b"\r\n");
        self.receive()
    }
}

/// A command as an array of bulk strings.
fn command(arguments: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A frame on one line, with its attributes first.
fn shown(frame: &Decoded<'_>) -> String {
    if frame.attributes().is_empty() {
        return format!("{:?}", frame.reply());
    }
    format!("{:?} {:?}", frame.attributes(), frame.reply())
}

/// How many requests are sent before their replies are read.
#[derive(Debug, Clone, Copy)]
enum Pace {
    OneByOne,
    AllAtOnce,
}

/// Sends the requests of a capture to a new server and asserts that there is a reply to each.
fn replay(capture: &str, pace: Pace) {
    let Some(server) = Server::start() else { return };
    let requests = Capture::read(&format!("{capture}.requests"));
    let commands = requests.frames();
    // Redis 8 and Valkey 8 do not answer a refused AUTH that comes in one read with commands before it.
    let is_auth = |next: &Decoded<'_>| next.wire().windows(8).any(|bytes| bytes == b"\r\nAUTH\r\n");
    let batches = commands.chunk_by(|_, next| matches!(pace, Pace::AllAtOnce) && !is_auth(next));
    let mut client = Client::new(server.connect());
    let mut frames = Vec::new();
    for batch in batches {
        for command in batch {
            client.send(command.wire());
        }
        let mut owed = batch.len();
        while owed > 0 {
            let frame = client.receive();
            owed -= usize::from(frame.reply().kind() != Kind::Push);
            frames.push(verdicts::annotated(frame));
        }
    }

    // When the client ends its side, the server closes the connection. After QUIT it has already closed it.
    _ = client.replies.get_ref().stream.shutdown(Shutdown::Write);
    let case = format!("{capture}, {pace:?}");
    let rest = client.replies.read().unwrap_or_else(|error| panic!("{case}, at the end: {error}"));
    assert!(rest.is_none(), "{case}: one more frame: {rest:?}");

    let seen = &client.replies.get_ref().seen;
    assert_eq!(client.replies.position(), seen.len() as u64, "{case}");
    let naive = pieces::by_the_naive_decoder(seen);
    pieces::assert_same(&format!("{case}, by the naive decoder"), naive, &frames);
    let bytewise = pieces::by_a_decoder(Pieces::new(seen, &[1]));
    pieces::assert_same(&format!("{case}, byte by byte"), bytewise, &frames);
}

const REPLAYED: [&str; 10] = [
    "resp2-session",
    "resp3-session",
    "resp2-introspection",
    "resp3-introspection",
    "resp2-debug-protocol",
    "resp3-debug-protocol",
    "resp2-errors",
    "resp3-errors",
    "resp2-transaction",
    "resp3-transaction",
];

#[test]
fn each_recorded_request_gets_one_reply() {
    for capture in REPLAYED {
        replay(capture, Pace::OneByOne);
    }
}

#[test]
fn recorded_requests_sent_at_once_get_one_reply_each() {
    for capture in REPLAYED {
        replay(capture, Pace::AllAtOnce);
    }
}

/// The replies to `DEBUG PROTOCOL`, in RESP2 and in RESP3.
const TYPES: [(&str, &[&str], &[&str]); 13] = [
    ("string", &[r#"Bulk("Hello World")"#], &[r#"Bulk("Hello World")"#]),
    ("integer", &["Integer(12345)"], &["Integer(12345)"]),
    ("double", &[r#"Bulk("3.141")"#], &["Double(3.141)"]),
    ("null", &["NullBulk"], &["Null"]),
    (
        "array",
        &["Array[Integer(0), Integer(1), Integer(2)]"],
        &["Array[Integer(0), Integer(1), Integer(2)]"],
    ),
    (
        "set",
        &["Array[Integer(0), Integer(1), Integer(2)]"],
        &["Set[Integer(0), Integer(1), Integer(2)]"],
    ),
    (
        "map",
        &["Array[Integer(0), Integer(0), Integer(1), Integer(1), Integer(2), Integer(0)]"],
        &["Map{Integer(0): Boolean(false), Integer(1): Boolean(true), Integer(2): Boolean(false)}"],
    ),
    (
        "attrib",
        &[r#"Bulk("Some real reply following the attribute")"#],
        &[concat!(
            r#"Attribute{Bulk("key-popularity"): Array[Bulk("key:123"), Integer(90)]} "#,
            r#"Bulk("Some real reply following the attribute")"#,
        )],
    ),
    (
        "push",
        &[r#"Error("ERR RESP2 is not supported by this command")"#],
        &[
            r#"Push[Bulk("server-cpu-usage"), Integer(42)]"#,
            r#"Bulk("Some real reply following the push reply")"#,
        ],
    ),
    (
        "verbatim",
        &[r#"Bulk("This is a verbatim\nstring")"#],
        &[r#"Verbatim(txt: "This is a verbatim\nstring")"#],
    ),
    ("true", &["Integer(1)"], &["Boolean(true)"]),
    ("false", &["Integer(0)"], &["Boolean(false)"]),
    (
        "bignum",
        &[r#"Bulk("1234567999999999999999999999999999999")"#],
        &[r#"BigNumber("1234567999999999999999999999999999999")"#],
    ),
];

#[test]
fn every_type_of_debug_protocol_has_its_kind() {
    let Some(server) = Server::start() else { return };
    let (mut resp2, mut resp3) = (Client::speaking(2, &server), Client::speaking(3, &server));
    for (name, in_resp2, in_resp3) in TYPES {
        for (client, expected) in [(&mut resp2, in_resp2), (&mut resp3, in_resp3)] {
            client.send(format!("DEBUG PROTOCOL {name}\r\n").as_bytes());
            let mut frames: Vec<_> = expected.iter().map(|_| shown(&client.receive())).collect();
            // Some servers send a push before the reply, and some after it.
            frames.sort_by_key(|frame| !frame.starts_with("Push"));
            assert_eq!(frames, expected, "DEBUG PROTOCOL {name}");
        }
    }
}

/// Commands, and the replies to them in RESP2 and in RESP3.
const ANSWERS: [(&str, &str, &str); 14] = [
    ("FLUSHALL", r#"Simple("OK")"#, r#"Simple("OK")"#),
    (r#"SET bin "\x00\r\n\xff""#, r#"Simple("OK")"#, r#"Simple("OK")"#),
    ("GET bin", r#"Bulk("\x00\r\n\xff")"#, r#"Bulk("\x00\r\n\xff")"#),
    ("GET missing", "NullBulk", "Null"),
    ("LPOP missing 2", "NullArray", "Null"),
    ("INCR n", "Integer(1)", "Integer(1)"),
    ("HSET h f v", "Integer(1)", "Integer(1)"),
    ("HGETALL h", r#"Array[Bulk("f"), Bulk("v")]"#, r#"Map{Bulk("f"): Bulk("v")}"#),
    ("HGETALL missing", "Array[]", "Map{}"),
    ("SADD s 1", "Integer(1)", "Integer(1)"),
    ("SMEMBERS s", r#"Array[Bulk("1")]"#, r#"Set[Bulk("1")]"#),
    ("ZADD z -inf m", "Integer(1)", "Integer(1)"),
    ("ZSCORE z m", r#"Bulk("-inf")"#, "Double(-inf)"),
    (
        r#"EVAL "return {1,{2,{}},{err='MY error'}}" 0"#,
        r#"Array[Integer(1), Array[Integer(2), Array[]], Error("MY error")]"#,
        r#"Array[Integer(1), Array[Integer(2), Array[]], Error("MY error")]"#,
    ),
];

#[test]
fn replies_have_the_types_of_the_protocol() {
    let Some(server) = Server::start() else { return };
    for version in [2, 3] {
        let mut client = Client::speaking(version, &server);
        for (command, in_resp2, in_resp3) in ANSWERS {
            let expected = if version == 2 { in_resp2 } else { in_resp3 };
            assert_eq!(shown(&client.ask(command)), expected, "{command} in RESP{version}");
        }
    }
}

/// Pseudo-random bytes, the same in every run. In long ones there are CRLFs.
fn mixed_bytes(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(size.div_ceil(8)).flatten().take(size).collect()
}

#[test]
fn a_value_of_64_mebibytes_comes_back_and_its_memory_is_freed() {
    /// The size of the buffer that a `ReplyReader` may keep, according to its documentation.
    const KEPT: usize = 1024 * 1024;
    let Some(server) = Server::start() else { return };
    let value = mixed_bytes(64 * 1024 * 1024);
    let mut client = Client::new(server.connect());
    client.send(&command(&[b"SET", b"big", &value]));
    assert_eq!(client.receive().reply(), ReplyRef::Simple(b"OK"));

    let reads_before = client.replies.get_ref().rooms.len();
    let frame = client.ask("GET big");
    assert!(frame.reply() == ReplyRef::Bulk(&value), "it differs: {:?}", frame.reply());
    // No read has more room than the bytes that have already arrived: an announced length does not count.
    let tee = client.replies.get_ref();
    for (read, &room) in tee.rooms.iter().enumerate().skip(reads_before) {
        assert!(room <= KEPT.max(tee.seen.len()), "read {read} has room for {room}");
    }

    let reads_before = client.replies.get_ref().rooms.len();
    assert_eq!(client.ask("PING").reply(), ReplyRef::Simple(b"PONG"));
    let rooms = &client.replies.get_ref().rooms[reads_before..];
    assert!(rooms.iter().all(|&room| room <= KEPT), "rooms after the value: {rooms:?}");
}

#[test]
fn a_message_from_another_connection_is_a_push_in_resp3_and_an_array_in_resp2() {
    let Some(server) = Server::start() else { return };
    let mut publisher = Client::speaking(2, &server);
    for (version, kind) in [(2, "Array"), (3, "Push")] {
        let mut subscriber = Client::speaking(version, &server);
        let answer = shown(&subscriber.ask("SUBSCRIBE news"));
        assert_eq!(answer, format!(r#"{kind}[Bulk("subscribe"), Bulk("news"), Integer(1)]"#));
        let receivers = publisher.ask(r#"PUBLISH news "a\r\nb""#).reply();
        assert_eq!(receivers, ReplyRef::Integer(1), "RESP{version}");
        let message = shown(&subscriber.receive());
        assert_eq!(message, format!(r#"{kind}[Bulk("message"), Bulk("news"), Bulk("a\r\nb")]"#));
    }
}

#[test]
fn a_push_to_the_connection_that_causes_it_comes_next_to_the_reply() {
    let Some(server) = Server::start() else { return };
    let mut client = Client::speaking(3, &server);
    assert_eq!(client.ask("SUBSCRIBE news").reply().kind(), Kind::Push);
    // Redis 7.0 sends the push first, 7.2 the reply.
    let mut frames = [shown(&client.ask("PUBLISH news x")), shown(&client.receive())];
    frames.sort();
    assert_eq!(frames, ["Integer(1)", r#"Push[Bulk("message"), Bulk("news"), Bulk("x")]"#]);
    assert_eq!(shown(&client.ask("PING")), r#"Simple("PONG")"#);
}

#[test]
fn text_that_a_script_sends_as_a_big_number_is_refused_or_taken_as_it_is() {
    let Some(server) = Server::start() else { return };
    for (text, sent) in
        [("abc", "abc"), ("", ""), ("1  +a", "1  +a"), (r"1\n2", "1 2"), ("12", "12")]
    {
        let script = format!("redis.setresp(3) return {{1, {{big_number='{text}'}}}}");
        let eval = command(&[b"EVAL", script.as_bytes(), b"0"]);
        let mut lenient = Client::speaking(3, &server);
        lenient.replies.decoder_mut().set_line_policy(LinePolicy::AsSent);
        lenient.send(&eval);
        let ReplyRef::Array(mut items) = lenient.receive().reply() else { panic!("{text}") };
        let number = items.nth(1).expect("a second element");
        assert_eq!(number, ReplyRef::BigNumber(sent.as_bytes()));
        assert_eq!(number.to::<&str>().as_deref(), Ok(sent));
        let is_number = sent == "12";
        assert_eq!(number.as_i64().is_ok(), is_number, "{text}: {:?}", number.as_i64());
        assert_eq!(shown(&lenient.ask("PING")), r#"Simple("PONG")"#);

        let mut strict = Client::speaking(3, &server);
        strict.send(&eval);
        match strict.replies.read() {
            Ok(frame) => assert!(is_number, "{text}: {frame:?}"),
            Err(StreamError::Decode { error, .. }) => assert!(!is_number, "{text}: {error}"),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

#[test]
fn an_error_with_a_line_break_is_refused_or_taken_as_it_is() {
    let Some(server) = Server::start() else { return };
    let list = command(&[b"FUNCTION", b"LIST", b"x\ny"]);
    let mut lenient = Client::speaking(3, &server);
    lenient.replies.decoder_mut().set_line_policy(LinePolicy::AsSent);
    lenient.send(&list);
    // Valkey 9.1 repeats the argument as it is. Redis writes a space in place of the line break.
    let message = lenient.receive().reply().as_error().expect("an error").to_vec();
    let has_break = message.ends_with(b"x\ny");
    assert!(has_break || message.ends_with(b"x y"), "{}", message.escape_ascii());
    assert_eq!(shown(&lenient.ask("PING")), r#"Simple("PONG")"#);

    let mut strict = Client::speaking(3, &server);
    strict.send(&list);
    assert_eq!(strict.replies.read().is_err(), has_break);
}

/// How a socket is told not to wait for bytes.
#[derive(Debug, Clone, Copy)]
enum Impatience {
    NonBlocking,
    ReadTimeout,
}

impl Impatience {
    const ALL: [Self; 2] = [Self::NonBlocking, Self::ReadTimeout];

    fn apply(self, stream: &TcpStream) {
        let applied = match self {
            Self::NonBlocking => stream.set_nonblocking(true),
            Self::ReadTimeout => stream.set_read_timeout(Some(Duration::from_millis(1))),
        };
        applied.expect("an option of every TCP socket");
    }
}

/// Reads once; returns the frame, or `None` if the socket has no more bytes at the moment.
fn poll(replies: &mut ReplyReader<impl Read>) -> Option<Annotated> {
    match replies.read() {
        Ok(frame) => Some(verdicts::annotated(frame.expect("a frame before the end"))),
        Err(StreamError::Io(error)) => {
            // A timeout has one kind on Unix and the other on Windows.
            let kinds = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
            assert!(kinds.contains(&error.kind()), "{error:?}");
            thread::sleep(Duration::from_micros(100));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Repeats until there is a result, for at most [`PATIENCE`].
fn until<T>(what: &str, mut result: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(result) = result() {
            return result;
        }
        assert!(start.elapsed() < PATIENCE, "still waiting for {what}");
    }
}

#[test]
fn a_large_reply_over_an_impatient_socket_arrives_whole() {
    let Some(server) = Server::start() else { return };
    let value = mixed_bytes(8 * 1024 * 1024);
    let mut client = Client::new(server.connect());
    client.send(&command(&[b"SET", b"big", &value]));
    assert_eq!(client.receive().reply(), ReplyRef::Simple(b"OK"));
    for impatience in Impatience::ALL {
        let stream = server.connect();
        impatience.apply(&stream);
        let mut replies = ReplyReader::new(stream);
        assert_eq!(poll(&mut replies), None, "{impatience:?}: before the request");
        replies.get_mut().write_all(b"GET big\r\n").expect("room for a line");
        let frame = until("the value", || poll(&mut replies));
        assert!(frame.value == oracle::Value::Bulk(value.clone()), "{impatience:?}: it differs");
        assert_eq!(poll(&mut replies), None, "{impatience:?}: after the reply");
    }
}

#[test]
fn half_a_frame_over_an_impatient_socket_waits_for_the_other_half() {
    let capture = Capture::read("resp3-debug-protocol.replies");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    for impatience in Impatience::ALL {
        let address = listener.local_addr().expect("the address of a listener");
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
        impatience.apply(&stream);
        let mut replies = ReplyReader::new(stream);
        let (mut peer, _) = listener.accept().expect("the connection");
        for (number, expected) in capture.frames().into_iter().enumerate() {
            let (first, second) = expected.wire().split_at(expected.wire().len() / 2);
            let place = format!("{impatience:?}: frame {number}");
            peer.write_all(first).expect("room for half a frame");
            until("the first half", || {
                assert_eq!(poll(&mut replies), None, "{place}");
                (replies.buffered() == first).then_some(())
            });
            peer.write_all(second).expect("room for half a frame");
            let frame = until("the second half", || poll(&mut replies));
            assert_eq!(frame, verdicts::annotated(expected), "{place}");
            assert_eq!(replies.buffered(), b"", "{place}");
        }
        drop(peer);
        until("the end", || matches!(replies.read(), Ok(None)).then_some(()));
    }
}
