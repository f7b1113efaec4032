//! What recent traffic looked like, to recognise the next frames by.
//!
//! Traffic comes in runs of frames that are alike. Each of the three caches replaces a chain of
//! dependent loads (a header says where the next header is) by comparisons that the processor can
//! run ahead of. What each brings and costs is in `docs/ARCHITECTURE.md`.

mod bulk;
mod command;
mod frame;

use bulk::RecentBulks;
use command::RecentCommand;
use frame::FrameLayout;

pub(crate) use frame::{Alike, AlikeForm};

/// The three caches of a validator. Nothing in them is trusted: what they recognise is compared with
/// the bytes of the input, and all that they hold was within the limits in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Learned {
    pub(super) bulks: RecentBulks,
    pub(super) command: RecentCommand,
    frame: Option<FrameLayout>,
    /// The length of the last frame of a form that could be learned.
    last_size: usize,
}

impl Learned {
    /// Caches that recognise nothing. A function, not a constant: a constant is copied whole, with the
    /// bytes that `None` leaves unwritten (a lone `GET` with a new decoder: 302 instructions, not 431).
    #[inline(always)]
    pub(crate) const fn nothing() -> Self {
        Self { bulks: RecentBulks::NONE, command: RecentCommand::NONE, frame: None, last_size: 0 }
    }

    /// Returns the frame that the input begins with if its layout is that of a recent one.
    #[inline(always)]
    pub(super) fn frame_alike<'a>(&self, input: &'a [u8]) -> Option<Alike<'a>> {
        self.frame.as_ref()?.matches(input)
    }

    /// Learns the layout of a validated frame, if the one before was as long: in mixed traffic to
    /// learn each frame would cost more than it brings.
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
