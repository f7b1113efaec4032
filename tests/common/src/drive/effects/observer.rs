//! Runs command lines on a server, and observes which of their arguments it touched as keys.
//!
//! Each line of a batch has a database of its own, where every argument of the line is set as a key. A key was touched
//! if its idle time fell, if it vanished or appeared, or if the server announced an event of it. Any look-up of a key
//! whose time is over removes it, which is an event; so is a look-up of a missing key to read it.

use std::collections::BTreeSet;
use std::fmt;

use zresp::commands::{CommandTable, Flags};
use zresp::{Frame, ReplyRef};

use super::docs::Syntax;
use super::lines::{COMMON, Preset, TYPES, VECTORS, World, forms};
use super::pipeline::{Connection, Pipeline};
use crate::drive::live_server::{Program, Server};

/// The most lines of a batch.
pub const BATCH: usize = 256;

/// The first database of a batch. Lines move keys to databases below.
const FIRST: usize = 16;

/// Seconds that nothing has used a key for.
const IDLE: &str = "1000000";

/// What no line answers.
const MARK: &str = "the-end-of-a-line";

/// The keys of `EVAL`, `FCALL` and similar commands are those that this touches.
const SCRIPT: &str = "for _, key in ipairs(KEYS) do redis.call('TOUCH', key) end return 1";

const LIBRARY: &str = "#!lua name=touch\nredis.register_function{function_name='touch', flags={'no-writes'}, \
    callback=function(keys) for _, key in ipairs(keys) do redis.call('TOUCH', key) end return 1 end}";

/// A line, and the state of each of its arguments as a key.
#[derive(Debug)]
pub struct Trial {
    /// The name of the command as the command table has it.
    pub name: String,
    pub line: Vec<Vec<u8>>,
    pub presets: Vec<(Vec<u8>, Preset)>,
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for word in &self.line {
            write!(f, "'{}' ", word.escape_ascii())?;
        }
        write!(f, "with")?;
        for (name, preset) in &self.presets {
            write!(f, " '{}'={preset:?}", name.escape_ascii())?;
        }
        Ok(())
    }
}

/// What the server did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The message, if the server refused the line.
    pub error: Option<String>,
    /// How many more replies than one it gave.
    pub extra_replies: usize,
    /// The arguments that it touched as keys.
    pub touched: BTreeSet<Vec<u8>>,
}

#[derive(Debug)]
pub struct Observer {
    /// They end with the observer.
    _servers: [Server; 2],
    commands: Connection,
    events: Connection,
    /// To the server that `MIGRATE` sends keys to.
    target: Connection,
    pub syntaxes: Vec<Syntax>,
    /// The server's own table.
    pub table: CommandTable,
    pub world: World,
    /// The payload of each type.
    payloads: Vec<Vec<u8>>,
}

impl Observer {
    /// Starts a server, and another one that `MIGRATE` sends keys to.
    pub fn start(program: &Program) -> Self {
        let databases = (FIRST + BATCH).to_string();
        let options = ["--databases", &databases, "--enable-debug-command", "yes"];
        let (server, target) = (program.start(&options), program.start(&[]));
        let mut commands = Connection::new(&server);
        let mut setup = Pipeline::default();
        setup.words("HELLO 3");
        setup.words("COMMAND DOCS");
        setup.words("COMMAND");
        setup.words("DEBUG SET-ACTIVE-EXPIRE 0");
        setup.add(&["SCRIPT", "LOAD", SCRIPT]);
        setup.add(&["FUNCTION", "LOAD", LIBRARY]);
        let mut replies = Vec::new();
        commands.run(&setup, |reply| replies.push(reply));
        let syntaxes = Syntax::read(replies[1].reply());
        let table = CommandTable::from_reply(replies[2].reply()).expect("a table");
        let digest = replies[4].reply().to::<String>().expect("a digest");
        assert!(replies[5].reply().as_error().is_none(), "{:?}", replies[5]);

        let payloads = payloads(&mut commands, &syntaxes);
        let mut target_connection = Connection::new(&target);
        let mut users = Pipeline::default();
        for word in words(&syntaxes, "generic") {
            users.words(&format!("ACL SETUSER {word} on nopass allkeys +@all"));
        }
        target_connection.run(&users, succeeds);
        // Some servers put pushes into the answer to EXEC, so events have a connection of their own.
        let mut events = Connection::new(&server);
        let mut subscription = Pipeline::default();
        subscription.words("PSUBSCRIBE *");
        events.run(&subscription, drop);

        let payload = payloads[0].clone();
        let target_port = target.address().port();
        let world = World { target_port, payload, script: SCRIPT, digest };
        let servers = [server, target];
        Self {
            _servers: servers,
            commands,
            events,
            target: target_connection,
            syntaxes,
            table,
            world,
            payloads,
        }
    }

