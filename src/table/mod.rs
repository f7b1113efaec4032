//! Facts about commands: their arity, flags, ACL categories, and where their keys are.
//!
//! Available with the feature `commands`.
//!
//! [`lookup`] and [`of`] return the facts about a command, [`keys`](keys()) finds its keys. The facts come from the
//! reply of Redis 7.0.15 to `COMMAND`; `cargo run -p zresp-command-table` generates the table.

mod generated;
mod keys;
mod search;

use bitflags::bitflags;

use crate::command::{CommandRef, PartialCommand};

pub use keys::{Key, Keys, KeysError, keys, partial_keys, shard_channels};

bitflags! {
    /// The flags of a command, as `COMMAND` names them: what it does and when it may be called.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Flags: u32 {
        /// May change data.
        const WRITE = 1;
        /// Reads data and never changes it, so a replica can execute it.
        const READONLY = 1 << 1;
        /// Refused when memory is short.
        const DENYOOM = 1 << 2;
        /// Belongs to a module.
        const MODULE = 1 << 3;
        /// For administrators.
        const ADMIN = 1 << 4;
        /// Belongs to publish and subscribe.
        const PUBSUB = 1 << 5;
        /// Refused in scripts.
        const NOSCRIPT = 1 << 6;
        /// May block its client.
        const BLOCKING = 1 << 7;
        /// Allowed while the server loads its data.
        const LOADING = 1 << 8;
        /// Allowed on a replica with stale data.
        const STALE = 1 << 9;
        /// Not shown by `MONITOR`.
        const SKIP_MONITOR = 1 << 10;
        /// Not logged by `SLOWLOG`.
        const SKIP_SLOWLOG = 1 << 11;
        /// Implies `ASKING`: accepted for a slot that is being imported.
        const ASKING = 1 << 12;
        /// Takes constant or logarithmic time.
        const FAST = 1 << 13;
        /// Allowed before authentication.
        const NO_AUTH = 1 << 14;
        /// May be replicated although it does not write.
        const MAY_REPLICATE = 1 << 15;
        /// Refused while data is loaded asynchronously.
        const NO_ASYNC_LOADING = 1 << 16;
        /// Refused in a transaction.
        const NO_MULTI = 1 << 17;
        /// Its keys are not at fixed positions.
        const MOVABLEKEYS = 1 << 18;
        /// Allowed while a script or a function blocks the server.
        const ALLOW_BUSY = 1 << 19;
        /// May be called without keys.
        const NO_MANDATORY_KEYS = 1 << 20;
        /// Refused unless the server's configuration allows it.
        const PROTECTED = 1 << 21;
    }

    /// The ACL categories of a command.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Categories: u32 {
        /// `@keyspace`
        const KEYSPACE = 1;
        /// `@read`
        const READ = 1 << 1;
        /// `@write`
        const WRITE = 1 << 2;
        /// `@set`
        const SET = 1 << 3;
        /// `@sortedset`
        const SORTEDSET = 1 << 4;
        /// `@list`
        const LIST = 1 << 5;
        /// `@hash`
        const HASH = 1 << 6;
        /// `@string`
        const STRING = 1 << 7;
        /// `@bitmap`
        const BITMAP = 1 << 8;
        /// `@hyperloglog`
        const HYPERLOGLOG = 1 << 9;
        /// `@geo`
        const GEO = 1 << 10;
        /// `@stream`
        const STREAM = 1 << 11;
        /// `@pubsub`
        const PUBSUB = 1 << 12;
        /// `@admin`
        const ADMIN = 1 << 13;
        /// `@fast`
        const FAST = 1 << 14;
        /// `@slow`
        const SLOW = 1 << 15;
        /// `@blocking`
        const BLOCKING = 1 << 16;
        /// `@dangerous`
        const DANGEROUS = 1 << 17;
        /// `@connection`
        const CONNECTION = 1 << 18;
        /// `@transaction`
        const TRANSACTION = 1 << 19;
        /// `@scripting`
        const SCRIPTING = 1 << 20;
    }

    /// What a command does with a key. If that depends on other arguments, all flags that may apply are set.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Access: u8 {
        /// Reads the value, or its properties.
        const READ = 1;
        /// Changes, replaces or removes the value.
        const WRITE = 1 << 1;
        /// Returns, copies or uses some of the data.
        const ACCESS = 1 << 2;
        /// Changes existing data.
        const UPDATE = 1 << 3;
        /// Adds data, without changing or removing any.
        const INSERT = 1 << 4;
        /// Removes data.
        const DELETE = 1 << 5;
    }
}

/// The facts about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandInfo {
    /// The name in lower case. That of a subcommand begins with the name of its container: `config|get`.
    pub name: &'static str,
    /// The number of arguments, including the names of the command and of the subcommand. If it is negative, its
    /// absolute value is the minimum.
    pub arity: i32,
    /// The flags.
    pub flags: Flags,
    /// The ACL categories.
    pub categories: Categories,
    /// Where the keys are. [`keys`](keys()) uses this to find them, except for `SORT` and `MIGRATE`.
    pub key_specs: &'static [KeySpec],
    /// The full names of the subcommands, if it is a container.
    pub subcommands: &'static [&'static str],
}

