//! Builds a tree from its parts, in the order of the wire and without recursion.

use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::kind::Kind;
use crate::view::ReplyRef;

use super::aggregates::Children;
use super::walk::{Step, Walk};
use super::{Annotated, Entries, Items, Reply, StreamedString};

/// How an aggregate is written: with its length, or streamed up to an end mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AggregateForm {
    #[default]
    Counted,
    Streamed,
}

/// A tree that is being built.
#[derive(Default)]
pub(crate) struct Builder {
    /// The open aggregates and attributes, the innermost last.
    open: SmallVec<[Branch; 4]>,
    /// The tree, once it is whole.
    done: Option<Reply>,
}

/// An aggregate or attribute that does not have all of its values yet.
pub(super) struct Branch {
    pub(super) kind: Kind,
    pub(super) form: AggregateForm,
    pub(super) values: Vec<Reply>,
    /// How many values it will have; `usize::MAX` if the number is not known.
    pub(super) most: usize,
    /// Whether this is an attribute that has all its pairs. The next value is the one that it
    /// annotates.
    pub(super) awaits_value: bool,
}

// Inlined into the fast path of `parse`.
impl Branch {
    /// An empty branch with room for `values` values, and for the value that an attribute
    /// annotates.
    #[inline(always)]
    pub(super) fn new(kind: Kind, form: AggregateForm, values: usize) -> Self {
        let room = values + usize::from(kind == Kind::Attribute);
        let values = Vec::with_capacity(room);
        Self { kind, form, values, most: usize::MAX, awaits_value: false }
    }

    /// The aggregate. It must have all its values.
    #[inline(always)]
    pub(super) fn close(self) -> Reply {
        let Self { kind, form, values, .. } = self;
        let children = Children(values);
        match kind {
            Kind::Map => Reply::Map(Entries { children, form }),
            Kind::Set => Reply::Set(Items { children, form }),
            Kind::Push => Reply::Push(Items { children, form }),
            _ => Reply::Array(Items { children, form }),
        }
    }
}

impl Builder {
    /// A builder with one open branch, which may have some of its values.
    pub(super) fn of_branch(branch: Branch) -> Self {
        let mut builder = Self::default();
        builder.open.push(branch);
        builder
    }

    /// A copy of the tree that `walk` visits.
    pub(super) fn of_walk(walk: Walk<'_>) -> Reply {
        let mut builder = Self::default();
        for step in walk {
            match step {
                Step::Open(branch) => builder.open(branch.kind, branch.form, branch.len),
                Step::Scalar(scalar) => builder.value(scalar.clone()),
                Step::Close(_) => builder.close(),
            }
        }
        builder.finish()
    }

    /// Opens an aggregate or attribute, with room for `len` elements or pairs.
    pub(crate) fn open(&mut self, kind: Kind, form: AggregateForm, len: usize) {
        let each = if kind.has_pairs() { 2 } else { 1 };
        self.open_branch(Branch::new(kind, form, len * each));
    }

    pub(super) fn open_branch(&mut self, branch: Branch) {
        self.open.push(branch);
    }

    /// How many aggregates and attributes are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The innermost open aggregate or attribute.
    #[inline]
    pub(super) fn innermost(&mut self) -> Option<&mut Branch> {
        self.open.last_mut()
    }

    /// Adds a value to the innermost open aggregate or attribute.
    #[inline]
    pub(crate) fn value(&mut self, value: Reply) {
        match self.open.last_mut() {
            Some(branch) if !branch.awaits_value => branch.values.push(value),
            _ => self.annotated(value),
        }
    }

    /// Adds a value with the attributes that wait for it, or ends the tree. Out of line, because
    /// both are rare.
    #[inline(never)]
    fn annotated(&mut self, mut value: Reply) {
        while self.open.last().is_some_and(|branch| branch.awaits_value) {
            let Some(mut attribute) = self.open.pop() else { break };
            attribute.values.push(value);
            value = Reply::Annotated(Annotated { children: Children(attribute.values) });
        }
        match self.open.last_mut() {
            Some(branch) => branch.values.push(value),
            None => self.done = Some(value),
        }
    }

    /// Closes the innermost open aggregate or attribute. An attribute then waits for the value that
    /// it annotates. If it waits already, it is closed like an array: so each call has an effect, even
    /// on bytes that have changed since they were validated.
    #[inline(always)]
    pub(crate) fn close(&mut self) {
        match self.open.last_mut() {
            Some(branch) if branch.kind == Kind::Attribute && !branch.awaits_value => {
                branch.awaits_value = true;
            }
            _ => {
                if let Some(branch) = self.open.pop() {
                    self.value(branch.close());
                }
            }
        }
    }

    /// How many aggregates are open, and how many values the innermost one has.
    #[cfg(feature = "serde")]
    pub(crate) fn mark(&self) -> (usize, usize) {
        let values =
            self.open.last().map_or(usize::from(self.done.is_some()), |branch| branch.values.len());
        (self.open.len(), values)
    }

    /// The tree. It must be whole.
    pub(crate) fn finish(self) -> Reply {
        self.done.unwrap_or(Reply::Null)
    }
}

impl Reply {
    /// The reply of a scalar view. `part` makes the bytes of its payload owned.
    #[inline(always)]
    pub(crate) fn of_scalar(scalar: ReplyRef<'_>, part: impl FnOnce(&[u8]) -> Bytes) -> Self {
        match scalar {
            ReplyRef::Simple(text) => Self::Simple(part(text)),
            ReplyRef::Error(text) => Self::Error(part(text)),
            ReplyRef::Integer(value) => Self::Integer(value),
            ReplyRef::Bulk(payload) => Self::Bulk(part(payload)),
            ReplyRef::Streamed(chunks) => {
                Self::Streamed(StreamedString::of_wire(part(chunks.wire())))
            }
            ReplyRef::NullBulk => Self::NullBulk,
            ReplyRef::NullArray => Self::NullArray,
            ReplyRef::Boolean(value) => Self::Boolean(value),
            ReplyRef::Double(value) => Self::Double(value),
            ReplyRef::BigNumber(text) => Self::BigNumber(part(text)),
            ReplyRef::BulkError(text) => Self::BulkError(part(text)),
            ReplyRef::Verbatim { format, text } => {
                Self::Verbatim { format: *format, text: part(text) }
            }
            // Callers pass scalars only, never an aggregate.
            ReplyRef::Null
            | ReplyRef::Array(_)
            | ReplyRef::Map(_)
            | ReplyRef::Set(_)
            | ReplyRef::Push(_) => Self::Null,
        }
    }
}
