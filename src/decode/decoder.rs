//! The decoder of replies and of requests: a frame in a buffer that grows from call to call.

#![deny(clippy::arithmetic_side_effects)]

use core::fmt;
use core::marker::PhantomData;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::validate::{Bounds, Stopped, Validator, ValuePlace};

use super::direction::Direction;
use super::direction::sealed::FrameView;

/// How many skipped bytes may stay in the buffer: as many as an inline command may have.
const SKIPPED: usize = 64 * 1024;

/// A resumable decoder: [`Decoder`](crate::Decoder) for replies, [`CommandDecoder`](crate::CommandDecoder)
/// for requests.
///
/// The caller keeps the unfinished frame in its buffer, and the result is a view of that buffer.
/// [`decode`](Self::decode) is a plain call: it starts no thread, holds no lock, copies no payload, and
/// nothing runs after it returns. To give up a frame, drop the decoder or [`reset`](Self::reset) it.
#[derive(Clone)]
pub struct FrameDecoder<D> {
    pub(super) validator: Validator,
    /// The first bytes of an unfinished frame, to recognise the buffer in the next call.
    head: u64,
    direction: PhantomData<fn() -> D>,
}

/// Which code has examined a part of the frame at the front of the buffer when the slow path begins.
#[derive(Clone, Copy)]
enum Seen {
    /// An earlier call. The fast path was not tried.
    EarlierCall,
    /// The fast path of this call.
    FastPath,
    Nothing,
}

impl<D: Direction> FrameDecoder<D> {
    /// Returns a decoder with the default [`Limits`]. A decoder of requests accepts inline commands; one of replies takes
    /// [strict](crate::LinePolicy::Strict) lines only.
    #[must_use]
    #[inline(always)]
    pub fn new() -> Self {
        Self::with_limits(D::LIMITS)
    }

    /// Returns a decoder with your own limits.
    ///
    /// The limit for depth does not apply to requests. Inline commands are limited only by the limit for
    /// a frame and by 64 KiB, as in Redis.
    #[must_use]
    #[inline(always)]
    pub fn with_limits(limits: Limits) -> Self {
        Self { validator: Validator::new(D::GRAMMAR, limits), head: 0, direction: PhantomData }
    }

