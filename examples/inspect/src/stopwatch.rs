//! How long decoding takes, and nothing else.
//!
//! A frame may be decoded in less time than it takes to read the clock, and between two frames
//! there is the reading of the input. So frames are gathered, and a whole batch is decoded once
//! more against the clock.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Decoding this many bytes takes long against reading the clock twice.
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

    /// Measures a frame, by its bytes; now or together with others.
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

    /// Returns the time that the decoding of all the frames took.
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
