//! Replies are printed as `redis-cli` prints them, byte for byte.

use crate::program::printed;

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
        (b"=13\r\ntxt:one\r\n\"two\r\n", "one\\r\\n\"two\n"),
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
        // A value of a pair begins on the next line if it takes several lines.
        (b"%1\r\n+k\r\n*1\r\n+a\r\n", "1# k => 1) a\n"),
        (b"%1\r\n+k\r\n*2\r\n+a\r\n+b\r\n", "1# k => \n   1) a\n   2) b\n"),
        (b"%1\r\n+k\r\n%1\r\n+a\r\n+b\r\n", "1# k => 1# a => b\n"),
        (b"%1\r\n+k\r\n~1\r\n~0\r\n", "1# k => 1~ (empty set)\n"),
        (
            b"%1\r\n+k\r\n%1\r\n+a\r\n*1\r\n*2\r\n:1\r\n:2\r\n",
            "1# k => \n   1# a => \n      1) 1) (integer) 1\n         2) (integer) 2\n",
        ),
        // A key does not.
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
fn types_that_redis_cli_does_not_know_are_printed_in_its_style() {
    let table: &[(&[u8], &str)] = &[
        (b"(-12345678901234567890\r\n", "(big number) -12345678901234567890\n"),
        (b"!8\r\nERR a\r\nb\r\n", "(error) ERR a\\r\\nb\n"),
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
fn streamed_forms_are_printed_like_counted_ones() {
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
fn the_text_of_a_double_is_found_after_every_kind() {
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
        b"%1\r\n~?\r\n:1\r\n.\r\n>3\r\n+subscribe\r\n+c\r\n:1\r\n",
        b"|1\r\n+a\r\n:1\r\n:1\r\n",
    ];
    for value in values {
        let replies = [b"|1\r\n+a\r\n:1\r\n*2\r\n", *value, b",2.50\r\n"].concat();
        let shown = printed(&replies);
        assert!(shown.ends_with("\n2) (double) 2.50\n"), "{}: {shown}", value.escape_ascii());
    }
}

#[test]
fn an_invalidation_is_printed_on_one_line() {
    let table: &[(&[u8], &str)] = &[
        (
            b">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$3\r\nb\"c\r\n",
            "-> invalidate: 'a', 'b\"c'\n",
        ),
        (b">2\r\n$10\r\ninvalidate\r\n*0\r\n", "-> invalidate: \n"),
        (b">2\r\n$10\r\ninvalidate\r\n_\r\n", "1) \"invalidate\"\n2) (nil)\n"),
        (b">2\r\n$10\r\ninvalidate\r\n*1\r\n:1\r\n", "1) \"invalidate\"\n2) 1) (integer) 1\n"),
        (
            b"*1\r\n>2\r\n$9\r\nsubscribe\r\n*1\r\n$1\r\na\r\n",
            "1) 1) \"subscribe\"\n   2) 1) \"a\"\n",
        ),
    ];
    for (replies, expected) in table {
        assert_eq!(printed(replies), *expected, "{}", replies.escape_ascii());
    }
}
