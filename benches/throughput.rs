//! Throughput over seeded corpora: `cargo bench`, or `cargo bench -- decode/bulk` for a part of it.
//!
//! - `decode` validates and frames; `read` also reads every value through the iterators, and `tokens` through
//!   the flat pass; `reader` reads every value in the pass that validates it
//! - `request` decodes requests; `route` also finds their keys and slots; `lookup` only finds names in the command table
//! - `chunked` decodes bytes that arrive in several reads
//! - `latency` decodes one small frame with a new decoder
//! - `own` decodes and keeps each frame; `write` encodes; `typed` decodes to serde types
//! - `framer` finds boundaries in chunks that are not kept
//!
//! `route`, `lookup` and `typed` need `--all-features`. `decode`, `framer` and `chunked` count bytes, the others elements.
//! `cargo run --release -p zresp-peers` compares the crate with others and with the limit.

#![allow(missing_docs, reason = "`criterion_group!` makes a public function")]

mod corpus;
#[path = "work/owning.rs"]
mod owning;
#[path = "work/requests.rs"]
mod requests;
mod work;

use std::hint::black_box;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use corpus::Corpus;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use zresp::{Decoded, Decoder};

/// Benches a pass over each corpus.
fn over_corpora(
    criterion: &mut Criterion,
    name: &str,
    corpora: Vec<Corpus>,
    throughput: fn(&Corpus) -> Throughput,
    pass: fn(&[u8]) -> usize,
) {
    let mut group = group(criterion, name);
    for corpus in corpora {
        assert_eq!(pass(&corpus.bytes), corpus.frames, "{}", corpus.name);
        group.throughput(throughput(&corpus));
        group.bench_function(corpus.name, |bencher| {
            bencher.iter(|| pass(black_box(&corpus.bytes)));
        });
    }
    group.finish();
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    group
}

fn bytes(corpus: &Corpus) -> Throughput {
    Throughput::Bytes(corpus.bytes.len() as u64)
}

fn elements(corpus: &Corpus) -> Throughput {
    Throughput::Elements(corpus.elements as u64)
}

fn decode(criterion: &mut Criterion) {
    over_corpora(criterion, "decode", corpus::all(), bytes, work::decode);
}

fn read(criterion: &mut Criterion) {
    over_corpora(criterion, "read", corpus::all(), elements, work::read);
}

fn tokens(criterion: &mut Criterion) {
    over_corpora(criterion, "tokens", corpus::all(), elements, work::tokens);
}

fn reader(criterion: &mut Criterion) {
    over_corpora(criterion, "reader", corpus::all(), elements, work::reader);
}

fn frames(corpus: &Corpus) -> Throughput {
    Throughput::Elements(corpus.frames as u64)
}

fn request(criterion: &mut Criterion) {
    over_corpora(criterion, "request", corpus::requests(), frames, requests::decode);
    #[cfg(all(feature = "commands", feature = "cluster"))]
    over_corpora(criterion, "route", corpus::requests(), frames, requests::route);
    #[cfg(feature = "commands")]
    lookup(criterion);
}

/// The command table alone: one name again and again, and several.
#[cfg(feature = "commands")]
fn lookup(criterion: &mut Criterion) {
    let mut group = group(criterion, "lookup");
    for (name, names) in [("get", vec![b"GET".to_vec(); 4_000]), ("mixed", corpus::names())] {
        assert_eq!(requests::lookups(&names), names.len());
        group.throughput(Throughput::Elements(names.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| requests::lookups(black_box(&names))));
    }
    group.finish();
}

fn chunked(criterion: &mut Criterion) {
    let bytes = corpus::many_bulks();
    let mut group = group(criterion, "chunked");
    group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(20);
    for (name, size) in [("001400b", 1_400), ("016384b", 16_384), ("whole", bytes.len())] {
        assert_eq!(work::chunked(&bytes, size), corpus::MANY_BULKS);
        group.bench_function(name, |bencher| {
            bencher.iter(|| work::chunked(black_box(&bytes), size));
        });
    }
    group.finish();
}

