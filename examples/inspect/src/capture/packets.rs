//! TCP segments of a capture file.

use std::io::{self, ErrorKind, Read};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pcap_parser::{PcapBlockOwned, PcapError, create_reader};

use super::blocks::Interfaces;
use super::segment::{Segment, segment};
use super::unread::{Unread, Why};

/// The size of the buffer. It grows for larger packets.
const BUFFER: usize = 256 * 1024;
/// The largest packet, in bytes.
const PACKET: usize = 64 * 1024 * 1024;

/// A reader that ends at an error, and keeps it: the parser of captures tells only that there was one.
struct Kept<R> {
    reader: R,
    error: Arc<Mutex<Option<io::Error>>>,
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(into) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    return Ok(0);
                }
                read => return read,
            }
        }
    }
}

/// What a capture file has in addition to the segments that were taken.
#[derive(Default)]
pub(super) struct Rest {
    /// What is wrong with the file. The segments before it have been taken.
    pub(super) error: Option<String>,
    pub(super) unread: Unread,
}

/// Calls a function with all TCP segments, until it wants no more; and without one before each read, which may have to
/// wait. Packets without a time are not read if they are selected by time.
///
/// # Errors
/// Errors of the function.
pub(super) fn each(
    reader: impl Read + Send,
    is_timed: bool,
    take: impl FnMut(Option<&Segment<'_>>) -> io::Result<ControlFlow<()>>,
) -> io::Result<Rest> {
    let error = Arc::new(Mutex::new(None));
    let mut rest = Rest::default();
    let wrong = read(Kept { reader, error: Arc::clone(&error) }, is_timed, take, &mut rest.unread)?;
    let error = error.lock().unwrap_or_else(PoisonError::into_inner).take();
    rest.error = match (wrong, error) {
        (Some(place), Some(error)) => Some(format!("{place}: {error}")),
        (wrong, None) => wrong,
        (None, Some(error)) => Some(error.to_string()),
    };
    Ok(rest)
}

/// Does so, and returns what is wrong with the file.
fn read(
    reader: impl Read + Send,
    is_timed: bool,
    mut take: impl FnMut(Option<&Segment<'_>>) -> io::Result<ControlFlow<()>>,
    unread: &mut Unread,
) -> io::Result<Option<String>> {
    let mut capture = match create_reader(BUFFER, reader) {
        Ok(capture) => capture,
        Err(PcapError::HeaderNotRecognized) => return Ok(Some("not a packet capture".to_owned())),
        Err(_) => return Ok(Some("the capture ends inside its header".to_owned())),
    };
    let mut interfaces = Interfaces::default();
    let (mut buffer, mut packets, mut is_pcapng) = (BUFFER, 0_u64, false);
    loop {
        let offset = capture.consumed();
        match capture.next() {
            Ok((size, block)) => {
                is_pcapng = matches!(block, PcapBlockOwned::NG(_));
                if let Some(packet) = interfaces.packet(&block, unread) {
                    packets += 1;
                    let time = packet.time.or((!is_timed).then_some(Duration::ZERO));
                    let found = time
                        .ok_or(Why::Time)
                        .and_then(|time| segment(time, packet.link, packet.data));
                    if !matches!(found, Ok(None)) {
                        unread.add_cut(packet.missing);
                    }
                    match found {
                        Ok(None) => {}
                        Ok(Some(segment)) => {
                            if take(Some(&segment))?.is_break() {
                                return Ok(None);
                            }
                        }
                        Err(why) => unread.add(why),
                    }
                }
                capture.consume(size);
            }
            Err(PcapError::Eof) => return Ok(None),
            Err(
                PcapError::Incomplete(_) | PcapError::BufferTooSmall | PcapError::UnexpectedEof,
            ) => {
                let held = capture.data().len();
                if capture.reader_exhausted() {
                    if held == 0 {
                        return Ok(None);
                    }
                    let place = if is_pcapng { "the block after packet" } else { "packet" };
                    let number = packets + u64::from(!is_pcapng);
                    let what = format!("the capture ends inside {place} {number}");
                    return Ok(Some(format!("offset {offset}: {what}")));
                }
                // Bytes before the unread ones are overwritten first.
                if held >= buffer {
                    if buffer >= PACKET {
                        let what = format!("packet longer than {PACKET} bytes");
                        return Ok(Some(format!("offset {offset}: {what}")));
                    }
                    buffer *= 2;
                    capture.grow(buffer);
                }
                if take(None)?.is_break() {
                    return Ok(None);
                }
                if capture.refill().is_err() {
                    return Ok(Some(format!("offset {offset}: the capture cannot be read")));
                }
            }
            Err(_) => {
                let what = "not a block of a packet capture";
                return Ok(Some(format!("offset {offset}: {what}")));
            }
        }
    }
}
