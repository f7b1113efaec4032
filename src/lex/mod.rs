//! Reading one header or one line: words of eight bytes, line ends, numbers.
//!
//! The validator and the views are both built on these functions. Each of them takes bytes that may be
//! cut or wrong, checks all that it reads, and answers `None` for anything else.
pub(crate) mod constant;
pub(crate) mod digits;
pub(crate) mod double;
pub(crate) mod inline;
pub(crate) mod integer;
pub(crate) mod line;
pub(crate) mod word;
