//! The place in a reply where reading continues: [`Cursor`].

#![deny(clippy::arithmetic_side_effects)]

use crate::convert::ConversionError;
use crate::kind::Kind;
use crate::lex::{double, integer, word};
use crate::limits::Limits;
use crate::validate::Validator;
use crate::view::header::{self, Opening};
use crate::view::{Decoded, ReplyRef};

use super::list::{Decided, FlatTuple, List};

/// The maximum nesting depth, since serde reads nested values recursively.
pub(super) const DEPTH: u32 = 128;

/// Reads a reply from header to header, and goes back only to skip a value that a type has not read to its end.
///
/// The bytes need not have been validated. Frequent values are checked as they are read; a rare one is validated
/// just before. Bytes that are incomplete or wrong, or may exceed a limit, break the cursor: what was read is then
/// worthless, and a decoder finds out why.
pub(super) struct Cursor<'de> {
    /// All of the bytes, and those that have not been read.
    bytes: &'de [u8],
    rest: &'de [u8],
    /// How many aggregates have been opened but not finished.
    open: u32,
    /// How many bytes at the end have not been validated.
    unchecked: usize,
    /// How many values further headers may announce: the shortest value has three bytes. This limits what types
    /// allocate for an announced count.
    room: usize,
    is_broken: bool,
    /// Whether a type that accepts any value gets bytes as a sequence of numbers.
    pub(super) bytes_as_numbers: bool,
    limits: Limits,
    /// The head of the value that is being read, if it was consumed early.
    pub(super) given: Option<Head<'de>>,
    /// The list whose first value is about to be read.
    pub(super) list: List,
    /// What the first value of the innermost list of tuples has decided.
    pub(super) decided: Option<Decided>,
    /// The tuple that was read last as the first element of a flat list. The list takes it.
    pub(super) flat: Option<FlatTuple>,
}

/// A place in the bytes, to which a cursor can go back.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    /// How many bytes come after it.
    left: usize,
    /// How many aggregates are open there.
    open: u32,
}

/// The beginning of a value.
#[derive(Clone, Copy)]
pub(super) enum Head<'de> {
    /// A whole value that holds no others.
    Scalar(ReplyRef<'de>),
    /// An aggregate whose values are next.
    Open(Opened),
}

/// An aggregate that has been opened. The cursor is at its next value.
#[derive(Clone, Copy)]
pub(super) struct Opened {
    pub(super) kind: Kind,
    /// How many values are left; `None` in a streamed aggregate.
    pub(super) left: Option<u32>,
}

impl<'de> Cursor<'de> {
    /// Returns a cursor at a value that has not been validated.
    #[inline]
    pub(super) fn of_bytes(bytes: &'de [u8], limits: Limits) -> Self {
        let visible = bytes.get(..limits.frame()).unwrap_or(bytes);
        let (unchecked, room) = (visible.len(), visible.len() / 3);
        Self { unchecked, room, limits, ..Self::of_validated(visible, 0) }
    }

    /// Returns a cursor in validated bytes, inside this many aggregates.
    const fn of_validated(bytes: &'de [u8], open: u32) -> Self {
        Self {
            bytes,
            rest: bytes,
            open,
            unchecked: 0,
            room: usize::MAX,
            is_broken: false,
            bytes_as_numbers: false,
            limits: Limits::none(),
            given: None,
            list: List::NONE,
            decided: None,
            flat: None,
        }
    }

