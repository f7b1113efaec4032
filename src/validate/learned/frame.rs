//! The layout of a frame, to recognise frames that are alike.
//!
//! Examples are `GET` with keys of equal length, values of equal length, `+OK`. Two frames are
//! alike if they have the same size, and the same headers and line ends at the same places. Comparing
//! these takes no parsing, and no comparison waits for another: the end of the frame is known at once,
//! and the branch predictor runs ahead to the next frame.

use core::num::NonZeroUsize;

use crate::lex::word;

/// How many words of a frame are compared after the first: enough for a command with a short name and
/// two arguments of up to 999 bytes.
const WORDS: usize = 2;

/// What frames that are alike have in common: everything except their payloads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameLayout {
    /// Which bits of the first word are compared.
    mask: u64,
    /// The first word, with the bits that are not compared set to zero.
    bytes: u64,
    /// The other places that are compared in an array. Those that are not needed match anything.
    words: [FixedBytes; WORDS],
    /// The size of the frame in bytes.
    size: NonZeroUsize,
    /// The size of its first header in bytes.
    header: usize,
    form: AlikeForm,
}

/// The forms of frames that are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlikeForm {
    Bulk,
    /// A simple string that fits in one word: all of it is compared.
    Simple,
    /// An array of this many bulk strings.
    Array(u32),
}

/// Up to eight bytes that are the same in all frames that are alike.
#[derive(Debug, Clone, Copy)]
struct FixedBytes {
    at: usize,
    mask: u64,
    bytes: u64,
}

impl FrameLayout {
    /// Returns the layout of a validated frame; `None` if it has another form than those of
    /// [`AlikeForm`], or if its headers do not fit in the words that are compared.
    #[inline]
    pub(crate) fn of(wire: &[u8]) -> Option<Self> {
        let word = word::first(wire)?;
        let mut words = [FixedBytes::ANY; WORDS];
        let (form, header, mut at) = match (word::first_byte(word), word::number(word)) {
            (b'*', Some((elements, header))) => (AlikeForm::Array(elements), header, header),
            (b'$', Some((_, header))) => (AlikeForm::Bulk, header, 0),
            (b'+', _) => (AlikeForm::Simple, 1, wire.len()),
            _ => return None,
        };
        let fixed = if form == AlikeForm::Simple { wire.len() } else { header };
        let mut first = FixedBytes::of(wire, 0, fixed)?;
        let mut free = words.iter_mut();
        while at < wire.len() {
            let tail = wire.get(at..)?;
            let (bulk_header, payload, _) = word::bulk(word::first(tail)?, tail)?;
            let end = at + bulk_header;
            // An array's own header and that of its first element may fit in one word.
            match FixedBytes::of(wire, 0, end) {
                Some(both) => first = both,
                // Together with the line end before it.
                None => *free.next()? = FixedBytes::of(wire, at.checked_sub(2)?, end)?,
            }
            at = end + payload.len() + 2;
        }
        let FixedBytes { mask, bytes, .. } = first;
        Some(Self { mask, bytes, words, size: NonZeroUsize::new(wire.len())?, header, form })
    }

    /// Whether the input is long enough for a frame that is alike.
    #[inline(always)]
    pub(crate) const fn fits(&self, input: &[u8]) -> bool {
        input.len() >= self.size.get()
    }

    /// Returns the frame at the front of the input, if it is alike.
    #[inline(always)]
    pub(crate) fn matches<'a>(&self, input: &'a [u8]) -> Option<Alike<'a>> {
        let word = u64::from_le_bytes(*input.first_chunk()?);
        if word & self.mask != self.bytes {
            return None;
        }
        let wire = input.get(..self.size.get())?;
        let body = wire.strip_suffix(b"\r\n")?;
        // One arm for each form, so that its view is built in its own branch of the caller's loop.
        match self.form {
            form @ AlikeForm::Bulk => {
                let content = body.get(self.header..).unwrap_or_default();
                Some(Alike { wire, content, header: self.header, form })
            }
            form @ AlikeForm::Simple => {
                let content = body.get(1..).unwrap_or_default();
                Some(Alike { wire, content, header: self.header, form })
            }
            form @ AlikeForm::Array(_) => {
                let [second, third] = &self.words;
                let is_alike = second.is_in(wire) && third.is_in(wire);
                let content = wire.get(self.header..).unwrap_or_default();
                is_alike.then_some(Alike { wire, content, header: self.header, form })
            }
        }
    }
}

