//! Transactions with several upstreams: on a connection of the client's own, to the upstream of the first key.
//!
//! The client keeps that connection until the transaction ends. Commands are sent one at a time, so that each gets
//! its own error. If the slot moves meanwhile, the transaction begins again on the other node, unless it depends on
//! `WATCH`.

use std::rc::Rc;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use zresp::CommandRef;

use crate::join::tip;
use crate::redirect::Retry;
use crate::routing::{OK, Place, concerns_connection, place};
use crate::session::Session;
use crate::upstream::{Failure, Upstream, send};

/// How many bytes of a transaction are kept.
const KEPT: usize = 64 * 1024 * 1024;
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";

#[derive(Default)]
pub(crate) struct Transaction {
    /// Whether `MULTI` has been given.
    pub(crate) is_open: bool,
    is_watching: bool,
    /// The slot that all keys must have. With independent upstreams, any slot of the same one will do.
    slot: Option<u16>,
    connection: Option<(Rc<Upstream>, TcpStream)>,
    /// The commands after `MULTI`, and how many bytes they have.
    queued: Vec<Bytes>,
    kept: usize,
    /// Why it cannot be executed.
    failed: Option<String>,
}

impl Session {
    /// Takes a command of a transaction, and answers it.
    pub(crate) async fn step(&mut self, command: &CommandRef<'_>) {
        let wire = Bytes::copy_from_slice(command.wire());
        let patience = self.proxy.access.timeout;
        let taken = timeout(patience, self.try_step(command, wire)).await;
        let taken = taken.unwrap_or_else(|_| {
            self.transaction.connection = None;
            Err(Failure::new("ERR upstream: no reply in time"))
        });
        let reply = taken.unwrap_or_else(|failure| failure.to_reply());
        let transaction = &mut self.transaction;
        let is_part = transaction.is_open || transaction.is_watching || command.is("watch");
        if reply.starts_with(b"-") && is_part {
            let reason = || String::from_utf8_lossy(reply.trim_ascii()).into_owned();
            transaction.failed.get_or_insert_with(reason);
        }
        self.answer(&reply);
    }

    async fn try_step(&mut self, command: &CommandRef<'_>, wire: Bytes) -> Result<Bytes, Failure> {
        let ok = || Ok(OK);
        let is_open = self.transaction.is_open;
        let name = command.name().to_ascii_lowercase();
        match (&*name, command.len()) {
            (b"multi", 1) if !is_open => {
                self.transaction.is_open = true;
                if let Some((upstream, stream)) = &mut self.transaction.connection {
                    send(stream, MULTI).await.map_err(|error| upstream.failure(error))?;
                }
                ok()
            }
            (b"exec" | b"discard", 1) if !is_open => {
                let name = command.name().to_ascii_uppercase();
                Err(Failure(format!("ERR {} without MULTI", name.escape_ascii())))
            }
            (b"discard" | b"unwatch", 1) if &*name == b"discard" || !is_open => {
                self.transaction = Transaction::default();
                ok()
            }
            (b"exec", 1) => {
                let reply = self.execute(wire).await;
                let Transaction { connection, .. } = std::mem::take(&mut self.transaction);
                let (reply, protocol) = (reply?, self.client.protocol.get());
                if let Some((upstream, stream)) = connection.filter(|_| !reply.starts_with(b"-")) {
                    upstream.give_back(stream, protocol);
                }
                Ok(reply)
            }
            _ => {
                let slot = self.slot_of(command)?;
                let transaction = &mut self.transaction;
                transaction.kept += wire.len();
                if transaction.kept > KEPT {
                    return Err(Failure::new("ERR the transaction is too large"));
                }
                // Without a key, any upstream would do, but a later command may have one.
                if slot.or(transaction.slot).is_none() {
                    transaction.queued.push(wire);
                    return Ok(Bytes::from_static(b"+QUEUED\r\n"));
                }
                transaction.slot = slot.or(transaction.slot);
                let reply = self.forward(&wire).await?;
                if is_open {
                    self.transaction.queued.push(wire);
                } else {
                    self.transaction.is_watching = true;
                }
                Ok(reply)
            }
        }
    }

