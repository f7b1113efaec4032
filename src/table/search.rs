//! Where the keys of a command are: the specifications of the table, and rules for commands that they do not cover.

use crate::lex::integer;

use super::{Access, BeginSearch, FindKeys, KeySpec, Keys, KeysError};

/// Arguments that are keys: every `step`-th one from `next` to `last`.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyRange {
    pub(super) next: usize,
    pub(super) last: usize,
    pub(super) step: usize,
    pub(super) access: Access,
}

impl KeyRange {
    const fn one(index: usize, access: Access) -> Self {
        Self { next: index, last: index, step: 1, access }
    }
}

/// Which arguments to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Keys,
    ShardChannels,
}

/// What to search after the current range.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pending {
    Nothing,
    Range(KeyRange),
    /// The ranges of these specifications, which have been checked.
    Specs(&'static [KeySpec]),
}

impl<'a> Keys<'a> {
    fn arg(&self, index: usize) -> Option<&'a [u8]> {
        self.all.clone().nth(index)
    }

    /// Returns whether all arguments have arrived.
    fn is_whole(&self) -> bool {
        self.all.clone().count() == self.len
    }

    /// Finds the first keys by the specifications, and checks all specifications.
    pub(super) fn find(&mut self, specs: &'static [KeySpec]) -> Result<(), KeysError> {
        for (index, spec) in specs.iter().enumerate() {
            let range = self.range_of(spec)?;
            if self.range.is_none() {
                self.range = range;
                self.pending = Pending::Specs(specs.get(index + 1..).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Moves to the next range.
    pub(super) fn next_range(&mut self) {
        self.range = None;
        match core::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => {}
            Pending::Range(range) => self.range = Some(range),
            // Cannot fail: the first search has checked them all.
            Pending::Specs(specs) => _ = self.find(specs),
        }
    }

    /// Returns the range of arguments that a specification describes, if it finds any.
    fn range_of(&self, spec: &KeySpec) -> Result<Option<KeyRange>, KeysError> {
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
                // The count comes from the client, so the sum may overflow or exceed the last argument.
                let last = others.checked_mul(step).and_then(|span| span.checked_add(first));
                (first, last.filter(|last| *last < arguments).ok_or(error)?, step)
            }
            FindKeys::Unknown => return Ok(None),
        };
        if last < first || last >= arguments {
            return Err(KeysError::Syntax);
        }
        Ok(Some(KeyRange { next: first, last, step: step.max(1), access: spec.access }))
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
        // A match in the last argument is not the keyword, since no key could follow it.
        let last = self.len - 1;
        Some(
            arguments
                .find(|(at, argument)| (distance..last).contains(at) && is_keyword(argument))?
                .0,
        )
    }

    /// Finds the keys of `SORT key … [STORE destination]`: the last `STORE` counts.
    pub(super) fn find_of_sort(&mut self) -> Result<(), KeysError> {
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
        self.range = Some(KeyRange::one(1, Access::READ | Access::ACCESS));
        // While arguments are missing, a later `STORE` may still replace this one.
        if let Some(destination) = destination.filter(|_| self.is_whole()) {
            if destination == self.len {
                return Err(KeysError::Syntax);
            }
            let access = Access::WRITE | Access::UPDATE;
            self.pending = Pending::Range(KeyRange::one(destination, access));
        }
        Ok(())
    }

    /// Finds the keys of `MIGRATE host port key …`, or of `MIGRATE host port "" … KEYS key [key …]`.
    pub(super) fn find_of_migrate(&mut self) -> Result<(), KeysError> {
        let access = Access::READ | Access::WRITE | Access::ACCESS | Access::DELETE;
        let has_one = self.arg(3).is_some_and(|key| !key.is_empty());
        let mut arguments = self.all.clone().enumerate().skip(6);
        let mut first_listed = None;
        while let Some((index, argument)) = arguments.next() {
            if is_word(argument, b"keys") {
                first_listed = Some(index + 1);
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
        let (next, last) = match first_listed {
            Some(first) if !has_one && first <= last => (first, last),
            None if has_one || self.is_whole() => (3, 3),
            None => return Ok(()),
            _ => return Err(KeysError::Syntax),
        };
        self.range = Some(KeyRange { next, last, step: 1, access });
        Ok(())
    }
}

/// Returns whether an argument is a word, compared as servers do: in any letter case, and up to a NUL.
fn is_word(argument: &[u8], word: &[u8]) -> bool {
    let begins = argument.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word));
    begins && matches!(argument.get(word.len()), None | Some(0))
}

/// Returns a number of keys, in the only form that servers accept: without a sign or leading zeros.
fn count(argument: &[u8]) -> Option<usize> {
    let is_plain = matches!((argument.first()?, argument.len()), (b'1'..=b'9', _) | (b'0', 1));
    integer::parse(argument).filter(|_| is_plain)
}
