//! A reply as a flat sequence.

use core::iter::FusedIterator;

use smallvec::SmallVec;

use crate::kind::Kind;
use crate::lex::word;

use super::ReplyRef;
use super::header::{self, Extent};

/// A part of a reply in the order of the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Token<'a> {
    /// An aggregate or attribute opens; its values follow, then its [`Close`](Token::Close).
    Open {
        /// What opens.
        kind: Kind,
        /// How many elements it has, or pairs in a map or attribute; `None` if it is streamed.
        len: Option<usize>,
    },
    /// A value that holds no others.
    Scalar(ReplyRef<'a>),
    /// The innermost open aggregate or attribute ends.
    Close(Kind),
}

/// The flat pass over a reply: an iterator of [`Token`]s, linear at any depth.
///
/// A clone looks ahead, to learn the length of a streamed aggregate, say.
///
/// It looks at each header once and keeps one small entry for each open aggregate; the first
/// sixteen need no allocation.
///
/// ```
/// use zresp::{Kind, ReplyRef, Token};
///
/// let frame = zresp::decode(b"*1\r\n%1\r\n+a\r\n:1\r\n")?.expect("a whole frame");
/// let tokens: Vec<_> = frame.reply().tokens().collect();
/// assert_eq!(tokens, [
///     Token::Open { kind: Kind::Array, len: Some(1) },
///     Token::Open { kind: Kind::Map, len: Some(1) },
///     Token::Scalar(ReplyRef::Simple(b"a")),
///     Token::Scalar(ReplyRef::Integer(1)),
///     Token::Close(Kind::Map),
///     Token::Close(Kind::Array),
/// ]);
/// # Ok::<(), zresp::Error>(())
/// ```
#[derive(Clone)]
pub struct Tokens<'a> {
    /// The token of a reply whose own header is not among the bytes.
    first: Option<Token<'a>>,
    rest: &'a [u8],
    open: SmallVec<[TokenLevel; 16]>,
}

/// An aggregate or attribute that has been opened.
#[derive(Clone, Copy)]
struct TokenLevel {
    kind: Kind,
    /// Values still to come; `None` if it is streamed.
    owed: Option<u32>,
}

impl<'a> Tokens<'a> {
    /// Returns the bytes that the tokens still to come lie in: what a token took from the front is
    /// that token's text on the wire.
    ///
    /// Of [`Decoded::tokens`](crate::Decoded::tokens) these are all bytes of the frame. Those of
    /// [`ReplyRef::tokens`] begin behind the first token, and the end of an outermost streamed
    /// aggregate is not among them.
    ///
    /// ```
    /// let frame = zresp::decode(b"*1\r\n,1.50\r\n")?.expect("a whole frame");
    /// let mut tokens = frame.reply().tokens();
    /// tokens.next();
    /// let before = tokens.rest();
    /// assert_eq!(tokens.next(), Some(zresp::Token::Scalar(zresp::ReplyRef::Double(1.5))));
    /// assert_eq!(&before[..before.len() - tokens.rest().len()], b",1.50\r\n");
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn of_wire(wire: &'a [u8]) -> Self {
        Self { first: None, rest: wire, open: SmallVec::new() }
    }

    pub(super) fn of_reply(reply: ReplyRef<'a>) -> Self {
        let (kind, values, len) = match reply {
            ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
                (reply.kind(), items.values(), items.len())
            }
            ReplyRef::Map(pairs) => (Kind::Map, pairs.values(), pairs.len()),
            scalar => {
                return Self { first: Some(Token::Scalar(scalar)), ..Self::of_wire(&[]) };
            }
        };
        let mut tokens = Self::of_wire(values.bytes());
        tokens.first = Some(Token::Open { kind, len });
        tokens.open.push(TokenLevel { kind, owed: values.left() });
        tokens
    }

    fn advance(&mut self, size: usize) {
        self.rest = self.rest.get(size..).unwrap_or_default();
    }

    /// Closes the innermost aggregate if nothing more is in it.
    fn close(&mut self) -> Option<Token<'a>> {
        let innermost = self.open.last()?;
        let ended = match innermost.owed {
            Some(owed) => owed == 0,
            None if self.rest.first() == Some(&b'.') => {
                self.advance(header::STREAM_END);
                true
            }
            // The end of the outermost streamed aggregate is not among the bytes of its elements.
            None => self.rest.is_empty(),
        };
        if !ended {
            return None;
        }
        Some(Token::Close(self.open.pop()?.kind))
    }

    /// Counts a value of the innermost aggregate.
    fn count(&mut self) {
        if let Some(TokenLevel { owed: Some(owed), .. }) = self.open.last_mut() {
            *owed = owed.saturating_sub(1);
        }
    }

    /// Takes the bulk string that is next, if it lies in nothing that is streamed.
    #[inline(always)]
    fn bulk_string(&mut self) -> Option<&'a [u8]> {
        if self.first.is_some() {
            return None;
        }
        let owed = match self.open.last_mut() {
            Some(TokenLevel { owed: Some(owed @ 1..), .. }) => Some(owed),
            Some(_) => return None,
            None => None,
        };
        let (payload, rest) = header::bulk_string(word::first(self.rest)?, self.rest)?;
        self.rest = rest;
        if let Some(owed) = owed {
            *owed -= 1;
        }
        Some(payload)
    }

    #[inline(never)]
    fn next_other(&mut self) -> Option<Token<'a>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if let Some(close) = self.close() {
            return Some(close);
        }
        if let Some(opening) = header::opening(self.rest) {
            if opening.kind != Kind::Attribute {
                self.count();
            }
            self.advance(opening.size);
            self.open.push(TokenLevel { kind: opening.kind, owed: opening.values() });
            return Some(Token::Open { kind: opening.kind, len: opening.length });
        }
        let (scalar, size) = header::value(self.rest, Extent::Within)?;
        self.count();
        self.advance(size);
        Some(Token::Scalar(scalar))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        if let Some(payload) = self.bulk_string() {
            return Some(Token::Scalar(ReplyRef::Bulk(payload)));
        }
        self.next_other()
    }
}

impl FusedIterator for Tokens<'_> {}
