//! A reply that is translated with the shape of its command equals, byte for byte, the reply that the server itself
//! sends in the other protocol, in both directions. This is checked for each command that a server knows. The
//! exceptions are listed here.
//!
//! The servers are the `redis-server` on the `PATH` and those in `ZRESP_SERVERS`. Without any, these tests are skipped,
//! or fail if `ZRESP_REQUIRE_REDIS` is set. The number of commands compared is printed for each server: use
//! `--nocapture`.
#![cfg(feature = "std")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use zresp::encode::{Downgrader, ReplyShape, Shaped};
use zresp::io::{ReplyReader, StreamError};
use zresp::{Encode, Frame, Kind, Protocol, Reply, ReplyRef, Token, TokenReader};
use zresp_testing::drive::live_server::{Program, Server};

/// Commands that do not answer with a reply, and how they end. A test shows that they do.
const NO_REPLY: &[(&str, &str)] = &[
    ("psync", "answers with a stream"),
    ("shutdown", "closes the connection"),
    ("sync", "answers with a stream"),
];

/// Commands whose replies differ each time, and why.
const NOT_COMPARED: &[(&str, &str)] =
    &[("memory|malloc-stats", "its tables grow as the server runs")];

/// Commands whose reply in RESP2 does not tell all of the reply in RESP3, and why. Their replies are compared too, and
/// some must differ.
const NOT_UPGRADED: &[(&str, &str)] = &[
    ("command", "no subcommands are an empty set in Redis, an empty array in Valkey 9"),
    ("command|info", "no subcommands are an empty set in Redis, an empty array in Valkey 9"),
    ("debug", "sends any kind"),
    ("eval", "the script chooses the kinds"),
];

fn is_in(exceptions: &[(&str, &str)], name: &str) -> bool {
    exceptions.iter().any(|(exception, _)| *exception == name)
}

struct Client(ReplyReader<TcpStream>);

impl Client {
    fn new(server: &Server, protocol: Protocol) -> Self {
        let mut client = Self(ReplyReader::new(server.connect()));
        if protocol == Protocol::Resp3 {
            assert_eq!(client.ask("HELLO 3").reply().kind(), Kind::Map);
        }
        client
    }

    /// Sends an inline command; returns the next frame.
    fn ask(&mut self, command: &str) -> Frame {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).expect("room for a line");
        self.receive()
    }

    fn receive(&mut self) -> Frame {
        self.0.read().expect("a frame").expect("a frame before the end").to_frame()
    }
}

/// The lines of `reply_lines.txt`.
struct Lines {
    data: Vec<&'static str>,
    alone: Vec<&'static str>,
    cluster: Vec<&'static str>,
}

impl Lines {
    fn read() -> Self {
        let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut section = "";
        let lines = include_str!("reply_lines.txt").lines();
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                Some(name) => section = name,
                None => sections.entry(section).or_default().push(line),
            }
        }
        let mut take = |name| sections.remove(name).expect("a section");
        Self { data: take("data"), alone: take("alone"), cluster: take("cluster") }
    }
}

/// What a client has done that matters for the shapes of later replies.
#[derive(Default)]
struct State {
    is_subscribed: bool,
    /// The shapes of the queued commands, in a transaction.
    queued: Option<Vec<ReplyShape>>,
}

/// The shape of a reply, and those of its elements if it is that to `EXEC`.
type Shapes = (ReplyShape, Option<Vec<ReplyShape>>);

impl State {
    /// Returns the shape of the reply to the next command.
    fn shapes(&mut self, line: &str, reply: &Frame) -> Shapes {
        let line = format!("{line}\r\n");
        let request = zresp::requests(line.as_bytes()).next().expect("a command").expect("valid");
        let command = request.command();
        let shape = ReplyShape::of(command);
        if command.is("EXEC") || command.is("DISCARD") {
            let queued = self.queued.take();
            return (shape, queued.filter(|_| command.is("EXEC")));
        }
        if reply.reply() == ReplyRef::Simple(b"QUEUED") {
            self.queued.as_mut().expect("a transaction").push(shape);
        } else if command.is("MULTI") {
            self.queued.get_or_insert_default();
        }
        let shape = if self.is_subscribed { ReplyShape::of_subscribed(command) } else { shape };
        self.is_subscribed |= command.is("SUBSCRIBE");
        (shape, None)
    }
}

