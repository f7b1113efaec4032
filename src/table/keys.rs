//! The keys of a command: [`keys`] and its variants.

use core::fmt;
use core::iter::FusedIterator;

use crate::command::{Args, CommandRef, PartialCommand};

use super::search::{KeyRange, Pending, Wanted};
use super::{Access, CommandInfo, Flags, find_info, of};

/// A key of a command.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The index of the argument. The name of the command is argument 0.
    pub index: usize,
    /// What the command does with it.
    pub access: Access,
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, index, access } = self;
        f.write_str("Key { key: ")?;
        crate::escape::bytes(key, f)?;
        write!(f, ", index: {index}, access: {access:?} }}")
    }
}

/// Why the keys of a command cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeysError {
    /// The table has no such command.
    UnknownCommand,
    /// The command cannot have this number of arguments.
    Arity,
    /// The argument at this index should be the number of keys, but it is missing, not a number, larger than the
    /// number of arguments that follow, or zero for a command that needs a key.
    Count {
        /// The index of the argument.
        index: usize,
    },
    /// Arguments contradict each other, or some are missing.
    Syntax,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand => f.write_str("unknown command"),
            Self::Arity => f.write_str("wrong number of arguments"),
            Self::Count { index } => {
                write!(f, "argument {index} is not the number of keys that follow")
            }
            Self::Syntax => f.write_str("arguments that contradict each other"),
        }
    }
}

impl core::error::Error for KeysError {}

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
/// These are the keys that `COMMAND GETKEYS` finds. The arguments between them are not checked: the keys of
/// `MSET a 1 b`, which a server refuses, are `a` and `b`.
///
/// A command can reach more than these keys. Not among them are patterns (`KEYS`, `SCAN … MATCH`, and the `BY` and
/// `GET` of `SORT`), channels, keys that a script or a function uses without declaring them, and the whole database
/// that a command such as `FLUSHALL` affects. A proxy that keeps its clients apart by prefixing keys must refuse
/// such commands or rewrite them itself, and must rewrite the keys in replies.
///
/// # Errors
/// Returns an error if the table does not have the command, if its number of arguments is wrong, or if its arguments
/// are inconsistent.
#[doc(alias = "getkeys")]
#[inline]
pub fn keys<'a>(command: &CommandRef<'a>) -> Result<Keys<'a>, KeysError> {
    let info = of(command).ok_or(KeysError::UnknownCommand)?;
    Keys::of(info, command.args(), command.len(), Wanted::Keys)
}

/// Returns an iterator over the sharded channels of a command.
///
/// They belong to slots as keys do. `SPUBLISH`, `SSUBSCRIBE` and `SUNSUBSCRIBE` take such channels, and no keys.
///
/// # Errors
/// Returns the same errors as [`keys`].
#[doc(alias = "pubsub")]
pub fn shard_channels<'a>(command: &CommandRef<'a>) -> Result<Keys<'a>, KeysError> {
    let info = of(command).ok_or(KeysError::UnknownCommand)?;
    Keys::of(info, command.args(), command.len(), Wanted::ShardChannels)
}

/// Returns an iterator over those keys of an unfinished command that have arrived.
///
/// A proxy can use the first one to choose an upstream. Keys that depend on missing arguments are not found.
///
/// ```
/// use zresp::{CommandDecoder, commands};
///
/// let mut decoder = CommandDecoder::new();
/// let buffer = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000000\r\nxxxx";
/// assert!(decoder.decode(buffer)?.is_none());
/// let partial = decoder.partial(buffer).expect("a command has begun");
/// let key = commands::partial_keys(&partial)?.next().expect("its key is there");
/// assert_eq!(key.key, b"key");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns the same errors as [`keys`]. [`KeysError::UnknownCommand`] can also mean that the name
/// has not arrived yet, and [`KeysError::Count`] that the number of keys has not.
pub fn partial_keys<'a>(command: &PartialCommand<'a>) -> Result<Keys<'a>, KeysError> {
    let name = command.name().ok_or(KeysError::UnknownCommand)?;
    let info = find_info(name, || command.arg(1)).ok_or(KeysError::UnknownCommand)?;
    Keys::of(info, command.args(), command.len(), Wanted::Keys)
}

/// An iterator over the keys of a command, in the order of its specifications: see [`keys`].
#[derive(Clone)]
pub struct Keys<'a> {
    /// The arguments that have arrived, the name first.
    pub(super) all: Args<'a>,
    /// The number of arguments, including those that have not arrived.
    pub(super) len: usize,
    pub(super) wanted: Wanted,
    /// Whether the command may be called without keys.
    pub(super) allows_none: bool,
    /// The arguments after the last key that was returned.
    args: Args<'a>,
    /// The index of the first of `args`.
    at: usize,
    pub(super) range: Option<KeyRange>,
    pub(super) pending: Pending,
}

impl<'a> Keys<'a> {
    // Inlined into `keys`, so that the iterator is built in the caller's place and not copied.
    #[inline(always)]
    fn of(
        info: &'static CommandInfo,
        args: Args<'a>,
        len: usize,
        wanted: Wanted,
    ) -> Result<Self, KeysError> {
        if !info.accepts(len) {
            return Err(KeysError::Arity);
        }
        let allows_none = info.flags.contains(Flags::NO_MANDATORY_KEYS);
        let all = args.clone();
        let (range, pending) = (None, Pending::Nothing);
        let mut keys = Self { all, len, wanted, allows_none, args, at: 0, range, pending };
        match (info.name, wanted) {
            ("sort", Wanted::Keys) => keys.find_of_sort()?,
            ("migrate", Wanted::Keys) => keys.find_of_migrate()?,
            _ => keys.find(info.key_specs)?,
        }
        Ok(keys)
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = Key<'a>;

    #[inline]
    fn next(&mut self) -> Option<Key<'a>> {
        while let Some(KeyRange { next: index, last, step, access }) = self.range {
            // Continue after the key that was returned before, so that many keys take one pass. The
            // next range may begin earlier.
            if index < self.at {
                (self.args, self.at) = (self.all.clone(), 0);
            }
            let key = self.args.nth(index - self.at);
            self.at = index + 1;
            // A key that has not arrived ends its range, as those after it have not arrived either.
            if key.is_none() || index + step > last {
                self.next_range();
            } else {
                self.range = Some(KeyRange { next: index + step, last, step, access });
            }
            if let Some(key) = key {
                return Some(Key { key, index, access });
            }
        }
        None
    }
}

impl FusedIterator for Keys<'_> {}

impl PartialEq for Keys<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.clone().eq(other.clone())
    }
}

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::escape::list("Keys", self.clone().map(|key| key.key), f)
    }
}
