//! Large commands, which are passed on while they arrive, each on a connection that nobody else uses meanwhile.

use std::io;
use std::rc::Rc;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use zresp::cluster::Redirect;

use crate::client::Client;
use crate::connection::in_time;
use crate::lane_reader::{REDIRECTION, reply_framer};
use crate::routing::{Route, route_begun};
use crate::session::{LARGE, NAME, Next, Session};
use crate::upstream::{Failure, Upstream, WHOLE};

/// Answers a command that was redirected. The proxy has not kept it, and cannot send it again.
const MOVED: &[u8] = b"-TRYAGAIN the slot was moved while a large command was on its way\r\n";

impl Session {
    /// Returns what to do about a command that has not arrived whole.
    pub(crate) fn judge_begun(&mut self, input: &[u8]) -> Next {
        let is_large = input.len() + self.decoder.needed() > LARGE && !self.is_limited();
        // Looking for the keys takes as long as there are arguments, so it waits until twice as many are there.
        if !is_large || input.len() < 2 * self.judged && input.len() <= WHOLE {
            return Next::Read;
        }
        self.judged = input.len();
        let Some(command) = self.decoder.partial(input) else { return Next::Read };
        let text = match route_begun(&command, &self.proxy.topology) {
            _ if self.transaction.is_open && input.len() <= WHOLE => return Next::Read,
            Some(Ok(Route::Own(upstream))) => return Next::Relay(upstream),
            Some(Ok(Route::Shared(upstream))) => return Next::PassOn(upstream),
            None if command.name().is_none() && input.len() > NAME => "ERR unknown command",
            _ if input.len() <= WHOLE => return Next::Read,
            _ => "ERR command is too large to be routed",
        };
        self.fail(&Failure::new(text));
        Next::Leave
    }

    /// Passes on a large command, which begins with the bytes in `self.input`, and then its reply. If the upstream
    /// fails, the command is still read to its end, where the next one begins.
    ///
    /// # Errors
    /// If the client has left.
    pub(crate) async fn pass_on(&mut self, upstream: &Rc<Upstream>) -> io::Result<()> {
        let (proxy, patience) = (Rc::clone(&self.proxy), self.proxy.access.timeout);
        self.client.choose_lane(None, self.client.protocol.get());
        self.client.has_written.set(true);
        let mut framer = self.decoder.take_framer(&self.input);
        let (mut unsent, mut is_complete) = (self.input.split(), false);
        let mut to = upstream.borrow(self.client.protocol.get()).await;
        loop {
            if let Ok(connection) = &mut to
                && let Err(error) = in_time(patience, connection.stream.write_all(&unsent)).await
            {
                to = Err(upstream.failure(error));
            }
            if is_complete {
                break;
            }
            // All of it may have arrived, but others wait too.
            yield_now().await;
            let len = self.read().await?;
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            proxy.metrics.received(len);
            let chunk = &proxy.scratch.borrow()[..len];
            let progress = match framer.advance(chunk) {
                Ok(progress) => progress,
                Err(error) => {
                    self.fail(&Self::protocol_failure(error, &[]));
                    self.leave();
                    return Ok(());
                }
            };
            let (taken, rest) = chunk.split_at(progress.taken);
            let written = to.as_ref().map_or(Ok(len), |to| to.stream.try_write(taken));
            // Other connections use the scratch buffer while this one waits.
            unsent = BytesMut::from(taken.get(written.unwrap_or(0)..).unwrap_or_default());
            is_complete = progress.is_complete;
            self.input.extend_from_slice(rest);
        }
        match to {
            Ok(mut connection) => {
                if self.pass_reply(upstream, &mut connection.stream).await? {
                    connection.give_back();
                }
            }
            Err(failure) => self.fail(&failure),
        }
        Ok(())
    }

    /// Passes on the only reply that is due. Returns whether the connection can be used again.
    async fn pass_reply(
        &mut self,
        upstream: &Rc<Upstream>,
        stream: &mut TcpStream,
    ) -> io::Result<bool> {
        let (client, ticket) = (Rc::clone(&self.client), self.client.open_entry(0, None));
        let topology = Rc::clone(&self.proxy.topology);
        let (mut framer, mut input) = (reply_framer(), BytesMut::with_capacity(LARGE));
        let (mut reply, mut is_begun, mut is_push) = (BytesMut::new(), false, false);
        loop {
            let read = in_time(self.proxy.access.timeout, stream.read_buf(&mut input)).await;
            let reason = match read {
                Ok(1..) => None,
                Ok(_) => Some("the connection was closed".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(reason) = reason {
                // A client in the middle of a reply cannot be given an error: it would be taken for data.
                if is_begun {
                    client.cut_off_because("the upstream did not finish a reply");
                }
                let failure = upstream.failure(reason).to_reply();
                self.proxy.metrics.passed(1, 1, failure.len());
                client.deliver(ticket, &failure, 1);
                return Ok(false);
            }
            while !input.is_empty() {
                is_push |= framer.is_between_frames() && input[0] == b'>';
                let progress = framer.advance(&input).map_err(io::Error::other)?;
                let taken = input.split_to(progress.taken);
                if is_push {
                    is_push = !progress.is_complete;
                    continue;
                }
                reply.unsplit(taken);
                let is_error = !is_begun && reply.starts_with(b"-");
                if is_error && !progress.is_complete && reply.len() <= REDIRECTION {
                    continue;
                }
                let redirect = is_error.then(|| Redirect::parse(reply[1..].trim_ascii_end()));
                if topology.is_cluster() && redirect.flatten().is_some() {
                    // A script may have returned it, so it is not believed.
                    topology.refresh();
                    reply = BytesMut::from(MOVED);
                }
                let complete = usize::from(progress.is_complete);
                self.proxy.metrics.passed(complete, complete & usize::from(is_error), reply.len());
                client.deliver(ticket, &reply, complete);
                reply.clear();
                is_begun = true;
                if progress.is_complete {
                    return Ok(input.is_empty() && !is_error);
                }
            }
            self.when(Client::takes_now).await?;
        }
    }
}
