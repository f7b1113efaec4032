//! A table from a server's answer to `COMMAND`.

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use crate::escape;
use crate::view::ReplyRef;

use super::command_table::MOST;
use super::{Access, BeginSearch, CommandInfo, CommandTable, FindKeys, Flags, KeySpec};

/// The greatest number of key specifications of a command in a reply. Servers send at most four. Finding the keys takes
/// time that grows with the square of their number.
const SPECS: usize = 16;

/// Why a table cannot be made or changed.
///
/// It names the command of a reply, and the part that is wrong: `command 7 "get", flags: not a list`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TableError {
    reason: &'static str,
    /// The part of a command in a reply; empty for the whole.
    part: &'static str,
    /// The command of a reply.
    command: Option<usize>,
    /// Its name, or the message of an error reply.
    text: Box<[u8]>,
}

impl TableError {
    const ERROR_REPLY: &str = "the server answered with an error";

    /// A subcommand without its container.
    #[cold]
    pub(super) fn container() -> Self {
        Self::new("the container of a subcommand is missing")
    }

    /// One command too many.
    #[cold]
    pub(super) fn full() -> Self {
        Self::new("there are more than 4096 commands")
    }

    fn new(reason: &'static str) -> Self {
        Self { reason, part: "", command: None, text: Box::default() }
    }

    /// Returns the index of the command in the reply that the error is about. For a subcommand it is that of its
    /// container.
    #[must_use]
    pub const fn command(&self) -> Option<usize> {
        self.command
    }

    /// Returns the message of the error that the server answered with in place of a table, such as `NOPERM …`.
    #[must_use]
    pub fn error_reply(&self) -> Option<&[u8]> {
        (self.reason == Self::ERROR_REPLY).then_some(&*self.text)
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(message) = self.error_reply() {
            write!(f, "{}: ", self.reason)?;
            return escape::text(message, f);
        }
        if let Some(command) = self.command {
            write!(f, "command {command}")?;
            if !self.text.is_empty() {
                f.write_str(" ")?;
                escape::bytes(&self.text, f)?;
            }
            if !self.part.is_empty() {
                write!(f, ", {}", self.part)?;
            }
            f.write_str(": ")?;
        }
        f.write_str(self.reason)
    }
}

impl fmt::Debug for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableError({self})")
    }
}

impl core::error::Error for TableError {}

type Parsed<T> = Result<T, TableError>;

impl CommandTable {
    /// Returns the table in a server's answer to `COMMAND`, in RESP2 or RESP3.
    ///
    /// The answer to `COMMAND INFO` with names of commands has the same form. For a name that the server does not know
    /// it contains a null, which is left out here.
    ///
    /// What this version of the crate does not know is kept in [`CommandInfo::unknown`]. Servers before Redis 7.0
    /// do not send key specifications; their three numbers are used instead. If such a server says that keys are
    /// elsewhere, the specifications are those of the built-in table; if that lacks the command, they are marked as
    /// incomplete.
    ///
    /// ```
    /// use zresp::commands::{CommandTable, Flags};
    ///
    /// let bytes = b"*1\r\n*6\r\n$6\r\nMY.GET\r\n:2\r\n*2\r\n+readonly\r\n+quick\r\n:1\r\n:1\r\n:1\r\n";
    /// let frame = zresp::decode(bytes)?.expect("a whole reply");
    /// let table = CommandTable::from_reply(frame.reply())?;
    /// let info = table.lookup(b"my.get").expect("a command");
    /// assert_eq!((info.flags, &*info.unknown), (Flags::READONLY, &["quick".into()][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the server answered with one, which is kept: see [`TableError::error_reply`]. Otherwise
    /// returns an error if the reply is not a list of commands, or lists more than 4096, if a command has more than 16
    /// key specifications, or if a subcommand is listed without its container or under another one.
    pub fn from_reply(reply: ReplyRef<'_>) -> Result<Self, TableError> {
        if let Some(message) = reply.as_error() {
            return Err(TableError {
                text: message.into(),
                ..TableError::new(TableError::ERROR_REPLY)
            });
        }
        if !matches!(reply, ReplyRef::Array(_) | ReplyRef::Set(_)) {
            return Err(TableError::new("the reply is not a list of commands"));
        }
        let commands = (NamedReply { name: "", reply }).list().map_err(|_| TableError::full())?;
        let mut table = Self::new();
        for (index, command) in commands.into_iter().enumerate() {
            if !command.reply.is_null() {
                table
                    .add(command, None)
                    .map_err(|error| TableError { command: Some(index), ..error })?;
            }
        }
        Ok(table)
    }

