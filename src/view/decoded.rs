//! A value with its exact bytes and its attributes.

use crate::limits::Limits;
#[cfg(feature = "std")]
use crate::limits::LinePolicy;
use crate::validate::{Aggregate, Bounds, ValuePlace};

use super::header::{self, Extent};
use super::values::Values;
use super::{Attributes, ReplyRef, Tokens};

/// A value, its exact bytes, and the attributes before it: a whole frame, or an element of an
/// aggregate.
///
/// Only this crate can create one, and only from validated bytes. So it can be forwarded, kept or
/// encoded without another check.
#[derive(Clone, Copy)]
pub struct Decoded<'a> {
    reply: ReplyRef<'a>,
    wire: &'a [u8],
    /// How many of the bytes are attributes.
    attributes: usize,
    /// Whether all values inside it are known to be bulk strings without attributes, if it is an aggregate. Kept
    /// here and not in `reply`, so that a loop that does not ask for it does not compute it.
    only_bulks: bool,
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
        match self.wire.split_at_checked(self.attributes) {
            Some((attributes, _)) => Attributes::new(attributes),
            None => Attributes::new(&[]),
        }
    }

    /// Returns an iterator over the attributes, the value and everything in it as one flat sequence,
    /// in one pass over the bytes.
    #[must_use]
    #[inline(always)]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens::of_wire(self.wire)
    }

    /// A value and its attributes. The bytes of both, together, are `wire`, and the first `attributes` of them are
    /// those of the attributes.
    #[inline(always)]
    pub(super) const fn new(reply: ReplyRef<'a>, wire: &'a [u8], attributes: usize) -> Self {
        Self { reply, wire, attributes, only_bulks: false }
    }

    /// A reply without attributes.
    #[inline(always)]
    pub(crate) const fn bare(reply: ReplyRef<'a>, wire: &'a [u8]) -> Self {
        Self::new(reply, wire, 0)
    }

    /// Whether all values inside it are known to be bulk strings without attributes, if it is an aggregate.
    pub(crate) const fn holds_only_bulks(&self) -> bool {
        self.only_bulks
    }

    /// Where the value begins in its bytes.
    #[inline(always)]
    pub(crate) const fn place(&self) -> ValuePlace {
        ValuePlace::new(self.attributes, self.reply.lines())
    }

    /// The same value, rebuilt field by field.
    ///
    /// A decoder does this with the result of its slow path, so that LLVM keeps the result of the fast
    /// path in registers (2.5 → 1.9 ns for a bulk string). Otherwise both paths return through memory.
    #[inline(always)]
    pub(crate) const fn rebuilt(self) -> Self {
        let Self { reply, wire, attributes, .. } = self;
        Self::new(reply, wire, attributes)
    }

    /// Returns a view of the validated frame that `buf` begins with; `None` if the header of its value
    /// no longer agrees with the bounds, because the bytes have changed.
    pub(crate) fn read(buf: &'a [u8], Bounds { len, place }: Bounds) -> Option<Self> {
        let wire = buf.get(..len)?;
        let value = wire.get(place.offset()..)?;
        let (reply, size) = header::value(value, Extent::Exact)?;
        let reply = reply.with_lines(place.lines());
        (size == value.len()).then_some(Self::new(reply, wire, place.offset()))
    }

    /// Returns a view of the validated value and the attributes before it that are all of the bytes; `None` if the bytes
    /// have changed.
    #[cfg(feature = "std")]
    pub(crate) fn of_value(wire: &'a [u8], lines: LinePolicy) -> Option<Self> {
        let place = ValuePlace::new(header::attributes_size(wire)?, lines);
        Self::read(wire, Bounds { len: wire.len(), place })
    }

    /// Returns a view of the validated aggregate that the bytes begin with; it has no attributes.
    #[inline(always)]
    pub(crate) fn aggregate(aggregate: Aggregate, bytes: &'a [u8]) -> Option<Self> {
        let wire = bytes.get(..aggregate.size())?;
        let values = Values::new(wire.get(aggregate.header()..)?, Some(aggregate.values()));
        let bare = Self::bare(ReplyRef::aggregate(*wire.first()?, values), wire);
        Some(Self { only_bulks: aggregate.holds_only_bulks(), ..bare })
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
}
