//! Writing replies and commands.
//!
//! | what to write | with |
//! |---|---|
//! | a reply that exists: a view, a frame, a tree | [`Encode`] |
//! | a reply that is being produced, value by value | [`ReplyWriter`] |
//! | a command of any values, in one line | [`cmd!`](crate::cmd), [`EncodeCommand`] |
//! | a command that is built argument by argument | [`CommandBuf`], [`EncodeCommand`] |
//! | a command of borrowed bytes or text | [`Arguments`], [`EncodeCommand`] |
//! | a command or a reply with some parts changed | [`CommandPatch`], [`ReplyPatch`] |
//! | large payloads without copying them | [`Segments`] |
//! | a RESP3 reply in RESP2, while it arrives | [`Downgrader`] |
//! | a reply in the other protocol, as its server would have sent it | [`ReplyShape`], [`Shaped`] |
//!
//! Data never becomes protocol: a line break in a simple string or an error, or a big number that is not a
//! number, is an [`EncodeError`], and nothing is written.

mod argument;
mod command;
mod double;
mod downgrade;
mod downgrader;
mod error;
mod held;
mod late;
mod patch;
mod reply;
mod scalar;
mod segments;
mod shapes;
mod writer;

use alloc::vec::Vec;

use bytes::{BufMut, Bytes};

use crate::owned::CommandFrame;

pub use argument::ToArguments;
#[cfg(feature = "serde")]
pub(crate) use command::CommandMark;
pub use command::{Arguments, CommandBuf};
pub(crate) use double::DoubleText;
pub use downgrader::Downgrader;
pub use error::EncodeError;
pub use patch::{CommandPatch, ReplyPatch};
pub use segments::Segments;
pub use shapes::{ReplyShape, Shaped};
pub use writer::ReplyWriter;

use crate::sink::{ByteCount, Out, Sink};
use sealed::Writable;

/// The version of the protocol that a peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[doc(alias = "resp")]
pub enum Protocol {
    /// Version 2, in which each connection begins.
    #[default]
    Resp2,
    /// Version 3, after `HELLO 3`.
    Resp3,
}

/// Replies that can be written to a peer, in either protocol.
///
/// RESP3 is written as it is. RESP2 has fewer kinds, so each value becomes what Redis itself sends for a value of its
/// kind to a RESP2 client:
///
/// | RESP3 | RESP2 |
/// |---|---|
/// | map | array of alternating keys and values |
/// | set, push | array |
/// | null | `$-1`; a null bulk string and a null array stay as they are |
/// | boolean | integer 1 or 0 |
/// | double, big number | bulk string of the same text |
/// | verbatim string | bulk string of the text without the format |
/// | bulk error | error line, with a space for each CR and LF |
/// | streamed string or aggregate | bulk string or array with its length |
/// | attribute | nothing |
///
/// In RESP3, a streamed string or aggregate is written in streamed form, which most clients cannot read: neither redis-cli
/// 7 nor redis-py 8 can.
///
/// For most commands the whole reply then is what Redis would have sent. But a reply does not say what it answers, so
/// this cannot know:
/// - which nulls are `*-1` in RESP2, such as that of `BLPOP`: all become `$-1`;
/// - which arrays of pairs are flat in RESP2, such as that of `ZRANGE` with `WITHSCORES`;
/// - which maps are arrays of pairs in RESP2, such as that of `XREAD`;
/// - that a subscribed client gets another reply to `PING`, and invalidations as messages.
///
/// With the command these replies are written correctly too: see [`Shaped`], which also turns RESP2 into RESP3.
///
/// A view or a frame that was decoded with [`LinePolicy::AsSent`](crate::LinePolicy::AsSent) is refused if a line in it
/// cannot be written; in an attribute, only for RESP3. Its `wire()` can still be forwarded. A push inside another value is
/// written as it is, but decoders refuse it unless it confirms a subscription.
///
/// Views and frames are converted from their bytes, without a tree in between. Numbers in them keep the
/// sender's text. Integers and doubles in a tree, and a [`ReplyRef`](crate::ReplyRef) that is itself
/// one of the two, are written from their values: doubles with the shortest digits that read back to
/// the same bits.
///
/// The trait is sealed: turn your own type into a [`Reply`](crate::Reply) to write it. Commands have the same form
/// in both protocols, and are written by [`EncodeCommand`].
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a reply that zresp can write",
    note = "replies are `Reply`, `ReplyRef`, `Decoded`, `Frame`, `ReplyPatch` and references to them",
    note = "turn your own type into a `Reply`, with `Reply::from` or `zresp::ser::to_reply`",
    note = "commands (`CommandBuf`, `Arguments` and others) are written by `EncodeCommand`"
)]
#[doc(alias = "serialize")]
pub trait Encode: Writable<Protocol> {
    /// Returns the number of bytes that [`encode`](Self::encode) writes.
    ///
    /// # Errors
    /// Returns an error if the value has no form on the wire: see [`EncodeError`]. Returns [`EncodeError::NoRoom`] if
    /// the number does not fit in a `usize`, as on 32 bits if many elements share a long payload.
    fn encoded_len(&self, protocol: Protocol) -> Result<usize, EncodeError> {
        encoded_len(self, protocol)
    }

