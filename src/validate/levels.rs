//! The open aggregates and attributes of a frame: how many values each of them still owes.

#![deny(clippy::arithmetic_side_effects)]

use smallvec::SmallVec;

use crate::kind::{Kind, LevelKind};

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
    /// Whether a level with all its values stays until [`close`](Self::close), for a caller that tells
    /// of each end. Otherwise levels end together with their last value.
    keeps_ended: bool,
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
    /// Only told where each end is told. The fast path, which does not, calls all levels arrays.
    pub(super) kind: LevelKind,
}

/// How a level ends, and whether it is a value of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Ends with its last value, and is a value of its parent.
    Counted,
    /// A push inside another value whose first element has not begun. It becomes `Counted` with that element.
    UnnamedPush,
    /// Ends with its last value, and is not a value of its parent.
    Attribute,
    /// Ends with `.`, and is a value of its parent.
    Streamed,
    /// Like `Streamed`, but may end only after an even number of values.
    StreamedMap,
}

impl Level {
    const FRAME: Self = Self { owed: 1, depth: 0, shape: Shape::Counted, kind: LevelKind::Array };

    /// An aggregate or attribute with `length` elements or pairs, which are within the limits.
    pub(super) fn counted(prefix: Prefix, length: usize) -> Self {
        let shape = match prefix {
            Prefix::Attribute => Shape::Attribute,
            Prefix::NestedPush => Shape::UnnamedPush,
            _ => Shape::Counted,
        };
        let owed = u32::try_from(prefix.values(length)).unwrap_or(u32::MAX);
        Self { owed, shape, kind: LevelKind::of(prefix.kind()), ..Self::FRAME }
    }

    /// A streamed aggregate with at most `most` elements.
    pub(super) fn streamed(prefix: Prefix, most: usize) -> Self {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let kind = LevelKind::of(prefix.kind());
        match prefix {
            // The initial number is even, so an odd one means that a key waits for its value.
            Prefix::Map => Self { owed: most & !1, shape: Shape::StreamedMap, kind, ..Self::FRAME },
            _ => Self { owed: most, shape: Shape::Streamed, kind, ..Self::FRAME },
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
        Self { current: Level::FRAME, outer: SmallVec::new(), keeps_ended: false }
    }
}

impl Levels {
    /// A frame that consists of `values` values inside `depth` aggregates.
    #[inline(always)]
    pub(super) fn inside(depth: u32, values: u32) -> Self {
        Self { current: Level { owed: values, depth, ..Level::FRAME }, ..Self::default() }
    }

    /// Sets whether a level with all its values stays until [`close`](Self::close).
    pub(super) const fn keep_ended(&mut self, keeps_ended: bool) {
        self.keeps_ended = keeps_ended;
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

    /// The outermost open aggregate or attribute, if ended levels are kept.
    pub(super) fn outermost(&self) -> Option<&Level> {
        self.outer.iter().chain([&self.current]).find(|level| level.depth == 1)
    }

    pub(super) const fn depth(&self) -> u32 {
        self.current.depth
    }

    /// Enters an aggregate, which counts as a value of its parent from now on, or an attribute, which
    /// never does. Unless ended levels are kept, leaves it at once if it is empty.
    ///
    /// If an aggregate is the last value of a counted parent, it replaces the parent: both end
    /// together. If ended levels are kept, it replaces only the frame itself.
    pub(super) fn open(&mut self, level: Level) -> Ended {
        if level.shape == Shape::Attribute {
            if level.owed == 0 && !self.keeps_ended {
                return Ended::Attribute;
            }
        } else {
            self.current.owed = self.current.owed.saturating_sub(1);
            if level.is_over() && !self.keeps_ended {
                return self.end_levels();
            }
        }
        let depth = self.current.depth.saturating_add(1);
        if !self.current.is_over() || (self.keeps_ended && self.current.depth > 0) {
            self.outer.push(self.current);
        }
        self.current = Level { depth, ..level };
        Ended::Value
    }

    /// Enters a counted aggregate of `values` values where ended levels are kept: [`open`](Self::open)
    /// without its rare cases, for a caller's loop.
    #[inline(always)]
    pub(super) fn descend(&mut self, kind: Kind, values: u32) {
        self.current.owed = self.current.owed.saturating_sub(1);
        if self.current.depth > 0 {
            self.outer.push(self.current);
        }
        self.current = Level { kind: LevelKind::of(kind), ..self.current.inner(values) };
    }

    /// [`close`](Self::close) without attributes, for a caller's loop.
    #[inline(always)]
    pub(super) fn close_counted(&mut self) -> Option<(Kind, Ended)> {
        if self.current.shape == Shape::Counted { self.close() } else { None }
    }

    /// Leaves the innermost aggregate or attribute if it has all its values. Returns its kind, and what
    /// its end leads to.
    #[inline(always)]
    pub(super) fn close(&mut self) -> Option<(Kind, Ended)> {
        let Level { owed: 0, shape: shape @ (Shape::Counted | Shape::Attribute), kind, .. } =
            self.current
        else {
            return None;
        };
        if self.current.depth == 0 {
            return None;
        }
        // Without a level around it, it has replaced the frame.
        let Some(outer) = self.outer.pop() else { return Some((kind.kind(), Ended::Frame)) };
        self.current = outer;
        let ended = if shape == Shape::Attribute { Ended::Attribute } else { Ended::Value };
        Some((kind.kind(), ended))
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

    /// Leaves the levels that have ended, from the current one outwards. If ended levels are kept, only
    /// the frame itself ends.
    pub(super) fn end_levels(&mut self) -> Ended {
        if self.keeps_ended && self.current.depth > 0 {
            return Ended::Value;
        }
        while self.current.owed == 0 {
            let ended = match self.current.shape {
                Shape::Streamed | Shape::StreamedMap => return Ended::Value,
                Shape::Counted | Shape::UnnamedPush => Ended::Value,
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
