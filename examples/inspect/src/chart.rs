//! Bar charts in text.

use std::io::{self, Write};
use std::time::Duration;

use console::Term;
use indicatif::{HumanBytes, HumanCount};

use crate::histogram::Powers;
use crate::width;

/// The length of the longest bar, in columns.
const COLUMNS: usize = 40;
/// The parts of a column, in eighths.
const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Writes a bar for each power of two: how many numbers are below it, and not below the one before.
pub(crate) fn write(
    out: &mut impl Write,
    title: &str,
    numbers: &Powers,
    name: fn(u64) -> String,
) -> io::Result<()> {
    let most = numbers.counts().map(|(_, count)| count).max().unwrap_or(1);
    let counts = numbers.counts().map(|(power, count)| {
        (format!("below {}", name(power)), HumanCount(count).to_string(), count)
    });
    let counts: Vec<_> = counts.collect();
    let names = counts.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or_default();
    let number = counts.iter().map(|(_, number, _)| number.len()).max().unwrap_or_default();
    let columns = width::columns(&Term::stdout()).unwrap_or(80);
    let room = columns.saturating_sub(10 + names + 2 + number + 1).clamp(8, COLUMNS);
    for (index, (name, shown, count)) in counts.into_iter().enumerate() {
        let title = if index == 0 { title } else { "" };
        let eighths = u128::from(count) * (room as u128 * 8) / u128::from(most);
        let eighths = usize::try_from(eighths).unwrap_or_default();
        let bar = "█".repeat(eighths / 8) + PARTS.get(eighths % 8).unwrap_or(&"");
        let line = format!("{title:10}{name:names$}  {shown:>number$} {bar}");
        writeln!(out, "{}", line.trim_end())?;
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
