//! Frames from a blocking reader: [`FrameReader`].

use core::mem;
use std::fmt;
use std::io::Read;

use crate::decode::{Direction, FrameDecoder, Replies, Requests};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::validate::Bounds;

use super::StreamError;
use super::buffer::ReadBuffer;

/// Reads replies, for a client: a [`FrameReader`] of [`Decoded`](crate::Decoded) frames.
///
/// ```
/// use zresp::io::ReplyReader;
///
/// let mut replies = ReplyReader::new(&b"+OK\r\n:1\r\n"[..]);
/// let mut seen = Vec::new();
/// while let Some(frame) = replies.read()? {
///     seen.push(format!("{:?}", frame.reply()));
/// }
/// assert_eq!(seen, ["Simple(\"OK\")", "Integer(1)"]);
/// # Ok::<(), zresp::io::StreamError>(())
/// ```
#[doc(alias = "client")]
pub type ReplyReader<R> = FrameReader<R, Replies>;

/// Reads requests, for a server: a [`FrameReader`] of [`Request`](crate::Request)s.
///
/// An append-only file also contains requests, but with snapshots and annotations between them: for these files,
/// `zresp::aof` (feature `aof`) has a reader of its own.
///
/// ```
/// use zresp::io::CommandReader;
///
/// let mut requests = CommandReader::new(&b"*1\r\n$4\r\nPING\r\n\r\nget key\r\n\r\n"[..]);
/// let mut names = Vec::new();
/// let mut scratch = Vec::new();
/// while let Some(request) = requests.read()? {
///     names.push(request.command().to_array(&mut scratch).name().to_vec());
/// }
/// assert_eq!(names, [b"PING".to_vec(), b"get".to_vec()]);
/// # Ok::<(), zresp::io::StreamError>(())
/// ```
#[doc(alias = "server")]
#[doc(alias = "aof")]
pub type CommandReader<R> = FrameReader<R, Requests>;

/// Reads frames: a [`ReplyReader`] or a [`CommandReader`].
///
/// [`read`](Self::read) is a plain call that reads until a frame is whole, and returns a view of it in the buffer.
/// It starts no thread, so there is nothing to cancel: just do not call it again.
///
/// The buffer grows as bytes arrive, never to a length that is only announced. If it has grown to
/// more than 1 MiB, it is shrunk to 16 KiB once fewer than 16 KiB are left in it.
pub struct FrameReader<R, D> {
    input: ReadBuffer<R>,
    decoder: FrameDecoder<D>,
    /// The size of the frame that the last call returned, with which the unread bytes begin.
    given: usize,
}

impl<R: Read, D: Direction> FrameReader<R, D> {
    /// Returns a reader of frames with the default [`Limits`] of its direction.
    #[must_use]
    pub fn new(reader: R) -> Self {
        Self::with_limits(reader, D::LIMITS)
    }

    /// Returns a reader of frames with these limits.
    #[must_use]
    pub fn with_limits(reader: R, limits: Limits) -> Self {
        Self::with_decoder(reader, FrameDecoder::with_limits(limits))
    }

    /// Returns a reader of frames that uses this decoder, which must not be inside a frame.
    #[must_use]
    pub const fn with_decoder(reader: R, decoder: FrameDecoder<D>) -> Self {
        Self { input: ReadBuffer::new(reader), decoder, given: 0 }
    }

