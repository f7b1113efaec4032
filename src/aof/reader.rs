//! One append-only file: [`AofReader`].

use std::fmt;
use std::io::Read;

use memchr::memchr;

use crate::command::CommandRef;
use crate::error::{Error, ErrorKind, Expected};
use crate::io::{CommandReader, StreamError};
use crate::limits::Limits;

use super::entry::{Annotation, AofContent, AofEntry};
use super::error::{AofError, AofErrorKind};
use super::snapshot::{END_SIZE, EndSearch, HEAD_SIZE, Searched, Snapshot, SnapshotHead};

/// The longest annotation, in bytes, including its line end. Servers and `redis-check-aof` read lines in
/// pieces of this size.
const ANNOTATION: usize = 1023;
/// The most digits of an `i64`.
const DIGITS: usize = 19;
/// The longest header of an array without elements: `*`, a sign, digits and CRLF.
const EMPTY_ARRAY: usize = DIGITS + 4;

/// Reads one append-only file, in constant memory.
///
/// The file may begin with a snapshot, as that of Redis 6.2 and the base file of Redis 7 do. All bytes go through
/// a buffer that grows to the size of the longest command, as in a [`CommandReader`].
///
/// ```
/// use zresp::aof::{AofContent, AofReader};
///
/// let file = &b"#TS:1700000000\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nEX"[..];
/// let mut reader = AofReader::new(file);
/// let mut seen = Vec::new();
/// let error = loop {
///     match reader.read() {
///         Ok(Some(entry)) => match entry.content {
///             AofContent::Command(command) => seen.push((entry.offset, command.name().to_vec())),
///             AofContent::Annotation(note) => assert_eq!(note.timestamp(), Some(1_700_000_000)),
///             _ => unreachable!("the file has no snapshot"),
///         },
///         Ok(None) => unreachable!("the file is cut"),
///         Err(error) => break error,
///     }
/// };
/// assert_eq!(seen, [(16, b"MULTI".to_vec()), (31, b"INCR".to_vec())]);
/// assert!(error.kind.is_truncated());
/// // The transaction is not whole, so the file is sound up to its `MULTI`.
/// assert_eq!((error.offset, error.ok_up_to), (62, 16));
/// ```
#[doc(alias = "appendonly")]
#[doc(alias = "redis-check-aof")]
pub struct AofReader<R> {
    frames: CommandReader<R>,
    beginning: Beginning,
    /// The offset of the `MULTI` whose `EXEC` has not been read.
    transaction: Option<u64>,
    ok_up_to: u64,
}

/// How far the beginning of the file has been read.
enum Beginning {
    Unread,
    Snapshot(Snapshot, EndSearch),
    Passed,
}

/// An entry that has been read. Its bytes are the current frame.
pub(super) struct FoundEntry {
    offset: u64,
    size: u64,
    kind: FoundKind,
}

enum FoundKind {
    Snapshot(Snapshot),
    Annotation,
    /// A command with this many arguments, after a header of this size.
    Command {
        header: usize,
        len: u32,
    },
}

/// Whether a command's header is that of an array without elements.
enum EmptyArray {
    No,
    Whole(usize),
    /// The file ends inside it.
    Cut(usize),
}

impl<R: Read> AofReader<R> {
    /// Returns a reader of a file, with the default limits of requests.
    #[must_use]
    pub fn new(file: R) -> Self {
        Self::with_limits(file, Limits::requests())
    }

    /// Returns a reader of a file with these limits.
    ///
    /// A server writes what its own limits allow. If they were raised (`proto-max-bulk-len`), raise these too.
    #[must_use]
    pub fn with_limits(file: R, limits: Limits) -> Self {
        Self {
            frames: CommandReader::with_limits(file, limits),
            beginning: Beginning::Unread,
            transaction: None,
            ok_up_to: 0,
        }
    }

