//! All the frames of a buffer, and what a decoder must be able to do for them.

use core::fmt;
use core::iter::FusedIterator;

use bytes::BytesMut;

use crate::command::Request;
use crate::decode::CommandDecoder;
use crate::decode::Decoder;
use crate::decode::resume::Bounds;
use crate::error::{Error, ErrorKind};
use crate::limits::{InlinePolicy, Limits};
use crate::owned::{CommandFrame, Frame};
use crate::view::Decoded;

/// A decoder of frames: [`Decoder`], whose frames are [`Decoded`], or [`CommandDecoder`], whose frames are
/// [`Request`]s. It is sealed: there are no others.
pub trait FrameDecoder: sealed::Frames {}

impl FrameDecoder for Decoder {}
impl FrameDecoder for CommandDecoder {}

use sealed::Seal;

pub(crate) mod sealed {
    use super::{Bounds, BytesMut, Error, Limits};

    /// What only the crate has, for methods that nobody else is to call: those of a supertrait can be
    /// called by whoever has a type parameter of the trait. Bytes that were not validated would become a frame:
    ///
    /// ```compile_fail,E0061
    /// fn forge<D: zresp::FrameDecoder>(decoder: &mut D, good: &[u8], other: &[u8]) {
    ///     let bounds = decoder.bounds(good).unwrap().unwrap();
    ///     let _frame = D::view(other, bounds);
    /// }
    /// ```
    #[derive(Debug, Clone, Copy)]
    pub struct Seal(());

    #[cfg(feature = "std")]
    impl Seal {
        pub(crate) const OURS: Self = Self(());
    }

    /// What iterators, readers and codecs need of a decoder.
    pub trait Frames {
        /// A view of a frame.
        type Frame<'a>;

        /// A frame that owns its bytes.
        type Owned;

        /// A decoder with these limits.
        fn with_limits(limits: Limits) -> Self;

        /// The frame that `buf` begins with.
        fn frame<'a>(&mut self, buf: &'a [u8]) -> Result<Option<Self::Frame<'a>>, Error>;

        /// How many bytes a frame takes.
        fn size(frame: &Self::Frame<'_>) -> usize;

        /// Where the frame that `buf` begins with ends: `frame` without the view.
        fn bounds(&mut self, buf: &[u8]) -> Result<Option<Bounds>, Error>;

        /// The frame with these bounds, which were found in the same bytes.
        fn view(buf: &[u8], bounds: Bounds, _: Seal) -> Option<Self::Frame<'_>>;

        /// How many bytes at the front of the buffer belong to no frame, and are to be dropped.
        fn skipped(&mut self) -> usize;

        /// The frame that the buffer begins with, taken off it.
        fn owned(&mut self, buffer: &mut BytesMut) -> Result<Option<Self::Owned>, Error>;

        /// How many further bytes can complete the frame at least.
        fn needed(&self) -> usize;
    }
}

impl sealed::Frames for Decoder {
    type Frame<'a> = Decoded<'a>;
    type Owned = Frame;

    #[inline]
    fn with_limits(limits: Limits) -> Self {
        Self::with_limits(limits)
    }

    #[inline(always)]
    fn frame<'a>(&mut self, buf: &'a [u8]) -> Result<Option<Decoded<'a>>, Error> {
        self.decode(buf)
    }

    #[inline(always)]
    fn size(frame: &Decoded<'_>) -> usize {
        frame.wire.len()
    }

    fn bounds(&mut self, buf: &[u8]) -> Result<Option<Bounds>, Error> {
        self.bounds(buf)
    }

    fn view(buf: &[u8], bounds: Bounds, _: Seal) -> Option<Decoded<'_>> {
        Decoded::read(buf, bounds)
    }

    fn skipped(&mut self) -> usize {
        0
    }

    #[inline]
    fn owned(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, Error> {
        self.decode_frame(buffer)
    }

    fn needed(&self) -> usize {
        self.needed()
    }
}

impl sealed::Frames for CommandDecoder {
    type Frame<'a> = Request<'a>;
    type Owned = CommandFrame;

    #[inline]
    fn with_limits(limits: Limits) -> Self {
        Self::with_limits(limits, InlinePolicy::Accept)
    }

