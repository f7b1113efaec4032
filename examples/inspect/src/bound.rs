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

    /// Returns whether both are offsets or both are times, and this one is the larger.
    pub(crate) fn is_after(self, other: Self) -> bool {
        match (self, other) {
            (Self::Offset(this), Self::Offset(other)) => this > other,
            (Self::Time(this), Self::Time(other)) => this > other,
            _ => false,
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
            return since_1970(seconds).map(Self::Time).ok_or_else(wrong);
        }
        let day = if text.len() == "2026-01-31".len() { "T00:00:00" } else { "" };
        let time = humantime::parse_rfc3339_weak(&format!("{text}{day}")).map_err(|_| wrong())?;
        time.duration_since(UNIX_EPOCH).map(Self::Time).map_err(|_| wrong())
    }
}

/// Reads seconds with at most nine digits after the point, exactly.
pub(crate) fn since_1970(text: &str) -> Option<Duration> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(seconds) || !is_number(fraction) || fraction.len() > 9 {
        return None;
    }
    Some(Duration::new(seconds.parse().ok()?, format!("{fraction:0<9}").parse().ok()?))
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
            ("@1700000000.123456789", time(1_700_000_000, 123_456_789)),
            ("@18446744073709551615", time(u64::MAX, 0)),
            ("2023-11-14", time(1_699_920_000, 0)),
            ("2023-11-14 22:13:20", time(1_700_000_000, 0)),
            ("2023-11-14T22:13:20.25Z", time(1_700_000_000, 250_000_000)),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Bound>(), expected, "{text}");
        }
        for text in [
            "",
            "-1",
            "yesterday",
            "@",
            "@x",
            "@-1",
            "@+1",
            "@1.",
            "@.5",
            "@1e3",
            "@1.0123456789",
            "@18446744073709551616",
            "2023-13-01",
        ] {
            assert!(text.parse::<Bound>().is_err(), "{text}");
        }
    }
}
