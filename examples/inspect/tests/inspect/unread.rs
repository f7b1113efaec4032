//! Packets of a capture that are not read, or not whole, are counted.

use crate::links::shown;
use crate::packets::From::{Client, Server};
use crate::packets::{Capture, Ip, Link};
use crate::program::inspect;

const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";

/// Returns a packet of IP with this protocol and its content. The bits for fragments are zero, or set for the first.
fn ip(protocol: u8, is_fragment: bool, content: &[u8]) -> Vec<u8> {
    let size = u16::try_from(20 + content.len()).expect("a size").to_be_bytes();
    let fragment = if is_fragment { 0x20 } else { 0 };
    let fields = [0x45, 0, size[0], size[1], 0, 0, fragment, 0, 64, protocol, 0, 0];
    [&fields[..], &[10, 0, 0, 1], &[10, 0, 0, 2], content].concat()
}

/// Returns a segment of UDP with these ports.
fn udp(from: u16, to: u16) -> Vec<u8> {
    let [from, to] = [from, to].map(u16::to_be_bytes);
    [&from[..], &to, &[0, 24, 0, 0], &[0; 16]].concat()
}

/// Returns what is said about a capture of one such packet.
fn said(capture: &Capture) -> Option<String> {
    let output = inspect(&["-"], capture.file());
    let (shown, error) = shown(&[], capture);
    assert_eq!((shown.as_str(), output.status.code()), ("", Some(i32::from(!error.is_empty()))));
    if error.is_empty() {
        return None;
    }
    let what = error.strip_prefix("packets that were not read: 1 ").expect("a count");
    Some(what.trim_end().to_owned())
}

const TUNNEL: Option<&str> = Some("in tunnels or with more than 3 tags");
const UNKNOWN: Option<&str> = Some("of unknown protocols");
const FRAGMENT: Option<&str> = Some("in fragments");
const HEADER: Option<&str> = Some("with headers that are cut or broken");

#[test]
fn every_packet_of_ip_without_tcp_is_counted_or_known() {
    let capture = |packet: &[u8]| Capture::new(Link::Ethernet, Ip::V4).other(0x0800, packet);
    let tunnels = [4, 41, 47, 50, 94, 97, 98, 115, 137];
    let others = [1, 2, 33, 46, 58, 59, 88, 89, 103, 112, 132, 136];
    // TCP, UDP and AH have headers, which are not valid here.
    for protocol in (0..=255).filter(|protocol| ![6, 17, 51].contains(protocol)) {
        let expected = match protocol {
            _ if tunnels.contains(&protocol) => TUNNEL,
            _ if others.contains(&protocol) => None,
            _ => UNKNOWN,
        };
        let packet = ip(protocol, false, &[0x45; 40]);
        assert_eq!(said(&capture(&packet)).as_deref(), expected, "{protocol}");
    }
    for port in [1701, 2152, 3544, 4500, 4754, 4789, 4790, 6081, 6635, 8472] {
        for udp in [udp(50_000, port), udp(port, 50_000)] {
            assert_eq!(said(&capture(&ip(17, false, &udp))).as_deref(), TUNNEL, "{port}");
        }
    }
    let dns = udp(50_000, 53);
    let table = [
        (17, false, &dns[..], None),
        (17, false, &dns[..4], HEADER),
        (17, true, &dns[..], FRAGMENT),
        (6, true, &dns[..], FRAGMENT),
        (6, false, &dns[..], HEADER),
        (51, false, &[], HEADER),
    ];
    for (protocol, is_fragment, content, expected) in table {
        let packet = ip(protocol, is_fragment, content);
        assert_eq!(said(&capture(&packet)).as_deref(), expected, "{protocol} {is_fragment}");
    }
}

#[test]
fn every_other_packet_of_ethernet_is_counted_or_known() {
    let tagged: &[u8] = &[0, 7, 0x08, 0x06, 0, 1, 8, 0];
    let snap = |rest: &[u8]| [&[0xaa, 0xaa, 3], rest].concat();
    let table: &[(u16, &[u8], Option<&str>)] = &[
        (0x0806, &[0, 1, 8, 0, 6, 4, 0, 1], HEADER),
        (0x0800, &[0x45, 0], HEADER),
        (0x86dd, &[], HEADER),
        (0x8100, tagged, HEADER),
        (0x6558, &[0; 40], TUNNEL),
        (0x880b, &[0; 40], TUNNEL),
        (0x8847, &[0; 40], TUNNEL),
        (0x8864, &[0; 40], TUNNEL),
        // MACsec, encrypted.
        (0x88e5, &[0x0c; 40], TUNNEL),
        (0x894f, &[0; 40], TUNNEL),
        (0x8863, &[0; 40], None),
        (0x88cc, &[0; 40], None),
        (0x8888, &[0; 40], UNKNOWN),
        (38, &[0x42, 0x42, 3, 0, 0], None),
        (38, &[0x06, 0x06, 3, 0x45, 0], UNKNOWN),
        (38, &snap(&[0, 0, 0x0c, 0x20, 0]), None),
        (38, &snap(&[0, 0, 0, 0x88, 0xcc]), None),
        (38, &snap(&[0, 0, 0, 0x88, 0x47]), TUNNEL),
        (38, &snap(&[0, 0x80, 0xc2, 0, 7]), UNKNOWN),
        (38, &snap(&[0, 0]), UNKNOWN),
        (38, &[], UNKNOWN),
    ];
    for (kind, content, expected) in table {
        let capture = Capture::new(Link::Ethernet, Ip::V4).other(*kind, content);
        assert_eq!(said(&capture).as_deref(), *expected, "{kind:#06x} {content:?}");
    }
    // A whole packet of ARP.
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &[0; 20]].concat();
    assert_eq!(said(&Capture::new(Link::Ethernet, Ip::V4).other(0x0806, &arp)), None);
}

#[test]
fn packets_that_the_snap_length_cut_are_counted() {
    let capture = |link, snap| {
        let capture = Capture::new(link, Ip::V4).open().snap(snap);
        capture.send(Client, GET).send(Server, b"$1\r\nv\r\n")
    };
    for link in [Link::Raw, Link::Cooked] {
        let header = if link == Link::Raw { 40 } else { 56 };
        let whole = capture(link, header + GET.len());
        assert_eq!(shown(&[], &whole).1, "");
        let cut = capture(link, header);
        let line = "packets cut by the snap length: 2, 27 bytes of them are missing\n";
        assert!(shown(&[], &cut).1.ends_with(line), "{}", shown(&[], &cut).1);
        assert_eq!(inspect(&["-"], cut.file()).status.code(), Some(1));
        let cut = capture(link, header - 20);
        let line = "packets that were not read: 2 with headers that are cut or broken\n";
        assert!(shown(&[], &cut).1.starts_with(line));
    }
    // What never has TCP may be cut.
    let packet = ip(17, false, &udp(50_000, 53));
    let other = Capture::new(Link::Raw, Ip::V4).snap(30).other(0x0800, &packet);
    assert_eq!(said(&other), None);
}
