//! The keys of a command: [`Keys`], those known while it arrives, and the errors of finding them.

use core::fmt;
use core::iter::FusedIterator;

use crate::command::Args;

use super::Access;
use super::search::{KeyRange, Pending, Search, Wanted};

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
///
/// An error does not say that a server refuses the command. A newer server may know a command or an option that the
/// table lacks, and may accept other numbers of arguments. So a proxy that filters or rewrites keys must not forward
/// such a command: it would act on keys that the proxy has not seen.
///
/// A line that servers refuse may have keys or an error. If it has keys, a server looks at no others before it refuses
/// the line. `XREAD STREAMS a 0 1` has another number of identifiers than of streams, and gives
/// [`Syntax`](Self::Syntax).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeysError {
    /// The table has no such command.
    UnknownCommand,
    /// No server of the table accepts this number of arguments.
    Arity,
    /// The argument at this index should be the number of keys, but it is missing, not a number, larger than the
    /// number of arguments that follow, or zero for a command that needs a key.
    Count {
        /// The index of the argument.
        index: usize,
    },
    /// Arguments contradict each other, some are missing, or an option is unknown.
    Syntax,
    /// The table does not say where all keys are.
    Unspecified,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand => f.write_str("command that is not in the table"),
            Self::Arity => f.write_str("wrong number of arguments"),
            Self::Count { index } => {
                write!(f, "argument {index} is not the number of keys that follow")
            }
            Self::Syntax => f.write_str("arguments that contradict each other"),
            Self::Unspecified => f.write_str("keys at places that the table does not specify"),
        }
    }
}

impl core::error::Error for KeysError {}

/// An iterator over the keys of a command, in the order of its specifications: see [`keys`](super::keys()).
#[derive(Clone)]
pub struct Keys<'a> {
    /// The arguments after the last key that was returned.
    args: Args<'a>,
    /// The index of the first of `args`.
    at: usize,
    range: KeyRange,
    /// What comes after the range.
    pending: Pending<'a>,
    search: Search<'a>,
}

impl<'a> Keys<'a> {
    /// Returns the keys of one range. `args` are the arguments after the name.
    #[inline(always)]
    pub(super) fn of_range(args: Args<'a>, range: KeyRange) -> Self {
        let search = Search::new(args.clone(), 0, Wanted::Keys);
        Self { args, at: 1, range, pending: Pending::Nothing, search }
    }

    /// Returns the keys of a range, and those that follow.
    pub(super) fn of_search(search: Search<'a>, range: KeyRange, pending: Pending<'a>) -> Self {
        Self { args: search.all.clone(), at: 0, range, pending, search }
    }

    /// Returns the same keys, rebuilt field by field, so that the compiler keeps those of the fast path in
    /// registers.
    #[inline(always)]
    pub(super) fn rebuilt(self) -> Self {
        let Self { args, at, range, pending, search } = self;
        Self { args, at, range, pending, search }
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = Key<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Key<'a>> {
        loop {
            let KeyRange { next: index, last, step, access } = self.range;
            if index > last {
                if matches!(self.pending, Pending::Nothing | Pending::Missing) {
                    return None;
                }
                // The search is copied, as a reference to it would keep all of the iterator in memory. The next
                // range may begin earlier, so all arguments are walked again.
                (self.args, self.at) = (self.search.all.clone(), 0);
                (self.range, self.pending) = self.search.clone().after(self.pending);
                continue;
            }
            // Continue after the key that was returned before, so that many keys take one pass.
            let key = self.args.nth(index.saturating_sub(self.at));
            self.at = index.wrapping_add(1); // at most the number of arguments
            self.range.next = index.saturating_add(step);
            if let Some(key) = key {
                return Some(Key { key, index, access });
            }
            // The search ends at a key that has not arrived, so that keys come in the same order as in the end.
            (self.range, self.pending) = (KeyRange::NONE, Pending::Missing);
        }
    }
}

impl FusedIterator for Keys<'_> {}

impl PartialEq for Keys<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.clone().eq(other.clone())
    }
}

/// The keys or sharded channels of a command that is still arriving: see [`partial_keys`](super::partial_keys).
#[derive(Debug, Clone, PartialEq)]
pub enum PartialKeys<'a> {
    /// All keys of the command, whatever the missing arguments are. There may be none.
    All(Keys<'a>),
    /// The first keys of the command. There may be others, or the command may turn out to be wrong: arguments that
    /// have not arrived decide. Ask again when the buffer has doubled.
    First(Keys<'a>),
}

impl<'a> PartialKeys<'a> {
    /// Takes the keys that are found among the arguments that have arrived.
    pub(super) fn of(keys: Keys<'a>) -> Self {
        let mut walked = keys.clone();
        walked.by_ref().for_each(drop);
        if matches!(walked.pending, Pending::Missing) { Self::First(keys) } else { Self::All(keys) }
    }

    /// Returns the keys that are known now, all or only the first ones.
    #[must_use]
    pub fn known(&self) -> Keys<'a> {
        match self {
            Self::All(keys) | Self::First(keys) => keys.clone(),
        }
    }
}

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::escape::list("Keys", self.clone().map(|key| key.key), f)
    }
}
