//! A codec returns each frame once and whole, in whatever pieces its bytes arrive. It reports broken input
//! once, and writes nothing of a value that cannot be encoded.
//!
//! As in `captures.rs`, a frame that is longer than [`EVERY_CUT`] is cut at some positions only.
#![cfg(feature = "codec")]

use std::fmt::Debug;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tokio_util::codec::{Decoder, Encoder, Framed, FramedRead, FramedWrite};
use zresp::codec::{Codec, CommandCodec, ReplyCodec};
use zresp::frames::{Direction, Replies, Requests};
use zresp::io::StreamError;
use zresp::{
    Arguments, Command, CommandBuf, CommandFrame, EncodeError, Error, ErrorKind, Frame,
    InlinePolicy, Kind, Limits, Protocol, Reply, ReplyRef,
};
use zresp_testing::drive::capture::Capture;
use zresp_testing::drive::live_server::{PATIENCE, Server};

/// The longest input that is cut at every position.
const EVERY_CUT: usize = 16 * 1024;
/// The longest stream that is ended at every position.
const EVERY_END: usize = 4 * 1024;
/// The most memory that a codec reserves ahead of the bytes, according to its documentation.
const AHEAD: usize = 16 * 1024;
/// A longer frame keeps the buffer that it was received in, according to the codec's documentation.
const SHARED: usize = 1024 * 1024;

/// The frames of some bytes, and the error at their end, if any. Its offset counts from the start of the
/// stream.
type Frames<T> = (Vec<T>, Option<Error>);

/// The expected frames of some bytes, from the iterators over a whole buffer.
trait Expected: Sized {
    fn of(bytes: &[u8]) -> Frames<Self>;
}

impl Expected for Frame {
    fn of(bytes: &[u8]) -> Frames<Self> {
        let mut error = None;
        let frames =
            zresp::replies(bytes).map_while(|frame| frame.map_err(|e| error = Some(e)).ok());
        (frames.map(|frame| frame.to_frame()).collect(), error)
    }
}

impl Expected for CommandFrame {
    fn of(bytes: &[u8]) -> Frames<Self> {
        let mut error = None;
        let requests =
            zresp::requests(bytes).map_while(|request| request.map_err(|e| error = Some(e)).ok());
        (requests.map(|request| request.command().to_frame()).collect(), error)
    }
}

fn decode_error(error: &StreamError) -> Error {
    let StreamError::Decode { error, .. } = error else { panic!("{error:?}") };
    *error
}

/// Decodes a stream in pieces, and then its end, as `FramedRead` does.
fn frames<'a, D: Direction, T>(
    mut codec: Codec<D>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Frames<T>
where
    Codec<D>: Decoder<Item = T, Error = StreamError>,
{
    let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
    let place = |codec: &Codec<D>, error: &StreamError| {
        let Error { kind, offset } = decode_error(error);
        let position = usize::try_from(codec.position()).expect("a place in a short stream");
        Some(Error { kind, offset: position + offset })
    };
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, place(&codec, &error)),
            }
        }
    }
    loop {
        match codec.decode_eof(&mut buffer) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => break,
            Err(error) => return (frames, place(&codec, &error)),
        }
    }
    assert!(buffer.is_empty(), "a clean end with {} bytes left", buffer.len());
    (frames, None)
}

/// The positions at which an input is cut: all, or those near its ends and some between them.
fn cuts(length: usize) -> Vec<usize> {
    const NEAR: usize = 256;
    if length <= EVERY_CUT {
        return (0..=length).collect();
    }
    let between = (NEAR..length - NEAR).step_by(251);
    (0..NEAR).chain(between).chain(length - NEAR..=length).collect()
}

/// Cuts a frame at many positions. Asserts that it is incomplete there, that an end inside it is an error, and
/// that the frame is whole once the rest arrives.
fn assert_resumes<D: Direction, T>(place: &str, wire: &[u8], expected: &T)
where
    Codec<D>: Decoder<Item = T, Error = StreamError>,
    T: PartialEq + Debug,
{
    for cut in cuts(wire.len()).into_iter().filter(|&cut| cut < wire.len()) {
        let mut codec = Codec::<D>::new();
        let mut buffer = BytesMut::from(&wire[..cut]);
        let result = codec.decode(&mut buffer);
        assert!(matches!(result, Ok(None)), "{place}: the first {cut} bytes: {result:?}");
        assert_eq!(buffer, wire[..cut], "{place}: the first {cut} bytes");

        let end = codec.clone().decode_eof(&mut buffer.clone());
        match end {
            Ok(None) => assert_eq!(cut, 0, "{place}: a clean end"),
            Err(error) => {
                let error = decode_error(&error);
                let found = (error.kind, error.offset);
                assert_eq!(found, (ErrorKind::UnexpectedEnd, cut), "{place}");
            }
            Ok(frame) => panic!("{place}: the first {cut} bytes: {frame:?}"),
        }

        buffer.extend_from_slice(&wire[cut..]);
        let frame = codec.decode(&mut buffer).expect("a valid frame");
        assert!(frame.as_ref() == Some(expected), "{place}: resumed at {cut}");
        assert!(buffer.is_empty(), "{place}: resumed at {cut}");
    }
}

