//! A reply as a tree, to build, to change and to keep.

use core::fmt;
use core::mem;

use alloc::vec::Vec;

use bytes::Bytes;

use crate::kind::Kind;
use crate::sink::{Out, write_in_one_line};
use crate::view::{ReplyRef, flat};

use super::builder::AggregateForm;
use super::walk::BranchHead;
use super::{Annotated, Entries, Items, StreamedString, TreeTokens, Walk};

/// An owned reply: the variants of [`ReplyRef`], whose payloads are [`Bytes`] and whose aggregates are
/// vectors.
///
/// To keep a reply as it came, a [`Frame`](super::Frame) is cheaper. A tree is for building and changing:
/// [`From`] and [`FromIterator`] make one of Rust values, and [`Encode`](crate::Encode) writes it.
/// Payloads that come from one view or frame share one allocation.
///
/// Nothing recurses on the depth of a tree: neither building, cloning, comparing and writing it nor
/// dropping it.
///
/// ```
/// use zresp::{Encode, Protocol, Reply};
///
/// let reply = Reply::map([("name", Reply::from("zadd")), ("arity", Reply::from(-4))]);
/// assert_eq!(reply.to_wire(Protocol::Resp3)?, "%2\r\n$4\r\nname\r\n$4\r\nzadd\r\n$5\r\narity\r\n:-4\r\n");
///
/// let frame = zresp::decode(b"*2\r\n+a\r\n:1\r\n")?.expect("a whole frame");
/// let mut reply = Reply::from(frame.reply());
/// if let Reply::Array(items) = &mut reply {
///     items.push(Reply::Null);
/// }
/// assert_eq!(reply, Reply::array([Reply::simple("a"), Reply::from(1), Reply::Null]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Reply {
    /// `+`: a line. One with CR or LF in it cannot be written.
    Simple(Bytes),
    /// `-`: an error in a line. One with CR or LF in it cannot be written.
    Error(Bytes),
    /// `:`: an integer.
    Integer(i64),
    /// `$`: any bytes.
    Bulk(Bytes),
    /// `$?`: any bytes, in chunks.
    Streamed(StreamedString),
    /// `$-1`: RESP2's null where a bulk string could stand.
    NullBulk,
    /// `*-1`: RESP2's null where an array could stand.
    NullArray,
    /// `_`: null.
    Null,
    /// `#`: a boolean.
    Boolean(bool),
    /// `,`: a double.
    Double(f64),
    /// `(`: an integer of any size. What is not an optional sign and digits cannot be written.
    BigNumber(Bytes),
    /// `!`: an error of any bytes.
    BulkError(Bytes),
    /// `=`: text and what it is formatted in.
    Verbatim {
        /// Three bytes, such as `txt` or `mkd`.
        format: [u8; 3],
        /// The text.
        text: Bytes,
    },
    /// `*`: values in order.
    Array(Items),
    /// `%`: pairs in their order, duplicate keys included.
    Map(Entries),
    /// `~`: values in their order, duplicates included.
    Set(Items),
    /// `>`: values that answer no command.
    Push(Items),
    /// `|`: a reply with an attribute in front of it.
    Annotated(Annotated),
}

impl Reply {
    /// Returns a simple string, which must have no CR or LF to be written.
    ///
    /// Here and below, `Bytes` are made without copying of vectors, of strings, and of what is `'static`;
    /// what is borrowed for less is made `to_owned` first. `Reply::from` copies it into a bulk string.
    #[must_use]
    pub fn simple(text: impl Into<Bytes>) -> Self {
        Self::Simple(text.into())
    }

    /// Returns an error in a line, which must have no CR or LF to be written: `ERR` or another code,
    /// a space, and a text.
    #[must_use]
    pub fn error(message: impl Into<Bytes>) -> Self {
        Self::Error(message.into())
    }

    /// Returns an error with a text from elsewhere: each CR and LF in the message becomes a space, as in the
    /// errors of Redis.
    #[must_use]
    pub fn error_lossy(message: impl AsRef<[u8]>) -> Self {
        let message = message.as_ref();
        let mut line = Vec::with_capacity(message.len());
        write_in_one_line(message, &mut Out(&mut line));
        Self::error(line)
    }

    /// Returns a bulk string.
    #[must_use]
    pub fn bulk(payload: impl Into<Bytes>) -> Self {
        Self::Bulk(payload.into())
    }

    /// Returns a verbatim string of a format such as `txt` or `mkd`.
    #[must_use]
    pub fn verbatim(format: [u8; 3], text: impl Into<Bytes>) -> Self {
        Self::Verbatim { format, text: text.into() }
    }

