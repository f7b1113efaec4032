//! Values as a tree.

use serde::ser::{self, Error as _, Serialize};

use crate::kind::Kind;
use crate::tree::{AggregateForm, Builder, Reply};

use super::Error;
use super::aggregates::aggregates;

/// How many values are made room for before they come, whatever the type announces.
const RESERVED: usize = 4096;

/// Adds a value to a tree.
pub(super) struct Serializer<'b> {
    builder: &'b mut Builder,
}

impl<'b> Serializer<'b> {
    pub(super) fn new(builder: &'b mut Builder) -> Self {
        Self { builder }
    }

    #[allow(clippy::unnecessary_wraps, reason = "as all methods of serde")]
    fn value(self, value: impl Into<Reply>) -> Result<(), Error> {
        self.builder.value(value.into());
        Ok(())
    }

    /// Opens an aggregate.
    fn open(self, kind: Kind, len: Option<usize>) -> Aggregate<'b> {
        self.builder.open(kind, AggregateForm::Counted, len.unwrap_or(0).min(RESERVED));
        Aggregate { builder: self.builder, is_variant: false, is_broken: false }
    }

    /// Opens the data of a variant, in a map of one pair.
    fn open_variant(self, variant: &str, kind: Kind, len: usize) -> Aggregate<'b> {
        self.builder.open(Kind::Map, AggregateForm::Counted, 1);
        self.builder.value(variant.into());
        Aggregate { is_variant: true, ..self.open(kind, Some(len)) }
    }
}

/// Implements methods of `Serializer` for what is a reply by itself.
macro_rules! values {
    ($($method:ident $type:ty;)*) => {$(
        fn $method(self, value: $type) -> Result<(), Error> {
            self.value(value)
        }
    )*};
}

impl<'b> ser::Serializer for Serializer<'b> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Aggregate<'b>;
    type SerializeTuple = Aggregate<'b>;
    type SerializeTupleStruct = Aggregate<'b>;
    type SerializeTupleVariant = Aggregate<'b>;
    type SerializeMap = Aggregate<'b>;
    type SerializeStruct = Aggregate<'b>;
    type SerializeStructVariant = Aggregate<'b>;

    values! {
        serialize_bool bool;
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

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.value(&*value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.value(Reply::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.value(Reply::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.value(Reply::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.value(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.builder.open(Kind::Map, AggregateForm::Counted, 1);
        self.builder.value(variant.into());
        value.serialize(Serializer::new(&mut *self.builder))?;
        self.builder.close();
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Aggregate<'b>, Error> {
        Ok(self.open(Kind::Array, len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Aggregate<'b>, Error> {
        Ok(self.open(Kind::Array, Some(len)))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Aggregate<'b>, Error> {
        Ok(self.open(Kind::Array, Some(len)))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Aggregate<'b>, Error> {
        Ok(self.open_variant(variant, Kind::Array, len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Aggregate<'b>, Error> {
        Ok(self.open(Kind::Map, len))
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Aggregate<'b>, Error> {
        Ok(self.open(Kind::Map, Some(len)))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Aggregate<'b>, Error> {
        Ok(self.open_variant(variant, Kind::Map, len))
    }
}

/// An aggregate that is open.
pub(super) struct Aggregate<'b> {
    builder: &'b mut Builder,
    /// Whether it is the data of a variant, in a map of one pair.
    is_variant: bool,
    /// Whether a value is missing, its error forgotten, or was not written to its end.
    is_broken: bool,
}

impl Aggregate<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let (depth, values) = self.builder.mark();
        // Until it is known to be whole.
        let was_broken = core::mem::replace(&mut self.is_broken, true);
        value.serialize(Serializer::new(self.builder))?;
        if self.builder.mark() != (depth, values + 1) {
            return Err(unfinished());
        }
        self.is_broken = was_broken;
        Ok(())
    }

    fn add_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.check_turn(0)?;
        self.add(key)
    }

    fn add_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.check_turn(1)?;
        self.add(value)
    }

    /// Keys come behind an even number of keys and values, values behind an odd one.
    fn check_turn(&mut self, parity: usize) -> Result<(), Error> {
        let (_, values) = self.builder.mark();
        if values % 2 == parity {
            return Ok(());
        }
        self.is_broken = true;
        Err(unfinished())
    }

    /// Closes what has keys and values.
    fn close_pairs(self) -> Result<(), Error> {
        let (_, values) = self.builder.mark();
        if values % 2 == 1 { Err(unfinished()) } else { self.close() }
    }

    fn close(self) -> Result<(), Error> {
        if self.is_broken {
            return Err(unfinished());
        }
        self.builder.close();
        if self.is_variant {
            self.builder.close();
        }
        Ok(())
    }
}

/// A value was left before its end, or a key without its value.
pub(super) fn unfinished() -> Error {
    Error::custom("a value that is not written to its end")
}

aggregates!(Aggregate<'_>);
