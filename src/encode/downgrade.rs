//! Validated bytes of RESP3 as RESP2: one pass that copies what both protocols write alike in runs.

use alloc::vec::Vec;

use crate::kind::Kind;
use crate::lex::{line, word};
use crate::sink::Sink;
use crate::view::{ReplyRef, Token, Tokens, header};

use super::Protocol;
use super::scalar::write_scalar;

/// No value takes more bytes in RESP2 than this for each one in RESP3: `_` and its line end become five
/// bytes, and a double of one digit seven.
pub(super) const MOST_PER_BYTE: usize = 2;

/// Writes whole values, attributes in front of them or not.
pub(super) fn write(wire: &[u8], sink: &mut impl Sink) {
    let mut counts = Counts::Unknown;
    // What is to be written as it is begins with `run`; `rest` has been looked at up to its front.
    let (mut run, mut rest) = (wire, wire);
    loop {
        rest = skip_alike(rest);
        sink.put(run.get(..run.len() - rest.len()).unwrap_or_default());
        if rest.is_empty() {
            return;
        }
        let Some(behind) = convert(rest, &mut counts, sink) else { return };
        (run, rest) = (behind, behind);
    }
}

/// Passes over bulk strings, lines and arrays that both protocols write alike.
#[inline]
fn skip_alike(mut rest: &[u8]) -> &[u8] {
    while let Some(first) = word::first(rest) {
        let behind = match word::first_byte(first) {
            b'$' => word::bulk(first, rest).map(|(_, _, behind)| behind),
            b'*' => word::number(first).and_then(|(_, header)| rest.get(header..)),
            b':' | b'+' | b'-' => line::split(first, rest).map(|(_, behind)| behind),
            _ => None,
        };
        match behind {
            Some(behind) => rest = behind,
            None => break,
        }
    }
    rest
}

/// Writes the header or the value that the bytes begin with, and says what is behind it.
fn convert<'a>(bytes: &'a [u8], counts: &mut Counts, sink: &mut impl Sink) -> Option<&'a [u8]> {
    match bytes.first()? {
        b'|' => return bytes.get(header::attributes_size(bytes)?..),
        b'.' => return bytes.get(header::STREAM_END..),
        _ => {}
    }
    if let Some(opening) = header::opening(bytes) {
        let values = match opening.values() {
            Some(values) => values as usize,
            None => counts.next(bytes),
        };
        sink.header(b'*', values);
        return bytes.get(opening.size..);
    }
    let (scalar, size) = header::value(bytes, header::Extent::Within)?;
    let (wire, behind) = bytes.split_at_checked(size)?;
    match scalar {
        // As the sender has printed it.
        ReplyRef::Double(_) => sink.payload(b'$', wire.get(1..size.checked_sub(2)?)?),
        ReplyRef::Integer(_) => sink.put(wire),
        scalar => write_scalar(&scalar, Protocol::Resp2, sink),
    }
    Some(behind)
}

/// The numbers of values in the streamed aggregates of some bytes, in the order in which they open.
enum Counts {
    /// None has been met.
    Unknown,
    /// Those still to come, the next one last.
    Known(Vec<usize>),
}

impl Counts {
    /// The number of values in the streamed aggregate that the bytes, which reach to the end of all,
    /// begin with.
    #[cold]
    fn next(&mut self, bytes: &[u8]) -> usize {
        if let Self::Unknown = self {
            let mut counts = Vec::new();
            count_streamed(bytes, &mut counts);
            counts.reverse();
            *self = Self::Known(counts);
        }
        match self {
            Self::Known(counts) => counts.pop().unwrap_or(0),
            Self::Unknown => 0,
        }
    }
}

/// Appends the number of values in each streamed aggregate, attributes left out.
fn count_streamed(bytes: &[u8], counts: &mut Vec<usize>) {
    // The place of each open aggregate in `counts`, if it is streamed.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut attributes = 0usize;
    for token in Tokens::of_wire(bytes) {
        match token {
            Token::Open { kind: Kind::Attribute, .. } => attributes += 1,
            Token::Close(Kind::Attribute) => attributes -= 1,
            _ if attributes > 0 => {}
            Token::Close(_) => _ = open.pop(),
            Token::Open { .. } | Token::Scalar(_) => {
                let count = open.last().copied().flatten().and_then(|place| counts.get_mut(place));
                if let Some(count) = count {
                    *count += 1;
                }
                if let Token::Open { len, .. } = token {
                    open.push(len.is_none().then_some(counts.len()));
                    counts.extend(len.is_none().then_some(0));
                }
            }
        }
    }
}
