//! The chart: a bar for each parser, grouped by corpus.

use std::fmt::Write as _;

use crate::tables::Row;

/// The corpora in the chart, and their titles.
const GROUPS: [(&str, &str); 6] = [
    ("command/get", "GET, pipelined"),
    ("bulk/0-63b", "bulk strings of 0–63 bytes"),
    ("list/mixed", "list of 10,000 values"),
    ("map/20-fields", "maps of 20 fields"),
    ("integer/mixed", "integers"),
    ("line/ok", "+OK"),
];

/// The parsers in the chart, and their colours.
const PARSERS: [(&str, &str); 5] = [
    ("zresp decode", "#c2410c"),
    ("zresp read", "#fb923c"),
    ("rustis tape", "#64748b"),
    ("redis-protocol", "#94a3b8"),
    ("resp-rs", "#cbd5e1"),
];

const LABELS: f64 = 190.0;
const WIDTH: f64 = 760.0;
const BAR: f64 = 13.0;
const GAP: f64 = 16.0;
const HEAD: f64 = 44.0;

/// Returns the chart as SVG.
pub fn draw(rows: &[Row]) -> String {
    let groups: Vec<_> = GROUPS
        .iter()
        .filter_map(|(corpus, title)| Some((title, rows.iter().find(|row| row.corpus == *corpus)?)))
        .collect();
    let time = |row: &Row, parser: &str| {
        row.times.iter().find(|(name, _)| *name == parser).map_or(0.0, |(_, time)| *time)
    };
    let times = groups.iter().flat_map(|(_, row)| PARSERS.map(|(parser, _)| time(row, parser)));
    let scale = (WIDTH - LABELS - 60.0) / times.fold(1.0, f64::max);
    let group_height = PARSERS.len() as f64 * BAR + GAP;
    let height = HEAD + groups.len() as f64 * group_height;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"10\" y=\"18\" font-weight=\"bold\">Nanoseconds per element; shorter is better</text>\n"
    );
    for (index, (parser, colour)) in PARSERS.iter().enumerate() {
        let x = 10.0 + 135.0 * index as f64;
        _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"26\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"35\">{parser}</text>",
            x + 14.0
        );
    }
    for (group, (title, row)) in groups.iter().enumerate() {
        let top = HEAD + group as f64 * group_height + GAP / 2.0;
        let middle = top + PARSERS.len() as f64 * BAR / 2.0 + 4.0;
        _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{title}</text>",
            LABELS - 10.0
        );
        for (index, (parser, colour)) in PARSERS.iter().enumerate() {
            let time = time(row, parser);
            let y = top + index as f64 * BAR;
            _ = writeln!(
                svg,
                "<rect x=\"{LABELS}\" y=\"{y}\" width=\"{:.1}\" height=\"{}\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{}\" font-size=\"10\">{time:.1}</text>",
                time * scale,
                BAR - 1.0,
                LABELS + time * scale + 4.0,
                y + BAR - 3.0,
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}
