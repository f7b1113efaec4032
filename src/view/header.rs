//! Reads a value again after it has been validated.
//!
//! On validated bytes nothing here fails. If the caller has changed its buffer between two calls of a
//! decoder, the bytes are not those that were validated. Then a function returns `None` or an arbitrary
//! value, but does not panic.
//!
//! [`bulk_string`], [`line()`], [`front`] and [`opening`] also read input that has not been validated. They check
//! the whole value or header, so that a decoder need not first validate a lone scalar and then read it,
//! and serde can read a frame without decoding it first.

use crate::kind::Kind;
use crate::lex::{constant, double, integer, line, word};
use crate::validate::Validator;

use super::values::Values;
use super::{Chunks, ReplyRef};

/// Where the value at the front of some bytes ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// At the end of the bytes.
    Exact,
    /// At the end of the bytes or before it.
    Within,
}

/// The length in a header: digits, `-1` or `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Known(usize),
    Null,
    Streamed,
}

/// Takes the bulk string that the bytes begin with. Returns its payload and the rest; `None` if it
/// is not a bulk string, is incomplete or wrong, or has a length of more than fifteen digits.
///
/// `word` holds the first bytes. All of the value is checked.
#[inline(always)]
pub(crate) fn bulk_string(word: u64, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, payload, rest) = word::bulk(word, bytes)?;
    Some((payload, rest))
}

/// Takes the integer that the bytes begin with, if it has one digit. Returns its value and the
/// rest.
#[inline(always)]
pub(crate) fn single_digit(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (line, rest) = bytes.split_first_chunk()?;
    integer::is_single_digit(u32::from_le_bytes(*line)).then_some((i64::from(line[1] & 0xf), rest))
}

/// Takes the value that the bytes begin with, if it is one line. Returns the value and the rest;
/// `None` if it is rare, incomplete or wrong.
///
/// `word` holds the first bytes. All of the line is checked.
#[inline(always)]
pub(crate) fn line(word: u64, bytes: &[u8]) -> Option<(ReplyRef<'_>, &[u8])> {
    match word::first_byte(word) {
        b':' => {
            let (value, rest) = integer::line(word, bytes)?;
            Some((ReplyRef::Integer(value), rest))
        }
        b'+' => {
            let (text, rest) = line::split(word, bytes)?;
            Some((ReplyRef::Simple(text), rest))
        }
        b'-' => {
            let (text, rest) = line::split(word, bytes)?;
            Some((ReplyRef::Error(text), rest))
        }
        b',' => {
            let (value, size) = double::line(bytes)?;
            Some((ReplyRef::Double(value), bytes.get(size.get()..)?))
        }
        _ => {
            let (constant, size) = constant::line(word)?;
            Some((ReplyRef::constant(constant), bytes.get(size..)?))
        }
    }
}

/// A whole scalar, or the header of an aggregate.
pub(crate) enum Front<'a> {
    Scalar(ReplyRef<'a>),
    /// An aggregate of this many elements or pairs.
    Open(Kind, u32),
}

/// Takes the token that the bytes begin with. Returns it and the rest; `None` if it is rare, incomplete or wrong. All of
/// it is checked, except against limits.
///
/// Rare are attributes, streamed forms, big numbers, bulk errors, verbatim strings, the doubles `inf` and `nan`, and
/// headers of aggregates with more than five digits.
#[inline(always)]
pub(crate) fn front(bytes: &[u8]) -> Option<(Front<'_>, &[u8])> {
    let word = word::first(bytes)?;
    match word::first_byte(word) {
        b'$' => {
            if let Some((payload, rest)) = bulk_string(word, bytes) {
                return Some((Front::Scalar(ReplyRef::Bulk(payload)), rest));
            }
        }
        type_byte @ (b'*' | b'%' | b'~' | b'>') => {
            if let Some((len, size)) = word::number(word) {
                let kind = match type_byte {
                    b'*' => Kind::Array,
                    b'%' => Kind::Map,
                    b'~' => Kind::Set,
                    _ => Kind::Push,
                };
                return Some((Front::Open(kind, len), bytes.get(size..)?));
            }
        }
        _ => {}
    }
    let (scalar, rest) = line(word, bytes)?;
    Some((Front::Scalar(scalar), rest))
}

/// Returns the value that the bytes begin with, and its size. The bytes must not begin with an
/// attribute.
#[inline(always)]
pub(crate) fn value(bytes: &[u8], extent: Extent) -> Option<(ReplyRef<'_>, usize)> {
    match bytes.first()? {
        b'+' | b'-' | b'(' if extent == Extent::Exact => Some((whole_text(bytes)?, bytes.len())),
        b'$' => bulk(bytes),
        b'*' | b'~' | b'%' | b'>' => aggregate(bytes, extent),
        b':' | b',' | b'+' | b'-' => match word::first(bytes).and_then(|word| line(word, bytes)) {
            Some((reply, rest)) => Some((reply, bytes.len() - rest.len())),
            None => rare(bytes),
        },
        _ => rare(bytes),
    }
}

