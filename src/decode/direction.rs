//! What a stream carries: [`Replies`] or [`Requests`].

use crate::command::Request;
use crate::limits::Limits;
use crate::validate::{Bounds, Grammar, Stopped, Validator};
use crate::view::Decoded;

/// What a stream carries: [`Replies`], from a server to a client, or [`Requests`], from a client to a
/// server.
///
/// Decoders, iterators, readers, codecs and owned frames have this as their type parameter. The trait
/// is sealed: there are no other directions. Its methods take types that only this crate can create, so
/// bytes that were not validated never become a frame:
///
/// ```compile_fail,E0599
/// fn forge<D: zresp::frames::Direction>(good: &[u8], other: &[u8]) {
///     let bounds = zresp::frames::FrameDecoder::<D>::new().bounds(good).unwrap().unwrap();
///     let _frame = D::read(other, bounds);
/// }
/// ```
pub trait Direction: sealed::SealedDirection {}

/// What a server sends to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Replies {}

/// What a client sends to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Requests {}

impl Direction for Replies {}
impl Direction for Requests {}

pub(crate) mod sealed {
    use core::fmt::Debug;
    use core::hash::Hash;

    use crate::validate::learned::{Alike, AlikeForm};

    use super::{Bounds, Decoded, Grammar, Limits, Replies, Request, Requests, Stopped, Validator};
    use crate::decode::{command, reply};

    /// What differs between replies and requests.
    pub trait SealedDirection: Copy + Eq + Hash + Debug {
        /// A view of a frame.
        type Frame<'a>: FrameView<'a>;

        const GRAMMAR: Grammar;

        /// The default limits.
        const LIMITS: Limits;

        /// Called between two frames: returns the frame at the front of `buf`, if its layout is that of
        /// a recent frame.
        fn alike<'a>(validator: &mut Validator, buf: &'a [u8]) -> Option<Self::Frame<'a>>;

        /// Called between two frames: returns the frame at the front of `buf`, if it is whole and of a
        /// frequent kind.
        fn fast<'a>(validator: &mut Validator, buf: &'a [u8]) -> Result<Self::Frame<'a>, Stopped>;

        /// Called inside a frame: returns it, if its header alone shows that it is whole now.
        fn resumed<'a>(validator: &Validator, buf: &'a [u8]) -> Option<Self::Frame<'a>>;

        /// Returns a view of the validated frame that `buf` begins with; `None` if the bytes have changed
        /// since.
        fn read(buf: &[u8], bounds: Bounds) -> Option<Self::Frame<'_>>;
    }

    /// What the views of both directions have in common.
    pub trait FrameView<'a> {
        /// All bytes of the frame, including those that a request skips.
        fn wire(&self) -> &'a [u8];

        /// The bytes that an owned frame keeps: all except those that a request skips.
        fn own(&self) -> &'a [u8];

        /// The offset of the value in `own`.
        fn value_at(&self) -> usize;

        /// The same view, rebuilt field by field: see `Decoded::rebuilt`.
        #[must_use]
        fn rebuilt(self) -> Self;
    }

    impl SealedDirection for Replies {
        type Frame<'a> = Decoded<'a>;

        const GRAMMAR: Grammar = Grammar::Replies;
        const LIMITS: Limits = Limits::new();

        #[inline(always)]
        fn alike<'a>(validator: &mut Validator, buf: &'a [u8]) -> Option<Decoded<'a>> {
            let Alike { wire, content, form, .. } = validator.frame_alike(buf)?;
            Some(Decoded::alike(wire, content, form))
        }

        #[inline(always)]
        fn fast<'a>(validator: &mut Validator, buf: &'a [u8]) -> Result<Decoded<'a>, Stopped> {
            reply::fast(validator, buf)
        }

        fn resumed<'a>(validator: &Validator, buf: &'a [u8]) -> Option<Decoded<'a>> {
            reply::resumed(validator, buf)
        }

        fn read(buf: &[u8], bounds: Bounds) -> Option<Decoded<'_>> {
            Decoded::read(buf, bounds)
        }
    }

    impl<'a> FrameView<'a> for Decoded<'a> {
        #[inline(always)]
        fn wire(&self) -> &'a [u8] {
            self.wire()
        }

        #[inline(always)]
        fn own(&self) -> &'a [u8] {
            self.wire()
        }

        #[inline(always)]
        fn value_at(&self) -> usize {
            self.attributes().wire().len()
        }

        #[inline(always)]
        fn rebuilt(self) -> Self {
            self.rebuilt()
        }
    }

    impl SealedDirection for Requests {
        type Frame<'a> = Request<'a>;

        const GRAMMAR: Grammar = Grammar::REQUESTS;
        const LIMITS: Limits = Limits::requests();

        #[inline(always)]
        fn alike<'a>(validator: &mut Validator, buf: &'a [u8]) -> Option<Request<'a>> {
            match validator.frame_alike(buf)? {
                Alike { wire, form: AlikeForm::Array(len), header, .. } => {
                    Some(Request::array(wire, header, len))
                }
                _ => None,
            }
        }

        #[inline(always)]
        fn fast<'a>(validator: &mut Validator, buf: &'a [u8]) -> Result<Request<'a>, Stopped> {
            command::fast(validator, buf)
        }

        fn resumed<'a>(_: &Validator, _: &'a [u8]) -> Option<Request<'a>> {
            None
        }

        fn read(buf: &[u8], bounds: Bounds) -> Option<Request<'_>> {
            Request::read(buf, bounds)
        }
    }

    impl<'a> FrameView<'a> for Request<'a> {
        #[inline(always)]
        fn wire(&self) -> &'a [u8] {
            self.wire()
        }

        #[inline(always)]
        fn own(&self) -> &'a [u8] {
            self.command().wire()
        }

        #[inline(always)]
        fn value_at(&self) -> usize {
            0
        }

        #[inline(always)]
        fn rebuilt(self) -> Self {
            self.rebuilt()
        }
    }
}
