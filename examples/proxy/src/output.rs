//! The replies to one client, in the order of its commands.
//!
//! The commands of one client may go to several upstreams, and their replies arrive in any order. So every
//! command has an entry in a queue, and a ticket, the number of the entry. Only the replies of the first entry are
//! written; those of later entries, and the parts of a reply that is joined, are held until it is their turn.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, BytesMut};

use crate::join::Join;

/// The most commands of one client that wait for their replies. A new client starts with one, and its window
/// doubles with each reply, but only as far as the replies fit into `BUFFERED` bytes. This bounds what can
/// still arrive for a client that has stopped reading.
const WINDOW: usize = 128;
/// No command is taken from a client while this many bytes of its commands are on their way, or of its replies
/// wait for earlier ones.
pub(crate) const BUFFERED: usize = 256 * 1024;
/// Replies with more bytes than this are large enough for slow lanes.
pub(crate) const BIG: usize = 16 * 1024;
/// Small replies are gathered in pieces of up to this many bytes.
const PIECE: usize = 64 * 1024;
/// An empty buffer with more capacity than this is freed, so that idle clients take little memory.
const KEPT: usize = 1024;

#[derive(Default)]
pub(crate) struct Replies {
    /// Replies whose turn it is, but which have not been written yet.
    pub(crate) out: Output,
    queue: VecDeque<Entry>,
    /// The ticket of the first entry. Tickets are numbered from 0, in order.
    first: u64,
    /// How many commands wait for their replies, and how many may; 0 counts as 1.
    commands: usize,
    window: usize,
    /// The size of the latest replies in bytes, and how many bytes of the next one have arrived.
    pub(crate) size: usize,
    begun: usize,
    /// How many bytes are held in the queue.
    pub(crate) held: usize,
    /// How many bytes of commands have been sent since the last time that no reply was due.
    pub(crate) sent: usize,
}

/// The replies to one command, or to consecutive commands that use the same lane.
struct Entry {
    /// How many have yet to arrive.
    remaining: usize,
    held: Held,
}

/// What has arrived before it can be written.
enum Held {
    /// Replies whose turn has not come. The first entry holds none.
    Bytes(BytesMut),
    /// The parts of one reply.
    Parts(Box<Join>),
}

/// Bytes in pieces, so that adding to many of them never moves them.
#[derive(Default)]
pub(crate) struct Output {
    pieces: VecDeque<BytesMut>,
    len: usize,
}

impl Replies {
    /// No replies and no entries: replies that still arrive are dropped.
    pub(crate) fn dropped() -> Self {
        Self { first: u64::MAX / 2, ..Self::default() }
    }

    /// Adds an entry for the reply to a command of `bytes` bytes, which may be joined; returns its ticket.
    pub(crate) fn open(&mut self, bytes: usize, join: Option<Join>) -> u64 {
        self.commands += 1;
        self.sent += bytes;
        self.held += join.as_ref().map_or(0, Join::held);
        let held = join.map_or_else(|| Held::Bytes(BytesMut::new()), |it| Held::Parts(it.into()));
        self.queue.push_back(Entry { remaining: 1, held });
        self.first + self.queue.len() as u64 - 1
    }

    /// Adds the reply to one more command to an entry, if it is the last one; returns whether it is.
    pub(crate) fn extend(&mut self, ticket: u64, bytes: usize) -> bool {
        let next = self.first + self.queue.len() as u64;
        let Some(last) = self.queue.back_mut().filter(|_| ticket + 1 == next) else {
            return false;
        };
        last.remaining += 1;
        self.commands += 1;
        self.sent += bytes;
        true
    }

    /// Learns from replies how many of them the client may ask for at once.
    pub(crate) fn weigh(&mut self, bytes: usize, complete: usize) {
        self.begun += bytes;
        let Some(size) = self.begun.checked_div(complete) else { return };
        // A larger reply counts at once, and smaller ones gradually.
        self.size = size.max(self.size.midpoint(size));
        self.begun = 0;
        let most = (BUFFERED / self.size.max(1)).clamp(1, WINDOW);
        self.window = most.min(2 * self.window.max(1));
    }

    /// Returns whether more commands can be taken. Small replies may wait for a client that does not take them yet, up
    /// to `most` bytes. For large ones, their commands wait.
    pub(crate) fn have_room(&self, most: usize) -> bool {
        self.commands < self.window.max(1)
            && self.sent < BUFFERED
            && self.held < BUFFERED
            && self.out.len() < if self.size > BIG { BUFFERED } else { most }
    }

