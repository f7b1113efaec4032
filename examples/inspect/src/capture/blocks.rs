//! From the blocks of a capture file to its packets.

use std::time::Duration;

use pcap_parser::{Block, IDB_MAGIC, Linktype, PcapBlockOwned};

use super::unread::{Unread, Why};

/// The type of a block of pcapng that was used for packets before "enhanced packets", in both byte orders.
const OBSOLETE: [u32; 2] = [2, 2 << 24];

/// An interface that packets were recorded at.
#[derive(Clone, Copy)]
struct Interface {
    link: Linktype,
    /// How many bytes of a checksum follow each packet.
    checksum: usize,
    /// The units of a time in a second, if they are valid.
    resolution: Option<u64>,
    /// What is added to a time, in seconds.
    offset: i64,
}

/// A packet of a link.
pub(super) struct Packet<'a> {
    /// Since 1970, if it is known.
    pub(super) time: Option<Duration>,
    pub(super) link: Linktype,
    pub(super) data: &'a [u8],
    /// How many bytes at its end were not recorded.
    pub(super) missing: u64,
}

/// The interfaces that have been described so far.
#[derive(Default)]
pub(super) struct Interfaces(Vec<Interface>);

impl Interfaces {
    /// Returns the packet of a block, if it has one. Takes note of interfaces, and of packets that are not read.
    pub(super) fn packet<'a>(
        &mut self,
        block: &PcapBlockOwned<'a>,
        unread: &mut Unread,
    ) -> Option<Packet<'a>> {
        let (index, data, size, ticks) = match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let is_fine = header.is_nanosecond_precision();
                let resolution = Some(if is_fine { 1_000_000_000 } else { 1_000_000 });
                let (link, checksum) = link(header.network);
                self.0.push(Interface { link, checksum, resolution, offset: 0 });
                return None;
            }
            PcapBlockOwned::Legacy(packet) => {
                let Interface { link, checksum, resolution, .. } = *self.0.last()?;
                let is_whole = packet.caplen >= packet.origlen;
                let checksum = if is_whole { checksum } else { 0 };
                let size = packet.data.len().saturating_sub(checksum);
                let time = time(u64::from(packet.ts_sec), u64::from(packet.ts_usec), resolution?);
                let data = packet.data.get(..size).unwrap_or_default();
                let missing = packet.origlen.saturating_sub(packet.caplen).into();
                return Some(Packet { time: Some(time), link, data, missing });
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.0.clear();
                return None;
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                let is_swapped = interface.block_type != IDB_MAGIC;
                self.0.push(Interface {
                    link: interface.linktype,
                    checksum: 0,
                    resolution: resolution(interface.if_tsresol),
                    // The parser reads it as if the least significant byte came first.
                    offset: if is_swapped {
                        interface.if_tsoffset.swap_bytes()
                    } else {
                        interface.if_tsoffset
                    },
                });
                return None;
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let data = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data);
                (packet.if_id, data, packet.origlen, Some(ticks))
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                (0, packet.data, packet.origlen, None)
            }
            PcapBlockOwned::NG(Block::Unknown(block)) if OBSOLETE.contains(&block.block_type) => {
                unread.add(Why::Obsolete);
                return None;
            }
            PcapBlockOwned::NG(_) => return None,
        };
        let interface = usize::try_from(index).ok().and_then(|index| self.0.get(index));
        let Some(&Interface { link, resolution, offset, .. }) = interface else {
            unread.add(Why::Interface);
            return None;
        };
        if resolution.is_none() && ticks.is_some() {
            unread.add_unit();
        }
        let time = ticks.zip(resolution).map(|(ticks, resolution)| {
            let seconds = (ticks / resolution).saturating_add_signed(offset);
            time(seconds, ticks % resolution, resolution)
        });
        let missing = u64::from(size).saturating_sub(data.len() as u64);
        Some(Packet { time, link, data, missing })
    }
}

/// Returns the type of the links of a pcap file, and how many bytes of a checksum follow each packet: the upper bits of
/// the field say whether it is known, and how many words of two bytes it has.
fn link(Linktype(field): Linktype) -> (Linktype, usize) {
    const LINK: i32 = 0x03ff_ffff;
    const IS_KNOWN: i32 = 0x0400_0000;
    let words = if field & IS_KNOWN == 0 { 0 } else { field >> 28 & 0xf };
    (Linktype(field & LINK), 2 * usize::try_from(words).unwrap_or_default())
}

/// Returns the units of a time in a second: a power of ten, or of two with the top bit. `None` if that is too large.
fn resolution(option: u8) -> Option<u64> {
    let exponent = u32::from(option & 0x7f);
    if option & 0x80 == 0 { 10_u64.checked_pow(exponent) } else { 1_u64.checked_shl(exponent) }
}

/// Returns a time from seconds and a fraction of a second. The fraction counts units; a second has `resolution` of them.
fn time(seconds: u64, fraction: u64, resolution: u64) -> Duration {
    let nanos = u128::from(fraction) * 1_000_000_000 / u128::from(resolution);
    Duration::from_secs(seconds)
        .saturating_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or_default()))
}
