//! A value with its exact bytes and its attributes.

use crate::limits::Limits;
use crate::validate::learned::AlikeForm;
use crate::validate::{Aggregate, Bounds, ValuePlace};

use super::header::{self, Extent};
use super::values::Values;
use super::{Attributes, Elements, ReplyRef, Tokens};

/// A value, its exact bytes, and the attributes before it: a whole frame, or an element of an
/// aggregate.
///
/// Only this crate can create one, and only from validated bytes. So it can be forwarded, kept or
/// encoded without another check.
#[derive(Clone, Copy)]
pub struct Decoded<'a> {
    reply: ReplyRef<'a>,
    wire: &'a [u8],
    attributes: Attributes<'a>,
}

impl<'a> Decoded<'a> {
    /// Returns the value.
    #[must_use]
    #[inline(always)]
    pub const fn reply(&self) -> ReplyRef<'a> {
        self.reply
    }

    /// Returns the exact bytes of the attributes and the value, ready to forward.
    ///
    /// When you are done with a frame, drop `wire().len()` bytes from the buffer.
    #[must_use]
    #[inline(always)]
    pub const fn wire(&self) -> &'a [u8] {
        self.wire
    }

    /// Returns the attributes before the value.
    #[must_use]
    #[inline(always)]
    pub const fn attributes(&self) -> Attributes<'a> {
        self.attributes
    }

    /// Returns an iterator over the attributes, the value and everything in it as one flat sequence,
    /// in one pass over the bytes.
    #[must_use]
    #[inline(always)]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens::of_wire(self.wire)
    }

    /// A value and its attributes. The bytes of both, together, are `wire`.
    #[inline(always)]
    pub(super) const fn new(
        reply: ReplyRef<'a>,
        wire: &'a [u8],
        attributes: Attributes<'a>,
    ) -> Self {
        Self { reply, wire, attributes }
    }

    /// A reply without attributes.
    #[inline(always)]
    pub(crate) const fn bare(reply: ReplyRef<'a>, wire: &'a [u8]) -> Self {
        Self { reply, wire, attributes: Attributes::new(&[]) }
    }

    /// Where the value begins in its bytes.
    #[inline(always)]
    pub(crate) const fn place(&self) -> ValuePlace {
        ValuePlace::new(self.attributes.wire().len(), self.reply.lines())
    }

    /// The same value, rebuilt field by field.
    ///
    /// A decoder does this with the result of its slow path, so that LLVM keeps the result of the fast
    /// path in registers (2.5 → 1.9 ns for a bulk string). Otherwise both paths return through memory.
    #[inline(always)]
    pub(crate) const fn rebuilt(self) -> Self {
        let Self { reply, wire, attributes } = self;
        Self { reply, wire, attributes }
    }

    /// Returns a view of the validated frame that `buf` begins with; `None` if the header of its value
    /// no longer agrees with the bounds, because the bytes have changed.
    pub(crate) fn read(buf: &'a [u8], Bounds { len, place }: Bounds) -> Option<Self> {
        let wire = buf.get(..len)?;
        let (attributes, value) = wire.split_at_checked(place.offset())?;
        let (reply, size) = header::value(value, Extent::Exact)?;
        let reply = reply.with_lines(place.lines());
        let attributes = Attributes::new(attributes);
        (size == value.len()).then_some(Self { reply, wire, attributes })
    }

    /// Returns a view of the validated aggregate that the bytes begin with; it has no attributes.
    #[inline(always)]
    pub(crate) fn aggregate(aggregate: Aggregate, bytes: &'a [u8]) -> Option<Self> {
        let wire = bytes.get(..aggregate.size())?;
        let values = Values::new(wire.get(aggregate.header()..)?, Some(aggregate.values()));
        Some(Self::bare(ReplyRef::aggregate(*wire.first()?, values), wire))
    }

    /// Reads the frame that the bytes begin with, if it is a bulk string or one of the frequent
    /// lines; `None` if it has another form, is incomplete or wrong, or exceeds the limit for a
    /// payload.
    ///
    /// `word` holds the first bytes. The bytes have not been validated: this checks all of the
    /// frame.
    #[inline(always)]
    pub(crate) fn scalar(word: u64, bytes: &'a [u8], limits: &Limits) -> Option<Self> {
        if let Some((payload, rest)) = header::bulk_string(word, bytes) {
            let wire = bytes.get(..bytes.len() - rest.len())?;
            return (payload.len() <= limits.bulk())
                .then_some(Self::bare(ReplyRef::Bulk(payload), wire));
        }
        let (reply, rest) = header::line(word, bytes)?;
        Some(Self::bare(reply, bytes.get(..bytes.len() - rest.len())?))
    }

    /// Returns the frame that has this form and these bytes. `content` is its payload or text, or the
    /// bytes of its elements.
    #[inline(always)]
    pub(crate) const fn alike(wire: &'a [u8], content: &'a [u8], form: AlikeForm) -> Self {
        let reply = match form {
            AlikeForm::Bulk => ReplyRef::Bulk(content),
            AlikeForm::Simple => ReplyRef::Simple(content),
            AlikeForm::Array(elements) => {
                ReplyRef::Array(Elements::new(Values::new(content, Some(elements))))
            }
        };
        Self::bare(reply, wire)
    }
}
