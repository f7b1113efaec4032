//! Captures of every link type, of both versions of IP, and of connections that are not plain RESP.

use std::fs;

use crate::packets::From::{Client, Server};
use crate::packets::{Capture, Ip, Link};
use crate::program::{inspect, text};

const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";

/// Returns what is shown of a capture, without times and latencies, and the lines of standard error.
pub(crate) fn shown(arguments: &[&str], capture: &Capture) -> (String, String) {
    let output = inspect(&[arguments, &["-"]].concat(), capture.file());
    let error = text(&output.stderr).replace("zresp-inspect: standard input: ", "");
    let mut shown = String::new();
    for line in text(&output.stdout).lines() {
        let is_first = line.starts_with("20") && line.contains("Z ");
        let fields: Vec<_> = line.splitn(5, ' ').collect();
        match fields.as_slice() {
            [_, from, ">", to, content] if is_first => {
                let is_latency = |word: &str| word.ends_with("ms") || word == "0.0ns";
                let content = content
                    .split_once(' ')
                    .filter(|(word, _)| is_latency(word))
                    .map_or(*content, |(_, rest)| rest);
                let side = if from.ends_with(":6379") { "<" } else { ">" };
                assert!(from.ends_with(":6379") || to.ends_with(":6379"), "{line}");
                shown.extend([side, " ", content, "\n"]);
            }
            _ => shown.extend([line, "\n"]),
        }
    }
    (shown, error)
}

#[test]
fn every_link_type_and_both_versions_of_ip_are_read() {
    let links = [
        Link::Ethernet,
        Link::Tagged(1),
        Link::Tagged(2),
        Link::Tagged(3),
        Link::Checked,
        Link::Cooked,
        Link::Cooked2,
        Link::Null,
        Link::Raw,
    ];
    for link in links {
        for ip in [Ip::V4, Ip::V6] {
            let capture =
                Capture::new(link, ip).open().send(Client, GET).send(Server, b"$1\r\nv\r\n");
            let expected = ("> \"GET\" \"k\"\n\"v\"\n".to_owned(), String::new());
            assert_eq!(shown(&[], &capture.close()), expected, "{link:?} {ip:?}");
        }
    }
    let capture = Capture::new(Link::Raw, Ip::V6).open().send(Client, GET);
    let output = text(&inspect(&["-"], capture.file()).stdout);
    assert!(output.contains(" [fd00::1]:50000 > [fd00::2]:6379 \"GET\""), "{output}");

    let capture = Capture::new(Link::Other(105), Ip::V4).open().send(Client, GET);
    let line = "packets that were not read: 4 with unknown link headers (type 105)\n";
    assert_eq!(shown(&[], &capture), (String::new(), line.to_owned()));

    let capture = Capture::new(Link::Tagged(4), Ip::V4).open().send(Client, GET);
    let line = "packets that were not read: 4 in tunnels or with more than 3 tags\n";
    assert_eq!(shown(&[], &capture), (String::new(), line.to_owned()));
    assert_eq!(inspect(&["-"], capture.file()).status.code(), Some(1));
}

#[test]
fn what_is_not_resp_is_named_in_one_line() {
    let table: &[(&[u8], &[u8], &str)] = &[
        (b"\x16\x03\x01\x02\0\x01", b"\x16\x03\x03\0\x40", "a TLS stream, which is encrypted"),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", "an HTTP exchange, not RESP"),
        (b"\0\x01\x02", b"\0", "not RESP"),
    ];
    for (request, reply, what) in table {
        for is_whole in [true, false] {
            let capture = Capture::new(Link::Ethernet, Ip::V4).connection(50_000, 9999);
            let capture = if is_whole { capture.open() } else { capture };
            let capture = capture.send(Client, request).send(Server, reply).send(Client, request);
            let output = inspect(&["-"], capture.file());
            let error = text(&output.stderr);
            assert_eq!(error.lines().count(), 1, "{error}");
            let expected = if is_whole || !what.starts_with("not") { what } else { "neither side" };
            assert!(error.contains(&format!(": {expected}")), "{error}");
            assert!(output.status.success() && output.stdout.is_empty());
        }
    }

    let mut capture = Capture::new(Link::Raw, Ip::V4);
    for port in 1000..1100 {
        capture = capture.connection(port, 9999).open().send(Client, b"\0");
    }
    let error = text(&inspect(&["-"], capture.file()).stderr);
    assert_eq!(error.lines().count(), 21, "{error}");
    assert!(error.ends_with(": 80 more connections that are not RESP\n"), "{error}");
}

/// The first commands of a replica, and their replies.
fn handshake() -> Capture {
    let capture = Capture::new(Link::Ethernet, Ip::V4).open();
    let capture = capture.send(Client, b"*1\r\n$4\r\nPING\r\n").send(Server, b"+PONG\r\n");
    capture.send(Client, b"*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n")
}

