//! The answer of a primary to `PSYNC`, up to the first command.
//!
//! You need this module to follow a primary as a replica does, or to take a snapshot of its data.
//! The answer is not RESP, so a [`Decoder`](crate::Decoder) cannot read it: a snapshot has a length
//! like a bulk string but no CRLF after it, or it has no length at all. [`SyncDecoder`] reads the
//! answer and returns [`Event`]s.
//!
//! | part of the answer | event |
//! |---|---|
//! | `\n`, which keeps the connection alive | none |
//! | `+FULLRESYNC`, an id, an offset | [`Event::FullResync`] |
//! | or `+CONTINUE` and perhaps an id | [`Event::Continue`]; the next event is `Commands` |
//! | `$` and the length of the snapshot, or `$EOF:` and a mark | [`Event::PayloadStart`] |
//! | the snapshot, an RDB file | [`Event::Payload`], any number of times |
//! | the end of the snapshot: the last byte, or the mark | [`Event::PayloadEnd`] |
//! | the commands | [`Event::Commands`]; a [`CommandDecoder`](crate::CommandDecoder) reads them |
//!
//! zresp finds the end of the snapshot but does not parse it. The guide has a complete example:
//! [`guide::replication`](crate::guide::replication).

use core::fmt;

use memchr::memmem;

use crate::error::{Error, ErrorKind, Expected, unexpected};

/// The length in bytes of a replication id, and of the mark that ends a payload of unknown length.
const ID: usize = 40;

/// A resumable decoder of the answer to `PSYNC`, in constant memory.
///
/// It keeps the 40 bytes of an id or a mark, and no other bytes. [`advance`](Self::advance) is a
/// plain call: nothing runs after it returns.
///
/// A refusal (`-ERR …`, `-NOMASTERLINK …`) is an ordinary error reply, which this decoder reports as
/// malformed. If you expect one, look at the first byte of the answer: if it is a `-`, give the bytes
/// to a [`Decoder`](crate::Decoder).
///
/// ```
/// use zresp::replication::{Event, SyncDecoder};
///
/// let stream = b"+FULLRESYNC 0123456789abcdef0123456789abcdef01234567 42\r\n\n$5\r\nREDIS\
///     *1\r\n$4\r\nPING\r\n";
/// let mut sync = SyncDecoder::new();
/// let mut rdb = Vec::new();
/// let mut rest = &stream[..];
/// loop {
///     let progress = sync.advance(rest)?;
///     match progress.event {
///         Some(Event::FullResync { offset, .. }) => assert_eq!(offset, 42),
///         Some(Event::Payload(bytes)) => rdb.extend_from_slice(bytes),
///         Some(Event::Commands) => break rest = &rest[progress.taken..],
///         Some(_) => {}
///         None => unreachable!("read more here"),
///     }
///     rest = &rest[progress.taken..];
/// }
/// assert_eq!(rdb, b"REDIS");
/// assert_eq!(rest, b"*1\r\n$4\r\nPING\r\n");
/// # Ok::<(), zresp::Error>(())
/// ```
#[derive(Clone)]
#[doc(alias = "psync")]
#[doc(alias = "replica")]
#[doc(alias = "slave")]
#[doc(alias = "fullresync")]
pub struct SyncDecoder {
    state: SyncState,
    /// The replication id of the line; later the mark that ends the payload.
    mark: [u8; ID],
    /// How many bytes have been taken so far.
    offset: usize,
}

/// What [`SyncDecoder::advance`] has taken from a chunk, and the event that this led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncProgress<'a> {
    /// How many bytes of the chunk were taken. The next call starts after them.
    pub taken: usize,
    /// The event; `None` if the whole chunk has been taken and more bytes are needed.
    pub event: Option<Event<'a>>,
}

/// A step of a synchronisation. The variants are in the order in which they occur.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// `+FULLRESYNC`: a payload follows, then commands.
    FullResync {
        /// The primary's replication id: 40 hexadecimal digits.
        id: &'a [u8; 40],
        /// The replication offset before the first command, in bytes. To continue after `n` bytes
        /// of commands, send `PSYNC` with `offset + n + 1`.
        offset: u64,
    },
    /// `+CONTINUE`: commands follow, without a payload.
    Continue {
        /// The primary's new replication id, if it sent one.
        id: Option<&'a [u8; 40]>,
    },
    /// The header of the payload has been read.
    PayloadStart {
        /// The length of the payload in bytes; `None` if a mark ends it.
        len: Option<u64>,
    },
    /// The next bytes of the payload, never empty.
    ///
    /// They are not always the bytes that this call has taken. Bytes that may be the beginning of
    /// the mark are held back, and are returned by a later call if they turn out to be payload.
    #[doc(alias = "rdb")]
    #[doc(alias = "snapshot")]
    Payload(&'a [u8]),
    /// The payload is complete.
    PayloadEnd,
    /// The commands begin, after the bytes taken so far. Each further call returns this event
    /// again.
    ///
    /// Between commands there may be bare LF bytes, which keep the connection alive. A
    /// [`CommandDecoder`](crate::CommandDecoder) skips them; a [`Decoder`](crate::Decoder) refuses
    /// them.
    Commands,
}

