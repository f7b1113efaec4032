//! The flat pass over a tree.

use core::fmt;
use core::iter::FusedIterator;
use core::slice;

use smallvec::SmallVec;

use crate::kind::Kind;
use crate::view::{Token, flat};

use super::Reply;

/// How an aggregate or an attribute opens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Opening {
    pub(crate) kind: Kind,
    /// How many elements or pairs it has.
    pub(crate) len: usize,
    pub(crate) is_streamed: bool,
}

/// A part of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step<'a> {
    /// An aggregate or attribute opens.
    Open(Opening),
    /// A value that holds no others.
    Scalar(&'a Reply),
    /// The innermost open aggregate or attribute ends.
    Close(Opening),
}

/// Visits everything in a tree in the order of the wire, without recursion.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    first: Option<&'a Reply>,
    open: SmallVec<[Open<'a>; 8]>,
}

#[derive(Clone)]
struct Open<'a> {
    rest: slice::Iter<'a, Reply>,
    opening: Opening,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(reply: &'a Reply) -> Self {
        Self { first: Some(reply), open: SmallVec::new() }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Step<'a>;

    #[inline]
    fn next(&mut self) -> Option<Step<'a>> {
        let reply = if let Some(first) = self.first.take() {
            first
        } else {
            let innermost = self.open.last_mut()?;
            let opening = innermost.opening;
            // The reply behind an attribute is the last of its children: the attribute closes in
            // front of it.
            let last = usize::from(opening.kind == Kind::Attribute);
            if innermost.rest.len() <= last {
                self.first = innermost.rest.next();
                self.open.pop();
                return Some(Step::Close(opening));
            }
            innermost.rest.next()?
        };
        let Some((opening, children)) = reply.children() else { return Some(Step::Scalar(reply)) };
        self.open.push(Open { rest: children.iter(), opening });
        Some(Step::Open(opening))
    }
}

/// The flat pass over a tree: see [`Reply::tokens`].
#[derive(Clone)]
pub struct TreeTokens<'a>(Walk<'a>);

impl<'a> TreeTokens<'a> {
    pub(super) fn new(reply: &'a Reply) -> Self {
        Self(Walk::new(reply))
    }
}

impl<'a> Iterator for TreeTokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        Some(match self.0.next()? {
            Step::Open(Opening { kind, len, is_streamed }) => {
                Token::Open { kind, len: (!is_streamed).then_some(len) }
            }
            Step::Scalar(reply) => Token::Scalar(reply.as_scalar()?),
            Step::Close(opening) => Token::Close(opening.kind),
        })
    }
}

impl FusedIterator for TreeTokens<'_> {}

impl fmt::Debug for TreeTokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flat(self.clone(), f)
    }
}
