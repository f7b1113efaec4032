//! Passwords in commands are shown only if that is wanted.

use crate::packets::From::{Client, Server};
use crate::packets::{Capture, Ip, Link};
use crate::program::{inspect, text};

/// Commands, and what is shown of them. Most have a password, `hush`.
const COMMANDS: [(&str, &str); 16] = [
    ("AUTH hush", "AUTH (redacted)"),
    ("auth user hush", "auth (redacted) (redacted)"),
    ("HELLO 3 AUTH user hush SETNAME me", "HELLO 3 AUTH (redacted) (redacted) SETNAME me"),
    ("HELLO 3 SETNAME auth auth user hush", "HELLO 3 SETNAME auth auth (redacted) (redacted)"),
    ("HELLO 3", "HELLO 3"),
    ("ACL SETUSER user on >hush", "ACL SETUSER user (redacted) (redacted)"),
    ("ACL GETUSER user", "ACL GETUSER user"),
    ("CONFIG SET requirepass hush", "CONFIG SET requirepass (redacted)"),
    (
        "config set maxmemory 1 MASTERAUTH hush hz 5",
        "config set maxmemory 1 MASTERAUTH (redacted) hz 5",
    ),
    ("CONFIG SET save requirepass", "CONFIG SET save requirepass"),
    ("MIGRATE host 6379 k 0 9 AUTH hush", "MIGRATE host 6379 k 0 9 AUTH (redacted)"),
    (
        "MIGRATE host 6379 k 0 9 COPY auth2 user hush KEYS AUTH b",
        "MIGRATE host 6379 k 0 9 COPY auth2 (redacted) (redacted) KEYS AUTH b",
    ),
    (
        "MIGRATE host 6379 k 0 9 AUTH KEYS REPLACE",
        "MIGRATE host 6379 k 0 9 AUTH (redacted) REPLACE",
    ),
    ("HELLO 3 AUTH hush", "HELLO 3 AUTH (redacted)"),
    ("SENTINEL SET m auth-pass hush", "SENTINEL SET m auth-pass (redacted)"),
    ("SET auth hush-not", "SET auth hush-not"),
];

fn command(line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let arguments = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), arguments.collect::<String>())
}

fn quoted(line: &str) -> String {
    line.split(' ').map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" ")
}

#[test]
fn passwords_are_shown_only_if_that_is_wanted() {
    for (sent, shown) in COMMANDS {
        let input = command(sent);
        for kind in ["requests", "aof"] {
            let run = |arguments: &[&str]| {
                let arguments = [&["--as", kind], arguments, &["-"]].concat();
                let output = inspect(&arguments, input.as_bytes());
                (text(&output.stdout), text(&output.stderr))
            };
            assert_eq!(run(&[]).0, quoted(shown) + "\n");
            assert_eq!(run(&["--secrets"]).0, quoted(sent) + "\n");
            assert!(run(&["--json"]).0.contains(&quoted(shown).replace(' ', ",")), "{shown}");
            assert!(run(&["--json", "--secrets"]).0.contains(&quoted(sent).replace(' ', ",")));
            let name = sent.split(' ').next().unwrap_or_default().to_uppercase();
            if ["AUTH", "HELLO"].contains(&&*name) {
                // They are about the connection, and are not written.
                continue;
            }
            let warning = "zresp-inspect: standard input: --raw writes passwords as they are \
                (--secrets omits this line)\n";
            let expected = if sent == shown { "" } else { warning };
            assert_eq!(run(&["--raw"]), (input.clone(), expected.to_owned()));
            assert_eq!(run(&["--raw", "--secrets"]), (input.clone(), String::new()));
        }
    }
}

#[test]
fn passwords_are_not_among_the_extremes() {
    let capture = COMMANDS.iter().fold(Capture::new(Link::Raw, Ip::V4).open(), |capture, pair| {
        capture.send(Client, command(pair.0).as_bytes()).send(Server, b"+OK\r\n")
    });
    let top = |arguments: &[&str]| {
        let output = inspect(&[&["--top", "20"], arguments, &["-"]].concat(), capture.file());
        text(&output.stdout).replace("hush-not", "")
    };
    let hidden = top(&[]);
    assert!(hidden.contains("\"AUTH\" \"(redacted)\"") && !hidden.contains("hush"), "{hidden}");
    let shown = top(&["--secrets"]);
    assert!(shown.contains("\"AUTH\" \"hush\""), "{shown}");
}