    /// Returns the next snapshot, annotation or command, or `None` at the end of a sound file.
    ///
    /// A snapshot is passed over in one call. The commands of a transaction are returned before it is known whether
    /// its `EXEC` is there; see [`is_in_transaction`](Self::is_in_transaction).
    ///
    /// Like `redis-check-aof`, this skips arrays without elements (`*0`, `*-1`, `*`), and accepts an annotation that the end of the
    /// file cuts, which is not returned.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is cut, or is not an append-only file. Each further call returns the
    /// same error, except that after [`AofErrorKind::Io`], and after `None` or an error about the end of the file, the
    /// call reads on: a server may have written more.
    pub fn read(&mut self) -> Result<Option<AofEntry<'_>>, AofError> {
        Ok(self.advance()?.map(|found| self.view(&found)))
    }

    /// Reads the next entry. Its view is a separate step, so that [`AofFiles`](super::AofFiles) can look for the end of
    /// the file first.
    pub(super) fn advance(&mut self) -> Result<Option<FoundEntry>, AofError> {
        loop {
            // Almost everything in a file is a command with arguments.
            if let (Beginning::Passed, [b'*', b'1'..=b'9', ..]) =
                (&self.beginning, self.frames.buffered())
            {
                return self.command();
            }
            if let Some(snapshot) = self.begin()? {
                return Ok(Some(snapshot));
            }
            let Some(first) = self.fill_to(1)?.first().copied() else {
                return match self.transaction {
                    Some(_) => Err(self.error_after(AofErrorKind::TransactionTruncated, 0)),
                    None => Ok(None),
                };
            };
            match first {
                // The file was empty a moment ago.
                _ if matches!(self.beginning, Beginning::Unread) => {}
                b'#' => return self.annotation(),
                b'*' => match self.empty_array()? {
                    EmptyArray::No => return self.command(),
                    EmptyArray::Whole(size) => {
                        self.frames.take(size);
                        self.accept();
                    }
                    EmptyArray::Cut(size) => {
                        return Err(self.error_after(AofErrorKind::Truncated, size));
                    }
                },
                found => {
                    let expected = Expected::CommandOrAnnotation;
                    let kind = ErrorKind::Unexpected { expected, found };
                    return Err(self.error_after(AofErrorKind::Malformed(kind), 0));
                }
            }
        }
    }

    /// Passes over the snapshot at the beginning of the file, if there is one and it has not been returned.
    fn begin(&mut self) -> Result<Option<FoundEntry>, AofError> {
        if matches!(self.beginning, Beginning::Unread) {
            let head = self.fill_to(HEAD_SIZE)?;
            // More may have been read, depending on the reader.
            let size = head.len().min(HEAD_SIZE);
            self.beginning = match Snapshot::begin(head) {
                SnapshotHead::Snapshot(snapshot) => Beginning::Snapshot(snapshot, EndSearch::new()),
                SnapshotHead::Broken => return Err(self.error_after(AofErrorKind::Snapshot, size)),
                // A file that is still empty may become anything.
                SnapshotHead::Other if size == 0 => Beginning::Unread,
                SnapshotHead::Other => Beginning::Passed,
            };
        }
        loop {
            let Self { frames, beginning: Beginning::Snapshot(snapshot, search), .. } = self else {
                return Ok(None);
            };
            let mut snapshot = *snapshot;
            let step = frames.fill_to(END_SIZE).map(|()| search.step(frames.buffered()));
            let zeros = search.zeros();
            let left = frames.buffered().len();
            match step {
                Ok(Searched::More(size)) => {
                    self.frames.take(size);
                    continue;
                }
                Ok(Searched::End { size, checksum }) => {
                    self.frames.take(size);
                    snapshot.checksum = Some(checksum);
                }
                // Nothing follows a snapshot in a base file of Redis 7, so its end is that of the file.
                Ok(Searched::Exhausted) if zeros.is_some_and(|(_, last)| last == self.end()) => {
                    self.frames.take(left);
                }
                Ok(Searched::Exhausted) => {
                    let kind = match zeros {
                        Some((candidate, _)) => AofErrorKind::SnapshotWithoutChecksum { candidate },
                        None => AofErrorKind::Snapshot,
                    };
                    return Err(self.error_after(kind, left));
                }
                Err(error) => return Err(self.error_after(AofErrorKind::Io(error), left)),
            }
            self.beginning = Beginning::Passed;
            self.accept();
            let size = self.frames.consumed();
            return Ok(Some(FoundEntry { offset: 0, size, kind: FoundKind::Snapshot(snapshot) }));
        }
    }

    /// Takes an annotation: a line, or the beginning of a line that is too long.
    fn annotation(&mut self) -> Result<Option<FoundEntry>, AofError> {
        let line = self.fill_to_line_end(ANNOTATION)?;
        let (size, is_whole) = (line.len(), line.ends_with(b"\n"));
        if is_whole || size == ANNOTATION {
            self.frames.take(size);
            return Ok(Some(self.found(FoundKind::Annotation)));
        }
        if self.transaction.is_some() {
            return Err(self.error_after(AofErrorKind::TransactionTruncated, size));
        }
        self.ok_up_to = self.end();
        Ok(None)
    }

    /// Returns whether the next array has no elements. Its first byte is in the buffer.
    fn empty_array(&mut self) -> Result<EmptyArray, AofError> {
        let digits_at = match self.fill_to(2)?.get(1) {
            Some(b'0' | b'\r') => 1,
            Some(b'-') => 2,
            // The decoder must not begin before it is clear what the array is.
            None => return Ok(EmptyArray::Cut(1)),
            _ => return Ok(EmptyArray::No),
        };
        let header = self.fill_to_line_end(EMPTY_ARRAY)?;
        let number = header.get(digits_at..).unwrap_or_default();
        let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let size = digits_at + digits;
        // The decoder refuses zeros before a number, and a number that is too long.
        let is_refused = digits > if digits_at == 1 { 1 } else { DIGITS };
        let is_number = digits_at == 1 || digits > 0;
        Ok(match header.get(size..).unwrap_or_default() {
            _ if is_refused => EmptyArray::No,
            [b'\r', b'\n', ..] if is_number => EmptyArray::Whole(size + 2),
            [] => EmptyArray::Cut(size),
            [b'\r'] if is_number => EmptyArray::Cut(size + 1),
            _ => EmptyArray::No,
        })
    }

    /// Takes a command.
    fn command(&mut self) -> Result<Option<FoundEntry>, AofError> {
        let size = match self.frames.next_bounds() {
            Ok(Some(bounds)) => bounds.len,
            Err(StreamError::Io(error)) => return Err(self.error_after(AofErrorKind::Io(error), 0)),
            Err(StreamError::Decode { error: Error { kind, offset }, .. }) => {
                let kind = match kind {
                    ErrorKind::UnexpectedEnd => AofErrorKind::Truncated,
                    kind => AofErrorKind::Malformed(kind),
                };
                return Err(self.error_after(kind, offset));
            }
            // None occurs: the first byte is in the buffer, and nothing is encoded or converted.
            Ok(None) | Err(StreamError::Encode(_) | StreamError::Convert { .. }) => {
                return Err(self.error_after(AofErrorKind::Truncated, 0));
            }
        };
        let command = CommandRef::read(self.frames.current(size));
        let (header, len) = command.header();
        let name = command.name();
        let is_multi = name.eq_ignore_ascii_case(b"MULTI");
        let is_exec = name.eq_ignore_ascii_case(b"EXEC");
        let kind = match self.transaction {
            Some(_) if is_multi => AofErrorKind::NestedMulti,
            None if is_exec => AofErrorKind::ExecWithoutMulti,
            _ => {
                if is_multi {
                    self.transaction = Some(self.frames.position());
                } else if is_exec {
                    self.transaction = None;
                }
                return Ok(Some(self.found(FoundKind::Command { header, len })));
            }
        };
        // Taken back, so that the next call comes to the same result.
        self.frames.take(0);
        Err(self.error_after(kind, 0))
    }

    /// Returns the entry that has just been taken.
    fn found(&mut self, kind: FoundKind) -> FoundEntry {
        self.accept();
        let offset = self.frames.position();
        FoundEntry { offset, size: self.frames.consumed() - offset, kind }
    }

    /// Notes that the bytes taken so far are sound.
    fn accept(&mut self) {
        self.ok_up_to = self.transaction.unwrap_or(self.frames.consumed());
    }

    /// Releases the entry that was returned last, and returns the bytes after it: at least `size`, unless the file ends
    /// before.
    fn fill_to(&mut self, size: usize) -> Result<&[u8], AofError> {
        match self.frames.fill_to(size) {
            Ok(()) => Ok(self.frames.buffered()),
            Err(error) => Err(self.error_after(AofErrorKind::Io(error), 0)),
        }
    }

    /// Returns the next line if it has at most this many bytes, otherwise its first bytes. If the file ends before, the
    /// result is shorter and has no line end.
    fn fill_to_line_end(&mut self, most: usize) -> Result<&[u8], AofError> {
        let mut size = 1;
        loop {
            let buffered = self.fill_to(size)?;
            let line = buffered.get(..most).unwrap_or(buffered);
            if line.len() < size || line.len() == most || memchr(b'\n', line).is_some() {
                break;
            }
            size = line.len() + 1;
        }
        let buffered = self.frames.buffered();
        let line = buffered.get(..most).unwrap_or(buffered);
        Ok(memchr(b'\n', line).and_then(|end| line.get(..=end)).unwrap_or(line))
    }
}

