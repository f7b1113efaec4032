//! Input for the tests of functions that read a word at once. Each test compares such a function with a loop over
//! bytes.
//!
//! A word has too many values to try, half a word has 2^32. An addition or a subtraction carries only to higher bits,
//! so the lower half of its result depends on the lower half of the word alone. Nor does the upper half depend on the
//! lower one if nothing is carried out of it. So it is enough to try all lower halves, and all upper halves
//! after a lower half that leaves the decision to them.

use core::sync::atomic::{AtomicU32, Ordering};
use std::{env, thread};

/// The bytes with which comparisons go one way or the other: those that mean something in a header, their
/// neighbours, and those that differ from them in the top bit or in the bit of letter case.
const BYTES: [u8; 20] = [
    0x00, 0x01, b'\n', 0x0b, 0x0c, b'\r', 0x10, 0x1a, b'*', b'-', b'/', b'0', b'1', b'9', b':',
    b'x', 0x7f, 0x8a, 0x8d, 0xff,
];

/// Whether all words are tried: the variable `ZRESP_EVERY_WORD` is set. This takes minutes in a release build.
pub(crate) fn are_all() -> bool {
    env::var_os("ZRESP_EVERY_WORD").is_some()
}

/// The step between the cases of a test: `miri` in Miri, which takes a thousand times as long, and otherwise 1.
pub(crate) const fn step(miri: usize) -> usize {
    if cfg!(miri) { miri } else { 1 }
}

/// Calls `check` with halves of words: all of them if [`are_all`], otherwise those of [`BYTES`].
pub(crate) fn each_half(check: impl Fn([u8; 4]) + Sync) {
    if are_all() {
        // The first bytes are shared out among the processors.
        let next = AtomicU32::new(0);
        let work = || {
            while let Ok(first) = u8::try_from(next.fetch_add(1, Ordering::Relaxed)) {
                for rest in 0..1 << 24 {
                    let [a, b, c, _] = u32::to_le_bytes(rest);
                    check([first, a, b, c]);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        return;
    }
    let bytes = || BYTES.into_iter().step_by(step(5));
    for (a, b) in bytes().flat_map(|a| bytes().map(move |b| (a, b))) {
        for (c, d) in bytes().flat_map(|c| bytes().map(move |d| (c, d))) {
            check([a, b, c, d]);
        }
    }
}

/// Joins two halves to a word. The first byte is the lowest.
pub(crate) const fn join(first: [u8; 4], second: [u8; 4]) -> u64 {
    u32::from_le_bytes(first) as u64 | (u32::from_le_bytes(second) as u64) << 32
}
