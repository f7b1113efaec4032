//! From append-only files to their commands: the loop around [`AofReader`].

use std::io::{self, Read};
use std::time::Duration;

use zresp::aof::{AofContent, AofError, AofErrorKind, AofReader};

use crate::broken::Broken;
use crate::database::Database;
use crate::frames;
use crate::pass::{Matter, Pass};
use crate::record::{Check, Content, Record, Sent, Snapshot};
use crate::resume;
use crate::window::Window;

/// The size of the end of a snapshot: the byte 0xFF and the checksum.
const SNAPSHOT_END: usize = 9;

/// Shows all commands of an append-only file, with the time of the annotation before them, and says where a snapshot is.
///
/// # Errors
/// Errors of the output.
pub(crate) fn drain(input: &str, reader: impl Read, pass: &mut Pass<'_>) -> io::Result<()> {
    let window = Window::new(0, reader);
    let (mut base, mut good, mut time) = (0, 0, None);
    let mut database = Database::new(Some(0));
    loop {
        let mut reader = AofReader::new(&window);
        let mut end = base;
        let error = loop {
            let entry = match reader.read() {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(()),
                Err(error) => break error,
            };
            let offset = base + entry.offset;
            end = offset + entry.size;
            let mut sent_in = None;
            let content = match entry.content {
                AofContent::Command(command) => {
                    sent_in = database.take(&command);
                    Content::Request(Sent { command, wire: command.wire() })
                }
                AofContent::Snapshot(snapshot) => Content::Snapshot(Snapshot {
                    format: Some((snapshot.magic, snapshot.version)),
                    size: entry.size,
                    check: snapshot.checksum.map_or(Check::Missing, |_| Check::Holds),
                }),
                AofContent::Annotation(annotation) => {
                    time = annotation.timestamp().map(Duration::from_secs).or(time);
                    continue;
                }
                _ => continue,
            };
            good += 1;
            if pass.ends_before(offset, time) {
                return Ok(());
            }
            let record = Record::of_file(input, offset, content);
            pass.record(&Record { time, database: sent_in, ..record })?;
            if window.waits_at(end) {
                pass.flush()?;
            }
        };
        let AofError { kind, offset, ok_up_to, .. } = error;
        if let AofErrorKind::Io(error) = kind {
            return pass.fail(&format!("{input}: {error}"));
        }
        let (offset, message) = (base + offset, message(&kind, base, ok_up_to, &window));
        let broken = Broken { input, offset, frame: end, good, message };
        pass.connection(Matter::Broken, &broken.line(&window))?;
        if matches!(kind, AofErrorKind::TransactionTruncated) {
            return Ok(());
        }
        let Some(next) = frames::skip(input, &window, [end, offset], pass, resume::entry)? else {
            return Ok(());
        };
        (base, database) = (next, Database::default());
    }
}

/// Returns what is wrong, and up to where the file is sound.
fn message<R: Read>(kind: &AofErrorKind, base: u64, ok_up_to: u64, window: &Window<R>) -> String {
    match kind {
        AofErrorKind::Snapshot => {
            let end = window.last(SNAPSHOT_END);
            // An end that is whole, but does not fit what precedes it.
            let is_whole = end.len() == SNAPSHOT_END && end.first() == Some(&0xff);
            let what = if is_whole { "has a wrong checksum" } else { "is cut or damaged" };
            format!("snapshot {what}, no part of the file can be used")
        }
        AofErrorKind::SnapshotWithoutChecksum { .. } => kind.to_string(),
        // After an error inside the file, the number that `redis-check-aof` prints is not known.
        _ if base > 0 => kind.to_string(),
        _ => format!("{kind}, ok up to {ok_up_to}"),
    }
}
