//! Frames of an asynchronous connection: codecs for [`tokio_util`].

use core::fmt;

use bytes::BytesMut;

use crate::decode::{Direction, FrameDecoder, Replies, Requests};
use crate::encode::{Encode, EncodeError, Protocol};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::owned::OwnedFrame;

/// How many bytes of a frame in progress are made room for at the most before they have come.
///
/// With no such room, a read takes what is left in the buffer: of values of 100 kB that are kept, one
/// read in four brought less than 256 bytes, and now none does. With 64 KiB it was not faster beyond
/// the noise, and a peer that announces much and sends nothing would hold four times as much.
const AHEAD: usize = 16 * 1024;
/// A frame of more than so many bytes leaves its buffer behind.
const SHARED: usize = 1024 * 1024;

/// What a client has: replies come in as [`Frame`](crate::Frame)s, commands go out.
///
/// ```
/// use bytes::BytesMut;
/// use tokio_util::codec::{Decoder, Encoder};
/// use zresp::codec::ReplyCodec;
/// use zresp::{Arguments, CommandBuf, ReplyRef};
///
/// let mut codec = ReplyCodec::new();
/// let mut out = BytesMut::new();
/// codec.encode(CommandBuf::new("INCR").arg("hits"), &mut out)?;
/// codec.encode(Arguments(&["GET", "hits"]), &mut out)?;
/// assert_eq!(out, "*2\r\n$4\r\nINCR\r\n$4\r\nhits\r\n*2\r\n$3\r\nGET\r\n$4\r\nhits\r\n");
///
/// let mut buffer = BytesMut::from(":7\r\n$1\r\n");
/// let frame = codec.decode(&mut buffer)?.expect("a whole frame");
/// assert_eq!(frame.reply(), ReplyRef::Integer(7));
/// assert!(codec.decode(&mut buffer)?.is_none());
/// # Ok::<(), zresp::codec::CodecError>(())
/// ```
pub type ReplyCodec = Codec<Replies>;

/// What a server has: requests come in as [`CommandFrame`](crate::CommandFrame)s, replies go out.
///
/// The protocol and the limits are those of the connection, which change while it is open:
///
/// ```
/// use bytes::BytesMut;
/// use tokio_util::codec::{Decoder, Encoder};
/// use zresp::codec::CommandCodec;
/// use zresp::{Command, InlinePolicy, Limits, Protocol, Reply};
///
/// let mut codec = CommandCodec::with_limits(Limits::unauthenticated());
/// codec.decoder_mut().set_inline_policy(InlinePolicy::Refuse);
///
/// let hello = "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$3\r\nada\r\n$4\r\npass\r\n";
/// let request = codec.decode(&mut BytesMut::from(hello))?.expect("a whole request");
/// let Command::Array(command) = request.command() else { panic!() };
/// assert!(command.is("hello"));
///
/// codec.decoder_mut().set_limits(Limits::new());
/// codec.set_protocol(Protocol::Resp3);
///
/// let mut out = BytesMut::new();
/// codec.encode(Reply::map([("proto", 3)]), &mut out)?;
/// assert_eq!(out, "%1\r\n$5\r\nproto\r\n:3\r\n");
/// # Ok::<(), zresp::codec::CodecError>(())
/// ```
pub type CommandCodec = Codec<Requests>;

/// Frames of an asynchronous connection: a [`ReplyCodec`] or a [`CommandCodec`], to be used with
/// [`Framed`](tokio_util::codec::Framed), [`FramedRead`](tokio_util::codec::FramedRead) or
/// [`FramedWrite`](tokio_util::codec::FramedWrite).
///
/// Frames are taken off the read buffer without copying. [`Frame`](crate::Frame) tells when it is
/// better to [`compact`](crate::Frame::compact) them.
///
/// What is written may be of any type that is [`Encode`], so that calls that name no item must say one:
/// `SinkExt::<&CommandBuf>::flush(&mut framed)`. Replies may be flushed whenever no whole request is left;
/// that the read buffer is empty is no sign of it, for it may hold a part of the next one.
///
/// The read buffer grows with the bytes that arrive: a length that is only announced makes room for
/// 16 KiB at the most. A frame of more than 1 MiB keeps the memory in which it was received for itself;
/// what has come behind it moves to a new buffer, unless that is more than the frame.
///
/// ```
/// use futures_util::{SinkExt, StreamExt};
/// use tokio_util::codec::Framed;
/// use zresp::codec::{CommandCodec, ReplyCodec};
/// use zresp::{CommandBuf, Reply, ReplyRef};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, server) = tokio::io::duplex(1024);
/// let mut client = Framed::new(client, ReplyCodec::new());
/// let mut server = Framed::new(server, CommandCodec::new());
///
/// client.send(CommandBuf::new("ECHO").arg("hello")).await?;
/// let request = server.next().await.expect("a request")?;
/// assert_eq!(request.wire(), "*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n");
///
/// server.send(Reply::bulk("hello")).await?;
/// let frame = client.next().await.expect("a reply")?;
/// assert_eq!(frame.reply(), ReplyRef::Bulk(b"hello"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Codec<D> {
    decoder: FrameDecoder<D>,
    protocol: Protocol,
    /// Bytes of the stream that were taken off the buffer.
    position: u64,
}

