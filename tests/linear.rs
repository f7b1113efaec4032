//! Feeding a frame byte by byte takes time linear in its length.
//!
//! The ratio of two sizes in one run, with room for noise: a decoder that starts again with every
//! byte would need the square of the factor.

use std::time::{Duration, Instant};

use zresp::Decoder;

/// How much larger the larger of two sizes is.
const FACTOR: usize = 8;
/// The ratio of times that still passes for linear: a square would be 64.
const MOST: f64 = 24.0;

/// The time in which a frame is decoded as its bytes arrive one by one; the best of a few runs.
fn bytewise(frame: &[u8]) -> Duration {
    let run = || {
        let start = Instant::now();
        let mut decoder = Decoder::new();
        for end in 0..frame.len() {
            assert!(decoder.decode(&frame[..end]).unwrap().is_none());
        }
        assert!(decoder.decode(frame).unwrap().is_some());
        start.elapsed()
    };
    (0..5).map(|_| run()).min().unwrap()
}

fn assert_linear(name: &str, size: usize, frame: impl Fn(usize) -> Vec<u8>) {
    let small = bytewise(&frame(size));
    let large = bytewise(&frame(size * FACTOR));
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    println!("{name}: {small:?} and {large:?}, {ratio:.1} times for {FACTOR} times the size");
    assert!(ratio < MOST, "{name}: {ratio:.1} times for {FACTOR} times the size");
}

#[test]
fn byte_by_byte_is_linear() {
    let repeated = |head: String, item: &str, count: usize| [head, item.repeat(count)].concat();
    assert_linear("elements", 10_000, |size| {
        repeated(format!("*{size}\r\n"), "$3\r\nfoo\r\n", size).into_bytes()
    });
    assert_linear("a line", 100_000, |size| [b"+".as_slice(), &vec![b'x'; size], b"\r\n"].concat());
    assert_linear("a payload", 100_000, |size| {
        [format!("${size}\r\n").into_bytes(), vec![b'x'; size], b"\r\n".to_vec()].concat()
    });
    assert_linear("an attribute", 10_000, |size| {
        let pairs = repeated(format!("|{size}\r\n"), "+k\r\n:1\r\n", size);
        format!("{pairs}+OK\r\n").into_bytes()
    });
    assert_linear("chunks", 10_000, |size| {
        format!("$?\r\n{};0\r\n", ";3\r\nabc\r\n".repeat(size)).into_bytes()
    });
    assert_linear("a double", 100_000, |size| format!(",{}\r\n", "1".repeat(size)).into_bytes());
}

#[test]
fn a_reply_nested_to_the_limit_is_read_in_linear_time() {
    let nested = |breadth: usize| {
        let item = format!("*{breadth}\r\n{}", "*1\r\n:1\r\n".repeat(breadth));
        format!("{}{item}", "*1\r\n".repeat(100)).into_bytes()
    };
    let tokens = |frame: &[u8]| {
        let decoded = zresp::decode(frame).unwrap().unwrap();
        let run = || {
            let start = Instant::now();
            assert!(decoded.tokens().count() > 100);
            start.elapsed()
        };
        (0..5).map(|_| run()).min().unwrap()
    };
    let (small, large) = (tokens(&nested(5_000)), tokens(&nested(5_000 * FACTOR)));
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    assert!(ratio < MOST, "{ratio:.1} times for {FACTOR} times the size");
}
