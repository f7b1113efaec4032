//! Capture files: what pcapng can say, and where a file is cut.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::packets::From::{Client, Server};
use crate::packets::{Capture, Ip, Link};
use crate::program::{inspect, text};

/// The order of the bytes of numbers in a pcapng file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn number(self, number: u32) -> [u8; 4] {
        if self == Self::Big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn block(self, kind: u32, parts: &[&[u8]]) -> Vec<u8> {
        let mut body = parts.concat();
        body.resize(body.len().next_multiple_of(4), 0);
        let size = self.number(12 + u32::try_from(body.len()).expect("a size"));
        [&self.number(kind), &size[..], &body, &size].concat()
    }

    fn section(self) -> Vec<u8> {
        let version = if self == Self::Big { [0, 1, 0, 0] } else { [1, 0, 0, 0] };
        self.block(0x0a0d_0d0a, &[&self.number(0x1a2b_3c4d), &version, &[0xff; 8]])
    }

    /// An interface of Ethernet.
    fn interface(self, options: Options<'_>) -> Vec<u8> {
        let half = |number: u16| {
            if self == Self::Big { number.to_be_bytes() } else { number.to_le_bytes() }
        };
        let mut body = [half(1), [0; 2], [0; 2], [0; 2]].concat();
        for (code, value) in options {
            body.extend(half(*code));
            body.extend(half(u16::try_from(value.len()).expect("a size")));
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        self.block(1, &[&body])
    }

    fn packet(self, interface: u32, ticks: u64, packet: &[u8]) -> Vec<u8> {
        let size = self.number(u32::try_from(packet.len()).expect("a size"));
        let [high, low] = [ticks >> 32, ticks & 0xffff_ffff]
            .map(|half| self.number(u32::try_from(half).expect("32 bits")));
        self.block(6, &[&self.number(interface), &high, &low, &size, &size, packet])
    }
}

