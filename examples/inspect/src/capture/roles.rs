//! Which side of a connection is the server, and whether they speak RESP.

use std::net::SocketAddr;

use crate::detect::{self, Found};
use crate::kind::InputKind;

use super::segment::Segment;

/// Returns the client and the server: by who opens the connection, by the port, or by what they say.
pub(super) fn recognise(segment: &Segment<'_>, ports: &[u16]) -> Option<(SocketAddr, SocketAddr)> {
    let Segment { from, to, payload, .. } = *segment;
    let (forth, back) = (Some((from, to)), Some((to, from)));
    if segment.syn {
        return if segment.is_first() { forth } else { back };
    }
    match (ports.contains(&from.port()), ports.contains(&to.port())) {
        (false, true) => return forth,
        (true, false) => return back,
        _ => {}
    }
    match detect::detect(payload) {
        Found::Kind(InputKind::Requests | InputKind::Aof) => forth,
        Found::Kind(InputKind::Replies | InputKind::Replication) => back,
        _ => None,
    }
}

/// Returns what a connection is that is certainly not RESP.
pub(super) const fn stranger(found: Found) -> Option<&'static str> {
    match found {
        Found::Tls => Some("a TLS stream, which is encrypted"),
        Found::Http => Some("an HTTP exchange, not RESP"),
        _ => None,
    }
}
