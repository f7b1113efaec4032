//! A client gets the same bytes with and without the proxy.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use support::{Client, PROGRAM, Server, array, program, proxy_of, without_numbers};

/// What must be equal in two replies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    Bytes,
    /// Everything except numbers, which may be times, ids, ports or sizes.
    Words,
    /// Everything except numbers and the order, which is that of a hash table with a random seed.
    WordsInAnyOrder,
    /// Only the kind: the rest is random, or depends on the connections that the server has.
    Kind,
}

/// Commands whose replies differ from run to run, by their first words.
const RULES: [(&str, Rule); 36] = [
    ("ACL CAT", Rule::WordsInAnyOrder),
    ("ACL GENPASS", Rule::Kind),
    ("ACL LOG", Rule::Words),
    ("CLIENT ID", Rule::Words),
    ("CLIENT INFO", Rule::Words),
    ("CLIENT LIST", Rule::Kind),
    ("COMMAND", Rule::WordsInAnyOrder),
    ("CONFIG GET *", Rule::WordsInAnyOrder),
    ("DEBUG HTSTATS", Rule::Kind),
    ("DEBUG OBJECT", Rule::Kind),
    ("EXPIRETIME", Rule::Words),
    ("FUNCTION LIST", Rule::WordsInAnyOrder),
    ("HELLO", Rule::Words),
    ("HRANDFIELD", Rule::Kind),
    ("INFO", Rule::Kind),
    ("KEYS", Rule::WordsInAnyOrder),
    ("LASTSAVE", Rule::Words),
    ("LATENCY DOCTOR", Rule::Kind),
    ("LATENCY GRAPH", Rule::Kind),
    ("LATENCY HISTOGRAM", Rule::Kind),
    ("LATENCY HISTORY", Rule::Words),
    ("LATENCY LATEST", Rule::Words),
    ("MEMORY STATS", Rule::Words),
    ("OBJECT IDLETIME", Rule::Words),
    ("PTTL", Rule::Words),
    ("PUBSUB CHANNELS", Rule::WordsInAnyOrder),
    ("SCAN", Rule::Kind),
    ("SLOWLOG GET", Rule::Words),
    ("SPOP", Rule::Kind),
    // The set has lost a random member.
    ("SSCAN", Rule::Words),
    ("SRANDMEMBER", Rule::Kind),
    ("TIME", Rule::Words),
    ("XINFO CONSUMERS", Rule::Words),
    ("XINFO STREAM", Rule::Words),
    ("XPENDING", Rule::Words),
    ("ZRANDMEMBER", Rule::Kind),
];

/// Rules for recordings with messages between the replies, where replies cannot be matched with commands. They
/// are chosen by the name of the recording and a part of the reply.
const RULES_OF_MESSAGES: [(&str, &str, Rule); 6] = [
    ("", "$5\r\nproto\r\n", Rule::Words),
    // The order of the channels is random.
    ("pubsub", "unsubscribe\r\n", Rule::Kind),
    ("pubsub", "*3\r\n", Rule::WordsInAnyOrder),
    // The reply to CLIENT ID.
    ("resp2-pubsub", ":", Rule::Words),
    // The lines of MONITOR begin with the time, and name ports.
    ("monitor", " [3 lua] ", Rule::Words),
    ("monitor", " 127.0.0.1:", Rule::Words),
];

/// Returns the part of a reply that is compared.
fn compared_part(rule: Rule, wire: &[u8]) -> String {
    let reply = || zresp::decode(wire).expect("a reply").expect("a whole reply").reply();
    match rule {
        Rule::Bytes => wire.escape_ascii().to_string(),
        Rule::Kind => format!("{:?}", reply().kind()),
        Rule::Words => without_numbers(&wire.escape_ascii().to_string()),
        Rule::WordsInAnyOrder => {
            let words = reply().tokens().map(|token| without_numbers(&format!("{token:?}")));
            let mut words: Vec<_> = words.collect();
            words.sort();
            words.join(" ")
        }
    }
}

/// Runs the capture script, through a proxy if one is given.
fn record(python: &Path, folder: &Path, proxy: Option<&str>) -> Child {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("a folder for the recording");
    Command::new(python)
        .arg("-B")
        .arg(tests.join("capture_through_proxy.py"))
        .arg(tests.join("../../../tests/captures/record.py"))
        .arg(folder)
        .args(proxy)
        .spawn()
        .expect("python3 starts")
}

/// Returns the names of the recordings in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("the folder");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    let names = names.filter_map(|name| name.strip_suffix(".requests").map(str::to_owned));
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

struct Recording {
    name: String,
    /// The commands, as a person types them, but without quotes.
    commands: Vec<String>,
    replies: Vec<Vec<u8>>,
}

