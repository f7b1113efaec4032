//! What is shown: one command, one reply, or a command with its reply.

use std::time::Duration;

use zresp::aof::SnapshotMagic;
use zresp::{CommandRef, Decoded};

/// A frame or a pair of frames, and where it is from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// The name of the input.
    pub(crate) input: &'a str,
    /// The offset of its first byte: in the file, or in the stream of a connection.
    pub(crate) offset: u64,
    /// When it was written or sent, since 1970, if the input tells.
    pub(crate) time: Option<Duration>,
    /// The addresses of the client and the server, if the input is a capture; of `MONITOR`, that of the client.
    pub(crate) connection: Option<&'a str>,
    /// The database that its command was sent in, if that is known.
    pub(crate) database: Option<u32>,
    /// The offset of its reply in the stream of the server, if it has both a command and a reply.
    pub(crate) reply_offset: Option<u64>,
    pub(crate) mark: Option<Mark>,
    pub(crate) content: Content<'a>,
}

/// What sets frames of a capture apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A command whose reply cannot be known, or a reply whose command cannot.
    Unpaired,
    /// From a primary to its replica: most of it was caused by commands of other connections.
    Replication,
}

/// The frames of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    Snapshot(Snapshot),
    Request(Sent<'a>),
    Reply(&'a Decoded<'a>),
    /// A command and the first reply to it. The time is from the last byte of the one to that of the other.
    Exchange(Sent<'a>, &'a Decoded<'a>, Duration),
}

/// Data in the RDB format, which is not parsed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Snapshot {
    /// The server that defines the format, and its version; `None` if the beginning is not known.
    pub(crate) format: Option<(SnapshotMagic, u16)>,
    /// Its size in bytes.
    pub(crate) size: u64,
    pub(crate) check: Check,
}

/// What is known about the checksum of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Holds,
    /// The server has written none.
    Missing,
    /// It has not been computed.
    Skipped,
}

impl Snapshot {
    /// How many of the first bytes say what the format is.
    pub(crate) const HEAD: usize = 9;

    /// Returns a snapshot that begins with these bytes.
    pub(crate) fn new(head: &[u8], size: u64, check: Check) -> Self {
        let formats = [(SnapshotMagic::Redis, "REDIS"), (SnapshotMagic::Valkey, "VALKEY")];
        let version = |name| {
            std::str::from_utf8(head.get(..Self::HEAD)?).ok()?.strip_prefix(name)?.parse().ok()
        };
        let format = formats.into_iter().find_map(|(magic, name)| Some((magic, version(name)?)));
        Self { format, size, check }
    }
}

/// A command, and the bytes as they were sent, which may be those of an inline command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) command: CommandRef<'a>,
    pub(crate) wire: &'a [u8],
}

impl<'a> Record<'a> {
    /// Returns a record of an input that tells neither times nor connections.
    #[inline]
    pub(crate) const fn of_file(input: &'a str, offset: u64, content: Content<'a>) -> Self {
        let (time, connection, database) = (None, None, None);
        let (reply_offset, mark) = (None, None);
        Self { input, offset, time, connection, database, reply_offset, mark, content }
    }

    pub(crate) const fn request(&self) -> Option<Sent<'a>> {
        match self.content {
            Content::Request(sent) | Content::Exchange(sent, ..) => Some(sent),
            _ => None,
        }
    }

    pub(crate) const fn reply(&self) -> Option<&'a Decoded<'a>> {
        match self.content {
            Content::Reply(reply) | Content::Exchange(_, reply, _) => Some(reply),
            _ => None,
        }
    }

    /// Returns the latency. One that the clock of a capture is too coarse for, or that a capture without times has, is not
    /// known.
    pub(crate) const fn latency(&self) -> Option<Duration> {
        match self.content {
            Content::Exchange(.., latency) if !latency.is_zero() => Some(latency),
            _ => None,
        }
    }
}
