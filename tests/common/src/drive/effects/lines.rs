//! Command lines made from syntax trees. Option words are also used as the names of keys, groups and members.

use fastrand::Rng;

use super::docs::{Argument, Kind, Syntax};

/// What is known about a server before lines are made for it.
#[derive(Debug, Clone)]
pub struct World {
    /// The port of the server that `MIGRATE` sends keys to.
    pub target_port: u16,
    /// A payload of `RESTORE`.
    pub payload: Vec<u8>,
    /// A script that touches its keys, and its SHA-1.
    pub script: &'static str,
    pub digest: String,
}

/// Words that are options of the commands with the most complicated keys.
pub const COMMON: [&str; 12] = [
    "STORE",
    "STOREDIST",
    "BY",
    "GET",
    "LIMIT",
    "COUNT",
    "STREAMS",
    "GROUP",
    "KEYS",
    "AUTH",
    "BLOCK",
    "WEIGHTS",
];

/// The forms in which an option word is the name of a group, a member or a user.
pub fn forms(word: &str) -> [String; 2] {
    [word.to_uppercase(), word.to_lowercase()]
}

/// A line that is being made.
struct Maker<'a> {
    rng: &'a mut Rng,
    world: &'a World,
    /// Names for this line.
    names: Vec<Vec<u8>>,
    /// Option words for names that must be among the [`forms`].
    words: Vec<&'a str>,
    line: Vec<Vec<u8>>,
    /// The number of keys in the last list of keys.
    keys: usize,
}

/// Returns a line of a command, which a server may refuse.
pub fn line(syntax: &Syntax, world: &World, rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut words = syntax.tokens();
    words.retain(|word| !word.is_empty());
    if rng.u8(..4) == 0 || words.is_empty() {
        words.extend(COMMON);
    }
    let line = syntax.words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let mut maker = Maker { rng, world, names: Vec::new(), words, line, keys: 1 };
    maker.names = (0..maker.rng.usize(2..7)).map(|_| maker.new_name()).collect();
    let begin = maker.line.len();
    if syntax.arguments.is_empty() || maker.rng.u8(..32) == 0 {
        let count = if maker.rng.bool() { 0 } else { maker.rng.usize(1..6) };
        for _ in 0..count {
            let argument = maker.any_word();
            maker.line.push(argument);
        }
    } else {
        maker.all(&syntax.arguments);
        while maker.rng.u8(..6) == 0 {
            maker.change(begin);
        }
    }
    maker.line
}

impl<'a> Maker<'a> {
    /// Inserts, removes, replaces or doubles an argument after the name.
    fn change(&mut self, begin: usize) {
        let at = self.rng.usize(begin..=self.line.len());
        let action = if at == self.line.len() { 0 } else { self.rng.u8(..4) };
        match action {
            0 => {
                let word = self.any_word();
                self.line.insert(at, word);
            }
            1 => _ = self.line.remove(at),
            2 => self.line[at] = self.any_word(),
            _ => self.line.insert(at, self.line[at].clone()),
        }
    }

    /// An option word in any letter case, a short name, a number, or nothing.
    fn new_name(&mut self) -> Vec<u8> {
        match self.rng.u8(..16) {
            0..9 => {
                let word = self.word();
                let mut word = self.cased(word);
                if self.rng.u8(..24) == 0 {
                    word.extend(b"\0x");
                }
                word
            }
            9..14 => vec![self.rng.u8(b'a'..=b'e')],
            14 => vec![self.rng.u8(b'0'..=b'3')],
            _ => self.choose(&["", "key", "$", ">", "*"]),
        }
    }

