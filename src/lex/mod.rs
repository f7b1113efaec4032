//! The primitives that read a header: words of eight bytes, lines, numbers.
//!
//! Both the validating scanner and the views, which read what has been validated, are built on them.
pub(crate) mod constant;
pub(crate) mod digits;
pub(crate) mod double;
pub(crate) mod inline;
pub(crate) mod integer;
pub(crate) mod line;
pub(crate) mod word;