impl<D: Direction> Codec<D> {
    /// Returns a codec with the default [`Limits`] that writes RESP2.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::new())
    }

    /// Returns a codec that reads frames within the limits and writes RESP2.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self::with_decoder(FrameDecoder::with_limits(limits))
    }

    /// Takes the frame that the buffer begins with off it.
    fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<OwnedFrame<D>>, CodecError> {
        let unread = buffer.len();
        let frame = self.decoder.decode_frame(buffer)?;
        let taken = unread - buffer.len();
        self.position += taken as u64;
        // A buffer that has grown for one frame is not kept for the next ones. To move no more than what
        // was taken keeps the time linear.
        if taken > SHARED && buffer.len() <= taken {
            let mut own = BytesMut::with_capacity(buffer.len() + AHEAD);
            own.extend_from_slice(buffer);
            *buffer = own;
        }
        Ok(frame)
    }
}

impl<D> Codec<D> {
    /// Returns a codec that reads frames as this decoder takes them, which has begun none yet, and writes
    /// RESP2.
    #[must_use]
    pub const fn with_decoder(decoder: FrameDecoder<D>) -> Self {
        Self { decoder, protocol: Protocol::Resp2, position: 0 }
    }

    /// Returns the protocol in which replies are written.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Sets the protocol in which replies are written from now on: between a `HELLO 3` and its reply,
    /// say. Commands have one form in both, and both are read at any time.
    pub const fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Returns how many bytes of the stream have been taken off the read buffer: add a decoding error's
    /// offset to find its place in the stream.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Returns the decoder: to see what has come of a command in progress, say, with
    /// [`Framed::read_buffer`](tokio_util::codec::Framed::read_buffer).
    #[must_use]
    pub const fn decoder(&self) -> &FrameDecoder<D> {
        &self.decoder
    }

    /// Returns the decoder, to set its limits, or its policy for inline commands.
    #[must_use]
    pub const fn decoder_mut(&mut self) -> &mut FrameDecoder<D> {
        &mut self.decoder
    }
}

impl<D: Direction> Default for Codec<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Direction> tokio_util::codec::Decoder for Codec<D> {
    type Item = OwnedFrame<D>;
    type Error = CodecError;

    /// Takes the frame that the buffer begins with off it; `None` if more bytes are needed.
    ///
    /// Between two calls, only append to the buffer.
    ///
    /// # Errors
    /// [`CodecError::Decode`] is broken input, or what exceeds a limit; the buffer stays as it is. Its
    /// offset counts from the first byte of the buffer, which is at [`position`](Codec::position) of the
    /// stream. Broken input stays broken: every further call returns the same error. The streams of
    /// `tokio_util` end behind the first one.
    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<OwnedFrame<D>>, CodecError> {
        let frame = self.take(buffer)?;
        if frame.is_none() {
            buffer.reserve(self.decoder.needed().min(AHEAD));
        }
        Ok(frame)
    }

    /// Takes the frame that the buffer begins with off it, where nothing more will come; `None` at a
    /// clean end.
    ///
    /// # Errors
    /// Those of `decode`, and [`ErrorKind::UnexpectedEnd`] at the end of the buffer if
    /// that is inside a frame. What is skipped behind the last request, empty lines and empty arrays, is
    /// no end that is cut.
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<OwnedFrame<D>>, CodecError> {
        let frame = self.take(buffer)?;
        if frame.is_none() && !buffer.is_empty() {
            return Err(Error::new(ErrorKind::UnexpectedEnd, buffer.len()).into());
        }
        Ok(frame)
    }
}

impl<T: Encode, D> tokio_util::codec::Encoder<T> for Codec<D> {
    type Error = CodecError;

    /// Writes a command or a reply to the end of the buffer, in the codec's protocol.
    ///
    /// # Errors
    /// [`CodecError::Encode`] is what has no form on the wire: nothing of it has been written, and the
    /// codec goes on with the next one.
    fn encode(&mut self, item: T, buffer: &mut BytesMut) -> Result<(), CodecError> {
        Ok(item.encode(self.protocol, buffer)?)
    }
}

/// Why no frame could be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum CodecError {
    /// The connection failed.
    Io(std::io::Error),
    /// The bytes are no frame, exceed a limit, or end inside a frame.
    Decode(Error),
    /// The value has no form on the wire.
    Encode(EncodeError),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Decode(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Decode(error) => error.source(),
            Self::Encode(error) => error.source(),
        }
    }
}

impl From<CodecError> for std::io::Error {
    /// Returns the connection's own error, or one of the kind `UnexpectedEof` or `InvalidData` for what
    /// was read, `InvalidInput` for what was to be written.
    fn from(error: CodecError) -> Self {
        match error {
            CodecError::Io(error) => error,
            CodecError::Decode(error) => error.into(),
            CodecError::Encode(error) => error.into(),
        }
    }
}

impl From<std::io::Error> for CodecError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for CodecError {
    fn from(error: Error) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for CodecError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}
