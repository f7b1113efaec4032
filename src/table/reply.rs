//! A table from a server's answer to `COMMAND`.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use crate::view::ReplyRef;

use super::command_table::MOST;
use super::{Access, BeginSearch, CommandInfo, CommandTable, FindKeys, Flags, KeySpec};

/// The greatest number of key specifications of a command in a reply. Servers send at most four. Finding the keys takes
/// time that grows with the square of their number.
const SPECS: usize = 16;

/// Why a table cannot be made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableError {
    reason: &'static str,
    /// The command of a reply.
    command: Option<usize>,
}

impl TableError {
    pub(super) const CONTAINER: Self = Self::new("the container of a subcommand is missing");
    pub(super) const FULL: Self = Self::new("there are more than 4096 commands");

    const fn new(reason: &'static str) -> Self {
        Self { reason, command: None }
    }

    /// Returns the index of the command in the reply that the error is about.
    #[must_use]
    pub const fn command(&self) -> Option<usize> {
        self.command
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(command) = self.command {
            write!(f, "command {command}: ")?;
        }
        f.write_str(self.reason)
    }
}

impl core::error::Error for TableError {}

type Parsed<T> = Result<T, TableError>;

impl CommandTable {
    /// Returns the table in a server's answer to `COMMAND`, in RESP2 or RESP3.
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
    /// Returns an error if the reply is not a list of commands, or lists more than 4096, or if a command has
    /// more than 16 key specifications.
    pub fn from_reply(reply: ReplyRef<'_>) -> Result<Self, TableError> {
        let mut table = Self::new();
        for (index, command) in list(reply)?.into_iter().enumerate() {
            table
                .add(command, None)
                .map_err(|error| TableError { command: Some(index), ..error })?;
        }
        Ok(table)
    }