    /// Writes the value to the end of `out`. If it fails, nothing is written.
    ///
    /// `out` is a [`BufMut`] such as `Vec<u8>` or `BytesMut`. To write to an `io::Write`, encode into one of these
    /// and write its bytes, or write the parts of [`Segments`].
    ///
    /// # Errors
    /// Returns an error if the value has no form on the wire, or if `out` has too little room.
    fn encode(&self, protocol: Protocol, out: &mut impl BufMut) -> Result<(), EncodeError> {
        encode(self, protocol, out)
    }

    /// Returns the wire form in one allocation of the exact size.
    ///
    /// # Errors
    /// Returns an error if the value has no form on the wire, or is longer than an allocation can be.
    fn to_wire(&self, protocol: Protocol) -> Result<Bytes, EncodeError> {
        to_wire(self, protocol)
    }
}

impl<T: Encode + ?Sized> Encode for &T {}

/// Commands that can be written to a server, as arrays of bulk strings.
///
/// Commands have the same form in both protocols, so no [`Protocol`] is needed. An inline command is also
/// written as an array, which all servers understand in the same way.
///
/// The trait is sealed: build a [`CommandBuf`] or borrow the arguments as [`Arguments`]. Replies are written
/// by [`Encode`].
///
/// ```
/// use zresp::{CommandBuf, EncodeCommand};
///
/// let command = CommandBuf::new("GET").arg("key");
/// let mut out = Vec::new();
/// command.encode(&mut out)?;
/// assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
/// assert_eq!(command.encoded_len()?, out.len());
/// # Ok::<(), zresp::EncodeError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a command that zresp can write",
    note = "build a `CommandBuf`: `cmd!(\"GET\", key)`, or borrow the arguments: `Arguments(&[\"GET\", key])`",
    note = "replies (`Reply`, `Frame` and others) are written by `Encode`, with a `Protocol`"
)]
#[doc(alias = "serialize")]
#[doc(alias = "pipeline")]
pub trait EncodeCommand: Writable<()> {
    /// Returns the number of bytes that [`encode`](Self::encode) writes.
    ///
    /// # Errors
    /// Returns [`EncodeError::NoArguments`] if there is not even a name, and [`EncodeError::SpaceInName`] if the name of
    /// a [`CommandBuf`] or of [`Arguments`] contains a space or a lower byte. Returns [`EncodeError::NoRoom`] if
    /// the number does not fit in a `usize`, as on 32 bits if many arguments are the same long slice.
    fn encoded_len(&self) -> Result<usize, EncodeError> {
        encoded_len(self, ())
    }

    /// Writes the command to the end of `out`. If it fails, nothing is written.
    ///
    /// `out` is a [`BufMut`] such as `Vec<u8>` or `BytesMut`. To write to an `io::Write`, encode into one of these
    /// and write its bytes, or write the parts of [`Segments`].
    ///
    /// # Errors
    /// Returns the errors of [`encoded_len`](Self::encoded_len), and [`EncodeError::NoRoom`] if `out` has too little
    /// room.
    fn encode(&self, out: &mut impl BufMut) -> Result<(), EncodeError> {
        encode(self, (), out)
    }

    /// Returns the wire form in one allocation of the exact size.
    ///
    /// # Errors
    /// Returns the errors of [`encoded_len`](Self::encoded_len), and [`EncodeError::NoRoom`] if the command is longer
    /// than an allocation can be.
    fn to_wire(&self) -> Result<Bytes, EncodeError> {
        to_wire(self, ())
    }

    /// Returns the command as a frame, to look at it as a server would: for its keys, its slot, or the shape of its reply.
    ///
    /// ```
    /// use zresp::{EncodeCommand, cmd};
    ///
    /// let frame = cmd!("SET", "key", 7).to_frame()?;
    /// let zresp::Command::Array(command) = frame.command() else { panic!("an array") };
    /// assert_eq!((command.name(), command.arg(2)), (&b"SET"[..], Some(&b"7"[..])));
    /// # Ok::<(), zresp::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`to_wire`](Self::to_wire).
    fn to_frame(&self) -> Result<CommandFrame, EncodeError> {
        self.to_wire().map(CommandFrame::of_command)
    }
}

impl<T: EncodeCommand + ?Sized> EncodeCommand for &T {}

pub(crate) mod sealed {
    use crate::view::Token;

    use super::{EncodeError, Protocol, Sink};