/// The frame in a protocol: as a view, a frame and a tree.
fn translated(frame: &Frame, (shape, queued): &Shapes, protocol: Protocol) -> Vec<u8> {
    let write = |encoded: Result<bytes::Bytes, _>| {
        encoded.unwrap_or_else(|error| panic!("{error}: {frame:?}"))
    };
    let queued = queued.as_deref();
    let wire = write(match queued {
        Some(queued) => Shaped::exec(frame, queued).to_wire(protocol),
        None => Shaped::new(frame, *shape).to_wire(protocol),
    });
    let view = write(match queued {
        Some(queued) => Shaped::exec(frame.view(), queued).to_wire(protocol),
        None => Shaped::new(frame.view(), *shape).to_wire(protocol),
    });
    assert_eq!(shown(&view), shown(&wire), "{frame:?}");
    // A tree writes numbers with the shortest digits.
    let tree = Reply::from(frame);
    let tree = write(match queued {
        Some(queued) => Shaped::exec(&tree, queued).to_wire(protocol),
        None => Shaped::new(&tree, *shape).to_wire(protocol),
    });
    assert_eq!(masked(&tree), masked(&wire), "{frame:?}");
    if protocol == Protocol::Resp2 {
        assert_eq!(shown(&arriving(frame, *shape, queued)), shown(&wire), "{frame:?}");
    }
    wire.to_vec()
}

/// The frame in RESP2, token by token.
fn arriving(frame: &Frame, shape: ReplyShape, queued: Option<&[ReplyShape]>) -> Vec<u8> {
    let (mut reader, mut downgrader) = (TokenReader::new(), Downgrader::new(0));
    match queued {
        Some(queued) => downgrader.expect_exec(queued),
        None => downgrader.expect(shape),
    }
    let (mut rest, mut out) = (&frame.wire()[..], BytesMut::new());
    while let Some((token, size)) = reader.next(rest).expect("a valid frame") {
        downgrader.token(&token, &rest[..size], &mut out).expect("a reply to the command");
        rest = &rest[size..];
    }
    out.to_vec()
}

fn shown(wire: &[u8]) -> String {
    wire.escape_ascii().to_string()
}

/// The tokens of a reply, with `0` for each number in them: those change from reply to reply.
fn masked(wire: &[u8]) -> String {
    let frame = zresp::decode(wire).expect("valid").expect("whole");
    let mut out = String::new();
    for token in frame.tokens() {
        match token {
            Token::Scalar(ReplyRef::Integer(_) | ReplyRef::Double(_)) => {
                let Token::Scalar(scalar) = token else { continue };
                write!(out, "{}", scalar.kind()).expect("memory");
            }
            Token::Scalar(scalar) => {
                let text = shown(scalar.as_bytes().unwrap_or_default());
                let is_digit = |byte: char| byte.is_ascii_hexdigit() || ".-+".contains(byte);
                let words = text.split(is_digit).filter(|word| !word.is_empty());
                write!(out, "{} {}", scalar.kind(), words.collect::<Vec<_>>().join("0"))
                    .expect("memory");
            }
            other => write!(out, "{other:?}").expect("memory"),
        }
        out.push('\n');
    }
    out
}

/// Whether the data is made again before the commands of a line.
#[derive(Clone, Copy, PartialEq)]
enum Data {
    New,
    Kept,
}

/// Splits the marks off a line.
fn marks(line: &str) -> (&str, &str) {
    line.split_at(line.find(|mark: char| !"~= ".contains(mark)).unwrap_or(line.len()))
}