/// What the decoder expects next.
#[derive(Debug, Clone, Copy)]
enum SyncState {
    /// LF bytes, then the `+` of the line.
    Line,
    /// The first letter of the line.
    Letter,
    /// These bytes, which are never empty.
    Literal(&'static [u8], AfterLiteral),
    /// A space and an id, or the end of the line.
    MayHaveId,
    /// The rest of an id, after this many bytes of it.
    Id(usize, Answer),
    /// The space between the id and the offset.
    Space,
    /// The rest of the offset.
    Offset(Number),
    /// CR.
    Cr(Line),
    /// LF.
    Lf(Line),
    /// LF bytes, then the `$` of the payload.
    Header,
    /// The first digit of the payload's length, or the `E` of `EOF:`.
    Form,
    /// The rest of the payload's length.
    Length(Number),
    /// The rest of the mark, after this many bytes of it.
    Mark(usize),
    /// This many bytes of payload.
    Counted(u64),
    /// Payload up to the mark. This many bytes are held back, because they equal the first bytes of
    /// the mark.
    UntilMark(usize),
    /// Nothing: the commands follow.
    Commands,
    /// Nothing: an earlier call has failed.
    Failed(Error),
}

/// The digits of an unsigned number that have been read; `None` before the first one.
type Number = Option<u64>;

/// The literal that is being read: `FULLRESYNC `, `CONTINUE` or `EOF:`.
#[derive(Debug, Clone, Copy)]
enum AfterLiteral {
    Full,
    Continue,
    Mark,
}

/// The line that an id is part of.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Full,
    Continue,
}

/// A line that has been read except for its CRLF or its LF.
#[derive(Debug, Clone, Copy)]
enum Line {
    Full { offset: u64 },
    Continue { has_id: bool },
    Length(u64),
    Mark,
}

impl SyncDecoder {
    /// Returns a decoder that expects the first byte of the answer to `PSYNC`.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: SyncState::Line, mark: [0; ID], offset: 0 }
    }

    /// Returns the next event, and how many bytes of the chunk were taken for it.
    ///
    /// Call it again with the rest of the chunk until it returns [`Event::Commands`] or no event.
    /// Do so even if the rest is empty: [`Event::PayloadEnd`] and `Commands` need not take any bytes.
    /// Without an event the whole chunk has been taken, and the next call is for new bytes.
    ///
    /// # Errors
    /// Returns an error if a byte cannot occur in its place, or if a number does not fit a `u64`. The
    /// offset counts from the first byte of the stream. Each further call returns the same error.
    pub fn advance<'a>(&'a mut self, chunk: &'a [u8]) -> Result<SyncProgress<'a>, Error> {
        let mut used = 0;
        loop {
            let tail = chunk.get(used..).unwrap_or_default();
            let state = self.state;
            let (taken, happened) = match state {
                SyncState::Failed(error) => return Err(error),
                SyncState::Commands => (0, Some(Happened::Commands)),
                SyncState::Counted(0) => self.end_payload(0),
                _ if tail.is_empty() => return Ok(SyncProgress { taken: used, event: None }),
                SyncState::Counted(left) => self.counted(left, tail),
                SyncState::UntilMark(matched) => self.until_mark(matched, tail),
                _ => match self.step(state, tail) {
                    Ok(happened) => (1, happened),
                    Err(kind) => {
                        let error = Error::new(kind, self.offset);
                        self.state = SyncState::Failed(error);
                        return Err(error);
                    }
                },
            };
            self.offset = self.offset.saturating_add(taken);
            let start = used;
            used += taken;
            if let Some(happened) = happened {
                let bytes = chunk.get(start..used).unwrap_or_default();
                return Ok(SyncProgress {
                    taken: used,
                    event: Some(happened.event(&self.mark, bytes)),
                });
            }
        }
    }
}

