//! Wire forms as lists of parts, so that large payloads are not copied: [`Segments`].

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

use crate::owned::part;
use crate::sink::Sink;

use super::command::check_name;
use super::sealed::Writable;
use super::{Encode, EncodeCommand, EncodeError, Protocol, countable};

/// Payloads of at least this many bytes are parts of their own. Writing one more part costs about as much as
/// copying this many bytes.
const LARGE: usize = 4096;

/// How many parts one write takes. With all parts, the list would be made again for each write, and the time of all
/// writes would be quadratic. Systems take at most 16 to 1024.
#[cfg(feature = "std")]
const AT_ONCE: usize = 64;

/// The wire form of a reply or a command in parts, so that large payloads need not be copied.
///
/// Payloads of 4 KiB and more are shared or borrowed if the constructor can do so; each constructor
/// says when it can. Everything else is copied, and what lies between two large payloads is one
/// part.
///
/// It is a [`Buf`], which the write functions of asynchronous runtimes accept. After each write, call `advance` with
/// the number of bytes that were written.
///
/// ```
/// use bytes::{Buf, Bytes};
/// use zresp::{Protocol, Reply};
/// use zresp::encode::Segments;
///
/// let value = Bytes::from(vec![b'x'; 1_000_000]);
/// let reply = Reply::array([Reply::from("key"), Reply::bulk(value.clone())]);
/// let mut segments = Segments::of(&reply, Protocol::Resp3)?;
/// assert_eq!(segments.remaining(), 4 + 9 + 10 + 1_000_000 + 2);
///
/// // One call of `writev`:
/// # #[cfg(feature = "std")] {
/// let slices = segments.io_slices();
/// assert_eq!(slices.len(), 3);
/// assert_eq!(slices[1].as_ptr(), value.as_ptr());
/// # }
/// segments.advance(23 + 5); // as many bytes as were written
/// # Ok::<(), zresp::EncodeError>(())
/// ```
///
/// To write all parts to a blocking `io::Write`, here those of a patched command:
///
/// ```
/// # #[cfg(not(feature = "std"))]
/// # fn main() {}
/// # #[cfg(feature = "std")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::BytesMut;
/// use zresp::CommandDecoder;
/// use zresp::encode::{CommandPatch, Segments};
///
/// let mut buffer = BytesMut::from("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
/// let frame = CommandDecoder::new().decode_frame(&mut buffer)?.expect("a whole command");
/// let mut scratch = Vec::new(); // for inline commands
/// let mut patch = CommandPatch::new(frame.command().to_array(&mut scratch));
/// patch.prefix(1, "tenant:7:")?;
///
/// let mut upstream = Vec::new(); // or a `TcpStream`
/// Segments::sharing_command(&patch, frame.wire())?.write_to(&mut upstream)?;
/// assert_eq!(upstream, b"*2\r\n$3\r\nGET\r\n$10\r\ntenant:7:k\r\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[doc(alias = "writev")]
#[doc(alias = "vectored")]
pub struct Segments<P = Bytes> {
    /// The copied bytes of all small parts, one after the other.
    small: Vec<u8>,
    /// In order; the parts before `front` have been written.
    parts: SmallVec<[Part<P>; 4]>,
    front: usize,
    /// How many bytes of the part at `front` have been written.
    written: usize,
    remaining: usize,
}

/// A part: some of the copied bytes, or a payload.
#[derive(Clone)]
enum Part<P> {
    Small(Range<usize>),
    Large(P),
}

impl Segments<Bytes> {
    /// Returns the parts of a reply; they share its large payloads.
    ///
    /// Payloads can be shared if the reply owns them: those of a [`Reply`](crate::Reply), and all of a
    /// [`Frame`](crate::Frame). Everything else is copied; see [`sharing`](Self::sharing).
    ///
    /// # Errors
    /// Returns an error if the reply has no form on the wire.
    pub fn of(reply: &impl Encode, protocol: Protocol) -> Result<Self, EncodeError> {
        Self::sharing(reply, protocol, &Bytes::new())
    }

    /// Returns the parts of a command. If it is a [`CommandFrame`](crate::CommandFrame), parts of 4 KiB and more share
    /// its bytes.
    ///
    /// Other commands are copied; see [`sharing_command`](Self::sharing_command) and
    /// [`of_arguments`](Segments::of_arguments).
    ///
    /// # Errors
    /// Returns the errors of [`EncodeCommand::encoded_len`].
    pub fn of_command(command: &impl EncodeCommand) -> Result<Self, EncodeError> {
        Self::sharing_command(command, &Bytes::new())
    }

