//! A speed, as text.

use std::fmt;
use std::time::Duration;

/// The bytes and elements that were decoded, and the time that it took.
pub(crate) struct Speed {
    pub(crate) bytes: u64,
    pub(crate) elements: u64,
    pub(crate) elapsed: Duration,
}

impl fmt::Display for Speed {
    /// Writes `1.2ms, 870 MB/s, 4.1 ns per element`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1?}", self.elapsed)?;
        let nanos = self.elapsed.as_nanos();
        if nanos == 0 || self.elements == 0 {
            return Ok(());
        }
        // Bytes per nanosecond are gigabytes per second.
        let speed = u128::from(self.bytes) * 1000 / nanos;
        let each = nanos * 10 / u128::from(self.elements);
        write!(f, ", {speed} MB/s, {}.{} ns per element", each / 10, each % 10)
    }
}
