//! Replies written value by value, as a server makes them.

use alloc::vec::Vec;
use core::fmt;

use bytes::BytesMut;
use smallvec::SmallVec;

use crate::kind::Kind;
use crate::sink::{Out, Sink};
use crate::tree::Reply;
use crate::view::ReplyRef;

use super::{Encode, EncodeError, Protocol};

/// Writes replies to the end of a buffer, value by value, for a peer of either protocol.
///
/// An aggregate is opened, its values are written, and it is closed. How many values there will be need
/// not be known when it is opened: its header is put in its place at the end. For RESP2 each value becomes
/// what [`Encode`] says.
///
/// A writer borrows the buffer and keeps to its protocol: one for each batch of replies costs nothing, and the
/// next speaks what a `HELLO` has asked for.
///
/// What is in the buffer is whole at any time that counts: a call that fails changes nothing, and a
/// reply that is not finished when the writer is dropped is taken back.
///
/// ```
/// use bytes::BytesMut;
/// use zresp::{Protocol, ReplyWriter};
///
/// let mut out = BytesMut::new();
/// let mut writer = ReplyWriter::new(&mut out, Protocol::Resp3);
/// writer.open_map(2)?;
/// writer.bulk("name")?.bulk("zadd")?;
/// writer.bulk("flags")?.open_set(None)?;
/// for flag in ["write", "fast"] {
///     writer.simple(flag)?;
/// }
/// writer.close()?.close()?;
/// writer.finish()?;
/// assert_eq!(out, "%2\r\n$4\r\nname\r\n$4\r\nzadd\r\n$5\r\nflags\r\n~2\r\n+write\r\n+fast\r\n");
/// # Ok::<(), zresp::EncodeError>(())
/// ```
pub struct ReplyWriter<'b> {
    out: &'b mut BytesMut,
    protocol: Protocol,
    /// Where the reply in progress begins.
    start: usize,
    open: SmallVec<[Unclosed; 4]>,
    /// Headers that are still to be put in their places, in the order of those.
    headers: Vec<LateHeader>,
    /// Whether an attribute waits for the value behind it.
    is_annotated: bool,
    /// How many attributes are open that RESP2 does not have.
    dropped: usize,
}

/// An aggregate or an attribute that is being written.
struct Unclosed {
    kind: Kind,
    /// How many values it will have, if that is known.
    announced: Option<usize>,
    written: usize,
    /// The place of its header among those still to be written.
    header: Option<usize>,
}

/// The header of an aggregate whose length was not known when it was opened.
struct LateHeader {
    at: usize,
    type_byte: u8,
    len: usize,
}

impl<'b> ReplyWriter<'b> {
    /// Returns a writer of replies behind what is in the buffer.
    #[must_use]
    pub fn new(out: &'b mut BytesMut, protocol: Protocol) -> Self {
        let start = out.len();
        Self {
            out,
            protocol,
            start,
            open: SmallVec::new(),
            headers: Vec::new(),
            is_annotated: false,
            dropped: 0,
        }
    }

