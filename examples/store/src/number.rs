//! Numbers in arguments, parsed as Redis parses them.

use std::ops::Range;
use std::str;

use crate::failure::{Failure, INTEGER};

/// Parses an integer in its canonical form: no `+`, no leading zeros.
pub(crate) fn integer(text: &[u8]) -> Result<i64, Failure> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_canonical = matches!(digits, [b'1'..=b'9', ..]) || text == b"0";
    let text = str::from_utf8(text).ok().filter(|_| is_canonical);
    text.and_then(|text| text.parse().ok()).ok_or(INTEGER)
}

pub(crate) fn float(text: &[u8]) -> Result<f64, Failure> {
    let value = str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    value.filter(|value| !value.is_nan()).ok_or(Failure::of("ERR value is not a valid float"))
}

/// Returns the range from `start` to `stop`. Both are inclusive, and negative ones count from the end.
pub(crate) fn span(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let absolute = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let start = absolute(start).clamp(0, len);
    let end = absolute(stop).saturating_add(1).clamp(start, len);
    // Both are from 0 to `len`, which was a `usize`.
    usize::try_from(start).unwrap_or_default()..usize::try_from(end).unwrap_or_default()
}

/// Returns the position of an element, whose index counts from the end if it is negative.
pub(crate) fn position(index: i64, len: usize) -> Option<usize> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let absolute = if index < 0 { index.checked_add(len)? } else { index };
    usize::try_from(absolute).ok().filter(|_| absolute < len)
}
