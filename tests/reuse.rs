//! A decoder that is used again, after an error, after a reset, or with a buffer that has changed, gives the
//! documented error or a fresh start. It never panics, and never returns a reply that is not in the bytes.
#![cfg(feature = "std")]

use bytes::BytesMut;
use zresp::io::{CommandReader, ReplyReader, StreamError};
use zresp::{Command, CommandDecoder, Decoder, Error, ErrorKind, Framer, Limits};

const REPLIES: [&[u8]; 10] = [
    b"+OK\r\n",
    b":-12345678901\r\n",
    b"$12\r\nhello, world\r\n",
    b"=9\r\ntxt:hello\r\n",
    b"*3\r\n$3\r\nfoo\r\n:1\r\n*2\r\n+a\r\n_\r\n",
    b"%1\r\n$1\r\nk\r\n~2\r\n#t\r\n,1.5\r\n",
    b"|1\r\n+ttl\r\n:9\r\n$5\r\nhello\r\n",
    b"$?\r\n;4\r\nabcd\r\n;1\r\ne\r\n;0\r\n",
    b"%?\r\n+k\r\n*?\r\n:1\r\n.\r\n.\r\n",
    b"*2\r\n|1\r\n+a\r\n+b\r\n(12345678901234567890\r\n!3\r\nERR\r\n",
];
const REQUESTS: [&[u8]; 5] = [
    b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    b"*3\r\n$3\r\nSET\r\n$10\r\n0123456789\r\n$0\r\n\r\n",
    b"set \"a b\" 'c d'\r\n",
    b"\r\n*0\r\n*1\r\n$4\r\nPING\r\n",
    b"  \n*-1\r\nPING\n",
];
/// The number of bytes at the start of a frame that a decoder compares.
const HEAD: usize = 8;
const FORGED: &[u8] = b"\r\n*$:+?.019 \"a\0";

/// Reads every part of a reply; returns the number of its bytes.
fn look_at(decoder: &mut Decoder, buf: &[u8]) -> Result<Option<usize>, Error> {
    let Some(frame) = decoder.decode(buf)? else { return Ok(None) };
    assert_eq!(frame.wire(), &buf[..frame.wire().len()], "the frame is in this buffer");
    assert!(frame.tokens().count() <= buf.len() + 1);
    assert!(format!("{frame:?}").len() < 2_000);
    assert!(zresp::Reply::from(frame).tokens().count() <= buf.len() + 1);
    Ok(Some(frame.wire().len()))
}

/// Reads every part of a request; returns the number of its bytes.
fn look_at_request(decoder: &mut CommandDecoder, buf: &[u8]) -> Result<Option<usize>, Error> {
    let Some(request) = decoder.decode(buf)? else {
        _ = decoder.partial(buf).map(|partial| partial.args().count());
        return Ok(None);
    };
    let (command, wire) = (request.command(), request.wire());
    assert_eq!(wire, &buf[..wire.len()], "the request is in this buffer");
    let count = match command {
        Command::Array(array) => array.args().count() + array.index().len(),
        Command::Inline(line) => line.args().count() + line.name().len(),
    };
    assert!(count <= 2 * buf.len() && format!("{command:?}").len() < 2_000);
    Ok(Some(wire.len()))
}

/// The interface that both decoders share.
trait Reused: Clone {
    fn fresh() -> Self;
    fn look(&mut self, buf: &[u8]) -> Result<Option<usize>, Error>;
    fn forget(&mut self);
    fn hand_over(&mut self, buf: &[u8]) -> Framer;
}

impl Reused for Decoder {
    fn fresh() -> Self {
        Self::new()
    }

    fn look(&mut self, buf: &[u8]) -> Result<Option<usize>, Error> {
        look_at(self, buf)
    }

    fn forget(&mut self) {
        self.reset();
    }

    fn hand_over(&mut self, buf: &[u8]) -> Framer {
        self.take_framer(buf)
    }
}

impl Reused for CommandDecoder {
    fn fresh() -> Self {
        Self::new()
    }

    fn look(&mut self, buf: &[u8]) -> Result<Option<usize>, Error> {
        look_at_request(self, buf)
    }

    fn forget(&mut self) {
        self.reset();
    }

    fn hand_over(&mut self, buf: &[u8]) -> Framer {
        self.take_framer(buf)
    }
}

/// For every cut of a frame, a decoder that has seen the bytes before it.
fn begun<D: Reused>(frame: &[u8]) -> impl Iterator<Item = (usize, D)> {
    (1..frame.len()).map(|cut| {
        let mut decoder = D::fresh();
        assert_eq!(decoder.look(&frame[..cut]), Ok(None), "{}", frame.escape_ascii());
        (cut, decoder)
    })
}