fn latency(criterion: &mut Criterion) {
    let mut group = group(criterion, "latency");
    group.throughput(Throughput::Elements(1));
    let frames: [(&str, &[u8]); 4] = [
        ("ok", b"+OK\r\n"),
        ("integer", b":1\r\n"),
        ("bulk", b"$5\r\nhello\r\n"),
        ("get", b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"),
    ];
    let kind = |result: Result<Option<Decoded<'_>>, _>| {
        result.ok().flatten().map(|frame| (frame.wire().len(), frame.reply().kind()))
    };
    for (name, frame) in frames {
        group.bench_function(name, |bencher| {
            bencher.iter(|| kind(zresp::decode(black_box(frame))));
        });
        group.bench_function(format!("decoder-{name}"), |bencher| {
            bencher.iter(|| kind(Decoder::new().decode(black_box(frame))));
        });
    }
    group.finish();
}

/// Subtract `decode` from the others to get the cost of owning.
fn own(criterion: &mut Criterion) {
    let mut group = group(criterion, "own");
    for corpus in corpus::all() {
        let Corpus { name, bytes, .. } = &corpus;
        group.throughput(frames(&corpus));
        let mut buffer = BytesMut::new();
        group.bench_function(format!("decode/{name}"), |bencher| {
            bencher.iter(|| owning::decode(&mut buffer, black_box(bytes)));
        });
        group.bench_function(format!("frame/{name}"), |bencher| {
            bencher.iter(|| owning::frames(&mut buffer, black_box(bytes)));
        });
        let shared = Bytes::copy_from_slice(bytes);
        group.bench_function(format!("reply/{name}"), |bencher| {
            bencher.iter(|| owning::replies(black_box(&shared)));
        });
        group.bench_function(format!("copy/{name}"), |bencher| {
            bencher.iter(|| owning::copies(black_box(bytes)));
        });
    }
    group.finish();
}

fn write(criterion: &mut Criterion) {
    let mut group = group(criterion, "write");
    let mut out = Vec::new();
    let assignments = corpus::assignments();
    group.throughput(Throughput::Elements(assignments.len() as u64));
    for (name, write) in [
        ("arguments", owning::arguments as fn(&[u8], &[u8], &mut Vec<u8>)),
        ("command-buf", owning::command_buf),
    ] {
        group.bench_function(format!("set/100b/{name}"), |bencher| {
            bencher.iter(|| {
                for (key, value) in black_box(&assignments) {
                    write(key, value, &mut out);
                }
            });
        });
    }
    let corpus = corpus::maps();
    let shared = Bytes::copy_from_slice(&corpus.bytes);
    group.throughput(frames(&corpus));
    group.bench_function("downgrade/20-fields/view", |bencher| {
        bencher.iter(|| owning::downgrade(black_box(&corpus.bytes), &mut out));
    });
    group.bench_function("downgrade/20-fields/tree", |bencher| {
        bencher.iter(|| owning::downgrade_trees(black_box(&shared), &mut out));
    });
    group.finish();
}

#[cfg(feature = "serde")]
fn typed(criterion: &mut Criterion) {
    use std::collections::HashMap;

    use corpus::typed::{Record, integers, record, texts};
    use serde::de::DeserializeOwned;

    fn read<T: DeserializeOwned>(frame: &[u8]) -> Option<T> {
        zresp::de::from_bytes(frame).ok()??.0.ok()
    }

    let mut group = group(criterion, "typed");
    let frame = record();
    group.bench_function("struct/10-fields", |b| b.iter(|| read::<Record>(black_box(&frame))));
    let frame = integers();
    group.bench_function("vec/1000-i64", |b| b.iter(|| read::<Vec<i64>>(black_box(&frame))));
    let frame = texts();
    group.bench_function("hash-map/100-strings", |b| {
        b.iter(|| read::<HashMap<String, String>>(black_box(&frame)));
    });
    group.finish();
}

#[cfg(not(feature = "serde"))]
fn typed(_: &mut Criterion) {}

fn framer(criterion: &mut Criterion) {
    let bytes = corpus::mixed();
    let frames = work::decode(&bytes);
    let mut group = group(criterion, "framer");
    group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(20);
    group.bench_function("decode-whole", |bencher| {
        bencher.iter(|| work::decode(black_box(&bytes)));
    });
    for (name, size) in [("001400b", 1_400), ("016384b", 16_384), ("262144b", 262_144)] {
        assert_eq!(work::framed(&bytes, size), frames);
        group.bench_function(name, |bencher| {
            bencher.iter(|| work::framed(black_box(&bytes), size));
        });
    }
    group.finish();
}

criterion_group!(
    benches, decode, read, tokens, reader, request, chunked, latency, own, write, typed, framer
);
criterion_main!(benches);
