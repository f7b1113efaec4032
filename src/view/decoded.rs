//! A value together with its bytes and its attributes.

use crate::decode::resume::Bounds;
use crate::limits::Limits;
use crate::validate::Aggregate;
use crate::validate::learned::frame::Form;

use super::header::{self, Extent};
use super::values::Values;
use super::{Attributes, Elements, ReplyRef, Tokens};

/// One whole value: a frame, or an element with its annotations.
///
/// The three parts are what a decoder has found in the same bytes. What forwards, keeps or encodes it takes
/// the bytes of [`wire`](Self::wire) for validated.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Decoded<'a> {
    /// The value.
    pub reply: ReplyRef<'a>,
    /// The exact bytes of the value and of the attributes in front of it, ready to forward.
    pub wire: &'a [u8],
    /// The attributes in front of the value.
    pub attributes: Attributes<'a>,
}

impl<'a> Decoded<'a> {
    /// Reads the frame that `buf` begins with and that has been validated; `None` if the bytes are
    /// others by now.
    pub(crate) fn read(buf: &'a [u8], Bounds { len, value_at }: Bounds) -> Option<Self> {
        let wire = buf.get(..len)?;
        let (attributes, value) = wire.split_at_checked(value_at)?;
        let (reply, size) = header::value(value, Extent::Exact)?;
        let attributes = Attributes::new(attributes);
        (size == value.len()).then_some(Self { reply, wire, attributes })
    }

    /// Views the aggregate that the bytes begin with.
    #[inline(always)]
    pub(crate) fn aggregate(aggregate: Aggregate, bytes: &'a [u8]) -> Option<Self> {
        let wire = bytes.get(..aggregate.size())?;
        let values = Values::new(wire.get(aggregate.header()..)?, Some(aggregate.values()));
        Some(Self::bare(ReplyRef::aggregate(*wire.first()?, values), wire))
    }

    /// Reads the frame that the bytes begin with, if it is a short line or a bulk string, and checks
    /// all of it. `word` is its first bytes.
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

    /// The frame of this form and content.
    #[inline(always)]
    pub(crate) const fn alike(wire: &'a [u8], content: &'a [u8], form: Form) -> Self {
        let reply = match form {
            Form::Bulk => ReplyRef::Bulk(content),
            Form::Simple => ReplyRef::Simple(content),
            Form::Array(elements) => {
                ReplyRef::Array(Elements::new(Values::new(content, Some(elements))))
            }
        };
        Self::bare(reply, wire)
    }

    /// A reply without attributes.
    #[inline(always)]
    pub(crate) const fn bare(reply: ReplyRef<'a>, wire: &'a [u8]) -> Self {
        Self { reply, wire, attributes: Attributes::new(&[]) }
    }

    /// Returns the attributes, the value and all that is in it as one flat sequence.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens::of_wire(self.wire)
    }
}