    /// Takes the next bytes of an entry. `complete` replies end in these bytes. If it is their turn, `offer`
    /// may write some of them at once, and returns how many.
    pub(crate) fn take(
        &mut self,
        ticket: u64,
        bytes: &[u8],
        complete: usize,
        offer: impl FnOnce(&[u8]) -> usize,
    ) {
        let is_first = self.is_first(ticket);
        let Some(entry) = self.entry(ticket) else { return };
        entry.remaining -= complete;
        if let Held::Bytes(held) = &mut entry.held
            && !is_first
        {
            held.extend_from_slice(bytes);
            self.held += bytes.len();
        } else {
            let written = if self.out.is_empty() { offer(bytes) } else { 0 };
            self.out.extend(&bytes[written..]);
        }
        self.commands -= complete;
    }

    /// Returns the join of an entry that is waiting for parts.
    pub(crate) fn join(&mut self, ticket: u64) -> Option<&mut Join> {
        match &mut self.entry(ticket)?.held {
            Held::Parts(join) => Some(join),
            Held::Bytes(_) => None,
        }
    }

    /// Counts bytes of a part that have arrived. Returns whether to keep them: there may be too many, or the client has
    /// gone.
    pub(crate) fn keeps(&mut self, ticket: u64, bytes: usize) -> bool {
        let Some(join) = self.join(ticket) else { return false };
        let before = join.held();
        let (keeps, after) = (join.keeps(bytes), join.held());
        self.held = self.held + after - before;
        keeps
    }

    /// Returns how many bytes wait for earlier replies.
    pub(crate) fn waiting(&self) -> usize {
        self.held
            - self.queue.front().map_or(0, |entry| match &entry.held {
                Held::Bytes(held) => held.len(),
                Held::Parts(join) => join.held(),
            })
    }

    /// Moves replies whose turn it is to the output, but only a portion of one that is joined, and only as long as less
    /// than `most` bytes, or `BUFFERED` inside a reply, wait there. Returns whether more of it follows.
    pub(crate) fn turn(&mut self, most: usize) -> io::Result<bool> {
        while let Some(entry) = self.queue.front_mut() {
            match &mut entry.held {
                Held::Bytes(held) if held.is_empty() => {}
                Held::Bytes(held) => {
                    self.held -= held.len();
                    self.out.append(std::mem::take(held));
                }
                Held::Parts(join) if entry.remaining == 0 => {
                    let most = if join.is_begun { BUFFERED } else { most };
                    if self.out.len() >= most || join.pour(&mut self.out)? {
                        return Ok(true);
                    }
                    self.held -= join.held();
                }
                Held::Parts(_) => {}
            }
            if entry.remaining > 0 {
                return Ok(false);
            }
            self.queue.pop_front();
            self.first += 1;
        }
        self.sent = 0;
        Ok(false)
    }

    /// Returns whether the next reply is a joined one.
    pub(crate) fn are_joined(&self) -> bool {
        let is_joined =
            |entry: &Entry| entry.remaining == 0 && matches!(entry.held, Held::Parts(_));
        self.queue.front().is_some_and(is_joined)
    }

    fn entry(&mut self, ticket: u64) -> Option<&mut Entry> {
        let index = ticket.checked_sub(self.first)?;
        self.queue.get_mut(usize::try_from(index).ok()?)
    }

    pub(crate) fn is_first(&self, ticket: u64) -> bool {
        ticket == self.first
    }

    /// Returns whether no command waits for its reply.
    pub(crate) fn are_complete(&self) -> bool {
        self.queue.is_empty()
    }
}

impl Output {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        match self.pieces.back_mut() {
            Some(last) if last.len() + bytes.len() <= PIECE => last.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => self.pieces.push_back(BytesMut::from(bytes)),
        }
    }

    fn append(&mut self, bytes: BytesMut) {
        if bytes.len() < PIECE {
            return self.extend(&bytes);
        }
        self.len += bytes.len();
        self.pieces.push_back(bytes);
    }

    /// Returns the first piece.
    pub(crate) fn front(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| piece)
    }

    /// Drops bytes of the first piece, because they were written.
    pub(crate) fn advance(&mut self, written: usize) {
        self.len -= written;
        let Some(first) = self.pieces.front_mut() else { return };
        first.advance(written);
        if !first.is_empty() {
            return;
        }
        let is_kept = self.len == 0 && first.try_reclaim(1) && first.capacity() <= KEPT;
        if !is_kept {
            self.pieces.pop_front();
        }
    }
}
