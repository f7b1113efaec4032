//! Joins the replies of several upstreams to one command, as the table of commands says.

use std::io;
use std::iter::{empty, once};

use bytes::{Bytes, BytesMut};
use zresp::cluster::SLOTS;
use zresp::commands::{CommandInfo, lookup};
use zresp::{
    Encode, EncodeError, Kind, Protocol, Reply, ReplyRef, ReplyWriter, Token, TokenReader, decode,
};

use crate::connection::number;
use crate::lane_reader::{TOO_LARGE, reply_framer};
use crate::output::Output;
use crate::session::LARGE;
use crate::upstream::{Failure, WHOLE};

/// How many keys or elements are taken at once. Then others have their turns.
pub(crate) const PORTION: usize = 1024;

/// The replies to the parts of a command, and what they are joined to.
pub(crate) struct Join {
    how: How,
    replies: Vec<Bytes>,
    missing: usize,
    /// The size of the parts of the command, and how many bytes of the replies have arrived.
    command: usize,
    pub(crate) received: usize,
    /// What has yet to be written, once all replies have arrived.
    pieces: Pieces,
    piece: Bytes,
    /// Whether a part of that has been written.
    pub(crate) is_begun: bool,
}

/// How replies are joined. Except for [`Best`](Self::Best), an error among them is the result.
pub(crate) enum How {
    /// They are arrays. These are the indices of the replies that the elements of the result come from.
    Values(Vec<u16>),
    /// They are arrays, which come one after another.
    Concat,
    /// They are integers, or arrays whose integers are joined one by one.
    Integers(fn(i64, i64) -> Option<i64>),
    /// The first is the result.
    Succeeded,
    /// The first that is neither an error nor null is the result.
    Best,
    /// The only one is a reply to `HELLO`. It has to name this protocol, and this is the name of the client.
    Hello(Protocol, Option<Bytes>),
    /// The only one is a reply to `SCAN`. Its cursor gets this slot, and after the last keys of the upstream, the
    /// first slot of the next one.
    Scan(u64, u64),
}

/// A reply in pieces. One that is `None` could not be read.
type Pieces = Box<dyn Iterator<Item = Option<Bytes>>>;

impl Join {
    pub(crate) fn new(how: How, parts: usize, command: usize) -> Self {
        let (replies, pieces) = (vec![Bytes::new(); parts], Box::new(empty()));
        let (received, piece, is_begun) = Default::default();
        Self { how, replies, missing: parts, command, received, pieces, piece, is_begun }
    }

    /// Returns how many bytes it holds.
    pub(crate) fn held(&self) -> usize {
        self.command + if self.received > WHOLE { 0 } else { self.received }
    }

    /// Counts bytes of replies that have arrived. Returns whether to keep them: there may be too many in all.
    pub(crate) fn keeps(&mut self, bytes: usize) -> bool {
        self.received += bytes;
        let keeps = self.received <= WHOLE;
        if !keeps {
            self.replies.fill(Bytes::from_static(TOO_LARGE));
        }
        keeps
    }

    /// Takes the reply to a part. Returns whether it is the last one.
    pub(crate) fn take(&mut self, part: usize, reply: Bytes) -> bool {
        if let Some(place) = self.replies.get_mut(part) {
            *place = reply;
        }
        self.missing -= 1;
        self.missing == 0
    }

    /// Returns the protocol and the name that the client has now, if the reply says so.
    pub(crate) fn greeting(&self) -> Option<(Protocol, Option<Bytes>)> {
        match &self.how {
            How::Hello(protocol, name) if !self.replies.first()?.starts_with(b"-") => {
                Some((*protocol, name.clone()))
            }
            _ => None,
        }
    }

    /// Joins the replies.
    pub(crate) fn finish(&mut self, to: Protocol) {
        let how = std::mem::replace(&mut self.how, How::Succeeded);
        self.pieces = how.join(&std::mem::take(&mut self.replies), to).unwrap_or_else(|| {
            let failure = Failure::new("ERR upstreams sent replies that do not fit together");
            whole(failure.to_reply())
        });
    }

    /// Moves a portion of the joined reply to the output. Returns whether there is more.
    ///
    /// # Errors
    /// If an element cannot be read.
    pub(crate) fn pour(&mut self, out: &mut Output) -> io::Result<bool> {
        self.is_begun = true;
        let mut room = LARGE;
        for _ in 0..PORTION {
            if self.piece.is_empty() {
                let Some(piece) = self.pieces.next() else { return Ok(false) };
                self.piece = piece.ok_or(io::ErrorKind::InvalidData)?;
            }
            let taken = self.piece.split_to(self.piece.len().min(room));
            out.extend(&taken);
            room -= taken.len();
            if room == 0 {
                break;
            }
        }
        Ok(true)
    }
}

impl How {
    /// Returns how the replies to a command are joined that all upstreams get.
    pub(crate) fn of(info: &CommandInfo) -> Self {
        match tip(info, "response_policy") {
            None if info.name == "pubsub|shardnumsub" => Self::Integers(i64::checked_add),
            Some("agg_sum") => Self::Integers(i64::checked_add),
            Some("agg_min") => Self::Integers(|left, right| Some(left.min(right))),
            Some("agg_max") => Self::Integers(|left, right| Some(left.max(right))),
            Some("agg_logical_and") => Self::Integers(|left, right| Some(left & right)),
            Some("agg_logical_or") => Self::Integers(|left, right| Some(left | right)),
            Some("all_succeeded") => Self::Succeeded,
            Some(_) => Self::Best,
            None => Self::Concat,
        }
    }

