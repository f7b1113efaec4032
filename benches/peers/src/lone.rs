//! One small frame at a time, decoded by a parser that has seen nothing before.

use std::hint::black_box;

use bytes::Bytes;

/// The frames, by name.
pub const FRAMES: [(&str, &[u8]); 4] = [
    ("`+OK`", b"+OK\r\n"),
    ("`:1`", b":1\r\n"),
    ("`$5`", b"$5\r\nhello\r\n"),
    ("`GET key`", b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"),
];

/// How often a pass decodes the frame, because reading the clock takes longer than decoding.
pub const TIMES: usize = 1_000;

pub fn zresp(frame: &[u8]) {
    for _ in 0..TIMES {
        if let Ok(Some(frame)) = zresp::decode(black_box(frame)) {
            black_box((frame.wire().as_ptr(), frame.reply().kind()));
        }
    }
}

pub fn resp_rs(frame: &Bytes) {
    for _ in 0..TIMES {
        black_box(resp_rs::resp2::parse_frame(black_box(frame.clone())).is_ok());
    }
}

pub fn redis_protocol(frame: &[u8]) {
    for _ in 0..TIMES {
        black_box(redis_protocol::resp2::decode::decode_range(black_box(frame)).is_ok());
    }
}