    /// Returns an array.
    #[must_use]
    pub fn array<T: Into<Self>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Array(values.into_iter().collect())
    }

    /// Returns a map.
    #[must_use]
    pub fn map<K: Into<Self>, V: Into<Self>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(pairs.into_iter().collect())
    }

    /// Returns a set.
    #[must_use]
    pub fn set<T: Into<Self>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Set(values.into_iter().collect())
    }

    /// Returns a push.
    #[must_use]
    pub fn push<T: Into<Self>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Push(values.into_iter().collect())
    }

    /// Returns the kind of the reply, or `Attribute` for one that is annotated.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Array(_) => Kind::Array,
            Self::Map(_) => Kind::Map,
            Self::Set(_) => Kind::Set,
            Self::Push(_) => Kind::Push,
            Self::Annotated(_) => Kind::Attribute,
            scalar => scalar.as_scalar().map_or(Kind::Null, |scalar| scalar.kind()),
        }
    }

    /// Returns the reply behind the attributes.
    #[must_use]
    pub fn without_attributes(&self) -> &Self {
        let mut reply = self;
        while let Self::Annotated(annotated) = reply {
            reply = annotated.reply();
        }
        reply
    }

    /// Returns a view of a reply that holds no others; `None` for an aggregate and for one that is
    /// annotated.
    #[must_use]
    pub fn as_scalar(&self) -> Option<ReplyRef<'_>> {
        Some(match self {
            Self::Simple(text) => ReplyRef::Simple(text),
            Self::Error(text) => ReplyRef::Error(text),
            Self::Integer(value) => ReplyRef::Integer(*value),
            Self::Bulk(payload) => ReplyRef::Bulk(payload),
            Self::Streamed(string) => ReplyRef::Streamed(string.chunks()),
            Self::NullBulk => ReplyRef::NullBulk,
            Self::NullArray => ReplyRef::NullArray,
            Self::Null => ReplyRef::Null,
            Self::Boolean(value) => ReplyRef::Boolean(*value),
            Self::Double(value) => ReplyRef::Double(*value),
            Self::BigNumber(text) => ReplyRef::BigNumber(text),
            Self::BulkError(text) => ReplyRef::BulkError(text),
            Self::Verbatim { format, text } => ReplyRef::Verbatim { format, text },
            Self::Array(_) | Self::Map(_) | Self::Set(_) | Self::Push(_) | Self::Annotated(_) => {
                return None;
            }
        })
    }

    /// Returns the bytes of a string or a big number, as [`ReplyRef::as_bytes`] does; `None` for
    /// any other kind.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        self.as_scalar()?.as_bytes().ok()
    }

    /// Returns the elements of an array, a set or a push behind any attributes.
    #[must_use]
    pub fn as_items(&self) -> Option<&Items> {
        match self.without_attributes() {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the pairs of a map behind any attributes.
    #[must_use]
    pub fn as_entries(&self) -> Option<&Entries> {
        match self.without_attributes() {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the elements of an array, a set or a push behind any attributes, to change them.
    #[must_use]
    pub fn as_items_mut(&mut self) -> Option<&mut Items> {
        match self.without_attributes_mut()? {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the pairs of a map behind any attributes, to change them.
    #[must_use]
    pub fn as_entries_mut(&mut self) -> Option<&mut Entries> {
        match self.without_attributes_mut()? {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the reply behind the attributes, to change it.
    fn without_attributes_mut(&mut self) -> Option<&mut Self> {
        let mut reply = self;
        loop {
            match reply {
                Self::Annotated(annotated) => reply = annotated.children.0.last_mut()?,
                reply => return Some(reply),
            }
        }
    }

    /// Returns whether this is one of the three nulls.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::NullBulk | Self::NullArray)
    }

    /// Returns whether this is an error, in a line or in bulk.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Error(_) | Self::BulkError(_))
    }

    /// Returns the reply and all that is in it as one flat sequence, as a view's
    /// [`tokens`](ReplyRef::tokens) are.
    #[must_use]
    pub fn tokens(&self) -> TreeTokens<'_> {
        TreeTokens::new(self)
    }

    /// The bytes that the payload of a scalar lies in, if it has one.
    pub(crate) const fn content(&self) -> Option<&Bytes> {
        match self {
            Self::Simple(bytes)
            | Self::Error(bytes)
            | Self::Bulk(bytes)
            | Self::BigNumber(bytes)
            | Self::BulkError(bytes)
            | Self::Verbatim { text: bytes, .. } => Some(bytes),
            Self::Streamed(string) => Some(string.wire()),
            _ => None,
        }
    }

    /// The head of an aggregate or an annotated reply, and its values.
    pub(super) fn children(&self) -> Option<(BranchHead, &[Reply])> {
        let (kind, children, form) = match self {
            Self::Array(items) => (Kind::Array, &items.children, items.form),
            Self::Set(items) => (Kind::Set, &items.children, items.form),
            Self::Push(items) => (Kind::Push, &items.children, items.form),
            Self::Map(entries) => (Kind::Map, &entries.children, entries.form),
            Self::Annotated(annotated) => {
                (Kind::Attribute, &annotated.children, AggregateForm::Counted)
            }
            _ => return None,
        };
        let values = children.0.len();
        let len = if kind.has_pairs() { values / 2 } else { values };
        Some((BranchHead { kind, len, form }, &children.0))
    }

    /// Takes the values out of an aggregate or an annotated reply, if there are any.
    pub(super) fn take_children(&mut self) -> Option<Vec<Self>> {
        let children = match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => &mut items.children,
            Self::Map(entries) => &mut entries.children,
            Self::Annotated(annotated) => &mut annotated.children,
            _ => return None,
        };
        (!children.0.is_empty()).then(|| mem::take(&mut children.0))
    }
}

impl PartialEq for Reply {
    /// Compares as views are compared: attributes and the difference between streamed and counted forms
    /// included, NaN equal to nothing.
    fn eq(&self, other: &Self) -> bool {
        match (self.as_scalar(), other.as_scalar()) {
            (Some(one), Some(other)) => one == other,
            (None, None) => Walk::new(self).eq(Walk::new(other)),
            _ => false,
        }
    }
}

impl PartialEq<ReplyRef<'_>> for Reply {
    fn eq(&self, other: &ReplyRef<'_>) -> bool {
        self.tokens().eq(other.tokens())
    }
}

impl PartialEq<Reply> for ReplyRef<'_> {
    fn eq(&self, other: &Reply) -> bool {
        other == self
    }
}

impl fmt::Debug for Reply {
    /// Writes the reply as its view does: on one line, and bounded in length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flat(self.tokens(), f)
    }
}
