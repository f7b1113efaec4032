//! Reads the values of an aggregate in order, for serde's visitors.

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use crate::convert::{ConversionError, Place};
use crate::kind::Kind;

use super::cursor::{Cursor, Head, Opened, Spot};
use super::value::{MAP, Value};

/// Reads the elements of an array, a set or a push, or the pairs of a map.
pub(super) struct ElementReader<'c, 'de> {
    pub(super) cursor: &'c mut Cursor<'de>,
    pub(super) open: Opened,
    pub(super) index: usize,
    /// An element that a type has failed in: where it began, and how many wire values it has.
    pub(super) failed: Option<(Spot, u32)>,
}

impl ElementReader<'_, '_> {
    /// Returns whether another element follows. If a type has failed inside the previous one, that
    /// one is skipped first.
    ///
    /// It is skipped only here, when reading goes on: if each level skipped its rest while a
    /// failure passes through it, the same bytes would be scanned once per level.
    #[inline]
    pub(super) fn has_more(&mut self) -> bool {
        if let Some((start, values)) = self.failed.take() {
            self.cursor.end_value(start, values);
        }
        self.cursor.has_more(&mut self.open)
    }
}

impl<'de> SeqAccess<'de> for ElementReader<'_, 'de> {
    type Error = ConversionError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ConversionError> {
        if !self.has_more() {
            return Ok(None);
        }
        let start = self.cursor.spot();
        let (value, values) = if self.open.kind == Kind::Map {
            // A pair is read as an array of two values. It has no header to consume.
            let pair = self.cursor.begin_pair();
            (Value::given(self.cursor, pair), 2)
        } else {
            (Value::next(self.cursor), 1)
        };
        if let Some(left) = &mut self.open.left {
            *left = left.saturating_sub(values);
        }
        let index = self.index;
        self.index += 1;
        match seed.deserialize(value) {
            Ok(value) => {
                self.cursor.end_value(start, values);
                Ok(Some(value))
            }
            Err(error) => {
                self.failed = Some((start, values));
                Err(error.at(Place::Element(index)))
            }
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.open.left.map(|left| left as usize / self.open.kind.values_per_element())
    }
}

/// Reads the pairs of a map, of an array of alternating keys and values, or of an array of pairs.
pub(super) struct PairReader<'c, 'de> {
    pub(super) cursor: &'c mut Cursor<'de>,
    pub(super) open: Opened,
    /// What is left of the current pair's array, if each pair is an array.
    pub(super) pair: Option<Opened>,
    pub(super) index: usize,
    /// Where the most recent key begins.
    pub(super) key: Spot,
    pub(super) turn: Turn,
}

/// What may be read next from a map.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Key,
    Value,
    /// A key or a value has failed, so the next bytes may be either.
    Nothing,
}

impl PairReader<'_, '_> {
    /// Begins to read a key or a value. Until it has been read, it counts as failed.
    #[inline(always)]
    fn begin(&mut self, turn: Turn) -> Result<(), ConversionError> {
        if core::mem::replace(&mut self.turn, Turn::Nothing) == turn {
            return Ok(());
        }
        Err(out_of_turn())
    }

    /// Counts a key or a value that is about to be read.
    #[inline(always)]
    fn count(&mut self) -> Result<(), ConversionError> {
        let values = self.pair.as_mut().unwrap_or(&mut self.open);
        if !self.cursor.has_more(values) {
            return Err(ConversionError::value(MAP, self.open.kind));
        }
        values.left = values.left.map(|left| left.saturating_sub(1));
        Ok(())
    }

    /// Opens the array of the next pair.
    fn open_pair(&mut self) -> Result<(), ConversionError> {
        self.pair = None;
        self.count()?;
        match self.cursor.head()? {
            Head::Open(Opened { kind: Kind::Array | Kind::Set | Kind::Push, left }) => {
                self.pair = Some(Opened { kind: Kind::Array, left });
                Ok(())
            }
            _ => Err(ConversionError::value(MAP, self.open.kind)),
        }
    }

    /// Closes the array of a pair, and refuses one that holds more than a key and a value.
    fn close_pair(&mut self) -> Result<(), ConversionError> {
        if self.pair.as_mut().is_some_and(|pair| self.cursor.has_more(pair)) {
            return Err(ConversionError::value(MAP, self.open.kind));
        }
        self.cursor.finish();
        Ok(())
    }
}

#[cold]
fn out_of_turn() -> ConversionError {
    serde::de::Error::custom("keys and values must be read alternately, and not after a failure")
}

impl<'de> MapAccess<'de> for PairReader<'_, 'de> {
    type Error = ConversionError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ConversionError> {
        if self.turn == Turn::Key && !self.cursor.has_more(&mut self.open) {
            return Ok(None);
        }
        self.begin(Turn::Key)?;
        if self.pair.is_some() {
            self.open_pair()?;
        }
        self.count()?;
        self.key = self.cursor.spot();
        let index = self.index;
        self.index += 1;
        // After a failure, nothing more is read of the map: what follows need not be found.
        match seed.deserialize(Value::next(self.cursor)) {
            Ok(key) => {
                self.cursor.end_value(self.key, 1);
                self.turn = Turn::Value;
                Ok(Some(key))
            }
            Err(error) => Err(error.at(Place::Key(index))),
        }
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ConversionError> {
        self.begin(Turn::Value)?;
        self.count()?;
        let start = self.cursor.spot();
        match seed.deserialize(Value::next(self.cursor)) {
            Ok(value) => {
                self.cursor.end_value(start, 1);
                if self.pair.is_some() {
                    self.close_pair()?;
                }
                self.turn = Turn::Key;
                Ok(value)
            }
            Err(error) => Err(error.at_field(&self.cursor.text_at(self.key))),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        let each = if self.pair.is_some() { 1 } else { 2 };
        self.open.left.map(|left| left as usize / each)
    }
}

/// Reads the name of a variant, and the data after it.
pub(super) struct VariantReader<'c, 'de> {
    pub(super) cursor: &'c mut Cursor<'de>,
    /// Where the data begins, once the name has been read.
    pub(super) data: &'c mut Option<Spot>,
}

impl<'de> EnumAccess<'de> for VariantReader<'_, 'de> {
    type Error = ConversionError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), ConversionError> {
        let start = self.cursor.spot();
        let name = seed.deserialize(Value::next(self.cursor));
        self.cursor.end_value(start, 1);
        *self.data = Some(self.cursor.spot());
        Ok((name?, self))
    }
}

impl<'c, 'de> VariantReader<'c, 'de> {
    fn data(self) -> Value<'c, 'de> {
        Value::next(self.cursor)
    }
}

impl<'de> VariantAccess<'de> for VariantReader<'_, 'de> {
    type Error = ConversionError;

    fn unit_variant(self) -> Result<(), ConversionError> {
        serde::Deserialize::deserialize(self.data())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, ConversionError> {
        seed.deserialize(self.data())
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        serde::Deserializer::deserialize_tuple(self.data(), len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        serde::Deserializer::deserialize_map(self.data(), visitor)
    }
}
