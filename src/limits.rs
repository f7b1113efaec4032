//! The limits of a frame, and the policies for inline commands and for lines.

#![deny(clippy::arithmetic_side_effects)]

/// The highest limit for elements: a decoder counts the elements of an aggregate in a `u32`.
const MOST_ELEMENTS: usize = u32::MAX as usize;

/// How deep and how long a frame may be, and how many elements an aggregate may have.
///
/// A decoder checks a limit as soon as the byte that exceeds it arrives, which may be a digit of a
/// length. Whatever the limits are, a decoder allocates nothing for an announced length or count, and
/// a codec reserves at most 16 KiB.
///
/// ```
/// use zresp::{Decoder, Limits};
///
/// let limits = Limits::new().with_bulk(1024 * 1024).with_depth(16);
/// let decoder = Decoder::with_limits(limits);
/// # let _ = decoder;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    depth: usize,
    bulk: usize,
    elements: usize,
    frame: usize,
}

impl Limits {
    /// Returns the default limits of replies: 128 levels, 1 GiB for a payload, 2³¹ − 1 elements, 1 GiB
    /// for a frame. For requests, see [`Limits::requests`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            depth: 128,
            bulk: 1024 * 1024 * 1024,
            elements: (1 << 31) - 1,
            frame: 1024 * 1024 * 1024,
        }
    }

    /// Returns the default limits of requests: those of replies, with 512 MiB for an argument.
    #[must_use]
    pub const fn requests() -> Self {
        Self::new().with_bulk(512 * 1024 * 1024)
    }

    /// Returns the limits of Redis for a client that has not authenticated: 10 arguments, 16,384
    /// bytes for each, and 1 MiB for a request.
    ///
    /// The limits for arguments do not apply to inline commands. An inline command may have 64 KiB,
    /// whether or not the client has authenticated.
    #[must_use]
    pub const fn unauthenticated() -> Self {
        Self::new().with_elements(10).with_bulk(16_384).with_frame(1024 * 1024)
    }

    /// Limits that validated bytes cannot exceed, for scanning them a second time.
    pub(crate) const fn none() -> Self {
        Self { depth: usize::MAX, bulk: usize::MAX, elements: MOST_ELEMENTS, frame: usize::MAX }
    }

    /// Returns how deeply aggregates and attributes may be nested, in levels. The default is 128, as
    /// in Envoy (redis-rs has 100, hiredis 1024).
    ///
    /// 0 allows scalars only, 1 also an array of scalars, and so on. Requests are never nested, so
    /// this limit does not apply to them.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// Returns how many bytes a payload may have.
    ///
    /// The default for requests is 512 MiB, Redis's `proto-max-bulk-len`. That does not limit replies:
    /// `DUMP` and scripts answer with more. So the default for replies is that of the frame, 1 GiB.
    ///
    /// The chunks of a streamed string count together, and the format of a verbatim string counts
    /// too. This limit does not apply to lines (`+`, `-`, `(` and the like), which are limited by
    /// [`frame`](Self::frame), nor to inline commands, which are limited by `frame` and by 64 KiB.
    #[doc(alias = "proto-max-bulk-len")]
    #[must_use]
    pub const fn bulk(&self) -> usize {
        self.bulk
    }

    /// Returns how many elements an aggregate may have, or how many arguments a command may have. The
    /// default is 2³¹ − 1, as in Redis 7.
    ///
    /// A pair of a map or an attribute counts as two elements. The arguments of an inline command
    /// are not counted, because servers do not count them.
    #[must_use]
    pub const fn elements(&self) -> usize {
        self.elements
    }

    /// Returns how many bytes a frame may have, including its attributes. The default is 1 GiB,
    /// like Redis's `client-query-buffer-limit`.
    ///
    /// A frame is too long if it is not complete within this limit, or as soon as a header
    /// announces a payload that ends beyond it. Announced elements count only when they arrive.
    /// Bytes that a request skips do not count.
    #[doc(alias = "client-query-buffer-limit")]
    #[must_use]
    pub const fn frame(&self) -> usize {
        self.frame
    }

    /// Returns these limits with another [`depth`](Self::depth), in levels.
    #[must_use]
    pub const fn with_depth(mut self, levels: usize) -> Self {
        self.depth = levels;
        self
    }

    /// Returns these limits with another [`bulk`](Self::bulk), in bytes.
    #[must_use]
    pub const fn with_bulk(mut self, bytes: usize) -> Self {
        self.bulk = bytes;
        self
    }

    /// Returns these limits with another number of [`elements`](Self::elements). A number above
    /// `u32::MAX` becomes `u32::MAX`.
    #[must_use]
    pub const fn with_elements(mut self, elements: usize) -> Self {
        self.elements = if elements > MOST_ELEMENTS { MOST_ELEMENTS } else { elements };
        self
    }

    /// Returns these limits with another [`frame`](Self::frame), in bytes.
    #[must_use]
    pub const fn with_frame(mut self, bytes: usize) -> Self {
        self.frame = bytes;
        self
    }
}

/// What a decoder of requests does with inline commands: commands as lines of text, as people type
/// them.
#[doc(alias = "telnet")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InlinePolicy {
    /// Decodes them, as Redis does.
    #[default]
    Accept,
    /// Refuses them. A request must be an array. Empty lines (LF or CRLF) and empty arrays before it are
    /// still skipped.
    Refuse,
}

/// What a decoder of replies does with lines whose text the specification forbids.
///
/// Some servers send such lines: a script can have Redis and Valkey send any text as a big number, and others
/// send LF inside simple strings and errors. All clients that read them end the line at CRLF.
///
/// ```
/// use zresp::{Decoder, LinePolicy, ReplyRef};
///
/// let reply = b"-ERR bad query at\n  line 1\r\n";
/// assert!(Decoder::new().decode(reply).is_err());
/// let mut decoder = Decoder::new().with_line_policy(LinePolicy::AsSent);
/// let frame = decoder.decode(reply)?.expect("a whole frame");
/// assert_eq!(frame.reply(), ReplyRef::Error(b"ERR bad query at\n  line 1"));
/// # Ok::<(), zresp::Error>(())
/// ```
#[doc(alias = "big number")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LinePolicy {
    /// Refuses them: a big number has only digits after its sign, and no line contains LF.
    #[default]
    Strict,
    /// Decodes them as they are: the text of `+`, `-` and `(` is any bytes except CR, up to CRLF.
    ///
    /// A big number whose text is not a number is returned as text, and its conversion to an integer fails. Lines
    /// that are not [`Strict`](Self::Strict) cannot be encoded again; the frame's [`wire`](crate::Decoded::wire) can
    /// be forwarded.
    AsSent,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
