//! A reply as a flat sequence.

use core::iter::FusedIterator;
use core::mem;

use smallvec::SmallVec;

use crate::kind::{Kind, LevelKind};

use super::ReplyRef;
use super::header::{self, Extent, Front};

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
/// It reads each header once, at any depth, and allocates only for more than sixteen levels of
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
    /// The bytes of the tokens that have not been taken.
    rest: &'a [u8],
    /// How many values the innermost open level still owes, or the sequence itself if none is open.
    ///
    /// At 0 the next token needs a closer look: the level ends or is streamed, the sequence ends,
    /// or `first` has not been taken yet.
    owed: u32,
    /// The open aggregates and attributes, the innermost last.
    open: SmallVec<[TokenLevel; 16]>,
    /// The first token of [`ReplyRef::tokens`], whose header is not in `rest`. If the token opens a
    /// level: that level, and how many values it owes.
    first: Option<(Token<'a>, Option<(TokenLevel, u32)>)>,
}

/// An aggregate or attribute that has begun and not ended.
#[derive(Clone, Copy)]
struct TokenLevel {
    kind: LevelKind,
    is_streamed: bool,
    /// How many values the level around it still owes.
    outer: u32,
}

impl<'a> Tokens<'a> {
    /// Returns the bytes of the tokens that are left.
    ///
    /// Each call of `next` removes the bytes of its token from the front. So the bytes of a token are
    /// the difference between `rest` before and after the call.
    ///
    /// With [`Decoded::tokens`](crate::Decoded::tokens), the tokens cover all bytes of the frame. With
    /// [`ReplyRef::tokens`], the first token has no bytes, and neither does the last `Close` of a
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

    #[inline(always)]
    pub(crate) fn of_wire(wire: &'a [u8]) -> Self {
        Self { rest: wire, owed: 1, open: SmallVec::new(), first: None }
    }

    #[inline]
    pub(super) fn of_reply(reply: ReplyRef<'a>) -> Self {
        let (kind, values, len) = match reply {
            ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
                (reply.kind(), items.values(), items.len())
            }
            ReplyRef::Map(pairs) => (Kind::Map, pairs.values(), pairs.len()),
            scalar => {
                let first = Some((Token::Scalar(scalar), None));
                return Self { owed: 0, first, ..Self::of_wire(&[]) };
            }
        };
        let mut tokens = Self { owed: 0, ..Self::of_wire(values.bytes()) };
        let left = values.left();
        let level = TokenLevel { kind: LevelKind::of(kind), is_streamed: left.is_none(), outer: 0 };
        tokens.first = Some((Token::Open { kind, len }, Some((level, left.unwrap_or(0)))));
        tokens
    }

    /// Takes the next token, of any kind.
    #[inline(never)]
    fn take_other(&mut self) -> Option<Token<'a>> {
        if let Some((first, level)) = self.first.take() {
            if let Some((level, owed)) = level {
                self.open.push(level);
                self.owed = owed;
            }
            return Some(first);
        }
        if let Some(close) = self.take_close() {
            return Some(close);
        }
        if let Some(opening) = header::opening(self.rest) {
            let (kind, len) = (opening.kind, opening.length);
            self.rest = self.rest.get(opening.size..)?;
            // The value that an attribute annotates is still owed after it.
            let outer = self.owed.saturating_sub(u32::from(kind != Kind::Attribute));
            self.open.push(TokenLevel {
                kind: LevelKind::of(kind),
                is_streamed: len.is_none(),
                outer,
            });
            self.owed = opening.values().unwrap_or(0);
            return Some(Token::Open { kind, len });
        }
        let (scalar, size) = header::value(self.rest, Extent::Within)?;
        self.rest = self.rest.get(size..)?;
        self.owed = self.owed.saturating_sub(1);
        Some(Token::Scalar(scalar))
    }

    /// Ends the innermost open aggregate or attribute, if it has no more values.
    fn take_close(&mut self) -> Option<Token<'a>> {
        if self.owed > 0 {
            return None;
        }
        let innermost = self.open.last()?;
        if innermost.is_streamed {
            // With `ReplyRef::tokens`, `rest` does not include the `.` that ends the reply itself.
            if !matches!(self.rest.first(), Some(b'.') | None) {
                return None;
            }
            self.rest = self.rest.get(header::STREAM_END..).unwrap_or_default();
        }
        let TokenLevel { kind, outer, .. } = self.open.pop()?;
        self.owed = outer;
        Some(Token::Close(kind.kind()))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Token<'a>> {
        // The frequent tokens are built in the caller's loop, all others out of line.
        if self.owed > 0 {
            // One arm for each frequent token, so that it is made in its own branch of the caller's loop.
            match header::front(self.rest) {
                Some((Front::Scalar(ReplyRef::Bulk(payload)), rest)) => {
                    (self.rest, self.owed) = (rest, self.owed - 1);
                    return Some(Token::Scalar(ReplyRef::Bulk(payload)));
                }
                Some((Front::Open(kind, len), rest)) => {
                    self.rest = rest;
                    let values = if kind == Kind::Map { 2 * len } else { len };
                    let outer = mem::replace(&mut self.owed, values) - 1;
                    let level_kind = LevelKind::of(kind);
                    self.open.push(TokenLevel { kind: level_kind, is_streamed: false, outer });
                    return Some(Token::Open { kind, len: Some(len as usize) });
                }
                Some((Front::Scalar(scalar), rest)) => {
                    (self.rest, self.owed) = (rest, self.owed - 1);
                    return Some(Token::Scalar(scalar));
                }
                None => {}
            }
        } else if let Some(&TokenLevel { kind, is_streamed: false, outer }) = self.open.last() {
            self.open.pop();
            self.owed = outer;
            return Some(Token::Close(kind.kind()));
        } else if self.rest.is_empty() && self.open.is_empty() && self.first.is_none() {
            return None;
        }
        self.take_other()
    }
}

impl FusedIterator for Tokens<'_> {}
