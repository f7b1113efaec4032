//! A reply that is translated with the shape of its command: whole and while it arrives, wherever it is cut, to RESP2 and
//! to RESP3. `tests/live_shapes.rs` compares the shapes with servers.
#![cfg(feature = "std")]

use allocation_counter::measure;
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use zresp::encode::{Downgrader, ReplyShape, Shaped};
use zresp::{Command, Decoder, Encode, EncodeError, Kind, Protocol, Reply, Token, TokenReader};
use zresp_testing::generate;

fn shape(command: &str) -> ReplyShape {
    ReplyShape::of_words(command.split(' '))
}

fn shown(wire: &[u8]) -> String {
    wire.escape_ascii().to_string()
}

/// Translates a whole frame.
fn whole(wire: &[u8], shape: ReplyShape, protocol: Protocol) -> Result<Vec<u8>, EncodeError> {
    let frame = zresp::decode(wire).expect("valid").expect("whole");
    Ok(Shaped::new(frame, shape).to_wire(protocol)?.to_vec())
}

/// Translates a frame to RESP2 while it arrives in two pieces. Payloads above `whole` bytes come in parts.
fn arriving(
    wire: &[u8],
    cut: usize,
    whole: usize,
    expect: impl FnOnce(&mut Downgrader),
) -> Result<Vec<u8>, EncodeError> {
    let (mut reader, mut downgrader) = (TokenReader::new(), Downgrader::new(usize::MAX));
    expect(&mut downgrader);
    let (mut buffer, mut out) = (Vec::new(), BytesMut::new());
    for piece in [&wire[..cut], &wire[cut..]] {
        buffer.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let rest = &buffer[at..];
            if let Some((token, size)) = reader.next(rest).expect("valid") {
                downgrader.token(&token, &rest[..size], &mut out)?;
                at += size;
            } else if let Some((part, size)) = reader.next_part(rest, whole).expect("valid") {
                downgrader.part(&part, &mut out)?;
                at += size;
            } else {
                break;
            }
        }
        buffer.drain(..at);
    }
    assert!(reader.is_between_frames());
    Ok(out.to_vec())
}

