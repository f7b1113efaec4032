//! Commands that a cluster refused for now: where and when to send them again.
//!
//! A client's commands are sent again one at a time, so that they keep their order whatever the nodes answer.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::sleep;
use zresp::cluster::{Redirect, RedirectKind};
use zresp::commands::{self, Categories};
use zresp::requests;

use crate::client::Client;
use crate::due::Due;
use crate::routing::{Place, place};
use crate::topology::Topology;
use crate::upstream::Upstream;

/// How often a redirected command may be sent again. While a slot moves as a whole, both its nodes redirect to the
/// other one for a moment.
const REDIRECTIONS: u8 = 7;
/// How often a command may be sent again while the cluster is not ready for it: for five seconds in all. A failover
/// usually keeps a cluster down for one or two.
const ATTEMPTS: u8 = 56;
/// The pauses before a command is sent again. They double each time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// Makes a node accept the next command although its slot is still being moved to that node.
pub(crate) const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";

/// Who can have written an error.
pub(crate) enum Author {
    Server,
    /// A client, for example in a script. The command has this slot.
    Client(Option<u16>),
}

impl Author {
    /// Returns who can have written the error that answers a command. The errors of modules, too, may begin with what a
    /// client wrote; and after the error of a script, what looks like the next reply may be a part of it.
    pub(crate) fn of(command: &[u8], is_spoiled: bool, topology: &Topology) -> Self {
        let (request, mut inline) = (requests(command).next().and_then(Result::ok), Vec::new());
        let Some(request) = request else { return Self::Client(None) };
        let command = request.command().to_array(&mut inline);
        let is_plain = commands::of(&command).is_some_and(|info| {
            !info.categories.contains(Categories::SCRIPTING) && !info.name.contains('.')
        });
        let table = topology.commands();
        match table.of(&command).map(|info| place(info, &command, &table)) {
            _ if is_plain && !is_spoiled => Self::Server,
            Some(Ok(Place::Slot(slot))) => Self::Client(Some(slot)),
            _ => Self::Client(None),
        }
    }
}

/// Where and when to send a command again.
pub(crate) struct Retry {
    pub(crate) upstream: Rc<Upstream>,
    /// Whether `ASKING` must come before it.
    pub(crate) is_asking: bool,
    pub(crate) pause: Duration,
    pub(crate) tries: Tries,
}

/// How often a command was sent again: after a redirection, and because the cluster was not ready.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tries {
    redirected: u8,
    refused: u8,
}

impl Retry {
    /// Returns what to do after a reply; `None` if it is not from a cluster, or says something else, or if the command
    /// has been sent again too often.
    pub(crate) fn after(
        reply: &[u8],
        author: impl FnOnce() -> Author,
        from: &Rc<Upstream>,
        mut tries: Tries,
        topology: &Topology,
    ) -> Option<Self> {
        let text = reply.strip_prefix(b"-")?.strip_suffix(b"\r\n")?;
        let (redirect, is_down) = (Redirect::parse(text), text.starts_with(b"CLUSTERDOWN "));
        let is_refusal = redirect.is_some() || is_down || text.starts_with(b"TRYAGAIN ");
        if !topology.is_cluster() || !is_refusal {
            return None;
        }
        let author = author();
        if is_down {
            topology.refresh();
        }
        let (count, most) = match redirect {
            Some(_) => (&mut tries.redirected, REDIRECTIONS),
            None => (&mut tries.refused, ATTEMPTS),
        };
        if *count == most {
            return None;
        }
        let mut pause = SHORTEST_PAUSE.saturating_mul(1 << (*count).min(10)).min(LONGEST_PAUSE);
        if *count == 0 && redirect.is_some() {
            pause = Duration::ZERO;
        }
        *count += 1;
        let Some(redirect) = redirect else {
            // A script may have done its work before it returned the error.
            let is_passing = matches!(author, Author::Server);
            let upstream = Rc::clone(from);
            return is_passing.then_some(Self { upstream, is_asking: false, pause, tries });
        };
        let upstream = topology.redirected(&redirect, from, &author)?;
        let is_asking = matches!(redirect.kind, RedirectKind::Ask { .. });
        Some(Self { upstream, is_asking, pause, tries })
    }

    /// Sends a command of a lane again, when it is its turn.
    pub(crate) fn send(self, mut due: Due) {
        due.tries = self.tries;
        // The refusal was counted, but the command has yet to get its reply.
        due.count = 1;
        let Some(client) = due.to.client().cloned() else { return };
        client.hold_back();
        if due.turn.is_none() {
            let mut refused = client.refused.borrow_mut();
            if let Some(refused) = &mut *refused {
                return refused.push_back((due, self));
            }
            *refused = Some(VecDeque::new());
            due.turn = Some(Turn(Rc::clone(&client)));
        }
        self.start(client, due);
    }

    fn start(self, client: Rc<Client>, due: Due) {
        tokio::task::spawn_local(async move {
            if !self.pause.is_zero() {
                sleep(self.pause).await;
            }
            if client.is_gone() {
                return;
            }
            match client.lane(&self.upstream) {
                Ok(lane) => lane.resend(due, self.is_asking),
                Err(failure) => due.give(failure.to_reply()),
            }
        });
    }
}

/// The commands of a client that were refused and wait for their turns. `None` if none is being sent again.
pub(crate) type Refused = Option<VecDeque<(Due, Retry)>>;

/// A command has it while it is sent again. When the command has its reply, the next one gets a turn.
pub(crate) struct Turn(Rc<Client>);

impl Drop for Turn {
    fn drop(&mut self) {
        let mut refused = self.0.refused.borrow_mut();
        match refused.as_mut().and_then(VecDeque::pop_front) {
            Some((mut due, retry)) => {
                due.turn = Some(Self(Rc::clone(&self.0)));
                retry.start(Rc::clone(&self.0), due);
            }
            None => *refused = None,
        }
    }
}
