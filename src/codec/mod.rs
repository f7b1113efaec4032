//! Codecs for asynchronous connections with [`tokio_util`].
//!
//! Available with the feature `codec`.
//!
//! [`ReplyCodec`] is for clients, [`CommandCodec`] for servers. Use them with
//! [`Framed`](tokio_util::codec::Framed). A [`TokenCodec`] decodes value by value, in constant memory. The
//! error of all of them is [`StreamError`].

mod tokens;

use bytes::BytesMut;

use crate::decode::{Direction, FrameDecoder, Replies, Requests};
use crate::encode::{Encode, EncodeCommand, Protocol};
use crate::error::{Error, ErrorKind};
use crate::io::StreamError;
use crate::limits::Limits;
use crate::owned::OwnedFrame;

pub use tokens::{
    CommandTokenCodec, OwnTokens, OwnedCommandToken, OwnedPart, OwnedToken, ReplyTokenCodec,
    TokenCodec, WireTokenCodec,
};

/// The most bytes that are reserved for a frame in progress before they arrive.
///
/// Without a reservation, a read returns only what fits in the rest of the buffer: when values of 100 kB were kept,
/// one read in four returned less than 256 bytes. With the reservation, none did. 64 KiB was not measurably faster,
/// and a peer that announces much and sends nothing would tie up four times as much memory.
const AHEAD: usize = 16 * 1024;
/// After a frame of more bytes than this, the next frames get a new buffer.
const SHARED: usize = 1024 * 1024;

/// The codec of a client: it decodes replies as [`Frame`](crate::Frame)s and encodes commands of any type that
/// implements [`EncodeCommand`].
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
/// # Ok::<(), zresp::io::StreamError>(())
/// ```
#[doc(alias = "tokio")]
#[doc(alias = "client")]
pub type ReplyCodec = Codec<Replies>;

/// The codec of a server: it decodes requests as [`CommandFrame`](crate::CommandFrame)s and encodes replies of any
/// type that implements [`Encode`].
///
/// A server should start a connection in RESP2, as a new codec does, and with small limits. Both change with `HELLO`
/// and `AUTH`:
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
/// codec.decoder_mut().set_limits(Limits::requests());
/// codec.set_protocol(Protocol::Resp3);
///
/// let mut out = BytesMut::new();
/// codec.encode(Reply::map([("proto", 3)]), &mut out)?;
/// assert_eq!(out, "%1\r\n$5\r\nproto\r\n:3\r\n");
/// # Ok::<(), zresp::io::StreamError>(())
/// ```
#[doc(alias = "tokio")]
#[doc(alias = "server")]
pub type CommandCodec = Codec<Requests>;

/// Decodes frames of one direction and encodes values of the other: a [`ReplyCodec`] or a [`CommandCodec`].
///
/// Use it with [`Framed`](tokio_util::codec::Framed), [`FramedRead`](tokio_util::codec::FramedRead) or
/// [`FramedWrite`](tokio_util::codec::FramedWrite).
///
/// Frames are split off the read buffer without copying. See [`Frame`](crate::Frame) for when to
/// [`compact`](crate::Frame::compact) them instead.
///
/// Because items of many types can be written, a call that passes no item must name a type:
/// `SinkExt::<&CommandBuf>::flush(&mut framed)`.
///
/// A server that collects replies must flush them when no *whole* request is left. Do not wait until the
/// read buffer is empty: a part of the next request may lie there.
///
/// The read buffer grows as bytes arrive. An announced length alone reserves at most 16 KiB. A frame of more than
/// 1 MiB keeps the buffer that it was received in. The bytes after it are moved to a new buffer, unless there are more
/// of them than the frame has.
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
#[doc(alias = "tokio")]
#[doc(alias = "async")]
pub struct Codec<D> {
    decoder: FrameDecoder<D>,
    protocol: Protocol,
    /// How many bytes of the stream have been removed from the buffer.
    position: u64,
}

