//! What `MONITOR` shows: `1700000000.123456 [0 127.0.0.1:50000] "get" "a"`, a line for each command.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

use zresp::Limits;

use crate::bound;
use crate::pass::{Matter, Pass};
use crate::record::{Content, Record, Sent};
use crate::{safe, text};

/// A line of `MONITOR`, read.
struct Line<'a> {
    time: Duration,
    /// The number of the database and the address of the client.
    origin: &'a [u8],
    /// The command as an array.
    wire: Vec<u8>,
}

/// The most bytes of a line, and of its command as an array.
const MOST: usize = Limits::requests().frame();
/// The most bytes of the header of an array: a number, and three other bytes.
const HEADER: usize = 23;
/// The reply to `MONITOR`, which comes first.
const REPLY: &[u8] = b"OK\n";

/// Returns whether bytes are such a line.
pub(crate) fn is_line(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_digit) && parse(bytes).is_some()
}

/// Returns whether the bytes begin with such a line, which need not be whole, or with the reply to `MONITOR` and a line;
/// or are only that reply.
pub(crate) fn begins(head: &[u8]) -> bool {
    head == REPLY || split(head.strip_prefix(REPLY).unwrap_or(head)).is_some()
}

/// Returns whether the bytes are the reply to `MONITOR` and a part of a line, or nothing, so that more will tell.
pub(crate) fn may_begin(head: &[u8]) -> bool {
    head.strip_prefix(REPLY).is_some_and(|rest| !rest.contains(&b'\n'))
}

/// Shows the commands of a text of `redis-cli monitor`, each in the form of an array.
///
/// # Errors
/// Errors of the output.
pub(crate) fn drain(input: &str, reader: impl Read, pass: &mut Pass<'_>) -> io::Result<()> {
    let mut reader = BufReader::new(reader);
    let (mut offset, mut line) = (0, Vec::new());
    loop {
        line.clear();
        let mut size = match reader.by_ref().take(MOST as u64).read_until(b'\n', &mut line) {
            Ok(0) => return Ok(()),
            Ok(size) => size as u64,
            Err(error) => return pass.fail(&format!("{input}: {error}")),
        };
        let wrong = match parse(line.trim_ascii()) {
            Some(line) if pass.ends_before(offset, Some(line.time)) => return Ok(()),
            _ if !line.ends_with(b"\n") && line.len() < MOST => {
                return pass
                    .fail(&format!("{input}: offset {offset}: the input ends inside a line"));
            }
            _ if !line.ends_with(b"\n") => {
                match reader.skip_until(b'\n') {
                    Ok(rest) => size += rest as u64,
                    Err(error) => return pass.fail(&format!("{input}: {error}")),
                }
                Some(format!("a line of more than {MOST} bytes"))
            }
            Some(line) => show(input, offset, &line, pass)?,
            None if matches!(line.trim_ascii(), b"" | b"OK") => None,
            None => Some("not a line of MONITOR".to_owned()),
        };
        if let Some(wrong) = wrong {
            pass.connection(Matter::Broken, &format!("{input}: offset {offset}: {wrong}"))?;
            // It is not known whose.
            pass.lose(None)?;
            if !pass.keep_going {
                return Ok(());
            }
        }
        if memchr::memchr(b'\n', reader.buffer()).is_none() {
            pass.flush()?;
        }
        offset += size;
    }
}

/// Shows the command of a line, or returns what is wrong with it.
fn show(
    input: &str,
    offset: u64,
    line: &Line<'_>,
    pass: &mut Pass<'_>,
) -> io::Result<Option<String>> {
    let request = match zresp::requests(&line.wire).next() {
        Some(Ok(request)) => request,
        Some(Err(error)) => return Ok(Some(error.kind.to_string())),
        None => return Ok(None),
    };
    let mut scratch = Vec::new();
    let command = request.command().to_array(&mut scratch);
    let content = Content::Request(Sent { command, wire: command.wire() });
    let origin = String::from_utf8_lossy(line.origin);
    let (number, client) = origin.split_once(' ').unwrap_or(("", &origin));
    let (database, client) = (number.parse().ok(), safe::line(client));
    let (time, connection) = (Some(line.time), Some(client.as_str()));
    if pass.selects_named(&client) {
        let record = Record::of_file(input, offset, content);
        pass.record(&Record { time, connection, database, ..record })?;
    }
    Ok(None)
}

/// Returns the time, the origin, and the arguments as they are written.
fn split(line: &[u8]) -> Option<(Duration, &[u8], &[u8])> {
    let space = memchr::memchr(b' ', line)?;
    let (time, rest) = line.split_at(space);
    let time = bound::since_1970(std::str::from_utf8(time).ok()?)?;
    let rest = rest.strip_prefix(b" [")?;
    // The address may be a path with brackets in it.
    let end = memchr::memmem::find(rest, b"] \"")?;
    Some((time, rest.get(..end)?, rest.get(end + 1..)?))
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    let (time, origin, mut rest) = split(line)?;
    // One argument after the other, because each by itself would take more memory than its bytes.
    let (mut wire, mut argument, mut count) = (vec![0; HEADER], Vec::new(), 0_u64);
    while let Some(after) = rest.strip_prefix(b" \"") {
        rest = unquote(after, &mut argument)?;
        // The name of a command has no spaces.
        if count == 0 && argument.iter().any(|byte| *byte <= b' ') {
            return None;
        }
        write!(wire, "${}\r\n", argument.len()).ok()?;
        wire.extend_from_slice(&argument);
        wire.extend_from_slice(b"\r\n");
        count += 1;
        if wire.len() > MOST {
            return None;
        }
    }
    let header = format!("*{count}\r\n");
    wire.drain(..HEADER - header.len());
    wire.get_mut(..header.len())?.copy_from_slice(header.as_bytes());
    rest.is_empty().then_some(Line { time, origin, wire })
}

/// Reads the bytes of an argument, and returns what follows its closing quote.
fn unquote<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    bytes.clear();
    loop {
        let end = memchr::memchr2(b'"', b'\\', rest)?;
        bytes.extend_from_slice(rest.get(..end)?);
        match rest.get(end..)? {
            [b'"', after @ ..] => return Some(after),
            escape => {
                let (byte, after) = text::unescape(escape.get(1..)?)?;
                bytes.push(byte);
                rest = after;
            }
        }
    }
}
