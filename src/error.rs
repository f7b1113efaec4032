//! What can be wrong with the input, and where.

use core::fmt;

/// The reason why input was refused and the offset of the first byte that no valid input could
/// have there.
///
/// The same input gives the same error however it was cut into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where: bytes from the first byte of the frame; for
    /// [`replies`](crate::replies) and [`requests`](crate::requests) from the first
    /// byte of the buffer, for [`SyncDecoder`](crate::replication::SyncDecoder) from the first byte
    /// given to it.
    pub offset: usize,
}

impl Error {
    pub(crate) const fn new(kind: ErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.kind, self.offset)
    }
}

impl core::error::Error for Error {}

/// What is wrong with the input: malformed, over a limit, or not all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A byte stands where the grammar allows only others.
    Unexpected {
        /// What could have stood there.
        expected: Expected,
        /// The byte that does.
        found: u8,
    },
    /// An integer does not fit an `i64`; the offset is that of the digit that is too many.
    IntegerOverflow,
    /// Aggregates are nested deeper than [`Limits::depth`](crate::Limits::depth).
    TooDeep {
        /// The limit, in levels.
        limit: usize,
    },
    /// A payload is longer than [`Limits::bulk`](crate::Limits::bulk).
    BulkTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// An aggregate has more elements than [`Limits::elements`](crate::Limits::elements).
    TooManyElements {
        /// The limit, in elements.
        limit: usize,
    },
    /// A frame is longer than [`Limits::frame`](crate::Limits::frame).
    FrameTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// An inline command is longer than 64 KiB, or would be when what is open in it is closed.
    InlineTooLong {
        /// The limit, in bytes in front of the LF.
        limit: usize,
    },
    /// The quotes of an inline command are not balanced: one is open at the end of its line, or
    /// something other than white space follows a closing one.
    UnbalancedQuotes,
    /// An inline command is called `POST` or `Host:`: an HTTP client is talking, which may have been
    /// tricked into it.
    HttpRequest,
    /// The input ended inside a frame. Only where the end is known: [`replies`](crate::replies),
    /// [`requests`](crate::requests) and readers; a decoder answers `Ok(None)` instead.
    UnexpectedEnd,
    /// The buffer given to a decoder does not continue the one of the call before: it is shorter,
    /// or does not begin with the same bytes.
    BufferChanged,
}

impl ErrorKind {
    /// Returns whether the input is well formed so far but exceeds one of the
    /// [`Limits`](crate::Limits), or the 64 KiB of an inline command.
    #[must_use]
    pub const fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::TooDeep { .. }
                | Self::BulkTooLong { .. }
                | Self::TooManyElements { .. }
                | Self::FrameTooLong { .. }
                | Self::InlineTooLong { .. }
        )
    }

    /// Returns whether the input can be no RESP at all, whatever the limits.
    #[must_use]
    pub const fn is_malformed(&self) -> bool {
        matches!(
            self,
            Self::Unexpected { .. }
                | Self::IntegerOverflow
                | Self::UnbalancedQuotes
                | Self::HttpRequest
        )
    }
}

/// Refuses a byte that cannot stand where it does.
#[cold]
pub(crate) fn unexpected<T>(found: u8, expected: Expected) -> Result<T, ErrorKind> {
    Err(ErrorKind::Unexpected { expected, found })
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unexpected { expected, found } => {
                write!(f, "expected {expected}, found {}", Byte(found))
            }
            Self::IntegerOverflow => f.write_str("integer does not fit 64 bits"),
            Self::TooDeep { limit } => write!(f, "nested deeper than {limit} levels"),
            Self::BulkTooLong { limit } => write!(f, "payload longer than {limit} bytes"),
            Self::TooManyElements { limit } => {
                write!(f, "aggregate of more than {limit} elements")
            }
            Self::FrameTooLong { limit } => write!(f, "frame longer than {limit} bytes"),
            Self::InlineTooLong { limit } => {
                write!(f, "inline command longer than {limit} bytes")
            }
            Self::UnbalancedQuotes => f.write_str("unbalanced quotes in an inline command"),
            Self::HttpRequest => f.write_str("HTTP request"),
            Self::UnexpectedEnd => f.write_str("input ends inside a frame"),
            Self::BufferChanged => f.write_str("buffer does not continue the one before"),
        }
    }
}

