//! From a packet to its TCP segment.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::Linktype;

use super::unread::Why;

/// A TCP segment, and when it was recorded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment<'a> {
    /// Since 1970.
    pub(super) time: Duration,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) acknowledged: Option<u32>,
    pub(super) syn: bool,
    /// Whether the sender has no more to send.
    pub(super) fin: bool,
    pub(super) reset: bool,
    pub(super) payload: &'a [u8],
}

impl Segment<'_> {
    /// Returns the addresses of both sides, the lower one first.
    pub(super) fn ends(&self) -> (SocketAddr, SocketAddr) {
        (self.from.min(self.to), self.from.max(self.to))
    }

    /// Returns whether this is what a client opens a connection with.
    pub(super) const fn is_first(&self) -> bool {
        self.syn && self.acknowledged.is_none()
    }
}

/// Returns a packet without the header of its link, by the number of its protocol on Ethernet. A smaller number is a
/// length or none: then the header of LLC tells the protocol, if it is that of SNAP.
fn of_kind<'a>(kind: &[u8], packet: &'a [u8]) -> LaxSlicedPacket<'a> {
    let number = kind.iter().fold(0, |number, byte| number << 8 | u16::from(*byte));
    match packet {
        [0xaa, 0xaa, 3, 0, 0, 0, kind @ ..] if number < LEAST_KIND && kind.len() >= 2 => {
            let (kind, packet) = kind.split_at(2);
            of_kind(kind, packet)
        }
        _ => LaxSlicedPacket::from_ether_type(EtherType(number), packet),
    }
}

/// Packets that begin with an IP header, as BSD and OpenBSD number them.
const RAW_BSD: [Linktype; 2] = [Linktype(12), Linktype(14)];

/// Returns whether packets with this header are read.
fn is_known(link: Linktype) -> bool {
    const KNOWN: [Linktype; 8] = [
        Linktype::ETHERNET,
        Linktype::RAW,
        Linktype::IPV4,
        Linktype::IPV6,
        Linktype::NULL,
        Linktype::LOOP,
        Linktype::LINUX_SLL,
        Linktype::LINUX_SLL2,
    ];
    KNOWN.contains(&link) || RAW_BSD.contains(&link)
}

/// Protocols of IP that have other packets inside: IP, GRE, IP security, IPIP, Ethernet, encapsulation, L2TP and MPLS.
const TUNNELS: [u8; 9] = [4, 41, 47, 50, 94, 97, 98, 115, 137];
/// Protocols of IP that never carry TCP: ICMP for both versions, IGMP, UDP, DCCP, RSVP, no next header, EIGRP, OSPF,
/// PIM, VRRP, SCTP and UDP-Lite.
const OTHERS: [u8; 13] = [1, 2, 17, 33, 46, 58, 59, 88, 89, 103, 112, 132, 136];
/// Ports of UDP that have other packets inside: L2TP, GTP, Teredo, IP security, GRE, VXLAN with its extension, Geneve,
/// MPLS, and VXLAN in early versions of Linux.
const PORTS: [u16; 10] = [1701, 2152, 3544, 4500, 4754, 4789, 4790, 6081, 6635, 8472];
/// Protocols of Ethernet that have other packets inside: bridging, TRILL, tags of VLANs, MPLS, sessions of PPP,
/// encryption, provider backbones, and service headers.
const ETHERNET_TUNNELS: [u16; 13] = [
    0x22f3, 0x6558, 0x8100, 0x880b, 0x8847, 0x8848, 0x8864, 0x88a8, 0x88e5, 0x88e7, 0x894f, 0x9100,
    0x9200,
];
/// Protocols of Ethernet that never carry TCP: wake-up, RARP, the protocols of Apple, IPX, pauses, slow protocols,
/// discovery of PPP, authentication, LLDP, times, faults, and loops.
const ETHERNET_OTHERS: [u16; 13] = [
    0x0842, 0x8035, 0x809b, 0x80f3, 0x8137, 0x8808, 0x8809, 0x8863, 0x888e, 0x88cc, 0x88f7, 0x8902,
    0x9000,
];
/// The least number that is that of a protocol of Ethernet.
const LEAST_KIND: u16 = 0x600;

