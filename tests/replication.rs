//! The answer to `PSYNC` or `SYNC` is decoded the same way wherever it is cut, and in constant memory.

use allocation_counter::measure;
use zresp::replication::{Event, SyncDecoder};
use zresp::{Error, replies};
use zresp_testing::drive::sync::decode;
use zresp_testing::oracle::sync::{self, Announced, Sync};

const ID: &str = "0123456789abcdef0123456789ABCDEF01234567";

/// Decodes the stream whole, byte by byte, cut once at every place, and cut twice; all results must agree.
fn decode_all_ways(stream: &[u8]) -> Result<Sync, Error> {
    let whole = decode(stream, &[]);
    let name = stream.escape_ascii().to_string();
    let bytewise: Vec<_> = (1..stream.len()).collect();
    assert_eq!(decode(stream, &bytewise), whole, "byte by byte: {name}");
    for first in 0..=stream.len() {
        assert_eq!(decode(stream, &[first]), whole, "cut at {first}: {name}");
        for second in (first..stream.len()).step_by(7) {
            assert_eq!(decode(stream, &[first, second]), whole, "{first}, {second}: {name}");
        }
    }
    whole
}

fn full(payload: &str, commands: &str) -> Vec<u8> {
    format!("\n\n+FULLRESYNC {ID} 1234\r\n\n\n\n{payload}{commands}").into_bytes()
}

const COMMANDS: &str = "*1\r\n$4\r\nPING\r\n\n*1\r\n$4\r\nPING\r\n";

#[test]
fn a_payload_with_a_length_has_no_line_end_after_it() {
    for payload in ["", "R", "REDIS0011\r\n*1\r\n"] {
        let stream = full(&format!("${}\r\n{payload}", payload.len()), COMMANDS);
        let sync = decode_all_ways(&stream).unwrap();
        assert_eq!(sync.answer, format!("full {ID} 1234"));
        assert_eq!(sync.announced, Announced::Length(payload.len() as u64));
        assert_eq!(sync.payload, payload.as_bytes());
        assert!(sync.ended);
        assert_eq!(sync.rest.unwrap(), COMMANDS.as_bytes());
    }
}

#[test]
fn a_payload_with_a_mark_ends_where_the_mark_appears_again() {
    let marks = ["a".repeat(40), "ab".repeat(20), "aab".repeat(13) + "a", ID.to_owned()];
    for mark in &marks {
        let begun = &mark[..39];
        for payload in [
            String::new(),
            "x".to_owned(),
            begun.replacen('a', "b", 1),
            format!("b{begun}b{begun}cb"),
            format!("{}b", &mark[..20]),
            format!("{}b{}b", &mark[..3], &mark[..1]),
            "REDIS\r\n".repeat(9),
        ] {
            let stream = full(&format!("$EOF:{mark}\r\n{payload}{mark}"), COMMANDS);
            let sync = decode_all_ways(&stream).unwrap();
            // The first place of the mark, found by a plain search.
            let body = format!("{payload}{mark}{COMMANDS}");
            let end = body.find(mark.as_str()).unwrap();
            assert_eq!(sync.announced, Announced::Mark);
            assert_eq!(sync.payload, &body.as_bytes()[..end], "{mark}: {payload}");
            assert!(sync.ended);
            assert_eq!(sync.rest.unwrap(), &body.as_bytes()[end + 40..]);
        }
    }
}

#[test]
fn a_continuation_leads_straight_to_the_commands() {
    for (line, answer) in [
        ("+CONTINUE\r\n".to_owned(), "continue ".to_owned()),
        (format!("+CONTINUE {ID}\r\n"), format!("continue {ID}")),
        (format!("\n+CONTINUE {ID}\r\n"), format!("continue {ID}")),
    ] {
        let sync = decode_all_ways(format!("{line}{COMMANDS}").as_bytes()).unwrap();
        assert_eq!(sync.answer, answer);
        assert_eq!(sync.announced, Announced::Nothing);
        assert_eq!(sync.rest.unwrap(), COMMANDS.as_bytes());
    }
}

