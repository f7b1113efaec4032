//! A running server sees the same commands in the same bytes, valid or broken.
//!
//! Without a `redis-server` on the `PATH`, these tests are skipped, or fail if `ZRESP_REQUIRE_REDIS` is set.
#![cfg(feature = "std")]

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;

use zresp::{
    Command, EncodeCommand, Error, ErrorKind, Expected, Limits, ReplyRef, Request, replies,
    requests,
};
use zresp_testing::drive::live_server::Server;

/// The number of commands that were answered, and whether the connection ended with a protocol error.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    commands: usize,
    is_broken: bool,
}

/// Sends the bytes over a new connection, and counts the replies.
fn server_sees(server: &Server, bytes: &[u8]) -> Seen {
    let mut stream = server.connect();
    // After an error, the server closes the connection at once.
    let sent = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answers = Vec::new();
    let read = stream.read_to_end(&mut answers);
    let frames: Vec<_> =
        replies(&answers).map_while(Result::ok).map(|frame| frame.reply()).collect();
    let protocol_errors = frames.iter().filter(|reply| {
        reply.as_error().is_some_and(|message| message.starts_with(b"ERR Protocol error"))
    });
    let protocol_errors = protocol_errors.count();
    let is_broken = protocol_errors > 0 || sent.is_err() || read.is_err();
    Seen { commands: frames.len() - protocol_errors, is_broken }
}

/// The number of commands that this crate sees, and the error where it stops, if any.
fn we_see(bytes: &[u8]) -> (usize, Option<Error>) {
    let mut count = 0;
    for request in requests(bytes) {
        match request {
            Ok(_) => count += 1,
            Err(error) => {
                return (count, Some(error).filter(|error| error.kind != ErrorKind::UnexpectedEnd));
            }
        }
    }
    (count, None)
}

/// Whether this grammar checks something that Redis 7 does not check, or checks later.
fn is_stricter_here(error: Error, bytes: &[u8]) -> bool {
    // Redis checks a line when its end is there, and does not see an end after a NUL.
    let seen = bytes[error.offset..].split(|byte| *byte == 0).next().unwrap_or_default();
    match error.kind {
        // Redis does not check the two bytes after an argument, nor the byte after a CR. It checks the length
        // of a line only while its end is missing. And it closes the connection of an HTTP client without
        // a reply.
        ErrorKind::Unexpected { expected: Expected::Cr | Expected::Lf, .. }
        | ErrorKind::InlineTooLong { .. }
        | ErrorKind::HttpRequest => true,
        ErrorKind::UnbalancedQuotes => !seen.contains(&b'\n'),
        // It looks at a header when the byte after its CR is there.
        _ => seen
            .iter()
            .position(|byte| *byte == b'\r')
            .is_none_or(|cr| error.offset + cr + 1 == bytes.len()),
    }
}

/// Bytes that are commands, or almost.
fn pipeline(rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rng.usize(1..5) {
        match rng.u8(..10) {
            0..5 => array(rng, &mut bytes),
            5..8 => inline(rng, &mut bytes),
            _ => {
                let nothing = ["\r\n", "\n", "*0\r\n", "*-1\r\n", "*-77\r\n", "  \r\n", "\t\n"];
                bytes.extend_from_slice(rng.choice(nothing).unwrap().as_bytes());
            }
        }
    }
    for _ in 0..rng.usize(0..3) {
        if bytes.is_empty() || rng.bool() {
            continue;
        }
        let at = rng.usize(..bytes.len());
        let byte = *rng.choice(b"\r\n\0*$-+0123456789\"'\\ xP".iter()).unwrap();
        match rng.u8(..4) {
            0 => bytes.insert(at, byte),
            1 => bytes.truncate(at),
            2 => bytes[at] = byte,
            _ => _ = bytes.remove(at),
        }
    }
    bytes
}

/// Names that get one reply, whatever the arguments are.
const NAMES: [&str; 6] = ["PING", "echo", "Get", "nothing", "x", "STRLEN"];

fn array(rng: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    let count = rng.usize(1..4);
    bytes.extend(format!("*{count}\r\n").bytes());
    for index in 0..count {
        let argument: Vec<u8> = match index {
            0 => rng.choice(NAMES).unwrap().bytes().collect(),
            _ => (0..rng.usize(0..12))
                .map(|_| *rng.choice(b"ab\r\n\0*$ \xff".iter()).unwrap())
                .collect(),
        };
        bytes.extend(format!("${}\r\n", argument.len()).bytes());
        bytes.extend(argument);
        bytes.extend(b"\r\n");
    }
}

