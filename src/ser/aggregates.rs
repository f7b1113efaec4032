//! What is alike in writing aggregates, whatever they are written to.

/// Implements the traits of serde for a type with the methods `add`, `add_key`, `add_value`, `close` and
/// `close_pairs`.
macro_rules! aggregates {
    ($type:ty: values $($values:ident $method:ident)*, fields $($fields:ident)*) => {
        impl ser::SerializeMap for $type {
            type Ok = ();
            type Error = Error;

            fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
                self.add_key(key)
            }

            fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.add_value(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close_pairs()
            }
        }

        $(impl ser::$values for $type {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.add(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        })*

        $(impl ser::$fields for $type {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.add_key(key)?;
                self.add_value(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close_pairs()
            }
        })*
    };
    ($type:ty) => {
        aggregates! {
            $type:
                values
                    SerializeSeq serialize_element
                    SerializeTuple serialize_element
                    SerializeTupleStruct serialize_field
                    SerializeTupleVariant serialize_field,
                fields SerializeStruct SerializeStructVariant
        }
    };
}

pub(super) use aggregates;
