//! Whole frames and trees as Rust values.

use crate::decode::Decoder;
use crate::encode::{Encode, Protocol};
use crate::limits::Limits;
use crate::owned::Frame;
use crate::tree::Reply;
use crate::view::{Decoded, ReplyRef};

use super::{ConversionError, FromReply};

impl<'a> FromReply<'a> for Reply {
    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        Ok(reply.into())
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
