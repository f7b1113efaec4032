//! Trees of validated bytes, built in one pass, without recursion.

use alloc::vec::Vec;
use core::mem;

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

use crate::kind::Kind;
use crate::lex::{integer, word};
use crate::owned;
use crate::view::header::{self, Extent, Opening};

use super::aggregates::Children;
use super::{Annotated, Reply};

/// How many bytes a value has at least: `_` and its line end.
const SHORTEST: usize = 3;

/// Returns the reply that the bytes are, the attributes in front of it included. Its payloads are parts
/// of them.
#[inline(never)]
pub(super) fn of_wire(wire: &Bytes) -> Reply {
    let reply = match header::opening(wire) {
        Some(opening) => wire
            .get(opening.size..)
            .and_then(|values| of_values(Level::of_opening(&opening, values), values, wire)),
        None => scalar(wire, Extent::Exact, wire).map(|(reply, _)| reply),
    };
    reply.unwrap_or(Reply::Null)
}

/// As [`of_wire`]; the reference to the bytes becomes that of an only payload.
#[inline(always)]
pub(super) fn of_owned_wire(wire: Bytes) -> Reply {
    match wire.first() {
        Some(b'+') => Reply::Simple(content(wire, 1)),
        Some(b'-') => Reply::Error(content(wire, 1)),
        Some(b'$') => match word::first(&wire).and_then(|word| word::bulk(word, &wire)) {
            Some((header, ..)) => Reply::Bulk(content(wire, header)),
            None => of_wire(&wire),
        },
        _ => of_wire(&wire),
    }
}

/// The bytes between a header and the last line end.
#[inline(always)]
fn content(mut wire: Bytes, header: usize) -> Bytes {
    wire.advance(header);
    wire.truncate(wire.len().saturating_sub(2));
    wire
}

/// Returns the aggregate that has these values, as [`of_wire`] does. Their bytes may end without the
/// end of a streamed aggregate.
#[inline]
pub(super) fn of_values(mut level: Level, values: &[u8], source: &Bytes) -> Option<Reply> {
    let rest = level.fill(values, source);
    // Most aggregates hold nothing else.
    if rest.is_empty() && level.is_over(rest) {
        return Some(level.close());
    }
    of_rest(level, rest, source)
}

/// Goes on with an aggregate or an attribute that has some of its values.
#[inline(never)]
fn of_rest(mut level: Level, mut rest: &[u8], source: &Bytes) -> Option<Reply> {
    let mut outer: SmallVec<[Level; 4]> = SmallVec::new();
    loop {
        let mut value = if level.is_over(rest) {
            if level.len.is_none() {
                rest = rest.get(header::STREAM_END..).unwrap_or_default();
            }
            let Some(next) = outer.pop() else { return Some(level.close()) };
            mem::replace(&mut level, next).close()
        } else if let Some(opening) = header::opening(rest) {
            rest = rest.get(opening.size..)?;
            outer.push(mem::replace(&mut level, Level::of_opening(&opening, rest)));
            rest = level.fill(rest, source);
            continue;
        } else {
            let (value, size) = scalar(rest, Extent::Within, source)?;
            rest = rest.get(size..)?;
            value
        };
        while level.awaits_value() {
            level.values.push(value);
            value = Reply::Annotated(Annotated { children: Children(level.values) });
            let Some(next) = outer.pop() else { return Some(value) };
            level = next;
        }
        level.values.push(value);
        rest = level.fill(rest, source);
    }
}

/// The scalar that the bytes begin with, and its size.
fn scalar(bytes: &[u8], extent: Extent, source: &Bytes) -> Option<(Reply, usize)> {
    let (scalar, size) = header::value(bytes, extent)?;
    Some((Reply::of_scalar(scalar, |part| shared(part, source)), size))
}

#[inline(always)]
fn shared(part: &[u8], source: &Bytes) -> Bytes {
    owned::part(source, part).unwrap_or_default()
}

/// An aggregate or attribute, and those of its values that have been read.
pub(super) struct Level {
    kind: Kind,
    /// How many values there will be; `None` if it is streamed. What an attribute annotates comes on
    /// top.
    len: Option<usize>,
    values: Vec<Reply>,
}

impl Level {
    #[inline(always)]
    fn of_opening(opening: &Opening, values: &[u8]) -> Self {
        Self::new(opening.kind, opening.values().map(|values| values as usize), values)
    }

    /// An aggregate of so many values, none of which has been read; they are at the front of `values`.
    #[inline(always)]
    pub(super) fn new(kind: Kind, len: Option<usize>, values: &[u8]) -> Self {
        let room = len.unwrap_or(0).min(values.len() / SHORTEST);
        let room = room + usize::from(kind == Kind::Attribute);
        Self { kind, len, values: Vec::with_capacity(room) }
    }

    /// Reads the bulk strings and integers that come next, and says what is behind them.
    #[inline(always)]
    fn fill<'a>(&mut self, mut bytes: &'a [u8], source: &Bytes) -> &'a [u8] {
        let mut owed = self.len.map_or(usize::MAX, |len| len.saturating_sub(self.values.len()));
        while let (1.., Some(word)) = (owed, word::first(bytes)) {
            // Added where they are read: what two branches join is copied, which stalls.
            if let Some((payload, rest)) = header::bulk_string(word, bytes) {
                self.values.push(Reply::Bulk(shared(payload, source)));
                bytes = rest;
            } else if word::first_byte(word) == b':' {
                let Some((value, rest)) = integer::line(word, bytes) else { break };
                self.values.push(Reply::Integer(value));
                bytes = rest;
            } else {
                break;
            }
            owed -= 1;
        }
        bytes
    }

    /// Whether this is an aggregate that has all its values, `rest` being what is behind them.
    fn is_over(&self, rest: &[u8]) -> bool {
        match self.len {
            Some(len) => self.kind != Kind::Attribute && self.values.len() >= len,
            None => matches!(rest.first(), Some(b'.') | None),
        }
    }

    /// Whether this is an attribute whose pairs are all there.
    fn awaits_value(&self) -> bool {
        self.kind == Kind::Attribute && self.len.is_none_or(|len| self.values.len() >= len)
    }

    #[inline(always)]
    fn close(self) -> Reply {
        Reply::of_children(self.kind, self.len.is_none(), self.values)
    }
}
