//! Replies that an upstream owes, and who gets them.

use std::rc::Rc;

use bytes::Bytes;
use tokio::time::Instant;
use zresp::encode::{ReplyShape, Shaped};
use zresp::{Encode, decode};

use crate::client::Client;
use crate::redirect::{Tries, Turn};
use crate::upstream::Failure;

/// One or more consecutive replies that the upstream owes to the same recipient.
pub(crate) struct Due {
    pub(crate) to: Recipient,
    pub(crate) count: usize,
    pub(crate) since: Instant,
    /// The command, kept if a cluster may redirect it.
    pub(crate) command: Option<Bytes>,
    /// How often it was sent again, and its turn if it is being sent again.
    pub(crate) tries: Tries,
    pub(crate) turn: Option<Turn>,
    /// How to translate the reply, if the client has the other protocol.
    pub(crate) shape: Option<ReplyShape>,
}

/// Where a reply goes.
pub(crate) enum Recipient {
    /// To a client, with this ticket.
    Client(Rc<Client>, u64),
    /// The same, as a part of a joined reply.
    Part(Rc<Client>, u64, usize),
    /// Nowhere: it answers `ASKING`.
    Proxy,
}

impl Due {
    pub(crate) fn new(
        to: Recipient,
        command: Option<Bytes>,
        shape: Option<ReplyShape>,
        since: Instant,
    ) -> Self {
        Self { to, count: 1, since, command, tries: Tries::default(), turn: None, shape }
    }

    /// Gives a reply to the recipient, in the protocol of its client.
    pub(crate) fn give(&self, mut reply: Bytes) {
        if let (Some(shape), Some(client)) = (self.shape, self.to.client()) {
            let frame = decode(&reply).ok().flatten();
            let translated =
                frame.map(|frame| Shaped::new(frame, shape).to_wire(client.protocol.get()));
            let failure = || Failure::new("ERR the reply cannot be translated").to_reply();
            reply = translated.and_then(Result::ok).unwrap_or_else(failure);
        }
        match &self.to {
            Recipient::Client(client, ticket) => client.deliver(*ticket, &reply, 1),
            Recipient::Part(client, ticket, part) => client.take_part(*ticket, *part, reply),
            Recipient::Proxy => {}
        }
    }
}

impl Recipient {
    /// Returns the client that the reply is for in the end.
    pub(crate) fn client(&self) -> Option<&Rc<Client>> {
        match self {
            Self::Client(client, _) | Self::Part(client, ..) => Some(client),
            Self::Proxy => None,
        }
    }

    /// Returns whether the reply is for another command of the same client than that of another recipient.
    pub(crate) fn is_after(&self, other: &Self) -> bool {
        let place = |to: &Self| match to {
            Self::Client(client, ticket) | Self::Part(client, ticket, _) => {
                Some((Rc::as_ptr(client), *ticket))
            }
            Self::Proxy => None,
        };
        matches!((place(self), place(other)), (Some(this), Some(other)) if this.0 == other.0 && this.1 != other.1)
    }
}