    /// Returns the next frame, or `None` if the stream has ended between two frames.
    ///
    /// Whole frames in the buffer are returned before anything more is read, so none is lost if the reader fails.
    /// After an error of the reader, `WouldBlock` included, you may call again: decoding resumes where it stopped.
    /// `Interrupted` is retried here.
    ///
    /// # Errors
    /// Returns [`StreamError::Io`] if the reader fails, and [`StreamError::Decode`] if the input is broken or exceeds a
    /// limit, with [`ErrorKind::UnexpectedEnd`] if the stream ends inside a frame. Broken input stays broken: each
    /// further call returns the same error.
    pub fn read(&mut self) -> Result<Option<D::Frame<'_>>, StreamError> {
        Ok(self.read_with_position()?.map(|(_, frame)| frame))
    }

    /// Reads the next frame, like [`read`](Self::read), and returns it with the number of bytes that precede it in the
    /// stream.
    ///
    /// ```
    /// use zresp::io::ReplyReader;
    ///
    /// let mut replies = ReplyReader::new(&b"+OK\r\n:1\r\n"[..]);
    /// let (position, _) = replies.read_with_position()?.expect("a frame");
    /// assert_eq!(position, 0);
    /// let (position, frame) = replies.read_with_position()?.expect("a frame");
    /// assert_eq!((position, frame.wire()), (5, b":1\r\n".as_slice()));
    /// # Ok::<(), zresp::io::StreamError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of `read`.
    pub fn read_with_position(&mut self) -> Result<Option<(u64, D::Frame<'_>)>, StreamError> {
        let Some(frame) = self.next_bounds()? else { return Ok(None) };
        let position = self.position();
        match D::read(self.current(frame.len), frame) {
            Some(frame) => Ok(Some((position, frame))),
            None => Err(StreamError::decode(Error::new(ErrorKind::BufferChanged, 0), position)),
        }
    }

    /// Reads the next frame, like [`read`](Self::read), and returns its bounds in [`current`](Self::current).
    pub(crate) fn next_bounds(&mut self) -> Result<Option<Bounds>, StreamError> {
        self.release();
        let frame = loop {
            let bounds = self.decoder.bounds(self.input.unread());
            if let Some(frame) =
                bounds.map_err(|error| StreamError::decode(error, self.position()))?
            {
                break frame;
            }
            self.given = self.decoder.take_skipped();
            self.release();
            if self.input.fill()? == 0 {
                return match self.input.unread().len() {
                    0 => Ok(None),
                    offset => {
                        let error = Error::new(ErrorKind::UnexpectedEnd, offset);
                        Err(StreamError::decode(error, self.position()))
                    }
                };
            }
        };
        self.given = frame.len;
        Ok(Some(frame))
    }

    /// Releases the frame that was returned last, and reads until [`buffered`](Self::buffered) has at least `size`
    /// bytes, or the stream ends.
    #[cfg(feature = "aof")]
    pub(crate) fn fill_to(&mut self, size: usize) -> std::io::Result<()> {
        self.release();
        while self.input.unread().len() < size && self.input.fill()? > 0 {}
        Ok(())
    }

    /// Takes the next bytes of the buffer as if they were a frame that [`read`](Self::read) returned. With size 0, takes
    /// back the frame that was returned last.
    #[cfg(feature = "aof")]
    pub(crate) const fn take(&mut self, size: usize) {
        self.given = size;
    }

    /// Releases the frame that was returned last.
    fn release(&mut self) {
        self.input.release(mem::take(&mut self.given));
    }
}

impl<R: fmt::Debug, D> fmt::Debug for FrameReader<R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameReader")
            .field("reader", &self.input.reader)
            .field("position", &self.position())
            .field("buffered", &self.buffered().len())
            .finish_non_exhaustive()
    }
}

impl<R, D> FrameReader<R, D> {
    /// Returns how many bytes of the stream precede the current frame: the one that was returned last, or the one
    /// that is in progress or broken. While you hold a frame, you cannot call it: use
    /// [`read_with_position`](Self::read_with_position).
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.input.released()
    }

    /// Returns how many bytes of the stream have been consumed so far: by all frames, including the one that was
    /// returned last, and by skipped lines.
    #[must_use]
    pub const fn consumed(&self) -> u64 {
        self.position() + self.given as u64
    }

    /// Returns the first bytes of the current frame.
    pub(crate) fn current(&self, size: usize) -> &[u8] {
        self.input.unread().get(..size).unwrap_or_default()
    }

    /// Returns the bytes that have been read but not returned. They begin with the next frame, as far as it has
    /// arrived.
    ///
    /// A server that collects replies must write them out before a [`read`](Self::read) that may block: whenever these
    /// bytes do not begin with a *whole* request, as `requests(reader.buffered()).next()` shows. Do not wait until
    /// they are empty: a client may send half a request and wait for a reply.
    #[must_use]
    pub fn buffered(&self) -> &[u8] {
        self.input.unread().get(self.given..).unwrap_or_default()
    }

    /// Returns the decoder, to change its limits or its policy.
    #[must_use]
    pub const fn decoder_mut(&mut self) -> &mut FrameDecoder<D> {
        &mut self.decoder
    }

    /// Returns the reader.
    #[must_use]
    pub const fn get_ref(&self) -> &R {
        &self.input.reader
    }

    /// Returns the reader, to write to the same connection, for example. Do not read from it: the bytes that you read
    /// would be missing here.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.input.reader
    }

    /// Returns the reader, and drops the [`buffered`](Self::buffered) bytes.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.input.reader
    }
}
