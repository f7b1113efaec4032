//! Facts about commands: their arity, flags, ACL categories, and where their keys are.
//!
//! Available with the feature `commands`.
//!
//! [`lookup`] and [`of`] return the facts about a command, [`keys`](keys()) finds its keys. They use the built-in
//! [`CommandTable`].

mod builtin;
mod command_table;
mod entry;
mod flags;
mod generated;
mod info;
mod keys;
mod options;
mod reply;
mod search;

use crate::command::{CommandRef, PartialCommand};

pub use command_table::CommandTable;
pub use flags::{Access, Categories, Flags};
pub use info::{BeginSearch, CommandInfo, FindKeys, KeySpec};
pub use keys::{Key, Keys, KeysError, PartialKeys};
pub use reply::TableError;

/// Returns the facts about a command by its name, in any letter case. The name of a subcommand is
/// `container|subcommand`.
///
/// ```
/// use zresp::commands::{Flags, lookup};
///
/// let get = lookup(b"Get").expect("a command");
/// assert_eq!((&*get.name, get.arity), ("get", 2));
/// assert!(get.flags.contains(Flags::READONLY));
/// assert!(lookup(b"CONFIG|GET").is_some_and(|info| info.flags.contains(Flags::ADMIN)));
/// assert!(lookup(b"no such command").is_none());
/// ```
#[must_use]
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static CommandInfo> {
    CommandTable::builtin().lookup(name)
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
/// assert_eq!(commands::of(&command).map(|info| &*info.name), Some("object|help"));
/// # Ok::<(), zresp::Error>(())
/// ```
#[must_use]
#[inline]
pub fn of(command: &CommandRef<'_>) -> Option<&'static CommandInfo> {
    CommandTable::builtin().of(command)
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
/// assert_eq!(commands::partial_of(&partial).map(|info| &*info.name), Some("client|setname"));
/// # Ok::<(), zresp::Error>(())
/// ```
#[must_use]
pub fn partial_of(command: &PartialCommand<'_>) -> Option<&'static CommandInfo> {
    CommandTable::builtin().partial_of(command)
}

/// Returns an iterator over the keys of a command.
///
/// [`Command::to_array`](crate::Command::to_array) turns a command in either form into a [`CommandRef`]:
///
/// ```
/// use zresp::commands::{Access, KeysError, keys};
///
/// let bytes = b"*4\r\n$5\r\nBITOP\r\n$3\r\nNOT\r\n$1\r\nd\r\n$1\r\ns\r\n";
/// let request = zresp::requests(bytes).next().expect("a request")?;
/// let mut scratch = Vec::new(); // for inline commands
/// let command = request.command().to_array(&mut scratch);
/// let found: Vec<_> = keys(&command).expect("two keys").collect();
/// assert_eq!((found[0].key, found[0].index), (b"d".as_slice(), 2));
/// assert!(found[0].access.contains(Access::WRITE) && !found[1].access.contains(Access::WRITE));
///
/// let request = zresp::requests(b"XREAD STREAMS a 0 1\r\n").next().expect("a request")?;
/// let command = request.command().to_array(&mut scratch);
/// assert_eq!(keys(&command), Err(KeysError::Syntax), "a stream without an id");
/// # Ok::<(), zresp::Error>(())
/// ```
///
/// These are the keys that servers read and write. `SORT`, `SORT_RO`, `GEORADIUS`, `GEORADIUSBYMEMBER`, `XREAD`,
/// `XREADGROUP` and `MIGRATE` are read option by option, as servers do; `COMMAND GETKEYS` of many servers is wrong
/// about them, and finds a key where an argument only looks like an option. The arguments between keys are not
/// checked otherwise: the keys of `MSET a 1 b`, which a server refuses, are `a` and `b`.
///
/// A command can reach more than these keys: see [what keys do not show](crate::commands#what-keys-do-not-show).
///
/// # Errors
/// Returns an error if the table does not have the command, if its number of arguments is wrong, or if its arguments
/// are inconsistent. A proxy must not take an error for a command without keys: see [`KeysError`].
#[doc(alias = "getkeys")]
#[inline(always)]
pub fn keys<'a>(command: &CommandRef<'a>) -> Result<Keys<'a>, KeysError> {
    CommandTable::builtin().keys(command)
}

/// Returns an iterator over the sharded channels of a command.
///
/// They belong to slots as keys do. `SPUBLISH`, `SSUBSCRIBE` and `SUNSUBSCRIBE` take such channels, and no keys.
///
/// # Errors
/// Returns the same errors as [`keys`](keys()).
#[doc(alias = "pubsub")]
pub fn shard_channels<'a>(command: &CommandRef<'a>) -> Result<Keys<'a>, KeysError> {
    CommandTable::builtin().shard_channels(command)
}

