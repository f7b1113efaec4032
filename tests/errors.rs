//! Errors have exact messages and offsets, which are the same however the input is cut.

use zresp::{Decoder, Error, ErrorKind, Limits};

/// The error of a decoder that is shown the input up to each of the cuts, then all of it.
fn error(input: &[u8], limits: Limits, cuts: impl IntoIterator<Item = usize>) -> Error {
    let mut decoder = Decoder::with_limits(limits);
    for end in cuts.into_iter().chain([input.len()]) {
        match decoder.decode(&input[..end]) {
            Ok(None) => {}
            Ok(Some(frame)) => panic!("{} is {frame:?}", input.escape_ascii()),
            Err(error) => return error,
        }
    }
    panic!("{} is only incomplete", input.escape_ascii());
}

/// Asserts the message of the error: for the whole input, cut anywhere, byte by byte, and with more bytes after it.
fn assert_message(input: &[u8], limits: Limits, message: &str) {
    let whole = error(input, limits, []);
    assert_eq!(whole.to_string(), message, "{}", input.escape_ascii());
    for cut in 0..input.len() {
        assert_eq!(error(input, limits, [cut]), whole, "{} cut at {cut}", input.escape_ascii());
    }
    assert_eq!(error(input, limits, 0..input.len()), whole, "{} bytewise", input.escape_ascii());
    let longer = [input, b"+OK\r\n+OK\r\n"].concat();
    assert_eq!(error(&longer, limits, []), whole, "{} and more", input.escape_ascii());
}

