//! Replies written value by value, as a server produces them: [`ReplyWriter`].

use core::fmt;

use bytes::BytesMut;
use smallvec::SmallVec;

use crate::kind::Kind;
use crate::sink::{ByteCount, Out, Sink};
use crate::tree::Reply;
use crate::view::ReplyRef;

use super::late::LateHeaders;
use super::{Encode, EncodeError, MOST, Protocol, UNCOUNTABLE};

/// Writes replies to the end of a buffer, value by value, in either protocol.
///
/// Open an aggregate or an attribute, write its values, and close it. It is full when it has as many values as were
/// announced when it was opened. If you do not know yet how many there will be, open it with `None`: its header, with the
/// number, is filled in when the outermost such aggregate is closed, so clients of both protocols read it. In RESP2, each value is converted as the table in [`Encode`] says.
///
/// The protocol of a writer does not change. Creating a writer costs nothing, so make a new one for each batch of
/// replies; that way, a `HELLO` takes effect with the next batch.
///
/// Half a reply never stays in the buffer. A call that fails changes nothing, and dropping the writer removes an
/// unfinished reply. To send a long reply before it is finished, take what is written with
/// [`take_written`](Self::take_written). [`with_limit`](Self::with_limit) bounds how much of a reply may be
/// in the buffer.
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
    /// Where in `out` the reply in progress begins.
    start: usize,
    open: SmallVec<[Unclosed; 4]>,
    /// Headers that are still missing from `out`.
    headers: LateHeaders,
    /// How many open aggregates have no header yet.
    without_length: usize,
    /// Whether an attribute has been closed and its value has not been written yet.
    is_annotated: bool,
    /// How many open attributes are left out because the protocol is RESP2. Inside them, nothing is written.
    dropped: usize,
    /// How many bytes of a reply may be in `out`.
    limit: usize,
}

/// An aggregate or an attribute that is open.
struct Unclosed {
    kind: Kind,
    /// How many values were announced for it. A pair is two.
    announced: Option<usize>,
    written: usize,
    /// The index of its header among the missing ones.
    header: Option<usize>,
}

impl<'b> ReplyWriter<'b> {
    /// Returns a writer that appends to the buffer.
    #[must_use]
    pub fn new(out: &'b mut BytesMut, protocol: Protocol) -> Self {
        let start = out.len();
        Self {
            out,
            protocol,
            start,
            open: SmallVec::new(),
            headers: LateHeaders::default(),
            without_length: 0,
            is_annotated: false,
            dropped: 0,
            // A buffer cannot hold more. On 32 bits, a value that shares a payload can be longer.
            limit: MOST,
        }
    }

    /// Returns a writer that keeps at most `limit` bytes of a reply in the buffer, and 24 bytes for each aggregate whose
    /// length is not known yet.
    ///
    /// A value that does not fit is [`EncodeError::TooLongToHold`]. If all lengths are known, take what is written before
    /// that. If one is not, drop the writer, which removes the unfinished reply, and answer with an error:
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use zresp::{EncodeError, Protocol, ReplyWriter};
    ///
    /// fn list(names: impl Iterator<Item = String>, out: &mut BytesMut) -> Result<(), EncodeError> {
    ///     let mut writer = ReplyWriter::with_limit(out, Protocol::Resp3, 100);
    ///     writer.open_array(None)?;
    ///     for name in names {
    ///         writer.bulk(name)?;
    ///     }
    ///     writer.close()?;
    ///     writer.finish()
    /// }
    ///
    /// let mut out = BytesMut::new();
    /// let error = list((0..1000).map(|number| number.to_string()), &mut out).unwrap_err();
    /// assert_eq!((error, out.len()), (EncodeError::TooLongToHold { limit: 100 }, 0));
    /// ReplyWriter::new(&mut out, Protocol::Resp3).error("ERR reply too long")?;
    /// # Ok::<(), EncodeError>(())
    /// ```
    #[must_use]
    pub fn with_limit(out: &'b mut BytesMut, protocol: Protocol, limit: usize) -> Self {
        let mut writer = Self::new(out, protocol);
        writer.limit = limit.min(MOST);
        writer
    }

