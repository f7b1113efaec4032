//! The downgrade of a server's RESP3 reply equals, byte for byte, the reply that the server itself sends in
//! RESP2. The exceptions, where the server's replies differ in structure, are listed here.
//!
//! Without a `redis-server` (7 or later) on the `PATH`, these tests are skipped, or fail if
//! `ZRESP_REQUIRE_REDIS` is set.
#![cfg(feature = "std")]

use std::io::Write;
use std::net::TcpStream;

use bytes::BytesMut;
use zresp::encode::Downgrader;
use zresp::io::ReplyReader;
use zresp::{Encode, Frame, Kind, Protocol, Reply, ReplyRef, Token, TokenReader};
use zresp_testing::drive::live_server::Server;

struct Client(ReplyReader<TcpStream>);

impl Client {
    /// The next frame.
    fn receive(&mut self) -> Frame {
        self.0.read().expect("a frame").expect("a frame before the end").to_frame()
    }

    /// Sends a command as an inline command; returns the next frame.
    fn ask(&mut self, command: &str) -> Frame {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).expect("room for a line");
        self.receive()
    }
}

/// Two connections to one server, one in each protocol.
struct Pair {
    resp2: Client,
    resp3: Client,
    _server: Server,
}

impl Pair {
    fn start() -> Option<Self> {
        let server = Server::start()?;
        let client = || Client(ReplyReader::new(server.connect()));
        let (resp2, mut resp3) = (client(), client());
        assert_eq!(resp3.ask("HELLO 3").reply().kind(), Kind::Map);
        let mut pair = Self { resp2, resp3, _server: server };
        for command in DATA {
            let reply = pair.resp2.ask(command);
            assert!(!reply.reply().is_error(), "{command}: {reply:?}");
        }
        Some(pair)
    }

    /// The replies in RESP2 and in RESP3. The command `undo` runs after each of them, unless it is empty.
    fn ask(&mut self, command: &str, undo: &str) -> (Frame, Frame) {
        let resp2 = self.resp2.ask(command);
        if !undo.is_empty() {
            let reply = self.resp2.ask(undo);
            assert!(!reply.reply().is_error(), "{undo}: {reply:?}");
        }
        let resp3 = self.resp3.ask(command);
        if !undo.is_empty() {
            self.resp2.ask(undo);
        }
        (resp2, resp3)
    }
}

/// The frame in RESP2, whole and token by token.
fn downgraded(frame: &Frame) -> String {
    let whole = frame.to_wire(Protocol::Resp2).expect("a form on the wire");
    let (mut reader, mut downgrader) = (TokenReader::new(), Downgrader::new(0));
    let (mut rest, mut arriving) = (&frame.wire()[..], BytesMut::new());
    while let Some((token, size)) = reader.next(rest).expect("a valid frame") {
        downgrader.token(&token, &rest[..size], &mut arriving).expect("nothing is streamed");
        rest = &rest[size..];
    }
    assert_eq!(shown(&arriving), shown(&whole));
    shown(&whole)
}

fn shown(wire: &[u8]) -> String {
    wire.escape_ascii().to_string()
}

/// The data for the commands below.
const DATA: [&str; 11] = [
    r#"SET bin "\x00\r\n\xff""#,
    "MSET n 41 k1 one k2 two lcs1 ohmytext lcs2 mynewtext",
    "HSET h field value f2 2",
    "SADD s a b 3",
    "SADD s2 b 3 x",
    "ZADD z -inf low 1.5 a 3.0000000000000004 b 1e300 c 1e-7 tiny inf high",
    "RPUSH l 3 1 2",
    "GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
    "XADD x 1-1 field value",
    "XADD x 2-1 field value f2 2",
    "XGROUP CREATE x group 1-1",
];

