//! Tables in text.

use std::io::{self, Write};

/// The rows of a table, each with as many cells as the first one, which is the heading.
#[derive(Debug, Default)]
pub(crate) struct Table(pub(crate) Vec<Vec<String>>);

impl Table {
    /// Writes the table with a title before its first line, and as much space before the others. Each column is as wide as
    /// its longest cell. The first one begins at the left, the others end at the right.
    pub(crate) fn write(&self, out: &mut impl Write, title: &str) -> io::Result<()> {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.0 {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for (index, row) in self.0.iter().enumerate() {
            let mut line = if index == 0 { title.to_owned() } else { " ".repeat(title.len()) };
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let cell = match column {
                    0 => format!("{cell:width$}"),
                    _ => format!("  {cell:>width$}"),
                };
                line.push_str(&cell);
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
