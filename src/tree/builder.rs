//! Building a tree from its parts in order, without recursion.

use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::kind::Kind;
use crate::view::ReplyRef;

use super::aggregates::Children;
use super::walk::{Opening, Step, Walk};
use super::{Annotated, Entries, Items, Reply, StreamedString};

/// A tree that is being built.
#[derive(Default)]
pub(crate) struct Builder {
    open: SmallVec<[Level; 4]>,
    done: Option<Reply>,
}

/// An aggregate or attribute that has not all of its values yet.
struct Level {
    kind: Kind,
    is_streamed: bool,
    /// Whether this is an attribute whose pairs are all there: the next value is what it annotates.
    is_closed: bool,
    values: Vec<Reply>,
}

impl Builder {
    /// A copy of this tree.
    pub(super) fn of_walk(walk: Walk<'_>) -> Reply {
        let mut builder = Self::default();
        for step in walk {
            match step {
                Step::Open(Opening { kind, len, is_streamed }) => {
                    builder.open(kind, is_streamed, len);
                }
                Step::Scalar(scalar) => builder.value(scalar.clone()),
                Step::Close(_) => builder.close(),
            }
        }
        builder.finish()
    }

    /// Opens an aggregate or attribute of about so many elements or pairs.
    pub(crate) fn open(&mut self, kind: Kind, is_streamed: bool, len: usize) {
        let each = if kind.has_pairs() { 2 } else { 1 };
        let values = Vec::with_capacity(len * each + usize::from(kind == Kind::Attribute));
        self.open.push(Level { kind, is_streamed, is_closed: false, values });
    }

    /// Adds a value to what is open.
    #[inline]
    pub(crate) fn value(&mut self, value: Reply) {
        match self.open.last_mut() {
            Some(level) if !level.is_closed => level.values.push(value),
            _ => self.annotated(value),
        }
    }

    /// Adds a value with the attributes that are waiting for it.
    #[inline(never)]
    fn annotated(&mut self, mut value: Reply) {
        while self.open.last().is_some_and(|level| level.is_closed) {
            let Some(mut attribute) = self.open.pop() else { break };
            attribute.values.push(value);
            value = Reply::Annotated(Annotated { children: Children(attribute.values) });
        }
        match self.open.last_mut() {
            Some(level) => level.values.push(value),
            None => self.done = Some(value),
        }
    }

    /// Closes the innermost aggregate or attribute.
    pub(crate) fn close(&mut self) {
        if let Some(attribute) = self.open.last_mut().filter(|level| level.kind == Kind::Attribute)
        {
            attribute.is_closed = true;
            return;
        }
        let Some(Level { kind, is_streamed, values, .. }) = self.open.pop() else { return };
        self.value(Reply::of_children(kind, is_streamed, values));
    }

    /// How many aggregates are open, and how many values the innermost one has.
    #[cfg(feature = "serde")]
    pub(crate) fn mark(&self) -> (usize, usize) {
        let values =
            self.open.last().map_or(usize::from(self.done.is_some()), |level| level.values.len());
        (self.open.len(), values)
    }

    /// The tree, which is whole by now.
    pub(crate) fn finish(self) -> Reply {
        self.done.unwrap_or(Reply::Null)
    }
}

impl Reply {
    /// The aggregate of these values.
    #[inline(always)]
    pub(super) fn of_children(kind: Kind, is_streamed: bool, values: Vec<Self>) -> Self {
        let children = Children(values);
        match kind {
            Kind::Map => Self::Map(Entries { children, is_streamed }),
            Kind::Set => Self::Set(Items { children, is_streamed }),
            Kind::Push => Self::Push(Items { children, is_streamed }),
            _ => Self::Array(Items { children, is_streamed }),
        }
    }

    /// The reply of this view, whose payload is owned by `part`.
    #[inline(always)]
    pub(super) fn of_scalar(scalar: ReplyRef<'_>, part: impl FnOnce(&[u8]) -> Bytes) -> Self {
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
            // Aggregates are no scalars.
            ReplyRef::Null
            | ReplyRef::Array(_)
            | ReplyRef::Map(_)
            | ReplyRef::Set(_)
            | ReplyRef::Push(_) => Self::Null,
        }
    }
}