    #[inline(always)]
    fn frame<'a>(&mut self, buf: &'a [u8]) -> Result<Option<Request<'a>>, Error> {
        self.decode(buf)
    }

    #[inline(always)]
    fn size(frame: &Request<'_>) -> usize {
        frame.wire.len()
    }

    fn bounds(&mut self, buf: &[u8]) -> Result<Option<Bounds>, Error> {
        self.bounds(buf)
    }

    fn view(buf: &[u8], bounds: Bounds, _: Seal) -> Option<Request<'_>> {
        Request::read(buf, bounds)
    }

    fn skipped(&mut self) -> usize {
        self.take_skipped()
    }

    #[inline]
    fn owned(&mut self, buffer: &mut BytesMut) -> Result<Option<CommandFrame>, Error> {
        self.decode_frame(buffer)
    }

    fn needed(&self) -> usize {
        self.needed()
    }
}

/// The replies of a buffer: see [`replies`].
pub type Replies<'a> = Frames<'a, Decoder>;

/// The requests of a buffer: see [`commands`].
pub type Commands<'a> = Frames<'a, CommandDecoder>;

/// Returns an iterator over all the replies of `buf`.
///
/// It ends with `None` at a clean end. A frame that is cut is an error of the kind
/// [`ErrorKind::UnexpectedEnd`], given once, at the offset where the input ends; offsets count from
/// the first byte of `buf`. [`Frames::rest`] has the bytes of the frame that was cut or broken.
///
/// No thread or channel is behind it: each frame is decoded when it is asked for, and dropping the
/// iterator is all there is to cancelling.
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
pub fn replies(buf: &[u8]) -> Replies<'_> {
    Frames::with_limits(buf, Limits::new())
}

/// Returns an iterator over all the requests of `buf`, inline commands among them.
///
/// It goes on and ends as that of [`replies`] does; what is skipped behind the last request, empty
/// lines and empty arrays, is no end that is cut.
///
/// ```
/// let pipeline = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n\r\nPING\r\n";
/// let sizes: Result<Vec<_>, _> =
///     zresp::commands(pipeline).map(|request| request.map(|request| request.wire.len())).collect();
/// assert_eq!(sizes?, [20, 8]);
/// # Ok::<(), zresp::Error>(())
/// ```
#[must_use]
pub fn commands(buf: &[u8]) -> Commands<'_> {
    Frames::with_limits(buf, Limits::new())
}

/// The frames of a buffer: [`Replies`] or [`Commands`].
#[derive(Clone)]
pub struct Frames<'a, D> {
    buf: &'a [u8],
    at: usize,
    decoder: D,
    ended: bool,
}

impl<'a, D: FrameDecoder> Frames<'a, D> {
    /// Returns an iterator over the frames of `buf`, each within the limits.
    #[must_use]
    pub fn with_limits(buf: &'a [u8], limits: Limits) -> Self {
        Self::with_decoder(buf, D::with_limits(limits))
    }

    /// Returns an iterator over the frames of `buf`, as this decoder takes them, which has begun none
    /// yet.
    #[must_use]
    pub const fn with_decoder(buf: &'a [u8], decoder: D) -> Self {
        Self { buf, at: 0, decoder, ended: false }
    }
}

impl<'a, D> Frames<'a, D> {
    /// Returns the bytes behind the last frame given: empty after a clean end.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.buf.get(self.at..).unwrap_or_default()
    }

    /// Returns how many bytes of the buffer the frames given so far take, and what was skipped.
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

impl<'a, D: FrameDecoder> Iterator for Frames<'a, D> {
    type Item = Result<D::Frame<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended || self.at == self.buf.len() {
            return None;
        }
        let error = match self.decoder.frame(self.rest()) {
            Ok(Some(frame)) => {
                self.at += D::size(&frame);
                return Some(Ok(frame));
            }
            Ok(None) => {
                self.at += self.decoder.skipped();
                Error::new(ErrorKind::UnexpectedEnd, self.buf.len())
            }
            Err(error) => Error::new(error.kind, self.at + error.offset),
        };
        self.ended = true;
        (self.at < self.buf.len()).then_some(Err(error))
    }
}

impl<D: FrameDecoder> FusedIterator for Frames<'_, D> {}