/// Returns the line that consists of all of the bytes: its end need not be searched for.
fn whole_text(bytes: &[u8]) -> Option<ReplyRef<'_>> {
    let text = bytes.get(1..bytes.len().checked_sub(2)?)?;
    match bytes.first()? {
        b'+' => Some(ReplyRef::Simple(text)),
        b'-' => Some(ReplyRef::Error(text)),
        b'(' => Some(ReplyRef::BigNumber(text)),
        _ => None,
    }
}

/// Returns a value of a rare kind or a rare form, and its size. It may be of any kind except `$`
/// and aggregates.
///
/// Out of line, so that [`value`] inlines the frequent forms only.
#[inline(never)]
fn rare(bytes: &[u8]) -> Option<(ReplyRef<'_>, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let (reply, size) = match first {
        b'!' | b'=' => {
            let (payload, size) = payload(bytes)?;
            if first == b'!' {
                return Some((ReplyRef::BulkError(payload), size));
            }
            let (format, text) = payload.split_first_chunk()?;
            return Some((ReplyRef::Verbatim { format, text: text.get(1..)? }, size));
        }
        _ => {
            let text = rest.get(..line::end_at(rest)?)?;
            let reply = match first {
                b'+' => ReplyRef::Simple(text),
                b'-' => ReplyRef::Error(text),
                b':' => ReplyRef::Integer(integer::parse(text)?),
                b',' => ReplyRef::Double(double::parse(text)?),
                b'(' => ReplyRef::BigNumber(text),
                b'#' => ReplyRef::Boolean(text == b"t"),
                b'_' => ReplyRef::Null,
                _ => return None,
            };
            (reply, text.len() + 3)
        }
    };
    Some((reply, size))
}

/// Returns the length after the type byte, and the size of the header. All of the header is checked.
#[inline(always)]
pub(crate) fn length(bytes: &[u8]) -> Option<(Length, usize)> {
    match word::number(word::first(bytes)?) {
        Some((length, size)) => Some((Length::Known(length as usize), size)),
        None => rare_length(bytes),
    }
}

/// Reads the lengths that [`word::number`] cannot: six or more digits, `-1` and `?`.
#[cold]
fn rare_length(bytes: &[u8]) -> Option<(Length, usize)> {
    let size = line::size(bytes)?.get();
    let length = match bytes.get(1..size - 2)? {
        b"-1" => Length::Null,
        b"?" => Length::Streamed,
        digits @ ([b'0'] | [b'1'..=b'9', ..]) => Length::Known(integer::parse(digits)?),
        _ => return None,
    };
    Some((length, size))
}

/// Returns the total size of the first `values` values, including their attributes.
///
/// This is how a view finds the end of a nested aggregate, because the header of an aggregate counts
/// values, not bytes. [`skip`] goes as far as it can. A validator without limits then walks over the
/// remaining values: it handles attributes, streamed forms and all headers.
pub(crate) fn size(bytes: &[u8], values: u32) -> Option<usize> {
    let (rest, owed) = skip(bytes, values);
    let skipped = bytes.len() - rest.len();
    if owed == 0 {
        return Some(skipped);
    }
    Some(skipped + Validator::of_validated(owed).advance(rest).ok()??)
}

/// Skips up to `owed` validated values. Returns the bytes after them, and how many values are still
/// owed there.
///
/// One number is enough for any depth: each value subtracts one from it, and an aggregate then adds
/// its elements. For `*2 *1 :1 :2` it goes 1, 2, 2, 1, 0. Which aggregate a value belongs to does not
/// matter, because the validator has already checked that each has its elements. So this is correct
/// only on validated bytes.
///
/// It stops early, with values still owed, before a value that is rare or has no short header (an
/// attribute, a streamed form, `$-1`, `*-1`, `!`, `=`, a length of more than five digits), and within
/// the last three bytes. [`size`] gives the rest to the validator.
fn skip(mut bytes: &[u8], mut owed: u32) -> (&[u8], u32) {
    while owed > 0 {
        let Some(word) = word::first(bytes) else { break };
        let first = word::first_byte(word);
        let (size, values) = match (first, word::number(word)) {
            (b'$', Some((length, header))) => (header + length as usize + 2, 0),
            (b'*' | b'~' | b'>', Some((length, header))) => (header, length),
            (b'%', Some((length, header))) => (header, 2 * length),
            (b':', Some((_, header))) => (header, 0),
            (b'+' | b'-' | b':' | b',' | b'(' | b'_' | b'#', _) => match line::end_at(bytes) {
                Some(length) => (length + 2, 0),
                None => break,
            },
            _ => break,
        };
        let (Some(rest), Some(sum)) = (bytes.get(size..), (owed - 1).checked_add(values)) else {
            break;
        };
        (bytes, owed) = (rest, sum);
        // Most values are bulk strings that follow other bulk strings.
        while let (1.., Some(chunk)) = (owed, bytes.first_chunk()) {
            let word = u64::from_le_bytes(*chunk);
            let (b'$', Some((length, header))) = (word::first_byte(word), word::number(word))
            else {
                break;
            };
            let Some(rest) = bytes.get(header + length as usize + 2..) else { break };
            (bytes, owed) = (rest, owed - 1);
        }
    }
    (bytes, owed)
}

