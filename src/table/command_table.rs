//! [`CommandTable`]: lookups, and changes.

use alloc::borrow::Cow;
use alloc::vec;
use core::fmt;

use crate::command::{Args, CommandRef, PartialCommand};

use super::entry::{Entry, Layout, NONE, Probe, Word, place, place_all};
use super::info::accepts;
use super::search::{KeyRange, Pending, Search, Wanted};
use super::{CommandInfo, Flags, Keys, KeysError, PartialKeys, TableError, builtin};

/// The greatest number of commands in a table. A server chooses the names, and can choose them so that a lookup must
/// compare all of them.
pub(super) const MOST: usize = 4_096;

/// Facts about commands, found by their names.
///
/// The [built-in](Self::builtin) table knows the commands of Redis and Valkey. Another table can be
/// [read](Self::from_reply) from a server's answer to `COMMAND`, and every table can be [extended](Self::insert).
/// Threads can share a table. The functions of the module use the built-in one.
///
/// ```
/// use zresp::commands::{Access, BeginSearch, CommandInfo, CommandTable, FindKeys, Flags, KeySpec};
///
/// let mut table = CommandTable::builtin().clone();
/// let mut info = CommandInfo::new("my.rename", 3);
/// info.flags = Flags::WRITE | Flags::MODULE;
/// let both = FindKeys::Range { last: -1, step: 1, limit: 0 };
/// info.key_specs = vec![KeySpec::new(Access::WRITE, BeginSearch::Index(1), both)].into();
/// assert_eq!(table.insert(info)?, None, "no command had this name");
///
/// let request = zresp::requests(b"MY.RENAME a b\r\n").next().expect("a request")?;
/// let mut scratch = Vec::new(); // for inline commands
/// let command = request.command().to_array(&mut scratch);
/// let keys: Vec<_> = table.keys(&command)?.map(|key| key.key).collect();
/// assert_eq!(keys, [b"a", b"b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CommandTable {
    pub(super) commands: Cow<'static, [CommandInfo]>,
    /// An entry for each command.
    pub(super) entries: Cow<'static, [Entry]>,
    /// See [`place_all`].
    pub(super) slots: Cow<'static, [u16]>,
}