#[test]
fn every_reply_of_a_capture_is_whole_wherever_it_is_cut() {
    for Capture { name, bytes } in Capture::all(&[".replies", ".requests", ".aof"]) {
        for (number, frame) in Frame::of(&bytes).0.iter().enumerate() {
            let place = format!("{name}: frame {number}");
            assert_resumes::<Replies, _>(&place, frame.wire(), frame);
        }
    }
}

#[test]
fn every_request_of_a_capture_is_whole_wherever_it_is_cut() {
    for Capture { name, bytes } in Capture::all(&[".requests", ".aof"]) {
        for (number, frame) in CommandFrame::of(&bytes).0.iter().enumerate() {
            let place = format!("{name}: request {number}");
            assert_resumes::<Requests, _>(&place, frame.wire(), frame);
        }
    }
}

/// Asserts that a stream decodes the same in pieces as in one piece, and also if it ends early.
fn assert_stream<D: Direction, T>(name: &str, bytes: &[u8])
where
    Codec<D>: Decoder<Item = T, Error = StreamError>,
    T: Expected + PartialEq + Debug,
{
    let whole = T::of(bytes);
    for size in [1, 2, 7, 64, 1400, usize::MAX] {
        let found = frames(Codec::<D>::new(), bytes.chunks(size.min(bytes.len())));
        assert!(found == whole, "{name}, in pieces of {size}");
    }
    let step = if bytes.len() <= EVERY_END { 1 } else { 1021 };
    for end in (0..=bytes.len()).step_by(step) {
        let (first, second) = bytes[..end].split_at(end / 2);
        let found = frames(Codec::<D>::new(), [first, second]);
        assert!(found == T::of(&bytes[..end]), "{name}, ended at {end}");
    }
}

#[test]
fn a_capture_in_pieces_or_cut_short_matches_the_iterators() {
    for Capture { name, bytes } in Capture::all(&[".replies", ".requests", ".aof"]) {
        assert_stream::<Replies, Frame>(&name, &bytes);
    }
    for Capture { name, bytes } in Capture::all(&[".requests", ".aof"]) {
        assert_stream::<Requests, CommandFrame>(&name, &bytes);
    }
}

#[test]
fn inline_commands_and_skipped_lines_match_the_iterator_at_any_cut() {
    let inputs: [&[u8]; 6] = [
        b"\r\n\r\n*0\r\n*1\r\n$4\r\nPING\r\n\r\nget 'a key'\r\n\r\n*-1\r\n\n",
        b"\r\n\r\n\r",
        b"PING\r\n*0\r",
        b"\r\nPING\r\n\r\n*1\r\n$4\r\nPI",
        b"\r\nPING\r\n\r\n*1\r\nx",
        b"\r\n\"open\r\nPING\r\n",
    ];
    for input in inputs {
        let name = input.escape_ascii().to_string();
        assert_stream::<Requests, CommandFrame>(&name, input);
        for cut in 0..=input.len() {
            let (first, second) = input.split_at(cut);
            let found = frames(CommandCodec::new(), [first, second]);
            assert_eq!(found, CommandFrame::of(input), "{name} cut at {cut}");
        }
    }
}

#[test]
fn empty_lines_do_not_stay_in_the_buffer() {
    let mut codec = CommandCodec::new();
    let mut buffer = BytesMut::new();
    for _ in 0..1000 {
        buffer.extend_from_slice(b"\r\n*0\r\n\r");
        assert!(codec.decode(&mut buffer).unwrap().is_none());
        assert_eq!(buffer, "\r");
        buffer.extend_from_slice(b"\n");
    }
    assert!(codec.decode_eof(&mut buffer).unwrap().is_none());
    assert_eq!(codec.position(), 8000);
}

