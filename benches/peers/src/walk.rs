//! The limit: a walk that trusts every length and checks nothing.
//!
//! It reads lengths with loads of eight bytes, finds line ends with `memchr`, and counts the values that
//! are still to come. It reads past its input unless that is whole valid frames. A parser that checks its
//! input can only be faster if it knows more than the next length.

use memchr::memchr;

/// Bytes that must follow the frames, for the last load.
pub const PADDING: usize = 16;

/// Returns the number of frames.
///
/// # Safety
/// `bytes` must be whole valid frames of RESP2 or RESP3 without attributes or streamed forms, followed by
/// `PADDING` more bytes.
pub unsafe fn frames(bytes: &[u8]) -> usize {
    let end = bytes.len() - PADDING;
    let mut at = 0;
    let mut frames = 0;
    while at < end {
        let mut owed = 1;
        while owed > 0 {
            // SAFETY: by the contract a value begins at `at`, and the padding follows the last value.
            let rest = unsafe { bytes.get_unchecked(at..) };
            let kind = unsafe { *rest.get_unchecked(0) };
            owed -= 1;
            match kind {
                b'$' | b'=' | b'!' => {
                    let (length, header) = unsafe { number(rest) };
                    at += header + if length < 0 { 0 } else { length.unsigned_abs() + 2 };
                }
                b'*' | b'~' | b'>' => {
                    let (length, header) = unsafe { number(rest) };
                    owed += length.max(0);
                    at += header;
                }
                b'%' => {
                    let (length, header) = unsafe { number(rest) };
                    owed += 2 * length;
                    at += header;
                }
                _ => at += memchr(b'\n', rest).unwrap_or(0) + 1,
            }
        }
        frames += 1;
    }
    frames
}

/// The length after the type byte, and the size of the header with its CRLF.
///
/// # Safety
/// `bytes` must begin with a header, and have at least eight bytes.
#[inline]
unsafe fn number(bytes: &[u8]) -> (isize, usize) {
    // SAFETY: by the contract.
    let word = unsafe { bytes.as_ptr().cast::<u64>().read_unaligned() };
    let mut rest = word >> 8;
    if rest as u8 == b'-' {
        return (-1, 5);
    }
    let mut value = (rest & 0xf) as isize;
    let mut size = 4;
    rest >>= 8;
    while rest as u8 != b'\r' {
        if size == 10 {
            return long_number(bytes);
        }
        value = value * 10 + (rest & 0xf) as isize;
        size += 1;
        rest >>= 8;
    }
    (value, size)
}

#[cold]
fn long_number(bytes: &[u8]) -> (isize, usize) {
    let digits = bytes[1..].iter().take_while(|byte| byte.is_ascii_digit());
    let value = digits.clone().fold(0, |value, byte| value * 10 + isize::from(*byte as i8 - 48));
    (value, digits.count() + 3)
}
