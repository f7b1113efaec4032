//! The states of the automaton: where it stands between two bytes.

#![deny(clippy::arithmetic_side_effects)]

use crate::error::{Error, Expected};

/// The part of a value that the next byte belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// A value, an attribute, or the end of a streamed aggregate.
    Value,
    /// A value or a further attribute: one attribute has been read and waits for its value.
    Annotated,
    /// The `;` of a chunk, after chunks of `total` bytes.
    Chunk { total: usize },
    /// The text of a line.
    Text,
    /// A length prefix.
    Length { prefix: Prefix, stage: LengthStage },
    /// An integer.
    Integer(IntegerStage),
    /// A double.
    Double(DoubleStage),
    /// The lower-case forms of the letters of `inf` or `nan` still to come.
    Letters(&'static [u8]),
    /// A big number.
    BigNumber(BigNumberStage),
    /// `t` or `f`.
    Boolean,
    /// A payload; `left` bytes of it are still to come.
    Payload { prefix: Prefix, left: usize },
    /// The format of a verbatim string and its `:`, with `text` bytes to follow.
    Format { left: u8, text: usize },
    /// CR.
    Cr(Then),
    /// LF.
    Lf(Then),
    /// An inline command.
    Inline(Inline),
    /// Nothing: the frame is broken.
    Failed(Error),
}

/// How much of an inline command has been read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inline {
    pub(super) place: LinePlace,
    pub(super) first: FirstToken,
}

/// Where in an inline command the scan stands.
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
    /// After `\x`, and perhaps one hexadecimal digit.
    Hex(Option<u8>),
    /// Between single quotes.
    Single,
    /// After a backslash between single quotes.
    SingleEscape,
    /// After a closing quote.
    Closed,
}

/// What the first token of an inline command may still be: the first word of an HTTP request.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(super) struct FirstToken {
    pub(super) is_begun: bool,
    pub(super) is_ended: bool,
    pub(super) length: u8,
    /// Whether it has been the beginning of `POST` so far, in any letter case.
    pub(super) is_post: bool,
    /// As `is_post`, of `Host:`.
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
    /// Digits of this value; a zero can have no more.
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
    /// Digits of this value, from 1 up.
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
    /// Whether `-1` may stand for the length.
    pub(super) const fn has_null(self) -> bool {
        matches!(self, Self::Bulk | Self::Array)
    }

    /// Whether `?` may stand for the length.
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

    /// The smallest valid length: a verbatim string has a format and a `:`.
    pub(super) const fn least(self) -> usize {
        if matches!(self, Self::Verbatim) { 4 } else { 0 }
    }

    /// How many values an aggregate of this length consists of.
    pub(super) const fn values(self, length: usize) -> usize {
        match self {
            Self::Map | Self::Attribute => length.saturating_mul(2),
            _ => length,
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
