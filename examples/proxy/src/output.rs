//! The replies to one client, in the order of its commands.
//!
//! The commands of one client may go to several upstreams, and their replies arrive in any order. So every
//! command gets a slot in a queue. Only the replies of the first slot are written; those of later slots are
//! held until it is their turn.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};

/// Small replies are gathered in pieces of up to this many bytes.
const PIECE: usize = 64 * 1024;
/// An empty buffer with more capacity than this is freed, so that idle clients take little memory.
const KEPT: usize = 1024;

#[derive(Default)]
pub(crate) struct Replies {
    /// Replies whose turn it is, but which have not been written yet.
    pub(crate) out: Output,
    slots: VecDeque<Slot>,
    /// The number of the first slot. Slots are numbered from 0, in order.
    first: u64,
    /// How many commands wait for their replies.
    pub(crate) commands: usize,
    /// How many bytes are held in slots.
    pub(crate) held: usize,
    /// How many bytes of commands have been sent since the last time that no reply was due.
    pub(crate) sent: usize,
}

/// The replies to one command, or to consecutive commands that use the same lane.
struct Slot {
    /// How many have yet to arrive.
    remaining: usize,
    /// Replies that arrived before it was their turn. The first slot holds none.
    held: BytesMut,
}

/// Bytes in pieces, so that adding to many of them never moves them.
#[derive(Default)]
pub(crate) struct Output {
    pieces: VecDeque<BytesMut>,
    len: usize,
}

impl Replies {
    /// No replies and no slots: replies that still arrive are dropped.
    pub(crate) fn dropped() -> Self {
        Self { first: u64::MAX, ..Self::default() }
    }

    /// Opens a slot for the reply to a command of `bytes` bytes; returns its number.
    pub(crate) fn open(&mut self, bytes: usize) -> u64 {
        self.commands += 1;
        self.sent += bytes;
        self.slots.push_back(Slot { remaining: 1, held: BytesMut::new() });
        self.first + self.slots.len() as u64 - 1
    }

    /// Adds the reply to one more command to a slot, if it is the last slot; returns whether it is.
    pub(crate) fn extend(&mut self, slot: u64, bytes: usize) -> bool {
        let next = self.first + self.slots.len() as u64;
        let Some(last) = self.slots.back_mut().filter(|_| slot + 1 == next) else {
            return false;
        };
        last.remaining += 1;
        self.commands += 1;
        self.sent += bytes;
        true
    }

    /// Takes the next bytes of a slot. `complete` replies end in these bytes. If it is their turn, `offer`
    /// may write some of them at once, and returns how many.
    pub(crate) fn take(
        &mut self,
        slot: u64,
        bytes: &[u8],
        complete: usize,
        offer: impl FnOnce(&[u8]) -> usize,
    ) {
        let index = slot.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let Some(index) = index.filter(|index| *index < self.slots.len()) else { return };
        let entry = &mut self.slots[index];
        entry.remaining -= complete;
        self.commands -= complete;
        if index > 0 {
            entry.held.extend_from_slice(bytes);
            self.held += bytes.len();
            return;
        }
        let written = if self.out.is_empty() { offer(bytes) } else { 0 };
        self.out.extend(&bytes[written..]);
        // If the first slot is finished, it is the turn of the next one, and of the replies that it holds.
        while self.slots.front().is_some_and(|slot| slot.remaining == 0) {
            self.slots.pop_front();
            self.first += 1;
            if let Some(next) = self.slots.front_mut() {
                self.held -= next.held.len();
                self.out.append(std::mem::take(&mut next.held));
            }
        }
        if self.slots.is_empty() {
            self.sent = 0;
        }
    }

    pub(crate) fn is_first(&self, slot: u64) -> bool {
        slot == self.first
    }

    /// Returns whether no command waits for its reply.
    pub(crate) fn are_complete(&self) -> bool {
        self.slots.is_empty()
    }
}

impl Output {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn extend(&mut self, bytes: &[u8]) {
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
