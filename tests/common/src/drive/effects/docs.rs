//! The syntax trees in a server's answer to `COMMAND DOCS`.

use zresp::ReplyRef;

/// An argument, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    pub name: String,
    pub kind: Kind,
    /// The option word before the argument.
    pub token: Option<String>,
    pub is_optional: bool,
    pub is_multiple: bool,
    /// Whether each repetition has its own token.
    pub repeats_token: bool,
    pub parts: Vec<Argument>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Key,
    Text,
    Integer,
    Double,
    Time,
    /// Only the token.
    Token,
    /// One of the parts.
    Choice,
    /// All parts.
    Block,
}

/// A command or a subcommand.
#[derive(Debug, Clone)]
pub struct Syntax {
    /// The words of the name.
    pub words: Vec<String>,
    /// The kind of data that the command is for.
    pub group: String,
    pub arguments: Vec<Argument>,
}

impl Syntax {
    /// Reads all commands of an answer. Those without arguments in it have no tree.
    pub fn read(docs: ReplyRef<'_>) -> Vec<Self> {
        let mut all = Vec::new();
        for (name, doc) in pairs(docs) {
            let words: Vec<_> = name.split('|').map(str::to_owned).collect();
            Self::add(words, doc, &mut all);
        }
        all
    }

    fn add(words: Vec<String>, doc: ReplyRef<'_>, all: &mut Vec<Self>) {
        if let Some(subcommands) = field(doc, "subcommands") {
            for (name, doc) in pairs(subcommands) {
                Self::add(name.split('|').map(str::to_owned).collect(), doc, all);
            }
            return;
        }
        let group = field(doc, "group").map_or_else(String::new, text);
        let arguments = arguments(field(doc, "arguments"));
        all.push(Self { words, group, arguments });
    }

    /// Returns the name as the command table has it.
    pub fn name(&self) -> String {
        self.words.join("|").to_lowercase()
    }

    /// Returns all option words.
    pub fn tokens(&self) -> Vec<&str> {
        let mut tokens = Vec::new();
        self.arguments.iter().for_each(|argument| argument.add_tokens(&mut tokens));
        tokens
    }
}

impl Argument {
    fn add_tokens<'a>(&'a self, tokens: &mut Vec<&'a str>) {
        tokens.extend(self.token.as_deref());
        self.parts.iter().for_each(|part| part.add_tokens(tokens));
    }
}

fn arguments(list: Option<ReplyRef<'_>>) -> Vec<Argument> {
    elements(list).into_iter().map(argument).collect()
}

fn argument(reply: ReplyRef<'_>) -> Argument {
    let flags: Vec<_> = elements(field(reply, "flags")).into_iter().map(text).collect();
    let has = |flag| flags.iter().any(|name| name == flag);
    let kind = match &*field(reply, "type").map_or_else(String::new, text) {
        "key" => Kind::Key,
        "integer" => Kind::Integer,
        "double" => Kind::Double,
        "unix-time" => Kind::Time,
        "pure-token" => Kind::Token,
        "oneof" => Kind::Choice,
        "block" => Kind::Block,
        _ => Kind::Text,
    };
    Argument {
        name: field(reply, "name").map_or_else(String::new, text).to_ascii_lowercase(),
        kind,
        token: field(reply, "token").map(text),
        is_optional: has("optional"),
        is_multiple: has("multiple"),
        repeats_token: has("multiple_token"),
        parts: arguments(field(reply, "arguments")),
    }
}

fn pairs(reply: ReplyRef<'_>) -> Vec<(String, ReplyRef<'_>)> {
    match reply {
        ReplyRef::Map(pairs) => pairs.map(|(name, value)| (text(name), value)).collect(),
        other => panic!("not a map: {other:?}"),
    }
}

fn field<'a>(reply: ReplyRef<'a>, name: &str) -> Option<ReplyRef<'a>> {
    pairs(reply).into_iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

fn elements(reply: Option<ReplyRef<'_>>) -> Vec<ReplyRef<'_>> {
    match reply {
        Some(ReplyRef::Array(elements) | ReplyRef::Set(elements)) => elements.collect(),
        None => Vec::new(),
        Some(other) => panic!("not a list: {other:?}"),
    }
}

fn text(reply: ReplyRef<'_>) -> String {
    let bytes = reply.as_bytes().expect("a text");
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}
