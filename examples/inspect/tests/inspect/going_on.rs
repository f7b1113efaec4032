//! `--keep-going` resumes after an error and says what it skipped, and filters select what is shown.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::links::shown;
use crate::packets::From::Server;
use crate::packets::{Capture, Ip, Link};
use crate::program::{inspect, start, text};
use crate::scratch::Scratch;

/// Returns the standard output and the lines of standard error without the name of the program and the input.
fn kept_going(arguments: &[&str], input: &[u8]) -> (String, Vec<String>) {
    let arguments = [arguments, &["--keep-going", "-"]].concat();
    let output = inspect(&arguments, input);
    assert_eq!(output.status.code(), Some(1));
    let prefix = "zresp-inspect: standard input: ";
    let error = text(&output.stderr);
    let lines = error.lines().map(|line| line.strip_prefix(prefix).unwrap_or(line).to_owned());
    (text(&output.stdout), lines.collect())
}

#[test]
fn replies_continue_at_the_next_frame() {
    let (shown, errors) = kept_going(&["--as", "replies"], b"+a\r\n$2\r\nabc\r\n:1\r\n?\r\n+b\r\n");
    assert_eq!(shown, "a\n(integer) 1\nb\n");
    let [first, skipped, second, rest] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(first.starts_with("offset 10: expected CR, found `c`: "), "{first}");
    assert_eq!(skipped, "skipped 9 bytes, to offset 13");
    // Frames are counted from the beginning of the input.
    assert!(first.ends_with("good frames before it: 1)"), "{first}");
    assert!(second.ends_with("good frames before it: 2)"), "{second}");
    assert!(second.starts_with("offset 17: expected a type byte, found `?`: "), "{second}");
    assert_eq!(rest, "skipped 3 bytes, to offset 20");

    // A frame that the end of the input cuts is not one.
    let (shown, errors) = kept_going(&["--as", "replies"], b"?\r\n+a\r\n$10\r\nabc");
    assert_eq!(shown, "a\n");
    assert_eq!(errors.last().map(String::as_str), Some("skipped the rest, from offset 7 on"));
}

#[test]
fn append_only_files_continue_at_the_next_command() {
    let command = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n".as_slice();
    let broken = [b"*1\r\n$6\r\nSELECT\r\n", command, b"*2\r\n$4\r\nINCR\r\n$3\r\nn\r\n", command];
    let (shown, errors) = kept_going(&["--as", "aof"], &broken.concat());
    assert_eq!(shown, "\"SELECT\"\n\"INCR\" \"n\"\n\"INCR\" \"n\"\n");
    let [first, skipped] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(
        first.contains(", ok up to 37: ") && first.contains("(frame at offset 37, "),
        "{first}"
    );
    assert_eq!(skipped, "skipped 21 bytes, to offset 58");

    // An EXEC without a MULTI is one error, and the commands after it are shown.
    let exec = [command, b"*1\r\n$4\r\nEXEC\r\n", command].concat();
    let (shown, errors) = kept_going(&["--as", "aof"], &exec);
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(errors.first().is_some_and(|line| line.contains("EXEC without MULTI")), "{errors:?}");
}

/// Every change of a byte leaves most commands readable.
#[test]
fn damage_at_any_place_costs_few_commands() {
    let file = std::fs::read("../../tests/append_only/redis-6.2.aof").expect("the file");
    let snapshot = file.windows(4).position(|bytes| bytes == b"*2\r\n").expect("a command");
    let commands = file.split_at(snapshot).1;
    let whole = text(&inspect(&["--as", "aof", "-"], commands).stdout).lines().count();
    for place in (0..commands.len()).step_by(7) {
        let mut damaged = commands.to_vec();
        if let Some(byte) = damaged.get_mut(place) {
            *byte = b'\0';
        }
        let scratch = Scratch::new("damaged", &damaged);
        let output = inspect(&["--as", "aof", "--keep-going", scratch.path()], b"");
        let shown = text(&output.stdout).lines().count();
        assert!(shown + 2 >= whole, "{place}: {shown} of {whole}");
    }
}

