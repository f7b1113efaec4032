//! Headers that are written after the values of their aggregates: [`LateHeaders`].

use alloc::vec::Vec;

use bytes::BytesMut;

use crate::sink::{ByteCount, Out, Sink};

/// The headers that are still missing from a buffer, in the order of their places.
#[derive(Clone, Default)]
pub(super) struct LateHeaders(Vec<LateHeader>);

/// The header of an aggregate that was opened without a length.
#[derive(Clone)]
struct LateHeader {
    at: usize,
    type_byte: u8,
    len: usize,
}

impl LateHeaders {
    /// The size in memory of one header.
    pub(super) const SIZE: usize = size_of::<LateHeader>();

    /// Notes that a header is missing at this place, which is not before any other. Returns its index.
    pub(super) fn push(&mut self, at: usize, type_byte: u8) -> usize {
        self.0.push(LateHeader { at, type_byte, len: 0 });
        self.0.len() - 1
    }

    /// Sets the length of a header.
    pub(super) fn set_len(&mut self, index: usize, len: usize) {
        if let Some(header) = self.0.get_mut(index) {
            header.len = len;
        }
    }

    /// Returns the place of the first missing header.
    pub(super) fn first(&self) -> Option<usize> {
        self.0.first().map(|header| header.at)
    }

    /// Moves all places towards the front, by a number of bytes that is at most the place of the first. They are
    /// visited only if they move: once the first is at the front, none moves until the headers are inserted.
    pub(super) fn move_back(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.0.iter_mut().for_each(|header| header.at = header.at.saturating_sub(bytes));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Inserts the headers into the buffer, and forgets them.
    ///
    /// The buffer grows by all headers at once. Then the runs of bytes between the places of headers move
    /// towards the end, the last run first, so that none overwrites another, and each header is written into
    /// the gap before its run:
    ///
    /// ```text
    /// abc....     the runs a, b and c; headers are missing before b and before c
    /// ab..HHc     c has moved, with its header before it
    /// aHHbHHc     so has b; a stays where it is
    /// ```
    ///
    /// Each byte moves once, however deep the nesting is. Inserting each header when its aggregate closes would move
    /// the innermost values once for each level.
    pub(super) fn insert(&mut self, out: &mut BytesMut) {
        let size = |header: &LateHeader| {
            let mut count = ByteCount::default();
            count.header(header.type_byte, header.len);
            count.get()
        };
        let mut end = out.len();
        let mut target = end + self.0.iter().map(size).sum::<usize>();
        out.resize(target, 0);
        for header in self.0.drain(..).rev() {
            let run = end - header.at;
            target -= run;
            // Both conditions always hold. They show the compiler that the copy does not panic.
            let moved = out.get_mut(header.at..target + run);
            if let Some(moved) = moved.filter(|moved| moved.len() >= run) {
                moved.copy_within(..run, moved.len() - run);
            }
            end = header.at;
            target -= size(&header);
            if let Some(mut gap) = out.get_mut(target..) {
                Out(&mut gap).header(header.type_byte, header.len);
            }
        }
    }
}
