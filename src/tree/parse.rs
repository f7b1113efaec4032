//! Builds trees from validated bytes, in one pass and without recursion.

use bytes::{Buf, Bytes};

use crate::kind::Kind;
use crate::lex::{integer, word};
use crate::owned;
use crate::view::ReplyRef;
use crate::view::header::{self, Extent, Opening};

use super::Reply;
use super::builder::{AggregateForm, Branch, Builder};

// `inline(always)` marks the path of lone strings, and of aggregates that hold only bulk strings
// and integers. Their values are pushed where they are read. When the values went through tokens,
// each was copied through memory three times, and each copy stalled. Without tokens, `list/equal`
// went from 28.4 to 15.5 ns per value. `of_wire` and `of_rest` do the rest, out of line.

/// The size of the shortest value: `_` and CRLF.
const SHORTEST: usize = 3;

/// Parses the bytes as one reply with its attributes. The payloads share the bytes.
///
/// Out of line, so that [`of_owned_wire`] inlines the lone strings only.
#[inline(never)]
pub(super) fn of_wire(wire: &Bytes) -> Reply {
    let reply = match header::opening(wire) {
        Some(opening) => wire
            .get(opening.size..)
            .and_then(|values| of_values(Branch::of_opening(&opening, values), values, wire)),
        None => scalar(wire, Extent::Exact, wire).map(|(reply, _)| reply),
    };
    reply.unwrap_or(Reply::Null)
}

/// Returns the same as [`of_wire`]. For a lone string, the payload takes over the reference to the
/// bytes, so no reference count changes.
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

/// The bytes after a header of this size and before the last CRLF.
#[inline(always)]
fn content(mut wire: Bytes, header: usize) -> Bytes {
    wire.advance(header);
    wire.truncate(wire.len().saturating_sub(2));
    wire
}

/// Returns the reply. Its bytes are copied once, and the payloads share the copy.
#[inline]
pub(super) fn of_view(reply: ReplyRef<'_>) -> Reply {
    let (kind, len, values) = match reply {
        ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
            (reply.kind(), items.len(), items.wire())
        }
        ReplyRef::Map(pairs) => (Kind::Map, pairs.len().map(|len| 2 * len), pairs.wire()),
        scalar => return Reply::of_scalar(scalar, Bytes::copy_from_slice),
    };
    let source = Bytes::copy_from_slice(values);
    of_values(Branch::parsed(kind, len, values), &source, &source).unwrap_or(Reply::Null)
}

/// Returns the aggregate `first`, with the values in `values` added. The bytes of a streamed
/// aggregate may end before its `.`.
#[inline]
fn of_values(mut first: Branch, values: &[u8], source: &Bytes) -> Option<Reply> {
    let rest = first.fill(values, source);
    // Most aggregates hold nothing but bulk strings and integers.
    if rest.is_empty() && first.is_over(rest) {
        return Some(first.close());
    }
    of_rest(first, rest, source)
}

/// Finishes an aggregate or attribute that has some of its values. `rest` holds the others.
///
/// Out of line, so that [`of_values`] stays small enough to be inlined.
#[inline(never)]
fn of_rest(first: Branch, mut rest: &[u8], source: &Bytes) -> Option<Reply> {
    let mut builder = Builder::of_branch(first);
    while let Some(branch) = builder.innermost() {
        rest = branch.fill(rest, source);
        if branch.is_over(rest) {
            if branch.form == AggregateForm::Streamed {
                rest = rest.get(header::STREAM_END..).unwrap_or_default();
            }
            builder.close();
        } else if let Some(opening) = header::opening(rest) {
            rest = rest.get(opening.size..)?;
            builder.open_branch(Branch::of_opening(&opening, rest));
        } else {
            let (value, size) = scalar(rest, Extent::Within, source)?;
            rest = rest.get(size..)?;
            builder.value(value);
        }
    }
    Some(builder.finish())
}

/// Returns the scalar that the bytes begin with, and its size.
fn scalar(bytes: &[u8], extent: Extent, source: &Bytes) -> Option<(Reply, usize)> {
    let (scalar, size) = header::value(bytes, extent)?;
    Some((Reply::of_scalar(scalar, |part| shared(part, source)), size))
}

/// Returns `part`, which lies in `source`, without copying it.
#[inline(always)]
fn shared(part: &[u8], source: &Bytes) -> Bytes {
    owned::part(source, part).unwrap_or_default()
}

/// Branches that are read from validated bytes.
impl Branch {
    /// The branch with this header. `values` begins with its values.
    #[inline(always)]
    fn of_opening(opening: &Opening, values: &[u8]) -> Self {
        Self::parsed(opening.kind, opening.values().map(|values| values as usize), values)
    }

    /// A branch of `len` values, or a streamed branch if `len` is `None`. `values` begins with its
    /// values.
    #[inline(always)]
    fn parsed(kind: Kind, len: Option<usize>, values: &[u8]) -> Self {
        let form = if len.is_some() { AggregateForm::Counted } else { AggregateForm::Streamed };
        // Room for as many values as the bytes can hold, whatever was announced.
        let room = len.unwrap_or(0).min(values.len() / SHORTEST);
        Self { most: len.unwrap_or(usize::MAX), ..Self::new(kind, form, room) }
    }

    /// Adds the bulk strings and integers that the bytes begin with, until the branch has all its
    /// values or a value of another kind follows. Returns the bytes after them.
    #[inline(always)]
    fn fill<'a>(&mut self, mut bytes: &'a [u8], source: &Bytes) -> &'a [u8] {
        let mut owed = self.most.saturating_sub(self.values.len());
        while let (1.., Some(word)) = (owed, word::first(bytes)) {
            // Each `if` has its own `push`. With one `push` after them, the value is copied, and
            // the copy stalls.
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

    /// Whether it has all its values, or an attribute all its pairs. `rest` is what follows them.
    fn is_over(&self, rest: &[u8]) -> bool {
        match self.form {
            AggregateForm::Counted => self.values.len() >= self.most && !self.awaits_value,
            AggregateForm::Streamed => matches!(rest.first(), Some(b'.') | None),
        }
    }
}
