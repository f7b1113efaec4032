//! Times as text.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// A time since 1970, which is shown in UTC with microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instant(pub(crate) Duration);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The first second of the year 10000, from which on the format is not defined.
        const END: u64 = 253_402_300_800;
        if self.0.as_secs() >= END {
            return write!(f, "@{}", self.0.as_secs());
        }
        humantime::format_rfc3339_micros(UNIX_EPOCH + self.0).fmt(f)
    }
}
