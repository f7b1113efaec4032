//! The deserializer: one value, and everything that it can be read as.

use alloc::borrow::Cow;
use alloc::string::String;

use serde::Deserializer;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{IntoDeserializer, Visitor};

use crate::convert::{ConversionError, TypeShape};
use crate::kind::Kind;
use crate::ser::ERROR;
use crate::view::ReplyRef;

use super::access::{ElementForm, ElementReader, PairReader, Turn, VariantReader};
use super::cursor::{Cursor, DEPTH, Head, Opened, too_deep};
use super::list::{FlatTuple, List, ListForm, Of};

pub(super) const MAP: &str = "a map";
const SEQUENCE: &str = "an array, a set or a push";
/// A `Vec<u8>` asks for a sequence, too.
const SEQUENCE_NOT_BYTES: &str = "an array, a set or a push (for bytes, use `serde_bytes`)";
const TEXT: &str = "a string in UTF-8";
const VARIANT: &str = "a variant of an enum";

/// A value that is about to be read. It fits in two registers.
pub(super) struct Value<'c, 'de> {
    cursor: &'c mut Cursor<'de>,
    start: Start,
    /// How many options and newtypes it is wrapped in.
    wrappers: u32,
    /// Whether it is the key of a map. Where a type asks for a string, it is read as its text.
    is_key: bool,
}

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// At the cursor.
    Next,
    /// After its head, which the cursor keeps.
    Given,
    /// At the cursor, as the first element of the cursor's list, or as the first value of its first tuple.
    ///
    /// As an element, it differs from `Next` only if a tuple is read.
    Element,
    FirstOfTuple,
}

impl<'c, 'de> Value<'c, 'de> {
    /// Returns the value at the cursor. Its head is consumed only when a type asks for it, as bulk strings and
    /// numbers are read without one.
    // Inlined, so that the compiler sees that no head is given and drops the other half of each method.
    #[inline(always)]
    pub(super) fn next(cursor: &'c mut Cursor<'de>) -> Self {
        Self { cursor, start: Start::Next, wrappers: 0, is_key: false }
    }

    /// Returns the first value of a list.
    #[inline(always)]
    pub(super) fn first(cursor: &'c mut Cursor<'de>, list: List) -> Self {
        let start = match list.of {
            Of::Elements => Start::Element,
            Of::Tuples(_) | Of::Pairs => Start::FirstOfTuple,
        };
        (cursor.list, cursor.flat) = (list, None);
        Self { cursor, start, wrappers: 0, is_key: false }
    }

    /// Returns a tuple of this many values that has no header.
    pub(super) fn headless(cursor: &'c mut Cursor<'de>, len: u32) -> Self {
        cursor.begin_tuple();
        Self::given(cursor, Head::Open(Opened { kind: Kind::Array, left: Some(len) }))
    }

    /// Returns a value whose head has been consumed.
    pub(super) fn given(cursor: &'c mut Cursor<'de>, head: Head<'de>) -> Self {
        cursor.given = Some(head);
        Self { cursor, start: Start::Given, wrappers: 0, is_key: false }
    }

    /// Returns the same value as the key of a map.
    #[inline(always)]
    pub(super) fn into_key(self) -> Self {
        Self { is_key: true, ..self }
    }

    /// Returns the same value for the type inside an option or a newtype.
    ///
    /// Going one level deeper consumes no bytes, so levels are counted: a type that holds only itself would recurse
    /// for ever.
    fn inside(self) -> Result<Self, ConversionError> {
        let wrappers = self.wrappers + 1;
        if wrappers > DEPTH { Err(too_deep()) } else { Ok(Self { wrappers, ..self }) }
    }

    /// Decides how the list is read that begins with the value, if that is not known yet.
    fn decide(&mut self, first: TypeShape) -> Result<(), ConversionError> {
        match core::mem::replace(&mut self.start, Start::Next) {
            Start::FirstOfTuple => self.cursor.decide(first),
            start => {
                self.start = start;
                Ok(())
            }
        }
    }

