//! Which keys a server reads and writes when it runs a command line.
//!
//! - [`docs`]: the syntax of each command, as a server tells it
//! - [`lines`]: command lines of that syntax, and what each argument is as a key before a line runs
//! - [`observer`]: which keys a line touched

pub mod docs;
pub mod lines;
pub mod observer;
mod pipeline;
