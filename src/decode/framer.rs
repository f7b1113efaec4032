//! Frame boundaries in bytes that are not kept: [`Framer`].

use core::fmt;

use crate::error::Error;
use crate::kind::Kind;
use crate::limits::{InlinePolicy, Limits};
use crate::validate::{Grammar, Stopped, Validator};

use super::decoder::FrameDecoder;
use super::direction::Direction;
use super::{command, reply};

/// Finds where frames end in bytes that the caller passes on and forgets: cut-through.
///
/// A [`Decoder`](crate::Decoder) makes its caller keep an unfinished frame, because it gives views of
/// it. A framer gives only boundaries and keeps no bytes: each piece of a value of half a gigabyte can
/// be forwarded as it arrives, in constant memory. Its verdicts are those of the decoders, wherever the
/// bytes are cut.
///
/// ```
/// use zresp::{Framer, Kind, Limits};
///
/// let mut framer = Framer::replies(Limits::new());
/// let (mut clients, mut ends) = (vec![Vec::new(), Vec::new()], 0);
/// for chunk in [b"$1000000\r\nxxx".as_slice(), &[b'x'; 999_997], b"\r\n-ERR no", b" such key\r\n"] {
///     let mut at = 0;
///     while at < chunk.len() {
///         let progress = framer.advance(&chunk[at..])?;
///         clients[ends].extend_from_slice(&chunk[at..at + progress.taken]);
///         at += progress.taken;
///         if progress.is_complete {
///             assert_eq!(progress.kind(), Some([Kind::Bulk, Kind::Error][ends]));
///             ends += 1;
///         }
///     }
/// }
/// assert_eq!((ends, clients[1].as_slice()), (2, b"-ERR no such key\r\n".as_slice()));
/// # Ok::<(), zresp::Error>(())
/// ```
#[doc(alias = "proxy")]
#[doc(alias = "frame boundaries")]
#[derive(Clone)]
pub struct Framer {
    validator: Validator,
    /// The type byte of the frame in progress, once its value has begun.
    type_byte: Option<u8>,
}

/// How far a frame has come with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many bytes at the front of the chunk belong to the frame: all of them, if it goes on in the
    /// next chunk.
    pub taken: usize,
    /// Whether the frame ends with them. The next call is for the next frame.
    pub is_complete: bool,
    /// The byte that the frame's value begins with: `-` for an error, `>` for a push. `None` until that
    /// byte has come, while attributes are read, and for an inline command.
    pub type_byte: Option<u8>,
}

impl Progress {
    /// Returns the kind of the frame as its type byte tells it: nulls and streamed strings are `Bulk` or
    /// `Array`. `None` until that byte has come, and for an inline command.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        match self.type_byte {
            Some(byte) => Kind::of_type_byte(byte),
            None => None,
        }
    }
}

impl Framer {
    /// Returns a framer of replies.
    #[must_use]
    pub fn replies(limits: Limits) -> Self {
        Self { validator: Validator::new(Grammar::Replies, limits), type_byte: None }
    }

    /// Returns a framer of requests that accepts inline commands. A request has with it what servers
    /// skip before a command: empty lines and empty arrays, which do no harm when they are forwarded.
    #[must_use]
    pub fn requests(limits: Limits) -> Self {
        Self { validator: Validator::new(Grammar::REQUESTS, limits), type_byte: None }
    }

    /// Returns the framer of requests with this policy for inline commands. For replies it has no
    /// meaning and changes nothing.
    #[must_use]
    pub fn with_inline_policy(mut self, policy: InlinePolicy) -> Self {
        if self.validator.grammar() != Grammar::Replies {
            self.validator.set_policy(policy);
        }
        self
    }

    /// Returns how many bytes of the chunk belong to the frame in progress, and whether it ends there.
    ///
    /// Give each byte once, in order; the next chunk begins with what was not taken.
    ///
    /// # Errors
    /// Input that no frame could have, or that exceeds a limit, with the offset from the frame's first
    /// byte; the bytes of the chunk before that offset were fine. Every further call returns the same
    /// error until [`reset`](Self::reset).
    #[inline]
    pub fn advance(&mut self, chunk: &[u8]) -> Result<Progress, Error> {
        let before = self.validator.offset();
        if before > 0 {
            return self.advance_slow(chunk, before);
        }
        match self.fast(chunk) {
            Ok(taken) => {
                // Such a frame has no attributes, and is not an inline command.
                let type_byte = chunk.first().copied();
                Ok(Progress { taken, is_complete: true, type_byte })
            }
            Err(Stopped::Begun) => self.advance_slow(chunk, 0),
            Err(Stopped::NotMine) => self.advance_new(chunk),
        }
    }

