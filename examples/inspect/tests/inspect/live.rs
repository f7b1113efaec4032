//! The replies of a live server are printed as `redis-cli` prints them.

use std::env;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use zresp::io::ReplyReader;
use zresp::{Kind, ReplyRef};
use zresp_testing::drive::live_server::Server;

use crate::program::{printed, text};

/// Commands that fill the server with data that does not depend on time or chance.
const SETUP: &str = r#"
SET text "quoted \"text\" \\ back"
SET binary "\x00\r\n\t\a\b\x1b\xff"
SET counter 41
RPUSH list a b c d e f g h i j k
SADD numbers 1 2 3
HSET hash field value empty ""
ZADD scores 0.1 tenth 3 three 1e300 huge -inf least
XADD stream 1-1 field value other "\n"
XADD stream 2-1 field value
GEOADD places 13.361389 38.115556 Palermo
SET one ohmytext
SET two mynewtext
"#;

/// Commands whose replies are the same each time, and include every shape that a server sends.
const COMMANDS: &str = r#"
PING
PING "\x00"
GET text
GET binary
GET missing
INCRBY counter 0
NONSENSE
HGET text field
LRANGE list 0 -1
LRANGE missing 0 -1
SMEMBERS numbers
SMEMBERS missing
HGETALL hash
HGETALL missing
ZRANGE scores 0 -1 WITHSCORES
ZSCORE scores huge
XRANGE stream - +
XREAD STREAMS stream missing 0 0
XINFO STREAM stream FULL
GEOPOS places Palermo missing
LCS one two IDX WITHMATCHLEN
OBJECT HELP
CONFIG GET maxmemory*
CONFIG GET nonsense
ACL GETUSER default
COMMAND DOCS GET
COMMAND INFO SET nonsense
COMMAND GETKEYS SET k v
FUNCTION LIST
CLIENT TRACKINGINFO
EVAL "return {1,{2,{3,'x'}},{}}" 0
EVAL "return redis.error_reply('OOPS \"now\"')" 0
EVAL "return {ok='fine'}" 0
EVAL "redis.setresp(3); return {map={a={map={b={1,2}}}}}" 0
EVAL "redis.setresp(3); return {{double=3.5},true,false,{set={x=true}}}" 0
MULTI
GET text
HGET text field
EXEC
DEBUG PROTOCOL string
DEBUG PROTOCOL integer
DEBUG PROTOCOL double
DEBUG PROTOCOL null
DEBUG PROTOCOL array
DEBUG PROTOCOL set
DEBUG PROTOCOL map
DEBUG PROTOCOL push
DEBUG PROTOCOL verbatim
DEBUG PROTOCOL true
DEBUG PROTOCOL false
PING
"#;

/// Commands that make a server push.
const TRACKING: &str = r"
CLIENT TRACKING ON
GET text
GET one
MSET text a one b
GET text
FLUSHALL
CLIENT TRACKING OFF
PING
";

fn lines(commands: &str) -> impl Iterator<Item = &str> {
    commands.lines().filter(|line| !line.is_empty())
}

/// Returns the output of `redis-cli` for the commands.
fn redis_cli(server: &Server, arguments: &[&str], commands: &str) -> String {
    let port = server.connect().peer_addr().expect("the server's address").port();
    let mut child = Command::new("redis-cli")
        .args(["-p", &port.to_string(), "--no-raw"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(commands.trim_start().as_bytes()).expect("redis-cli reads");
    drop(stdin);
    text(&child.wait_with_output().expect("redis-cli ends").stdout)
}

/// Returns the bytes of the replies to the commands, and of the pushes between them.
fn replies(server: &Server, version: &str, commands: &str) -> Vec<u8> {
    let mut replies = ReplyReader::new(server.connect());
    let mut wire = Vec::new();
    let hello = format!("HELLO {version}");
    for line in std::iter::once(hello.as_str()).chain(lines(commands)) {
        let stream = replies.get_mut();
        stream.write_all(format!("{line}\r\n").as_bytes()).expect("the server reads");
        loop {
            let frame = replies.read().expect("a reply").expect("a reply before the end");
            if line != hello {
                wire.extend_from_slice(frame.wire());
            }
            if !matches!(frame.reply(), ReplyRef::Push(_)) {
                assert_ne!(frame.reply().kind(), Kind::Push);
                break;
            }
        }
    }
    wire
}

/// Returns whether there is a `redis-cli` of version 7 or later: older ones print RESP3 differently.
///
/// # Panics
/// If there is not and `ZRESP_REQUIRE_REDIS` is set.
fn has_redis_cli() -> bool {
    let version = Command::new("redis-cli").arg("--version").output();
    let version = version.map(|output| text(&output.stdout)).unwrap_or_default();
    let number = version.strip_prefix("redis-cli ").and_then(|text| text.split('.').next());
    let is_found = number.and_then(|text| text.parse().ok()).is_some_and(|major: u32| major >= 7);
    if !is_found {
        assert!(
            env::var_os("ZRESP_REQUIRE_REDIS").is_none(),
            "there is no redis-cli 7 on the PATH, but it is required"
        );
        writeln!(io::stderr(), "skipped: there is no redis-cli 7 on the PATH")
            .expect("stderr is writable");
    }
    is_found
}

#[test]
fn a_live_server_is_shown_as_redis_cli_shows_it() {
    if !has_redis_cli() {
        return;
    }
    let Some(server) = Server::start() else { return };
    for (version, commands) in [("2", COMMANDS), ("3", COMMANDS), ("3", TRACKING)] {
        let mut runs = Vec::new();
        for run in ["redis-cli", "inspect"] {
            redis_cli(&server, &[], "FLUSHALL\n");
            redis_cli(&server, &[], SETUP);
            runs.push(if run == "inspect" {
                printed(&replies(&server, version, commands))
            } else {
                let option = format!("-{version}");
                let shown = redis_cli(&server, &[&option, "--show-pushes", "yes"], commands);
                // The inspector escapes line ends everywhere.
                shown.replace("a verbatim\nstring", "a verbatim\\nstring")
            });
        }
        let [expected, shown] = runs.as_slice() else { panic!("two runs") };
        for (line, (expected, shown)) in expected.lines().zip(shown.lines()).enumerate() {
            assert_eq!(shown, expected, "RESP{version}, line {}", line + 1);
        }
        assert_eq!(shown, expected, "RESP{version}");
        let count = lines(commands).count();
        assert!(shown.lines().count() >= count, "fewer lines than commands: {shown}");
    }
}