/// What was compared with one server.
#[derive(Default)]
struct Compared {
    /// All commands of the server, as `container|subcommand`.
    commands: BTreeSet<String>,
    /// Those that answered with something else than an error.
    answered: BTreeSet<String>,
    failed: BTreeSet<String>,
    replies: usize,
    upgraded: usize,
    /// How many replies become other bytes in RESP2 without their shape.
    needed: usize,
    differing: Vec<String>,
    /// The exceptions whose replies differ.
    excepted: HashSet<(String, Protocol)>,
}

impl Compared {
    /// Adds the commands in the reply to `COMMAND`.
    fn add_commands(&mut self, list: &Reply) {
        for command in list.as_items().expect("commands") {
            let fields = command.as_items().expect("fields");
            let subcommands =
                fields.get(9).filter(|list| list.as_items().is_some_and(|list| !list.is_empty()));
            match subcommands {
                Some(subcommands) => self.add_commands(subcommands),
                None => {
                    self.commands.insert(text(&fields[0]).to_ascii_lowercase());
                }
            }
        }
    }

    fn name(&self, line: &str) -> String {
        let words: Vec<_> = line.split(' ').map(str::to_ascii_lowercase).collect();
        let both = words[..words.len().min(2)].join("|");
        if self.commands.contains(&both) { both } else { words[0].clone() }
    }

    /// Asks the commands of a line in both protocols, and compares the replies.
    fn compare(&mut self, line: &str, mut ask: impl FnMut(&[&str], Protocol, Data) -> Vec<Frame>) {
        let (marks, commands) = marks(line);
        let has_numbers = marks.contains('~');
        let mut steps: Vec<_> = commands.split(" | ").collect();
        let mut resp2 = ask(&steps, Protocol::Resp2, Data::New);
        let resp3 = if marks.contains('=') {
            steps.drain(..steps.len() - 1);
            resp2.drain(..resp2.len() - 1);
            ask(&steps, Protocol::Resp3, Data::Kept)
        } else {
            ask(&steps, Protocol::Resp3, Data::New)
        };
        let mut state = State::default();
        for ((step, resp2), resp3) in steps.iter().zip(&resp2).zip(&resp3) {
            let name = self.name(step);
            let is_unknown = matches!(resp3.reply(), ReplyRef::Error(text)
                if shown(text).contains("nknown command") || shown(text).contains("nknown subcommand"));
            let list = if resp3.reply().is_error() { &mut self.failed } else { &mut self.answered };
            if !is_unknown {
                list.insert(name.clone());
            }
            let shapes = state.shapes(step, resp3);
            let mut check = |from: &Frame, to: &Frame, protocol| {
                let ours = translated(from, &shapes, protocol);
                let is_same = if has_numbers {
                    masked(&ours) == masked(to.wire())
                } else {
                    ours == to.wire()[..]
                };
                // In its own protocol already.
                assert_eq!(shown(&translated(to, &shapes, protocol)), shown(to.wire()), "{line}");
                let is_excepted = is_in(NOT_COMPARED, &name)
                    || (protocol == Protocol::Resp3 && is_in(NOT_UPGRADED, &name));
                if is_same {
                    return usize::from(!is_unknown);
                } else if is_excepted {
                    self.excepted.insert((name.clone(), protocol));
                } else {
                    self.differing.push(format!(
                        "{step} of {line}, to {protocol:?}:\n  {}\n  not {}\n  from {}",
                        shown(&ours),
                        shown(to.wire()),
                        shown(from.wire()),
                    ));
                }
                0
            };
            self.replies += check(resp3, resp2, Protocol::Resp2);
            self.upgraded += check(resp2, resp3, Protocol::Resp3);
            let without = resp3.to_wire(Protocol::Resp2).expect("a form on the wire");
            let ours = translated(resp3, &shapes, Protocol::Resp2);
            self.needed += usize::from(without != ours);
        }
    }

