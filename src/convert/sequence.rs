//! The elements of an aggregate, converted one after another to different types.

use alloc::vec::Vec;

use crate::view::{Elements, ReplyRef};

use super::{ConversionError, FromReply, Place};

pub(crate) struct Sequence<'a> {
    reply: ReplyRef<'a>,
    elements: Elements<'a>,
    taken: usize,
}

impl<'a> Sequence<'a> {
    pub(crate) fn new(reply: ReplyRef<'a>) -> Result<Self, ConversionError> {
        Ok(Self { reply, elements: reply.as_elements()?, taken: 0 })
    }

    /// Converts the next element; it is an error if no more are left.
    pub(crate) fn take<T: FromReply<'a>>(&mut self) -> Result<T, ConversionError> {
        self.take_with(|element| element.to())
    }

    /// Converts the next element with a function; it is an error if no more are left.
    pub(crate) fn take_with<T>(
        &mut self,
        convert: impl FnOnce(ReplyRef<'a>) -> Result<T, ConversionError>,
    ) -> Result<T, ConversionError> {
        let index = self.taken;
        let Some(element) = self.elements.next() else {
            return Err(ConversionError::custom(
                format_args!("missing element {index}"),
                &self.reply,
            ));
        };
        self.taken = index.saturating_add(1);
        convert(element).map_err(|error| error.at(Place::Element(index)))
    }

    /// Converts all elements that are left.
    pub(crate) fn take_all<T>(
        &mut self,
        mut convert: impl FnMut(ReplyRef<'a>) -> Result<T, ConversionError>,
    ) -> Result<Vec<T>, ConversionError> {
        let mut values = Vec::new();
        while !self.is_empty() {
            values.push(self.take_with(&mut convert)?);
        }
        Ok(values)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }
}
