//! A reply as a tree, to build and to change.

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

/// An owned reply, to build and to change.
///
/// It has the variants of [`ReplyRef`], with [`Bytes`] as payloads and vectors as aggregates, and
/// one more for attributes. [`From`] and [`FromIterator`] turn Rust values into a tree, and
/// [`Encode`](crate::Encode) writes it. To keep a reply unchanged, a [`Frame`](crate::Frame) is
/// cheaper.
///
/// Payloads that come from one view or frame share one allocation, which lives as long as any of
/// them. To keep one small payload of a large reply, copy it.
///
/// Building, cloning, comparing, writing and dropping a tree do not recurse on its depth, so a deep
/// tree does not overflow the stack.
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
    /// `+`: a line of text. If it contains a CR or LF, it cannot be encoded.
    #[doc(alias = "simple string")]
    #[doc(alias = "status")]
    Simple(Bytes),
    /// `-`: an error in a line. If it contains a CR or LF, it cannot be encoded.
    Error(Bytes),
    /// `:`: an integer.
    Integer(i64),
    /// `$`: a string of any bytes.
    #[doc(alias = "bulk string")]
    Bulk(Bytes),
    /// `$?`: a string of any bytes, in chunks.
    #[doc(alias = "bulk string")]
    Streamed(StreamedString),
    /// `$-1`: RESP2's null in the place of a bulk string.
    #[doc(alias = "nil")]
    NullBulk,
    /// `*-1`: RESP2's null in the place of an array.
    #[doc(alias = "nil")]
    NullArray,
    /// `_`: RESP3's null.
    #[doc(alias = "nil")]
    Null,
    /// `#`: a boolean.
    Boolean(bool),
    /// `,`: a double.
    Double(f64),
    /// `(`: an integer of any size, as text. If it is not an optional sign and digits, it cannot be
    /// encoded.
    BigNumber(Bytes),
    /// `!`: an error message of any bytes.
    BulkError(Bytes),
    /// `=`: text in a named format.
    Verbatim {
        /// Three bytes, such as `txt` or `mkd`.
        format: [u8; 3],
        /// The text.
        text: Bytes,
    },
    /// `*`: values in order.
    #[doc(alias = "multi bulk")]
    #[doc(alias = "list")]
    Array(Items),
    /// `%`: pairs in order. Duplicate keys are kept.
    #[doc(alias = "hash")]
    Map(Entries),
    /// `~`: values in order. Duplicates are kept.
    Set(Items),
    /// `>`: values that are not the reply to a command.
    #[doc(alias = "pubsub")]
    Push(Items),
    /// `|`: a reply with an attribute before it.
    Annotated(Annotated),
}

impl Reply {
    /// Returns a simple string. If the text contains a CR or LF, it cannot be encoded.
    ///
    /// A `Vec<u8>`, a `String` and a `'static` slice become [`Bytes`] without a copy. Call
    /// `to_owned` on text that is borrowed for a shorter time. The same holds for the other
    /// functions that take `Into<Bytes>`.
    #[doc(alias = "simple string")]
    #[doc(alias = "status")]
    #[must_use]
    pub fn simple(text: impl Into<Bytes>) -> Self {
        Self::Simple(text.into())
    }

    /// Returns an error line with this message: `ERR` or another code, a space, and a text. If the message contains a
    /// CR or LF, it cannot be encoded: see [`error_lossy`](Self::error_lossy).
    #[must_use]
    pub fn error(message: impl Into<Bytes>) -> Self {
        Self::Error(message.into())
    }

    /// Returns an error line in which each CR and LF of the message has become a space, as in the
    /// errors of Redis.
    ///
    /// Use it for messages that contain text from elsewhere.
    #[must_use]
    pub fn error_lossy(message: impl AsRef<[u8]>) -> Self {
        let message = message.as_ref();
        let mut line = Vec::with_capacity(message.len());
        write_in_one_line(message, &mut Out(&mut line));
        Self::error(line)
    }