    /// Adds a command in a reply, with its subcommands. `container` is the name of its container, if it is itself
    /// a subcommand.
    fn add(&mut self, command: NamedReply<'_>, container: Option<&str>) -> Parsed<()> {
        let fields = command.list()?;
        let [name, ..] = &*fields else { return Err(command.error("no name")) };
        let mut name = name.named("name").text()?.to_ascii_lowercase();
        if let Some(container) = container.filter(|_| !name.contains('|')) {
            name = format!("{container}|{name}"); // some servers leave the container out
        }
        // An error in a subcommand has its name already.
        self.add_named(&name, &fields, container).map_err(|error| match &*error.text {
            [] => TableError { text: name.into_bytes().into(), ..error },
            _ => error,
        })
    }

    /// Adds the command with these fields.
    fn add_named(
        &mut self,
        name: &str,
        fields: &[NamedReply<'_>],
        container: Option<&str>,
    ) -> Parsed<()> {
        let [_, arity, flags, first, last, step, rest @ ..] = fields else {
            return Err(TableError::new("fewer than six fields"));
        };
        if container.is_some_and(|own| name.split('|').next() != Some(own)) {
            return Err(TableError::new("a subcommand of another container"));
        }
        let mut info = CommandInfo::new(name.to_owned(), arity.named("arity").small()?);
        let mut unknown = Vec::new();
        for flag in flags.named("flags").list()? {
            info.flags |= named("", flag.text()?, &mut unknown);
        }
        if let Some(categories) = rest.first() {
            for category in categories.named("categories").list()? {
                let category = category.text()?.trim_start_matches('@');
                info.categories |= named("@", category, &mut unknown);
            }
        }
        if let Some(tips) = rest.get(1) {
            let tips = tips.named("tips").list()?.into_iter();
            let tips = tips.map(|tip| Ok(Cow::Owned(tip.text()?.to_owned())));
            info.tips = tips.collect::<Parsed<Vec<_>>>()?.into();
        }
        let specs = match rest.get(2) {
            Some(specs) => specs
                .named("key specifications")
                .list_up_to(SPECS)?
                .into_iter()
                .map(|entry| spec(entry, &mut unknown))
                .collect::<Parsed<_>>()?,
            None => legacy(
                &info,
                first.named("first key"),
                last.named("last key"),
                step.named("step of keys"),
            )?,
        };
        info.key_specs = Cow::Owned(specs);
        info.unknown = unknown.into();
        self.insert(info)?;
        let Some(subcommands) = rest.get(3) else { return Ok(()) };
        let subcommands = subcommands.named("subcommands");
        let all = subcommands.list()?;
        if container.is_some() && !all.is_empty() {
            return Err(subcommands.error("a subcommand has some"));
        }
        all.into_iter().try_for_each(|subcommand| self.add(subcommand, Some(name)))
    }
}

/// Returns the flag with this name, in any letter case; none if it is unknown. That is noted with the prefix.
fn named<F: bitflags::Flags>(prefix: &str, name: &str, unknown: &mut Vec<Cow<'static, str>>) -> F {
    let mut known = F::FLAGS.iter().filter(|flag| flag.name().eq_ignore_ascii_case(name));
    known.next().map_or_else(
        || {
            unknown.push(format!("{prefix}{name}").into());
            F::empty()
        },
        |flag| F::from_bits_retain(flag.value().bits()),
    )
}

/// Returns the key specifications of a command of a server that sends only three numbers.
fn legacy(
    info: &CommandInfo,
    first: NamedReply<'_>,
    last: NamedReply<'_>,
    step: NamedReply<'_>,
) -> Parsed<Vec<KeySpec>> {
    let mut specs = Vec::new();
    if info.flags.contains(Flags::MOVABLEKEYS) {
        if let Some(known) = CommandTable::builtin().lookup(info.name.as_bytes()) {
            return Ok(known.key_specs.to_vec());
        }
        let elsewhere = KeySpec::new(Access::READ, BeginSearch::Unknown, FindKeys::Unknown);
        specs.push(KeySpec { is_incomplete: true, ..elsewhere });
    }
    let (from, to) = (first.integer()?, last.integer()?);
    if from > 0 {
        let to = if to < 0 { to } else { to.saturating_sub(from) };
        let last = i32::try_from(to).map_err(|_| last.out_of_range())?;
        let find = FindKeys::Range { last, step: step.size()?, limit: 0 };
        let mut access = Access::READ;
        access.set(Access::WRITE, info.flags.contains(Flags::WRITE));
        specs.push(KeySpec::new(access, BeginSearch::Index(first.size()?), find));
    }
    Ok(specs)
}

fn spec(reply: NamedReply<'_>, unknown: &mut Vec<Cow<'static, str>>) -> Parsed<KeySpec> {
    let fields = reply.fields()?;
    let begin = half(&fields, "begin_search", |kind, numbers| {
        Ok(match kind {
            "index" => BeginSearch::Index(get(numbers, "index")?.size()?),
            "keyword" => BeginSearch::Keyword {
                keyword: get(numbers, "keyword")?.text()?.to_owned().into(),
                from: get(numbers, "startfrom")?.small()?,
            },
            _ => BeginSearch::Unknown,
        })
    })?;
    let find = half(&fields, "find_keys", |kind, numbers| {
        Ok(match kind {
            "range" => FindKeys::Range {
                last: get(numbers, "lastkey")?.small()?,
                step: get(numbers, "keystep")?.size()?,
                limit: get(numbers, "limit")?.size()?,
            },
            "keynum" => FindKeys::Count {
                index: get(numbers, "keynumidx")?.size()?,
                first: get(numbers, "firstkey")?.size()?,
                step: get(numbers, "keystep")?.size()?,
            },
            _ => FindKeys::Unknown,
        })
    })?;
    let mut spec = KeySpec::new(Access::empty(), begin, find);
    for flag in get(&fields, "flags")?.list()? {
        match flag.text()? {
            "RO" => spec.access |= Access::READ,
            "RW" => spec.access |= Access::READ | Access::WRITE,
            "OW" | "RM" => spec.access |= Access::WRITE,
            "not_key" => spec.is_not_key = true,
            "incomplete" => spec.is_incomplete = true,
            "variable_flags" => {}
            other => spec.access |= named("key:", other, unknown),
        }
    }
    Ok(spec)
}

type Fields<'a> = Vec<(&'a str, NamedReply<'a>)>;

/// Reads one half of a specification: its type, and the numbers of that type.
fn half<'a, T>(
    fields: &Fields<'a>,
    name: &'static str,
    read: impl FnOnce(&str, &Fields<'a>) -> Parsed<T>,
) -> Parsed<T> {
    let half = get(fields, name)?.fields()?;
    read(get(&half, "type")?.text()?, &get(&half, "spec")?.fields()?)
}

/// Returns the value of a field.
fn get<'a>(fields: &Fields<'a>, name: &'static str) -> Parsed<NamedReply<'a>> {
    let found = fields.iter().find(|(field, _)| *field == name);
    let missing = || TableError { part: name, ..TableError::new("the field is missing") };
    found.map(|(_, value)| value.named(name)).ok_or_else(missing)
}

/// A part of a reply, and what errors call it.
#[derive(Clone, Copy)]
struct NamedReply<'a> {
    name: &'static str,
    reply: ReplyRef<'a>,
}