/// Commands, and a reply to each in RESP3 and in RESP2, which becomes the other in both directions.
const PAIRS: &[(&str, &str, &str)] = &[
    // Flat arrays.
    ("ZRANGE z 0 -1 WITHSCORES", "*2 *2 $1 a ,1.5 *2 $1 b ,inf", "*4 $1 a $3 1.5 $1 b $3 inf"),
    ("zrange z 0 -1 withscores", "*1 *2 $1 a ,1", "*2 $1 a $1 1"),
    ("ZRANGE z 0 -1 WITHSCORES", "*0", "*0"),
    ("ZRANGE z 0 -1", "*2 $1 a $1 1", "*2 $1 a $1 1"),
    ("ZRANGE withscores 0 -1", "*2 $1 a $1 1", "*2 $1 a $1 1"),
    ("ZUNION 2 a withscores", "*2 $1 a $1 1", "*2 $1 a $1 1"),
    ("ZUNION 2 a withscores WITHSCORES", "*1 *2 $1 a ,1", "*2 $1 a $1 1"),
    ("ZPOPMIN z", "*2 $1 a ,1", "*2 $1 a $1 1"),
    ("ZPOPMIN z 1", "*1 *2 $1 a ,1", "*2 $1 a $1 1"),
    ("HRANDFIELD h 2 WITHVALUES", "*1 *2 $1 a $1 1", "*2 $1 a $1 1"),
    // Arrays of pairs.
    (
        "XREAD STREAMS x 0",
        "%1 $1 x *1 *2 $3 1-1 *2 $1 a $1 1",
        "*1 *2 $1 x *1 *2 $3 1-1 *2 $1 a $1 1",
    ),
    ("XREADGROUP GROUP g c STREAMS x 0", "%1 $1 x *1 *2 $3 1-1 _", "*1 *2 $1 x *1 *2 $3 1-1 *-1"),
    // Nulls.
    ("GET a", "_", "$-1"),
    ("LPOP a", "_", "$-1"),
    ("LPOP a 2", "_", "*-1"),
    ("BLMOVE a b LEFT LEFT 1", "_", "*-1"),
    ("EXEC", "_", "*-1"),
    ("GEOPOS g a b", "*2 *2 ,1.5 ,2 _", "*2 *2 $3 1.5 $1 2 *-1"),
    ("XPENDING x g", "*4 :0 _ _ _", "*4 :0 $-1 $-1 *-1"),
    ("XPENDING x g - + 1", "*0", "*0"),
    ("ZRANK z a", "_", "$-1"),
    ("ZRANK z a WITHSCORE", "_", "*-1"),
    ("ZRANK z a WITHSCORE", "*2 :0 ,1", "*2 :0 $1 1"),
    // Single values.
    ("ZSCORE z a", ",1.50", "$4 1.50"),
    ("ZSCORE z a", ",-inf", "$4 -inf"),
    ("ZSCORE z a", ",nan", "$3 nan"),
    ("ZSCORE z a", "$2 1.", "$2 1."),
    ("ZSCORE z a", "$8 infinity", "$8 infinity"),
    ("ZSCORE z a", "+QUEUED", "+QUEUED"),
    ("ZSCORE z a", "-ERR", "-ERR"),
    ("ZADD z 1 a", ":1", ":1"),
    ("VADD v VALUES 1 1 a", "#t", ":1"),
    ("INFO", "=7 txt:a:1", "$3 a:1"),
    // Maps and sets.
    ("HGETALL h", "%1 $1 a $1 1", "*2 $1 a $1 1"),
    ("SMEMBERS s", "~2 $1 a $1 b", "*2 $1 a $1 b"),
    ("ACL LOG", "*1 %2 $1 a $1 1 $11 age-seconds ,0.5", "*1 *4 $1 a $1 1 $11 age-seconds $3 0.5"),
    ("VSIM v ELE withscores WITHSCORES", "%1 $1 a ,1", "*2 $1 a $1 1"),
    ("VSIM v VALUES 1 1 WITHATTRIBS", "%1 $1 a _", "*2 $1 a $-1"),
    (
        "VSIM v ELE a WITHSCORES WITHATTRIBS",
        "%2 $1 a *2 ,1 _ $1 b *2 ,0 $1 x",
        "*6 $1 a $1 1 $-1 $1 b $1 0 $1 x",
    ),
    // A form belongs to the value of one field. A key that is not a string names no field.
    ("CLIENT TRACKINGINFO", "%2 $5 flags ~1 $1 a :7 *1 $1 a", "*4 $5 flags *1 $1 a :7 *1 $1 a"),
    ("CLIENT TRACKINGINFO", "%2 $5 flags ~0 *0 *1 $1 a", "*4 $5 flags *0 *0 *1 $1 a"),
    // Pushes.
    ("SUBSCRIBE a", ">3 $9 subscribe $1 a :1", "*3 $9 subscribe $1 a :1"),
    // Those that are not in the table.
    ("NOSUCH a", "*2 _ :1", "*2 $-1 :1"),
];

fn wire(text: &str) -> Vec<u8> {
    text.split(' ').flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect()
}

/// Asserts that a reply in RESP3 becomes the one in RESP2, and the other way.
fn assert_translates(shape: ReplyShape, resp3: &[u8], resp2: &[u8], case: &str) {
    for (from, to, protocol) in [
        (resp3, resp2, Protocol::Resp2),
        (resp2, resp2, Protocol::Resp2),
        (resp2, resp3, Protocol::Resp3),
        (resp3, resp3, Protocol::Resp3),
    ] {
        let found = whole(from, shape, protocol).expect(case);
        assert_eq!(shown(&found), shown(to), "{case}: {protocol:?}");
    }
    for whole in [usize::MAX, 16] {
        for cut in 0..=resp3.len() {
            let found = arriving(resp3, cut, whole, |downgrader| downgrader.expect(shape));
            assert_eq!(shown(&found.expect(case)), shown(resp2), "{case}, cut at {cut}");
        }
    }
}

#[test]
fn the_command_decides_on_the_form() {
    for (command, resp3, resp2) in PAIRS {
        assert_translates(shape(command), &wire(resp3), &wire(resp2), command);
    }
}

