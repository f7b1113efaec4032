//! What a client knows about its keys, from its replies so far.

use std::fmt;

use zresp::ReplyRef;

use super::checker::Memory;

/// What is known about a key. Its version is the number of a write, or `None` if the key does not exist.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: String,
    sent: u64,
    known: Option<u64>,
    /// Writes after the known one that may have been executed or not.
    pub(super) open: Vec<u64>,
}

impl Key {
    pub(super) fn new(client: usize, key: usize) -> Self {
        Self { name: format!("client{client}:key{key}"), sent: 0, known: None, open: Vec::new() }
    }

    pub(super) fn next_version(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    pub(super) fn acknowledge(&mut self, version: Option<u64>) {
        self.known = version;
        self.open.clear();
    }

    pub(super) fn take(&mut self, version: Option<u64>, memory: Memory) -> Result<(), Wrong> {
        let is_possible = match memory {
            Memory::Kept => {
                version == self.known || version.is_some_and(|version| self.open.contains(&version))
            }
            Memory::MayGoBack => version.is_none_or(|version| version <= self.sent),
        };
        if !is_possible {
            let Self { known, open, .. } = self;
            return Err(Wrong(format!("version {version:?} instead of {known:?} or {open:?}")));
        }
        self.acknowledge(version);
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Counter {
    pub(super) name: String,
    known: i64,
    /// How many increments may have been executed or not.
    pub(super) open: i64,
}

impl Counter {
    pub(super) fn new(client: usize) -> Self {
        Self { name: format!("client{client}:counter"), known: 0, open: 0 }
    }

    pub(super) fn take(&mut self, count: i64, memory: Memory) -> Result<(), Wrong> {
        let (least, most) = match memory {
            Memory::Kept => (self.known + 1, self.known + 1 + self.open),
            Memory::MayGoBack => (1, self.known + 1 + self.open),
        };
        if !(least..=most).contains(&count) {
            return Err(Wrong(format!("{count} instead of {least}..={most}")));
        }
        (self.known, self.open) = (count, 0);
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
