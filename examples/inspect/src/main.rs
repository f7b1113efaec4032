//! Shows Redis and Valkey traffic: append-only files, packet captures, requests and replies.
//!
//! ```text
//! cargo run --release -p zresp-inspect                      # the built-in capture
//! cargo run --release -p zresp-inspect -- session.replies   # a file, or several
//! cargo run --release -p zresp-inspect -- --stats appendonlydir
//! nc localhost 6379 <commands | cargo run --release -p zresp-inspect
//! ```
//!
//! Each file has one job. An [`input`] yields bytes, [`unpack`] takes compression off and [`detect`] says what they are.
//! [`frames`], [`aof`], [`replication`], [`monitor`] or [`capture`] turns them into [`record`]s; a [`pass`] sends those
//! that the [`filter`] selects to a [`Sink`](sink::Sink): the [`printer`], [`json`], [`raw`], [`stats`] or [`top`]. To add
//! another view, write another `Sink`. [`apart`] keeps links to replicas out of sums, and [`transactions`] keeps commands
//! without effect out of the raw bytes.

mod aof;
mod apart;
mod bound;
mod broken;
mod calls;
mod capture;
mod chart;
mod client;
mod clients;
mod database;
mod detect;
mod directory;
mod filter;
mod frames;
mod heavy;
mod histogram;
mod input;
mod interrupt;
mod json;
mod kind;
#[cfg(feature = "manual")]
mod manual;
mod monitor;
mod options;
mod pass;
mod pattern;
mod printer;
mod progress;
mod queued;
mod raw;
mod record;
mod replication;
mod resume;
mod run;
mod safe;
mod secrets;
mod shape;
mod sink;
mod stats;
mod style;
mod table;
mod text;
mod time;
mod top;
mod transactions;
mod unpack;
mod width;
mod window;

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use apart::Apart;
use json::Json;
use options::Options;
use printer::Printer;
use raw::Raw;
use run::run;
use secrets::Secrets;
use stats::Stats;
use style::Paint;
use top::Top;

/// Bytes collected before a write: large enough to make the cost of a write per byte small.
const OUTPUT_BUFFER: usize = 128 * 1024;
/// How many bytes of a value are printed, unless all are wanted.
const SHOWN: usize = 256;

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(error) if error.use_stderr() => {
            // An argument may be the name of a file, with anything in it.
            for line in error.to_string().lines() {
                let _ = writeln!(io::stderr(), "{}", safe::line(line));
            }
            return ExitCode::from(2);
        }
        Err(help) => {
            let _ = io::stdout().write_all(options::help(&help.render()).as_bytes());
            return ExitCode::SUCCESS;
        }
    };
    if options.raw && io::stdout().is_terminal() {
        complain(
            "--raw writes bytes that are not safe on a terminal: send them to a file or a pipe",
        );
        return ExitCode::from(2);
    }
    let out = BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock());
    match show(&options, out) {
        Ok(code) => code,
        // The reader of the output has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("standard output: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Shows all inputs in the view that the options name.
fn show(options: &Options, out: impl Write) -> io::Result<ExitCode> {
    #[cfg(feature = "manual")]
    if let Some(what) = options.manual {
        return manual::write(what, out);
    }
    let secrets = Secrets::new(options.secrets);
    if options.stats {
        run(options, &mut Apart::new(options, Stats::new(io::stdout()), Stats::new(out)))
    } else if let Some(number) = options.top {
        let number = number.into();
        let tops = (Top::new(io::stdout(), number, secrets), Top::new(out, number, secrets));
        run(options, &mut Apart::new(options, tops.0, tops.1))
    } else if options.json {
        run(options, &mut Json::new(out, secrets))
    } else if options.raw {
        run(options, &mut Raw::new(out, options, secrets))
    } else {
        let most = if options.full { usize::MAX } else { SHOWN };
        let paint = Paint::new(options.color);
        run(options, &mut Printer::new(out, most, options.offsets, secrets, paint))
    }
}

/// Writes a line to standard error. If that is closed, the line is lost.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "zresp-inspect: {}", safe::line(line));
}
