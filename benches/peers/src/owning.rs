//! The tables about owning and writing.
//!
//! A pass that owns frames drops each one before it takes the next. A pass that writes reuses its buffer, if the
//! writer takes one.

use std::cell::RefCell;
use std::hint::black_box;
use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use zresp::{ReplyRef, Token};

use crate::corpus::{self, Corpus, Protocol};
use crate::own;
use crate::rounds::{self, Times};

/// Prints what it costs to own a frame, in addition to decoding it.
pub fn frames(rounds: usize, filter: &str) {
    println!("\n## Owning a frame of a read buffer: nanoseconds each\n");
    println!("| corpus | decode | decode and own | owning | target |\n|---|---:|---:|---:|---:|");
    for corpus in corpora(filter) {
        let buffer = RefCell::new(BytesMut::new());
        let times = take(
            rounds,
            &corpus,
            &[&|| own::decode(&mut buffer.borrow_mut(), &corpus.bytes), &|| {
                own::frames(&mut buffer.borrow_mut(), &corpus.bytes)
            }],
        );
        let each = |time: f64| time / corpus.frames as f64;
        let [decode, frames] = [&times[0], &times[1]].map(|times| each(times.median()));
        let owning = each(times[1].less(&times[0]));
        println!("| {} | {decode:.1} | {frames:.1} | {owning:.1} | 25 |", corpus.name);
    }
}

/// Prints what a tree costs, decoding included.
pub fn replies(rounds: usize, filter: &str) {
    println!("\n## Decoding to a tree: nanoseconds per element\n");
    println!(
        "| corpus | sharing | copying | one `Bytes` each | resp-rs | redis-protocol | resp-rs / sharing | \
         redis-protocol / sharing | resp-rs / copying | redis-protocol / copying | resp-rs / `Bytes` |\n\
         |---{}|",
        "|---:".repeat(10)
    );
    for corpus in corpora(filter) {
        let shared = Bytes::copy_from_slice(&corpus.bytes);
        let payloads = payloads(&corpus.bytes);
        let times = take(
            rounds,
            &corpus,
            &[
                &|| own::replies(&shared),
                &|| own::copies(&corpus.bytes),
                &|| share(&shared, &payloads),
                &|| resp_rs(&shared, corpus.protocol),
                &|| redis_protocol(&shared, corpus.protocol),
            ],
        );
        print!("| {} |", corpus.name);
        for times in &times {
            print!(" {:.1} |", times.median() / corpus.elements as f64);
        }
        let [sharing, copying, bytes, resp_rs, redis_protocol] = &times[..] else {
            unreachable!("five")
        };
        for fast in [sharing, copying] {
            print!(" {:.1} | {:.1} |", resp_rs.over(fast), redis_protocol.over(fast));
        }
        println!(" {:.1} |", resp_rs.over(bytes));
    }
}

/// The places of the payloads of each frame.
fn payloads(bytes: &[u8]) -> Vec<Vec<Range<usize>>> {
    let place = |token| match token {
        Token::Scalar(ReplyRef::Bulk(text) | ReplyRef::Simple(text) | ReplyRef::Error(text)) => {
            let start = text.as_ptr().addr() - bytes.as_ptr().addr();
            Some(start..start + text.len())
        }
        _ => None,
    };
    zresp::replies(bytes)
        .flatten()
        .map(|frame| frame.tokens().filter_map(place).collect())
        .collect()
}

/// Makes and drops one `Bytes` for each payload, and does nothing else: no tree of `Bytes` takes less.
fn share(bytes: &Bytes, frames: &[Vec<Range<usize>>]) -> usize {
    for payloads in frames {
        match &payloads[..] {
            [lone] => _ = black_box::<&Bytes>(&bytes.slice(lone.clone())),
            payloads => {
                let payloads = payloads.iter().map(|payload| bytes.slice(payload.clone()));
                black_box::<&Vec<Bytes>>(&payloads.collect());
            }
        }
    }
    frames.len()
}

/// Prints what writing a command costs.
pub fn commands(rounds: usize) {
    println!("\n## SET of a value of 100 bytes: nanoseconds each\n");
    println!("| writer | time | / `Arguments` | target |\n|---|---:|---:|---:|");
    let pairs = corpus::assignments();
    let vector = RefCell::new(Vec::new());
    // Room for the longest command. This is faster for redis-protocol than a buffer that grows.
    let room = RefCell::new([0; 256]);
    let resp2: Vec<_> = pairs.iter().map(|(key, value)| resp2_command(key, value)).collect();
    let resp3: Vec<_> = pairs.iter().map(|(key, value)| resp3_command(key, value)).collect();
    let each =
        |write: &dyn Fn(&[u8], &[u8])| pairs.iter().for_each(|(key, value)| write(key, value));
    let passes: [(&str, &dyn Fn()); 7] = [
        ("zresp `Arguments`", &|| {
            each(&|key, value| own::arguments(key, value, &mut vector.borrow_mut()));
        }),
        ("zresp `CommandBuf`", &|| {
            each(&|key, value| own::command_buf(key, value, &mut vector.borrow_mut()));
        }),
        ("redis", &|| {
            each(&|key, value| {
                black_box(redis::cmd("SET").arg(key).arg(value).get_packed_command());
            });
        }),
        ("redis-protocol, RESP2", &|| {
            each(&|key, value| write_resp2(&resp2_command(key, value), &mut *room.borrow_mut()));
        }),
        ("redis-protocol, RESP2, frame given", &|| {
            for frame in &resp2 {
                write_resp2(frame, &mut *room.borrow_mut());
            }
        }),
        ("redis-protocol, RESP3", &|| {
            each(&|key, value| write_resp3(&resp3_command(key, value), &mut *room.borrow_mut()));
        }),
        ("redis-protocol, RESP3, frame given", &|| {
            for frame in &resp3 {
                write_resp3(frame, &mut *room.borrow_mut());
            }
        }),
    ];
    let times = rounds::take(rounds, &passes.map(|(_, pass)| pass));
    for ((name, _), time) in passes.iter().zip(&times) {
        let each = time.median() / pairs.len() as f64;
        let target = if name.starts_with("zresp") { "" } else { "2" };
        println!("| {name} | {each:.1} | {:.2} | {target} |", time.over(&times[0]));
    }
}

