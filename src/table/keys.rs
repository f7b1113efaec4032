//! The keys of a command, by the specifications of the table.

use core::fmt;
use core::iter::FusedIterator;

use crate::command::{Args, CommandRef, PartialCommand};
use crate::lex::integer;

use super::{Access, BeginSearch, CommandInfo, FindKeys, Flags, KeySpec, find_info, of};

/// A key of a command.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Which argument it is; the name of the command is 0.
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

/// Why the keys of a command cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeysError {
    /// The table has no such command.
    UnknownCommand,
    /// The command takes another number of arguments.
    Arity,
    /// The argument of this index should say how many keys there are, and does not, or says more than
    /// there are arguments.
    Count {
        /// The index.
        index: usize,
    },
    /// The arguments contradict each other, or some are missing.
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
/// ```
/// use zresp::commands::{Access, KeysError, keys};
/// use zresp::Command;
///
/// let bytes = b"*4\r\n$5\r\nBITOP\r\n$3\r\nNOT\r\n$1\r\nd\r\n$1\r\ns\r\n";
/// let request = zresp::requests(bytes).next().expect("a request")?;
/// let Command::Array(command) = request.command() else { panic!() };
/// let found: Vec<_> = keys(&command).expect("two keys").collect();
/// assert_eq!((found[0].key, found[0].index), (b"d".as_slice(), 2));
/// assert!(found[0].access.contains(Access::WRITE) && !found[1].access.contains(Access::WRITE));
///
/// let bytes = b"*5\r\n$5\r\nXREAD\r\n$7\r\nSTREAMS\r\n$1\r\na\r\n$1\r\n0\r\n$1\r\n1\r\n";
/// let request = zresp::requests(bytes).next().expect("a request")?;
/// let Command::Array(command) = request.command() else { panic!() };
/// assert_eq!(keys(&command), Err(KeysError::Syntax), "a stream without an id");
/// # Ok::<(), zresp::Error>(())
/// ```
///
/// The keys are those that `COMMAND GETKEYS` of a server finds. It does not read the arguments between
/// them: of `MSET a 1 b`, which the server refuses, the keys are `a` and `b`. Channels are none.
///
/// # Errors
/// A command that the table does not have, of the wrong number of arguments, or whose arguments
/// contradict its own counts.
#[inline]
pub fn keys<'a>(command: &CommandRef<'a>) -> Result<Keys<'a>, KeysError> {
    let info = of(command).ok_or(KeysError::UnknownCommand)?;
    Keys::of(info, command.args(), command.len(), Wanted::Keys)
}

/// Returns an iterator over the sharded channels of a command, which belong to slots as keys do:
/// `SPUBLISH`, `SSUBSCRIBE` and `SUNSUBSCRIBE` have such, and no keys.
///
/// # Errors
/// As of [`keys`].
pub fn shard_channels<'a>(command: &CommandRef<'a>) -> Result<Keys<'a>, KeysError> {
    let info = of(command).ok_or(KeysError::UnknownCommand)?;
    Keys::of(info, command.args(), command.len(), Wanted::ShardChannels)
}

/// Returns an iterator over the keys of a command that is still arriving, as far as they are there: an
/// upstream can be chosen by the first one. Keys that depend on arguments still to come are not found.
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
/// As of [`keys`]; [`KeysError::UnknownCommand`] also if the name is not there yet.
pub fn partial_keys<'a>(command: &PartialCommand<'a>) -> Result<Keys<'a>, KeysError> {
    let name = command.name().ok_or(KeysError::UnknownCommand)?;
    let info = find_info(name, || command.arg(1)).ok_or(KeysError::UnknownCommand)?;
    Keys::of(info, command.args(), command.len(), Wanted::Keys)
}

/// Arguments that are keys.
#[derive(Debug, Clone, Copy)]
struct Range {
    next: usize,
    last: usize,
    step: usize,
    access: Access,
}

impl Range {
    const fn one(index: usize, access: Access) -> Self {
        Self { next: index, last: index, step: 1, access }
    }
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Keys,
    ShardChannels,
}