fn inline(rng: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    let parts =
        ["a", "b ", " ", "\"", "'", "\\", "\\x41", "\\n", "\"a b\"", "'a b'", "\t", "\r", "\x0b"];
    bytes.extend(rng.choice(NAMES).unwrap().bytes());
    bytes.push(b' ');
    for _ in 0..rng.usize(0..6) {
        bytes.extend(rng.choice(parts).unwrap().bytes());
    }
    bytes.extend(if rng.bool() { &b"\r\n"[..] } else { b"\n" });
}

#[test]
fn a_server_sees_the_same_commands() {
    let Some(server) = Server::start() else { return };
    let mut rng = fastrand::Rng::with_seed(6_379);
    let (mut equal, mut broken, mut stricter) = (0, 0, 0);
    for _ in 0..4_000 {
        let bytes = pipeline(&mut rng);
        let theirs = server_sees(&server, &bytes);
        let (ours, error) = we_see(&bytes);
        let shown = bytes.escape_ascii();
        match error {
            Some(error) if is_stricter_here(error, &bytes) => {
                assert!(ours <= theirs.commands, "{error}: {ours}, not {theirs:?}: {shown}");
                stricter += 1;
            }
            _ => {
                let ours = Seen { commands: ours, is_broken: error.is_some() };
                assert_eq!(ours, theirs, "{error:?}: {shown}");
                equal += 1;
                broken += usize::from(error.is_some());
            }
        }
    }
    assert!(equal > 2_500 && broken > 300 && stricter > 100, "{equal} {broken} {stricter}");
}

/// Stops the server from running commands of a vector or a fuzzer. It refuses them, and each refusal names the
/// command.
const HARMLESS: &[u8] = b"ACL SETUSER default -@all +ping +echo\r\n";

/// The replies to the bytes over a new connection, as text. The content of a greeting is left out.
fn answers(server: &Server, bytes: &[u8]) -> Vec<String> {
    let mut stream = server.connect();
    // After QUIT, the server closes the connection at once.
    _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answers = Vec::new();
    _ = stream.read_to_end(&mut answers);
    let shown = |reply: ReplyRef<'_>| match reply {
        ReplyRef::Array(_) | ReplyRef::Map(_) => String::from("a greeting"),
        reply => format!("{reply:?}"),
    };
    replies(&answers).map_while(Result::ok).map(|frame| shown(frame.reply())).collect()
}

/// The requests of the vectors, and the seeds of the fuzzer.
fn collected() -> Vec<Vec<u8>> {
    let vectors = fs::read_to_string("tests/vectors/own.jsonl").expect("the vectors");
    let named =
        std::env::var_os("ZRESP_VECTORS").map(|path| fs::read_to_string(path).expect("vectors"));
    let lines = vectors.lines().chain(named.iter().flat_map(|text| text.lines()));
    let fields = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let requests = fields.filter(|fields| fields["mode"] == "request");
    let byte = |character| u8::try_from(u32::from(character)).expect("a byte for each character");
    let vectors = requests
        .map(|fields| fields["input"].as_str().expect("an input").chars().map(byte).collect());
    let seeds = fs::read_dir("fuzz/seeds/command").expect("the seeds");
    let seeds = seeds.map(|seed| fs::read(seed.expect("an entry").path()).expect("a seed"));
    vectors.chain(seeds).collect()
}

#[test]
fn accepted_requests_are_the_same_commands_when_encoded_again() {
    let Some(server) = Server::start() else { return };
    assert_eq!(answers(&server, HARMLESS), ["Simple(\"OK\")"]);
    let mut rng = fastrand::Rng::with_seed(7);
    let generated = (0..10_000).map(|_| pipeline(&mut rng));
    let inputs: Vec<_> = collected().into_iter().chain(generated).collect();
    let (mut seen, mut sent) = (0, 0);
    for bytes in inputs {
        let accepted: Vec<Request<'_>> = requests(&bytes).map_while(Result::ok).collect();
        let size = accepted.iter().map(|request| request.wire().len()).sum::<usize>();
        let mut encoded = Vec::new();
        for request in &accepted {
            request.command().encode(&mut encoded).expect("a name");
        }
        assert!(requests(&encoded).all(|request| {
            matches!(request.expect("a valid one").command(), Command::Array(_))
        }));
        let original = answers(&server, &bytes[..size]);
        assert_eq!(answers(&server, &encoded), original, "{}", bytes.escape_ascii());
        let quits = original.len() < accepted.len();
        let last = original.last().map_or("", String::as_str);
        assert!(!quits || last.contains("OK"), "{original:?}: {}", bytes.escape_ascii());
        assert!(!original.iter().any(|answer| answer.contains("Protocol error")), "{original:?}");
        seen += original.len();
        sent += accepted.len();
    }
    println!("{sent} commands, {seen} answers");
    assert!(sent > 10_000 && seen > 10_000, "{sent} commands, {seen} answers");
}

