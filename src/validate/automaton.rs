//! The grammar, byte by byte.
//!
//! Each byte either leads to the next state or is refused. A refused byte is the first one that
//! cannot occur in its place, or that exceeds a limit. All errors of the grammar come from here and
//! from `inline`. The others come from callers: `Validator::advance` and `advance_token` report a
//! frame that outgrows its limit, decoders and readers a buffer that has changed, and iterators,
//! readers and codecs an unexpected end.

#![deny(clippy::arithmetic_side_effects)]

use crate::error::{ErrorKind, Expected, unexpected};
use crate::limits::LinePolicy;

use super::levels::{Ended, Level, Shape};
use super::state::{BigNumberStage, DoubleStage, IntegerStage, LengthStage, Prefix, State, Then};
use super::{Grammar, Validator};

pub(super) type Stepped<T> = Result<T, ErrorKind>;

impl Validator {
    /// Takes the byte at `offset` in the frame. Returns what it has ended.
    pub(super) fn step(&mut self, byte: u8, offset: usize) -> Stepped<Ended> {
        let ended = self.take(byte, offset)?;
        if self.nested_pushes.is_in_word() && !self.nested_pushes.take(byte) {
            return Err(ErrorKind::NestedPush);
        }
        Ok(ended)
    }

    fn take(&mut self, byte: u8, offset: usize) -> Stepped<Ended> {
        self.state = match self.state {
            State::Value => match (self.grammar(), byte) {
                (Grammar::Replies(_), b'.') => return self.end_streamed(),
                (Grammar::Replies(_), _) => self.type_byte(byte, offset)?,
                (Grammar::Requests(policy), _) if self.levels.depth() == 0 => {
                    return self.request(policy, byte, offset);
                }
                (Grammar::Requests(_), _) => {
                    expect(b'$', byte, Expected::Literal(b'$'))?;
                    start(Prefix::Argument)
                }
            },
            State::Inline(inline) => return self.inline(inline, byte, offset),
            State::Awaited => self.type_byte(byte, offset)?,
            State::Chunk { total } => {
                expect(b';', byte, Expected::Literal(b';'))?;
                start(Prefix::Chunk { total })
            }
            State::Text => match (self.grammar().lines(), byte) {
                (_, b'\r') => State::Lf(Then::Value),
                (LinePolicy::Strict, b'\n') => return unexpected(byte, Expected::TextOrCr),
                _ => State::Text,
            },
            State::Length { prefix, stage } => self.length(prefix, stage, byte, offset)?,
            State::Integer(stage) => integer(stage, byte)?,
            State::Double(stage) => double(stage, byte)?,
            State::Letters(letters) => letter(letters, byte)?,
            State::BigNumber(stage) => big_number(stage, byte)?,
            State::Boolean => match byte {
                b't' | b'f' => State::Cr(Then::Value),
                _ => return unexpected(byte, Expected::Boolean),
            },
            State::Payload { prefix, left } => Self::payload(prefix, left.saturating_sub(1)),
            State::Format { left: 1, text } => {
                expect(b':', byte, Expected::Literal(b':'))?;
                Self::payload(Prefix::Verbatim, text)
            }
            State::Format { left, text } => State::Format { left: left.saturating_sub(1), text },
            State::Cr(then) => {
                expect(b'\r', byte, Expected::Cr)?;
                State::Lf(then)
            }
            State::Lf(then) => {
                expect(b'\n', byte, Expected::Lf)?;
                return Ok(self.line_ended(then, offset.saturating_add(1)));
            }
            State::Failed(error) => return Err(error.kind),
        };
        Ok(Ended::Value)
    }

    /// Takes the type byte of a value or an attribute.
    fn type_byte(&mut self, byte: u8, offset: usize) -> Stepped<State> {
        let level = self.levels.current;
        let full = level.owed == 0;
        let state = match byte {
            b'+' | b'-' => State::Text,
            b':' => State::Integer(IntegerStage::Start),
            b',' => State::Double(DoubleStage::Start),
            b'(' if self.grammar().lines() == LinePolicy::AsSent => State::Text,
            b'(' => State::BigNumber(BigNumberStage::Start),
            b'#' => State::Boolean,
            b'_' => State::Cr(Then::Value),
            b'$' => start(Prefix::Bulk),
            b'!' => start(Prefix::BulkError),
            b'=' => start(Prefix::Verbatim),
            b'*' => start(Prefix::Array),
            b'~' => start(Prefix::Set),
            b'%' => start(Prefix::Map),
            b'>' if level.depth > 0 => start(Prefix::NestedPush),
            b'>' => start(Prefix::Push),
            b'|' => start(Prefix::Attribute),
            _ if self.may_end() => return unexpected(byte, Expected::TypeOrEnd),
            _ => return unexpected(byte, Expected::Type),
        };
        if full {
            return Err(self.too_many_elements());
        }
        // Not `*`: the depth of an array is checked with its length, because `*-1` is a null and opens
        // nothing.
        if matches!(byte, b'~' | b'%' | b'>' | b'|') {
            self.check_depth()?;
        }
        if level.shape == Shape::UnnamedPush && byte != b'|' {
            self.levels.current.shape = Shape::Counted;
            self.nested_pushes.begin_word();
        }
        if byte == b'>' && level.depth > 0 && !self.nested_pushes.is_in_word() {
            self.nested_pushes.open(offset);
        }
        Ok(state)
    }

