//! The states of the automaton: each one says what may come next.

#![deny(clippy::arithmetic_side_effects)]

use crate::error::{Error, Expected};
use crate::kind::Kind;

/// What the next byte begins or belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// A value, an attribute, or the end of a streamed aggregate; in requests, a request or an argument.
    Value,
    /// A value or an attribute, but not the end of an aggregate: after an attribute that waits for its value, or as the
    /// first element of a push inside another value. The fast walk does not begin here.
    Awaited,
    /// A chunk of a streamed string, at its `;`. The chunks before it have `total` bytes.
    Chunk { total: usize },
    /// The text of a line, or the CR after it.
    Text,
    /// A length prefix, after its type byte.
    Length { prefix: Prefix, stage: LengthStage },
    /// An integer.
    Integer(IntegerStage),
    /// A double.
    Double(DoubleStage),
    /// These letters, the rest of `inf` or `nan`, in either case.
    Letters(&'static [u8]),
    /// A big number.
    BigNumber(BigNumberStage),
    /// `t` or `f`.
    Boolean,
    /// A payload. `left` bytes of it are missing, at least one.
    Payload { prefix: Prefix, left: usize },
    /// The format of a verbatim string and its `:`. `left` bytes of them are missing, and `text` bytes
    /// follow.
    Format { left: u8, text: usize },
    /// The CR of a line end, which is awaited.
    Cr(Then),
    /// The LF of a line end, which is awaited after its CR.
    Lf(Then),
    /// An inline command.
    Inline(Inline),
    /// Nothing: the frame has ended with this error.
    Failed(Error),
}

/// What has been read of an inline command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inline {
    pub(super) place: LinePlace,
    pub(super) first: FirstToken,
}

/// Where the next byte of an inline command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinePlace {
    /// Between two tokens.
    Gap,
    /// In a token, outside of quotes.
    Token,
    /// Between double quotes.
    Double,
    /// After a backslash between double quotes.
    Escape,
    /// After `\x` between double quotes, and perhaps one hexadecimal digit.
    Hex(Option<u8>),
    /// Between single quotes.
    Single,
    /// After a backslash between single quotes.
    SingleEscape,
    /// After a closing quote.
    Closed,
}

/// Whether the first token of an inline command can still turn out to be `POST` or `Host:`.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(super) struct FirstToken {
    pub(super) is_begun: bool,
    pub(super) is_ended: bool,
    pub(super) length: u8,
    /// Whether `POST` begins with the token so far, in any letter case.
    pub(super) is_post: bool,
    /// Like `is_post`, for `Host:`.
    pub(super) is_host: bool,
}

/// What follows a line end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    /// The next value: this one is complete.
    Value,
    /// The next value: a streamed aggregate is complete.
    End,
    /// A further chunk of a streamed string, after chunks of `total` bytes.
    Chunk { total: usize },
    /// The payload or the elements that the prefix announced.
    Announced { prefix: Prefix, length: usize },
    /// The chunks or the elements of a streamed form.
    Streamed(Prefix),
}

/// What a length prefix announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Bulk,
    BulkError,
    Verbatim,
    /// A chunk of a streamed string, after chunks of `total` bytes.
    Chunk {
        total: usize,
    },
    Array,
    Set,
    Map,
    Push,
    /// A push inside another value.
    NestedPush,
    Attribute,
    /// The arguments of a command.
    Command,
    /// An argument of a command.
    Argument,
}

/// How much of a length prefix has been read.
#[derive(Debug, Clone, Copy)]
pub(super) enum LengthStage {
    /// Nothing.
    Start,
    /// Digits with this value. After a 0 no digit may follow.
    Digits(usize),
    /// The `-` of a null, or of a negative number of arguments.
    Minus,
}

/// How much of an integer has been read.
#[derive(Debug, Clone, Copy)]
pub(super) enum IntegerStage {
    Start,
    Sign {
        negative: bool,
    },
    /// Digits with this value, which is at least 1.
    Digits {
        negative: bool,
        value: u64,
    },
}

/// How much of a double has been read.
#[derive(Debug, Clone, Copy)]
pub(super) enum DoubleStage {
    Start,
    Sign,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// How much of a big number has been read.
#[derive(Debug, Clone, Copy)]
pub(super) enum BigNumberStage {
    Start,
    Sign,
    Digits,
}

impl Prefix {
    /// Whether the length may be `-1`, which makes a null.
    pub(super) const fn has_null(self) -> bool {
        matches!(self, Self::Bulk | Self::Array)
    }

    /// Whether the length may be `?`, which opens a streamed form.
    pub(super) const fn has_stream(self) -> bool {
        matches!(self, Self::Bulk | Self::Array | Self::Set | Self::Map)
    }

    /// Whether bytes follow, rather than values.
    pub(super) const fn is_payload(self) -> bool {
        matches!(
            self,
            Self::Bulk | Self::BulkError | Self::Verbatim | Self::Chunk { .. } | Self::Argument
        )
    }

    /// The smallest valid length: a verbatim string has a format and a `:`, and a push inside another value a first
    /// element.
    pub(super) const fn least(self) -> usize {
        match self {
            Self::Verbatim => 4,
            Self::NestedPush => 1,
            _ => 0,
        }
    }

    /// The kind of the value, or of the value that a chunk belongs to.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Bulk | Self::Argument => Kind::Bulk,
            Self::Chunk { .. } => Kind::Streamed,
            Self::BulkError => Kind::BulkError,
            Self::Verbatim => Kind::Verbatim,
            Self::Array | Self::Command => Kind::Array,
            Self::Set => Kind::Set,
            Self::Map => Kind::Map,
            Self::Push | Self::NestedPush => Kind::Push,
            Self::Attribute => Kind::Attribute,
        }
    }

    /// How many values an aggregate of this length consists of. The length is at most [`longest`](Self::longest).
    pub(super) const fn values(self, length: usize) -> usize {
        match self {
            Self::Map | Self::Attribute => length.saturating_mul(2),
            _ => length,
        }
    }

    /// The greatest length of an aggregate of at most `elements` values.
    pub(super) const fn longest(self, elements: usize) -> usize {
        match self {
            Self::Map | Self::Attribute => elements / 2,
            _ => elements,
        }
    }

    /// What may follow the type byte.
    pub(super) const fn expected(self) -> Expected {
        match (self.has_null(), self.has_stream()) {
            _ if matches!(self, Self::Command) => Expected::Arguments,
            (true, _) => Expected::Length,
            (false, true) => Expected::Count,
            (false, false) => Expected::Digit,
        }
    }
}