#[test]
fn messages_name_the_byte_what_was_expected_and_the_offset() {
    for (input, message) in [
        (b"x".as_slice(), "expected a type byte, found `x` at offset 0"),
        (b"\r\n", "expected a type byte, found CR at offset 0"),
        (b"\x00", "expected a type byte, found byte 0x00 at offset 0"),
        (b";0\r\n", "expected a type byte, found `;` at offset 0"),
        (b".\r\n", "expected a type byte, found `.` at offset 0"),
        (b"+a\n", "expected text or CR, found LF at offset 2"),
        (b"-ERR\rx", "expected LF, found `x` at offset 5"),
        (b":x", "expected a digit or a sign, found `x` at offset 1"),
        (b":-a", "expected a digit, found `a` at offset 2"),
        (b":-0", "expected a digit from 1 to 9, found `0` at offset 2"),
        (b":01", "expected CR, found `1` at offset 2"),
        (b":12x", "expected a digit or CR, found `x` at offset 3"),
        (b":9223372036854775808", "integer does not fit 64 bits at offset 19"),
        (b":-9223372036854775809", "integer does not fit 64 bits at offset 20"),
        (b":100000000000000000000", "integer does not fit 64 bits at offset 20"),
        (b"$x", "expected a digit, `-` or `?`, found `x` at offset 1"),
        (b"$\r\n", "expected a digit, `-` or `?`, found CR at offset 1"),
        (b"*\r", "expected a digit, `-` or `?`, found CR at offset 1"),
        (b"*1\r\n*\r", "expected a digit, `-` or `?`, found CR at offset 5"),
        (b"~\r", "expected a digit or `?`, found CR at offset 1"),
        (b"%\r", "expected a digit or `?`, found CR at offset 1"),
        (b">\r", "expected a digit, found CR at offset 1"),
        (b"|\r", "expected a digit, found CR at offset 1"),
        (b"!\r", "expected a digit, found CR at offset 1"),
        (b"=\r", "expected a digit, found CR at offset 1"),
        (b"$?\r\n;\r", "expected a digit, found CR at offset 5"),
        (b"$-\r", "expected `1`, as only `-1` is a negative length, found CR at offset 2"),
        (b":\r", "expected a digit or a sign, found CR at offset 1"),
        (b",\r", "expected a digit, a sign, `inf` or `nan`, found CR at offset 1"),
        (b"$-2", "expected `1`, as only `-1` is a negative length, found `2` at offset 2"),
        (b"$-1x", "expected CR, found `x` at offset 3"),
        (b"$00", "expected CR, found `0` at offset 2"),
        (b"$12x", "expected a digit or CR, found `x` at offset 3"),
        (b"$3\r\nabcX", "expected CR, found `X` at offset 7"),
        (b"$3\r\nabc\rX", "expected LF, found `X` at offset 8"),
        (b"*1\r\n$3\r\nabcX", "expected CR, found `X` at offset 11"),
        (b"%-", "expected a digit or `?`, found `-` at offset 1"),
        (b"~-", "expected a digit or `?`, found `-` at offset 1"),
        (b">?", "expected a digit, found `?` at offset 1"),
        (b"|-", "expected a digit, found `-` at offset 1"),
        (b"!?", "expected a digit, found `?` at offset 1"),
        (b"=0", "expected a length of 4 or more, found `0` at offset 1"),
        (b"=3\r", "expected a length of 4 or more, found CR at offset 2"),
        (b"=3x", "expected a length of 4 or more, found `x` at offset 2"),
        (b"=4x", "expected a digit or CR, found `x` at offset 2"),
        (b"=5\r\ntxtX", "expected `:`, found `X` at offset 7"),
        (b"_x", "expected CR, found `x` at offset 1"),
        (b"#T", "expected `t` or `f`, found `T` at offset 1"),
        (b"#tx", "expected CR, found `x` at offset 2"),
        (b",.", "expected a digit, a sign, `inf` or `nan`, found `.` at offset 1"),
        (b",+e", "expected a digit, `inf` or `nan`, found `e` at offset 2"),
        (b",1x", "expected a digit, `.`, `e` or CR, found `x` at offset 2"),
        (b",1.\r", "expected a digit, found CR at offset 3"),
        (b",1.5.", "expected a digit, `e` or CR, found `.` at offset 4"),
        (b",1e\r", "expected a digit or a sign, found CR at offset 3"),
        (b",1e+\r", "expected a digit, found CR at offset 4"),
        (b",1e5.", "expected a digit or CR, found `.` at offset 4"),
        (b",inx", "expected `f`, found `x` at offset 3"),
        (b",naN(", "expected CR, found `(` at offset 4"),
        (b"(\r", "expected a digit or a sign, found CR at offset 1"),
        (b"(+x", "expected a digit, found `x` at offset 2"),
        (b"(12x", "expected a digit or CR, found `x` at offset 3"),
        (b"$?\r\n+", "expected `;`, found `+` at offset 4"),
        (b"$?\r\n;-", "expected a digit, found `-` at offset 5"),
        (b"*?\r\nx", "expected a type byte or `.`, found `x` at offset 4"),
        (b"%?\r\n+a\r\n.", "expected a type byte, found `.` at offset 8"),
        (b"*?\r\n|0\r\n.", "expected a type byte, found `.` at offset 8"),
        (b"*1\r\n.", "expected a type byte, found `.` at offset 4"),
        (b"*?\r\n.x", "expected CR, found `x` at offset 5"),
        (b"$1073741810", "frame longer than 1073741824 bytes at offset 10"),
        (b"$9999999999", "payload longer than 1073741824 bytes at offset 10"),
        (b"*2147483648", "aggregate of more than 2147483647 elements at offset 10"),
        (b"%1073741824", "aggregate of more than 2147483647 elements at offset 10"),
        (b"*18446744073709551616", "aggregate of more than 2147483647 elements at offset 11"),
    ] {
        assert_message(input, Limits::new(), message);
    }
}

#[test]
fn messages_name_the_limit() {
    let limits = Limits::new().with_depth(1).with_bulk(9).with_elements(3).with_frame(40);
    for (input, message) in [
        (b"*1\r\n*1".as_slice(), "nested deeper than 1 levels at offset 5"),
        (b"*1\r\n*?", "nested deeper than 1 levels at offset 5"),
        (b"*1\r\n%", "nested deeper than 1 levels at offset 4"),
        (b"$10", "payload longer than 9 bytes at offset 2"),
        (b"$?\r\n;5\r\nhello\r\n;5", "payload longer than 9 bytes at offset 16"),
        (b"*4", "aggregate of more than 3 elements at offset 1"),
        (b"%2", "aggregate of more than 3 elements at offset 1"),
        (b"*?\r\n_\r\n_\r\n_\r\n_", "aggregate of more than 3 elements at offset 13"),
        (
            b"*3\r\n$9\r\n123456789\r\n$9\r\n123456789\r\n$9",
            "frame longer than 40 bytes at offset 35",
        ),
        (b"+234567890123456789012345678901234567890", "frame longer than 40 bytes at offset 40"),
    ] {
        assert_message(input, limits, message);
    }
}

