//! The serializer, which writes values to any [`Receiver`].

use serde::ser::{self, Serialize};

use crate::kind::Kind;

use super::receiver::{Receiver, Role};
use super::{SerializeError, unfinished};

/// The most elements for which room is reserved, whatever length a type announces.
const RESERVED: usize = 4096;

/// Writes one value.
pub(super) struct ValueSerializer<'r, R>(pub(super) &'r mut R);

/// An array or a map whose values are being written.
pub(super) struct AggregateWriter<'r, R: Receiver> {
    receiver: &'r mut R,
    /// How many aggregates to close at the end: two for the data of a variant, which is in a map of one pair.
    levels: usize,
    /// Where the key begins, if its value is expected next.
    key: Option<R::Mark>,
    /// Whether a value is missing or half written, and the type has ignored the error.
    is_broken: bool,
}

impl<'r, R: Receiver> ValueSerializer<'r, R> {
    fn open(self, kind: Kind, len: Option<usize>) -> AggregateWriter<'r, R> {
        self.0.open(kind, len.unwrap_or(0).min(RESERVED));
        AggregateWriter { receiver: self.0, levels: 1, key: None, is_broken: false }
    }

    /// Opens the data of a variant.
    fn open_variant(self, name: &'static str, kind: Kind, len: usize) -> AggregateWriter<'r, R> {
        self.0.open(Kind::Map, 1);
        self.0.scalar(name);
        AggregateWriter { levels: 2, ..self.open(kind, Some(len)) }
    }
}

/// Implements methods of `Serializer` for values that the receiver accepts as they are.
macro_rules! scalars {
    ($($method:ident $type:ty;)*) => {$(
        fn $method(self, value: $type) -> Result<(), SerializeError> {
            self.0.scalar(value);
            Ok(())
        }
    )*};
}

impl<'r, R: Receiver> ser::Serializer for ValueSerializer<'r, R> {
    type Ok = ();
    type Error = SerializeError;
    type SerializeSeq = AggregateWriter<'r, R>;
    type SerializeTuple = AggregateWriter<'r, R>;
    type SerializeTupleStruct = AggregateWriter<'r, R>;
    type SerializeTupleVariant = AggregateWriter<'r, R>;
    type SerializeMap = AggregateWriter<'r, R>;
    type SerializeStruct = AggregateWriter<'r, R>;
    type SerializeStructVariant = AggregateWriter<'r, R>;

    scalars! {
        serialize_i8 i8;
        serialize_i16 i16;
        serialize_i32 i32;
        serialize_i64 i64;
        serialize_i128 i128;
        serialize_u8 u8;
        serialize_u16 u16;
        serialize_u32 u32;
        serialize_u64 u64;
        serialize_u128 u128;
        serialize_f32 f32;
        serialize_f64 f64;
        serialize_str &str;
        serialize_bytes &[u8];
    }

    fn serialize_bool(self, value: bool) -> Result<(), SerializeError> {
        self.0.boolean(value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), SerializeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Result<(), SerializeError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerializeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), SerializeError> {
        self.0.nothing();
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), SerializeError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), SerializeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        self.0.open(Kind::Map, 1);
        self.0.scalar(variant);
        value.serialize(ValueSerializer(&mut *self.0))?;
        self.0.close();
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, SerializeError> {
        Ok(self.open(Kind::Array, len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, SerializeError> {
        Ok(self.open(Kind::Array, Some(len)))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, SerializeError> {
        Ok(self.open(Kind::Array, Some(len)))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, SerializeError> {
        Ok(self.open_variant(variant, Kind::Array, len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, SerializeError> {
        Ok(self.open(Kind::Map, len))
    }

    fn serialize_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, SerializeError> {
        Ok(self.open(Kind::Map, Some(len)))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, SerializeError> {
        Ok(self.open_variant(variant, Kind::Map, len))
    }
}

impl<R: Receiver> AggregateWriter<'_, R> {
    fn add(
        &mut self,
        role: Role<R::Mark>,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), SerializeError> {
        let since = self.receiver.mark();
        // Broken until the value is known to be whole: a type may ignore the error and continue.
        let was_broken = core::mem::replace(&mut self.is_broken, true);
        value.serialize(ValueSerializer(&mut *self.receiver))?;
        self.receiver.accept(role, since)?;
        self.is_broken = was_broken;
        Ok(())
    }

    fn add_key(&mut self, key: &(impl Serialize + ?Sized)) -> Result<(), SerializeError> {
        if self.key.replace(self.receiver.mark()).is_some() {
            return Err(self.break_off());
        }
        self.add(Role::Key, key)
    }

    fn add_value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), SerializeError> {
        match self.key.take() {
            Some(key) => self.add(Role::Value { key }, value),
            None => Err(self.break_off()),
        }
    }

    /// Remembers that a key or a value is missing.
    fn break_off(&mut self) -> SerializeError {
        self.is_broken = true;
        unfinished()
    }

    fn close(self) -> Result<(), SerializeError> {
        if self.is_broken || self.key.is_some() {
            return Err(unfinished());
        }
        (0..self.levels).for_each(|_| self.receiver.close());
        Ok(())
    }
}

/// Implements serde's traits for arrays.
macro_rules! arrays {
    ($($trait:ident $method:ident;)*) => {$(
        impl<R: Receiver> ser::$trait for AggregateWriter<'_, R> {
            type Ok = ();
            type Error = SerializeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
                self.add(Role::Element, value)
            }

            fn end(self) -> Result<(), SerializeError> {
                self.close()
            }
        }
    )*};
}

arrays! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

/// Implements serde's traits for maps whose keys are field names.
macro_rules! structs {
    ($($trait:ident)*) => {$(
        impl<R: Receiver> ser::$trait for AggregateWriter<'_, R> {
            type Ok = ();
            type Error = SerializeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), SerializeError> {
                self.add_key(key)?;
                self.add_value(value)
            }

            fn end(self) -> Result<(), SerializeError> {
                self.close()
            }
        }
    )*};
}

structs!(SerializeStruct SerializeStructVariant);

impl<R: Receiver> ser::SerializeMap for AggregateWriter<'_, R> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerializeError> {
        self.add_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.add_value(value)
    }

    fn end(self) -> Result<(), SerializeError> {
        self.close()
    }
}
