//! The primitives that read a header: words of eight bytes, lines, numbers.
//!
//! Both the validating scanner and the views, which read what has been validated, are built on them.
//! `memo` and `template` recognise what was read before.

pub(crate) mod constant;
pub(crate) mod digits;
pub(crate) mod double;
pub(crate) mod inline;
pub(crate) mod line;
pub(crate) mod memo;
pub(crate) mod number;
pub(crate) mod prefix;
pub(crate) mod template;
pub(crate) mod word;
