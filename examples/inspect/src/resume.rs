//! What looks like the beginning of a frame, to continue there after an error.

use zresp::{Error, ErrorKind};

/// Judges whether bytes look like a frame: one is whole, or nothing is wrong with its beginning and more may follow. Is told
/// whether the input ends after them.
///
/// # Errors
/// The offset of what is wrong.
pub(crate) type Begins = fn(&[u8], bool) -> Result<(), usize>;

/// Judges whether bytes look like a reply.
pub(crate) fn reply(bytes: &[u8], is_end: bool) -> Result<(), usize> {
    match zresp::decode(bytes) {
        Ok(None) if is_end => Err(bytes.len()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.offset),
    }
}

/// Judges whether bytes look like a command in the form of an array.
pub(crate) fn command(bytes: &[u8], is_end: bool) -> Result<(), usize> {
    // A header alone is not enough: `*` may occur anywhere. That of the first argument must follow it.
    if !matches!(bytes, [b'*', b'1'..=b'9', ..]) {
        return Err(0);
    }
    match zresp::requests(bytes).next() {
        Some(Err(Error { kind: ErrorKind::UnexpectedEnd, .. })) if !is_end => Ok(()),
        Some(Err(error)) => Err(error.offset),
        Some(Ok(_)) => Ok(()),
        None => Err(0),
    }
}

/// Judges whether bytes look like a command or an annotation in an append-only file.
pub(crate) fn entry(bytes: &[u8], is_end: bool) -> Result<(), usize> {
    if bytes.starts_with(b"#TS:") { Ok(()) } else { command(bytes, is_end) }
}

/// How many bytes may be looked at in vain, and how many more for each byte of an input.
const FREE: u64 = 1024 * 1024;
const FACTOR: u64 = 4;

/// How many bytes were looked at in vain. Frames can be broken far from where they begin, and each line before that place
/// can begin another one that is broken there: to look at them all can take a thousand times as long as to read them.
#[derive(Debug, Default)]
pub(crate) struct Effort(u64);

impl Effort {
    /// Takes note of a broken frame at `offset`; `wrong` is the distance to the wrong byte. Returns how many bytes to skip:
    /// usually one. If too many bytes were read for nothing, all up to the wrong one.
    pub(crate) fn pass(&mut self, offset: u64, wrong: usize) -> usize {
        self.0 = self.0.saturating_add(wrong as u64);
        let most = offset.saturating_mul(FACTOR).saturating_add(FREE);
        if self.0 > most { wrong.max(1) } else { 1 }
    }
}