    /// The size of the frame that the chunk begins with, if it is of a frequent kind and whole.
    #[inline(always)]
    fn fast(&mut self, chunk: &[u8]) -> Result<usize, Stopped> {
        if let Some(alike) = self.validator.frame_alike(chunk) {
            return Ok(alike.wire.len());
        }
        match self.validator.grammar() {
            Grammar::Replies => {
                reply::fast(&mut self.validator, chunk).map(|frame| frame.wire().len())
            }
            Grammar::Requests(_) => {
                command::fast(&mut self.validator, chunk).map(|request| request.wire().len())
            }
        }
    }

    /// Begins a frame that is cut, rare or wrong.
    #[inline(never)]
    fn advance_new(&mut self, chunk: &[u8]) -> Result<Progress, Error> {
        if self.validator.begin_bulk(chunk) {
            self.type_byte = Some(b'$');
            return Ok(Progress { taken: chunk.len(), is_complete: false, type_byte: Some(b'$') });
        }
        self.advance_slow(chunk, 0)
    }

    /// Goes on inside a frame. `before` bytes of it came before the chunk; the fast path may have
    /// examined more. Out of line, so that only the fast path is inlined into the caller's loop.
    #[inline(never)]
    fn advance_slow(&mut self, chunk: &[u8], before: usize) -> Result<Progress, Error> {
        let seen = self.validator.offset() - before;
        let unseen = chunk.get(seen..).unwrap_or_default();
        let end = self.validator.advance(unseen)?.map(|end| seen + end);
        let taken = end.unwrap_or(chunk.len());
        self.see(chunk.get(..taken).unwrap_or_default(), before);
        let type_byte = self.type_byte;
        if end.is_some() {
            self.reset();
        }
        Ok(Progress { taken, is_complete: end.is_some(), type_byte })
    }

    /// Learns the type byte of the frame, if it is among these bytes; `before` bytes of the frame came
    /// before them.
    fn see(&mut self, bytes: &[u8], before: usize) {
        if let Some(place) = self.validator.value_at().checked_sub(before) {
            self.type_byte = match (bytes.get(place).copied(), self.validator.grammar()) {
                // An attribute has the kind of the value that it annotates.
                (Some(b'|'), _) => None,
                (Some(byte), Grammar::Requests(_)) if byte != b'*' => None,
                (byte, _) => byte,
            };
        }
    }

    /// Returns the smallest number of further bytes that can complete the frame; 0 after an error. See
    /// [`FrameDecoder::needed`].
    #[must_use]
    pub fn needed(&self) -> usize {
        self.validator.needed()
    }

    /// Returns whether the stream may end here without cutting a frame: nothing has been seen since the
    /// last one ended, or only empty lines and empty arrays, which belong to the next request.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        self.validator.is_between_frames()
    }

    /// Returns the limits that were set last.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.validator.limits_set()
    }

    /// Sets the limits from the next frame on. A frame in progress keeps the limits that it began
    /// with.
    pub fn set_limits(&mut self, limits: Limits) {
        self.validator.set_limits(limits);
    }

    /// Forgets the frame in progress, or the error that ended it.
    pub fn reset(&mut self) {
        self.validator.reset();
        self.type_byte = None;
    }
}

impl<D: Direction> FrameDecoder<D> {
    /// Returns a framer for the rest of the frame in progress, and forgets the frame: the name and the
    /// key of a command are known by then, and its value can be forwarded as it arrives.
    ///
    /// `buf` is that of the last call of [`decode`](Self::decode), which has returned `None`. All of it
    /// belongs to the frame and can be forwarded, with what is skipped before a command. What comes
    /// next goes to the framer, until it says that the frame is complete; then the decoder goes on. An
    /// error that has ended the frame goes to the framer, too.
    ///
    /// ```
    /// use zresp::CommandDecoder;
    ///
    /// let mut decoder = CommandDecoder::new();
    /// let begun = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000000\r\nvalue";
    /// assert!(decoder.decode(begun)?.is_none());
    /// let key = decoder.partial(begun).and_then(|command| command.arg(1));
    /// assert_eq!(key, Some(b"key".as_slice())); // choose the upstream by it
    ///
    /// let mut framer = decoder.take_framer(begun);
    /// assert!(!framer.advance(&[b'x'; 999_995])?.is_complete);
    /// let last = framer.advance(b"\r\n*1\r\n")?;
    /// assert_eq!((last.taken, last.is_complete), (2, true));
    /// assert!(decoder.decode(b"*1\r\n")?.is_none()); // the next command
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    pub fn take_framer(&mut self, buf: &[u8]) -> Framer {
        let mut framer = Framer { validator: self.validator.clone(), type_byte: None };
        framer.see(buf, 0);
        self.validator.reset();
        framer
    }
}

impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("examined", &self.validator.offset())
            .field("needed", &self.needed())
            .finish_non_exhaustive()
    }
}