/// Offset of the first byte that a decoder compares, after the lines that a request skips.
fn head(frame: &[u8]) -> usize {
    let skipped = [&b"\r\n*0\r\n"[..], b"  \n*-1\r\n"];
    skipped.iter().find(|skipped| frame.starts_with(skipped)).map_or(0, |skipped| skipped.len())
}

fn assert_notices_a_shorter_buffer<D: Reused>(frames: &[&[u8]]) {
    for frame in frames {
        for (cut, decoder) in begun::<D>(frame) {
            for shorter in 0..cut {
                let mut decoder = decoder.clone();
                let case = format!("{} from {cut} to {shorter}", frame.escape_ascii());
                let error = decoder.look(&frame[..shorter]).expect_err(&case);
                assert_eq!(error.kind, ErrorKind::BufferChanged, "{case}");
                assert_eq!(decoder.look(frame), Err(error), "it stays: {case}");
                decoder.forget();
                assert_eq!(decoder.look(frame), Ok(Some(frame.len())), "{case}");
            }
        }
    }
}

fn assert_survives_a_changed_buffer<D: Reused>(frames: &[&[u8]]) {
    for frame in frames {
        let known = head(frame)..head(frame) + HEAD;
        for (cut, decoder) in begun::<D>(frame) {
            for place in 0..cut {
                for byte in FORGED.iter().filter(|byte| **byte != frame[place]) {
                    let mut decoder = decoder.clone();
                    let mut changed = frame.to_vec();
                    changed[place] = *byte;
                    let shown = changed.escape_ascii().to_string();
                    let result = decoder.look(&changed);
                    if known.contains(&place) && cut > known.start {
                        let error = result.expect_err(&shown);
                        assert_eq!(error.kind, ErrorKind::BufferChanged, "{shown}, cut at {cut}");
                    }
                    decoder.forget();
                    assert_eq!(decoder.look(frame), Ok(Some(frame.len())), "{shown}");
                }
            }
        }
    }
}

fn assert_starts_anew<D: Reused>(samples: &[&[u8]]) {
    for first in samples {
        for (cut, decoder) in begun::<D>(first) {
            for second in samples {
                let case = format!("{} at {cut}, {}", first.escape_ascii(), second.escape_ascii());
                let mut forgetful = decoder.clone();
                forgetful.forget();
                for end in 0..second.len() {
                    assert_eq!(forgetful.look(&second[..end]), Ok(None), "{case}");
                }
                assert_eq!(forgetful.look(second), Ok(Some(second.len())), "{case}");

                let mut handing = decoder.clone();
                let mut framer = handing.hand_over(&first[..cut]);
                assert_eq!(handing.look(second), Ok(Some(second.len())), "{case}");
                let progress = framer.advance(&first[cut..]).expect(&case);
                assert_eq!((progress.taken, progress.is_complete), (first.len() - cut, true));
                // It does not panic if it gets other bytes than those that were decoded.
                _ = decoder.clone().hand_over(second).advance(second);
            }
        }
    }
}

#[test]
fn a_buffer_that_shrank_is_noticed_at_every_cut() {
    assert_notices_a_shorter_buffer::<Decoder>(&REPLIES);
    assert_notices_a_shorter_buffer::<CommandDecoder>(&REQUESTS[..3]);
}

#[test]
fn a_buffer_that_changed_is_noticed_or_safe_to_read() {
    assert_survives_a_changed_buffer::<Decoder>(&REPLIES);
    assert_survives_a_changed_buffer::<CommandDecoder>(&REQUESTS);
}

#[test]
fn a_frame_in_progress_is_forgotten_by_a_reset_and_can_be_handed_over_to_a_framer() {
    assert_starts_anew::<Decoder>(&REPLIES);
    assert_starts_anew::<CommandDecoder>(&REQUESTS);
}

#[test]
fn a_framer_can_be_reset_after_an_error_and_in_the_middle() {
    for frame in REPLIES {
        for cut in 0..frame.len() {
            let mut framer = Framer::replies(Limits::new());
            framer.advance(&frame[..cut]).unwrap();
            let broken = [b"\n\n".as_slice(), b"\r\r\r", b";.", b"x\0"]
                .into_iter()
                .find_map(|bytes| framer.advance(bytes).err());
            if let Some(error) = broken {
                assert_eq!(framer.advance(frame), Err(error), "it stays");
                assert_eq!(framer.advance(&[]), Err(error), "it stays");
                assert!(framer.needed() == 0 && !framer.is_between_frames());
            }
            framer.reset();
            assert!(framer.is_between_frames());
            let progress = framer.advance(frame).unwrap();
            assert_eq!((progress.taken, progress.is_complete), (frame.len(), true));
        }
    }
}

