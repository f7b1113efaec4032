//! A streamed string that owns its chunks.

use core::fmt;

use bytes::Bytes;

use crate::sink::{Out, Sink};
use crate::view::Chunks;

/// A streamed string that owns its chunks.
///
/// Collect chunks to make one. Empty chunks are left out, because an empty chunk ends the string.
///
/// In RESP3 it is written in chunks, which most clients cannot read: neither redis-cli 7 nor redis-py 8 can. A bulk string
/// is read by all.
///
/// ```
/// use zresp::tree::StreamedString;
/// use zresp::{Encode, Protocol, Reply};
///
/// let string = StreamedString::from_iter(["Hell", "", "o"]);
/// assert_eq!(string.chunks().count(), 2);
/// let reply = Reply::from(string);
/// assert_eq!(reply.to_wire(Protocol::Resp3)?, "$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n");
/// assert_eq!(reply.to_wire(Protocol::Resp2)?, "$5\r\nHello\r\n");
/// # Ok::<(), zresp::EncodeError>(())
/// ```
#[doc(alias = "bulk string")]
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct StreamedString {
    /// The chunks in wire form: `;`, the length, CRLF, the bytes, CRLF. The empty chunk at the end
    /// is left out.
    wire: Bytes,
}

impl StreamedString {
    /// The string of these validated chunks in wire form.
    pub(super) const fn of_wire(wire: Bytes) -> Self {
        Self { wire }
    }

    /// The chunks in wire form.
    pub(super) const fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// Returns an iterator over the chunks. No chunk is empty.
    #[must_use]
    pub fn chunks(&self) -> Chunks<'_> {
        Chunks::new(&self.wire)
    }
}

impl<C: AsRef<[u8]>> FromIterator<C> for StreamedString {
    /// Returns a string of these chunks, without the empty ones.
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
