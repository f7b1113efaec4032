//! Where decoded replies go.

use std::io;

use zresp::Decoded;

/// A view of replies: what it shows it writes to an output of its own.
pub(crate) trait Sink {
    /// Takes note that the replies from here on are those of another input.
    fn input(&mut self, name: &str);

    /// Takes a frame.
    ///
    /// # Errors
    /// Those of the output; here and below.
    fn reply(&mut self, frame: &Decoded<'_>) -> io::Result<()>;

    /// Writes what has been held back: the next reply may be long in coming.
    fn flush(&mut self) -> io::Result<()>;

    /// Takes note that this was all.
    fn finish(&mut self) -> io::Result<()>;
}
