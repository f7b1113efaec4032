//! The facts about a command: [`CommandInfo`], and where its keys are.

use alloc::borrow::Cow;
use core::fmt;

use crate::escape::{self, First, Shortened};

use super::options::Options;
use super::{Access, Categories, Flags};

/// The facts about a command.
///
/// A command of your own is made with [`new`](Self::new) and its public fields: see
/// [`CommandTable::insert`](super::CommandTable::insert).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandInfo {
    /// The name in lower case. That of a subcommand begins with the name of its container: `config|get`.
    pub name: Cow<'static, str>,
    /// The number of arguments, including the names of the command and of the subcommand. If it is negative, its
    /// absolute value is the minimum.
    pub arity: i32,
    /// The flags.
    pub flags: Flags,
    /// The ACL categories.
    pub categories: Categories,
    /// Where the keys are. [`keys`](super::keys()) uses this to find them, with these exceptions: `SORT`, `SORT_RO`,
    /// `GEORADIUS`, `GEORADIUSBYMEMBER`, `XREAD`, `XREADGROUP` and `MIGRATE` are read option by option in every table,
    /// whatever their specifications are, as no specification can describe them.
    pub key_specs: Cow<'static, [KeySpec]>,
    /// Hints for clients and proxies, such as `request_policy:all_shards`: see [`tip`](Self::tip).
    pub tips: Cow<'static, [Cow<'static, str>]>,
    /// Flags that this version of the crate does not know, by their names. ACL categories begin with `@`, and flags
    /// of keys with `key:`.
    pub unknown: Cow<'static, [Cow<'static, str>]>,
    /// Whether it has subcommands. A table sets this when a subcommand is inserted.
    pub is_container: bool,
}

impl CommandInfo {
    /// Returns a command with this name and arity, without flags and keys.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, arity: i32) -> Self {
        Self {
            name: name.into(),
            arity,
            flags: Flags::empty(),
            categories: Categories::empty(),
            key_specs: Cow::Borrowed(&[]),
            tips: Cow::Borrowed(&[]),
            unknown: Cow::Borrowed(&[]),
            is_container: false,
        }
    }

    /// Returns whether the command may have this number of arguments, including the name.
    #[must_use]
    pub const fn accepts(&self, arguments: usize) -> bool {
        accepts(self.arity, arguments)
    }

    /// Returns whether the command has keys, and reaches no other data than those that [`keys`](super::keys()) returns.
    ///
    /// It says `true` of `GET`, `MSET` and `XREAD`, and `false` of
    ///
    /// - `SORT` and `SORT_RO`, which read keys that match a pattern, and other commands whose specifications say that
    ///   they are incomplete;
    /// - commands that run scripts and functions, which may use keys that they do not declare;
    /// - all commands without keys, whether they reach data (`FLUSHALL`, `SCAN`, `TS.MGET`) or not (`PING`). The facts
    ///   do not tell these two kinds apart, so decide by their names.
    ///
    /// See [what keys do not show](crate::commands#what-keys-do-not-show). If it is `true`, three things remain: `MOVE` and `COPY`
    /// can write to the same key of another database, commands such as `FT.GET` and `FT.ADD` also name an index, and a
    /// write to a time series also changes the series that follow it by a rule. The answer for a command that you have
    /// inserted, or that a server has described, is only as true as these facts.
    ///
    /// ```
    /// use zresp::commands::lookup;
    ///
    /// let is_safe = |name| lookup(name).is_some_and(|info| info.reaches_only_its_keys());
    /// assert!(is_safe(b"SET") && is_safe(b"XREAD"));
    /// assert!(!is_safe(b"SORT") && !is_safe(b"EVAL") && !is_safe(b"SWAPDB") && !is_safe(b"PING"));
    /// ```
    #[must_use]
    pub fn reaches_only_its_keys(&self) -> bool {
        if let Some(options) = Options::of(self.name.as_bytes()) {
            return !self.is_container && !options.have_patterns();
        }
        let is_key = |spec: &KeySpec| !spec.is_not_key;
        let is_complete = |spec: &KeySpec| {
            !spec.is_incomplete
                && spec.begin != BeginSearch::Unknown
                && spec.find != FindKeys::Unknown
        };
        // Servers before Redis 6 send no categories. Their commands with both flags run scripts.
        let runs_scripts = self.categories.contains(Categories::SCRIPTING)
            || self.flags.contains(Flags::SCRIPT_RUNNER)
            || self.flags.contains(Flags::NOSCRIPT | Flags::MOVABLEKEYS);
        !self.is_container
            && !runs_scripts
            && self.key_specs.iter().any(is_key)
            && self.key_specs.iter().all(is_complete)
    }

    /// Returns the value of a tip: `tip("request_policy")` is `all_shards` for `DBSIZE`.
    ///
    /// ```
    /// let info = zresp::commands::lookup(b"DBSIZE").expect("a command");
    /// assert_eq!(info.tip("request_policy"), Some("all_shards"));
    /// assert_eq!(info.tip("response_policy"), Some("agg_sum"));
    /// ```
    #[must_use]
    pub fn tip(&self, name: &str) -> Option<&str> {
        self.tips.iter().find_map(|tip| tip.strip_prefix(name)?.strip_prefix(':'))
    }
}