impl<R> AofReader<R> {
    /// Returns how many bytes at the beginning of the file are sound: `redis-check-aof`'s `ok_up_to`.
    ///
    /// A transaction counts once its `EXEC` has been read. At the end of a sound file, it is the size of the file.
    #[must_use]
    pub const fn ok_up_to(&self) -> u64 {
        self.ok_up_to
    }

    /// Returns whether the entry that was returned last is `MULTI` or part of a transaction. `EXEC` ends it.
    ///
    /// A server applies the commands of a transaction only if its `EXEC` is there.
    #[must_use]
    pub const fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Returns a view of the entry that was read last.
    pub(super) fn view(&self, found: &FoundEntry) -> AofEntry<'_> {
        let bytes = || self.frames.current(usize::try_from(found.size).unwrap_or_default());
        let content = match found.kind {
            FoundKind::Snapshot(snapshot) => AofContent::Snapshot(snapshot),
            FoundKind::Annotation => AofContent::Annotation(Annotation::new(bytes())),
            FoundKind::Command { header, len } => {
                AofContent::Command(CommandRef::new(bytes(), header, len))
            }
        };
        AofEntry { offset: found.offset, size: found.size, content }
    }

    /// Returns the offset of the end of the bytes that have been read from the file.
    fn end(&self) -> u64 {
        self.frames.consumed() + self.frames.buffered().len() as u64
    }

    /// Returns an error at `size` bytes after those that have been consumed.
    #[cold]
    fn error_after(&self, kind: AofErrorKind, size: usize) -> AofError {
        let offset = self.frames.consumed() + size as u64;
        AofError { kind, file: None, is_last_file: true, offset, ok_up_to: self.ok_up_to }
    }
}

impl<R: fmt::Debug> fmt::Debug for AofReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AofReader")
            .field("frames", &self.frames)
            .field("ok_up_to", &self.ok_up_to)
            .field("is_in_transaction", &self.is_in_transaction())
            .finish_non_exhaustive()
    }
}
