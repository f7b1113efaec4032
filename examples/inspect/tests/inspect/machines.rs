//! The views for machines: JSON and raw bytes. And what never reaches a terminal.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::program::{PROGRAM, inspect, text};
use crate::scratch::Scratch;

fn lines(output: &[u8]) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).expect("a line of JSON");
    text(output).lines().map(parse).collect()
}

#[test]
fn every_kind_has_a_form_in_json() {
    let table: &[(&[u8], Value)] = &[
        (b"+OK\r\n", json!({"type": "simple string", "value": "OK"})),
        (b"-ERR \x1b\r\n", json!({"type": "error", "value": "ERR \u{1b}"})),
        (b":-5\r\n", json!({"type": "integer", "value": -5})),
        (b"$2\r\n\xff\x00\r\n", json!({"type": "bulk string", "value": {"hex": "ff00"}})),
        (b"$-1\r\n", json!({"type": "null bulk string", "value": null})),
        (b"#t\r\n", json!({"type": "boolean", "value": true})),
        (b",1.50\r\n", json!({"type": "double", "value": "1.50"})),
        (b",inf\r\n", json!({"type": "double", "value": "inf"})),
        (b"(123\r\n", json!({"type": "big number", "value": "123"})),
        (b"=5\r\ntxt:a\r\n", json!({"type": "verbatim string", "value": "a", "format": "txt"})),
        (b"$?\r\n;1\r\na\r\n;1\r\nb\r\n;0\r\n", json!({"type": "streamed string", "value": "ab"})),
        (b"*0\r\n", json!({"type": "array", "value": []})),
        (b"%0\r\n", json!({"type": "map", "value": []})),
        (
            b">2\r\n+a\r\n*1\r\n:1\r\n",
            json!({"type": "push", "value": [
                {"type": "simple string", "value": "a"},
                {"type": "array", "value": [{"type": "integer", "value": 1}]},
            ]}),
        ),
        (
            b"%2\r\n+a\r\n:1\r\n+b\r\n%?\r\n+c\r\n:2\r\n.\r\n",
            json!({"type": "map", "value": [
                [{"type": "simple string", "value": "a"}, {"type": "integer", "value": 1}],
                [{"type": "simple string", "value": "b"}, {"type": "map", "value": [
                    [{"type": "simple string", "value": "c"}, {"type": "integer", "value": 2}],
                ]}],
            ]}),
        ),
        (
            b"|1\r\n+a\r\n:1\r\n*1\r\n|1\r\n+b\r\n:2\r\n:3\r\n",
            json!({
                "attributes": [[{"type": "simple string", "value": "a"}, {"type": "integer", "value": 1}]],
                "type": "array",
                "value": [{
                    "attributes": [
                        [{"type": "simple string", "value": "b"}, {"type": "integer", "value": 2}]
                    ],
                    "type": "integer",
                    "value": 3,
                }],
            }),
        ),
    ];
    for (reply, expected) in table {
        let output = inspect(&["--json", "--as", "replies", "-"], &[b":0\r\n", *reply].concat());
        let lines = lines(&output.stdout);
        let [_, line] = lines.as_slice() else { panic!("{}", text(&output.stdout)) };
        let expected = json!({"input": "standard input", "offset": 4, "reply": expected});
        assert_eq!(*line, expected, "{}", reply.escape_ascii());
    }
}

/// Returns a key that occurs twice in an object of a line of JSON. A parser would keep one of them.
fn repeated_key(line: &str) -> Option<String> {
    let mut objects: Vec<HashSet<String>> = Vec::new();
    let mut rest = line;
    while let Some(char) = rest.chars().next() {
        let mut size = char.len_utf8();
        match char {
            '{' => objects.push(HashSet::new()),
            '}' => drop(objects.pop()),
            '"' => {
                let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                let string = strings.next().expect("a string").expect("a string");
                size = strings.byte_offset();
                let is_key = rest[size..].starts_with(':');
                if is_key && !objects.last_mut().expect("an object").insert(string.clone()) {
                    return Some(string);
                }
            }
            _ => {}
        }
        rest = &rest[size..];
    }
    None
}

