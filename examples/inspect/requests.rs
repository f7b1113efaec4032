//! From bytes to requests: the loop around [`CommandReader`].

use zresp::io::CommandReader;

use crate::broken;
use crate::input::Source;
use crate::replies::Stop;
use crate::sink::Sink;

/// Decodes all requests of a source, as [`replies::drain`](crate::replies::drain) does replies.
///
/// # Errors
/// The requests in front of an error have reached the sink.
pub(crate) fn drain(source: Source<'_>, sink: &mut impl Sink) -> Result<(), Stop> {
    sink.input(&source.name);
    let mut requests = CommandReader::new(source.reader);
    loop {
        match requests.read() {
            Ok(Some(request)) => sink.request(&request).map_err(Stop::Output)?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(Stop::Input(broken::line(&source.name, &error, &requests))),
        }
        if requests.buffered().is_empty() {
            sink.flush().map_err(Stop::Output)?;
        }
    }
}
