//! Prints captured replies as `redis-cli` would, or statistics about them.
//!
//! ```text
//! cargo run --release -p zresp-inspect                      # the built-in capture
//! cargo run --release -p zresp-inspect -- session.replies   # a file, or several
//! nc localhost 6379 <commands | cargo run --release -p zresp-inspect
//! cargo run --release -p zresp-inspect -- --stats session.replies
//! cargo run --release -p zresp-inspect -- --requests appendonly.aof
//! ```
//!
//! Each file has one job: an [`input`] yields bytes, [`replies`] or [`requests`] turn them into frames, and
//! a [`Sink`](sink::Sink) (the [`printer`] or the [`stats`]) takes the frames; [`run`] connects them. To
//! add another view of the frames, write another `Sink`.

mod broken;
mod input;
mod options;
mod printer;
mod progress;
mod replies;
mod requests;
mod run;
mod shape;
mod sink;
mod speed;
mod stats;
mod stop;
mod stopwatch;
mod text;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;

use options::Options;
use printer::Printer;
use run::run;
use stats::Stats;

/// Bytes collected before a write: large enough to make the cost of a write per byte small.
const OUTPUT_BUFFER: usize = 128 * 1024;

fn main() -> ExitCode {
    let options = Options::parse();
    let out = BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock());
    let result = match (options.stats, options.requests) {
        (true, true) => run(&options, Stats::of_requests(out)),
        (true, false) => run(&options, Stats::of_replies(out)),
        (false, _) => run(&options, Printer::new(out)),
    };
    match result {
        Ok(code) => code,
        // The reader of the output has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("standard output: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a line to standard error. If that is closed, the line is lost.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "inspect: {line}");
}
