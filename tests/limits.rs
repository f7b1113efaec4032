//! Each limit accepts what is at the limit and one below it, and refuses what is one above it, at every entry
//! point. A new limit takes effect with the next frame.
#![cfg(feature = "std")]

use zresp::frames::FrameDecoder;
use zresp::io::{CommandReader, ReplyReader};
use zresp::{
    CommandDecoder, Decoder, ErrorKind, Framer, InlinePolicy, Kind, Limits, LinePolicy, ReplyRef,
    Token, TokenReader,
};
use zresp_testing::drive::ways;

/// The kind of error for a reply, which is the same in every way of decoding it; `None` if it is accepted.
fn refusal(frame: &[u8], limits: Limits) -> Option<ErrorKind> {
    refusal_by(&Decoder::with_limits(limits), frame)
}

/// The same for a request.
fn refused(request: &[u8], limits: Limits) -> Option<ErrorKind> {
    refusal_by(&CommandDecoder::with_limits(limits), request)
}

fn refusal_by<D: ways::Way>(decoder: &FrameDecoder<D>, frame: &[u8]) -> Option<ErrorKind> {
    let story = ways::agreed(decoder, frame, &[1]);
    let kind = story.end.err().map(|(kind, _)| kind);
    let is_whole = story.frames.len() == 1;
    assert!(is_whole != kind.is_some(), "{:.200}", frame.escape_ascii().to_string());
    kind
}

/// Asserts that a frame of `size` is accepted up to the limit and refused above it.
fn assert_edge(
    limit: usize,
    frame: impl Fn(usize) -> Vec<u8>,
    set: impl Fn(usize) -> Limits,
    kind: ErrorKind,
) {
    for size in [limit - 1, limit] {
        assert_eq!(refusal(&frame(size), set(limit)), None, "{size} of {limit}");
    }
    assert_eq!(refusal(&frame(limit + 1), set(limit)), Some(kind), "one above {limit}");
}

/// Aggregates with the same header, nested around an integer.
fn nested(header: &str, levels: usize) -> Vec<u8> {
    [header.repeat(levels).into_bytes(), b":1\r\n".to_vec()].concat()
}

fn sized(kind: char, payload: usize) -> Vec<u8> {
    let payload = "txt:".chars().cycle().take(payload).collect::<String>();
    format!("{kind}{}\r\n{payload}\r\n", payload.len()).into_bytes()
}

#[test]
fn depth() {
    for header in ["*1\r\n", "~1\r\n", ">2\r\n+subscribe\r\n", "%1\r\n+k\r\n"] {
        for limit in [1, 2, 15, 16, 17, 128, 300] {
            assert_edge(
                limit,
                |levels| nested(header, levels),
                |limit| Limits::new().with_depth(limit),
                ErrorKind::TooDeep { limit },
            );
        }
        let default = Limits::new();
        assert_eq!(refusal(&nested(header, 128), default), None);
        let limit = 128;
        assert_eq!(refusal(&nested(header, 129), default), Some(ErrorKind::TooDeep { limit }));
    }
}

#[test]
fn depth_counts_streamed_and_empty_aggregates_and_attributes() {
    let limits = Limits::new().with_depth(1);
    let too_deep = Some(ErrorKind::TooDeep { limit: 1 });
    for (frame, expected) in [
        (b"*?\r\n_\r\n.\r\n".as_slice(), None),
        (b"*?\r\n*?\r\n", too_deep),
        (b"*1\r\n*0\r\n", too_deep),
        (b"*1\r\n*-1\r\n", None),
        (b"*1\r\n$?\r\n;0\r\n", None),
        (b"|1\r\n+k\r\n+v\r\n*1\r\n_\r\n", None),
        (b"|1\r\n+k\r\n*1\r\n", too_deep),
        (b"*1\r\n|0\r\n_\r\n", too_deep),
    ] {
        assert_eq!(refusal(frame, limits), expected, "{}", frame.escape_ascii());
    }
    let no_aggregates = Limits::new().with_depth(0);
    assert_eq!(refusal(b"$2\r\nhi\r\n", no_aggregates), None);
    assert_eq!(refusal(b"*0\r\n", no_aggregates), Some(ErrorKind::TooDeep { limit: 0 }));
}

