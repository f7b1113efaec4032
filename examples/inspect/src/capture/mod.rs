//! Packet captures: from packets to commands and their replies.
//!
//! [`packets`] reads the file and finds the TCP segments in it, [`stream`] puts the segments of one direction together,
//! [`half`] takes frames off the stream, [`connection`] knows which side is the server, and [`pairing`] finds the command
//! that a reply belongs to.

mod connection;
mod half;
mod packets;
mod pairing;
mod stream;

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::SocketAddr;

use crate::pass::Pass;

use connection::Connection;
use packets::Segment;

/// How many connections are known before those that have ended are forgotten. Until then, segments that come late are
/// told from those of another connection.
const KNOWN: usize = 1024;

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
    let mut connections: HashMap<Ends, Connection> = HashMap::new();
    let (mut order, mut known) = (0, KNOWN);
    let mut take = |segment: &Segment<'_>, pass: &mut Pass<'_>| {
        let ends = segment.ends();
        // A connection with the same ports begins.
        if segment.is_first() {
            if let Some(mut old) = connections.remove(&ends) {
                old.finish(input, pass)?;
            }
        }
        if connections.len() >= known {
            connections.retain(|_, connection| !connection.has_ended());
            known = KNOWN.max(2 * connections.len());
        }
        let connection = connections.entry(ends).or_insert_with(|| {
            order += 1;
            Connection::new(order)
        });
        connection.take(input, segment, ports, pass)
    };
    let read = packets::each(reader, |segment| take(segment, pass))?;
    let mut rest: Vec<_> = connections.into_values().collect();
    rest.sort_by_key(Connection::order);
    for mut connection in rest {
        connection.finish(input, pass)?;
    }
    match read {
        Ok(()) => Ok(()),
        Err(error) => pass.fail(&format!("{input}: {error}")),
    }
}