    /// Whether `.` may come next: the current level is streamed, and no attribute or key waits for its
    /// value.
    ///
    /// This refuses a streamed map with an odd number of values. A counted map cannot have one: its
    /// header counts pairs.
    fn may_end(&self) -> bool {
        let Level { owed, shape, .. } = self.levels.current;
        let unannotated = matches!(self.state, State::Value);
        unannotated && (shape == Shape::Streamed || shape == Shape::StreamedMap && owed % 2 == 0)
    }

    /// Takes the `.` that ends a streamed aggregate.
    fn end_streamed(&mut self) -> Stepped<Ended> {
        if !self.may_end() {
            return unexpected(b'.', Expected::Type);
        }
        self.state = State::Cr(Then::End);
        Ok(Ended::Value)
    }

    /// Takes a byte of a length prefix, after its type byte.
    fn length(
        &self,
        prefix: Prefix,
        stage: LengthStage,
        byte: u8,
        offset: usize,
    ) -> Stepped<State> {
        let ended = |length| State::Lf(Then::Announced { prefix, length });
        match (stage, byte) {
            (LengthStage::Start, b'0'..=b'9') => self.digit(prefix, 0, byte, offset),
            (LengthStage::Start, b'-') if prefix.has_null() || prefix == Prefix::Command => {
                Ok(State::Length { prefix, stage: LengthStage::Minus })
            }
            (LengthStage::Start, b'?') if prefix.has_stream() => {
                if prefix == Prefix::Array {
                    self.check_depth()?;
                }
                Ok(State::Cr(Then::Streamed(prefix)))
            }
            (LengthStage::Start, _) => unexpected(byte, prefix.expected()),
            // A negative number of arguments, of any size: the array is skipped.
            (LengthStage::Minus, _) if prefix == Prefix::Command => {
                integer(IntegerStage::Sign { negative: true }, byte)
            }
            (LengthStage::Minus, _) => {
                expect(b'1', byte, Expected::NullLength)?;
                Ok(State::Cr(Then::Value))
            }
            (LengthStage::Digits(0), _) => {
                expect(b'\r', byte, Expected::Cr)?;
                Ok(ended(0))
            }
            (LengthStage::Digits(length), b'0'..=b'9') => self.digit(prefix, length, byte, offset),
            (LengthStage::Digits(length), b'\r') if length >= prefix.least() => Ok(ended(length)),
            (LengthStage::Digits(length), _) if length < prefix.least() => {
                unexpected(byte, Expected::VerbatimLength)
            }
            (LengthStage::Digits(_), _) => unexpected(byte, Expected::DigitOrCr),
        }
    }

    /// Takes a digit of a length; fails if no length within the limits begins with these digits.
    fn digit(&self, prefix: Prefix, before: usize, byte: u8, offset: usize) -> Stepped<State> {
        let value = usize::from(byte.wrapping_sub(b'0'));
        let length = before.checked_mul(10).and_then(|tens| tens.checked_add(value));
        let Some(length) = length else { return Err(self.too_long(prefix)) };
        match prefix {
            Prefix::Verbatim if length == 0 => return unexpected(byte, Expected::VerbatimLength),
            Prefix::NestedPush if length == 0 => return Err(ErrorKind::NestedPush),
            _ => {}
        }
        if prefix.is_payload() {
            self.check_payload(prefix, length, offset)?;
        } else {
            if prefix == Prefix::Array && before == 0 {
                self.check_depth()?;
            }
            if length > prefix.longest(self.limits().elements()) {
                return Err(self.too_long(prefix));
            }
        }
        Ok(State::Length { prefix, stage: LengthStage::Digits(length) })
    }