/// A command with an index, and a payload with line ends that depends on the index.
fn command(index: usize) -> CommandBuf {
    CommandBuf::new("ECHO").arg(index).arg(payload(index))
}

fn payload(index: usize) -> Bytes {
    b"\r\n$5\r\nab*1".iter().copied().cycle().take(index * 37 % 2000).collect()
}

/// Sends the arguments of each request back, slowly.
async fn answer_slowly(stream: DuplexStream) {
    let mut server = Framed::new(stream, CommandCodec::new());
    server.codec_mut().set_protocol(Protocol::Resp3);
    let mut seen = 0;
    while let Some(request) = server.next().await {
        let request = request.expect("a request");
        let Command::Array(command) = request.command() else { panic!("{request:?}") };
        let arguments = command.args().map(|argument| Reply::bulk(argument.to_vec()));
        server.send(Reply::push(arguments.skip(1))).await.expect("a client that reads");
        seen += 1;
        if seen % 64 == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn send_all(stream: WriteHalf<DuplexStream>, count: usize) {
    let mut sender = FramedWrite::new(stream, ReplyCodec::new());
    for index in 0..count {
        sender.feed(command(index)).await.expect("a server that reads");
    }
    SinkExt::<CommandBuf>::close(&mut sender).await.expect("a server that reads");
}

async fn receive_all(stream: ReadHalf<DuplexStream>, count: usize) {
    let mut replies = FramedRead::new(stream, ReplyCodec::new());
    for index in 0..count {
        let frame = replies.next().await.expect("a reply for each command").expect("a reply");
        let expected = Reply::push([Reply::bulk(index.to_string()), Reply::bulk(payload(index))]);
        assert_eq!(Reply::from(&frame), expected, "reply {index}");
        for _ in 0..index % 5 {
            yield_now().await;
        }
    }
    assert!(replies.next().await.is_none(), "one reply too many");
}

#[tokio::test]
async fn nothing_is_lost_or_repeated_through_tiny_pipes() {
    for (room, count) in [(1, 100), (3, 300), (64, 2000)] {
        let (client, server) = duplex(room);
        let (reader, writer) = tokio::io::split(client);
        let all = async {
            tokio::join!(answer_slowly(server), send_all(writer, count), receive_all(reader, count))
        };
        timeout(6 * PATIENCE, all).await.unwrap_or_else(|_| panic!("stuck with room for {room}"));
    }
}

#[tokio::test]
async fn a_paused_reader_holds_the_writer_back() {
    for room in [1, 3, 64] {
        let (client, server) = duplex(room);
        let mut sender = FramedWrite::new(client, ReplyCodec::new());
        let mut sent = 0;
        while let Ok(result) = timeout(Duration::from_millis(20), sender.feed(command(sent))).await
        {
            result.expect("a pipe that is open");
            sent += 1;
            assert!(sent < 1000, "the writer does not wait, although nobody reads");
        }
        assert!(sender.write_buffer().len() < 16 * 1024);

        let finish = async {
            let closed = SinkExt::<CommandBuf>::close(&mut sender).await;
            closed.expect("a pipe that is open");
        };
        let requests = FramedRead::new(server, CommandCodec::new()).map(Result::unwrap);
        let ((), received) = tokio::join!(finish, requests.collect::<Vec<_>>());
        assert_eq!(received.len(), sent);
        for (index, request) in received.into_iter().enumerate() {
            let mut wire = BytesMut::new();
            ReplyCodec::new().encode(command(index), &mut wire).unwrap();
            assert_eq!(request.wire(), &wire, "request {index}");
        }
    }
}

#[test]
fn exceeded_limits_are_errors_with_an_offset() {
    let limits = Limits::new().with_bulk(3).with_elements(2).with_depth(1).with_frame(30);
    for (input, whole, message) in [
        ("+OK\r\n$3\r\nfoo\r\n$4\r\n", 2, "payload longer than 3 bytes at offset 15"),
        (":1\r\n*3\r\n", 1, "aggregate of more than 2 elements at offset 5"),
        ("*1\r\n*1\r\n:1\r\n", 0, "nested deeper than 1 levels at offset 5"),
        ("+OK\r\n+012345678901234567890123456789", 1, "frame longer than 30 bytes at offset 35"),
    ] {
        for size in [1, 4, input.len()] {
            let codec = ReplyCodec::with_limits(limits);
            let (seen, error) = frames::<_, Frame>(codec, input.as_bytes().chunks(size));
            let error = error.unwrap_or_else(|| panic!("{input:?} is within the limits"));
            assert!(error.kind.is_limit(), "{error}");
            assert_eq!((seen.len(), &*error.to_string()), (whole, message), "{input:?} by {size}");
        }
    }
}

#[tokio::test]
async fn limits_policy_and_protocol_change_on_a_live_codec() {
    let (mut client, server) = duplex(64 * 1024);
    let codec = CommandCodec::with_limits(Limits::unauthenticated());
    let mut server = Framed::new(server, codec);
    client.write_all(b"AUTH pass\r\n*1\r\n$16385\r\n").await.unwrap();
    assert!(server.next().await.unwrap().is_ok());
    // Before the next request is decoded, as a server does it.
    server.codec_mut().decoder_mut().set_limits(Limits::new());
    server.codec_mut().decoder_mut().set_inline_policy(InlinePolicy::Refuse);
    client.write_all(&b"x".repeat(16_385)).await.unwrap();
    client.write_all(b"\r\nPING\r\n").await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap().wire().len(), 16_399);
    let error = decode_error(&server.next().await.unwrap().unwrap_err());
    assert_eq!(error.to_string(), "expected `*`, found `P` at offset 0");

    server.send(Reply::Null).await.unwrap();
    assert_eq!(server.codec().protocol(), Protocol::Resp2);
    server.codec_mut().set_protocol(Protocol::Resp3);
    server.send(Reply::Null).await.unwrap();
    drop(server);
    let mut replies = FramedRead::new(client, ReplyCodec::new());
    assert_eq!(replies.next().await.unwrap().unwrap().wire(), "$-1\r\n");
    assert_eq!(replies.next().await.unwrap().unwrap().wire(), "_\r\n");
    assert!(replies.next().await.is_none());
}

#[tokio::test]
async fn an_error_comes_once_after_the_whole_frames_and_then_the_end() {
    for (input, kind, offset) in [
        (&b"+OK\r\n:1\r\n*1\r\nx+OK\r\n"[..], None, 4),
        (b"+OK\r\n:1\r\n*1\r\n$3\r\nfo", Some(ErrorKind::UnexpectedEnd), 10),
        (b"+OK\r\n:1\r\n+", Some(ErrorKind::UnexpectedEnd), 1),
    ] {
        let mut replies = FramedRead::new(input, ReplyCodec::new());
        for wire in ["+OK\r\n", ":1\r\n"] {
            assert_eq!(replies.next().await.unwrap().unwrap().wire(), wire);
        }
        let error = decode_error(&replies.next().await.unwrap().unwrap_err());
        assert_eq!(error.offset, offset);
        assert!(kind.is_none_or(|kind| kind == error.kind), "{error}");
        assert_eq!(replies.decoder().position(), 9, "the broken frame's place in the stream");
        assert!(replies.next().await.is_none(), "the end follows");
        // A caller that continues after the end may see the error again, but no frame.
        for _ in 0..5 {
            assert!(replies.next().await.is_none_or(|frame| frame.is_err()));
        }
    }
}

#[test]
fn broken_input_stays_broken_and_in_the_buffer() {
    let mut codec = ReplyCodec::new();
    let mut buffer = BytesMut::from(&b"?\r\n"[..]);
    let error = decode_error(&codec.decode(&mut buffer).unwrap_err());
    assert_eq!(error.to_string(), "expected a type byte, found `?` at offset 0");
    for more in [&b""[..], b"+OK\r\n", b"+OK\r\n"] {
        buffer.extend_from_slice(more);
        assert_eq!(decode_error(&codec.decode(&mut buffer).unwrap_err()), error);
        assert_eq!(decode_error(&codec.decode_eof(&mut buffer).unwrap_err()), error);
    }
    assert_eq!(buffer, "?\r\n+OK\r\n+OK\r\n");
}

#[test]
fn an_end_inside_a_frame_is_reported_again_until_more_arrives() {
    let mut codec = ReplyCodec::new();
    let mut buffer = BytesMut::from(&b"$3\r\nfo"[..]);
    for _ in 0..2 {
        let error = codec.decode_eof(&mut buffer).unwrap_err();
        assert_eq!(error.to_string(), "input ends inside a frame at offset 6");
        let error = std::io::Error::from(error);
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    }
    buffer.extend_from_slice(b"o\r\n");
    assert_eq!(codec.decode(&mut buffer).unwrap().unwrap().reply(), ReplyRef::Bulk(b"foo"));
}

#[tokio::test]
async fn a_failed_encode_leaves_the_buffer_as_it_was() {
    let mut codec = CommandCodec::new();
    let mut buffer = BytesMut::from(&b"+OK\r\n"[..]);
    let broken = Reply::array([Reply::Integer(1), Reply::simple("two\r\nlines")]);
    let error = codec.encode(&broken, &mut buffer).unwrap_err();
    let expected = EncodeError::LineBreak { kind: Kind::Simple, offset: 3 };
    assert!(matches!(&error, StreamError::Encode(error) if *error == expected), "{error:?}");
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::InvalidInput);
    assert_eq!(buffer, "+OK\r\n");
    let error = ReplyCodec::new().encode(Arguments::<&str>(&[]), &mut buffer).unwrap_err();
    assert_eq!(error.to_string(), EncodeError::NoArguments.to_string());
    assert_eq!(buffer, "+OK\r\n");

    // The replies before and after it arrive.
    let (client, server) = duplex(1024);
    let mut server = Framed::new(server, CommandCodec::new());
    server.feed(&Reply::Integer(1)).await.unwrap();
    assert!(matches!(server.feed(&broken).await, Err(StreamError::Encode(_))));
    server.send(&Reply::Integer(2)).await.unwrap();
    drop(server);
    let replies = FramedRead::new(client, ReplyCodec::new());
    let replies: Vec<_> = replies.map(|frame| frame.unwrap().reply().as_i64()).collect().await;
    assert_eq!(replies, [Ok(1), Ok(2)]);
}

