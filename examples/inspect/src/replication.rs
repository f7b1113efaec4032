//! What a primary sends to a replica, saved as a file: replies to the handshake, the answer to `PSYNC` or `SYNC`, and
//! commands.

use std::io::{self, BufRead, BufReader, Read};

use zresp::replication::{Event, SyncDecoder};

use crate::frames;
use crate::pass::Pass;
use crate::record::{Check, Content, Record, Snapshot};

/// The longest line before a snapshot, in bytes. Servers write less than 200.
const LINE: u64 = 4096;
/// How answers begin, apart from a snapshot with its length.
const ANSWERS: [&[u8]; 6] = [
    b"+FULLRESYNC ",
    b"+CONTINUE",
    b"+DUALCHANNELSYNC",
    b"+RDBCHANNELSYNC ",
    b"$EOF:",
    b"$ENDOFF:",
];
/// How many replies may precede the answer in the first bytes of a stream, for it to be recognised.
const REPLIES: usize = 16;
/// How many bytes of a refusal are shown.
const REFUSAL: usize = 256;

/// Returns whether the bytes begin with the answer to `PSYNC` or `SYNC`, or with the replies of a handshake and that.
pub(crate) fn begins(head: &[u8]) -> bool {
    let mut rest = head;
    for _ in 0..REPLIES {
        rest = rest.trim_ascii_start();
        if is_answer(rest) {
            return true;
        }
        let end = memchr::memchr(b'\n', rest).filter(|_| rest.starts_with(b"+"));
        let Some(after) = end.and_then(|end| rest.get(end..)) else { return false };
        rest = after;
    }
    false
}

/// Returns whether bytes begin like an answer to `PSYNC` or `SYNC` that is not also a usual reply.
fn is_answer(bytes: &[u8]) -> bool {
    if ANSWERS.iter().any(|answer| bytes.starts_with(answer)) {
        return true;
    }
    // A snapshot has a length like a bulk string, but nothing follows it.
    let Some((b"$", rest)) = bytes.split_at_checked(1) else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (length, rest) = rest.split_at(digits);
    let Some(snapshot) = rest.strip_prefix(b"\r\n") else { return false };
    let length = std::str::from_utf8(length).ok().and_then(|length| length.parse().ok());
    let after = length.and_then(|length: usize| snapshot.get(length..)).unwrap_or_default();
    Snapshot::new(snapshot, 0, Check::Skipped).format.is_some() && !after.starts_with(b"\r")
}

/// Shows a stream: its replies if they are wanted, a line for each snapshot, and the commands.
///
/// # Errors
/// Errors of the output.
pub(crate) fn drain(
    input: &str,
    reader: impl Read,
    wants_replies: bool,
    pass: &mut Pass<'_>,
) -> io::Result<()> {
    let mut answer =
        Answer { input, reader: BufReader::new(reader), offset: 0, database: None, wants_replies };
    match answer.show(pass)? {
        Ok(End::Commands) => {
            let Answer { offset, database, reader, .. } = answer;
            frames::requests_from(offset, database, input, reader, pass)
        }
        Ok(End::Input) => Ok(()),
        Err(message) => pass.fail(&format!("{input}: offset {}: {message}", answer.offset)),
    }
}

/// The part of a stream before its commands.
struct Answer<'a, R> {
    input: &'a str,
    reader: BufReader<R>,
    /// The offset of the next byte.
    offset: u64,
    /// The database of the first command, if that is known.
    database: Option<u32>,
    wants_replies: bool,
}

/// What follows an answer.
enum End {
    Commands,
    Input,
}

