//! Replies: [`Decoder`], and [`decode`] for a single frame.

#![deny(clippy::arithmetic_side_effects)]

use crate::error::Error;
use crate::lex::word;
use crate::limits::{Limits, LinePolicy};
use crate::validate::{Grammar, Stopped, Validator};
use crate::view::Decoded;

use super::decoder::FrameDecoder;
use super::direction::Replies;

/// A resumable decoder of replies, which a client reads from its server. Its frames are [`Decoded`].
///
/// ```
/// use zresp::{Decoder, ReplyRef};
///
/// let mut decoder = Decoder::new();
/// let mut buffer = b"$5\r\nhel".to_vec();
/// assert!(decoder.decode(&buffer)?.is_none());
/// assert_eq!(decoder.needed(), 4);
///
/// buffer.extend_from_slice(b"lo\r\n+OK\r\n");
/// let frame = decoder.decode(&buffer)?.expect("the frame is whole now");
/// assert_eq!(frame.reply(), ReplyRef::Bulk(b"hello"));
/// assert_eq!(frame.wire(), b"$5\r\nhello\r\n");
///
/// let next = decoder.decode(&buffer[frame.wire().len()..])?.expect("a second frame");
/// assert_eq!(next.reply(), ReplyRef::Simple(b"OK"));
/// # Ok::<(), zresp::Error>(())
/// ```
#[doc(alias = "parser")]
#[doc(alias = "resp")]
#[doc(alias = "redis")]
pub type Decoder = FrameDecoder<Replies>;

impl Decoder {
    /// Returns the decoder with this policy for lines.
    #[must_use]
    pub fn with_line_policy(mut self, policy: LinePolicy) -> Self {
        self.set_line_policy(policy);
        self
    }

    /// Sets which text a line may have, from the next reply on. A reply in progress keeps the policy that it
    /// began with.
    pub fn set_line_policy(&mut self, policy: LinePolicy) {
        self.validator.set_grammar(Grammar::Replies(policy));
    }
}

/// Returns the reply that `buf` begins with, or `None` if it is incomplete.
///
/// One call decodes one reply: no thread or channel is involved, and nothing outlives the call. Bytes
/// after the frame are not examined. To resume when more bytes have arrived, use a [`Decoder`]; for
/// all frames of a buffer, use [`replies`](crate::replies()). Lines are
/// [`Strict`](LinePolicy::Strict).
///
/// ```
/// let frame = zresp::decode(b":7\r\n")?.expect("a whole frame");
/// assert_eq!(frame.reply().as_i64(), Ok(7));
/// assert!(zresp::decode(b":7")?.is_none());
/// # Ok::<(), zresp::Error>(())
/// ```
///
/// # Errors
/// Returns an error if no reply could begin with the input, or if it exceeds the default [`Limits`].
#[doc(alias = "parse")]
#[inline]
pub fn decode(buf: &[u8]) -> Result<Option<Decoded<'_>>, Error> {
    // Tried first, because creating a decoder takes longer than reading most frames.
    const LIMITS: Limits = Limits::new();
    let visible = buf.get(..LIMITS.frame()).unwrap_or(buf);
    match word::first(visible).and_then(|word| Decoded::scalar(word, visible, &LIMITS)) {
        Some(frame) => Ok(Some(frame)),
        None => Decoder::new().decode(buf),
    }
}

/// Takes the frame at the front of the buffer, if it is whole and of a frequent kind.
#[inline(always)]
pub(super) fn fast<'a>(validator: &mut Validator, buf: &'a [u8]) -> Result<Decoded<'a>, Stopped> {
    let bytes = validator.visible(buf);
    let Some(word) = word::first(bytes) else { return Err(Stopped::NotMine) };
    match word::first_byte(word) {
        b'*' | b'%' | b'~' | b'>' => {
            let aggregate = match validator.command_alike(bytes) {
                Some(command) => command,
                None => validator.aggregate(bytes)?,
            };
            Decoded::aggregate(aggregate, bytes).ok_or(Stopped::NotMine)
        }
        _ => match Decoded::scalar(word, bytes, validator.limits()) {
            Some(frame) => Ok(frame),
            None => Err(Stopped::NotMine),
        },
    }
}

/// Returns a lone bulk string once all of it has arrived; its header alone shows where it ends.
pub(super) fn resumed<'a>(validator: &Validator, buf: &'a [u8]) -> Option<Decoded<'a>> {
    if validator.failure().is_some() || buf.first()? != &b'$' {
        return None;
    }
    let bytes = validator.visible(buf);
    Decoded::scalar(word::first(bytes)?, bytes, validator.limits())
}
