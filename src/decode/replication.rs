//! What a primary sends to a replica behind `PSYNC`, up to the commands.

use core::fmt;

use memchr::memmem;

use crate::error::{Error, ErrorKind, Expected, unexpected};

/// The length in bytes of a replication id and of the mark that ends a streamed payload.
const ID: usize = 40;

/// A resumable decoder of the answer to `PSYNC`: the line, the keep-alives, and the payload, which
/// is an RDB file, in constant memory.
///
/// It keeps no bytes but the line's id and the payload's end mark. [`advance`](Self::advance) is a
/// plain call; nothing of it goes on when it has returned.
///
/// A refusal (`-ERR …`, `-NOMASTERLINK …`) is an ordinary reply and an error here: who expects one
/// looks at the first byte, or has a [`Decoder`](crate::Decoder) read it.
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
pub struct SyncDecoder {
    state: SyncState,
    /// The replication id of the line; later the mark behind the payload.
    mark: [u8; ID],
    /// Bytes taken so far.
    offset: usize,
}

/// How far a chunk has been taken, and what that led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncProgress<'a> {
    /// How many bytes of the chunk were taken; the next call starts behind them.
    pub taken: usize,
    /// What happened; `None` if the whole chunk has been taken and more is needed.
    pub event: Option<Event<'a>>,
}

/// A step of a synchronisation, in the order in which they come.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// `+FULLRESYNC`: a payload follows, then commands.
    FullResync {
        /// The primary's replication id: 40 hexadecimal digits.
        id: &'a [u8; 40],
        /// The replication offset in front of the first command, in bytes: after so many bytes of
        /// commands, `PSYNC` asks to go on with `offset` plus these bytes plus 1.
        offset: u64,
    },
    /// `+CONTINUE`: commands follow at once.
    Continue {
        /// The primary's new replication id, if it sent one.
        id: Option<&'a [u8; 40]>,
    },
    /// The header of the payload.
    PayloadStart {
        /// Its length in bytes; `None` if only a mark behind it tells where it ends.
        len: Option<u64>,
    },
    /// The next bytes of the payload, never empty.
    Payload(&'a [u8]),
    /// The payload is complete.
    PayloadEnd,
    /// What follows are commands, with bare LF between them as keep-alives, which are no replies and
    /// have to be skipped: the work of this decoder is done, and every further call says so again.
    Commands,
}

#[derive(Debug, Clone, Copy)]
enum SyncState {
    /// Keep-alives, then the line's `+`.
    Line,
    /// The line's first letter.
    Letter,
    /// Literal bytes.
    Literal(&'static [u8], AfterLiteral),
    /// A space and an id, or the end of the line.
    MayHaveId,
    /// Bytes of the id, of which so many have been read.
    Id(usize, Answer),
    /// The space between id and offset.
    Space,
    /// The offset.
    Offset(Number),
    /// CR.
    Cr(Line),
    /// LF.
    Lf(Line),
    /// Keep-alives, then the payload's `$`.
    Header,
    /// The payload's length, or `EOF:`.
    Form,
    /// The payload's length.
    Length(Number),
    /// Bytes of the mark, of which so many have been read.
    Mark(usize),
    /// So many bytes of payload.
    Counted(u64),
    /// Payload up to the mark, of which so many bytes may have been read.
    UntilMark(usize),
    Commands,
    Failed(Error),
}

/// An unsigned number, of which at least the first digit has been read, or nothing.
type Number = Option<u64>;

#[derive(Debug, Clone, Copy)]
enum AfterLiteral {
    Full,
    Continue,
    Mark,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Full,
    Continue,
}

/// A line that has been read but for its end.
#[derive(Debug, Clone, Copy)]
enum Line {
    Full { offset: u64 },
    Continue { has_id: bool },
    Length(u64),
    Mark,
}

impl SyncDecoder {
    /// Returns a decoder that stands in front of the answer to `PSYNC`.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: SyncState::Line, mark: [0; ID], offset: 0 }
    }

    /// Takes bytes up to the next event.
    ///
    /// Call again with what is left of the chunk while there are events; without one, the chunk has
    /// been taken whole and may be dropped.
    ///
    /// # Errors
    /// The first byte that cannot stand where it does, by its offset from the first byte given to
    /// this decoder. Every further call returns the same error.
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

/// What a step led to, before the views into chunk and decoder are made.
#[derive(Debug, Clone, Copy)]
enum Happened {
    Line(Line),
    /// The bytes taken are payload.
    Payload,
    /// So many bytes that looked like the mark are payload.
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

/// How many bytes were taken, and what that led to.
type Taken = (usize, Option<Happened>);

impl SyncDecoder {
    fn end_payload(&mut self, taken: usize) -> Taken {
        self.state = SyncState::Commands;
        (taken, Some(Happened::PayloadEnd))
    }

    /// Takes payload of which `left` bytes are to come.
    fn counted(&mut self, left: u64, tail: &[u8]) -> Taken {
        let taken = usize::try_from(left).map_or(tail.len(), |left| left.min(tail.len()));
        self.state = SyncState::Counted(left.saturating_sub(taken as u64));
        (taken, Some(Happened::Payload))
    }

    /// Takes payload of which the last `matched` bytes could be the beginning of the mark: they are
    /// held back until it is clear. What is held back needs no room, for it equals the mark.
    fn until_mark(&mut self, matched: usize, tail: &[u8]) -> Taken {
        let rest = self.mark.get(matched..).unwrap_or_default();
        let same = rest.iter().zip(tail).take_while(|(mark, byte)| mark == byte).count();
        if same == rest.len() {
            return self.end_payload(same);
        }
        if same == tail.len() {
            self.state = SyncState::UntilMark(matched + same);
            return (same, None);
        }
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
        // What could begin a mark is left for the next round, which holds it back.
        (tail.len() - self.longest_start(tail), Some(Happened::Payload))
    }

    /// The length of the longest end of the bytes, short of a whole mark, with which a mark begins.
    fn longest_start(&self, bytes: &[u8]) -> usize {
        let most = bytes.len().min(ID - 1);
        (0..=most)
            .rev()
            .find(|&length| bytes.ends_with(self.mark.get(..length).unwrap_or_default()))
            .unwrap_or(0)
    }

    /// Takes one byte of a line.
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
            // Payload and commands are not taken byte by byte.
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
    /// The state in front of the rest of the literal.
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
    const fn followed_by(self) -> SyncState {
        match self {
            Self::Full { .. } => SyncState::Header,
            Self::Continue { .. } => SyncState::Commands,
            Self::Length(length) => SyncState::Counted(length),
            Self::Mark => SyncState::UntilMark(0),
        }
    }
}

/// Appends a digit to a number without leading zeros.
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
