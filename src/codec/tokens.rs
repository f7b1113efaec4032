//! Tokens from an asynchronous connection: [`TokenCodec`].

use std::fmt;

use bytes::{Bytes, BytesMut};

use crate::command::CommandToken;
use crate::decode::{Direction, FrameTokenReader, PayloadPart, Replies, Requests};
use crate::encode::{Encode, EncodeCommand, Protocol};
use crate::error::{Error, ErrorKind};
use crate::escape::Shortened;
use crate::io::StreamError;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::owned::part;
use crate::tree::Reply;
use crate::view::Token;

use super::AHEAD;

/// The size up to which payloads are returned whole, unless the caller sets another.
const WHOLE: usize = 64 * 1024;

/// The codec of replies that are read value by value: a [`TokenCodec`] of [`OwnedToken`]s.
#[doc(alias = "client")]
pub type ReplyTokenCodec = TokenCodec<Replies>;

/// The codec of requests that are read argument by argument: a [`TokenCodec`] of [`OwnedCommandToken`]s.
#[doc(alias = "server")]
pub type CommandTokenCodec = TokenCodec<Requests>;

/// Decodes frames value by value, in constant memory: a [`ReplyTokenCodec`] or a [`CommandTokenCodec`].
///
/// Use it with [`Framed`](tokio_util::codec::Framed) or [`FramedRead`](tokio_util::codec::FramedRead). What it writes is
/// whole: a [`ReplyTokenCodec`] writes commands, a [`CommandTokenCodec`] replies. Each value is returned as soon as it has arrived. A line, such as an error message, is always whole. A
/// payload of more than 64 KiB that has not arrived whole is returned in parts. Payloads share the bytes of the read
/// buffer.
///
/// ```
/// use futures_util::StreamExt;
/// use tokio_util::codec::FramedRead;
/// use zresp::Reply;
/// use zresp::codec::{OwnedToken, ReplyTokenCodec};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), zresp::io::StreamError> {
/// let reply = [b"*2\r\n:1\r\n$1000000\r\n".as_slice(), &[b'x'; 1_000_000], b"\r\n"].concat();
/// let mut tokens = FramedRead::new(reply.as_slice(), ReplyTokenCodec::new());
/// let (mut sum, mut size) = (0, 0);
/// while let Some(token) = tokens.next().await {
///     match token? {
///         OwnedToken::Scalar(Reply::Integer(value)) => sum += value,
///         OwnedToken::Part(part) => size += part.bytes.len(), // write it to a file
///         _ => {}                                             // the array begins or ends
///     }
/// }
/// assert_eq!((sum, size), (1, 1_000_000));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[doc(alias = "streaming")]
pub struct TokenCodec<D> {
    tokens: FrameTokenReader<D>,
    /// The size up to which payloads are returned whole.
    whole: usize,
    /// The protocol in which replies are written.
    protocol: Protocol,
    /// How many bytes of the stream have been removed from the buffer, and how many before the current frame.
    removed: u64,
    frame_at: u64,
}

/// A token of a reply: what a [`ReplyTokenCodec`] returns.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum OwnedToken {
    /// An aggregate or attribute begins: see [`Token::Open`].
    Open {
        /// The kind of the aggregate, or [`Kind::Attribute`].
        kind: Kind,
        /// How many elements or pairs it has; `None` if it is streamed.
        len: Option<usize>,
    },
    /// A value that is not an aggregate.
    Scalar(Reply),
    /// A part of such a value.
    Part(OwnedPart),
    /// The innermost open aggregate or attribute ends.
    Close(Kind),
}

/// A token of a request: what a [`CommandTokenCodec`] returns. What servers skip is left out.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnedCommandToken {
    /// An array of this many arguments begins.
    Open {
        /// The number of arguments, including the name: at least 1.
        len: usize,
    },
    /// An argument.
    Argument(Bytes),
    /// A part of an argument.
    Part(OwnedPart),
    /// The array ends, and with it the command.
    Close,
    /// A whole command in the form of a line, with its line end. [`requests`](crate::requests()) reads its
    /// arguments.
    Inline(Bytes),
}

/// A part of a payload: a [`PayloadPart`] that owns its bytes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedPart {
    /// The kind of the value.
    pub kind: Kind,
    /// The bytes of this part. A part may have none.
    pub bytes: Bytes,
    /// How many bytes of the payload come before this part.
    pub offset: usize,
    /// How many bytes of the payload come after this part; `None` in a streamed string.
    pub left: Option<usize>,
    /// Whether the value ends with this part.
    pub is_last: bool,
}

/// Replies or requests whose tokens can be owned. The trait is sealed, like [`Direction`].
pub trait OwnTokens: Direction {
    /// The owned token.
    type Owned;

