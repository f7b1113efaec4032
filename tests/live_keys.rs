//! The keys that the crate finds are those that live servers read and write, whatever they say of themselves.
//!
//! The servers are the `redis-server` on the `PATH` and those in `ZRESP_SERVERS`. Without any, these tests are skipped,
//! or fail if `ZRESP_REQUIRE_REDIS` is set. `ZRESP_KEY_LINES` is the number of lines for each server.
#![cfg(all(feature = "commands", feature = "std"))]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::iter::repeat_n;

use fastrand::Rng;
use zresp::commands::{Categories, CommandTable, Flags, Keys, KeysError, keys, lookup, of};
use zresp::{Arguments, EncodeCommand, requests};
use zresp_testing::drive::effects::docs::Syntax;
use zresp_testing::drive::effects::lines::{Preset, line, presets};
use zresp_testing::drive::effects::observer::{BATCH, Observer, Outcome, Trial};
use zresp_testing::drive::keys::{assert_agree, command, encoded};
use zresp_testing::drive::live_server::{Program, Server};

/// The number of lines for each server.
const LINES: usize = 10_000;

/// Commands that look a key up without a trace. They have a test of their own.
const TRACELESS: [&str; 6] = [
    "memory|usage",
    "object|encoding",
    "object|freq",
    "object|idletime",
    "object|refcount",
    "watch",
];

/// Commands that leave the idle time of a key as it is. They remove a key whose time is over.
const QUIET: [&str; 6] = ["exists", "expiretime", "pexpiretime", "pttl", "ttl", "type"];

/// Commands that may leave some of their keys alone, and why.
const PARTIAL: [(&str, &str); 16] = [
    ("blmove", NO_SOURCE),
    ("blmpop", FIRST_FOUND),
    ("blpop", FIRST_FOUND),
    ("brpop", FIRST_FOUND),
    ("brpoplpush", NO_SOURCE),
    ("bzmpop", FIRST_FOUND),
    ("bzpopmax", FIRST_FOUND),
    ("bzpopmin", FIRST_FOUND),
    (
        "copy",
        "the destination may be in another database, and nothing is copied from a missing key",
    ),
    ("lmove", NO_SOURCE),
    ("lmpop", FIRST_FOUND),
    ("msetex", "with NX or XX, the first key that is there or missing is enough"),
    ("msetnx", "the first key that is there is enough"),
    ("rpoplpush", NO_SOURCE),
    ("vrandmember", "a count of zero needs no look-up"),
    ("zmpop", FIRST_FOUND),
];

const NO_SOURCE: &str = "a missing source needs no destination";
const FIRST_FOUND: &str = "the first key with elements is enough";

/// Returns why lines of this command are not run.
fn excluded(name: &str) -> Option<&'static str> {
    let info = lookup(name.as_bytes()).unwrap_or_else(|| panic!("{name} is not in the table"));
    if info.key_specs.iter().any(|spec| !spec.is_not_key) {
        return None;
    }
    if info.flags.intersects(Flags::ADMIN) || info.categories.intersects(Categories::DANGEROUS) {
        Some("has no keys, and is for administrators or affects whole databases")
    } else if info.categories.intersects(Categories::CONNECTION | Categories::TRANSACTION) {
        Some("has no keys, and changes the state of the connection")
    } else if info.flags.intersects(Flags::PUBSUB | Flags::NOSCRIPT) {
        Some("has no keys, and is about channels or scripts")
    } else if name.starts_with("cluster|") {
        Some("has no keys, and needs a cluster")
    } else if name == "scan" || name == "randomkey" || name == "clusterscan" {
        Some("reads the whole database, which `keys` does not cover")
    } else {
        None
    }
}

