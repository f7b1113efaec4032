//! The headers of recent bulk strings, to recognise the next ones by.
//!
//! Each length decides where the next header is, so a walk over bulk strings waits for one load
//! after the other, about twelve cycles each. When a header is compared with a recent one instead,
//! the position advances by a known amount, and the branch predictor runs ahead of the loads: lists
//! of equal-length values take less than half of the time.

use core::num::NonZeroUsize;

/// The header of a bulk string of up to five digits, and how long the string is with it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// The bytes of the header, zero behind them.
    header: u64,
    mask: u64,
    /// Not zero, so that a memo without entries is four zeros: a new decoder costs little.
    size: NonZeroUsize,
}

/// A header for each of the last places in an aggregate, counted from its end, modulo four: so that
/// the arguments of one command are compared with those of the command before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memo {
    entries: [Option<Entry>; 4],
}

impl Memo {
    pub(crate) const NONE: Self = Self { entries: [None; 4] };

    /// Remembers the header of `header_size` bytes, four to eight, at the front of the word.
    #[inline(always)]
    pub(crate) fn remember(&mut self, place: u32, word: u64, header_size: usize, size: usize) {
        let mask = u64::MAX >> (64 - 8 * header_size);
        if let Some(entry) = self.entries.get_mut(place as usize % 4) {
            *entry = NonZeroUsize::new(size).map(|size| Entry { header: word & mask, mask, size });
        }
    }

    /// Passes over the bulk string that the input begins with, if its header is the one remembered:
    /// what is behind its line end.
    #[inline(always)]
    pub(crate) fn pass<'a>(&self, place: u32, word: u64, input: &'a [u8]) -> Option<&'a [u8]> {
        let entry = self.entries.get(place as usize % 4)?.as_ref()?;
        if word & entry.mask != entry.header {
            return None;
        }
        let (whole, rest) = input.split_at_checked(entry.size.get())?;
        whole.ends_with(b"\r\n").then_some(rest)
    }
}
