//! Commands that are still arriving: [`PartialCommand`].

use core::ops::Range;

use super::{Args, CommandRef};

/// The arguments of a command that have arrived whole, while others are still missing.
///
/// [`encode::CommandPatch`](crate::encode::CommandPatch) changes them before they are forwarded.
#[derive(Debug, Clone, Copy)]
pub struct PartialCommand<'a> {
    /// The wire holds all arguments that have arrived, and the beginning of the next one.
    begun: CommandRef<'a>,
}

impl<'a> PartialCommand<'a> {
    /// Returns a command with `len` arguments. `header` is the size of its header.
    pub(crate) const fn new(wire: &'a [u8], header: usize, len: u32) -> Self {
        Self { begun: CommandRef::new(wire, header, len) }
    }

    /// Returns the command as if it were whole.
    pub(crate) const fn begun(&self) -> CommandRef<'a> {
        self.begun
    }

    /// Returns the number of arguments that the command will have, including the name.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a command is never empty")]
    pub const fn len(&self) -> usize {
        self.begun.len()
    }

    /// Returns an iterator over the arguments that have arrived. The name comes first.
    #[must_use]
    pub fn args(&self) -> Args<'a> {
        self.begun.args()
    }

    /// Returns the name of the command, if it has arrived.
    #[must_use]
    pub fn name(&self) -> Option<&'a [u8]> {
        self.arg(0)
    }

    /// Returns an argument, if it has arrived. Argument 0 is the name.
    #[must_use]
    pub fn arg(&self, index: usize) -> Option<&'a [u8]> {
        self.begun.arg(index)
    }

    /// Returns the range of an argument in [`wire`](Self::wire), if it has arrived.
    ///
    /// ```
    /// use zresp::CommandDecoder;
    ///
    /// let mut decoder = CommandDecoder::new();
    /// let buffer = b"\r\n*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000000\r\nxxxx";
    /// assert!(decoder.decode(buffer)?.is_none());
    /// let partial = decoder.partial(buffer).expect("a command has begun");
    /// assert_eq!(partial.arg_span(1), Some(17..20));
    /// assert_eq!(&partial.wire()[17..20], b"key");
    /// assert_eq!(partial.arg_span(2), None);
    /// # Ok::<(), zresp::Error>(())
    /// ```
    #[must_use]
    pub fn arg_span(&self, index: usize) -> Option<Range<usize>> {
        self.begun.arg_span(index)
    }

    /// Returns the bytes of the command that have arrived, including those of an unfinished argument.
    ///
    /// They are the end of the buffer. The empty lines and empty arrays before the command are not among them.
    #[must_use]
    pub const fn wire(&self) -> &'a [u8] {
        self.begun.wire()
    }
}