    /// Checks the digits so far of a payload's length against the limits. `offset` is that of the last
    /// digit.
    fn check_payload(&self, prefix: Prefix, length: usize, offset: usize) -> Stepped<()> {
        let bulk = self.limits().bulk();
        let room = match prefix {
            Prefix::Chunk { total } => bulk.saturating_sub(total),
            _ => bulk,
        };
        let least = if length < prefix.least() { length.saturating_mul(10) } else { length };
        if least > room {
            return Err(self.too_long(prefix));
        }
        // After the offset of the digit: the digit itself, a line end, the payload, a line end.
        let digit = offset.saturating_sub(self.start());
        let end = digit.checked_add(length).and_then(|end| end.checked_add(5));
        let is_within = end.is_some_and(|end| end <= self.limits().frame());
        let is_last_chunk = length == 0 && matches!(prefix, Prefix::Chunk { .. });
        if !is_within && !is_last_chunk {
            return Err(ErrorKind::FrameTooLong { limit: self.limits().frame() });
        }
        Ok(())
    }

    fn check_depth(&self) -> Stepped<()> {
        if self.at_full_depth() {
            return Err(ErrorKind::TooDeep { limit: self.limits().depth() });
        }
        Ok(())
    }

    /// Whether no further aggregate may be opened.
    pub(super) fn at_full_depth(&self) -> bool {
        self.levels.depth() as usize >= self.limits().depth()
    }

    /// The error for a length above the limit.
    fn too_long(&self, prefix: Prefix) -> ErrorKind {
        if prefix.is_payload() {
            ErrorKind::BulkTooLong { limit: self.limits().bulk() }
        } else {
            self.too_many_elements()
        }
    }

    fn too_many_elements(&self) -> ErrorKind {
        ErrorKind::TooManyElements { limit: self.limits().elements() }
    }

    /// Continues after a line that ends at `offset`.
    fn line_ended(&mut self, then: Then, offset: usize) -> Ended {
        let ended = match then {
            Then::Value | Then::Announced { prefix: Prefix::Command, length: 0 }
                if self.is_outside_arrays() =>
            {
                return self.skip(offset);
            }
            Then::Value | Then::Announced { prefix: Prefix::Chunk { .. }, length: 0 } => {
                self.levels.end_value()
            }
            Then::End => self.levels.end_streamed(),
            Then::Chunk { total } => {
                self.state = State::Chunk { total };
                return Ended::Value;
            }
            Then::Streamed(Prefix::Bulk) => {
                self.state = State::Chunk { total: 0 };
                return Ended::Value;
            }
            Then::Announced { prefix, length } if prefix.is_payload() => {
                self.state = announced_payload(prefix, length);
                return Ended::Value;
            }
            Then::Announced { prefix, length } => self.levels.open(Level::counted(prefix, length)),
            Then::Streamed(prefix) => {
                self.levels.open(Level::streamed(prefix, self.limits().elements()))
            }
        };
        self.settle(ended, offset)
    }

    /// Continues after a value or an attribute that ends at `offset`.
    pub(super) fn settle(&mut self, ended: Ended, offset: usize) -> Ended {
        let is_annotated = ended == Ended::Attribute;
        let is_awaited = is_annotated || self.levels.current.shape == Shape::UnnamedPush;
        self.state = if is_awaited { State::Awaited } else { State::Value };
        if is_annotated && self.levels.depth() == 0 {
            self.value_at = offset;
        }
        ended
    }

    /// The state when `left` bytes of a payload are still to come.
    pub(super) fn payload(prefix: Prefix, left: usize) -> State {
        match (prefix, left) {
            (Prefix::Chunk { total }, 0) => State::Cr(Then::Chunk { total }),
            (_, 0) => State::Cr(Then::Value),
            _ => State::Payload { prefix, left },
        }
    }
}

/// The state after the type byte of a value with a length prefix.
pub(super) const fn start(prefix: Prefix) -> State {
    State::Length { prefix, stage: LengthStage::Start }
}

fn announced_payload(prefix: Prefix, length: usize) -> State {
    match prefix {
        Prefix::Verbatim => State::Format { left: 4, text: length.saturating_sub(4) },
        Prefix::Chunk { total } => {
            Validator::payload(Prefix::Chunk { total: total.saturating_add(length) }, length)
        }
        _ => Validator::payload(prefix, length),
    }
}

