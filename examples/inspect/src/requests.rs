//! From bytes to requests: the loop around [`CommandReader`].

use zresp::io::CommandReader;

use crate::broken;
use crate::input::Source;
use crate::sink::Sink;
use crate::stop::Stop;

/// The first bytes of an RDB snapshot. It is the base of an append-only directory, or the head of an
/// append-only file that is older than Redis 7.
const SNAPSHOT: &[u8] = b"REDIS0";

/// Sends all requests of a source to the sink, as [`replies::drain`](crate::replies::drain) does with replies.
///
/// # Errors
/// The requests before the error have reached the sink.
pub(crate) fn drain(source: Source<'_>, sink: &mut impl Sink) -> Result<(), Stop> {
    sink.input(&source.name);
    let mut requests = CommandReader::new(source.reader);
    let snapshot = || Stop::Input(format!("{}: an RDB snapshot, not requests", source.name));
    loop {
        match requests.read() {
            Ok(Some(request)) if request.wire().starts_with(SNAPSHOT) => return Err(snapshot()),
            Ok(Some(request)) => sink.request(&request).map_err(Stop::Output)?,
            Ok(None) => return Ok(()),
            Err(error) => {
                let is_snapshot = requests.buffered().starts_with(SNAPSHOT);
                let line = || Stop::Input(broken::line(&source.name, &error, &requests));
                return Err(if is_snapshot { snapshot() } else { line() });
            }
        }
        if requests.buffered().is_empty() {
            sink.flush().map_err(Stop::Output)?;
        }
    }
}
