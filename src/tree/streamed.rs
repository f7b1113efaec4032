//! A streamed string that owns its chunks.

use core::fmt;

use bytes::Bytes;

use crate::sink::{Out, Sink};
use crate::view::Chunks;

/// The chunks of a streamed string, owned.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct StreamedString {
    /// The chunks in their wire form, each `;`, its length, a line end, its bytes and a line end.
    wire: Bytes,
}

impl StreamedString {
    /// Returns the chunks that the wire bytes of a validated streamed string have.
    pub(super) const fn of_wire(wire: Bytes) -> Self {
        Self { wire }
    }

    /// The chunks in their wire form.
    pub(super) const fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// Returns an iterator over the chunks, none of which is empty.
    #[must_use]
    pub fn chunks(&self) -> Chunks<'_> {
        Chunks::new(&self.wire)
    }
}

impl<C: AsRef<[u8]>> FromIterator<C> for StreamedString {
    /// Returns a string of these chunks. Empty ones, which would end it on the wire, are left out.
    fn from_iter<I: IntoIterator<Item = C>>(chunks: I) -> Self {
        let mut wire = alloc::vec::Vec::new();
        for chunk in chunks {
            let chunk = chunk.as_ref();
            if !chunk.is_empty() {
                Out(&mut wire).payload(b';', chunk);
            }
        }
        Self { wire: wire.into() }
    }
}

impl fmt::Debug for StreamedString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chunks().fmt(f)
    }
}
