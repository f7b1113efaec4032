//! A tree as a value of Rust, by way of its wire form.

use crate::convert::{ConversionError, FromReply};
use crate::decode::Decoder;
use crate::limits::Limits;
use crate::tree::Reply;

use crate::encode::{Encode, Protocol};

impl Reply {
    /// Returns the value of Rust that the reply is: see [`FromReply`].
    ///
    /// An aggregate is written out for it; what comes from a connection is better converted as a view.
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
    /// A reply that is something else, and one that has no form on the wire.
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
