//! `Debug` output of views: one line, bounded in length.

use core::fmt::{self, Write};

use smallvec::SmallVec;

use crate::escape::{self, VALUES, bytes};
use crate::kind::Kind;

use super::{
    AnnotatedAttributePairs, AnnotatedElements, AnnotatedPairs, AttributePairs, Attributes, Chunks,
    Decoded, Elements, Pairs, ReplyRef, Token, Tokens,
};

impl fmt::Debug for ReplyRef<'_> {
    /// Writes the reply on one line, for example `Array[Bulk("GET"), Integer(1)]`.
    ///
    /// It writes up to 64 values, and up to 64 bytes of each payload, with `…` for the rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flat(self.tokens(), f)
    }
}

impl fmt::Debug for Decoded<'_> {
    /// Writes the attributes and the reply on one line, in the format of a [`ReplyRef`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flat(self.tokens(), f)
    }
}

impl fmt::Debug for Tokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flat(self.clone(), f)
    }
}

impl fmt::Debug for Elements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flat(ReplyRef::Array(*self).tokens(), f)
    }
}

impl fmt::Debug for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flat(ReplyRef::Map(*self).tokens(), f)
    }
}

impl fmt::Debug for AnnotatedElements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.elements().fmt(f)
    }
}

impl fmt::Debug for AnnotatedPairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pairs().fmt(f)
    }
}

impl fmt::Debug for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flat(Tokens::of_wire(self.wire()), f)
    }
}

impl fmt::Debug for AttributePairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().take(VALUES)).finish()
    }
}

impl fmt::Debug for AnnotatedAttributePairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().take(VALUES)).finish()
    }
}

impl fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::list("Streamed", *self, f)
    }
}

/// An aggregate or attribute whose values are being written.
struct ShownAggregate {
    kind: Kind,
    /// How many values have been written. An attribute and the value after it count as one.
    written: usize,
}

/// Writes tokens as nested text, without recursion, and stops after [`VALUES`] values.
pub(crate) fn flat<'a>(
    tokens: impl Iterator<Item = Token<'a>>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let mut open = SmallVec::<[ShownAggregate; 16]>::new();
    let mut values = 0;
    let mut annotated = false;
    for token in tokens {
        if let Token::Close(kind) = token {
            open.pop();
            f.write_char(if kind.has_pairs() { '}' } else { ']' })?;
            annotated = kind == Kind::Attribute;
            continue;
        }
        if annotated {
            f.write_char(' ')?;
        } else if let Some(ShownAggregate { kind, written }) = open.last_mut() {
            match *written {
                0 => {}
                odd if kind.has_pairs() && odd % 2 == 1 => f.write_str(": ")?,
                _ => f.write_str(", ")?,
            }
            *written += 1;
        }
        annotated = false;
        values += 1;
        if values > VALUES {
            return f.write_char('…');
        }
        match token {
            Token::Open { kind, len } => {
                let streamed = if len.is_none() { "?" } else { "" };
                let bracket = if kind.has_pairs() { '{' } else { '[' };
                write!(f, "{kind:?}{streamed}{bracket}")?;
                open.push(ShownAggregate { kind, written: 0 });
            }
            Token::Scalar(reply) => scalar(reply, f)?,
            // Written above.
            Token::Close(_) => {}
        }
    }
    Ok(())
}

fn scalar(reply: ReplyRef<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let payload = match reply {
        ReplyRef::Streamed(chunks) => return write!(f, "{chunks:?}"),
        ReplyRef::Integer(value) => return write!(f, "Integer({value})"),
        ReplyRef::Double(value) => return write!(f, "Double({value})"),
        ReplyRef::Boolean(value) => return write!(f, "Boolean({value})"),
        ReplyRef::Simple(text)
        | ReplyRef::Error(text)
        | ReplyRef::Bulk(text)
        | ReplyRef::BigNumber(text)
        | ReplyRef::BulkError(text) => text,
        ReplyRef::Verbatim { format, text } => {
            write!(f, "Verbatim({}: ", format.escape_ascii())?;
            bytes(text, f)?;
            return f.write_char(')');
        }
        _ => return write!(f, "{:?}", reply.kind()),
    };
    write!(f, "{:?}(", reply.kind())?;
    bytes(payload, f)?;
    f.write_char(')')
}
