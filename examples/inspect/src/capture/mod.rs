//! Packet captures: from packets to commands and their replies.
//!
//! [`packets`] reads the file, [`blocks`] finds the packets in it and [`segment`] their TCP segments, and [`unread`] counts
//! those that are not read. [`stream`] puts the segments of one direction together,
//! [`half`] takes frames off the stream, [`roles`] finds out which side is the server, [`pairing`] finds the command that
//! a reply belongs to, unless there is a [`doubt`], [`primary`] reads what a primary sends to its replica, and [`show`] hands all that is whole to the
//! view.

mod blocks;
mod connection;
mod doubt;
mod half;
mod packets;
mod pairing;
mod primary;
mod roles;
mod segment;
mod show;
mod silence;
mod stream;
mod unread;

use std::collections::HashMap;
use std::io::{self, Read};
use std::mem;
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
/// The longest time between two files of one capture. Files of other captures may have connections between the same ends.
const PAUSE: Duration = Duration::from_secs(60);
/// How long after the end of the part that is shown packets may still be out of order.
const DISORDER: Duration = Duration::from_secs(1);

/// The addresses of both sides, the lower one first.
type Ends = (SocketAddr, SocketAddr);

/// The connections of a capture, which may be several files: those that were written one after the other.
pub(crate) struct Capture {
    /// The name of the last file, and the time of its last segment.
    input: String,
    end: Duration,
    connections: HashMap<Ends, Connection>,
    /// The number of segments so far.
    seen: u64,
    /// How many bytes of memory the connections hold.
    held: usize,
    /// How many connections there may be before some are forgotten.
    known: usize,
    /// Whether a segment was kept apart that may begin another connection.
    has_openings: bool,
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            input: String::new(),
            end: Duration::ZERO,
            connections: HashMap::new(),
            seen: 0,
            held: 0,
            known: KNOWN,
            has_openings: false,
        }
    }
}

impl Capture {
    /// Shows all commands of a file with their replies, in the order of the replies. What has not ended may go on in the
    /// next file.
    ///
    /// # Errors
    /// Errors of the output.
    pub(crate) fn drain(
        &mut self,
        input: &str,
        reader: impl Read + Send,
        ports: &[u16],
        pass: &mut Pass<'_>,
    ) -> io::Result<()> {
        let mut is_first = true;
        let read = packets::each(reader, pass.selects_by_time(), |segment| match segment {
            Some(segment) => {
                if mem::take(&mut is_first) {
                    let since = segment.time.checked_sub(self.end);
                    if since.is_none_or(|since| since > PAUSE) {
                        self.finish(pass)?;
                    }
                    input.clone_into(&mut self.input);
                }
                self.end = self.end.max(segment.time);
                self.take(input, segment, ports, pass)
            }
            None => pass.flush().map(ControlFlow::Continue),
        })?;
        for line in read.unread.lines().into_iter().chain(read.error) {
            pass.fail(&format!("{input}: {line}"))?;
        }
        Ok(())
    }

    /// Shows what is left of all connections, and says what is missing.
    ///
    /// # Errors
    /// Errors of the output.
    pub(crate) fn finish(&mut self, pass: &mut Pass<'_>) -> io::Result<()> {
        let Self { input, connections, .. } = mem::take(self);
        let mut rest: Vec<_> = connections.into_values().collect();
        rest.sort_by_key(Connection::order);
        for mut connection in rest {
            connection.finish(&input, pass)?;
        }
        pass.end()?;
        if input.is_empty() {
            return Ok(());
        }
        pass.note_connections(&input)?;
        pass.note_unpaired(&input)?;
        pass.note_unfinished(&input)
    }

    /// Takes a segment. Returns whether more are wanted.
    fn take(
        &mut self,
        input: &str,
        segment: &Segment<'_>,
        ports: &[u16],
        pass: &mut Pass<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.seen += 1;
        if pass.wants(segment.from) || pass.wants(segment.to) {
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
        let may_begin = segment.is_first() || self.has_openings;
        let old = may_begin.then(|| self.connections.get_mut(&ends)).flatten();
        if let Some(old) = old {
            // A connection with the same ports begins.
            if segment.is_first() && old.is_before(segment) {
                if old.keeps_apart(segment) {
                    self.has_openings = true;
                    return Ok(());
                }
                self.forget(input, &ends, pass)?;
            } else if let Some(opening) = old.answered(segment) {
                self.forget(input, &ends, pass)?;
                self.take_wanted(input, &opening, ports, pass)?;
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
        let (mut ended, mut open) = (Vec::new(), Vec::new());
        for (ends, connection) in &self.connections {
            let list = if connection.has_ended() { &mut ended } else { &mut open };
            list.push((connection.seen, *ends));
        }
        if open.len() > MOST / 2 {
            open.sort_unstable();
            open.truncate(open.len() / 2);
            ended.append(&mut open);
        }
        ended.sort_unstable();
        for (_, ends) in ended {
            self.forget(input, &ends, pass)?;
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::filter::Filter;
    use crate::options::Options;
    use crate::stats::Stats;

    /// The size of a value, and how many connections carry one.
    const VALUE: usize = 2 * 1024 * 1024;
    const CONNECTIONS: u16 = 50;

    /// Takes a command with a large value, and its reply, of one connection after the other; returns how much memory is held
    /// after them, and before the end of the last one.
    fn held(flags: &[(bool, bool)]) -> (usize, usize) {
        let mut sink = Stats::new(io::sink());
        let mut pass = Pass::new(&mut sink, Filter::new(&Options::parse_from([""])), false);
        let mut capture = Capture::default();
        let value = vec![b'x'; VALUE];
        let command = [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2097152\r\n", &value[..], b"\r\n"].concat();
        let mut most = 0;
        for port in 1..=CONNECTIONS {
            let [client, server] = [1, 2].map(|host| {
                SocketAddr::from(([10, 0, 0, host], if host == 1 { port } else { 6379 }))
            });
            let segment = Segment {
                time: Duration::ZERO,
                from: client,
                to: server,
                sequence: 0,
                acknowledged: None,
                syn: false,
                fin: false,
                reset: false,
                payload: &[],
            };
            let mut take = |segment| {
                let taken = capture.take("", &segment, &[6379], &mut pass);
                assert!(taken.expect("no output").is_continue());
                most = most.max(capture.held);
            };
            let mut sequence = 0;
            for payload in command.chunks(60_000) {
                take(Segment { sequence, payload, ..segment });
                sequence += 60_000;
            }
            let sequence = u32::try_from(command.len()).expect("32 bits");
            let reply = Segment { from: server, to: client, ..segment };
            take(Segment { payload: b"+OK\r\n", ..reply });
            for (fin, reset) in flags {
                take(Segment { sequence, fin: *fin, reset: *reset, ..segment });
                take(Segment { sequence: 5, fin: *fin, ..reply });
            }
        }
        (capture.held, most)
    }

    #[test]
    fn connections_that_are_idle_or_have_ended_hold_little() {
        for flags in [&[][..], &[(false, false)], &[(true, false)], &[(false, true)]] {
            let (held, most) = held(flags);
            // While a value arrives, a quarter of the buffer may be free; the command waits for its reply.
            let (room, large) = (usize::from(CONNECTIONS) * 24 * 1024, VALUE * 5 / 4 + VALUE);
            assert!(held < room && most < room + large, "{flags:?}: {held}, {most}");
        }
    }
}
