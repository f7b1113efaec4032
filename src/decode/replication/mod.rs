//! The answer of a primary to `PSYNC` or `SYNC`, up to the first command.
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
//! | or `+DUALCHANNELSYNC`, from Valkey 8 on | [`Event::DualChannelSync`] |
//! | or `+RDBCHANNELSYNC` and a client id, from Redis 8 on | [`Event::RdbChannelSync`]; the next event is `Commands` |
//! | or `$ENDOFF:`, an offset, an id, a database, a client id | [`Event::EndOffset`] |
//! | `$` and the length of the snapshot, or `$EOF:` and a mark | [`Event::PayloadStart`] |
//! | the snapshot, an RDB file | [`Event::Payload`], any number of times |
//! | the end of the snapshot: the last byte, or the mark | [`Event::PayloadEnd`] |
//! | the commands | [`Event::Commands`]; a [`CommandDecoder`](crate::CommandDecoder) reads them |
//! | `-` and a text, in place of the first line or of the snapshot | [`Event::Refusal`], any number of times, then [`Event::RefusalEnd`] |
//!
//! The answer to `SYNC` has no first line: it begins with the snapshot.
//!
//! zresp finds the end of the snapshot but does not parse it. The guide has a complete example:
//! [`guide::replication`](crate::guide::replication).

mod event;
mod state;

use core::fmt;

use memchr::{memchr2, memmem};

use crate::error::Error;

pub use event::Event;
use event::Happened;
use state::SyncState;

/// The length in bytes of a replication id, and of the mark that ends a payload of unknown length.
const ID: usize = 40;

/// A resumable decoder of the answer to `PSYNC` or `SYNC`, in constant memory.
///
/// It keeps the 40 bytes of an id or a mark, and no other bytes. [`advance`](Self::advance) is a
/// plain call: nothing runs after it returns.
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

impl SyncDecoder {
    /// Returns a decoder that expects the first byte of the answer to `PSYNC` or `SYNC`.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: SyncState::Answer, mark: [0; ID], offset: 0 }
    }

    /// Returns the next event, and how many bytes of the chunk were taken for it.
    ///
    /// Call it again with the rest of the chunk until it returns [`Event::Commands`] or no event.
    /// After [`Event::RefusalEnd`] or [`Event::DualChannelSync`], stop too: the next answer comes only
    /// when you have sent another command.
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
                SyncState::Refusal if !tail.starts_with(b"\r") && !tail.starts_with(b"\n") => {
                    (text_len(tail), Some(Happened::Refusal))
                }
                _ => match self.step(tail.first().copied().unwrap_or_default()) {
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

/// The length of the text before the end of its line.
fn text_len(bytes: &[u8]) -> usize {
    memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len())
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
