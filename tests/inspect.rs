//! The example `inspect` prints what `redis-cli` would, to the byte, and says what is wrong with
//! what it cannot read.
#![cfg(feature = "std")]

mod live_server;

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;
use std::{env, process};

use live_server::Server;
use zresp::io::ReplyReader;
use zresp::{Kind, ReplyRef};

/// The example's program, next to that of this test.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = env::current_exe().expect("the path of this test");
        let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps");
        let program = profile.join(format!("examples/inspect{}", env::consts::EXE_SUFFIX));
        // `cargo test` has built it, `cargo test --test inspect` has not.
        let built = program.metadata().and_then(|metadata| metadata.modified()).ok();
        if built.is_none_or(|built| built < newest("src").max(newest("examples/inspect"))) {
            build(profile);
        }
        program
    })
}

/// When the latest change in a folder was.
fn newest(folder: &str) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the package") {
            let path = entry.expect("a folder entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let metadata = path.metadata().expect("the state of a file");
                newest = newest.max(metadata.modified().expect("when a file was changed"));
            }
        }
    }
    newest
}

fn build(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "test",
        Some(profile) => profile,
    };
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--example", "inspect", "--profile", profile, "--target-dir"])
        .arg(folder.parent().expect("target"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the example does not build");
}

/// What the example says to some bytes on standard input.
fn inspect(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // An example that reads no input closes the pipe.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("the example ends")
}

/// What the example prints for replies that are fine.
fn printed(replies: &[u8]) -> String {
    let output = inspect(&["-"], replies);
    let error = text(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{}: {error}", replies.escape_ascii());
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file that is gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: &[u8]) -> Self {
        let name = format!("inspect-{}-{name}", process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, content).expect("a file in the folder for tests");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
    }
}

#[test]
fn without_any_input_the_capture_that_is_built_in_is_shown() {
    let output = inspect(&[], b"");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stderr),
        "inspect: no input, so this is the capture that is built in (see --help)\n"
    );
    let shown = text(&output.stdout);
    let beginning = "1# \"server\" => \"redis\"\n2# \"version\" => \"";
    assert!(shown.starts_with(beginning), "{}", shown.lines().next().unwrap_or_default());

    let capture = "tests/captures/resp3-session.replies";
    assert!(inspect(&[capture], b"").stdout == output.stdout, "it is not that file's replies");
    let asked_for = inspect(&["-"], b"");
    assert!(asked_for.status.success() && asked_for.stdout.is_empty(), "{asked_for:?}");
}

#[test]
fn every_kind_is_printed_as_redis_cli_does() {
    let table: &[(&[u8], &str)] = &[
        (b"+OK\r\n", "OK\n"),
        (b"+\r\n", "\n"),
        (b"-ERR no \"such\" thing\r\n", "(error) ERR no \"such\" thing\n"),
        (b":12345\r\n", "(integer) 12345\n"),
        (b":+5\r\n", "(integer) 5\n"),
        (b":0\r\n", "(integer) 0\n"),
        (b":-9223372036854775808\r\n", "(integer) -9223372036854775808\n"),
        (b"$0\r\n\r\n", "\"\"\n"),
        (
            b"$17\r\n\"\\\n\r\t\x07\x08\x00\x1b~\x7f\xff \x80'/e\r\n",
            "\"\\\"\\\\\\n\\r\\t\\a\\b\\x00\\x1b~\\x7f\\xff \\x80'/e\"\n",
        ),
        (b"$-1\r\n", "(nil)\n"),
        (b"*-1\r\n", "(nil)\n"),
        (b"_\r\n", "(nil)\n"),
        (b"#t\r\n#f\r\n", "(true)\n(false)\n"),
        (b",1.50\r\n", "(double) 1.50\n"),
        (b",0.10000000000000001\r\n", "(double) 0.10000000000000001\n"),
        (b",-INF\r\n,nan\r\n", "(double) -INF\n(double) nan\n"),
        (b"=13\r\ntxt:one\r\n\"two\r\n", "one\r\n\"two\n"),
        (b"*0\r\n", "(empty array)\n"),
        (b"%0\r\n", "(empty hash)\n"),
        (b"~0\r\n", "(empty set)\n"),
        (b">0\r\n", "(empty push)\n"),
        (b"*2\r\n$1\r\na\r\n:1\r\n", "1) \"a\"\n2) (integer) 1\n"),
        (b"~2\r\n$1\r\na\r\n:1\r\n", "1~ \"a\"\n2~ (integer) 1\n"),
        (b">2\r\n+pong\r\n$0\r\n\r\n", "1) pong\n2) \"\"\n"),
        (b"%2\r\n+a\r\n:1\r\n+b\r\n_\r\n", "1# a => (integer) 1\n2# b => (nil)\n"),
    ];
    for (replies, expected) in table {
        assert_eq!(printed(replies), *expected, "{}", replies.escape_ascii());
    }
}