/// Returns whether an argument is one of these words for a server, which compares them up to a NUL.
fn is_one_of(argument: &[u8], words: &[&str]) -> bool {
    let text = argument.split(|byte| *byte == 0).next().unwrap_or_default();
    words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

/// Returns whether a line had one reply and the server touched no other keys, except for known defects of servers.
fn is_sound(program: &Program, trial: &Trial, outcome: &Outcome, missed: &[&Vec<u8>]) -> bool {
    let has = |words: &[&str]| trial.line.iter().any(|argument| is_one_of(argument, words));
    // With a digest that is malformed, Redis answers `SET key value IFDEQ digest GET` with the old value and an error.
    let answers_twice = !program.is_valkey
        && program.version >= (8, 4)
        && trial.name == "set"
        && has(&["GET"])
        && has(&["IFDEQ", "IFDNE"]);
    // If the key is named like an option that Valkey does not replicate, it announces the next argument as the key.
    let announces_another = program.is_valkey
        && trial.name == "hsetex"
        && is_one_of(&trial.line[1], &["FNX", "FXX", "NX", "XX"]);
    (outcome.extra_replies == 0 || answers_twice) && (missed.is_empty() || announces_another)
}

/// What was seen of a command.
#[derive(Debug, Default)]
struct Seen {
    lines: usize,
    accepted: usize,
    /// How often a key was found in an accepted line.
    keys: usize,
    /// How often one of these was touched.
    touched: usize,
    /// The places of the keys: the first, the second, and the others.
    places: BTreeSet<usize>,
    touched_places: BTreeSet<usize>,
}

impl Seen {
    /// Returns whether the server accepted the command, and touched a key at each place where one was found.
    fn is_proven(&self, syntax: &Syntax) -> bool {
        // The server has no syntax tree of some commands of modules.
        let is_accepted = self.accepted > 0 || syntax.arguments.is_empty();
        let leaves_no_trace = TRACELESS.contains(&&*syntax.name());
        is_accepted && (leaves_no_trace || self.places == self.touched_places)
    }
}

/// Compares the keys of a line with those that the server touched.
fn compare(
    own: &CommandTable,
    program: &Program,
    trial: &Trial,
    outcome: &Outcome,
    seen: &mut Seen,
) -> Result<(), String> {
    let wire = Arguments(&trial.line).to_wire().expect("a name");
    let command = command(&wire);
    let name = of(&command).map_or("", |info| &info.name);
    let is_accepted = outcome.error.is_none() && outcome.extra_replies == 0;
    seen.lines += 1;
    seen.accepted += usize::from(is_accepted);
    assert_agree(requests(&wire).next().expect("a request").expect("a command"));
    // The server's own table says the same of commands that it knows in this form.
    if own.of(&command).is_some_and(|info| info.accepts(command.len())) {
        let places = |found: Result<Keys<'_>, KeysError>| {
            found.map(|keys| keys.map(|key| key.index).collect::<Vec<_>>())
        };
        assert_eq!(places(own.keys(&command)), places(keys(&command)), "{trial}");
    }
    let ordered: Vec<_> = match keys(&command) {
        Ok(found) => found.map(|key| key.key.to_vec()).collect(),
        Err(error) if is_accepted => return Err(format!("accepted, but: {error}")),
        // A server may look at keys before it refuses the line.
        Err(_) => return Ok(()),
    };
    let found: BTreeSet<_> = ordered.iter().cloned().collect();
    let missed: Vec<_> = outcome.touched.difference(&found).collect();
    if !is_sound(program, trial, outcome, &missed) {
        let missed = missed.iter().map(|key| key.escape_ascii().to_string());
        let missed = missed.collect::<Vec<_>>().join(" ");
        return Err(format!("{} more replies, missed keys: {missed}", outcome.extra_replies));
    }
    if !is_accepted {
        return Ok(());
    }
    seen.keys += found.len();
    seen.touched += found.intersection(&outcome.touched).count();
    for (place, key) in ordered.iter().enumerate() {
        seen.places.insert(place.min(2));
        if outcome.touched.contains(key) {
            seen.touched_places.insert(place.min(2));
        }
    }
    let is_partial = PARTIAL.iter().any(|(partial, _)| *partial == name);
    let has_empty_script = name.starts_with("eval") && trial.line[1].is_empty();
    if is_partial || has_empty_script || TRACELESS.contains(&name) {
        return Ok(());
    }
    for key in found.difference(&outcome.touched) {
        let preset = trial.presets.iter().find(|(name, _)| name == key).map(|(_, preset)| preset);
        let leaves_no_trace = match preset {
            Some(Preset::Present(_)) => QUIET.contains(&name),
            Some(Preset::Expired(_)) => false,
            // Only reading a missing key is announced.
            Some(Preset::Absent) | None => true,
        };
        if !leaves_no_trace {
            return Err(format!("{} was not touched", key.escape_ascii()));
        }
    }
    Ok(())
}

