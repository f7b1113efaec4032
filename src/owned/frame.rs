//! A whole reply that owns its bytes.

use core::fmt;

use bytes::Bytes;

use crate::convert::{ConversionError, FromReply};
use crate::decode::Decoder;
use crate::decode::resume::Bounds;
use crate::error::Error;
use crate::view::{Attributes, Decoded, ReplyRef};

use super::buffer::{self, FrameBuffer};

/// A whole, validated reply that owns its bytes: to keep it, to hand it to another task, to forward it
/// later.
///
/// It is the bytes and where the value begins in them; [`reply`](Self::reply) is the same view that the
/// decoder gave, made again from the header alone. `Clone` counts a reference. Two frames are equal if
/// their bytes are.
///
/// # Shared or compact
/// [`Decoder::decode_frame`] takes the frame off the read buffer without copying. All frames of a read
/// then share one allocation, which lives as long as the last of them: right for values that are large
/// or that are gone soon. To keep small frames for long, copy them out by
/// [`Decoded::to_frame`] or [`compact`](Self::compact): one exact allocation, for a few hundred bytes
/// no dearer than sharing.
///
/// ```
/// use bytes::BytesMut;
/// use zresp::{Decoder, ReplyRef};
///
/// let mut buffer = BytesMut::from(&b"*2\r\n$3\r\nfoo\r\n:1\r\n+OK\r\n"[..]);
/// let frame = Decoder::new().decode_frame(&mut buffer)?.expect("a whole frame");
/// assert_eq!(&buffer[..], b"+OK\r\n");
///
/// let ReplyRef::Array(mut items) = frame.reply() else { panic!() };
/// let Some(ReplyRef::Bulk(payload)) = items.next() else { panic!() };
/// let owned: bytes::Bytes = frame.share(payload).expect("a part of this frame");
/// drop(frame);
/// assert_eq!(owned, "foo");
/// # Ok::<(), zresp::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    wire: Bytes,
    /// Where the value begins, behind its attributes.
    value_at: usize,
}

impl Frame {
    /// Returns the reply.
    #[must_use]
    #[inline]
    pub fn reply(&self) -> ReplyRef<'_> {
        self.view().reply
    }

    /// Returns the reply with its attributes and its bytes, as a decoder does.
    #[must_use]
    #[inline]
    pub fn view(&self) -> Decoded<'_> {
        let bounds = Bounds { len: self.wire.len(), value_at: self.value_at };
        // The bytes are validated and do not change, so that there always is a value.
        Decoded::read(&self.wire, bounds).unwrap_or(Decoded::bare(ReplyRef::Null, &[]))
    }

    /// Returns the value of Rust that the reply is: see [`FromReply`].
    ///
    /// # Errors
    /// A reply that is something else: what was expected, what came, and where.
    pub fn to<'a, T: FromReply<'a>>(&'a self) -> Result<T, ConversionError> {
        self.reply().to()
    }

    /// Returns the attributes in front of the reply.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'_> {
        self.view().attributes
    }

    /// Returns the exact bytes of the frame, ready to forward.
    #[must_use]
    pub const fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// Returns the exact bytes of the frame.
    #[must_use]
    pub fn into_wire(self) -> Bytes {
        self.wire
    }

    /// Returns a part of the frame, such as a payload seen through its views, without copying; `None`
    /// if it is no part of it. What is empty is a part of any.
    #[must_use]
    pub fn share(&self, part: &[u8]) -> Option<Bytes> {
        buffer::part(&self.wire, part)
    }

    /// Returns the frame in an allocation of its own, of the exact size: what else was in the buffer
    /// that it came from is kept alive by it no longer.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self { wire: Bytes::copy_from_slice(&self.wire), value_at: self.value_at }
    }
}

impl Decoder {
    /// Takes the frame that the buffer begins with off it, without copying; `None` if more bytes are
    /// needed.
    ///
    /// For the rest, it is [`decode`](Self::decode): until a frame is taken, only append to the buffer.
    /// [`Frame`] tells when it is better to copy.
    ///
    /// # Errors
    /// Those of `decode`; the buffer stays as it is.
    #[inline]
    pub fn decode_frame(&mut self, buffer: &mut impl FrameBuffer) -> Result<Option<Frame>, Error> {
        let Some(Decoded { wire, attributes, .. }) = self.decode(buffer)? else { return Ok(None) };
        let (len, value_at) = (wire.len(), attributes.wire().len());
        Ok(Some(Frame { wire: buffer.take(len), value_at }))
    }
}

impl Decoded<'_> {
    /// Returns the frame in one exact copy.
    #[must_use]
    pub fn to_frame(&self) -> Frame {
        let value_at = self.attributes.wire().len();
        Frame { wire: Bytes::copy_from_slice(self.wire), value_at }
    }
}

impl From<Decoded<'_>> for Frame {
    fn from(frame: Decoded<'_>) -> Self {
        frame.to_frame()
    }
}

impl fmt::Debug for Frame {
    /// Writes the reply as its view does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}
