//! The headers of recent bulk strings, to recognise the next ones by.
//!
//! Each length decides where the next header is, so a walk over bulk strings waits for one load
//! after the other, about twelve cycles each. When a header is compared with a recent one instead,
//! the position advances by a known amount, and the branch predictor runs ahead of the loads: lists
//! of equal-length values take less than half of the time.

use core::num::NonZeroU64;

/// The header of a bulk string of up to five digits, and how long the string is with it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// The bytes of the header, zero behind them. Never all zero, so that a memo without entries is
    /// four zeros: a new decoder costs little.
    header: NonZeroU64,
    mask: u64,
    size: usize,
}

/// A header for each of the last places in an aggregate, counted from its end, modulo four: so that
/// the arguments of one command are compared with those of the command before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memo {
    entries: [Option<Entry>; 4],
    /// The size of the last bulk string at each place.
    sizes: [usize; 4],
}

impl Memo {
    pub(crate) const NONE: Self = Self { entries: [None; 4], sizes: [0; 4] };

    /// Takes notice of a bulk string of `size` bytes, whose header of `header_size` bytes is at the
    /// front of the word: it is remembered if the last one at its place was as long. Where lengths
    /// are mixed, to remember each would cost more than it brings.
    #[inline(always)]
    pub(crate) fn notice(&mut self, place: u32, word: u64, header_size: usize, size: usize) {
        let Some(last) = self.sizes.get_mut(place as usize % 4) else { return };
        if *last == size {
            self.remember(place, word, header_size, size);
        } else {
            *last = size;
        }
    }

    #[cold]
    fn remember(&mut self, place: u32, word: u64, header_size: usize, size: usize) {
        let entry = self.entries.get_mut(place as usize % 4);
        if let (Some(entry), 4..=8) = (entry, header_size) {
            let mask = u64::MAX >> (64 - 8 * header_size);
            *entry = NonZeroU64::new(word & mask).map(|header| Entry { header, mask, size });
        }
    }

    /// Passes over the bulk string that the input begins with, if its header is the one remembered:
    /// what is behind its line end.
    #[inline(always)]
    pub(crate) fn pass<'a>(&self, place: u32, word: u64, input: &'a [u8]) -> Option<&'a [u8]> {
        let entry = self.entries.get(place as usize % 4)?.as_ref()?;
        if word & entry.mask != entry.header.get() {
            return None;
        }
        let (whole, rest) = input.split_at_checked(entry.size)?;
        whole.ends_with(b"\r\n").then_some(rest)
    }
}
