//! The transactions of each connection: which commands of an input took effect.

use std::collections::BTreeMap;
use std::mem;

use zresp::Kind;

use crate::record::{Record, Sent};

/// How many bytes of commands after a damage in a transaction are kept until its end is looked for no longer.
const KEPT: usize = 64 * 1024 * 1024;

/// A command that is kept, because it is not certain whether it takes effect.
pub(crate) struct Kept {
    pub(crate) wire: Vec<u8>,
    pub(crate) database: Option<u32>,
}

/// The transactions that have not ended, by the connection; the text is empty if an input does not tell connections.
#[derive(Default)]
pub(crate) struct Transactions {
    open: BTreeMap<String, Transaction>,
    /// How many commands of transactions took no effect, or may have taken none.
    pub(crate) dropped: u64,
}

/// A transaction that has not ended.
#[derive(Default)]
struct Transaction {
    /// `MULTI`, if it is selected.
    begin: Option<Kept>,
    commands: Vec<Kept>,
    /// How many commands came before the last frames that are missing.
    before_gap: Option<usize>,
    /// How many bytes of commands came after those.
    after_gap: usize,
}

/// What becomes of a command.
pub(crate) enum Step {
    /// It is not in a transaction.
    Outside,
    /// It takes no effect by itself.
    Inside,
    /// These take effect.
    Commands(Vec<Kept>),
}

impl Transactions {
    /// Takes a command. It is left out of its transaction unless it is selected.
    pub(crate) fn take(&mut self, record: &Record<'_>, sent: &Sent<'_>, is_selected: bool) -> Step {
        let command = &sent.command;
        let (name, size) = (command.name(), command.name().len());
        let is = |word: &str| size == word.len() && name.eq_ignore_ascii_case(word.as_bytes());
        let (is_begin, is_exec) = (is("MULTI"), is("EXEC"));
        let is_end = is_exec || is("DISCARD") || is("RESET");
        if self.open.is_empty() && !is_begin && !is_end {
            return Step::Outside;
        }
        let kept = || Kept { wire: sent.wire.to_vec(), database: record.database };
        let key = record.connection.unwrap_or_default();
        if is_begin {
            let before = self.open.get(key).and_then(|open| open.before_gap);
            // One within another is an error, and changes nothing.
            if self.open.contains_key(key) && before.is_none() {
                return Step::Inside;
            }
            let rest = self.open.remove(key).map(|open| self.rest(open)).unwrap_or_default();
            let begin = is_selected.then(kept);
            self.open.insert(key.to_owned(), Transaction { begin, ..Transaction::default() });
            return Step::Commands(rest);
        }
        if is_end {
            let Some(open) = self.open.remove(key) else { return Step::Inside };
            let kind = record.reply().map(|reply| reply.reply().kind());
            let has_run = is_exec && kind.is_none_or(|kind| kind == Kind::Array);
            if !has_run || open.before_gap.is_some() {
                self.dropped += open.commands.len() as u64;
                return Step::Inside;
            }
            let (mut commands, end) = (open.commands, is_selected.then(kept));
            if let (Some(begin), Some(end)) = (open.begin, end) {
                commands.insert(0, begin);
                commands.push(end);
            }
            return Step::Commands(commands);
        }
        let Some(open) = self.open.get_mut(key) else { return Step::Outside };
        if is_selected {
            open.commands.push(kept());
        }
        open.after_gap += if open.before_gap.is_some() { sent.wire.len() } else { 0 };
        if open.after_gap <= KEPT {
            return Step::Inside;
        }
        let open = mem::take(open);
        self.open.remove(key);
        Step::Commands(self.rest(open))
    }

    /// Takes note that frames of a connection are missing here; without a name, they may be of any connection. Commands
    /// between two such places may still be in the transaction.
    pub(crate) fn lose(&mut self, connection: Option<&str>) {
        for (key, open) in &mut self.open {
            if connection.is_none_or(|connection| connection == key) {
                (open.before_gap, open.after_gap) = (Some(open.commands.len()), 0);
            }
        }
    }

    /// Says that an input ends. Returns the commands that take effect although their transaction has no end.
    pub(crate) fn finish(&mut self) -> Vec<Kept> {
        let open = mem::take(&mut self.open);
        open.into_values().flat_map(|open| self.rest(open)).collect()
    }

    /// Ends a transaction whose `EXEC` was not seen. Frames may be missing in it: then `EXEC` was among them, and the
    /// commands that follow the gap are returned, because they were not in the transaction.
    fn rest(&mut self, mut open: Transaction) -> Vec<Kept> {
        let inside = open.before_gap.unwrap_or(open.commands.len());
        self.dropped += inside as u64;
        open.commands.split_off(inside.min(open.commands.len()))
    }
}
