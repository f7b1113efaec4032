//! Where the keys of a command are: its specifications.

use crate::command::Args;
use crate::lex::integer;

use super::options::is_word;
use super::{Access, BeginSearch, FindKeys, KeySpec, KeysError};

/// Arguments that are keys: every `step`-th one from `next` to `last`; none if `last` is smaller.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyRange {
    pub(super) next: usize,
    pub(super) last: usize,
    pub(super) step: usize,
    pub(super) access: Access,
}

impl KeyRange {
    pub(super) const NONE: Self = Self { next: 1, last: 0, step: 1, access: Access::empty() };

    pub(super) const fn one(index: usize, access: Access) -> Self {
        Self { next: index, last: index, step: 1, access }
    }

    /// Returns the range of a command with `len` arguments that [`FindKeys::Range`] describes, from `first` on.
    #[inline(always)]
    pub(super) fn new(
        first: usize,
        last: i32,
        step: usize,
        access: Access,
        len: usize,
    ) -> Result<Self, KeysError> {
        let distance = last.unsigned_abs() as usize;
        let last = if last < 0 {
            len.checked_sub(distance).ok_or(KeysError::Syntax)?
        } else {
            first.checked_add(distance).ok_or(KeysError::Syntax)?
        };
        // A range may be empty, as in `PFMERGE d`, but its end cannot be missing.
        if last >= len || last.saturating_add(1) < first {
            return Err(KeysError::Syntax);
        }
        Ok(Self { next: first, last, step, access })
    }
}

/// Which arguments to find.
///
/// As large as a word: the compiler copies the iterator in words, and the processor stalls on a word if a part of it
/// has just been stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Wanted {
    /// The keys of a command that needs one.
    Keys,
    /// The keys of a command that may be called without any.
    AnyKeys,
    ShardChannels,
}

/// What to search after the current range.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pending<'a> {
    Nothing,
    Range(KeyRange),
    /// The ranges of these specifications, which have been checked.
    Specs(&'a [KeySpec]),
    /// Arguments that have not arrived: they are keys, or decide which others are.
    Missing,
}

/// What the arguments that have arrived say of a place.
enum Sought<T> {
    At(T),
    Nowhere,
    /// An argument that has not arrived decides.
    Missing,
}

/// A command whose keys are searched.
#[derive(Debug, Clone)]
pub(super) struct Search<'a> {
    /// The arguments that have arrived, the name first.
    pub(super) all: Args<'a>,
    /// The number of arguments, including those that have not arrived.
    pub(super) len: usize,
    wanted: Wanted,
}

impl<'a> Search<'a> {
    pub(super) const fn new(all: Args<'a>, len: usize, wanted: Wanted) -> Self {
        Self { all, len, wanted }
    }

    /// Returns the next range, and what comes after it.
    #[inline(never)]
    pub(super) fn after(self, pending: Pending<'a>) -> (KeyRange, Pending<'a>) {
        match pending {
            Pending::Nothing | Pending::Missing => (KeyRange::NONE, pending),
            Pending::Range(range) => (range, Pending::Nothing),
            // Cannot fail: the first search has checked them all.
            Pending::Specs(specs) => self.find(specs).unwrap_or((KeyRange::NONE, Pending::Nothing)),
        }
    }