/// Broken requests, and the message with which Redis answers a client that has authenticated, and one that has not.
/// `None` if the server does not answer.
fn broken_requests() -> Vec<(Vec<u8>, Option<&'static str>, Option<&'static str>)> {
    let count = Some("invalid multibulk length");
    let many = Some("unauthenticated multibulk length");
    let length = Some("invalid bulk length");
    let long = Some("unauthenticated bulk length");
    let inline = Some("too big inline request");
    let quotes = Some("unbalanced quotes in request");
    let cases: [(&[u8], _, _); 28] = [
        (b"*x\r\n", count, count),
        (b"*1x\r\n", count, count),
        (b"*2147483648\r\n", count, count),
        (b"*99999999999\r\n", count, count),
        (b"*99999999999999999999\r\n", count, count),
        (b"*99x\r\n", count, count),
        (b"*11\r\n$4\r\nPING\r\n", None, many),
        (b"*1000000\r\n", None, many),
        (b"*-x\r\n", count, count),
        (b"*1\r\n:1\r\n", Some("expected '$', got ':'"), Some("expected '$', got ':'")),
        (b"*1\r\n\r\n", Some("expected '$', got ' '"), Some("expected '$', got ' '")),
        (
            b"*1\r\n\xff\r\n",
            Some("expected '$', got '\u{fffd}'"),
            Some("expected '$', got '\u{fffd}'"),
        ),
        (b"*1\r\n*1\r\n", Some("expected '$', got '*'"), Some("expected '$', got '*'")),
        (b"*1\r\n$x\r\n", length, length),
        (b"*1\r\n$4x\r\n", length, length),
        // A 0 at the beginning must be the whole length.
        (b"*01\r\n", count, count),
        (b"*0x\r\n", count, count),
        (b"*1\r\n$00\r\n", length, length),
        (b"*1\r\n$04\r\nPING\r\n", length, length),
        (b"*1\r\n$-1\r\n", length, length),
        (b"*1\r\n$\r\n", length, length),
        (b"*1\r\n$536870913\r\n", length, length),
        (b"*1\r\n$16385\r\n", None, long),
        (b"*1\r\n$99999999999999999999\r\n", length, length),
        (b"*2\r\n$4\r\n\n$\n*\r\n$1x\r\n", length, length),
        (b"SET 'a\r\n", quotes, quotes),
        (b"SET \"a\"b\r\n", quotes, quotes),
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", None, None),
    ];
    let mut cases: Vec<_> = cases.map(|(input, all, new)| (input.to_vec(), all, new)).into();
    cases.push((vec![b'x'; 70_000], inline, inline));
    cases
}

#[test]
fn broken_requests_are_answered_in_the_words_of_redis() {
    let server = Server::start();
    for is_authenticated in [true, false] {
        if let (Some(server), false) = (&server, is_authenticated) {
            server.ask("CONFIG SET requirepass secret");
        }
        let limits = if is_authenticated { Limits::requests() } else { Limits::unauthenticated() };
        for (input, authenticated, unauthenticated) in broken_requests() {
            let shown = input[..input.len().min(40)].escape_ascii();
            let case = format!("{shown}, authenticated: {is_authenticated}");
            let expected = if is_authenticated { authenticated } else { unauthenticated };
            let expected = expected.map(|reason| format!("ERR Protocol error: {reason}"));
            let found = match zresp::CommandDecoder::with_limits(limits).decode(&input) {
                Ok(_) => None,
                Err(error) => error.redis_message(&input),
            };
            let found =
                found.map(|message| String::from_utf8_lossy(&message).replace(['\r', '\n'], " "));
            assert_eq!(found, expected, "{case}");

            let Some(server) = &server else { continue };
            let mut stream = server.connect();
            let sent = stream.write_all(&input).and_then(|()| stream.shutdown(Shutdown::Write));
            let mut answer = Vec::new();
            let read = stream.read_to_end(&mut answer);
            let answer = String::from_utf8_lossy(&answer);
            let expected = expected.map_or(String::new(), |message| format!("-{message}\r\n"));
            assert_eq!(answer, expected, "{case}: sent {sent:?}, read {read:?}");
        }
    }
}

/// Whatever the input and the offset, there is a message or none.
#[test]
fn a_message_is_made_for_any_error_and_input() {
    let mut rng = fastrand::Rng::with_seed(5);
    for _ in 0..20_000 {
        let bytes: Vec<u8> =
            (0..rng.usize(..12)).map(|_| *rng.choice(b"*$-1 9\r\nx'\"\0\xff").unwrap()).collect();
        for limits in [Limits::requests(), Limits::unauthenticated().with_frame(6)] {
            let Err(error) = zresp::CommandDecoder::with_limits(limits).decode(&bytes) else {
                continue;
            };
            for input in [&bytes[..], b"", &bytes[..bytes.len() / 2]] {
                let message = error.redis_message(input);
                assert!(message.is_none_or(|text| text.starts_with(b"ERR Protocol error: ")));
            }
        }
    }
}
