//! TCP segments of a capture file.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::time::Duration;

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

/// The size of the buffer. It grows for larger packets.
const BUFFER: usize = 256 * 1024;
/// The largest packet, in bytes.
const PACKET: usize = 64 * 1024 * 1024;

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

/// An interface that packets were recorded at.
#[derive(Clone, Copy)]
struct Interface {
    link: Linktype,
    /// The units of a time in a second.
    resolution: u64,
    /// What is added to a time, in seconds.
    offset: i64,
}

/// Calls a function with all TCP segments, until it wants no more; and without one before each read, which may have to
/// wait. The inner result is an error of the capture file; the segments before it have been taken.
///
/// # Errors
/// Errors of the function.
pub(super) fn each(
    reader: impl Read + Send,
    mut take: impl FnMut(Option<&Segment<'_>>) -> io::Result<ControlFlow<()>>,
) -> io::Result<Result<(), String>> {
    let mut capture = match create_reader(BUFFER, reader) {
        Ok(capture) => capture,
        Err(error) => return Ok(Err(describe(&error))),
    };
    let mut interfaces: Vec<Interface> = Vec::new();
    let (mut buffer, mut waiting) = (BUFFER, None);
    // The first link type that is not known, and how many packets were not read because of that.
    let mut unread: Option<(Linktype, u64)> = None;
    loop {
        match capture.next() {
            Ok((size, block)) => {
                waiting = None;
                if let Some((time, link, data)) = packet(&block, &mut interfaces) {
                    if !is_known(link) {
                        unread.get_or_insert((link, 0)).1 += 1;
                    } else if let Some(segment) = segment(time, link, data) {
                        if take(Some(&segment))?.is_break() {
                            return Ok(Ok(()));
                        }
                    }
                }
                capture.consume(size);
            }
            Err(PcapError::Eof) => {
                return Ok(unread.map_or(Ok(()), |(Linktype(link), count)| {
                    Err(format!("{count} packets with unknown link headers (type {link})"))
                }));
            }
            Err(PcapError::Incomplete(_)) => {
                let held = capture.data().len();
                // Nothing has arrived since the last time.
                if waiting == Some(held) && capture.reader_exhausted() {
                    let offset = capture.consumed();
                    return Ok(Err(format!("offset {offset}: the capture ends inside a packet")));
                }
                if waiting == Some(held) {
                    if buffer >= PACKET {
                        let offset = capture.consumed();
                        return Ok(Err(format!(
                            "offset {offset}: packet longer than {PACKET} bytes"
                        )));
                    }
                    buffer *= 2;
                    capture.grow(buffer);
                }
                waiting = Some(held);
                if take(None)?.is_break() {
                    return Ok(Ok(()));
                }
                if let Err(error) = capture.refill() {
                    return Ok(Err(describe(&error)));
                }
            }
            Err(error) => {
                let what = describe(&error);
                return Ok(Err(format!("offset {}: {what}", capture.consumed())));
            }
        }
    }
}

/// Returns the units of a time in a second: a power of ten, or of two with the top bit.
fn resolution(option: u8) -> u64 {
    let exponent = u32::from(option & 0x7f);
    let units =
        if option & 0x80 == 0 { 10_u64.checked_pow(exponent) } else { 1_u64.checked_shl(exponent) };
    units.unwrap_or(1_000_000)
}

fn describe<I: std::fmt::Debug>(error: &PcapError<I>) -> String {
    match error {
        PcapError::ReadError => "the capture cannot be read or unpacked".to_owned(),
        PcapError::Eof | PcapError::Incomplete(_) | PcapError::UnexpectedEof => {
            "the capture ends inside its header".to_owned()
        }
        _ => "not a block of a packet capture".to_owned(),
    }
}

/// Returns the packet of a block with its time. Takes note of interfaces.
fn packet<'a>(
    block: &PcapBlockOwned<'a>,
    interfaces: &mut Vec<Interface>,
) -> Option<(Duration, Linktype, &'a [u8])> {
    match block {
        PcapBlockOwned::LegacyHeader(header) => {
            let resolution =
                if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
            interfaces.push(Interface { link: header.network, resolution, offset: 0 });
            None
        }
        PcapBlockOwned::Legacy(packet) => {
            let Interface { link, resolution, .. } = *interfaces.last()?;
            let time = time(u64::from(packet.ts_sec), u64::from(packet.ts_usec), resolution);
            Some((time, link, packet.data))
        }
        PcapBlockOwned::NG(Block::SectionHeader(_)) => {
            interfaces.clear();
            None
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
            interfaces.push(Interface {
                link: interface.linktype,
                resolution: resolution(interface.if_tsresol),
                offset: interface.ts_offset(),
            });
            None
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let index = usize::try_from(packet.if_id).ok()?;
            let Interface { link, resolution, offset } = *interfaces.get(index)?;
            let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
            let seconds = (ticks / resolution).saturating_add_signed(offset);
            let data = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data);
            Some((time(seconds, ticks % resolution, resolution), link, data))
        }
        // It has no time.
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            Some((Duration::ZERO, interfaces.first()?.link, packet.data))
        }
        PcapBlockOwned::NG(_) => None,
    }
}

/// Returns a time from seconds and a fraction of a second. The fraction counts units; a second has `resolution` of them.
fn time(seconds: u64, fraction: u64, resolution: u64) -> Duration {
    let nanos = u128::from(fraction) * 1_000_000_000 / u128::from(resolution);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
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

/// Returns the TCP segment of a packet, if it is one.
fn segment(time: Duration, link: Linktype, data: &[u8]) -> Option<Segment<'_>> {
    let packet = match link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(data).ok()?,
        // A header of four bytes.
        Linktype::NULL | Linktype::LOOP => LaxSlicedPacket::from_ip(data.get(4..)?).ok()?,
        // Headers of sixteen and twenty bytes, with the kind of the packet at their end and at their beginning.
        Linktype::LINUX_SLL => of_kind(data.get(14..16)?, data.get(16..)?),
        Linktype::LINUX_SLL2 => of_kind(data.get(..2)?, data.get(20..)?),
        _ => LaxSlicedPacket::from_ip(data).ok()?,
    };
    let (source, destination): (IpAddr, IpAddr) = match packet.net? {
        LaxNetSlice::Ipv4(ip) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        LaxNetSlice::Ipv6(ip) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let TransportSlice::Tcp(tcp) = packet.transport? else { return None };
    Some(Segment {
        time,
        from: SocketAddr::new(source, tcp.source_port()),
        to: SocketAddr::new(destination, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        reset: tcp.rst(),
        payload: tcp.payload(),
    })
}
