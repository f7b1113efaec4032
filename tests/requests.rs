//! The decoder of requests agrees with the naive one: verdict, offset, bytes consumed, bytes needed, arguments.

use std::fs;

use proptest::prelude::*;
use zresp::{CommandDecoder, Error, ErrorKind, InlinePolicy, Limits, Request};
use zresp_testing::drive::verdicts::{self, arguments, requests};
use zresp_testing::{generate, oracle};
#[cfg(feature = "std")]
use {zresp::io::CommandReader, zresp_testing::drive::pieces::Pieces};

fn policy(accepts_inline: bool) -> InlinePolicy {
    if accepts_inline { InlinePolicy::Accept } else { InlinePolicy::Refuse }
}

proptest! {
    #![proptest_config(generate::cases(2048))]

    #[test]
    fn requests_agree(
        input in generate::requests(),
        cuts in generate::cuts(),
        limits in generate::limits(),
        accepts_inline in prop::bool::weighted(0.8),
    ) {
        let input = &input.0;
        let expected = oracle::request::stream(input, &limits, accepts_inline);
        let (limits, policy) = (verdicts::limits(&limits), policy(accepts_inline));
        prop_assert_eq!(&requests(input, [], limits, policy), &expected, "whole");
        prop_assert_eq!(&requests(input, cuts, limits, policy), &expected, "cut");
        prop_assert_eq!(&requests(input, 0..input.len(), limits, policy), &expected, "byte by byte");
    }

    #[test]
    fn skipped_lines_may_be_dropped_at_any_time(
        input in generate::requests(),
        cuts in generate::cuts(),
    ) {
        let expected: Vec<_> =
            zresp::requests(&input.0).map_while(Result::ok).map(|request| arguments(&request)).collect();
        let mut decoder = CommandDecoder::new();
        let (mut at, mut seen) = (0, 0);
        let mut found = Vec::new();
        for cut in cuts.into_iter().chain([input.0.len()]) {
            seen = cut.clamp(seen, input.0.len());
            while let Ok(Some(request)) = decoder.decode(&input.0[at..seen]) {
                found.push(arguments(&request));
                at += request.wire().len();
            }
            at += decoder.take_skipped();
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn arguments_survive_a_round_trip(arguments in generate::arguments()) {
        let bytes = encode(&arguments);
        let requests: Vec<_> = zresp::requests(&bytes).map(|request| request.map(|r| verdicts::arguments(&r))).collect();
        prop_assert_eq!(requests, vec![Ok(arguments)]);
    }
}

fn encode(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend(format!("${}\r\n", argument.len()).bytes());
        bytes.extend(argument);
        bytes.extend(b"\r\n");
    }
    bytes
}

#[test]
fn the_limits_before_authentication_are_those_of_redis_and_can_be_lifted() {
    let mut decoder = CommandDecoder::with_limits(Limits::unauthenticated());
    let kind = |result: Result<Option<Request<'_>>, Error>| result.unwrap_err().kind;
    assert!(decoder.decode(b"*10\r\n").unwrap().is_none());
    decoder.reset();
    assert_eq!(kind(decoder.decode(b"*11\r\n")), ErrorKind::TooManyElements { limit: 10 });
    decoder.reset();
    assert!(decoder.decode(b"*1\r\n$16384\r\n").unwrap().is_none());
    decoder.reset();
    assert_eq!(kind(decoder.decode(b"*1\r\n$16385\r\n")), ErrorKind::BulkTooLong { limit: 16_384 });
    decoder.reset();
    assert!(decoder.decode(b"AUTH secret\r\n").unwrap().is_some());
    decoder.set_limits(Limits::new());
    assert!(decoder.decode(b"*11\r\n").unwrap().is_none());
}

#[test]
fn lowered_limits_hold_for_recent_commands() {
    let command = b"*2\r\n$3\r\nGET\r\n$5\r\nabcde\r\n";
    for (limits, kind) in [
        (Limits::new().with_bulk(4), ErrorKind::BulkTooLong { limit: 4 }),
        // These hold for what such commands have in common.
        (Limits::new().with_bulk(2), ErrorKind::BulkTooLong { limit: 2 }),
        (Limits::new().with_elements(1), ErrorKind::TooManyElements { limit: 1 }),
    ] {
        let mut decoder = CommandDecoder::new();
        for _ in 0..5 {
            assert!(decoder.decode(command).unwrap().is_some());
        }
        decoder.set_limits(limits);
        assert_eq!(decoder.decode(command).unwrap_err().kind, kind);
    }
}

#[test]
fn skipped_lines_do_not_count_towards_the_limit_of_a_request() {
    let limits = Limits::new().with_frame(20);
    let input = [&b"\r\n".repeat(30)[..], b"*1\r\n$4\r\nPING\r\n"].concat();
    for cut in 0..input.len() {
        let found = requests(&input, [cut], limits, InlinePolicy::Accept);
        let naive_limits = oracle::Limits { frame: 20, ..oracle::Limits::default() };
        assert_eq!(found, oracle::request::stream(&input, &naive_limits, true), "cut at {cut}");
        assert_eq!(found.len(), 2);
    }
}

#[test]
fn a_policy_can_change() {
    let mut decoder = CommandDecoder::new();
    assert!(decoder.decode(b"PING\r\n").unwrap().is_some());
    decoder.set_inline_policy(InlinePolicy::Refuse);
    assert!(decoder.decode(b"PING\r\n").is_err());
}

#[test]
fn a_buffer_that_changes_is_an_error() {
    let mut decoder = CommandDecoder::new();
    assert!(decoder.decode(b"\r\n*2\r\n$3\r\nGET\r\n").unwrap().is_none());
    assert_eq!(decoder.clone().decode(b"\r\n*2").unwrap_err().kind, ErrorKind::BufferChanged);
    let error = decoder.decode(b"\r\n*3\r\n$3\r\nGET\r\n").unwrap_err();
    assert_eq!(error.kind, ErrorKind::BufferChanged);
    assert_eq!(decoder.decode(b"PING\r\n").unwrap_err(), error);
    decoder.reset();
    assert!(decoder.decode(b"PING\r\n").unwrap().is_some());
}

#[test]
fn empty_lines_do_not_end_a_batch_and_an_end_after_them_is_clean() {
    let pipeline = b"\r\n*0\r\n*1\r\n$4\r\nPING\r\n\r\n*-3\r\nPING\r\n\r\n\r\n";
    let mut requests = zresp::requests(pipeline);
    assert_eq!(requests.by_ref().map(Result::unwrap).count(), 2);
    assert_eq!((requests.rest(), requests.offset()), (&b""[..], pipeline.len()));
}

#[test]
fn the_errors_of_requests_have_messages() {
    for (input, message) in [
        (&b"*1\r\n:1\r\n"[..], "expected `$`, found `:` at offset 4"),
        (b"*x\r\n", "expected a digit or `-`, found `x` at offset 1"),
        (b"*-x\r\n", "expected a digit, found `x` at offset 2"),
        (b"get \"a\"b\r\n", "unbalanced quotes in an inline command at offset 7"),
        (b"get 'a\r\n", "unbalanced quotes in an inline command at offset 7"),
        (b"get \0\r\n", "expected text or a line end, found byte 0x00 at offset 4"),
        (b"\r\npost / HTTP/1.1\r\n", "HTTP request at offset 6"),
    ] {
        let error = zresp::requests(input).find_map(Result::err).unwrap();
        assert_eq!(error.to_string(), message, "{}", input.escape_ascii());
        assert!(error.kind.is_malformed());
    }
    let error = zresp::requests(&vec![b'x'; 65_537]).find_map(Result::err).unwrap();
    assert_eq!(error.to_string(), "inline command longer than 65536 bytes at offset 65536");
    assert!(error.kind.is_limit());

    let mut decoder = CommandDecoder::new().with_inline_policy(InlinePolicy::Refuse);
    let error = decoder.decode(b"\r\nPING\r\n").unwrap_err();
    assert_eq!(error.to_string(), "expected `*`, found `P` at offset 2");
}

#[test]
fn many_arguments_are_found() {
    let arguments: Vec<Vec<u8>> = (0..300).map(|number| vec![b'x'; number % 40]).collect();
    let bytes = encode(&arguments);
    let request = zresp::requests(&bytes).next().unwrap().unwrap();
    assert_eq!(verdicts::arguments(&request), arguments);
    assert_eq!(format!("{:?}", request.command()).matches(", ").count(), 64, "bounded");
}

/// The requests of the captures, and an append-only file.
fn recorded() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir("tests/captures").expect("the captures");
    let paths = entries.map(|entry| entry.expect("a folder entry").path());
    let requests = paths.filter(|path| {
        path.extension().is_some_and(|extension| extension == "requests" || extension == "aof")
    });
    requests.map(|path| (path.display().to_string(), fs::read(path).expect("a capture"))).collect()
}

