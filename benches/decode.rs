//! Throughput of decoding: validate and frame, and read every value.

#![allow(missing_docs, reason = "`criterion_group!` makes a public function")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use zresp::{Decoder, ReplyRef};

/// Bulk strings of the same length, one frame each.
fn bulks(count: usize, length: usize) -> Vec<u8> {
    format!("${length}\r\n{}\r\n", "x".repeat(length)).repeat(count).into_bytes()
}

/// Decodes all frames of a buffer; returns how many there were.
fn frames(mut buffer: &[u8], mut each: impl FnMut(ReplyRef<'_>)) -> usize {
    let mut decoder = Decoder::new();
    let mut frames = 0;
    while let Ok(Some(frame)) = decoder.decode(buffer) {
        each(frame.reply);
        frames += 1;
        buffer = &buffer[frame.wire.len()..];
    }
    frames
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode/bulk");
    for length in [8, 32, 256] {
        let corpus = bulks(1_000, length);
        assert_eq!(frames(&corpus, |_| ()), 1_000);
        group.throughput(Throughput::Bytes(corpus.len() as u64));
        group.bench_function(format!("{length:05}b"), |bencher| {
            bencher.iter(|| {
                frames(black_box(&corpus), |reply| {
                    black_box(reply);
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
