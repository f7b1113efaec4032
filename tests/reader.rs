//! `ReplyReader` returns every reply once and whole, in whatever pieces its bytes arrive, and reports how they end.
#![cfg(feature = "std")]

use std::io::{self, ErrorKind as IoErrorKind, Read};

use zresp::io::{ReplyReader, StreamError};
use zresp::{ErrorKind, Limits};

/// What a scripted reader does next.
#[derive(Clone)]
enum Step {
    Bytes(Vec<u8>),
    Fail(IoErrorKind),
}

/// A reader that follows a script, at most `most` bytes at a time, and then ends.
struct Scripted {
    steps: std::collections::VecDeque<Step>,
    most: usize,
}

impl Scripted {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), most: usize::MAX }
    }
}

impl Read for Scripted {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        assert!(!room.is_empty(), "a read into an empty buffer looks like the end");
        match self.steps.pop_front() {
            None => Ok(0),
            Some(Step::Fail(kind)) => Err(kind.into()),
            Some(Step::Bytes(bytes)) => {
                let count = bytes.len().min(room.len()).min(self.most);
                room[..count].copy_from_slice(&bytes[..count]);
                if count < bytes.len() {
                    self.steps.push_front(Step::Bytes(bytes[count..].to_vec()));
                }
                Ok(count)
            }
        }
    }
}

fn bytes(bytes: &[u8]) -> Step {
    Step::Bytes(bytes.to_vec())
}

/// The wire bytes of all replies up to the end or a failure.
fn drain<R: Read>(reader: &mut ReplyReader<R>) -> (Vec<Vec<u8>>, Result<(), StreamError>) {
    let mut frames = Vec::new();
    loop {
        match reader.read() {
            Ok(Some(frame)) => frames.push(frame.wire().to_vec()),
            Ok(None) => return (frames, Ok(())),
            Err(error) => return (frames, Err(error)),
        }
    }
}

const STREAM: [&[u8]; 5] = [
    b"+OK\r\n",
    b"|1\r\n+k\r\n+v\r\n:1\r\n",
    b"*2\r\n$3\r\nfoo\r\n$-1\r\n",
    b"$0\r\n\r\n",
    b"_\r\n",
];

#[test]
fn every_reply_comes_once_with_reads_of_any_size() {
    let stream = STREAM.concat();
    for most in 1..=stream.len() {
        let mut reader = ReplyReader::new(Scripted { most, ..Scripted::new([bytes(&stream)]) });
        let (frames, end) = drain(&mut reader);
        assert_eq!(frames, STREAM, "reads of {most}");
        assert!(end.is_ok(), "reads of {most}: {end:?}");
        assert_eq!(reader.position(), stream.len() as u64);
        assert!(matches!(reader.read(), Ok(None)), "the end stays the end");
    }
}

