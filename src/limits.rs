//! How much one frame may ask of its reader.

#![deny(clippy::arithmetic_side_effects)]

/// The most elements that a level of nesting counts.
const MOST_ELEMENTS: usize = u32::MAX as usize;

/// How deep, how long and how many one frame may be.
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
    /// Returns the default limits; each method below says its own.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            depth: 128,
            bulk: 512 * 1024 * 1024,
            elements: (1 << 31) - 1,
            frame: 1024 * 1024 * 1024,
        }
    }

    /// Returns Redis's limits for a client that has not authenticated: 10 arguments of 16,384 bytes,
    /// and 1 MiB for a request. Inline commands have their own limit, 64 KiB for a line of any arguments.
    #[must_use]
    pub const fn unauthenticated() -> Self {
        Self::new().with_elements(10).with_bulk(16_384).with_frame(1024 * 1024)
    }

    /// Limits that no slice in memory can exceed: for bytes that were validated before.
    pub(crate) const fn none() -> Self {
        Self { depth: usize::MAX, bulk: usize::MAX, elements: MOST_ELEMENTS, frame: usize::MAX }
    }

    /// Returns how many aggregates and attributes may be open, one inside the other: 128 by
    /// default, as Envoy does it (redis-rs: 100, hiredis: 1024).
    ///
    /// 0 allows no aggregate, 1 an array of scalars, and so on.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// Returns how many bytes one payload may have: 512 MiB by default, which is Redis's
    /// `proto-max-bulk-len`.
    ///
    /// The chunks of a streamed string count together; the format of a verbatim string counts.
    /// Lines (`+`, `-`, `(` and the like) are bounded by [`frame`](Self::frame) alone, inline commands by it
    /// and by 64 KiB, whatever their arguments.
    #[must_use]
    pub const fn bulk(&self) -> usize {
        self.bulk
    }

    /// Returns how many elements one aggregate may have: 2³¹ − 1 by default, as in Redis 7.
    ///
    /// A map or attribute has two elements for each of its pairs. The arguments of an inline command are not
    /// counted, as servers do not count them. Nothing is ever allocated from
    /// an announced count, whatever this limit is.
    #[must_use]
    pub const fn elements(&self) -> usize {
        self.elements
    }

    /// Returns how many bytes one frame may have from its first byte to its last, attributes
    /// included: 1 GiB by default, which is Redis's `client-query-buffer-limit`.
    ///
    /// It is exceeded by a frame that is not complete with so many bytes, or by a length prefix whose payload
    /// ends beyond it. Elements that are announced and have not come do not count.
    #[must_use]
    pub const fn frame(&self) -> usize {
        self.frame
    }

    /// Sets [`depth`](Self::depth), in levels.
    #[must_use]
    pub const fn with_depth(mut self, levels: usize) -> Self {
        self.depth = levels;
        self
    }

    /// Sets [`bulk`](Self::bulk), in bytes.
    #[must_use]
    pub const fn with_bulk(mut self, bytes: usize) -> Self {
        self.bulk = bytes;
        self
    }

    /// Sets [`elements`](Self::elements).
    #[must_use]
    pub const fn with_elements(mut self, elements: usize) -> Self {
        self.elements = if elements > MOST_ELEMENTS { MOST_ELEMENTS } else { elements };
        self
    }

    /// Sets [`frame`](Self::frame), in bytes.
    #[must_use]
    pub const fn with_frame(mut self, bytes: usize) -> Self {
        self.frame = bytes;
        self
    }
}

/// What a decoder of requests does with inline commands: lines of text that are no arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InlinePolicy {
    /// Decodes them, as Redis does.
    #[default]
    Accept,
    /// Refuses any request that does not begin with `*`, but for empty lines.
    Refuse,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
