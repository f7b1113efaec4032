//! A reply as a flat sequence.

use core::iter::FusedIterator;

use smallvec::SmallVec;

use crate::kind::Kind;
use crate::lex::word;

use super::ReplyRef;
use super::header::{self, Extent};

/// One step of [`Tokens`]: a scalar, or the beginning or end of an aggregate.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Token<'a> {
    /// An aggregate or attribute begins. The tokens of its values follow, then its
    /// [`Close`](Token::Close).
    Open {
        /// The kind of the aggregate, or [`Kind::Attribute`].
        kind: Kind,
        /// How many elements it has, or pairs in a map or attribute; `None` if it is streamed.
        len: Option<usize>,
    },
    /// A value that is not an aggregate. A streamed string is one scalar.
    Scalar(ReplyRef<'a>),
    /// The innermost open aggregate or attribute, which is of this kind, ends. The value that an
    /// attribute annotates comes after the attribute's end.
    Close(Kind),
}

/// An iterator over a reply and everything in it, as one flat sequence of [`Token`]s.
///
/// It reads each header once, at any depth, and allocates only at more than sixteen levels of
/// nesting. To look ahead, for example to count the elements of a streamed aggregate, use a clone.
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
    /// The first token of [`ReplyRef::tokens`]: the header of the reply is not in `rest`.
    first: Option<Token<'a>>,
    /// The bytes of the tokens that have not been taken.
    rest: &'a [u8],
    /// The open aggregates and attributes, the innermost last.
    open: SmallVec<[TokenLevel; 16]>,
}

/// An aggregate or attribute that has begun and not ended.
#[derive(Clone, Copy)]
struct TokenLevel {
    kind: Kind,
    /// How many values are still to come; `None` if it is streamed.
    owed: Option<u32>,
}

impl<'a> Tokens<'a> {
    /// Returns the bytes of the tokens that are left.
    ///
    /// Each call of `next` takes the bytes of its token off the front. So the bytes of a token are
    /// the difference between `rest` before and after the call.
    ///
    /// The tokens of [`Decoded::tokens`](crate::Decoded::tokens) take all bytes of the frame. With
    /// [`ReplyRef::tokens`] the first token takes no bytes, and neither does the last `Close` of a
    /// streamed reply.
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

    /// Moves past `size` bytes.
    fn advance(&mut self, size: usize) {
        self.rest = self.rest.get(size..).unwrap_or_default();
    }

    /// Ends the innermost open aggregate or attribute, if it has no more values.
    fn close(&mut self) -> Option<Token<'a>> {
        let innermost = self.open.last()?;
        let ended = match innermost.owed {
            Some(owed) => owed == 0,
            None if self.rest.first() == Some(&b'.') => {
                self.advance(header::STREAM_END);
                true
            }
            // `ReplyRef::tokens` does not have the bytes of the reply's own end.
            None => self.rest.is_empty(),
        };
        if !ended {
            return None;
        }
        Some(Token::Close(self.open.pop()?.kind))
    }

    /// Takes one off the values that the innermost open aggregate still owes.
    fn count(&mut self) {
        if let Some(TokenLevel { owed: Some(owed), .. }) = self.open.last_mut() {
            *owed = owed.saturating_sub(1);
        }
    }

    /// Takes the next token if it is a bulk string, and if the innermost aggregate is not streamed.
    ///
    /// This is the most frequent token, so it is made in the caller's loop. In the benchmark
    /// `tokens`, `list/mixed` went from 196 to 114 µs and `command/get` from 451 to 214 µs.
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

    /// Takes the next token, of any kind. Out of line: see [`bulk_string`](Self::bulk_string).
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
