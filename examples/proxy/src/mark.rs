//! Makes `WAIT` and `WAITAOF` true, whose client has written on other connections.
//!
//! From Redis 7.2 on, and in Valkey, they wait for the last write of their own connection. So the proxy writes something
//! there first, a mark: the replicas that have it have every earlier write as well. It leaves no key.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use zresp::cluster::{Redirect, key_slot};
use zresp::{CommandBuf, CommandDecoder, EncodeCommand, Framer};

use crate::connection::Connection;
use crate::lane_reader::UNLIMITED;
use crate::session::NAME;
use crate::topology::Topology;
use crate::upstream::{Failure, Upstream};

/// Sets a key and deletes it, unless the key exists.
const SCRIPT: &str = "return redis.call('set',KEYS[1],'','nx') and redis.call('del',KEYS[1])";
/// The reply to a mark that was made.
pub(crate) const MADE: &[u8] = b":1\r\n";
/// How many names are tried to find a key of an upstream. Almost surely they have every slot.
const NAMES: u32 = 1 << 18;
/// How often a mark is tried while slots move, and the pause between two tries.
const TRIES: u8 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// Returns the command that makes a mark on a connection to an upstream. It has a new key each time.
pub(crate) fn mark(upstream: &Rc<Upstream>, topology: &Topology) -> Result<Bytes, Failure> {
    let number = RandomState::new().hash_one(0);
    let mut keys = (0..NAMES).map(|index| format!("zresp-proxy:{number:x}:{index}"));
    let is_own = |key: &String| {
        topology.of_slot(key_slot(key.as_bytes())).is_ok_and(|at| Rc::ptr_eq(&at, upstream))
    };
    let key = keys.find(is_own).ok_or_else(moving)?;
    let mark = CommandBuf::new("EVAL").args([SCRIPT, "1", &key]);
    mark.to_wire().map_err(|error| upstream.failure(error))
}

/// Makes a mark on a connection where no reply is due.
pub(crate) async fn make(connection: &mut Connection, topology: &Topology) -> Result<(), Failure> {
    let upstream = Rc::clone(&connection.upstream);
    for _ in 0..TRIES {
        let reply = connection.send(&mark(&upstream, topology)?).await?;
        match reply.wire().strip_prefix(b"-").map(<[u8]>::trim_ascii_end) {
            None if *reply.wire() == *MADE => return Ok(()),
            None => return Err(upstream.failure("an unexpected reply to a script")),
            // The slot of this key is on its way to another node, but others may stay.
            Some(error) if topology.is_cluster() && Redirect::parse(error).is_some() => {
                topology.refresh();
                sleep(PAUSE).await;
            }
            Some(error) => return Err(Failure(String::from_utf8_lossy(error).into_owned())),
        }
    }
    Err(moving())
}

fn moving() -> Failure {
    Failure::new("TRYAGAIN the slots are being moved")
}

/// Finds the first command that needs a mark in what a client sends.
pub(crate) struct Gate {
    decoder: CommandDecoder,
    /// Finds the end of a command whose beginning has been passed on.
    rest: Option<Framer>,
    is_in_transaction: bool,
    /// Whether a transaction may have turned replies off: then nothing tells whether one is due.
    is_unsure: bool,
}

/// What follows the bytes that can be passed on.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Next {
    /// Something that has yet to arrive.
    More,
    /// A command that needs a mark.
    Wait,
    /// The same, where no mark can be made.
    LateWait,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let decoder = CommandDecoder::with_limits(UNLIMITED);
        Self { decoder, rest: None, is_in_transaction: false, is_unsure: false }
    }

    /// Returns how many bytes can be passed on, and what follows. The other bytes must be at the beginning of the input
    /// of the next call.
    pub(crate) fn advance(&mut self, input: &[u8]) -> (usize, Next) {
        let (mut taken, mut inline) = (0, Vec::new());
        while taken < input.len() {
            if let Some(framer) = &mut self.rest {
                // The server complains about broken input, and ends the connection.
                let Ok(progress) = framer.advance(&input[taken..]) else { break };
                taken += progress.taken;
                if progress.is_complete {
                    self.rest = None;
                }
                continue;
            }
            match self.decoder.decode(&input[taken..]) {
                Ok(Some(request)) => {
                    let command = request.command().to_array(&mut inline);
                    if let Some(next) = self.before(command.name(), command.arg(1)) {
                        return (taken, next);
                    }
                    match &*command.name().to_ascii_lowercase() {
                        b"multi" => self.is_in_transaction = true,
                        b"exec" | b"discard" | b"reset" => self.is_in_transaction = false,
                        _ => {}
                    }
                    taken += request.wire().len();
                }
                Ok(None) => {
                    taken += self.decoder.take_skipped();
                    let rest = &input[taken..];
                    let Some(command) = self.decoder.partial(rest) else {
                        return (taken, Next::More);
                    };
                    let word = command.arg(1);
                    if let Some(next) = command.name().and_then(|name| self.before(name, word)) {
                        return (taken, next);
                    }
                    if word.is_none() && rest.len() <= NAME {
                        return (taken, Next::More);
                    }
                    self.rest = Some(self.decoder.take_framer(rest));
                    break;
                }
                Err(_) => break,
            }
        }
        (input.len(), Next::More)
    }

    /// Returns what must come before a command. A mark must come before `CLIENT REPLY`, too: after it, nothing tells whether
    /// a reply is due.
    fn before(&mut self, name: &[u8], word: Option<&[u8]>) -> Option<Next> {
        let is_reply = name.eq_ignore_ascii_case(b"client")
            && word.is_some_and(|word| word.eq_ignore_ascii_case(b"reply"));
        let is_late = self.is_in_transaction || self.is_unsure;
        self.is_unsure |= is_reply && is_late;
        match (is_reply, is_late) {
            (true, true) => None,
            (true, false) => Some(Next::Wait),
            (false, _) => {
                is_wait(name).then_some(if is_late { Next::LateWait } else { Next::Wait })
            }
        }
    }
}

/// Returns whether a command of this name waits for replicas.
pub(crate) fn is_wait(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"wait") || name.eq_ignore_ascii_case(b"waitaof")
}