#[test]
fn needed_bytes_are_within_the_depth_limit() {
    // At the deepest level an array can be null, and cannot be empty.
    for (depth, input, needed) in [
        (1, &b"*1\r\n*"[..], 4),
        (2, b"*1\r\n*", 3),
        (2, b"*2\r\n%1\r\n+\r\n*", 4 + 3),
        (3, b"*2\r\n%1\r\n+\r\n*", 3 + 3),
        (0, b"*", 4),
        (1, b"*", 3),
    ] {
        let limits = Limits::new().with_depth(depth);
        let mut decoder = Decoder::with_limits(limits);
        assert!(decoder.decode(input).is_ok_and(|frame| frame.is_none()));
        assert_eq!(decoder.needed(), needed, "{} at most {depth} deep", input.escape_ascii());
        let mut framer = Framer::replies(limits);
        assert!(framer.advance(input).is_ok_and(|progress| !progress.is_complete));
        assert_eq!(framer.needed(), needed);
    }
}

#[test]
fn bulk() {
    for kind in ['$', '!', '='] {
        for limit in [5, 9, 10, 11, 99, 100, 101, 9_999, 10_000, 99_999, 100_000, 100_001] {
            assert_edge(
                limit,
                |size| sized(kind, size),
                |limit| Limits::new().with_bulk(limit),
                ErrorKind::BulkTooLong { limit },
            );
        }
    }
}

#[test]
fn bulk_counts_the_chunks_of_a_streamed_string_together() {
    let chunks = |size| {
        let chunks = ";1\r\na\r\n".repeat(size);
        format!("$?\r\n{chunks};0\r\n").into_bytes()
    };
    for limit in [1, 2, 10] {
        assert_edge(
            limit,
            chunks,
            |limit| Limits::new().with_bulk(limit),
            ErrorKind::BulkTooLong { limit },
        );
    }
}

#[test]
fn elements() {
    let values = |header: &str, count: usize| {
        let nulls = "_\r\n".repeat(count);
        match header {
            "streamed" => format!("*?\r\n{nulls}.\r\n").into_bytes(),
            _ => format!("{header}{count}\r\n{nulls}").into_bytes(),
        }
    };
    for header in ["*", "~", ">", "streamed"] {
        for limit in [1, 2, 9, 10, 100_000] {
            assert_edge(
                limit,
                |count| values(header, count),
                |limit| Limits::new().with_elements(limit),
                ErrorKind::TooManyElements { limit },
            );
        }
    }
}

#[test]
fn elements_of_maps_and_attributes_count_twice() {
    for (kind, after) in [('%', ""), ('|', "_\r\n")] {
        let pairs =
            |count| format!("{kind}{count}\r\n{}{after}", "_\r\n_\r\n".repeat(count)).into_bytes();
        let limits = Limits::new().with_elements(5);
        let refused = Some(ErrorKind::TooManyElements { limit: 5 });
        assert_eq!(refusal(&pairs(2), limits), None, "{kind}");
        assert_eq!(refusal(&pairs(3), limits), refused, "{kind}");
        let streamed = format!("%?\r\n{}.\r\n", "_\r\n".repeat(6)).into_bytes();
        assert_eq!(refusal(&streamed, limits), refused);
        assert_eq!(refusal(&streamed, Limits::new().with_elements(6)), None);
    }
}

