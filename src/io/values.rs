//! Whole values from a stream of tokens: [`TokenStream::next_value`] and [`TokenStream::next_as`].

use core::mem;
use std::io::Read;

use crate::convert::FromReply;
use crate::error::{Error, ErrorKind};
use crate::kind::Kind;
use crate::view::{Decoded, Token};

use super::StreamError;
use super::tokens::ReplyTokenStream;
#[cfg(doc)]
use super::tokens::TokenStream;

/// A value that is being read whole: the unread bytes begin with it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ValueBegun {
    /// The size of its tokens so far.
    pub(super) size: usize,
    /// How many aggregates and attributes are open in it.
    open: usize,
}

impl<R: Read> ReplyTokenStream<R> {
    /// Returns the next value whole: the next element of the aggregate that [`next`](TokenStream::next) has opened, or,
    /// between frames, the next reply. Returns `None` where the aggregate or the stream ends; after the end of an
    /// aggregate, the next value is that of the one around it. The values of a map are its keys and values.
    ///
    /// The buffer holds one value at a time, so the memory for a list is that of its longest element.
    ///
    /// ```
    /// use zresp::ReplyRef;
    /// use zresp::io::ReplyTokenStream;
    ///
    /// let mut tokens = ReplyTokenStream::new(&b"*2\r\n*1\r\n:1\r\n$1\r\na\r\n+OK\r\n"[..]);
    /// tokens.next()?; // the array begins
    /// let (mut sizes, mut last) = (Vec::new(), None);
    /// while let Some(value) = tokens.next_value()? {
    ///     sizes.push(value.wire().len());
    ///     last = value.reply().as_str().ok().map(str::to_owned);
    /// }
    /// assert_eq!((sizes, last.as_deref()), (vec![8, 7], Some("a")));
    /// let next = tokens.next_value()?.expect("another reply");
    /// assert_eq!(next.reply(), ReplyRef::Simple(b"OK"));
    /// # Ok::<(), zresp::io::StreamError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`next`](TokenStream::next). After an error of the reader, you may call again. If you call
    /// `next` instead, it returns the tokens of the value that are still missing.
    pub fn next_value(&mut self) -> Result<Option<Decoded<'_>>, StreamError> {
        if self.find_value()? { self.found_value().map(Some) } else { Ok(None) }
    }

    /// Returns the [next value](Self::next_value) as a Rust value.
    ///
    /// A list of tuples may be flat: then read the values of each tuple one after the other, like the keys and values of
    /// a map.
    ///
    /// ```
    /// use zresp::io::ReplyTokenStream;
    ///
    /// let mut tokens = ReplyTokenStream::new(&b"*4\r\n$3\r\nada\r\n,1.5\r\n$3\r\nbob\r\n$4\r\nnone\r\n"[..]);
    /// tokens.next()?; // the array begins
    /// assert_eq!(tokens.next_as::<String>()?.as_deref(), Some("ada"));
    /// assert_eq!(tokens.next_as::<f64>()?, Some(1.5));
    /// assert_eq!(tokens.next_as::<String>()?.as_deref(), Some("bob"));
    /// let error = tokens.next_as::<f64>().unwrap_err();
    /// assert_eq!(error.to_string(), "expected a double, found a bulk string that is not one at offset 28");
    /// assert_eq!(tokens.next_as::<f64>()?, None);
    /// # Ok::<(), zresp::io::StreamError>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of `next_value`, and [`StreamError::Convert`] if the value is something else. The next call
    /// goes on with the next value.
    pub fn next_as<'a, T: FromReply<'a>>(&'a mut self) -> Result<Option<T>, StreamError> {
        if !self.find_value()? {
            return Ok(None);
        }
        let converted = self.found_value()?.reply().to().map(Some);
        converted.map_err(|error| StreamError::Convert { error, position: self.input.released() })
    }

    /// Reads until the next value is whole, or the aggregate or the stream ends. Returns whether it is a value.
    fn find_value(&mut self) -> Result<bool, StreamError> {
        self.input.release(mem::take(&mut self.given));
        self.skip_payload()?;
        let ValueBegun { mut size, mut open } = self.value.take().unwrap_or_default();
        loop {
            if size == 0 && self.tokens.is_between_frames() {
                self.frame_at = self.input.released();
            }
            let unread = self.input.unread().get(size..).unwrap_or_default();
            let next = self.tokens.next(unread);
            let next = next.map_err(|error| StreamError::decode(error, self.frame_at))?;
            let Some((token, count)) = next else {
                self.value = Some(ValueBegun { size, open });
                if self.input.fill()? > 0 {
                    continue;
                }
                return if self.tokens.is_between_frames() { Ok(false) } else { Err(self.cut()) };
            };
            size += count;
            let is_value = match (token, open) {
                (Token::Open { .. }, _) => {
                    open += 1;
                    continue;
                }
                (Token::Close(_), 0) => false,
                (Token::Close(kind), _) => {
                    open -= 1;
                    if open > 0 || kind == Kind::Attribute {
                        continue;
                    }
                    true
                }
                (Token::Scalar(_), 0) => true,
                (Token::Scalar(_), _) => continue,
            };
            (self.value, self.given) = (None, size);
            return Ok(is_value);
        }
    }

    /// Returns the value that [`find_value`](Self::find_value) has found.
    fn found_value(&self) -> Result<Decoded<'_>, StreamError> {
        let bytes = self.input.unread().get(..self.given).unwrap_or_default();
        let changed = Error::new(ErrorKind::BufferChanged, 0);
        Decoded::of_value(bytes, self.tokens.lines())
            .ok_or(StreamError::decode(changed, self.frame_at))
    }
}
