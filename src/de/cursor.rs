//! The place in a reply where reading continues: [`Cursor`].

use crate::convert::ConversionError;
use crate::kind::Kind;
use crate::lex::{double, integer, word};
use crate::view::{ReplyRef, header};

/// The maximum nesting depth, since serde reads nested values recursively.
pub(super) const DEPTH: u32 = 128;

/// A place in validated bytes. It moves forward from header to header, and goes back only to skip a value that a type
/// has not read to its end.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'de> {
    rest: &'de [u8],
    /// How many aggregates have been opened but not finished.
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
    /// Returns a cursor inside the reply, and the reply's head.
    pub(super) fn of_reply(reply: ReplyRef<'de>) -> (Self, Head<'de>) {
        let (values, left) = match reply {
            ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
                (items.wire(), items.left())
            }
            ReplyRef::Map(pairs) => (pairs.wire(), pairs.flat().left()),
            scalar => return (Self { rest: &[], open: 0 }, Head::Scalar(scalar)),
        };
        (Self { rest: values, open: 1 }, Head::Open(Opened { kind: reply.kind(), left }))
    }

    /// Consumes the next value if it is a bulk string.
    // Most fields are bulk strings or integers. Inlined, `bulk` and `integer` keep the cursor in registers and need no
    // view.
    #[inline(always)]
    pub(super) fn bulk(&mut self) -> Option<&'de [u8]> {
        let (payload, rest) = header::bulk_string(word::first(self.rest)?, self.rest)?;
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
        // Cannot fail: validated bytes contain a value wherever one is due.
        self.next_head().ok_or_else(|| ConversionError::kind("a value", &ReplyRef::Null))
    }

    /// Returns the next value if it is a scalar, otherwise null, without consuming it. Errors use it to name a key.
    pub(super) fn next_text(&self) -> ReplyRef<'de> {
        match { *self }.next_head() {
            Some(Head::Scalar(scalar)) => scalar,
            _ => ReplyRef::Null,
        }
    }

    fn next_head(&mut self) -> Option<Head<'de>> {
        self.rest = self.rest.get(header::attributes_size(self.rest)?..)?;
        if let Some(opening) = header::opening(self.rest) {
            self.rest = self.rest.get(opening.size..)?;
            self.open += 1;
            return Some(Head::Open(Opened { kind: opening.kind, left: opening.values() }));
        }
        let (scalar, size) = header::value(self.rest, header::Extent::Within)?;
        self.rest = self.rest.get(size..)?;
        Some(Head::Scalar(scalar))
    }

    /// Returns whether the aggregate has another value. If not, moves past its end.
    #[inline]
    pub(super) fn has_more(&mut self, open: &mut Opened) -> bool {
        match open.left {
            Some(left) => left > 0,
            None if self.rest.starts_with(b".") || self.rest.is_empty() => {
                // The bytes of the outermost aggregate do not include its end.
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

    /// Returns whether the next value is an array of two.
    pub(super) fn is_at_pair(&self) -> bool {
        let head = { *self }.next_head();
        matches!(head, Some(Head::Open(Opened { kind: Kind::Array, left: Some(2) })))
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
    fn skip_values(&mut self, values: u32) {
        let size = header::size(self.rest, values);
        self.rest = size.and_then(|size| self.rest.get(size..)).unwrap_or_default();
    }

    /// Refuses an aggregate that is nested too deeply to be read recursively.
    pub(super) fn check_depth(&self) -> Result<(), ConversionError> {
        if self.open > DEPTH {
            return Err(too_deep());
        }
        Ok(())
    }

    /// Opens a pair of a map as if it were an array.
    pub(super) fn begin_pair(&mut self) -> Head<'de> {
        self.open += 1;
        Head::Open(Opened { kind: Kind::Array, left: Some(2) })
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
    pub(super) fn end_value(&mut self, start: Self, values: u32) {
        if self.open != start.open || self.rest.len() == start.rest.len() {
            self.end_partial_value(start, values);
        }
    }

    /// Goes back to where the values began, and skips them by their headers.
    ///
    /// The end cannot be found from where the type stopped: the cursor knows how many aggregates are open,
    /// but not how many values each still has.
    #[cold]
    fn end_partial_value(&mut self, start: Self, values: u32) {
        *self = start;
        self.skip_values(values);
    }
}

/// Returns the error for values nested deeper than [`DEPTH`].
#[cold]
pub(super) fn too_deep() -> ConversionError {
    serde::de::Error::custom(format_args!("nested deeper than {DEPTH} levels"))
}