/// Commands whose replies match, and the command that undoes each of them.
const MATCHING: &[(&str, &str)] = &[
    ("PING", ""),
    ("ECHO hello", ""),
    ("GET bin", ""),
    ("GET missing", ""),
    ("MGET k1 missing k2", ""),
    ("STRLEN bin", ""),
    ("INCRBYFLOAT n 0.5", "SET n 41"),
    ("SET n 41 GET", ""),
    ("TYPE z", ""),
    ("OBJECT ENCODING z", ""),
    ("EXISTS missing", ""),
    // Maps.
    ("HGETALL h", ""),
    ("HGETALL missing", ""),
    ("HMGET h field missing", ""),
    ("CONFIG GET maxmemory*", ""),
    ("CONFIG GET *", ""),
    ("XINFO STREAM x", ""),
    ("XINFO STREAM x FULL", ""),
    ("XINFO GROUPS x", ""),
    ("COMMAND INFO get set zadd nosuch", ""),
    ("COMMAND DOCS set zadd", ""),
    ("COMMAND COUNT", ""),
    ("COMMAND GETKEYSANDFLAGS SET k v", ""),
    ("ACL GETUSER default", ""),
    ("LCS lcs1 lcs2 IDX WITHMATCHLEN", ""),
    ("CLIENT TRACKINGINFO", ""),
    ("PUBSUB NUMSUB news", ""),
    ("FUNCTION LIST WITHCODE", ""),
    ("FUNCTION STATS", ""),
    // Sets.
    ("SMEMBERS s", ""),
    ("SINTER s s2", ""),
    ("SUNION s s2", ""),
    ("SDIFF s s2", ""),
    ("SMISMEMBER s a x", ""),
    ("SPOP missing 3", ""),
    ("ACL CAT hyperloglog", ""),
    // Doubles.
    ("ZADD z INCR 1.25 new", "ZREM z new"),
    ("ZADD z XX CH 2 a", "ZADD z 1.5 a"),
    ("ZINCRBY z 0.1 a", "ZADD z 1.5 a"),
    ("ZSCORE z low", ""),
    ("ZSCORE z tiny", ""),
    ("ZSCORE z missing", ""),
    ("ZMSCORE z a b c tiny high missing", ""),
    ("ZRANGE z 0 -1", ""),
    ("ZRANGEBYSCORE z -inf 2", ""),
    ("ZRANK z a", ""),
    ("ZRANK z missing", ""),
    ("ZPOPMIN z", "ZADD z -inf low"),
    ("ZMPOP 1 z MIN COUNT 1 ", "ZADD z -inf low"),
    ("GEOPOS geo Palermo Catania", ""),
    ("GEODIST geo Palermo Catania km", ""),
    ("GEOHASH geo Palermo missing", ""),
    ("GEOSEARCH geo FROMMEMBER Palermo BYRADIUS 200 km ASC WITHCOORD WITHDIST WITHHASH", ""),
    ("DEBUG PROTOCOL double", ""),
    // Streams.
    ("XRANGE x - +", ""),
    ("XREVRANGE x + - COUNT 1", ""),
    ("XAUTOCLAIM x group consumer 0 0 COUNT 1", ""),
    // Lists and scans.
    ("LRANGE l 0 -1", ""),
    ("LPOP missing", ""),
    ("LPOS l 2 RANK 1 COUNT 0", ""),
    ("SORT l", ""),
    ("SCAN 0 COUNT 100", ""),
    ("HSCAN h 0", ""),
    ("ZSCAN z 0", ""),
    // Single types.
    ("DEBUG PROTOCOL string", ""),
    ("DEBUG PROTOCOL integer", ""),
    ("DEBUG PROTOCOL null", ""),
    ("DEBUG PROTOCOL array", ""),
    ("DEBUG PROTOCOL set", ""),
    ("DEBUG PROTOCOL map", ""),
    ("DEBUG PROTOCOL attrib", ""),
    ("DEBUG PROTOCOL verbatim", ""),
    ("DEBUG PROTOCOL true", ""),
    ("DEBUG PROTOCOL false", ""),
    ("DEBUG PROTOCOL bignum", ""),
    // Errors.
    ("NOSUCH a b", ""),
    ("GET", ""),
    ("LPUSH k1 v", ""),
    ("INCR k1", ""),
    ("EVALSHA ffffffffffffffffffffffffffffffffffffffff 0", ""),
    ("EVAL \"return redis.error_reply('MY error')\" 0", ""),
    ("EVAL \"return {1,{2,{}},{err='MY error'}}\" 0", ""),
    // Scripts.
    ("SCRIPT LOAD \"return 1\"", ""),
    ("SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db ff", ""),
    ("EVAL \"return 3.99\" 0", ""),
    ("EVAL \"return true\" 0", ""),
    ("EVAL \"return false\" 0", ""),
    ("EVAL \"return redis.status_reply('FINE')\" 0", ""),
    ("EVAL \"return {double=3.25}\" 0", ""),
    ("EVAL \"redis.setresp(3); return {double=-1/3}\" 0", ""),
    ("EVAL \"redis.setresp(3); return {double=1/0}\" 0", ""),
    ("EVAL \"redis.setresp(3); return {map={a=1}}\" 0", ""),
    ("EVAL \"redis.setresp(3); return {map={a={map={b={double=0.5}}}}}\" 0", ""),
    ("EVAL \"redis.setresp(3); return {set={a=true}}\" 0", ""),
    ("EVAL \"redis.setresp(3); return {1, {set={b=true}}, {double=2}, false, true}\" 0", ""),
    ("EVAL \"redis.setresp(3); return {big_number='123456789012345678901'}\" 0", ""),
    ("EVAL \"redis.setresp(3); return {verbatim_string={string='a b',format='txt'}}\" 0", ""),
    ("EVAL \"redis.setresp(3); return redis.call('HGETALL', KEYS[1])\" 1 h", ""),
    ("EVAL \"redis.setresp(3); return redis.call('SMEMBERS', KEYS[1])\" 1 s", ""),
    ("EVAL \"redis.setresp(3); return redis.call('ZSCORE', KEYS[1], 'b')\" 1 z", ""),
    ("EVAL \"redis.setresp(3); return redis.call('GET', 'missing')\" 0", ""),
];

