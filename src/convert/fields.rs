//! Fields of a reply by their names: [`ReplyRef::field`], and what derived implementations of
//! [`FromReply`](super::FromReply) use.

use alloc::borrow::Cow;

use crate::view::ReplyRef;

use super::collections::for_each_pair;
use super::{ConversionError, FromReply, Place, TypeShape};

/// The text of a key.
struct FieldName<'a>(Cow<'a, [u8]>);

impl<'a> FromReply<'a> for FieldName<'a> {
    const SHAPE: TypeShape = TypeShape::Scalar;

    fn from_reply(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        reply.key_text().map(Self)
    }
}

/// The values of some fields, found in one pass. Derived implementations of [`FromReply`] use it.
#[doc(hidden)]
#[derive(Debug)]
pub struct FieldValues<'a, 'n, const N: usize> {
    reply: ReplyRef<'a>,
    names: [&'n str; N],
    values: [Option<ReplyRef<'a>>; N],
}

impl<'a, 'n, const N: usize> FieldValues<'a, 'n, N> {
    /// Finds the fields with these names. Others are ignored. If a name occurs twice, its last value counts.
    ///
    /// # Errors
    /// Returns an error if the reply has no pairs, or if a key is null, an error or an aggregate.
    pub fn read(reply: ReplyRef<'a>, names: [&'n str; N]) -> Result<Self, ConversionError> {
        let mut values = [None; N];
        for_each_pair(reply, |FieldName(key), value| {
            let index = names.iter().position(|name| name.as_bytes() == &*key);
            if let Some(found) = index.and_then(|index| values.get_mut(index)) {
                *found = Some(value);
            }
        })?;
        Ok(Self { reply, names, values })
    }

    /// Converts a field; `None` if it is missing.
    ///
    /// # Errors
    /// Returns the error of the conversion, with the name of the field.
    pub fn optional<T: FromReply<'a>>(&self, index: usize) -> Result<Option<T>, ConversionError> {
        let Some(&Some(value)) = self.values.get(index) else { return Ok(None) };
        value
            .to()
            .map(Some)
            .map_err(|error| error.at(Place::Field(self.name(index).as_bytes().into())))
    }

    /// Converts a field.
    ///
    /// # Errors
    /// Returns the errors of `optional`, and an error if the field is missing and the type has no value for that.
    pub fn required<T: FromReply<'a>>(&self, index: usize) -> Result<T, ConversionError> {
        let found = self.optional(index)?.or_else(T::if_missing);
        found.ok_or_else(|| ConversionError::missing(self.name(index), &self.reply))
    }

    fn name(&self, index: usize) -> &'n str {
        self.names.get(index).copied().unwrap_or_default()
    }
}

impl<'a> ReplyRef<'a> {
    /// Returns a field of a map, of an array of alternating keys and values, or of an array of pairs, as a Rust value. If
    /// the name occurs twice, its last value counts.
    ///
    /// Each call scans the reply once. To read several fields, derive [`FromReply`] for a struct (feature `derive`), or
    /// iterate over [`as_pairs`](Self::as_pairs).
    ///
    /// ```
    /// let frame = zresp::decode(b"*4\r\n$4\r\nname\r\n$3\r\nada\r\n$5\r\nlevel\r\n$2\r\n37\r\n")?.expect("a whole frame");
    /// let reply = frame.reply();
    /// assert_eq!(reply.field::<u32>("level")?, 37);
    /// assert_eq!(reply.field::<Option<&str>>("guild")?, None);
    /// let error = reply.field::<&str>("guild").unwrap_err();
    /// assert_eq!(error.to_string(), "missing field `guild`");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error that names the field if it is missing and the type is not an `Option`, or if it cannot be
    /// converted. A reply without pairs, and a key that is null, an error or an aggregate, are errors too.
    pub fn field<T: FromReply<'a>>(&self, name: &str) -> Result<T, ConversionError> {
        FieldValues::read(*self, [name])?.required(0)
    }
}