    /// Returns the token that was found in these bytes, unless it is skipped.
    #[doc(hidden)]
    fn own(token: Self::Token<'_>, bytes: &Bytes) -> Option<Self::Owned>;

    /// Returns a part of a payload as a token.
    #[doc(hidden)]
    fn own_part(part: OwnedPart) -> Self::Owned;
}

impl OwnTokens for Replies {
    type Owned = OwnedToken;

    fn own(token: Token<'_>, bytes: &Bytes) -> Option<OwnedToken> {
        Some(match token {
            Token::Open { kind, len } => OwnedToken::Open { kind, len },
            Token::Close(kind) => OwnedToken::Close(kind),
            Token::Scalar(scalar) => {
                let share = |payload: &[u8]| part(bytes, payload).unwrap_or_default();
                OwnedToken::Scalar(Reply::of_scalar(scalar, share))
            }
        })
    }

    fn own_part(part: OwnedPart) -> OwnedToken {
        OwnedToken::Part(part)
    }
}

impl OwnTokens for Requests {
    type Owned = OwnedCommandToken;

    fn own(token: CommandToken<'_>, bytes: &Bytes) -> Option<OwnedCommandToken> {
        Some(match token {
            CommandToken::Open { len } => OwnedCommandToken::Open { len },
            CommandToken::Close => OwnedCommandToken::Close,
            CommandToken::Argument(argument) => {
                OwnedCommandToken::Argument(part(bytes, argument).unwrap_or_default())
            }
            CommandToken::Inline(_) => OwnedCommandToken::Inline(bytes.clone()),
            CommandToken::Skipped => return None,
        })
    }

    fn own_part(part: OwnedPart) -> OwnedCommandToken {
        OwnedCommandToken::Part(part)
    }
}

impl<D: OwnTokens> TokenCodec<D> {
    /// Returns a codec with the default [`Limits`] of its direction.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(D::LIMITS)
    }

    /// Returns a codec with these limits.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self::with_token_reader(FrameTokenReader::with_limits(limits))
    }

    /// Returns a codec that uses this token reader, which must not be inside a frame.
    #[must_use]
    pub const fn with_token_reader(tokens: FrameTokenReader<D>) -> Self {
        Self { tokens, whole: WHOLE, protocol: Protocol::Resp2, removed: 0, frame_at: 0 }
    }

    /// Sets the size in bytes up to which payloads are returned whole. The default is 64 KiB.
    pub const fn set_whole(&mut self, whole: usize) {
        self.whole = whole;
    }

    /// Returns how many bytes of the stream precede the current frame: the one that the last token belongs to, or
    /// the one that is in progress or broken.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.frame_at
    }

    /// Returns whether the last token was the last one of its frame.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        self.tokens.is_between_frames()
    }

    /// Returns the token reader, to change its limits or its policy.
    #[must_use]
    pub const fn token_reader_mut(&mut self) -> &mut FrameTokenReader<D> {
        &mut self.tokens
    }

    /// Splits off the bytes of a token.
    fn split(&mut self, buffer: &mut BytesMut, size: usize) -> Bytes {
        self.removed += size as u64;
        buffer.split_to(size).freeze()
    }
}

impl CommandTokenCodec {
    /// Returns the protocol in which replies are written: RESP2, unless it was set.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Sets the protocol in which replies are written from now on.
    pub const fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }
}

impl<D: OwnTokens> Default for TokenCodec<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: OwnTokens> TokenCodec<D> {
    /// Splits off the token that the buffer begins with, and returns it with its bytes.
    fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<(D::Owned, Bytes)>, StreamError> {
        loop {
            if self.tokens.is_between_frames() {
                self.frame_at = self.removed;
            }
            let failed = |error| StreamError::decode(error, self.frame_at);
            let next = self.tokens.next(buffer).map_err(failed)?;
            if let Some((token, size)) = next {
                let found = D::form(token);
                let bytes = self.split(buffer, size);
                let token = D::read_again(&bytes, found);
                let changed = Error::new(ErrorKind::BufferChanged, 0);
                let token = token.ok_or(StreamError::decode(changed, self.frame_at))?;
                match D::own(token, &bytes) {
                    Some(token) => return Ok(Some((token, bytes))),
                    None => continue,
                }
            }
            let payload = self.tokens.next_part(buffer, self.whole).map_err(failed)?;
            let Some((payload, size)) = payload else {
                buffer.reserve(self.tokens.needed().min(AHEAD));
                return Ok(None);
            };
            // The payload is found again by its place, after the bytes have been split off.
            let start = payload.bytes.as_ptr().addr() - buffer.as_ptr().addr();
            let (kind, length) = (payload.kind, payload.bytes.len());
            let (offset, left, is_last) = (payload.offset, payload.left, payload.is_last);
            let wire = self.split(buffer, size);
            let bytes = wire.slice(start..start + length);
            let part = OwnedPart { kind, bytes, offset, left, is_last };
            return Ok(Some((D::own_part(part), wire)));
        }
    }

