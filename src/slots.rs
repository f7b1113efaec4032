//! Ranges of a cluster's slots.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::endpoint::decimal;

/// The number of slots in a cluster.
pub(crate) const COUNT: u16 = 16_384;

/// Returns the slots from the first to the last, or `None` if they are reversed or not below [`COUNT`].
pub(crate) fn range(first: u16, last: u16) -> Option<RangeInclusive<u16>> {
    (first <= last && last < COUNT).then_some(first..=last)
}

/// Returns the ranges of a text such as `123,456,789-1000`, or `None` if it is not one.
pub(crate) fn ranges(text: &str) -> Option<Vec<RangeInclusive<u16>>> {
    let parse = |word: &str| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        range(decimal(first)?, decimal(last)?)
    };
    text.split(',').map(|word| parse(word.trim_matches(' '))).collect()
}