/// Returns the sharded channels of a command that is still arriving, as far as they are known.
///
/// They are found as [`partial_keys`] finds keys. A proxy can so forward a large `SPUBLISH` as it arrives.
///
/// ```
/// use zresp::CommandDecoder;
/// use zresp::commands::{PartialKeys, partial_keys, partial_shard_channels};
///
/// let mut decoder = CommandDecoder::new();
/// let buffer = b"*3\r\n$8\r\nSPUBLISH\r\n$4\r\nnews\r\n$1000000\r\nxxxx";
/// assert!(decoder.decode(buffer)?.is_none());
/// let partial = decoder.partial(buffer).expect("a command has begun");
/// let PartialKeys::All(mut channels) = partial_shard_channels(&partial)? else { panic!("one channel") };
/// assert_eq!(channels.next().map(|channel| channel.key), Some(b"news".as_slice()));
/// assert_eq!(partial_keys(&partial)?.known().count(), 0, "a channel is not a key");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns an error if [`shard_channels`] will return one for the whole command, whatever the missing arguments are.
pub fn partial_shard_channels<'a>(
    command: &PartialCommand<'a>,
) -> Result<PartialKeys<'a>, KeysError> {
    CommandTable::builtin().partial_shard_channels(command)
}

/// Returns the keys of a command that is still arriving, as far as they are known.
///
/// A proxy can use them to choose an upstream, and to forward a long value as it arrives. [`PartialKeys::All`] says
/// that the whole command has exactly these keys, whatever the missing arguments are. [`PartialKeys::First`] says that
/// others may follow, as in `MSET k1 v1 k2 v2`. The keys come in the same order as from [`keys`](keys()) for the whole
/// command. Each call returns at least the keys that an earlier one returned.
///
/// Each call starts again at the name, and takes time linear in the number of arguments that have arrived. So do not
/// repeat it after each read: after [`PartialKeys::First`], ask again when the buffer has doubled, and all calls
/// together take time linear in the command.
///
/// ```
/// use zresp::commands::{PartialKeys, partial_keys};
/// use zresp::CommandDecoder;
///
/// let mut decoder = CommandDecoder::new();
/// let buffer = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000000\r\nxxxx";
/// assert!(decoder.decode(buffer)?.is_none());
/// let partial = decoder.partial(buffer).expect("a command has begun");
/// let PartialKeys::All(mut keys) = partial_keys(&partial)? else { panic!("one key") };
/// assert_eq!(keys.next().map(|key| key.key), Some(b"key".as_slice()));
///
/// decoder.reset();
/// let buffer = b"*5\r\n$4\r\nMSET\r\n$2\r\nk1\r\n$1000000\r\nxxxx";
/// assert!(decoder.decode(buffer)?.is_none());
/// let partial = decoder.partial(buffer).expect("a command has begun");
/// let PartialKeys::First(mut keys) = partial_keys(&partial)? else { panic!("another follows") };
/// assert_eq!(keys.next().map(|key| key.key), Some(b"k1".as_slice()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns an error if [`keys`](keys()) will return one for the whole command, whatever the missing arguments are. For
/// [`UnknownCommand`](KeysError::UnknownCommand) and [`Unspecified`](KeysError::Unspecified) the table cannot tell what
/// the keys are.
pub fn partial_keys<'a>(command: &PartialCommand<'a>) -> Result<PartialKeys<'a>, KeysError> {
    CommandTable::builtin().partial_keys(command)
}