#[test]
fn recorded_requests_and_an_append_only_file_are_read_to_the_end() {
    let recorded = recorded();
    assert!(recorded.len() >= 15);
    for (path, bytes) in recorded {
        let found: Vec<_> = zresp::requests(&bytes)
            .map(|request| {
                verdicts::arguments(&request.unwrap_or_else(|error| panic!("{path}: {error}")))
            })
            .collect();
        let expected = oracle::request::stream(&bytes, &oracle::Limits::default(), true);
        // The last verdict is about the end of the input.
        assert_eq!(found.len(), expected.len() - 1, "{path}");
        for (found, expected) in found.iter().zip(&expected) {
            let oracle::request::Verdict::Complete { arguments, .. } = expected else {
                panic!("{path}")
            };
            assert_eq!(found, arguments, "{path}");
        }
    }
}

#[cfg(feature = "std")]
#[test]
fn a_reader_returns_every_request_once_with_reads_of_any_size() {
    for (path, bytes) in recorded() {
        let expected: Vec<_> =
            zresp::requests(&bytes).map(|request| verdicts::arguments(&request.unwrap())).collect();
        for sizes in [&[1][..], &[7, 2], &[1400]] {
            let mut reader = CommandReader::new(Pieces::new(&bytes, sizes));
            let mut found = Vec::new();
            while let Some(request) = reader.read().unwrap() {
                found.push(verdicts::arguments(&request));
            }
            assert_eq!(found, expected, "{path} in reads of {sizes:?}");
            assert_eq!(reader.consumed(), bytes.len() as u64, "{path}");
        }
    }
}

