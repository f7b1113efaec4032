//! Input that is not a command ends its connection with an error, after the replies that are due.
//!
//! Most tests use the built-in store, and so need no other program.

mod support;

use support::refusal::{answer_to, assert_reason};
use support::{Client, Server, array, bulk, proxy, proxy_of};

fn malformed() -> Vec<Vec<u8>> {
    let fixed: [&[u8]; 16] = [
        b"*x\r\n",
        b"*1x\r\n",
        b"*99999999999\r\n",
        b"*2147483648\r\n$4\r\nPING\r\n",
        b"*1\r\n:1\r\n",
        b"*1\r\n+PING\r\n",
        b"*1\r\n$x\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$-5\r\n",
        b"*1\r\n$536870913\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870913\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\nv\r\n",
        b"*2\r\n$3\r\nGET\r\n*1\r\n$1\r\nk\r\n",
        b"SET 'a\r\n",
        b"SET \"a\"b\r\n",
        b"*1\r\n$18446744073709551617\r\n",
    ];
    let long = [vec![b'x'; 70_000], [b"*".to_vec(), vec![b'1'; 70_000]].concat()];
    fixed.into_iter().map(<[u8]>::to_vec).chain(long).collect()
}

#[test]
fn malformed_input_is_answered_after_the_replies_that_are_due() {
    let proxy = proxy(&[]);
    let mut other = Client::new(proxy.connect());
    other.answer("SETRANGE large 99999 x");
    let large = bulk(&[vec![0; 99_999], b"x".to_vec()].concat());
    let large = String::from_utf8(large).expect("valid UTF-8");
    // Redis does not answer a NUL.
    for input in malformed().into_iter().chain([b"GET k\0\r\n".to_vec()]) {
        let case = input[..input.len().min(40)].escape_ascii().to_string();
        assert_reason(&answer_to(proxy.connect(), &input), &case);
        other.answer("DEL n");
        let due =
            [array("PING"), array("INCR n"), array("GET large"), array("ECHO a"), array("INCR n")];
        let answer = answer_to(proxy.connect(), &[due.concat(), input].concat());
        let expected = format!("+PONG\r\n:1\r\n{large}$1\r\na\r\n:2\r\n");
        let rest = answer
            .strip_prefix(&expected)
            .unwrap_or_else(|| panic!("{case}: {} bytes", answer.len()));
        assert_reason(rest, &case);
        assert_eq!(other.answer("GET n"), "$1\r\n2\r\n", "{case}");
    }
}

#[test]
fn malformed_input_on_a_clients_own_connection_is_answered_the_same_way() {
    let Some(redis) = Server::start() else { return };
    let proxy = proxy_of([&redis]);
    for input in malformed() {
        let case = input[..input.len().min(40)].escape_ascii().to_string();
        let due = [array("SELECT 1"), array("PING"), array("ECHO a")];
        let answer = answer_to(proxy.connect(), &[due.concat(), input].concat());
        let rest = answer.strip_prefix("+OK\r\n+PONG\r\n$1\r\na\r\n");
        assert_reason(rest.unwrap_or_else(|| panic!("{case}: {answer:?}")), &case);
    }
}

#[test]
fn http_is_refused_and_commands_after_it_are_not_executed() {
    let proxy = proxy(&[]);
    let mut other = Client::new(proxy.connect());
    for request in [
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\nSET stolen value\r\n",
        "Host: localhost\r\nSET stolen value\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nSET stolen value\r\n",
    ] {
        let answer = answer_to(proxy.connect(), request.as_bytes());
        let is_error = answer.is_empty() || answer.starts_with('-');
        assert!(is_error && !answer.contains("+OK"), "{request:?}: {answer:?}");
        assert_eq!(other.answer("EXISTS stolen"), ":0\r\n", "{request:?}");
    }
}

#[test]
fn commands_typed_by_hand_are_accepted() {
    let proxy = proxy(&[]);
    let mut client = Client::new(proxy.connect());
    for (bytes, expected) in [
        (&b"\r\n\r\n\nPING\r\n"[..], "+PONG\r\n"),
        (b"*0\r\n*-1\r\nping\r\n", "+PONG\r\n"),
        (b"SET 'a key' \"a\\x41\"\r\n", "+OK\r\n"),
        (b"GET 'a key'\n", "$2\r\naA\r\n"),
        (b"   GET    nokey   \r\n", "$-1\r\n"),
        (b"*1\r\n$4\r\nPI", ""),
        (b"NG\r\n", "+PONG\r\n"),
        (b"ECHO \"\"\r\n", "$0\r\n\r\n"),
        (b"PING hello\r\n", "$5\r\nhello\r\n"),
    ] {
        client.send(bytes);
        if !expected.is_empty() {
            let found = client.receive();
            assert_eq!(String::from_utf8_lossy(&found), expected, "{}", bytes.escape_ascii());
        }
    }
}

#[test]
fn a_pipeline_cut_anywhere_gets_the_same_replies() {
    let proxy = proxy(&[]);
    let commands = [
        "SET k 'a value'",
        "GET k",
        "ECHO x",
        "MSET a 1 b 2",
        "MGET a b c",
        "NOSUCH",
        "GET",
        "PING",
    ];
    let pipeline = commands.map(array).concat();
    let mut client = Client::new(proxy.connect());
    let expected = commands.map(|line| client.answer(line));
    for cut in 1..pipeline.len() {
        let (first, second) = pipeline.split_at(cut);
        client.send(first);
        client.send(second);
        for (line, expected) in commands.iter().zip(&expected) {
            let found = client.receive();
            assert_eq!(String::from_utf8_lossy(&found), *expected, "{line}, cut at {cut}");
        }
    }
}

#[test]
fn quit_is_answered_and_closes() {
    let proxy = proxy(&[]);
    let pipeline = [array("INCR n"), array("QUIT"), array("INCR n")].concat();
    assert_eq!(answer_to(proxy.connect(), &pipeline), ":1\r\n+OK\r\n");
    assert_eq!(Client::new(proxy.connect()).answer("GET n"), "$1\r\n1\r\n");
    assert_eq!(answer_to(proxy.connect(), b"quit\r\n"), "+OK\r\n");
}
