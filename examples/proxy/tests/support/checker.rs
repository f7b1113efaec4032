//! Clients that check every reply.
//!
//! No two clients share a key, and no two writes have the same value. So a client knows from its own
//! commands which replies are right. After an error, or when the connection is closed, it does not know
//! whether the command was executed, and accepts both. Anything else is a panic: a reply to another
//! command or another client, a value that is lost or written twice, a reply that does not arrive.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::checking_client::CheckingClient;
use super::{PATIENCE, command, until, without_numbers};

/// What the clients send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) clients: usize,
    /// The size of the largest values.
    pub(crate) largest: usize,
    pub(crate) memory: Memory,
    pub(crate) commands: Commands,
    /// How long a reply may take.
    pub(crate) patience: Duration,
    /// How long a command may still be executed after its error: the server may have it, and read it later than
    /// the next ones, which come on another connection.
    pub(crate) late: Duration,
    /// Another seed makes other commands.
    pub(crate) seed: u64,
}

impl Load {
    /// Values below and above 64 KiB; the proxy passes on larger ones while they arrive.
    pub(crate) const MIXED: Self = Self {
        clients: 12,
        largest: 300_000,
        memory: Memory::Kept,
        commands: Commands::All,
        patience: PATIENCE,
        late: Duration::ZERO,
        seed: 0,
    };
}

/// Whether a server can lose writes that it has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Memory {
    Kept,
    /// It can lose all of them at once, but no single one.
    MayBeEmptied,
    /// It can, for example if a replica takes over that has not received the last writes.
    MayGoBack,
}

/// Which commands a server understands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Commands {
    /// All commands; every third client begins with `HELLO 3`.
    All,
    /// All except `HELLO`, for several servers.
    WithoutState,
    /// All except scripts, which the built-in store does not have.
    WithoutScripts,
}

/// The counts so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) stop: AtomicBool,
    pub(super) right: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) closed: AtomicU64,
    pub(super) slowest_micros: AtomicU64,
    /// The errors again, by their texts without numbers.
    pub(super) kinds: Mutex<BTreeMap<String, u64>>,
}

impl Seen {
    pub(super) fn error(&self, text: &[u8]) {
        self.errors.fetch_add(1, Relaxed);
        let kind = without_numbers(&String::from_utf8_lossy(text));
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        *kinds.entry(kind).or_default() += 1;
    }

    fn report(&self) -> Report {
        Report {
            right: self.right.load(Relaxed),
            errors: self.errors.load(Relaxed),
            closed: self.closed.load(Relaxed),
            slowest: Duration::from_micros(self.slowest_micros.load(Relaxed)),
        }
    }
}

/// The counts at some time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    /// Right replies that are not errors.
    pub(crate) right: u64,
    pub(crate) errors: u64,
    /// Connections that were closed while a reply was due.
    pub(crate) closed: u64,
    /// The longest wait for the next reply.
    pub(crate) slowest: Duration,
}

impl Report {
    /// Asserts that every reply was right, and that there was one.
    pub(crate) fn assert_flawless(&self) {
        assert!(self.right > 0 && self.errors == 0 && self.closed == 0, "{self:?}");
    }
}

/// Running clients, each on its own thread.
#[derive(Debug)]
pub(crate) struct Checker {
    seen: Arc<Seen>,
    clients: Vec<JoinHandle<()>>,
}

impl Checker {
    pub(crate) fn start(address: SocketAddr, load: Load) -> Self {
        let seen = Arc::new(Seen::default());
        let spawn = |number| {
            let client = CheckingClient::new(number, address, load, Arc::clone(&seen));
            thread::spawn(move || client.work())
        };
        let clients = (0..load.clients).map(spawn).collect();
        Self { seen, clients }
    }

    /// Waits for `count` more right replies.
    pub(crate) fn wait_for_replies(&mut self, count: u64, within: Duration) {
        let enough = self.seen.right.load(Relaxed) + count;
        self.wait("right replies", within, |seen| seen.right.load(Relaxed) >= enough);
    }

    /// Waits for one more error or closed connection.
    pub(crate) fn wait_for_an_error(&mut self, within: Duration) {
        let count = |seen: &Seen| seen.errors.load(Relaxed) + seen.closed.load(Relaxed);
        let before = count(&self.seen);
        self.wait("an error", within, |seen| count(seen) > before);
    }

    fn wait(&mut self, what: &str, within: Duration, done: impl Fn(&Seen) -> bool) {
        until(what, within, || {
            self.join_finished();
            done(&self.seen).then_some(())
        });
    }

    /// Passes on a panic: a client that ends before it is told to has panicked.
    fn join_finished(&mut self) {
        if let Some(at) = self.clients.iter().position(JoinHandle::is_finished) {
            join(self.clients.swap_remove(at));
        }
    }

    /// Makes every client check all its keys once more and end; returns the counts.
    pub(crate) fn finish(mut self) -> Report {
        self.seen.stop.store(true, Relaxed);
        self.clients.drain(..).for_each(join);
        self.report()
    }

    /// The counts so far.
    pub(crate) fn report(&self) -> Report {
        self.seen.report()
    }

    /// The number of errors so far by their texts, from which numbers are removed.
    pub(crate) fn kinds_of_errors(&self) -> BTreeMap<String, u64> {
        self.seen.kinds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Checker {
    fn drop(&mut self) {
        self.seen.stop.store(true, Relaxed);
    }
}

fn join(client: JoinHandle<()>) {
    if let Err(panic) = client.join() {
        std::panic::resume_unwind(panic);
    }
}
