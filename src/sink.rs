//! Where encoded bytes go: into a buffer, or only into a byte count.

use bytes::{BufMut, Bytes};
use memchr::memchr2_iter;

/// Takes bytes in order.
pub trait Sink {
    /// Takes bytes.
    fn put(&mut self, bytes: &[u8]);

    /// Takes a type byte, a number and a line end.
    fn header(&mut self, type_byte: u8, number: usize);

    /// Announces a buffer that contains the bytes of the next `put` calls, so that a sink may share it
    /// instead of copying them.
    #[inline]
    fn lend(&mut self, _: &Bytes) {}

    /// Takes a payload, and adds its header and its line end.
    #[inline]
    fn payload(&mut self, type_byte: u8, payload: &[u8]) {
        self.header(type_byte, payload.len());
        self.put(payload);
        self.put(b"\r\n");
    }

    /// Takes a text, and adds its type byte and its line end.
    #[inline]
    fn line(&mut self, type_byte: u8, text: &[u8]) {
        self.put(&[type_byte]);
        self.put(text);
        self.put(b"\r\n");
    }
}

/// Writes to a buffer that has enough room.
pub(crate) struct Out<'b, B>(pub(crate) &'b mut B);

impl<B: BufMut> Sink for Out<'_, B> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0.put_slice(bytes);
    }

    /// Writes numbers below 100 with a single `put_slice`.
    ///
    /// Most headers are that short, and each `put_slice` checks the room and calls `memcpy`. With `itoa` alone,
    /// `write/set` of `benches/instructions.rs` takes 15 to 22 % more instructions.
    #[inline]
    fn header(&mut self, type_byte: u8, number: usize) {
        #[allow(clippy::cast_possible_truncation, reason = "less than ten")]
        let digit = |value: usize| b'0' + value as u8;
        match number {
            0..10 => self.0.put_slice(&[type_byte, digit(number), b'\r', b'\n']),
            10..100 => {
                let digits = [digit(number / 10), digit(number % 10)];
                self.0.put_slice(&[type_byte, digits[0], digits[1], b'\r', b'\n']);
            }
            _ => {
                self.0.put_u8(type_byte);
                self.0.put_slice(itoa::Buffer::new().format(number).as_bytes());
                self.0.put_slice(b"\r\n");
            }
        }
    }
}

/// Counts the bytes that would be written. The count stops at `usize::MAX`: on 32 bits, values that share a payload
/// can be longer.
#[derive(Default)]
pub(crate) struct ByteCount(usize);

impl ByteCount {
    pub(crate) const fn get(&self) -> usize {
        self.0
    }

    #[inline]
    const fn add(&mut self, count: usize) {
        self.0 = self.0.saturating_add(count);
    }
}

impl Sink for ByteCount {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.add(bytes.len());
    }

    #[inline]
    fn header(&mut self, _: u8, number: usize) {
        self.add(header_size(number));
    }

    /// Adds once. No slice is so long that the sum overflows.
    #[inline]
    fn payload(&mut self, _: u8, payload: &[u8]) {
        self.add(header_size(payload.len()) + payload.len() + 2);
    }

    #[inline]
    fn line(&mut self, _: u8, text: &[u8]) {
        self.add(1 + text.len() + 2);
    }
}

/// Returns the size of a type byte, the digits of a number, and CR and LF.
#[inline]
const fn header_size(number: usize) -> usize {
    let more_digits = match number.checked_ilog10() {
        Some(more) => more as usize,
        None => 0,
    };
    1 + 1 + more_digits + 2
}

/// Writes a text with a space in place of each CR and LF.
pub(crate) fn write_in_one_line(text: &[u8], sink: &mut impl Sink) {
    let mut start = 0;
    for at in memchr2_iter(b'\r', b'\n', text) {
        sink.put(text.get(start..at).unwrap_or_default());
        sink.put(b" ");
        start = at + 1;
    }
    sink.put(text.get(start..).unwrap_or_default());
}
