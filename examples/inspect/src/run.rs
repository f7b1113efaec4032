//! From the command line's inputs to the sink.

use std::io;
use std::process::ExitCode;

use crate::input::Input;
use crate::options::Options;
use crate::sink::Sink;
use crate::stop::Stop;
use crate::{progress, replies, requests};

/// Sends the frames of all inputs to the sink, in order, and returns the exit status.
///
/// An input that is missing or broken does not stop the ones after it, but makes the status a failure.
///
/// # Errors
/// Only errors of the output, because nothing more can be shown then.
pub(crate) fn run(options: &Options, mut sink: impl Sink) -> io::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for input in Input::all(&options.files) {
        match drain(&input, options, &mut sink) {
            Ok(()) => {}
            Err(Stop::Output(error)) => return Err(error),
            Err(Stop::Input(line)) => {
                sink.flush()?;
                crate::complain(&line);
                code = ExitCode::FAILURE;
            }
        }
    }
    sink.finish()?;
    Ok(code)
}

/// Sends the frames of one input to the sink, with a progress bar if that helps.
fn drain(input: &Input, options: &Options, sink: &mut impl Sink) -> Result<(), Stop> {
    let mut source =
        input.open(options).map_err(|error| Stop::Input(format!("{}: {error}", input.name())))?;
    let bar = progress::bar(source.size, options);
    source.reader = Box::new(bar.wrap_read(source.reader));
    let drained =
        if options.requests { requests::drain(source, sink) } else { replies::drain(source, sink) };
    bar.finish_and_clear();
    drained
}