/// Prints what it costs to decode a RESP3 reply and to write it in RESP2.
pub fn downgrades(rounds: usize) {
    println!("\n## Maps of 20 fields, decoded and written in RESP2: nanoseconds each\n");
    println!("| decode | from the view | token by token | from a tree | tree / view | target |");
    println!("|---:|---:|---:|---:|---:|---:|");
    let corpus = corpus::maps();
    let shared = Bytes::copy_from_slice(&corpus.bytes);
    let (out, arriving) = (RefCell::new(Vec::new()), RefCell::new(BytesMut::new()));
    let times = take(
        rounds,
        &corpus,
        &[
            &|| crate::work::decode(&corpus.bytes),
            &|| own::downgrade(&corpus.bytes, &mut out.borrow_mut()),
            &|| own::downgrade_tokens(&corpus.bytes, &mut arriving.borrow_mut()),
            &|| own::downgrade_trees(&shared, &mut out.borrow_mut()),
        ],
    );
    print!("|");
    for times in &times {
        print!(" {:.1} |", times.median() / corpus.frames as f64);
    }
    println!(" {:.1} | 5 |", times[3].over(&times[1]));
}

fn corpora(filter: &str) -> impl Iterator<Item = Corpus> {
    corpus::all().into_iter().filter(move |corpus| corpus.name.contains(filter))
}

/// Times passes over a corpus, and asserts that each sees all frames.
fn take(rounds: usize, corpus: &Corpus, passes: &[&dyn Fn() -> usize]) -> Vec<Times> {
    let passes: Vec<_> = passes
        .iter()
        .map(|pass| move || assert_eq!(pass(), corpus.frames, "{}", corpus.name))
        .collect();
    let passes: Vec<&dyn Fn()> = passes.iter().map(|pass| pass as &dyn Fn()).collect();
    rounds::take(rounds, &passes)
}

fn resp_rs(bytes: &Bytes, protocol: Protocol) -> usize {
    let mut rest = bytes.clone();
    let mut frames = 0;
    while !rest.is_empty() {
        rest = match protocol {
            Protocol::Resp2 => match resp_rs::resp2::parse_frame(rest) {
                Ok((frame, rest)) => {
                    black_box(&frame);
                    rest
                }
                Err(_) => return 0,
            },
            Protocol::Resp3 => match resp_rs::resp3::parse_frame(rest) {
                Ok((frame, rest)) => {
                    black_box(&frame);
                    rest
                }
                Err(_) => return 0,
            },
        };
        frames += 1;
    }
    frames
}

fn redis_protocol(bytes: &Bytes, protocol: Protocol) -> usize {
    use redis_protocol::{
        resp2::decode::decode_bytes as resp2, resp3::decode::complete::decode_bytes as resp3,
    };
    let mut rest = bytes.clone();
    let mut frames = 0;
    while !rest.is_empty() {
        let size = match protocol {
            Protocol::Resp2 => match resp2(&rest) {
                Ok(Some((frame, size))) => {
                    black_box(&frame);
                    size
                }
                _ => return 0,
            },
            Protocol::Resp3 => match resp3(&rest) {
                Ok(Some((frame, size))) => {
                    black_box(&frame);
                    size
                }
                _ => return 0,
            },
        };
        rest.advance(size);
        frames += 1;
    }
    frames
}

fn resp2_command(key: &[u8], value: &[u8]) -> redis_protocol::resp2::types::OwnedFrame {
    use redis_protocol::resp2::types::OwnedFrame;
    OwnedFrame::Array([b"SET", key, value].map(|part| OwnedFrame::BulkString(part.to_vec())).into())
}

fn resp3_command(key: &[u8], value: &[u8]) -> redis_protocol::resp3::types::OwnedFrame {
    use redis_protocol::resp3::types::OwnedFrame;
    let bulk = |part: &[u8]| OwnedFrame::BlobString { data: part.to_vec(), attributes: None };
    OwnedFrame::Array { data: [b"SET", key, value].map(bulk).into(), attributes: None }
}

fn write_resp2(frame: &redis_protocol::resp2::types::OwnedFrame, room: &mut [u8]) {
    let written = redis_protocol::resp2::encode::encode(room, frame, false);
    black_box((written.is_ok(), &*room));
}

fn write_resp3(frame: &redis_protocol::resp3::types::OwnedFrame, room: &mut [u8]) {
    let written = redis_protocol::resp3::encode::complete::encode(room, frame, false);
    black_box((written.is_ok(), &*room));
}