    /// Returns a bulk string. `Reply::from` does the same with a copy of a borrowed string.
    #[doc(alias = "bulk string")]
    #[must_use]
    pub fn bulk(payload: impl Into<Bytes>) -> Self {
        Self::Bulk(payload.into())
    }

    /// Returns a verbatim string in a format such as `txt` or `mkd`.
    #[must_use]
    pub fn verbatim(format: [u8; 3], text: impl Into<Bytes>) -> Self {
        Self::Verbatim { format, text: text.into() }
    }

    /// Returns an array.
    #[doc(alias = "multi bulk")]
    #[must_use]
    pub fn array<T: Into<Self>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Array(values.into_iter().collect())
    }

    /// Returns a map. Duplicate keys are kept.
    #[must_use]
    pub fn map<K: Into<Self>, V: Into<Self>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(pairs.into_iter().collect())
    }

    /// Returns a set. Duplicates are kept.
    #[must_use]
    pub fn set<T: Into<Self>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Set(values.into_iter().collect())
    }

    /// Returns a push.
    #[must_use]
    pub fn push<T: Into<Self>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Push(values.into_iter().collect())
    }

    /// Returns the kind of the reply; [`Kind::Attribute`] if it is annotated.
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

    /// Returns the reply without the attributes before it.
    #[must_use]
    pub fn without_attributes(&self) -> &Self {
        let mut reply = self;
        while let Self::Annotated(annotated) = reply {
            reply = annotated.reply();
        }
        reply
    }

    /// Returns a view of a scalar; `None` if the reply is an aggregate or is annotated.
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
    /// any other kind, for a streamed string of several chunks, and if the reply is annotated.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        self.as_scalar()?.as_bytes().ok()
    }

    /// Returns the elements of an array, a set or a push; `None` for any other kind. Attributes
    /// before it are skipped.
    #[must_use]
    pub fn as_items(&self) -> Option<&Items> {
        match self.without_attributes() {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the pairs of a map; `None` for any other kind. Attributes before it are skipped.
    #[must_use]
    pub fn as_entries(&self) -> Option<&Entries> {
        match self.without_attributes() {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the elements that [`as_items`](Self::as_items) returns, to change them.
    #[must_use]
    pub fn as_items_mut(&mut self) -> Option<&mut Items> {
        match self.without_attributes_mut()? {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the pairs that [`as_entries`](Self::as_entries) returns, to change them.
    #[must_use]
    pub fn as_entries_mut(&mut self) -> Option<&mut Entries> {
        match self.without_attributes_mut()? {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the reply without the attributes before it, to change it.
    fn without_attributes_mut(&mut self) -> Option<&mut Self> {
        let mut reply = self;
        loop {
            match reply {
                Self::Annotated(annotated) => reply = annotated.children.0.last_mut()?,
                reply => return Some(reply),
            }
        }
    }

    /// Returns whether this is one of the three nulls: `_`, `$-1` or `*-1`.
    #[doc(alias = "nil")]
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::NullBulk | Self::NullArray)
    }

    /// Returns whether this is an error: an error line or a bulk error.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Error(_) | Self::BulkError(_))
    }

    /// Returns the reply and everything in it as one flat sequence, like [`ReplyRef::tokens`]. The
    /// attributes before the reply are included.
    #[doc(alias = "visit")]
    #[must_use]
    pub fn tokens(&self) -> TreeTokens<'_> {
        TreeTokens::new(self)
    }

    /// The bytes of a scalar's payload; `None` if it has none. For a streamed string they are the
    /// chunks in wire form.
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

    /// The head and the values of an aggregate or an annotated reply.
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

    /// Takes the values out of an aggregate or an annotated reply; `None` if there are no values.
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
    /// Compares the values in one pass, including the attributes.
    ///
    /// The three nulls differ from each other, and a streamed form differs from a counted one. As
    /// for any `f64`, NaN is not equal to anything.
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
    /// Writes the reply on one line, bounded in length, in the format of a [`ReplyRef`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flat(self.tokens(), f)
    }
}
