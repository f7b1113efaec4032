//! The text of `redis-cli monitor`.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::program::{inspect, start, text};

const LINES: &str = "OK
1700000000.123456 [0 127.0.0.1:50000] \"set\" \"a b\\\"\\x00\\n\" \"\"
1700000001.500000 [15 lua] \"GET\" \"a\"
1700000002.000000 [0 unix:/tmp/a] b] \"auth\" \"password\"
";

#[test]
fn monitor_text_is_read_as_commands() {
    let expected = r#"2023-11-14T22:13:20.123456Z 127.0.0.1:50000 "set" "a b\"\x00\n" ""
2023-11-14T22:13:21.500000Z lua db=15 "GET" "a"
2023-11-14T22:13:22.000000Z unix:/tmp/a] b "auth" "(redacted)"
"#;
    let without_reply = LINES.replace("OK\n", "");
    for input in [LINES.to_owned(), without_reply.replace('\n', "\r\n"), without_reply] {
        let output = inspect(&["-"], input.as_bytes());
        assert_eq!(
            (text(&output.stdout), text(&output.stderr)),
            (expected.to_owned(), String::new())
        );
    }
    let raw = inspect(&["--raw", "--to", "@1700000001.5", "-"], LINES.as_bytes()).stdout;
    assert_eq!(raw, b"*3\r\n$3\r\nset\r\n$6\r\na b\"\0\n\r\n$0\r\n\r\n");
}

#[test]
fn monitor_text_is_recognised_while_it_is_written() {
    let (child, mut input) = start(&["-"]);
    let value = "x".repeat(10_000);
    let line = format!("1700000000.5 [0 127.0.0.1:1] \"set\" \"k\" \"{value}\"\n");
    for piece in ["OK\n", &line[..15], &line[15..6000], &line[6000..]] {
        input.write_all(piece.as_bytes()).expect("the program reads");
        input.flush().expect("the program reads");
        thread::sleep(Duration::from_millis(100));
    }
    drop(input);
    let output = child.wait_with_output().expect("the program ends");
    let expected = format!(
        "2023-11-14T22:13:20.500000Z 127.0.0.1:1 \"set\" \"k\" \"{}\"… 10000 bytes\n",
        &value[..256]
    );
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn a_line_that_is_not_one_is_reported() {
    for broken in [
        "1700000000.1 [0 a] \"get\" \"a",
        "1700000000.1 [0 a] \"get\" x",
        "1700000000.1 [0 a]",
        "1700000000.1 [0 a] \"a b\"",
        "x",
    ] {
        let input = format!("{LINES}{broken}\n1700000003.0 [0 a] \"ping\"\n");
        let output = inspect(&["--keep-going", "-"], input.as_bytes());
        let error = format!("standard input: offset {}: not a line of MONITOR\n", LINES.len());
        assert_eq!(text(&output.stderr), format!("zresp-inspect: {error}"), "{broken}");
        assert!(text(&output.stdout).ends_with("Z a \"ping\"\n"), "{broken}");
        let output = inspect(&["-"], input.as_bytes());
        assert_eq!((text(&output.stdout).lines().count(), output.status.code()), (3, Some(1)));
    }
}

#[test]
fn a_line_without_its_end_is_cut() {
    let offset = LINES.trim_end().rfind('\n').expect("a line") + 1;
    for view in [&["-"][..], &["--raw", "-"], &["--keep-going", "-"]] {
        let output = inspect(view, LINES.trim_end().as_bytes());
        let whole = inspect(view, &LINES.as_bytes()[..offset]);
        assert_eq!((&output.stdout, whole.status.code()), (&whole.stdout, Some(0)));
        let line = format!("standard input: offset {offset}: the input ends inside a line\n");
        let error = format!("zresp-inspect: {line}");
        let expected = error + &text(&whole.stderr);
        assert_eq!((text(&output.stderr), output.status.code()), (expected, Some(1)));
    }
    // It comes after the end of the part that is shown.
    let output = inspect(&["--to", "@1700000002", "-"], LINES.trim_end().as_bytes());
    assert!(output.status.success() && output.stderr.is_empty());
    // An idle server.
    let output = inspect(&["-"], b"OK\n");
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn the_largest_values_are_data_and_keys_have_bytes() {
    let top = |input: &[u8]| text(&inspect(&["--top", "3", "-"], input).stdout);
    let shown = top(LINES.as_bytes());
    assert!(!shown.contains("password"), "{shown}");

    let commands = "select 0\r\nauth some-long-password\r\nconfig set maxmemory 1000000000000\r\n\
        set a-rather-long-key-without-a-value v\r\nset a 12345\r\nget a\r\nmget b c\r\npublish news 123\r\n";
    let expected = "\
hottest keys, by accesses
         2         20 B  \"a\"
         1         41 B  \"a-rather-long-key-without-a-value\"
         1          5 B  \"b\"
largest keys, by bytes
         1         41 B  \"a-rather-long-key-without-a-value\"
         2         20 B  \"a\"
         1          5 B  \"b\"
largest values
           5 B  at 112 of standard input \"set\" \"a\" \"12345\"
           4 B  at 142 of standard input \"publish\" \"news\" \"123\"
           1 B  at 71 of standard input \"set\" \"a-rather-long-key-without-a-value\" \"v\"
";
    assert_eq!(top(commands.as_bytes()), expected);

    // What MONITOR shows on a connection is not a reply to anything.
    let replies = "+OK\r\n+1700000000.1 [0 127.0.0.1:1] \"get\" \"a\"\r\n:12\r\n";
    assert_eq!(
        top(replies.as_bytes()),
        "largest replies\n           5 B  at 0 of standard input\n           5 B  at 46 of standard input\n"
    );
}
