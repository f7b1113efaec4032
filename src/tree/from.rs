//! `From` for trees: from views, from frames, and from Rust values.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;

use crate::view::{Decoded, ReplyRef};

use crate::owned::Frame;

use super::parse;
use super::{Annotated, Entries, Items, Reply, StreamedString};

impl From<&Frame> for Reply {
    /// Returns the reply and the attributes before it. The payloads share the bytes of the frame.
    fn from(frame: &Frame) -> Self {
        parse::of_wire(frame.wire())
    }
}

impl From<Frame> for Reply {
    /// Returns the reply and the attributes before it. The payloads share the bytes of the frame.
    #[inline]
    fn from(frame: Frame) -> Self {
        parse::of_owned_wire(frame.into_wire())
    }
}

impl From<Decoded<'_>> for Reply {
    /// Returns the reply and the attributes before it. The bytes are copied once, and the payloads
    /// share the copy.
    #[inline]
    fn from(frame: Decoded<'_>) -> Self {
        if frame.attributes().is_empty() {
            return frame.reply().into();
        }
        let wire = Bytes::copy_from_slice(frame.wire());
        parse::of_wire(&wire)
    }
}

impl From<ReplyRef<'_>> for Reply {
    /// Returns the reply. The bytes are copied once, and the payloads share the copy.
    #[inline]
    fn from(reply: ReplyRef<'_>) -> Self {
        parse::of_view(reply)
    }
}

/// Implements `From` for integers that fit an `i64`.
macro_rules! from_integer {
    ($($type:ty)*) => {$(
        impl From<$type> for Reply {
            fn from(value: $type) -> Self {
                Self::Integer(value.into())
            }
        }
    )*};
}

from_integer!(i8 i16 i32 i64 u8 u16 u32);

/// Implements `From` for integers that may not fit an `i64`.
macro_rules! from_wide_integer {
    ($($type:ty)*) => {$(
        impl From<$type> for Reply {
            /// Returns an integer, or a big number if the value does not fit an `i64`.
            fn from(value: $type) -> Self {
                match i64::try_from(value) {
                    Ok(value) => Self::Integer(value),
                    Err(_) => Self::BigNumber(value.to_string().into()),
                }
            }
        }
    )*};
}

from_wide_integer!(isize u64 usize i128 u128);

/// Implements `From` for the types that one variant holds.
macro_rules! from {
    ($($variant:ident: $($type:ty)*;)*) => {$($(
        impl From<$type> for Reply {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*)*};
}

from! {
    Boolean: bool;
    Double: f32 f64;
    Bulk: Bytes String Vec<u8>;
    Streamed: StreamedString;
    Array: Items Vec<Reply>;
    Map: Entries;
    Annotated: Annotated;
}

impl From<&str> for Reply {
    /// Returns a bulk string.
    fn from(text: &str) -> Self {
        Self::Bulk(text.to_owned().into())
    }
}

impl From<&[u8]> for Reply {
    /// Returns a bulk string.
    fn from(payload: &[u8]) -> Self {
        Self::Bulk(payload.to_owned().into())
    }
}

impl<const N: usize> From<&[u8; N]> for Reply {
    /// Returns a bulk string.
    fn from(payload: &[u8; N]) -> Self {
        Self::from(payload.as_slice())
    }
}

impl From<()> for Reply {
    /// Returns null.
    fn from((): ()) -> Self {
        Self::Null
    }
}

impl<T: Into<Self>> From<Option<T>> for Reply {
    /// Returns the value, or null.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Self>> From<BTreeSet<T>> for Reply {
    fn from(values: BTreeSet<T>) -> Self {
        Self::set(values)
    }
}

impl<K: Into<Self>, V: Into<Self>> From<BTreeMap<K, V>> for Reply {
    fn from(pairs: BTreeMap<K, V>) -> Self {
        Self::map(pairs)
    }
}

#[cfg(feature = "std")]
impl<T: Into<Self>, S> From<std::collections::HashSet<T, S>> for Reply {
    fn from(values: std::collections::HashSet<T, S>) -> Self {
        Self::set(values)
    }
}

#[cfg(feature = "std")]
impl<K: Into<Self>, V: Into<Self>, S> From<std::collections::HashMap<K, V, S>> for Reply {
    fn from(pairs: std::collections::HashMap<K, V, S>) -> Self {
        Self::map(pairs)
    }
}

impl<T: Into<Self>> FromIterator<T> for Reply {
    /// Returns an array.
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::array(values)
    }
}