#[test]
fn nested_replies_are_indented_as_redis_cli_does() {
    let ten = [b"*10\r\n".as_slice(), &b":7\r\n".repeat(9), b"*2\r\n:8\r\n:9\r\n"].concat();
    let sevens = (1..10).map(|index| format!(" {index}) (integer) 7\n"));
    let ten_lines =
        sevens.collect::<Vec<_>>().concat() + "10) 1) (integer) 8\n    2) (integer) 9\n";
    let table: &[(&[u8], &str)] = &[
        (&ten, &ten_lines),
        (b"*2\r\n*2\r\n*1\r\n+a\r\n+b\r\n*0\r\n", "1) 1) 1) a\n   2) b\n2) (empty array)\n"),
        // The value of a pair that takes several lines begins on the next.
        (b"%1\r\n+k\r\n*1\r\n+a\r\n", "1# k => 1) a\n"),
        (b"%1\r\n+k\r\n*2\r\n+a\r\n+b\r\n", "1# k => \n   1) a\n   2) b\n"),
        (b"%1\r\n+k\r\n%1\r\n+a\r\n+b\r\n", "1# k => 1# a => b\n"),
        (b"%1\r\n+k\r\n~1\r\n~0\r\n", "1# k => 1~ (empty set)\n"),
        (
            b"%1\r\n+k\r\n%1\r\n+a\r\n*1\r\n*2\r\n:1\r\n:2\r\n",
            "1# k => \n   1# a => \n      1) 1) (integer) 1\n         2) (integer) 2\n",
        ),
        // Its key does not.
        (b"%1\r\n*2\r\n+a\r\n+b\r\n+v\r\n", "1# 1) a\n   2) b => v\n"),
        (b"%1\r\n%1\r\n*2\r\n+a\r\n+b\r\n+c\r\n+v\r\n", "1# 1# 1) a\n      2) b => c => v\n"),
        (b"%1\r\n+k\r\n%1\r\n*2\r\n+a\r\n+b\r\n+v\r\n", "1# k => 1# 1) a\n      2) b => v\n"),
    ];
    for (replies, expected) in table {
        assert_eq!(printed(replies), *expected, "{}", replies.escape_ascii());
    }
    let deep = [b"*1\r\n".repeat(128).as_slice(), b"+x\r\n"].concat();
    assert_eq!(printed(&deep), "1) ".repeat(128) + "x\n");
}

#[test]
fn what_redis_cli_does_not_know_is_printed_in_its_manner() {
    let table: &[(&[u8], &str)] = &[
        (b"(-12345678901234567890\r\n", "(big number) -12345678901234567890\n"),
        (b"!8\r\nERR a\r\nb\r\n", "(error) ERR a\r\nb\n"),
        (b"|1\r\n+ttl\r\n:9\r\n$1\r\nv\r\n", "1| ttl => (integer) 9\n\"v\"\n"),
        (b"|0\r\n|1\r\n+a\r\n+b\r\n+v\r\n", "(empty attribute)\n1| a => b\nv\n"),
        (
            b"*2\r\n|1\r\n+ttl\r\n*2\r\n:1\r\n:2\r\n*2\r\n+a\r\n+b\r\n+c\r\n",
            "1) 1| ttl => \n      1) (integer) 1\n      2) (integer) 2\n   1) a\n   2) b\n2) c\n",
        ),
        (
            b"%1\r\n|1\r\n+x\r\n:1\r\n+k\r\n|1\r\n+y\r\n:2\r\n+v\r\n",
            "1# 1| x => (integer) 1\n   k => \n   1| y => (integer) 2\n   v\n",
        ),
        (
            b"%1\r\n+k\r\n*1\r\n|1\r\n+y\r\n:2\r\n+v\r\n",
            "1# k => \n   1) 1| y => (integer) 2\n      v\n",
        ),
    ];
    for (replies, expected) in table {
        assert_eq!(printed(replies), *expected, "{}", replies.escape_ascii());
    }
}