/// Returns the syntax of the commands to run, and prints why others are not run.
fn runnable(mut syntaxes: Vec<Syntax>) -> Vec<Syntax> {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    syntaxes.sort_by_key(Syntax::name); // a server lists them in any order
    syntaxes.retain(|syntax| {
        let name = syntax.name();
        excluded(&name).map(|reason| reasons.entry(reason).or_default().push(name)).is_none()
    });
    for (reason, names) in reasons {
        println!("{} commands are not run: each {reason}: {}", names.len(), names.join(" "));
    }
    syntaxes
}

#[test]
fn the_keys_of_generated_lines_are_those_that_servers_touch() {
    let lines = env::var("ZRESP_KEY_LINES").map_or(LINES, |lines| lines.parse().expect("a number"));
    for program in Program::all() {
        let mut observer = Observer::start(&program);
        let mut rng = Rng::with_seed(0x6b65_7973);
        let syntaxes = runnable(observer.syntaxes.clone());
        // Commands with more options have more lines.
        let repeated =
            syntaxes.iter().flat_map(|syntax| repeat_n(syntax, 4 + syntax.tokens().len()));
        let weighted: Vec<&Syntax> = repeated.collect();
        let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
        let mut failures = Vec::new();
        let mut done = 0;
        while done < lines && failures.len() < 20 {
            let trials = (0..BATCH.min(lines - done)).map(|_| {
                let syntax = weighted[rng.usize(..weighted.len())];
                let line = line(syntax, &observer.world, &mut rng);
                let presets = presets(syntax, &line, &mut rng);
                Trial { line, presets, name: syntax.name() }
            });
            let trials: Vec<Trial> = trials.collect();
            for (trial, outcome) in trials.iter().zip(observer.observe(&trials)) {
                let seen = seen.entry(trial.name.clone()).or_default();
                if let Err(failure) = compare(&observer.table, &program, trial, &outcome, seen) {
                    failures.push(format!("{trial}: {failure}; answer: {:?}", outcome.error));
                }
            }
            done += trials.len();
        }
        for (name, seen) in &seen {
            println!("  {name}: {seen:?}");
        }
        let sum = |count: fn(&Seen) -> usize| seen.values().map(count).sum::<usize>();
        let (accepted, touched) = (sum(|seen| seen.accepted), sum(|seen| seen.touched));
        let keys = sum(|seen| seen.keys);
        println!(
            "{program:?}: {done} lines of {} commands, {accepted} accepted, {keys} keys, {touched} touched",
            seen.len()
        );
        assert!(failures.is_empty(), "{program:?}:\n{}", failures.join("\n"));
        assert!(accepted > done / 2 && touched > done / 2);
        let unproven = syntaxes.iter().filter(|syntax| {
            seen.get(&syntax.name())
                .is_some_and(|seen| seen.lines >= 200 && !seen.is_proven(syntax))
        });
        let unproven: Vec<_> = unproven.map(Syntax::name).collect();
        assert!(unproven.is_empty(), "{program:?}: {unproven:?}");
    }
}

#[test]
fn commands_that_leave_no_trace_use_their_keys() {
    for program in Program::all() {
        let server = program.start(&["--maxmemory-policy", "allkeys-lfu"]);
        for line in [
            "MEMORY USAGE samples SAMPLES 5",
            "MEMORY USAGE usage",
            "OBJECT ENCODING encoding",
            "OBJECT FREQ object",
            "OBJECT REFCOUNT refcount",
            "WATCH watch multi Watch",
        ] {
            check_traceless(&server, line);
        }
        let server = program.start(&[]);
        check_traceless(&server, "OBJECT IDLETIME idletime");
    }
}

/// Compares the keys of a line with the arguments that change the answer, or the transaction, if they are set.
fn check_traceless(server: &Server, line: &str) {
    let bytes = encoded(line);
    let command = command(&bytes);
    let name = &*of(&command).expect("a command").name;
    assert!(TRACELESS.contains(&name), "{name}");
    let found: BTreeSet<_> = keys(&command).expect(line).map(|key| key.key.to_vec()).collect();
    let answers = |set: &str| {
        let lines = ["FLUSHALL", line, set, "MULTI", "EXEC", line];
        let replies = server.replies(&lines.map(encoded));
        (format!("{:?}", replies[4].reply()), format!("{:?}", replies[5].reply()))
    };
    let used = command.args().skip(1).filter(|argument| {
        let argument = std::str::from_utf8(argument).expect("a word");
        answers(&format!("SET {argument} 1")) != answers("PING")
    });
    assert_eq!(used.map(<[u8]>::to_vec).collect::<BTreeSet<_>>(), found, "{line}");
}