    /// Takes what can be sent from the buffer: everything before the first aggregate whose length is not known yet.
    ///
    /// If the writer is dropped inside a reply after a part of it was taken, the peer waits for the rest: close the
    /// connection.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use zresp::{Protocol, ReplyWriter};
    ///
    /// let (mut out, mut sent) = (BytesMut::new(), Vec::new());
    /// let mut writer = ReplyWriter::with_limit(&mut out, Protocol::Resp2, 1024);
    /// writer.open_array(1_000_000)?;
    /// for number in 0..1_000_000 {
    ///     writer.integer(number)?;
    ///     if writer.held() > 1000 {
    ///         sent.extend_from_slice(&writer.take_written());
    ///     }
    /// }
    /// writer.close()?;
    /// writer.finish()?;
    /// sent.extend_from_slice(&out);
    /// assert_eq!(zresp::replies(&sent).count(), 1);
    /// # Ok::<(), zresp::EncodeError>(())
    /// ```
    #[must_use = "these bytes are no longer in the buffer"]
    pub fn take_written(&mut self) -> BytesMut {
        let end = self.headers.first().unwrap_or(self.out.len());
        self.headers.move_back(end);
        self.start = self.start.saturating_sub(end);
        self.out.split_to(end)
    }

    /// Returns how many bytes of the reply in progress are held, as the limit counts them.
    #[must_use]
    pub fn held(&self) -> usize {
        (self.out.len() - self.start) + self.headers.len() * LateHeaders::SIZE
    }

    /// Refuses a value or a header that would exceed the limit.
    fn check_limit(
        &self,
        more: impl FnOnce() -> Result<usize, EncodeError>,
    ) -> Result<(), EncodeError> {
        let limit = self.limit;
        if limit < usize::MAX && self.dropped == 0 && more()? > limit.saturating_sub(self.held()) {
            return Err(EncodeError::TooLongToHold { limit });
        }
        Ok(())
    }