#[tokio::test]
async fn a_failed_connection_is_an_io_error() {
    let (client, server) = duplex(8);
    drop(server);
    let mut client = Framed::new(client, ReplyCodec::new());
    let error = client.send(CommandBuf::new("PING")).await.unwrap_err();
    assert!(matches!(&error, StreamError::Io(_)), "{error:?}");
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn an_announced_length_takes_no_memory() {
    let info = allocation_counter::measure(|| {
        for announced in
            ["$536870912\r\n", "*2147483647\r\n", "*1\r\n$536870912\r\nx", "%9999\r\n$99999\r\n"]
        {
            let mut buffer = BytesMut::from(announced);
            assert!(ReplyCodec::new().decode(&mut buffer).unwrap().is_none());
            assert!(buffer.capacity() <= 2 * AHEAD, "{announced:?}: {}", buffer.capacity());
        }
    });
    assert!(info.bytes_max < 4 * AHEAD as u64, "{info:?}");
}

#[test]
fn a_value_in_progress_has_room_for_its_next_bytes() {
    let mut codec = ReplyCodec::new();
    let mut buffer = BytesMut::from("$1000\r\nx");
    assert!(codec.decode(&mut buffer).unwrap().is_none());
    assert!(buffer.capacity() - buffer.len() >= 1001);
    let mut buffer = BytesMut::from("$1000000\r\nx");
    assert!(ReplyCodec::new().decode(&mut buffer).unwrap().is_none());
    assert!(buffer.capacity() - buffer.len() >= AHEAD);
}

#[test]
fn a_giant_frame_leaves_no_giant_buffer_and_the_next_frames_stay() {
    let giant = [b"$8000000\r\n".as_slice(), &vec![b'x'; 8_000_000], b"\r\n"].concat();
    assert!(giant.len() > SHARED);
    // Its last piece also brings the next two frames. The second one is not whole.
    let stream = [&giant[..], b"+OK\r\n:1"].concat();
    let mut codec = ReplyCodec::new();
    let mut buffer = BytesMut::new();
    let info = allocation_counter::measure(|| {
        let mut expected = [&giant[..], b"+OK\r\n", b":1\r\n"].into_iter();
        for piece in stream.chunks(8192).chain([&b"\r\n"[..]]) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = codec.decode(&mut buffer).expect("a valid frame") {
                assert!(Some(&frame.wire()[..]) == expected.next());
            }
        }
        assert_eq!(expected.next(), None);
    });
    assert!(info.bytes_max < 3 * giant.len() as u64, "{info:?}");
    let kept = usize::try_from(info.bytes_current).expect("at least as much allocated as freed");
    assert!(kept < 4 * AHEAD, "{info:?}");
}