fn integer(stage: IntegerStage, byte: u8) -> Stepped<State> {
    let digit = u64::from(byte.wrapping_sub(b'0'));
    let (negative, before) = match (stage, byte) {
        (IntegerStage::Start, b'+' | b'-') => {
            return Ok(State::Integer(IntegerStage::Sign { negative: byte == b'-' }));
        }
        (IntegerStage::Sign { negative: true }, b'0') => {
            return unexpected(byte, Expected::NonZeroDigit);
        }
        (IntegerStage::Start | IntegerStage::Sign { .. }, b'0') => {
            return Ok(State::Cr(Then::Value));
        }
        (IntegerStage::Start, b'1'..=b'9') => (false, 0),
        (IntegerStage::Sign { negative }, b'1'..=b'9') => (negative, 0),
        (IntegerStage::Digits { negative, value }, b'0'..=b'9') => (negative, value),
        (IntegerStage::Digits { .. }, b'\r') => return Ok(State::Lf(Then::Value)),
        (IntegerStage::Start, _) => return unexpected(byte, Expected::Integer),
        (IntegerStage::Sign { .. }, _) => return unexpected(byte, Expected::Digit),
        (IntegerStage::Digits { .. }, _) => return unexpected(byte, Expected::DigitOrCr),
    };
    let most = i64::MAX.unsigned_abs().saturating_add(u64::from(negative));
    match before.checked_mul(10).and_then(|tens| tens.checked_add(digit)) {
        Some(value) if value <= most => {
            Ok(State::Integer(IntegerStage::Digits { negative, value }))
        }
        _ => Err(ErrorKind::IntegerOverflow),
    }
}

fn double(stage: DoubleStage, byte: u8) -> Stepped<State> {
    use DoubleStage as Stage;
    let next = match (stage, byte) {
        (Stage::Start, b'+' | b'-') => Stage::Sign,
        (Stage::Start | Stage::Sign | Stage::Integer, b'0'..=b'9') => Stage::Integer,
        (Stage::Start | Stage::Sign, b'i' | b'I') => return Ok(State::Letters(b"nf")),
        (Stage::Start | Stage::Sign, b'n' | b'N') => return Ok(State::Letters(b"an")),
        (Stage::Integer, b'.') => Stage::Point,
        (Stage::Point | Stage::Fraction, b'0'..=b'9') => Stage::Fraction,
        (Stage::Integer | Stage::Fraction, b'e' | b'E') => Stage::Exponent,
        (Stage::Exponent, b'+' | b'-') => Stage::ExponentSign,
        (Stage::Exponent | Stage::ExponentSign | Stage::ExponentDigits, b'0'..=b'9') => {
            Stage::ExponentDigits
        }
        (Stage::Integer | Stage::Fraction | Stage::ExponentDigits, b'\r') => {
            return Ok(State::Lf(Then::Value));
        }
        (Stage::Start, _) => return unexpected(byte, Expected::Double),
        (Stage::Sign, _) => return unexpected(byte, Expected::UnsignedDouble),
        (Stage::Integer, _) => return unexpected(byte, Expected::PointExponentOrCr),
        (Stage::Fraction, _) => return unexpected(byte, Expected::ExponentOrCr),
        (Stage::Point | Stage::ExponentSign, _) => return unexpected(byte, Expected::Digit),
        (Stage::Exponent, _) => return unexpected(byte, Expected::Integer),
        (Stage::ExponentDigits, _) => return unexpected(byte, Expected::DigitOrCr),
    };
    Ok(State::Double(next))
}

fn letter(letters: &'static [u8], byte: u8) -> Stepped<State> {
    match letters.split_first() {
        Some((&letter, rest)) => {
            if !byte.eq_ignore_ascii_case(&letter) {
                return unexpected(byte, Expected::Literal(letter));
            }
            Ok(if rest.is_empty() { State::Cr(Then::Value) } else { State::Letters(rest) })
        }
        None => unexpected(byte, Expected::Cr),
    }
}

fn big_number(stage: BigNumberStage, byte: u8) -> Stepped<State> {
    match (stage, byte) {
        (BigNumberStage::Start, b'+' | b'-') => Ok(State::BigNumber(BigNumberStage::Sign)),
        (_, b'0'..=b'9') => Ok(State::BigNumber(BigNumberStage::Digits)),
        (BigNumberStage::Digits, b'\r') => Ok(State::Lf(Then::Value)),
        (BigNumberStage::Start, _) => unexpected(byte, Expected::Integer),
        (BigNumberStage::Sign, _) => unexpected(byte, Expected::Digit),
        (BigNumberStage::Digits, _) => unexpected(byte, Expected::DigitOrCr),
    }
}

fn expect(wanted: u8, found: u8, expected: Expected) -> Stepped<()> {
    if found == wanted { Ok(()) } else { unexpected(found, expected) }
}
