//! From bytes to requests: the loops around [`CommandReader`] and, for append-only files, [`AofReader`].

use std::io::{self, Read};

use zresp::aof::{AofContent, AofError, AofReader};
use zresp::io::CommandReader;

use crate::broken;
use crate::input::Source;
use crate::sink::Sink;
use crate::stop::Stop;

/// How an append-only file may begin that does not begin with a command: with a snapshot, or with an annotation.
const AOF_STARTS: [&[u8]; 3] = [b"REDIS0", b"VALKEY", b"#TS:"];

/// Sends all requests of a source to the sink, as [`replies::drain`](crate::replies::drain) does with replies. Of an
/// append-only file, snapshots and annotations are left out.
///
/// # Errors
/// The requests before the error have reached the sink.
pub(crate) fn drain(mut source: Source<'_>, sink: &mut impl Sink) -> Result<(), Stop> {
    sink.input(&source.name);
    let mut start = Vec::new();
    let most = AOF_STARTS.iter().map(|start| start.len()).max().unwrap_or_default();
    let read = read_while(&mut source.reader, &mut start, most);
    read.map_err(|error| Stop::Input(format!("{}: {error}", source.name)))?;
    let is_aof = AOF_STARTS.iter().any(|expected| start.starts_with(expected));
    let reader = start.as_slice().chain(source.reader);
    if is_aof {
        drain_aof(&source.name, AofReader::new(reader), sink)
    } else {
        drain_requests(&source.name, CommandReader::new(reader), sink)
    }
}

/// Reads the first bytes, at most this many, as long as an append-only file may begin with them.
fn read_while(reader: &mut impl Read, start: &mut Vec<u8>, most: usize) -> io::Result<()> {
    while start.len() < most && AOF_STARTS.iter().any(|expected| expected.starts_with(start)) {
        if reader.by_ref().take(1).read_to_end(start)? == 0 {
            break;
        }
    }
    Ok(())
}

fn drain_requests(
    name: &str,
    mut requests: CommandReader<impl Read>,
    sink: &mut impl Sink,
) -> Result<(), Stop> {
    loop {
        match requests.read() {
            // An annotation in an append-only file that begins with a command.
            Ok(Some(request)) if request.command().wire().starts_with(b"#TS:") => {}
            Ok(Some(request)) => sink.request(&request).map_err(Stop::Output)?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(Stop::Input(broken::line(name, &error, &requests))),
        }
        if requests.buffered().is_empty() {
            sink.flush().map_err(Stop::Output)?;
        }
    }
}

fn drain_aof(
    name: &str,
    mut reader: AofReader<impl Read>,
    sink: &mut impl Sink,
) -> Result<(), Stop> {
    loop {
        match reader.read() {
            Ok(Some(entry)) => {
                let AofContent::Command(command) = entry.content else { continue };
                for request in zresp::requests(command.wire()).flatten() {
                    sink.request(&request).map_err(Stop::Output)?;
                }
            }
            Ok(None) => return sink.flush().map_err(Stop::Output),
            Err(AofError { kind, offset, ok_up_to, .. }) => {
                let line = format!("{name}: offset {offset}: {kind} (ok up to {ok_up_to})");
                return Err(Stop::Input(line));
            }
        }
    }
}
