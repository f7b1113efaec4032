//! From a packet to its TCP segment.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etherparse::err::Layer;
use etherparse::{
    EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, TransportSlice, ether_type, ip_number,
};
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

/// Returns a packet without the header of its link, by the number of its protocol on Ethernet.
fn of_kind<'a>(kind: &[u8], packet: &'a [u8]) -> LaxSlicedPacket<'a> {
    let number = kind.iter().fold(0, |number, byte| number << 8 | u16::from(*byte));
    LaxSlicedPacket::from_ether_type(EtherType(number), packet)
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

/// The content of packets that is not read because TCP may be inside something else.
const TUNNELS: [IpNumber; 3] = [ip_number::IPV4, ip_number::IPV6, ip_number::GRE];
/// The same as numbers of Ethernet: MPLS, and sessions of PPP.
const ETHERNET_TUNNELS: [EtherType; 3] = [EtherType(0x8847), EtherType(0x8848), EtherType(0x8864)];
const TAGS: [EtherType; 4] = [
    ether_type::VLAN_TAGGED_FRAME,
    ether_type::PROVIDER_BRIDGING,
    ether_type::VLAN_DOUBLE_TAGGED_FRAME,
    ether_type::MACSEC,
];

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
        None => return why(&packet).map_or(Ok(None), Err),
    };
    let tcp = match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => tcp,
        Some(_) => return Ok(None),
        None => return why(&packet).map_or(Ok(None), Err),
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
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(data).ok(),
        // A header of four bytes.
        Linktype::NULL | Linktype::LOOP => LaxSlicedPacket::from_ip(data.get(4..)?).ok(),
        // Headers of sixteen and twenty bytes, with the kind of the packet at their end and at their beginning.
        Linktype::LINUX_SLL => Some(of_kind(data.get(14..16)?, data.get(16..)?)),
        Linktype::LINUX_SLL2 => Some(of_kind(data.get(..2)?, data.get(20..)?)),
        _ => LaxSlicedPacket::from_ip(data).ok(),
    }
}

/// Returns why a packet whose transport was not found may still have a TCP segment.
fn why(packet: &LaxSlicedPacket<'_>) -> Option<Why> {
    if let Some(ip) = packet.ip_payload() {
        let is_broken = matches!(packet.stop_err, Some((_, layer)) if layer != Layer::UdpHeader);
        return match ip.ip_number {
            number if TUNNELS.contains(&number) => Some(Why::Tunnel),
            IpNumber::TCP if ip.fragmented => Some(Why::Fragment),
            IpNumber::TCP if is_broken => Some(Why::Header),
            _ => None,
        };
    }
    let kind = packet.ether_payload()?.ether_type;
    let is_ip = [EtherType::IPV4, EtherType::IPV6].contains(&kind);
    match kind {
        _ if TAGS.contains(&kind) || ETHERNET_TUNNELS.contains(&kind) => Some(Why::Tunnel),
        _ if is_ip => Some(Why::Header),
        _ => None,
    }
}
