//! Values as the arguments of a command.

use serde::ser::{self, Error as _, Serialize};

use crate::encode::{Argument, CommandBuf, Mark};

use super::Error;
use super::aggregates::aggregates;

/// Appends a value to a command.
pub(super) struct Serializer<'c> {
    command: &'c mut CommandBuf,
}

impl<'c> Serializer<'c> {
    pub(super) fn new(command: &'c mut CommandBuf) -> Self {
        Self { command }
    }

    #[allow(clippy::unnecessary_wraps, reason = "as all methods of serde")]
    fn argument(self, argument: impl Argument) -> Result<(), Error> {
        self.command.push(argument);
        Ok(())
    }

    fn values(self) -> Values<'c> {
        Values { command: self.command, key: None }
    }
}

/// Implements methods of `Serializer` for what is an argument by itself.
macro_rules! arguments {
    ($($method:ident $type:ty;)*) => {$(
        fn $method(self, value: $type) -> Result<(), Error> {
            self.argument(value)
        }
    )*};
}

impl<'c> ser::Serializer for Serializer<'c> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Values<'c>;
    type SerializeTuple = Values<'c>;
    type SerializeTupleStruct = Values<'c>;
    type SerializeTupleVariant = Values<'c>;
    type SerializeMap = Values<'c>;
    type SerializeStruct = Values<'c>;
    type SerializeStructVariant = Values<'c>;

    arguments! {
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

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.argument(u8::from(value))
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.argument(&*value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.argument(variant)
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
        self.command.push(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Values<'c>, Error> {
        Ok(self.values())
    }

    fn serialize_tuple(self, _: usize) -> Result<Values<'c>, Error> {
        Ok(self.values())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Values<'c>, Error> {
        Ok(self.values())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Values<'c>, Error> {
        self.command.push(variant);
        Ok(self.values())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Values<'c>, Error> {
        Ok(self.values())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Values<'c>, Error> {
        Ok(self.values())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Values<'c>, Error> {
        self.command.push(variant);
        Ok(self.values())
    }
}

/// The values of a sequence, or the pairs of a map.
pub(super) struct Values<'c> {
    command: &'c mut CommandBuf,
    /// Where the key begins whose value is next.
    key: Option<Mark>,
}

impl Values<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(Serializer::new(self.command))
    }

    /// Appends a key, which must be one argument.
    fn add_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let mark = self.command.mark();
        self.add(key)?;
        self.key = Some(mark);
        match self.command.len_since(mark) {
            1 => Ok(()),
            count => Err(Error::custom(format_args!("a key of {count} arguments"))),
        }
    }

    /// Appends the value of the last key, which must be one argument; if it is none, the key goes, too.
    fn add_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.add(value)?;
        let Some(key) = self.key.take() else { return Ok(()) };
        match self.command.len_since(key) {
            1 => self.command.truncate(key),
            2 => {}
            more => {
                let text = format_args!("a field of {} arguments", more - 1);
                return Err(Error::custom(text));
            }
        }
        Ok(())
    }

    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "as all aggregates of serde")]
    fn close(self) -> Result<(), Error> {
        Ok(())
    }
}

aggregates!(Values<'_>);
