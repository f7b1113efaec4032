//! Decides whether a list of tuples is flat, as in `[a, 1, b, 2]`, or an array of arrays, as in `[[a, 1], [b, 2]]`.
//!
//! The type of the first value of a tuple decides, or the type of the key of a map, as for
//! [`ReplyRef::to`](crate::ReplyRef::to). serde tells this type only by the call that it makes for the first value. So
//! the decision waits until then.

use crate::convert::{ConversionError, TypeShape};
use crate::kind::Kind;

use super::cursor::{Cursor, Head, Opened, Spot};
use super::value::MAP;

/// A list whose first value is about to be read.
#[derive(Clone, Copy)]
pub(super) struct List {
    pub(super) open: Opened,
    pub(super) of: Of,
}

/// What is read from a list.
#[derive(Clone, Copy)]
pub(super) enum Of {
    /// Elements. The first may be a tuple.
    Elements,
    /// Tuples of this many values.
    Tuples(u32),
    /// The pairs of a map.
    Pairs,
}

/// What the first value has decided.
#[derive(Clone, Copy)]
pub(super) struct Decided {
    pub(super) form: ListForm,
    /// Where the first value begins.
    pub(super) start: Spot,
}

#[derive(Clone, Copy)]
pub(super) enum ListForm {
    Flat,
    /// An array of arrays. The first one is open.
    Nested(Opened),
    /// The list is flat, but the number of its values is not that of whole tuples.
    Refused(u32),
}

/// The first tuple of a flat list.
#[derive(Clone, Copy)]
pub(super) struct FlatTuple {
    pub(super) len: u32,
    /// How many values the list has, if they are not those of whole tuples.
    pub(super) refused: Option<u32>,
}

impl List {
    /// The list of nothing.
    pub(super) const NONE: Self =
        Self { open: Opened { kind: Kind::Array, left: Some(0) }, of: Of::Elements };

    /// How many values a tuple has.
    pub(super) const fn each(self) -> u32 {
        match self.of {
            Of::Elements => 1,
            Of::Tuples(len) => len,
            Of::Pairs => 2,
        }
    }

    /// Returns the error for a flat list that does not divide into tuples.
    pub(super) fn refusal(self) -> Option<ConversionError> {
        let Opened { kind, left } = self.open;
        let rest = left.map_or(0, |left| left.checked_rem(self.each()).unwrap_or(0));
        match self.of {
            Of::Pairs if matches!(kind, Kind::Set | Kind::Push) => Some(self.open.mismatch(MAP)),
            _ if rest == 0 => None,
            Of::Pairs => Some(ConversionError::odd(MAP, left.unwrap_or(0) as usize, kind)),
            _ => {
                let found = left.unwrap_or(0) as usize;
                Some(ConversionError::multiple(self.each() as usize, found, kind))
            }
        }
    }
}

impl Cursor<'_> {
    /// Decides how the list is read whose first value the cursor is at, by what that value is read from. Moves to the
    /// first value of the first tuple.
    ///
    /// Fails if nothing can be read there.
    pub(super) fn decide(&mut self, first: TypeShape) -> Result<(), ConversionError> {
        let mut list = self.list;
        let may_nest = matches!(list.open.kind, Kind::Array | Kind::Set);
        let is_nested = may_nest
            && match first {
                TypeShape::Scalar => self.array_ahead().is_some_and(|array| array.left.is_some()),
                TypeShape::Aggregate => false,
                TypeShape::Any => self.are_tuples(list),
            };
        if let (false, None, Of::Tuples(_)) = (is_nested, list.open.left, list.of) {
            list.open.left = Some(self.look(|cursor| cursor.count(list.open)));
        }
        let (form, error) = match (is_nested, list.refusal()) {
            (true, _) => match self.head()? {
                Head::Open(open) if open.left == Some(0) => {
                    (ListForm::Nested(open), Some(ConversionError::value(MAP, list.open.kind)))
                }
                Head::Open(open) => (ListForm::Nested(open), None),
                Head::Scalar(scalar) => return Err(ConversionError::kind(MAP, &scalar)),
            },
            (false, Some(error)) => (ListForm::Refused(list.open.left.unwrap_or(0)), Some(error)),
            (false, None) => (ListForm::Flat, None),
        };
        if let (Of::Tuples(_), false) = (list.of, is_nested) {
            self.begin_tuple();
        }
        self.decided = Some(Decided { form, start: self.spot() });
        error.map_or(Ok(()), Err)
    }

    /// Returns what has been decided. A value that no type has asked for may be anything.
    pub(super) fn decided(&mut self) -> Result<Decided, ConversionError> {
        if self.decided.is_none() {
            self.decide(TypeShape::Any)?;
        }
        self.decided.ok_or_else(|| self.list.open.mismatch(MAP))
    }

    /// Returns the next value if it is an array, without moving there.
    pub(super) fn array_ahead(&mut self) -> Option<Opened> {
        match self.peek(self.spot())? {
            Head::Open(array @ Opened { kind: Kind::Array, .. }) => Some(array),
            _ => None,
        }
    }

    /// Returns whether the next value is null, or an array that begins with null.
    pub(super) fn is_at_null_first(&mut self) -> bool {
        self.look(|cursor| {
            let head = match cursor.next_head() {
                Some(Head::Open(Opened { kind: Kind::Array, left })) if left != Some(0) => {
                    cursor.next_head()
                }
                head => head,
            };
            matches!(head, Some(Head::Scalar(scalar)) if scalar.is_null())
        })
    }

    /// Returns whether each value that is left of the list is an array with as many elements as a tuple.
    fn are_tuples(&mut self, list: List) -> bool {
        self.look(|cursor| {
            let mut open = list.open;
            while cursor.has_more(&mut open) {
                open.left = open.left.map(|left| left.saturating_sub(1));
                match cursor.next_head() {
                    Some(Head::Open(tuple @ Opened { kind: Kind::Array, .. }))
                        if tuple.left.is_none_or(|left| left == list.each()) =>
                    {
                        if cursor.count(tuple) != list.each() {
                            return false;
                        }
                    }
                    _ => return false,
                }
            }
            true
        })
    }

    /// Moves past an aggregate, and returns how many values it has.
    fn count(&mut self, mut open: Opened) -> u32 {
        let mut count = 0_u32;
        match open.left {
            Some(left) => {
                self.skip_values(left);
                count = left;
            }
            None => {
                while self.has_more(&mut open) {
                    self.skip_values(1);
                    count = count.saturating_add(1);
                }
            }
        }
        self.finish();
        count
    }
}