#[test]
fn long_payloads_in_parts_are_values_like_others() {
    let long = "x".repeat(100);
    let entries = |row: &str| format!("{row} $100 {long} *1 *2 $3 1-1 *2 $1 a $100 {long}");
    let (resp3, resp2) = (wire(&entries("%1")), wire(&entries("*1 *2")));
    assert_translates(shape("XREAD STREAMS x 0"), &resp3, &resp2, "XREAD");
    let resp3 = wire(&format!("*2 *2 $100 {long} ,1 *2 $1 b ,2"));
    let resp2 = wire(&format!("*4 $100 {long} $1 1 $1 b $1 2"));
    assert_translates(shape("ZRANGE z 0 -1 WITHSCORES"), &resp3, &resp2, "ZRANGE");
    let resp3 = wire(&format!("=104 txt:{long}"));
    assert_translates(shape("INFO"), &resp3, &wire(&format!("$100 {long}")), "INFO");
}

#[test]
fn streamed_aggregates_are_translated_to_resp2() {
    let cases = [
        (
            "ZRANGE z 0 -1 WITHSCORES",
            "*? *2 $1 a ,1.5 *2 $? ;1 b ;0 ,2 .",
            "*4 $1 a $3 1.5 $1 b $1 2",
        ),
        ("ZRANGE z 0 -1 WITHSCORES", "*? .", "*0"),
        ("XREAD STREAMS x 0", "%? $1 x *? *2 $3 1-1 _ . .", "*1 *2 $1 x *1 *2 $3 1-1 *-1"),
        ("VSIM v ELE a WITHSCORES WITHATTRIBS", "%? $1 a *? ,1 _ . .", "*3 $1 a $1 1 $-1"),
    ];
    for (command, streamed, resp2) in cases {
        let streamed = wire(streamed);
        let found = whole(&streamed, shape(command), Protocol::Resp2).expect(command);
        assert_eq!(shown(&found), shown(&wire(resp2)), "{command}");
        let frame = zresp::decode(&streamed).expect("valid").expect("whole");
        let view = Shaped::new(frame.reply(), shape(command)).to_wire(Protocol::Resp2);
        assert_eq!(shown(&view.expect(command)), shown(&wire(resp2)), "{command}");
        let tree = Shaped::new(Reply::from(frame), shape(command)).to_wire(Protocol::Resp2);
        assert_eq!(shown(&tree.expect(command)), shown(&wire(resp2)), "{command}");
        for cut in 0..=streamed.len() {
            let found =
                arriving(&streamed, cut, 16, |downgrader| downgrader.expect(shape(command)));
            assert_eq!(
                shown(&found.expect(command)),
                shown(&wire(resp2)),
                "{command}, cut at {cut}"
            );
        }
    }
}

#[test]
fn a_subscribed_client_gets_an_array_for_ping() {
    let subscribed = |line: &'static str| {
        let request = zresp::requests(line.as_bytes()).next().expect("one").expect("valid");
        ReplyShape::of_subscribed(request.command())
    };
    let cases = [
        ("PING\r\n", "+PONG", "*2 $4 pong $0 "),
        ("ping hello\r\n", "$5 hello", "*2 $4 pong $5 hello"),
        ("SUBSCRIBE a\r\n", ">3 $9 subscribe $1 a :1", "*3 $9 subscribe $1 a :1"),
    ];
    for (line, resp3, resp2) in cases {
        assert_translates(subscribed(line), &wire(resp3), &wire(resp2), line);
    }
}

#[test]
fn an_invalidation_becomes_a_message() {
    let push = wire(">2 $10 invalidate *1 $1 k");
    let message = wire("*3 $7 message $20 __redis__:invalidate *1 $1 k");
    assert_translates(ReplyShape::PUSH, &push, &message, "keys");
    let push = wire(">2 $10 invalidate _");
    let message = wire("*3 $7 message $20 __redis__:invalidate $-1");
    assert_translates(ReplyShape::PUSH, &push, &message, "all keys");
    // In RESP3 an attribute may come first. It stays where it is.
    let push = wire(">2 |1 $1 a $1 b $10 invalidate _");
    let found = whole(&push, ReplyShape::PUSH, Protocol::Resp3).expect("a push");
    assert_eq!(shown(&found), shown(&push));
    let rows = wire("*1 |1 $1 a $1 b *2 $1 a ,1");
    let found = whole(&rows, shape("ZPOPMIN z 1"), Protocol::Resp3).expect("rows");
    assert_eq!(shown(&found), shown(&rows));
    let push = wire(">3 $7 message $1 a $10 invalidate");
    assert_translates(
        ReplyShape::PUSH,
        &push,
        &wire("*3 $7 message $1 a $10 invalidate"),
        "a message",
    );
}

