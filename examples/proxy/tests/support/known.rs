//! What a client knows about its keys, from its replies so far.

use std::fmt;
use std::time::{Duration, Instant};

use zresp::ReplyRef;

use super::checker::{Load, Memory};

/// What is known about a key. Its version is the number of a write, or `None` if the key does not exist.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: String,
    sent: u64,
    known: Option<u64>,
    /// Writes that may have been executed or not, and may still be, with the times of their errors.
    open: Vec<(u64, Instant)>,
}

impl Key {
    pub(super) fn new(client: usize, key: usize) -> Self {
        Self { name: format!("client{client}:key{key}"), sent: 0, known: None, open: Vec::new() }
    }

    pub(super) fn next_version(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    pub(super) fn leave_open(&mut self, version: u64) {
        self.open.push((version, Instant::now()));
    }

    /// Notes the version that the key has. Writes that are open for longer than `late` are not executed any more.
    pub(super) fn acknowledge(&mut self, version: Option<u64>, late: Duration) {
        self.known = version;
        self.open.retain(|(open, time)| Some(*open) != version && time.elapsed() < late);
    }

    pub(super) fn take(&mut self, version: Option<u64>, load: Load) -> Result<(), Wrong> {
        let is_open = |version| self.open.iter().any(|(open, _)| *open == version);
        let is_kept = version == self.known || version.is_some_and(is_open);
        let is_possible = match load.memory {
            Memory::Kept => is_kept,
            Memory::MayBeEmptied => is_kept || version.is_none(),
            Memory::MayGoBack => version.is_none_or(|version| version <= self.sent),
        };
        if !is_possible {
            let (known, open) = (self.known, self.open.len());
            let text =
                format!("version {version:?} instead of {known:?} or one of {open} open ones");
            return Err(Wrong(text));
        }
        self.acknowledge(version, load.late);
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Counter {
    pub(super) name: String,
    known: i64,
    /// The times of the errors of increments that may have been executed or not, and may still be.
    open: Vec<Instant>,
}

impl Counter {
    pub(super) fn new(client: usize) -> Self {
        Self { name: format!("client{client}:counter"), known: 0, open: Vec::new() }
    }

    pub(super) fn leave_open(&mut self) {
        self.open.push(Instant::now());
    }

    pub(super) fn take(&mut self, count: i64, load: Load) -> Result<(), Wrong> {
        let open = i64::try_from(self.open.len()).expect("a few");
        let (least, most) = (self.known + 1, self.known + 1 + open);
        let is_possible = match load.memory {
            Memory::Kept => (least..=most).contains(&count),
            Memory::MayBeEmptied => {
                (least..=most).contains(&count) || (1..=1 + open).contains(&count)
            }
            Memory::MayGoBack => (1..=most).contains(&count),
        };
        if !is_possible {
            return Err(Wrong(format!("{count} instead of {least}..={most}")));
        }
        self.known = count;
        self.open.retain(|time| time.elapsed() < load.late);
        Ok(())
    }
}

/// Why a reply is wrong.
#[derive(Debug)]
pub(super) struct Wrong(String);

impl Wrong {
    pub(super) fn of(reply: ReplyRef<'_>) -> Self {
        let text = format!("{reply:?}");
        Self(format!("answered {}", text.chars().take(200).collect::<String>()))
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
