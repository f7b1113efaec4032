//! Compares zresp with other parsers and with the limit, on the same traffic in the same run.
//!
//! `cargo run --release -p zresp-peers` prints the tables of `BENCHMARKS.md`; `--chart FILE` draws
//! the chart. The contenders take turns in every round, and a ratio is the median of the ratios of
//! all rounds, so that other load on the machine affects both sides of it.

#[path = "../../corpus/mod.rs"]
mod corpus;
#[path = "../../work/owning.rs"]
mod own;
#[path = "../../work/requests.rs"]
mod requests;
#[path = "../../work/mod.rs"]
mod work;

mod chart;
mod contenders;
mod lone;
mod one_pass;
mod owning;
mod rounds;
mod tables;
mod typed;
mod walk;

use std::path::PathBuf;

use clap::Parser;

/// Compares zresp with other parsers and with the limit.
#[derive(Parser)]
struct Options {
    /// How often each contender takes its turn.
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Only measure corpora whose name contains this.
    #[arg(long, default_value = "")]
    filter: String,
    /// Where to draw the chart.
    #[arg(long)]
    chart: Option<PathBuf>,
}

fn main() -> std::io::Result<()> {
    let Options { rounds, filter, chart } = Options::parse();
    let rounds = usize::from(rounds);
    if !corpus::all().iter().any(|corpus| corpus.name.contains(&filter)) {
        return Err(std::io::Error::other(format!(
            "no corpus has a name that contains {filter:?}"
        )));
    }
    let rows = tables::corpora(rounds, &filter);
    tables::reading(rounds, &filter);
    if filter.is_empty() {
        tables::requests(rounds);
        tables::lone_frames(rounds);
        tables::chunks(rounds);
        tables::framer(rounds);
        tables::allocations();
    }
    owning::frames(rounds, &filter);
    owning::replies(rounds, &filter);
    if filter.is_empty() {
        owning::commands(rounds);
        owning::downgrades(rounds);
        typed::print(rounds);
    }
    match chart {
        Some(path) => std::fs::write(path, chart::draw(&rows)),
        None => Ok(()),
    }
}
