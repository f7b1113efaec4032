//! `--raw` writes what a server can take again on one connection.

use crate::packets::From::{Client, Server};
use crate::packets::{Capture, Ip, Link};
use crate::program::{inspect, text};
use crate::raw::{command, lines, owned};

/// Returns the commands that are written of an input, and the lines of standard error, without the name of the program.
fn raw(arguments: &[&str], input: &[u8]) -> (Vec<String>, String) {
    let output = inspect(&[&["--raw"], arguments, &["-"]].concat(), input);
    (lines(&output.stdout), text(&output.stderr).replace("zresp-inspect: ", ""))
}

fn commands(lines: &[&str]) -> String {
    lines.iter().copied().map(command).collect()
}

fn dropped(count: usize) -> String {
    let what = "of transactions that were not executed, or not read to their ends";
    format!("--raw leaves out {count} commands {what}\n")
}

/// Bytes that are no command.
const DAMAGE: &str = "*1\r\n$x\r\n";

#[test]
fn a_damaged_transaction_is_left_out_and_the_next_commands_are_not() {
    let before = commands(&["SET a 1", "MULTI", "SET a 2"]);
    let table: &[(&[&str], &[&str], usize)] = &[
        // The end of the transaction comes.
        (&["SET a 3", "EXEC", "SET a 4"], &["SET a 1", "SET a 4"], 2),
        // It was in the damaged bytes.
        (
            &["SET a 3", "MULTI", "SET a 4", "EXEC", "SET a 5"],
            &["SET a 1", "SET a 3", "MULTI", "SET a 4", "EXEC", "SET a 5"],
            1,
        ),
        (&["SET a 3"], &["SET a 1", "SET a 3"], 1),
    ];
    for (after, expected, count) in table {
        for kind in ["aof", "requests"] {
            let input = [&before, DAMAGE, &commands(after)].concat();
            let (written, error) = raw(&["--keep-going", "--as", kind], input.as_bytes());
            assert_eq!(written, *expected, "{kind}, {after:?}");
            assert!(error.ends_with(&dropped(*count)), "{kind}: {error}");
        }
    }
    // A cut input.
    for kind in ["aof", "requests"] {
        let (written, error) = raw(&["--as", kind], before.as_bytes());
        assert_eq!(written, ["SET a 1"], "{kind}");
        assert!(error.ends_with(&dropped(1)), "{error}");
    }
    let whole = commands(&["MULTI", "SET a 2", "EXEC"]);
    assert_eq!(raw(&["--as", "aof"], whole.as_bytes()), (lines(whole.as_bytes()), String::new()));
}

/// Returns a capture of commands and their replies.
fn exchanges(mut capture: Capture, all: &[(&str, &str)]) -> Capture {
    for (line, reply) in all {
        capture = capture.send(Client, command(line).as_bytes());
        capture = capture.send(Server, format!("{reply}\r\n").as_bytes());
    }
    capture
}

fn capture(all: &[(&str, &str)]) -> Capture {
    exchanges(Capture::new(Link::Raw, Ip::V4).open(), all)
}

#[test]
fn a_filter_writes_only_what_was_executed() {
    let transaction = |value: &'static str, end: &'static str, reply: &'static str| {
        [("MULTI", "+OK"), (value, "+QUEUED"), (end, reply)]
    };
    let all = [
        transaction("SET a 1", "DISCARD", "+OK"),
        transaction("SET a 2", "EXEC", "*1\r\n+OK"),
        // A watched key was changed, or a command was wrong.
        transaction("SET a 3", "EXEC", "*-1"),
        transaction("SET a 4", "EXEC", "-EXECABORT wrong"),
    ]
    .concat();
    let capture = capture(&all);
    for arguments in [&["--command", "set"][..], &["--key", "a"], &["--grep", "SET"]] {
        assert_eq!(raw(arguments, capture.file()), (owned(&["SET a 2"]), dropped(3)));
    }
    let whole = owned(&["MULTI", "SET a 2", "EXEC"]);
    for arguments in [&[][..], &["--only", "requests"]] {
        assert_eq!(raw(arguments, capture.file()), (whole.clone(), dropped(3)), "{arguments:?}");
    }
    assert_eq!(raw(&["--command", "multi"], capture.file()).0, [""; 0]);
}

