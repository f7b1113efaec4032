//! A value together with its bytes and its attributes.

use crate::scan::template::Form;

use super::read::{self, Extent};
use super::values::Values;
use super::{Attributes, Elements, ReplyRef, Tokens};

/// One whole value: a frame, or an element with its annotations.
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
    /// Reads a frame that has been validated and whose value begins at `value_at`; `None` if the
    /// bytes are others by now.
    pub(crate) fn read(wire: &'a [u8], value_at: usize) -> Option<Self> {
        let (attributes, value) = wire.split_at_checked(value_at)?;
        let (reply, size) = read::value(value, Extent::Exact)?;
        let attributes = Attributes::new(attributes);
        (size == value.len()).then_some(Self { reply, wire, attributes })
    }

    /// Reads an aggregate that has been validated, and has `values` values behind `header` bytes.
    #[inline(always)]
    pub(crate) fn aggregate(wire: &'a [u8], header: usize, values: u32) -> Option<Self> {
        let values = Values::new(wire.get(header..)?, Some(values));
        Some(Self::bare(ReplyRef::aggregate(*wire.first()?, values), wire))
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
