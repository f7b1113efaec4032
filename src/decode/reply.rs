//! Whole buffers in, views out: [`Decoder`] and [`decode`].

#![deny(clippy::arithmetic_side_effects)]

use core::fmt;

use crate::decode::resume::{Bounds, Resumable};
use crate::error::Error;
use crate::lex::word;
use crate::limits::Limits;
use crate::validate::Scanner;
use crate::validate::learned::frame::Alike;
use crate::view::Decoded;

/// A resumable decoder of replies: the caller keeps the unfinished frame in its buffer, the result
/// is a view into it.
///
/// [`decode`](Self::decode) is a plain call: it starts no thread, holds no lock, keeps no bytes,
/// and nothing of it goes on when it has returned. To give up a frame, drop the decoder or
/// [`reset`](Self::reset) it.
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
/// let frame = decoder.decode(&buffer)?.expect("the frame is whole by now");
/// assert_eq!(frame.reply, ReplyRef::Bulk(b"hello"));
/// assert_eq!(frame.wire, b"$5\r\nhello\r\n");
///
/// let next = decoder.decode(&buffer[frame.wire.len()..])?.expect("a second frame");
/// assert_eq!(next.reply, ReplyRef::Simple(b"OK"));
/// # Ok::<(), zresp::Error>(())
/// ```
#[derive(Clone)]
pub struct Decoder {
    scan: Resumable,
}

impl Decoder {
    /// Returns a decoder with the default [`Limits`].
    #[must_use]
    #[inline(always)]
    pub fn new() -> Self {
        Self::with_limits(Limits::new())
    }

    /// Returns a decoder with limits of its own.
    #[must_use]
    #[inline(always)]
    pub fn with_limits(limits: Limits) -> Self {
        Self { scan: Resumable::new(Scanner::new(limits)) }
    }

    /// Returns the frame that `buf` begins with, or `None` if more bytes are needed.
    ///
    /// In every call `buf` starts at the frame's first byte; until the frame is taken, it only ever
    /// grows. The decoder resumes behind the bytes that it has seen, so that feeding a frame in
    /// small pieces takes time linear in its length. Once a frame is returned, the next call is for
    /// the next frame: move on by the length of [`Decoded::wire`].
    ///
    /// # Errors
    /// Input that no reply could begin with, or that exceeds a limit, with the offset from the
    /// frame's first byte. The stream has no recognisable next frame, so every further call returns
    /// the same error, until [`reset`](Self::reset).
    ///
    /// A buffer that is shorter than in the call before, or does not begin with the same bytes, is
    /// [`ErrorKind::BufferChanged`](crate::ErrorKind::BufferChanged). Other changes are not noticed; what is then seen through the
    /// views is unspecified, but safe and free of panics.
    #[inline(always)]
    pub fn decode<'a>(&mut self, buf: &'a [u8]) -> Result<Option<Decoded<'a>>, Error> {
        let is_continued = !self.scan.scanner.is_between_frames();
        if !is_continued {
            if let Some(Alike { wire, content, form, .. }) = self.scan.scanner.frame_alike(buf) {
                return Ok(Some(Decoded::alike(wire, content, form)));
            }
            let visible = self.scan.scanner.visible(buf);
            if let Some(frame) = whole_frame(&mut self.scan.scanner, visible) {
                return Ok(Some(frame));
            }
        }
        // Field by field: the views made above need no place in memory then.
        let slow = self.decode_slow(buf, is_continued)?;
        Ok(slow.map(|Decoded { reply, wire, attributes }| Decoded { reply, wire, attributes }))
    }

    #[inline(never)]
    fn decode_slow<'a>(
        &mut self,
        buf: &'a [u8],
        is_continued: bool,
    ) -> Result<Option<Decoded<'a>>, Error> {
        if is_continued {
            self.scan.check(buf)?;
            // A lone bulk string, the most frequent frame to be cut, is known by its header alone.
            if let Some(frame) = self.resume_scalar(buf) {
                self.reset();
                return Ok(Some(frame));
            }
        } else if self.scan.scanner.begin_bulk(buf) {
            self.scan.remember(buf);
            return Ok(None);
        }
        let Some(frame) = self.scan.frame(buf)? else { return Ok(None) };
        match Decoded::read(buf, frame) {
            Some(decoded) => Ok(Some(decoded)),
            None => Err(self.scan.changed()),
        }
    }

    /// The rest of a frame that has been begun, if it is a scalar after all.
    fn resume_scalar<'a>(&self, buf: &'a [u8]) -> Option<Decoded<'a>> {
        if self.scan.scanner.failure().is_some() || buf.first()? != &b'$' {
            return None;
        }
        let bytes = self.scan.scanner.visible(buf);
        Decoded::scalar(word::first(bytes)?, bytes, self.scan.scanner.limits())
    }

    /// Returns where the frame that `buf` begins with ends: [`decode`](Self::decode) without the
    /// view, for callers that must still change the buffer in between.
    pub(crate) fn bounds(&mut self, buf: &[u8]) -> Result<Option<Bounds>, Error> {
        if !self.scan.scanner.is_between_frames() {
            self.scan.check(buf)?;
        }
        self.scan.frame(buf)
    }

    /// The scanner, for a framer to go on with.
    pub(crate) const fn scanner(&mut self) -> &mut Scanner {
        &mut self.scan.scanner
    }

    /// Returns the smallest number of further bytes that can complete the frame; at least one, and
    /// exact inside a payload.
    ///
    /// Between frames it is the size of the shortest frame. After an error it is 0. The limits play
    /// no part in it, and it takes time in the depth of nesting.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.scan.scanner.needed()
    }

    /// Returns the limits.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        *self.scan.scanner.limits()
    }

    /// Sets the limits for all that follows, the rest of a frame in progress included. A length of which
    /// digits have come was judged by the old ones. An error that
    /// the old ones have led to stays until [`reset`](Self::reset).
    pub fn set_limits(&mut self, limits: Limits) {
        self.scan.scanner.set_limits(limits);
    }

    /// Forgets the frame in progress, or the error that ended it: the next call of
    /// [`decode`](Self::decode) is for a new frame.
    pub fn reset(&mut self) {
        self.scan.scanner.reset();
    }
}