    fn report(&self, version: &str) {
        let is_compared =
            |name: &&String| self.answered.contains(*name) || self.failed.contains(*name);
        let compared = self.commands.iter().filter(is_compared).count();
        let answered = self.commands.intersection(&self.answered).count();
        let errors: Vec<_> = self
            .commands
            .iter()
            .filter(|name| is_compared(name) && !self.answered.contains(*name))
            .collect();
        println!(
            "{version}: {compared} of {} commands compared, {answered} of them with replies that are not errors; \
             {} replies to RESP2, {} of them not without the shape, and {} to RESP3; only errors from {errors:?}",
            self.commands.len(),
            self.replies,
            self.needed,
            self.upgraded,
        );
    }
}

/// The text of a string; empty for another value.
fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned()
}

fn version(client: &mut Client) -> String {
    let hello = client.ask("HELLO");
    let hello = Reply::from(&hello);
    let field = |name: &str| {
        let mut items = hello.as_items().expect("an array").iter();
        items.find(|item| text(item) == name).expect("a field");
        text(items.next().expect("its value"))
    };
    format!("{} {}", field("server"), field("version"))
}

fn is_excluded(line: &str, compared: &Compared) -> bool {
    let last = marks(line).1.rsplit(" | ").next().unwrap_or(line);
    let name = compared.name(last);
    is_in(NO_REPLY, &name)
}

#[test]
fn translated_replies_equal_those_of_the_server() {
    let lines = Lines::read();
    let programs = Program::all();
    let mut excepted = HashSet::new();
    for program in &programs {
        let debug = ["--enable-debug-command", "yes"];
        let plain = &program.start(&debug);
        let cluster = &program.start(&[&debug[..], &["--cluster-enabled", "yes"]].concat());
        let mut compared = Compared::default();
        let mut control = Client::new(plain, Protocol::Resp2);
        let version = version(&mut control);
        compared.add_commands(&Reply::from(&control.ask("COMMAND")));
        for line in &lines.alone {
            if is_excluded(line, &compared) {
                continue;
            }
            compared.compare(line, |steps, protocol, data| {
                let setup = ["FLUSHALL"].iter().chain(&lines.data);
                for command in setup.filter(|_| data == Data::New) {
                    let reply = control.ask(command);
                    assert!(!reply.reply().is_error(), "{command}: {reply:?}");
                }
                let payload = |client: &mut Client, command| {
                    let dump = client.ask(command);
                    format!("\"{}\"", shown(dump.reply().as_bytes().expect("a payload")))
                };
                if steps.iter().any(|step| step.starts_with("BG")) {
                    wait_until_saved(&mut control);
                }
                let key = payload(&mut control, "DUMP k1");
                let functions = payload(&mut control, "FUNCTION DUMP");
                let mut client = Client::new(plain, protocol);
                let fill =
                    |step: &str| step.replace("<k1>", &key).replace("<functions>", &functions);
                steps.iter().map(|step| client.ask(&fill(step))).collect()
            });
        }
        let id = start_cluster(cluster);
        for line in &lines.cluster {
            if !is_excluded(line, &compared) {
                let line = line.replace("<id>", &id);
                compared.compare(&line, |steps, protocol, _| {
                    let mut client = Client::new(cluster, protocol);
                    steps.iter().map(|step| client.ask(step)).collect()
                });
            }
        }
        compared.report(&version);
        assert!(compared.needed > 50, "{version}: too few replies that test a shape");
        let count = compared.differing.len();
        assert!(count == 0, "{version}: {count} differ\n{}", compared.differing.join("\n"));
        excepted.extend(compared.excepted);
        let missing: Vec<_> = compared
            .commands
            .iter()
            .filter(|name| !compared.answered.contains(*name) && !compared.failed.contains(*name))
            .filter(|name| !is_in(NO_REPLY, name))
            .collect();
        assert!(missing.is_empty(), "{version}: not compared: {missing:?}");
    }
    let expected = [(NOT_COMPARED, Protocol::Resp2), (NOT_UPGRADED, Protocol::Resp3)];
    for (name, reason, protocol) in expected.iter().flat_map(|(exceptions, protocol)| {
        exceptions.iter().map(move |(name, reason)| (name, reason, protocol))
    }) {
        println!("differs in {protocol:?}: {name}: {reason}");
        let is_stale = !excepted.contains(&((*name).to_owned(), *protocol));
        assert!(
            programs.is_empty() || !is_stale,
            "{name} does not differ in {protocol:?} on any server"
        );
    }
}

