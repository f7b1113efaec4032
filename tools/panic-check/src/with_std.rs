//! Reads append-only files and streams.

use zresp::aof::{AofContent, AofError, AofReader};
use zresp::io::{CommandReader, ReplyReader, ReplyTokenStream, StreamError};

use crate::use_up;

/// Reads an append-only file.
#[unsafe(no_mangle)]
pub fn read_file(file: &[u8]) -> Result<u64, AofError> {
    let mut reader = AofReader::new(file);
    while let Some(entry) = reader.read()? {
        if let AofContent::Annotation(note) = entry.content {
            use_up(note.timestamp());
        }
        use_up(entry.content.as_command());
    }
    use_up(reader.is_in_transaction());
    Ok(reader.ok_up_to())
}

/// Reads all frames of both kinds, and all tokens.
#[unsafe(no_mangle)]
pub fn read_streams(input: &[u8]) -> Result<(), StreamError> {
    let (mut replies, mut commands) = (ReplyReader::new(input), CommandReader::new(input));
    while let Some(frame) = replies.read()? {
        use_up(frame);
    }
    while let Some(request) = commands.read()? {
        use_up(request);
    }
    let mut tokens = ReplyTokenStream::new(input);
    while let Some(token) = tokens.next()? {
        use_up(token);
    }
    tokens.skip_frame()?;
    Ok(())
}