#[test]
fn the_reply_to_exec_has_the_shapes_of_the_queued_commands() {
    let queued =
        ["ZRANGE z 0 -1 WITHSCORES", "GET a", "LPOP a 2", "BLMOVE a b LEFT LEFT 0"].map(shape);
    let resp3 = wire("*4 *1 *2 $1 a ,1 _ _ _");
    let resp2 = wire("*4 *2 $1 a $1 1 $-1 *-1 $-1");
    for (from, to, protocol) in
        [(&resp3, &resp2, Protocol::Resp2), (&resp2, &resp3, Protocol::Resp3)]
    {
        let frame = zresp::decode(from).expect("valid").expect("whole");
        let found = Shaped::exec(frame, &queued).to_wire(protocol).expect("a reply");
        assert_eq!(shown(&found), shown(to));
        let found = Shaped::exec(Reply::from(frame.reply()), &queued).to_wire(protocol);
        assert_eq!(shown(&found.expect("a reply")), shown(to));
    }
    for cut in 0..=resp3.len() {
        let found = arriving(&resp3, cut, 16, |downgrader| downgrader.expect_exec(&queued));
        assert_eq!(shown(&found.expect("a reply")), shown(&resp2));
    }
    for reply in ["*1 _", "*? _ ."] {
        let found = arriving(&wire(reply), 0, 16, |downgrader| downgrader.expect_exec(&queued));
        assert_eq!(found, Err(EncodeError::UnexpectedShape { kind: Kind::Array }), "{reply}");
    }
    let too_few = zresp::decode(b"*1\r\n_\r\n").expect("valid").expect("whole");
    let error = EncodeError::UnexpectedShape { kind: Kind::Array };
    assert_eq!(Shaped::exec(too_few, &queued).to_wire(Protocol::Resp2), Err(error));
    let aborted = zresp::decode(b"_\r\n").expect("valid").expect("whole");
    assert_eq!(Shaped::exec(aborted, &queued).to_wire(Protocol::Resp2).expect("a null"), "*-1\r\n");
}

#[test]
fn a_reply_of_another_shape_is_an_error_and_nothing_is_written() {
    let cases = [
        ("ZRANGE z 0 -1 WITHSCORES", "*2 *2 $1 a ,1 $1 b", Protocol::Resp2, Kind::Array),
        ("ZRANGE z 0 -1 WITHSCORES", "*2 *2 $1 a ,1 *1 $1 b", Protocol::Resp2, Kind::Array),
        ("ZRANGE z 0 -1 WITHSCORES", "*3 $1 a $1 1 $1 b", Protocol::Resp3, Kind::Array),
        ("HGETALL h", "*1 $1 a", Protocol::Resp3, Kind::Array),
        ("XREAD STREAMS x 0", "*1 $1 a", Protocol::Resp3, Kind::Array),
        ("VSIM v ELE a WITHSCORES WITHATTRIBS", "%1 $1 a ,1", Protocol::Resp2, Kind::Array),
        ("VSIM v ELE a WITHSCORES WITHATTRIBS", "*2 $1 a $1 1", Protocol::Resp3, Kind::Array),
    ];
    for (command, reply, protocol, kind) in cases {
        let frame = wire(reply);
        let frame = zresp::decode(&frame).expect("valid").expect("whole");
        let mut out = Vec::new();
        let found = Shaped::new(frame, shape(command)).encode(protocol, &mut out);
        assert_eq!(found, Err(EncodeError::UnexpectedShape { kind }), "{command}: {reply}");
        assert!(out.is_empty(), "{command}: {reply}");
    }
    let error = EncodeError::UnexpectedShape { kind: Kind::Array };
    assert_eq!(error.to_string(), "an array that is not part of a reply to this command");
}

#[test]
fn what_depends_on_the_protocol_cannot_be_translated() {
    for command in ["FT.SEARCH index hello", "ft.info index", "JSON.GET key", "TS.GET key"] {
        let shape = shape(command);
        assert!(!shape.is_translatable(), "{command}");
        for reply in ["*0", "$1 a", "%1 $1 a :1", ":1", "_"] {
            for protocol in [Protocol::Resp2, Protocol::Resp3] {
                let found = whole(&wire(reply), shape, protocol);
                assert_eq!(found, Err(EncodeError::CannotTranslate), "{command}: {reply}");
            }
            let found = arriving(&wire(reply), 0, 16, |downgrader| downgrader.expect(shape));
            assert_eq!(found, Err(EncodeError::CannotTranslate), "{command}: {reply}");
        }
        for reply in ["-ERR", "+QUEUED"] {
            assert_translates(shape, &wire(reply), &wire(reply), command);
        }
    }
    for command in ["JSON.SET key $ 1", "JSON.MGET key $", "TS.ADD key 1 1", "F", "", "GET a"] {
        assert!(shape(command).is_translatable(), "{command}");
    }
    let message = "reply that cannot be translated: what it says depends on the protocol";
    assert_eq!(EncodeError::CannotTranslate.to_string(), message);
}