#[test]
fn the_answer_to_sync_begins_with_the_payload() {
    let sync = decode_all_ways(format!("\n$5\r\nREDIS{COMMANDS}").as_bytes()).unwrap();
    assert_eq!((sync.answer.as_str(), sync.payload.as_slice()), ("", &b"REDIS"[..]));
    assert_eq!(sync.announced, Announced::Length(5));
    assert_eq!(sync.rest.unwrap(), COMMANDS.as_bytes());

    let sync = decode_all_ways(format!("$EOF:{ID}\r\nREDIS{ID}").as_bytes()).unwrap();
    assert_eq!((sync.answer.as_str(), sync.payload.as_slice()), ("", &b"REDIS"[..]));
    assert!(sync.ended);
}

#[test]
fn a_synchronisation_over_two_connections_is_announced_on_both() {
    let sync = decode_all_ways(b"\n+DUALCHANNELSYNC\r\n+OK\r\n").unwrap();
    assert_eq!(sync.answer, "dual channel");
    assert_eq!(sync.rest.unwrap(), b"+OK\r\n");

    let sync = decode_all_ways(format!("+RDBCHANNELSYNC 11\r\n{COMMANDS}").as_bytes()).unwrap();
    assert_eq!(sync.answer, "rdb channel 11");
    assert_eq!(sync.rest.unwrap(), COMMANDS.as_bytes());

    for payload in [format!("$EOF:{ID}\r\nREDIS{ID}"), "$5\r\nREDIS".to_owned()] {
        for database in ["0", "-1", "15"] {
            let values = format!("{ID} {database} 18446744073709551615");
            let stream = format!("\n$ENDOFF:1234 {values}\r\n\n{payload}");
            let sync = decode_all_ways(stream.as_bytes()).unwrap();
            assert_eq!(sync.answer, format!("end offset 1234 {values}"));
            assert_eq!(sync.payload, b"REDIS");
            assert!(sync.ended);
        }
    }
}

#[test]
fn a_refusal_is_returned_with_its_text() {
    let text = "ERR BGSAVE failed, replication can't continue";
    for before in [
        String::new(),
        "\n\n".to_owned(),
        format!("+FULLRESYNC {ID} 0\r\n\n"),
        format!("$ENDOFF:0 {ID} 0 1\r\n"),
    ] {
        let sync = decode_all_ways(format!("{before}-{text}\r\n+PONG\r\n").as_bytes()).unwrap();
        assert!(sync.is_refused);
        assert_eq!(sync.refusal, text.as_bytes());
        assert_eq!(sync.rest.unwrap(), b"+PONG\r\n");
    }
    let sync = decode_all_ways(b"-\r\n").unwrap();
    assert!(sync.is_refused && sync.refusal.is_empty());
}

#[test]
fn another_answer_may_follow_one_that_brought_nothing() {
    let mut decoder = SyncDecoder::new();
    for answer in ["-ERR no\r\n", "+DUALCHANNELSYNC\r\n", "$0\r\n"] {
        let mut events = Vec::new();
        let mut rest = answer.as_bytes();
        loop {
            let progress = decoder.advance(rest).unwrap();
            rest = &rest[progress.taken..];
            match progress.event {
                Some(Event::Commands) | None => break,
                Some(event) => events.push(format!("{event:?}")),
            }
        }
        let expected: &[&str] = match answer {
            "-ERR no\r\n" => &["Refusal(\"ERR no\")", "RefusalEnd"],
            "$0\r\n" => &["PayloadStart { len: Some(0) }", "PayloadEnd"],
            _ => &["DualChannelSync"],
        };
        assert_eq!(events, expected, "{answer}");
    }
}