#[test]
fn an_end_inside_a_frame_is_an_error_that_says_so() {
    let stream = STREAM.concat();
    for cut in 0..stream.len() {
        let mut reader = ReplyReader::new(&stream[..cut]);
        let (frames, end) = drain(&mut reader);
        let whole: usize = frames.iter().map(Vec::len).sum();
        assert_eq!(reader.position(), whole as u64);
        if whole == cut {
            assert!(end.is_ok(), "cut at {cut}: {end:?}");
            continue;
        }
        let Err(StreamError::Decode { error, position }) = end else {
            panic!("cut at {cut}: {end:?}")
        };
        assert_eq!(position, cut as u64);
        assert_eq!((error.kind, error.offset), (ErrorKind::UnexpectedEnd, cut - whole));
        let text = format!("input ends inside a frame at offset {}", cut - whole);
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_failing_reader_loses_nothing() {
    let stream = STREAM.concat();
    for kind in [IoErrorKind::WouldBlock, IoErrorKind::TimedOut, IoErrorKind::ConnectionReset] {
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            let script = [bytes(head), Step::Fail(kind), bytes(tail)];
            let script =
                script.into_iter().filter(|step| !matches!(step, Step::Bytes(b) if b.is_empty()));
            let mut reader = ReplyReader::new(Scripted::new(script));
            let (mut frames, failure) = drain(&mut reader);
            let whole: usize = frames.iter().map(Vec::len).sum();
            assert!(matches!(&failure, Err(StreamError::Io(error)) if error.kind() == kind));
            assert!(cut - whole < 20, "whole frames come before the failure: {cut} {whole}");
            assert_eq!(reader.buffered(), &stream[whole..cut]);

            let (rest, end) = drain(&mut reader);
            frames.extend(rest);
            assert_eq!(frames, STREAM, "{kind:?} after {cut}");
            assert!(end.is_ok(), "{kind:?} after {cut}: {end:?}");
        }
    }
}

#[test]
fn an_interrupted_read_is_retried() {
    let script = [
        Step::Fail(IoErrorKind::Interrupted),
        bytes(b"+O"),
        Step::Fail(IoErrorKind::Interrupted),
        Step::Fail(IoErrorKind::Interrupted),
        bytes(b"K\r\n"),
    ];
    let mut reader = ReplyReader::new(Scripted::new(script));
    assert_eq!(reader.read().unwrap().unwrap().wire(), b"+OK\r\n");
}

#[test]
fn whole_replies_before_broken_bytes_come_first() {
    let mut reader = ReplyReader::new(&b"+OK\r\n:1\r\n*1\r\nx"[..]);
    let (frames, end) = drain(&mut reader);
    assert_eq!(frames, [b"+OK\r\n".as_slice(), b":1\r\n"]);
    let Err(end) = end else { panic!("broken bytes") };
    assert_eq!(end.to_string(), "expected a type byte, found `x` at offset 13");
    let StreamError::Decode { error, position: 13 } = end else { panic!("{end:?}") };
    assert_eq!(error.to_string(), "expected a type byte, found `x` at offset 4");
    assert_eq!(reader.position(), 9, "the broken frame's place in the stream");
    assert!(
        matches!(reader.read(), Err(StreamError::Decode { error: again, .. }) if again == error)
    );
}

#[test]
fn limits_hold() {
    let limits = Limits::new().with_bulk(3);
    let mut reader = ReplyReader::with_limits(&b"$3\r\nfoo\r\n$4\r\n"[..], limits);
    let (frames, end) = drain(&mut reader);
    assert_eq!(frames.len(), 1);
    let Err(StreamError::Decode { error, .. }) = end else { panic!("{end:?}") };
    assert_eq!(error.kind, ErrorKind::BulkTooLong { limit: 3 });
}

#[test]
fn the_buffer_grows_with_the_bytes_and_is_freed_again() {
    let giant = [b"$20000000\r\n".as_slice(), &vec![b'x'; 20_000_000], b"\r\n"].concat();
    let mut stream = giant.clone();
    stream.extend(b"+OK\r\n".repeat(10));
    let info = allocation_counter::measure(|| {
        let mut reader = ReplyReader::new(stream.as_slice());
        assert_eq!(reader.read().unwrap().unwrap().wire().len(), giant.len());
        assert!(reader.read().unwrap().is_some());
        let kept = allocation_counter::measure(|| drop(reader));
        assert!(kept.bytes_current > -100_000, "memory kept after the giant frame: {kept:?}");
    });
    assert!(info.bytes_max < 3 * giant.len() as u64 + 100_000, "{info:?}");

    let announced = allocation_counter::measure(|| {
        let mut reader = ReplyReader::new(&b"$536870912\r\nx"[..]);
        assert!(reader.read().is_err());
    });
    assert!(announced.bytes_max < 100_000, "an announced length takes no memory: {announced:?}");
}

#[test]
fn a_reader_that_claims_more_bytes_than_it_had_room_for_does_no_harm() {
    struct Liar;
    impl Read for Liar {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            room.fill(b'+');
            Ok(room.len() + 1_000)
        }
    }
    let limits = Limits::new().with_frame(100_000);
    let mut reader = ReplyReader::with_limits(Liar, limits);
    let error = reader.read().unwrap_err();
    assert!(
        matches!(error, StreamError::Decode { error: e, .. } if e.kind == ErrorKind::FrameTooLong { limit: 100_000 })
    );
}
