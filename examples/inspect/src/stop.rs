//! Why the decoding of an input stopped early.

use std::io;

/// Why an input was not decoded to its end.
pub(crate) enum Stop {
    /// The input is broken; the text is one line that says where and how.
    Input(String),
    /// The output failed.
    Output(io::Error),
}