#[test]
fn a_downgraded_reply_matches_the_reply_in_resp2() {
    let Some(mut pair) = Pair::start() else { return };
    let library = "#!lua name=lib\\nredis.register_function('f', function() return 1 end)";
    let reply = pair.resp2.ask(&format!("FUNCTION LOAD \"{library}\""));
    assert_eq!(reply.reply(), ReplyRef::Bulk(b"lib"));
    let mut differing = Vec::new();
    for (command, undo) in MATCHING {
        let (resp2, resp3) = pair.ask(command, undo);
        if downgraded(&resp3) != shown(resp2.wire()) {
            differing
                .push(format!("{command}: {} from {resp3:?}, not {resp2:?}", downgraded(&resp3)));
        }
        assert_eq!(downgraded(&resp2), shown(resp2.wire()), "{command}");
    }
    assert!(differing.is_empty(), "{differing:#?}");
}

/// In RESP2, the reply to these commands is a null array. In RESP3 it is `_`, which does not say whether the RESP2
/// null is that of an array or of a string. A proxy that downgrades replies must know the command or its client to
/// choose.
#[test]
fn a_null_array_cannot_be_distinguished_from_null_in_resp3() {
    let Some(mut pair) = Pair::start() else { return };
    for command in [
        "LPOP missing 2",
        "BLPOP missing 0.01",
        "BRPOP missing 0.01",
        "BZPOPMIN missing 0.01",
        "LMPOP 1 missing LEFT",
        "ZMPOP 1 missing MIN",
        "XREAD STREAMS x 9-9",
    ] {
        let (resp2, resp3) = pair.ask(command, "");
        assert_eq!(shown(resp2.wire()), r"*-1\r\n", "{command}");
        assert_eq!(resp3.reply(), ReplyRef::Null, "{command}");
        assert_eq!(downgraded(&resp3), r"$-1\r\n", "{command}");
    }
    for (command, in_resp2, from_resp3) in [
        ("GEOPOS geo missing", r"*1\r\n*-1\r\n", r"*1\r\n$-1\r\n"),
        (
            "XPENDING x group",
            r"*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n",
            r"*4\r\n:0\r\n$-1\r\n$-1\r\n$-1\r\n",
        ),
    ] {
        let (resp2, resp3) = pair.ask(command, "");
        assert_eq!(shown(resp2.wire()), in_resp2, "{command}");
        assert_eq!(downgraded(&resp3), from_resp3, "{command}");
    }
}

