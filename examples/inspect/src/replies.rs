//! From bytes to replies: the loop around [`ReplyReader`].

use zresp::io::ReplyReader;

use crate::broken;
use crate::input::Source;
use crate::sink::Sink;
use crate::stop::Stop;

/// Sends all replies of a source to the sink. The memory used is that of the largest frame.
///
/// # Errors
/// The replies before the error have reached the sink.
pub(crate) fn drain(source: Source<'_>, sink: &mut impl Sink) -> Result<(), Stop> {
    sink.input(&source.name);
    let mut replies = ReplyReader::new(source.reader);
    loop {
        match replies.read() {
            Ok(Some(frame)) => sink.reply(&frame).map_err(Stop::Output)?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(Stop::Input(broken::line(&source.name, &error, &replies))),
        }
        if replies.buffered().is_empty() {
            sink.flush().map_err(Stop::Output)?;
        }
    }
}