#[cfg(feature = "std")]
#[test]
fn a_reader_drops_skipped_lines_and_counts_them() {
    let bytes = [&b"\r\n".repeat(100_000)[..], b"PING\r\n", b"\r\n", b"*1\r\n$x"].concat();
    let mut reader = CommandReader::with_limits(&bytes[..], Limits::new().with_frame(64 * 1024));
    assert!(reader.read().unwrap().is_some());
    let error = reader.read().unwrap_err();
    assert_eq!(error.to_string(), "expected a digit, found `x` at offset 200013");
    assert_eq!(reader.position(), 200_006);
    let mut reader = CommandReader::new(&b"PING\r\n\r\n*0\r\n"[..]);
    assert!(reader.read().unwrap().is_some());
    assert!(reader.read().unwrap().is_none());
}

/// Open quotes must be closed within the limit of a line, so a line is only "incomplete" if it can be completed.
#[test]
fn an_inline_command_is_refused_as_soon_as_it_cannot_end_within_its_limit() {
    const LIMIT: usize = 65_536;
    let limits = oracle::Limits::default();
    let ends = ["\n", "\"\n", "'\n", "0\n", "0\"\n", "''\n", "0'\n", "00\"\n"];
    for open in [
        "", "a", "\"", "\"a", "'a", "'\\", "\"\\", "\"\\x", "\"\\x4", "\"a\"", "POST", "\"POST",
        "host:",
    ] {
        for size in LIMIT - 4..=LIMIT + 1 {
            let begun = [&" ".repeat(size - open.len()), open].concat();
            for next in ["", "\n", "\"", "\"\n", "'\n", "x", "xx\"\n", " ", "\0"] {
                let input = [begun.as_bytes(), next.as_bytes()].concat();
                let expected = oracle::request::stream(&input, &limits, true);
                let policy = InlinePolicy::Accept;
                let case = format!("{open:?} at {size}, {next:?}");
                assert_eq!(requests(&input, [], Limits::new(), policy), expected, "{case}");
                let cuts = [LIMIT - 2, LIMIT - 1, LIMIT];
                assert_eq!(requests(&input, cuts, Limits::new(), policy), expected, "{case}, cut");
            }
            let is_incomplete = CommandDecoder::new().decode(begun.as_bytes()).is_ok();
            let can_end = ends.iter().any(|end| {
                let line = [begun.as_bytes(), end.as_bytes(), b"*1\r\n$1\r\na\r\n"].concat();
                CommandDecoder::new().decode(&line).is_ok()
            });
            assert_eq!(is_incomplete, can_end, "{open:?} at {size}");
        }
    }
}
