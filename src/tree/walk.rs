//! The flat pass over a tree.

use core::fmt;
use core::iter::FusedIterator;
use core::slice;

use smallvec::SmallVec;

use crate::kind::Kind;
use crate::view::{Token, flat};

use super::Reply;
use super::builder::AggregateForm;

/// The head of an aggregate or an attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BranchHead {
    pub(crate) kind: Kind,
    /// How many elements or pairs it has.
    pub(crate) len: usize,
    pub(crate) form: AggregateForm,
}

/// A part of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step<'a> {
    /// An aggregate or attribute opens.
    Open(BranchHead),
    /// A value that holds no others.
    Scalar(&'a Reply),
    /// The innermost open aggregate or attribute ends.
    Close(BranchHead),
}

/// Visits everything in a tree in the order of the wire, without recursion.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    first: Option<&'a Reply>,
    open: SmallVec<[OpenBranch<'a>; 8]>,
}

/// A branch of which values are still to be visited.
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
            // The reply that an attribute annotates is the last of its children: the attribute closes
            // before it.
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