#[test]
fn frame() {
    let line = |size| [b"+".as_slice(), &vec![b'a'; size - 3], b"\r\n"].concat();
    let bulk = |size: usize| {
        let payload = (0..size).find(|payload| sized('$', *payload).len() == size).unwrap();
        sized('$', payload)
    };
    let nulls = |size: usize| {
        let padding = "a".repeat(size % 3);
        format!("*{}\r\n+{padding}\r\n{}", size / 3 - 3, "_\r\n".repeat(size / 3 - 4)).into_bytes()
    };
    for limit in [40, 80, 90] {
        let set = |limit| Limits::new().with_frame(limit);
        assert_edge(limit, line, set, ErrorKind::FrameTooLong { limit });
        assert_edge(limit, bulk, set, ErrorKind::FrameTooLong { limit });
        let size = nulls(limit).len();
        assert_eq!(refusal(&nulls(limit), set(size)), None);
        let refused = Some(ErrorKind::FrameTooLong { limit: size - 1 });
        assert_eq!(refusal(&nulls(limit), set(size - 1)), refused);
    }
}

#[test]
fn a_frame_that_is_too_long_is_refused_by_its_header() {
    for (limit, input, offset) in
        [(1_000, &b"*2\r\n_\r\n$2000"[..], 11), (14, b"$9\r\nabcdefgh", 1)]
    {
        let limits = Limits::new().with_frame(limit);
        let error = Decoder::with_limits(limits).decode(input).unwrap_err();
        assert_eq!((error.kind, error.offset), (ErrorKind::FrameTooLong { limit }, offset));
    }
}

#[test]
fn a_value_of_a_full_streamed_aggregate_is_refused_before_it_is_whole() {
    let limits = Limits::new().with_elements(1);
    let error = Decoder::with_limits(limits).decode(b"*?\r\n_\r\n$10\r\nabc").unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::TooManyElements { limit: 1 }, 7));
}

#[test]
fn a_limit_of_zero_bytes_is_exceeded_by_the_first_one() {
    let limits = Limits::new().with_frame(0);
    let too_long = Err((ErrorKind::FrameTooLong { limit: 0 }, 0));
    for (bytes, expected) in [(&b""[..], Ok(true)), (b"+", too_long)] {
        let failure = |error: zresp::Error| (error.kind, error.offset);
        let read_failure = |error| match error {
            zresp::io::StreamError::Decode { error, .. } => failure(error),
            other => panic!("{other}"),
        };
        let found = [
            Decoder::with_limits(limits)
                .decode(bytes)
                .map(|frame| frame.is_none())
                .map_err(failure),
            CommandDecoder::with_limits(limits)
                .decode(bytes)
                .map(|request| request.is_none())
                .map_err(failure),
            Framer::replies(limits).advance(bytes).map(|it| !it.is_complete).map_err(failure),
            ReplyReader::with_limits(bytes, limits)
                .read()
                .map(|frame| frame.is_none())
                .map_err(read_failure),
            CommandReader::with_limits(bytes, limits)
                .read()
                .map(|request| request.is_none())
                .map_err(read_failure),
        ];
        assert_eq!(found, [expected; 5]);
    }
}

#[test]
fn lengths_do_not_overflow_without_limits() {
    let limits =
        Limits::new().with_bulk(usize::MAX).with_frame(usize::MAX).with_elements(usize::MAX);
    for sigil in ['$', '!', '='] {
        for after in ["", "\r", "\r\n", "\r\na"] {
            let mut decoder = Decoder::with_limits(limits);
            let frame = format!("{sigil}{}{after}", usize::MAX);
            if let Ok(whole) = decoder.decode(frame.as_bytes()) {
                assert!(whole.is_none());
                assert!(decoder.needed() > usize::MAX / 2, "{frame:?}: {}", decoder.needed());
            }
        }
    }
    let above = format!("${}", usize::MAX as u128 + 1);
    for header in [above.as_str(), "*4294967296", "%2147483648", "|2147483648"] {
        let error = Decoder::with_limits(limits).decode(header.as_bytes()).unwrap_err();
        assert!(error.kind.is_limit(), "{header}: {error}");
        assert_eq!(error.offset, header.len() - 1, "{header}");
    }
    let endless = [b"$".as_slice(), &vec![b'9'; 100_000]].concat();
    let error = Decoder::with_limits(limits).decode(&endless).unwrap_err();
    let kind = ErrorKind::BulkTooLong { limit: usize::MAX };
    assert_eq!((error.kind, error.offset), (kind, usize::MAX.to_string().len()));
}

