//! The lines of a synchronisation, byte by byte.

use crate::error::{Error, ErrorKind, Expected, unexpected};

use super::event::Happened;
use super::{ID, SyncDecoder};

/// What the decoder expects next.
#[derive(Debug, Clone, Copy)]
pub(super) enum SyncState {
    /// LF bytes, then the first byte of an answer.
    Answer,
    /// The first letter after the `+`.
    Letter,
    /// These bytes, which are never empty.
    Literal(&'static [u8], AfterLiteral),
    /// A space and an id, or the end of the line.
    MayHaveId,
    /// The rest of an id, after this many bytes of it.
    Id(usize, IdOf),
    /// The space after an id.
    Space(SyncNumber),
    /// The rest of a number, after digits with this value; `None` before the first one.
    Number(Option<u64>, SyncNumber),
    /// CR.
    Cr(SyncLine),
    /// LF.
    Lf(SyncLine),
    /// LF bytes, then the `$` of the payload or the `-` of a refusal.
    Header,
    /// What follows the `$`: the first digit of the payload's length, or `EOF:`. At the beginning of
    /// an answer it may also be `ENDOFF:`.
    Form(DollarAt),
    /// The second letter of `EOF:` or `ENDOFF:`.
    SecondLetter,
    /// The rest of the mark, after this many bytes of it.
    Mark(usize),
    /// This many bytes of payload.
    Counted(u64),
    /// Payload up to the mark. This many bytes are held back, because they equal the first bytes of
    /// the mark.
    UntilMark(usize),
    /// The rest of an error message.
    Refusal,
    /// Nothing: the commands follow.
    Commands,
    /// Nothing: an earlier call has failed.
    Failed(Error),
}

/// Where a `$` is.
#[derive(Debug, Clone, Copy)]
pub(super) enum DollarAt {
    /// At the beginning of the answer, which is that to `SYNC`.
    First,
    /// After the line of the answer.
    AfterLine,
}

/// The literal that is being read: its last byte leads to the next part.
#[derive(Debug, Clone, Copy)]
pub(super) enum AfterLiteral {
    Full,
    Continue,
    DualChannel,
    RdbChannel,
    EndOffset,
    /// `-1 ` in place of the database of `$ENDOFF:`.
    NoDatabase {
        offset: u64,
    },
    Mark,
}

/// The line that an id is part of.
#[derive(Debug, Clone, Copy)]
pub(super) enum IdOf {
    Full,
    Continue,
    EndOffset { offset: u64 },
}

/// What a number means.
#[derive(Debug, Clone, Copy)]
pub(super) enum SyncNumber {
    /// The offset of `+FULLRESYNC`.
    Offset,
    /// The client id of `+RDBCHANNELSYNC`.
    RdbChannel,
    /// The offset of `$ENDOFF:`.
    EndOffset,
    /// The database of `$ENDOFF:`.
    Database { offset: u64 },
    /// The client id of `$ENDOFF:`.
    Client { offset: u64, database: Option<u64> },
    /// The length of the payload.
    Length,
}

/// A line that has been read except for its CRLF or its LF.
#[derive(Debug, Clone, Copy)]
pub(super) enum SyncLine {
    Full { offset: u64 },
    Continue { has_id: bool },
    DualChannel,
    RdbChannel { client_id: u64 },
    EndOffset { offset: u64, database: Option<u64>, client_id: u64 },
    Length(u64),
    Mark,
    Refusal,
}

impl SyncDecoder {
    /// Takes one byte of a line, or an LF before a line.
    pub(super) fn step(&mut self, byte: u8) -> Result<Option<Happened>, ErrorKind> {
        self.state = match (self.state, byte) {
            (SyncState::Answer, b'\n') => SyncState::Answer,
            (SyncState::Answer, b'+') => SyncState::Letter,
            (SyncState::Answer, b'$') => SyncState::Form(DollarAt::First),
            (SyncState::Answer | SyncState::Header, b'-') => SyncState::Refusal,
            (SyncState::Answer, _) => return unexpected(byte, Expected::SyncLine),
            (SyncState::Letter, _) => match byte {
                b'F' => SyncState::Literal(b"ULLRESYNC ", AfterLiteral::Full),
                b'C' => SyncState::Literal(b"ONTINUE", AfterLiteral::Continue),
                b'D' => SyncState::Literal(b"UALCHANNELSYNC", AfterLiteral::DualChannel),
                b'R' => SyncState::Literal(b"DBCHANNELSYNC ", AfterLiteral::RdbChannel),
                _ => return unexpected(byte, Expected::SyncWord),
            },
            (SyncState::Literal(text, after), _) => match text.split_first() {
                Some((&first, rest)) if byte == first => after.state(rest),
                Some((&first, _)) => return unexpected(byte, Expected::Literal(first)),
                None => SyncState::Answer,
            },
            (SyncState::MayHaveId, b' ') => SyncState::Id(0, IdOf::Continue),
            (SyncState::MayHaveId, b'\r') => SyncState::Lf(SyncLine::Continue { has_id: false }),
            (SyncState::MayHaveId, _) => return unexpected(byte, Expected::SpaceOrCr),
            (SyncState::Id(at, line), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.keep(at, byte);
                match line {
                    _ if at + 1 < ID => SyncState::Id(at + 1, line),
                    IdOf::Full => SyncState::Space(SyncNumber::Offset),
                    IdOf::Continue => SyncState::Cr(SyncLine::Continue { has_id: true }),
                    IdOf::EndOffset { offset } => SyncState::Space(SyncNumber::Database { offset }),
                }
            }
            (SyncState::Id(..), _) => return unexpected(byte, Expected::HexDigit),
            (SyncState::Space(number), b' ') => SyncState::Number(None, number),
            (SyncState::Space(_), _) => return unexpected(byte, Expected::Literal(b' ')),
            (SyncState::Number(None, SyncNumber::Database { offset }), b'-') => {
                SyncState::Literal(b"1 ", AfterLiteral::NoDatabase { offset })
            }
            (SyncState::Number(Some(value), number), _) if byte == number.end() => {
                number.followed_by(value)
            }
            (SyncState::Number(value, number), _) => {
                SyncState::Number(Some(number.digit(value, byte)?), number)
            }
            (SyncState::Cr(line), b'\r') => SyncState::Lf(line),
            (SyncState::Cr(_), _) => return unexpected(byte, Expected::Cr),
            (SyncState::Lf(line), b'\n') => {
                self.state = line.followed_by();
                return Ok(Some(Happened::Line(line)));
            }
            (SyncState::Lf(_), _) => return unexpected(byte, Expected::Lf),
            (SyncState::Header, b'\n') => SyncState::Header,
            (SyncState::Header, b'$') => SyncState::Form(DollarAt::AfterLine),
            (SyncState::Header, _) => return unexpected(byte, Expected::SyncHeader),
            (SyncState::Form(_), b'0'..=b'9') => {
                SyncState::Number(Some(u64::from(byte - b'0')), SyncNumber::Length)
            }
            (SyncState::Form(DollarAt::First), b'E') => SyncState::SecondLetter,
            (SyncState::Form(DollarAt::First), _) => {
                return unexpected(byte, Expected::SyncFirstForm);
            }
            (SyncState::Form(DollarAt::AfterLine), b'E') => {
                SyncState::Literal(b"OF:", AfterLiteral::Mark)
            }
            (SyncState::Form(DollarAt::AfterLine), _) => {
                return unexpected(byte, Expected::SyncForm);
            }
            (SyncState::SecondLetter, b'O') => SyncState::Literal(b"F:", AfterLiteral::Mark),
            (SyncState::SecondLetter, b'N') => {
                SyncState::Literal(b"DOFF:", AfterLiteral::EndOffset)
            }
            (SyncState::SecondLetter, _) => return unexpected(byte, Expected::SyncSecondLetter),
            (SyncState::Mark(at), _) => {
                self.keep(at, byte);
                if at + 1 < ID { SyncState::Mark(at + 1) } else { SyncState::Cr(SyncLine::Mark) }
            }
            (SyncState::Refusal, b'\r') => SyncState::Lf(SyncLine::Refusal),
            (SyncState::Refusal, _) => return unexpected(byte, Expected::TextOrCr),
            // `advance` handles payload and commands itself.
            (payload, _) => payload,
        };
        Ok(None)
    }

