//! What recent traffic looked like, to recognise the next frames by.

pub(crate) mod bulk;
pub(crate) mod command;
pub(crate) mod frame;
