//! From replies to the types of Rust.

mod accessors;
mod collections;
mod error;
mod scalars;
mod tree;

pub use error::{ConversionError, Place};
pub use scalars::{ErrorReply, FromReply};
