//! Pushes inside other values: only those that confirm a subscription are valid.
//!
//! Servers disagree about other ones. Redis 6.0 to 7.0.4 sends invalidations inside the reply to `MGET`, and 7.0 a
//! message inside the reply to `EXEC`, and neither is counted as an element. If one were, every later reply
//! would be taken for the answer to another command. A confirmation inside the reply to `EXEC` is an element
//! in all versions.
//!
//! So the first element of such a push is compared with the six words while the automaton reads it. The fast
//! walk never sees it.

#![deny(clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;

/// The first elements that are valid, on the wire.
const FORMS: [&[u8]; 12] = [
    b"+subscribe\r\n",
    b"+unsubscribe\r\n",
    b"+psubscribe\r\n",
    b"+punsubscribe\r\n",
    b"+ssubscribe\r\n",
    b"+sunsubscribe\r\n",
    b"$9\r\nsubscribe\r\n",
    b"$11\r\nunsubscribe\r\n",
    b"$10\r\npsubscribe\r\n",
    b"$12\r\npunsubscribe\r\n",
    b"$10\r\nssubscribe\r\n",
    b"$12\r\nsunsubscribe\r\n",
];

/// Whether a push inside another value may begin with this word.
pub(crate) fn confirms_subscription(word: &[u8]) -> bool {
    FORMS.iter().any(|form| {
        form.strip_prefix(b"+").and_then(|line| line.strip_suffix(b"\r\n")) == Some(word)
    })
}

/// A bit for each of them.
const ALL: u16 = 0x0fff;

/// The size of the shortest of them.
pub(super) const SHORTEST: usize = FORMS[0].len();

/// The open pushes inside other values whose first element is not complete.
///
/// Small and made of plain numbers, because each decoder has one and few need it.
#[derive(Debug, Clone)]
pub(super) struct NestedPushes {
    /// The offset of the type byte of the innermost one.
    start: usize,
    /// The first element of the innermost one.
    word: FirstElement,
    /// The offsets of the others, the outermost first. There are others only if the innermost is in an attribute
    /// before their first element.
    #[allow(clippy::box_collection, reason = "one word in place of three")]
    outer: Option<Box<Vec<usize>>>,
}

/// How much of a first element has been read.
#[derive(Debug, Clone, Copy)]
struct FirstElement {
    /// How many of its bytes.
    read: u8,
    is_open: bool,
    /// A bit for each of [`FORMS`] that begins with these bytes. None outside of a first element.
    possible: u16,
}

impl FirstElement {
    const NONE: Self = Self { read: 0, is_open: false, possible: 0 };
}

impl NestedPushes {
    // A constant: with a call, the compiler would copy the unused places of the levels into each new decoder.
    pub(super) const NONE: Self = Self { start: 0, word: FirstElement::NONE, outer: None };

    /// Forgets them, for a new frame.
    #[inline(always)]
    pub(super) fn reset(&mut self) {
        self.word = FirstElement::NONE;
        if let Some(outer) = &mut self.outer {
            outer.clear();
        }
    }

    /// Begins a push at this offset.
    pub(super) fn open(&mut self, start: usize) {
        let is_inside_another = self.word.is_open;
        if is_inside_another {
            self.outer.get_or_insert_default().push(self.start);
        }
        self.start = start;
        self.word.is_open = true;
    }

    /// The offset of the innermost one.
    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// Begins the first element of the innermost push, or begins it again.
    pub(super) const fn begin_word(&mut self) {
        self.word = FirstElement { read: 0, is_open: true, possible: ALL };
    }

    /// Whether a first element is being read.
    pub(super) const fn is_in_word(&self) -> bool {
        self.word.possible != 0
    }

    /// Takes the next byte of the first element. Returns whether a valid one begins like this. After the last
    /// byte, the push is not one of these any more.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let FirstElement { read, possible: before, .. } = self.word;
        let mut possible = before;
        for (bit, form) in FORMS.iter().enumerate() {
            if form.get(usize::from(read)) != Some(&byte) {
                possible &= !(1 << bit);
            }
        }
        self.word = FirstElement { read: read.saturating_add(1), is_open: true, possible };
        if self.rest() == Some(0) {
            let outer = self.outer.as_mut().and_then(|outer| outer.pop());
            self.start = outer.unwrap_or_default();
            self.word = FirstElement { is_open: outer.is_some(), ..FirstElement::NONE };
        }
        possible != 0
    }

    /// The fewest bytes that complete the first element that is being read.
    pub(super) fn rest(&self) -> Option<usize> {
        let FirstElement { read, possible, .. } = self.word;
        let forms = FORMS.iter().enumerate().filter(|(bit, _)| possible >> bit & 1 == 1);
        forms.map(|(_, form)| form.len().saturating_sub(read.into())).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_its_word_as_a_simple_or_a_bulk_string() {
        let (simple, bulk) = FORMS.split_at(6);
        for (simple, bulk) in simple.iter().zip(bulk) {
            let word = simple[1..].strip_suffix(b"\r\n").unwrap();
            let header = format!("${}\r\n", word.len());
            assert_eq!(**bulk, [header.as_bytes(), word, b"\r\n"].concat());
        }
        assert_eq!(FORMS.iter().map(|form| form.len()).min(), Some(SHORTEST));
    }

    #[test]
    fn a_word_is_taken_to_its_end_and_no_further() {
        for form in FORMS {
            let mut pushes = NestedPushes::NONE;
            pushes.open(7);
            pushes.begin_word();
            for (at, byte) in form.iter().enumerate() {
                assert!(pushes.is_in_word() && pushes.start() == 7);
                assert!(pushes.rest().is_some_and(|rest| rest <= form.len() - at));
                assert!(!pushes.clone().take(byte ^ 0x80));
                assert!(pushes.take(*byte));
            }
            assert!(!pushes.is_in_word());
        }
    }

    #[test]
    fn a_push_in_an_attribute_before_the_word_of_another_comes_first() {
        let mut pushes = NestedPushes::NONE;
        for start in [7, 20, 40] {
            pushes.open(start);
        }
        for start in [40, 20, 7] {
            assert_eq!(pushes.start(), start);
            pushes.begin_word();
            FORMS[0].iter().for_each(|byte| assert!(pushes.take(*byte)));
            assert!(!pushes.is_in_word());
        }
        pushes.open(90);
        assert_eq!((pushes.start(), pushes.outer.map(|outer| outer.len())), (90, Some(0)));
    }

    #[test]
    fn a_push_stays_open_while_others_come_before_its_word() {
        let mut pushes = NestedPushes::NONE;
        pushes.open(7);
        for start in [20, 40] {
            pushes.open(start);
            assert_eq!(pushes.start(), start);
            pushes.begin_word();
            FORMS[0].iter().for_each(|byte| assert!(pushes.take(*byte)));
            assert_eq!(pushes.start(), 7);
        }
    }

    #[test]
    fn a_reset_forgets_all_pushes() {
        let mut pushes = NestedPushes::NONE;
        pushes.open(7);
        pushes.open(20);
        pushes.begin_word();
        assert!(pushes.take(b'+'));
        pushes.reset();
        assert!(!pushes.is_in_word());
        pushes.open(90);
        assert_eq!(pushes.outer.map(|outer| outer.len()), Some(0));
    }
}