#[test]
fn the_defaults_match_the_documentation() {
    for (limits, bulk) in [
        (Limits::default(), 1_073_741_824),
        (Limits::new(), 1 << 30),
        (Limits::requests(), 512 << 20),
    ] {
        assert_eq!(limits.depth(), 128);
        assert_eq!(limits.bulk(), bulk);
        assert_eq!(limits.elements(), 2_147_483_647);
        assert_eq!(limits.frame(), 1_073_741_824);
    }
    assert_eq!(Decoder::new().limits(), Limits::new());
    assert_eq!(CommandDecoder::new().limits(), Limits::requests());
    for (frame, expected) in [
        // With its header and its line end, the payload of the first fills the frame.
        (b"$1073741809\r\n".as_slice(), Ok(())),
        (b"$1073741810", Err(ErrorKind::FrameTooLong { limit: 1_073_741_824 })),
        (b"*2147483647\r\n", Ok(())),
        (b"*2147483648", Err(ErrorKind::TooManyElements { limit: 2_147_483_647 })),
    ] {
        let verdict = zresp::decode(frame).map(|frame| assert!(frame.is_none()));
        assert_eq!(verdict.map_err(|error| error.kind), expected, "{}", frame.escape_ascii());
    }
    for (request, expected) in [
        (b"*1\r\n$536870912\r\n".as_slice(), Ok(())),
        (b"*1\r\n$536870913", Err(ErrorKind::BulkTooLong { limit: 536_870_912 })),
    ] {
        let verdict = CommandDecoder::new().decode(request).map(|it| assert!(it.is_none()));
        assert_eq!(verdict.map_err(|error| error.kind), expected, "{}", request.escape_ascii());
        let mut requests = CommandReader::new(request);
        let kind = match requests.read() {
            Err(zresp::io::StreamError::Decode { error, .. }) => error.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind, expected.err().unwrap_or(ErrorKind::UnexpectedEnd));
    }
}

#[test]
fn requests_have_the_limits_of_replies() {
    let arguments = |count: usize| format!("*{count}\r\n{}", "$1\r\na\r\n".repeat(count));
    for limit in [1, 2, 9, 10, 1_000] {
        let limits = Limits::new().with_elements(limit);
        for count in [limit.max(2) - 1, limit] {
            assert_eq!(refused(arguments(count).as_bytes(), limits), None, "{count} of {limit}");
        }
        let kind = refused(arguments(limit + 1).as_bytes(), limits);
        assert_eq!(kind, Some(ErrorKind::TooManyElements { limit }));
    }
    for limit in [5, 9, 10, 11, 100, 16_384] {
        let limits = Limits::new().with_bulk(limit);
        let argument = |size| [b"*2\r\n$1\r\na\r\n".to_vec(), sized('$', size)].concat();
        for size in [limit - 1, limit] {
            assert_eq!(refused(&argument(size), limits), None, "{size} of {limit}");
        }
        let kind = refused(&argument(limit + 1), limits);
        assert_eq!(kind, Some(ErrorKind::BulkTooLong { limit }));
    }
    let request = arguments(9);
    let limit = request.len();
    for skipped in ["", "\r\n", "*0\r\n*-1\r\n\n"] {
        let bytes = [skipped, &request].concat();
        assert_eq!(refused(bytes.as_bytes(), Limits::new().with_frame(limit)), None);
        let kind = refused(bytes.as_bytes(), Limits::new().with_frame(limit - 1));
        assert_eq!(kind, Some(ErrorKind::FrameTooLong { limit: limit - 1 }), "{skipped:?}");
    }
    // An inline command has its own limit.
    let line = |size: usize, end: &str| ["a".repeat(size).as_str(), end].concat().into_bytes();
    for end in ["\n", "\r\n"] {
        let most = 65_537 - end.len();
        assert_eq!(refused(&line(most, end), Limits::new()), None, "{end:?}");
        let kind = refused(&line(most + 1, end), Limits::new());
        assert_eq!(kind, Some(ErrorKind::InlineTooLong { limit: 65_536 }), "{end:?}");
    }
}

