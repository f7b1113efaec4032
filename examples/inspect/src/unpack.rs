//! The compressed forms around an input.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Chain, Cursor, ErrorKind, Read};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::detect::{self, Found};
use crate::interrupt::Interrupts;

/// How many layers of compression are taken off.
const LAYERS: usize = 4;

type Reader = Box<dyn Read + Send>;

/// Takes the compression off, and returns what the content is with a reader of the whole content. Each layer ends some time
/// after an interrupt: it may be many times as long as that around it.
///
/// # Errors
/// Errors of the reader and of the compressed form.
pub(crate) fn unpack(mut reader: Reader, interrupts: &Interrupts) -> io::Result<(Found, Reader)> {
    for layer in 0..=LAYERS {
        reader = interrupts.around(reader);
        let head = detect::read_head(&mut reader)?;
        let found = detect::detect(&head);
        let whole: Chain<Cursor<Vec<u8>>, Reader> = Cursor::new(head).chain(reader);
        reader = match found {
            Found::Gzip | Found::Zstd if layer == LAYERS => break,
            Found::Gzip => Box::new(Gzip::new(Packed::new(Box::new(whole)))),
            Found::Zstd => Box::new(Zstd::new(Packed::new(Box::new(whole)))),
            _ => return Ok((found, Box::new(whole))),
        };
    }
    Err(io::Error::new(ErrorKind::InvalidData, "compressed more than four times"))
}

/// Bytes in a compressed form, and how many have been taken.
struct Packed {
    reader: BufReader<Reader>,
    offset: u64,
}

impl Packed {
    fn new(reader: Reader) -> Self {
        Self { reader: BufReader::new(reader), offset: 0 }
    }
}

impl Read for Packed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        self.offset += count as u64;
        Ok(count)
    }
}

impl BufRead for Packed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
        self.offset += count as u64;
    }
}

/// The content of all members of a file in the format of gzip.
struct Gzip {
    /// The next member, and where it begins.
    member: Option<(GzDecoder<Packed>, u64)>,
    /// What follows the last member, if there is none.
    rest: Option<Packed>,
}

impl Gzip {
    fn new(packed: Packed) -> Self {
        Self { member: None, rest: Some(packed) }
    }

    /// Begins the next member, after zeros that fill up the last block of a medium. Returns whether there is one.
    fn begin(&mut self) -> io::Result<bool> {
        let Some(packed) = &mut self.rest else { return Ok(false) };
        let mut is_padding = false;
        loop {
            let (start, next) = (packed.offset, packed.fill_buf()?);
            let zeros = next.iter().take_while(|byte| **byte == 0).count();
            match next.get(zeros) {
                _ if next.is_empty() => return Ok(false),
                _ if zeros > 0 && start > 0 => (),
                Some(0x1f) if !is_padding => {
                    let packed = self.rest.take();
                    self.member = packed.map(|packed| (GzDecoder::new(packed), start));
                    return Ok(true);
                }
                _ => return Err(garbage("gzip", start)),
            }
            is_padding = true;
            packed.consume(zeros);
        }
    }
}

impl Read for Gzip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.member.is_some() || self.begin()? {
            let Some((member, start)) = &mut self.member else { break };
            match member.read(into) {
                Ok(0) if !into.is_empty() => {
                    self.rest = self.member.take().map(|(member, _)| member.into_inner());
                }
                Ok(count) => return Ok(count),
                // Later on, what is not a member is not a part of the file.
                Err(_) if *start > 0 && member.header().is_none() => {
                    return Err(garbage("gzip", *start));
                }
                Err(error) => return Err(failed("gzip", &error)),
            }
        }
        Ok(0)
    }
}

/// The content of all frames of a file in the format of zstd.
struct Zstd {
    packed: Packed,
    decoder: FrameDecoder,
    /// How many bytes of the frame have been read.
    size: u64,
    /// What is wrong after the content that has not been read.
    failed: Option<io::Error>,
}

impl Zstd {
    fn new(packed: Packed) -> Self {
        Self { packed, decoder: FrameDecoder::new(), size: 0, failed: None }
    }

    /// Begins the next frame, after those without content. Returns whether there is one.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.packed.fill_buf()?.is_empty() {
            let start = self.packed.offset;
            self.size = 0;
            match self.decoder.reset(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let passed = io::copy(&mut self.packed.by_ref().take(length), &mut io::sink())?;
                    if passed < length {
                        return Err(failed("zstd", &ErrorKind::UnexpectedEof.into()));
                    }
                }
                Err(FrameDecoderError::ReadFrameHeaderError(
                    ReadFrameHeaderError::BadMagicNumber(_),
                )) if start > 0 => return Err(garbage("zstd", start)),
                Err(error) => return Err(failed("zstd", &invalid(error))),
            }
        }
        Ok(false)
    }

    /// Decodes blocks until there is content to read, or the frame ends.
    fn fill(&mut self, size: usize) {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            let strategy = BlockDecodingStrategy::UptoBytes(size);
            if let Err(error) = self.decoder.decode_blocks(&mut self.packed, strategy) {
                self.failed = Some(failed("zstd", &invalid(error)));
                // The decoder keeps what later blocks may refer to until the frame ends: here, with an empty block and
                // four bytes for a checksum.
                let end = [1, 0, 0, 0, 0, 0, 0];
                let _ = self.decoder.decode_blocks(&end[..], BlockDecodingStrategy::All);
                return;
            }
        }
    }

    /// Compares the size and the checksum of the content of a frame with those in the frame, if it has them. A size of
    /// zero counts as none: the decoder does not tell them apart.
    fn check(&self) -> io::Result<()> {
        if ![0, self.size].contains(&self.decoder.content_size()) {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "size of the content does not match",
            ));
        }
        let sent = self.decoder.get_checksum_from_data();
        if sent.is_some() && sent != self.decoder.get_calculated_checksum() {
            return Err(io::Error::new(ErrorKind::InvalidData, "checksum does not match"));
        }
        Ok(())
    }
}

impl Read for Zstd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.failed.is_none() {
                self.fill(into.len());
            }
            let count = self.decoder.read(into)?;
            if count > 0 {
                self.size += count as u64;
                return Ok(count);
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            self.check()?;
            if !self.begin()? {
                return Ok(0);
            }
        }
    }
}

fn invalid(error: impl Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

/// Returns what is wrong with a compressed form: that it ends too early, or that it is damaged.
fn failed(form: &str, error: &io::Error) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(ErrorKind::UnexpectedEof) {
            return io::Error::new(ErrorKind::UnexpectedEof, format!("the {form} form is cut"));
        }
        cause = error.source();
    }
    io::Error::new(error.kind(), format!("the {form} form is damaged: {error}"))
}

fn garbage(form: &str, offset: u64) -> io::Error {
    let message = format!("garbage after the {form} form, at offset {offset} of the file");
    io::Error::new(ErrorKind::InvalidData, message)
}