    /// Consumes the head of the value, which may be anything.
    fn head(&mut self) -> Result<Head<'de>, ConversionError> {
        self.head_of(TypeShape::Any)
    }

    fn head_of(&mut self, first: TypeShape) -> Result<Head<'de>, ConversionError> {
        self.decide(first)?;
        if core::mem::replace(&mut self.start, Start::Next) == Start::Given {
            if let Some(head) = self.cursor.given.take() {
                return Ok(head);
            }
        }
        self.cursor.head()
    }

    /// Consumes the value if it is a scalar.
    fn scalar(&mut self, expected: &'static str) -> Result<ReplyRef<'de>, ConversionError> {
        match self.head_of(TypeShape::Scalar)? {
            Head::Scalar(scalar) => Ok(scalar),
            Head::Open(open) => Err(open.mismatch(expected)),
        }
    }

    /// Consumes the value if it is a string, or a key that has a text.
    fn string(
        &mut self,
        expected: &'static str,
    ) -> Result<(Cow<'de, [u8]>, Kind), ConversionError> {
        let scalar = self.scalar(expected)?;
        let bytes = if self.is_key { scalar.key_text() } else { scalar.to_bytes() };
        Ok((bytes?, scalar.kind()))
    }

    /// Consumes the head of the value if it is an aggregate.
    fn open(&mut self, expected: &'static str) -> Result<Opened, ConversionError> {
        match self.head_of(TypeShape::Aggregate)? {
            Head::Open(open) => Ok(open),
            Head::Scalar(scalar) => Err(ConversionError::kind(expected, &scalar)),
        }
    }

    /// Returns the cursor if it is at the value.
    // Inlined for the same reason as `next`.
    #[inline(always)]
    fn at_value(&mut self) -> Option<&mut Cursor<'de>> {
        match self.start {
            Start::Next | Start::Element => Some(self.cursor),
            Start::Given | Start::FirstOfTuple => None,
        }
    }

    /// Visits the elements of an aggregate. The visitor must read all of them.
    ///
    /// If the aggregate is a list, its elements may be tuples without headers.
    fn visit_elements<V: Visitor<'de>>(
        self,
        open: Opened,
        form: ElementForm,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        self.cursor.check_depth()?;
        // A pair of a map has no header.
        let form = if open.kind == Kind::Map { ElementForm::Flat(2) } else { form };
        let mut elements =
            ElementReader { cursor: self.cursor, open, form, index: 0, failed: None };
        let value = visitor.visit_seq(&mut elements)?;
        if elements.has_more() {
            let taken = elements.index;
            return Err(serde::de::Error::custom(format_args!(
                "expected an array of {taken} elements, found one of more"
            )));
        }
        elements.cursor.finish();
        Ok(value)
    }

    /// Visits the first tuple of the cursor's list.
    fn visit_first_tuple<V: Visitor<'de>>(
        self,
        len: u32,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        let cursor = self.cursor;
        let outer = cursor.decided.take();
        let list = List { of: Of::Tuples(len), ..cursor.list };
        let open = Opened { kind: Kind::Array, left: Some(len) };
        let tuple =
            Value::next(cursor).visit_elements(open, ElementForm::FirstOfTuple(list), visitor);
        let decided = core::mem::replace(&mut cursor.decided, outer);
        cursor.flat = match decided.map(|decided| decided.form) {
            Some(ListForm::Flat) => Some(FlatTuple { len, refused: None }),
            Some(ListForm::Refused(count)) => Some(FlatTuple { len, refused: Some(count) }),
            Some(ListForm::Nested(_)) | None => None,
        };
        tuple
    }

    /// Visits the pairs of an aggregate. The visitor must read all of them.
    fn visit_pairs<V: Visitor<'de>>(
        self,
        mut open: Opened,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        // Do not peek into an empty array: the next value belongs to the parent.
        let is_undecided = matches!(open.kind, Kind::Array | Kind::Set)
            && self.cursor.has_more(&mut open)
            && self.cursor.array_ahead().is_some();
        let turn = match (List { open, of: Of::Pairs }).refusal() {
            _ if is_undecided => Turn::First,
            Some(refusal) => return Err(refusal),
            None => Turn::Key,
        };
        self.cursor.check_depth()?;
        let key = self.cursor.spot();
        let mut pairs = PairReader { cursor: self.cursor, open, pair: None, index: 0, key, turn };
        let value = visitor.visit_map(&mut pairs)?;
        if pairs.turn != Turn::Key || pairs.cursor.has_more(&mut pairs.open) {
            return Err(serde::de::Error::custom("a map with more pairs than expected"));
        }
        pairs.cursor.finish();
        Ok(value)
    }
}

