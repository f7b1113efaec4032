//! Why a reply is not what a caller expects, and where in it: [`ConversionError`].

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use crate::escape;
use crate::kind::Kind;
use crate::view::ReplyRef;

/// A reply is not what was expected. The error says what was expected, what was found, and where.
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
    /// Boxed, so that a `Result` stays small. Most errors have no details.
    details: Option<Box<Details>>,
}

/// What is wrong with a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    /// It is of another kind.
    Kind,
    /// Its kind is acceptable, but its value is not.
    Value,
    /// It is an error reply. The details contain its message.
    ErrorReply,
    /// The text of the details says what is wrong.
    Other,
}

#[derive(Clone, PartialEq, Eq, Default)]
struct Details {
    /// The path to the value, from the inside out.
    path: Vec<Place>,
    text: Box<[u8]>,
}

/// A step on the path to a value inside a reply.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The element at this index.
    Element(usize),
    /// The key of the pair at this index.
    Key(usize),
    /// The value of this key. Only the first 256 bytes of the key are kept.
    Field(Box<[u8]>),
}

/// How many bytes of a key are kept.
const LONGEST_KEY: usize = 256;

impl ConversionError {
    /// A reply of the wrong kind. If it is an error reply, the error carries its message.
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

    /// A reply of the wrong kind, which is not an error reply.
    pub(crate) const fn kind_only(expected: &'static str, found: Kind) -> Self {
        Self { expected, found, problem: Problem::Kind, details: None }
    }

    /// A reply of an acceptable kind, with a value that is not acceptable.
    #[cold]
    pub(crate) const fn value(expected: &'static str, found: Kind) -> Self {
        Self { expected, found, problem: Problem::Value, details: None }
    }

    /// An array of the wrong length.
    #[cold]
    pub(crate) fn count(expected: usize, found: usize, kind: Kind) -> Self {
        let text = format!("expected {expected} elements, found {found}");
        Self { problem: Problem::Other, ..Self::kind_only("an array of another length", kind) }
            .with_text(text.into_bytes().into())
    }

    /// A flat array that does not divide into tuples of this many elements.
    #[cold]
    pub(crate) fn multiple(each: usize, found: usize, kind: Kind) -> Self {
        let text = format!("expected a multiple of {each} elements, found {found}");
        Self { problem: Problem::Other, ..Self::kind_only("an array of another length", kind) }
            .with_text(text.into_bytes().into())
    }

    /// An aggregate whose keys and values are elements, and that has an odd number of them.
    #[cold]
    pub(crate) fn odd(expected: &'static str, found: usize, kind: Kind) -> Self {
        let kind_text = kind.with_article();
        let text = format!(
            "expected {expected}, found {kind_text} with an odd number of elements ({found})"
        );
        Self { problem: Problem::Other, ..Self::kind_only(expected, kind) }
            .with_text(text.into_bytes().into())
    }

    /// A field that a type needs is missing.
    #[cold]
    pub(crate) fn missing(field: &str, reply: &ReplyRef<'_>) -> Self {
        Self::custom(format_args!("missing field `{field}`"), reply)
    }

    /// Returns an error for your own type. The text should say what was expected and what was found.
    #[must_use]
    pub fn custom(text: impl fmt::Display, found: &ReplyRef<'_>) -> Self {
        Self { problem: Problem::Other, ..Self::kind_only("a value", found.kind()) }
            .with_text(text.to_string().into_bytes().into())
    }

    fn with_text(mut self, text: Box<[u8]>) -> Self {
        self.details.get_or_insert_default().text = text;
        self
    }

    /// Returns the error with this place prepended to its path.
    #[cold]
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.details.get_or_insert_default().path.push(place);
        self
    }

    /// Returns the error with this key prepended to its path.
    pub(crate) fn at_field(self, key: &ReplyRef<'_>) -> Self {
        let key = key.key_text().unwrap_or_default();
        self.at(Place::Field(key.get(..LONGEST_KEY).unwrap_or(&key).into()))
    }

    /// Returns the error with its place inside a tuple of a flat list as a place in the list, in which the tuple begins at
    /// `start`.
    #[cfg(feature = "serde")]
    #[cold]
    pub(crate) fn in_flat_list(mut self, start: usize) -> Self {
        let path = self.details.as_mut().and_then(|details| details.path.last_mut());
        let Some(Place::Element(index)) = path else { return self.at(Place::Element(start)) };
        *index = index.saturating_add(start);
        self
    }

    /// Returns what was expected, such as `an integer`. For a [`custom`](Self::custom) error it is only `a value`.
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        self.expected
    }

    /// Returns the kind of the reply that was found. Errors that `zresp::de` reports through serde, such as a missing
    /// field, always give [`Kind::Null`].
    #[must_use]
    pub const fn found(&self) -> Kind {
        self.found
    }

    /// Returns the message of the error reply, if one was found.
    #[must_use]
    pub fn error_reply(&self) -> Option<&[u8]> {
        let details = self.details.as_ref().filter(|_| self.problem == Problem::ErrorReply)?;
        Some(&details.text)
    }

    /// Returns the path to the value inside the reply, from the outside in. It is empty for the reply itself.
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
            if number == escape::VALUES {
                f.write_str("…")?;
                break;
            }
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

impl fmt::Debug for ConversionError {
    /// Writes the message.
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