    /// A reply whose tokens can be visited.
    pub trait Tokenize: Writable<Protocol> {
        /// Visits the tokens with their bytes, or no bytes if they are not known. For RESP2, each aggregate outside
        /// of attributes has its length.
        fn visit(
            &self,
            protocol: Protocol,
            visit: impl FnMut(&Token<'_>, &[u8]) -> Result<(), EncodeError>,
        ) -> Result<(), EncodeError>;
    }

    /// A value that writes itself. `P` is [`Protocol`](super::Protocol) for replies, and `()` for commands.
    ///
    /// Only types of this crate implement it: `encode` relies on `bound`, and a full buffer would panic if it were
    /// wrong.
    ///
    /// ```compile_fail,E0277
    /// struct Mine;
    /// impl zresp::Encode for Mine {}
    /// ```
    ///
    /// ```compile_fail,E0277
    /// struct Mine;
    /// impl zresp::EncodeCommand for Mine {}
    /// ```
    #[diagnostic::on_unimplemented(
        message = "the traits `Encode` and `EncodeCommand` cannot be implemented outside of zresp",
        note = "write a `Reply` or a `CommandBuf` in place of `{Self}`"
    )]
    pub trait Writable<P> {
        /// Whether `write` writes the same bytes each time, so that they can be measured first.
        const IS_REPEATABLE: bool = true;

        /// Refuses a value that has no form on the wire.
        fn check(&self, _: P) -> Result<(), EncodeError> {
            Ok(())
        }

        /// Writes a value that `check` has accepted.
        fn write(&self, protocol: P, sink: &mut impl Sink);

        /// Returns an upper bound for the size of what `write` writes, if it is known without scanning the value.
        fn bound(&self) -> Option<usize> {
            None
        }
    }
}

impl<P, T: Writable<P> + ?Sized> Writable<P> for &T {
    const IS_REPEATABLE: bool = T::IS_REPEATABLE;

    fn check(&self, protocol: P) -> Result<(), EncodeError> {
        (**self).check(protocol)
    }

    fn write(&self, protocol: P, sink: &mut impl Sink) {
        (**self).write(protocol, sink);
    }

    fn bound(&self) -> Option<usize> {
        (**self).bound()
    }
}

fn encoded_len<P: Copy>(
    value: &(impl Writable<P> + ?Sized),
    protocol: P,
) -> Result<usize, EncodeError> {
    value.check(protocol)?;
    let mut length = ByteCount::default();
    value.write(protocol, &mut length);
    countable(length.get())
}

fn encode<P: Copy, T: Writable<P> + ?Sized>(
    value: &T,
    protocol: P,
    out: &mut impl BufMut,
) -> Result<(), EncodeError> {
    value.check(protocol)?;
    // A buffer that grows may say that it has more room than an allocation can have.
    let room = out.remaining_mut().min(MOST);
    let is_large_enough = room > MOST_IN_MEMORY || value.bound().is_some_and(|bound| bound <= room);
    if !is_large_enough {
        let size = encoded_len(value, protocol)?;
        fits(size, room)?;
        if !T::IS_REPEATABLE {
            let wire = written(value, protocol, size);
            fits(wire.len(), room)?;
            out.put_slice(&wire);
            return Ok(());
        }
    }
    value.write(protocol, &mut Out(out));
    Ok(())
}

/// The most bytes of an allocation.
const MOST: usize = isize::MAX as usize;

/// More bytes than any value or slice has, so that a buffer with more room grows. On 32 bits, a slice can have as much
/// room as a buffer that grows, and values that share a payload can be too long for both: they are measured.
const MOST_IN_MEMORY: usize = if usize::BITS < 64 { MOST } else { MOST / 2 };

/// More bytes or values than a `usize` counts.
const UNCOUNTABLE: EncodeError = EncodeError::NoRoom { needed: usize::MAX, room: MOST };

/// Refuses a sum of sizes that has stopped at the maximum of `usize`.
const fn countable(size: usize) -> Result<usize, EncodeError> {
    match size {
        usize::MAX => Err(UNCOUNTABLE),
        size => Ok(size),
    }
}

/// Refuses a value that the buffer has no room for.
const fn fits(needed: usize, room: usize) -> Result<(), EncodeError> {
    if needed > room { Err(EncodeError::NoRoom { needed, room }) } else { Ok(()) }
}

fn to_wire<P: Copy>(
    value: &(impl Writable<P> + ?Sized),
    protocol: P,
) -> Result<Bytes, EncodeError> {
    let size = encoded_len(value, protocol)?;
    fits(size, MOST)?;
    Ok(written(value, protocol, size).into())
}

/// Returns the wire form of a value that was measured. The `AsRef` of a user may have changed its mind since then.
fn written<P: Copy>(value: &(impl Writable<P> + ?Sized), protocol: P, size: usize) -> Vec<u8> {
    let mut wire = Vec::with_capacity(size);
    value.write(protocol, &mut Out(&mut wire));
    wire
}
