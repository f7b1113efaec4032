//! Replies as collections, from the forms of both protocols.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
#[cfg(feature = "std")]
use core::hash::{BuildHasher, Hash};

use crate::view::{Elements, ReplyRef};

use super::scalars::collect;
use super::{ConversionError, FromReply, Place, TypeShape};

impl<'a, T: FromReply<'a>> FromReply<'a> for Vec<T> {
    const SHAPE: TypeShape = T::VEC_SHAPE;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        T::vec_from_reply(reply)
    }
}

impl<'a, T: FromReply<'a>, const N: usize> FromReply<'a> for [T; N] {
    const SHAPE: TypeShape = T::VEC_SHAPE;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        let wrong = |values: Vec<T>| ConversionError::count(N, values.len(), reply.kind());
        T::vec_from_reply(reply)?.try_into().map_err(wrong)
    }
}

impl<'a, T: FromReply<'a>> FromReply<'a> for VecDeque<T> {
    const SHAPE: TypeShape = T::VEC_SHAPE;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        T::vec_from_reply(reply).map(Self::from)
    }
}

impl<'a, T: FromReply<'a> + Ord> FromReply<'a> for BTreeSet<T> {
    const SHAPE: TypeShape = TypeShape::Aggregate;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        collect(reply.as_elements()?)
    }
}

#[cfg(feature = "std")]
impl<'a, T, S> FromReply<'a> for std::collections::HashSet<T, S>
where
    T: FromReply<'a> + Eq + Hash,
    S: BuildHasher + Default,
{
    const SHAPE: TypeShape = TypeShape::Aggregate;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        collect(reply.as_elements()?)
    }
}

impl<'a, K: FromReply<'a> + Ord, V: FromReply<'a>> FromReply<'a> for BTreeMap<K, V> {
    const SHAPE: TypeShape = TypeShape::Aggregate;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        let mut map = Self::new();
        for_each_pair(reply, |key, value| _ = map.insert(key, value))?;
        Ok(map)
    }
}

#[cfg(feature = "std")]
impl<'a, K, V, S> FromReply<'a> for std::collections::HashMap<K, V, S>
where
    K: FromReply<'a> + Eq + Hash,
    V: FromReply<'a>,
    S: BuildHasher + Default,
{
    const SHAPE: TypeShape = TypeShape::Aggregate;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        let mut map = Self::default();
        for_each_pair(reply, |key, value| _ = map.insert(key, value))?;
        Ok(map)
    }
}

/// Converts each pair of a map, of an array of alternating keys and values, or of an array of pairs.
pub(super) fn for_each_pair<'a, K: FromReply<'a>, V: FromReply<'a>>(
    reply: ReplyRef<'a>,
    mut take: impl FnMut(K, V),
) -> Result<(), ConversionError> {
    if let Some(elements) = as_tuples::<K>(reply, 2) {
        for (index, element) in elements.enumerate() {
            let pair = element.to().map_err(|error| error.at(Place::Element(index)))?;
            take_pair(index, pair, &mut take)?;
        }
        return Ok(());
    }
    for (index, pair) in reply.as_pairs()?.enumerate() {
        take_pair(index, pair, &mut take)?;
    }
    Ok(())
}

/// Converts the pair at this index.
#[inline(always)]
fn take_pair<'a, K: FromReply<'a>, V: FromReply<'a>>(
    index: usize,
    (key, value): (ReplyRef<'a>, ReplyRef<'a>),
    take: &mut impl FnMut(K, V),
) -> Result<(), ConversionError> {
    let converted = key.to().map_err(|error: ConversionError| error.at(Place::Key(index)))?;
    take(converted, value.to().map_err(|error: ConversionError| error.at_field(&key))?);
    Ok(())
}

/// Returns the elements of an array or a set if they are tuples of `len` elements that begin with a `T`. `None` if the
/// array is flat, or if the reply is something else.
fn as_tuples<'a, T: FromReply<'a>>(reply: ReplyRef<'a>, len: usize) -> Option<Elements<'a>> {
    let (ReplyRef::Array(elements) | ReplyRef::Set(elements)) = reply else { return None };
    let is_tuple = |element: ReplyRef<'_>| match element {
        ReplyRef::Array(items) => items.total() == len,
        _ => false,
    };
    let are_tuples = match T::SHAPE {
        TypeShape::Scalar => match { elements }.next() {
            Some(ReplyRef::Array(first)) => first.len().is_some(),
            _ => false,
        },
        TypeShape::Aggregate => false,
        TypeShape::Any => !elements.is_empty() && { elements }.all(is_tuple),
    };
    are_tuples.then_some(elements)
}

/// Converts the elements of a tuple one by one. The first has the index `start`.
macro_rules! take_tuple {
    ($elements:ident, $start:expr, $($type:ident)*) => {{
        let mut index = $start;
        let mut next = || {
            index += 1;
            (index - 1, $elements.next().unwrap_or(ReplyRef::Null))
        };
        Ok(($({
            let (index, element) = next();
            let value: Result<$type, ConversionError> = element.to();
            value.map_err(|error| error.at(Place::Element(index)))?
        },)*))
    }};
}

/// Implements `FromReply` for tuples. A vector of tuples can also be read from a flat array.
macro_rules! tuples {
    ($($len:literal: $($type:ident)*;)*) => {$(
        impl<'a, $($type: FromReply<'a>),*> FromReply<'a> for ($($type,)*) {
            const SHAPE: TypeShape = TypeShape::Aggregate;

            fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
                let mut elements = reply.as_elements()?;
                if elements.total() != $len {
                    return Err(ConversionError::count($len, elements.total(), reply.kind()));
                }
                take_tuple!(elements, 0, $($type)*)
            }

            fn vec_from_reply(reply: ReplyRef<'a>) -> Result<Vec<Self>, ConversionError> {
                if let Some(tuples) = as_tuples::<A>(reply, $len) {
                    return collect(tuples);
                }
                let mut elements = match reply {
                    ReplyRef::Map(pairs) if $len == 2 => pairs.flat(),
                    _ => reply.as_elements()?,
                };
                let count = elements.total();
                if count % $len != 0 {
                    return Err(ConversionError::multiple($len, count, reply.kind()));
                }
                let tuple = |number| take_tuple!(elements, number * $len, $($type)*);
                (0..count / $len).map(tuple).collect()
            }
        }
    )*};
}

tuples! {
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
}
