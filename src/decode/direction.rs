//! What a stream carries: [`Replies`] or [`Requests`].

use crate::command::{CommandRef, CommandToken, InlineCommand, Request};
use crate::kind::Kind;
use crate::limits::{Limits, LinePolicy};
use crate::validate::{Bounds, Grammar, Stopped, TokenEnd, Validator, ValuePlace};
use crate::view::{Decoded, ReplyRef, Token};

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

    use super::{
        Bounds, CommandRef, CommandToken, Decoded, Grammar, InlineCommand, Kind, Limits,
        LinePolicy, Replies, ReplyRef, Request, Requests, Stopped, Token, TokenEnd, Validator,
        ValuePlace,
    };
    use crate::decode::{command, reply};
    use crate::view::header::{self, Extent, Opening};

    /// What differs between replies and requests.
    pub trait SealedDirection: Copy + Eq + Hash + Debug {
        /// A view of a frame.
        type Frame<'a>: FrameView<'a>;

        /// A token of a frame that may still be arriving.
        type Token<'a>: Copy + Debug + PartialEq;

        const GRAMMAR: Grammar;

        /// The default limits.
        const LIMITS: Limits;

        /// Called between two frames: returns the frame at the front of `buf`, if it is whole and of a
        /// frequent kind.
        fn fast<'a>(validator: &mut Validator, buf: &'a [u8]) -> Result<Self::Frame<'a>, Stopped>;

        /// Called inside a frame: returns it, if its header alone shows that it is whole now.
        fn resumed<'a>(validator: &Validator, buf: &'a [u8]) -> Option<Self::Frame<'a>>;

        /// Returns a view of the validated frame that `buf` begins with; `None` if the bytes have changed
        /// since.
        fn read(buf: &[u8], bounds: Bounds) -> Option<Self::Frame<'_>>;

        /// The token of a scalar. In requests, all scalars are bulk strings.
        fn scalar(scalar: ReplyRef<'_>) -> Self::Token<'_>;

        /// The token that opens a counted aggregate.
        fn open<'a>(kind: Kind, len: usize) -> Self::Token<'a>;

        /// The token that ends an aggregate or attribute.
        fn close<'a>(kind: Kind) -> Self::Token<'a>;

        /// Returns the validated token that the bytes are, which ended like this. It is not the end of
        /// an aggregate. `None` if the bytes have changed since.
        fn token(bytes: &[u8], end: TokenEnd) -> Option<Self::Token<'_>>;

        /// What a token is, without its bytes.
        #[cfg(feature = "std")]
        fn form(token: Self::Token<'_>) -> TokenForm;

        /// Returns the token that was found in these bytes; `None` if they have changed since.
        #[cfg(feature = "std")]
        fn read_again(bytes: &[u8], form: TokenForm) -> Option<Self::Token<'_>> {
            match form {
                TokenForm::Close(kind) => Some(Self::close(kind)),
                TokenForm::Bytes(end) => Self::token(bytes, end),
            }
        }
    }

    /// A token that was found, for callers that must still change the buffer before they read it.
    #[cfg(feature = "std")]
    #[derive(Debug, Clone, Copy)]
    pub enum TokenForm {
        /// The end of an aggregate or attribute.
        Close(Kind),
        /// Another token, which ended like this.
        Bytes(TokenEnd),
    }

    /// What the views of both directions have in common.
    pub trait FrameView<'a> {
        /// All bytes of the frame, including those that a request skips.
        fn wire(&self) -> &'a [u8];

        /// The bytes that an owned frame keeps: all except those that a request skips.
        fn own(&self) -> &'a [u8];

        /// Where the value begins in `own`.
        fn place(&self) -> ValuePlace;

        /// The same view, rebuilt field by field: see `Decoded::rebuilt`.
        #[must_use]
        fn rebuilt(self) -> Self;
    }

    impl SealedDirection for Replies {
        type Frame<'a> = Decoded<'a>;
        type Token<'a> = Token<'a>;

        const GRAMMAR: Grammar = Grammar::REPLIES;
        const LIMITS: Limits = Limits::new();

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

        #[inline(always)]
        fn scalar(scalar: ReplyRef<'_>) -> Token<'_> {
            Token::Scalar(scalar)
        }

        #[inline(always)]
        fn open<'a>(kind: Kind, len: usize) -> Token<'a> {
            Token::Open { kind, len: Some(len) }
        }

        #[inline(always)]
        fn close<'a>(kind: Kind) -> Token<'a> {
            Token::Close(kind)
        }

        fn token(bytes: &[u8], _: TokenEnd) -> Option<Token<'_>> {
            if let Some(Opening { kind, length, .. }) = header::opening(bytes) {
                return Some(Token::Open { kind, len: length });
            }
            let (scalar, _) = header::value(bytes, Extent::Exact)?;
            Some(Token::Scalar(scalar))
        }

        #[cfg(feature = "std")]
        fn form(token: Token<'_>) -> TokenForm {
            match token {
                Token::Close(kind) => TokenForm::Close(kind),
                Token::Open { .. } | Token::Scalar(_) => TokenForm::Bytes(TokenEnd::Within),
            }
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
        fn place(&self) -> ValuePlace {
            self.place()
        }

        #[inline(always)]
        fn rebuilt(self) -> Self {
            self.rebuilt()
        }
    }

    impl SealedDirection for Requests {
        type Frame<'a> = Request<'a>;
        type Token<'a> = CommandToken<'a>;

        const GRAMMAR: Grammar = Grammar::REQUESTS;
        const LIMITS: Limits = Limits::requests();

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

        #[inline(always)]
        fn scalar(scalar: ReplyRef<'_>) -> CommandToken<'_> {
            match scalar {
                ReplyRef::Bulk(argument) => CommandToken::Argument(argument),
                _ => CommandToken::Skipped,
            }
        }

        #[inline(always)]
        fn open<'a>(_: Kind, len: usize) -> CommandToken<'a> {
            CommandToken::Open { len }
        }

        #[inline(always)]
        fn close<'a>(_: Kind) -> CommandToken<'a> {
            CommandToken::Close
        }

        fn token(bytes: &[u8], end: TokenEnd) -> Option<CommandToken<'_>> {
            match end {
                TokenEnd::Skipped => Some(CommandToken::Skipped),
                TokenEnd::Frame => Some(CommandToken::Inline(InlineCommand::new(bytes))),
                TokenEnd::Within => match header::opening(bytes) {
                    Some(opening) => Some(CommandToken::Open { len: opening.length? }),
                    None => Some(CommandToken::Argument(CommandRef::argument(bytes))),
                },
            }
        }

        #[cfg(feature = "std")]
        fn form(token: CommandToken<'_>) -> TokenForm {
            match token {
                CommandToken::Close => TokenForm::Close(Kind::Array),
                CommandToken::Open { .. } | CommandToken::Argument(_) => {
                    TokenForm::Bytes(TokenEnd::Within)
                }
                CommandToken::Inline(_) => TokenForm::Bytes(TokenEnd::Frame),
                CommandToken::Skipped => TokenForm::Bytes(TokenEnd::Skipped),
            }
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
        fn place(&self) -> ValuePlace {
            ValuePlace::new(0, LinePolicy::Strict)
        }

        #[inline(always)]
        fn rebuilt(self) -> Self {
            self.rebuilt()
        }
    }
}
