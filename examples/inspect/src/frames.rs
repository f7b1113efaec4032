//! From bytes to frames: the loops around a reader of replies or of requests.

use std::io::{self, ErrorKind, Read};
use std::mem;

use zresp::frames::{Direction, Replies, Requests};
use zresp::io::{FrameReader, StreamError};
use zresp::{Decoded, Request};

use crate::broken::Broken;
use crate::database::Database;
use crate::pass::{Matter, Pass};
use crate::record::{Content, Record, Sent};
use crate::resume::{self, Begins};
use crate::window::{Pausing, Window};

/// Shows all replies of an input. The memory used is that of the largest frame.
///
/// # Errors
/// Errors of the output.
pub(crate) fn replies(input: &str, reader: impl Read, pass: &mut Pass<'_>) -> io::Result<()> {
    let show = |reply: &Decoded<'_>, offset, pass: &mut Pass<'_>| {
        pass.record(&Record::of_file(input, offset, Content::Reply(reply)))
    };
    drain::<Replies>(input, &Window::new(0, reader), pass, resume::reply, show)
}

/// Shows all requests of an input, as [`replies`] does.
///
/// # Errors
/// Errors of the output.
pub(crate) fn requests(input: &str, reader: impl Read, pass: &mut Pass<'_>) -> io::Result<()> {
    requests_from(0, Some(0), input, reader, pass)
}

/// Shows the requests of the rest of an input, which begins at an offset and in a database.
///
/// # Errors
/// Errors of the output.
pub(crate) fn requests_from(
    start: u64,
    database: Option<u32>,
    input: &str,
    reader: impl Read,
    pass: &mut Pass<'_>,
) -> io::Result<()> {
    let mut scratch = Vec::new();
    let (mut next, mut database) = (start, Database::new(database));
    let show = |request: &Request<'_>, offset, pass: &mut Pass<'_>| {
        let wire = request.command().wire();
        let skipped = request.wire().len() - wire.len();
        scratch.clear();
        let command = request.command().to_array(&mut scratch);
        let content = Content::Request(Sent { command, wire });
        let record = Record::of_file(input, offset + skipped as u64, content);
        // After a broken frame, it is not known.
        if offset != mem::replace(&mut next, offset + request.wire().len() as u64) {
            database = Database::default();
        }
        pass.record(&Record { database: database.take(&command), ..record })
    };
    drain::<Requests>(input, &Window::new(start, reader), pass, resume::command, show)
}

fn drain<D: Direction>(
    input: &str,
    window: &Window<impl Read>,
    pass: &mut Pass<'_>,
    begins: Begins,
    mut show: impl FnMut(&D::Frame<'_>, u64, &mut Pass<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut base, mut good) = (window.start(), 0);
    loop {
        let mut frames = FrameReader::<_, D>::new(Pausing::new(window));
        let error = loop {
            let offset = base + frames.consumed();
            if pass.ends_before(offset, None) {
                return Ok(());
            }
            match frames.read() {
                Ok(Some(frame)) => show(&frame, offset, pass)?,
                Ok(None) => return Ok(()),
                Err(StreamError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    pass.flush()?;
                    continue;
                }
                Err(error) => break error,
            }
            good += 1;
        };
        let frame = base + frames.position();
        let error = match error {
            StreamError::Decode { error, .. } => error,
            error => return pass.fail(&format!("{input}: {error}")),
        };
        let offset = frame + error.offset as u64;
        let broken = Broken { input, offset, frame, good, message: error.kind.to_string() };
        pass.connection(Matter::Broken, &broken.line(window))?;
        let Some(next) = skip(input, window, [frame, offset], pass, begins)? else { return Ok(()) };
        base = next;
    }
}

/// Looks for the next frame after one that is broken if that is wanted, and says what it skips. The offsets are those of the
/// frame and of what is wrong. Returns where to continue.
///
/// # Errors
/// Errors of the output.
pub(crate) fn skip<R: Read>(
    input: &str,
    window: &Window<R>,
    [frame, wrong]: [u64; 2],
    pass: &mut Pass<'_>,
    begins: Begins,
) -> io::Result<Option<u64>> {
    if !pass.keep_going {
        return Ok(None);
    }
    pass.lose(None)?;
    let next = match window.resume(frame, wrong, begins) {
        Ok(next) => next,
        Err(error) => {
            pass.fail(&format!("{input}: {error}"))?;
            return Ok(None);
        }
    };
    match next {
        Some(next) => {
            let skipped = next - frame;
            let line = format!("{input}: skipped {skipped} bytes, to offset {next}");
            pass.connection(Matter::Skipped, &line)?;
        }
        None => pass.note(&format!("{input}: skipped the rest, from offset {frame} on"))?,
    }
    Ok(next)
}