/// The start of a frame, cut before the byte that exceeds these limits, and the rest.
const CUT: [(&[u8], &[u8], Limits); 9] = [
    (b"*1\r\n*1\r\n", b"*1\r\n:1\r\n", Limits::new().with_depth(2)),
    (b"*2\r\n:1\r\n", b"*4\r\n_\r\n_\r\n_\r\n_\r\n", Limits::new().with_elements(3)),
    (b"*?\r\n:1\r\n:1\r\n:1\r\n", b":1\r\n.\r\n", Limits::new().with_elements(3)),
    (b"*?\r\n:1\r\n*1\r\n", b":1\r\n:1\r\n:1\r\n.\r\n", Limits::new().with_elements(3)),
    (b"%?\r\n:1\r\n:1\r\n:1\r\n", b":1\r\n:1\r\n:1\r\n.\r\n", Limits::new().with_elements(5)),
    (b"~?\r\n:1\r\n|1\r\n", b"+a\r\n+b\r\n:1\r\n:1\r\n.\r\n", Limits::new().with_elements(2)),
    (b"*2\r\n:1\r\n$", b"12\r\n0123456789ab\r\n", Limits::new().with_bulk(11)),
    (b"*2\r\n:1\r\n$1", b"2\r\n0123456789ab\r\n", Limits::new().with_bulk(11)),
    (b"*2\r\n+0123456789", b"abc\r\n:1\r\n", Limits::new().with_frame(16)),
];

