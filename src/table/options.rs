//! Commands whose keys depend on options, read as servers read them.
//!
//! Key specifications cannot describe them: any argument may be the word that a specification searches for. In
//! `SORT k STORE by STORE d` the first destination is called `by`, and the last one counts.

use super::search::{KeyRange, Pending, Search};
use super::{Access, KeysError};

/// The options of a command.
#[derive(Debug)]
pub(super) struct Options {
    /// The index of the first argument that may be an option.
    first: usize,
    words: &'static [Choice],
    place: KeyPlace,
}

/// An option, and the number of arguments that follow it.
#[derive(Debug)]
struct Choice(&'static str, Operands);

#[derive(Debug, Clone, Copy)]
enum Operands {
    /// This number of arguments, none of them a key.
    Skip(usize),
    /// A key that the command writes to. The last one counts.
    Destination,
    /// All other arguments belong to the option.
    Rest,
}

/// Where the keys are.
#[derive(Debug, Clone, Copy)]
enum KeyPlace {
    /// The first argument, and the destination if there is one.
    First,
    /// The first half of the rest.
    Streams,
    /// The third argument, or the rest if that is empty.
    Migrate,
}

use Operands::{Destination, Rest, Skip};

const SORT_WORDS: &[Choice] = &[
    Choice("asc", Skip(0)),
    Choice("desc", Skip(0)),
    Choice("alpha", Skip(0)),
    Choice("limit", Skip(2)),
    Choice("by", Skip(1)),
    Choice("get", Skip(1)),
    Choice("store", Destination),
];

static SORT: Options = Options { first: 2, words: SORT_WORDS, place: KeyPlace::First };

/// The same without `STORE`.
static SORT_RO: Options = match SORT_WORDS {
    [words @ .., _] => Options { first: 2, words, place: KeyPlace::First },
    [] => Options { first: 2, words: &[], place: KeyPlace::First },
};

/// The options of `GEORADIUS`, if the first one is at this index.
const fn georadius(first: usize) -> Options {
    let words = &[
        Choice("withdist", Skip(0)),
        Choice("withhash", Skip(0)),
        Choice("withcoord", Skip(0)),
        Choice("any", Skip(0)),
        Choice("asc", Skip(0)),
        Choice("desc", Skip(0)),
        Choice("count", Skip(1)),
        Choice("store", Destination),
        Choice("storedist", Destination),
    ];
    Options { first, words, place: KeyPlace::First }
}

static GEORADIUS: Options = georadius(6);
static GEORADIUSBYMEMBER: Options = georadius(5);

static XREAD: Options = Options {
    first: 1,
    words: &[Choice("block", Skip(1)), Choice("count", Skip(1)), Choice("streams", Rest)],
    place: KeyPlace::Streams,
};

static XREADGROUP: Options = Options {
    first: 1,
    words: &[
        Choice("group", Skip(2)),
        Choice("block", Skip(1)),
        Choice("count", Skip(1)),
        Choice("claim", Skip(1)),
        Choice("noack", Skip(0)),
        Choice("streams", Rest),
    ],
    place: KeyPlace::Streams,
};

static MIGRATE: Options = Options {
    first: 6,
    words: &[
        Choice("copy", Skip(0)),
        Choice("replace", Skip(0)),
        Choice("auth", Skip(1)),
        Choice("auth2", Skip(2)),
        Choice("keys", Rest),
    ],
    place: KeyPlace::Migrate,
};

/// What the options of a command say.
#[derive(Default)]
struct Found {
    destination: Option<usize>,
    rest: Option<usize>,
    /// Whether no argument is missing that may be an option.
    is_whole: bool,
}

impl Options {
    /// Returns the options of the command with this name, if its keys depend on them.
    pub(super) const fn of(name: &[u8]) -> Option<&'static Self> {
        Some(match name {
            b"sort" => &SORT,
            b"sort_ro" => &SORT_RO,
            b"georadius" => &GEORADIUS,
            b"georadiusbymember" => &GEORADIUSBYMEMBER,
            b"xread" => &XREAD,
            b"xreadgroup" => &XREADGROUP,
            b"migrate" => &MIGRATE,
            _ => return None,
        })
    }

    /// Returns whether an option reads keys that match a pattern.
    pub(super) fn have_patterns(&self) -> bool {
        self.words.iter().any(|Choice(word, _)| *word == "by")
    }

    /// Returns where the keys of a command are.
    pub(super) fn find(
        &self,
        search: &Search<'_>,
    ) -> Result<(KeyRange, Pending<'static>), KeysError> {
        let found = self.walk(search)?;
        let after = if found.is_whole { Pending::Nothing } else { Pending::Missing };
        let read = Access::READ | Access::ACCESS;
        match self.place {
            KeyPlace::First => {
                let access = Access::WRITE | Access::UPDATE;
                let pending = match found.destination {
                    // While options are missing, a later destination may still replace this one.
                    Some(at) if found.is_whole => Pending::Range(KeyRange::one(at, access)),
                    _ => after,
                };
                Ok((KeyRange::one(1, read), pending))
            }
            KeyPlace::Streams => {
                let first = match found.rest {
                    Some(first) => first,
                    None if found.is_whole => return Err(KeysError::Syntax),
                    None => return Ok((KeyRange::NONE, after)),
                };
                let streams = search.len.saturating_sub(first);
                if streams == 0 || streams % 2 != 0 {
                    return Err(KeysError::Syntax);
                }
                let last = (first + streams / 2).saturating_sub(1);
                Ok((KeyRange { next: first, last, step: 1, access: read }, Pending::Nothing))
            }
            KeyPlace::Migrate => {
                let access = read | Access::WRITE | Access::DELETE;
                let has_one = search.arg(3).is_some_and(|key| !key.is_empty());
                let range = match found.rest {
                    // Without any key after `KEYS`, the command has none.
                    Some(first) if !has_one => KeyRange {
                        next: first,
                        last: search.len.saturating_sub(1),
                        step: 1,
                        access,
                    },
                    Some(_) => return Err(KeysError::Syntax),
                    None if has_one || found.is_whole => KeyRange::one(3, access),
                    None => KeyRange::NONE,
                };
                Ok((range, after))
            }
        }
    }

    /// Reads the options that have arrived, in one walk.
    fn walk(&self, search: &Search<'_>) -> Result<Found, KeysError> {
        let mut found = Found::default();
        let mut args = search.all.clone().skip(self.first);
        let mut at = self.first;
        while let Some(arg) = args.next() {
            let Choice(_, then) = self
                .words
                .iter()
                .find(|Choice(word, _)| is_word(arg, word.as_bytes()))
                .ok_or(KeysError::Syntax)?;
            let skipped = match *then {
                Skip(arguments) => arguments,
                Destination => {
                    found.destination = Some(at + 1);
                    1
                }
                Rest => {
                    found.rest = Some(at + 1);
                    found.is_whole = true;
                    return Ok(found);
                }
            };
            at += 1 + skipped;
            if at > search.len {
                return Err(KeysError::Syntax);
            }
            if skipped > 0 && args.nth(skipped - 1).is_none() {
                break;
            }
        }
        found.is_whole = at >= search.len;
        Ok(found)
    }
}

/// Returns whether an argument is a word, compared as servers do: in any letter case, and up to a NUL.
pub(super) fn is_word(argument: &[u8], word: &[u8]) -> bool {
    let begins = argument.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word));
    begins && matches!(argument.get(word.len()), None | Some(0))
}
