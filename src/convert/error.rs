//! Why a reply is not what was asked for, and where in it.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use crate::escape;
use crate::kind::Kind;

use crate::view::ReplyRef;

/// A reply is not what was asked for: what was expected, what came, and where.
///
/// ```
/// use std::collections::BTreeMap;
///
/// let frame = zresp::decode(b"*1\r\n%1\r\n+count\r\n+many\r\n")?.expect("a whole frame");
/// let error = frame.reply().to::<Vec<BTreeMap<String, u32>>>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "expected an unsigned integer of 32 bits, found a simple string that is not one \
///      at element 0, field \"count\"",
/// );
/// # Ok::<(), zresp::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConversionError {
    expected: &'static str,
    found: Kind,
    problem: Problem,
    /// What most errors do without.
    details: Option<Box<Details>>,
}

/// Why a reply is not what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    /// It is of another kind.
    Kind,
    /// It is of a kind that could be it, but not with this value.
    Value,
    /// It is an error, whose message is among the details.
    ErrorReply,
    /// The text among the details says what is wrong.
    Other,
}

#[derive(Clone, PartialEq, Eq, Default)]
struct Details {
    /// Where, from the inside out.
    path: Vec<Place>,
    text: Box<[u8]>,
}

/// A step on the way to a value inside a reply.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// An element by its index.
    Element(usize),
    /// The key of the pair of this index.
    Key(usize),
    /// The value of a key, of which the first 256 bytes are kept.
    Field(Box<[u8]>),
}

/// How much of a key is kept.
const LONGEST_KEY: usize = 256;

impl ConversionError {
    /// A reply of a kind that does not serve; an error reply is told as such.
    #[cold]
    pub(crate) fn kind(expected: &'static str, reply: &ReplyRef<'_>) -> Self {
        let error = Self::kind_only(expected, reply.kind());
        match reply.as_error() {
            Some(message) => {
                Self { problem: Problem::ErrorReply, ..error }.with_text(message.into())
            }
            None => error,
        }
    }

    /// A reply of a kind that does not serve, and is no error reply.
    pub(crate) const fn kind_only(expected: &'static str, found: Kind) -> Self {
        Self { expected, found, problem: Problem::Kind, details: None }
    }

    /// A reply of a kind that could serve, but not with this value.
    #[cold]
    pub(crate) const fn value(expected: &'static str, found: Kind) -> Self {
        Self { expected, found, problem: Problem::Value, details: None }
    }

    /// An array of so many elements in place of so many others.
    #[cold]
    pub(crate) fn count(expected: usize, found: usize, kind: Kind) -> Self {
        let text = format!("expected {expected} elements, found {found}");
        Self { problem: Problem::Other, ..Self::kind_only("an array of another length", kind) }
            .with_text(text.into_bytes().into())
    }

    /// Returns an error of a type of one's own, with a text that says what was expected and what came.
    #[must_use]
    pub fn custom(text: impl fmt::Display, found: &ReplyRef<'_>) -> Self {
        Self { problem: Problem::Other, ..Self::kind_only("a value", found.kind()) }
            .with_text(text.to_string().into_bytes().into())
    }

    fn with_text(mut self, text: Box<[u8]>) -> Self {
        self.details.get_or_insert_default().text = text;
        self
    }

    /// Returns the same error as it is seen from one level further out, where the value is at this place.
    #[cold]
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.details.get_or_insert_default().path.push(place);
        self
    }

    /// The same error, seen from the map in which it is the value of this key.
    pub(crate) fn at_field(self, key: &ReplyRef<'_>) -> Self {
        let key = match key {
            ReplyRef::Integer(value) => itoa::Buffer::new().format(*value).as_bytes().into(),
            key => {
                let bytes = key.to_bytes().unwrap_or_default();
                bytes.get(..LONGEST_KEY).unwrap_or(&bytes).into()
            }
        };
        self.at(Place::Field(key))
    }

    /// Returns what was asked for, as `an integer`; only `a value` for a [`custom`](Self::custom) error.
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        self.expected
    }

    /// Returns what the reply is.
    #[must_use]
    pub const fn found(&self) -> Kind {
        self.found
    }

    /// Returns the message, if what came is an error reply.
    #[must_use]
    pub fn error_reply(&self) -> Option<&[u8]> {
        let details = self.details.as_ref().filter(|_| self.problem == Problem::ErrorReply)?;
        Some(&details.text)
    }

    /// Returns the way to the value inside the reply, from the outside in; empty if it is the reply
    /// itself.
    pub fn path(&self) -> impl Iterator<Item = &Place> {
        self.details.iter().flat_map(|details| details.path.iter().rev())
    }
}

impl fmt::Display for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.details.as_ref().map(|details| &*details.text).unwrap_or_default();
        match self.problem {
            Problem::Kind => {
                write!(f, "expected {}, found {}", self.expected, self.found.with_article())
            }
            Problem::Value => {
                let found = self.found.with_article();
                let failing =
                    if self.found == Kind::Integer { "does not fit" } else { "is not one" };
                write!(f, "expected {}, found {found} that {failing}", self.expected)
            }
            Problem::ErrorReply => f.write_str("error reply"),
            Problem::Other => escape::text(text, f),
        }?;
        for (number, place) in self.path().enumerate() {
            f.write_str(if number == 0 { " at " } else { ", " })?;
            fmt::Display::fmt(place, f)?;
        }
        if self.problem == Problem::ErrorReply {
            f.write_str(": ")?;
            escape::text(text, f)?;
        }
        Ok(())
    }
}

impl core::error::Error for ConversionError {}

/// As the message.
impl fmt::Debug for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConversionError").field(&format_args!("{self}")).finish()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(index) => write!(f, "element {index}"),
            Self::Key(index) => write!(f, "key {index}"),
            Self::Field(key) => {
                f.write_str("field ")?;
                escape::bytes(key, f)
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