#[test]
fn no_line_of_json_has_a_key_twice() {
    assert_eq!(repeated_key(r#"{"a":[{"b":"a"},{"b":1}],"c":{"c":1}}"#), None);
    assert_eq!(repeated_key(r#"{"a":{"b\"":1,"b\"":{}}}"#).as_deref(), Some("b\""));

    // Several attributes before one value, in every place, are one list.
    let attribute = b"|1\r\n+a\r\n:1\r\n".as_slice();
    let nested = b"|1\r\n|1\r\n+b\r\n:2\r\n|0\r\n+c\r\n:3\r\n".as_slice();
    let input =
        [attribute, b"|0\r\n", nested, attribute, b"*1\r\n", attribute, attribute, b"|0\r\n:4\r\n"];
    let output = inspect(&["--json", "--as", "replies", "-"], &input.concat());
    let [line] = lines(&output.stdout).try_into().expect("a line");
    assert_eq!(repeated_key(&text(&output.stdout)), None);
    let integer = |value: u8| json!({"type": "integer", "value": value});
    let text_of = |value: &str| json!({"type": "simple string", "value": value});
    let pair = json!([text_of("a"), integer(1)]);
    let key =
        json!({"attributes": [[text_of("b"), integer(2)]], "type": "simple string", "value": "c"});
    let value = json!({"attributes": [pair, pair], "type": "integer", "value": 4});
    let attributes = json!([pair, [key, integer(3)], pair]);
    let expected = json!({"attributes": attributes, "type": "array", "value": [value]});
    assert_eq!(line["reply"], expected);

    for path in ["../../tests/captures", "tests/captures", "../../tests/append_only"] {
        let shown = text(&inspect(&["--json", path], b"").stdout);
        assert!(shown.lines().count() > 20, "{path}: {shown}");
        for line in shown.lines() {
            assert_eq!(repeated_key(line), None, "{line}");
        }
    }
}

#[test]
fn requests_have_a_form_in_json() {
    let output =
        inspect(&["--json", "-"], b"#TS:1700000000\r\n*2\r\n$3\r\nGET\r\n$2\r\n\xc3\xa9\r\n");
    let time = 1_700_000_000.0;
    let expected = json!({"input": "standard input", "offset": 16, "time": time, "db": 0, "request": ["GET", "é"]});
    assert_eq!(lines(&output.stdout), [expected]);
}

#[test]
fn every_recorded_frame_has_a_line_of_json_and_raw_bytes() {
    for name in ["resp2-session", "resp3-session", "resp3-debug-protocol", "resp3-commands"] {
        for kind in ["replies", "requests"] {
            let path = format!("../../tests/captures/{name}.{kind}");
            let bytes = fs::read(&path).expect("the capture");
            let raw = inspect(&["--raw", &path], b"");
            // Of requests, those about the connection are left out and counted.
            let left_out: usize = text(&raw.stderr)
                .lines()
                .filter_map(|line| line.strip_prefix("zresp-inspect: --raw leaves out "))
                .filter_map(|line| line.split(' ').next()?.parse::<usize>().ok())
                .sum();
            if left_out == 0 {
                assert!(raw.stdout == bytes, "{path}: the raw bytes are not those of the file");
            } else {
                let count = zresp::requests(&raw.stdout).count() + left_out;
                assert_eq!(count, zresp::requests(&bytes).count(), "{path}");
                assert_eq!(kind, "requests");
            }
            let count = if kind == "replies" {
                zresp::replies(&bytes).count()
            } else {
                zresp::requests(&bytes).count()
            };
            assert_eq!(lines(&inspect(&["--json", &path], b"").stdout).len(), count, "{path}");
        }
    }
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let evil =
        b"=7\r\ntxt:\n\tx\r\n!3\r\n\ta\n\r\n+\x1b[2J\x07\r\n-ERR \x1b]0;x\x07 \x9b1m\r\n=9\r\ntxt:\x1bcab\x08\r\n!3\r\n\x1b[A\r\n\
        +\xc2\x9b2J \xe2\x80\xae\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\n\x1b[B\r\n$2\r\n\x1b[\r\n$?\r\n;1\r\n\x1b\r\n;0\r\n";
    let requests = b"*2\r\n$3\r\nGET\r\n$2\r\n\x1b[\r\n*1\r\n$3\r\n\x1b[2\r\n";
    for arguments in [&["-"][..], &["--stats", "-"], &["--top", "3", "-"], &["--json", "-"]] {
        for input in [evil.as_slice(), requests, b"\x1b\r\n"] {
            let output = inspect(arguments, input);
            for bytes in [output.stdout, output.stderr] {
                assert_safe(&bytes, arguments);
            }
        }
    }
    let name = "no-such-\u{1b}[2J-file";
    let error = text(&inspect(&[name], b"").stderr);
    assert!(!error.contains('\u{1b}') && error.contains("no-such-\\u{1b}[2J-file"), "{error}");
    // An argument that is wrong is shown too.
    for arguments in [&["--no-such-\u{9b}2J"][..], &["--from", "\u{1b}[2J\u{202e}"]] {
        let output = inspect(arguments, b"");
        assert_eq!(output.status.code(), Some(2));
        assert_safe(&output.stderr, arguments);
    }
}

fn assert_safe(bytes: &[u8], arguments: &[&str]) {
    let shown = std::str::from_utf8(bytes).expect("UTF-8");
    let is_unsafe =
        |char: char| char.is_control() && char != '\n' || matches!(char, '\u{202e}' | '\u{2028}');
    assert_eq!(shown.find(is_unsafe), None, "{arguments:?}: {}", bytes.escape_ascii());
}

#[test]
fn strings_in_json_are_escaped_for_terminals_and_can_be_read_back() {
    let content = "\u{7f}\u{9b}2J\u{202e}\u{2028}\"\\é\u{1f600}\n";
    let reply = format!("${}\r\n{content}\r\n", content.len());
    let output = inspect(&["--json", "-"], reply.as_bytes());
    assert_safe(&output.stdout, &["--json"]);
    let [line] = lines(&output.stdout).try_into().expect("a line");
    assert_eq!(line["reply"]["value"], json!(content));
}

#[test]
fn colours_are_only_used_when_they_are_wanted() {
    assert!(!text(&inspect(&["-"], b":1\r\n").stdout).contains('\u{1b}'));
    let coloured = inspect(&["--color", "always", "-"], b":1\r\n-ERR\r\n");
    assert_eq!(
        text(&coloured.stdout),
        "\u{1b}[36m(integer) 1\u{1b}[0m\n\u{1b}[31m(error) ERR\u{1b}[0m\n"
    );
}

/// What a terminal of `script` gets, with this environment.
fn on_a_terminal(arguments: &str, environment: &str) -> Option<String> {
    let command = format!("{environment} {PROGRAM} {arguments}");
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).env_remove("NO_COLOR").stdin(Stdio::null());
    let output = script.output().ok()?;
    Some(text(&output.stdout))
}

#[test]
fn terminals_get_colours_but_neither_with_no_color_nor_raw_bytes() {
    let file = Scratch::new("terminal", b"-ERR\r\n");
    let path = file.path();
    let Some(coloured) = on_a_terminal(path, "TERM=xterm") else {
        writeln!(io::stderr(), "skipped: there is no `script`").expect("stderr is writable");
        return;
    };
    assert_eq!(coloured, "\u{1b}[31m(error) ERR\u{1b}[0m\r\n");
    for environment in ["TERM=xterm NO_COLOR=1", "TERM=dumb"] {
        assert_eq!(on_a_terminal(path, environment).as_deref(), Some("(error) ERR\r\n"));
    }
    let always = on_a_terminal(&format!("--color always {path}"), "TERM=xterm NO_COLOR=1");
    assert_eq!(always, Some(coloured));
    for (environment, is_coloured) in [("TERM=xterm", true), ("TERM=xterm NO_COLOR=1", false)] {
        let help = on_a_terminal("--help", environment).expect("a terminal");
        assert_eq!(help.contains("\u{1b}["), is_coloured, "{environment}");
    }
    let raw = on_a_terminal(&format!("--raw {path}"), "TERM=xterm").expect("a terminal");
    assert!(raw.contains("--raw writes bytes that are not safe on a terminal"), "{raw}");
}

#[test]
fn long_values_are_shortened_with_their_length() {
    let reply = [b"$300\r\n".as_slice(), &[b'x'; 300], b"\r\n"].concat();
    let shown = text(&inspect(&["-"], &reply).stdout);
    assert_eq!(shown, format!("\"{}\"… 300 bytes\n", "x".repeat(256)));
    let shown = text(&inspect(&["--full", "-"], &reply).stdout);
    assert_eq!(shown, format!("\"{}\"\n", "x".repeat(300)));
}