    /// Splits off the next token, when no more bytes will arrive.
    fn take_at_end(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Option<(D::Owned, Bytes)>, StreamError> {
        let token = self.take(buffer)?;
        if token.is_none() && !self.tokens.is_between_frames() {
            let in_frame = usize::try_from(self.removed - self.frame_at).unwrap_or(usize::MAX);
            let offset = in_frame.saturating_add(buffer.len());
            let error = Error::new(ErrorKind::UnexpectedEnd, offset);
            return Err(StreamError::decode(error, self.frame_at));
        }
        Ok(token)
    }
}

impl<D: OwnTokens> tokio_util::codec::Decoder for TokenCodec<D> {
    type Item = D::Owned;
    type Error = StreamError;

    /// Splits off the token that the buffer begins with; returns `None` if more bytes are needed.
    ///
    /// Between two calls, only append to the buffer.
    ///
    /// # Errors
    /// Returns [`StreamError::Decode`] if the input is broken or exceeds a limit.
    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<D::Owned>, StreamError> {
        Ok(self.take(buffer)?.map(|(token, _)| token))
    }

    /// Splits off the next token, when no more bytes will arrive; returns `None` at a clean end.
    ///
    /// # Errors
    /// Returns the errors of `decode`, and [`ErrorKind::UnexpectedEnd`] if the stream ends inside a frame.
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<D::Owned>, StreamError> {
        Ok(self.take_at_end(buffer)?.map(|(token, _)| token))
    }
}

/// A [`TokenCodec`] that returns each token with its exact bytes, for a proxy that looks at values and forwards them
/// unchanged.
///
/// The bytes of a part of a payload include a header before it and a line end after it. The end of an aggregate whose
/// length was announced has no bytes. What servers skip between requests is left out.
///
/// ```
/// use futures_util::StreamExt;
/// use tokio_util::codec::FramedRead;
/// use zresp::codec::{ReplyTokenCodec, WireTokenCodec};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), zresp::io::StreamError> {
/// let reply = b"*2\r\n+a\r\n$5\r\nhello\r\n";
/// let mut tokens = FramedRead::new(reply.as_slice(), WireTokenCodec(ReplyTokenCodec::new()));
/// let mut out = Vec::new(); // a socket, for example
/// while let Some(token) = tokens.next().await {
///     let (_token, wire) = token?;
///     out.extend_from_slice(&wire);
/// }
/// assert_eq!(out, reply);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[doc(alias = "proxy")]
pub struct WireTokenCodec<D>(pub TokenCodec<D>);

impl<D: OwnTokens> tokio_util::codec::Decoder for WireTokenCodec<D> {
    type Item = (D::Owned, Bytes);
    type Error = StreamError;

    /// Splits off the token that the buffer begins with; see [`TokenCodec`].
    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Self::Item>, StreamError> {
        self.0.take(buffer)
    }

    /// Splits off the next token, when no more bytes will arrive; see [`TokenCodec`].
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Self::Item>, StreamError> {
        self.0.take_at_end(buffer)
    }
}

impl<T: EncodeCommand> tokio_util::codec::Encoder<T> for ReplyTokenCodec {
    type Error = StreamError;

    /// Writes a command to the end of the buffer.
    ///
    /// # Errors
    /// Returns [`StreamError::Encode`] if the command has no form on the wire. The buffer stays as it is.
    fn encode(&mut self, command: T, buffer: &mut BytesMut) -> Result<(), StreamError> {
        Ok(command.encode(buffer)?)
    }
}

impl<T: Encode> tokio_util::codec::Encoder<T> for CommandTokenCodec {
    type Error = StreamError;

    /// Writes a reply to the end of the buffer, in the protocol that was set.
    ///
    /// # Errors
    /// Returns [`StreamError::Encode`] if the reply has no form on the wire. The buffer stays as it is.
    fn encode(&mut self, reply: T, buffer: &mut BytesMut) -> Result<(), StreamError> {
        Ok(reply.encode(self.protocol, buffer)?)
    }
}

impl fmt::Debug for OwnedCommandToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { len } => f.debug_struct("Open").field("len", len).finish(),
            Self::Argument(argument) => {
                f.debug_tuple("Argument").field(&Shortened(argument)).finish()
            }
            Self::Part(part) => f.debug_tuple("Part").field(part).finish(),
            Self::Close => f.write_str("Close"),
            Self::Inline(line) => f.debug_tuple("Inline").field(&Shortened(line)).finish(),
        }
    }
}

impl fmt::Debug for OwnedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, ref bytes, offset, left, is_last } = *self;
        let part = PayloadPart { kind, bytes, offset, left, is_last };
        f.debug_tuple("OwnedPart").field(&part).finish()
    }
}