impl Opened {
    /// Returns the error for an aggregate that is not what was expected.
    #[cold]
    pub(super) fn mismatch(self, expected: &'static str) -> ConversionError {
        ConversionError::kind_only(expected, self.kind)
    }
}

/// Returns the bytes as text, or as they are if they are not UTF-8.
fn utf8(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Cow<'_, [u8]>> {
    match bytes {
        Cow::Borrowed(bytes) => {
            core::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Cow::Borrowed(bytes))
        }
        Cow::Owned(bytes) => {
            String::from_utf8(bytes).map(Cow::Owned).map_err(|error| error.into_bytes().into())
        }
    }
}

fn visit_text<'de, V: Visitor<'de>>(
    text: Cow<'de, str>,
    visitor: V,
) -> Result<V::Value, ConversionError> {
    match text {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

fn visit_bytes<'de, V: Visitor<'de>>(
    bytes: Cow<'de, [u8]>,
    visitor: V,
) -> Result<V::Value, ConversionError> {
    match bytes {
        Cow::Borrowed(bytes) => visitor.visit_borrowed_bytes(bytes),
        Cow::Owned(bytes) => visitor.visit_byte_buf(bytes),
    }
}

/// Implements methods of `Deserializer` for scalars. `$take` reads the most frequent kind without a view.
macro_rules! scalars {
    ($take:expr, $expected:literal: $($method:ident $visit:ident $type:ty;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, ConversionError> {
            match self.at_value().and_then($take) {
                Some(value) => visitor.$visit(value),
                None => visitor.$visit(self.scalar($expected)?.to::<$type>()?),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'_, 'de> {
    type Error = ConversionError;

    scalars! {
        Cursor::integer, "an integer":
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
    }

    scalars! {
        Cursor::boolean, "a boolean":
        deserialize_bool visit_bool bool;
    }

    scalars! {
        Cursor::double, "a double":
        deserialize_f64 visit_f64 f64;
    }

    fn deserialize_f32<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, ConversionError> {
        visitor.visit_f32(self.scalar("a double")?.to()?)
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, ConversionError> {
        match self.head()? {
            Head::Open(open @ Opened { kind: Kind::Map, .. }) => self.visit_pairs(open, visitor),
            Head::Open(open) => self.visit_elements(open, ElementForm::First, visitor),
            Head::Scalar(ReplyRef::Integer(value)) => visitor.visit_i64(value),
            Head::Scalar(ReplyRef::Double(value)) => visitor.visit_f64(value),
            Head::Scalar(ReplyRef::Boolean(value)) => visitor.visit_bool(value),
            Head::Scalar(scalar) if scalar.is_null() => visitor.visit_unit(),
            // One that is the whole reply makes the conversion fail.
            Head::Scalar(scalar) if scalar.is_error() && self.cursor.is_inside() => {
                let message = String::from_utf8_lossy(scalar.as_error().unwrap_or_default());
                visitor.visit_map(MapDeserializer::new(core::iter::once((ERROR, message))))
            }
            Head::Scalar(scalar) => match utf8(scalar.to_bytes()?) {
                Ok(text) => visit_text(text, visitor),
                Err(bytes) if self.cursor.bytes_as_numbers => {
                    visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied()))
                }
                Err(bytes) => visit_bytes(bytes, visitor),
            },
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConversionError> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, ConversionError> {
        if let Some(text) = self.at_value().and_then(Cursor::bulk) {
            return match core::str::from_utf8(text) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => Err(ConversionError::value(TEXT, Kind::Bulk)),
            };
        }
        let (bytes, kind) = self.string(TEXT)?;
        match utf8(bytes) {
            Ok(text) => visit_text(text, visitor),
            Err(_) => Err(ConversionError::value(TEXT, kind)),
        }
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConversionError> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(
        mut self,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        if let Some(bytes) = self.at_value().and_then(Cursor::bulk) {
            return visitor.visit_borrowed_bytes(bytes);
        }
        let (bytes, _) = self.string("a string")?;
        visit_bytes(bytes, visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(
        mut self,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        match self.start {
            Start::FirstOfTuple if !self.cursor.is_at_null_first() => {
                return visitor.visit_some(self.inside()?);
            }
            // The type in the option cannot be asked before it is known whether there is a value.
            Start::FirstOfTuple => self.decide(TypeShape::Any)?,
            Start::Element => self.start = Start::Next,
            Start::Next | Start::Given => {}
        }
        if self.start == Start::Given || self.cursor.may_be_at_null() {
            match self.head()? {
                Head::Scalar(scalar) if scalar.is_null() => return visitor.visit_none(),
                head => (self.cursor.given, self.start) = (Some(head), Start::Given),
            }
        }
        visitor.visit_some(self.inside()?)
    }

    fn deserialize_unit<V: Visitor<'de>>(
        mut self,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        match self.head()? {
            Head::Scalar(scalar) => scalar.to::<()>()?,
            Head::Open(open) => self.cursor.skip(open),
        }
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        visitor.visit_newtype_struct(self.inside()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, ConversionError> {
        match self.head_of(TypeShape::Aggregate)? {
            Head::Open(open) => self.visit_elements(open, ElementForm::First, visitor),
            Head::Scalar(scalar) => {
                let is_text = scalar.to_bytes().is_ok();
                let expected = if is_text { SEQUENCE_NOT_BYTES } else { SEQUENCE };
                Err(ConversionError::kind(expected, &scalar))
            }
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        if let (Start::Element, Ok(len @ 2..)) = (self.start, u32::try_from(len)) {
            return self.visit_first_tuple(len, visitor);
        }
        let open = self.open(SEQUENCE)?;
        self.visit_elements(open, ElementForm::Value, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, ConversionError> {
        let open = self.open(MAP)?;
        self.visit_pairs(open, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        match self.head()? {
            Head::Scalar(scalar) => {
                let name: Cow<'de, str> = scalar.to()?;
                visitor.visit_enum(IntoDeserializer::<ConversionError>::into_deserializer(name))
            }
            Head::Open(Opened { kind: kind @ (Kind::Map | Kind::Array), left: Some(2) }) => {
                self.cursor.check_depth()?;
                let name = self.cursor.spot();
                let mut data = None;
                let reader = VariantReader { cursor: self.cursor, kind, name, data: &mut data };
                let value = visitor.visit_enum(reader)?;
                match data {
                    Some(data) => self.cursor.end_value(data, 1),
                    None => self.cursor.end_value(name, 2),
                }
                self.cursor.finish();
                Ok(value)
            }
            Head::Open(open) => Err(open.mismatch(VARIANT)),
        }
    }

    /// Reads the name of a field or of a variant. Fields are recognised by their bytes, which need not be checked
    /// for UTF-8.
    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        mut self,
        visitor: V,
    ) -> Result<V::Value, ConversionError> {
        if let Head::Open(open) = self.head()? {
            self.cursor.skip(open);
        }
        visitor.visit_unit()
    }
}
