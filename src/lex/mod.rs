//! Reading one header or one line: words of eight bytes, line ends, numbers.
//!
//! The validator and the views are both built on these functions. The bytes may be incomplete or wrong:
//! a function that reads a line or a header checks all of it, and returns `None` if it cannot read it.

pub(crate) mod constant;
pub(crate) mod digits;
pub(crate) mod double;
#[cfg(test)]
pub(crate) mod every_word;
pub(crate) mod inline;
pub(crate) mod integer;
pub(crate) mod line;
pub(crate) mod word;