    /// Keeps a byte of the id or the mark.
    fn keep(&mut self, at: usize, byte: u8) {
        if let Some(place) = self.mark.get_mut(at) {
            *place = byte;
        }
    }
}

impl AfterLiteral {
    /// The state before the rest of the literal, or after the literal if nothing is left of it.
    const fn state(self, rest: &'static [u8]) -> SyncState {
        match self {
            _ if !rest.is_empty() => SyncState::Literal(rest, self),
            Self::Full => SyncState::Id(0, IdOf::Full),
            Self::Continue => SyncState::MayHaveId,
            Self::DualChannel => SyncState::Cr(SyncLine::DualChannel),
            Self::RdbChannel => SyncState::Number(None, SyncNumber::RdbChannel),
            Self::EndOffset => SyncState::Number(None, SyncNumber::EndOffset),
            Self::NoDatabase { offset } => {
                SyncState::Number(None, SyncNumber::Client { offset, database: None })
            }
            Self::Mark => SyncState::Mark(0),
        }
    }
}

impl SyncNumber {
    /// The byte after the last digit.
    const fn end(self) -> u8 {
        match self {
            Self::EndOffset | Self::Database { .. } => b' ',
            Self::Offset | Self::RdbChannel | Self::Client { .. } | Self::Length => b'\r',
        }
    }