#[test]
fn the_first_impossible_byte_is_an_error_and_stays_one() {
    let full = format!("+FULLRESYNC {ID} ");
    for (stream, message) in [
        (":1".to_owned(), "expected `+`, `$`, `-` or LF, found `:` at offset 0".to_owned()),
        (
            "+OK".to_owned(),
            "expected `FULLRESYNC`, `CONTINUE`, `DUALCHANNELSYNC` or `RDBCHANNELSYNC`, found `O` at offset 1"
                .to_owned(),
        ),
        ("-ERR no\n".to_owned(), "expected text or CR, found LF at offset 7".to_owned()),
        ("-ERR no\rx".to_owned(), "expected LF, found `x` at offset 8".to_owned()),
        ("+DUALCHANNELSYNC\n".to_owned(), "expected CR, found LF at offset 16".to_owned()),
        ("+RDBCHANNELSYNC\r".to_owned(), "expected ` `, found CR at offset 15".to_owned()),
        ("+RDBCHANNELSYNC \r".to_owned(), "expected a digit, found CR at offset 16".to_owned()),
        ("$x".to_owned(), "expected a digit, `EOF:` or `ENDOFF:`, found `x` at offset 1".to_owned()),
        ("$Ex".to_owned(), "expected `O` or `N`, found `x` at offset 2".to_owned()),
        ("$ENDOFF:1\r".to_owned(), "expected a digit or a space, found CR at offset 9".to_owned()),
        ("$ENDOFF:00".to_owned(), "expected ` `, found `0` at offset 9".to_owned()),
        (format!("$ENDOFF:7 {ID}\r"), "expected ` `, found CR at offset 50".to_owned()),
        (format!("$ENDOFF:7 {ID} +"), "expected a digit or `-`, found `+` at offset 51".to_owned()),
        (format!("$ENDOFF:7 {ID} -0"), "expected `1`, found `0` at offset 52".to_owned()),
        (format!("$ENDOFF:7 {ID} 0\r"), "expected ` `, found CR at offset 52".to_owned()),
        (format!("$ENDOFF:7 {ID} 0 1 "), "expected a digit or CR, found ` ` at offset 54".to_owned()),
        (
            format!("$ENDOFF:7 {ID} 0 1\r\n$EN"),
            "expected `O`, found `N` at offset 58".to_owned(),
        ),
        ("+FULLX".to_owned(), "expected `R`, found `X` at offset 5".to_owned()),
        (
            "+FULLRESYNC xyz".to_owned(),
            "expected a hexadecimal digit, found `x` at offset 12".to_owned(),
        ),
        (format!("+FULLRESYNC {ID}0"), "expected ` `, found `0` at offset 52".to_owned()),
        (format!("{full}-"), "expected a digit, found `-` at offset 53".to_owned()),
        (format!("{full}01"), "expected CR, found `1` at offset 54".to_owned()),
        (
            format!("{full}18446744073709551616"),
            "integer does not fit 64 bits at offset 72".to_owned(),
        ),
        (format!("{full}1\n"), "expected a digit or CR, found LF at offset 54".to_owned()),
        (format!("{full}1\r\n+"), "expected `$`, `-` or LF, found `+` at offset 56".to_owned()),
        (format!("{full}1\r\n$-"), "expected a digit or `EOF:`, found `-` at offset 57".to_owned()),
        (format!("{full}1\r\n$EOX"), "expected `F`, found `X` at offset 59".to_owned()),
        ("+CONTINUEX".to_owned(), "expected a space or CR, found `X` at offset 9".to_owned()),
        ("+CONTINUE\rx".to_owned(), "expected LF, found `x` at offset 10".to_owned()),
    ] {
        let error = decode_all_ways(stream.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), message);
        let mut decoder = SyncDecoder::new();
        let mut rest = stream.as_bytes();
        while let Ok(progress) = decoder.advance(rest) {
            rest = &rest[progress.taken..];
        }
        assert!(decoder.advance(b"+CONTINUE\r\n").is_err(), "{stream}");
    }
}