#[test]
fn a_frame_in_progress_keeps_its_limits_and_the_next_one_has_the_new_ones() {
    for (begun, rest, limits) in CUT {
        let frame = [begun, rest].concat();
        let case = frame.escape_ascii();
        let refused = refusal(&frame, limits);
        assert!(refused.is_some(), "it exceeds the limits: {case}");
        let all = Limits::new();
        for (first, second, expected, next) in
            [(limits, all, refused, None), (all, limits, None, refused)]
        {
            let mut decoder = Decoder::with_limits(first);
            assert!(decoder.decode(begun).unwrap().is_none(), "{case}");
            decoder.set_limits(second);
            assert_eq!(decoder.limits(), second);
            for expected in [expected, next] {
                let found = decoder.decode(&frame).map(|whole| assert!(whole.is_some(), "{case}"));
                assert_eq!(found.err().map(|error| error.kind), expected, "Decoder: {case}");
                decoder.reset();
            }

            let mut framer = Framer::replies(first);
            assert!(!framer.advance(begun).unwrap().is_complete, "{case}");
            framer.set_limits(second);
            assert_eq!(framer.limits(), second);
            for (bytes, expected) in [(rest, expected), (&*frame, next)] {
                let found = framer.advance(bytes).map(|progress| assert!(progress.is_complete));
                assert_eq!(found.err().map(|error| error.kind), expected, "Framer: {case}");
                framer.reset();
            }

            // The rest comes from another reader.
            let mut reader = ReplyReader::with_limits(begun, first);
            assert!(reader.read().is_err(), "{case}");
            *reader.get_mut() = rest;
            reader.decoder_mut().set_limits(second);
            let kind = match reader.read() {
                Ok(whole) => {
                    assert_eq!(whole.map(|frame| frame.wire()), Some(&*frame));
                    None
                }
                Err(zresp::io::StreamError::Decode { error, .. }) => Some(error.kind),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(kind, expected, "ReplyReader: {case}");
            #[cfg(feature = "codec")]
            assert_eq!(by_codec(begun, rest, first, second), expected, "ReplyCodec: {case}");
        }
    }
}

#[cfg(feature = "codec")]
fn by_codec(begun: &[u8], rest: &[u8], first: Limits, second: Limits) -> Option<ErrorKind> {
    use tokio_util::codec::Decoder as _;

    let mut codec = zresp::codec::ReplyCodec::with_limits(first);
    let mut buffer = bytes::BytesMut::from(begun);
    assert!(codec.decode(&mut buffer).unwrap().is_none());
    codec.decoder_mut().set_limits(second);
    buffer.extend_from_slice(rest);
    match codec.decode(&mut buffer) {
        Ok(whole) => {
            assert!(whole.is_some());
            None
        }
        Err(zresp::io::StreamError::Decode { error, .. }) => Some(error.kind),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_request_in_progress_keeps_its_limits_and_its_policy() {
    let preset = Limits::unauthenticated();
    let begun = b"*2\r\n$3\r\nSET\r\n$1638".as_slice();
    let whole = [begun, b"5\r\n", &vec![b'x'; 16_385], b"\r\n"].concat();
    let too_long = ErrorKind::BulkTooLong { limit: 16_384 };
    assert_eq!(refused(&whole, preset), Some(too_long));

    let mut decoder = CommandDecoder::with_limits(preset);
    assert!(decoder.decode(begun).unwrap().is_none());
    decoder.set_limits(Limits::new());
    decoder.set_inline_policy(InlinePolicy::Refuse);
    assert_eq!(decoder.decode(&whole).unwrap_err().kind, too_long);
    decoder.reset();
    assert!(decoder.decode(&whole).unwrap().is_some());
    assert!(decoder.decode(b"PING\r\n").is_err(), "the policy holds from the next request on");

    // Between requests, and after skipped lines, no request is in progress.
    let mut decoder = CommandDecoder::with_limits(preset);
    assert!(decoder.decode(b"\r\n*0\r\n").unwrap().is_none());
    decoder.set_limits(Limits::new());
    assert!(decoder.decode(&[b"\r\n*0\r\n", &*whole].concat()).unwrap().is_some());

    let mut decoder = CommandDecoder::new();
    assert!(decoder.decode(b"PI").unwrap().is_none());
    decoder.set_inline_policy(InlinePolicy::Refuse);
    assert!(decoder.decode(b"PING\r\n").unwrap().is_some(), "a line that has begun");
    assert!(decoder.decode(b"PING\r\n").is_err());
}

#[test]
fn a_reply_in_progress_keeps_its_policy_for_lines() {
    let lines = b"-a\nb\r\n";
    for cut in 1..lines.len() {
        let mut decoder = Decoder::new().with_line_policy(LinePolicy::AsSent);
        assert!(decoder.decode(&lines[..cut]).unwrap().is_none());
        decoder.set_line_policy(LinePolicy::Strict);
        assert_eq!(decoder.decode(lines).unwrap().unwrap().wire(), lines, "cut at {cut}");
        assert_eq!(decoder.decode(lines).unwrap_err().offset, 2);

        let mut reader = TokenReader::new().with_line_policy(LinePolicy::AsSent);
        assert!(reader.next(&lines[..cut]).unwrap().is_none());
        reader.set_line_policy(LinePolicy::Strict);
        let token = Token::Scalar(ReplyRef::Error(b"a\nb"));
        assert_eq!(reader.next(lines), Ok(Some((token, lines.len()))), "cut at {cut}");
        assert_eq!(reader.next(lines).unwrap_err().offset, 2);
    }
    // What the caches have learned from strict lines does not change the verdict on others.
    let mut decoder = Decoder::new();
    for _ in 0..3 {
        assert!(decoder.decode(b"+OK\r\n").unwrap().is_some());
    }
    decoder.set_line_policy(LinePolicy::AsSent);
    assert_eq!(decoder.decode(b"+O\n\r\n").unwrap().unwrap().reply(), ReplyRef::Simple(b"O\n"));
    assert!(decoder.decode(b"(x\r\n").unwrap().is_some());
    decoder.set_line_policy(LinePolicy::Strict);
    assert!(decoder.decode(b"+O\n\r\n").is_err());
}

#[test]
fn a_token_reader_applies_limits_from_the_next_frame_on() {
    let [wide, narrow] = [2, 1].map(|bulk| Limits::new().with_bulk(bulk));
    let mut reader = TokenReader::with_limits(wide);
    assert_eq!(reader.limits(), wide);
    assert!(reader.next(b"*1\r\n").unwrap().is_some());
    reader.set_limits(narrow);
    assert_eq!(reader.limits(), narrow);
    let value = b"$2\r\nab\r\n";
    let token = Token::Scalar(ReplyRef::Bulk(b"ab"));
    assert_eq!(reader.next(value), Ok(Some((token, value.len()))));
    assert_eq!(reader.next(b""), Ok(Some((Token::Close(Kind::Array), 0))));
    assert_eq!(reader.next(value).unwrap_err().kind, ErrorKind::BulkTooLong { limit: 1 });
}

#[test]
fn limits_set_inside_a_frame_change_no_verdict_wherever_it_is_cut() {
    let frames: [&[u8]; 7] = [
        b"%?\r\n+key\r\n.\r\n",
        b"%?\r\n+key\r\n:1\r\n.\r\n",
        b"*?\r\n:1\r\n*2\r\n:1\r\n:1\r\n:1\r\n.\r\n",
        b"|1\r\n+a\r\n+b\r\n~3\r\n#t\r\n$5\r\nhello\r\n,1.5\r\n",
        b"$?\r\n;3\r\nabc\r\n;2\r\nde\r\n;0\r\n",
        b"*2\r\n=8\r\ntxt:abcd\r\n(12345\r\n",
        b"*2\r\n:1\r\n$-2\r\n",
    ];
    let tightest = Limits::new().with_depth(0).with_bulk(0).with_elements(0).with_frame(1);
    let limits = Limits::new().with_depth(2).with_bulk(5).with_elements(4).with_frame(60);
    for frame in frames {
        let size = |decoder: &mut Decoder, cut: usize| {
            let result = decoder.decode(&frame[..cut]);
            result.map(|whole| whole.map(|frame| frame.wire().len()))
        };
        let expected = size(&mut Decoder::with_limits(limits), frame.len());
        for (first, second) in (1..frame.len()).flat_map(|a| (a..frame.len()).map(move |b| (a, b)))
        {
            let mut decoder = Decoder::with_limits(limits);
            for (cut, set) in [(first, tightest), (second, Limits::new())] {
                if size(&mut decoder, cut).is_ok() {
                    decoder.set_limits(set);
                }
            }
            let found = size(&mut decoder, frame.len());
            assert_eq!(found, expected, "{} cut at {first}, {second}", frame.escape_ascii());
        }
    }
}

#[test]
fn what_is_set_inside_a_skipped_line_applies_after_it() {
    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
    const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
    let few = Limits::requests().with_elements(2);
    let refused = ErrorKind::TooManyElements { limit: 2 };
    for (begun, line) in [("\r", "\r\n"), (" ", " \n"), ("*", "*0\r\n"), ("*-", "*-1\r\n")] {
        for rest in [PING, b"".as_slice()] {
            let mut decoder = CommandDecoder::new();
            assert!(decoder.decode(begun.as_bytes()).unwrap().is_none());
            decoder.set_limits(Limits::new().with_elements(1));
            decoder.set_limits(few);
            // What follows the line, in the same buffer and after it has been dropped.
            let whole = [line.as_bytes(), rest, SET].concat();
            let mut taken = 0;
            if !rest.is_empty() {
                let request = decoder.decode(&whole).unwrap().expect("a PING");
                taken = request.wire().len();
            }
            assert_eq!(decoder.decode(&whole[taken..]).unwrap_err().kind, refused, "{line:?}");

            let mut decoder = CommandDecoder::new();
            assert!(decoder.decode(begun.as_bytes()).unwrap().is_none());
            decoder.set_limits(few);
            assert!(decoder.decode(line.as_bytes()).unwrap().is_none());
            assert_eq!(decoder.take_skipped(), line.len());
            for _ in 0..3 {
                assert!(decoder.decode(PING).unwrap().is_some());
            }
            assert_eq!(decoder.decode(SET).unwrap_err().kind, refused, "{line:?}");

            let mut framer = Framer::requests(Limits::requests());
            assert!(!framer.advance(begun.as_bytes()).unwrap().is_complete);
            framer.set_limits(few);
            assert!(!framer.advance(&line.as_bytes()[begun.len()..]).unwrap().is_complete);
            assert!(framer.is_between_frames());
            assert_eq!(framer.advance(SET).unwrap_err().kind, refused, "{line:?}");

            // The latest setting counts, whatever was set before it.
            let mut decoder = CommandDecoder::new();
            assert!(decoder.decode(begun.as_bytes()).unwrap().is_none());
            decoder.set_inline_policy(InlinePolicy::Refuse);
            assert!(decoder.decode(line.as_bytes()).unwrap().is_none());
            assert_eq!(decoder.take_skipped(), line.len());
            assert!(decoder.clone().decode(b"PING\n").is_err());
            decoder.set_inline_policy(InlinePolicy::Accept);
            assert!(decoder.decode(PING).unwrap().is_some());
            assert!(decoder.decode(b"PING\n").unwrap().is_some());
        }
    }
    // A smaller frame limit holds for what follows in the same buffer.
    let mut decoder = CommandDecoder::new();
    assert!(decoder.decode(b"\r").unwrap().is_none());
    decoder.set_limits(Limits::requests().with_frame(5));
    let error = decoder.decode(b"\r\nPINGPING\r\n").unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::FrameTooLong { limit: 5 }, 7));
}

/// A caller that never takes skipped bytes gets an error instead of a buffer that a peer can fill.
#[test]
fn skipped_bytes_cannot_fill_the_buffer_of_a_caller_that_forgets_them() {
    for line in ["\r\n", "*0\r\n", "*-1\r\n"] {
        for read in [1, 7, 1000] {
            let piece = line.repeat(read);
            let mut decoder = CommandDecoder::new();
            let mut buffer = Vec::new();
            let error = loop {
                assert!(buffer.len() <= 65_536 + piece.len(), "{line:?} in {read}");
                buffer.extend_from_slice(piece.as_bytes());
                if let Err(error) = decoder.decode(&buffer) {
                    break error;
                }
            };
            assert_eq!(error.kind, ErrorKind::SkippedTooLong { limit: 65_536 });
            assert_eq!(decoder.decode(&buffer).unwrap_err(), error);
            assert_eq!(decoder.take_skipped(), 0, "after an error");
        }
    }
    // One that takes them may read as many at once as it likes.
    let mut decoder = CommandDecoder::new();
    let mut buffer = "\r\n".repeat(200_000);
    for _ in 0..3 {
        assert!(decoder.decode(buffer.as_bytes()).unwrap().is_none());
        buffer.drain(..decoder.take_skipped());
        assert!(buffer.is_empty());
        buffer.push_str(&"\r\n".repeat(200_000));
    }
    buffer.push_str("PING\r\n");
    assert!(decoder.decode(buffer.as_bytes()).unwrap().is_some());
}