    /// Returns the parts of a reply that borrows from `source`. Parts of 4 KiB and more share its bytes.
    ///
    /// Pass a patch of a frame and the bytes of that frame, for example. A wrong `source` is not an error: the bytes
    /// are then copied.
    ///
    /// # Errors
    /// Returns an error if the reply has no form on the wire.
    pub fn sharing(
        reply: &impl Encode,
        protocol: Protocol,
        source: &Bytes,
    ) -> Result<Self, EncodeError> {
        Self::split(reply, protocol, source)
    }

    /// Returns the parts of a command that borrows from `source`. Parts of 4 KiB and more share its bytes.
    ///
    /// Pass a patch of a frame and the bytes of that frame, for example. A wrong `source` is not an error: the bytes
    /// are then copied.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use zresp::encode::{CommandPatch, Segments};
    /// use zresp::{Command, CommandDecoder};
    ///
    /// let mut buffer = BytesMut::from("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n");
    /// buffer.resize(buffer.len() + 1_000_000, b'x');
    /// buffer.extend_from_slice(b"\r\n");
    /// let frame = CommandDecoder::new().decode_frame(&mut buffer)?.expect("a whole command");
    /// let Command::Array(command) = frame.command() else { panic!() };
    ///
    /// let mut patch = CommandPatch::new(command);
    /// patch.prefix(1, "tenant:7:")?;
    /// let parts = Segments::sharing_command(&patch, frame.wire())?.into_parts();
    /// assert_eq!(parts[0], "*3\r\n$3\r\nSET\r\n$10\r\ntenant:7:k\r\n");
    /// assert_eq!((parts.len(), parts[1].len()), (2, 1_000_012)); // the value, not copied
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`EncodeCommand::encoded_len`].
    pub fn sharing_command(
        command: &impl EncodeCommand,
        source: &Bytes,
    ) -> Result<Self, EncodeError> {
        Self::split(command, (), source)
    }

    fn split<P: Copy>(
        value: &impl Writable<P>,
        protocol: P,
        source: &Bytes,
    ) -> Result<Self, EncodeError> {
        value.check(protocol)?;
        let mut parts = SharedParts { segments: Self::new(), source, lent: Bytes::new() };
        value.write(protocol, &mut parts);
        parts.segments.counted()
    }

    /// Returns the parts that have not been written yet. None of them is empty.
    #[must_use]
    pub fn into_parts(self) -> Vec<Bytes> {
        let Self { small, parts, front, mut written, .. } = self;
        let small = Bytes::from(small);
        let part = |part| match part {
            Part::Small(range) => small.slice(range),
            Part::Large(payload) => payload,
        };
        let mut parts: Vec<_> = parts.into_iter().skip(front).map(part).collect();
        if let Some(first) = parts.first_mut() {
            first.advance(core::mem::take(&mut written).min(first.len()));
        }
        parts
    }
}

impl<'a> Segments<&'a [u8]> {
    /// Returns the parts of a command; they borrow its large arguments.
    ///
    /// ```
    /// use bytes::Buf;
    /// use zresp::encode::Segments;
    ///
    /// let value = vec![b'x'; 1_000_000];
    /// let mut segments = Segments::of_arguments(&[b"SET", b"key".as_slice(), &value])?;
    /// assert_eq!(segments.remaining(), 4 + 9 + 9 + 10 + 1_000_000 + 2);
    /// # #[cfg(feature = "std")]
    /// assert_eq!(segments.io_slices().len(), 3);
    /// # Ok::<(), zresp::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`EncodeCommand::encoded_len`].
    pub fn of_arguments(arguments: &[&'a [u8]]) -> Result<Self, EncodeError> {
        check_name(arguments.first().copied())?;
        let mut segments = Self::new();
        Copied(&mut segments).header(b'*', arguments.len());
        for argument in arguments {
            Copied(&mut segments).header(b'$', argument.len());
            if argument.len() < LARGE {
                segments.push_small(argument);
            } else {
                segments.push_large(*argument, argument.len());
            }
            segments.push_small(b"\r\n");
        }
        segments.counted()
    }
}

impl<P> Segments<P> {
    fn new() -> Self {
        Self { small: Vec::new(), parts: SmallVec::new(), front: 0, written: 0, remaining: 0 }
    }

    fn push_large(&mut self, payload: P, len: usize) {
        self.remaining = self.remaining.saturating_add(len);
        self.parts.push(Part::Large(payload));
    }

    /// Refuses parts with more bytes than a `usize` can count.
    fn counted(self) -> Result<Self, EncodeError> {
        countable(self.remaining).map(|_| self)
    }
}

impl<P: AsRef<[u8]>> Segments<P> {
    /// Returns the parts that have not been written yet, for a vectored write.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn io_slices(&self) -> Vec<std::io::IoSlice<'_>> {
        self.slices().map(std::io::IoSlice::new).collect()
    }