#[test]
fn what_is_not_compared_answers_with_no_reply() {
    for program in Program::all() {
        for (name, reason) in NO_REPLY {
            let server = program.start(&["--repl-diskless-sync-delay", "0"]);
            let command = match *name {
                "psync" => "PSYNC ? -1",
                "shutdown" => "SHUTDOWN NOSAVE",
                other => other,
            };
            let mut client = Client::new(&server, Protocol::Resp2);
            client.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).expect("room");
            if *name != "shutdown" {
                // No line end follows the snapshot, but this command.
                server.wait_for("INFO replication", "connected_slaves:1");
                server.ask("SET key value");
            }
            let end = loop {
                match client.0.read() {
                    // The stream after `PSYNC` begins with a line that is like a reply.
                    Ok(Some(frame)) => assert!(shown(frame.wire()).starts_with("+FULLRESYNC ")),
                    Ok(None) => break "closes the connection",
                    Err(StreamError::Decode { .. }) => {
                        break "answers with a stream";
                    }
                    Err(error) => panic!("{program:?}: {name}: {error}"),
                }
            };
            assert_eq!(end, *reason, "{program:?}: {name}");
        }
    }
    for (name, reason) in NO_REPLY {
        println!("not compared: {name}: {reason}");
    }
}

/// Waits until a server has no child that saves.
fn wait_until_saved(control: &mut Client) {
    let start = Instant::now();
    loop {
        let info = control.ask("INFO persistence");
        let info = shown(info.reply().as_bytes().expect("text"));
        if !info.contains("_in_progress:1") && !info.contains("_scheduled:1") {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "it saves for ever");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Gives a server all slots, and waits until it serves them. Returns its id.
fn start_cluster(server: &Server) -> String {
    let mut control = Client::new(server, Protocol::Resp2);
    assert_eq!(control.ask("CLUSTER ADDSLOTSRANGE 0 16383").reply(), ReplyRef::Simple(b"OK"));
    let start = Instant::now();
    while control.ask("GET key").reply().is_error() {
        assert!(start.elapsed() < Duration::from_secs(20), "the cluster does not start");
        thread::sleep(Duration::from_millis(50));
    }
    control.ask("CLUSTER MYID").reply().as_str().expect("an id").to_owned()
}

#[test]
fn an_invalidation_is_a_message_in_resp2() {
    for program in Program::all() {
        let server = program.start(&[]);
        let mut control = Client::new(&server, Protocol::Resp2);
        let mut receiver = Client::new(&server, Protocol::Resp2);
        let id = receiver.ask("CLIENT ID").reply().as_i64().expect("an integer");
        receiver.ask("SUBSCRIBE __redis__:invalidate");
        let mut resp2 = Client::new(&server, Protocol::Resp2);
        resp2.ask(&format!("CLIENT TRACKING ON REDIRECT {id}"));
        let mut resp3 = Client::new(&server, Protocol::Resp3);
        resp3.ask("CLIENT TRACKING ON");
        for command in ["SET key value", "FLUSHALL"] {
            resp2.ask("GET key");
            resp3.ask("GET key");
            control.ask(command);
            let (message, push) = (receiver.receive(), resp3.receive());
            assert_eq!(push.reply().kind(), Kind::Push, "{command}");
            let shapes = (ReplyShape::PUSH, None);
            let ours = translated(&push, &shapes, Protocol::Resp2);
            assert_eq!(shown(&ours), shown(message.wire()), "{command}");
            let ours = translated(&message, &shapes, Protocol::Resp3);
            assert_eq!(shown(&ours), shown(push.wire()), "{command}");
        }
    }
}
