//! A weighted mix of real traffic in both directions: what a cache of the validator has to pay for.
//!
//! The shares are parts of all values, because the benches count values. They are a judgement, not a
//! measurement:
//!
//! - pipelines of mixed commands have half of the values: most connections of a cache carry short
//!   commands and their replies, of changing kinds, keys and lengths, and some runs of one command;
//! - `HGETALL` replies have a fifth: objects kept in hashes are the most frequent long replies;
//! - pushes have a tenth: few connections subscribe, but these carry nothing else;
//! - an append-only file has a fifth of the requests: a replica reads the same;
//! - recorded sessions have the rest, more than rare commands have in practice: they are the only part
//!   that no generator has shaped, and use every type and form.
//!
//! The replies are RESP3, so that every parser that is compared can read all of them.
//!
//! A turn is what one connection carries for a moment. Turns of all connections alternate, and one
//! decoder reads them all. This is unkind to a cache: in a program each connection has its own.

use fastrand::Rng;

use super::{array, bulk, command, repeated, values, word};

/// What one connection carries for a moment.
type Turn = fn(&mut Rng) -> Vec<u8>;

/// The number of values in a mix: too many for a branch predictor to learn them by heart.
const VALUES: usize = 30_000;

/// What clients receive.
pub fn replies() -> Vec<u8> {
    mix(&[
        (50, |rng| pipeline(rng).1),
        (20, hashes),
        (10, pushes),
        (20, |_| include_bytes!("../../tests/captures/resp3-session.replies").to_vec()),
    ])
}

/// What servers receive. The pipelines are those of [`replies`] in kind, not in order.
pub fn requests() -> Vec<u8> {
    mix(&[
        (60, |rng| pipeline(rng).0),
        (20, |_| include_bytes!("../../tests/captures/appendonly.aof").to_vec()),
        (10, |_| include_bytes!("../../tests/captures/resp2-session.requests").to_vec()),
        (10, |_| include_bytes!("../../tests/captures/resp3-session.requests").to_vec()),
    ])
}

/// Turns of all sources; the next one is always of the source that is furthest below its share in percent.
fn mix(sources: &[(usize, Turn)]) -> Vec<u8> {
    let mut rng = Rng::with_seed(0x006d_6978);
    let mut counts = vec![0; sources.len()];
    let mut bytes = Vec::new();
    while counts.iter().sum::<usize>() < VALUES {
        let next = (0..sources.len()).min_by_key(|&next| counts[next] * 100 / sources[next].0);
        let next = next.expect("a source");
        let turn = sources[next].1(&mut rng);
        counts[next] += values(&turn);
        bytes.extend(turn);
    }
    bytes
}

/// Fifty commands and their replies. One in sixteen begins a run of its kind, as when a program loads
/// many objects in a loop.
fn pipeline(rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    let (mut kind, mut prefix, mut run) = (0, "", 0);
    for _ in 0..50 {
        if run == 0 {
            kind = rng.u8(..100);
            prefix =
                rng.choice(["user", "session", "cart:item", "rate", "feed"]).expect("a prefix");
            run = if rng.u8(..16) == 0 { rng.usize(2..=20) } else { 1 };
        }
        run -= 1;
        let (request, reply) = exchange(rng, kind, prefix);
        requests.extend(request);
        replies.extend(reply);
    }
    (requests, replies)
}

/// A command and its reply. The kind, in percent, decides which.
fn exchange(rng: &mut Rng, kind: u8, prefix: &str) -> (Vec<u8>, Vec<u8>) {
    let key = key(rng, prefix);
    let found =
        |rng: &mut Rng| if rng.u8(..8) == 0 { b"_\r\n".to_vec() } else { bulk(&value(rng)) };
    let flag = |rng: &mut Rng| format!(":{}\r\n", u8::from(rng.bool())).into_bytes();
    let count = |rng: &mut Rng| format!(":{}\r\n", number(rng)).into_bytes();
    match kind {
        0..45 => (command(&[b"GET", &key]), found(rng)),
        45..55 => (command(&[b"SET", &key, &value(rng)]), b"+OK\r\n".to_vec()),
        55..62 => (command(&[b"SET", &key, &value(rng), b"EX", b"3600"]), b"+OK\r\n".to_vec()),
        62..68 => (command(&[b"INCR", &key]), count(rng)),
        68..74 => (command(&[b"HGET", &key, &word(rng, 3..16)]), found(rng)),
        74..79 => (command(&[b"HSET", &key, &word(rng, 3..16), &value(rng)]), flag(rng)),
        79..84 => (command(&[b"EXPIRE", &key, b"600"]), flag(rng)),
        84..88 => (command(&[b"DEL", &key]), flag(rng)),
        88..91 => (command(&[b"LPUSH", &key, &value(rng)]), count(rng)),
        91..94 => {
            let score = number(rng).to_string();
            (command(&[b"ZADD", &key, score.as_bytes(), &word(rng, 8..24)]), flag(rng))
        }
        94..96 => {
            let items = rng.usize(0..=10);
            let list = repeated(items, || bulk(&value(rng)));
            (command(&[b"LRANGE", &key, b"0", b"9"]), array(&list, items))
        }
        96..99 => {
            let keys = rng.usize(2..=8);
            let (request, reply): (Vec<_>, Vec<_>) =
                (0..keys).map(|_| (bulk(&self::key(rng, prefix)), found(rng))).unzip();
            let request = [bulk(b"MGET"), request.concat()].concat();
            (array(&request, keys + 1), array(&reply.concat(), keys))
        }
        _ => (command(&[b"GET", &key]), super::error(rng)),
    }
}

/// Ten replies to `HGETALL`, of one to fifty fields, small hashes more often.
fn hashes(rng: &mut Rng) -> Vec<u8> {
    repeated(10, || {
        let fields = 1 + rng.usize(..50) * rng.usize(..50) / 50;
        let pairs = repeated(fields, || [bulk(&word(rng, 2..16)), bulk(&value(rng))].concat());
        let header = format!("%{fields}\r\n");
        [header.as_bytes(), &pairs].concat()
    })
}

/// Twenty messages of a few channels.
fn pushes(rng: &mut Rng) -> Vec<u8> {
    repeated(20, || {
        let channel =
            rng.choice(["news", "prices:eur", "invalidate", "jobs:done"]).expect("a channel");
        let message = [bulk(b"message"), bulk(channel.as_bytes()), bulk(&value(rng))].concat();
        [b">3\r\n".as_slice(), &message].concat()
    })
}

/// `prefix:ID`, with an ID of one to seven digits.
fn key(rng: &mut Rng, prefix: &str) -> Vec<u8> {
    format!("{prefix}:{}", number(rng)).into_bytes()
}

/// As many numbers of one digit as of seven.
fn number(rng: &mut Rng) -> u32 {
    let digits = rng.u32(1..=7);
    rng.u32(..10u32.pow(digits))
}

/// As many values of about 8 bytes as of about 1,000.
fn value(rng: &mut Rng) -> Vec<u8> {
    let most = 1 << rng.u32(3..=10);
    word(rng, most / 2..most)
}
