//! The ends of the part that is shown: an offset, or a time.

use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

/// An offset in bytes, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Offset(u64),
    /// Since 1970.
    Time(Duration),
    /// A time of the day on which an input begins, since midnight, in a zone that is ahead of UTC by a number of seconds.
    Clock {
        clock: Duration,
        ahead: i64,
    },
}

impl Bound {
    /// Returns whether the bound is at or before a record at this offset and this time. `None` if the bound is a time,
    /// and the time of the record is not known, or if it needs a day.
    pub(crate) fn is_at_or_before(self, offset: u64, time: Option<Duration>) -> Option<bool> {
        match self {
            Self::Offset(bound) => Some(bound <= offset),
            Self::Time(bound) => time.map(|time| bound <= time),
            Self::Clock { .. } => None,
        }
    }

    /// Returns the bound for an input that begins at this time.
    pub(crate) fn on_day_of(self, first: Duration) -> Self {
        let Self::Clock { clock, ahead } = self else { return self };
        let local = shifted(first, ahead).unwrap_or_default();
        let midnight = Duration::from_secs(local.as_secs() / DAY * DAY);
        Self::Time(shifted(midnight.saturating_add(clock), -ahead).unwrap_or_default())
    }

    /// Returns whether both are offsets, both are times or both are times of the day, and this one is the larger.
    pub(crate) fn is_after(self, other: Self) -> bool {
        match (self, other) {
            (Self::Offset(this), Self::Offset(other)) => this > other,
            (Self::Time(this), Self::Time(other)) => this > other,
            (Self::Clock { .. }, Self::Clock { .. }) => {
                let day = Duration::from_secs(DAY);
                self.on_day_of(day).is_after(other.on_day_of(day))
            }
            _ => false,
        }
    }
}

/// What is said of a text that is not a bound.
const FORMS: &str = "neither an offset in bytes nor a time: 12:03, 12:03:04.5, 2026-01-31, 2026-01-31 12:03, \
    2026-01-31T12:03:04.5Z, any of them with an offset such as +01:00, or @1769860800.5";
/// The seconds of a day.
const DAY: u64 = 86_400;

impl FromStr for Bound {
    type Err = String;

    /// Reads `4096` as an offset, and all else as a time: `12:03`, `2026-01-31`, `2026-01-31 12:03:04.5+01:00`, `@1700000000.5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let bound = text.parse().ok().map(Self::Offset);
        bound.or_else(|| time(text)).ok_or_else(|| FORMS.to_owned())
    }
}

fn time(text: &str) -> Option<Bound> {
    if let Some(seconds) = text.strip_prefix('@') {
        return since_1970(seconds).map(Bound::Time);
    }
    let (text, ahead) = zone(text)?;
    let (day, clock) = match text.split_once(['T', 't', ' ']) {
        Some((day, clock)) => (Some(day), Some(clock)),
        None if text.contains(':') => (None, Some(text)),
        None => (Some(text), None),
    };
    let clock = clock.map_or(Some(Duration::ZERO), of_day)?;
    let Some(day) = day else { return Some(Bound::Clock { clock, ahead }) };
    let day = humantime::parse_rfc3339(&format!("{day}T00:00:00Z")).ok()?;
    let local = day.duration_since(UNIX_EPOCH).ok()?.checked_add(clock)?;
    shifted(local, -ahead).map(Bound::Time)
}

/// Splits a text from the offset of its zone, in seconds ahead of UTC: `Z`, `+01:00`, or nothing.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(text) = text.strip_suffix(['Z', 'z']) {
        return Some((text, 0));
    }
    let (before, offset) = text.split_at_checked(text.len().saturating_sub("+01:00".len()))?;
    let sign = match offset.as_bytes() {
        [b'+', _, _, b':', ..] => 1,
        [b'-', _, _, b':', ..] => -1,
        _ => return Some((text, 0)),
    };
    let seconds = i64::try_from(of_day(offset.get(1..)?)?.as_secs()).ok()?;
    Some((before, sign * seconds))
}

/// Reads `12:03`, `12:03:04` or `12:03:04.5` as the time since midnight.
fn of_day(text: &str) -> Option<Duration> {
    let mut parts = text.splitn(3, ':');
    let two_digits = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_number)
    };
    let hours = parts.next().and_then(two_digits).filter(|hours: &u64| *hours < 24)?;
    let minutes = parts.next().and_then(two_digits).filter(|minutes: &u64| *minutes < 60)?;
    let seconds = match parts.next() {
        None => Duration::ZERO,
        Some(text) => {
            two_digits(text.split('.').next()?)?;
            // A minute may have a leap second.
            since_1970(text).filter(|seconds| seconds.as_secs() <= 60)?
        }
    };
    Some(Duration::from_secs(60 * (60 * hours + minutes)) + seconds)
}

/// Returns a time that is later by a number of seconds.
fn shifted(time: Duration, seconds: i64) -> Option<Duration> {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { time.checked_sub(by) } else { time.checked_add(by) }
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
        let clock = |seconds, nanos, ahead| {
            Ok(Bound::Clock { clock: Duration::new(seconds, nanos), ahead })
        };
        let table = [
            ("4096", Ok(Bound::Offset(4096))),
            ("@1700000000.5", time(1_700_000_000, 500_000_000)),
            ("@1700000000.123456789", time(1_700_000_000, 123_456_789)),
            ("@18446744073709551615", time(u64::MAX, 0)),
            ("2023-11-14", time(1_699_920_000, 0)),
            ("2023-11-14 22:13:20", time(1_700_000_000, 0)),
            ("2023-11-14T22:13:20.25Z", time(1_700_000_000, 250_000_000)),
            ("2023-11-14T22:13", time(1_699_999_980, 0)),
            ("2023-11-14 23:13:20.25+01:00", time(1_700_000_000, 250_000_000)),
            ("2023-11-14 16:43:20-05:30", time(1_700_000_000, 0)),
            ("2023-11-14-01:00", time(1_699_923_600, 0)),
            ("2023-11-14Z", time(1_699_920_000, 0)),
            ("22:13", clock(79_980, 0, 0)),
            ("22:13:20.5", clock(80_000, 500_000_000, 0)),
            ("22:13:20Z", clock(80_000, 0, 0)),
            ("22:13+01:00", clock(79_980, 0, 3600)),
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
            "24:00",
            "12:60",
            "12:3",
            "12:03:61",
            "12:03:4",
            "12:03:",
            "12:03+1:00",
            "12:03+24:00",
            "é:03+01:00",
            "2023-11-14T",
            "2023-11-14 12",
            "1970-01-01+01:00",
        ] {
            assert!(text.parse::<Bound>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_of_the_day_is_on_the_day_of_the_first_time_in_its_zone() {
        // 22:13:20 on a Tuesday; with an offset of +02:00, it is Wednesday.
        let first = Duration::from_secs(1_700_000_000);
        for (text, expected) in [
            ("22:13:20", 1_700_000_000),
            ("00:00", 1_699_920_000),
            ("00:13:20+02:00", 1_700_000_000),
            ("23:13:20+02:00", 1_700_082_800),
            ("17:13:20-05:00", 1_700_000_000),
        ] {
            let bound = text.parse::<Bound>().expect("a time").on_day_of(first);
            assert_eq!(bound, Bound::Time(Duration::from_secs(expected)), "{text}");
        }
    }
}