/// What the grammar allows at the place of an [`ErrorKind::Unexpected`] byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// The first byte of a reply, one of ``+-:$*_#,(!=%~>|``.
    Type,
    /// The first byte of a reply, or the `.` that ends a streamed aggregate.
    TypeOrEnd,
    /// A digit.
    Digit,
    /// A digit, or the `?` that opens a streamed aggregate.
    Count,
    /// A digit, or the `-` of a command without arguments.
    Arguments,
    /// Text of an inline command, which has no NUL.
    InlineText,
    /// A digit, the `-` of a null, or the `?` that opens a streamed form.
    Length,
    /// A digit from 1 to 9, for `-0` is not an integer.
    NonZeroDigit,
    /// A digit or CR.
    DigitOrCr,
    /// A further digit of a verbatim string's length, which is 4 at the least.
    VerbatimLength,
    /// A digit or a sign.
    Integer,
    /// A digit, a sign, `inf` or `nan`.
    Double,
    /// This byte; a letter by its lower-case form where either case would do.
    Literal(u8),
    /// What may follow the sign of a double: a digit, `inf` or `nan`.
    UnsignedDouble,
    /// What may follow the integer part of a double: a digit, `.`, `e` or CR.
    PointExponentOrCr,
    /// What may follow the fraction of a double: a digit, `e` or CR.
    ExponentOrCr,
    /// `t` or `f`.
    Boolean,
    /// CR.
    Cr,
    /// LF.
    Lf,
    /// Text or CR: a bare LF is no line end.
    TextOrCr,
    /// The `+` of a primary's answer to `PSYNC`, or a keep-alive LF in front of it.
    SyncLine,
    /// The first letter of `FULLRESYNC` or `CONTINUE`.
    SyncWord,
    /// The `$` of a synchronisation's payload, or a keep-alive LF in front of it.
    SyncHeader,
    /// The length of a synchronisation's payload, or `EOF:` and a mark.
    SyncForm,
    /// A hexadecimal digit of a replication id.
    HexDigit,
    /// A space or CR.
    SpaceOrCr,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "a type byte",
            Self::TypeOrEnd => "a type byte or `.`",
            Self::Digit => "a digit",
            Self::Count => "a digit or `?`",
            Self::Arguments => "a digit or `-`",
            Self::InlineText => "text or a line end",
            Self::Length => "a digit, `-` or `?`",
            Self::NonZeroDigit => "a digit from 1 to 9",
            Self::DigitOrCr => "a digit or CR",
            Self::VerbatimLength => "a length of 4 or more",
            Self::Integer => "a digit or a sign",
            Self::Double => "a digit, a sign, `inf` or `nan`",
            Self::Literal(byte) => return write!(f, "`{}`", char::from(*byte)),
            Self::UnsignedDouble => "a digit, `inf` or `nan`",
            Self::PointExponentOrCr => "a digit, `.`, `e` or CR",
            Self::ExponentOrCr => "a digit, `e` or CR",
            Self::Boolean => "`t` or `f`",
            Self::Cr => "CR",
            Self::Lf => "LF",
            Self::TextOrCr => "text or CR",
            Self::SyncLine => "`+` or LF",
            Self::SyncWord => "`FULLRESYNC` or `CONTINUE`",
            Self::SyncHeader => "`$` or LF",
            Self::SyncForm => "a digit or `EOF:`",
            Self::HexDigit => "a hexadecimal digit",
            Self::SpaceOrCr => "a space or CR",
        })
    }
}

/// A byte of the input, as messages show it.
struct Byte(u8);

impl fmt::Display for Byte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\r' => f.write_str("CR"),
            b'\n' => f.write_str("LF"),
            byte @ (b' '..=b'~') => write!(f, "`{}`", char::from(byte)),
            byte => write!(f, "byte {byte:#04x}"),
        }
    }
}
