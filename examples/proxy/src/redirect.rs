//! Commands that a cluster refused for now: where and when to send them again.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use zresp::Protocol;
use zresp::cluster::{Redirect, RedirectKind};

use crate::lane::{Due, Recipient};
use crate::topology::Topology;
use crate::upstream::Upstream;

/// How often a redirected command may be sent again. While a slot moves as a whole, both its nodes redirect to the
/// other one for a moment.
const REDIRECTIONS: u8 = 7;
/// How often a command may be sent again while the cluster is not ready for it: for five seconds in all. A failover
/// usually keeps a cluster down for one or two.
const ATTEMPTS: u8 = 56;
/// The first pause before a command is sent again. It doubles each time, up to the longest one.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));
/// Makes a node accept the next command although its slot is still being moved to that node.
const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";

/// Where and when to send a command again.
pub(crate) struct Retry {
    pub(crate) upstream: Rc<Upstream>,
    /// Whether `ASKING` must come before it.
    pub(crate) is_asking: bool,
    pub(crate) pause: Duration,
}

impl Retry {
    /// Returns what to do after a reply; `None` if it is not from a cluster, or says something else, or if the
    /// command has been sent again too often.
    pub(crate) fn after(
        reply: &[u8],
        from: &Rc<Upstream>,
        tries: u8,
        topology: &Topology,
    ) -> Option<Self> {
        let text = reply.strip_prefix(b"-")?.strip_suffix(b"\r\n")?;
        if !topology.is_cluster() {
            return None;
        }
        let mut pause = PAUSE.0.saturating_mul(1 << tries.min(10)).min(PAUSE.1);
        let Some(redirect) = Redirect::parse(text) else {
            let is_down = text.starts_with(b"CLUSTERDOWN ");
            if is_down {
                topology.refresh();
            }
            let upstream = Rc::clone(from);
            let is_passing = tries < ATTEMPTS && (is_down || text.starts_with(b"TRYAGAIN "));
            return is_passing.then_some(Self { upstream, is_asking: false, pause });
        };
        match tries {
            0 => pause = Duration::ZERO,
            REDIRECTIONS.. => return None,
            _ => {}
        }
        let upstream = topology.redirected(&redirect, from)?;
        let is_asking = matches!(redirect.kind, RedirectKind::Ask { .. });
        Some(Self { upstream, is_asking, pause })
    }

    /// Sends a command of a lane again.
    pub(crate) fn send(self, mut due: Due, protocol: Protocol) {
        due.tries += 1;
        // The refusal was counted, but the command has yet to get its reply.
        due.count = 1;
        let Some(client) = due.to.client().cloned() else { return };
        client.hold_back();
        tokio::task::spawn_local(async move {
            if !self.pause.is_zero() {
                sleep(self.pause).await;
            }
            if client.is_gone() {
                return;
            }
            match client.lane(&self.upstream, protocol) {
                Ok(lane) => {
                    if self.is_asking {
                        let asking = Some(Bytes::from_static(ASKING));
                        lane.resend(Due::new(Recipient::Proxy, asking, None, due.since));
                    }
                    lane.resend(due);
                }
                Err(failure) => due.give(failure.to_reply()),
            }
        });
    }
}
