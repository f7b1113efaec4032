//! Finds out what an input is, by its first bytes.

use std::io::{self, Read};
use std::path::Path;

use zresp::{Command, Error, ErrorKind, commands};

use crate::kind::InputKind;
use crate::{monitor, replication};

/// The number of bytes that are looked at.
pub(crate) const HEAD: usize = 4096;
/// How append-only files begin that do not begin with a command: with a snapshot, or with an annotation.
const AOF_STARTS: [&[u8]; 3] = [b"REDIS", b"VALKEY", b"#TS:"];
/// The first bytes of pcap, in both byte orders, with microseconds and nanoseconds, and of pcapng.
const CAPTURE_STARTS: [&[u8]; 5] = [
    &[0xd4, 0xc3, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0xc3, 0xd4],
    &[0x4d, 0x3c, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0x3c, 0x4d],
    &[0x0a, 0x0d, 0x0d, 0x0a],
];
const HTTP_STARTS: [&[u8]; 8] =
    [b"GET /", b"POST /", b"PUT /", b"HEAD /", b"DELETE /", b"OPTIONS ", b"PATCH /", b"HTTP/1."];
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const TYPES: &[u8] = b"+-:$*_#,(!=%~>|";

/// What the first bytes of an input show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Kind(InputKind),
    Gzip,
    Zstd,
    /// A TLS stream, which cannot be read without its keys.
    Tls,
    /// Requests or replies of HTTP.
    Http,
    Empty,
    Unknown,
}

impl Found {
    /// Returns what it is if it has this name: the name of an append-only file decides between commands, replies and
    /// damaged bytes.
    pub(crate) fn with_name(self, name: &str) -> Self {
        let name = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let is_aof = Path::new(name).extension().is_some_and(|end| end.eq_ignore_ascii_case("aof"));
        match self {
            Self::Kind(InputKind::Replies | InputKind::Requests) | Self::Unknown if is_aof => {
                Self::Kind(InputKind::Aof)
            }
            found => found,
        }
    }
}

/// Returns what an input with these first bytes is.
pub(crate) fn detect(head: &[u8]) -> Found {
    let starts = |list: &[&[u8]]| list.iter().any(|start| head.starts_with(start));
    match head {
        [] => Found::Empty,
        _ if head.starts_with(GZIP) => Found::Gzip,
        // The second is a frame without content, which may come first.
        _ if head.starts_with(ZSTD) => Found::Zstd,
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Found::Zstd,
        _ if starts(&CAPTURE_STARTS) => Found::Kind(InputKind::Capture),
        _ if starts(&AOF_STARTS) => Found::Kind(InputKind::Aof),
        _ if is_tls(head) => Found::Tls,
        _ if starts(&HTTP_STARTS) => Found::Http,
        _ if replication::begins(head) => Found::Kind(InputKind::Replication),
        _ if monitor::begins(head) => Found::Kind(InputKind::Monitor),
        _ if is_append_only(head) => Found::Kind(InputKind::Aof),
        _ if is_requests(head) => Found::Kind(InputKind::Requests),
        [first, ..] if TYPES.contains(first) => Found::Kind(InputKind::Replies),
        _ => Found::Unknown,
    }
}

/// Returns whether the bytes begin with a record of TLS: a handshake or application data of a version from SSL 3.0 on.
fn is_tls(head: &[u8]) -> bool {
    matches!(head, [0x14..=0x17, 3, 0..=4, ..])
}

/// Returns whether the bytes are commands as a server writes them to an append-only file: `SELECT` comes first, or an
/// annotation between them. What follows `SELECT` may be damaged: a reply does not begin like this.
fn is_append_only(head: &[u8]) -> bool {
    if !head.starts_with(b"*") {
        return false;
    }
    let mut requests = zresp::requests(head).map_while(Result::ok);
    let is_annotation = |name: &[u8]| name.starts_with(b"#TS:");
    requests.next().is_some_and(|first| first.command().is("SELECT"))
        || is_requests(head) && requests.any(|request| is_annotation(&request.command().name()))
}

/// Returns whether the bytes are requests: all frames up to the first one that is damaged have their form, and the table
/// of commands knows the names of a quarter of them. An array of strings is also a reply.
pub(crate) fn is_requests(head: &[u8]) -> bool {
    let (mut known, mut count, mut rest) = (0, 0, head);
    for request in zresp::requests(head) {
        match request {
            Ok(request) => {
                let command = request.command();
                if is_line_of_reply(&command) {
                    return false;
                }
                let is_known = commands::lookup(&command.name()).is_some();
                if head.starts_with(b"*") && !is_known && is_line(&command) {
                    // A piece of an array whose beginning is damaged.
                    break;
                }
                count += 1;
                known += usize::from(is_known);
                rest = rest.get(request.wire().len()..).unwrap_or_default();
            }
            Err(Error { kind: ErrorKind::UnexpectedEnd, .. }) => break,
            Err(_) => match zresp::decode(rest) {
                // A reply that is not a request.
                Ok(Some(_)) => return false,
                Ok(None) if known < count || count == 0 => return false,
                // A damaged request: it is not a reply, or one without an end.
                Ok(None) | Err(_) => break,
            },
        }
    }
    if count == 0 { is_first_argument_known(head) } else { 4 * known >= count }
}

/// Returns whether a command is a line, and not an annotation of an append-only file.
fn is_line(command: &Command<'_>) -> bool {
    matches!(command, Command::Inline(line) if !line.wire().starts_with(b"#TS:"))
}

/// Returns whether what could be an inline command begins like a reply.
fn is_line_of_reply(command: &Command<'_>) -> bool {
    let Command::Inline(line) = command else { return false };
    let wire = line.wire();
    wire.first().is_some_and(|byte| TYPES.contains(byte)) && !wire.starts_with(b"#TS:")
}

/// Returns whether the bytes begin with the header and the name of a command whose other arguments are damaged or have not
/// all arrived.
fn is_first_argument_known(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n');
    let (Some([b'*', ..]), Some([b'$', ..])) = (lines.next(), lines.next()) else { return false };
    let name = lines.next().and_then(|line| line.strip_suffix(b"\r"));
    name.is_some_and(|name| commands::lookup(name).is_some())
}

/// Reads the first bytes of an input: all that its kind depends on, but no more than that if it may have to wait.
///
/// # Errors
/// Errors of the reader.
pub(crate) fn read_head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD];
    let mut size = 0;
    while let Some(room) = head.get_mut(size..).filter(|room| !room.is_empty()) {
        match reader.read(room) {
            Ok(0) => break,
            Ok(count) => size += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if is_clear(head.get(..size).unwrap_or_default()) {
            break;
        }
    }
    head.truncate(size);
    Ok(head)
}

/// Returns whether more bytes would not change the kind: a frame is whole or broken, and no other kind begins like this.
fn is_clear(head: &[u8]) -> bool {
    let starts = AOF_STARTS.iter().chain(&CAPTURE_STARTS).chain(&HTTP_STARTS).chain([&GZIP, &ZSTD]);
    let is_other = starts.into_iter().any(|start| {
        let size = start.len().min(head.len());
        head.get(..size) == start.get(..size)
    });
    if CAPTURE_STARTS.iter().any(|start| head.starts_with(start)) {
        return true;
    }
    let is_request = !matches!(zresp::CommandDecoder::new().decode(head), Ok(None));
    !is_other
        && !monitor::may_begin(head)
        && (is_request || matches!(zresp::decode(head), Ok(Some(_))))
}