/// Turns the structure of a RESP3 reply into the structure of the RESP2 reply.
type Difference = fn(&Reply) -> Reply;

/// Flattens pairs, which are nested arrays in RESP3 but not in RESP2.
fn flat(reply: &Reply) -> Reply {
    let pairs = reply.as_items().expect("an array");
    pairs.iter().flat_map(|pair| pair.as_items().expect("a pair").iter().cloned()).collect()
}

/// Turns a map in RESP3 into an array of pairs, as in RESP2.
fn pairs(reply: &Reply) -> Reply {
    let map = reply.as_entries().expect("a map");
    map.iter().map(|(key, value)| Reply::array([key.clone(), value.clone()])).collect()
}

/// Commands whose replies are nested in RESP3 and flat in RESP2, or are maps in RESP3 and arrays of pairs in
/// RESP2. A proxy has to know them by name.
const RESTRUCTURED: &[(&str, Difference)] = &[
    ("ZRANGE z 0 -1 WITHSCORES", flat),
    ("ZREVRANGE z 0 -1 WITHSCORES", flat),
    ("ZRANGEBYSCORE z -inf +inf WITHSCORES LIMIT 0 2", flat),
    ("ZDIFF 1 z WITHSCORES", flat),
    ("ZUNION 2 z s WITHSCORES", flat),
    ("ZPOPMIN missing 2", flat),
    ("HRANDFIELD missing 2 WITHVALUES", flat),
    ("ZRANDMEMBER z 99 WITHSCORES", flat),
    ("XREAD COUNT 1 STREAMS x 0", pairs),
    ("XREADGROUP GROUP group consumer STREAMS x 0", pairs),
];

#[test]
fn replies_with_another_structure_differ_only_in_that() {
    let Some(mut pair) = Pair::start() else { return };
    for (command, difference) in RESTRUCTURED {
        let (resp2, resp3) = pair.ask(command, "");
        let tree = Reply::from(&resp3);
        let other = difference(&tree);
        let is_empty = tree.as_items().is_some_and(|items| items.is_empty());
        assert!(is_empty || downgraded(&resp3) != shown(resp2.wire()), "{command} matches now");
        // A tree writes doubles with the shortest digits, so they are compared as numbers.
        let other = other.to_wire(Protocol::Resp2).expect("a form on the wire");
        let other = zresp::decode(&other).expect("valid").expect("whole");
        let (theirs, ours) = (resp2.view().tokens(), other.tokens());
        assert_eq!(theirs.clone().count(), ours.clone().count(), "{command}: {resp2:?}, {other:?}");
        for (theirs, ours) in theirs.zip(ours) {
            assert!(
                theirs == ours || number(theirs) == number(ours),
                "{command}: {theirs:?}, {ours:?}"
            );
        }
    }
    // There is no push without RESP3.
    let (resp2, resp3) = pair.ask("DEBUG PROTOCOL push", "");
    assert!(resp2.reply().is_error(), "{resp2:?}");
    assert_eq!(downgraded(&resp3), r"*2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n");
    assert_eq!(resp3.reply().kind(), Kind::Push);
    let next = pair.resp3.receive();
    assert_eq!(next.reply(), ReplyRef::Bulk(b"Some real reply following the push reply"));
}

fn number(token: Token<'_>) -> Option<u64> {
    let Token::Scalar(ReplyRef::Bulk(text)) = token else { return None };
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(number.to_bits())
}

