//! The open aggregates of a frame: how many values each of them still owes.

#![deny(clippy::arithmetic_side_effects)]

use smallvec::SmallVec;

use super::state::Prefix;

/// How many levels are kept in the validator itself; any more are on the heap.
const IN_PLACE: usize = 16;

/// The innermost open aggregate, and those around it.
///
/// The frame itself is the outermost level: it owes one value.
#[derive(Debug, Clone)]
pub(super) struct Levels {
    pub(super) current: Level,
    outer: SmallVec<[Level; IN_PLACE]>,
}

/// An open aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// Values still to come; in a streamed aggregate, values that the limit still allows.
    pub(super) owed: u32,
    /// How many aggregates are open, this one included.
    pub(super) depth: u32,
    pub(super) shape: Shape,
}

/// How an aggregate ends, and whether it is then a value of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Ends with its last element, and is then a value of its parent.
    Counted,
    /// Ends with its last element, and is not a value.
    Attribute,
    /// Ends with `.`, and is then a value of its parent.
    Streamed,
    /// As `Streamed`, but only after an even number of values.
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
            // Even from the start, so that an odd number says that a key waits for its value.
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

/// Where the end of a value led.
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
    #[inline(always)]
    pub(super) fn new(values: u32) -> Self {
        Self { current: Level { owed: values, ..Level::FRAME }, outer: SmallVec::new() }
    }

    /// Enters an aggregate that is the frame's value, with `owed` of its values still to come.
    pub(super) const fn enter(&mut self, owed: u32) {
        self.current = Level::FRAME.inner(owed);
    }

    /// Goes back to the beginning of a frame of one value, from the end of one.
    pub(super) const fn restart(&mut self) {
        self.current = Level::FRAME;
    }

    /// Goes back to the beginning of a frame of one value.
    pub(super) fn reset(&mut self) {
        self.restart();
        self.outer.clear();
    }

    /// Whether no other level is open around the current one.
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

    /// Enters an aggregate, which counts as a value of the one around it from now on, or an
    /// attribute, which never does. Leaves it at once if it is empty.
    ///
    /// An aggregate that is the last value of the one around it takes its place: both end at once.
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

    /// Leaves the levels that owe nothing more.
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

    /// The levels around the current one, from the inside out. Levels that end together with the one
    /// inside them are not among them.
    pub(super) fn outer(&self) -> impl Iterator<Item = Level> {
        self.outer.iter().rev().copied()
    }
}
