//! From the command line's inputs to the view.

use std::io;
use std::time::Instant;

use crate::capture::Capture;
use crate::detect::Found;
use crate::filter::Filter;
use crate::input::Input;
use crate::interrupt::Interrupts;
use crate::kind::InputKind;
use crate::options::{Options, Side};
use crate::pass::Pass;
use crate::progress::Progress;
use crate::sink::Sink;
use crate::{aof, directory, frames, monitor, replication, unpack};

/// Shows the frames of all inputs, in order, and says whether one was missing or broken. That does not stop the ones
/// after it.
///
/// # Errors
/// Only errors of the output, because nothing more can be shown then.
pub(crate) fn run(options: &Options, sink: &mut dyn Sink, has_failed: &mut bool) -> io::Result<()> {
    let start = Instant::now();
    let mut pass = Pass::new(sink, Filter::new(options), options.keep_going);
    let shown = drain_all(options, &mut pass);
    *has_failed = pass.has_failed;
    shown?;
    sink.finish(start.elapsed())
}

fn drain_all(options: &Options, pass: &mut Pass<'_>) -> io::Result<()> {
    let interrupts = if options.is_summary() {
        Interrupts::watch().unwrap_or_default()
    } else {
        Interrupts::default()
    };
    let mut capture = Capture::default();
    for input in Input::all(&options.files) {
        match input {
            Ok(input) => {
                if let Err(error) = interrupts.check() {
                    pass.fail(&format!("{}: {error}", input.name()))?;
                    break;
                }
                drain(&input, options, &interrupts, &mut capture, pass)?;
                pass.end_input(&input.name())?;
            }
            Err(error) => pass.fail(&error)?,
        }
    }
    capture.finish(pass)
}

/// Shows the frames of one input, with a progress bar if that helps.
fn drain(
    input: &Input,
    options: &Options,
    interrupts: &Interrupts,
    capture: &mut Capture,
    pass: &mut Pass<'_>,
) -> io::Result<()> {
    let source = match input.open(options) {
        Ok(source) => source,
        Err(error) => return pass.fail(&format!("{}: {error}", input.name())),
    };
    let name = source.name.as_str();
    let reader = if options.is_summary() && source.size.is_none() {
        interrupts.around_pipe(source.reader)
    } else {
        source.reader
    };
    let reader = Progress::new(reader, name, source.size, options);
    let (found, reader) = match unpack::unpack(Box::new(reader), interrupts) {
        Ok(unpacked) => unpacked,
        Err(error) => return pass.fail(&format!("{name}: {error}")),
    };
    let found = found.with_name(name);
    let wanted = options.kind.or(input.kind());
    if options.connection.is_some()
        && !matches!(
            wanted.map_or(found, Found::Kind),
            Found::Kind(InputKind::Capture | InputKind::Monitor)
        )
    {
        let what = "neither a capture nor a text of MONITOR, so it has no connections";
        return pass.fail(&format!("{name}: {what}"));
    }
    let is_capture = wanted.map_or(found, Found::Kind) == Found::Kind(InputKind::Capture);
    if !is_capture {
        capture.finish(pass)?;
    }
    match (wanted, found) {
        (Some(kind), _) | (None, Found::Kind(kind)) => match kind {
            InputKind::Replies => frames::replies(name, reader, pass),
            InputKind::Requests => frames::requests(name, reader, pass),
            InputKind::Aof => aof::drain(name, reader, pass),
            InputKind::Replication => {
                let wants_replies = !options.raw || options.only == Some(Side::Replies);
                replication::drain(name, reader, wants_replies, pass)
            }
            InputKind::Monitor => {
                monitor::drain(name, reader, pass)?;
                pass.note_client(name)
            }
            InputKind::Capture => {
                capture.drain(name, reader, &options.port, pass)?;
                pass.note_client(name)
            }
        },
        (None, Found::Empty) => Ok(()),
        (None, Found::Tls) => pass.fail(&format!("{name}: a TLS stream, which is encrypted")),
        (None, Found::Http) => pass.fail(&format!("{name}: an HTTP exchange, not RESP")),
        // A compressed form is taken off before.
        (None, Found::Unknown | Found::Gzip | Found::Zstd) => {
            let what = match input {
                Input::Named(path) | Input::Listed(path, _) if directory::is_manifest(path) => {
                    "the manifest of append-only files; name its directory"
                }
                _ => "neither RESP nor a packet capture (--as tells what it is)",
            };
            pass.fail(&format!("{name}: {what}"))
        }
    }?;
    // The next file may go on with a capture.
    if is_capture { Ok(()) } else { pass.note_connections(name) }
}
