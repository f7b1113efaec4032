//! RESP3 as RESP2: of one token, and of validated bytes, in which runs of values that both protocols write alike are
//! copied whole.

use alloc::vec::Vec;

use crate::kind::Kind;
use crate::lex::{line, word};
use crate::sink::Sink;
use crate::view::{ReplyRef, Token, Tokens, header};

use super::Protocol;
use super::scalar::write_scalar;

/// No value grows by more than this factor: the three bytes of `_` and its line end become five, and the four
/// bytes of a one-digit double become seven.
pub(super) const MOST_PER_BYTE: usize = 2;

/// Writes whole values, with or without attributes before them.
pub(super) fn write(wire: &[u8], sink: &mut impl Sink) {
    let mut counts = Counts::Unknown;
    // The bytes from the beginning of `run` to the beginning of `rest` are copied unchanged.
    let (mut run, mut rest) = (wire, wire);
    loop {
        rest = skip_alike(rest);
        sink.put(run.get(..run.len() - rest.len()).unwrap_or_default());
        if rest.is_empty() {
            return;
        }
        let Some(after) = convert(rest, &mut counts, sink) else { return };
        (run, rest) = (after, after);
    }
}

/// Moves past bulk strings, lines and headers of arrays, which both protocols write alike.
#[inline(always)]
fn skip_alike(mut rest: &[u8]) -> &[u8] {
    while let Some(first) = word::first(rest) {
        let after = match word::first_byte(first) {
            b'$' => word::bulk(first, rest).map(|(_, _, after)| after),
            b'*' => word::number(first).and_then(|(_, header)| rest.get(header..)),
            b':' | b'+' | b'-' => line::split(first, rest).map(|(_, after)| after),
            _ => None,
        };
        match after {
            Some(after) => rest = after,
            None => break,
        }
    }
    rest
}

/// Writes the header or the scalar that the bytes begin with, and returns the bytes after it.
///
/// An attribute is left out, and so is the end of a streamed aggregate, whose header states the length instead.
fn convert<'a>(bytes: &'a [u8], counts: &mut Counts, sink: &mut impl Sink) -> Option<&'a [u8]> {
    match bytes.first()? {
        b'|' => return bytes.get(header::attributes_size(bytes)?..),
        b'.' => return bytes.get(header::STREAM_END..),
        _ => {}
    }
    let (token, size) = if let Some(opening) = header::opening(bytes) {
        let kind = opening.kind;
        let counted = || counts.next(bytes) / kind.values_per_element();
        (Token::Open { kind, len: Some(opening.length.unwrap_or_else(counted)) }, opening.size)
    } else {
        let (scalar, size) = header::value(bytes, header::Extent::Within)?;
        (Token::Scalar(scalar), size)
    };
    let (wire, after) = bytes.split_at_checked(size)?;
    write_token(&token, wire, sink);
    Some(after)
}

/// Writes a token that is not part of an attribute. The length of an aggregate must be known.
///
/// `wire` holds the bytes of the token, or nothing if they are not known. Numbers keep the sender's text.
#[inline]
pub(super) fn write_token(token: &Token<'_>, wire: &[u8], sink: &mut impl Sink) {
    match token {
        Token::Open { kind, len } => {
            sink.header(b'*', len.unwrap_or(0).saturating_mul(kind.values_per_element()));
        }
        Token::Scalar(_) if is_alike(wire) => sink.put(wire),
        Token::Scalar(ReplyRef::Double(_)) if wire.len() > 3 => {
            sink.payload(b'$', wire.get(1..wire.len() - 2).unwrap_or_default());
        }
        Token::Scalar(scalar) => write_scalar(scalar, Protocol::Resp2, sink),
        Token::Close(_) => {}
    }
}

/// Whether the bytes are a token that both protocols write alike.
#[inline(always)]
pub(super) fn is_alike(wire: &[u8]) -> bool {
    !wire.is_empty() && skip_alike(wire).is_empty()
}

/// How many attributes are open. RESP2 leaves them out, with everything inside them.
#[derive(Clone, Copy, Default)]
pub(super) struct OpenAttributes(usize);

impl OpenAttributes {
    /// Returns whether the next token is a part of an attribute.
    #[inline]
    pub(super) fn hold(&mut self, token: &Token<'_>) -> bool {
        match token {
            Token::Open { kind: Kind::Attribute, .. } => self.0 += 1,
            Token::Close(Kind::Attribute) => {
                self.0 = self.0.saturating_sub(1);
                return true;
            }
            _ => {}
        }
        self.0 > 0
    }

    pub(super) const fn is_any(self) -> bool {
        self.0 > 0
    }
}

/// How many values each streamed aggregate has, in the order in which they open.
///
/// RESP2 needs the number before the values. One extra pass counts them for all aggregates: counting each
/// separately would take quadratic time when they are nested.
pub(super) enum Counts {
    /// No streamed aggregate has been found yet.
    Unknown,
    /// The counts that are left, the next one last.
    Known(Vec<usize>),
}

impl Counts {
    /// Returns the number of values in the streamed aggregate that the bytes begin with. The bytes must extend
    /// to the end of the last value.
    #[cold]
    pub(super) fn next(&mut self, bytes: &[u8]) -> usize {
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

/// Appends the number of values in each streamed aggregate, without those inside attributes.
fn count_streamed(bytes: &[u8], counts: &mut Vec<usize>) {
    // For each open aggregate its index in `counts`, if it is streamed.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut attributes = OpenAttributes::default();
    for token in Tokens::of_wire(bytes).filter(|token| !attributes.hold(token)) {
        if let Token::Close(_) = token {
            open.pop();
            continue;
        }
        let count = open.last().copied().flatten().and_then(|index| counts.get_mut(index));
        if let Some(count) = count {
            *count += 1;
        }
        if let Token::Open { len, .. } = token {
            open.push(len.is_none().then_some(counts.len()));
            counts.extend(len.is_none().then_some(0));
        }
    }
}
