//! Frame boundaries in bytes that are not kept: [`Framer`].

use core::fmt;

use crate::error::Error;
use crate::kind::Kind;
use crate::limits::{InlinePolicy, Limits, LinePolicy};
use crate::validate::{Grammar, Stopped, Validator};

use super::decoder::FrameDecoder;
use super::direction::Direction;
use super::{command, reply};

/// Finds frame boundaries in bytes that the caller forwards without keeping them (cut-through).
///
/// A [`Decoder`](crate::Decoder) needs its caller to keep an unfinished frame, because it returns views
/// of it. A framer returns only boundaries and keeps no payload: each piece of a value of half a gigabyte
/// can be forwarded as it arrives, in constant memory. Its verdicts are those of the decoders, however
/// the bytes are split, also on a push inside another value ([`ErrorKind::NestedPush`](crate::ErrorKind::NestedPush)).
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
    /// How many bytes a request has skipped in earlier chunks. The validator forgets them, because their number has no
    /// limit.
    skipped: usize,
}

/// How far a chunk has brought a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many bytes at the front of the chunk belong to the frame: all of them, if the frame continues
    /// in the next chunk.
    pub taken: usize,
    /// Whether the frame ends with these bytes. If so, the next call is for the next frame.
    pub is_complete: bool,
    /// The first byte of the frame's value: `-` for an error, `>` for a push. `None` until that byte has
    /// arrived, which is after all attributes, and for an inline command.
    pub type_byte: Option<u8>,
}

impl Progress {
    /// Returns the kind that the type byte alone indicates: the nulls of RESP2 and streamed strings
    /// are reported as `Bulk` or `Array`. `None` until that byte has arrived, and for an inline
    /// command.
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
        Self::within(Validator::new(Grammar::REPLIES, limits), None)
    }

    /// Returns a framer of requests that accepts inline commands. A request includes the empty lines and
    /// empty arrays before its command; forwarding them does no harm, because servers skip them.
    #[must_use]
    pub fn requests(limits: Limits) -> Self {
        Self::within(Validator::new(Grammar::REQUESTS, limits), None)
    }

    /// Returns a framer for the rest of a frame.
    pub(super) const fn within(validator: Validator, type_byte: Option<u8>) -> Self {
        Self { validator, type_byte, skipped: 0 }
    }

    /// Returns the framer with this policy for inline commands. It has no effect on a framer of replies.
    #[must_use]
    pub fn with_inline_policy(mut self, policy: InlinePolicy) -> Self {
        if !self.validator.grammar().are_replies() {
            self.validator.set_grammar(Grammar::Requests(policy));
        }
        self
    }

    /// Returns the framer with this policy for lines. It has no effect on a framer of requests.
    #[must_use]
    pub fn with_line_policy(mut self, policy: LinePolicy) -> Self {
        if self.validator.grammar().are_replies() {
            self.validator.set_grammar(Grammar::Replies(policy));
        }
        self
    }

    /// Returns how many bytes of the chunk belong to the frame in progress, and whether it ends there.
    ///
    /// Pass each byte once, in order; the next chunk begins with the bytes that were not taken.
    ///
    /// # Errors
    /// Returns an error if the input cannot be part of a frame, or if it exceeds a limit. The offset
    /// counts from the frame's first byte, up to `usize::MAX`, and the bytes before that offset were valid. Every
    /// further call returns the same error until [`reset`](Self::reset).
    #[inline]
    pub fn advance(&mut self, chunk: &[u8]) -> Result<Progress, Error> {
        let before = self.validator.offset();
        if before > 0 {
            return self.advance_slow(chunk, before);
        }
        match self.fast(chunk) {
            Ok(taken) => {
                self.skipped = 0;
                // Such a frame has no attributes, and is not an inline command.
                let type_byte = chunk.first().copied();
                Ok(Progress { taken, is_complete: true, type_byte })
            }
            Err(Stopped::Begun) => self.advance_slow(chunk, 0),
            Err(Stopped::NotMine) => self.advance_new(chunk),
        }
    }

    /// The size of the frame at the front of the chunk, if it is whole and of a frequent kind.
    #[inline(always)]
    fn fast(&mut self, chunk: &[u8]) -> Result<usize, Stopped> {
        match self.validator.grammar() {
            Grammar::Replies(_) => {
                reply::fast(&mut self.validator, chunk).map(|frame| frame.wire().len())
            }
            Grammar::Requests(_) => {
                command::fast(&mut self.validator, chunk).map(|request| request.wire().len())
            }
        }
    }

    /// Begins a frame that is incomplete, rare or wrong.
    #[inline(never)]
    fn advance_new(&mut self, chunk: &[u8]) -> Result<Progress, Error> {
        if self.validator.begin_bulk(chunk) {
            self.type_byte = Some(b'$');
            return Ok(Progress { taken: chunk.len(), is_complete: false, type_byte: Some(b'$') });
        }
        self.advance_slow(chunk, 0)
    }

    /// Continues a frame. `before` bytes of it came before the chunk; the fast path may have examined
    /// more. Out of line, so that only the fast path is inlined into the caller's loop.
    #[inline(never)]
    fn advance_slow(&mut self, chunk: &[u8], before: usize) -> Result<Progress, Error> {
        let seen = self.validator.offset() - before;
        let unseen = chunk.get(seen..).unwrap_or_default();
        let end = self.validator.advance(unseen).map_err(|Error { kind, offset, .. }| {
            Error::new(kind, offset.saturating_add(self.skipped))
        })?;
        let end = end.map(|end| seen + end);
        let taken = end.unwrap_or(chunk.len());
        self.see(chunk.get(..taken).unwrap_or_default(), before);
        let type_byte = self.type_byte;
        if end.is_some() {
            self.reset();
        } else {
            self.skipped = self.skipped.saturating_add(self.validator.forget_skipped());
        }
        Ok(Progress { taken, is_complete: end.is_some(), type_byte })
    }

    /// Notes the type byte of the frame, if it is among these bytes; `before` bytes of the frame came
    /// before them.
    fn see(&mut self, bytes: &[u8], before: usize) {
        if let Some(place) = self.validator.value_at().checked_sub(before) {
            self.type_byte = match (bytes.get(place).copied(), self.validator.grammar()) {
                // The type byte is that of the annotated value, which has not arrived yet.
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

    /// Returns whether the stream may end here: no byte has arrived since the last frame ended, or only
    /// empty lines and empty arrays, which belong to the next request.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        self.validator.is_between_frames()
    }

    /// Returns the limits that were set last.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.validator.limits_set()
    }

    /// Sets the limits of the next frame and those after it. A frame in progress keeps the limits that it
    /// began with.
    pub fn set_limits(&mut self, limits: Limits) {
        self.validator.set_limits(limits);
    }

    /// Forgets the frame in progress, or the error that ended it.
    pub fn reset(&mut self) {
        self.validator.reset();
        self.type_byte = None;
        self.skipped = 0;
    }
}