#[test]
fn streamed_forms_are_printed_like_those_in_one_piece() {
    let many = |open: &[u8], close: &[u8]| [open, &b":1\r\n".repeat(11), close].concat();
    let table: &[(&[u8], &[u8])] = &[
        (b"$?\r\n;3\r\na\"b\r\n;1\r\n\x00\r\n;0\r\n", b"$4\r\na\"b\x00\r\n"),
        (b"$?\r\n;0\r\n", b"$0\r\n\r\n"),
        (b"*?\r\n.\r\n", b"*0\r\n"),
        (b"~?\r\n.\r\n", b"~0\r\n"),
        (b"%?\r\n.\r\n", b"%0\r\n"),
        (&many(b"*?\r\n", b".\r\n"), &many(b"*11\r\n", b"")),
        (&many(b"*?\r\n~?\r\n", b".\r\n+x\r\n.\r\n"), &many(b"*2\r\n~11\r\n", b"+x\r\n")),
        (
            b"%?\r\n+a\r\n*?\r\n:1\r\n.\r\n+b\r\n%?\r\n*?\r\n:1\r\n:2\r\n.\r\n+c\r\n.\r\n.\r\n",
            b"%2\r\n+a\r\n*1\r\n:1\r\n+b\r\n%1\r\n*2\r\n:1\r\n:2\r\n+c\r\n",
        ),
        (
            b"%1\r\n+a\r\n*1\r\n*?\r\n|1\r\n+y\r\n,1.0\r\n,2.0\r\n.\r\n",
            b"%1\r\n+a\r\n*1\r\n*1\r\n|1\r\n+y\r\n,1.0\r\n,2.0\r\n",
        ),
    ];
    for (streamed, counted) in table {
        assert_eq!(printed(streamed), printed(counted), "{}", streamed.escape_ascii());
    }
}

#[test]
fn the_text_of_a_double_is_found_behind_every_kind() {
    let values: &[&[u8]] = &[
        b"+OK\r\n",
        b"-ERR\r\n",
        b":+7\r\n",
        b"$10\r\n,1.0\r\n,2.0\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"_\r\n",
        b"#t\r\n",
        b",1e5\r\n",
        b"(123\r\n",
        b"!3\r\nERR\r\n",
        b"=7\r\ntxt:,9.\r\n",
        b"$?\r\n;10\r\n0123456789\r\n;1\r\n,\r\n;0\r\n",
        b"*0\r\n",
        b"*?\r\n.\r\n",
        b"%1\r\n~?\r\n:1\r\n.\r\n>1\r\n:1\r\n",
        b"|1\r\n+a\r\n:1\r\n:1\r\n",
    ];
    for value in values {
        let replies = [b"|1\r\n+a\r\n:1\r\n*2\r\n", *value, b",2.50\r\n"].concat();
        let shown = printed(&replies);
        assert!(shown.ends_with("\n2) (double) 2.50\n"), "{}: {shown}", value.escape_ascii());
    }
}

#[test]
fn an_invalidation_is_printed_on_a_line() {
    let table: &[(&[u8], &str)] = &[
        (
            b">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$3\r\nb\"c\r\n",
            "-> invalidate: 'a', 'b\"c'\n",
        ),
        (b">2\r\n$10\r\ninvalidate\r\n*0\r\n", "-> invalidate: \n"),
        (b">2\r\n$10\r\ninvalidate\r\n_\r\n", "1) \"invalidate\"\n2) (nil)\n"),
        (b">2\r\n$10\r\ninvalidate\r\n*1\r\n:1\r\n", "1) \"invalidate\"\n2) 1) (integer) 1\n"),
        (
            b"*1\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n",
            "1) 1) \"invalidate\"\n   2) 1) \"a\"\n",
        ),
    ];
    for (replies, expected) in table {
        assert_eq!(printed(replies), *expected, "{}", replies.escape_ascii());
    }
}