    /// Joins replies, at least one. Returns `None` if they do not fit together.
    fn join(self, replies: &[Bytes], to: Protocol) -> Option<Pieces> {
        let is_error = |reply: &&Bytes| reply.starts_with(b"-");
        let is_good = |reply: &&Bytes| {
            !is_error(reply) && ![&b"$-1\r\n"[..], b"*-1\r\n", b"_\r\n"].contains(&&reply[..])
        };
        let header = |len: usize| once(Some(Bytes::from(format!("*{len}\r\n"))));
        let lists = replies.iter().map(list).collect::<Option<Vec<_>>>();
        if let Some(error) = replies.iter().find(is_error).filter(|_| !matches!(self, Self::Best)) {
            return Some(whole(error.clone()));
        }
        match (self, lists) {
            (Self::Values(sources), Some(mut lists)) => {
                let mut lens = vec![0; lists.len()];
                for source in &sources {
                    lens[usize::from(*source)] += 1;
                }
                if !lists.iter().map(|(len, _)| *len).eq(lens) {
                    return None;
                }
                let (mut framer, len) = (reply_framer(), sources.len());
                let elements = sources.into_iter().map(move |source| {
                    let rest = &mut lists[usize::from(source)].1;
                    let progress = framer.advance(rest).ok().filter(|it| it.is_complete)?;
                    Some(rest.split_to(progress.taken))
                });
                Some(Box::new(header(len).chain(elements)))
            }
            (Self::Concat, Some(lists)) => {
                let len = lists.iter().map(|(len, _)| len).sum();
                Some(Box::new(header(len).chain(lists.into_iter().map(|(_, all)| Some(all)))))
            }
            (Self::Values(_), None) => None,
            (Self::Integers(join), lists) => {
                integers(replies, join, lists.is_some(), to).map(whole)
            }
            (Self::Hello(protocol, _), _) => {
                named_protocol(replies.first()?, protocol).ok()?.map(whole)
            }
            (Self::Scan(slot, next), _) => named_slot(replies.first()?, slot, next, to).map(whole),
            _ => replies.iter().find(is_good).or(replies.first()).cloned().map(whole),
        }
    }
}

fn whole(reply: Bytes) -> Pieces {
    Box::new(once(Some(reply)))
}

/// Returns the number of elements of a list, and their bytes.
fn list(reply: &Bytes) -> Option<(usize, Bytes)> {
    match TokenReader::new().next(reply).ok()?? {
        (Token::Open { kind: Kind::Array | Kind::Set, len: Some(len) }, header) => {
            Some((len, reply.slice(header..)))
        }
        _ => None,
    }
}

fn integers(
    replies: &[Bytes],
    join: fn(i64, i64) -> Option<i64>,
    are_lists: bool,
    to: Protocol,
) -> Option<Bytes> {
    let row = |reply: &Bytes| -> Option<Vec<Reply>> {
        let reply = decode(reply).ok()??.reply();
        if are_lists { reply.to().ok() } else { Some(vec![reply.into()]) }
    };
    let rows = replies.iter().map(row).collect::<Option<Vec<_>>>()?;
    let pair = |left: Reply, right: Reply| match (left, right) {
        (Reply::Integer(left), Reply::Integer(right)) => join(left, right).map(Reply::Integer),
        (left, right) => (left == right).then_some(left),
    };
    let column = |at: usize| {
        let all = rows.iter().map(|row| row.get(at).cloned());
        all.reduce(|left, right| pair(left?, right?))?
    };
    let joined = (0..rows.first()?.len()).map(column).collect::<Option<Vec<_>>>()?;
    let joined = if are_lists { Reply::array(joined) } else { joined.first()?.clone() };
    joined.to_wire(to).ok()
}

/// Puts a protocol into the reply to `HELLO`, which may come from a connection with the other one.
fn named_protocol(reply: &[u8], protocol: Protocol) -> Result<Option<Bytes>, EncodeError> {
    let pairs = decode(reply).ok().flatten().and_then(|frame| frame.reply().as_pairs().ok());
    let Some(pairs) = pairs else { return Ok(None) };
    let mut out = BytesMut::new();
    let mut writer = ReplyWriter::new(&mut out, protocol);
    writer.open_map(pairs.count())?;
    for (key, value) in pairs {
        writer.value(&key)?;
        match key.as_bytes() {
            Ok(b"proto") => writer.integer(number(protocol))?,
            _ => writer.value(&value)?,
        };
    }
    writer.close()?;
    writer.finish()?;
    Ok(Some(out.freeze()))
}

/// Puts a slot into the cursor in a reply to `SCAN`.
fn named_slot(reply: &[u8], slot: u64, next: u64, to: Protocol) -> Option<Bytes> {
    let (cursor, keys): (&str, ReplyRef<'_>) = decode(reply).ok()??.reply().to().ok()?;
    let cursor = match cursor.parse::<u64>().ok()? {
        0 => next,
        cursor => cursor.checked_mul(SLOTS.into())?.checked_add(slot)?,
    };
    Reply::array([Reply::bulk(cursor.to_string()), keys.into()]).to_wire(to).ok()
}

/// Returns a tip about a command. The built-in table knows best: servers before Redis 7.0 send no tips, and later ones
/// have called `MSETNX` a command that can be split.
pub(crate) fn tip<'a>(info: &'a CommandInfo, name: &str) -> Option<&'a str> {
    lookup(info.name.as_bytes()).unwrap_or(info).tip(name)
}
