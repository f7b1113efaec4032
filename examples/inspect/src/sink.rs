//! Where decoded replies and requests go.

use std::io;

use zresp::{Decoded, Request};

/// A view of replies and requests, which writes to its own output.
pub(crate) trait Sink {
    /// Says that the next frames come from another input.
    fn input(&mut self, name: &str);

    /// Takes a reply.
    ///
    /// # Errors
    /// Errors of the output, as for all methods.
    fn reply(&mut self, frame: &Decoded<'_>) -> io::Result<()>;

    /// Takes a request.
    fn request(&mut self, request: &Request<'_>) -> io::Result<()>;

    /// Writes everything that is buffered, because the next frame may take long to arrive.
    fn flush(&mut self) -> io::Result<()>;

    /// Says that there are no more frames.
    fn finish(&mut self) -> io::Result<()>;
}