/// The tokens of a reply without its numbers, which change from reply to reply.
fn shape(wire: &[u8]) -> Vec<String> {
    let frame = zresp::decode(wire).expect("valid").expect("whole");
    let token = |token: Token<'_>| match token {
        Token::Scalar(ReplyRef::Integer(_)) => "integer".to_owned(),
        token if number(token).is_some() => "number".to_owned(),
        token => format!("{token:?}"),
    };
    frame.tokens().map(token).collect()
}

#[test]
fn replies_with_changing_numbers_have_the_same_shape_in_resp2() {
    let Some(mut pair) = Pair::start() else { return };
    for command in ["MEMORY STATS", "HELLO", "SLOWLOG LEN", "LATENCY HISTOGRAM get", "ROLE", "TIME"]
    {
        let (resp2, resp3) = pair.ask(command, "");
        let wire = resp3.to_wire(Protocol::Resp2).expect("a form on the wire");
        assert_eq!(shape(&wire), shape(resp2.wire()), "{command}");
    }
}

#[test]
fn verbatim_text_becomes_a_bulk_string_with_the_same_lines() {
    let Some(mut pair) = Pair::start() else { return };
    let names = |frame: &Frame| -> Vec<String> {
        let ReplyRef::Bulk(text) = frame.reply() else { panic!("{frame:?}") };
        let text = String::from_utf8(text.to_vec()).expect("text");
        let fields = text.split([' ', '\r', '\n']).filter(|field| field.contains(['=', ':']));
        let name = |field: &str| field.split(['=', ':']).next().unwrap_or_default().to_owned();
        fields.map(name).collect()
    };
    for command in ["CLIENT INFO", "CLIENT LIST", "INFO server", "INFO memory"] {
        let (resp2, resp3) = pair.ask(command, "");
        assert_eq!(resp3.reply().kind(), Kind::Verbatim, "{command}");
        let wire = resp3.to_wire(Protocol::Resp2).expect("a form on the wire");
        let bulk = zresp::decode(&wire).expect("valid").expect("whole").to_frame();
        let ReplyRef::Verbatim { text, .. } = resp3.reply() else { panic!("{resp3:?}") };
        assert_eq!(bulk.reply(), ReplyRef::Bulk(text), "{command}");
        assert_eq!(names(&bulk), names(&resp2), "{command}");
        assert!(names(&bulk).len() > 9, "{command}: {:?}", names(&bulk));
    }
}

#[test]
fn doubles_are_written_as_the_server_prints_them() {
    let Some(mut pair) = Pair::start() else { return };
    let scores = [
        "0",
        "-0",
        "1",
        "-1.5",
        "10",
        "100.25",
        "0.5",
        "0.0001220703125",
        "0.000030517578125",
        "1e15",
        "1e16",
        "123456789012345",
        "1e17",
        "1e20",
        "1.5e300",
        "-2.5e-10",
        "1099511627776",
        "inf",
        "-inf",
        "1e-5",
        "-1e-300",
        "3e8",
    ];
    let mut compared = 0;
    for score in scores {
        pair.resp3.ask(&format!("ZADD doubles {score} member"));
        let frame = pair.resp3.ask("ZSCORE doubles member");
        let ReplyRef::Double(value) = frame.reply() else { panic!("{frame:?}") };
        // Seventeen digits are more than most doubles need, so the server's text may be longer than ours.
        let digits = frame.wire().iter().filter(|byte| byte.is_ascii_digit()).count();
        let ours = Reply::from(value).to_wire(Protocol::Resp3).expect("a form");
        let read = zresp::decode(&ours).expect("valid").expect("whole").reply().as_f64();
        assert_eq!(read.map(f64::to_bits), Ok(value.to_bits()), "{score}");
        if digits < 17 || value.fract() == 0.0 && value.abs() < 1e17 {
            assert_eq!(shown(&ours), shown(frame.wire()), "{score}");
            compared += 1;
        }
    }
    assert!(compared >= 17, "{compared} of {}", scores.len());
}
