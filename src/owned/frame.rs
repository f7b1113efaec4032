//! A whole frame that owns its bytes.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

use bytes::Bytes;

use crate::decode::{Direction, FrameDecoder, FrameView, Replies};
use crate::error::Error;
use crate::validate::{Bounds, ValuePlace};
use crate::view::{Attributes, Decoded, ReplyRef};

use super::buffer::{self, FrameBuffer};

/// A whole, validated frame that owns its bytes: a [`Frame`](crate::Frame) or a
/// [`CommandFrame`](crate::CommandFrame).
///
/// It holds the bytes and the offset of the value, and rebuilds the decoder's view from the header
/// alone. Cloning it only increments a reference count. Two frames are equal if their bytes are.
#[derive(Clone)]
pub struct OwnedFrame<D> {
    wire: Bytes,
    place: ValuePlace,
    direction: PhantomData<fn() -> D>,
}

/// A whole, validated reply that owns its bytes. Use it to keep a reply, to send it to another task, or
/// to forward it later.
///
/// # Shared or compact
/// [`Decoder::decode_frame`](FrameDecoder::decode_frame) takes the frame off the read buffer without
/// copying. All frames of a read then share one allocation, which lives as long as the last of them.
/// That suits values that are large or are dropped soon. To keep small frames for a long time, copy
/// them with [`Decoded::to_frame`] or [`compact`](OwnedFrame::compact): one allocation of the exact
/// size, which for a few hundred bytes costs no more than sharing.
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
pub type Frame = OwnedFrame<Replies>;

impl<D> OwnedFrame<D> {
    /// A frame of validated bytes.
    pub(super) const fn of_wire(wire: Bytes, place: ValuePlace) -> Self {
        Self { wire, place, direction: PhantomData }
    }

    pub(super) const fn bounds(&self) -> Bounds {
        Bounds { len: self.wire.len(), place: self.place }
    }

    /// Returns the exact bytes of the frame, ready to forward. Those of a command do not include what was
    /// skipped before it.
    #[must_use]
    pub const fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// Returns the exact bytes of the frame, without a copy.
    #[must_use]
    pub fn into_wire(self) -> Bytes {
        self.wire
    }

    /// Returns a part of the frame without copying it; `None` if `part` does not lie in the frame.
    ///
    /// `part` is a slice that the frame's views return, such as a payload or an argument. An empty slice
    /// is a part of any frame. If an argument of an inline command had to be copied, the copy is not a
    /// part of the frame.
    #[must_use]
    pub fn share(&self, part: &[u8]) -> Option<Bytes> {
        buffer::part(&self.wire, part)
    }

    /// Copies the frame into an allocation of its exact size. The copy does not keep the rest of the read
    /// buffer alive.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self::of_wire(Bytes::copy_from_slice(&self.wire), self.place)
    }
}

impl<D> PartialEq for OwnedFrame<D> {
    fn eq(&self, other: &Self) -> bool {
        self.wire == other.wire
    }
}

impl<D> Eq for OwnedFrame<D> {}

impl<D> Hash for OwnedFrame<D> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.wire.hash(state);
    }
}

impl<D: Direction> FrameDecoder<D> {
    /// Splits the first frame off the buffer, without copying; returns `None` if more bytes are needed.
    ///
    /// In all other respects it works like [`decode`](Self::decode): until a frame is returned,
    /// only append to the buffer. Empty lines and empty arrays before a command are removed from
    /// the buffer too, even if no command follows them yet. See [`Frame`](crate::Frame) for when to
    /// copy instead.
    ///
    /// # Errors
    /// Returns the errors of `decode`. The buffer is then unchanged.
    #[inline]
    pub fn decode_frame(
        &mut self,
        buffer: &mut impl FrameBuffer,
    ) -> Result<Option<OwnedFrame<D>>, Error> {
        // Keep only sizes, since the view would keep the buffer borrowed.
        let sizes =
            self.decode(buffer)?.map(|view| (view.wire().len(), view.own().len(), view.place()));
        let Some((wire, own, place)) = sizes else {
            buffer.skip(self.take_skipped());
            return Ok(None);
        };
        if own < wire {
            buffer.skip(wire - own);
        }
        Ok(Some(OwnedFrame::of_wire(buffer.take(own), place)))
    }
}

impl Frame {
    /// Returns the reply.
    #[must_use]
    #[inline]
    pub fn reply(&self) -> ReplyRef<'_> {
        self.view().reply()
    }

    /// Returns the reply with its attributes and its bytes, as a decoder does.
    #[must_use]
    #[inline]
    pub fn view(&self) -> Decoded<'_> {
        // The bytes are validated and do not change, so there always is a value.
        Decoded::read(&self.wire, self.bounds()).unwrap_or(Decoded::bare(ReplyRef::Null, &[]))
    }

    /// Returns the attributes before the reply.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'_> {
        self.view().attributes()
    }
}

impl Decoded<'_> {
    /// Copies the frame into an allocation of its exact size.
    #[must_use]
    pub fn to_frame(&self) -> Frame {
        Frame::of_wire(Bytes::copy_from_slice(self.wire()), self.place())
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