/// An [`Event`] that does not borrow from the chunk or the decoder, so that the decoder can still be
/// changed.
#[derive(Debug, Clone, Copy)]
enum Happened {
    Line(Line),
    /// The bytes that were taken are payload.
    Payload,
    /// This many bytes that were held back are payload. They equal the first bytes of the mark.
    Held(usize),
    PayloadEnd,
    Commands,
}

impl Happened {
    fn event<'a>(self, mark: &'a [u8; ID], taken: &'a [u8]) -> Event<'a> {
        match self {
            Self::Line(Line::Full { offset }) => Event::FullResync { id: mark, offset },
            Self::Line(Line::Continue { has_id }) => Event::Continue { id: has_id.then_some(mark) },
            Self::Line(Line::Length(len)) => Event::PayloadStart { len: Some(len) },
            Self::Line(Line::Mark) => Event::PayloadStart { len: None },
            Self::Payload => Event::Payload(taken),
            Self::Held(length) => Event::Payload(mark.get(..length).unwrap_or_default()),
            Self::PayloadEnd => Event::PayloadEnd,
            Self::Commands => Event::Commands,
        }
    }
}

/// How many bytes were taken, and the event that this led to.
type Taken = (usize, Option<Happened>);

impl SyncDecoder {
    /// Ends the payload after `taken` more bytes.
    fn end_payload(&mut self, taken: usize) -> Taken {
        self.state = SyncState::Commands;
        (taken, Some(Happened::PayloadEnd))
    }

    /// Takes payload of known length. `left` bytes of it are missing.
    fn counted(&mut self, left: u64, tail: &[u8]) -> Taken {
        let taken = usize::try_from(left).map_or(tail.len(), |left| left.min(tail.len()));
        self.state = SyncState::Counted(left.saturating_sub(taken as u64));
        (taken, Some(Happened::Payload))
    }

    /// Takes payload up to the mark.
    ///
    /// The last `matched` bytes that were taken equal the first bytes of the mark. They are held
    /// back until it is clear whether the whole mark is there. This takes no memory, because a copy
    /// of them is in `mark`.
    fn until_mark(&mut self, matched: usize, tail: &[u8]) -> Taken {
        let rest = self.mark.get(matched..).unwrap_or_default();
        let same = rest.iter().zip(tail).take_while(|(mark, byte)| mark == byte).count();
        // The mark is whole.
        if same == rest.len() {
            return self.end_payload(same);
        }
        // The chunk ends inside a possible mark.
        if same == tail.len() {
            self.state = SyncState::UntilMark(matched + same);
            return (same, None);
        }
        // The bytes held back are not the beginning of the mark, but a suffix of them may be.
        if matched > 0 {
            let seen = self.mark.get(..matched + same).unwrap_or_default();
            let kept = self.longest_start(seen.get(1..).unwrap_or_default());
            let released = seen.len() - kept;
            self.state = SyncState::UntilMark(kept);
            return (same, Some(Happened::Held(released)));
        }
        if let Some(place) = memmem::find(tail, &self.mark) {
            return (place, Some(Happened::Payload));
        }
        // The tail of the chunk that may be the start of the mark is left to the next call, which
        // holds it back.
        (tail.len() - self.longest_start(tail), Some(Happened::Payload))
    }

    /// The length of the longest suffix of the bytes that is a prefix of the mark, but not the
    /// whole mark.
    fn longest_start(&self, bytes: &[u8]) -> usize {
        let most = bytes.len().min(ID - 1);
        (0..=most)
            .rev()
            .find(|&length| bytes.ends_with(self.mark.get(..length).unwrap_or_default()))
            .unwrap_or(0)
    }

