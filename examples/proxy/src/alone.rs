//! Commands on connections that are not shared, but which the client does not keep: those for all upstreams, those
//! that block or are slow, and those that a shared connection could not be trusted with.

use std::io;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use zresp::cluster::SLOTS;
use zresp::{
    CommandBuf, CommandRef, EncodeCommand, Frame, Protocol, ReplyRef, ReplyWriter, decode,
};

use crate::join::How;
use crate::proxy::Proxy;
use crate::redirect::{ASKING, Retry};
use crate::session::{LARGE, Session};
use crate::topology::Topology;
use crate::upstream::{Failure, Upstream, ask, read_reply};

/// A command for one or more upstreams.
pub(crate) struct Alone {
    upstreams: Vec<Rc<Upstream>>,
    how: How,
    with: Connection,
    /// If it is `SCAN`: the command, the slot that its cursors name, and that of the next upstream.
    scan: Option<(CommandBuf, u64, u64)>,
}

/// The connection that a command uses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    /// One that was used before, and will be used again.
    Borrowed,
    /// A new one.
    New,
    /// A new one, for as long as the client wants to wait for the reply.
    Blocking,
}

impl Alone {
    pub(crate) fn one(upstream: Rc<Upstream>, with: Connection) -> Self {
        Self { upstreams: vec![upstream], how: How::Succeeded, with, scan: None }
    }

    pub(crate) fn all(topology: &Topology, how: How, with: Connection) -> Result<Self, Failure> {
        let all = topology.all();
        if all.is_empty() {
            return topology.any().map(|upstream| Self::one(upstream, with));
        }
        let upstreams = all.iter().map(|(_, upstream)| Rc::clone(upstream)).collect();
        Ok(Self { upstreams, how, with, scan: None })
    }

    /// `SCAN` goes to one upstream after another. A cursor is that of an upstream, followed by the lowest slot of
    /// that upstream, in 14 bits.
    pub(crate) fn scan(command: &CommandRef<'_>, topology: &Topology) -> Result<Self, Failure> {
        let args = command.index();
        let cursor = std::str::from_utf8(args[1]).ok().and_then(|cursor| cursor.parse().ok());
        let cursor: u64 = cursor.ok_or_else(|| Failure::new("ERR invalid cursor"))?;
        let slot = cursor % u64::from(SLOTS);
        let upstream = topology.of_slot(u16::try_from(slot).unwrap_or_default())?;
        let all = topology.all();
        let mut firsts = all.iter().map(|(first, _)| u64::from(*first));
        let next = firsts.find(|first| *first > slot).unwrap_or_default();
        let command = CommandBuf::new("SCAN").arg(cursor / u64::from(SLOTS));
        let scan = Some((command.args(args[2..].iter().copied()), slot, next));
        Ok(Self { scan, ..Self::one(upstream, Connection::Borrowed) })
    }
}

impl Session {
    /// Sends a command to its upstreams, and answers with what they say.
    ///
    /// # Errors
    /// If the client leaves while it waits for a command that blocks.
    pub(crate) async fn ask_alone(&mut self, alone: Alone, mut command: Bytes) -> io::Result<()> {
        let Alone { upstreams, how, with, scan } = alone;
        if let Some((scan, ..)) = &scan {
            command = scan.to_wire().unwrap_or_default();
        }
        let protocol = self.client.protocol.get();
        let mut replies = vec![Bytes::new(); upstreams.len()];
        let mut asked = JoinSet::new();
        for (index, upstream) in upstreams.into_iter().enumerate() {
            let (proxy, command) = (Rc::clone(&self.proxy), command.clone());
            asked.spawn_local(async move {
                (index, exchange(&proxy, upstream, protocol, &command, with).await)
            });
        }
        let answered = async {
            while let Some(Ok((index, reply))) = asked.join_next().await {
                replies[index] = reply;
            }
        };
        if with == Connection::Blocking {
            tokio::select! {
                () = answered => {}
                end = self.watch() => return Err(end),
            }
        } else {
            answered.await;
        }
        let mut reply = how.join(&replies, protocol);
        if let Some((_, slot, next)) = scan.filter(|_| reply.starts_with(b"*")) {
            let scanned = name_slot(&reply, slot, next, protocol);
            reply = scanned.unwrap_or_else(|| Failure::new("ERR invalid cursor").to_reply());
        }
        self.answer(&reply);
        Ok(())
    }

    /// Reads ahead, to notice that the client leaves. Returns when it has left.
    async fn watch(&mut self) -> io::Error {
        while self.input.len() < LARGE {
            match self.reader.read_buf(&mut self.input).await {
                Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
                Ok(len) => self.proxy.metrics.received(len),
                Err(error) => return error,
            }
        }
        std::future::pending().await
    }

