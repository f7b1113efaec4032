//! Captures made in a test: whatever a loopback interface cannot record.

use std::collections::HashMap;

/// What packets begin with, before the header of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Ethernet,
    /// Ethernet with this many VLAN tags.
    Tagged(usize),
    /// With a checksum of four bytes after each packet.
    Checked,
    /// "Linux cooked", of the first and of the second version.
    Cooked,
    Cooked2,
    /// An address family in four bytes.
    Null,
    Raw,
    /// A number that is not one of those.
    Other(u32),
}

impl Link {
    const fn number(self) -> u32 {
        match self {
            Self::Ethernet | Self::Tagged(_) => 1,
            Self::Checked => 0x2400_0001,
            Self::Cooked => 113,
            Self::Cooked2 => 276,
            Self::Null => 0,
            Self::Raw => 101,
            Self::Other(number) => number,
        }
    }

    /// The header before a packet of this kind (`0x0800` or `0x86dd`).
    fn header(self, kind: u16) -> Vec<u8> {
        let kind = kind.to_be_bytes();
        match self {
            Self::Ethernet | Self::Checked | Self::Other(_) => [&[2; 12], &kind[..]].concat(),
            Self::Tagged(count) => {
                let tags = [0x81, 0, 0, 7].repeat(count);
                [&[2; 12], &tags[..], &kind].concat()
            }
            Self::Cooked => [&[0, 0, 3, 4, 0, 6][..], &[2; 8], &kind].concat(),
            Self::Cooked2 => [&kind[..], &[0; 10], &[2; 8]].concat(),
            Self::Null => vec![if kind == [8, 0] { 2 } else { 24 }, 0, 0, 0],
            Self::Raw => Vec::new(),
        }
    }
}

/// The version of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ip {
    V4,
    V6,
}

/// One of the two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Client,
    Server,
}

pub(crate) const SYN: u8 = 2;
pub(crate) const ACK: u8 = 16;
pub(crate) const FIN: u8 = 1;
pub(crate) const RST: u8 = 4;

/// A connection, and a capture file of it.
pub(crate) struct Capture {
    link: Link,
    ip: Ip,
    /// The ports of the client and the server.
    ports: [u16; 2],
    /// The next sequence numbers of both.
    next: [u32; 2],
    /// Those of connections that were left for another one, by their ports.
    earlier: HashMap<[u16; 2], [u32; 2]>,
    /// Milliseconds since 1970, of the next packet.
    pub(crate) time: u64,
    /// The most bytes that are recorded of a packet.
    snap: usize,
    file: Vec<u8>,
}

