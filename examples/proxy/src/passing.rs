//! Large commands, which are passed on while they arrive.

use std::io;
use std::rc::Rc;

use zresp::{Error, Framer};

use crate::lane::Lane;
use crate::session::Session;
use crate::upstream::Upstream;

impl Session {
    /// Passes on a large command while it arrives, on a lane that nobody else uses.
    pub(crate) async fn pass_on(&mut self, upstream: &Rc<Upstream>) -> io::Result<()> {
        let lane = upstream.unused_lane(&self.proxy, self.client.protocol.get());
        let framer = self.decoder.take_framer(&self.input);
        match &lane {
            Ok(lane) => {
                self.client.use_lane(lane);
                lane.begin(&self.client, &self.input);
            }
            // The command is still read to its end, where the next one begins.
            Err(failure) => self.fail(failure),
        }
        self.input.clear();
        let end = self.pass_rest(framer, lane.as_deref().ok()).await;
        let outcome = match &end {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.leave();
                Err(Self::protocol_failure(*error, &[]))
            }
            Err(error) => Err(upstream.failure(error)),
        };
        match (lane, outcome) {
            (Ok(lane), outcome) => lane.end(outcome),
            (Err(_), Err(failure)) => self.fail(&failure),
            _ => {}
        }
        end.map(|_| ())
    }

    /// Passes on the rest of a large command; returns what is wrong with it, if anything is.
    async fn pass_rest(
        &mut self,
        mut framer: Framer,
        lane: Option<&Lane>,
    ) -> io::Result<Result<(), Error>> {
        let proxy = Rc::clone(&self.proxy);
        loop {
            self.when(|_| lane.is_none_or(Lane::has_room)).await?;
            // It may have read a part.
            let begun = self.input.split();
            let len = if begun.is_empty() { self.read().await? } else { 0 };
            let scratch = proxy.scratch.borrow();
            let chunk = if begun.is_empty() { &scratch[..len] } else { &begun[..] };
            if chunk.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            proxy.metrics.received(len);
            let progress = match framer.advance(chunk) {
                Ok(progress) => progress,
                Err(error) => return Ok(Err(error)),
            };
            if let Some(lane) = lane {
                lane.go_on(&chunk[..progress.taken]);
            }
            if progress.is_complete {
                self.input.extend_from_slice(&chunk[progress.taken..]);
                return Ok(Ok(()));
            }
        }
    }
}
