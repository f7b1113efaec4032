//! Caches of the layout of recent frames, to recognise the next ones.
//!
//! Traffic comes in runs of frames that are alike. Each of the three caches replaces a chain of
//! dependent loads (a header says where the next header is) with comparisons that do not depend on each
//! other. `docs/ARCHITECTURE.md` says what each of them gains and costs.

mod bulk;
mod command;
mod frame;

use bulk::RecentBulks;
use command::RecentCommand;
use frame::FrameLayout;

pub(crate) use frame::{Alike, AlikeForm};

/// The three caches of a validator. Nothing in the caches is trusted: a frame is recognised only by
/// comparing its bytes, and everything that the caches hold was checked against the limits in
/// force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Learned {
    pub(super) bulks: RecentBulks,
    pub(super) command: RecentCommand,
    frame: Option<FrameLayout>,
    /// The size of the last frame that was noticed.
    last_size: usize,
}

impl Learned {
    /// Caches that recognise nothing. A function rather than a constant: a constant would be copied
    /// whole, including the bytes that `None` leaves uninitialised (431 instructions instead of 302 for
    /// a lone `GET` with a new decoder).
    #[inline(always)]
    pub(crate) const fn nothing() -> Self {
        Self { bulks: RecentBulks::NONE, command: RecentCommand::NONE, frame: None, last_size: 0 }
    }

    /// Returns the frame at the front of the input, if its layout is that of a recent frame.
    #[inline(always)]
    pub(super) fn frame_alike<'a>(&self, input: &'a [u8]) -> Option<Alike<'a>> {
        self.frame.as_ref()?.matches(input)
    }

    /// Learns the layout of a validated frame, if the last frame that was noticed had the same size. In
    /// mixed traffic, learning every frame would cost more than it gains.
    #[inline(always)]
    pub(super) fn notice_frame(&mut self, wire: &[u8]) {
        if wire.len() == self.last_size {
            self.learn_frame(wire);
        }
        self.last_size = wire.len();
    }

    /// Out of line: it runs once for a run of frames that are alike.
    #[inline(never)]
    fn learn_frame(&mut self, wire: &[u8]) {
        self.frame = FrameLayout::of(wire).or(self.frame);
    }
}
