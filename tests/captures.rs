//! The traffic of a real server decodes to the values that it meant, in whatever pieces it arrives.
//!
//! `captures/` has the files, and a description of them. Five promises hold for each file: all ways
//! of decoding it agree with the naive decoder; a frame that is cut anywhere is incomplete, never
//! an error, and is resumed at the cut; the same holds with other frames around it; requests also
//! decode as replies; and the values match a snapshot that a person can read.
//!
//! Testing all cuts takes quadratic time. So a frame of more than [`EVERY_CUT`] bytes is cut at some
//! positions only, and each of its elements, which is a frame too, at all positions. With
//! `ZRESP_EVERY_CUT=1` in the environment, long frames are cut everywhere; use an optimised build.
#![cfg(feature = "std")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::{env, fs, ptr};

use zresp::{Decoded, Decoder, Error, ErrorKind, Kind, ReplyRef};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::pieces::{self, Pieces};
use zresp_testing::drive::{verdicts, ways};
use zresp_testing::oracle::{self, Verdict};
use zresp_testing::show;

/// Frames up to this size are always cut at every position.
const EVERY_CUT: usize = 16 * 1024;
/// Frames up to this size are compared by value at every cut, and the number of missing bytes is
/// compared with the naive decoder.
const BY_VALUE: usize = 256;

#[test]
fn every_capture_decodes_to_the_same_values_in_any_pieces() {
    let sizes = [
        vec![1],
        vec![7],
        vec![1400],
        vec![usize::MAX],
        pieces::mixed_sizes(3),
        pieces::mixed_sizes(40),
        pieces::mixed_sizes(9000),
    ];
    for Capture { name, bytes } in Capture::all(&[".replies", ".requests", ".aof"]) {
        let expected = pieces::by_the_naive_decoder(&bytes);
        let expected = expected.unwrap_or_else(|error| panic!("{name}: naive: {error}"));
        let wires: Vec<_> = expected.iter().flat_map(|frame| &frame.wire).copied().collect();
        assert!(wires == bytes, "{name}: the frames are not the whole file");

        let whole = pieces::in_one_piece(&bytes);
        pieces::assert_same(&format!("{name}, in one piece"), whole, &expected);
        for sizes in &sizes {
            let way = format!("{name}, in pieces of {:?}", &sizes[..sizes.len().min(4)]);
            let decoded = pieces::by_a_decoder(Pieces::new(&bytes, sizes));
            pieces::assert_same(&format!("{way}, by a Decoder"), decoded, &expected);
            let read = pieces::by_a_reader(Pieces::new(&bytes, sizes));
            pieces::assert_same(&format!("{way}, by a ReplyReader"), read, &expected);
        }
    }
}

/// The bytes that a view of a frame refers to. If these are equal for two views of one buffer, the
/// views are the same. This is cheap to compare, even if the values are not.
#[derive(Debug, PartialEq)]
struct View {
    kind: Kind,
    length: Option<usize>,
    content: *const [u8],
    /// Only the length, because an empty slice may be anywhere.
    attributes: usize,
    wire: *const [u8],
}

impl View {
    fn of(frame: &Decoded<'_>) -> Self {
        let (length, content) = match frame.reply() {
            ReplyRef::Array(items) | ReplyRef::Set(items) | ReplyRef::Push(items) => {
                (items.len(), items.wire())
            }
            ReplyRef::Map(pairs) => (pairs.len(), pairs.wire()),
            ReplyRef::Error(message) | ReplyRef::BulkError(message) => (None, message),
            reply => (None, reply.as_bytes().expect("only a string is that long")),
        };
        Self {
            kind: frame.reply().kind(),
            length,
            content: ptr::from_ref(content),
            attributes: frame.attributes().wire().len(),
            wire: ptr::from_ref(frame.wire()),
        }
    }
}