impl<R: Read> Answer<'_, R> {
    /// Shows everything up to the first command, or returns a message about an error.
    fn show(&mut self, pass: &mut Pass<'_>) -> io::Result<Result<End, String>> {
        let mut line = Vec::new();
        loop {
            let start = self.offset;
            if pass.ends_before(start, None) {
                return Ok(Ok(End::Input));
            }
            self.flush_before_waiting(pass)?;
            line.clear();
            match self.reader.by_ref().take(LINE).read_until(b'\n', &mut line) {
                Ok(0) => return Ok(Ok(End::Input)),
                Ok(count) => self.offset += count as u64,
                Err(error) => return Ok(Err(error.to_string())),
            }
            if matches!(&*line, b"\n" | b"\r\n") {
                continue;
            }
            if line.starts_with(b"+") || line.starts_with(b"-") {
                match zresp::decode(&line) {
                    Ok(Some(reply)) if self.wants_replies => {
                        pass.record(&self.record(start, Content::Reply(&reply)))?;
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => return Ok(Err("input ends inside a line".to_owned())),
                    Err(error) => return Ok(Err(error.kind.to_string())),
                }
            }
            let mut decoder = SyncDecoder::new();
            match decoder.advance(&line).map(|progress| progress.event) {
                // A reply of the handshake, or a refusal: the primary waits for another command.
                Err(_) if line.starts_with(b"+") && !is_answer(&line) => {}
                Ok(Some(Event::Refusal(_) | Event::RefusalEnd | Event::DualChannelSync)) => {}
                Err(error) => {
                    self.offset = start + error.offset as u64;
                    return Ok(Err(error.kind.to_string()));
                }
                Ok(event) => {
                    let has_begun = matches!(event, Some(Event::PayloadStart { .. }));
                    return self.payload(decoder, has_begun, pass);
                }
            }
        }
    }

    /// Shows the snapshot, if there is one, up to the first command.
    fn payload(
        &mut self,
        mut decoder: SyncDecoder,
        has_begun: bool,
        pass: &mut Pass<'_>,
    ) -> io::Result<Result<End, String>> {
        let mut payload = has_begun.then_some(self.offset);
        let (mut head, mut size, mut refusal) = (Vec::new(), 0, Vec::new());
        loop {
            if payload.is_some_and(|start| pass.ends_before(start, None)) {
                return Ok(Ok(End::Input));
            }
            self.flush_before_waiting(pass)?;
            let bytes = match self.reader.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) => return Ok(Err(error.to_string())),
            };
            let is_end = bytes.is_empty();
            let progress = match decoder.advance(bytes) {
                Ok(progress) => progress,
                Err(error) => return Ok(Err(error.kind.to_string())),
            };
            let taken = progress.taken;
            let mut snapshot = None;
            match progress.event {
                Some(Event::PayloadStart { .. }) => payload = Some(self.offset + taken as u64),
                Some(Event::Payload(bytes)) => {
                    size += bytes.len() as u64;
                    let room = Snapshot::HEAD.saturating_sub(head.len());
                    head.extend(bytes.iter().take(room));
                }
                Some(Event::PayloadEnd) => {
                    snapshot = Some(Snapshot::new(&head, size, Check::Skipped));
                }
                Some(Event::Refusal(text)) => {
                    refusal.extend(text.iter().take(REFUSAL.saturating_sub(refusal.len())));
                }
                Some(Event::RefusalEnd) => {
                    return Ok(Err(format!("refused: {}", String::from_utf8_lossy(&refusal))));
                }
                Some(Event::Commands) => return Ok(Ok(End::Commands)),
                None if is_end => return Ok(Err("input ends inside the answer".to_owned())),
                _ => {}
            }
            self.reader.consume(taken);
            self.offset += taken as u64;
            if let Some(snapshot) = snapshot {
                let offset = payload.unwrap_or(self.offset);
                // Before its first command of a database, the primary selects one.
                self.database = Some(0);
                pass.record(&self.record(offset, Content::Snapshot(snapshot)))?;
            }
        }
    }

    fn flush_before_waiting(&self, pass: &mut Pass<'_>) -> io::Result<()> {
        if self.reader.buffer().is_empty() { pass.flush() } else { Ok(()) }
    }

    const fn record<'b>(&'b self, offset: u64, content: Content<'b>) -> Record<'b> {
        Record::of_file(self.input, offset, content)
    }
}
