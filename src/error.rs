//! The error of decoding, with its kind and its offset.

use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use crate::limits::Limits;

/// Why the input was refused, and at which offset.
///
/// If the input is malformed, the offset is that of the first byte that cannot occur in its place. If
/// it exceeds a limit, the offset is that of the first byte that shows it. The same input gives the
/// same error, however it is split into pieces. After an error, close the connection: the next frame
/// cannot be found.
#[doc(alias = "protocol error")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Error {
    /// The kind of the error.
    pub kind: ErrorKind,
    /// The offset, from the first byte of the frame, of the byte that was refused or of the end of the
    /// input.
    ///
    /// For [`replies`](crate::replies()) and [`requests`](crate::requests()) it counts from the
    /// first byte of the buffer, for [`SyncDecoder`](crate::replication::SyncDecoder) from the
    /// first byte of the stream.
    pub offset: usize,
}

impl Error {
    pub(crate) const fn new(kind: ErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// Returns the error message with which Redis answers such a request before it closes the connection, or `None` if it
    /// closes the connection without an answer. Write it with
    /// [`ReplyWriter::error_lossy`](crate::ReplyWriter::error_lossy).
    ///
    /// `input` is what was passed to the decoder of requests. With the limits of [`Limits::unauthenticated`] the message is
    /// that for clients that have not authenticated. What Redis does not check, such as the line end after an argument,
    /// has a message in the same form.
    ///
    /// ```
    /// use zresp::CommandDecoder;
    ///
    /// let input = b"*1\r\n:1\r\n";
    /// let error = CommandDecoder::new().decode(input).unwrap_err();
    /// assert_eq!(error.redis_message(input).unwrap(), b"ERR Protocol error: expected '$', got ':'");
    /// ```
    #[must_use]
    pub fn redis_message(&self, input: &[u8]) -> Option<Vec<u8>> {
        let before = input.get(..self.offset).unwrap_or_default();
        let line = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let header = input.get(line..).unwrap_or_default();
        let reason = match (self.kind, header.first()) {
            // An endless line of digits. Other requests that are too long get no answer.
            (ErrorKind::FrameTooLong { .. }, Some(b'*')) if is_number(header) => {
                "too big mbulk count string"
            }
            (ErrorKind::FrameTooLong { .. }, Some(b'$')) if is_number(header) => {
                "too big bulk count string"
            }
            (
                ErrorKind::FrameTooLong { .. }
                | ErrorKind::HttpRequest
                | ErrorKind::SkippedTooLong { .. }
                | ErrorKind::UnexpectedEnd
                | ErrorKind::BufferChanged,
                _,
            ) => return None,
            (ErrorKind::InlineTooLong { .. }, _) => "too big inline request",
            (ErrorKind::UnbalancedQuotes, _) => "unbalanced quotes in request",
            (ErrorKind::Unexpected { expected: Expected::Literal(b'$'), found }, _) => {
                return Some(
                    [b"ERR Protocol error: expected '$', got '", &[found][..], b"'"].concat(),
                );
            }
            (ErrorKind::TooManyElements { limit }, _) => {
                let known = Limits::unauthenticated().elements();
                if limit == known && announces_at_most(header, i32::MAX as usize) {
                    "unauthenticated multibulk length"
                } else {
                    "invalid multibulk length"
                }
            }
            (ErrorKind::BulkTooLong { limit }, _) => {
                let known = Limits::unauthenticated().bulk();
                if limit == known && announces_at_most(header, Limits::requests().bulk()) {
                    "unauthenticated bulk length"
                } else {
                    "invalid bulk length"
                }
            }
            (ErrorKind::IntegerOverflow, Some(b'*')) => "invalid multibulk length",
            (ErrorKind::IntegerOverflow, Some(b'$')) => "invalid bulk length",
            // A length that begins with 0 must end there. After a longer payload Redis does not check the CR.
            (ErrorKind::Unexpected { expected, .. }, Some(type_byte @ (b'*' | b'$')))
                if expected.is_digit() || expected == Expected::Cr && before.len() == line + 2 =>
            {
                if *type_byte == b'*' {
                    "invalid multibulk length"
                } else {
                    "invalid bulk length"
                }
            }
            _ => return Some(format!("ERR Protocol error: {self}").into_bytes()),
        };
        Some(format!("ERR Protocol error: {reason}").into_bytes())
    }
}

/// Whether everything after the type byte is a digit.
fn is_number(header: &[u8]) -> bool {
    header.iter().skip(1).all(u8::is_ascii_digit)
}

/// Whether the number in a header, as far as it has arrived, is one that Redis accepts.
fn announces_at_most(header: &[u8], most: usize) -> bool {
    let line = header.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let digits = line.get(1..).and_then(|digits| core::str::from_utf8(digits).ok());
    digits.is_some_and(|digits| {
        digits.parse().is_ok_and(|number: usize| number <= most && !digits.starts_with(['0', '+']))
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.kind, self.offset)
    }
}

impl core::error::Error for Error {}

/// The kind of an [`Error`]: the input is malformed, exceeds a limit or ends too soon, or the buffer
/// has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The grammar does not allow this byte in its place.
    Unexpected {
        /// What the grammar allows there.
        expected: Expected,
        /// The byte in the input.
        found: u8,
    },
    /// An integer does not fit an `i64` or, in the answer to `PSYNC` or `SYNC`, a `u64`. The offset is that of
    /// the first digit that does not fit.
    IntegerOverflow,
    /// Aggregates and attributes are nested deeper than [`Limits::depth`](crate::Limits::depth).
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
    /// Over 64 KiB of empty lines and empty arrays, which a decoder of requests skips, are still in the buffer. Drop them
    /// after each call that returns `None`: see [`take_skipped`](crate::CommandDecoder::take_skipped). Readers, codecs and
    /// [`decode_frame`](crate::CommandDecoder::decode_frame) do that.
    SkippedTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// An inline command is longer than 64 KiB, or cannot end within 64 KiB because, for example, a
    /// quote is open.
    InlineTooLong {
        /// The limit, in bytes before the LF.
        limit: usize,
    },
    /// The quotes of an inline command are not balanced: a quote is open at the end of the line, or
    /// a byte other than white space follows a closing quote.
    UnbalancedQuotes,
    /// An inline command is named `POST` or `Host:`, in any letter case.
    ///
    /// The peer is an HTTP client. It may be a browser that a web page has made to send this
    /// (cross-protocol scripting). Redis closes such connections, too.
    #[doc(alias = "cross-protocol scripting")]
    HttpRequest,
    /// A push inside another value does not confirm a subscription. The offset is that of its `>`.
    ///
    /// Its first element is not one of `subscribe`, `unsubscribe`, `psubscribe`, `punsubscribe`, `ssubscribe` and
    /// `sunsubscribe`, as a simple or a bulk string. Some servers count such a push as an element of the value
    /// around it, and others do not, so nobody can tell where that value ends.
    NestedPush,
    /// The input ends inside a frame.
    ///
    /// Only functions that know where the input ends return it: [`replies`](crate::replies()),
    /// [`requests`](crate::requests()), readers and codecs. A decoder returns `Ok(None)` instead.
    #[doc(alias = "incomplete")]
    #[doc(alias = "eof")]
    UnexpectedEnd,
    /// The buffer does not continue the buffer of the previous call.
    ///
    /// It is shorter than the part that was examined, or the first eight bytes of the frame or the
    /// header of its value have changed. A [`TokenReader`](crate::TokenReader) looks at the token
    /// in progress in place of the frame. Other changes are not noticed. The offset does not point
    /// to the change.
    BufferChanged,
}