/// Returns the frame that the bytes begin with, if it is of a frequent kind and whole. Otherwise the scan may
/// stand inside the frame.
#[inline(always)]
pub(crate) fn whole_frame<'a>(scanner: &mut Scanner, bytes: &'a [u8]) -> Option<Decoded<'a>> {
    let word = word::first(bytes)?;
    match word::first_byte(word) {
        b'*' | b'%' | b'~' | b'>' => {
            let aggregate = match scanner.command_alike(bytes) {
                Some(command) => command,
                None => scanner.aggregate(bytes)?,
            };
            Decoded::aggregate(aggregate, bytes)
        }
        b'$' | b'+' => {
            let frame = Decoded::scalar(word, bytes, scanner.limits())?;
            scanner.learn(frame.wire);
            Some(frame)
        }
        _ => Decoded::scalar(word, bytes, scanner.limits()),
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("examined", &self.scan.scanner.offset())
            .field("needed", &self.needed())
            .finish_non_exhaustive()
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the frame that `buf` begins with, or `None` if it is cut.
///
/// One call, one reply: no thread or channel is behind it, and nothing of it outlives the call.
/// Bytes behind the frame are not looked at. To go on when more bytes have come, use a
/// [`Decoder`]; for all the frames of a buffer, [`replies`](crate::replies).
///
/// ```
/// let frame = zresp::decode(b":7\r\n")?.expect("a whole frame");
/// assert_eq!(frame.reply.as_i64(), Ok(7));
/// assert!(zresp::decode(b":7")?.is_none());
/// # Ok::<(), zresp::Error>(())
/// ```
///
/// # Errors
/// Input that no reply could begin with, or that exceeds the default [`Limits`].
#[inline]
pub fn decode(buf: &[u8]) -> Result<Option<Decoded<'_>>, Error> {
    // A decoder is more than most frames need.
    const LIMITS: Limits = Limits::new();
    let visible = buf.get(..LIMITS.frame()).unwrap_or(buf);
    match word::first(visible).and_then(|word| Decoded::scalar(word, visible, &LIMITS)) {
        Some(frame) => Ok(Some(frame)),
        None => Decoder::new().decode(buf),
    }
}