#[test]
fn an_error_stays_until_the_decoder_is_reset() {
    let mut decoder = Decoder::new();
    let error = decoder.decode(b"*1\r\nx").unwrap_err();
    for buffer in [b"*1\r\nx".as_slice(), b"*1\r\nxyz", b"*1\r\n", b"+OK\r\n", b""] {
        assert_eq!(decoder.decode(buffer).unwrap_err(), error, "{}", buffer.escape_ascii());
        assert_eq!(decoder.needed(), 0);
    }
    decoder.reset();
    assert!(decoder.decode(b"+OK\r\n").unwrap().is_some());
}

#[test]
fn nothing_is_needed_after_an_error() {
    for broken in [b"x".as_slice(), b"*9\r\nx", b"*?\r\n**", b"|1\r\n_\r\n**", b"%?\r\n_\r\n;"] {
        let mut decoder = Decoder::new();
        decoder.decode(broken).unwrap_err();
        assert_eq!(decoder.needed(), 0, "{}", broken.escape_ascii());
    }
}

#[test]
fn a_frame_can_be_abandoned_in_the_middle() {
    let mut decoder = Decoder::new();
    assert!(decoder.decode(b"*2\r\n$5\r\nhe").unwrap().is_none());
    decoder.reset();
    assert_eq!(decoder.decode(b"+OK\r\n").unwrap().unwrap().wire(), b"+OK\r\n");
}

#[test]
fn a_buffer_that_shrank_is_an_error() {
    let mut decoder = Decoder::new();
    assert!(decoder.decode(b"$5\r\nhel").unwrap().is_none());
    let error = decoder.decode(b"$5\r\n").unwrap_err();
    assert_eq!(error.kind, ErrorKind::BufferChanged);
    assert_eq!(decoder.decode(b"$5\r\nhello\r\n").unwrap_err(), error);
}

#[test]
fn a_buffer_with_a_different_start_is_an_error() {
    for (before, after) in [
        (b"$5\r\nhel".as_slice(), b"$4\r\nhello\r\n".as_slice()),
        (b"$5\r\nhel", b"+5\r\nhello\r\n"),
        (b"*2\r\n+a\r\n", b"*3\r\n+a\r\n:2\r\n"),
        (b"*2\r\n+a\r\n", b"+2\r\n+a\r\n:2\r\n"),
        (b"+abc", b"-xyz\r\n"),
        (b"+", b"-\r\n"),
    ] {
        let mut decoder = Decoder::new();
        assert!(decoder.decode(before).unwrap().is_none());
        let error = decoder.decode(after).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BufferChanged, "{}", after.escape_ascii());
        assert_eq!(decoder.decode(before).unwrap_err(), error);
        decoder.reset();
        assert!(decoder.decode(b"+OK\r\n").unwrap().is_some());
    }
}

#[test]
fn a_buffer_that_changed_further_on_is_safe_to_read() {
    let before = b"*3\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n%1\r\n+k\r\n";
    for place in 8..before.len() {
        for byte in (0..=u8::MAX).step_by(if cfg!(miri) { 51 } else { 1 }) {
            let mut changed = [before.as_slice(), b"+v\r\n_\r\n"].concat();
            changed[place] = byte;
            let mut decoder = Decoder::new();
            assert!(decoder.decode(before).unwrap().is_none());
            if let Ok(Some(frame)) = decoder.decode(&changed) {
                assert!(frame.tokens().count() < 20);
                assert!(format!("{frame:?}").len() < 1_000);
                let items = frame.reply().as_elements().unwrap();
                assert!(items.annotated().count() < 10);
                assert!(items.filter_map(|item| item.as_elements().ok()).flatten().count() < 10);
            }
        }
    }
}

#[test]
fn kinds_distinguish_malformed_input_from_an_exceeded_limit() {
    let malformed = zresp::decode(b"x").unwrap_err().kind;
    assert!(malformed.is_malformed() && !malformed.is_limit());
    let limit = zresp::CommandDecoder::new().decode(b"*1\r\n$536870913").unwrap_err().kind;
    assert!(limit.is_limit() && !limit.is_malformed());
    assert_eq!(limit, ErrorKind::BulkTooLong { limit: 512 << 20 });
}