/// What comes behind a range.
#[derive(Debug, Clone, Copy)]
enum Pending {
    Nothing,
    Range(Range),
    /// What these specifications find, which has been seen to be something.
    Specs(&'static [KeySpec]),
}

/// The keys of a command, in the order of its specifications: see [`keys`].
#[derive(Clone)]
pub struct Keys<'a> {
    /// All the arguments that are there, the name first.
    all: Args<'a>,
    /// How many there are, those still to come included.
    len: usize,
    wanted: Wanted,
    /// Whether the command may have no keys.
    allows_none: bool,
    /// The arguments from index `at` on.
    args: Args<'a>,
    at: usize,
    range: Option<Range>,
    pending: Pending,
}

impl<'a> Keys<'a> {
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
        match info.name {
            "sort" => keys.find_of_sort()?,
            "migrate" => keys.find_of_migrate()?,
            _ => keys.find(info.key_specs)?,
        }
        Ok(keys)
    }

    fn arg(&self, index: usize) -> Option<&'a [u8]> {
        self.all.clone().nth(index)
    }

    /// Whether no arguments are still to come.
    fn is_whole(&self) -> bool {
        self.all.clone().count() == self.len
    }

    /// Finds the keys by the specifications, and checks all of these.
    fn find(&mut self, specs: &'static [KeySpec]) -> Result<(), KeysError> {
        for (index, spec) in specs.iter().enumerate() {
            let range = self.range_of(spec)?;
            if self.range.is_none() {
                self.range = range;
                self.pending = Pending::Specs(specs.get(index + 1..).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Goes on to the next range.
    fn next_range(&mut self) {
        self.range = None;
        match core::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => {}
            Pending::Range(range) => self.range = Some(range),
            // It has been found once, without an error.
            Pending::Specs(specs) => _ = self.find(specs),
        }
    }

    /// Returns the arguments that a specification says are keys, if it finds any.
    fn range_of(&self, spec: &KeySpec) -> Result<Option<Range>, KeysError> {
        if spec.is_not_key != (self.wanted == Wanted::ShardChannels) {
            return Ok(None);
        }
        let begin = match spec.begin {
            BeginSearch::Index(index) => index,
            BeginSearch::Keyword { keyword, from } => match self.find_keyword(keyword, from) {
                Some(index) => index + 1,
                None => return Ok(None),
            },
            BeginSearch::Unknown => return Ok(None),
        };
        let arguments = self.len;
        let (first, last, step) = match spec.find {
            FindKeys::Range { last, step, limit } => {
                let end = usize::try_from(last.unsigned_abs()).unwrap_or(usize::MAX);
                let last = match last {
                    0.. => Some(begin + end),
                    -1 if limit > 1 => {
                        let rest = arguments.saturating_sub(begin);
                        if rest == 0 || rest % limit != 0 {
                            return Err(KeysError::Syntax);
                        }
                        Some(begin + rest / limit - 1)
                    }
                    _ => arguments.checked_sub(end),
                };
                (begin, last.ok_or(KeysError::Syntax)?, step)
            }
            FindKeys::Count { index, first, step } => {
                let index = begin + index;
                let error = KeysError::Count { index };
                let count = self.arg(index).and_then(count).ok_or(error)?;
                let first = begin + first;
                let Some(others) = count.checked_sub(1) else {
                    return if self.allows_none { Ok(None) } else { Err(error) };
                };
                let last = others.checked_mul(step).and_then(|span| span.checked_add(first));
                (first, last.filter(|last| *last < arguments).ok_or(error)?, step)
            }
            FindKeys::Unknown => return Ok(None),
        };
        if last < first || last >= arguments {
            return Err(KeysError::Syntax);
        }
        Ok(Some(Range { next: first, last, step: step.max(1), access: spec.access }))
    }

    /// Returns the index of a keyword.
    fn find_keyword(&self, keyword: &str, from: i32) -> Option<usize> {
        let is_keyword = |argument: &[u8]| is_word(argument, keyword.as_bytes());
        let distance = usize::try_from(from.unsigned_abs()).ok()?;
        let mut arguments = self.all.clone().enumerate();
        if from < 0 {
            let end = self.len.checked_sub(distance)?;
            let found = arguments.take(end + 1).filter(|(_, argument)| is_keyword(argument));
            return Some(found.last()?.0);
        }
        // With nothing behind it, it is no keyword.
        let last = self.len - 1;
        Some(
            arguments
                .find(|(at, argument)| (distance..last).contains(at) && is_keyword(argument))?
                .0,
        )
    }

    /// `SORT key … [STORE destination]`: the last `STORE` counts.
    fn find_of_sort(&mut self) -> Result<(), KeysError> {
        let mut destination = None;
        let mut arguments = self.all.clone().enumerate().skip(2);
        while let Some((index, argument)) = arguments.next() {
            let skipped = match argument {
                _ if is_word(argument, b"limit") => 2,
                _ if is_word(argument, b"by") => 1,
                _ if is_word(argument, b"get") => 1,
                _ if is_word(argument, b"store") => {
                    destination = Some(index + 1);
                    0
                }
                _ => 0,
            };
            for _ in 0..skipped {
                arguments.next();
            }
        }
        self.range = Some(Range::one(1, Access::READ | Access::ACCESS));
        // Another one may still come.
        if let Some(destination) = destination.filter(|_| self.is_whole()) {
            if destination == self.len {
                return Err(KeysError::Syntax);
            }
            let access = Access::WRITE | Access::UPDATE;
            self.pending = Pending::Range(Range::one(destination, access));
        }
        Ok(())
    }

    /// `MIGRATE host port key …` or `MIGRATE host port "" … KEYS key [key …]`.
    fn find_of_migrate(&mut self) -> Result<(), KeysError> {
        let access = Access::READ | Access::WRITE | Access::ACCESS | Access::DELETE;
        let has_one = self.arg(3).is_some_and(|key| !key.is_empty());
        let mut arguments = self.all.clone().enumerate().skip(6);
        let mut behind_keyword = None;
        while let Some((index, argument)) = arguments.next() {
            if is_word(argument, b"keys") {
                behind_keyword = Some(index + 1);
                break;
            }
            let skipped = match argument {
                _ if is_word(argument, b"auth2") => 2,
                _ if is_word(argument, b"auth") => 1,
                _ => 0,
            };
            for _ in 0..skipped {
                arguments.next();
            }
        }
        let last = self.len - 1;
        let (next, last) = match behind_keyword {
            Some(first) if !has_one && first <= last => (first, last),
            None if has_one || self.is_whole() => (3, 3),
            None => return Ok(()),
            _ => return Err(KeysError::Syntax),
        };
        self.range = Some(Range { next, last, step: 1, access });
        Ok(())
    }
}

/// Whether an argument is a word, as servers compare them: in any letter case, and up to a NUL.
fn is_word(argument: &[u8], word: &[u8]) -> bool {
    let begins = argument.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word));
    begins && matches!(argument.get(word.len()), None | Some(0))
}

/// A number of keys, written as the server takes it: without a sign and needless zeros.
fn count(argument: &[u8]) -> Option<usize> {
    let is_plain = matches!((argument.first()?, argument.len()), (b'1'..=b'9', _) | (b'0', 1));
    integer::parse(argument).filter(|_| is_plain)
}

impl<'a> Iterator for Keys<'a> {
    type Item = Key<'a>;

    #[inline]
    fn next(&mut self) -> Option<Key<'a>> {
        while let Some(Range { next: index, last, step, access }) = self.range {
            // Once over the arguments, for many keys; from the front again if a range begins earlier.
            if index < self.at {
                (self.args, self.at) = (self.all.clone(), 0);
            }
            let key = self.args.nth(index - self.at);
            self.at = index + 1;
            // If it is still to come, so is the rest of its range.
            if key.is_none() || index + step > last {
                self.next_range();
            } else {
                self.range = Some(Range { next: index + step, last, step, access });
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
