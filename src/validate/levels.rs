//! The open aggregates and attributes of a frame: how many values each of them still owes.

#![deny(clippy::arithmetic_side_effects)]

use smallvec::SmallVec;

use super::state::Prefix;

/// How many levels are kept in the validator itself; any more are on the heap.
const IN_PLACE: usize = 16;

/// The innermost open level, and those around it.
///
/// A level is an aggregate or an attribute. The frame itself is the outermost one: it owes one value.
#[derive(Debug, Clone)]
pub(super) struct Levels {
    pub(super) current: Level,
    outer: SmallVec<[Level; IN_PLACE]>,
}

/// An open aggregate or attribute, or the frame itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// In a counted level: how many values must still arrive before it ends.
    ///
    /// In a streamed one: how many values the limit still allows. It may end before they arrive, and
    /// does not end when none is left.
    pub(super) owed: u32,
    /// How many aggregates and attributes are open, including this one.
    pub(super) depth: u32,
    pub(super) shape: Shape,
}

/// How a level ends, and whether it is a value of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Ends with its last value, and is a value of its parent.
    Counted,
    /// Ends with its last value, and is not a value of its parent.
    Attribute,
    /// Ends with `.`, and is a value of its parent.
    Streamed,
    /// Like `Streamed`, but may end only after an even number of values.
    StreamedMap,
}

impl Level {
    const FRAME: Self = Self { owed: 1, depth: 0, shape: Shape::Counted };

    /// An aggregate or attribute with `length` elements or pairs, which are within the limits.
    pub(super) fn counted(prefix: Prefix, length: usize) -> Self {
        let shape = if prefix == Prefix::Attribute { Shape::Attribute } else { Shape::Counted };
        let owed = u32::try_from(prefix.values(length)).unwrap_or(u32::MAX);
        Self { owed, shape, ..Self::FRAME }
    }

    /// A streamed aggregate with at most `most` elements.
    pub(super) fn streamed(prefix: Prefix, most: usize) -> Self {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        match prefix {
            // The initial number is even, so an odd one means that a key waits for its value.
            Prefix::Map => Self { owed: most & !1, shape: Shape::StreamedMap, ..Self::FRAME },
            _ => Self { owed: most, shape: Shape::Streamed, ..Self::FRAME },
        }
    }

    /// An aggregate of `elements` values inside this one.
    pub(super) const fn inner(&self, elements: u32) -> Self {
        Self { owed: elements, depth: self.depth.saturating_add(1), ..Self::FRAME }
    }

    /// Whether it has all its values and ends with the last one, as a value of its parent.
    pub(super) const fn is_over(&self) -> bool {
        self.owed == 0 && matches!(self.shape, Shape::Counted)
    }
}

/// What a byte or a walk over values has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The frame, which is whole.
    Frame,
    /// Nothing, or only values: the frame continues.
    Value,
    /// An attribute. The value that it annotates is still owed.
    Attribute,
    /// Something that a request skips. No byte of the next command has been examined.
    Skipped,
}

// This does not call `new`. If it did, the compiler would copy the unused places of `outer` into each new decoder.
impl Default for Levels {
    #[inline(always)]
    fn default() -> Self {
        Self { current: Level::FRAME, outer: SmallVec::new() }
    }
}

impl Levels {
    /// A frame that consists of `values` values.
    #[inline(always)]
    pub(super) fn new(values: u32) -> Self {
        Self { current: Level { owed: values, ..Level::FRAME }, outer: SmallVec::new() }
    }

    /// Enters an aggregate that is the frame's value, with `owed` of its values still to come.
    pub(super) const fn enter(&mut self, owed: u32) {
        self.current = Level::FRAME.inner(owed);
    }

    /// Resets the levels for a new frame after a whole one, when `outer` is empty.
    pub(super) const fn restart(&mut self) {
        self.current = Level::FRAME;
    }

    /// Resets the levels for a new frame.
    pub(super) fn reset(&mut self) {
        self.restart();
        self.outer.clear();
    }

    /// Whether the frame ends with the current level.
    pub(super) fn is_outermost(&self) -> bool {
        self.outer.is_empty()
    }

    /// Keeps a level until the aggregate inside it has ended.
    pub(super) fn push(&mut self, level: Level) {
        self.outer.push(level);
    }

    pub(super) const fn depth(&self) -> u32 {
        self.current.depth
    }

    /// Enters an aggregate, which counts as a value of its parent from now on, or an attribute, which
    /// never does. Leaves it at once if it is empty.
    ///
    /// If an aggregate is the last value of a counted parent, it replaces the parent: both end
    /// together.
    pub(super) fn open(&mut self, level: Level) -> Ended {
        if level.shape == Shape::Attribute {
            if level.owed == 0 {
                return Ended::Attribute;
            }
        } else {
            self.current.owed = self.current.owed.saturating_sub(1);
            if level.is_over() {
                return self.end_levels();
            }
        }
        let depth = self.current.depth.saturating_add(1);
        if !self.current.is_over() {
            self.outer.push(self.current);
        }
        self.current = Level { depth, ..level };
        Ended::Value
    }

    /// Enters a counted aggregate of `values` values, at least one: [`open`](Self::open) without its rare
    /// cases, for a caller's loop.
    #[inline(always)]
    pub(super) fn descend(&mut self, values: u32) {
        self.current.owed = self.current.owed.saturating_sub(1);
        if !self.current.is_over() {
            self.outer.push(self.current);
        }
        self.current = self.current.inner(values);
    }

    /// Counts a value that has ended, and the aggregates that end with it.
    pub(super) fn end_value(&mut self) -> Ended {
        self.current.owed = self.current.owed.saturating_sub(1);
        self.end_levels()
    }

    /// Leaves a streamed aggregate at its `.`.
    pub(super) fn end_streamed(&mut self) -> Ended {
        self.current = Level { owed: 0, shape: Shape::Counted, ..self.current };
        self.end_levels()
    }

    /// Leaves the levels that have ended, from the current one outwards.
    pub(super) fn end_levels(&mut self) -> Ended {
        while self.current.owed == 0 {
            let ended = match self.current.shape {
                Shape::Streamed | Shape::StreamedMap => return Ended::Value,
                Shape::Counted => Ended::Value,
                Shape::Attribute => Ended::Attribute,
            };
            let Some(outer) = self.outer.pop() else { return Ended::Frame };
            self.current = outer;
            if ended == Ended::Attribute {
                return ended;
            }
        }
        Ended::Value
    }

    /// The levels around the current one, from the inside out, without those that end together with
    /// the level inside them.
    pub(super) fn outer(&self) -> impl Iterator<Item = Level> {
        self.outer.iter().rev().copied()
    }
}
