//! What the crate should say: the same grammar in code that is plain enough to be checked by reading.
//!
//! It uses nothing of the crate, because sharing code would mean sharing mistakes.

mod reply;
pub mod request;
pub mod sync;
pub mod writer;

pub use reply::{Annotated, Double, Failure, Limits, Value, Verdict, decode, stream};
