//! What the tests, the fuzz targets and the programs of `zresp` check it with.
//!
//! It is a package so that it is built once for all test files, and so that no file has dead code: each
//! imports what it uses.
//!
//! - [`oracle`]: the grammar a second time, plain and slow, for the crate to agree with
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