/// A frame that matched a [`FrameLayout`].
pub(crate) struct Alike<'a> {
    /// The whole frame.
    pub(crate) wire: &'a [u8],
    /// The payload or the text; the elements of an array.
    pub(crate) content: &'a [u8],
    /// The size of the first header in bytes.
    pub(crate) header: usize,
    pub(crate) form: AlikeForm,
}

impl FixedBytes {
    /// Matches any eight bytes.
    const ANY: Self = Self { at: 0, mask: 0, bytes: 0 };

    /// The bytes from `at` to `end`, if they fit in a word.
    fn of(wire: &[u8], at: usize, end: usize) -> Option<Self> {
        let size = end.checked_sub(at).filter(|size| (1..=8).contains(size))?;
        let word = word::first(wire.get(at..)?)?;
        let mask = u64::MAX >> (64 - 8 * size);
        Some(Self { at, mask, bytes: word & mask })
    }

    #[inline(always)]
    fn is_in(&self, wire: &[u8]) -> bool {
        let word = wire.get(self.at..).and_then(|tail| tail.first_chunk());
        word.is_some_and(|bytes| u64::from_le_bytes(*bytes) & self.mask == self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_frames_of_the_same_headers_are_alike() {
        let frames: [&[u8]; 16] = [
            b"$8\r\nabcdefgh\r\n",
            b"$10\r\nabcdefghij\r\n",
            b"$100\r\n\r\n",
            b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n",
            b"*2\r\n$3\r\nGET\r\n$4\r\nkeys\r\n",
            b"*2\r\n$4\r\nGETX\r\n$2\r\nke\r\n",
            b"*1\r\n$12\r\nGETX$2ke....\r\n",
            b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n",
            b"*3\r\n$3\r\nSET\r\n$5\r\nvalue\r\n$3\r\nkey\r\n",
            b"*3\r\n$3\r\nSET\r\n$16\r\n0123456789abcdef\r\n$100\r\n",
            b"*1\r\n$4\r\nPING\r\n",
            b"*1\r\n$4\r\nPONG\r\n",
            b"+OK\r\n",
            b"+KO\r\n",
            b"+QUEUE\r\n",
            b"+QUEUED\r\n",
        ];
        let mut learned = 0;
        for frame in frames {
            let Some(layout) = FrameLayout::of(frame) else { continue };
            learned += 1;
            for other in frames {
                let other_is_alike = FrameLayout::of(other).is_some_and(|of_other| {
                    let words = |layout: &FrameLayout| {
                        let places = layout.words.map(|place| (place.at, place.bytes));
                        (layout.bytes, places)
                    };
                    words(&of_other) == words(&layout) && other.len() == frame.len()
                });
                // A frame shorter than a word needs something after it.
                let needs_more = other.len() < 8;
                assert_eq!(layout.matches(other).is_some(), other_is_alike && !needs_more);
                let longer = [other, b"*1\r\n"].concat();
                assert_eq!(layout.matches(&longer).is_some(), other_is_alike);
            }
            for cut in 0..frame.len() {
                assert!(layout.matches(&frame[..cut]).is_none());
            }
            for place in 0..2 {
                let mut broken = frame.to_vec();
                broken[frame.len() - 2 + place] = b'x';
                assert!(layout.matches(&broken).is_none());
            }
        }
        assert_eq!(learned, 13, "frames whose layout is learned");
    }

    #[test]
    fn every_byte_is_compared_but_those_of_payloads() {
        // Each frame alternates between parts that are compared and payloads, which are not.
        let frames: [&[&str]; 6] = [
            &["$8\r\n", "abcdefgh", "\r\n"],
            &["+QUEUE\r\n"],
            &["*1\r\n$4\r\n", "PING", "\r\n"],
            &["*2\r\n$3\r\n", "GET", "\r\n$3\r\n", "key", "\r\n"],
            &["*3\r\n$3\r\n", "SET", "\r\n$3\r\n", "key", "\r\n$5\r\n", "value", "\r\n"],
            &["*3\r\n$3\r\n", "SET", "\r\n$16\r\n", "0123456789abcdef", "\r\n$0\r\n", "", "\r\n"],
        ];
        for frame in frames {
            let wire = frame.concat();
            let layout = FrameLayout::of(wire.as_bytes()).unwrap();
            let is_fixed = frame
                .iter()
                .enumerate()
                .flat_map(|(number, part)| part.bytes().map(move |_| number % 2 == 0));
            for (place, is_fixed) in is_fixed.enumerate() {
                let mut other = wire.clone().into_bytes();
                other[place] ^= 1;
                assert_eq!(layout.matches(&other).is_none(), is_fixed, "{wire:?} at {place}");
            }
        }
    }
}