/// A connection that speaks RESP3. Nothing on it takes longer than [`PATIENCE`].
struct Client {
    framed: Framed<tokio::net::TcpStream, ReplyCodec>,
}

impl Client {
    async fn new(server: &Server) -> Self {
        let stream = server.connect();
        stream.set_nonblocking(true).expect("an option of every socket");
        let stream = tokio::net::TcpStream::from_std(stream).expect("a socket");
        let mut client = Self { framed: Framed::new(stream, ReplyCodec::new()) };
        assert_eq!(client.ask(&["HELLO", "3"]).await.reply().kind(), Kind::Map);
        client
    }

    async fn send(&mut self, arguments: &[&str]) {
        let sent = timeout(PATIENCE, self.framed.send(Arguments(arguments))).await;
        sent.expect("in time").expect("a server that reads");
    }

    async fn receive(&mut self) -> Frame {
        let frame = timeout(PATIENCE, self.framed.next()).await.expect("in time");
        frame.expect("a frame before the end").expect("a frame")
    }

    async fn ask(&mut self, arguments: &[&str]) -> Frame {
        self.send(arguments).await;
        self.receive().await
    }
}

/// The push for a message on the channel.
fn message(text: &str) -> Reply {
    Reply::push([Reply::bulk("message"), Reply::bulk("news"), Reply::bulk(text.to_owned())])
}