#[test]
fn a_payload_passes_through_without_allocation() {
    let mark = "m".repeat(40);
    let chunk = format!("{}x", "m".repeat(39)).repeat(1_000).into_bytes();
    let header = full(&format!("$EOF:{mark}\r\n"), "");
    let info = measure(|| {
        let mut decoder = SyncDecoder::new();
        let mut passed = 0;
        for chunk in [header.as_slice(), &chunk, &chunk, mark.as_bytes()] {
            let mut rest = chunk;
            loop {
                let progress = decoder.advance(rest).unwrap();
                let used = progress.taken;
                match progress.event {
                    Some(Event::Payload(bytes)) => passed += bytes.len(),
                    None | Some(Event::Commands) => break,
                    Some(_) => {}
                }
                rest = &rest[used..];
            }
        }
        assert_eq!(passed, 2 * chunk.len());
    });
    assert_eq!(info.count_total, 0, "{info:?}");
}

#[test]
fn recorded_synchronisations_are_decoded() {
    for (file, announced) in [
        ("replication-disk", "length"),
        ("replication-diskless", "mark"),
        ("replication-continue", "nothing"),
    ] {
        let stream = std::fs::read(format!("tests/captures/{file}.stream")).unwrap();
        let whole = decode(&stream, &[]).unwrap();
        for cut in 0..stream.len() {
            assert_eq!(decode(&stream, &[cut]).as_ref(), Ok(&whole), "{file} cut at {cut}");
        }
        let bytewise: Vec<_> = (1..stream.len()).collect();
        assert_eq!(decode(&stream, &bytewise).as_ref(), Ok(&whole), "{file} byte by byte");

        let form = format!("{:?}", whole.announced).to_lowercase();
        assert!(form.starts_with(announced), "{file}: {form}");
        if whole.ended {
            assert!(whole.payload.starts_with(b"REDIS"), "{file}");
            assert_eq!(
                whole.payload[whole.payload.len() - 9],
                0xff,
                "{file}: the RDB's last opcode"
            );
        }
        // Commands are arrays of bulk strings; the keep-alives between them are not replies.
        let commands = whole.rest.unwrap();
        let text = String::from_utf8_lossy(&commands).replace("\n\n", "\n");
        assert!(replies(text.as_bytes()).all(|frame| frame.is_ok()), "{file}");
        assert!(replies(text.as_bytes()).count() >= 10, "{file}");
    }
}

#[test]
fn a_naive_decoder_agrees_on_changed_and_cut_synchronisations() {
    let mark = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
    let mut streams = Vec::new();
    for (payload, commands) in [
        ("$5\r\nREDIS", COMMANDS),
        ("$0\r\n", COMMANDS),
        ("$18446744073709551615\r\nREDIS", ""),
        ("$18446744073709551616\r\nREDIS", ""),
        ("$05\r\nREDIS", COMMANDS),
        (&format!("$EOF:{mark}\r\naaaRaaaaaaaaaa"), "aaaaaaaaaaaaaaaaaaaa"),
        ("-ERR no\r\n", ""),
    ] {
        streams.push(full(payload, commands));
    }
    streams.push(b"+CONTINUE\r\n*1\r\n".to_vec());
    streams.push(b"+DUALCHANNELSYNC\r\n+OK\r\n".to_vec());
    streams.push(b"\n+RDBCHANNELSYNC 10\r\n*1\r\n".to_vec());
    streams.push(b"$0\r\n*1\r\n".to_vec());
    streams.push(format!("$EOF:{mark}\r\n{mark}").into_bytes());
    streams.push(format!("$ENDOFF:10 {ID} 0 20\r\n\n$2\r\nREDIS").into_bytes());
    streams.push(format!("$ENDOFF:10 {ID} -1 20\r\n\n$2\r\nREDIS").into_bytes());
    for stream in streams {
        for place in 0..stream.len() {
            for byte in *b"\r\n +-$0aEN:FCDR" {
                let mut changed = stream.clone();
                changed[place] = byte;
                for stream in [&changed[..], &stream[..place]] {
                    let decoded = decode(stream, &[]).map_err(|error| error.offset);
                    assert_eq!(decoded, sync::decode(stream), "{}", stream.escape_ascii());
                }
            }
        }
    }
}
