//! Replies as serde values: `Serialize` for [`ReplyRef`], [`Decoded`], [`Frame`] and [`Reply`].

use alloc::string::String;
use core::str;

use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::owned::Frame;
use crate::tree::Reply;
use crate::view::{Decoded, ReplyRef};

/// The deepest nesting that is written, since serde writes nested values recursively.
const DEPTH: u32 = 128;

/// The key of the map that stands for an error. `zresp::de` gives errors the same form.
pub(crate) const ERROR: &str = "error";

/// Implements `Serialize` for types that are written like the reply that they hold.
macro_rules! replies {
    ($($type:ty: $reply:ident => $value:expr;)*) => {$(
        /// Writes the form that the [module](crate::ser#replies-as-serde-values) documents.
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $reply = self;
                AtDepth { reply: $value, depth: 0 }.serialize(serializer)
            }
        }
    )*};
}

replies! {
    ReplyRef<'_>: reply => *reply;
    Decoded<'_>: decoded => decoded.reply();
    Frame: frame => frame.reply();
    Reply: reply => reply;
}

/// A reply, and how many aggregates are around it.
struct AtDepth<T> {
    reply: T,
    depth: u32,
}

impl Serialize for AtDepth<ReplyRef<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.reply {
            ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
                sequence(items.len(), items, self.depth, serializer)
            }
            ReplyRef::Map(pairs) => map(pairs.len(), pairs, self.depth, serializer),
            scalar => write_scalar(scalar, serializer),
        }
    }
}

impl Serialize for AtDepth<&Reply> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A loop, as a tree may have any number of attributes before a value.
        let mut reply = self.reply;
        while let Reply::Annotated(annotated) = reply {
            reply = annotated.reply();
        }
        match reply {
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => {
                sequence(Some(items.len()), items, self.depth, serializer)
            }
            Reply::Map(pairs) => map(Some(pairs.len()), pairs, self.depth, serializer),
            scalar => write_scalar(scalar.as_scalar().unwrap_or(ReplyRef::Null), serializer),
        }
    }
}

fn sequence<T, S: Serializer>(
    len: Option<usize>,
    items: impl IntoIterator<Item = T>,
    depth: u32,
    serializer: S,
) -> Result<S::Ok, S::Error>
where
    AtDepth<T>: Serialize,
{
    let depth = deeper(depth)?;
    let mut sequence = serializer.serialize_seq(len)?;
    for reply in items {
        sequence.serialize_element(&AtDepth { reply, depth })?;
    }
    sequence.end()
}

fn map<T, S: Serializer>(
    len: Option<usize>,
    pairs: impl IntoIterator<Item = (T, T)>,
    depth: u32,
    serializer: S,
) -> Result<S::Ok, S::Error>
where
    AtDepth<T>: Serialize,
{
    let depth = deeper(depth)?;
    let mut map = serializer.serialize_map(len)?;
    for (key, value) in pairs {
        map.serialize_entry(&AtDepth { reply: key, depth }, &AtDepth { reply: value, depth })?;
    }
    map.end()
}

/// Returns the depth inside one more aggregate.
fn deeper<E: serde::ser::Error>(depth: u32) -> Result<u32, E> {
    if depth < DEPTH {
        Ok(depth + 1)
    } else {
        Err(E::custom(format_args!("nested deeper than {DEPTH} levels")))
    }
}

fn write_scalar<S: Serializer>(scalar: ReplyRef<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    match scalar {
        ReplyRef::Integer(value) => serializer.serialize_i64(value),
        ReplyRef::Double(value) => serializer.serialize_f64(value),
        ReplyRef::Boolean(value) => serializer.serialize_bool(value),
        scalar if scalar.is_null() => serializer.serialize_none(),
        scalar => {
            if let Some(message) = scalar.as_error() {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(ERROR, &String::from_utf8_lossy(message))?;
                return map.end();
            }
            let text = scalar.to_bytes().map_err(S::Error::custom)?;
            Text(&text).serialize(serializer)
        }
    }
}

/// Text if it is UTF-8, otherwise bytes.
struct Text<'a>(&'a [u8]);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.serialize_bytes(self.0),
        }
    }
}
