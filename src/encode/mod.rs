//! Replies and commands as bytes, in either protocol: [`Encode`].

mod command;
mod double;
mod downgrade;
mod error;
mod patch;
mod reply;
mod scalar;
mod segments;
mod writer;

use alloc::vec::Vec;

use bytes::{BufMut, Bytes};

#[cfg(feature = "serde")]
pub(crate) use command::Mark;
pub use command::{Argument, Arguments, CommandBuf};
pub use error::EncodeError;
pub use patch::{CommandPatch, ReplyPatch};
pub use segments::Segments;
pub use writer::ReplyWriter;

use crate::sink::{Length, Out, Sink};

/// The protocol that a peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    /// Version 2, which each connection begins with.
    #[default]
    Resp2,
    /// Version 3, after `HELLO 3`.
    Resp3,
}

/// What can be written to a peer: replies, owned or borrowed, and commands.
///
/// RESP3 is written as it is. For RESP2, which has fewer kinds, replies become what Redis itself sends
/// to a client of RESP2:
///
/// | RESP3 | RESP2 |
/// |---|---|
/// | map | array of keys and values by turns |
/// | set, push | array |
/// | null | `$-1`; a null bulk string and a null array stay what they are |
/// | boolean | integer 1 or 0 |
/// | double, big number | bulk string of the same text |
/// | verbatim string | bulk string of the text without the format |
/// | bulk error | error line, with a space for each CR and LF |
/// | streamed string or aggregate | bulk string or array with its length in front |
/// | attribute | nothing |
///
/// Views and frames are rewritten from their bytes, without a tree in between; what both protocols write
/// alike is copied in runs. It is implemented by what this crate has, and cannot be by other types, which turn
/// themselves into a [`Reply`](crate::Reply) or a [`CommandBuf`]; nor is there a `dyn Encode`.
///
/// Numbers in views and frames keep the text of the sender; those of trees, and of a scalar by
/// itself, are written by their value, doubles by the shortest digits that read back to the same bits. From
/// RESP3 it cannot be told where Redis would have sent the null of an array.
///
/// ```
/// use zresp::{Encode, Protocol};
///
/// let frame = zresp::decode(b"%1\r\n+pi\r\n,3.14\r\n")?.expect("a whole frame");
/// let mut out = Vec::new();
/// frame.encode(Protocol::Resp2, &mut out)?;
/// assert_eq!(out, b"*2\r\n+pi\r\n$4\r\n3.14\r\n");
/// assert_eq!(frame.encoded_len(Protocol::Resp2)?, out.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Encode: sealed::Encode {
    /// Returns how many bytes [`encode`](Self::encode) writes.
    ///
    /// # Errors
    /// What has no form on the wire: see [`EncodeError`].
    fn encoded_len(&self, protocol: Protocol) -> Result<usize, EncodeError>;

    /// Writes all of it to the end of `out`.
    ///
    /// # Errors
    /// What has no form on the wire, and more than `out` has room for: nothing has been written then.
    fn encode(&self, protocol: Protocol, out: &mut impl BufMut) -> Result<(), EncodeError>;

    /// Returns it in one exact allocation.
    ///
    /// # Errors
    /// What has no form on the wire.
    fn to_wire(&self, protocol: Protocol) -> Result<Bytes, EncodeError> {
        let mut wire = Vec::with_capacity(self.encoded_len(protocol)?);
        self.encode(protocol, &mut wire)?;
        Ok(wire.into())
    }
}

pub(crate) mod sealed {
    use super::{EncodeError, Protocol, Sink};

    /// What writes itself, once it is known to have a form on the wire.
    pub trait Encode {
        /// Whether there is such a form.
        fn check(&self, protocol: Protocol) -> Result<(), EncodeError>;

        /// Writes a value that has been checked.
        fn write(&self, protocol: Protocol, sink: &mut impl Sink);

        /// No less than what `write` writes, where that is known without a pass over the value.
        fn bound(&self) -> Option<usize>;
    }
}

impl<T: sealed::Encode + ?Sized> Encode for T {
    fn encoded_len(&self, protocol: Protocol) -> Result<usize, EncodeError> {
        self.check(protocol)?;
        let mut length = Length::default();
        self.write(protocol, &mut length);
        Ok(length.get())
    }

    fn encode(&self, protocol: Protocol, out: &mut impl BufMut) -> Result<(), EncodeError> {
        let room = out.remaining_mut();
        match self.bound() {
            Some(bound) if bound <= room => self.check(protocol)?,
            // A buffer that grows has room for more than any value has.
            _ if room > isize::MAX as usize / 2 => self.check(protocol)?,
            _ => {
                let needed = self.encoded_len(protocol)?;
                if needed > room {
                    return Err(EncodeError::NoRoom { needed, room });
                }
            }
        }
        self.write(protocol, &mut Out(out));
        Ok(())
    }
}

impl<T: sealed::Encode + ?Sized> sealed::Encode for &T {
    fn check(&self, protocol: Protocol) -> Result<(), EncodeError> {
        (**self).check(protocol)
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        (**self).write(protocol, sink);
    }

    fn bound(&self) -> Option<usize> {
        (**self).bound()
    }
}
