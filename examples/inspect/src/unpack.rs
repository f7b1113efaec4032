//! The compressed forms around an input.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::mem;

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

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
            Found::Zstd => Box::new(Zstd::Between(BufReader::new(Box::new(whole)))),
            _ => return Ok((found, Box::new(whole))),
        };
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "compressed more than four times"))
}

/// The content of all frames of a file in the format of zstd.
enum Zstd {
    Between(BufReader<Reader>),
    Inside(Box<StreamingDecoder<BufReader<Reader>, ruzstd::decoding::FrameDecoder>>),
    Ended,
}

impl Read for Zstd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            *self = match mem::replace(self, Self::Ended) {
                Self::Between(mut reader) => {
                    if reader.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    let decoder = StreamingDecoder::new(reader).map_err(invalid)?;
                    Self::Inside(Box::new(decoder))
                }
                Self::Inside(mut decoder) => match decoder.read(into)? {
                    0 => Self::Between(decoder.into_inner()),
                    count => {
                        *self = Self::Inside(decoder);
                        return Ok(count);
                    }
                },
                Self::Ended => return Ok(0),
            }
        }
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
