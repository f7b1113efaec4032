//! Visits a tree as one flat sequence.

use core::fmt;
use core::iter::FusedIterator;
use core::slice;

use smallvec::SmallVec;

use crate::kind::Kind;
use crate::view::{Token, flat};

use super::Reply;
use super::builder::AggregateForm;

/// The kind, length and form of an aggregate or attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BranchHead {
    pub(crate) kind: Kind,
    /// The number of elements or pairs.
    pub(crate) len: usize,
    pub(crate) form: AggregateForm,
}

/// One step of [`Walk`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step<'a> {
    /// An aggregate or attribute begins.
    Open(BranchHead),
    /// A value that is not an aggregate.
    Scalar(&'a Reply),
    /// The innermost open aggregate or attribute ends.
    Close(BranchHead),
}

/// Visits everything in a tree in the order of the wire, without recursion.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    /// A reply to visit before those in `open`: the root, or the one after an attribute that has
    /// ended.
    first: Option<&'a Reply>,
    open: SmallVec<[OpenBranch<'a>; 8]>,
}

/// An aggregate or attribute that has begun but not ended.
#[derive(Clone)]
struct OpenBranch<'a> {
    rest: slice::Iter<'a, Reply>,
    head: BranchHead,
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
            let head = innermost.head;
            // The last child of an annotated reply is the reply that the attribute annotates. The attribute ends before
            // it.
            let last = usize::from(head.kind == Kind::Attribute);
            if innermost.rest.len() <= last {
                self.first = innermost.rest.next();
                self.open.pop();
                return Some(Step::Close(head));
            }
            innermost.rest.next()?
        };
        let Some((head, children)) = reply.children() else { return Some(Step::Scalar(reply)) };
        self.open.push(OpenBranch { rest: children.iter(), head });
        Some(Step::Open(head))
    }
}

/// An iterator over a tree, as one flat sequence of [`Token`]s: see [`Reply::tokens`].
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
            Step::Open(BranchHead { kind, len, form }) => {
                Token::Open { kind, len: (form == AggregateForm::Counted).then_some(len) }
            }
            Step::Scalar(reply) => Token::Scalar(reply.as_scalar()?),
            Step::Close(head) => Token::Close(head.kind),
        })
    }
}

impl FusedIterator for TreeTokens<'_> {}

impl fmt::Debug for TreeTokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flat(self.clone(), f)
    }
}