/// Returns whether a command with this arity may have this number of arguments.
#[inline(always)]
pub(super) const fn accepts(arity: i32, arguments: usize) -> bool {
    let least = arity.unsigned_abs() as usize;
    if arity < 0 { arguments >= least } else { arguments == least }
}

/// Where some of the keys of a command are, and what it does with them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySpec {
    /// What the command does with the keys.
    pub access: Access,
    /// Where the search begins.
    pub begin: BeginSearch,
    /// Which arguments from there on are keys.
    pub find: FindKeys,
    /// The arguments are not keys, but belong to slots as keys do: sharded channels, if the command has the flag
    /// [`PUBSUB`](Flags::PUBSUB), or another kind, such as the cursor of `CLUSTERSCAN`.
    pub is_not_key: bool,
    /// The specification may miss some of its keys.
    pub is_incomplete: bool,
}

impl KeySpec {
    /// Returns a specification that is complete.
    ///
    /// ```
    /// use zresp::commands::{Access, BeginSearch, FindKeys, KeySpec};
    ///
    /// // One key, the first argument after the name.
    /// let find = FindKeys::Range { last: 0, step: 1, limit: 0 };
    /// let spec = KeySpec::new(Access::READ, BeginSearch::Index(1), find);
    /// assert!(!spec.is_not_key && !spec.is_incomplete);
    /// ```
    #[must_use]
    pub const fn new(access: Access, begin: BeginSearch, find: FindKeys) -> Self {
        Self { access, begin, find, is_not_key: false, is_incomplete: false }
    }
}

/// Where the search for keys begins.
#[derive(Clone, PartialEq, Eq)]
pub enum BeginSearch {
    /// At the argument with this index.
    Index(usize),
    /// After a keyword, in any letter case.
    Keyword {
        /// The keyword.
        keyword: Cow<'static, str>,
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

impl fmt::Debug for CommandInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandInfo")
            .field("name", &Shortened(self.name.as_bytes()))
            .field("arity", &self.arity)
            .field("flags", &self.flags)
            .field("categories", &self.categories)
            .field("key_specs", &First(&self.key_specs))
            .field("tips", &Texts(&self.tips))
            .field("unknown", &Texts(&self.unknown))
            .field("is_container", &self.is_container)
            .finish()
    }
}

impl fmt::Debug for BeginSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => f.debug_tuple("Index").field(index).finish(),
            Self::Keyword { keyword, from } => f
                .debug_struct("Keyword")
                .field("keyword", &Shortened(keyword.as_bytes()))
                .field("from", from)
                .finish(),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

/// Texts. `Debug` writes the first ones.
struct Texts<'a>(&'a [Cow<'static, str>]);

impl fmt::Debug for Texts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::list("", self.0.iter().map(|text| text.as_bytes()), f)
    }
}