/// Cuts the frame at each of these positions. Asserts that a decoder needs more bytes there, at most
/// the rest of the frame, and then decodes the whole frame to the right value.
fn assert_resumes(place: &str, wire: &[u8], cuts: impl IntoIterator<Item = usize>) {
    let whole = zresp::decode(wire);
    let expected = whole.ok().flatten().unwrap_or_else(|| panic!("{place}: {whole:?}"));
    assert_eq!(expected.wire().len(), wire.len(), "{place}");
    let by_value = wire.len() <= BY_VALUE;
    let value = verdicts::annotated(expected);

    for cut in cuts {
        let (seen, unseen) = wire.split_at(cut);
        let mut decoder = Decoder::new();
        let result = decoder.decode(seen);
        assert!(matches!(result, Ok(None)), "{place}: the first {cut} bytes: {result:?}");
        let needed = decoder.needed();
        assert!((1..=unseen.len()).contains(&needed), "{place}: {needed} needed after {cut}");
        if by_value {
            let verdict = oracle::decode(seen, &oracle::Limits::default());
            assert_eq!(verdict, Verdict::Incomplete { needed }, "{place}: after {cut}");
        }
        let result = decoder.decode(wire);
        let Ok(Some(frame)) = result else { panic!("{place}: resumed at {cut}: {result:?}") };
        if by_value {
            assert_eq!(verdicts::annotated(frame), value, "{place}: resumed at {cut}");
        } else {
            assert_eq!(View::of(&frame), View::of(&expected), "{place}: resumed at {cut}");
        }
    }
}

/// The positions at which a long frame is cut: all near its ends, and some between them, with a step
/// that is not a multiple of a word or a page.
fn some_cuts(length: usize) -> impl Iterator<Item = usize> {
    const NEAR: usize = 256;
    let near = (0..NEAR).chain(length - NEAR..length);
    near.chain((NEAR..length - NEAR).step_by(251))
}

#[test]
fn a_frame_cut_at_any_position_is_incomplete_and_then_whole() {
    for capture in Capture::all(&[".replies", ".requests", ".aof"]) {
        for (number, frame) in capture.frames().into_iter().enumerate() {
            let place = format!("{}: frame {number}", capture.name);
            if frame.wire().len() <= EVERY_CUT {
                assert_resumes(&place, frame.wire(), 0..frame.wire().len());
            }
        }
    }
}

#[test]
fn a_long_frame_cut_at_any_position_is_incomplete_and_then_whole() {
    let every_cut = env::var_os("ZRESP_EVERY_CUT").is_some_and(|value| value != "0");
    for capture in Capture::all(&[".replies", ".requests", ".aof"]) {
        for (number, frame) in capture.frames().into_iter().enumerate() {
            let place = format!("{}: frame {number}", capture.name);
            let length = frame.wire().len();
            if length <= EVERY_CUT {
                continue;
            }
            if every_cut {
                assert_resumes(&place, frame.wire(), 0..length);
                continue;
            }
            assert_resumes(&place, frame.wire(), some_cuts(length));
            for (index, element) in elements(&frame).into_iter().enumerate() {
                let place = format!("{place}, element {index}");
                assert!(element.wire().len() <= EVERY_CUT, "{place} is also long");
                assert_resumes(&place, element.wire(), 0..element.wire().len());
            }
        }
    }
}

/// The elements of an aggregate; for a map, keys and values alternating.
fn elements<'a>(frame: &Decoded<'a>) -> Vec<Decoded<'a>> {
    match frame.reply() {
        ReplyRef::Map(pairs) => pairs.annotated().flat_map(<[_; 2]>::from).collect(),
        reply => reply.as_elements().expect("an aggregate").annotated().collect(),
    }
}

/// The frames of a buffer that arrives in two pieces: the bytes of each, and its kind.
fn in_two_pieces(buffer: &[u8], cut: usize) -> Result<Vec<(*const [u8], Kind)>, Error> {
    let mut decoder = Decoder::new();
    let (mut at, mut frames) = (0, Vec::new());
    for end in [cut, buffer.len()] {
        while let Some(frame) = decoder.decode(&buffer[at..end])? {
            at += frame.wire().len();
            frames.push((ptr::from_ref(frame.wire()), frame.reply().kind()));
        }
    }
    Ok(frames)
}

#[test]
fn neighbouring_frames_stay_the_same_at_any_cut_near_their_borders() {
    const NEAR: usize = 40;
    for capture in Capture::all(&[".replies", ".requests", ".aof"]) {
        let frames = capture.frames();
        let mut start = 0;
        for (number, three) in frames.windows(3).enumerate() {
            let sizes: Vec<_> = three.iter().map(|frame| frame.wire().len()).collect();
            let buffer = &capture.bytes[start..start + sizes.iter().sum::<usize>()];
            let expected: Vec<_> = three
                .iter()
                .map(|frame| (ptr::from_ref(frame.wire()), frame.reply().kind()))
                .collect();
            let borders = [sizes[0], sizes[0] + sizes[1]];
            let near = |border: usize| border.saturating_sub(NEAR)..=border + NEAR;
            for cut in borders.into_iter().flat_map(near).filter(|&cut| cut <= buffer.len()) {
                let frames = in_two_pieces(buffer, cut);
                let place = format!("{}: frame {number} and two more, cut at {cut}", capture.name);
                assert_eq!(frames.as_ref(), Ok(&expected), "{place}");
            }
            start += sizes[0];
        }
    }
}

