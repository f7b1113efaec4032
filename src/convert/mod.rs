//! Replies as Rust types: [`FromReply`], and the `as_*` methods of replies.

mod accessors;
mod collections;
mod error;
mod scalars;
mod tree;

pub use error::{ConversionError, Place};
pub use scalars::{ErrorReply, FromReply};
