//! A value together with its bytes and its attributes.

use super::read::{self, Extent};
use super::{Attributes, ReplyRef, Tokens};

/// One whole value: a frame, or an element with its annotations.
#[derive(Debug, Clone, Copy)]
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
    #[inline]
    pub(crate) fn read(wire: &'a [u8], value_at: usize) -> Option<Self> {
        let (attributes, value) = wire.split_at_checked(value_at)?;
        let (reply, size) = read::value(value, Extent::Exact)?;
        let attributes = Attributes::new(attributes);
        (size == value.len()).then_some(Self { reply, wire, attributes })
    }

    /// Returns the attributes, the value and all that is in it as one flat sequence.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens::of_wire(self.wire)
    }
}
