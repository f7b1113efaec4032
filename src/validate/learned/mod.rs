//! What traffic looked like a moment ago, to recognise what comes next.
//!
//! Traffic comes in runs that are alike: whole frames ([`frame`]), beginnings of commands ([`command`]),
//! and bulk strings inside a list ([`bulk`]). Each of the three replaces a chain of dependent loads (a header
//! says where the next header is) with comparisons that do not depend on each other. The first two are
//! caches and keep what they compare in [`Learned`]; the third compares a string with the one before it.
//! `docs/ARCHITECTURE.md` says what each of them gains and costs.

mod bulk;
mod command;
mod frame;

use command::RecentCommand;
use frame::FrameLayout;

pub(super) use bulk::pass_equal;
pub(crate) use frame::{Alike, AlikeForm};

/// Which caches are in use: all, except in the builds of `benches/ablation.py`, which measures what each
/// of them gains and costs.
const FRAME: bool = !cfg!(zresp_without = "frame");
const COMMAND: bool = !cfg!(zresp_without = "command");
pub(super) const BULK: bool = !cfg!(zresp_without = "bulk");

/// The caches of a validator. Nothing in the caches is trusted: a frame is recognised only by
/// comparing its bytes, and everything that the caches hold was checked against the limits in
/// force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Learned {
    command: RecentCommand,
    frame: Option<FrameLayout>,
    /// The size of the last frame that was noticed.
    last_size: usize,
    /// How many noticed frames in a row had the same size as the one before them.
    run: u32,
}

impl Learned {
    /// Caches that recognise nothing. A function rather than a constant: a constant would be copied
    /// whole, including the bytes that `None` leaves uninitialised (431 instructions instead of 302 for
    /// a lone `GET` with a new decoder).
    #[inline(always)]
    pub(crate) const fn nothing() -> Self {
        Self { command: RecentCommand::NONE, frame: None, last_size: 0, run: 0 }
    }

    /// Returns the frame at the front of the input, if its layout is that of a recent frame. Otherwise the
    /// run of frames that are alike is over, and the layout is forgotten: comparing it with every frame of
    /// mixed traffic would cost more than it gains.
    #[inline(always)]
    pub(super) fn frame<'a>(&mut self, input: &'a [u8]) -> Option<Alike<'a>> {
        if !FRAME {
            return None;
        }
        let layout = self.frame.as_ref()?;
        let alike = layout.matches(input);
        if alike.is_none() && layout.fits(input) {
            self.frame = None;
        }
        alike
    }

    /// If the input begins like a recent command, returns how many values the array has, and what
    /// follows the first of them.
    #[inline(always)]
    pub(super) fn command<'a>(&self, input: &'a [u8]) -> Option<(u32, &'a [u8])> {
        if COMMAND { self.command.pass(input) } else { None }
    }

    /// Learns the layout of a validated frame, if it is the third in a row of the same size. Two in a row
    /// are often a coincidence. Counting has no branch, which mixed traffic would mispredict.
    #[inline(always)]
    pub(super) fn notice_frame(&mut self, wire: &[u8]) {
        if FRAME {
            self.run = (self.run + 1) * u32::from(wire.len() == self.last_size);
            self.last_size = wire.len();
            if self.run > 1 {
                self.learn_frame(wire);
            }
        }
    }

    /// Out of line: it runs once for a run of frames that are alike.
    #[inline(never)]
    fn learn_frame(&mut self, wire: &[u8]) {
        self.run = 0;
        self.frame = FrameLayout::of(wire);
    }

    /// Notices a validated array of `values` bulk strings that begins with `word`: see
    /// [`RecentCommand::notice`].
    #[inline(always)]
    pub(super) fn notice_command(&mut self, word: u64, wire: &[u8], size: usize, values: u32) {
        if COMMAND {
            self.command.notice(word, wire, size, values);
        }
    }
}