impl Capture {
    pub(crate) fn new(link: Link, ip: Ip) -> Self {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x0004_0000, link.number()] {
            file.extend(u32::to_le_bytes(word));
        }
        // One sequence number wraps around soon.
        let next = [u32::MAX - 9, 1000];
        let (ports, earlier, snap) = ([50_000, 6379], HashMap::new(), usize::MAX);
        Self { link, ip, ports, next, earlier, time: 1_700_000_000_000, snap, file }
    }

    /// Continues with packets that are cut after so many bytes.
    pub(crate) fn snap(mut self, size: usize) -> Self {
        self.snap = size;
        self
    }

    /// A packet of another protocol, after the header of the link.
    pub(crate) fn other(mut self, kind: u16, bytes: &[u8]) -> Self {
        let packet = [self.link.header(kind), bytes.to_vec()].concat();
        self.record(&packet);
        self
    }

    /// Continues with another connection.
    pub(crate) fn connection(mut self, client: u16, server: u16) -> Self {
        self.earlier.insert(self.ports, self.next);
        (self.ports, self.next) = ([client, server], [u32::MAX - 9, 1000]);
        self
    }

    /// Continues with a connection that was left for another one.
    pub(crate) fn resume(mut self, client: u16, server: u16) -> Self {
        self.earlier.insert(self.ports, self.next);
        self.ports = [client, server];
        self.next = self.earlier[&self.ports];
        self
    }

    /// The three packets that open a connection.
    pub(crate) fn open(mut self) -> Self {
        self.put(From::Client, SYN, b"");
        self.put(From::Server, SYN | ACK, b"");
        self.put(From::Client, ACK, b"");
        self
    }

    /// A packet of one side.
    pub(crate) fn send(mut self, from: From, bytes: &[u8]) -> Self {
        self.put(from, ACK, bytes);
        self
    }

    /// Bytes of one side, in packets of this size.
    pub(crate) fn send_in_pieces(mut self, from: From, bytes: &[u8], size: usize) -> Self {
        for piece in bytes.chunks(size) {
            self.put(from, ACK, piece);
        }
        self
    }

    /// A packet that is sent, but not in the capture.
    pub(crate) fn lose(mut self, from: From, bytes: &[u8]) -> Self {
        let size = self.file.len();
        self.put(from, ACK, bytes);
        self.file.truncate(size);
        self
    }

    /// A packet with any numbers and flags.
    pub(crate) fn forge(&mut self, from: From, next: [u32; 2], flags: u8, bytes: &[u8]) {
        self.next = next;
        self.put(from, flags, bytes);
    }

    /// A packet whose number is that far from the next one, and which changes nothing for its sender.
    pub(crate) fn stray(mut self, from: From, distance: i32, flags: u8) -> Self {
        let next = self.next;
        let own = &mut self.next[usize::from(from == From::Server)];
        *own = own.wrapping_add_signed(distance);
        self.put(from, flags, b"");
        self.next = next;
        self
    }

    /// The packets that close a connection.
    pub(crate) fn close(mut self) -> Self {
        self.put(From::Client, FIN | ACK, b"");
        self.put(From::Server, FIN | ACK, b"");
        self
    }

    pub(crate) fn file(&self) -> &[u8] {
        &self.file
    }

    fn put(&mut self, from: From, flags: u8, payload: &[u8]) {
        let (own, other) = if from == From::Client { (0, 1) } else { (1, 0) };
        let mut tcp = Vec::new();
        tcp.extend(self.ports[own].to_be_bytes());
        tcp.extend(self.ports[other].to_be_bytes());
        tcp.extend(self.next[own].to_be_bytes());
        let acknowledged = if flags & ACK == 0 { 0 } else { self.next[other] };
        tcp.extend(acknowledged.to_be_bytes());
        tcp.extend([5 << 4, flags, 255, 255, 0, 0, 0, 0]);
        tcp.extend(payload);
        let packet = match self.ip {
            Ip::V4 => {
                let size = u16::try_from(20 + tcp.len()).expect("a size").to_be_bytes();
                let addresses = [[10, 0, 0, 1], [10, 0, 0, 2]];
                let fields = [0x45, 0, size[0], size[1], 0, 0, 0x40, 0, 64, 6, 0, 0];
                [&fields[..], &addresses[own], &addresses[other], &tcp].concat()
            }
            Ip::V6 => {
                let size = u16::try_from(tcp.len()).expect("a size").to_be_bytes();
                let address = |last| [&[0xfd, 0][..], &[0; 13], &[last]].concat();
                let addresses = [address(1), address(2)];
                let fields = [0x60, 0, 0, 0, size[0], size[1], 6, 64];
                [&fields[..], &addresses[own], &addresses[other], &tcp].concat()
            }
        };
        let kind = if self.ip == Ip::V4 { 0x0800 } else { 0x86dd };
        let mut packet = [self.link.header(kind), packet].concat();
        if self.link == Link::Ethernet {
            // The shortest frame of Ethernet. The rest is padding.
            packet.resize(packet.len().max(60), 0);
        }
        if self.link == Link::Checked {
            packet.extend([0xff; 4]);
        }
        self.record(&packet);
        let sent = payload.len() + usize::from(flags & (SYN | FIN) != 0);
        self.next[own] = self.next[own].wrapping_add(u32::try_from(sent).expect("32 bits"));
    }

    fn record(&mut self, packet: &[u8]) {
        let recorded = &packet[..packet.len().min(self.snap)];
        let (seconds, millis) = (self.time / 1000, self.time % 1000);
        for word in [seconds, millis * 1000, recorded.len() as u64, packet.len() as u64] {
            self.file.extend(u32::try_from(word).expect("32 bits").to_le_bytes());
        }
        self.file.extend(recorded);
        self.time += 1;
    }
}