impl ErrorKind {
    /// Returns whether the input is well formed so far but exceeds a limit: one of
    /// [`Limits`](crate::Limits), or the 64 KiB of an inline command or of what is skipped before a command.
    #[must_use]
    pub const fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::TooDeep { .. }
                | Self::BulkTooLong { .. }
                | Self::TooManyElements { .. }
                | Self::FrameTooLong { .. }
                | Self::SkippedTooLong { .. }
                | Self::InlineTooLong { .. }
        )
    }

    /// Returns whether the input is malformed: invalid whatever the limits are.
    #[must_use]
    pub const fn is_malformed(&self) -> bool {
        matches!(
            self,
            Self::Unexpected { .. }
                | Self::IntegerOverflow
                | Self::UnbalancedQuotes
                | Self::HttpRequest
                | Self::NestedPush
        )
    }
}

/// Returns the error for a byte that the grammar does not allow in its place. Cold, because each
/// stream has at most one error.
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
            Self::SkippedTooLong { limit } => {
                write!(f, "more than {limit} bytes of empty lines and arrays before a command")
            }
            Self::InlineTooLong { limit } => {
                write!(f, "inline command longer than {limit} bytes")
            }
            Self::UnbalancedQuotes => f.write_str("unbalanced quotes in an inline command"),
            Self::HttpRequest => f.write_str("HTTP request"),
            Self::NestedPush => {
                f.write_str("push inside another value that does not confirm a subscription")
            }
            Self::UnexpectedEnd => f.write_str("input ends inside a frame"),
            Self::BufferChanged => f.write_str("buffer does not continue the one before"),
        }
    }
}