impl CommandTable {
    /// Returns a table without commands.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            commands: Cow::Borrowed(&[]),
            entries: Cow::Borrowed(&[]),
            slots: Cow::Borrowed(&[]),
        }
    }

    /// Returns the table of Redis 7.0 to 8.10 and Valkey 8.0 to 9.1 together, with the modules that Redis ships.
    ///
    /// Where servers differ, it has the widest arity, and the flags of the strictest server: a flag that allows
    /// something, such as [`READONLY`](super::Flags::READONLY), is set if all servers set it, another one if any
    /// does. It costs nothing when a program starts.
    #[must_use]
    #[inline]
    pub const fn builtin() -> &'static Self {
        &builtin::BUILTIN
    }

    /// Adds a command, or replaces that of the same name, in any letter case. Returns the replaced one.
    ///
    /// The name of a subcommand is `container|subcommand`.
    ///
    /// `SORT`, `SORT_RO`, `GEORADIUS`, `GEORADIUSBYMEMBER`, `XREAD`, `XREADGROUP` and `MIGRATE` keep their own rules
    /// for keys: a command with one of these names is read option by option, whatever its
    /// [`key_specs`](CommandInfo::key_specs) are.
    ///
    /// # Errors
    /// Returns an error if the container of a subcommand is not in the table, or if the table is full: it holds up
    /// to 4096 commands.
    pub fn insert(&mut self, mut info: CommandInfo) -> Result<Option<CommandInfo>, TableError> {
        if info.name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            info.name.to_mut().make_ascii_lowercase();
        }
        let (name, parent) = match info.name.split_once('|') {
            Some((container, subcommand)) => {
                let container = self.position(container.as_bytes(), NONE);
                let number = container.and_then(|index| u16::try_from(index).ok());
                (subcommand, number.ok_or_else(TableError::container)?)
            }
            None => (&*info.name, NONE),
        };
        let old = self.position(name.as_bytes(), parent);
        info.is_container =
            old.and_then(|old| self.commands.get(old)).is_some_and(|old| old.is_container);
        let entry = Entry::new(name.as_bytes(), parent, &info, &info.key_specs);
        if let Some(old) = old {
            if let Some(old) = self.entries.to_mut().get_mut(old) {
                *old = entry;
            }
            return Ok(self
                .commands
                .to_mut()
                .get_mut(old)
                .map(|old| core::mem::replace(old, info)));
        }
        if self.commands.len() >= MOST {
            return Err(TableError::full());
        }
        self.commands.to_mut().push(info);
        self.entries.to_mut().push(entry);
        if let Some(container) = self.commands.to_mut().get_mut(usize::from(parent)) {
            container.is_container = true;
        }
        if let Some(container) = self.entries.to_mut().get_mut(usize::from(parent)) {
            container.layout = Layout::Container;
        }
        self.place_last(&entry);
        Ok(None)
    }

    /// Makes the last entry findable.
    fn place_last(&mut self, entry: &Entry) {
        let count = self.entries.len();
        if count.saturating_mul(2) <= self.slots.len() {
            let number = u16::try_from(count).unwrap_or_default();
            place(self.slots.to_mut(), entry, number);
        } else {
            let mut slots = vec![0; count.saturating_mul(4).next_power_of_two()];
            place_all(&mut slots, &self.entries);
            self.slots = slots.into();
        }
    }

    /// Returns an iterator over all commands. Subcommands come after their containers.
    #[must_use]
    pub fn commands(&self) -> impl ExactSizeIterator<Item = &CommandInfo> {
        self.commands.iter()
    }

    /// Returns the index of a command.
    #[inline(always)]
    fn position(&self, name: &[u8], parent: u16) -> Option<usize> {
        let word = Word::of(name);
        let mut probe = Probe::new(word, parent, self.slots.len());
        loop {
            // At least half of the places hold a zero, so the search ends.
            let index = usize::from(self.slots.get(probe.next())?.checked_sub(1)?);
            if self.entries.get(index)?.is(word, parent)
                && (name.len() <= 16 || self.has_name(index, name))
            {
                return Some(index);
            }
        }
    }

    /// Returns whether a command has this name, which is that of a subcommand if the command is one.
    #[cold]
    fn has_name(&self, index: usize, name: &[u8]) -> bool {
        self.commands.get(index).is_some_and(|info| {
            let own = info.name.split_once('|').map_or(&*info.name, |(_, name)| name);
            own.as_bytes().eq_ignore_ascii_case(name)
        })
    }

    /// Returns the facts about a command by its name, in any letter case. The name of a subcommand is
    /// `container|subcommand`.
    #[must_use]
    #[inline]
    pub fn lookup(&self, name: &[u8]) -> Option<&CommandInfo> {
        let index = self.position(name, NONE).or_else(|| self.subcommand_position(name))?;
        self.commands.get(index)
    }

    #[cold]
    fn subcommand_position(&self, name: &[u8]) -> Option<usize> {
        let (container, subcommand) = name.split_at(memchr::memchr(b'|', name)?);
        let container = self.position(container, NONE)?;
        self.position(subcommand.get(1..)?, u16::try_from(container).ok()?)
    }

    /// Returns the index of a command, or of its subcommand if it has one. `args` are the arguments after the name.
    #[inline(always)]
    fn position_of<'a>(
        &self,
        name: &[u8],
        mut args: impl Iterator<Item = &'a [u8]>,
    ) -> Option<usize> {
        let index = self.position(name, NONE)?;
        if !matches!(self.entries.get(index)?.layout, Layout::Container) {
            return Some(index);
        }
        let Some(subcommand) = args.next() else { return Some(index) };
        self.position(subcommand, u16::try_from(index).ok()?)
    }

    /// Returns the facts about a command, or about its subcommand if it has one.
    #[must_use]
    #[inline]
    pub fn of(&self, command: &CommandRef<'_>) -> Option<&CommandInfo> {
        let mut args = command.args();
        let name = args.next()?;
        self.commands.get(self.position_of(name, args)?)
    }

    /// Returns the facts about a command that is still arriving: see [`partial_of`](super::partial_of).
    #[must_use]
    pub fn partial_of(&self, command: &PartialCommand<'_>) -> Option<&CommandInfo> {
        let mut args = command.args();
        let info = self.commands.get(self.position_of(args.next()?, args)?)?;
        let has_subcommand = command.arg(1).is_some() || command.len() == 1;
        (!info.is_container || has_subcommand).then_some(info)
    }

    /// Returns an iterator over the keys of a command: see [`keys`](super::keys()).
    ///
    /// # Errors
    /// Returns the same errors as [`keys`](super::keys()).
    #[inline(always)]
    pub fn keys<'a>(&'a self, command: &CommandRef<'a>) -> Result<Keys<'a>, KeysError> {
        let mut args = command.args();
        let name = args.next().unwrap_or_default();
        let found = self.position(name, NONE).and_then(|index| self.entries.get(index));
        let entry = found.ok_or(KeysError::UnknownCommand)?;
        let Layout::Range { first, last, step, access } = entry.layout else {
            return self.search(command.args(), command.len(), Wanted::Keys).map(Keys::rebuilt);
        };
        if !accepts(entry.arity, command.len()) {
            return Err(KeysError::Arity);
        }
        let range = KeyRange::new(first, last, step, access, command.len())?;
        Ok(Keys::of_range(args, range))
    }

    /// Returns an iterator over the sharded channels of a command: see [`shard_channels`](super::shard_channels).
    ///
    /// # Errors
    /// Returns the same errors as [`keys`](super::keys()).
    pub fn shard_channels<'a>(&'a self, command: &CommandRef<'a>) -> Result<Keys<'a>, KeysError> {
        self.search(command.args(), command.len(), Wanted::ShardChannels)
    }

    /// Returns the keys of a command that is still arriving, as far as they are known: see
    /// [`partial_keys`](super::partial_keys).
    ///
    /// # Errors
    /// Returns the same errors as [`partial_keys`](super::partial_keys).
    pub fn partial_keys<'a>(
        &'a self,
        command: &PartialCommand<'a>,
    ) -> Result<PartialKeys<'a>, KeysError> {
        self.search(command.args(), command.len(), Wanted::Keys).map(PartialKeys::of)
    }

    /// Returns the sharded channels of a command that is still arriving, as far as they are known: see
    /// [`partial_shard_channels`](super::partial_shard_channels).
    ///
    /// # Errors
    /// Returns the same errors as [`partial_keys`](super::partial_keys).
    pub fn partial_shard_channels<'a>(
        &'a self,
        command: &PartialCommand<'a>,
    ) -> Result<PartialKeys<'a>, KeysError> {
        self.search(command.args(), command.len(), Wanted::ShardChannels).map(PartialKeys::of)
    }

    /// Finds keys of all kinds. `all` are the arguments that have arrived, of `len`.
    #[inline(never)]
    fn search<'a>(
        &'a self,
        all: Args<'a>,
        len: usize,
        wanted: Wanted,
    ) -> Result<Keys<'a>, KeysError> {
        let mut args = all.clone();
        let missing = |all| {
            Ok(Keys::of_search(Search::new(all, len, wanted), KeyRange::NONE, Pending::Missing))
        };
        let Some(name) = args.next() else { return missing(all) };
        let found = self.position_of(name, args);
        let found = found.and_then(|index| self.entries.get(index).zip(self.commands.get(index)));
        let (entry, info) = found.ok_or(KeysError::UnknownCommand)?;
        if matches!(entry.layout, Layout::Container) && len > 1 {
            return missing(all); // the subcommand has not arrived
        }
        if !info.accepts(len) {
            return Err(KeysError::Arity);
        }
        let wanted = match wanted {
            Wanted::Keys if info.flags.contains(Flags::NO_MANDATORY_KEYS) => Wanted::AnyKeys,
            _ => wanted,
        };
        let search = Search::new(all, len, wanted);
        let (range, pending) = match (entry.layout, wanted) {
            // Other arguments that are not keys are not channels.
            (_, Wanted::ShardChannels) if !info.flags.contains(Flags::PUBSUB) => {
                (KeyRange::NONE, Pending::Nothing)
            }
            (Layout::Options(options), Wanted::Keys | Wanted::AnyKeys) => options.find(&search)?,
            _ => search.find(&info.key_specs)?,
        };
        Ok(Keys::of_search(search, range, pending))
    }
}

impl Default for CommandTable {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CommandTable {
    /// Writes the first names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::escape::list(
            "CommandTable",
            self.commands.iter().map(|info| info.name.as_bytes()),
            f,
        )
    }
}
