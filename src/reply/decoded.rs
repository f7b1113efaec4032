//! A value together with its bytes and its attributes.

use super::read::{self, Extent};
use super::{Attributes, ReplyRef, Tokens};

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

    /// Reads an aggregate that has been validated and has no attributes in front of it.
    #[inline(always)]
    pub(crate) fn aggregate(wire: &'a [u8]) -> Option<Self> {
        let reply = read::opening(wire)?.reply(wire)?;
        Some(Self { reply, wire, attributes: Attributes::new(&[]) })
    }

    /// Reads a frame of one line, checking all of it.
    #[inline(always)]
    pub(crate) fn line(bytes: &'a [u8]) -> Option<Self> {
        let (reply, rest) = read::line(bytes)?;
        let wire = bytes.get(..bytes.len() - rest.len())?;
        Some(Self { reply, wire, attributes: Attributes::new(&[]) })
    }

    /// A bulk string.
    #[inline]
    pub(crate) const fn bulk(payload: &'a [u8], wire: &'a [u8]) -> Self {
        Self { reply: ReplyRef::Bulk(payload), wire, attributes: Attributes::new(&[]) }
    }

    /// Returns the attributes, the value and all that is in it as one flat sequence.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens::of_wire(self.wire)
    }
}
