//! Commands that are still arriving: [`PartialCommand`].

use super::Args;

/// The arguments of a command that have arrived whole, while others are still missing.
#[derive(Debug, Clone)]
pub struct PartialCommand<'a> {
    len: u32,
    args: Args<'a>,
}

impl<'a> PartialCommand<'a> {
    pub(crate) const fn new(len: u32, args: Args<'a>) -> Self {
        Self { len, args }
    }

    /// Returns the number of arguments that the command will have, including the name.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a command is never empty")]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns an iterator over the arguments that have arrived. The name comes first.
    #[must_use]
    pub fn args(&self) -> Args<'a> {
        self.args.clone()
    }

    /// Returns the name of the command, if it has arrived.
    #[must_use]
    pub fn name(&self) -> Option<&'a [u8]> {
        self.arg(0)
    }

    /// Returns an argument, if it has arrived. Argument 0 is the name.
    #[must_use]
    pub fn arg(&self, index: usize) -> Option<&'a [u8]> {
        self.args().nth(index)
    }
}
