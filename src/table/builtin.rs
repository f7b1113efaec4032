//! The built-in table. The compiler makes all of it, so it costs nothing when a program starts.

use alloc::borrow::Cow;

use super::entry::{Entry, NONE, place_all};
use super::generated::{COMMANDS, COUNT};
use super::{Access, BeginSearch, CommandInfo, CommandTable, FindKeys, KeySpec};

/// Turns the lines of `generated.rs` into [`CommandInfo`]s.
macro_rules! commands {
    ($($name:literal $(with $container:ident)? $arity:literal [$($flag:ident)*] [$($category:ident)*]
        [$(($begin:expr, $find:expr, $($mark:ident)*))*] [$($tip:literal)*]
        $(unknown [$($unknown:literal)*])?;)*) => {
        pub(super) const COUNT: usize = [$($arity),*].len();

        pub(super) static COMMANDS: [CommandInfo; COUNT] = [$(CommandInfo {
            name: Cow::Borrowed($name),
            arity: $arity,
            flags: Flags::empty()$(.union(Flags::$flag))*,
            categories: Categories::empty()$(.union(Categories::$category))*,
            key_specs: Cow::Borrowed(const { &[$(key($begin, $find, &[$(mark::$mark),*])),*] }),
            tips: Cow::Borrowed(const { &[$(Cow::Borrowed($tip)),*] }),
            unknown: Cow::Borrowed(const { &[$($(Cow::Borrowed($unknown)),*)?] }),
            is_container: false $(|| $container)?,
        }),*];
    };
}
pub(super) use commands;

/// Stands after the name of a command that has subcommands.
pub(super) const SUBCOMMANDS: bool = true;

/// What the lines say of keys: an access, or a property of the specification.
pub(super) mod mark {
    pub(in super::super) const READ: u8 = super::Access::READ.bits();
    pub(in super::super) const WRITE: u8 = super::Access::WRITE.bits();
    pub(in super::super) const ACCESS: u8 = super::Access::ACCESS.bits();
    pub(in super::super) const UPDATE: u8 = super::Access::UPDATE.bits();
    pub(in super::super) const INSERT: u8 = super::Access::INSERT.bits();
    pub(in super::super) const DELETE: u8 = super::Access::DELETE.bits();
    pub(in super::super) const NOT_KEY: u8 = 1 << 6;
    pub(in super::super) const INCOMPLETE: u8 = 1 << 7;
}

pub(super) const fn key(begin: BeginSearch, find: FindKeys, mut marks: &[u8]) -> KeySpec {
    let mut all = 0;
    while let [mark, rest @ ..] = marks {
        all |= *mark;
        marks = rest;
    }
    KeySpec {
        access: Access::from_bits_truncate(all),
        begin,
        find,
        is_not_key: all & mark::NOT_KEY != 0,
        is_incomplete: all & mark::INCOMPLETE != 0,
    }
}

pub(super) const fn index(index: usize) -> BeginSearch {
    BeginSearch::Index(index)
}

pub(super) const fn keyword(keyword: &'static str, from: i32) -> BeginSearch {
    BeginSearch::Keyword { keyword: Cow::Borrowed(keyword), from }
}

pub(super) const fn one() -> FindKeys {
    range(0, 1, 0)
}

pub(super) const fn range(last: i32, step: usize, limit: usize) -> FindKeys {
    FindKeys::Range { last, step, limit }
}

pub(super) const fn keynum(index: usize, first: usize, step: usize) -> FindKeys {
    FindKeys::Count { index, first, step }
}

/// At most a third of the places are taken, so most names are at the first one.
const PLACES: usize = (COUNT * 3).next_power_of_two();

static ENTRIES: [Entry; COUNT] = entries();
static SLOTS: [u16; PLACES] = {
    let mut slots = [0; PLACES];
    place_all(&mut slots, &ENTRIES);
    slots
};

pub(super) static BUILTIN: CommandTable = CommandTable {
    commands: Cow::Borrowed(&COMMANDS),
    entries: Cow::Borrowed(&ENTRIES),
    slots: Cow::Borrowed(&SLOTS),
};

/// The entries of all commands. Subcommands follow their container.
#[allow(clippy::large_stack_arrays, reason = "only the compiler runs it")]
const fn entries() -> [Entry; COUNT] {
    let mut entries = [Entry::EMPTY; COUNT];
    let mut left: &mut [Entry] = &mut entries;
    let mut infos: &[CommandInfo] = &COMMANDS;
    let (mut index, mut container) = (0, NONE);
    while let ([entry, after @ ..], [info, rest @ ..]) = (left, infos) {
        let (Cow::Borrowed(name), Cow::Borrowed(specs)) = (&info.name, &info.key_specs) else {
            break;
        };
        *entry = if let Some(subcommand) = subcommand(name.as_bytes()) {
            Entry::new(subcommand, container, info, specs)
        } else {
            container = index;
            Entry::new(name.as_bytes(), NONE, info, specs)
        };
        (left, infos, index) = (after, rest, index + 1);
    }
    entries
}

/// Returns the part of a name after the bar.
const fn subcommand(mut name: &[u8]) -> Option<&[u8]> {
    while let [byte, rest @ ..] = name {
        if *byte == b'|' {
            return Some(rest);
        }
        name = rest;
    }
    None
}