    fn word(&mut self) -> &'a str {
        self.words[self.rng.usize(..self.words.len())]
    }

    fn cased(&mut self, word: &str) -> Vec<u8> {
        match self.rng.u8(..4) {
            0 => word.to_uppercase().into_bytes(),
            1 => word.to_lowercase().into_bytes(),
            _ => word
                .bytes()
                .map(|byte| {
                    if self.rng.bool() {
                        byte.to_ascii_uppercase()
                    } else {
                        byte.to_ascii_lowercase()
                    }
                })
                .collect(),
        }
    }

    fn any_word(&mut self) -> Vec<u8> {
        match self.rng.u8(..4) {
            0 => self.choose(&["0", "1", "2", "-1", "01", "+1", "3", "1.5", "0-0", "$"]),
            1 => {
                let word = self.word();
                self.cased(word)
            }
            _ => self.name(),
        }
    }

    fn name(&mut self) -> Vec<u8> {
        self.names[self.rng.usize(..self.names.len())].clone()
    }

    fn choose(&mut self, choices: &[&str]) -> Vec<u8> {
        choices[self.rng.usize(..choices.len())].as_bytes().to_vec()
    }

    /// Adds arguments, runs of options in any order.
    fn all(&mut self, arguments: &[Argument]) {
        let mut order: Vec<&Argument> = arguments.iter().collect();
        // Some servers accept options before the arguments that they need, if these have a word.
        let with_words = self.rng.u8(..4) == 0;
        let is_free =
            |argument: &&Argument| argument.is_optional || with_words && argument.token.is_some();
        let mut run = &mut order[..];
        while let Some(begin) = run.iter().position(is_free) {
            let rest = &mut run[begin..];
            let end = rest.iter().position(|argument| !is_free(argument)).unwrap_or(rest.len());
            let (free, rest) = rest.split_at_mut(end);
            self.rng.shuffle(free);
            run = rest;
        }
        // The number of arguments in a list comes before the list.
        let mut count = None;
        for argument in order {
            if argument.is_optional && self.rng.bool() {
                continue;
            }
            if argument.kind == Kind::Integer && argument.name.starts_with("num") {
                self.token(argument);
                count = Some(self.line.len());
                self.line.push(Vec::new());
                continue;
            }
            let repeated = if argument.is_optional && self.rng.u8(..6) == 0 { 2 } else { 1 };
            for _ in 0..repeated {
                let added = self.argument(argument);
                if let Some(at) = count.take() {
                    self.line[at] = match self.rng.u8(..12) {
                        0 => self.choose(&["0", "1", "2", "01", "+1", "-1", "3"]),
                        _ => added.to_string().into_bytes(),
                    };
                }
            }
        }
        if let Some(at) = count {
            self.line[at] = b"0".to_vec();
        }
    }

    fn token(&mut self, argument: &Argument) {
        if let Some(token) = &argument.token {
            let mut token = self.cased(token);
            if self.rng.u8(..24) == 0 {
                // Many servers compare words up to a NUL.
                token.extend(b"\0x");
            }
            self.line.push(token);
        }
    }

    /// Adds an argument, and returns how often.
    fn argument(&mut self, argument: &Argument) -> usize {
        let times = match argument.kind {
            _ if !argument.is_multiple => 1,
            Kind::Key => self.rng.usize(1..4),
            // There is one identifier for each stream, and one weight for each set.
            _ if matches!(&*argument.name, "id" | "weight") => self.keys,
            _ => self.rng.usize(1..4),
        };
        if argument.kind == Kind::Key {
            self.keys = times;
        }
        for time in 0..times {
            if time == 0 || argument.repeats_token {
                self.token(argument);
            }
            match argument.kind {
                Kind::Token => {}
                Kind::Choice => {
                    let part = &argument.parts[self.rng.usize(..argument.parts.len())];
                    self.argument(part);
                }
                Kind::Block => self.all(&argument.parts),
                kind => self.value(kind, &argument.name),
            }
        }
        times
    }

    /// Adds a value that is likely to be accepted.
    fn value(&mut self, kind: Kind, name: &str) {
        if name.starts_with("vector") && self.rng.bool() {
            self.line.extend([b"2", b"1", b"3"].map(|number| number.to_vec()));
            return;
        }
        let value = match (kind, name) {
            (Kind::Key, _) => self.name(),
            (_, "port") => self.world.target_port.to_string().into_bytes(),
            (_, "host") => b"127.0.0.1".to_vec(),
            (_, "timeout") => b"1000".to_vec(),
            (_, "serialized-value") => self.world.payload.clone(),
            (_, "script") => self.world.script.as_bytes().to_vec(),
            (_, "sha1") => self.world.digest.clone().into_bytes(),
            (_, "function") => b"touch".to_vec(),
            (_, "destination-db" | "db" | "min-idle-time") => self.choose(&["0", "1"]),
            (_, "cursor") => b"0".to_vec(),
            (_, "operation") => self.choose(&["AND", "or", "XOR", "not"]),
            (_, "subcommand") => self.choose(&["GETREG", "decode", "ENCODING", "todense"]),
            (_, "encoding") => self.choose(&["u8", "i16", "u1"]),
            (Kind::Text, "group" | "groupname" | "member" | "member1" | "member2" | "username")
                if self.rng.u8(..8) > 0 =>
            {
                let [upper, lower] = forms(self.word());
                if self.rng.bool() { upper.into_bytes() } else { lower.into_bytes() }
            }
            (
                Kind::Text,
                "id" | "last-id" | "lastid" | "max-deleted-id" | "stream-id" | "threshold",
            ) if self.rng.u8(..8) > 0 => {
                self.choose(&["0", "0", ">", ">", "1-1", "1-1", "2-2", "*", "$", "(1-1"])
            }
            (Kind::Text, "min" | "max" | "start" | "stop") if self.rng.u8(..8) > 0 => {
                self.choose(&["0", "-1", "1", "-inf", "+inf", "[a", "(b", "-", "+", "(1"])
            }
            (Kind::Text, "end") => self.choose(&["+", "+", "[b", "-", "1-1", "(1-1", "0"]),
            (Kind::Time, _) => b"9999999999".to_vec(),
            (Kind::Integer, _) => self.choose(&["0", "1", "2", "1", "3", "-1", "10", "100"]),
            (Kind::Double, _) => self.choose(&["0", "1", "1.5", "13.4", "38"]),
            _ => match self.rng.u8(..4) {
                0 => self.choose(&["0", "1", "2", "10", "p*", "a", "1.5"]),
                _ => self.name(),
            },
        };
        self.line.push(value);
    }
}