impl<D: Direction> FrameDecoder<D> {
    /// Returns a framer for the rest of the frame in progress, and forgets the frame. Use it once the
    /// name and the key of a command are known, to forward its value as it arrives.
    ///
    /// `buf` must be the buffer of the last call of [`decode`](Self::decode), which has returned `None`.
    /// All of it belongs to the frame and can be forwarded, including what is skipped before a command.
    /// Pass the following bytes to the framer until it reports that the frame is complete; after that,
    /// the decoder is ready for the next frame. If the frame has already failed, the framer returns its
    /// error.
    ///
    /// To change arguments that have arrived, forward what a
    /// [`CommandPatch`](crate::encode::CommandPatch) of the command writes, in place of `buf`.
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
        let mut framer = Framer::within(self.validator.clone(), None);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Their number has no limit, and on 32 bits their bytes may be more than a `usize` counts.
    #[test]
    fn skipped_lines_are_forgotten_and_still_counted_by_the_offset_of_an_error() {
        const SKIPPED: &[u8] = b"\r\n*0\r\n\n";
        let state = |progress: Progress| (progress.taken, progress.is_complete);
        let mut framer = Framer::requests(Limits::requests());
        for begun in ["", "*", "*1\r\n$2\r\nPI"] {
            let chunk = [SKIPPED, begun.as_bytes()].concat();
            for skipped in [0, usize::MAX - 3] {
                framer.reset();
                framer.skipped = skipped;
                assert_eq!(framer.advance(&chunk).map(state), Ok((chunk.len(), false)));
                assert_eq!(framer.validator.offset(), begun.len());
                assert_eq!(framer.is_between_frames(), begun.is_empty());
                let refused = chunk.len() + usize::from(begun.is_empty());
                let offset = Err(skipped.saturating_add(refused));
                for broken in ["*x\r\n", "*"] {
                    let error = framer.advance(broken.as_bytes()).map(state);
                    assert_eq!(error.map_err(|error| error.offset), offset, "{begun}");
                }
            }
        }
        framer.reset();
        assert_eq!(framer.advance(SKIPPED).map(state), Ok((SKIPPED.len(), false)));
        assert_eq!(framer.advance(b"*1\r\n$4\r\nPING\r\n").map(state), Ok((14, true)));
        assert_eq!(framer.advance(b"*x").map_err(|error| error.offset).map(state), Err(1));
    }
}