impl<'a> NamedReply<'a> {
    const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    #[cold]
    fn error(self, reason: &'static str) -> TableError {
        TableError { part: self.name, ..TableError::new(reason) }
    }

    fn out_of_range(self) -> TableError {
        self.error("out of range")
    }

    fn list(self) -> Parsed<Vec<Self>> {
        self.list_up_to(MOST)
    }

    /// The elements of a list that has no more than `most`.
    fn list_up_to(self, most: usize) -> Parsed<Vec<Self>> {
        let (ReplyRef::Array(elements) | ReplyRef::Set(elements)) = self.reply else {
            return Err(self.error("not a list"));
        };
        let list: Vec<_> = elements.take(most + 1).map(|reply| Self { reply, ..self }).collect();
        if list.len() > most { Err(self.error("too many elements")) } else { Ok(list) }
    }

    /// The fields of a map, which RESP2 sends as a flat array.
    fn fields(self) -> Parsed<Fields<'a>> {
        let part = |reply| Self { reply, ..self };
        if let ReplyRef::Map(pairs) = self.reply {
            return pairs.map(|(name, value)| Ok((part(name).text()?, part(value)))).collect();
        }
        let mut flat = self.list()?.into_iter();
        let mut fields = Vec::new();
        while let Some(name) = flat.next() {
            let value = flat.next().ok_or_else(|| self.error("a field has no value"))?;
            fields.push((name.text()?, value));
        }
        Ok(fields)
    }

    fn text(self) -> Parsed<&'a str> {
        match self.reply {
            ReplyRef::Simple(text) | ReplyRef::Bulk(text) => core::str::from_utf8(text).ok(),
            _ => None,
        }
        .ok_or_else(|| self.error("not text"))
    }

    fn integer(self) -> Parsed<i64> {
        match self.reply {
            ReplyRef::Integer(integer) => Ok(integer),
            _ => Err(self.error("not an integer")),
        }
    }

    fn size(self) -> Parsed<usize> {
        usize::try_from(self.integer()?).map_err(|_| self.out_of_range())
    }

    fn small(self) -> Parsed<i32> {
        i32::try_from(self.integer()?).map_err(|_| self.out_of_range())
    }
}
