//! Measures the time of decoding alone.
//!
//! Decoding a frame may take less time than reading the clock, and between two frames the input is read. So
//! frames are collected, and a whole batch is decoded a second time to measure it.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Size of a batch in bytes: decoding it takes far longer than reading the clock twice.
const BATCH: usize = 256 * 1024;

/// Measures the decoding of frames.
pub(crate) struct Stopwatch {
    /// Decodes all the frames of some bytes.
    decode: fn(&[u8]),
    batch: Vec<u8>,
    elapsed: Duration,
}

impl Stopwatch {
    pub(crate) fn of_replies() -> Self {
        Self::new(|frames| zresp::replies(frames).for_each(|frame| _ = black_box(frame)))
    }

    pub(crate) fn of_requests() -> Self {
        Self::new(|frames| zresp::requests(frames).for_each(|frame| _ = black_box(frame)))
    }

    const fn new(decode: fn(&[u8])) -> Self {
        Self { decode, batch: Vec::new(), elapsed: Duration::ZERO }
    }

    /// Measures the decoding of a frame, now or together with others.
    pub(crate) fn add(&mut self, wire: &[u8]) {
        if wire.len() >= BATCH {
            self.elapsed += self.measure(wire);
            return;
        }
        if self.batch.len() + wire.len() > BATCH {
            self.measure_batch();
        }
        self.batch.extend_from_slice(wire);
    }

    /// Returns the time that it took to decode all the frames.
    pub(crate) fn elapsed(&mut self) -> Duration {
        self.measure_batch();
        self.elapsed
    }

    fn measure_batch(&mut self) {
        self.elapsed += self.measure(&self.batch);
        self.batch.clear();
    }

    fn measure(&self, frames: &[u8]) -> Duration {
        let start = Instant::now();
        (self.decode)(black_box(frames));
        start.elapsed()
    }
}