/// What the grammar allows in the place of an [`ErrorKind::Unexpected`] byte.
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
    /// A digit or `-`. In a request, an array may announce a negative number of arguments; it is
    /// skipped like an empty one.
    Arguments,
    /// Text of an inline command. It must not contain NUL.
    InlineText,
    /// A digit, the `-` of a null, or the `?` that opens a streamed string or array.
    Length,
    /// The `1` of `-1`, which makes a null and is the only negative length.
    NullLength,
    /// A digit from 1 to 9, because `-0` is not an integer.
    NonZeroDigit,
    /// A digit or CR.
    DigitOrCr,
    /// A digit or a space.
    DigitOrSpace,
    /// A digit that makes a length of at least 4 possible: a verbatim string begins with a format of
    /// three bytes and a colon.
    VerbatimLength,
    /// A digit or a sign.
    Integer,
    /// A digit, a sign, `inf` or `nan`.
    Double,
    /// This byte; for a letter that may have either case, the lower-case letter.
    Literal(u8),
    /// After the sign of a double: a digit, `inf` or `nan`.
    UnsignedDouble,
    /// After the integer part of a double: a digit, `.`, `e` or CR.
    PointExponentOrCr,
    /// After the fraction of a double: a digit, `e` or CR.
    ExponentOrCr,
    /// `t` or `f`.
    Boolean,
    /// CR.
    Cr,
    /// LF.
    Lf,
    /// Text or CR. A bare LF does not end a line.
    TextOrCr,
    /// The `+`, `$` or `-` of the answer to `PSYNC` or `SYNC`, or an LF before it that keeps the
    /// connection alive.
    SyncLine,
    /// The first letter of `FULLRESYNC`, `CONTINUE`, `DUALCHANNELSYNC` or `RDBCHANNELSYNC`.
    SyncWord,
    /// The `$` of the payload after `+FULLRESYNC` or `$ENDOFF:`, the `-` of a refusal, or an LF before
    /// it that keeps the connection alive.
    SyncHeader,
    /// The first digit of the payload's length, or the `E` of `EOF:`.
    SyncForm,
    /// In the answer to `SYNC`: the first digit of the payload's length, or the `E` of `EOF:` or
    /// `ENDOFF:`.
    SyncFirstForm,
    /// The second letter of `EOF:` or `ENDOFF:`.
    SyncSecondLetter,
    /// A digit, or the `-` of the `-1` that stands for no database.
    SyncDatabase,
    /// In an append-only file: the `*` of a command or the `#` of an annotation.
    CommandOrAnnotation,
    /// A hexadecimal digit of a replication id.
    HexDigit,
    /// A space or CR.
    SpaceOrCr,
}

impl Expected {
    /// Whether the header of a request has a digit there.
    const fn is_digit(self) -> bool {
        matches!(
            self,
            Self::Digit | Self::Arguments | Self::NonZeroDigit | Self::DigitOrCr | Self::Length
        )
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "a type byte",
            Self::TypeOrEnd => "a type byte or `.`",
            Self::Digit => "a digit",
            Self::Count => "a digit or `?`",
            Self::Arguments | Self::SyncDatabase => "a digit or `-`",
            Self::InlineText => "text or a line end",
            Self::Length => "a digit, `-` or `?`",
            Self::NullLength => "`1`, as only `-1` is a negative length",
            Self::NonZeroDigit => "a digit from 1 to 9",
            Self::DigitOrCr => "a digit or CR",
            Self::DigitOrSpace => "a digit or a space",
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
            Self::SyncLine => "`+`, `$`, `-` or LF",
            Self::SyncWord => "`FULLRESYNC`, `CONTINUE`, `DUALCHANNELSYNC` or `RDBCHANNELSYNC`",
            Self::SyncHeader => "`$`, `-` or LF",
            Self::SyncForm => "a digit or `EOF:`",
            Self::SyncFirstForm => "a digit, `EOF:` or `ENDOFF:`",
            Self::SyncSecondLetter => "`O` or `N`",
            Self::CommandOrAnnotation => "`*` or `#`",
            Self::HexDigit => "a hexadecimal digit",
            Self::SpaceOrCr => "a space or CR",
        })
    }
}

/// A byte of the input, as error messages show it.
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