const ACK: &[u8] = b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$2\r\n42\r\n";

#[test]
fn a_link_to_a_replica_is_decoded_after_its_psync() {
    for (name, has_snapshot) in [("disk", true), ("diskless", true), ("continue", false)] {
        let path = format!("../../tests/captures/replication-{name}.stream");
        let stream = fs::read(&path).expect("the recorded stream");
        let whole = {
            let capture = handshake().send_in_pieces(Server, &stream, 60_000).send(Client, ACK);
            let (whole, error) = shown(&[], &capture);
            assert_eq!(error, "", "{name}");
            assert_eq!(whole.contains("< (snapshot: an RDB file of Redis, version "), has_snapshot);
            assert!(whole.starts_with("> \"PING\"\nPONG\n> \"PSYNC\" \"?\" \"-1\"\n"), "{whole}");
            let first = if has_snapshot { "SELECT" } else { "SET" };
            assert!(whole.contains(&format!("\n< \"{first}\" ")), "{whole}");
            assert!(whole.ends_with("> \"REPLCONF\" \"ACK\" \"42\"\n"), "{whole}");
            whole
        };
        for size in [1, 7, 100] {
            let capture = handshake().send_in_pieces(Server, &stream, size).send(Client, ACK);
            assert_eq!(shown(&[], &capture), (whole.clone(), String::new()), "{name}, {size}");
        }
        // What replicas send does not change what the primary means.
        let capture = handshake().send(Server, &stream).send(Client, ACK).send(Client, b"\n");
        assert_eq!(shown(&[], &capture.send(Client, ACK)).1, "", "{name}");
    }
}

#[test]
fn a_part_of_a_link_to_a_replica_is_never_an_error() {
    let stream = fs::read("../../tests/captures/replication-disk.stream").expect("the stream");
    let commands = stream.windows(8).position(|bytes| bytes == b"SELECT\r\n").expect("a command");
    for cut in (0..stream.len()).step_by(23) {
        // The capture begins within the answer.
        let (_, rest) = stream.split_at(cut);
        let capture = Capture::new(Link::Ethernet, Ip::V4).send_in_pieces(Server, rest, 100);
        let capture = capture.send(Client, ACK);
        let (_, error) = shown(&[], &capture);
        assert_eq!(error, "", "from {cut} on");

        // A packet is missing.
        let (before, rest) = stream.split_at(cut);
        let (lost, after) = rest.split_at(rest.len().min(30));
        let capture = handshake().send(Server, before).lose(Server, lost).send(Server, after);
        let (whole, error) = shown(&[], &capture.send(Client, ACK));
        // What looks like a command after it may have no end.
        let ends = [" bytes are missing", " bytes of replies without their ends are left out"];
        let is_note = error.lines().all(|line| ends.iter().any(|end| line.ends_with(end)));
        assert!(is_note, "at {cut}: {error}");
        assert!(cut > commands || cut + 30 < commands || !whole.is_empty());
    }
}

#[test]
fn answers_without_a_snapshot_leave_the_connection_as_it_is() {
    let refused = handshake().send(Server, b"-NOMASTERLINK no\r\n");
    let refused = refused.send(Client, GET).send(Server, b"$1\r\nv\r\n");
    let expected = "> \"PING\"\nPONG\n> \"PSYNC\" \"?\" \"-1\"\n(error) NOMASTERLINK no\n> \"GET\" \"k\"\n\"v\"\n";
    assert_eq!(shown(&[], &refused), (expected.to_owned(), String::new()));

    // Valkey sends the snapshot over a second connection.
    let dual = handshake().send(Server, b"+DUALCHANNELSYNC\r\n");
    let dual = dual.connection(50_001, 6379).open().send(Client, b"*1\r\n$4\r\nSYNC\r\n");
    let id = "0123456789abcdef".repeat(3).split_off(8);
    let answer = format!("$ENDOFF:42 {id} 0 7\r\n$EOF:{id}\r\nVALKEY080\u{1}{id}");
    let (whole, error) = shown(&[], &dual.send_in_pieces(Server, answer.as_bytes(), 11));
    let expected = "\nDUALCHANNELSYNC\n> \"SYNC\"\n< (snapshot: an RDB file of Valkey, version 80, 10 bytes)\n";
    assert!(whole.ends_with(expected) && error.is_empty(), "{whole}{error}");

    // A refusal in place of the snapshot.
    let full = format!("\n\n+FULLRESYNC {id} 42\r\n\n-ERR \u{1b}no disk\r\n");
    let (whole, error) = shown(&[], &handshake().send(Server, full.as_bytes()));
    assert!(whole.ends_with(&format!("\"-1\"\nFULLRESYNC {id} 42\n")), "{whole}");
    assert!(
        error.ends_with(": refused: ERR \\u{1b}no disk\n") && error.lines().count() == 1,
        "{error}"
    );
}

