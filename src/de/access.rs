//! Reads the values of an aggregate in order, for serde's visitors.

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use crate::convert::{ConversionError, Place};
use crate::kind::Kind;

use super::cursor::{Cursor, Head, Opened, Spot};
use super::list::{Decided, FlatTuple, List, ListForm, Of};
use super::value::{MAP, Value};

/// Reads the elements of an array, a set or a push, or the pairs of a map.
pub(super) struct ElementReader<'c, 'de> {
    pub(super) cursor: &'c mut Cursor<'de>,
    pub(super) open: Opened,
    pub(super) form: ElementForm,
    pub(super) index: usize,
    /// An element that a type has failed in: where it began, and how many wire values it has.
    pub(super) failed: Option<(Spot, u32)>,
}

/// What the next element is made of.
#[derive(Clone, Copy)]
pub(super) enum ElementForm {
    /// One value.
    Value,
    /// As many values, which are read as an array that has no header.
    Flat(u32),
    /// One value, unless it is read as a tuple of a flat list.
    First,
    /// One value, which decides whether this is the first tuple of a flat list.
    FirstOfTuple(List),
}

impl<'de> ElementReader<'_, 'de> {
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

    /// Takes the form of the list from its first element. Returns the error if it is flat and does not divide into
    /// tuples.
    #[inline]
    fn take_form(&mut self, start: Spot) -> Option<ConversionError> {
        let Some(FlatTuple { len, refused }) = self.cursor.flat.take() else {
            self.form = ElementForm::Value;
            return None;
        };
        self.form = ElementForm::Flat(len);
        let count = refused?;
        // Nothing has been read of it.
        self.failed = Some((start, count));
        self.open.left = self.open.left.and(Some(0));
        Some(ConversionError::multiple(len as usize, count as usize, self.open.kind))
    }

    /// Takes the form of the first tuple from its first value. Returns where that value begins; `None` if nothing has
    /// been read.
    fn take_tuple(&mut self) -> Result<Option<Spot>, ConversionError> {
        self.form = ElementForm::Value;
        let Decided { form, start } = self.cursor.decided()?;
        match form {
            ListForm::Flat => {}
            ListForm::Nested(open) => self.open = open,
            // The list is refused when its first element has been read.
            ListForm::Refused(_) => self.open.left = Some(0),
        }
        Ok((self.open.left != Some(0)).then_some(start))
    }

    /// Reads a tuple without a header, or a first element, which may decide on the form of all.
    // Apart, so that the loop over other elements stays as short as possible.
    #[inline(never)]
    fn other_element<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ConversionError> {
        let mut start = self.cursor.spot();
        let value = match self.form {
            ElementForm::Value => Value::next(self.cursor),
            ElementForm::Flat(len) => Value::headless(self.cursor, len),
            ElementForm::FirstOfTuple(list) => Value::first(self.cursor, list),
            ElementForm::First => {
                Value::first(self.cursor, List { open: self.open, of: Of::Elements })
            }
        };
        let result = seed.deserialize(value);
        match self.form {
            ElementForm::Value | ElementForm::Flat(_) => {}
            ElementForm::FirstOfTuple(_) => match self.take_tuple()? {
                Some(begin) => start = begin,
                None => return Ok(None),
            },
            ElementForm::First => {
                if let Some(refusal) = self.take_form(start) {
                    return Err(refusal);
                }
            }
        }
        let values = if let ElementForm::Flat(len) = self.form { len } else { 1 };
        self.end_element(result, start, values)
    }

    #[inline(always)]
    fn end_element<T>(
        &mut self,
        result: Result<T, ConversionError>,
        start: Spot,
        values: u32,
    ) -> Result<Option<T>, ConversionError> {
        if let Some(left) = &mut self.open.left {
            *left = left.saturating_sub(values);
        }
        let index = self.index;
        self.index += 1;
        match result {
            Ok(value) => {
                self.cursor.end_value(start, values);
                Ok(Some(value))
            }
            Err(error) => {
                self.failed = Some((start, values));
                Err(match self.form {
                    ElementForm::Flat(len) => {
                        error.in_flat_list(index.saturating_mul(len as usize))
                    }
                    _ => error.at(Place::Element(index)),
                })
            }
        }
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
        let ElementForm::Value = self.form else { return self.other_element(seed) };
        let start = self.cursor.spot();
        let result = seed.deserialize(Value::next(self.cursor));
        self.end_element(result, start, 1)
    }

    fn size_hint(&self) -> Option<usize> {
        let each = if let ElementForm::Flat(len) = self.form { len } else { 1 };
        self.open.left?.checked_div(each).map(|left| left as usize)
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
    /// The first key, which decides whether the pairs are arrays.
    First,
    Key,
    Value,
    /// A key or a value is being read, or has failed, so the next bytes may be either.
    Nothing,
}