    /// Writes a simple string.
    ///
    /// # Errors
    /// Returns an error if the text contains a CR or LF, or if the open aggregate is full.
    #[doc(alias = "simple string")]
    pub fn simple(&mut self, text: impl AsRef<[u8]>) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Simple(text.as_ref()))
    }

    /// Writes an error line: a code, a space and a text.
    ///
    /// # Errors
    /// Returns an error if the message contains a CR or LF, or if the open aggregate is full.
    pub fn error(&mut self, message: impl AsRef<[u8]>) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Error(message.as_ref()))
    }

    /// Writes an error line, with a space for each CR and LF in the message, as Redis does: for messages that
    /// contain text from elsewhere.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full.
    pub fn error_lossy(&mut self, message: impl AsRef<[u8]>) -> Result<&mut Self, EncodeError> {
        self.value(&Reply::error_lossy(message))
    }

    /// Writes a bulk string.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full.
    #[doc(alias = "bulk string")]
    pub fn bulk(&mut self, payload: impl AsRef<[u8]>) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Bulk(payload.as_ref()))
    }

    /// Writes an integer.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full.
    pub fn integer(&mut self, value: i64) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Integer(value))
    }

    /// Writes a double.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full.
    pub fn double(&mut self, value: f64) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Double(value))
    }

    /// Writes a boolean.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full.
    pub fn boolean(&mut self, value: bool) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Boolean(value))
    }

    /// Writes null: in RESP2, a null bulk string.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full.
    #[doc(alias = "nil")]
    pub fn null(&mut self) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Null)
    }

    /// Writes null in place of an array: in RESP2, a null array.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full.
    #[doc(alias = "nil")]
    pub fn null_array(&mut self) -> Result<&mut Self, EncodeError> {
        self.value(&match self.protocol {
            Protocol::Resp2 => ReplyRef::NullArray,
            Protocol::Resp3 => ReplyRef::Null,
        })
    }

    /// Writes text with its format, such as `txt` or `mkd`: in RESP2, a bulk string of the text.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full.
    pub fn verbatim(
        &mut self,
        format: [u8; 3],
        text: impl AsRef<[u8]>,
    ) -> Result<&mut Self, EncodeError> {
        self.value(&ReplyRef::Verbatim { format: &format, text: text.as_ref() })
    }

    /// Writes a whole reply of any kind, borrowed or owned. A [streamed](crate::tree::Items::streamed) one is written
    /// in streamed form in RESP3, which most clients cannot read.
    ///
    /// # Errors
    /// Returns an error if the reply has no form on the wire, or if the open aggregate is full.
    pub fn value(&mut self, value: &impl Encode) -> Result<&mut Self, EncodeError> {
        value.check(self.protocol)?;
        self.check_limit(|| value.encoded_len(self.protocol))?;
        self.count()?;
        if self.dropped == 0 {
            value.write(self.protocol, &mut Out(&mut *self.out));
        }
        self.end_value();
        Ok(self)
    }

    /// Opens an array of `len` elements; pass `None` if you do not know the number yet.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full.
    pub fn open_array(&mut self, len: impl Into<Option<usize>>) -> Result<&mut Self, EncodeError> {
        self.open(Kind::Array, len.into())
    }

    /// Opens a map of `pairs` pairs; pass `None` if you do not know the number yet. Write keys and values
    /// alternately.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full, or if the values are more than a `usize` counts.
    pub fn open_map(&mut self, pairs: impl Into<Option<usize>>) -> Result<&mut Self, EncodeError> {
        self.open(Kind::Map, pairs.into())
    }

    /// Opens a set of `len` elements; pass `None` if you do not know the number yet.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full.
    pub fn open_set(&mut self, len: impl Into<Option<usize>>) -> Result<&mut Self, EncodeError> {
        self.open(Kind::Set, len.into())
    }

    /// Opens a push of `len` elements; pass `None` if you do not know the number yet.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full.
    #[doc(alias = "pubsub")]
    pub fn open_push(&mut self, len: impl Into<Option<usize>>) -> Result<&mut Self, EncodeError> {
        self.open(Kind::Push, len.into())
    }

    /// Opens an attribute of `pairs` pairs; pass `None` if you do not know the number yet.
    ///
    /// It annotates the value that is written after it is closed. In RESP2 it is left out.
    ///
    /// # Errors
    /// Returns an error if the open aggregate is full, so that no value could follow the attribute, or if the values are
    /// more than a `usize` counts.
    pub fn open_attribute(
        &mut self,
        pairs: impl Into<Option<usize>>,
    ) -> Result<&mut Self, EncodeError> {
        self.open(Kind::Attribute, pairs.into())
    }

    /// Opens an aggregate or an attribute.
    fn open(&mut self, kind: Kind, len: Option<usize>) -> Result<&mut Self, EncodeError> {
        let is_array = self.protocol == Protocol::Resp2;
        let type_byte = if is_array { b'*' } else { kind.type_byte() };
        let values = |len: usize| len.checked_mul(kind.values_per_element()).ok_or(UNCOUNTABLE);
        let announced = len.map(values).transpose()?;
        let shown = if is_array { announced } else { len };
        if !(is_array && kind == Kind::Attribute) {
            self.check_limit(|| {
                let Some(shown) = shown else { return Ok(LateHeaders::SIZE) };
                let mut size = ByteCount::default();
                size.header(type_byte, shown);
                Ok(size.get())
            })?;
        }
        if kind == Kind::Attribute {
            self.check_room()?;
            self.dropped += usize::from(self.protocol == Protocol::Resp2);
        } else {
            self.count()?;
        }
        let mut header = None;
        if self.dropped == 0 {
            if let Some(shown) = shown {
                Out(&mut *self.out).header(type_byte, shown);
            } else {
                header = Some(self.headers.push(self.out.len(), type_byte));
                self.without_length += 1;
            }
        }
        self.is_annotated = false;
        self.open.push(Unclosed { kind, announced, written: 0, header });
        Ok(self)
    }

    /// Closes the innermost aggregate or attribute.
    ///
    /// # Errors
    /// Returns an error if there are fewer values than announced, if a key has no value, if an attribute inside has no
    /// value yet, or if nothing is open.
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
        if let Some(header) = header {
            let counts_pairs = kind.has_pairs() && self.protocol == Protocol::Resp3;
            self.headers.set_len(header, if counts_pairs { written / 2 } else { written });
        }
        self.open.pop();
        if header.is_some() {
            self.without_length -= 1;
            if self.without_length == 0 {
                self.headers.insert(self.out);
            }
        }
        if kind == Kind::Attribute {
            self.dropped -= usize::from(self.protocol == Protocol::Resp2);
            self.is_annotated = true;
        } else {
            self.end_value();
        }
        Ok(self)
    }

    /// Checks that the last reply is finished. Dropping the writer does not report an unfinished reply.
    ///
    /// # Errors
    /// Returns [`EncodeError::Unfinished`] if it is not. The unfinished reply is removed from the buffer.
    pub fn finish(self) -> Result<(), EncodeError> {
        if self.is_between_replies() { Ok(()) } else { Err(EncodeError::Unfinished) }
    }

    /// Returns whether all replies so far are finished.
    #[must_use]
    pub fn is_between_replies(&self) -> bool {
        self.open.is_empty() && !self.is_annotated
    }

    /// Returns the protocol in which replies are written.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Refuses a value if the innermost aggregate is full.
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

    /// Ends a value.
    fn end_value(&mut self) {
        self.is_annotated = false;
        if self.open.is_empty() {
            self.start = self.out.len();
        }
    }
}

impl Drop for ReplyWriter<'_> {
    /// Removes an unfinished reply.
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