    /// Writes a simple string.
    ///
    /// # Errors
    /// CR or LF in the text, and a value too many.
    pub fn simple(&mut self, text: impl AsRef<[u8]>) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Simple(text.as_ref()))
    }

    /// Writes an error: a code, a space and a text.
    ///
    /// # Errors
    /// CR or LF in the message, and a value too many.
    pub fn error(&mut self, message: impl AsRef<[u8]>) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Error(message.as_ref()))
    }

    /// Writes an error with a text from elsewhere: each CR and LF in the message becomes a space, as in the
    /// errors of Redis.
    ///
    /// # Errors
    /// A value too many.
    pub fn error_lossy(&mut self, message: impl AsRef<[u8]>) -> Result<&mut Self, EncodeError> {
        self.value(&Reply::error_lossy(message))
    }

    /// Writes a bulk string.
    ///
    /// # Errors
    /// A value too many.
    pub fn bulk(&mut self, payload: impl AsRef<[u8]>) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Bulk(payload.as_ref()))
    }

    /// Writes an integer.
    ///
    /// # Errors
    /// A value too many.
    pub fn integer(&mut self, value: i64) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Integer(value))
    }

    /// Writes a double.
    ///
    /// # Errors
    /// A value too many.
    pub fn double(&mut self, value: f64) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Double(value))
    }

    /// Writes a boolean.
    ///
    /// # Errors
    /// A value too many.
    pub fn boolean(&mut self, value: bool) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Boolean(value))
    }

    /// Writes null; for RESP2, the null of a bulk string.
    ///
    /// # Errors
    /// A value too many.
    pub fn null(&mut self) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Null)
    }

    /// Writes null where an array could stand: for RESP2, the null of an array.
    ///
    /// # Errors
    /// A value too many.
    pub fn null_array(&mut self) -> Result<&mut Self, EncodeError> {
        self.value(&match self.protocol {
            Protocol::Resp2 => ReplyRef::NullArray,
            Protocol::Resp3 => ReplyRef::Null,
        })
    }

    /// Writes text in a format such as `txt` or `mkd`.
    ///
    /// # Errors
    /// A value too many.
    pub fn verbatim(
        &mut self,
        format: [u8; 3],
        text: impl AsRef<[u8]>,
    ) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Verbatim { format: &format, text: text.as_ref() })
    }

    /// Writes a whole reply of any kind, borrowed or owned.
    ///
    /// # Errors
    /// A reply that has no form on the wire, and a value too many.
    pub fn value(&mut self, value: &impl Encode) -> Result<&mut Self, EncodeError> {
        value.check(self.protocol)?;
        self.count()?;
        if self.dropped == 0 {
            value.write(self.protocol, &mut Out(&mut *self.out));
        }
        self.end_value();
        Ok(self)
    }

    /// Opens an array of so many elements, or `None` if that is not known yet.
    ///
    /// # Errors
    /// A value too many.
    pub fn open_array(&mut self, len: impl Into<Option<usize>>) -> Result<&mut Self, EncodeError> {
        self.open(Kind::Array, len.into())
    }

    /// Opens a map of so many pairs, or `None` if that is not known yet. Keys and values are written by
    /// turns.
    ///
    /// # Errors
    /// A value too many.
    pub fn open_map(&mut self, pairs: impl Into<Option<usize>>) -> Result<&mut Self, EncodeError> {
        self.open(Kind::Map, pairs.into())
    }

    /// Opens a set of so many elements, or `None` if that is not known yet.
    ///
    /// # Errors
    /// A value too many.
    pub fn open_set(&mut self, len: impl Into<Option<usize>>) -> Result<&mut Self, EncodeError> {
        self.open(Kind::Set, len.into())
    }

    /// Opens a push of so many elements, or `None` if that is not known yet.
    ///
    /// # Errors
    /// A value too many.
    pub fn open_push(&mut self, len: impl Into<Option<usize>>) -> Result<&mut Self, EncodeError> {
        self.open(Kind::Push, len.into())
    }

    /// Opens an attribute of so many pairs, or `None` if that is not known yet. The value that it
    /// annotates is the next one behind its end. For RESP2 it is left out.
    ///
    /// # Errors
    /// A place where no value may follow.
    pub fn open_attribute(
        &mut self,
        pairs: impl Into<Option<usize>>,
    ) -> Result<&mut Self, EncodeError> {
        self.open(Kind::Attribute, pairs.into())
    }

    /// Opens an aggregate or an attribute.
    fn open(&mut self, kind: Kind, len: Option<usize>) -> Result<&mut Self, EncodeError> {
        if kind == Kind::Attribute {
            self.check_room()?;
            self.dropped += usize::from(self.protocol == Protocol::Resp2);
        } else {
            self.count()?;
        }
        let is_array = self.protocol == Protocol::Resp2;
        let announced = len.map(|len| len.saturating_mul(kind.values_per_element()));
        let type_byte = if is_array { b'*' } else { kind.type_byte() };
        let mut header = None;
        if self.dropped == 0 {
            if let (Some(values), Some(len)) = (announced, len) {
                Out(&mut *self.out).header(type_byte, if is_array { values } else { len });
            } else {
                header = Some(self.headers.len());
                self.headers.push(LateHeader { at: self.out.len(), type_byte, len: 0 });
            }
        }
        self.is_annotated = false;
        self.open.push(Unclosed { kind, announced, written: 0, header });
        Ok(self)
    }

    /// Closes the innermost aggregate or attribute.
    ///
    /// # Errors
    /// Fewer values than were announced, a key without its value, an attribute without the value behind
    /// it, and nothing to close.
    pub fn close(&mut self) -> Result<&mut Self, EncodeError> {
        let Some(&Unclosed { kind, announced, written, header }) = self.open.last() else {
            return Err(EncodeError::NothingToClose);
        };
        if self.is_annotated {
            return Err(EncodeError::Unfinished);
        }
        if let Some(missing) = announced.map(|values| values - written).filter(|count| *count > 0) {
            return Err(EncodeError::TooFewValues { kind, missing });
        }
        if kind.has_pairs() && written % 2 == 1 {
            return Err(EncodeError::KeyWithoutValue);
        }
        if let Some(header) = header.and_then(|place| self.headers.get_mut(place)) {
            let is_map = kind.has_pairs() && header.type_byte != b'*';
            header.len = if is_map { written / 2 } else { written };
        }
        self.open.pop();
        if kind == Kind::Attribute {
            self.dropped -= usize::from(self.protocol == Protocol::Resp2);
            self.is_annotated = true;
        } else {
            self.end_value();
        }
        Ok(self)
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// [`EncodeError::Unfinished`] if the last reply is not whole; it is taken back.
    pub fn finish(self) -> Result<(), EncodeError> {
        if self.is_between_replies() { Ok(()) } else { Err(EncodeError::Unfinished) }
    }

    /// Returns whether all that was written is whole replies.
    #[must_use]
    pub fn is_between_replies(&self) -> bool {
        self.open.is_empty() && !self.is_annotated
    }

    /// Returns the protocol that is written.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Refuses a value in an aggregate that has all of them.
    fn check_room(&self) -> Result<(), EncodeError> {
        match self.open.last() {
            Some(&Unclosed { kind, announced: Some(values), written, .. }) if written == values => {
                let announced = values / kind.values_per_element();
                Err(EncodeError::TooManyValues { kind, announced })
            }
            _ => Ok(()),
        }
    }

    /// Counts a value that is about to be written.
    fn count(&mut self) -> Result<(), EncodeError> {
        self.check_room()?;
        if let Some(innermost) = self.open.last_mut() {
            innermost.written += 1;
        }
        Ok(())
    }

    /// Goes on behind a value.
    fn end_value(&mut self) {
        self.is_annotated = false;
        if self.open.is_empty() {
            self.put_headers();
            self.start = self.out.len();
        }
    }

    /// Puts the headers whose numbers were not known into their places: the bytes between them move back,
    /// the last ones first, each of them once.
    fn put_headers(&mut self) {
        if self.headers.is_empty() {
            return;
        }
        let mut end = self.out.len();
        let mut texts = BytesMut::new();
        let sizes: SmallVec<[usize; 8]> = self
            .headers
            .iter()
            .map(|header| {
                let before = texts.len();
                Out(&mut texts).header(header.type_byte, header.len);
                texts.len() - before
            })
            .collect();
        let mut target = end + texts.len();
        self.out.resize(target, 0);
        for (header, size) in self.headers.iter().zip(sizes).rev() {
            target -= end - header.at;
            self.out.copy_within(header.at..end, target);
            end = header.at;
            target -= size;
            let text = texts.split_off(texts.len() - size);
            if let Some(place) = self.out.get_mut(target..target + size) {
                place.copy_from_slice(&text);
            }
        }
        self.headers.clear();
    }
}

impl Drop for ReplyWriter<'_> {
    /// Takes back the reply that is not finished.
    fn drop(&mut self) {
        self.out.truncate(self.start);
    }
}

impl fmt::Debug for ReplyWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyWriter")
            .field("protocol", &self.protocol)
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}
