//! What `MONITOR` shows: `1700000000.123456 [0 127.0.0.1:50000] "get" "a"`, a line for each command.

use std::io::{self, BufRead, BufReader, Read};
use std::time::Duration;

use zresp::{Arguments, CommandFrame, EncodeCommand, Limits};

use crate::bound;
use crate::pass::Pass;
use crate::record::{Content, Record, Sent};
use crate::{safe, text};

/// A line of `MONITOR`, split.
struct Line<'a> {
    time: Duration,
    /// The number of the database and the address of the client.
    origin: &'a [u8],
    command: CommandFrame,
}

/// The reply to `MONITOR`, which comes first.
const REPLY: &[u8] = b"OK\n";

/// Returns whether bytes are such a line.
pub(crate) fn is_line(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_digit) && parse(bytes).is_some()
}

/// Returns whether the bytes begin with such a line, which need not be whole, or with the reply to `MONITOR` and a line.
pub(crate) fn begins(head: &[u8]) -> bool {
    split(head.strip_prefix(REPLY).unwrap_or(head)).is_some()
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
    let most = Limits::requests().frame() as u64;
    let mut reader = BufReader::new(reader);
    let (mut offset, mut line) = (0, Vec::new());
    loop {
        line.clear();
        match reader.by_ref().take(most).read_until(b'\n', &mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => return pass.fail(&format!("{input}: {error}")),
        }
        match parse(line.trim_ascii()) {
            Some(Line { time, origin, command }) => {
                if pass.ends_before(offset, Some(time)) {
                    return Ok(());
                }
                let mut scratch = Vec::new();
                let command = command.command().to_array(&mut scratch);
                let content = Content::Request(Sent { command, wire: command.wire() });
                let origin = String::from_utf8_lossy(origin);
                let (number, client) = origin.split_once(' ').unwrap_or(("", &origin));
                let (database, client) = (number.parse().ok(), safe::line(client));
                let (time, connection) = (Some(time), Some(client.as_str()));
                let record = Record::of_file(input, offset, content);
                if pass.selects_named(&client) {
                    pass.record(&Record { time, connection, database, ..record })?;
                }
            }
            None if matches!(line.trim_ascii(), b"" | b"OK") => {}
            None => {
                pass.fail(&format!("{input}: offset {offset}: not a line of MONITOR"))?;
                // It is not known whose.
                pass.lose(None)?;
                if !pass.keep_going {
                    return Ok(());
                }
            }
        }
        if reader.buffer().is_empty() {
            pass.flush()?;
        }
        offset += line.len() as u64;
    }
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
    let mut arguments = Vec::new();
    while let Some(after) = rest.strip_prefix(b" \"") {
        let (argument, after) = unquote(after)?;
        arguments.push(argument);
        rest = after;
    }
    let command = Arguments(&arguments).to_frame().ok().filter(|_| rest.is_empty())?;
    Some(Line { time, origin, command })
}

/// Returns the bytes of an argument and what follows its closing quote.
fn unquote(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut bytes = Vec::new();
    loop {
        let end = memchr::memchr2(b'"', b'\\', rest)?;
        bytes.extend_from_slice(rest.get(..end)?);
        match rest.get(end..)? {
            [b'"', after @ ..] => return Some((bytes, after)),
            escape => {
                let (byte, after) = text::unescape(escape.get(1..)?)?;
                bytes.push(byte);
                rest = after;
            }
        }
    }
}
