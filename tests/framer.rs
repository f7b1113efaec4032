//! A framer sees each byte once and keeps none. It agrees with the decoders, wherever the input is cut.

use proptest::prelude::*;
use zresp::{CommandDecoder, Decoder, Error, Framer, InlinePolicy, Kind, Limits};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::verdicts;
use zresp_testing::{generate, oracle};

/// The verdicts on a stream: the sizes and kinds of its frames, and the number of bytes needed after them, or the
/// error.
#[derive(Debug, PartialEq)]
struct Verdicts {
    sizes: Vec<usize>,
    kinds: Vec<Option<Kind>>,
    end: Result<usize, Error>,
}

/// The kind as far as its type byte shows it.
fn by_type_byte(kind: Kind) -> Option<Kind> {
    Kind::of_type_byte(kind.type_byte())
}

fn by_a_decoder(mut input: &[u8], mut decoder: Decoder) -> Verdicts {
    let (mut sizes, mut kinds) = (Vec::new(), Vec::new());
    let end = loop {
        match decoder.decode(input) {
            Ok(Some(frame)) => {
                sizes.push(frame.wire().len());
                kinds.push(by_type_byte(frame.reply().kind()));
                input = &input[frame.wire().len()..];
            }
            Ok(None) => break Ok(decoder.needed()),
            Err(error) => break Err(error),
        }
    };
    Verdicts { sizes, kinds, end }
}

fn by_a_command_decoder(mut input: &[u8], limits: Limits) -> Verdicts {
    let mut decoder = CommandDecoder::with_limits(limits);
    let (mut sizes, mut kinds) = (Vec::new(), Vec::new());
    let end = loop {
        match decoder.decode(input) {
            Ok(Some(request)) => {
                sizes.push(request.wire().len());
                kinds.push(request.command().wire().starts_with(b"*").then_some(Kind::Array));
                input = &input[request.wire().len()..];
            }
            Ok(None) => break Ok(decoder.needed()),
            Err(error) => break Err(error),
        }
    };
    Verdicts { sizes, kinds, end }
}

/// Gives a framer the pieces between the cuts. Each piece is seen once, and is in a buffer that is freed
/// afterwards.
fn by_a_framer(
    mut framer: Framer,
    input: &[u8],
    cuts: impl IntoIterator<Item = usize>,
) -> Verdicts {
    let (mut sizes, mut kinds) = (Vec::new(), Vec::new());
    let (mut size, mut start) = (0, 0);
    for cut in cuts.into_iter().chain([input.len()]) {
        let end = cut.clamp(start, input.len());
        let chunk = input[start..end].to_vec();
        start = end;
        let mut at = 0;
        while at < chunk.len() {
            let progress = match framer.advance(&chunk[at..]) {
                Ok(progress) => progress,
                Err(error) => {
                    assert_eq!(framer.advance(b"+OK\r\n"), Err(error), "errors stay");
                    assert_eq!(framer.needed(), 0);
                    return Verdicts { sizes, kinds, end: Err(error) };
                }
            };
            assert!(progress.is_complete || progress.taken == chunk.len() - at);
            size += progress.taken;
            at += progress.taken;
            if progress.is_complete {
                sizes.push(size);
                kinds.push(progress.kind());
                size = 0;
                assert!(framer.is_between_frames());
            }
        }
    }
    // The decoders are also called once more at the end.
    let end = framer.advance(&[]).map(|_| framer.needed());
    Verdicts { sizes, kinds, end }
}

fn assert_replies_agree(input: &[u8], cuts: &[usize], limits: &oracle::Limits) {
    let expected = by_a_decoder(input, verdicts::decoder(limits));
    let lines = verdicts::lines(limits);
    let framer = || Framer::replies(verdicts::limits(limits)).with_line_policy(lines);
    let shown = input.escape_ascii();
    assert_eq!(by_a_framer(framer(), input, []), expected, "whole: {shown}");
    assert_eq!(by_a_framer(framer(), input, cuts.iter().copied()), expected, "cut: {shown}");
    assert_eq!(by_a_framer(framer(), input, 0..input.len()), expected, "byte by byte: {shown}");
}

fn assert_requests_agree(input: &[u8], cuts: &[usize], limits: Limits) {
    let expected = by_a_command_decoder(input, limits);
    let framer = || Framer::requests(limits);
    let shown = input.escape_ascii();
    assert_eq!(by_a_framer(framer(), input, []), expected, "whole: {shown}");
    assert_eq!(by_a_framer(framer(), input, cuts.iter().copied()), expected, "cut: {shown}");
    assert_eq!(by_a_framer(framer(), input, 0..input.len()), expected, "byte by byte: {shown}");
}

