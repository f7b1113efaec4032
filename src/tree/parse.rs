//! Builds trees from bytes, in one pass and without recursion: [`Source`].

use bytes::{Buf, Bytes};

use crate::decode::{FrameDecoder, Replies};
use crate::error::Error;
use crate::kind::Kind;
use crate::lex::{integer, word};
use crate::limits::Limits;
use crate::owned::{self, FrameBuffer};
use crate::view::ReplyRef;
use crate::view::header::{self, Extent, Opening};

use super::Reply;
use super::builder::{AggregateForm, Branch, Builder};

// `inline(always)` marks the path of lone strings, and of aggregates that hold only bulk strings
// and integers. Their values are pushed where they are read. When the values went through tokens,
// each was copied through memory three times, and each copy stalled. Without tokens, `list/equal`
// went from 28.4 to 15.5 ns per value. `Source::rest` does the rest, out of line.

/// The size of the shortest value: `_` and CRLF.
const SHORTEST: usize = 3;

impl FrameDecoder<Replies> {
    /// Splits the first frame off the buffer, and returns it as a tree whose payloads share the buffer's bytes;
    /// `None` if more bytes are needed.
    ///
    /// This is [`decode_frame`](Self::decode_frame) and `Reply::from`. If the buffer is a [`Bytes`] and no byte of the
    /// frame has been examined, a frame of frequent kinds is validated while its tree is built, in one pass.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use zresp::{Decoder, Reply};
    ///
    /// let mut buffer = Bytes::from("*2\r\n+a\r\n$1\r\nb\r\n:1\r\n");
    /// let tree = Decoder::new().decode_reply(&mut buffer)?.expect("a whole frame");
    /// assert_eq!(tree, Reply::array([Reply::simple("a"), Reply::from("b")]));
    /// assert_eq!(buffer, ":1\r\n");
    /// # Ok::<(), zresp::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`decode`](Self::decode). The buffer is then unchanged.
    #[inline]
    pub fn decode_reply(&mut self, buffer: &mut impl FrameBuffer) -> Result<Option<Reply>, Error> {
        if let (Some(limits), Some(bytes)) = (self.fresh_limits(), buffer.shared()) {
            let visible = bytes.get(..limits.frame()).unwrap_or(bytes);
            let source = Source::<8> { bytes, limits: Some(limits) };
            if let Some((reply, rest)) = source.reply(visible) {
                let size = visible.len() - rest.len();
                buffer.skip(size);
                return Ok(Some(reply));
            }
        }
        Ok(self.decode_frame(buffer)?.map(Reply::from))
    }
}

/// Returns the bytes as one reply with its attributes. The payloads share the bytes, which have been validated.
///
/// Out of line, so that [`of_owned_wire`] inlines the lone strings only.
#[inline(never)]
pub(super) fn of_wire(wire: &Bytes) -> Reply {
    let source = Source::<1> { bytes: wire, limits: None };
    source.reply(wire).map_or(Reply::Null, |(reply, _)| reply)
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
    let source = Source::<1> { bytes: &Bytes::copy_from_slice(values), limits: None };
    let reply = source.values(Branch::parsed(kind, len, values), source.bytes);
    reply.map_or(Reply::Null, |(reply, _)| reply)
}

/// The bytes that payloads share, and the limits if the bytes have not been validated.
///
/// The methods return a value and the bytes after it. On validated bytes they do not fail. All others
/// are checked, and the result is `None` if they are incomplete, rare or wrong, or exceed a limit.
///
/// `BATCH` is how many bulk strings are read before their payloads are shared. Sharing changes a reference count, and
/// the processor waits for that before it reads on. If the bytes have not been read before, one string at a time takes
/// 22.5 ns per value of `list/mixed`, and eight take 16.9. If they have been, batches only cost: 19.2 and 20.0.
#[derive(Clone, Copy)]
struct Source<'s, const BATCH: usize> {
    bytes: &'s Bytes,
    limits: Option<&'s Limits>,
}

