//! Packet captures: from packets to commands and their replies.
//!
//! [`packets`] reads the file, [`blocks`] finds the packets in it and [`segment`] their TCP segments, and [`unread`] counts
//! those that are not read. [`stream`] puts the segments of one direction together,
//! [`half`] takes frames off the stream, [`roles`] finds out which side is the server, [`pairing`] finds the command that
//! a reply belongs to, [`primary`] reads what a primary sends to its replica, and [`show`] hands all that is whole to the
//! view.

mod blocks;
mod connection;
mod half;
mod packets;
mod pairing;
mod primary;
mod roles;
mod segment;
mod show;
mod stream;
mod unread;

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::pass::Pass;

use connection::Connection;
use segment::Segment;

/// How many connections are known before those that have ended are forgotten. Until then, segments that come late are
/// told from those of another connection.
const KNOWN: usize = 1024;
/// How many connections are known at the most. The half of them that has been silent for longest is forgotten then.
const MOST: usize = 32 * 1024;
/// How many bytes of memory all connections may hold together: enough for a value of the largest size that servers accept.
const HELD: usize = 1024 * 1024 * 1024;
/// How long after the end of the part that is shown packets may still be out of order.
const DISORDER: Duration = Duration::from_secs(1);

/// The addresses of both sides, the lower one first.
type Ends = (SocketAddr, SocketAddr);

/// Shows all commands of a capture with their replies, in the order of the replies.
///
/// # Errors
/// Errors of the output.
pub(crate) fn drain(
    input: &str,
    reader: impl Read + Send,
    ports: &[u16],
    pass: &mut Pass<'_>,
) -> io::Result<()> {
    let mut capture = Capture { connections: HashMap::new(), seen: 0, held: 0, known: KNOWN };
    let read = packets::each(reader, pass.selects_by_time(), |segment| match segment {
        Some(segment) => capture.take(input, segment, ports, pass),
        None => pass.flush().map(ControlFlow::Continue),
    })?;
    let mut rest: Vec<_> = capture.connections.into_values().collect();
    rest.sort_by_key(Connection::order);
    for mut connection in rest {
        connection.finish(input, pass)?;
    }
    pass.note_strangers(input)?;
    for line in read.unread.lines().into_iter().chain(read.error) {
        pass.fail(&format!("{input}: {line}"))?;
    }
    Ok(())
}

/// The connections of a capture.
struct Capture {
    connections: HashMap<Ends, Connection>,
    /// The number of segments so far.
    seen: u64,
    /// How many bytes of memory the connections hold.
    held: usize,
    /// How many connections there may be before some are forgotten.
    known: usize,
}

impl Capture {
    /// Takes a segment. Returns whether more are wanted.
    fn take(
        &mut self,
        input: &str,
        segment: &Segment<'_>,
        ports: &[u16],
        pass: &mut Pass<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.seen += 1;
        if pass.client().is_none_or(|client| [segment.from, segment.to].contains(&client)) {
            self.take_wanted(input, segment, ports, pass)?;
        }
        let is_over = pass.end_time().is_some_and(|end| self.is_over(end, segment.time));
        Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Takes a segment of a connection that is to be shown.
    fn take_wanted(
        &mut self,
        input: &str,
        segment: &Segment<'_>,
        ports: &[u16],
        pass: &mut Pass<'_>,
    ) -> io::Result<()> {
        let ends = segment.ends();
        // A connection with the same ports begins.
        if segment.is_first() {
            let is_other = |old: &Connection| !old.began_with(segment);
            if self.connections.get(&ends).is_some_and(is_other) {
                self.forget(input, &ends, pass)?;
            }
        }
        if self.connections.len() >= self.known {
            self.make_room(input, pass)?;
        }
        let connection = self.connections.entry(ends).or_insert_with(|| Connection::new(self.seen));
        connection.seen = self.seen;
        self.held -= connection.held();
        connection.take(input, segment, ports, pass)?;
        self.held += connection.held();
        if self.held > HELD {
            self.give_up_largest(input, pass)?;
        }
        Ok(())
    }

    fn forget(&mut self, input: &str, ends: &Ends, pass: &mut Pass<'_>) -> io::Result<()> {
        let Some(mut old) = self.connections.remove(ends) else { return Ok(()) };
        self.held -= old.held();
        old.finish(input, pass)
    }

    /// Forgets connections that have ended, and if too many are left, those that have been silent for longest.
    fn make_room(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        let mut open: Vec<_> = Vec::new();
        self.connections.retain(|ends, connection| {
            if connection.has_ended() {
                self.held -= connection.held();
            } else {
                open.push((connection.seen, *ends));
            }
            !connection.has_ended()
        });
        if open.len() > MOST / 2 {
            open.sort_unstable();
            open.truncate(open.len() / 2);
            for (_, ends) in open {
                self.forget(input, &ends, pass)?;
            }
        }
        self.known = (2 * self.connections.len()).clamp(KNOWN, MOST);
        Ok(())
    }

    fn give_up_largest(&mut self, input: &str, pass: &mut Pass<'_>) -> io::Result<()> {
        let largest = self.connections.values_mut().max_by_key(|connection| connection.held());
        let Some(largest) = largest else { return Ok(()) };
        self.held -= largest.held();
        largest.give_up(input, pass)?;
        self.held += largest.held();
        Ok(())
    }

    /// Returns whether everything that began before a time has been shown. This looks at all connections, but only at
    /// some segments.
    fn is_over(&self, end: Duration, now: Duration) -> bool {
        now >= end.saturating_add(DISORDER)
            && self.seen % 1024 == 0
            && !self.connections.values().any(|connection| connection.waits_since(end))
    }
}