#[test]
fn broken_input_is_one_line_and_a_status_of_1() {
    let table: &[(&[u8], &str, &str)] = &[
        (b"$12x", "", "offset 3: expected a digit or CR, found `x`: 24 31 32 [78]"),
        (b"hello\r\n", "", "offset 0: expected a type byte, found `h`: [68] 65 6c 6c 6f 0d 0a"),
        (
            b"+OK\r\n*1\r\n$3\r\nabcXYZ0123456\r\n",
            "OK\n",
            "offset 16: expected CR, found `X`: \
             … 0a 24 33 0d 0a 61 62 63 [58] 59 5a 30 31 32 33 34 35",
        ),
        (
            b"+OK\r\n$5\r\nhel",
            "OK\n",
            "offset 12: input ends inside a frame: 24 35 0d 0a 68 65 6c [end]",
        ),
        (
            &b"*1\r\n".repeat(129),
            "",
            "offset 513: nested deeper than 128 levels: … 31 0d 0a 2a 31 0d 0a 2a [31] 0d 0a",
        ),
    ];
    for (input, replies, line) in table {
        let file = Scratch::new("broken", input);
        for (name, output) in [
            (file.path(), inspect(&[file.path()], b"")),
            ("standard input", inspect(&["-"], input)),
        ] {
            assert_eq!(text(&output.stderr), format!("inspect: {name}: {line}\n"));
            assert_eq!(text(&output.stdout), *replies, "{line}");
            assert_eq!(output.status.code(), Some(1), "{line}");
        }
    }
}