    /// Takes one byte of a line, or an LF before a line.
    fn step(&mut self, state: SyncState, tail: &[u8]) -> Result<Option<Happened>, ErrorKind> {
        let Some(&byte) = tail.first() else { return Ok(None) };
        self.state = match (state, byte) {
            (SyncState::Line, b'\n') => SyncState::Line,
            (SyncState::Line, b'+') => SyncState::Letter,
            (SyncState::Line, _) => return unexpected(byte, Expected::SyncLine),
            (SyncState::Letter, b'F') => SyncState::Literal(b"ULLRESYNC ", AfterLiteral::Full),
            (SyncState::Letter, b'C') => SyncState::Literal(b"ONTINUE", AfterLiteral::Continue),
            (SyncState::Letter, _) => return unexpected(byte, Expected::SyncWord),
            (SyncState::Literal(text, after), _) => match text.split_first() {
                Some((&first, rest)) if byte == first => after.state(rest),
                Some((&first, _)) => return unexpected(byte, Expected::Literal(first)),
                None => SyncState::Line,
            },
            (SyncState::MayHaveId, b' ') => SyncState::Id(0, Answer::Continue),
            (SyncState::MayHaveId, b'\r') => SyncState::Lf(Line::Continue { has_id: false }),
            (SyncState::MayHaveId, _) => return unexpected(byte, Expected::SpaceOrCr),
            (SyncState::Id(at, answer), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.keep(at, byte);
                match answer {
                    _ if at + 1 < ID => SyncState::Id(at + 1, answer),
                    Answer::Full => SyncState::Space,
                    Answer::Continue => SyncState::Cr(Line::Continue { has_id: true }),
                }
            }
            (SyncState::Id(..), _) => return unexpected(byte, Expected::HexDigit),
            (SyncState::Space, b' ') => SyncState::Offset(None),
            (SyncState::Space, _) => return unexpected(byte, Expected::Literal(b' ')),
            (SyncState::Offset(Some(offset)), b'\r') => SyncState::Lf(Line::Full { offset }),
            (SyncState::Offset(before), _) => SyncState::Offset(Some(digit(before, byte)?)),
            (SyncState::Cr(line), b'\r') => SyncState::Lf(line),
            (SyncState::Cr(_), _) => return unexpected(byte, Expected::Cr),
            (SyncState::Lf(line), b'\n') => {
                self.state = line.followed_by();
                return Ok(Some(Happened::Line(line)));
            }
            (SyncState::Lf(_), _) => return unexpected(byte, Expected::Lf),
            (SyncState::Header, b'\n') => SyncState::Header,
            (SyncState::Header, b'$') => SyncState::Form,
            (SyncState::Header, _) => return unexpected(byte, Expected::SyncHeader),
            (SyncState::Form, b'E') => SyncState::Literal(b"OF:", AfterLiteral::Mark),
            (SyncState::Form, b'0'..=b'9') => SyncState::Length(Some(digit(None, byte)?)),
            (SyncState::Form, _) => return unexpected(byte, Expected::SyncForm),
            (SyncState::Length(Some(length)), b'\r') => SyncState::Lf(Line::Length(length)),
            (SyncState::Length(before), _) => SyncState::Length(Some(digit(before, byte)?)),
            (SyncState::Mark(at), _) => {
                self.keep(at, byte);
                if at + 1 < ID { SyncState::Mark(at + 1) } else { SyncState::Cr(Line::Mark) }
            }
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
            Self::Full => SyncState::Id(0, Answer::Full),
            Self::Continue => SyncState::MayHaveId,
            Self::Mark => SyncState::Mark(0),
        }
    }
}

impl Line {
    /// The state after the line.
    const fn followed_by(self) -> SyncState {
        match self {
            Self::Full { .. } => SyncState::Header,
            Self::Continue { .. } => SyncState::Commands,
            Self::Length(length) => SyncState::Counted(length),
            Self::Mark => SyncState::UntilMark(0),
        }
    }
}

/// Returns the number with one more digit. A number has no leading zeros, so only CR may follow a 0
/// that is its first digit.
fn digit(before: Number, byte: u8) -> Result<u64, ErrorKind> {
    let digit = byte.wrapping_sub(b'0');
    match before {
        Some(0) => unexpected(byte, Expected::Cr),
        None if digit > 9 => unexpected(byte, Expected::Digit),
        Some(_) if digit > 9 => unexpected(byte, Expected::DigitOrCr),
        _ => before
            .unwrap_or(0)
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(u64::from(digit)))
            .ok_or(ErrorKind::IntegerOverflow),
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FullResync { id, offset } => {
                write!(f, "FullResync {{ id: {}, offset: {offset} }}", id.escape_ascii())
            }
            Self::Continue { id: Some(id) } => {
                write!(f, "Continue {{ id: {} }}", id.escape_ascii())
            }
            Self::Continue { id: None } => f.write_str("Continue"),
            Self::PayloadStart { len } => f.debug_struct("PayloadStart").field("len", len).finish(),
            Self::Payload(bytes) => write!(f, "Payload({} bytes)", bytes.len()),
            Self::PayloadEnd => f.write_str("PayloadEnd"),
            Self::Commands => f.write_str("Commands"),
        }
    }
}

impl Default for SyncDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SyncDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncDecoder").field("state", &self.state).finish_non_exhaustive()
    }
}
