//! Frame boundaries in bytes that are not kept: [`Framer`].

use core::fmt;

use crate::decode::CommandDecoder;
use crate::decode::{self, Decoder};
use crate::error::Error;
use crate::kind::Kind;
use crate::limits::{InlinePolicy, Limits};
use crate::validate::{Grammar, Scanner};

/// Finds where frames end in bytes that the caller passes on and forgets: cut-through.
///
/// A [`Decoder`] has its caller keep an unfinished frame, for it gives views of it. A framer gives
/// boundaries alone and keeps no bytes: of a value of half a gigabyte each piece can be forwarded as it
/// arrives, in constant memory. Its verdicts are those of the decoders, wherever the bytes are cut.
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
#[derive(Clone)]
pub struct Framer {
    scanner: Scanner,
    /// The type byte of the frame in progress, once its value has begun.
    type_byte: Option<u8>,
}

/// How far a frame has come with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many bytes of the chunk, from its front, belong to the frame: all, if it goes on behind them.
    pub taken: usize,
    /// Whether the frame ends with them. The next call is for the next frame.
    pub is_complete: bool,
    /// The byte that the frame's value begins with: `-` of an error and `>` of a push. `None` in front of
    /// it, where there are attributes, and for an inline command.
    pub type_byte: Option<u8>,
}

impl Progress {
    /// Returns the kind of the frame, as its type byte tells it: nulls and streamed strings are `Bulk` or
    /// `Array`. `None` in front of that byte, and for an inline command.
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
        Self { scanner: Scanner::new(limits), type_byte: None }
    }

    /// Returns a framer of requests, which are commands and what servers skip in front of them: empty
    /// lines and empty arrays, which do no harm if they are forwarded.
    #[must_use]
    pub fn commands(limits: Limits, policy: InlinePolicy) -> Self {
        Self { scanner: Scanner::requests(limits, policy), type_byte: None }
    }

    /// Returns how many bytes of the chunk belong to the frame in progress, and whether it ends there.
    ///
    /// Chunks are given once, one behind the other; what was not taken begins the next one.
    ///
    /// # Errors
    /// Input that no frame could have, or that exceeds a limit, with the offset from the frame's first
    /// byte; the bytes in front of it in the chunk were fine. Every further call returns the same error,
    /// until [`reset`](Self::reset).
    #[inline]
    pub fn advance(&mut self, chunk: &[u8]) -> Result<Progress, Error> {
        let before = self.scanner.offset();
        if before == 0 {
            if let Some(taken) = self.whole_frame(chunk) {
                // The frames that are found so have neither attributes nor another form.
                let type_byte = chunk.first().copied();
                return Ok(Progress { taken, is_complete: true, type_byte });
            }
        }
        self.advance_slow(chunk, before)
    }

    /// The size of the frame that the chunk begins with, if it is of a frequent kind and whole.
    #[inline(always)]
    fn whole_frame(&mut self, chunk: &[u8]) -> Option<usize> {
        if let Some(alike) = self.scanner.frame_alike(chunk) {
            return Some(alike.wire.len());
        }
        let visible = self.scanner.visible(chunk);
        match self.scanner.grammar() {
            Grammar::Replies => Some(decode::whole_frame(&mut self.scanner, visible)?.wire.len()),
            Grammar::Requests(_) => Some(self.scanner.command(visible)?.size()),
        }
    }

    /// Goes on inside a frame: `before` bytes of it came before the chunk.
    #[inline(never)]
    fn advance_slow(&mut self, chunk: &[u8], before: usize) -> Result<Progress, Error> {
        let is_begun = self.scanner.is_between_frames() && self.scanner.begin_bulk(chunk);
        let seen = self.scanner.offset() - before;
        let end = match chunk.get(seen..) {
            Some(rest) if !is_begun => self.scanner.advance(rest)?.map(|end| seen + end),
            _ => None,
        };
        let taken = end.unwrap_or(chunk.len());
        self.see(chunk.get(..taken).unwrap_or_default(), before);
        let type_byte = self.type_byte;
        if end.is_some() {
            self.reset();
        }
        Ok(Progress { taken, is_complete: end.is_some(), type_byte })
    }

    /// Learns the type byte of the frame, if it is among these bytes, in front of which it has `before`.
    fn see(&mut self, bytes: &[u8], before: usize) {
        if let Some(place) = self.scanner.value_at().checked_sub(before) {
            self.type_byte = match (bytes.get(place).copied(), self.scanner.grammar()) {
                // Of an attribute it is told only what it annotates.
                (Some(b'|'), _) => None,
                (Some(byte), Grammar::Requests(_)) if byte != b'*' => None,
                (byte, _) => byte,
            };
        }
    }

    /// Returns the smallest number of further bytes that can complete the frame; exact inside a payload,
    /// and 0 after an error. It takes time in the depth of nesting.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.scanner.needed()
    }

    /// Returns whether an end of the stream here cuts no frame: whether nothing has been seen since the last
    /// one ended, or only empty lines and empty arrays, which are taken with the request behind them.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        self.scanner.is_at_start()
    }

    /// Returns the limits.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        *self.scanner.limits()
    }

    /// Sets the limits for all that follows, the rest of a frame in progress included. A length of which
    /// digits have come was judged by the old ones.
    pub fn set_limits(&mut self, limits: Limits) {
        self.scanner.set_limits(limits);
    }

    /// Forgets the frame in progress, or the error that ended it.
    pub fn reset(&mut self) {
        self.scanner.reset();
        self.type_byte = None;
    }

    /// A framer of the frame that a decoder is in the middle of.
    fn of_scanner(scanner: &mut Scanner, seen: &[u8]) -> Self {
        let mut framer = Self { scanner: scanner.clone(), type_byte: None };
        framer.see(seen, 0);
        scanner.reset();
        framer
    }
}

impl Decoder {
    /// Returns a framer for the rest of the frame in progress, and forgets the frame.
    ///
    /// `buf` is that of the last call of [`decode`](Self::decode), which has returned `None`: all of it
    /// belongs to the frame and can be forwarded, and what comes behind it goes to the framer, until that
    /// says that the frame is complete. Then the decoder goes on. An error that has ended the frame goes to the
    /// framer, too.
    #[must_use]
    pub fn take_framer(&mut self, buf: &[u8]) -> Framer {
        Framer::of_scanner(self.scanner(), buf)
    }
}

impl CommandDecoder {
    /// Returns a framer for the rest of the command in progress, and forgets the command: its name and
    /// its key are known by [`partial`](Self::partial), and the value can be forwarded as it arrives.
    ///
    /// `buf` is that of the last call of [`decode`](Self::decode), which has returned `None`: all of it
    /// belongs to the command, what is skipped in front of it included. An error that has ended the request
    /// goes to the framer, too.
    ///
    /// ```
    /// use zresp::CommandDecoder;
    ///
    /// let mut decoder = CommandDecoder::new();
    /// let begun = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000000\r\nvalue";
    /// assert!(decoder.decode(begun)?.is_none());
    /// let key = decoder.partial(begun).and_then(|command| command.arg(1));
    /// assert_eq!(key, Some(b"key".as_slice())); // it says where to
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
        Framer::of_scanner(self.scanner(), buf)
    }
}

impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("examined", &self.scanner.offset())
            .field("needed", &self.needed())
            .finish_non_exhaustive()
    }
}