    /// Returns a cursor inside the reply, and the reply's head.
    pub(super) fn of_reply(reply: ReplyRef<'de>) -> (Self, Head<'de>) {
        let (values, left) = match reply {
            ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
                (items.wire(), items.left())
            }
            ReplyRef::Map(pairs) => (pairs.wire(), pairs.flat().left()),
            scalar => return (Self::of_validated(&[], 0), Head::Scalar(scalar)),
        };
        (Self::of_validated(values, 1), Head::Open(Opened { kind: reply.kind(), left }))
    }

    /// Returns the current place.
    #[inline(always)]
    pub(super) const fn spot(&self) -> Spot {
        Spot { left: self.rest.len(), open: self.open }
    }

    /// Whether the value that was read last is inside another one.
    pub(super) const fn is_inside(&self) -> bool {
        self.open > 0
    }

    /// Returns how many bytes have been read; `None` if the cursor is broken.
    pub(super) const fn size_read(&self) -> Option<usize> {
        if self.is_broken { None } else { self.bytes.len().checked_sub(self.rest.len()) }
    }

    /// Goes back to a place, unless the cursor is broken.
    fn go_back(&mut self, spot: Spot) {
        if !self.is_broken {
            let at = self.bytes.len().saturating_sub(spot.left);
            self.rest = self.bytes.get(at..).unwrap_or_default();
            self.open = spot.open;
        }
    }

    /// Gives the bytes up. Nothing more can be read.
    #[cold]
    fn break_off<T>(&mut self) -> Option<T> {
        self.is_broken = true;
        self.rest = &[];
        None
    }

    /// Consumes the next value if it is a bulk string.
    // Most fields are bulk strings or integers. Inlined, `bulk` and `integer` keep the cursor in registers and need no
    // view.
    #[inline(always)]
    pub(super) fn bulk(&mut self) -> Option<&'de [u8]> {
        let (payload, rest) = header::bulk_string(word::first(self.rest)?, self.rest)?;
        if payload.len() > self.limits.bulk() {
            return None;
        }
        self.rest = rest;
        Some(payload)
    }

    /// Consumes the next value if it is an integer that fits.
    #[inline(always)]
    pub(super) fn integer<T: TryFrom<i64>>(&mut self) -> Option<T> {
        let word = word::first(self.rest).filter(|word| word::first_byte(*word) == b':')?;
        let (value, rest) = integer::line(word, self.rest)?;
        let value = T::try_from(value).ok()?;
        self.rest = rest;
        Some(value)
    }

    /// Consumes the next value if it is a double written as a number, not as `inf` or `nan`.
    pub(super) fn double(&mut self) -> Option<f64> {
        if self.rest.first()? != &b',' {
            return None;
        }
        let (value, size) = double::line(self.rest)?;
        self.rest = self.rest.get(size.get()..)?;
        Some(value)
    }

    /// Consumes the next value if it is a boolean.
    pub(super) fn boolean(&mut self) -> Option<bool> {
        let (line, rest) = self.rest.split_first_chunk()?;
        let value = match line {
            b"#t\r\n" => true,
            b"#f\r\n" => false,
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    /// Consumes the head of the next value.
    pub(super) fn head(&mut self) -> Result<Head<'de>, ConversionError> {
        // Fails only if the cursor is broken: validated bytes contain a value wherever one is due.
        self.next_head().ok_or_else(|| ConversionError::kind("a value", &ReplyRef::Null))
    }

    /// Returns the value at an earlier place if it is a scalar, otherwise null. Errors use it to name a key.
    pub(super) fn text_at(&mut self, spot: Spot) -> ReplyRef<'de> {
        match self.peek(spot) {
            Some(Head::Scalar(scalar)) => scalar,
            _ => ReplyRef::Null,
        }
    }

    /// Returns the head at a place without moving there.
    pub(super) fn peek(&mut self, spot: Spot) -> Option<Head<'de>> {
        self.look(|cursor| {
            cursor.go_back(spot);
            cursor.next_head()
        })
    }

    /// Returns what a function finds, and goes back to where it began.
    pub(super) fn look<T>(&mut self, find: impl FnOnce(&mut Self) -> T) -> T {
        let (here, room) = (self.spot(), self.room);
        let found = find(self);
        self.go_back(here);
        self.room = room;
        found
    }

    pub(super) fn next_head(&mut self) -> Option<Head<'de>> {
        let rest = self.rest;
        if let Some(opening @ Opening { length: Some(_), kind, .. }) = header::opening(rest) {
            let is_nested_push = kind == Kind::Push && self.open > 0;
            if kind != Kind::Attribute && !is_nested_push {
                return self.open(opening);
            }
        }
        let word = word::first(rest);
        if let Some(frame) = word.and_then(|word| Decoded::scalar(word, rest, &self.limits)) {
            self.rest = rest.get(frame.wire().len()..)?;
            return Some(Head::Scalar(frame.reply()));
        }
        self.validate()?;
        self.rest = rest.get(header::attributes_size(rest)?..)?;
        if let Some(opening) = header::opening(self.rest) {
            return self.open(opening);
        }
        let (scalar, size) = header::value(self.rest, header::Extent::Within)?;
        self.rest = self.rest.get(size..)?;
        Some(Head::Scalar(scalar))
    }

    /// Consumes the header of an aggregate, if it is certainly within the limits.
    fn open(&mut self, opening: Opening) -> Option<Head<'de>> {
        let left = opening.values();
        let values = match (opening.length, left) {
            (None, _) => 0,
            (Some(_), left) => left.map_or(usize::MAX, |left| left as usize),
        };
        // A pair that is read as an array counts as a level here, though it is not one on the wire.
        let is_allowed =
            values <= self.limits.elements() && (self.open as usize) < self.limits.depth();
        let Some(room) = self.room.checked_sub(values).filter(|_| is_allowed) else {
            return self.break_off();
        };
        self.rest = self.rest.get(opening.size..)?;
        (self.open, self.room) = (self.open.saturating_add(1), room);
        Some(Head::Open(Opened { kind: opening.kind, left }))
    }

    /// Validates the next value, unless the bytes have been validated.
    fn validate(&mut self) -> Option<()> {
        let left = self.rest.len();
        if left <= self.unchecked {
            match self.validated_size(1) {
                Some(size) => self.unchecked = left.saturating_sub(size),
                None => return self.break_off(),
            }
        }
        Some(())
    }

    /// Returns the size of the next values; `None` if they are incomplete or wrong, or may exceed a limit.
    fn validated_size(&self, values: u32) -> Option<usize> {
        if values == 0 {
            return Some(0);
        }
        Validator::inside(self.open, values, self.limits).advance(self.rest).ok()?
    }

    /// Returns whether the aggregate has another value. If not, moves past its end.
    #[inline]
    pub(super) fn has_more(&mut self, open: &mut Opened) -> bool {
        match open.left {
            Some(left) => left > 0,
            None if self.rest.starts_with(b".") || self.rest.is_empty() => {
                // The bytes of a view do not include the end of its aggregate.
                self.rest = self.rest.get(header::STREAM_END..).unwrap_or_default();
                open.left = Some(0);
                false
            }
            None => true,
        }
    }

    /// Returns whether the next value may be null, judging by its first bytes. An attribute may precede a null.
    pub(super) fn may_be_at_null(&self) -> bool {
        matches!(self.rest, [b'_' | b'|', ..] | [b'$' | b'*', b'-', ..])
    }

    /// Moves past the rest of an aggregate, and finishes it.
    pub(super) fn skip(&mut self, mut open: Opened) {
        match open.left {
            Some(left) => self.skip_values(left),
            None => {
                while self.has_more(&mut open) {
                    self.skip_values(1);
                }
            }
        }
        self.finish();
    }

    /// Moves past this many values by their headers.
    pub(super) fn skip_values(&mut self, values: u32) {
        let is_validated = self.unchecked == 0;
        let size = if is_validated {
            header::size(self.rest, values)
        } else {
            self.validated_size(values)
        };
        match size.and_then(|size| self.rest.get(size..)) {
            Some(rest) => self.rest = rest,
            None => _ = self.break_off::<()>(),
        }
    }

    /// Refuses an aggregate that is nested too deeply to be read recursively.
    pub(super) fn check_depth(&self) -> Result<(), ConversionError> {
        if self.open > DEPTH {
            return Err(too_deep());
        }
        Ok(())
    }

    /// Opens a tuple that has no header as if it were an array.
    pub(super) fn begin_tuple(&mut self) {
        self.open = self.open.saturating_add(1);
    }

    /// Leaves an aggregate whose values have all been read or skipped.
    pub(super) fn finish(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Moves past the `values` wire values that began at `start`, even if the visitor read none of them.
    ///
    /// A type may leave a value unread, or fail inside it and ignore the failure. The bytes that are left must not
    /// be read as the next value: data inside a field could pass for another field.
    // Inlined: usually the value has been read to its end, and then this is only two comparisons.
    #[inline(always)]
    pub(super) fn end_value(&mut self, start: Spot, values: u32) {
        if self.open != start.open || self.rest.len() == start.left {
            self.end_partial_value(start, values);
        }
    }

    /// Goes back to where the values began, and skips them by their headers.
    ///
    /// The end cannot be found from where the type stopped: the cursor knows how many aggregates are open,
    /// but not how many values each still has.
    #[cold]
    fn end_partial_value(&mut self, start: Spot, values: u32) {
        self.go_back(start);
        self.skip_values(values);
    }
}

/// Returns the error for values nested deeper than [`DEPTH`].
#[cold]
pub(super) fn too_deep() -> ConversionError {
    serde::de::Error::custom(format_args!("nested deeper than {DEPTH} levels"))
}