#[test]
fn pushes_do_not_count_as_the_reply() {
    let mut downgrader = Downgrader::new(0);
    let mut reader = TokenReader::new();
    let mut out = BytesMut::new();
    let mut take = |downgrader: &mut Downgrader, text: &str| {
        let wire = wire(text);
        let mut rest = wire.as_slice();
        while let Some((token, size)) = reader.next(rest).expect("valid") {
            downgrader.token(&token, &rest[..size], &mut out).expect("a reply");
            rest = &rest[size..];
        }
        String::from_utf8(out.split().to_vec()).expect("text").replace("\r\n", " ")
    };
    downgrader.expect(shape("LPOP a 2"));
    let message = "*3 $7 message $20 __redis__:invalidate *1 $1 k ";
    assert_eq!(take(&mut downgrader, ">2 $10 invalidate *1 $1 k"), message);
    assert_eq!(take(&mut downgrader, ">3 $7 message $1 a $1 b"), "*3 $7 message $1 a $1 b ");
    assert_eq!(take(&mut downgrader, "|1 $1 a $1 b _"), "*-1 ");
    // Nothing is expected now.
    assert_eq!(take(&mut downgrader, "_"), "$-1 ");
    assert_eq!(take(&mut downgrader, ">2 $10 invalidate *1 $1 k"), message);
    downgrader.expect(shape("GET a"));
    assert_eq!(take(&mut downgrader, "_"), "$-1 ");
    downgrader.expect(shape("BLPOP a 1"));
    assert_eq!(take(&mut downgrader, "_"), "*-1 ");
    downgrader.expect(shape("BLPOP a 1"));
    downgrader.reset();
    assert_eq!(take(&mut downgrader, "_"), "$-1 ");
}

#[test]
fn a_shape_is_found_without_an_allocation() {
    let lines = b"*4\r\n$6\r\nZRANGE\r\n$1\r\nz\r\n$1\r\n0\r\n$2\r\n-1\r\nzunion 1 z withscores\r\nCONFIG GET *\r\n";
    let requests: Vec<_> = zresp::requests(lines).map(|request| request.expect("valid")).collect();
    let info = measure(|| {
        for request in &requests {
            assert!(ReplyShape::of(request.command()).is_translatable());
        }
    });
    assert_eq!((requests.len(), info.count_total), (3, 0));
}

#[test]
fn an_array_and_a_line_have_the_same_shape() {
    let inline = zresp::requests(b"lpop a 2\r\n").next().expect("one").expect("valid");
    let mut scratch = Vec::new();
    let array = Command::from(inline.command().to_array(&mut scratch));
    for command in [inline.command(), array] {
        assert_translates(ReplyShape::of(command), b"_\r\n", b"*-1\r\n", "lpop");
    }
}

/// One command for each form.
const COMMANDS: &[&str] = &[
    "NOSUCH",
    "FT.SEARCH a",
    "INFO",
    "ZSCORE z a",
    "VADD v",
    "GEOPOS g a",
    "XPENDING x g",
    "SMEMBERS s",
    "HGETALL h",
    "VSIM v ELE a WITHSCORES",
    "XREAD STREAMS x 0",
    "ZPOPMIN z 1",
    "HRANDFIELD h 1 WITHVALUES",
    "VSIM v ELE a WITHSCORES WITHATTRIBS",
    "SUBSCRIBE a",
    "EXEC",
    "COMMAND",
    "COMMAND DOCS",
    "BZMPOP 1 1 z MIN",
];

/// One shape of each form, with a name.
fn shapes() -> Vec<(&'static str, ReplyShape)> {
    let subscribed = |line: &'static str| {
        let request = zresp::requests(line.as_bytes()).next().expect("one").expect("valid");
        (line, ReplyShape::of_subscribed(request.command()))
    };
    let of_commands = COMMANDS.iter().map(|command| (*command, shape(command)));
    of_commands.chain([subscribed("PING\r\n"), subscribed("PING a\r\n")]).collect()
}