    /// Returns the number with one more digit. A number has no leading zeros, so only the byte that ends it
    /// may follow a 0 that is its first digit.
    fn digit(self, before: Option<u64>, byte: u8) -> Result<u64, ErrorKind> {
        let digit = byte.wrapping_sub(b'0');
        let expected = match (before, self.end(), self) {
            (None, _, Self::Database { .. }) => Expected::SyncDatabase,
            (None, ..) => Expected::Digit,
            (Some(0), b' ', _) => Expected::Literal(b' '),
            (Some(0), ..) => Expected::Cr,
            (Some(_), b' ', _) => Expected::DigitOrSpace,
            (Some(_), ..) => Expected::DigitOrCr,
        };
        if digit > 9 || before == Some(0) {
            return unexpected(byte, expected);
        }
        let tens = before.unwrap_or(0).checked_mul(10);
        tens.and_then(|tens| tens.checked_add(u64::from(digit))).ok_or(ErrorKind::IntegerOverflow)
    }

    /// The state after the byte that ends the number.
    const fn followed_by(self, value: u64) -> SyncState {
        match self {
            Self::Offset => SyncState::Lf(SyncLine::Full { offset: value }),
            Self::RdbChannel => SyncState::Lf(SyncLine::RdbChannel { client_id: value }),
            Self::EndOffset => SyncState::Id(0, IdOf::EndOffset { offset: value }),
            Self::Database { offset } => {
                SyncState::Number(None, SyncNumber::Client { offset, database: Some(value) })
            }
            Self::Client { offset, database } => {
                SyncState::Lf(SyncLine::EndOffset { offset, database, client_id: value })
            }
            Self::Length => SyncState::Lf(SyncLine::Length(value)),
        }
    }
}

impl SyncLine {
    /// The state after the line.
    const fn followed_by(self) -> SyncState {
        match self {
            Self::Full { .. } | Self::EndOffset { .. } => SyncState::Header,
            Self::Continue { .. } | Self::RdbChannel { .. } => SyncState::Commands,
            Self::DualChannel | Self::Refusal => SyncState::Answer,
            Self::Length(length) => SyncState::Counted(length),
            Self::Mark => SyncState::UntilMark(0),
        }
    }
}
