//! The ends of the part that is shown: an offset, or a time.

use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

/// An offset in bytes, or a time since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Offset(u64),
    Time(Duration),
}

impl Bound {
    /// Returns whether the bound is at or before a record at this offset and this time. `None` if the bound is a time,
    /// and the time of the record is not known.
    pub(crate) fn is_at_or_before(self, offset: u64, time: Option<Duration>) -> Option<bool> {
        match self {
            Self::Offset(bound) => Some(bound <= offset),
            Self::Time(bound) => time.map(|time| bound <= time),
        }
    }
}

impl FromStr for Bound {
    type Err = String;

    /// Reads `4096` as an offset, and `@1700000000.5`, `2026-01-31`, `2026-01-31 12:00:00` or `2026-01-31T12:00:00.25Z`
    /// as a time in UTC.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(offset) = text.parse() {
            return Ok(Self::Offset(offset));
        }
        let wrong = || format!("`{text}` is neither an offset in bytes nor a time");
        if let Some(seconds) = text.strip_prefix('@') {
            let seconds = seconds.parse().map_err(|_| wrong())?;
            return Duration::try_from_secs_f64(seconds).map(Self::Time).map_err(|_| wrong());
        }
        let day = if text.len() == "2026-01-31".len() { "T00:00:00" } else { "" };
        let time = humantime::parse_rfc3339_weak(&format!("{text}{day}")).map_err(|_| wrong())?;
        time.duration_since(UNIX_EPOCH).map(Self::Time).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_offsets_and_times() {
        let time = |seconds, nanos| Ok(Bound::Time(Duration::new(seconds, nanos)));
        let table = [
            ("4096", Ok(Bound::Offset(4096))),
            ("@1700000000.5", time(1_700_000_000, 500_000_000)),
            ("2023-11-14", time(1_699_920_000, 0)),
            ("2023-11-14 22:13:20", time(1_700_000_000, 0)),
            ("2023-11-14T22:13:20.25Z", time(1_700_000_000, 250_000_000)),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Bound>(), expected, "{text}");
        }
        for text in ["", "-1", "yesterday", "@x", "@-1", "2023-13-01"] {
            assert!(text.parse::<Bound>().is_err(), "{text}");
        }
    }
}
