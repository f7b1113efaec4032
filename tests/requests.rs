//! The decoder of requests agrees with the naive one: verdict, offset, bytes consumed, bytes needed,
//! arguments.

mod generate;
mod naive;
mod support;

use naive::request::{self, Verdict};
use proptest::prelude::*;
use support::failure;
use zresp::{
    Command, CommandDecoder, CommandRef, Error, ErrorKind, InlinePolicy, Limits, Request, commands,
};

fn policy(accepts_inline: bool) -> InlinePolicy {
    if accepts_inline { InlinePolicy::Accept } else { InlinePolicy::Refuse }
}

fn verdict(result: Result<Option<Request<'_>>, Error>, needed: usize) -> Verdict {
    match result {
        Ok(Some(request)) => {
            let consumed = request.wire.len();
            Verdict::Complete { arguments: arguments(&request), consumed }
        }
        Ok(None) => Verdict::Incomplete { needed },
        Err(Error { kind, offset, .. }) => Verdict::Failed { failure: failure(kind), offset },
    }
}

/// The arguments, which all ways to get at them agree about.
fn arguments(request: &Request<'_>) -> Vec<Vec<u8>> {
    assert!(request.wire.ends_with(request.command.wire()));
    let mut scratch = Vec::new();
    let array = request.command.to_array(&mut scratch);
    let arguments: Vec<Vec<u8>> = array.args().map(<[u8]>::to_vec).collect();
    assert_array(array, &arguments);
    match request.command {
        Command::Array(command) => {
            assert_eq!(command, array);
            assert_array(command, &arguments);
        }
        Command::Inline(line) => {
            let borrowed: Vec<Vec<u8>> = line.args().map(|argument| argument.to_vec()).collect();
            assert_eq!(borrowed, arguments);
            assert_eq!(line.name(), arguments[0]);
        }
    }
    arguments
}

fn assert_array(command: CommandRef<'_>, arguments: &[Vec<u8>]) {
    assert_eq!(command.len(), arguments.len());
    assert_eq!(command.name(), arguments[0]);
    for (index, argument) in arguments.iter().enumerate() {
        assert_eq!(command.arg(index), Some(&argument[..]));
        assert_eq!(command.wire()[command.arg_span(index).unwrap()], argument[..]);
    }
    assert_eq!(command.arg(arguments.len()), None);
    assert_eq!(command.arg(usize::MAX), None);
}

/// The verdicts of one decoder on the requests of the input, which is shown to it up to each of the
/// cuts, up to the first that is not whole.
fn stream(
    input: &[u8],
    cuts: impl IntoIterator<Item = usize>,
    limits: Limits,
    policy: InlinePolicy,
) -> Vec<Verdict> {
    let mut decoder = CommandDecoder::with_limits(limits, policy);
    let mut verdicts = Vec::new();
    let (mut at, mut seen) = (0, 0);
    for cut in cuts.into_iter().chain([input.len()]) {
        seen = cut.clamp(seen, input.len());
        loop {
            let result = decoder.decode(&input[at..seen]);
            let size = match result {
                Ok(Some(request)) => request.wire.len(),
                Ok(None) if seen < input.len() => {
                    assert!(decoder.needed() > 0);
                    assert_partial(&decoder, &input[at..seen]);
                    break;
                }
                _ => {
                    verdicts.push(verdict(result, decoder.needed()));
                    return verdicts;
                }
            };
            verdicts.push(verdict(result, 0));
            at += size;
        }
    }
    verdicts
}

/// The arguments that have arrived are those that a decoder of the whole command would give.
fn assert_partial(decoder: &CommandDecoder, seen: &[u8]) {
    let Some(partial) = decoder.partial(seen) else { return };
    let arrived: Vec<&[u8]> = partial.args().collect();
    assert!(arrived.len() < partial.len());
    for (index, argument) in arrived.iter().enumerate() {
        assert_eq!(partial.arg(index), Some(*argument));
        assert!(seen.windows(argument.len() + 2).any(|part| part.starts_with(argument)));
    }
    assert_eq!(partial.arg(arrived.len()), None);
}

