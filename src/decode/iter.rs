//! All frames of a buffer: [`replies`] and [`requests`].

use core::fmt;
use core::iter::FusedIterator;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

use super::decoder::FrameDecoder;
use super::direction::sealed::FrameView;
use super::direction::{Direction, Replies, Requests};

/// Returns an iterator over all replies of `buf`.
///
/// After the last whole frame, the iterator ends. If an incomplete frame follows, it first returns one
/// error of the kind [`ErrorKind::UnexpectedEnd`], at the offset where the input ends; if a malformed
/// one follows, its error. Offsets count from the first byte of `buf`. [`Frames::rest`] then returns
/// the bytes from the incomplete or malformed frame on.
///
/// Each frame is decoded when it is asked for. To cancel, drop the iterator. For other limits or another policy, use
/// [`Frames::with_decoder`].
///
/// ```
/// use zresp::ErrorKind;
///
/// let mut replies = zresp::replies(b"+OK\r\n:1\r\n$3\r\nfo");
/// assert_eq!(replies.by_ref().filter_map(Result::ok).count(), 2);
/// assert_eq!(replies.rest(), b"$3\r\nfo");
///
/// let error = zresp::replies(b"+OK\r\n$3\r\nfo").last().expect("an item").unwrap_err();
/// assert_eq!((error.kind, error.offset), (ErrorKind::UnexpectedEnd, 11));
/// ```
#[must_use]
pub fn replies(buf: &[u8]) -> Frames<'_, Replies> {
    Frames::with_limits(buf, Limits::new())
}

/// Returns an iterator over all requests of `buf`, including inline commands.
///
/// It behaves like the iterator of [`replies`]. Empty lines and empty arrays after the last request
/// are not an incomplete frame.
///
/// ```
/// let pipeline = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n\r\nPING\r\n";
/// let sizes: Result<Vec<_>, _> =
///     zresp::requests(pipeline).map(|request| request.map(|request| request.wire().len())).collect();
/// assert_eq!(sizes?, [20, 8]);
/// # Ok::<(), zresp::Error>(())
/// ```
#[doc(alias = "commands")]
#[doc(alias = "pipeline")]
#[must_use]
pub fn requests(buf: &[u8]) -> Frames<'_, Requests> {
    Frames::with_limits(buf, Limits::requests())
}

/// The frames of a buffer: see [`replies`] and [`requests`].
#[derive(Clone)]
pub struct Frames<'a, D> {
    buf: &'a [u8],
    at: usize,
    decoder: FrameDecoder<D>,
    ended: bool,
}

impl<'a, D: Direction> Frames<'a, D> {
    /// Returns an iterator over the frames of `buf`, each within the limits.
    #[must_use]
    pub fn with_limits(buf: &'a [u8], limits: Limits) -> Self {
        Self::with_decoder(buf, FrameDecoder::with_limits(limits))
    }
}

impl<'a, D> Frames<'a, D> {
    /// Returns an iterator over the frames of `buf`, as decoded by this decoder. The decoder must not be
    /// inside a frame.
    #[must_use]
    pub const fn with_decoder(buf: &'a [u8], decoder: FrameDecoder<D>) -> Self {
        Self { buf, at: 0, decoder, ended: false }
    }

    /// Returns the bytes after the last frame that was returned. After a clean end there are none.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.buf.get(self.at..).unwrap_or_default()
    }

    /// Returns how many bytes of the buffer the frames returned so far occupy, including skipped bytes.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }
}

impl<D> fmt::Debug for Frames<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("offset", &self.at)
            .field("rest", &self.rest().len())
            .finish_non_exhaustive()
    }
}

impl<'a, D: Direction> Iterator for Frames<'a, D> {
    type Item = Result<D::Frame<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended || self.at == self.buf.len() {
            return None;
        }
        let error = match self.decoder.decode(self.rest()) {
            Ok(Some(frame)) => {
                self.at += frame.wire().len();
                return Some(Ok(frame));
            }
            Ok(None) => {
                self.at += self.decoder.take_skipped();
                Error::new(ErrorKind::UnexpectedEnd, self.buf.len())
            }
            Err(error) => Error::new(error.kind, self.at + error.offset),
        };
        self.ended = true;
        (self.at < self.buf.len()).then_some(Err(error))
    }
}

impl<D: Direction> FusedIterator for Frames<'_, D> {}
