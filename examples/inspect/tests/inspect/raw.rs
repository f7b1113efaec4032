//! `--raw`: what it writes can be sent to a server again, and what it leaves out is named.

use crate::packets::From::{Client, Server};
use crate::packets::{Capture, Ip, Link};
use crate::program::{inspect, text};
use crate::scratch::Scratch;

/// Returns a command in the form of an array.
pub(crate) fn command(line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let arguments = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), arguments.collect::<String>())
}

/// Returns the commands as lines.
pub(crate) fn lines(raw: &[u8]) -> Vec<String> {
    zresp::requests(raw)
        .map(|request| {
            let (request, mut scratch) = (request.expect("a command"), Vec::new());
            let command = request.command();
            let command = command.to_array(&mut scratch);
            command.args().map(text).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// Returns the commands that are written, and the lines of standard error.
fn raw(arguments: &[&str], input: &[u8]) -> (Vec<String>, String) {
    let output = inspect(&[&["--raw"], arguments, &["-"]].concat(), input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    (lines(&output.stdout), text(&output.stderr).replace("zresp-inspect: standard input: ", ""))
}

pub(crate) fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().copied().map(str::to_owned).collect()
}

const SENT: [&str; 7] =
    ["SELECT 3", "SET a 1", "GET b", "SELECT 0", "SET b 2", "SELECT 3", "SET a 3"];

#[test]
fn a_selected_command_stays_in_its_database() {
    let wire: String = SENT.iter().copied().map(command).collect();
    let table: &[(&[&str], &[&str])] = &[
        (&[], &SENT),
        (&["--key", "a"], &["SELECT 3", "SET a 1", "SET a 3"]),
        (
            &["--command", "SET"],
            &["SELECT 3", "SET a 1", "SELECT 0", "SET b 2", "SELECT 3", "SET a 3"],
        ),
        (&["--grep", "b"], &["SELECT 3", "GET b", "SELECT 0", "SET b 2"]),
        (&["--key", "b", "--command", "set"], &["SET b 2"]),
        (&["--from", "30"], &["SELECT 3", "GET b", "SELECT 0", "SET b 2", "SELECT 3", "SET a 3"]),
    ];
    for (arguments, expected) in table {
        for kind in ["aof", "requests"] {
            let arguments = [arguments, &["--as", kind][..]].concat();
            let expected = (owned(expected), String::new());
            assert_eq!(raw(&arguments, wire.as_bytes()), expected, "{arguments:?}");
        }
        let mut capture = Capture::new(Link::Raw, Ip::V4).open();
        for line in SENT {
            capture = capture.send(Client, command(line).as_bytes()).send(Server, b"+OK\r\n");
        }
        let expected = (owned(expected), String::new());
        assert_eq!(raw(arguments, capture.file()), expected, "{arguments:?}");
    }

    // Each input begins in the first database.
    let file = Scratch::new("databases", wire.as_bytes());
    let arguments = ["--raw", "--key", "a", file.path(), file.path()];
    let output = inspect(&arguments, b"");
    assert_eq!(lines(&output.stdout), ["SELECT 3", "SET a 1", "SET a 3", "SET a 1", "SET a 3"]);
    let other = Scratch::new("database", command("SET a 5").as_bytes());
    let output = inspect(&["--raw", "--key", "a", file.path(), other.path()], b"");
    assert_eq!(lines(&output.stdout), ["SELECT 3", "SET a 1", "SET a 3", "SELECT 0", "SET a 5"]);
}

#[test]
fn a_database_that_was_refused_is_not_selected() {
    // All commands are sent before the first reply.
    let sent = ["SELECT 99", "SET a 1", "SELECT 2", "SET a 2", "RESET", "SET a 3"];
    let wire: String = sent.map(command).concat();
    let replies = b"-ERR DB index is out of range\r\n+OK\r\n+OK\r\n+OK\r\n+RESET\r\n+OK\r\n";
    let capture = Capture::new(Link::Raw, Ip::V4).open().send(Client, wire.as_bytes());
    let expected = owned(&["SET a 1", "SELECT 2", "SET a 2", "SELECT 0", "SET a 3"]);
    let written = raw(&["--key", "a"], capture.send(Server, replies).file());
    assert_eq!(written, (expected, String::new()));
}

#[test]
fn a_database_that_is_not_known_is_reported() {
    let capture = Capture::new(Link::Raw, Ip::V4).send(Client, command("SET a 1").as_bytes());
    let capture = capture.send(Server, b"+OK\r\n").send(Client, command("SET a 2").as_bytes());
    let (commands, error) = raw(&[], capture.send(Server, b"+OK\r\n").file());
    assert_eq!(commands, ["SET a 1", "SET a 2"]);
    let line = "10.0.0.1:50000 > 10.0.0.2:6379: the database of some commands is not known, \
        because what precedes them was not read\n";
    assert!(error.starts_with(line), "{error}");

    let broken = [command("SELECT 3"), "?\r\n".to_owned(), command("SET a 1")].concat();
    let arguments = ["--raw", "--keep-going", "--key", "a", "--as", "aof", "-"];
    let output = inspect(&arguments, broken.as_bytes());
    assert!(text(&output.stderr).contains(": the database of some commands is not known, "));
}

#[test]
fn a_snapshot_that_is_not_written_is_named_once() {
    let directory = "../../tests/append_only/redis-7.0";
    for arguments in [&["--raw", directory, directory][..], &["--raw", "--key", "x", directory]] {
        let output = inspect(arguments, b"");
        let error = text(&output.stderr);
        assert!(error.ends_with(": --raw does not write the snapshot\n"), "{error}");
        assert_eq!((error.lines().count(), output.status.code()), (1, Some(0)), "{error}");
    }
    assert_eq!(text(&inspect(&["--raw", "--only", "replies", directory], b"").stderr), "");
}

#[test]
fn several_connections_are_named_and_one_can_be_selected() {
    let exchange = |capture: Capture, line: &str| {
        capture.send(Client, command(line).as_bytes()).send(Server, b"+OK\r\n")
    };
    let capture = exchange(Capture::new(Link::Raw, Ip::V4).open(), "SET a 1");
    let capture = exchange(capture.connection(50_001, 6379).open(), "SET b 2");
    let (commands, error) = raw(&[], capture.file());
    assert_eq!(commands, ["SET a 1", "SET b 2"]);
    let line = "--raw writes frames of more than one connection (--connection selects one)\n";
    assert_eq!(error, line);

    let replies = inspect(&["--raw", "--only", "replies", "-"], capture.file());
    assert!(text(&replies.stderr).ends_with(line), "{replies:?}");

    let selected = |address: &str| raw(&["--connection", address], capture.file());
    assert_eq!(selected("10.0.0.1:50001"), (vec!["SET b 2".to_owned()], String::new()));
    assert_eq!(selected("10.0.0.1:50000"), (vec!["SET a 1".to_owned()], String::new()));
    // The server is not a client.
    let none = "no connection of the client that --connection names\n";
    assert_eq!(selected("10.0.0.2:6379"), (Vec::new(), none.to_owned()));
    let stats = inspect(&["--stats", "--connection", "10.0.0.1:50001", "-"], capture.file());
    assert!(stats.stdout.starts_with(b"frames    2\n"), "{stats:?}");

    let output = inspect(&["--connection", "10.0.0.1:50000", "-"], b"+OK\r\n");
    let line = "zresp-inspect: standard input: neither a capture nor a text of MONITOR, \
        so it has no connections\n";
    assert_eq!((text(&output.stderr).as_str(), output.status.code()), (line, Some(1)));
    assert_eq!(inspect(&["--connection", "localhost", "-"], b"").status.code(), Some(2));
}

#[test]
fn the_largest_reply_is_named_by_its_place_in_the_stream_of_the_server() {
    let capture = Capture::new(Link::Raw, Ip::V4).open();
    let capture = capture.send(Client, b"PING\r\n").send(Server, b"+PONG\r\n");
    let capture = capture.send(Client, b"GET a\r\n").send(Server, b"$9\r\n012345678\r\n");
    let stats = text(&inspect(&["--stats", "-"], capture.file()).stdout);
    let line =
        "\nlargest   15 bytes at offset 7 of 10.0.0.2:6379 > 10.0.0.1:50000 in standard input\n";
    assert!(stats.contains(line), "{stats}");
    let capture = capture.send(Client, b"GET 0123456789012345\r\n").send(Server, b"$-1\r\n");
    let stats = text(&inspect(&["--stats", "-"], capture.file()).stdout);
    let line =
        "\nlargest   22 bytes at offset 13 of 10.0.0.1:50000 > 10.0.0.2:6379 in standard input\n";
    assert!(stats.contains(line), "{stats}");
}

#[test]
fn the_commands_of_a_primary_keep_their_database() {
    let handshake = || {
        let capture = Capture::new(Link::Raw, Ip::V4).open();
        capture.send(Client, command("PSYNC ? -1").as_bytes())
    };
    let stream = std::fs::read("../../tests/captures/replication-disk.stream").expect("a stream");
    let capture = handshake().send_in_pieces(Server, &stream, 60_000);
    let (whole, error) = raw(&[], capture.file());
    // Both directions of one connection, whose database is known from its beginning on.
    assert!(error.starts_with("--raw does not write the snapshot\n"), "{error}");
    assert!(!whole.iter().any(|line| line.starts_with("PSYNC")), "{whole:?}");
    assert!(whole.iter().any(|line| line.starts_with("SELECT")), "{whole:?}");

    let answer = ["+CONTINUE\r\n".to_owned(), command("SELECT 2"), command("SET k v")].concat();
    let capture = handshake().send(Server, answer.as_bytes());
    let (selected, error) = raw(&["--key", "k"], capture.file());
    assert_eq!((selected, error.as_str()), (owned(&["SELECT 2", "SET k v"]), ""));
}

#[test]
fn commands_of_monitor_keep_their_database() {
    let lines = "1700000000.1 [3 127.0.0.1:1] \"SET\" \"a\" \"1\"\n\
        1700000000.2 [0 127.0.0.1:2] \"SET\" \"b\" \"2\"\n1700000000.3 [3 lua] \"SET\" \"a\" \"3\"\n";
    // What a script ran is not written: EVAL runs it again.
    let line = "zresp-inspect: --raw leaves out 1 commands of scripts, which EVAL runs again\n";
    let expected = owned(&["SELECT 3", "SET a 1", "SELECT 0", "SET b 2"]);
    assert_eq!(raw(&[], lines.as_bytes()), (expected, line.to_owned()));
    let expected = owned(&["SELECT 3", "SET a 1"]);
    assert_eq!(raw(&["--key", "a"], lines.as_bytes()), (expected, line.to_owned()));
}

#[test]
fn the_commands_of_a_replication_stream_keep_their_database() {
    let stream = std::fs::read("../../tests/captures/replication-disk.stream").expect("a stream");
    let (whole, error) = raw(&["--command", "SET", "--command", "SELECT"], &stream);
    assert!(error == "--raw does not write the snapshot\n" && !whole.is_empty(), "{error}");
    let answer = ["+CONTINUE\r\n".to_owned(), command("SET k v")].concat();
    let (selected, error) = raw(&[], answer.as_bytes());
    assert_eq!(selected, ["SET k v"]);
    assert!(error.starts_with("the database of some commands is not known, "), "{error}");
}