    /// Returns the frame that `buf` begins with, or `None` if more bytes are needed.
    ///
    /// In every call, `buf` must start at the frame's first byte. Until a frame is returned, only append
    /// to the buffer, and drop from its front only the bytes that [`take_skipped`](Self::take_skipped)
    /// counts. The decoder resumes after the bytes that it has seen, so feeding a frame in small pieces
    /// takes time linear in its length. Once a frame is returned, the next call is for the next frame:
    /// advance the buffer by the length of the frame's `wire()`.
    ///
    /// Like a server, a decoder of requests skips empty lines and empty arrays before a command. They
    /// are part of the request that follows them. While none follows, drop them with
    /// [`take_skipped`](Self::take_skipped).
    ///
    /// # Errors
    /// Returns an error if no frame could begin with the input, or if it exceeds a limit. The offset
    /// counts from the first byte of `buf`. The next frame cannot be found, so every further call
    /// returns the same error until [`reset`](Self::reset).
    ///
    /// A buffer that is shorter than in the previous call, or whose frame begins with other bytes
    /// (up to eight are compared), is [`ErrorKind::BufferChanged`]. Other changes are not noticed:
    /// the frame's bytes and views are then unspecified, and the frame may not be valid RESP, but
    /// nothing panics.
    #[inline(always)]
    pub fn decode<'a>(&mut self, buf: &'a [u8]) -> Result<Option<D::Frame<'a>>, Error> {
        let seen = if self.validator.is_fresh() {
            match D::fast(&mut self.validator, buf) {
                Ok(frame) => return Ok(Some(frame)),
                Err(Stopped::Begun) => Seen::FastPath,
                Err(Stopped::NotMine) => Seen::Nothing,
            }
        } else {
            Seen::EarlierCall
        };
        let slow = self.decode_slow(buf, seen)?;
        Ok(slow.map(FrameView::rebuilt))
    }

    /// Out of line, so that only the fast path is inlined into the caller's loop.
    #[inline(never)]
    fn decode_slow<'a>(
        &mut self,
        buf: &'a [u8],
        seen: Seen,
    ) -> Result<Option<D::Frame<'a>>, Error> {
        match seen {
            Seen::EarlierCall => {
                self.check(buf)?;
                if let Some(frame) = D::resumed(&self.validator, buf) {
                    self.reset();
                    return Ok(Some(frame));
                }
            }
            Seen::Nothing if self.validator.begin_bulk(buf) => {
                self.remember(buf);
                return Ok(None);
            }
            Seen::Nothing | Seen::FastPath => {}
        }
        let Some(bounds) = self.advance(buf)? else { return Ok(None) };
        match D::read(buf, bounds) {
            Some(frame) => Ok(Some(frame)),
            None => Err(self.changed()),
        }
    }

    /// Returns the limits for the next frame; `None` if some of it has been examined, or after an error.
    #[inline]
    pub(crate) fn fresh_limits(&self) -> Option<&Limits> {
        self.validator.is_fresh().then(|| self.validator.limits())
    }

    /// Returns where the frame that `buf` begins with ends. This is [`decode`](Self::decode) without the
    /// view, for callers that must still change the buffer before they look at the frame.
    #[cfg(feature = "std")]
    pub(crate) fn bounds(&mut self, buf: &[u8]) -> Result<Option<Bounds>, Error> {
        if !self.validator.is_fresh() {
            self.check(buf)?;
        } else if let Ok(frame) = D::fast(&mut self.validator, buf) {
            return Ok(Some(Bounds { len: frame.wire().len(), place: frame.place() }));
        }
        self.advance(buf)
    }

    /// Examines the bytes that have not been seen. If a frame is in progress, [`check`](Self::check) must
    /// have accepted the buffer.
    fn advance(&mut self, buf: &[u8]) -> Result<Option<Bounds>, Error> {
        let unseen = buf.get(self.validator.offset()..).unwrap_or_default();
        if self.validator.advance(unseen)?.is_none() {
            self.remember(buf);
            return Ok(None);
        }
        let lines = self.validator.grammar().lines();
        let place = ValuePlace::new(self.validator.value_at(), lines);
        let bounds = Bounds { len: self.validator.offset(), place };
        self.validator.reset();
        Ok(Some(bounds))
    }

    /// Remembers how an unfinished frame begins.
    fn remember(&mut self, buf: &[u8]) {
        self.head = head(buf.get(self.validator.start()..).unwrap_or_default());
    }

    /// Refuses a buffer that is shorter than in the previous call, or does not begin with the same
    /// bytes, and one that keeps too many skipped bytes.
    fn check(&mut self, buf: &[u8]) -> Result<(), Error> {
        if self.validator.start() > SKIPPED {
            return Err(self.validator.fail(ErrorKind::SkippedTooLong { limit: SKIPPED }));
        }
        let seen = buf.get(self.validator.start()..self.validator.offset());
        if seen.is_some_and(|seen| head(seen) == self.head) {
            return Ok(());
        }
        Err(self.changed())
    }

    /// Ends the frame, because its bytes are not those that were validated.
    #[cold]
    fn changed(&mut self) -> Error {
        self.validator.fail(ErrorKind::BufferChanged)
    }

    /// Forgets the empty lines and empty arrays at the front of the buffer, which a decoder of requests
    /// skips, and returns their size: drop that many bytes from the buffer before the next call. For
    /// replies it is 0.
    ///
    /// Call it after [`decode`](Self::decode) has returned `None`. Skipped bytes do not count towards
    /// [`Limits::frame`]. If more than 64 KiB of them are still in the buffer when `decode` is called again, it returns
    /// [`ErrorKind::SkippedTooLong`], so a peer that sends nothing but empty lines cannot fill the buffer.
    /// [`decode_frame`](Self::decode_frame), readers and codecs drop skipped bytes themselves.
    #[must_use = "drop this many bytes from the buffer"]
    pub fn take_skipped(&mut self) -> usize {
        self.validator.forget_skipped()
    }

    /// Returns the smallest number of further bytes that can complete the frame; 0 after an error, and `usize::MAX` if it is
    /// more than that.
    ///
    /// It is exact if the frame ends with the payload that is arriving. Between frames it is the size
    /// of the shortest frame. Of the limits, only [`Limits::depth`] affects it. The call takes time
    /// linear in the depth of nesting.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.validator.needed()
    }

    /// Returns the limits that were set last.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.validator.limits_set()
    }

    /// Sets the limits of the next frame and those after it, for example when a client has
    /// authenticated. A frame in progress keeps the limits that it began with.
    pub fn set_limits(&mut self, limits: Limits) {
        self.validator.set_limits(limits);
    }

    /// Forgets the frame in progress, or the error that ended it: the next call of
    /// [`decode`](Self::decode) is for a new frame.
    pub fn reset(&mut self) {
        self.validator.reset();
    }
}

/// The first eight bytes as a number, padded with zeros at the end of the input.
#[inline]
pub(super) fn head(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

impl<D: Direction> Default for FrameDecoder<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D> fmt::Debug for FrameDecoder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameDecoder")
            .field("examined", &self.validator.offset())
            .field("needed", &self.validator.needed())
            .finish_non_exhaustive()
    }
}
