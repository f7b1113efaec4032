//! Sends a command on its way.

use std::io;
use std::rc::Rc;

use bytes::BytesMut;
use tokio::time::Instant;
use zresp::commands::{Categories, CommandInfo, Flags};
use zresp::{Command, CommandFrame, CommandRef};

use crate::connection::Connection;
use crate::lane::Kind;
use crate::routing::Route;
use crate::session::{LARGE, Next, Session};
use crate::spread::Spread;
use crate::upstream::{Failure, Upstream};

/// The flags of commands that servers send to their replicas. Servers that need a [mark](crate::mark) have both.
const WRITES: Flags = Flags::WRITE.union(Flags::MAY_REPLICATE);

impl Session {
    /// Sends a command on its way. Returns what the session does next, if that is not the next command.
    pub(crate) fn dispatch(
        &self,
        route: Route,
        info: Option<&CommandInfo>,
        command: &CommandRef<'_>,
        now: Instant,
    ) -> Result<Option<Next>, Failure> {
        let is_last = matches!(route, Route::Last(_));
        let may_write = |info: &CommandInfo| info.flags.intersects(WRITES);
        if info.is_some_and(may_write) && !matches!(route, Route::Own(_)) {
            self.client.has_written.set(true);
        }
        match route {
            Route::Shared(upstream) | Route::Last(upstream) => {
                // A script may be endless. And it may return types that only one of the protocols has.
                let is_script =
                    |info: &CommandInfo| info.categories.contains(Categories::SCRIPTING);
                let wanted = info.is_some_and(is_script).then_some(Kind::Script);
                let (protocol, shape) = match wanted {
                    Some(_) => (self.client.protocol.get(), None),
                    None => self.client.protocol_of(command),
                };
                if !self.client.choose_lane(wanted, protocol) {
                    self.client.hold_back();
                    return Ok(Some(Next::Take));
                }
                let lane = self.client.lane(&upstream)?;
                if lane.makes_wait(&self.client) {
                    return Ok(Some(Next::Take));
                }
                lane.send(&self.client, command.wire(), shape, now);
                if is_last {
                    self.client.hold_back();
                }
            }
            Route::Answer(reply) => self.answer(&reply),
            Route::Own(upstream) => return Ok(Some(Next::Relay(upstream))),
            Route::Farewell(reply) => {
                self.answer(&reply);
                return Ok(Some(Next::Leave));
            }
            Route::Spread(spread) if command.wire().len() <= LARGE => {
                return self.spread(spread, command);
            }
            route => return Ok(Some(Next::Other(route, CommandFrame::from(*command)))),
        }
        Ok(None)
    }

    /// Does what takes longer, once every earlier command is answered.
    ///
    /// # Errors
    /// If the client has left.
    pub(crate) async fn do_other(&mut self, route: Route, frame: CommandFrame) -> io::Result<()> {
        let Command::Array(command) = frame.command() else { return Ok(()) };
        match route {
            Route::Spread(spread) => self.spread_large(spread, &command).await,
            Route::Unknown => self.ask_unknown(&command).await,
            Route::Subscribe => self.subscribe(&command, frame.wire()).await,
            _ => {
                self.step(&command).await;
                Ok(())
            }
        }
    }

    /// Sends a command that the table does not know on a connection that is not used again. If an upstream knows the
    /// command, it is taken again, with a new table.
    async fn ask_unknown(&mut self, command: &CommandRef<'_>) -> io::Result<()> {
        let known = async {
            let topology = &self.proxy.topology;
            let (upstream, is_one) = (topology.any()?, topology.only().is_some());
            let learned = self.proxy.access.table.learn(&upstream, command, is_one).await;
            learned.map(|is_known| (is_known, upstream))
        };
        match known.await {
            Ok((false, upstream)) => {
                let spread = Spread::one(upstream, Some(Kind::Single));
                return self.spread_large(spread, command).await;
            }
            Ok((true, _)) => {
                let rest = std::mem::replace(&mut self.input, BytesMut::from(command.wire()));
                self.input.unsplit(rest);
            }
            Err(failure) => self.fail(&failure),
        }
        Ok(())
    }

    /// Returns a new connection on which the client has been presented.
    pub(crate) async fn own_connection(
        &self,
        upstream: &Rc<Upstream>,
    ) -> Result<Connection, Failure> {
        let mut connection = upstream.connect(self.client.protocol.get()).await?;
        let identity = self.client.identity.take();
        identity.present(&mut connection).await.map(|()| connection)
    }
}