impl Recording {
    fn read(folder: &Path, name: &str) -> Self {
        let read = |end: &str| fs::read(folder.join(format!("{name}.{end}"))).expect("a recording");
        let requests = read("requests");
        let command = |request: Result<zresp::Request<'_>, _>| {
            let words = request.expect("a command").command();
            let array = words.to_array(&mut Vec::new()).wire().to_vec();
            let strings =
                zresp::decode(&array).expect("a command").expect("a whole command").reply();
            let strings: Vec<Vec<u8>> = strings.to().expect("strings");
            String::from_utf8_lossy(&strings.join(&b' ')).into_owned()
        };
        let commands = zresp::requests(&requests).map(command).collect();
        let wires = |bytes: &[u8]| {
            let frames = zresp::replies(bytes);
            frames.map(|frame| frame.expect("a reply").wire().to_vec()).collect()
        };
        // Replies that no decoder takes are compared as one.
        let replies = if folder.join(format!("{name}.refused")).exists() {
            vec![read("refused")]
        } else {
            wires(&read("replies"))
        };
        Self { name: name.to_owned(), commands, replies }
    }

    /// Returns a line for each reply: its command, if that is known, and the part that is compared.
    fn lines(&self) -> Vec<String> {
        let is_aligned = self.commands.len() == self.replies.len() && !self.name.contains("pubsub");
        let line = |(at, reply): (usize, &Vec<u8>)| {
            let command = if is_aligned { self.commands[at].as_str() } else { "" };
            let rule = self.rule(command, reply);
            format!("{} {command}: {}", at + 1, compared_part(rule, reply))
        };
        if self.name.contains("monitor") {
            // The proxy sends a PING to check a new connection.
            let is_ping = |reply: &[u8]| reply.ends_with(b"] \"PING\"\r\n");
            let others = self.replies.iter().filter(|reply| !is_ping(reply));
            return others.enumerate().map(line).collect();
        }
        if !self.name.contains("pubsub") {
            return self.replies.iter().enumerate().map(line).collect();
        }
        // Messages from another connection may arrive at any time.
        let (messages, replies): (Vec<_>, Vec<_>) =
            self.replies.iter().partition(|reply| reply.starts_with(b">"));
        let [messages, replies] =
            [messages, replies].map(|frames| frames.into_iter().enumerate().map(line));
        messages.chain(replies).collect()
    }

    fn rule(&self, command: &str, reply: &[u8]) -> Rule {
        if !command.is_empty() {
            let rule = RULES.iter().find(|(name, _)| command.starts_with(name));
            return rule.map_or(Rule::Bytes, |(_, rule)| *rule);
        }
        let reply = String::from_utf8_lossy(reply);
        let mut rules = RULES_OF_MESSAGES.iter();
        let rule = rules.find(|(name, part, _)| self.name.contains(name) && reply.contains(part));
        rule.map_or(Rule::Bytes, |(.., rule)| *rule)
    }
}

#[test]
fn the_capture_script_records_the_same_replies() {
    let (Some(python), Some(_)) = (program("python3"), program("redis-server")) else { return };
    let folder = |name| Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let folders = [folder("recorded-directly"), folder("recorded-through-the-proxy")];
    let proxies = [None, Some(PROGRAM)];
    let recordings = [0, 1].map(|at| record(&python, &folders[at], proxies[at]));
    for mut recording in recordings {
        let status = recording.wait().expect("the script ends");
        assert!(status.success(), "{status}");
    }
    let names = names(&folders[0]);
    assert!(names.len() >= 17, "{names:?}");
    let mut failures = Vec::new();
    for name in names {
        let [expected, found] = folders.each_ref().map(|folder| Recording::read(folder, &name));
        assert_eq!(expected.commands, found.commands, "{name}");
        let [expected, found] = [expected.lines(), found.lines()];
        if expected.len() != found.len() {
            failures.push(format!("{name}: {} replies, not {}", found.len(), expected.len()));
        }
        let different = expected.iter().zip(&found).filter(|(expected, found)| expected != found);
        for (expected, found) in different.take(5) {
            let shown = [expected, found].map(|line| line.chars().take(500).collect::<String>());
            failures.push(format!("{name}\n    without {}\n    with    {}", shown[0], shown[1]));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Commands whose replies are the same each time.
const SESSION: &str = include_str!("session.txt");

#[test]
fn a_pipeline_gets_the_same_bytes_as_single_commands() {
    let (Some(direct), Some(redis)) = (Server::start(), Server::start()) else { return };
    let proxy = proxy_of([&redis]);
    let lines =
        SESSION.lines().filter(|line| !line.starts_with("COMMAND") && !line.starts_with("EVAL"));
    let commands: Vec<_> = lines.map(array).collect();
    for hello in ["HELLO 2", "HELLO 3", "PING"] {
        let mut expected = Client::new(direct.connect());
        let mut found = Client::new(proxy.connect());
        let greetings = [&mut expected, &mut found].map(|client| client.answer(hello));
        assert_eq!(without_numbers(&greetings[0]), without_numbers(&greetings[1]));
        let expected: Vec<_> = commands.iter().map(|command| expected.ask(command)).collect();
        found.send(&commands.concat());
        for (command, expected) in commands.iter().zip(expected) {
            let [expected, found] =
                [expected, found.receive()].map(|wire| wire.escape_ascii().to_string());
            assert_eq!(expected, found, "{hello}: {}", command.escape_ascii());
        }
    }
}