    /// Runs a batch of lines.
    pub fn observe(&mut self, trials: &[Trial]) -> Vec<Outcome> {
        assert!(trials.len() <= BATCH, "{} lines", trials.len());
        while !self.set(trials) {}
        let mut outcomes = self.run(trials);
        self.look(trials, &mut outcomes);
        self.listen(trials, &mut outcomes);
        outcomes
    }

    /// Sets the keys, each line in its own database. Returns whether all were set: a server that is slow for a moment
    /// leaves out those whose time is over when it comes to them.
    fn set(&mut self, trials: &[Trial]) -> bool {
        let mut flush = Pipeline::default();
        flush.words("FLUSHALL");
        self.target.run(&flush, drop);
        let mut all = Pipeline::default();
        all.words("CONFIG SET notify-keyspace-events ''");
        all.words("FLUSHALL SYNC");
        for (trial, database) in trials.iter().zip(FIRST..) {
            all.words(&format!("SELECT {database}"));
            for (name, preset) in &trial.presets {
                let (kind, ttl) = match *preset {
                    Preset::Present(kind) => (kind, "0"),
                    Preset::Expired(kind) => (kind, "1"),
                    Preset::Absent => continue,
                };
                let payload = &self.payloads[kind][..];
                let restore: [&[u8]; 6] =
                    [b"RESTORE", name, ttl.as_bytes(), payload, b"IDLETIME", IDLE.as_bytes()];
                all.add(&restore);
            }
            all.words("DBSIZE");
        }
        all.words("DEBUG SLEEP 0.002");
        all.words("CONFIG SET notify-keyspace-events KAm");
        let mut sizes = Vec::new();
        self.commands.run(&all, |frame| {
            sizes.extend(frame.reply().to::<usize>());
            succeeds(frame);
        });
        let is_set = |(_, preset): &&(Vec<u8>, Preset)| *preset != Preset::Absent;
        sizes.into_iter().eq(trials.iter().map(|trial| trial.presets.iter().filter(is_set).count()))
    }

    /// Sends the lines.
    fn run(&mut self, trials: &[Trial]) -> Vec<Outcome> {
        let mut all = Pipeline::default();
        let mut expected = Vec::new();
        for (trial, database) in trials.iter().zip(FIRST..) {
            let before = all.replies;
            all.words(&format!("SELECT {database}"));
            let name = trial.line[0].to_ascii_lowercase();
            let info = CommandTable::builtin().lookup(&name);
            // A command that would wait does not in a transaction.
            let waits = info.is_some_and(|info| info.flags.contains(Flags::BLOCKING));
            if waits {
                all.words("MULTI");
            }
            all.add(&trial.line);
            if waits {
                all.words("EXEC");
            }
            expected.push(all.replies - before);
            if name == b"watch" {
                all.words("UNWATCH");
            }
            all.words(&format!("ECHO {MARK}"));
        }
        self.commands.send(&all);
        let mut outcomes = Vec::new();
        let mut replies = Vec::new();
        self.commands.read_while(|frame| {
            if frame.reply().as_bytes() != Ok(MARK.as_bytes()) {
                replies.push(frame);
                return true;
            }
            let trial = &trials[outcomes.len()];
            let expected = expected[outcomes.len()];
            let is_watch = trial.line[0].eq_ignore_ascii_case(b"watch");
            outcomes.push(Outcome {
                error: refusal(replies[expected - 1].reply()),
                extra_replies: replies.len() - expected - usize::from(is_watch),
                touched: BTreeSet::new(),
            });
            replies.clear();
            outcomes.len() < trials.len()
        });
        let mut after = Pipeline::default();
        after.words("CONFIG SET notify-keyspace-events ''");
        after.words(&format!("PUBLISH {MARK} -"));
        self.commands.run(&after, succeeds);
        outcomes
    }