/// Whether all values have kinds of RESP2.
fn is_resp2(wire: &[u8]) -> bool {
    let frame = zresp::decode(wire).expect("valid").expect("whole");
    frame.tokens().all(|token| match token {
        Token::Open { kind, len } => kind == Kind::Array && len.is_some(),
        Token::Scalar(scalar) => matches!(
            scalar.kind(),
            Kind::Simple
                | Kind::Error
                | Kind::Integer
                | Kind::Bulk
                | Kind::NullBulk
                | Kind::NullArray
        ),
        _ => true,
    })
}

/// The arrays that RESP2 has for pushes, inside the reply to `EXEC`.
#[test]
fn only_confirmations_become_pushes_in_a_transaction() {
    let queued = [ReplyShape::of_words(["SUBSCRIBE", "a"])];
    let table: [(&str, &str); 6] = [
        ("*3 $9 subscribe $1 a :1", ">3 $9 subscribe $1 a :1"),
        ("*3 $12 sunsubscribe $1 a :1", ">3 $12 sunsubscribe $1 a :1"),
        ("*2 $1 x :1", "*2 $1 x :1"),
        ("*3 $7 message $1 c $1 x", "*3 $7 message $1 c $1 x"),
        ("*3 $7 message $20 __redis__:invalidate *0", "*3 $7 message $20 __redis__:invalidate *0"),
        ("*0", "*0"),
    ];
    for (resp2, resp3) in table {
        let [resp2, expected] =
            [resp2, resp3].map(|line| format!("*1 {line} ").replace(' ', "\r\n").into_bytes());
        let frame = zresp::decode(&resp2).expect("valid").expect("whole");
        let found = Shaped::exec(frame, &queued).to_wire(Protocol::Resp3).expect("it has a form");
        assert_eq!(found, expected, "{}", resp2.escape_ascii());
        assert!(zresp::decode(&found).is_ok());
    }
}

proptest! {
    #![proptest_config(generate::cases(1024))]

    #[test]
    fn any_reply_with_any_shape_is_written_alike_in_every_way(
        inputs in vec(prop_oneof![generate::frame(), generate::alike()], 1..4),
        cut in any::<prop::sample::Index>(),
        large in prop_oneof![Just(usize::MAX), Just(16_usize)],
    ) {
        let stream = inputs.iter().flat_map(|input| input.0.clone()).collect::<Vec<_>>();
        let (mut decoder, mut at) = (Decoder::new(), 0);
        while let Ok(Some(frame)) = decoder.decode(&stream[at..]) {
            at += frame.wire().len();
            for (command, shape) in shapes() {
                // A push is only the reply to `SUBSCRIBE`.
                if frame.reply().kind() == Kind::Push && command != "SUBSCRIBE a" {
                    continue;
                }
                let resp2 = Shaped::new(frame, shape).to_wire(Protocol::Resp2);
                let cut = cut.index(frame.wire().len());
                let ours = arriving(frame.wire(), cut, large, |downgrader| downgrader.expect(shape));
                prop_assert_eq!(ours.as_deref().map(shown), resp2.as_deref().map(shown), "{}", command);
                if let Ok(resp2) = resp2 {
                    prop_assert!(is_resp2(&resp2), "{}", shown(&resp2));
                }
                if let Ok(resp3) = Shaped::new(frame, shape).to_wire(Protocol::Resp3) {
                    let frame = zresp::decode(&resp3).expect("valid").expect("whole");
                    prop_assert_eq!(frame.wire().len(), resp3.len());
                }
                let wrapped = [b"*1\r\n", frame.wire()].concat();
                if let Ok(Some(replies)) = zresp::decode(&wrapped) {
                    if let Ok(resp3) = Shaped::exec(replies, &[shape]).to_wire(Protocol::Resp3) {
                        let frame = zresp::decode(&resp3).expect("valid").expect("whole");
                        prop_assert_eq!(frame.wire().len(), resp3.len());
                    }
                }
                let tree = Reply::from(frame);
                prop_assert_eq!(
                    Shaped::new(&tree, shape).encoded_len(Protocol::Resp2).is_ok(),
                    Shaped::new(frame, shape).encoded_len(Protocol::Resp2).is_ok()
                );
            }
        }
    }
}
