//! Joins the replies of several upstreams to one command, as the table of commands says.

use std::iter::once;

use bytes::{Bytes, BytesMut};
use zresp::cluster::SLOTS;
use zresp::commands::{CommandInfo, lookup};
use zresp::{
    Encode, EncodeError, Kind, Protocol, Reply, ReplyRef, ReplyWriter, Token, TokenReader, decode,
};

use crate::connection::number;
use crate::replies::reply_framer;

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
pub(crate) type Pieces<'a> = Box<dyn Iterator<Item = Option<Bytes>> + 'a>;

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
    pub(crate) fn join<'a>(&'a self, replies: &'a [Bytes], to: Protocol) -> Option<Pieces<'a>> {
        let is_error = |reply: &&Bytes| reply.starts_with(b"-");
        let is_good = |reply: &&Bytes| {
            !is_error(reply) && ![&b"$-1\r\n"[..], b"*-1\r\n", b"_\r\n"].contains(&&reply[..])
        };
        let whole = |reply: Bytes| -> Option<Pieces<'a>> { Some(Box::new(once(Some(reply)))) };
        let header = |len: usize| once(Some(Bytes::from(format!("*{len}\r\n"))));
        let lists = replies.iter().map(list).collect::<Option<Vec<_>>>();
        if let Some(error) = replies.iter().find(is_error).filter(|_| !matches!(self, Self::Best)) {
            return whole(error.clone());
        }
        match (self, lists) {
            (Self::Values(sources), Some(mut lists)) => {
                let mut lens = vec![0; lists.len()];
                for source in sources {
                    lens[usize::from(*source)] += 1;
                }
                if !lists.iter().map(|(len, _)| *len).eq(lens) {
                    return None;
                }
                let mut framer = reply_framer();
                let elements = sources.iter().map(move |source| {
                    let rest = &mut lists[usize::from(*source)].1;
                    let progress = framer.advance(rest).ok().filter(|it| it.is_complete)?;
                    Some(rest.split_to(progress.taken))
                });
                Some(Box::new(header(sources.len()).chain(elements)))
            }
            (Self::Concat, Some(lists)) => {
                let len = lists.iter().map(|(len, _)| len).sum();
                Some(Box::new(header(len).chain(lists.into_iter().map(|(_, all)| Some(all)))))
            }
            (Self::Integers(join), lists) => whole(integers(replies, *join, lists.is_some(), to)?),
            (Self::Hello(protocol, _), _) => {
                whole(named_protocol(replies.first()?, *protocol).ok()??)
            }
            (Self::Scan(slot, next), _) => whole(named_slot(replies.first()?, *slot, *next, to)?),
            (Self::Values(_), None) => None,
            _ => whole(replies.iter().find(is_good).or(replies.first())?.clone()),
        }
    }
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
