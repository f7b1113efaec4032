//! The header of the last bulk string, to recognise the next one by.
//!
//! Each length decides where the next header is, so a walk over bulk strings waits for one load
//! after the other, about twelve cycles each. When the next header is compared with the last one
//! instead, the position advances by a known amount, and the branch predictor runs ahead of the
//! loads: lists of equal-length values take a third of the time.

/// The header of a bulk string of up to five digits, and how long the string is with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memo {
    /// The bytes of the header, zero behind them.
    header: u64,
    mask: u64,
    header_size: usize,
    size: usize,
}

impl Memo {
    /// Matches no word, that of eight zero bytes included.
    pub(crate) const NONE: Self = Self { header: 1, mask: 0, header_size: 0, size: 0 };

    /// Remembers the header of `header_size` bytes, four to eight, at the front of the word.
    #[inline]
    pub(crate) const fn new(word: u64, header_size: usize, size: usize) -> Self {
        let mask = u64::MAX >> (64 - 8 * header_size);
        Self { header: word & mask, mask, header_size, size }
    }

    /// Splits off the bulk string that the input begins with, if its header is the one remembered:
    /// its payload, and what is behind its line end.
    #[inline]
    pub(crate) fn split<'a>(&self, word: u64, input: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        if word & self.mask != self.header {
            return None;
        }
        let (whole, rest) = input.split_at_checked(self.size)?;
        let payload = whole.strip_suffix(b"\r\n")?.get(self.header_size..)?;
        Some((payload, rest))
    }
}
