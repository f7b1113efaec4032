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

use std::env;
use std::ffi::OsString;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use apart::Apart;
use json::Json;
use options::Options;
use printer::Printer;
use raw::Raw;
use run::run;
use secrets::Secrets;
use sink::Sink;
use stats::Stats;
use style::Paint;
use top::Top;

/// Bytes collected before a write: large enough to make the cost of a write per byte small.
const OUTPUT_BUFFER: usize = 128 * 1024;
/// How many bytes of a value are printed, unless all are wanted.
const SHOWN: usize = 256;

fn main() -> ExitCode {
    let mut has_failed = false;
    let shown = match Options::read(env::args_os()) {
        Ok(options) if options.raw && io::stdout().is_terminal() => {
            complain(
                "--raw writes bytes that are not safe on a terminal: send them to a file or a pipe",
            );
            return ExitCode::from(2);
        }
        Ok(options) => {
            let out = BufWriter::with_capacity(OUTPUT_BUFFER, io::stdout().lock());
            show(&options, out, &mut has_failed)
        }
        Err(error) if error.use_stderr() => {
            // An argument may be the name of a file, with anything in it.
            let shown = |argument: OsString| safe::line(&argument.to_string_lossy()).into();
            let error = Options::read(env::args_os().map(shown)).err().unwrap_or(error);
            for line in error.to_string().lines() {
                let _ = writeln!(io::stderr(), "{}", safe::line(line));
            }
            return ExitCode::from(2);
        }
        Err(help) => {
            let mut out = io::stdout();
            let written = out.write_all(options::help(&help.render()).as_bytes());
            written.and_then(|()| out.flush())
        }
    };
    match shown {
        // The reader of the output may have seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("standard output: {error}"));
            has_failed = true;
        }
        _ => {}
    }
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Shows all inputs in the view that the options name, and says whether one was missing or broken.
fn show(options: &Options, out: impl Write, has_failed: &mut bool) -> io::Result<()> {
    #[cfg(feature = "manual")]
    if let Some(what) = options.manual {
        return manual::write(what, out);
    }
    let secrets = Secrets::new(options.secrets);
    let mut run = |sink: &mut dyn Sink| run(options, sink, has_failed);
    if options.stats {
        run(&mut Apart::new(options, Stats::new(io::stdout()), Stats::new(out)))
    } else if let Some(number) = options.top {
        let number = number.into();
        let tops = (Top::new(io::stdout(), number, secrets), Top::new(out, number, secrets));
        run(&mut Apart::new(options, tops.0, tops.1))
    } else if options.json {
        run(&mut Json::new(out, secrets))
    } else if options.raw {
        run(&mut Raw::new(out, options, secrets))
    } else {
        let most = if options.full { usize::MAX } else { SHOWN };
        let paint = Paint::new(options.color);
        run(&mut Printer::new(out, most, options.offsets, secrets, paint))
    }
}

/// Writes a line to standard error. If that is closed, the line is lost.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "zresp-inspect: {}", safe::line(line));
}
