//! The alphabet of RESP: the kinds of value, their type bytes and their names.

use core::fmt;

/// Declares [`Kind`] and what belongs to each kind: its type byte, its article and its name.
macro_rules! kinds {
    (
        $count:literal kinds:
        $($(#[$doc:meta])* $kind:ident, $type_byte:literal, $article:literal $name:literal;)*
    ) => {
        /// The kind of a value, as determined by the first bytes of its wire form.
        // `repr(u64)`, because a token keeps its kind where another has the length of a payload. With one byte, the
        // compiler reads the whole word just after the byte was written, and the processor stalls: 5.4 instead of
        // 4.1 ns for each token of `GET key`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u64)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All kinds, in the order of their declaration.
            pub const ALL: [Self; $count] = [$(Self::$kind),*];

            /// Returns the first byte of a value of this kind on the wire.
            #[must_use]
            pub const fn type_byte(self) -> u8 {
                match self {
                    $(Self::$kind => $type_byte,)*
                }
            }

            /// Returns the kind that a type byte alone indicates, or `None` if it is not a type byte.
            ///
            /// `$` gives `Bulk` and `*` gives `Array`, although a null or a streamed string may begin
            /// with the same byte.
            #[must_use]
            #[allow(unreachable_patterns, reason = "some kinds share a type byte: the first counts")]
            pub const fn of_type_byte(type_byte: u8) -> Option<Self> {
                match type_byte {
                    b'$' => Some(Self::Bulk),
                    b'*' => Some(Self::Array),
                    $($type_byte => Some(Self::$kind),)*
                    _ => None,
                }
            }

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// Returns the name with its article, for messages.
            pub(crate) const fn with_article(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($article, $name),)*
                }
            }
        }
    };
}

kinds! {
    18 kinds:
    /// `+`, a line of text.
    #[doc(alias = "simple string")]
    Simple, b'+', "a " "simple string";
    /// `-`, an error message on one line.
    Error, b'-', "an " "error";
    /// `:`, a 64-bit signed integer.
    Integer, b':', "an " "integer";
    /// `$`, bytes preceded by their length.
    #[doc(alias = "bulk string")]
    Bulk, b'$', "a " "bulk string";
    /// `$?`, bytes in chunks, each with its own length.
    Streamed, b'$', "a " "streamed string";
    /// `$-1`, RESP2's null in place of a bulk string.
    #[doc(alias = "nil")]
    NullBulk, b'$', "a " "null bulk string";
    /// `*-1`, RESP2's null in place of an array.
    #[doc(alias = "nil")]
    NullArray, b'*', "a " "null array";
    /// `_`, RESP3's null.
    #[doc(alias = "nil")]
    Null, b'_', "" "null";
    /// `#`, true or false.
    Boolean, b'#', "a " "boolean";
    /// `,`, a double-precision number.
    Double, b',', "a " "double";
    /// `(`, an integer of any size, as text.
    BigNumber, b'(', "a " "big number";
    /// `!`, an error message preceded by its length.
    BulkError, b'!', "a " "bulk error";
    /// `=`, text with a format of three bytes, such as `txt` or `mkd`.
    Verbatim, b'=', "a " "verbatim string";
    /// `*`, values in order.
    Array, b'*', "an " "array";
    /// `%`, pairs of a key and a value, in order.
    Map, b'%', "a " "map";
    /// `~`, values in no particular order.
    Set, b'~', "a " "set";
    /// `>`, values that are not the reply to a command.
    #[doc(alias = "pubsub")]
    Push, b'>', "a " "push";
    /// `|`, pairs that annotate the value after them.
    Attribute, b'|', "an " "attribute";
}

impl Kind {
    /// Returns whether a value of this kind holds pairs of values.
    #[must_use]
    pub const fn has_pairs(self) -> bool {
        matches!(self, Self::Map | Self::Attribute)
    }

    /// Returns whether a value of this kind holds other values.
    ///
    /// An attribute counts as an aggregate: it holds pairs, although it is not a value itself.
    #[must_use]
    pub const fn is_aggregate(self) -> bool {
        self.has_pairs() || matches!(self, Self::Array | Self::Set | Self::Push)
    }

    /// Returns how many values make up an element: two if the elements are pairs.
    pub(crate) const fn values_per_element(self) -> usize {
        if self.has_pairs() { 2 } else { 1 }
    }
}

/// The kind of an aggregate or attribute, in one byte: a level of nesting then has few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LevelKind {
    Array,
    Map,
    Set,
    Push,
    Attribute,
}

impl LevelKind {
    /// The same kind; that of an array for a kind that is not an aggregate.
    #[inline(always)]
    pub(crate) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Map => Self::Map,
            Kind::Set => Self::Set,
            Kind::Push => Self::Push,
            Kind::Attribute => Self::Attribute,
            _ => Self::Array,
        }
    }

    #[inline(always)]
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Array => Kind::Array,
            Self::Map => Kind::Map,
            Self::Set => Kind::Set,
            Self::Push => Kind::Push,
            Self::Attribute => Kind::Attribute,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
