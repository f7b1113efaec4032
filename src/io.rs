//! Replies and requests from a blocking reader, one at a time.

use std::fmt;
use std::io::{ErrorKind as IoErrorKind, Read};
use std::vec::Vec;

use crate::decode::{Direction, FrameDecoder, Replies, Requests};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

/// How many bytes the buffer has from the start, and how many are asked for in one read at least.
const CAPACITY: usize = 16 * 1024;
/// A larger buffer is given back as soon as it holds less than [`CAPACITY`].
const KEPT: usize = 1024 * 1024;

/// Replies from a reader, each borrowed from the buffer that it was read into: a [`FrameReader`] of
/// [`Decoded`](crate::Decoded) frames.
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
/// # Ok::<(), zresp::io::ReadError>(())
/// ```
pub type ReplyReader<R> = FrameReader<R, Replies>;

/// Requests from a reader, each borrowed from the buffer that it was read into: a [`FrameReader`] of
/// [`Request`](crate::Request)s.
///
/// An append-only file is requests, too. Its annotations (`#TS:1700000000`, with `aof-timestamp-enabled`) come
/// out as inline commands, to be passed over; an RDB snapshot (the base of `appendonlydir`, or in front of the
/// requests before Redis 7, as `aof-use-rdb-preamble` says) is another format.
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
/// # Ok::<(), zresp::io::ReadError>(())
/// ```
pub type CommandReader<R> = FrameReader<R, Requests>;

/// Frames from a reader: a [`ReplyReader`] or a [`CommandReader`].
///
/// [`read`](Self::read) is a plain call that reads until a frame is whole and returns it. No thread
/// or channel is behind it and nothing of it outlives the call: to cancel is not to call again, and
/// dropping the reader of frames drops its buffer and the reader behind it.
///
/// The buffer grows with the bytes that arrive, never by a length that is only announced. One of
/// more than 1 MiB is given back once it holds less than 16 KiB.
pub struct FrameReader<R, D> {
    reader: R,
    decoder: FrameDecoder<D>,
    /// Bytes read and not yet given out lie in `start..end`; the rest is room.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The size of the frame that the last call gave out: it lies at `start`.
    given: usize,
    /// Bytes of the stream in front of `start`.
    position: u64,
}

impl<R: Read, D: Direction> FrameReader<R, D> {
    /// Returns the frames of `reader`, within the default [`Limits`].
    #[must_use]
    pub fn new(reader: R) -> Self {
        Self::with_limits(reader, Limits::new())
    }

    /// Returns the frames of `reader`, each within the limits.
    #[must_use]
    pub fn with_limits(reader: R, limits: Limits) -> Self {
        Self::with_decoder(reader, FrameDecoder::with_limits(limits))
    }

    /// Returns the frames of `reader`, as this decoder takes them, which has begun none yet.
    #[must_use]
    pub const fn with_decoder(reader: R, decoder: FrameDecoder<D>) -> Self {
        Self { reader, decoder, buffer: Vec::new(), start: 0, end: 0, given: 0, position: 0 }
    }