/// Options of an interface: their codes and their values.
type Options<'a> = &'a [(u16, &'a [u8])];

/// A capture of a `PING`, without its reply.
fn ping() -> Capture {
    Capture::new(Link::Ethernet, Ip::V4).send(Client, b"*1\r\n$4\r\nPING\r\n")
}

/// The packet in it, without the headers of the file.
fn packet() -> Vec<u8> {
    ping().file()[40..].to_vec()
}

fn shown(arguments: &[&str], file: &[u8]) -> (String, String, Option<i32>) {
    let output = inspect(&[arguments, &["-"]].concat(), file);
    let error = text(&output.stderr).replace("zresp-inspect: standard input: ", "");
    (text(&output.stdout), error, output.status.code())
}

#[test]
fn times_have_the_units_and_the_offset_of_their_interface() {
    for order in [Order::Little, Order::Big] {
        let bytes = |offset: i64| {
            if order == Order::Big { offset.to_be_bytes() } else { offset.to_le_bytes() }
        };
        let (day, before) = (bytes(86_400), bytes(-2));
        // The options, the ticks, and the time.
        let table: &[(Options<'_>, u64, &str)] = &[
            (&[], 1_500_000, "1970-01-01T00:00:01.500000Z"),
            (&[(9, &[9])], 1_500_000_000, "1970-01-01T00:00:01.500000Z"),
            (&[(9, &[0x81])], 3, "1970-01-01T00:00:01.500000Z"),
            (&[(9, &[0])], 3, "1970-01-01T00:00:03.000000Z"),
            (&[(14, &day)], 1_500_000, "1970-01-02T00:00:01.500000Z"),
            (&[(14, &before)], 3_500_000, "1970-01-01T00:00:01.500000Z"),
        ];
        for (options, ticks, time) in table {
            let parts =
                [order.section(), order.interface(options), order.packet(0, *ticks, &packet())];
            let (whole, error, _) = shown(&[], &parts.concat());
            assert!(whole.starts_with(time), "{order:?} {options:?}: {whole}{error}");
            assert_eq!(error, "");
        }
        for units in [20, 0xff] {
            let interface = order.interface(&[(9, &[units])]);
            let file = [order.section(), interface, order.packet(0, 7, &packet())].concat();
            let line = "packets with times in unknown units, shown as 1970: 1\n".to_owned();
            let (whole, error, status) = shown(&[], &file);
            assert!(whole.starts_with("1970-01-01T00:00:00.000000Z "), "{whole}");
            assert_eq!((error, status), (line, Some(1)));
        }
    }
}

#[test]
fn packets_that_are_not_read_are_counted_by_kind() {
    for order in [Order::Little, Order::Big] {
        let simple = order.block(3, &[&order.number(60), &packet()]);
        let file = [
            order.section(),
            order.interface(&[]),
            order.packet(0, 1, &packet()),
            order.packet(7, 2, &packet()),
            order.packet(8, 2, &packet()),
            order.block(2, &[&[0; 20]]),
            // A fragment, and a header that is cut.
            order.packet(0, 3, &[&packet()[..20], &[0x20, 0], &packet()[22..]].concat()),
            order.packet(0, 3, &packet()[..40]),
            simple,
        ]
        .concat();
        let line = "packets that were not read: 2 of interfaces that are not described, \
            1 in obsolete packet blocks, 1 in fragments, 1 with headers that are cut or broken";
        let (whole, error, status) = shown(&[], &file);
        assert_eq!(whole.lines().count(), 1, "{whole}");
        assert_eq!((error, status), (format!("{line}\n"), Some(1)), "{order:?}");
        for bound in ["--from", "--to"] {
            let (_, error, _) = shown(&[bound, "@9"], &file);
            let expected = format!("{line}, 1 without a time, which --from or --to selects by\n");
            assert_eq!(error, expected, "{order:?}");
        }
    }
}

#[test]
fn a_packet_that_is_cut_is_named_whatever_is_around_the_file() {
    let capture = ping().send(Server, b"+PONG\r\n");
    let (first, file) = (40 + packet().len(), capture.file());
    let mut zip = GzEncoder::new(Vec::new(), Compression::none());
    zip.write_all(file).expect("the memory suffices");
    let zip = zip.finish().expect("the memory suffices");
    // The header of gzip and of a block that is stored.
    let stored = zip.windows(4).position(|bytes| bytes == &file[..4]).expect("the file");
    for cut in [first + 1, first + 15, first + 16, first + 50, file.len() - 1] {
        let line = format!("offset {first}: the capture ends inside packet 2");
        let (whole, error, status) = shown(&[], &file[..cut]);
        assert_eq!((error, status), (format!("{line}\n"), Some(1)), "{cut}");
        let (unpacked, error, status) = shown(&[], &zip[..stored + cut]);
        assert_eq!((unpacked.as_str(), status), (whole.as_str(), Some(1)));
        assert_eq!(error, format!("{line}: the gzip form is cut\n"), "{cut}");
        assert!(whole.contains("\"PING\""), "{whole}");
    }
    // The stored block is whole, but not what follows it.
    let (_, error, status) = shown(&[], &zip[..zip.len() - 1]);
    assert!(error.starts_with("the gzip form is cut\n") && status == Some(1), "{error}");
    let (_, error, _) = shown(&["--as", "capture"], &file[..20]);
    assert_eq!(error, "the capture ends inside its header\n");

    let order = Order::Little;
    let blocks = [order.section(), order.interface(&[]), order.packet(0, 1, &packet())];
    let (last, file) = (blocks[0].len() + blocks[1].len(), blocks.concat());
    let (_, error, _) = shown(&[], &file[..file.len() - 1]);
    let line = format!("offset {last}: the capture ends inside the block after packet 0\n");
    assert_eq!(error, line);
}

#[test]
fn blocks_may_be_longer_than_the_buffer() {
    let order = Order::Big;
    let comment = vec![b'x'; 3 << 20];
    let file = [
        order.section(),
        order.block(0x0bad, &[&comment]),
        order.interface(&[]),
        order.packet(0, 1, &packet()),
    ];
    let (whole, error, _) = shown(&[], &file.concat());
    assert_eq!((whole.lines().count(), error.as_str()), (1, ""), "{whole}");
}