impl<const BATCH: usize> Source<'_, BATCH> {
    /// Takes a reply with its attributes.
    #[inline(always)]
    fn reply(self, bytes: &[u8]) -> Option<(Reply, &[u8])> {
        match self.opening(bytes, 0, 0) {
            Some(opening) => {
                let values = bytes.get(opening.size..)?;
                self.values(Branch::of_opening(&opening, values), values)
            }
            None => self.scalar(bytes),
        }
    }

    /// Takes the values of the aggregate or attribute `first`. The bytes of a streamed aggregate may end
    /// before its `.`.
    #[inline(always)]
    fn values(self, mut first: Branch, values: &[u8]) -> Option<(Reply, &[u8])> {
        let rest = first.fill(values, self);
        // Most aggregates hold nothing but bulk strings and integers.
        if first.values.len() == first.most && first.kind != Kind::Attribute {
            return Some((first.close(), rest));
        }
        self.rest(first, rest)
    }

    /// Finishes an aggregate or attribute that has some of its values.
    ///
    /// Out of line, so that [`values`](Self::values) stays small enough to be inlined.
    #[inline(never)]
    fn rest(self, first: Branch, mut rest: &[u8]) -> Option<(Reply, &[u8])> {
        let mut builder = Builder::of_branch(first);
        // How many values the branches around the innermost one still need.
        let mut around = 0usize;
        while let Some(branch) = builder.innermost() {
            rest = branch.fill(rest, self);
            if branch.is_over(rest) {
                if branch.form == AggregateForm::Streamed {
                    rest = rest.get(header::STREAM_END..).unwrap_or_default();
                }
                builder.close();
                let needed = builder.innermost().map_or(0, |parent| parent.needed());
                around = around.saturating_sub(needed);
                continue;
            }
            let needed = around.saturating_add(branch.needed()).saturating_sub(1);
            if let Some(opening) = self.opening(rest, builder.depth(), needed) {
                rest = rest.get(opening.size..)?;
                builder.open_branch(Branch::of_opening(&opening, rest));
                around = needed;
            } else {
                let (value, after) = self.scalar(rest)?;
                rest = after;
                builder.value(value);
            }
        }
        Some((builder.finish(), rest))
    }

    /// Returns the header of an aggregate inside `depth` others, or of an attribute. After the aggregate, the frame
    /// needs at least `needed` values.
    #[inline(always)]
    fn opening(self, bytes: &[u8], depth: usize, needed: usize) -> Option<Opening> {
        let Some(limits) = self.limits else { return header::opening(bytes) };
        let opening = header::opening(bytes)?;
        // Only the validator knows which pushes may be inside another value.
        if opening.kind == Kind::Attribute || opening.kind == Kind::Push && depth > 0 {
            return None;
        }
        let values = opening.values()? as usize;
        // If the bytes cannot hold all values, no room may be reserved for them.
        let is_whole = values.saturating_add(needed) <= bytes.len() / SHORTEST;
        let is_allowed = values <= limits.elements() && depth < limits.depth();
        (is_whole && is_allowed).then_some(opening)
    }

    /// Takes a scalar.
    #[inline(always)]
    fn scalar(self, bytes: &[u8]) -> Option<(Reply, &[u8])> {
        let (scalar, rest) = if self.limits.is_none() {
            let (scalar, size) = header::value(bytes, Extent::Within)?;
            (scalar, bytes.get(size..)?)
        } else {
            let word = word::first(bytes)?;
            match header::bulk_string(word, bytes) {
                Some((payload, _)) if !self.allows(payload) => return None,
                Some((payload, rest)) => (ReplyRef::Bulk(payload), rest),
                None => header::line(word, bytes)?,
            }
        };
        Some((Reply::of_scalar(scalar, |part| self.share(part)), rest))
    }

    /// Whether a bulk string is within the limits.
    #[inline(always)]
    fn allows(self, payload: &[u8]) -> bool {
        self.limits.is_none_or(|limits| payload.len() <= limits.bulk())
    }

    /// Returns `part`, which lies in the bytes, without copying it.
    #[inline(always)]
    fn share(self, part: &[u8]) -> Bytes {
        owned::part(self.bytes, part).unwrap_or_default()
    }
}

/// Branches that are read from bytes.
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
    fn fill<'a, const BATCH: usize>(
        &mut self,
        mut bytes: &'a [u8],
        source: Source<'_, BATCH>,
    ) -> &'a [u8] {
        let mut owed = self.needed();
        loop {
            let before = owed;
            let mut batch = [[].as_slice(); BATCH];
            let mut count = 0;
            for place in batch.iter_mut().take(owed) {
                let bulk = word::first(bytes).and_then(|word| header::bulk_string(word, bytes));
                let Some((payload, rest)) = bulk.filter(|(payload, _)| source.allows(payload))
                else {
                    break;
                };
                (*place, bytes) = (payload, rest);
                count += 1;
            }
            for payload in batch.iter().take(count) {
                self.values.push(Reply::Bulk(source.share(payload)));
            }
            owed -= count;
            if count == BATCH {
                continue;
            }
            while let (1.., Some(word)) = (owed, word::first(bytes)) {
                if word::first_byte(word) != b':' {
                    break;
                }
                let Some((value, rest)) = integer::line(word, bytes) else { break };
                self.values.push(Reply::Integer(value));
                (bytes, owed) = (rest, owed - 1);
            }
            if owed == before {
                return bytes;
            }
        }
    }

    /// How many values it still needs.
    #[inline(always)]
    fn needed(&self) -> usize {
        self.most.saturating_sub(self.values.len())
    }

    /// Whether it has all its values, or an attribute all its pairs. `rest` is what follows them.
    fn is_over(&self, rest: &[u8]) -> bool {
        match self.form {
            AggregateForm::Counted => self.needed() == 0 && !self.awaits_value,
            AggregateForm::Streamed => matches!(rest.first(), Some(b'.') | None),
        }
    }
}