#[tokio::test]
async fn a_live_server_pushes_messages_among_replies() {
    let Some(server) = Server::start() else { return };
    let mut reader = Client::new(&server).await;
    let mut writer = Client::new(&server).await;
    let subscribed = reader.ask(&["SUBSCRIBE", "news"]).await;
    let expected = [Reply::bulk("subscribe"), Reply::bulk("news"), Reply::Integer(1)];
    assert_eq!(Reply::from(subscribed), Reply::push(expected));

    for number in 0..100 {
        let text = format!("number {number}");
        let readers = writer.ask(&["PUBLISH", "news", &text]).await;
        assert_eq!(readers.reply(), ReplyRef::Integer(1));
        let pushed = reader.receive().await;
        assert_eq!(Reply::from(pushed), message(&text));
        assert_eq!(reader.ask(&["PING"]).await.reply(), ReplyRef::Simple(b"PONG"));
    }
}

#[tokio::test]
async fn a_live_server_answers_a_pipeline_in_order() {
    let Some(server) = Server::start() else { return };
    let mut client = Client::new(&server).await;
    for number in 0..5000 {
        let command = CommandBuf::new("ECHO").arg(number);
        timeout(PATIENCE, client.framed.feed(command)).await.expect("in time").expect("a server");
    }
    client.send(&["PING"]).await;
    for number in 0..5000 {
        assert_eq!(client.receive().await.reply().as_i64(), Ok(number));
    }
    assert_eq!(client.receive().await.reply(), ReplyRef::Simple(b"PONG"));
}

#[tokio::test]
async fn a_live_server_returns_a_large_value() {
    let Some(server) = Server::start() else { return };
    let mut client = Client::new(&server).await;
    let value: Bytes = (0..8 * 1024 * 1024_u32).map(|at| (at % 251) as u8).collect();
    let set = CommandBuf::new("SET").arg("large").arg(&value);
    timeout(PATIENCE, client.framed.send(&set)).await.expect("in time").expect("a server");
    assert_eq!(client.receive().await.reply(), ReplyRef::Simple(b"OK"));
    let frame = client.ask(&["GET", "large"]).await;
    assert!(frame.reply() == ReplyRef::Bulk(&value));
    assert_eq!(client.ask(&["STRLEN", "large"]).await.reply(), ReplyRef::Integer(8 * 1024 * 1024));
    assert!(client.framed.read_buffer().capacity() <= 2 * AHEAD);
}

#[tokio::test]
async fn codecs_of_tokens_write_whole_values() {
    use zresp::codec::{CommandTokenCodec, OwnedCommandToken, OwnedToken, ReplyTokenCodec};

    let (client, server) = tokio::io::duplex(1024);
    let mut client = Framed::new(client, ReplyTokenCodec::new());
    let mut server = Framed::new(server, CommandTokenCodec::new());
    client.send(CommandBuf::new("PING")).await.expect("room");
    while !matches!(server.next().await, Some(Ok(OwnedCommandToken::Close))) {
        assert!(!server.codec().is_between_frames());
    }
    assert!(server.codec().is_between_frames());
    server.codec_mut().set_protocol(zresp::Protocol::Resp3);
    server.send(zresp::Reply::from(true)).await.expect("room");
    let answer = client.next().await.expect("a token").expect("a valid one");
    assert_eq!(answer, OwnedToken::Scalar(zresp::Reply::from(true)));
}