#[test]
fn a_reader_that_is_reset_decodes_the_same_bytes_again() {
    let mut reader = ReplyReader::new(&b"+OK\r\n*1\r\nx\r\n+OK\r\n"[..]);
    assert!(reader.read().unwrap().is_some());
    for _ in 0..3 {
        let Err(StreamError::Decode { error, .. }) = reader.read() else { panic!("it is broken") };
        assert_eq!(error.offset, 4);
        assert_eq!((reader.position(), reader.buffered()), (5, &b"*1\r\nx\r\n+OK\r\n"[..]));
        reader.decoder_mut().reset();
    }
    // A decoder that is inside another frame, which the documentation forbids.
    for begun in REPLIES {
        let mut decoder = Decoder::new();
        assert!(decoder.decode(&begun[..begun.len() - 1]).unwrap().is_none());
        let mut reader = ReplyReader::with_decoder(&b"+OK\r\n:1\r\n$5\r\nhello\r\n"[..], decoder);
        while let Ok(Some(frame)) = reader.read() {
            assert!(format!("{frame:?}").len() < 100 && reader.consumed() <= 20);
        }
    }
    for begun in REQUESTS {
        let mut decoder = CommandDecoder::with_limits(Limits::new());
        assert!(decoder.decode(&begun[..begun.len() - 1]).unwrap().is_none());
        let mut reader = CommandReader::with_decoder(&b"PING\r\n*1\r\n$4\r\nPING\r\n"[..], decoder);
        while let Ok(Some(request)) = reader.read() {
            assert!(format!("{request:?}").len() < 100 && reader.consumed() <= 20);
        }
    }
}

#[test]
fn no_frame_is_taken_from_a_buffer_that_changed() {
    for frame in REPLIES {
        for cut in 1..frame.len() {
            let mut decoder = Decoder::new();
            let mut buffer = BytesMut::from(&frame[..cut]);
            assert!(decoder.decode_frame(&mut buffer).unwrap().is_none());
            buffer.clear();
            let error = decoder.decode_frame(&mut buffer).unwrap_err();
            assert_eq!(error.kind, ErrorKind::BufferChanged);
            buffer.extend_from_slice(frame);
            assert_eq!(decoder.decode_frame(&mut buffer).unwrap_err(), error, "it stays");
            assert_eq!(buffer, frame, "nothing is taken");
            decoder.reset();
            assert_eq!(decoder.decode_frame(&mut buffer).unwrap().unwrap().wire(), frame);
        }
    }
}

#[cfg(feature = "codec")]
#[test]
fn a_codec_notices_a_buffer_that_shrank_and_continues_after_a_reset() {
    use tokio_util::codec::Decoder as _;
    use zresp::codec::{CommandCodec, ReplyCodec};
    use zresp::io::StreamError;

    for frame in REPLIES {
        for cut in 1..frame.len() {
            let mut codec = ReplyCodec::new();
            let mut buffer = BytesMut::from(&frame[..cut]);
            assert!(codec.decode(&mut buffer).unwrap().is_none());
            buffer.truncate(cut - 1);
            let Err(StreamError::Decode { error, .. }) = codec.decode(&mut buffer) else {
                panic!()
            };
            assert_eq!(error.kind, ErrorKind::BufferChanged);
            codec.decoder_mut().reset();
            buffer.extend_from_slice(&frame[cut - 1..]);
            assert_eq!(codec.decode(&mut buffer).unwrap().unwrap().wire(), frame);
        }
    }
    let mut codec = CommandCodec::new();
    let mut buffer = BytesMut::from(&b"*2\r\n$3\r\nGE"[..]);
    assert!(codec.decode(&mut buffer).unwrap().is_none());
    let mut other = BytesMut::from(&b"PING\r\n"[..]);
    let Err(StreamError::Decode { error, .. }) = codec.decode(&mut other) else { panic!() };
    assert_eq!((error.kind, &other[..]), (ErrorKind::BufferChanged, &b"PING\r\n"[..]));
}

#[test]
fn a_tree_is_built_of_whatever_a_changed_buffer_holds() {
    let mut decoder = Decoder::new();
    assert!(decoder.decode(b"*1\r\n*1\r\n:1").unwrap().is_none());
    // The decoder cannot see this change; an attribute is never streamed.
    if let Ok(Some(frame)) = decoder.decode(b"*1\r\n*1\r\n|?\r\n") {
        assert!(zresp::Reply::from(frame.reply()).tokens().count() < 10);
        assert!(zresp::Reply::from(frame.to_frame()).tokens().count() < 10);
    }
}
