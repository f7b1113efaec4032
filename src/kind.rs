//! The alphabet of RESP: which kinds of value there are.

use core::fmt;

/// The kind of a value, by the first bytes of its wire form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `+`, a line of text.
    Simple,
    /// `-`, an error in a line.
    Error,
    /// `:`, a 64-bit signed integer.
    Integer,
    /// `$`, bytes with their length in front.
    Bulk,
    /// `$?`, bytes in chunks of their own lengths.
    Streamed,
    /// `$-1`, RESP2's null where a bulk string could stand.
    NullBulk,
    /// `*-1`, RESP2's null where an array could stand.
    NullArray,
    /// `_`, RESP3's null.
    Null,
    /// `#`, true or false.
    Boolean,
    /// `,`, a double-precision number.
    Double,
    /// `(`, an integer of any size, as text.
    BigNumber,
    /// `!`, an error with its length in front.
    BulkError,
    /// `=`, text with a format of three bytes, such as `txt` or `mkd`.
    Verbatim,
    /// `*`, values in order.
    Array,
    /// `%`, pairs of key and value in order.
    Map,
    /// `~`, values whose order means nothing.
    Set,
    /// `>`, values that answer no command.
    Push,
    /// `|`, pairs that annotate the value behind them.
    Attribute,
}

impl Kind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 18] = [
        Self::Simple,
        Self::Error,
        Self::Integer,
        Self::Bulk,
        Self::Streamed,
        Self::NullBulk,
        Self::NullArray,
        Self::Null,
        Self::Boolean,
        Self::Double,
        Self::BigNumber,
        Self::BulkError,
        Self::Verbatim,
        Self::Array,
        Self::Map,
        Self::Set,
        Self::Push,
        Self::Attribute,
    ];

    /// Returns the byte that a value of this kind begins with on the wire.
    #[must_use]
    pub const fn type_byte(self) -> u8 {
        match self {
            Self::Simple => b'+',
            Self::Error => b'-',
            Self::Integer => b':',
            Self::Bulk | Self::Streamed | Self::NullBulk => b'$',
            Self::Array | Self::NullArray => b'*',
            Self::Null => b'_',
            Self::Boolean => b'#',
            Self::Double => b',',
            Self::BigNumber => b'(',
            Self::BulkError => b'!',
            Self::Verbatim => b'=',
            Self::Map => b'%',
            Self::Set => b'~',
            Self::Push => b'>',
            Self::Attribute => b'|',
        }
    }

    /// Returns the kind that a type byte alone tells: nulls and streamed strings are `Bulk` or `Array`.
    #[must_use]
    pub const fn of_type_byte(type_byte: u8) -> Option<Self> {
        Some(match type_byte {
            b'+' => Self::Simple,
            b'-' => Self::Error,
            b':' => Self::Integer,
            b'$' => Self::Bulk,
            b'_' => Self::Null,
            b'#' => Self::Boolean,
            b',' => Self::Double,
            b'(' => Self::BigNumber,
            b'!' => Self::BulkError,
            b'=' => Self::Verbatim,
            b'*' => Self::Array,
            b'%' => Self::Map,
            b'~' => Self::Set,
            b'>' => Self::Push,
            b'|' => Self::Attribute,
            _ => return None,
        })
    }

    /// Returns whether a value of this kind holds pairs of values.
    #[must_use]
    pub const fn has_pairs(self) -> bool {
        matches!(self, Self::Map | Self::Attribute)
    }

    /// Returns whether a value of this kind holds other values.
    #[must_use]
    pub const fn is_aggregate(self) -> bool {
        self.has_pairs() || matches!(self, Self::Array | Self::Set | Self::Push)
    }
}

impl Kind {
    /// The name with its article, as messages have it.
    pub(crate) const fn with_article(self) -> WithArticle {
        WithArticle(self)
    }
}

/// A kind with its article.
pub(crate) struct WithArticle(Kind);

impl fmt::Display for WithArticle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            kind @ (Kind::Error | Kind::Integer | Kind::Array | Kind::Attribute) => {
                write!(f, "an {kind}")
            }
            Kind::Null => f.write_str("null"),
            kind => write!(f, "a {kind}"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Simple => "simple string",
            Self::Error => "error",
            Self::Integer => "integer",
            Self::Bulk => "bulk string",
            Self::Streamed => "streamed string",
            Self::NullBulk => "null bulk string",
            Self::NullArray => "null array",
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Double => "double",
            Self::BigNumber => "big number",
            Self::BulkError => "bulk error",
            Self::Verbatim => "verbatim string",
            Self::Array => "array",
            Self::Map => "map",
            Self::Set => "set",
            Self::Push => "push",
            Self::Attribute => "attribute",
        })
    }
}