impl<D: Direction> Codec<D> {
    /// Returns a codec with the default [`Limits`] of its direction. A [`CommandCodec`] starts with RESP2.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(D::LIMITS)
    }

    /// Returns a codec with these limits. A [`CommandCodec`] starts with RESP2.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self::with_decoder(FrameDecoder::with_limits(limits))
    }

    /// Splits off the frame that the buffer begins with.
    fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<OwnedFrame<D>>, StreamError> {
        let unread = buffer.len();
        let frame = self.decoder.decode_frame(buffer);
        let frame = frame.map_err(|error| StreamError::decode(error, self.position))?;
        let taken = unread - buffer.len();
        self.position += taken as u64;
        // A buffer that has grown for one frame is not kept for the next ones. At most as many bytes move as the
        // frame had, which keeps the time linear.
        if taken > SHARED && buffer.len() <= taken {
            let mut own = BytesMut::with_capacity(buffer.len() + AHEAD);
            own.extend_from_slice(buffer);
            *buffer = own;
        }
        Ok(frame)
    }
}

impl<D> Codec<D> {
    /// Returns a codec that uses this decoder, which must not be inside a frame. A [`CommandCodec`] starts with
    /// RESP2.
    #[must_use]
    pub const fn with_decoder(decoder: FrameDecoder<D>) -> Self {
        Self { decoder, protocol: Protocol::Resp2, position: 0 }
    }

    /// Returns how many bytes of the stream have been removed from the read buffer.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Returns the decoder. Together with [`Framed::read_buffer`](tokio_util::codec::Framed::read_buffer), it shows
    /// what has arrived of a command in progress.
    #[must_use]
    pub const fn decoder(&self) -> &FrameDecoder<D> {
        &self.decoder
    }

    /// Returns the decoder, to change its limits or its policy.
    #[must_use]
    pub const fn decoder_mut(&mut self) -> &mut FrameDecoder<D> {
        &mut self.decoder
    }
}

impl CommandCodec {
    /// Returns the protocol in which replies are written.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Sets the protocol in which replies are written from now on.
    ///
    /// Call it between a `HELLO 3` and its reply. Requests have the same form in both protocols.
    pub const fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }
}

impl<D: Direction> Default for Codec<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Direction> tokio_util::codec::Decoder for Codec<D> {
    type Item = OwnedFrame<D>;
    type Error = StreamError;

    /// Splits off the frame that the buffer begins with; returns `None` if more bytes are needed.
    ///
    /// Between two calls, only append to the buffer.
    ///
    /// # Errors
    /// Returns [`StreamError::Decode`] if the input is broken or exceeds a limit; the buffer stays as it is. Broken
    /// input stays broken: each further call returns the same error. The streams of `tokio_util` end after the
    /// first error.
    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<OwnedFrame<D>>, StreamError> {
        let frame = self.take(buffer)?;
        if frame.is_none() {
            buffer.reserve(self.decoder.needed().min(AHEAD));
        }
        Ok(frame)
    }

    /// Splits off the frame that the buffer begins with, when no more bytes will arrive; returns `None` at a clean
    /// end.
    ///
    /// Empty lines and empty arrays after the last request are a clean end.
    ///
    /// # Errors
    /// Returns the errors of `decode`, and [`ErrorKind::UnexpectedEnd`] if the buffer ends inside a frame.
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<OwnedFrame<D>>, StreamError> {
        let frame = self.take(buffer)?;
        if frame.is_none() && !buffer.is_empty() {
            let error = Error::new(ErrorKind::UnexpectedEnd, buffer.len());
            return Err(StreamError::decode(error, self.position));
        }
        Ok(frame)
    }
}

impl<T: EncodeCommand> tokio_util::codec::Encoder<T> for ReplyCodec {
    type Error = StreamError;

    /// Writes a command to the end of the buffer.
    ///
    /// # Errors
    /// Returns [`StreamError::Encode`] if the command has no form on the wire. The buffer stays as it is,
    /// and the codec can write the next one.
    fn encode(&mut self, command: T, buffer: &mut BytesMut) -> Result<(), StreamError> {
        Ok(command.encode(buffer)?)
    }
}

impl<T: Encode> tokio_util::codec::Encoder<T> for CommandCodec {
    type Error = StreamError;

    /// Writes a reply to the end of the buffer, in the codec's protocol.
    ///
    /// # Errors
    /// Returns [`StreamError::Encode`] if the reply has no form on the wire. The buffer stays as it is, and
    /// the codec can write the next one.
    fn encode(&mut self, reply: T, buffer: &mut BytesMut) -> Result<(), StreamError> {
        Ok(reply.encode(self.protocol, buffer)?)
    }
}