    pub(super) fn arg(&self, index: usize) -> Option<&'a [u8]> {
        self.all.clone().nth(index)
    }

    /// Finds the first keys by the specifications, and checks all specifications.
    pub(super) fn find<'t>(
        &self,
        specs: &'t [KeySpec],
    ) -> Result<(KeyRange, Pending<'t>), KeysError> {
        let mut found = None;
        let mut rest = specs;
        while let Some((spec, after)) = rest.split_first() {
            rest = after;
            let place = self.place_of(spec)?;
            if found.is_none() {
                found = match place {
                    Sought::At(range) => Some((range, Pending::Specs(rest))),
                    Sought::Nowhere => None,
                    Sought::Missing => Some((KeyRange::NONE, Pending::Missing)),
                };
            }
        }
        Ok(found.unwrap_or((KeyRange::NONE, Pending::Nothing)))
    }

    /// Returns where the arguments are that a specification describes.
    ///
    /// An error does not depend on arguments that have not arrived.
    fn place_of(&self, spec: &KeySpec) -> Result<Sought<KeyRange>, KeysError> {
        if spec.is_not_key != (self.wanted == Wanted::ShardChannels) {
            return Ok(Sought::Nowhere);
        }
        if spec.is_incomplete {
            return Err(KeysError::Unspecified);
        }
        let begin = match &spec.begin {
            BeginSearch::Index(index) => *index,
            BeginSearch::Keyword { keyword, from } => match self.keyword(keyword, *from) {
                Sought::At(index) => index.saturating_add(1),
                Sought::Nowhere => return Ok(Sought::Nowhere),
                Sought::Missing => return Ok(Sought::Missing),
            },
            BeginSearch::Unknown => return Err(KeysError::Unspecified),
        };
        match spec.find {
            FindKeys::Range { last: -1, step, limit: limit @ 2.. } => {
                let rest = self.len.saturating_sub(begin);
                if rest == 0 || rest % limit != 0 {
                    return Err(KeysError::Syntax);
                }
                let last = begin.saturating_add(rest / limit).saturating_sub(1);
                let step = step.max(1);
                Ok(Sought::At(KeyRange { next: begin, last, step, access: spec.access }))
            }
            FindKeys::Range { last, step, .. } => {
                KeyRange::new(begin, last, step.max(1), spec.access, self.len).map(Sought::At)
            }
            FindKeys::Count { index, first, step } => {
                self.counted(begin, index, first, step.max(1), spec.access)
            }
            FindKeys::Unknown => Err(KeysError::Unspecified),
        }
    }

    /// Returns where as many keys are as an argument says.
    fn counted(
        &self,
        begin: usize,
        index: usize,
        first: usize,
        step: usize,
        access: Access,
    ) -> Result<Sought<KeyRange>, KeysError> {
        let index = begin.saturating_add(index);
        let error = KeysError::Count { index };
        let argument = match self.arg(index) {
            Some(argument) => argument,
            None if index < self.len => return Ok(Sought::Missing),
            None => return Err(error),
        };
        let count = count(argument).ok_or(error)?;
        let next = begin.saturating_add(first);
        let Some(others) = count.checked_sub(1) else {
            return if self.wanted == Wanted::Keys { Err(error) } else { Ok(Sought::Nowhere) };
        };
        // The count comes from the client, so the sum may overflow or exceed the last argument.
        let last = others.checked_mul(step).and_then(|span| span.checked_add(next));
        let last = last.filter(|last| *last < self.len).ok_or(error)?;
        Ok(Sought::At(KeyRange { next, last, step, access }))
    }

    /// Returns where a keyword is.
    fn keyword(&self, keyword: &str, from: i32) -> Sought<usize> {
        let distance = from.unsigned_abs() as usize;
        let candidates = if from < 0 {
            // The last one counts.
            0..self.len.saturating_add(1).saturating_sub(distance)
        } else {
            // A match in the last argument is not the keyword, since no key could follow it.
            distance..self.len.saturating_sub(1)
        };
        let mut arguments = self.all.clone().skip(candidates.start);
        let mut found = Sought::Nowhere;
        for at in candidates {
            let Some(argument) = arguments.next() else { return Sought::Missing };
            if is_word(argument, keyword.as_bytes()) {
                found = Sought::At(at);
                if from >= 0 {
                    break;
                }
            }
        }
        found
    }
}

/// Returns a number of keys, in the only form that servers accept: without a sign or leading zeros.
fn count(argument: &[u8]) -> Option<usize> {
    let is_plain = matches!((argument.first()?, argument.len()), (b'1'..=b'9', _) | (b'0', 1));
    integer::parse(argument).filter(|_| is_plain)
}