#[test]
fn offsets_count_from_the_first_byte_of_a_large_file() {
    let file = Scratch::new("large", &[b"+OK\r\n".repeat(100_000).as_slice(), b"?"].concat());
    let output = inspect(&["--stats", file.path()], b"");
    let line = "offset 500000: expected a type byte, found `?`: [3f]";
    assert_eq!(text(&output.stderr), format!("inspect: {}: {line}\n", file.path()));
    assert!(output.stdout.starts_with(b"frames    100,000\n"), "{}", text(&output.stdout));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn files_are_taken_in_order_and_one_that_is_missing_stops_no_other() {
    let (first, last) = (Scratch::new("first", b":1\r\n"), Scratch::new("last", b":3\r\n"));
    let output = inspect(&[first.path(), "-", "no-such-file", last.path()], b":2\r\n");
    assert_eq!(text(&output.stdout), "(integer) 1\n(integer) 2\n(integer) 3\n");
    let error = text(&output.stderr);
    assert!(error.starts_with("inspect: no-such-file: ") && error.lines().count() == 1, "{error}");
    assert_eq!(output.status.code(), Some(1));

    assert_eq!(inspect(&["--no-such-option"], b"").status.code(), Some(2));
}

#[test]
fn stats_say_what_the_replies_consist_of() {
    let input = b"+OK\r\n*3\r\n:1\r\n:2\r\n|1\r\n+a\r\n_\r\n$-1\r\n%?\r\n+k\r\n$?\r\n;0\r\n.\r\n";
    let output = inspect(&["--stats", "-"], input);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let shown = text(&output.stdout);
    let (counts, decoding) = shown.rsplit_once("decoding  ").expect("the time it took");
    let expected = "\
frames    3
elements  10, frames and all that is in them
bytes     52
largest   28 bytes at offset 5 of standard input
kinds     simple string                 3  27.2 %
          integer                       2  18.1 %
          array                         1   9.0 %
          attribute                     1   9.0 %
          map                           1   9.0 %
          null                          1   9.0 %
          null bulk string              1   9.0 %
          streamed string               1   9.0 %
";
    assert_eq!(counts, expected);
    assert!(decoding.ends_with(" ns per element\n"), "{decoding}");

    let nothing = text(&inspect(&["--stats", "-"], b"").stdout);
    let expected = "frames    0\nelements  0, frames and all that is in them\nbytes     0\n";
    assert!(nothing.starts_with(expected), "{nothing}");
}

#[test]
fn requests_are_printed_with_their_arguments_in_quotes() {
    let pipeline = b"*2\r\n$3\r\nGET\r\n$5\r\na \"\r\n\r\n\r\nset k 'v w'\r\n*0\r\n";
    let output = inspect(&["--requests", "-"], pipeline);
    assert_eq!(text(&output.stdout), "\"GET\" \"a \\\"\\r\\n\"\n\"set\" \"k\" \"v w\"\n");
    assert!(output.status.success());

    let output = inspect(&["--requests", "-"], b"PING\r\n*1\r\n:1\r\n");
    assert_eq!(text(&output.stdout), "\"PING\"\n");
    let line =
        "inspect: standard input: offset 10: expected `$`, found `:`: 2a 31 0d 0a [3a] 31 0d 0a\n";
    assert_eq!(text(&output.stderr), line);
    assert_eq!(output.status.code(), Some(1));

    for snapshot in [b"REDIS0011\xfa\tredis-ver\x05\xff\n*1\r\n".as_slice(), b"REDIS0009\"\n"] {
        let output = inspect(&["--requests", "-"], snapshot);
        assert!(output.stdout.is_empty());
        let line = "inspect: standard input: an RDB snapshot, and no requests\n";
        assert_eq!(text(&output.stderr), line);
        assert_eq!(output.status.code(), Some(1));
    }

    let output = inspect(&["--requests", "--stats", "tests/captures/appendonly.aof"], b"");
    let stats = text(&output.stdout);
    assert!(stats.contains("names     ") && stats.contains("set "), "{stats}");
    assert!(output.status.success());
}

#[test]
fn every_capture_is_read_to_its_end() {
    for entry in fs::read_dir("tests/captures").expect("the folder of captures") {
        let path = entry.expect("a folder entry").path();
        if path.extension().is_some_and(|extension| extension == "replies") {
            let path = path.to_str().expect("a path in UTF-8");
            for arguments in [[path].as_slice(), &["--stats", path]] {
                let output = inspect(arguments, b"");
                assert!(output.status.success(), "{path}: {}", text(&output.stderr));
            }
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let file = Scratch::new("long", &b"$10\r\n0123456789\r\n".repeat(200_000));
    let mut child = Command::new(program())
        .arg(file.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let mut line = [0; 13];
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut line).expect("the first line");
    drop(stdout);
    assert_eq!(&line, b"\"0123456789\"\n");
    let output = child.wait_with_output().expect("the example ends");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

/// What is in the server before it is asked: nothing of it depends on time or chance.
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

/// Commands whose replies are the same each time, and of every shape that a server sends.
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

/// What `redis-cli` prints for the commands.
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

/// The bytes with which the server replies to the commands, what it pushes in between included.
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

/// Whether there is a `redis-cli` that prints RESP3 the way it is printed since version 7.
fn redis_cli_is_there() -> bool {
    let version = Command::new("redis-cli").arg("--version").output();
    let version = version.map(|output| text(&output.stdout)).unwrap_or_default();
    let number = version.strip_prefix("redis-cli ").and_then(|text| text.split('.').next());
    let is_there = number.and_then(|text| text.parse().ok()).is_some_and(|major: u32| major >= 7);
    if !is_there {
        assert!(
            env::var_os("ZRESP_REQUIRE_REDIS").is_none(),
            "no redis-cli 7 on the PATH, but required"
        );
        writeln!(io::stderr(), "skipped: no redis-cli 7 is on the PATH").expect("stderr");
    }
    is_there
}

#[test]
fn a_live_server_is_shown_as_redis_cli_shows_it() {
    if !redis_cli_is_there() {
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
                redis_cli(&server, &[&option, "--show-pushes", "yes"], commands)
            });
        }
        let [expected, shown] = runs.as_slice() else { panic!("two runs") };
        for (line, (expected, shown)) in expected.lines().zip(shown.lines()).enumerate() {
            assert_eq!(shown, expected, "RESP{version}, line {}", line + 1);
        }
        assert_eq!(shown, expected, "RESP{version}");
        let count = lines(commands).count();
        assert!(shown.lines().count() >= count, "less than a line for a reply: {shown}");
    }
}
