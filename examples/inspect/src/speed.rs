//! How fast something went.

use std::fmt;
use std::time::Duration;

/// Bytes and elements decoded in a time.
pub(crate) struct Speed {
    pub(crate) bytes: u64,
    pub(crate) elements: u64,
    pub(crate) elapsed: Duration,
}

impl fmt::Display for Speed {
    /// Writes `1.2ms, 870 MB/s, 4.1 ns per element`; in full numbers, for each is a measured one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1?}", self.elapsed)?;
        let nanos = self.elapsed.as_nanos();
        if nanos == 0 || self.elements == 0 {
            return Ok(());
        }
        // Bytes in a nanosecond are gigabytes in a second.
        let speed = u128::from(self.bytes) * 1000 / nanos;
        let each = nanos * 10 / u128::from(self.elements);
        write!(f, ", {speed} MB/s, {}.{} ns per element", each / 10, each % 10)
    }
}