#[test]
fn monitor_is_paired_with_its_first_reply() {
    let capture = Capture::new(Link::Ethernet, Ip::V4).open();
    let capture = capture.send(Client, b"MONITOR\r\n").send(Server, b"+OK\r\n");
    let capture = capture.send(Server, b"+1700000000.1 [0 127.0.0.1:1] \"get\" \"a\"\r\n");
    let capture = capture.send(Client, b"PING\r\n");
    let capture = capture.send(Server, b"+1700000000.2 [0 127.0.0.1:1] \"get\" \"b\"\r\n+PONG\r\n");
    let expected = "> \"MONITOR\"\nOK\n> 1700000000.1 [0 127.0.0.1:1] \"get\" \"a\"\n\
        > 1700000000.2 [0 127.0.0.1:1] \"get\" \"b\"\n> \"PING\"\nPONG\n";
    assert_eq!(shown(&[], &capture), (expected.to_owned(), String::new()));
}

#[test]
fn a_broken_connection_is_reported_and_can_be_continued() {
    let broken = || {
        let capture = Capture::new(Link::Ethernet, Ip::V4).open();
        let capture = capture.send(Client, GET).send(Server, b"$1\r\nv\r\n");
        let capture = capture.send(Client, GET).send(Server, b"$1\r\nwrong\r\n");
        capture.send(Client, GET).send(Server, b"$2\r\nok\r\n")
    };
    let (whole, error) = shown(&[], &broken());
    assert_eq!(whole, "> \"GET\" \"k\"\n\"v\"\n> unpaired \"GET\" \"k\"\n");
    let line = "10.0.0.1:50000 > 10.0.0.2:6379: offset 12: expected CR, found `r`: \
        24 31 0d 0a 77 [72] 6f 6e 67 0d 0a (frame at offset 7, good frames before it: 1)\n";
    assert_eq!(error, line);
    assert_eq!(inspect(&["-"], broken().file()).status.code(), Some(1));

    let (whole, error) = shown(&["--keep-going"], &broken());
    // It is not known any more which reply belongs to which command.
    let unpaired = "> unpaired \"GET\" \"k\"\n> unpaired \"GET\" \"k\"\n> unpaired \"ok\"\n";
    assert_eq!(whole, format!("> \"GET\" \"k\"\n\"v\"\n{unpaired}"));
    assert_eq!(
        error,
        format!(
            "{line}10.0.0.1:50000 > 10.0.0.2:6379: skipped 11 bytes, to offset 18\n\
            2 commands and 1 replies are not paired: it is not certain which of them belong together\n"
        )
    );

    let capture = broken().send(Server, b"?\r\n");
    let (_, error) = shown(&["--keep-going"], &capture);
    assert!(error.contains(": skipped the rest, from offset 26 on\n"), "{error}");
}

#[test]
fn a_part_of_a_capture_is_selected_by_time_and_by_offset() {
    let capture = || {
        let mut capture = Capture::new(Link::Ethernet, Ip::V4).open();
        for second in 1..=3_u32 {
            capture.time = 1_700_000_000_000 + 1000 * u64::from(second);
            let value = format!(":{second}\r\n");
            capture = capture.send(Client, GET).send(Server, value.as_bytes());
        }
        capture
    };
    let all = ["(integer) 1", "(integer) 2", "(integer) 3"];
    let table: &[(&[&str], &[&str])] = &[
        (&["--from", "@1700000002"], &all[1..]),
        (&["--to", "@1700000002"], &all[..1]),
        (&["--from", "2023-11-14T22:13:22Z", "--to", "2023-11-14T22:13:23Z"], &all[1..2]),
        (&["--from", "20"], &all[1..]),
        (&["--to", "20"], &all[..1]),
        (&["--from", "@1700000009"], &[]),
    ];
    for (arguments, expected) in table {
        let (shown, error) = shown(arguments, &capture());
        let replies: Vec<_> = shown.lines().filter(|line| line.starts_with('(')).collect();
        assert_eq!((replies.as_slice(), error.as_str()), (*expected, ""), "{arguments:?}");
    }

    // After the end of the part, the capture is not read on: what is broken there is not reported.
    let mut long =
        Capture::new(Link::Ethernet, Ip::V4).open().send(Client, GET).send(Server, b":1\r\n");
    for index in 0..3000 {
        long.time += 1000;
        long = long.send(Client, GET).send(Server, if index < 2900 { b":2\r\n" } else { b"?\r\n" });
    }
    let (whole, error) = shown(&["--to", "@1700000001"], &long);
    assert_eq!((whole.as_str(), error.as_str()), ("> \"GET\" \"k\"\n(integer) 1\n", ""));
    assert!(!shown(&[], &long).1.is_empty());
}

