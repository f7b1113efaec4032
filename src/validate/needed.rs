//! The smallest number of bytes that can complete a frame.

use super::levels::{Level, Shape};
use super::nested_push;
use super::state::{BigNumberStage, DoubleStage, IntegerStage, LengthStage, Prefix, State, Then};
use super::{Grammar, InlinePolicy, Validator};

/// Wide enough for any sum of lengths.
type Sum = u128;

/// The shortest value: `+` or `_`, and CRLF.
const VALUE: Sum = 3;
/// The shortest argument of a command: `$0`, CRLF, CRLF.
const ARGUMENT: Sum = 6;
/// The end of a streamed aggregate, `.` CRLF. The end of a streamed string, `;0` CRLF, is one byte
/// longer.
const END: Sum = 3;
const CRLF: Sum = 2;
/// By how much the shortest first element of a push inside another value is longer than the shortest value.
const FOR_THE_WORD: Sum = nested_push::SHORTEST as Sum - VALUE;

/// What the validator is in the middle of, seen from a level.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// Nothing: it is between two values.
    Gap,
    /// One of the values that the level owes.
    Value,
    /// An attribute. The level still owes the value that it annotates.
    Attribute,
}

impl Validator {
    /// Returns the smallest number of further bytes that can complete the frame.
    ///
    /// It is the sum of three parts: the shortest end of the value in progress, the shortest values that
    /// the current level owes, and those that each level around it owes. The value in progress counts as
    /// one of those owed values, but an attribute in progress does not. Announced lengths may add up to
    /// more than a `usize`, so the sum has 128 bits and is clamped at the end.
    pub(crate) fn needed(&self) -> usize {
        if self.failure().is_some() {
            return 0;
        }
        let least = match self.grammar() {
            Grammar::Replies(_) => VALUE,
            Grammar::Requests(policy) if self.is_outside_arrays() => {
                return usize::try_from(self.rest_of_request(policy)).unwrap_or(usize::MAX);
            }
            Grammar::Requests(_) => ARGUMENT,
        };
        let (mut bytes, inside) = self.rest_of_value();
        let level = self.levels.current;
        let counted = u32::from(inside == Inside::Value);
        let unread = Level { owed: level.owed.saturating_sub(counted), ..level };
        // A level whose `.` has been read does not need another.
        if !matches!(self.state, State::Cr(Then::End) | State::Lf(Then::End)) {
            bytes += rest_of_level(unread, inside, least);
        }
        let mut inner = level.shape;
        for level in self.levels.outer() {
            let inside = match inner {
                Shape::Attribute => Inside::Attribute,
                _ => Inside::Value,
            };
            bytes += rest_of_level(level, inside, least);
            inner = level.shape;
        }
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The bytes that can end the value in progress.
    fn rest_of_value(&self) -> (Sum, Inside) {
        if let Some(rest) = self.nested_pushes.rest() {
            return (rest as Sum, Inside::Value);
        }
        let bytes = match self.state {
            State::Failed(_) | State::Inline(_) => 0,
            State::Value => return (0, Inside::Gap),
            State::Awaited => return (0, Inside::Attribute),
            State::Chunk { .. } => END + 1,
            State::Length { prefix, stage } => self.rest_of_length(prefix, stage),
            State::Text
            | State::Integer(IntegerStage::Digits { .. })
            | State::BigNumber(BigNumberStage::Digits)
            | State::Double(
                DoubleStage::Integer | DoubleStage::Fraction | DoubleStage::ExponentDigits,
            ) => CRLF,
            State::Integer(_) | State::BigNumber(_) | State::Double(_) | State::Boolean => 1 + CRLF,
            State::Letters(letters) => letters.len() as Sum + CRLF,
            State::Payload { prefix, left } => left as Sum + CRLF + after_payload(prefix),
            State::Format { left, text } => Sum::from(left) + text as Sum + CRLF,
            State::Cr(then) => CRLF + after_line(then),
            State::Lf(then) => 1 + after_line(then),
        };
        let attribute = match self.state {
            State::Length { prefix, .. }
            | State::Cr(Then::Announced { prefix, .. })
            | State::Lf(Then::Announced { prefix, .. }) => prefix == Prefix::Attribute,
            _ => false,
        };
        (bytes, if attribute { Inside::Attribute } else { Inside::Value })
    }

    /// The bytes that can end a request while no array is open.
    fn rest_of_request(&self, policy: InlinePolicy) -> Sum {
        let request = match policy {
            // One letter and LF.
            InlinePolicy::Accept => 2,
            // `*1` CRLF.
            InlinePolicy::Refuse => 2 + CRLF + ARGUMENT,
        };
        match self.state {
            State::Inline(inline) => inline.needed() as Sum,
            State::Length { prefix, stage } => match stage {
                LengthStage::Start => 1 + CRLF + request.min(ARGUMENT),
                LengthStage::Minus => 1 + CRLF + request,
                LengthStage::Digits(0) => CRLF + request,
                LengthStage::Digits(length) => CRLF + ARGUMENT * prefix.values(length) as Sum,
            },
            State::Integer(IntegerStage::Digits { .. }) => CRLF + request,
            State::Lf(Then::Announced { length: length @ 1.., .. }) => 1 + ARGUMENT * length as Sum,
            State::Lf(_) => 1 + request,
            _ => request,
        }
    }

    /// The bytes that can end a value, from the middle of its length prefix.
    fn rest_of_length(&self, prefix: Prefix, stage: LengthStage) -> Sum {
        match stage {
            LengthStage::Minus => 1 + CRLF,
            LengthStage::Digits(length) if length < prefix.least() => {
                1 + CRLF + after_length(prefix, length.saturating_mul(10))
            }
            LengthStage::Digits(length) => CRLF + after_length(prefix, length),
            // `$-1` CRLF is shorter than `$0` CRLF CRLF.
            LengthStage::Start if prefix == Prefix::Bulk => 2 + CRLF,
            // At full depth, `*0` is refused and `*-1` is not.
            LengthStage::Start if prefix == Prefix::Array && self.at_full_depth() => 2 + CRLF,
            LengthStage::Start => 1 + CRLF + after_length(prefix, prefix.least()),
        }
    }
}

/// The bytes that must follow a line end before the value ends.
fn after_line(then: Then) -> Sum {
    match then {
        Then::Value | Then::End => 0,
        Then::Chunk { .. } | Then::Streamed(Prefix::Bulk) => END + 1,
        Then::Streamed(_) => END,
        Then::Announced { prefix, length } => after_length(prefix, length),
    }
}

/// The bytes that must follow the line end of a length prefix.
fn after_length(prefix: Prefix, length: usize) -> Sum {
    match prefix {
        Prefix::NestedPush => VALUE * length as Sum + FOR_THE_WORD,
        _ if !prefix.is_payload() => VALUE * prefix.values(length) as Sum,
        Prefix::Chunk { .. } if length == 0 => 0,
        _ => length as Sum + CRLF + after_payload(prefix),
    }
}

/// The bytes that must follow the line end of a payload.
fn after_payload(prefix: Prefix) -> Sum {
    if matches!(prefix, Prefix::Chunk { .. }) { END + 1 } else { 0 }
}

/// The bytes that a level needs after the value or attribute in progress. `least` is the size of its
/// shortest value.
fn rest_of_level(Level { owed, shape, .. }: Level, inside: Inside, least: Sum) -> Sum {
    match shape {
        Shape::Counted | Shape::Attribute => least * Sum::from(owed),
        Shape::UnnamedPush => least * Sum::from(owed) + FOR_THE_WORD,
        Shape::StreamedMap if owed % 2 == 1 => VALUE + END,
        Shape::StreamedMap if inside == Inside::Attribute => 2 * VALUE + END,
        Shape::Streamed if inside == Inside::Attribute => VALUE + END,
        Shape::Streamed | Shape::StreamedMap => END,
    }
}
