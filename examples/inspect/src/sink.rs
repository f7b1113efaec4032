//! Where decoded replies and requests go.

use std::io;

use zresp::{Decoded, Request};

/// A view of replies and requests: what it shows it writes to an output of its own.
pub(crate) trait Sink {
    /// Takes note that the frames from here on are those of another input.
    fn input(&mut self, name: &str);

    /// Takes a reply.
    ///
    /// # Errors
    /// Those of the output; here and below.
    fn reply(&mut self, frame: &Decoded<'_>) -> io::Result<()>;

    /// Takes a request.
    fn request(&mut self, request: &Request<'_>) -> io::Result<()>;

    /// Writes what has been held back: the next frame may be long in coming.
    fn flush(&mut self) -> io::Result<()>;

    /// Takes note that this was all.
    fn finish(&mut self) -> io::Result<()>;
}