    /// Looks at the keys, without using them.
    fn look(&mut self, trials: &[Trial], outcomes: &mut [Outcome]) {
        let mut all = Pipeline::default();
        let mut looked_up = Vec::new();
        for (at, trial) in trials.iter().enumerate() {
            all.words(&format!("SELECT {}", FIRST + at));
            looked_up.push(None);
            for (name, preset) in &trial.presets {
                if !matches!(preset, Preset::Expired(_)) {
                    let object: [&[u8]; 3] = [b"OBJECT", b"IDLETIME", name];
                    all.add(&object);
                    looked_up.push(Some((at, name, *preset)));
                }
            }
        }
        let mut looked_up = looked_up.into_iter();
        self.commands.run(&all, |frame| {
            let Some((at, name, preset)) = looked_up.next().expect("a request") else { return };
            let idle = frame.reply().to::<u64>().ok();
            let is_touched = match preset {
                Preset::Absent => idle.is_some(),
                _ => idle.is_none_or(|seconds| seconds < 1_000),
            };
            if is_touched {
                outcomes[at].touched.insert(name.clone());
            }
        });
    }

    /// Reads the events of a batch.
    fn listen(&mut self, trials: &[Trial], outcomes: &mut [Outcome]) {
        let mut is_over = false;
        self.events.read_while(|frame| {
            let message = frame.reply().to::<Vec<&[u8]>>().expect("a message");
            let channel = message[2];
            if let Some((at, name)) = event_of(channel) {
                let presets = trials.get(at).map_or(&[][..], |trial| &trial.presets);
                if presets.iter().any(|(preset, _)| preset == name) {
                    outcomes[at].touched.insert(name.to_vec());
                }
            }
            is_over = channel == MARK.as_bytes();
            !is_over
        });
    }
}

/// Returns the number of the line and the key of an event.
fn event_of(channel: &[u8]) -> Option<(usize, &[u8])> {
    let rest = channel.strip_prefix(b"__keyspace@")?;
    let end = rest.windows(3).position(|bytes| bytes == b"__:")?;
    let database: usize = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    Some((database.checked_sub(FIRST)?, &rest[end + 3..]))
}

#[allow(clippy::needless_pass_by_value, reason = "a visitor of frames")]
fn succeeds(frame: Frame) {
    assert!(frame.reply().as_error().is_none(), "{frame:?}");
}

/// Returns the message of an error, or of the first one in the answer to `EXEC`.
fn refusal(reply: ReplyRef<'_>) -> Option<String> {
    let error = match reply {
        ReplyRef::Array(mut replies) => replies.next().and_then(|first| first.as_error()),
        reply => reply.as_error(),
    };
    error.map(|message| message.escape_ascii().to_string())
}

/// Returns the forms of all option words of the commands for a kind of data.
fn words(syntaxes: &[Syntax], group: &str) -> BTreeSet<String> {
    let own = syntaxes.iter().filter(|syntax| syntax.group == group);
    let words = own.flat_map(Syntax::tokens).chain(COMMON);
    words.filter(|word| !word.is_empty()).flat_map(forms).collect()
}

/// Makes a value of each type, and returns their payloads. Option words are groups of the stream and members of the
/// places.
fn payloads(commands: &mut Connection, syntaxes: &[Syntax]) -> Vec<Vec<u8>> {
    let mut values = Pipeline::default();
    let types = TYPES.iter().filter(|(name, _)| *name != VECTORS);
    for (name, command) in types {
        values.words(&command.replace("%k", name));
    }
    for word in words(syntaxes, "stream") {
        values.words(&format!("XGROUP CREATE stream {word} 0"));
    }
    for word in words(syntaxes, "geo") {
        values.words(&format!("GEOADD geo 13.5 38 {word}"));
    }
    commands.run(&values, succeeds);
    let mut vectors = Pipeline::default();
    vectors.words(
        &TYPES
            .iter()
            .find(|(name, _)| *name == VECTORS)
            .expect("it is there")
            .1
            .replace("%k", VECTORS),
    );
    // A server without vectors has a text in their place.
    vectors.words(&format!("COPY text {VECTORS}"));
    commands.run(&vectors, drop);
    let mut dumps = Pipeline::default();
    for (name, _) in TYPES {
        dumps.words(&format!("DUMP {name}"));
    }
    let mut payloads = Vec::new();
    commands
        .run(&dumps, |dump| payloads.push(dump.reply().as_bytes().expect("a payload").to_vec()));
    payloads
}