/// What a key is before a line runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// A value of this type that nothing has used for long.
    Present(usize),
    Absent,
    /// A value of this type whose time is over.
    Expired(usize),
}

/// The types of values: a name, and the command that makes one of them.
pub const TYPES: [(&str, &str); 10] = [
    // Small integers are shared by all keys, and so is the time of their last use.
    ("string", "SET %k 123456"),
    ("text", "SET %k hello"),
    ("list", "RPUSH %k 7001 7002 7003"),
    ("set", "SADD %k 7001 7002 7003"),
    ("sorted-set", "ZADD %k 1 7001 2 7002 3 7003"),
    ("geo", "GEOADD %k 13.4 38.1 7001 15.1 37.5 7002"),
    ("hash", "HSET %k 1 1 2 2 a 3"),
    ("hyperloglog", "PFADD %k 1 2"),
    ("stream", "XADD %k 1-1 a 1"),
    (VECTORS, "VADD %k VALUES 2 1 1 7001"),
];

/// A type that not all servers have.
pub const VECTORS: &str = "vectors";

/// Returns a state for each distinct argument: of the type that the command is for, or of any.
pub fn presets(syntax: &Syntax, line: &[Vec<u8>], rng: &mut Rng) -> Vec<(Vec<u8>, Preset)> {
    let name = &*syntax.words[0];
    let group = match &*syntax.group {
        "bitmap" => "string",
        "module" => VECTORS,
        group => group,
    };
    let mut any = || {
        let kind = rng.usize(..TYPES.len());
        // `SORT` makes keys from the members if a pattern asks for it. The names of places are option words.
        if name.starts_with("sort") && TYPES[kind].0 == "geo" { 0 } else { kind }
    };
    let usual = TYPES.iter().position(|(name, _)| *name == group).unwrap_or_else(&mut any);
    let others: Vec<_> = line.iter().map(|_| any()).collect();
    let mode = rng.u8(..8);
    let mut states: Vec<(Vec<u8>, Preset)> = Vec::new();
    for (argument, other) in line.iter().zip(others) {
        // Longer ones are values.
        if argument.len() > 40 || states.iter().any(|(name, _)| name == argument) {
            continue;
        }
        let kind = if rng.u8(..8) == 0 { other } else { usual };
        let preset = match (mode, rng.u8(..3)) {
            (0..4, _) => Preset::Present(usual),
            (4, _) | (7, 0) => Preset::Expired(kind),
            (5, _) | (7, 1) => Preset::Absent,
            _ => Preset::Present(kind),
        };
        states.push((argument.clone(), preset));
    }
    states
}