    /// Returns the next frame, reading as much as it takes; `None` if the stream ends between two
    /// frames.
    ///
    /// Frames that are already whole are given before anything more is read, so a reader that
    /// fails takes none of them with it. After an error of the reader (`WouldBlock` included) call
    /// again: nothing that was read is lost, and decoding resumes where it stopped. `Interrupted`
    /// is retried here.
    ///
    /// # Errors
    /// [`ReadError::Io`] is the reader's own error. [`ReadError::Decode`] is broken input, with
    /// [`ErrorKind::UnexpectedEnd`] if the stream ends inside a frame; its offset counts from the
    /// first byte of the frame, which is at [`position`](Self::position) of the stream. Broken input
    /// stays broken: every further call returns the same error.
    pub fn read(&mut self) -> Result<Option<D::Frame<'_>>, ReadError> {
        self.release();
        let frame = loop {
            let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(frame) = self.decoder.bounds(unread)? {
                break frame;
            }
            self.given = self.decoder.take_skipped();
            self.release();
            if self.fill()? == 0 {
                if self.start == self.end {
                    return Ok(None);
                }
                let offset = self.end - self.start;
                return Err(Error::new(ErrorKind::UnexpectedEnd, offset).into());
            }
        };
        self.given = frame.len;
        let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
        match D::read(unread, frame) {
            Some(frame) => Ok(Some(frame)),
            None => Err(Error::new(ErrorKind::BufferChanged, 0).into()),
        }
    }

    /// Drops the frame that was given out last.
    fn release(&mut self) {
        self.start += self.given;
        self.position += self.given as u64;
        self.given = 0;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        if self.buffer.len() > KEPT && self.end - self.start < CAPACITY {
            self.make_room(CAPACITY);
        }
    }

    /// Reads once; returns how many bytes came.
    fn fill(&mut self) -> Result<usize, std::io::Error> {
        if self.end == self.buffer.len() {
            // Doubling: each byte is moved a bounded number of times, however long the frame is.
            self.make_room((2 * (self.end - self.start)).max(CAPACITY));
        }
        loop {
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(room) {
                Ok(count) => {
                    self.end += count.min(room.len());
                    return Ok(count);
                }
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves the bytes not yet given out to the front of a buffer of `size` bytes.
    fn make_room(&mut self, size: usize) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() > size {
            self.buffer.truncate(size);
            self.buffer.shrink_to_fit();
        }
        // Exactly: a vector that grows by itself could take twice the size.
        self.buffer.reserve_exact(size.saturating_sub(self.buffer.len()));
        self.buffer.resize(size, 0);
    }
}

impl<R: fmt::Debug, D> fmt::Debug for FrameReader<R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameReader")
            .field("reader", &self.reader)
            .field("position", &self.position)
            .field("buffered", &self.buffered().len())
            .finish_non_exhaustive()
    }
}

impl<R, D> FrameReader<R, D> {
    /// Returns how many bytes of the stream lie in front of the frame that was given out last, or
    /// that is in progress or broken: add a decoding error's offset to find its place in the stream.
    ///
    /// It is the sum of the lengths of [`Decoded::wire`](crate::Decoded::wire) or [`Request::wire`](crate::Request::wire) over the frames before, but
    /// for what a decoder of requests skips.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Returns how many bytes of the stream all frames given out so far take, the last one and what was
    /// skipped included.
    #[must_use]
    pub const fn consumed(&self) -> u64 {
        self.position + self.given as u64
    }

    /// Returns the bytes that have been read and not given out yet, the frame given out last
    /// excepted: they begin with the frame in progress, or with the broken one.
    ///
    /// A server that collects answers writes them out before it calls [`read`](Self::read) where that would
    /// wait: whenever no *whole* request is left here, as `commands(reader.buffered()).next()` tells. Half of one may
    /// be all that a client sends until it is answered.
    #[must_use]
    pub fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start + self.given..self.end).unwrap_or_default()
    }

    /// Returns the decoder, to set its limits.
    #[must_use]
    pub const fn decoder_mut(&mut self) -> &mut FrameDecoder<D> {
        &mut self.decoder
    }

    /// Returns the reader.
    #[must_use]
    pub const fn get_ref(&self) -> &R {
        &self.reader
    }

    /// Returns the reader, to write to the same connection, say. What is read from it past the
    /// `FrameReader` is missing there.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Returns the reader; bytes that are [`buffered`](Self::buffered) are dropped.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.reader
    }
}

/// Why no frame could be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The reader failed; it may be asked again.
    Io(std::io::Error),
    /// The bytes are no frame, exceed a limit, or end inside a frame.
    Decode(Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Decode(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Decode(error) => error.source(),
        }
    }
}

impl From<ReadError> for std::io::Error {
    /// Returns the reader's own error, or one of the kind `UnexpectedEof` or `InvalidData`.
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            ReadError::Decode(error) => error.into(),
        }
    }
}

impl From<Error> for std::io::Error {
    /// Returns an error of the kind `UnexpectedEof` for an unexpected end, `InvalidData` for all
    /// others.
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::UnexpectedEnd => IoErrorKind::UnexpectedEof,
            _ => IoErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

impl From<std::io::Error> for ReadError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Decode(error)
    }
}
