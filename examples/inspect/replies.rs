//! From bytes to replies: the loop around [`ReplyReader`].

use std::io;

use zresp::io::ReplyReader;

use crate::broken;
use crate::input::Source;
use crate::sink::Sink;

/// Why an input was not decoded to its end.
pub(crate) enum Stop {
    /// The input is broken: a line about it.
    Input(String),
    /// The output takes no more.
    Output(io::Error),
}

/// Decodes all replies of a source, in constant memory but for a single frame that is larger.
///
/// # Errors
/// The replies in front of an error have reached the sink.
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
