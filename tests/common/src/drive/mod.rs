//! Ways of giving bytes to the crate, and of comparing the results.

#[cfg(feature = "aof")]
pub mod aof;
pub mod capture;
pub mod edits;
#[cfg(all(feature = "commands", feature = "generate"))]
pub mod effects;
#[cfg(feature = "commands")]
pub mod keys;
pub mod live_server;
pub mod notation;
#[cfg(feature = "std")]
pub mod pieces;
pub mod sync;
pub mod tokens;
pub mod verdicts;
#[cfg(feature = "std")]
pub mod ways;
