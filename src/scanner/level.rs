//! The open aggregates of a frame: how many values each of them still owes.

use smallvec::SmallVec;

use super::state::Prefix;

/// How many levels fit in the scanner itself.
const INLINE: usize = 16;

/// The innermost open aggregate, and those around it.
///
/// The frame itself is the outermost level: it owes one value.
#[derive(Debug, Clone)]
pub(super) struct Levels {
    pub(super) current: Level,
    outer: SmallVec<[Level; INLINE]>,
}

/// An open aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// Values still to come; in a streamed aggregate, values that the limit still allows.
    pub(super) owed: u32,
    pub(super) shape: Shape,
}

/// How an aggregate ends and what its end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Ends with its last element, and is then a value of its parent.
    Counted,
    /// Ends with its last element, and is no value.
    Attribute,
    /// Ends with `.`, and is then a value of its parent.
    Streamed,
    /// As `Streamed`, but only after an even number of values.
    StreamedMap,
}

impl Level {
    /// An aggregate or attribute with `length` elements or pairs, which are within the limits.
    pub(super) fn counted(prefix: Prefix, length: usize) -> Self {
        let shape = if prefix == Prefix::Attribute { Shape::Attribute } else { Shape::Counted };
        Self { owed: u32::try_from(prefix.values(length)).unwrap_or(u32::MAX), shape }
    }

    /// A streamed aggregate with at most `most` elements.
    pub(super) fn streamed(prefix: Prefix, most: u32) -> Self {
        match prefix {
            // Even from the start: an odd number tells that a key waits for its value.
            Prefix::Map => Self { owed: most & !1, shape: Shape::StreamedMap },
            _ => Self { owed: most, shape: Shape::Streamed },
        }
    }
}

/// What the end of a value led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The frame is whole.
    Frame,
    /// The current level owes values.
    Value,
    /// The current level's attribute ended, and the value that it annotates is owed.
    Attribute,
}

impl Levels {
    /// A frame that consists of `values` values.
    pub(super) const fn new(values: u32) -> Self {
        Self {
            current: Level { owed: values, shape: Shape::Counted },
            outer: SmallVec::new_const(),
        }
    }

    pub(super) fn depth(&self) -> usize {
        self.outer.len()
    }

    /// Enters an aggregate, and leaves it at once if it is empty.
    pub(super) fn open(&mut self, level: Level) -> Ended {
        self.outer.push(self.current);
        self.current = level;
        self.end_levels()
    }

    /// Counts a value that has ended, and the aggregates that end with it.
    pub(super) fn end_value(&mut self) -> Ended {
        self.current.owed = self.current.owed.saturating_sub(1);
        self.end_levels()
    }

    /// Leaves the levels that owe nothing more.
    fn end_levels(&mut self) -> Ended {
        while self.current.owed == 0 {
            match self.current.shape {
                Shape::Streamed | Shape::StreamedMap => return Ended::Value,
                Shape::Counted => {
                    let Some(outer) = self.outer.pop() else { return Ended::Frame };
                    self.current = outer;
                    self.current.owed = self.current.owed.saturating_sub(1);
                }
                Shape::Attribute => {
                    let Some(outer) = self.outer.pop() else { return Ended::Frame };
                    self.current = outer;
                    return Ended::Attribute;
                }
            }
        }
        Ended::Value
    }

    /// Leaves a streamed aggregate at its `.`.
    pub(super) fn end_streamed(&mut self) -> Ended {
        self.current = Level { owed: 0, shape: Shape::Counted };
        self.end_levels()
    }

    /// The open levels, from the current one outwards.
    pub(super) fn innermost_first(&self) -> impl Iterator<Item = Level> {
        core::iter::once(self.current).chain(self.outer.iter().rev().copied())
    }
}