/// Returns the TCP segment of a packet, or `None` if it has another content.
///
/// # Errors
/// Why a packet that may have one is not read.
pub(super) fn segment(
    time: Duration,
    link: Linktype,
    data: &[u8],
) -> Result<Option<Segment<'_>>, Why> {
    if !is_known(link) {
        return Err(Why::Link(link.0));
    }
    let Some(packet) = sliced(link, data) else { return Err(Why::Header) };
    let ends = match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            (IpAddr::from(ip.header().source_addr()), ip.header().destination_addr().into())
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            (IpAddr::from(ip.header().source_addr()), ip.header().destination_addr().into())
        }
        Some(LaxNetSlice::Arp(_)) => return Ok(None),
        None => return without_tcp(&packet).map_or(Ok(None), Err),
    };
    let Some(TransportSlice::Tcp(tcp)) = &packet.transport else {
        return without_tcp(&packet).map_or(Ok(None), Err);
    };
    Ok(Some(Segment {
        time,
        from: SocketAddr::new(ends.0, tcp.source_port()),
        to: SocketAddr::new(ends.1, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        reset: tcp.rst(),
        payload: tcp.payload(),
    }))
}

/// Returns the layers of a packet, or `None` if it is shorter than the header of its link.
fn sliced(link: Linktype, data: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    match link {
        Linktype::ETHERNET => Some(of_kind(data.get(12..14)?, data.get(14..)?)),
        // A header of four bytes.
        Linktype::NULL | Linktype::LOOP => LaxSlicedPacket::from_ip(data.get(4..)?).ok(),
        // Headers of sixteen and twenty bytes, with the kind of the packet at their end and at their beginning.
        Linktype::LINUX_SLL => Some(of_kind(data.get(14..16)?, data.get(16..)?)),
        Linktype::LINUX_SLL2 => Some(of_kind(data.get(..2)?, data.get(20..)?)),
        _ => LaxSlicedPacket::from_ip(data).ok(),
    }
}

/// Returns why a packet in which no TCP was found may still have a segment.
fn without_tcp(packet: &LaxSlicedPacket<'_>) -> Option<Why> {
    if let Some(TransportSlice::Udp(udp)) = &packet.transport {
        let is_tunnel =
            [udp.source_port(), udp.destination_port()].iter().any(|port| PORTS.contains(port));
        return is_tunnel.then_some(Why::Tunnel);
    }
    if let Some(ip) = packet.ip_payload() {
        return match ip.ip_number {
            IpNumber(number) if TUNNELS.contains(&number) => Some(Why::Tunnel),
            IpNumber::TCP | IpNumber::UDP if ip.fragmented => Some(Why::Fragment),
            IpNumber::UDP => Some(Why::Header),
            IpNumber(number) if OTHERS.contains(&number) => None,
            _ if packet.stop_err.is_some() => Some(Why::Header),
            _ => Some(Why::Protocol),
        };
    }
    // What MACsec has encrypted has no payload that is known.
    let Some(ether) = packet.ether_payload() else { return Some(Why::Tunnel) };
    match (ether.ether_type, ether.payload) {
        (EtherType(kind), _) if ETHERNET_TUNNELS.contains(&kind) => Some(Why::Tunnel),
        (EtherType(kind), _) if ETHERNET_OTHERS.contains(&kind) => None,
        (EtherType::IPV4 | EtherType::IPV6 | EtherType::ARP, _) => Some(Why::Header),
        // Spanning trees, IPX, NetBIOS, OSI, IPX once more, and protocols of Cisco for neighbours.
        (
            EtherType(..LEAST_KIND),
            [0x42 | 0xe0 | 0xf0 | 0xfe | 0xff, ..] | [0xaa, 0xaa, 3, 0, 0, 0x0c, ..],
        ) => None,
        _ => Some(Why::Protocol),
    }
}
