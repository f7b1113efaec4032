//! Helpers for the tests, the fuzz targets and the programs of `zresp`.
//!
//! They are a package so that they are built once for all test files, and so that a test file has no dead
//! code from helpers that it does not use.
//!
//! - [`oracle`]: a second implementation of the grammar, plain and slow, for the crate to agree with
//! - [`drive`]: ways of giving bytes to the crate, recorded traffic and live servers included
//! - [`generate`]: random input
//! - [`show`]: a frame as text, for snapshots
//! - [`source`]: the crate's own files, for the checks of its architecture

pub mod drive;
#[cfg(feature = "generate")]
pub mod generate;
pub mod oracle;
pub mod show;
pub mod source;