proptest! {
    #![proptest_config(generate::cases(1024))]

    #[test]
    fn replies_are_framed_as_they_are_decoded(
        inputs in prop::collection::vec(
            prop_oneof![generate::frame(), generate::mutated(), generate::alike(), generate::soup()],
            1..4,
        ),
        cuts in generate::cuts(),
        limits in generate::limits(),
    ) {
        let input = inputs.iter().flat_map(|input| input.0.clone()).collect::<Vec<_>>();
        assert_replies_agree(&input, &cuts, &limits);
    }

    #[test]
    fn requests_are_framed_as_they_are_decoded(
        input in generate::requests(),
        cuts in generate::cuts(),
        limits in generate::limits(),
    ) {
        assert_requests_agree(&input.0, &cuts, verdicts::limits(&limits));
    }

    #[test]
    fn a_decoder_hands_over_a_frame_in_progress(
        frame in generate::frame(),
        cut in any::<prop::sample::Index>(),
    ) {
        let (frame, cut) = (&frame.0, cut.index(frame.0.len()));
        let mut decoder = Decoder::new();
        prop_assert!(decoder.decode(&frame[..cut]).unwrap().is_none());
        let needed = decoder.needed();
        let mut framer = decoder.take_framer(&frame[..cut]);
        prop_assert_eq!(framer.needed(), needed);
        let rest = [&frame[cut..], b"+next"].concat();
        let progress = framer.advance(&rest).unwrap();
        let whole = zresp::decode(frame).unwrap().unwrap();
        prop_assert_eq!((progress.taken, progress.is_complete), (frame.len() - cut, true));
        prop_assert_eq!(progress.kind(), by_type_byte(whole.reply().kind()));
        prop_assert!(decoder.decode(b"+OK\r\n").unwrap().is_some(), "the next frame");
    }

    #[test]
    fn a_command_decoder_hands_over_a_command_in_progress(
        arguments in generate::arguments(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut command = format!("\r\n*0\r\n*{}\r\n", arguments.len()).into_bytes();
        for argument in &arguments {
            command.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            command.extend_from_slice(argument);
            command.extend_from_slice(b"\r\n");
        }
        let cut = cut.index(command.len());
        let mut decoder = CommandDecoder::new();
        prop_assert!(decoder.decode(&command[..cut]).unwrap().is_none());
        let mut framer = decoder.take_framer(&command[..cut]);
        let rest = [&command[cut..], b"PING\r\n"].concat();
        let progress = framer.advance(&rest).unwrap();
        prop_assert_eq!((progress.taken, progress.is_complete), (command.len() - cut, true));
        prop_assert!(decoder.decode(b"PING\r\n").unwrap().is_some(), "the next command");
    }
}

#[test]
fn captures_are_framed_as_they_are_decoded() {
    for capture in Capture::all(&[".replies"]) {
        for size in [1, 7, 64, 1_400, 16_384] {
            let cuts: Vec<_> = (1..=capture.bytes.len() / size).map(|n| n * size).collect();
            let expected = by_a_decoder(&capture.bytes, Decoder::new());
            let framed = by_a_framer(Framer::replies(Limits::new()), &capture.bytes, cuts);
            assert!(framed == expected, "{} in pieces of {size} bytes", capture.name);
        }
    }
}

#[test]
fn an_end_after_skipped_lines_is_between_frames() {
    let mut framer = Framer::requests(Limits::new());
    for (bytes, is_between) in [
        (&b""[..], true),
        (b"\r", false),
        (b"\n", true),
        (b"*0\r", false),
        (b"\n*-1\r\n  \n", true),
        (b" ", false),
        (b"PING\r", false),
        (b"\n", true),
        (b"*1\r\n", false),
        (b"$4\r\nPING\r\n", true),
        (b"\n", true),
    ] {
        assert!(framer.advance(bytes).is_ok());
        assert_eq!(framer.is_between_frames(), is_between, "{}", bytes.escape_ascii());
    }
    let mut framer = Framer::requests(Limits::new()).with_inline_policy(InlinePolicy::Refuse);
    let error = framer.advance(b"\r\nPING\r\n").unwrap_err();
    assert_eq!((error.offset, framer.is_between_frames()), (2, false));
}

#[test]
fn the_kind_is_known_from_the_type_byte_on() {
    let cases: [(&[u8], Option<Kind>); 8] = [
        (b"-", Some(Kind::Error)),
        (b">", Some(Kind::Push)),
        (b"$", Some(Kind::Bulk)),
        (b"*1\r\n+a", Some(Kind::Array)),
        (b"|", None),
        (b"|1\r\n-a\r\n+b", None),
        (b"|1\r\n-a\r\n+b\r\n", None),
        (b"|1\r\n-a\r\n+b\r\n!", Some(Kind::BulkError)),
    ];
    for (bytes, expected) in cases {
        for cut in 0..bytes.len() {
            let mut framer = Framer::replies(Limits::new());
            framer.advance(&bytes[..cut]).unwrap();
            let progress = framer.advance(&bytes[cut..]).unwrap();
            assert_eq!(progress.kind(), expected, "{} cut at {cut}", bytes.escape_ascii());
        }
    }
}

#[test]
fn a_framer_takes_a_frame_of_gigabytes_in_constant_memory() {
    // 8 GiB, or as much as fits in 32 bits.
    let chunks = 8_192.min(usize::MAX >> 20);
    let limits = Limits::new().with_bulk(usize::MAX).with_frame(usize::MAX);
    let mut framer = Framer::replies(limits);
    let chunk = vec![b'x'; 1 << 20];
    let header = format!("*2\r\n:1\r\n${}\r\n", chunks << 20);
    let info = allocation_counter::measure(|| {
        framer.advance(header.as_bytes()).unwrap();
        for _ in 0..chunks {
            let progress = framer.advance(&chunk).unwrap();
            assert_eq!((progress.taken, progress.is_complete), (chunk.len(), false));
        }
        assert_eq!(framer.needed(), 2);
        assert!(framer.advance(b"\r\n").unwrap().is_complete);
    });
    assert_eq!(info.count_total, 0);
    assert!(size_of::<Framer>() <= 640, "{}", size_of::<Framer>());
}