impl<'de> PairReader<'_, 'de> {
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
    fn close_pair(&mut self, mut pair: Opened) -> Result<(), ConversionError> {
        if self.cursor.has_more(&mut pair) {
            return Err(ConversionError::value(MAP, self.open.kind));
        }
        self.cursor.finish();
        Ok(())
    }

    /// Reads the first key, which decides whether the pairs are arrays.
    #[cold]
    fn first_key<K: DeserializeSeed<'de>>(
        &mut self,
        turn: Turn,
        seed: K,
    ) -> Result<Option<K::Value>, ConversionError> {
        if turn != Turn::First {
            return Err(out_of_turn());
        }
        let list = List { open: self.open, of: Of::Pairs };
        let outer = self.cursor.decided.take();
        let key = seed.deserialize(Value::first(self.cursor, list).into_key());
        let decided = self.cursor.decided();
        self.cursor.decided = outer;
        let Decided { form, start } = decided?;
        match form {
            ListForm::Flat => {}
            ListForm::Nested(pair) => {
                self.count()?;
                self.pair = Some(pair);
            }
            ListForm::Refused(_) => return Err(list.refusal().unwrap_or_else(out_of_turn)),
        }
        self.count()?;
        self.key = start;
        self.end_key(key)
    }

    #[inline(always)]
    fn end_key<K>(
        &mut self,
        key: Result<K, ConversionError>,
    ) -> Result<Option<K>, ConversionError> {
        let index = self.index;
        self.index += 1;
        // After a failure, nothing more is read of the map: what follows need not be found.
        match key {
            Ok(key) => {
                self.cursor.end_value(self.key, 1);
                self.turn = Turn::Value;
                Ok(Some(key))
            }
            Err(error) => Err(error.at(Place::Key(index))),
        }
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
        let turn = core::mem::replace(&mut self.turn, Turn::Nothing);
        if turn != Turn::Key {
            return self.first_key(turn, seed);
        }
        if self.pair.is_some() {
            self.open_pair()?;
        }
        self.count()?;
        self.key = self.cursor.spot();
        let key = seed.deserialize(Value::next(self.cursor).into_key());
        self.end_key(key)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ConversionError> {
        if core::mem::replace(&mut self.turn, Turn::Nothing) != Turn::Value {
            return Err(out_of_turn());
        }
        self.count()?;
        let start = self.cursor.spot();
        match seed.deserialize(Value::next(self.cursor)) {
            Ok(value) => {
                self.cursor.end_value(start, 1);
                if let Some(pair) = self.pair {
                    self.close_pair(pair)?;
                }
                self.turn = Turn::Key;
                Ok(value)
            }
            Err(error) => Err(error.at_field(&self.cursor.text_at(self.key))),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        // An array first is most often a pair.
        let is_nested = self.pair.is_some() || self.turn == Turn::First;
        let each = if is_nested { 1 } else { 2 };
        self.open.left.map(|left| left as usize / each)
    }
}

/// Reads the name of a variant, and the data after it.
pub(super) struct VariantReader<'c, 'de> {
    pub(super) cursor: &'c mut Cursor<'de>,
    /// The kind of the aggregate that holds both, and where it begins.
    pub(super) kind: Kind,
    pub(super) name: Spot,
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
        let name = seed.deserialize(Value::next(self.cursor));
        self.cursor.end_value(self.name, 1);
        *self.data = Some(self.cursor.spot());
        let place = if self.kind == Kind::Map { Place::Key(0) } else { Place::Element(0) };
        Ok((name.map_err(|error| error.at(place))?, self))
    }
}

impl<'de> VariantReader<'_, 'de> {
    fn read_data<T>(
        self,
        read: impl FnOnce(Value<'_, 'de>) -> Result<T, ConversionError>,
    ) -> Result<T, ConversionError> {
        read(Value::next(self.cursor)).map_err(|error| match self.kind {
            Kind::Map => error.at_field(&self.cursor.text_at(self.name)),
            _ => error.at(Place::Element(1)),
        })
    }
}

impl<'de> VariantAccess<'de> for VariantReader<'_, 'de> {
    type Error = ConversionError;

    fn unit_variant(self) -> Result<(), ConversionError> {
        self.newtype_variant_seed(core::marker::PhantomData)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, ConversionError> {
        self.read_data(|data| seed.deserialize(data))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        self.read_data(|data| serde::Deserializer::deserialize_tuple(data, len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        self.read_data(|data| serde::Deserializer::deserialize_map(data, visitor))
    }
}
