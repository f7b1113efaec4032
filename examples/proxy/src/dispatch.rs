//! The next step of a command of a client, whose state decides together with the command.

use std::io;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use zresp::commands::{Categories, CommandInfo};
use zresp::encode::ReplyShape;
use zresp::{CommandRef, Protocol, Reply};

use crate::alone::{Alone, Connection};
use crate::join::Split;
use crate::routing::{Route, answer, authenticate, route};
use crate::session::{Next, Session};
use crate::upstream::{Failure, Upstream};

impl Session {
    /// Returns where a command of this client goes.
    pub(crate) fn route(
        &mut self,
        info: Option<&CommandInfo>,
        command: &CommandRef<'_>,
    ) -> Result<Route, Failure> {
        let topology = &self.proxy.topology;
        let is_login = || info.is_some_and(|info| matches!(&*info.name, "auth" | "hello"));
        match &self.proxy.access.password {
            Some(password) if !self.is_authenticated || is_login() => {
                let is_authenticated = &mut self.is_authenticated;
                authenticate(command, password, &self.client, topology, is_authenticated)
            }
            _ if self.transaction.is_open && !command.is("quit") => Ok(Route::Step),
            _ if !self.feeds.is_empty() && command.is("hello") => {
                Err(Failure::new("ERR a client with subscriptions cannot change its protocol"))
            }
            // Messages of RESP2 look like replies, so only some commands are allowed.
            _ if !self.feeds.is_empty() && self.client.protocol.get() == Protocol::Resp2 => {
                self.route_subscriber(info, command)
            }
            _ => route(info, command, &self.client, topology),
        }
    }

    fn route_subscriber(
        &self,
        info: Option<&CommandInfo>,
        command: &CommandRef<'_>,
    ) -> Result<Route, Failure> {
        let name = info.map_or("", |info| &*info.name);
        if name == "ping" {
            let payload = command.arg(1).unwrap_or_default();
            let pong = [&b"pong"[..], payload].map(|word| Reply::bulk(word.to_vec()));
            return Ok(answer(&Reply::array(pong), Protocol::Resp2));
        }
        if name.ends_with("subscribe") || name == "quit" {
            return route(info, command, &self.client, &self.proxy.topology);
        }
        let name = command.name().escape_ascii().to_string().to_lowercase();
        Err(Failure(format!(
            "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
        )))
    }

    /// Sends a command on its way. Returns what the session does next, if that is not the next command.
    pub(crate) fn dispatch(
        &self,
        route: Route,
        info: Option<&CommandInfo>,
        command: &CommandRef<'_>,
        now: Instant,
    ) -> Result<Option<Next>, Failure> {
        let later = |route| {
            let command = Bytes::copy_from_slice(command.wire());
            Ok(Some(Next::Other(route, command)))
        };
        match route {
            Route::Shared(_) if !self.client.choose_lane(is_script(info)) => {
                self.client.hold_back();
                return Ok(Some(Next::Take));
            }
            Route::Shared(upstream) => {
                let protocol = self.client.protocol.get();
                let is_translated = self.proxy.shared_protocol(&self.client) != protocol;
                match is_translated.then(|| ReplyShape::of(*command)) {
                    Some(shape) if shape.is_translatable() => {
                        let split = Split::translated(upstream, command, shape);
                        split.send(&self.client, &self.proxy);
                    }
                    Some(_) => {
                        let alone = Alone::one(upstream, Connection::Borrowed);
                        return later(Route::Alone(alone));
                    }
                    None => {
                        let lane = self.client.lane(&upstream, protocol, &self.proxy)?;
                        lane.send(&self.client, command.wire(), now);
                    }
                }
            }
            // These wait until every earlier command is answered. So they cannot overtake, and at most one split
            // reply is in memory.
            Route::Split(_) if !self.client.is_answered() => {
                self.client.hold_back();
                return Ok(Some(Next::Take));
            }
            Route::Split(split) => {
                split.send(&self.client, &self.proxy);
                self.client.hold_back();
            }
            Route::Answer(reply) => self.answer(&reply),
            Route::Own(upstream) => return Ok(Some(Next::Relay(upstream))),
            Route::Farewell(reply) => {
                self.answer(&reply);
                return Ok(Some(Next::Leave));
            }
            route => return later(route),
        }
        Ok(None)
    }

    /// Does what takes longer, once every earlier command is answered.
    ///
    /// # Errors
    /// If the client has left.
    pub(crate) async fn do_other(&mut self, route: Route, command: Bytes) -> io::Result<()> {
        match route {
            Route::Alone(alone) => self.ask_alone(alone, command).await?,
            Route::Unknown(upstream) => self.ask_unknown(&upstream, command).await,
            Route::Subscribe => self.subscribe(&command).await?,
            _ => self.step(command).await,
        }
        Ok(())
    }

    /// Returns a new connection on which the client has been presented.
    pub(crate) async fn own_connection(&self, upstream: &Upstream) -> Result<TcpStream, Failure> {
        let mut stream = upstream.connect(self.client.protocol.get()).await?;
        let identity = self.client.identity.take();
        let presented = timeout(self.proxy.access.timeout, identity.present(&mut stream)).await;
        let presented = presented.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        presented.map(|()| stream).map_err(|error| upstream.failure(error))
    }
}

/// Returns whether a command runs a script, which may be endless.
fn is_script(info: Option<&CommandInfo>) -> bool {
    info.is_some_and(|info| info.categories.contains(Categories::SCRIPTING))
}