fn naive_stream(mut input: &[u8], limits: &naive::Limits, accepts_inline: bool) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    loop {
        let verdict = request::decode(input, limits, accepts_inline);
        verdicts.push(verdict.clone());
        match verdict {
            Verdict::Complete { consumed, .. } => input = &input[consumed..],
            _ => return verdicts,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn requests_agree(
        input in generate::requests(),
        cuts in generate::cuts(),
        limits in generate::limits(),
        accepts_inline in prop::bool::weighted(0.8),
    ) {
        let input = &input.0;
        let expected = naive_stream(input, &limits, accepts_inline);
        let (limits, policy) = (support::limits(&limits), policy(accepts_inline));
        prop_assert_eq!(&stream(input, [], limits, policy), &expected, "whole");
        prop_assert_eq!(&stream(input, cuts, limits, policy), &expected, "cut");
        prop_assert_eq!(&stream(input, 0..input.len(), limits, policy), &expected, "byte by byte");
    }

    #[test]
    fn what_is_skipped_may_be_dropped_at_any_time(
        input in generate::requests(),
        cuts in generate::cuts(),
    ) {
        let expected: Vec<_> =
            commands(&input.0).map_while(Result::ok).map(|request| arguments(&request)).collect();
        let mut decoder = CommandDecoder::new();
        let (mut at, mut seen) = (0, 0);
        let mut found = Vec::new();
        for cut in cuts.into_iter().chain([input.0.len()]) {
            seen = cut.clamp(seen, input.0.len());
            while let Ok(Some(request)) = decoder.decode(&input.0[at..seen]) {
                found.push(arguments(&request));
                at += request.wire.len();
            }
            at += decoder.take_skipped();
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn arguments_come_back(arguments in generate::arguments()) {
        let bytes = encode(&arguments);
        let requests: Vec<_> = commands(&bytes).map(|request| request.map(|r| self::arguments(&r))).collect();
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
fn the_limits_of_a_client_that_has_not_authenticated_are_redis_s_and_can_be_lifted() {
    let mut decoder = CommandDecoder::with_limits(Limits::unauthenticated(), InlinePolicy::Accept);
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
fn limits_that_are_lowered_hold_for_what_was_learned() {
    let mut decoder = CommandDecoder::new();
    let command = b"*2\r\n$3\r\nGET\r\n$5\r\nabcde\r\n";
    for _ in 0..5 {
        assert!(decoder.decode(command).unwrap().is_some());
    }
    decoder.set_limits(Limits::new().with_bulk(4));
    let error = decoder.decode(command).unwrap_err();
    assert_eq!(error.kind, ErrorKind::BulkTooLong { limit: 4 });
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
fn empty_lines_do_not_end_a_batch_and_an_end_behind_them_is_clean() {
    let pipeline = b"\r\n*0\r\n*1\r\n$4\r\nPING\r\n\r\n*-3\r\nPING\r\n\r\n\r\n";
    let mut requests = commands(pipeline);
    assert_eq!(requests.by_ref().map(Result::unwrap).count(), 2);
    assert_eq!((requests.rest(), requests.offset()), (&b""[..], pipeline.len()));
}

#[test]
fn the_errors_of_requests_are_told() {
    for (input, message) in [
        (&b"*1\r\n:1\r\n"[..], "expected `$`, found `:` at offset 4"),
        (b"*x\r\n", "expected a digit or `-`, found `x` at offset 1"),
        (b"*-x\r\n", "expected a digit, found `x` at offset 2"),
        (b"get \"a\"b\r\n", "unbalanced quotes in an inline command at offset 7"),
        (b"get 'a\r\n", "unbalanced quotes in an inline command at offset 7"),
        (b"get \0\r\n", "expected text or a line end, found byte 0x00 at offset 4"),
        (b"\r\npost / HTTP/1.1\r\n", "HTTP request at offset 6"),
    ] {
        let error = commands(input).find_map(Result::err).unwrap();
        assert_eq!(error.to_string(), message, "{}", input.escape_ascii());
        assert!(error.kind.is_malformed());
    }
    let error = commands(&vec![b'x'; 65_537]).find_map(Result::err).unwrap();
    assert_eq!(error.to_string(), "inline command longer than 65536 bytes at offset 65536");
    assert!(error.kind.is_limit());

    let mut decoder = CommandDecoder::with_limits(Limits::new(), InlinePolicy::Refuse);
    let error = decoder.decode(b"\r\nPING\r\n").unwrap_err();
    assert_eq!(error.to_string(), "expected `*`, found `P` at offset 2");
}

#[test]
fn many_arguments_are_found() {
    let arguments: Vec<Vec<u8>> = (0..300).map(|number| vec![b'x'; number % 40]).collect();
    let bytes = encode(&arguments);
    let request = commands(&bytes).next().unwrap().unwrap();
    assert_eq!(self::arguments(&request), arguments);
    assert_eq!(format!("{:?}", request.command).matches(", ").count(), 64, "bounded");
}