impl CommandInfo {
    /// Returns whether the command may have this number of arguments, including the name.
    #[must_use]
    pub fn accepts(&self, arguments: usize) -> bool {
        let arity = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { arguments >= arity } else { arguments == arity }
    }
}

/// Where some of the keys of a command are, and what it does with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySpec {
    /// What the command does with the keys.
    pub access: Access,
    /// Where the search begins.
    pub begin: BeginSearch,
    /// Which arguments from there on are keys.
    pub find: FindKeys,
    /// The arguments are sharded channels, not keys. Channels belong to slots as keys do.
    pub is_not_key: bool,
    /// The specification may miss some of its keys. In this table, only a specification of `MIGRATE` does.
    ///
    /// A specification that begins with [`BeginSearch::Unknown`] finds no keys at all, and is not marked as
    /// incomplete.
    pub is_incomplete: bool,
}

/// Where the search for keys begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeginSearch {
    /// At the argument with this index.
    Index(usize),
    /// After a keyword, in any letter case.
    Keyword {
        /// The keyword.
        keyword: &'static str,
        /// The first argument that may be the keyword. If it is negative, it counts from the end, and the search
        /// goes backwards.
        from: i32,
    },
    /// Not specified.
    Unknown,
}

/// Which arguments are keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindKeys {
    /// Those from the beginning of the search to another argument, `step` arguments apart.
    Range {
        /// The last key, counted from the first one. If it is negative, it counts from the end: −1 is the last
        /// argument.
        last: i32,
        /// The distance from one key to the next, in arguments.
        step: usize,
        /// If it is 2 or more, only the first 1/`limit` of the remaining arguments are keys.
        limit: usize,
    },
    /// As many as an argument says.
    Count {
        /// The position of the number, counted from the beginning of the search.
        index: usize,
        /// The position of the first key, counted from the beginning of the search.
        first: usize,
        /// The distance from one key to the next, in arguments.
        step: usize,
    },
    /// Not specified.
    Unknown,
}

/// Returns the facts about a command by its name, in any letter case. The name of a subcommand is
/// `container|subcommand`.
///
/// ```
/// use zresp::commands::{Flags, lookup};
///
/// let get = lookup(b"Get").expect("a command");
/// assert_eq!((get.name, get.arity), ("get", 2));
/// assert!(get.flags.contains(Flags::READONLY));
/// assert!(lookup(b"CONFIG|GET").is_some_and(|info| info.flags.contains(Flags::ADMIN)));
/// assert!(lookup(b"no such command").is_none());
/// ```
#[must_use]
pub fn lookup(name: &[u8]) -> Option<&'static CommandInfo> {
    find(&[name])
}

/// Returns the facts about a command, or about its subcommand if it has one.
///
/// [`Command::to_array`](crate::Command::to_array) turns a command in either form into a [`CommandRef`]:
///
/// ```
/// use zresp::commands;
///
/// let request = zresp::requests(b"object help\r\n").next().expect("a request")?;
/// let mut scratch = Vec::new(); // for inline commands
/// let command = request.command().to_array(&mut scratch);
/// assert_eq!(commands::of(&command).map(|info| info.name), Some("object|help"));
/// # Ok::<(), zresp::Error>(())
/// ```
#[must_use]
pub fn of(command: &CommandRef<'_>) -> Option<&'static CommandInfo> {
    find_info(command.name(), || command.arg(1))
}

/// Returns the facts about a command that is still arriving.
///
/// Also returns `None` while the name of the command or of its subcommand is missing.
///
/// ```
/// use zresp::{CommandDecoder, commands};
///
/// let mut decoder = CommandDecoder::new();
/// let buffer = b"*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$99999\r\nxxxx";
/// assert!(decoder.decode(buffer)?.is_none());
/// let partial = decoder.partial(buffer).expect("a command has begun");
/// assert_eq!(commands::partial_of(&partial).map(|info| info.name), Some("client|setname"));
/// # Ok::<(), zresp::Error>(())
/// ```
#[must_use]
pub fn partial_of(command: &PartialCommand<'_>) -> Option<&'static CommandInfo> {
    let info = find_info(command.name()?, || command.arg(1))?;
    let has_subcommand = command.arg(1).is_some() || command.len() == 1;
    (info.subcommands.is_empty() || has_subcommand).then_some(info)
}

/// Returns the facts about a command with this name. `subcommand` returns the argument after the name.
fn find_info<'a>(
    name: &[u8],
    subcommand: impl FnOnce() -> Option<&'a [u8]>,
) -> Option<&'static CommandInfo> {
    let info = lookup(name)?;
    if info.subcommands.is_empty() {
        // `config|get` is a name in the table, but not a command that a client can send.
        return (!name.contains(&b'|')).then_some(info);
    }
    match subcommand() {
        Some(subcommand) => find(&[name, b"|", subcommand]),
        None => Some(info),
    }
}

/// Looks up the name that these parts form together.
fn find(parts: &[&[u8]]) -> Option<&'static CommandInfo> {
    let mut buffer = [0; generated::LONGEST];
    let mut length = 0;
    for part in parts {
        buffer.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    let name = buffer.get_mut(..length)?;
    name.make_ascii_lowercase();
    generated::COMMANDS.get(&*name)
}