    /// Returns the slot of a command, if it has one and may be part of this transaction.
    fn slot_of(&self, command: &CommandRef<'_>) -> Result<Option<u16>, Failure> {
        let topology = &self.proxy.topology;
        let table = topology.commands();
        let name = command.name().escape_ascii().to_string().to_uppercase();
        let info = table.of(command);
        let info = info.ok_or_else(|| Failure(format!("ERR unknown command '{name}'")))?;
        match (place(info, command, &table)?, self.transaction.slot) {
            (Place::Slot(slot), Some(other)) if slot != other => {
                let are_together = !topology.is_cluster()
                    && Rc::ptr_eq(&topology.of_slot(slot)?, &topology.of_slot(other)?);
                if are_together { Ok(Some(other)) } else { Err(Failure::crossing()) }
            }
            (Place::Slot(slot), _) => Ok(Some(slot)),
            (Place::Several, _) => Err(Failure::crossing()),
            (Place::Anywhere, _) => {
                let is_plain = matches!(&*info.name, "ping" | "echo")
                    || tip(info, "request_policy").is_none()
                        && !concerns_connection(info, command.args());
                let reason = "cannot be part of a transaction with several upstreams";
                if is_plain { Ok(None) } else { Err(Failure(format!("ERR {name} {reason}"))) }
            }
        }
    }

    async fn execute(&mut self, wire: Bytes) -> Result<Bytes, Failure> {
        match &self.transaction.failed {
            Some(reason) => {
                let reason = reason.trim_start_matches('-');
                let text = "EXECABORT Transaction discarded because of previous errors:";
                Err(Failure(format!("{text} {reason}")))
            }
            None if self.transaction.queued.is_empty() && !self.transaction.is_watching => {
                Ok(Bytes::from_static(b"*0\r\n"))
            }
            None => self.forward(&wire).await,
        }
    }

    /// Sends a command on the connection of the transaction, and opens that if necessary.
    async fn forward(&mut self, wire: &[u8]) -> Result<Bytes, Failure> {
        let topology = Rc::clone(&self.proxy.topology);
        let mut target = None;
        for tries in 0.. {
            if self.transaction.connection.is_none() {
                let upstream = match (target.take(), self.transaction.slot) {
                    (Some(upstream), _) => upstream,
                    (None, Some(slot)) => topology.of_slot(slot)?,
                    (None, None) => topology.any()?,
                };
                self.begin(upstream).await?;
            }
            let Some((upstream, mut stream)) = self.transaction.connection.take() else { break };
            let reply = send(&mut stream, wire).await.map_err(|error| upstream.failure(error))?;
            let reply = reply.into_wire();
            match Retry::after(&reply, &upstream, tries, &topology) {
                Some(_) if self.transaction.is_watching => break,
                Some(retry) if !retry.is_asking => {
                    sleep(retry.pause).await;
                    target = Some(retry.upstream);
                }
                Some(_) => break,
                None => {
                    self.transaction.connection = Some((upstream, stream));
                    return Ok(reply);
                }
            }
        }
        Err(Failure::new("TRYAGAIN the slot was moved during the transaction"))
    }

    /// Opens a connection, and sends what was queued so far.
    async fn begin(&mut self, upstream: Rc<Upstream>) -> Result<(), Failure> {
        if self.transaction.is_watching {
            return Err(upstream.failure("the connection with the watched keys was closed"));
        }
        let failed = |error| upstream.failure(error);
        let mut stream = upstream.borrow(self.client.protocol.get()).await?;
        if self.transaction.is_open {
            send(&mut stream, MULTI).await.map_err(failed)?;
        }
        for command in &self.transaction.queued {
            let reply = send(&mut stream, command).await.map_err(failed)?;
            if let Some(reason) = reply.reply().as_error() {
                return Err(Failure(String::from_utf8_lossy(reason).into_owned()));
            }
        }
        self.transaction.connection = Some((upstream, stream));
        Ok(())
    }
}