    /// Sends a command that the table does not know, and answers with the error. If the upstream knows the command,
    /// it is taken again, with a new table.
    pub(crate) async fn ask_unknown(&mut self, upstream: &Rc<Upstream>, command: Bytes) {
        let patience = self.proxy.access.timeout;
        let answer = timeout(patience, self.try_unknown(upstream, &command)).await;
        match answer.unwrap_or_else(|_| Err(upstream.failure("no reply in time"))) {
            Ok(Some(frame)) => self.answer(frame.wire()),
            Ok(None) => {
                let rest = std::mem::replace(&mut self.input, BytesMut::from(command));
                self.input.unsplit(rest);
            }
            Err(failure) => self.fail(&failure),
        }
    }

    async fn try_unknown(
        &self,
        upstream: &Rc<Upstream>,
        wire: &Bytes,
    ) -> Result<Option<Frame>, Failure> {
        let failed = |error| upstream.failure(error);
        let (mut inline, table) = (Vec::new(), &self.proxy.access.table);
        let Some(Ok(request)) = zresp::requests(wire).next() else { return Ok(None) };
        let command = request.command().to_array(&mut inline);
        let container = table.commands().lookup(command.name()).is_some();
        let words: Vec<_> = command.args().take(1 + usize::from(container)).collect();
        let mut stream = upstream.connect(self.client.protocol.get()).await?;
        let question = CommandBuf::new("COMMAND").arg("INFO").arg(words.join(&b'|'));
        let info = ask(&mut stream, &question).await.map_err(failed)?;
        let is_one = self.proxy.topology.only().is_some();
        let mut entries = match info.reply().as_elements() {
            Ok(entries) => entries,
            // Nothing says that the command is unknown, and it may have a key of another upstream.
            Err(_) if !is_one => return Ok(Some(info)),
            Err(_) => return send(&mut stream, wire).await.map_err(failed).map(Some),
        };
        let is_known =
            |entry: ReplyRef<'_>| entry.as_elements().is_ok_and(|mut all| all.next().is_some());
        if !entries.any(is_known) {
            return send(&mut stream, wire).await.map_err(failed).map(Some);
        }
        table.is_outdated.set(true);
        table.refresh(&mut stream).await.map_err(failed)?;
        match table.commands().of(&command) {
            Some(_) => Ok(None),
            None => Err(Failure::new("ERR the upstream lists this command under another name")),
        }
    }
}

/// Sends a command; returns its reply, or an error.
async fn exchange(
    proxy: &Proxy,
    mut upstream: Rc<Upstream>,
    protocol: Protocol,
    command: &[u8],
    with: Connection,
) -> Bytes {
    let (mut tries, mut is_asking) = (0, false);
    loop {
        let asking = if is_asking { ASKING } else { b"" };
        let once = exchange_once(&upstream, protocol, asking, command, with);
        let reply = match with {
            Connection::Blocking => once.await,
            _ => match timeout(proxy.access.timeout, once).await {
                Ok(reply) => reply,
                Err(_) => Err(upstream.failure("no reply in time")),
            },
        };
        let reply = reply.unwrap_or_else(|failure| failure.to_reply());
        let Some(retry) = Retry::after(&reply, &upstream, tries, &proxy.topology) else {
            return reply;
        };
        sleep(retry.pause).await;
        (upstream, is_asking, tries) = (retry.upstream, retry.is_asking, tries + 1);
    }
}

async fn exchange_once(
    upstream: &Upstream,
    protocol: Protocol,
    asking: &[u8],
    command: &[u8],
    with: Connection,
) -> Result<Bytes, Failure> {
    let failed = |error| upstream.failure(error);
    let mut stream = match with {
        Connection::Borrowed => upstream.borrow(protocol).await?,
        _ => upstream.connect(protocol).await?,
    };
    if !asking.is_empty() {
        send(&mut stream, asking).await.map_err(failed)?;
    }
    let reply = send(&mut stream, command).await.map_err(failed)?.into_wire();
    // Some servers write line breaks into errors, and with them perhaps bytes of the client.
    if with == Connection::Borrowed && !reply.starts_with(b"-") {
        upstream.give_back(stream, protocol);
    }
    Ok(reply)
}

/// Sends a command on a connection where no reply is due, and returns the reply.
pub(crate) async fn send(stream: &mut TcpStream, command: &[u8]) -> io::Result<Frame> {
    stream.write_all(command).await?;
    read_reply(stream).await
}

/// Puts the slot into the cursor in a reply to `SCAN`. After the last keys of an upstream, the next one follows.
fn name_slot(reply: &[u8], slot: u64, next: u64, protocol: Protocol) -> Option<Bytes> {
    let (cursor, keys): (&str, ReplyRef<'_>) = decode(reply).ok()??.reply().to().ok()?;
    let cursor = match cursor.parse::<u64>().ok()? {
        0 => next,
        cursor => cursor.checked_mul(SLOTS.into())?.checked_add(slot)?,
    };
    let mut out = BytesMut::new();
    let mut writer = ReplyWriter::new(&mut out, protocol);
    writer.open_array(2).ok()?.bulk(cursor.to_string()).ok()?.value(&keys).ok()?.close().ok()?;
    writer.finish().ok()?;
    Some(out.freeze())
}
