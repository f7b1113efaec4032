//! The compressed forms around an input.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::detect::{self, Found};

/// How many layers of compression are taken off.
const LAYERS: usize = 4;

type Reader = Box<dyn Read + Send>;

/// Takes the compression off, and returns what the content is with a reader of the whole content.
///
/// # Errors
/// Errors of the reader and of the compressed form.
pub(crate) fn unpack(mut reader: Reader) -> io::Result<(Found, Reader)> {
    for _ in 0..LAYERS {
        let head = detect::read_head(&mut reader)?;
        let found = detect::detect(&head);
        let whole: Chain<Cursor<Vec<u8>>, Reader> = Cursor::new(head).chain(reader);
        reader = match found {
            Found::Gzip => Box::new(MultiGzDecoder::new(whole)),
            Found::Zstd => Box::new(Zstd::new(Box::new(whole))),
            _ => return Ok((found, Box::new(whole))),
        };
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "compressed more than four times"))
}

/// The content of all frames of a file in the format of zstd.
struct Zstd {
    reader: BufReader<Reader>,
    decoder: FrameDecoder,
}

impl Zstd {
    fn new(reader: Reader) -> Self {
        Self { reader: BufReader::new(reader), decoder: FrameDecoder::new() }
    }

    /// Begins the next frame, after those without content. Returns whether there is one.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.reader.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.reader) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut self.reader.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(invalid(error)),
            }
        }
        Ok(false)
    }

    /// Compares the checksum of the content of a frame with that in the frame, if it has one.
    fn check(&self) -> io::Result<()> {
        let sent = self.decoder.get_checksum_from_data();
        if sent.is_some() && sent != self.decoder.get_calculated_checksum() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "checksum does not match"));
        }
        Ok(())
    }
}

impl Read for Zstd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let strategy = BlockDecodingStrategy::UptoBytes(into.len());
                self.decoder.decode_blocks(&mut self.reader, strategy).map_err(invalid)?;
            }
            let count = self.decoder.read(into)?;
            if count > 0 {
                return Ok(count);
            }
            self.check()?;
            if !self.begin()? {
                return Ok(0);
            }
        }
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