    /// Adds a command in a reply, with its subcommands. `container` is the name of its container, if it is itself
    /// a subcommand.
    fn add(&mut self, command: ReplyRef<'_>, container: Option<&str>) -> Parsed<()> {
        let fields = list(command)?;
        let [name, arity, flags, first, last, step, rest @ ..] = &*fields else {
            return Err(TableError::new("it has fewer than six fields"));
        };
        let name = text(*name)?.to_ascii_lowercase();
        // Some servers leave out the name of the container.
        let name = match container {
            Some(container) if !name.contains('|') => format!("{container}|{name}"),
            _ => name,
        };
        let arity = i32::try_from(integer(*arity)?);
        let mut info = CommandInfo::new(
            name,
            arity.map_err(|_| TableError::new("its arity is out of range"))?,
        );
        let mut unknown = Vec::new();
        for flag in list(*flags)? {
            info.flags |= named("", text(flag)?, &mut unknown);
        }
        if let Some(categories) = rest.first() {
            for category in list(*categories)? {
                let category = text(category)?;
                info.categories |= named("@", category.trim_start_matches('@'), &mut unknown);
            }
        }
        if let Some(tips) = rest.get(1) {
            let tips = list(*tips)?.into_iter().map(|tip| Ok(Cow::Owned(text(tip)?.to_owned())));
            info.tips = tips.collect::<Parsed<Vec<_>>>()?.into();
        }
        let specs = match rest.get(2) {
            Some(specs) => list_up_to(SPECS, *specs)?
                .into_iter()
                .map(|entry| spec(entry, &mut unknown))
                .collect::<Parsed<_>>()?,
            None => legacy(&info, integer(*first)?, integer(*last)?, integer(*step)?)?,
        };
        info.key_specs = Cow::Owned(specs);
        info.unknown = unknown.into();
        let name = info.name.clone();
        self.insert(info)?;
        let Some(subcommands) = rest.get(3) else { return Ok(()) };
        if container.is_some() && !list(*subcommands)?.is_empty() {
            return Err(TableError::new("a subcommand has subcommands"));
        }
        list(*subcommands)?.into_iter().try_for_each(|subcommand| self.add(subcommand, Some(&name)))
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
fn legacy(info: &CommandInfo, first: i64, last: i64, step: i64) -> Parsed<Vec<KeySpec>> {
    let mut specs = Vec::new();
    if info.flags.contains(Flags::MOVABLEKEYS) {
        if let Some(known) = CommandTable::builtin().lookup(info.name.as_bytes()) {
            return Ok(known.key_specs.to_vec());
        }
        let elsewhere = KeySpec::new(Access::READ, BeginSearch::Unknown, FindKeys::Unknown);
        specs.push(KeySpec { is_incomplete: true, ..elsewhere });
    }
    if first > 0 {
        let last = if last < 0 { last } else { last.saturating_sub(first) };
        let find = FindKeys::Range { last: small(last)?, step: size(step)?, limit: 0 };
        let mut access = Access::READ;
        access.set(Access::WRITE, info.flags.contains(Flags::WRITE));
        specs.push(KeySpec::new(access, BeginSearch::Index(size(first)?), find));
    }
    Ok(specs)
}

fn spec(reply: ReplyRef<'_>, unknown: &mut Vec<Cow<'static, str>>) -> Parsed<KeySpec> {
    let fields = fields(reply)?;
    let begin = part(&fields, "begin_search", |kind, numbers| {
        Ok(match kind {
            "index" => BeginSearch::Index(size(number(numbers, "index")?)?),
            "keyword" => BeginSearch::Keyword {
                keyword: text(get(numbers, "keyword")?)?.to_owned().into(),
                from: small(number(numbers, "startfrom")?)?,
            },
            _ => BeginSearch::Unknown,
        })
    })?;
    let find = part(&fields, "find_keys", |kind, numbers| {
        Ok(match kind {
            "range" => FindKeys::Range {
                last: small(number(numbers, "lastkey")?)?,
                step: size(number(numbers, "keystep")?)?,
                limit: size(number(numbers, "limit")?)?,
            },
            "keynum" => FindKeys::Count {
                index: size(number(numbers, "keynumidx")?)?,
                first: size(number(numbers, "firstkey")?)?,
                step: size(number(numbers, "keystep")?)?,
            },
            _ => FindKeys::Unknown,
        })
    })?;
    let mut spec = KeySpec::new(Access::empty(), begin, find);
    for flag in list(get(&fields, "flags")?)? {
        match text(flag)? {
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

type Fields<'a> = Vec<(&'a str, ReplyRef<'a>)>;

/// Reads one half of a specification: its type, and the numbers of that type.
fn part<'a, T>(
    fields: &Fields<'a>,
    name: &str,
    read: impl FnOnce(&str, &Fields<'a>) -> Parsed<T>,
) -> Parsed<T> {
    let half = self::fields(get(fields, name)?)?;
    read(text(get(&half, "type")?)?, &self::fields(get(&half, "spec")?)?)
}

/// Returns the fields of a map, which RESP2 sends as a flat array.
fn fields(reply: ReplyRef<'_>) -> Parsed<Fields<'_>> {
    if let ReplyRef::Map(pairs) = reply {
        return pairs.map(|(name, value)| Ok((text(name)?, value))).collect();
    }
    let mut flat = list(reply)?.into_iter();
    let mut fields = Vec::new();
    while let Some(name) = flat.next() {
        fields.push((text(name)?, flat.next().ok_or(TableError::new("a field has no value"))?));
    }
    Ok(fields)
}

fn get<'a>(fields: &Fields<'a>, name: &str) -> Parsed<ReplyRef<'a>> {
    let found = fields.iter().find(|(field, _)| *field == name);
    found.map(|(_, value)| *value).ok_or(TableError::new("a field is missing"))
}

fn number(fields: &Fields<'_>, name: &str) -> Parsed<i64> {
    integer(get(fields, name)?)
}

fn list(reply: ReplyRef<'_>) -> Parsed<Vec<ReplyRef<'_>>> {
    list_up_to(MOST, reply)
}

/// The elements of a list that has no more than `most`.
fn list_up_to(most: usize, reply: ReplyRef<'_>) -> Parsed<Vec<ReplyRef<'_>>> {
    let (ReplyRef::Array(elements) | ReplyRef::Set(elements)) = reply else {
        return Err(TableError::new("it is not a list"));
    };
    let list: Vec<_> = elements.take(most + 1).collect();
    if list.len() > most { Err(TableError::new("a list is too long")) } else { Ok(list) }
}

fn text(reply: ReplyRef<'_>) -> Parsed<&str> {
    match reply {
        ReplyRef::Simple(text) | ReplyRef::Bulk(text) => core::str::from_utf8(text).ok(),
        _ => None,
    }
    .ok_or(TableError::new("a name is not text"))
}

fn integer(reply: ReplyRef<'_>) -> Parsed<i64> {
    match reply {
        ReplyRef::Integer(integer) => Ok(integer),
        _ => Err(TableError::new("a number is not an integer")),
    }
}

fn size(number: i64) -> Parsed<usize> {
    usize::try_from(number).map_err(|_| TableError::new("a position is out of range"))
}

fn small(number: i64) -> Parsed<i32> {
    i32::try_from(number).map_err(|_| TableError::new("a position is out of range"))
}
