//! Aggregates with some of their elements changed: [`ReplyPatch`].

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::encode::sealed::Writable;
use crate::encode::{Encode, EncodeError, Protocol, downgrade};
use crate::sink::Sink;
use crate::tree::Reply;
use crate::view::{AnnotatedElements, Decoded, ReplyRef};

use super::{Edits, Piece, in_range, shown};

/// An array, map, set or push with some elements replaced, removed or added.
///
/// The patch borrows the original. Writing it with [`Encode`] copies the unchanged bytes in runs; for RESP2, it
/// converts them.
///
/// The elements of a map are its keys and values, alternating: pair 3 has the indices 6 and 7. The
/// attributes of an element are replaced and removed with it. Those of the aggregate stay.
///
/// ```
/// use zresp::{Encode, Protocol, Reply};
/// use zresp::encode::ReplyPatch;
///
/// let frame = zresp::decode(b"%1\r\n$4\r\nport\r\n:6379\r\n")?.expect("a whole frame");
/// let mut patch = ReplyPatch::new(frame).expect("an aggregate");
/// patch.replace(1, 6380)?.push("role").push("master");
/// assert_eq!(
///     patch.to_wire(Protocol::Resp3)?,
///     "%2\r\n$4\r\nport\r\n:6380\r\n$4\r\nrole\r\n$6\r\nmaster\r\n",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ReplyPatch<'a> {
    original: Decoded<'a>,
    elements: AnnotatedElements<'a>,
    /// The number of elements of the original.
    len: usize,
    /// Replacements, with `None` for elements that are removed.
    edits: Edits<Option<Reply>>,
    added: Vec<Reply>,
}

impl<'a> ReplyPatch<'a> {
    /// Returns a patch that changes nothing yet, or `None` if the reply is not an aggregate.
    ///
    /// A streamed aggregate is written with its length, so its elements are counted here.
    #[must_use]
    pub fn new(frame: Decoded<'a>) -> Option<Self> {
        let elements = match frame.reply() {
            ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => items,
            ReplyRef::Map(pairs) => pairs.flat(),
            _ => return None,
        };
        Some(Self {
            original: frame,
            elements: elements.annotated(),
            len: elements.total(),
            edits: Edits(BTreeMap::new()),
            added: Vec::new(),
        })
    }

    /// Replaces an element, and discards an earlier change to it.
    ///
    /// # Errors
    /// Returns [`EncodeError::NoSuchPart`] if the index is out of range. The patch stays as it was.
    pub fn replace(
        &mut self,
        index: usize,
        element: impl Into<Reply>,
    ) -> Result<&mut Self, EncodeError> {
        in_range(index, self.len)?;
        *self.edits.of(index) = Some(element.into());
        Ok(self)
    }

    /// Removes an element, and discards an earlier change to it. The others keep their indices.
    ///
    /// # Errors
    /// Returns the errors of [`replace`](Self::replace).
    pub fn remove(&mut self, index: usize) -> Result<&mut Self, EncodeError> {
        in_range(index, self.len)?;
        *self.edits.of(index) = None;
        Ok(self)
    }

    /// Appends an element.
    pub fn push(&mut self, element: impl Into<Reply>) -> &mut Self {
        self.added.push(element.into());
        self
    }

    /// Returns the number of elements with all changes made.
    fn len(&self) -> usize {
        let removed = self.edits.0.values().filter(|edit| edit.is_none()).count();
        (self.len + self.added.len()).saturating_sub(removed)
    }
}

impl Encode for ReplyPatch<'_> {}

impl Writable<Protocol> for ReplyPatch<'_> {
    fn check(&self, protocol: Protocol) -> Result<(), EncodeError> {
        self.original.check(protocol)?;
        if self.original.reply().kind().has_pairs() && self.len() % 2 == 1 {
            return Err(EncodeError::KeyWithoutValue);
        }
        let replaced = self.edits.0.values().flatten();
        replaced.chain(&self.added).try_for_each(|element| element.check(protocol))
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        let kind = self.original.reply().kind();
        if protocol == Protocol::Resp3 {
            sink.put(self.original.attributes().wire());
        }
        match protocol {
            Protocol::Resp2 => sink.header(b'*', self.len()),
            Protocol::Resp3 if kind.has_pairs() => sink.header(kind.type_byte(), self.len() / 2),
            Protocol::Resp3 => sink.header(kind.type_byte(), self.len()),
        }
        let sizes = self.elements.clone().map(|element| element.wire().len());
        self.edits.apply(self.original.reply().content(), sizes, |piece| match (piece, protocol) {
            (Piece::Run(run), Protocol::Resp2) => downgrade::write(run, sink),
            (Piece::Run(run), Protocol::Resp3) => sink.put(run),
            (Piece::Part(_, edit), _) => edit.iter().for_each(|one| one.write(protocol, sink)),
        });
        self.added.iter().for_each(|element| element.write(protocol, sink));
    }
}

impl fmt::Debug for ReplyPatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown("ReplyPatch", &self.original.reply(), &self.edits, self.added.len(), f)
    }
}
