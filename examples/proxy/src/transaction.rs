//! Transactions with several upstreams.
//!
//! The proxy keeps the commands after `MULTI`, and checks that they belong together. With `EXEC` it sends all at once to
//! the upstream of the first key. If the slot has moved, they are sent again to the other node. Only `WATCH` needs a
//! connection of its own before that, and then the transaction fails if the slot moves.

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use tokio::task::consume_budget;
use tokio::time::sleep;
use zresp::CommandRef;

use crate::charge::Charge;
use crate::connection::Connection;
use crate::join::tip;
use crate::redirect::{Author, Retry, Tries};
use crate::routing::{OK, Place, concerns_connection, leaves_database, place, shown};
use crate::session::Session;
use crate::upstream::{Failure, WHOLE};

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

#[derive(Default)]
pub(crate) struct Transaction {
    /// Whether `MULTI` has been given.
    pub(crate) is_open: bool,
    /// The slot that all keys must have. With independent upstreams, any slot of the same one will do.
    slot: Option<u16>,
    /// Where keys are watched. Most clients have none, so it is on the heap.
    connection: Option<Box<Connection>>,
    /// The commands after `MULTI`, and how many these are.
    queued: BytesMut,
    count: usize,
    charge: Option<Charge>,
    /// Why it cannot be executed.
    failed: Option<String>,
}

impl Session {
    /// Takes a command of a transaction, and answers it.
    pub(crate) async fn step(&mut self, command: &CommandRef<'_>) {
        if self.transaction.is_open
            && let Some(error) = misplaced(command)
        {
            return self.answer(error);
        }
        let was_watching = self.transaction.connection.is_some() && !self.transaction.is_open;
        let taken = self.try_step(command).await;
        let reply = taken.unwrap_or_else(|failure| failure.to_reply());
        let transaction = &mut self.transaction;
        // Before `MULTI`, only keys that are not watched make it fail: now, or any more.
        let is_unwatched = was_watching && transaction.connection.is_none()
            || command.is("watch") && command.len() > 1;
        if reply.starts_with(b"-") && (transaction.is_open || is_unwatched) {
            let reason = || String::from_utf8_lossy(reply[1..].trim_ascii()).into_owned();
            transaction.failed.get_or_insert_with(reason);
        }
        self.answer(&reply);
    }

    async fn try_step(&mut self, command: &CommandRef<'_>) -> Result<Bytes, Failure> {
        let is_open = self.transaction.is_open;
        let name = command.name().to_ascii_lowercase();
        match (&*name, command.len()) {
            (b"multi", 1) if !is_open => self.transaction.is_open = true,
            (b"exec" | b"discard", 1) if !is_open => {
                let name = shown(command).to_uppercase();
                return Err(Failure(format!("ERR {name} without MULTI")));
            }
            (b"discard", 1) => self.transaction = Transaction::default(),
            (b"unwatch", 1) if !is_open => self.transaction = Transaction::default(),
            (b"exec", 1) => return self.execute().await,
            _ => {
                let slot = self.slot_of(command)?;
                let transaction = &mut self.transaction;
                transaction.slot = slot.or(transaction.slot);
                if !is_open {
                    return self.forward(command.wire(), 1).await.map(|(reply, _)| reply);
                }
                if transaction.queued.len() + command.wire().len() > WHOLE {
                    return Err(Failure::new("ERR the transaction is too large"));
                }
                transaction.queued.extend_from_slice(command.wire());
                let charge = transaction.charge.get_or_insert_with(|| Charge::new(&self.client, 0));
                charge.set(transaction.queued.len());
                transaction.count += 1;
                return Ok(Bytes::from_static(b"+QUEUED\r\n"));
            }
        }
        Ok(OK)
    }

    /// Returns the slot of a command, if it has one and may be part of this transaction.
    fn slot_of(&self, command: &CommandRef<'_>) -> Result<Option<u16>, Failure> {
        let topology = &self.proxy.topology;
        let table = topology.commands();
        let name = shown(command).to_uppercase();
        let info = table.of(command).ok_or_else(|| Failure::unknown(command, &table))?;
        if leaves_database(info, command) {
            return Err(Failure::needs_one(info));
        }
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

    async fn execute(&mut self) -> Result<Bytes, Failure> {
        let Transaction { slot, connection, queued, count, charge, failed, .. } =
            std::mem::take(&mut self.transaction);
        let aborted = |reason: &str| {
            let text = "EXECABORT Transaction discarded because of previous errors:";
            Err(Failure(format!("{text} {reason}")))
        };
        if let Some(reason) = failed {
            return aborted(&reason);
        }
        if count == 0 && connection.is_none() {
            return Ok(Bytes::from_static(b"*0\r\n"));
        }
        (self.transaction.slot, self.transaction.connection) = (slot, connection);
        let commands = [MULTI, &queued, EXEC].concat();
        drop(queued);
        let sent = self.forward(&commands, count + 2).await;
        drop((commands, charge));
        let connection = std::mem::take(&mut self.transaction).connection;
        match sent? {
            (_, Some(refusal)) => aborted(&String::from_utf8_lossy(refusal[1..].trim_ascii())),
            (reply, None) => {
                // After an error in a script, more may arrive.
                let has_error =
                    reply.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"-"));
                if let Some(connection) = connection.filter(|_| !has_error) {
                    connection.give_back();
                }
                Ok(reply)
            }
        }
    }

    /// Sends `count` commands on the connection of the transaction, and opens that if necessary. Returns the last reply,
    /// and the first error.
    async fn forward(
        &mut self,
        commands: &[u8],
        count: usize,
    ) -> Result<(Bytes, Option<Bytes>), Failure> {
        let topology = Rc::clone(&self.proxy.topology);
        let (mut target, mut tries) = (None, Tries::default());
        loop {
            let watched = self.transaction.connection.take();
            let is_watching = watched.is_some();
            let mut connection = if let Some(connection) = watched {
                connection
            } else {
                let upstream = match (target.take(), self.transaction.slot) {
                    (Some(upstream), _) => upstream,
                    (None, Some(slot)) => topology.of_slot(slot)?,
                    (None, None) => topology.any()?,
                };
                Box::new(upstream.borrow(self.client.protocol.get()).await?)
            };
            connection.charge = Some(Charge::new(&self.client, 0));
            connection.write(commands).await?;
            let (mut reply, mut refusal) = (Bytes::new(), None);
            for _ in 0..count {
                reply = connection.reply().await?.into_wire();
                if reply.starts_with(b"-") {
                    refusal.get_or_insert(reply.clone());
                }
                consume_budget().await;
            }
            let retry = refusal.as_ref().and_then(|refusal| {
                Retry::after(refusal, || Author::Server, &connection.upstream, tries, &topology)
            });
            match retry {
                Some(retry) if !is_watching && !retry.is_asking => {
                    sleep(retry.pause).await;
                    tries = retry.tries;
                    target = Some(retry.upstream);
                }
                Some(_) => break,
                None => {
                    self.transaction.connection = Some(connection);
                    return Ok((reply, refusal));
                }
            }
        }
        Err(Failure::new("TRYAGAIN the slot was moved during the transaction"))
    }
}

/// Returns the error that a command gets after `MULTI` without making the transaction fail.
fn misplaced(command: &CommandRef<'_>) -> Option<&'static [u8]> {
    match command.len() {
        1 if command.is("multi") => Some(b"-ERR MULTI calls can not be nested\r\n"),
        2.. if command.is("watch") => Some(b"-ERR WATCH inside MULTI is not allowed\r\n"),
        _ => None,
    }
}
