//! What the crate should say: the same grammar, in code so plain that reading it is enough to check it.
//!
//! It uses nothing of the crate, because sharing code would mean sharing mistakes.

mod reply;
pub mod request;
pub mod sync;
pub mod writer;

pub use reply::{Annotated, Double, Failure, Limits, Value, Verdict, decode, stream};
