//! The expected results: the same grammar, in code so plain that it can be checked by reading it.
//!
//! It uses nothing from the crate, because sharing code would mean sharing mistakes.

pub mod aof;
mod reply;
pub mod request;
pub mod sync;
pub mod writer;

pub use reply::{Annotated, Double, Failure, Limits, Value, Verdict, decode, stream};