#[test]
fn requests_and_an_append_only_file_are_arrays_of_bulk_strings() {
    for capture in Capture::all(&[".requests", ".aof"]) {
        for (number, frame) in capture.frames().into_iter().enumerate() {
            let ReplyRef::Array(arguments) = frame.reply() else {
                panic!("{}: frame {number}: {:?}", capture.name, frame.reply());
            };
            let is_command = !arguments.is_empty()
                && arguments.into_iter().all(|argument| argument.kind() == Kind::Bulk)
                && frame.attributes().is_empty();
            assert!(is_command, "{}: frame {number}: {arguments:?}", capture.name);
        }
    }
}

/// A capture as text: for each frame its offset, the command that it answers if that is certain, and
/// its values.
fn rendered(capture: &Capture) -> String {
    let frames = capture.frames();
    let mut questions = questions(capture, &frames).into_iter();
    let mut text = String::new();
    let mut at = 0;
    for frame in frames {
        write!(text, "@{at}").unwrap();
        if frame.reply().kind() != Kind::Push {
            questions.next().into_iter().for_each(|question| write!(text, " {question}").unwrap());
        }
        write!(text, "\n{}\n", show::frame(&frame)).unwrap();
        at += frame.wire().len();
    }
    text
}

/// The command for each reply that is not a push. Empty if commands and replies do not match one to one.
fn questions(capture: &Capture, replies: &[Decoded<'_>]) -> Vec<String> {
    if !capture.name.ends_with(".replies") {
        return Vec::new();
    }
    let requests = Capture::read(&format!("{}.requests", capture.stem()));
    let questions: Vec<_> = requests.frames().into_iter().map(question).collect();
    let answers = replies.iter().filter(|reply| reply.reply().kind() != Kind::Push).count();
    let out_of_step =
        |question: &String| question.contains("SUBSCRIBE") || question.contains("MONITOR");
    if questions.len() != answers || questions.iter().any(out_of_step) {
        return Vec::new();
    }
    questions
}

/// A command on one line, shortened if it is long.
fn question(request: Decoded<'_>) -> String {
    const LONGEST: usize = 80;
    let arguments = request.reply().as_elements().expect("a request is an array");
    let text = |argument: ReplyRef<'_>| {
        let bytes = argument.as_bytes().expect("an argument is a bulk string");
        if bytes.is_empty() { "\"\"".to_owned() } else { bytes.escape_ascii().to_string() }
    };
    let question = arguments.map(text).collect::<Vec<_>>().join(" ");
    if question.len() <= LONGEST { question } else { format!("{question:.LONGEST$}…") }
}

#[test]
fn a_push_that_the_array_does_not_count_is_refused() {
    let Capture { bytes, .. } = Capture::read("resp3-push-in-exec.refused");
    let message = b">3\r\n$7\r\nmessage\r\n";
    let start = bytes.windows(message.len()).position(|part| part == message).expect("a message");
    let expected = oracle::stream(&bytes, &oracle::Limits::default()).pop();
    let refused = Verdict::Failed { failure: oracle::Failure::NestedPush, offset: 9 };
    assert_eq!(expected, Some(refused));
    let decoder = Decoder::new();
    for size in [1, 3, 17, usize::MAX] {
        let story = ways::agreed(&decoder, &bytes, &[size]);
        assert_eq!(story.end, Err((ErrorKind::NestedPush, start)), "in pieces of {size}");
        assert_eq!(story.frames.len(), 6);
    }
}

#[test]
fn every_capture_matches_its_snapshot() {
    insta::with_settings!({ omit_expression => true }, {
        for capture in Capture::all(&[".replies", ".aof"]) {
            insta::assert_snapshot!(capture.stem(), rendered(&capture));
        }
    });
}

#[test]
fn every_snapshot_has_a_capture() {
    let captures = Capture::all(&[".replies", ".aof"]);
    let stems: BTreeSet<_> = captures.iter().map(Capture::stem).collect();
    for file in fs::read_dir("tests/snapshots").expect("the folder of snapshots") {
        let name = file.expect("a file").file_name().into_string().expect("text");
        let own = name.strip_prefix("captures__").and_then(|name| name.strip_suffix(".snap"));
        assert!(own.is_none_or(|stem| stems.contains(stem)), "{name} belongs to no capture");
    }
}
