//! Values as the arguments of a command.

use serde::ser::{self, Error as _, Serialize};

use crate::encode::{Argument, CommandBuf, Mark};

use super::Error;
use super::aggregates::aggregates;
use super::reply::unfinished;

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
        Values { command: self.command, key: None, is_broken: false }
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
    /// Whether a value is missing, its error forgotten.
    is_broken: bool,
}

impl Values<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let was_broken = core::mem::replace(&mut self.is_broken, true);
        value.serialize(Serializer::new(self.command))?;
        self.is_broken = was_broken;
        Ok(())
    }

    /// Appends a key, which must be one argument.
    fn add_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let mark = self.command.mark();
        self.is_broken |= self.key.replace(mark).is_some();
        self.add(key)?;
        self.expect_one(mark, "a key")
    }

    /// Appends the value of the last key, which must be one argument; if it is none, the key goes, too.
    fn add_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let Some(key) = self.key.take() else {
            self.is_broken = true;
            return Err(unfinished());
        };
        let mark = self.command.mark();
        self.add(value)?;
        if self.command.len_since(mark) == 0 {
            self.command.truncate(key);
            return Ok(());
        }
        self.expect_one(mark, "a field")
    }

    /// Refuses any other number of arguments.
    fn expect_one(&mut self, since: Mark, what: &str) -> Result<(), Error> {
        let found = self.command.len_since(since);
        if found == 1 {
            return Ok(());
        }
        self.is_broken = true;
        Err(Error::custom(format_args!("{what} of {found} arguments")))
    }

    /// Closes what has keys and values.
    fn close_pairs(self) -> Result<(), Error> {
        if self.key.is_some() { Err(unfinished()) } else { self.close() }
    }

    fn close(self) -> Result<(), Error> {
        if self.is_broken { Err(unfinished()) } else { Ok(()) }
    }
}

aggregates!(Values<'_>);