/// Returns the size of the attributes before a value; 0 if it has no attributes.
#[inline]
pub(crate) fn attributes_size(bytes: &[u8]) -> Option<usize> {
    if bytes.first() == Some(&b'|') { rest_of_attributes(bytes) } else { Some(0) }
}

/// Returns the size of the attributes that the bytes begin with. The number of their pairs is always
/// known, because an attribute cannot be streamed.
#[cold]
fn rest_of_attributes(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while bytes.get(at)? == &b'|' {
        let (Length::Known(pairs), header) = length(bytes.get(at..)?)? else { return None };
        let values = u32::try_from(pairs.checked_mul(2)?).ok()?;
        at += header;
        at += size(bytes.get(at..)?, values)?;
    }
    Some(at)
}

/// Returns the bulk string, streamed string or `$-1` that the bytes begin with, and its size.
#[inline]
fn bulk(bytes: &[u8]) -> Option<(ReplyRef<'_>, usize)> {
    match length(bytes)? {
        (Length::Known(length), header) => {
            let end = header.checked_add(length)?;
            Some((ReplyRef::Bulk(bytes.get(header..end)?), end + 2))
        }
        (Length::Null, header) => Some((ReplyRef::NullBulk, header)),
        (Length::Streamed, header) => {
            let chunks = bytes.get(header..)?;
            let size = chunks_size(chunks)?;
            // The last chunk, `;0` CRLF, has four bytes.
            Some((ReplyRef::Streamed(Chunks::new(chunks.get(..size)?)), header + size + 4))
        }
    }
}

/// Returns the size of the chunks of a streamed string, without the empty chunk that ends it.
fn chunks_size(bytes: &[u8]) -> Option<usize> {
    let mut at = 0usize;
    loop {
        match length(bytes.get(at..)?)? {
            (Length::Known(0), _) => return Some(at),
            (Length::Known(length), header) => {
                at = at.checked_add(header)?.checked_add(length)?.checked_add(2)?;
            }
            _ => return None,
        }
    }
}

/// Returns the payload of a value that has a length prefix, and the size of the value.
#[inline]
pub(crate) fn payload(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (Length::Known(length), header) = length(bytes)? else { return None };
    let end = header.checked_add(length)?;
    Some((bytes.get(header..end)?, end + 2))
}

/// The header of an aggregate or attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) kind: Kind,
    /// How many elements it has, or pairs in a map or attribute; `None` if it is streamed.
    pub(crate) length: Option<usize>,
    /// The size of the header in bytes.
    pub(crate) size: usize,
}

impl Opening {
    /// How many values the aggregate has, two for each pair; `None` if it is streamed.
    #[inline]
    pub(crate) fn values(&self) -> Option<u32> {
        let each = if self.kind.has_pairs() { 2 } else { 1 };
        u32::try_from(self.length?.checked_mul(each)?).ok()
    }
}

/// Returns the header of an aggregate or attribute; `None` for a scalar or a null.
///
/// A header with a number is checked in full. A `?` is not valid for every kind.
#[inline(always)]
pub(crate) fn opening(bytes: &[u8]) -> Option<Opening> {
    let kind = match bytes.first()? {
        b'*' => Kind::Array,
        b'%' => Kind::Map,
        b'~' => Kind::Set,
        b'>' => Kind::Push,
        b'|' => Kind::Attribute,
        _ => return None,
    };
    let (length, size) = match length(bytes)? {
        (Length::Known(length), size) => (Some(length), size),
        (Length::Streamed, size) => (None, size),
        (Length::Null, _) => return None,
    };
    Some(Opening { kind, length, size })
}

/// The size of `.` CRLF, which ends a streamed aggregate.
pub(crate) const STREAM_END: usize = 3;

/// Returns the aggregate or `*-1` that the bytes begin with, and its size.
#[inline(always)]
fn aggregate(bytes: &[u8], extent: Extent) -> Option<(ReplyRef<'_>, usize)> {
    let Some(opening) = opening(bytes) else { return Some((ReplyRef::NullArray, 5)) };
    let (values, size) = opening.content(bytes, extent)?;
    Some((ReplyRef::aggregate(opening.kind.type_byte(), values), size))
}

impl Opening {
    /// Returns the values of the aggregate that the bytes begin with, and the size of the
    /// aggregate, including its header and its end.
    #[inline(always)]
    pub(super) fn content<'a>(
        &self,
        bytes: &'a [u8],
        extent: Extent,
    ) -> Option<(Values<'a>, usize)> {
        let values = self.values();
        let size = match (extent, values) {
            (Extent::Exact, _) => bytes.len(),
            (Extent::Within, Some(values)) => self.size + size(bytes.get(self.size..)?, values)?,
            // `size` leaves a streamed aggregate to the validator, as one value.
            (Extent::Within, None) => size(bytes, 1)?,
        };
        let end = if values.is_some() { size } else { size.checked_sub(STREAM_END)? };
        Some((Values::new(bytes.get(self.size..end)?, values), size))
    }
}
