//! Whole frames and trees as Rust values.

use crate::decode::{Decoder, FrameDecoder, Replies};
use crate::encode::{Encode, Protocol};
use crate::error::Error;
use crate::limits::Limits;
use crate::owned::Frame;
use crate::tree::Reply;
use crate::view::{Decoded, ReplyRef};

use super::{ConversionError, Converted, FromReply};

impl<'a> FromReply<'a> for Reply {
    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        Ok(reply.into())
    }
}

impl FrameDecoder<Replies> {
    /// Returns the frame that `buf` begins with as a Rust value, and the size of the frame in bytes, or `None` if more
    /// bytes are needed.
    ///
    /// This is [`decode`](Self::decode) and [`ReplyRef::to`]. A scalar is usually read in one pass. An aggregate is
    /// decoded first, because [`FromReply`] takes a view, and a view needs the end of the frame. `decode_as` (feature
    /// `serde`) reads aggregates in one pass too.
    ///
    /// Drop the frame's bytes from the buffer and continue with the next frame, even if the conversion fails.
    ///
    /// ```
    /// let mut decoder = zresp::Decoder::new();
    /// let buffer = b"$2\r\n42\r\n+OK\r\n";
    /// let (number, size) = decoder.decode_to::<u8>(buffer)?.expect("a whole frame");
    /// assert_eq!((number?, size), (42, 8));
    /// let (number, size) = decoder.decode_to::<u8>(&buffer[size..])?.expect("a whole frame");
    /// assert_eq!((number.is_err(), size), (true, 5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`decode`](Self::decode). A failed conversion is not among them: it is returned with the size of the
    /// frame.
    #[inline]
    pub fn decode_to<'a, T: FromReply<'a>>(
        &mut self,
        buf: &'a [u8],
    ) -> Result<Option<Converted<T>>, Error> {
        let frame = self.decode(buf)?;
        Ok(frame.map(|frame| (frame.to(), frame.wire().len())))
    }
}

impl<'a> Decoded<'a> {
    /// Returns the reply as a Rust value: see [`FromReply`].
    ///
    /// # Errors
    /// Returns an error if the reply is something else; it says what was expected, what was found, and where.
    pub fn to<T: FromReply<'a>>(&self) -> Result<T, ConversionError> {
        self.reply().to()
    }
}

impl Frame {
    /// Returns the reply as a Rust value: see [`FromReply`].
    ///
    /// # Errors
    /// Returns an error if the reply is something else; it says what was expected, what was found, and where.
    pub fn to<'a, T: FromReply<'a>>(&'a self) -> Result<T, ConversionError> {
        self.reply().to()
    }
}

impl Reply {
    /// Returns the reply as a Rust value: see [`FromReply`].
    ///
    /// Unless the reply is a scalar, this encodes it and decodes it again. To convert a reply from a connection,
    /// convert its view instead.
    ///
    /// ```
    /// use zresp::Reply;
    ///
    /// let reply = Reply::array([1, 2, 3]);
    /// assert_eq!(reply.to::<Vec<u8>>()?, [1, 2, 3]);
    /// # Ok::<(), zresp::ConversionError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the reply is something else, or if it is not a scalar and has no form on the wire.
    pub fn to<T: for<'a> FromReply<'a>>(&self) -> Result<T, ConversionError> {
        if let Some(scalar) = self.as_scalar() {
            return scalar.to();
        }
        let unwritable = || ConversionError::value("a reply with a form on the wire", self.kind());
        let wire = self.to_wire(Protocol::Resp3).map_err(|_| unwritable())?;
        let frame = Decoder::with_limits(Limits::none()).decode(&wire).ok().flatten();
        frame.ok_or_else(unwritable)?.reply().to()
    }
}
