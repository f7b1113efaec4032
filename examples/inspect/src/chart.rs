//! Bar charts in text.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};

use crate::histogram::Histogram;

/// The length of the longest bar, in columns.
const COLUMNS: u64 = 40;
/// The parts of a column, in eighths.
const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Writes a bar for each power of two: how many numbers are below it, and not below the one before.
pub(crate) fn write(
    out: &mut impl Write,
    title: &str,
    numbers: &Histogram,
    name: fn(u64) -> String,
) -> io::Result<()> {
    let powers = numbers.powers();
    let most = powers.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    for (index, (power, count)) in powers.into_iter().enumerate() {
        let title = if index == 0 { title } else { "" };
        let eighths = u128::from(count) * u128::from(COLUMNS * 8) / u128::from(most);
        let eighths = usize::try_from(eighths).unwrap_or_default();
        let bar = "█".repeat(eighths / 8) + PARTS.get(eighths % 8).unwrap_or(&"");
        let (limit, count) = (name(power), HumanCount(count).to_string());
        writeln!(out, "{title:8}  {:20} {count:>14} {bar}", format!("below {limit}"))?;
    }
    Ok(())
}

/// Returns a number of bytes as text.
pub(crate) fn bytes(number: u64) -> String {
    HumanBytes(number).to_string()
}

/// Returns a number of nanoseconds as text.
pub(crate) fn time(nanos: u64) -> String {
    format!("{:.1?}", Duration::from_nanos(nanos))
}
