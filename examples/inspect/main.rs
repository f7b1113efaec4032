//! Shows captured replies as `redis-cli` would, or what they consist of.
//!
//! ```text
//! cargo run --release --example inspect                      # a capture that is built in
//! cargo run --release --example inspect -- session.replies   # a file, or several
//! nc localhost 6379 <commands | cargo run --release --example inspect
//! cargo run --release --example inspect -- --stats session.replies
//! cargo run --release --example inspect -- --requests appendonly.aof
//! ```
//!
//! Each room has one job: an [`input`] yields bytes, [`replies`] or [`requests`] make frames of them, and
//! a [`Sink`] (the [`printer`] or the [`stats`]) takes the frames. Another view of them is another `Sink`.

mod broken;
mod input;
mod options;
mod printer;
mod progress;
mod replies;
mod requests;
mod shape;
mod sink;
mod speed;
mod stats;
mod stopwatch;
mod text;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;

use input::Input;
use options::Options;
use printer::Printer;
use replies::Stop;
use sink::Sink;
use stats::Stats;

/// How much is printed before it is written: enough for a write to cost little for each byte.
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
        // Whoever read the output has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("standard output: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Takes the inputs in order. One that is missing or broken does not stop those behind it, but
/// shows in the exit status.
///
/// # Errors
/// Only those of the output: there is nothing left to do then.
fn run(options: &Options, mut sink: impl Sink) -> io::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for input in Input::all(&options.files) {
        let drained = match input.open(options) {
            Ok(mut source) => {
                let bar = progress::bar(source.size, options);
                source.reader = Box::new(bar.wrap_read(source.reader));
                let drained = if options.requests {
                    requests::drain(source, &mut sink)
                } else {
                    replies::drain(source, &mut sink)
                };
                bar.finish_and_clear();
                drained
            }
            Err(error) => Err(Stop::Input(format!("{}: {error}", input.name()))),
        };
        match drained {
            Ok(()) => {}
            Err(Stop::Output(error)) => return Err(error),
            Err(Stop::Input(line)) => {
                sink.flush()?;
                complain(&line);
                code = ExitCode::FAILURE;
            }
        }
    }
    sink.finish()?;
    Ok(code)
}

/// Writes a line to standard error. Where that is closed, there is nobody to tell.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "inspect: {line}");
}