#[test]
fn filters_select_by_content_name_key_and_place() {
    let input =
        b"#TS:1700000000\r\n*3\r\n$3\r\nSET\r\n$6\r\nuser:1\r\n$3\r\nann\r\n#TS:1700000010\r\n\
        *2\r\n$3\r\nget\r\n$6\r\nuser:2\r\n*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$6\r\nuser:3\r\n";
    let table: &[(&[&str], &str)] = &[
        (&["--command", "GET"], "get\n"),
        (&["--command", "GET", "--command", "mget"], "get\nMGET\n"),
        (&["--key", "user:*"], "SET\nget\nMGET\n"),
        (&["--key", "user:[12]"], "SET\nget\n"),
        (&["--key", "ann"], ""),
        (&["--grep", "ann"], "SET\n"),
        (&["--from", "50", "--to", "90"], "get\n"),
        (&["--from", "@1700000010"], "get\nMGET\n"),
        (&["--to", "2023-11-14T22:13:30Z"], "SET\n"),
        (&["--only", "replies"], ""),
        (&["--only", "requests", "--command", "set"], "SET\n"),
    ];
    for (arguments, expected) in table {
        let output = inspect(&[*arguments, &["-"]].concat(), input);
        let shown = text(&output.stdout);
        let names: Vec<_> = shown.lines().filter_map(|line| line.split('"').nth(1)).collect();
        assert_eq!(
            names,
            expected.lines().collect::<Vec<_>>(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn nothing_is_read_after_the_end_of_the_part_that_is_shown() {
    let replies = b"+a\r\n+b\r\n?".as_slice();
    let requests = b"PING\r\nPING\r\n*1\r\n:";
    let file = b"#TS:1\r\n*1\r\n$4\r\nPING\r\n#TS:5\r\n*1\r\n$4\r\nPING\r\n?";
    let table: &[(&str, &[u8], &str, usize)] = &[
        ("replies", replies, "8", 2),
        ("requests", requests, "6", 1),
        ("requests", requests, "12", 2),
        ("aof", file, "8", 1),
        ("aof", file, "@5", 1),
    ];
    for (kind, input, to, lines) in table {
        let output = inspect(&["--as", kind, "--to", to, "-"], input);
        assert_eq!(text(&output.stdout).lines().count(), *lines, "{kind} {to}");
        assert_eq!(text(&output.stderr), "", "{kind} {to}");
        assert!(!inspect(&["--as", kind, "-"], input).status.success(), "{kind}");
    }
}

#[test]
fn few_of_many_errors_are_named() {
    let (_, errors) = kept_going(&["--as", "replies"], &b"$30000\r\n".repeat(200_000));
    let (lines, rest) = errors.split_at(40);
    assert!(lines.iter().all(|line| line.starts_with("offset ") || line.starts_with("skipped ")));
    let [_, errors, parts] = rest else { panic!("{rest:?}") };
    assert!(errors.ends_with(" more errors"), "{errors}");
    assert!(parts.ends_with(" more parts that were skipped"), "{parts}");

    let lines = "1700000000.1 [0 a]\n".repeat(100);
    let (_, errors) = kept_going(&["--as", "monitor"], lines.as_bytes());
    assert_eq!((errors.len(), errors.last().map(String::as_str)), (21, Some("80 more errors")));

    let mut capture = Capture::new(Link::Raw, Ip::V4).open();
    for _ in 0..100 {
        capture = capture.send(Server, b"?\r\n+OK\r\n");
    }
    let (_, error) = shown(&["--keep-going"], &capture);
    assert_eq!(error.lines().count(), 42, "{error}");
}

/// Returns what the program writes to standard output and to standard error before its input goes on.
fn written_at_once(arguments: &[&str], input: &[u8], lines: [usize; 2]) -> [String; 2] {
    let (mut child, mut stdin) = start(arguments);
    stdin.write_all(input).expect("the program reads");
    let outputs: [Box<dyn Read + Send>; 2] = [
        Box::new(child.stdout.take().expect("a pipe")),
        Box::new(child.stderr.take().expect("a pipe")),
    ];
    let mut index = 0;
    let written = outputs.map(|output| {
        let (sender, receiver) = mpsc::channel();
        let reader = BufReader::new(output);
        thread::spawn(move || {
            reader.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        index += 1;
        let wait = || receiver.recv_timeout(Duration::from_secs(10)).expect("a line in time");
        (0..lines[index - 1]).map(|_| wait() + "\n").collect()
    });
    drop(stdin);
    child.wait().expect("the program ends");
    written
}

#[test]
fn what_is_whole_is_shown_and_what_is_wrong_is_reported_while_the_input_goes_on() {
    let error = "zresp-inspect: standard input: offset 6: expected a digit or a sign, found `a`: \
        3a [61] 0d 0a (frame at offset 5, good frames before it: 1)\n";
    let [shown, errors] = written_at_once(&["-"], b"+OK\r\n:a\r\n", [1, 1]);
    assert_eq!((shown.as_str(), errors.as_str()), ("OK\n", error));
    // A frame that has not come to its end does not hold back the one before.
    assert_eq!(written_at_once(&["-"], b"+OK\r\n:1", [1, 0])[0], "OK\n");
    let command = b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET";
    assert_eq!(written_at_once(&["-"], command, [1, 0])[0], "\"PING\"\n");
    let line = b"1700000000.1 [0 a] \"ping\"\n1700000000.2";
    assert_eq!(written_at_once(&["-"], line, [1, 0])[0].matches("ping").count(), 1);
    // What follows an error.
    let input = b"+OK\r\n:a\r\nx\r\n+b\r\n";
    let [shown, errors] = written_at_once(&["--keep-going", "-"], input, [2, 2]);
    assert_eq!(shown, "OK\nb\n");
    assert!(errors.ends_with("standard input: skipped 7 bytes, to offset 12\n"), "{errors}");
}