#[test]
fn transactions_of_several_connections_are_not_mixed() {
    let all = capture(&[("MULTI", "+OK"), ("SET a 1", "+QUEUED")]).connection(50_001, 6379).open();
    let all = exchanges(all, &[("SET a 2", "+OK")]);
    let all = exchanges(all.resume(50_000, 6379), &[("EXEC", "*1\r\n+OK")]);
    let (written, error) = raw(&[], all.file());
    assert_eq!(written, ["SET a 2", "MULTI", "SET a 1", "EXEC"], "{error}");
}

#[test]
fn what_changes_how_a_connection_answers_is_left_out() {
    let modes = [
        "AUTH secret",
        "HELLO 3",
        "MONITOR",
        "SUBSCRIBE a",
        "psubscribe a",
        "SSUBSCRIBE a",
        "UNSUBSCRIBE",
        "CLIENT REPLY OFF",
        "client tracking on",
        "SYNC",
        "PSYNC ? -1",
        "REPLCONF capa eof",
        "WATCH a",
        "RESET",
        "QUIT",
    ];
    let kept = ["SET a 1", "CLIENT SETNAME a", "PUBLISH a b", "PING"];
    let input = [commands(&modes), commands(&kept)].concat();
    let line = "--raw leaves out 15 commands about their connection, such as SUBSCRIBE, AUTH and CLIENT REPLY\n";
    let written = raw(&["--as", "requests"], input.as_bytes());
    assert_eq!(written, (owned(&kept), line.to_owned()));
}

/// A client's command, which a primary repeats to its replica.
fn repeated() -> Capture {
    let capture = Capture::new(Link::Raw, Ip::V4).connection(50_001, 6379).open();
    let capture = exchanges(capture, &[("PING", "+PONG"), ("REPLCONF capa eof", "+OK")]);
    let capture = capture.send(Client, command("PSYNC ? -1").as_bytes());
    let sent = ["+CONTINUE\r\n".to_owned(), commands(&["SELECT 0", "SET a 1"])].concat();
    capture.send(Server, sent.as_bytes())
}

#[test]
fn what_a_primary_repeats_is_counted_and_written_once() {
    let both = exchanges(repeated().connection(50_000, 6379).open(), &[("SET a 1", "+OK")]);
    let what = "2 commands from primaries to replicas, which repeat those of clients \
        (--connection with the address of a replica selects its connection)\n";
    let (written, error) = raw(&[], both.file());
    assert_eq!(written, ["SET a 1"]);
    assert!(error.ends_with(&format!("--raw leaves out {what}")), "{error}");
    for (view, is_counted) in [(&["--stats"][..], true), (&["--top", "3"], false)] {
        let output = inspect(&[view, &["-"]].concat(), both.file());
        assert_eq!(text(&output.stderr), format!("zresp-inspect: left out: {what}"));
        let shown = text(&output.stdout);
        let set = shown.lines().find(|line| line.starts_with("set ") || line.ends_with(" \"a\""));
        let fields: Vec<_> = set.expect("a line").split_whitespace().collect();
        assert_eq!(fields.get(usize::from(is_counted)), Some(&"1"), "{shown}");
    }

    // It is asked for, or it is all there is.
    let asked = ["--connection", "10.0.0.1:50001"];
    for (arguments, capture) in [(&asked[..], &both), (&[], &repeated())] {
        let (written, error) = raw(arguments, capture.file());
        assert_eq!(written, ["SELECT 0", "SET a 1"]);
        assert!(!error.contains("repeat"), "{error}");
        let output = inspect(&[&["--stats"], arguments, &["-"]].concat(), capture.file());
        let (shown, error) = (text(&output.stdout), text(&output.stderr));
        assert!(
            shown.contains("\nset ") && shown.contains("\npsync ") && error.is_empty(),
            "{shown}{error}"
        );
    }
}