#[test]
fn an_opening_that_is_sent_twice_opens_one_connection() {
    let capture = || Capture::new(Link::Ethernet, Ip::V4).open().send(Client, GET);
    let (header, syn) = (24, 16 + 60);
    let file = capture().send(Server, b":1\r\n").file().to_vec();
    let (first, rest) = file.split_at(header + syn);
    let sent_late = [first, rest, first.split_at(header).1].concat();
    let output = inspect(&["-"], &sent_late);
    assert!(text(&output.stdout).ends_with("\"GET\" \"k\"\n(integer) 1\n"), "{output:?}");
    let middle = header + 3 * syn + 16 + 54 + GET.len();
    let (before, after) = file.split_at(middle);
    let output = inspect(&["-"], &[before, first.split_at(header).1, after].concat());
    assert!(text(&output.stdout).ends_with("\"GET\" \"k\"\n(integer) 1\n"), "{output:?}");
    assert_eq!(text(&output.stdout).lines().count(), 2);
}

#[test]
fn stats_tell_subcommands_apart() {
    let send = |capture: Capture, line: &[u8]| capture.send(Client, line).send(Server, b"+OK\r\n");
    let mut capture = Capture::new(Link::Ethernet, Ip::V4).open();
    for line in
        ["CONFIG GET a", "config get b", "CONFIG SET a b", "CONFIG NOSUCH", "CONFIG", "nosuch x"]
    {
        capture = send(capture, format!("{line}\r\n").as_bytes());
    }
    let (stats, _) = shown(&["--stats"], &capture);
    for (name, calls) in
        [("config|get", "2"), ("config|set", "1"), ("config", "2"), ("nosuch", "1")]
    {
        let has_line = |line: &str| line.split_whitespace().take(2).eq([name, calls]);
        assert!(stats.lines().any(has_line), "{name}: {stats}");
    }
    for name in ["config|get", "CONFIG GET"] {
        let (selected, _) = shown(&["--command", name], &capture);
        assert_eq!(selected.lines().count(), 4, "{selected}");
    }
}

/// A sequence of numbers without a pattern.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).expect("32 bits") % end
    }
}

#[test]
fn segments_by_chance_never_end_the_program() {
    const PIECES: [&[u8]; 22] = [
        b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        b"*1\r\n$4\r\nSYNC\r\n",
        b"*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n",
        b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n1\r\n",
        b"+FULLRESYNC 0123456789012345678901234567890123456789 1\r\n",
        b"$EOF:0123456789012345678901234567890123456789\r\n",
        b"0123456789012345678901234567890123456789",
        b"$9\r\nREDIS0011",
        b"+CONTINUE\r\n",
        b"SUBSCRIBE a b\r\n",
        b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
        b"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n",
        b"MONITOR\r\nCLIENT REPLY SKIP\r\n",
        b"+OK\r\n",
        b"-ERR\x1b[2J\r\n",
        b"$500000000\r\n",
        b"*1000000\r\n",
        b"%1\r\n",
        b"\r\n",
        b"\x16\x03\x01",
        b"\xff\x1b",
        b"",
    ];
    for seed in 0..40 {
        let mut numbers = Numbers(seed);
        let mut capture = Capture::new(Link::Raw, Ip::V4);
        for _ in 0..400 {
            let ports = [1000 + numbers.below(3), [6379, 6380, 9999][numbers.below(3)]];
            let [client, server] = ports.map(|port| u16::try_from(port).expect("a port"));
            capture = capture.connection(client, server);
            let from = [Client, Server][numbers.below(2)];
            // Mostly near each other, sometimes anywhere.
            let mut next = [(), ()].map(|()| u32::try_from(numbers.below(2000)).expect("32 bits"));
            if numbers.below(20) == 0 {
                next[0] = next[0].wrapping_mul(4_000_037);
            }
            let flags = [0, 1, 2, 4, 16, 16, 16, 16, 17, 18][numbers.below(10)];
            let pieces = [PIECES[numbers.below(22)], PIECES[numbers.below(22)]].concat();
            let cut = numbers.below(pieces.len() + 1);
            let bytes = if numbers.below(3) == 0 { &pieces[..cut] } else { &pieces[..] };
            capture.forge(from, next, flags, bytes);
        }
        for arguments in [&["-"][..], &["--keep-going", "-"], &["--stats", "--keep-going", "-"]] {
            let output = inspect(arguments, capture.file());
            let error = text(&output.stderr);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{seed} {arguments:?}: {error}");
            assert!(!error.contains('\x1b') && !output.stdout.contains(&0x1b), "{seed}");
        }
    }
}
