//! Tables in text.

use std::io::{self, Write};

use console::Term;

use crate::width;

/// The rows of a table, each with as many cells as the first one, which is the heading.
#[derive(Debug, Default)]
pub(crate) struct Table(pub(crate) Vec<Vec<String>>);

impl Table {
    /// Writes the table with a title before its first line, and as much space before the others. Each column is as wide as
    /// its longest cell. The first one begins at the left, the others end at the right.
    ///
    /// Columns that a terminal is too narrow for come in further tables below, each with the first column again.
    pub(crate) fn write(&self, out: &mut impl Write, title: &str) -> io::Result<()> {
        let columns = width::columns(&Term::stdout()).unwrap_or(usize::MAX);
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.0 {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let Some((first, rest)) = widths.split_first() else { return Ok(()) };
        let first = (*first).min(columns / 2);
        let mut title = title.to_owned();
        let mut begin = 0;
        while begin < rest.len() {
            let mut used = title.len() + first;
            let fits = |width: &&usize| {
                used += 2 + **width;
                used <= columns
            };
            let end = begin + rest.iter().skip(begin).take_while(fits).count().max(1);
            for row in &self.0 {
                let name = width::shorten(row.first().map_or("", String::as_str), first);
                let mut line = format!("{title}{name:first$}");
                let cells = row.iter().skip(1).zip(rest).take(end).skip(begin);
                line.extend(cells.map(|(cell, &width)| format!("  {cell:>width$}")));
                writeln!(out, "{}", line.trim_end())?;
                title = " ".repeat(title.len());
            }
            begin = end;
        }
        Ok(())
    }
}
