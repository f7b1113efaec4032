//! A value together with its bytes and its attributes.

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

    /// The bulk string with this payload, if there are no elements, or an array of bulk strings.
    #[inline(always)]
    pub(crate) const fn of_bulks(wire: &'a [u8], content: &'a [u8], elements: u32) -> Self {
        if elements == 0 {
            return Self::bare(ReplyRef::Bulk(content), wire);
        }
        let values = Values::new(content, Some(elements));
        Self::bare(ReplyRef::Array(Elements::new(values)), wire)
    }

    /// Reads a frame of one line of text, checking all of it.
    #[inline(always)]
    pub(crate) fn text(bytes: &'a [u8]) -> Option<Self> {
        Self::split(read::text(bytes)?, bytes)
    }

    /// Reads a frame of one integer, checking all of it.
    #[inline(always)]
    pub(crate) fn integer(bytes: &'a [u8]) -> Option<Self> {
        Self::split(read::integer(bytes)?, bytes)
    }

    /// Reads a frame of one double, checking all of it.
    #[inline(always)]
    pub(crate) fn double(bytes: &'a [u8]) -> Option<Self> {
        Self::split(read::double(bytes)?, bytes)
    }

    #[inline(always)]
    fn split((reply, rest): (ReplyRef<'a>, &[u8]), bytes: &'a [u8]) -> Option<Self> {
        Some(Self::bare(reply, bytes.get(..bytes.len() - rest.len())?))
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
