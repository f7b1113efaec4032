//! Replies as Rust types.
//!
//! [`ReplyRef::to`](crate::ReplyRef::to) converts a reply to any type that implements [`FromReply`]: numbers, strings,
//! options, tuples, collections, and your own types. The `as_*` methods of [`ReplyRef`](crate::ReplyRef) return what
//! a reply holds, if it is of the expected kind. A [`ConversionError`] says what was expected, what was found, and the
//! path to it, as [`Place`]s. `zresp::de` reads serde types.
//!
//! Structs and enums of your own can derive [`FromReply`] (feature `derive`).

mod accessors;
mod collections;
mod error;
mod fields;
mod owned;
mod scalars;
mod sequence;

pub use error::{ConversionError, Place};
#[doc(hidden)]
pub use fields::FieldValues;
pub use scalars::{ErrorReply, FromReply, TypeShape};
pub(crate) use sequence::Sequence;

/// The value of a frame, or why its conversion failed, and the size of the frame in bytes.
///
/// Drop that many bytes from the buffer, whether the conversion has failed or not.
pub type Converted<T> = (Result<T, ConversionError>, usize);