    /// Writes all parts that have not been written yet to a blocking writer, up to 64 parts with each write. After an
    /// error you may call again: it continues where it stopped. (With tokio, pass `&mut segments` to `AsyncWriteExt::write_all_buf`.)
    ///
    /// # Errors
    /// Returns the error of the writer, and `WriteZero` if it takes no more bytes. `Interrupted` is retried.
    #[cfg(feature = "std")]
    pub fn write_to(&mut self, writer: &mut impl std::io::Write) -> std::io::Result<()> {
        while self.has_remaining() {
            let mut slices = [std::io::IoSlice::new(&[]); AT_ONCE];
            let mut room = super::MOST;
            let fitting = self.slices().take_while(|slice| {
                let rest = room.checked_sub(slice.len());
                room = rest.unwrap_or(0);
                rest.is_some()
            });
            let filled = slices.iter_mut().zip(fitting);
            let count = filled.map(|(slot, slice)| *slot = std::io::IoSlice::new(slice)).count();
            match writer.write_vectored(slices.get(..count).unwrap_or_default()) {
                Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
                Ok(count) => self.advance(count),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns the parts that have not been written yet. None of them is empty.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let written = core::iter::once(self.written).chain(core::iter::repeat(0));
        let parts = self.parts.get(self.front..).unwrap_or_default();
        parts.iter().zip(written).map(|(part, written)| {
            let bytes = match part {
                Part::Small(range) => self.small.get(range.clone()).unwrap_or_default(),
                Part::Large(payload) => payload.as_ref(),
            };
            bytes.get(written..).unwrap_or_default()
        })
    }
}

impl<P: AsRef<[u8]>> Buf for Segments<P> {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.slices().next().unwrap_or_default()
    }

    /// Moves past `count` bytes that have been written. A `count` past the end moves to the end.
    fn advance(&mut self, count: usize) {
        let mut count = count.min(self.remaining);
        self.remaining -= count;
        while count > 0 {
            let left = self.chunk().len();
            if count < left {
                self.written += count;
                return;
            }
            count -= left;
            self.front += 1;
            self.written = 0;
        }
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, room: &mut [std::io::IoSlice<'a>]) -> usize {
        let filled = room.iter_mut().zip(self.slices());
        filled.map(|(slot, slice)| *slot = std::io::IoSlice::new(slice)).count()
    }
}

impl<P: AsRef<[u8]>> fmt::Debug for Segments<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segments")
            .field("remaining", &self.remaining)
            .field("parts", &(self.parts.len() - self.front))
            .finish_non_exhaustive()
    }
}

impl<P> Segments<P> {
    /// Copies bytes into the last small part.
    fn push_small(&mut self, bytes: &[u8]) {
        // No part may be empty: a `Buf` whose next chunk is empty is at its end.
        if bytes.is_empty() {
            return;
        }
        // On 32 bits, arguments that are the same slice can be longer than a vector can be.
        if usize::BITS < 64 && self.small.try_reserve(bytes.len()).is_err() {
            self.remaining = usize::MAX;
            return;
        }
        self.small.extend_from_slice(bytes);
        self.remaining = self.remaining.saturating_add(bytes.len());
        let end = self.small.len();
        match self.parts.last_mut() {
            Some(Part::Small(range)) => range.end = end,
            _ => self.parts.push(Part::Small(end - bytes.len()..end)),
        }
    }
}

/// Copies everything. The segments themselves are not a [`Sink`]: nothing may be written to them that has
/// not been checked, and a type parameter with the bound `Encode` would make `write` callable by anyone.
struct Copied<'s, P>(&'s mut Segments<P>);

impl<P> Sink for Copied<'_, P> {
    fn put(&mut self, bytes: &[u8]) {
        self.0.push_small(bytes);
    }

    fn header(&mut self, type_byte: u8, number: usize) {
        self.put(&[type_byte]);
        self.put(itoa::Buffer::new().format(number).as_bytes());
        self.put(b"\r\n");
    }
}

/// Shares large slices of `source`, and of the buffer that was lent last; copies everything else.
struct SharedParts<'s> {
    segments: Segments,
    source: &'s Bytes,
    lent: Bytes,
}

impl Sink for SharedParts<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let shared = if bytes.len() < LARGE {
            None
        } else {
            part(&self.lent, bytes).or_else(|| part(self.source, bytes))
        };
        match shared {
            Some(part) => self.segments.push_large(part, bytes.len()),
            None => self.segments.push_small(bytes),
        }
    }

    fn lend(&mut self, bytes: &Bytes) {
        if bytes.len() >= LARGE {
            self.lent = bytes.clone();
        }
    }

    fn header(&mut self, type_byte: u8, number: usize) {
        Copied(&mut self.segments).header(type_byte, number);
    }
}
